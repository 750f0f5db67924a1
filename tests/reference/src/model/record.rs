//! One record: is it valid, and what does it say (F2-F9, F18).

use super::json::{self, Member, Node, Value};

/// The members that mean something (F4).
const MEANT: [&str; 15] = [
    "type",
    "id",
    "parent_id",
    "timestamp",
    "message",
    "summary",
    "first_kept_entry_id",
    "tokens_before",
    "tokens_after",
    "entry_id",
    "version",
    "writer",
    "fork_point",
    "totals",
    "crc",
];

/// The members that hold ids (F6).
const IDS: [&str; 5] = [
    "id",
    "parent_id",
    "first_kept_entry_id",
    "entry_id",
    "fork_point",
];

/// At most one of these stands in a record of a known kind (F4).
const REFERENCES: [&str; 3] = ["first_kept_entry_id", "entry_id", "fork_point"];

/// The longest id, in bytes after unescaping (F6).
pub const LONGEST_ID: usize = 128;

/// What a record is (F7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `session`: the header on line 1, an unknown entry elsewhere.
    Session,
    /// `message`
    Message,
    /// `compaction`
    Compaction,
    /// `leaf`
    Leaf,
    /// Any other type.
    Unknown,
}

/// The checksum of a valid record (F5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crc {
    /// There is one and it is right.
    Valid,
    /// There is none.
    Absent,
}

/// Usage that one assistant message reports (F18).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// `input_tokens`
    pub input: u64,
    /// `output_tokens`
    pub output: u64,
    /// `cache_read_tokens`
    pub cache_read: u64,
    /// `cache_write_tokens`
    pub cache_write: u64,
    /// `cache_write_1h_tokens`, part of the cache writes
    pub cache_write_1h: Option<u64>,
    /// `reasoning_tokens`, part of the output
    pub reasoning: Option<u64>,
}

/// A valid record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Offset of its `{` in the file.
    pub start: usize,
    /// Its length in bytes, `{` to `}`.
    pub len: usize,
    /// What it is.
    pub kind: Kind,
    /// `type`, as written.
    pub type_name: String,
    /// `id`, when it is a string.
    pub id: Option<String>,
    /// `parent_id`, when it is a string.
    pub parent_id: Option<String>,
    /// `timestamp`, when it is a string.
    pub timestamp: Option<String>,
    /// Where a message's payload stands: offset and length.
    pub payload: Option<(usize, usize)>,
    /// `message.role` of a message, when it is a string.
    pub role: Option<String>,
    /// The usage that an assistant message reports; `None` is unknown.
    pub usage: Option<Usage>,
    /// `summary` of a compaction.
    pub summary: Option<String>,
    /// `first_kept_entry_id` of a compaction.
    pub first_kept: Option<String>,
    /// `entry_id` of a leaf.
    pub target: Option<String>,
    /// `tokens_before` of a compaction.
    pub tokens_before: Option<u64>,
    /// `tokens_after` of a compaction.
    pub tokens_after: Option<u64>,
    /// `totals` of a compaction or leaf with a right CRC (F19), as written.
    pub totals: Option<String>,
    /// The checksum.
    pub crc: Crc,
    /// `version`, as written, of a `session` record.
    pub version: Option<String>,
    /// `writer`, when it is a string.
    pub writer: Option<String>,
    /// `fork_point`, when it is a string.
    pub fork_point: Option<String>,
    /// `cwd` and `parent_session` of a `session` record, when they are strings.
    pub cwd: Option<String>,
    /// See `cwd`.
    pub parent_session: Option<String>,
}

/// Reads the record that starts at `from` in `line`, which stands at `base` in the file, and stops behind it.
///
/// # Errors
/// The offset, in the line, of the first byte that is wrong.
pub fn read(line: &[u8], from: usize, base: usize) -> Result<Record, usize> {
    if line.get(from) != Some(&b'{') {
        return Err(from);
    }
    let node = json::read(line, from)?;
    judge(line, &node, base)
}

fn judge(line: &[u8], node: &Node, base: usize) -> Result<Record, usize> {
    let members = node.value.members().ok_or(node.start)?;
    let get = |name: &str| members.iter().find(|m| m.name == name);
    let text = |name: &str| {
        get(name)
            .and_then(|m| m.node.value.as_str())
            .map(str::to_owned)
    };
    let number = |name: &str| get(name).and_then(|m| m.node.value.as_u64());

    // Every place that is wrong; the first of them counts.
    let mut wrong = Vec::new();
    for (i, member) in members.iter().enumerate() {
        let name = member.name.as_str();
        if MEANT.contains(&name) && members[..i].iter().any(|m| m.name == name) {
            wrong.push(member.start);
        }
        if IDS.contains(&name)
            && member
                .node
                .value
                .as_str()
                .is_some_and(|s| s.len() > LONGEST_ID)
        {
            wrong.push(member.node.start);
        }
    }

    // A required member is wrong where it stands, or, when it is missing, at the closing brace.
    let mut require = |name: &str, fits: fn(&Value) -> bool| match get(name) {
        None => wrong.push(node.end - 1),
        Some(m) if !fits(&m.node.value) => wrong.push(m.node.start),
        Some(_) => {}
    };
    let string = |v: &Value| matches!(v, Value::String(_));
    let object = |v: &Value| matches!(v, Value::Object(_));
    require("type", string);
    let type_name = text("type").unwrap_or_default();
    let kind = match type_name.as_str() {
        "session" => Kind::Session,
        "message" => Kind::Message,
        "compaction" => Kind::Compaction,
        "leaf" => Kind::Leaf,
        _ => Kind::Unknown,
    };
    match kind {
        Kind::Message => {
            require("id", string);
            require("message", object);
        }
        Kind::Compaction => {
            require("id", string);
            require("summary", string);
            require("first_kept_entry_id", string);
        }
        Kind::Leaf => {
            require("id", string);
            require("entry_id", string);
        }
        Kind::Session | Kind::Unknown => {}
    }
    if kind != Kind::Unknown {
        let references = members
            .iter()
            .filter(|m| REFERENCES.contains(&m.name.as_str()));
        wrong.extend(references.skip(1).map(|m| m.start));
    }
    if matches!(kind, Kind::Message | Kind::Compaction | Kind::Leaf)
        && let Some(m) = get("parent_id")
        && !matches!(m.node.value, Value::String(_) | Value::Null)
    {
        wrong.push(m.node.start);
    }
    if kind == Kind::Compaction {
        for name in ["tokens_before", "tokens_after"] {
            if let Some(m) = get(name)
                && m.node.value.as_u64().is_none()
            {
                wrong.push(m.node.start);
            }
        }
    }

    let crc = match checksum(line, node, members) {
        Ok(crc) => crc,
        Err(at) => {
            wrong.push(at);
            Crc::Absent
        }
    };
    if let Some(&first) = wrong.iter().min() {
        return Err(first);
    }

    let message = get("message").filter(|_| kind == Kind::Message);
    let role = message.and_then(|m| m.node.value.get("role")?.as_str().map(str::to_owned));
    let of_kind = |wanted: Kind, value: Option<String>| value.filter(|_| kind == wanted);
    let counts = crc == Crc::Valid && matches!(kind, Kind::Compaction | Kind::Leaf);
    let written =
        |m: &Member| String::from_utf8_lossy(&line[m.node.start..m.node.end]).into_owned();
    Ok(Record {
        start: base + node.start,
        len: node.end - node.start,
        kind,
        type_name,
        id: text("id"),
        parent_id: text("parent_id"),
        timestamp: text("timestamp"),
        payload: message.map(|m| (base + m.node.start, m.node.end - m.node.start)),
        usage: message
            .filter(|_| role.as_deref() == Some("assistant"))
            .and_then(|m| usage(&m.node.value)),
        role,
        summary: of_kind(Kind::Compaction, text("summary")),
        first_kept: of_kind(Kind::Compaction, text("first_kept_entry_id")),
        target: of_kind(Kind::Leaf, text("entry_id")),
        tokens_before: number("tokens_before").filter(|_| kind == Kind::Compaction),
        tokens_after: number("tokens_after").filter(|_| kind == Kind::Compaction),
        totals: get("totals").filter(|_| counts).map(written),
        crc,
        version: get("version").map(written),
        writer: text("writer"),
        fork_point: text("fork_point"),
        cwd: text("cwd"),
        parent_session: text("parent_session"),
    })
}

/// F5. A `crc` that is no string, or does not stand last, is a member like any other.
fn checksum(line: &[u8], node: &Node, members: &[Member]) -> Result<Crc, usize> {
    let Some((last, before)) = members.split_last() else {
        return Ok(Crc::Absent);
    };
    let Value::String(digits) = &last.node.value else {
        return Ok(Crc::Absent);
    };
    if last.name != "crc" {
        let known = MEANT.contains(&last.name.as_str());
        let from = before.last().map_or(node.start, |m| m.node.end);
        let comma = line[from..].iter().position(|b| *b == b',').unwrap_or(0);
        let damaged = !known && *digits == digits_of(&line[node.start..from + comma]);
        return if damaged {
            Err(last.node.start)
        } else {
            Ok(Crc::Absent)
        };
    }
    let record = &line[node.start..node.end];
    let tail = format!(",\"crc\":\"{digits}\"}}");
    let body = record
        .strip_suffix(tail.as_bytes())
        .ok_or(last.node.start)?;
    if *digits == digits_of(body) {
        Ok(Crc::Valid)
    } else {
        Err(last.node.start)
    }
}

/// The CRC-32/ISO-HDLC of these bytes as 8 lowercase hex digits.
pub fn digits_of(body: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(body))
}

fn usage(message: &Value) -> Option<Usage> {
    let usage = message.get("usage")?;
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    if matches!(usage.get("reported"), Some(Value::Bool(false))) {
        return None;
    }
    let names = [
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
    ];
    let buckets = names.map(count);
    let odd = |name: &str| {
        let value = usage.get(name).filter(|n| !matches!(n, Value::Null));
        value.is_some_and(|n| n.as_u64().is_none())
    };
    if buckets == [None; 4] || names.into_iter().any(odd) {
        return None;
    }
    let [input, output, cache_read, cache_write] = buckets.map(Option::unwrap_or_default);
    Some(Usage {
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h: count("cache_write_1h_tokens"),
        reasoning: count("reasoning_tokens"),
    })
}
