//! A file as the framer and as the reference reader see it, in one shape that can be compared.

use crate::model::{self, Header, Kind, Model};
use sessionlog_core::Timestamp;
use sessionlog_core::record::{self, Extent, Limits, Role};
use sessionlog_core::recovery::{Event, Framer};

/// Line 1, in what both know of it.
#[derive(Debug, PartialEq)]
pub struct Head {
    /// `id`
    pub id: Option<String>,
    /// `fork_point`
    pub fork_point: Option<String>,
    /// `timestamp`, when it is a valid time.
    pub timestamp: Option<Timestamp>,
    /// `writer` is ours.
    pub ours: bool,
}

/// An entry.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Offset of the record.
    pub start: u64,
    /// Its length.
    pub len: u64,
    /// Its kind; a header out of place is unknown.
    pub kind: Kind,
    /// `id`
    pub id: Option<String>,
    /// `parent_id`
    pub parent_id: Option<String>,
    /// Of a compaction or a leaf.
    pub reference: Option<String>,
    /// `timestamp`, when it is a valid time.
    pub timestamp: Option<Timestamp>,
    /// A message's role.
    pub role: Role,
    /// A message's usage.
    pub usage: Option<model::Usage>,
    /// Offset and length of a message's payload.
    pub payload: Option<(u64, u64)>,
    /// `tokens_before` and `tokens_after` of a compaction.
    pub tokens: (Option<u64>, Option<u64>),
    /// It carries a CRC, which is right.
    pub has_crc: bool,
    /// It was salvaged from a corrupt line.
    pub salvaged: bool,
    /// Corrupt lines before it, its own included.
    pub corrupt_before: usize,
}

/// A file.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// The header, if it is valid.
    pub header: Option<Head>,
    /// Every entry, in file order.
    pub entries: Vec<Entry>,
    /// Number and offset of every corrupt line.
    pub corrupt: Vec<(u64, u64)>,
    /// Offset and length.
    pub torn: Option<(u64, u64)>,
    /// Offset and length of a record at the very end.
    pub unended: Option<(u64, u64)>,
    /// The header is of another version: the rest is not looked at.
    pub refused: bool,
}

impl Seen {
    /// The first thing that is not the same, in words; `None` when all is.
    pub fn difference(&self, other: &Seen) -> Option<String> {
        if self == other {
            return None;
        }
        let entries = self.entries.len().max(other.entries.len());
        let apart = (0..entries).find(|&i| self.entries.get(i) != other.entries.get(i));
        if let Some(i) = apart {
            let (a, b) = (self.entries.get(i), other.entries.get(i));
            return Some(format!("entry {i}:\n  {a:?}\n  {b:?}"));
        }
        let rest = |s: &Seen| {
            format!(
                "{:?}",
                (&s.header, &s.corrupt, s.torn, s.unended, s.refused)
            )
        };
        Some(format!("\n  {}\n  {}", rest(self), rest(other)))
    }

    fn refused() -> Self {
        Seen {
            refused: true,
            ..Seen::default()
        }
    }
}

fn wide((start, len): (usize, usize)) -> (u64, u64) {
    (start as u64, len as u64)
}

fn time(text: &Option<String>) -> Option<Timestamp> {
    // F7: longer ones are texts, not times.
    let text = text.as_deref().filter(|text| text.len() <= 128);
    text.and_then(Timestamp::parse)
}

/// What the reference reader says.
pub fn by_model(m: &Model) -> Seen {
    let header = match &m.header {
        Header::Unsupported(_) => return Seen::refused(),
        Header::Valid {
            id,
            timestamp,
            fork_point,
            ours,
            ..
        } => Some(Head {
            id: id.clone(),
            fork_point: fork_point.clone(),
            timestamp: time(timestamp),
            ours: *ours,
        }),
        _ => None,
    };
    let entries = m.entries.iter().map(|e| Entry {
        start: e.start as u64,
        len: e.len as u64,
        kind: e.kind,
        id: e.id.clone(),
        parent_id: e.parent_id.clone(),
        reference: e.first_kept.clone().or(e.target.clone()),
        timestamp: time(&e.timestamp),
        role: match e.role.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("tool_result") => Role::ToolResult,
            _ => Role::Other,
        },
        usage: e.usage,
        payload: e.payload.map(wide),
        tokens: (e.tokens_before, e.tokens_after),
        has_crc: e.crc == model::Crc::Valid,
        salvaged: e.salvaged,
        corrupt_before: e.corrupt_before,
    });
    Seen {
        header,
        entries: entries.collect(),
        corrupt: m.corrupt.iter().map(|d| wide((d.line, d.start))).collect(),
        torn: m.torn.map(wide),
        unended: m.unended.map(wide),
        refused: false,
    }
}

/// What the framer tells when the file comes in chunks of these sizes, over and over.
///
/// # Panics
/// When the framer never ends, tells anything after a torn tail, or reads bytes more than three times.
pub fn by_framer(bytes: &[u8], chunks: &[usize]) -> Seen {
    let mut seen = Seen::default();
    let mut framer = Framer::new(Limits::default(), 0, 1);
    let mut sizes = chunks.iter().copied().cycle();
    // Bytes taken in all, and calls that took none in a row.
    let (mut taken, mut idle) = (0, 0);
    loop {
        let at = usize::try_from(framer.offset()).expect("within the file");
        let ended = at == bytes.len();
        let event = if ended {
            framer.finish()
        } else {
            let size = sizes.next().expect("at least one size").max(1);
            framer.feed(&bytes[at..bytes.len().min(at.saturating_add(size))])
        };
        let quiet = event.is_none();
        if let Some(event) = event {
            assert!(seen.torn.is_none(), "{event:?} behind the torn tail");
            if !tell(&mut seen, event) {
                return Seen::refused();
            }
        }
        let now = usize::try_from(framer.offset()).expect("within the file");
        assert!(now <= bytes.len(), "{now} is outside the file");
        if quiet && ended && now == at {
            return seen;
        }
        taken += now.saturating_sub(at);
        assert!(taken <= 3 * bytes.len(), "{taken} of {}", bytes.len());
        idle = if now == at { idle + 1 } else { 0 };
        assert!(idle < 32, "stands still at {at}");
    }
}

/// Writes the event down; false when the file is refused.
fn tell(seen: &mut Seen, event: Event<'_>) -> bool {
    let found = match event {
        Event::Corrupt(d) => {
            assert!(d.at >= d.line_start);
            seen.corrupt.push((d.line, d.line_start));
            return true;
        }
        Event::Torn { extent, .. } => {
            seen.torn = Some((extent.start, extent.len));
            return true;
        }
        Event::Record(found) => found,
    };
    let r = found.record;
    let text = |id: &Option<sessionlog_core::EntryId>| id.as_ref().map(|id| id.as_str().to_owned());
    assert_eq!(found.extent.len, r.len);
    if !found.terminated {
        seen.unended = Some((found.extent.start, found.extent.len));
    }
    // F9, F23: the first record of the file, and nothing stands before it, not even damage; when it is salvaged,
    // its own line's damage does.
    let line_1 = seen.corrupt.len() == usize::from(found.salvaged);
    let line_1 = line_1 && seen.corrupt.iter().all(|c| c.0 == found.line);
    let is_first = seen.header.is_none() && seen.entries.is_empty() && line_1;
    if r.kind == record::Kind::Session && is_first {
        seen.header = Some(Head {
            id: text(&r.id),
            fork_point: text(&r.reference),
            timestamp: r.timestamp,
            ours: r.ours,
        });
        return r.version == Some(1);
    }
    assert!(
        !(found.salvaged && r.kind == record::Kind::Session),
        "F23: a session record"
    );
    // What a record of another kind has under these names has no meaning.
    let (message, compaction, leaf) = (
        r.kind == record::Kind::Message,
        r.kind == record::Kind::Compaction,
        r.kind == record::Kind::Leaf,
    );
    let payload: Extent = found.extent.part(r.message.payload);
    seen.entries.push(Entry {
        start: found.extent.start,
        len: found.extent.len,
        kind: match r.kind {
            record::Kind::Message => Kind::Message,
            record::Kind::Compaction => Kind::Compaction,
            record::Kind::Leaf => Kind::Leaf,
            record::Kind::Session | record::Kind::Unknown => Kind::Unknown,
        },
        id: text(&r.id),
        parent_id: text(&r.parent_id),
        reference: text(&r.reference).filter(|_| compaction || leaf),
        timestamp: r.timestamp,
        role: if message { r.message.role } else { Role::Other },
        usage: r.message.usage.filter(|_| message).map(|u| model::Usage {
            input: u.input_tokens,
            output: u.output_tokens,
            cache_read: u.cache_read_tokens,
            cache_write: u.cache_write_tokens,
            cache_write_1h: u.cache_write_1h_tokens,
            reasoning: u.reasoning_tokens,
        }),
        payload: message.then_some((payload.start, payload.len)),
        tokens: (
            r.tokens_before.filter(|_| compaction),
            r.tokens_after.filter(|_| compaction),
        ),
        has_crc: r.has_crc,
        salvaged: found.salvaged,
        corrupt_before: seen.corrupt.len(),
    });
    true
}
