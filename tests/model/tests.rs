//! Each rule once, on files small enough to check by eye.

use super::*;

const OURS: &str = r#"{"type":"session","version":1,"id":"s","timestamp":"t","cwd":"/w","parent_session":null,"writer":"sessionlog/1"}"#;
const FOREIGN: &str =
    r#"{"type":"session","version":1,"id":"s","timestamp":"t","cwd":"/w","parent_session":null}"#;

fn user(id: &str, parent: Option<&str>) -> String {
    let parent = parent.map_or("null".to_owned(), |p| format!("\"{p}\""));
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":{parent},"timestamp":"t","message":{{"role":"user","content":[]}}}}"#
    )
}

fn leaf(id: &str, target: &str) -> String {
    format!(
        r#"{{"type":"leaf","id":"{id}","parent_id":null,"timestamp":"t","entry_id":"{target}"}}"#
    )
}

fn compaction(id: &str, parent: &str, kept: &str) -> String {
    format!(
        r#"{{"type":"compaction","id":"{id}","parent_id":"{parent}","timestamp":"t","summary":"S","first_kept_entry_id":"{kept}","tokens_before":9,"tokens_after":3}}"#
    )
}

fn sealed(record: &str) -> String {
    let body = record.strip_suffix('}').unwrap();
    format!(
        "{body},\"crc\":\"{}\"}}",
        record::digits_of(body.as_bytes())
    )
}

fn file(lines: &[&str]) -> Model {
    read(format!("{}\n", lines.join("\n")).as_bytes())
}

fn ids(m: &Model, which: &[usize]) -> Vec<String> {
    which
        .iter()
        .map(|&i| m.entries[i].id.clone().unwrap_or_default())
        .collect()
}

fn context(m: &Model) -> Vec<String> {
    ids(m, &m.context.iter().map(|c| c.entry).collect::<Vec<_>>())
}

#[test]
fn f5_crc() {
    // CRC-32/ISO-HDLC's check value.
    assert_eq!(record::digits_of(b"123456789"), "cbf43926");
    let good = sealed(&user("msg-1", None));
    let m = file(&[
        OURS,
        &good,
        &good.replace("[]", "[ ]"),
        &good.replace(",\"crc\"", ", \"crc\""),
    ]);
    assert_eq!((m.entries.len(), m.corrupt.len()), (1, 2));
    assert_eq!(m.entries[0].crc, Crc::Valid);
    let other = user("a", None).replace("\"timestamp\"", "\"crc\":\"no\",\"timestamp\"");
    assert_eq!(
        file(&[OURS, &other]).entries[0].crc,
        Crc::Absent,
        "not last"
    );
}

#[test]
fn f4_f6_f7_requirements() {
    let twice = user("a", None).replace("\"timestamp\"", "\"id\":\"b\",\"timestamp\"");
    let kept = user("a", None).replace("\"timestamp\"", "\"x\":1,\"x\":2,\"timestamp\"");
    let long = user(&"i".repeat(129), None);
    let fits = user(&"é".repeat(64), None);
    let number = user("a", None).replace("\"parent_id\":null", "\"parent_id\":3");
    let m = file(&[
        OURS,
        &twice,
        &kept,
        &long,
        &fits,
        &number,
        r#"{"type":"note","id":3}"#,
        r#"{"type":"leaf","id":"l"}"#,
    ]);
    assert_eq!(
        m.corrupt.iter().map(|d| d.line).collect::<Vec<_>>(),
        [2, 4, 6, 8]
    );
    assert_eq!((m.entries.len(), m.unknown_entries()), (3, 1));
    assert_eq!(
        m.corrupt[0].at - m.corrupt[0].start,
        twice.find("\"id\":\"b\"").unwrap()
    );
    assert_eq!(
        m.corrupt[3].at - m.corrupt[3].start,
        23,
        "the closing brace"
    );
}

#[test]
fn f9_f10_headers() {
    assert!(file(&[OURS]).ours() && !file(&[FOREIGN]).ours());
    assert_eq!(
        file(&[&OURS.replace(":1,", ":2,")]).header,
        Header::Unsupported(Some("2".into()))
    );
    let m = file(&["{broken", &user("a", None)]);
    assert_eq!(
        (m.header.clone(), m.corrupt.len(), m.entries.len()),
        (Header::Lost, 1, 1)
    );
    let m = file(&[&user("a", None)]);
    assert_eq!(
        (m.header.clone(), m.corrupt.len(), m.entries.len()),
        (Header::Missing, 0, 1)
    );
    assert_eq!(read(b"").header, Header::Empty);
    let m = read(b"{\"type\":\"sess");
    assert_eq!(
        (m.header.clone(), m.state, m.torn),
        (Header::Torn, State::Truncated, Some((0, 13)))
    );
}

#[test]
fn f12_f14_tip_and_prefix() {
    let lines = [
        &user("a", None),
        &user("b", None),
        &leaf("l", "a"),
        &user("c", None),
        &leaf("m", "gone"),
    ];
    let lines = lines.map(String::as_str);
    let foreign = file(&[&[FOREIGN], &lines[..]].concat());
    assert_eq!(ids(&foreign, &foreign.branch), ["a", "c"]);
    assert_eq!(foreign.dangling_leaves, [4]);
    let ours = file(&[&[OURS], &lines[..]].concat());
    assert_eq!(ids(&ours, &ours.branch), ["c"]);
    // The prefix ends at the first node with a parent.
    let m = file(&[
        FOREIGN,
        &user("a", None),
        &user("b", Some("a")),
        &user("c", None),
    ]);
    assert_eq!(ids(&m, &m.branch), ["c"]);
}

#[test]
fn f13_nearest_earlier() {
    let m = file(&[
        OURS,
        &user("a", None),
        &user("a", None),
        &user("b", Some("a")),
        &user("c", Some("d")),
        &user("d", None),
    ]);
    assert_eq!(m.parents, [None, None, Some(1), None, None]);
    assert_eq!(m.missing_parents, [3]);
    let m = file(&[
        OURS,
        &user("a", Some("a")),
        &leaf("l", "a"),
        &user("b", Some("l")),
    ]);
    assert_eq!(m.missing_parents, [0, 2], "not itself, not a leaf");
}

#[test]
fn f15_bridge() {
    let note = r#"{"type":"note","id":"n"}"#;
    let m = file(&[
        OURS,
        &user("a", None),
        "xx",
        note,
        &leaf("l", "n"),
        &user("c", Some("b")),
    ]);
    assert_eq!((m.parents[3], &m.bridged[..]), (Some(0), &[3][..]));
    let m = file(&[OURS, "xx", &user("a", None), &user("c", Some("b"))]);
    assert_eq!((m.parents[1], &m.missing_parents[..]), (None, &[1][..]));
}

#[test]
fn f17_compaction() {
    let chain = [user("a", None), user("b", Some("a")), user("c", Some("b"))];
    let start = [OURS, &chain[0], &chain[1], &chain[2]];
    for (kept, expected) in [
        ("b", vec!["k", "b", "c"]),
        ("c", vec!["k", "c"]),
        ("gone", vec!["k"]),
        ("", vec!["k"]),
    ] {
        let m = file(&[&start[..], &[&compaction("k", "c", kept)]].concat());
        assert_eq!(context(&m), expected, "{kept}");
    }
    // Kept, then compacted away, then named again.
    let more = [
        compaction("k", "c", "c"),
        user("d", Some("k")),
        compaction("q", "d", "b"),
        compaction("r", "q", "q"),
    ];
    let m = file(&[&start[..], &[&more[0], &more[1], &more[2]]].concat());
    assert_eq!(context(&m), ["q"]);
    let m = file(&[&start[..], &[&more[0], &more[1], &more[2], &more[3]]].concat());
    assert_eq!((context(&m), m.kept_from), (vec!["r".to_owned()], None));
}

#[test]
fn f11_f18_f19_usage() {
    let assistant = |id: &str, usage: &str| {
        user(id, None).replace(
            r#""role":"user""#,
            &format!(r#""role":"assistant","usage":{usage}"#),
        )
    };
    let lines = [
        assistant(
            "msg-1",
            r#"{"input_tokens":18446744073709551615,"reasoning_tokens":4}"#,
        ),
        assistant(
            "msg-2",
            r#"{"input_tokens":7,"output_tokens":2,"cache_write_1h_tokens":1}"#,
        ),
        assistant("msg-3", r#"{"input_tokens":1,"reported":false}"#),
        assistant("msg-4", "null"),
        compaction("cmp-5", "msg-4", "msg-4"),
        assistant("msg-6", r#"{"cache_read_tokens":5,"input_tokens":-1}"#),
        user("msg-9223372036854775808", None),
        leaf("leaf-9", "cmp-5"),
    ];
    let header = FOREIGN.replace("\"cwd\"", "\"fork_point\":\"msg-1\",\"cwd\"");
    let mut all = vec![header.as_str()];
    all.extend(lines.iter().map(String::as_str));
    let m = file(&all);
    let u = m.spent_usage.usage;
    assert_eq!(
        (
            u.input,
            u.output,
            u.cache_read,
            u.cache_write_1h,
            u.reasoning
        ),
        (7, 2, 5, Some(1), None)
    );
    assert_eq!(
        (
            m.spent_usage.unreported,
            m.spent_usage.turns,
            m.watermark,
            m.next_seq
        ),
        (2, 1, 9, 10)
    );
    assert_eq!(m.branch_usage.usage.input, u64::MAX);
    assert_eq!(
        (m.branch_usage.unreported, m.branch_usage.usage.reasoning),
        (2, Some(4))
    );
}

#[test]
fn f20_last_line() {
    let text = format!("{OURS}\n{}", user("a", None));
    let m = read(text.as_bytes());
    assert_eq!(
        (m.entries.len(), m.state, m.unended.is_some()),
        (1, State::Clean, true)
    );
    let m = read(&text.as_bytes()[..text.len() - 1]);
    assert_eq!(
        (m.entries.len(), m.state, m.torn),
        (
            0,
            State::Truncated,
            Some((OURS.len() + 1, text.len() - OURS.len() - 2))
        )
    );
}

#[test]
fn f22_f23_salvage() {
    let (a, b) = (user("a", None), user("b", None));
    let note = r#"{"type":"note","id":"n"}"#;
    let nul = "\0".repeat(9);
    // Every way in which a record's stub may end before the next record.
    for cut in 1..a.len() {
        let stub = &a[..cut];
        let m = file(&[OURS, &format!("{stub}{b}")]);
        // Where a value may begin, the record becomes a part of the stub, which then fails at the line's end.
        let swallowed = stub.ends_with([':', '[']);
        let expected: &[&str] = if swallowed { &[] } else { &["b"] };
        let all: Vec<usize> = (0..m.entries.len()).collect();
        assert_eq!(ids(&m, &all), expected, "{stub}");
        assert_eq!((m.corrupt.len(), m.state), (1, State::Corrupt));
        assert!(m.entries.iter().all(|e| e.salvaged));
    }
    let found = |line: &str| {
        let m = file(&[OURS, line]);
        ids(&m, &(0..m.entries.len()).collect::<Vec<_>>()).join(" ")
    };
    assert_eq!(found(&format!("{a}{b}")), "a b");
    assert_eq!(found(&format!("{nul}{b}")), "b");
    assert_eq!(
        found(&format!("{a}{nul}{b}")),
        "b",
        "a is followed by neither an end nor a record"
    );
    assert_eq!(found(&format!("{a} {b}")), "b");
    assert_eq!(found(&format!("{a}{note}")), "a");
    assert_eq!(found(&format!("{a}{}", sealed(note))), "a n");
    assert_eq!(found(&format!("{a}{OURS}{b}")), "a b");
    assert_eq!(found(&a.repeat(9)), ["a"; 8].join(" "));
    let m = file(&[&format!("{OURS}{b}")]);
    assert_eq!(
        (m.header.clone(), m.corrupt.len(), m.entries.len()),
        (Header::Lost, 1, 1)
    );
    // The last line.
    let m = read(format!("{OURS}\n{a}{b}").as_bytes());
    assert_eq!((m.entries.len(), m.state), (2, State::Corrupt));
    let m = read(format!("{OURS}\n{a}{}", &b[..20]).as_bytes());
    assert_eq!(
        (m.entries.len(), m.state, m.torn),
        (
            1,
            State::CorruptAndTruncated,
            Some((OURS.len() + 1 + a.len(), 20))
        )
    );
}
