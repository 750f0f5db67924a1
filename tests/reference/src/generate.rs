//! Session files as bytes, for property tests: ours, foreign, wild, and damaged.
//!
//! A file is generated as a list of steps and then written out, so that a failing case shrinks to few lines.

pub mod damage;
pub mod payload;

use crate::model::record::digits_of;
use proptest::prelude::*;
use proptest::sample::Index;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `writer` in the header, parents chained, a CRC on every record.
    Ours,
    /// As opi's 0.5 runtime writes: null parents, no CRC.
    Linear,
    /// A foreign file with chained parents.
    Chained,
    /// opi's null parents and our chained, sealed records in turns, under a foreign header.
    Turns,
    /// Ours, but a record has a CRC or not, as it falls out.
    Mixed,
}

/// How an entry names its parent.
#[derive(Debug, Clone)]
pub enum Parent {
    /// As the style has it: the tip, or null.
    Usual,
    /// `null`
    Null,
    /// No member at all.
    Absent,
    /// Any earlier entry's id, leaves included.
    Earlier(Index),
    /// An id that nothing bears, or only something later.
    Missing(u8),
}

/// How an entry is named.
#[derive(Debug, Clone)]
pub enum Name {
    /// `msg-N` and so on.
    Usual,
    /// The id of an earlier entry again.
    Repeated(Index),
    /// A text of somebody else's making.
    Foreign(String),
}

/// What is written next.
#[derive(Debug, Clone)]
pub enum Step {
    /// A message with this payload.
    Message(Name, Parent, String),
    /// A compaction that names an earlier entry, or with `None` nothing, as first kept.
    Compaction(Name, Parent, Option<Index>, String),
    /// A leaf that names an earlier entry, or with `None` nothing.
    Leaf(Option<Index>),
    /// An entry of an unknown type, with or without an id, and more JSON in it.
    Unknown(Option<Name>, Parent, String),
    /// An earlier line again, byte for byte.
    Again(Index),
    /// A line as it stands.
    Raw(String),
}

/// Puts a CRC on a record that has none (F5).
pub fn seal(record: &str) -> String {
    match record.strip_suffix('}') {
        Some(body) => format!("{body},\"crc\":\"{}\"}}", digits_of(body.as_bytes())),
        None => record.to_owned(),
    }
}

/// A header.
pub fn header(ours: bool, fork_point: Option<&str>) -> String {
    let writer = if ours {
        r#","writer":"sessionlog/1""#
    } else {
        ""
    };
    let fork = fork_point.map_or(String::new(), |id| {
        format!(r#","fork_point":{}"#, quoted(id))
    });
    format!(
        r#"{{"type":"session","version":1,"id":"0196f0c1","timestamp":"2026-05-22T12:00:00.123Z","cwd":"/w","parent_session":null{writer}{fork}}}"#
    )
}

/// A message.
pub fn message(id: &str, parent: Option<&str>, payload: &str) -> String {
    record("message", id, parent, &format!(r#","message":{payload}"#))
}

/// A compaction.
pub fn compaction(id: &str, parent: Option<&str>, summary: &str, first_kept: &str) -> String {
    let (summary, kept) = (quoted(summary), quoted(first_kept));
    let rest = format!(
        r#","summary":{summary},"first_kept_entry_id":{kept},"tokens_before":900,"tokens_after":300"#
    );
    record("compaction", id, parent, &rest)
}

/// A leaf.
pub fn leaf(id: &str, target: &str) -> String {
    record(
        "leaf",
        id,
        None,
        &format!(r#","entry_id":{}"#, quoted(target)),
    )
}

fn record(kind: &str, id: &str, parent: Option<&str>, rest: &str) -> String {
    let (id, parent) = (quoted(id), parent.map_or("null".to_owned(), quoted));
    format!(
        r#"{{"type":"{kind}","id":{id},"parent_id":{parent},"timestamp":"2026-05-22T12:00:01.000Z"{rest}}}"#
    )
}

fn quoted(text: &str) -> String {
    payload::string(text, 0)
}

fn parent() -> impl Strategy<Value = Parent> {
    prop_oneof![
        8 => Just(Parent::Usual),
        1 => Just(Parent::Null),
        1 => Just(Parent::Absent),
        3 => any::<Index>().prop_map(Parent::Earlier),
        1 => (0u8..4).prop_map(Parent::Missing),
    ]
}

fn name() -> impl Strategy<Value = Name> {
    let foreign = prop::sample::select(vec![
        "",
        "a1b2c3d4",
        "msg-007",
        "msg-9223372036854775807",
        "msg-9223372036854775808",
        "x-",
        "-5",
        "x-1-40",
        "x-y-41",
        "x-+42",
        "0196f0c1-43",
        "é😀\"\\\n",
        "0196f0c1-0000-7000-8000-123456789012",
    ]);
    prop_oneof![
        12 => Just(Name::Usual),
        1 => any::<Index>().prop_map(Name::Repeated),
        1 => foreign.prop_map(|s| Name::Foreign(s.to_owned())),
        1 => (127usize..130).prop_map(|n| Name::Foreign("i".repeat(n))),
    ]
}

/// Lines that stand at the edge of a rule; some are valid.
fn raw() -> impl Strategy<Value = String> {
    let m = |rest: &str| format!(r#"{{"type":"message","id":"raw","parent_id":null{rest}}}"#);
    let mut lines = vec![
        m(r#","message":{},"message":{}"#),
        m(r#","x":1,"x":2,"message":{}"#),
        m(r#","message":{},"m\u0065ssage":{}"#),
        m(r#","message":[]"#),
        m(""),
        m(r#","message":{},"crc":"00000000""#),
        m(r#","message":{},"crc":"ABCDEF01""#),
        m(r#","message":{},"crc":7"#),
        m(r#","crc":"00000000","message":{}"#),
        m(r#","message":{"n":1e400}"#),
        m(r#","message":{"s":"\ud83d\ude00"}"#),
        m(r#","message":{"s":"\ud83d"}"#),
        m(r#","message":{"s":"\ude00\ud83d"}"#),
        r#" 	{"type" : "message","message":{},"id":"raw"} "#.to_owned(),
        r#"{"id":"raw","message":{},"type":"message"}"#.to_owned(),
        r#"{"type":"message","id":"raw","parent_id":3,"message":{}}"#.to_owned(),
        r#"{"type":"compaction","id":"raw","summary":"s","first_kept_entry_id":"raw","tokens_before":1.0}"#.to_owned(),
        r#"{"type":"compaction","id":"raw","summary":"s","first_kept_entry_id":"raw","tokens_after":18446744073709551616}"#.to_owned(),
        r#"{"type":"compaction","id":"raw","summary":"s","first_kept_entry_id":"raw"}"#.to_owned(),
        r#"{"type":"leaf","id":"raw"}"#.to_owned(),
        m(r#","message":{},"entry_id":"raw""#),
        m(r#","message":{},"entry_id":"raw","fork_point":7"#),
        r#"{"type":"compaction","id":"raw","summary":"s","first_kept_entry_id":"raw","entry_id":"raw"}"#.to_owned(),
        r#"{"type":"leaf","fork_point":null,"id":"raw","entry_id":"raw"}"#.to_owned(),
        r#"{"first_kept_entry_id":"raw","fork_point":"raw","type":"session","version":1}"#.to_owned(),
        r#"{"type":"x","first_kept_entry_id":"raw","entry_id":"raw","fork_point":"raw"}"#.to_owned(),
        r#"{"type":"session"}"#.to_owned(),
        r#"{"type":7}"#.to_owned(),
        r#"{"type":"x","id":7,"parent_id":{}}"#.to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "7".to_owned(),
        "\u{feff}{\"type\":\"x\"}".to_owned(),
        header(true, None),
        "  ".to_owned(),
        String::new(),
    ];
    for levels in [125, 126, 127, 128] {
        lines.push(m(&format!(
            r#","message":{{"deep":{}}}"#,
            payload::deep(levels)
        )));
    }
    let sealed: Vec<String> = lines.iter().map(|line| seal(line)).collect();
    prop::sample::select([lines, sealed].concat())
}

/// One step; `wild` ones break every habit.
fn step(wild: bool) -> impl Strategy<Value = Step> {
    let habit = move |weight: u32| if wild { weight } else { 0 };
    let parent = move || {
        if wild {
            parent().boxed()
        } else {
            Just(Parent::Usual).boxed()
        }
    };
    let name = move || {
        if wild {
            name().boxed()
        } else {
            Just(Name::Usual).boxed()
        }
    };
    prop_oneof![
        10 => (name(), parent(), payload::payload()).prop_map(|(n, p, m)| Step::Message(n, p, m)),
        3 => (name(), parent(), prop::option::weighted(0.85, any::<Index>()), payload::text())
            .prop_map(|(n, p, k, s)| Step::Compaction(n, p, k, s)),
        3 => prop::option::weighted(0.9, any::<Index>()).prop_map(Step::Leaf),
        2 => (prop::option::weighted(0.8, name()), parent(), payload::json()).prop_map(|(n, p, j)| Step::Unknown(n, p, j)),
        habit(1) => any::<Index>().prop_map(Step::Again),
        habit(2) => raw().prop_map(Step::Raw),
    ]
}

/// Writes the steps out.
pub fn write(style: Style, fork: Option<Index>, seals: u64, steps: &[Step]) -> Vec<u8> {
    let mut lines: Vec<String> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    let mut tip: Option<String> = None;
    for (n, step) in steps.iter().enumerate() {
        let sealed = match style {
            Style::Ours => true,
            Style::Mixed => seals >> (n % 64) & 1 == 1,
            Style::Turns => seals >> (n / 3 % 64) & 1 == 1,
            Style::Linear | Style::Chained => false,
        };
        let null = style == Style::Linear || style == Style::Turns && !sealed;
        let any_id = |at: &Index| {
            if ids.is_empty() {
                "none".to_owned()
            } else {
                ids[at.index(ids.len())].clone()
            }
        };
        let named = |prefix: &str, name: &Name| match name {
            Name::Usual => format!("{prefix}-{}", n + 1),
            Name::Repeated(at) => any_id(at),
            Name::Foreign(id) => id.clone(),
        };
        let parent = |parent: &Parent| match parent {
            Parent::Usual if null => None,
            Parent::Usual => tip.clone(),
            Parent::Null | Parent::Absent => None,
            Parent::Earlier(at) => Some(any_id(at)),
            Parent::Missing(ahead) => Some(format!("msg-{}", n + 1 + usize::from(*ahead))),
        };
        let absent = |line: String, p: &Parent| match p {
            Parent::Absent => line.replacen(r#","parent_id":null"#, "", 1),
            _ => line,
        };
        let (line, id, moves) = match step {
            Step::Message(name, p, payload) => {
                let id = named("msg", name);
                (
                    absent(message(&id, parent(p).as_deref(), payload), p),
                    Some(id.clone()),
                    Some(id),
                )
            }
            Step::Compaction(name, p, kept, summary) => {
                let id = named("cmp", name);
                let kept = kept.as_ref().map_or("gone".to_owned(), any_id);
                let line = compaction(&id, parent(p).as_deref(), summary, &kept);
                (absent(line, p), Some(id.clone()), Some(id))
            }
            Step::Leaf(target) => {
                let target = target.as_ref().map_or("gone".to_owned(), any_id);
                let id = format!("leaf-{}", n + 1);
                (leaf(&id, &target), Some(id), Some(target))
            }
            Step::Unknown(name, p, json) => {
                let id = name.as_ref().map(|name| named("x", name));
                let line = record(
                    "note",
                    id.as_deref().unwrap_or("?"),
                    parent(p).as_deref(),
                    &format!(r#","x":{json}"#),
                );
                let line = if id.is_none() {
                    line.replacen(r#","id":"?""#, "", 1)
                } else {
                    line
                };
                (absent(line, p), id, None)
            }
            Step::Again(at) => {
                if let Some(line) =
                    (!lines.is_empty()).then(|| lines[at.index(lines.len())].clone())
                {
                    lines.push(line);
                }
                continue;
            }
            Step::Raw(line) => {
                lines.push(line.clone());
                continue;
            }
        };
        lines.push(if sealed { seal(&line) } else { line });
        ids.extend(id);
        tip = moves.or(tip);
    }
    let ours = matches!(style, Style::Ours | Style::Mixed);
    let fork_id = fork
        .filter(|_| !ids.is_empty())
        .map(|at| ids[at.index(ids.len())].clone());
    let head = header(ours, fork_id.as_deref());
    lines.insert(0, if ours { seal(&head) } else { head });
    lines
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect()
}

/// Any style.
pub fn style() -> impl Strategy<Value = Style> {
    prop::sample::select(vec![
        Style::Ours,
        Style::Linear,
        Style::Chained,
        Style::Turns,
        Style::Mixed,
    ])
}

/// A file in this style that keeps all habits: compactions, leaves and unknown entries of usual names.
pub fn tidy(style: Style) -> impl Strategy<Value = Vec<u8>> {
    let steps = prop::collection::vec(step(false), 0..24);
    (any::<u64>(), steps).prop_map(move |(seals, steps)| write(style, None, seals, &steps))
}

/// A file that is whole and yet may do everything that the format allows, and some lines that it does not.
pub fn wild() -> impl Strategy<Value = Vec<u8>> {
    let steps = prop::collection::vec(step(true), 0..24);
    let fork = prop::option::weighted(0.2, any::<Index>());
    (style(), fork, any::<u64>(), steps)
        .prop_map(|(style, fork, seals, steps)| write(style, fork, seals, &steps))
}

/// A file after up to four blows.
pub fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![1 => style().prop_flat_map(tidy), 2 => wild()];
    (whole, prop::collection::vec(damage::blow(), 0..5)).prop_map(|(bytes, blows)| {
        blows
            .iter()
            .fold(bytes, |bytes, blow| damage::strike(&bytes, blow))
    })
}

#[cfg(test)]
mod tests;
