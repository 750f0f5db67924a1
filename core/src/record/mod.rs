//! Records: what a line of the log holds (rules F4 to F9), one file a kind for writing, one scanner for reading.

mod compaction;
mod fields;
mod header;
mod ids;
mod key;
mod leaf;
mod line;
mod message;
mod scan;
mod unknown;

pub use compaction::CompactionEntry;
pub use header::{FORMAT_VERSION, Header, WRITER};
pub use ids::{IdForm, IdHash};
pub use key::Member;
pub use leaf::LeafEntry;
pub(crate) use line::TotalsOf;
pub use message::{MessageEntry, Payload, Verbatim};
pub use scan::{RecordError, RecordScanner, Scanning};
pub use unknown::StoredEntry;

use crate::{
    id::EntryId,
    json::scan::ScanErrorKind,
    time::Timestamp,
    usage::{Usage, UsageTotals},
};

/// A stretch of bytes inside a record, counted from the record's `{`. Empty when the record has no such thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Span {
    /// Offset of the first byte.
    pub start: u64,
    /// Number of bytes.
    pub len: u64,
}

impl Span {
    /// True when there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// A stretch of bytes in the storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Extent {
    /// Offset of the first byte in the storage.
    pub start: u64,
    /// Number of bytes, without a line end.
    pub len: u64,
}

impl Extent {
    /// Offset after the last byte.
    pub fn end(&self) -> u64 {
        self.start.wrapping_add(self.len)
    }

    /// Where a part of the record in this extent lies in the storage.
    pub fn part(&self, span: Span) -> Extent {
        Extent {
            start: self.start.wrapping_add(span.start),
            len: span.len,
        }
    }
}

/// The kinds of record (F7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// `session`: the header on line 1.
    Session,
    /// `message`
    Message,
    /// `compaction`
    Compaction,
    /// `leaf`
    Leaf,
    /// Any other type.
    #[default]
    Unknown,
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// `user`: begins a turn.
    User,
    /// `assistant`: may report usage.
    Assistant,
    /// `tool_result`
    ToolResult,
    /// Any other, or none.
    #[default]
    Other,
}

/// Hashes of the ids of the tool calls in a message, so that a compaction never cuts between a call and its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ToolCalls {
    hashes: [u32; Self::HELD],
    count: u8,
}

impl ToolCalls {
    /// How many calls are told apart.
    pub const HELD: usize = 8;

    pub(crate) fn push(&mut self, hash: u32) {
        if let Some(slot) = self.hashes.get_mut(usize::from(self.count)) {
            *slot = hash;
        }
        self.count = self.count.saturating_add(1);
    }

    /// Number of calls, at most 255.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// More calls were made than are told apart.
    pub fn is_over_full(&self) -> bool {
        usize::from(self.count) > Self::HELD
    }

    /// Whether the call whose id has this hash is among those told apart.
    pub fn is_told_apart(&self, hash: u32) -> bool {
        let held = usize::from(self.count).min(Self::HELD);
        self.hashes
            .get(..held)
            .is_some_and(|held| held.contains(&hash))
    }
}

/// The bookkeeping of a message's payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What the provider reported (F18); `None` is unknown, not zero.
    pub usage: Option<Usage>,
    /// Where the payload lies.
    pub payload: Span,
    /// Bytes of text as opi counts them: the texts of the content joined by one space, an image as `[image: TYPE]`.
    pub text_len: u64,
    /// The first text of the content: a JSON string with its quotes.
    pub first_text: Span,
    /// `model`: a JSON string with its quotes.
    pub model: Span,
    /// `provider`: a JSON string with its quotes.
    pub provider: Span,
    /// The tool calls made.
    pub calls: ToolCalls,
    /// Hash of the call that this tool result answers.
    pub answers: Option<u32>,
}

/// The checkpoint on a compaction or leaf (F19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Totals {
    /// Usage and turns of the branch that ends here.
    pub branch: UsageTotals,
    /// Usage of all that this session itself spent. Its turns are not recorded.
    pub spent: UsageTotals,
    /// Total of `spent` when the newest compaction was written.
    pub watermark: u64,
    /// The next number for an id.
    pub next_seq: u64,
}

impl Totals {
    /// Nothing.
    const NONE: Self = Totals {
        branch: UsageTotals::NONE,
        spent: UsageTotals::NONE,
        watermark: 0,
        next_seq: 0,
    };
}

/// What the scanner found out about a record. The record's text is not held.
///
/// `I` is the form in which ids are held: their text, or an [`IdHash`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Record<I = EntryId> {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: Option<I>,
    /// The number in its id: [`EntryId::number`].
    pub number: Option<u64>,
    /// Its `parent_id`.
    pub parent_id: Option<I>,
    /// Where the value of `parent_id` lies.
    pub parent: Span,
    /// Its `timestamp`, when that is a valid time.
    pub timestamp: Option<Timestamp>,
    /// `first_kept_entry_id` of a compaction, `entry_id` of a leaf, `fork_point` of a header.
    pub reference: Option<I>,
    /// A message's bookkeeping.
    pub message: Message,
    /// A compaction's summary: a JSON string with its quotes.
    pub summary: Span,
    /// Bytes of the summary's text.
    pub summary_len: u64,
    /// A compaction's `tokens_before`.
    pub tokens_before: Option<u64>,
    /// A compaction's `tokens_after`.
    pub tokens_after: Option<u64>,
    /// The checkpoint of a compaction or leaf whose CRC is right.
    pub totals: Option<Totals>,
    /// A header's `version`.
    pub version: Option<u64>,
    /// A header's `writer` starts with `sessionlog/`.
    pub ours: bool,
    /// The record carries a CRC (a wrong one makes it no record).
    pub has_crc: bool,
    /// Length of the record in bytes, from `{` to `}`.
    pub len: u64,
}

impl<I> Default for Record<I> {
    #[inline(always)] // Built where it stays.
    fn default() -> Self {
        Record {
            kind: Kind::Unknown,
            id: None,
            number: None,
            parent_id: None,
            parent: Span::default(),
            timestamp: None,
            reference: None,
            message: Message::default(),
            summary: Span::default(),
            summary_len: 0,
            tokens_before: None,
            tokens_after: None,
            totals: None,
            version: None,
            ours: false,
            has_crc: false,
            len: 0,
        }
    }
}

impl<I> Record<I> {
    /// As new, in place.
    fn reset(&mut self) {
        let Record {
            kind,
            id,
            number,
            parent_id,
            parent,
            timestamp,
            reference,
            message,
            summary,
            summary_len,
            tokens_before,
            tokens_after,
            totals,
            version,
            ours,
            has_crc,
            len,
        } = self;
        *kind = Kind::Unknown;
        (*id, *parent_id, *reference) = (None, None, None);
        (*parent, *summary) = (Span::default(), Span::default());
        (*number, *timestamp) = (None, None);
        *message = Message::default();
        (*tokens_before, *tokens_after, *version) = (None, None, None);
        *totals = None;
        (*summary_len, *len) = (0, 0);
        (*ours, *has_crc) = (false, false);
    }
}

impl<I> Record<I> {
    /// Anything but a leaf (and the header, which its place tells): what can be a parent, and a leaf's target.
    pub fn is_node(&self) -> bool {
        self.kind != Kind::Leaf
    }

    /// F14: after this node of a foreign log, no parent means no parent.
    pub(crate) fn ends_prefix(&self) -> bool {
        self.is_node() && self.parent_id.is_some() && !self.has_crc
    }

    /// Adds this record's usage and turn to `totals` (F18).
    pub fn add_usage_to(&self, totals: &mut UsageTotals) {
        if self.kind != Kind::Message {
            return;
        }
        match (self.message.role, &self.message.usage) {
            (Role::User, _) => totals.add_turn(),
            (Role::Assistant, Some(usage)) => totals.add_reported(usage),
            (Role::Assistant, None) => totals.add_unreported(),
            _ => {}
        }
    }
}

impl<I: PartialEq> Record<I> {
    /// A node with this id.
    pub(crate) fn is_node_named(&self, id: &I) -> bool {
        self.is_node() && self.id.as_ref() == Some(id)
    }

    /// How this record stands to the fork point (F11).
    pub fn at_fork(&self, fork_point: &I) -> AtFork {
        let content = matches!(self.kind, Kind::Message | Kind::Compaction);
        if content && self.id.as_ref() == Some(fork_point) {
            return AtFork::Last;
        }
        let target = self.reference.as_ref().filter(|_| self.kind == Kind::Leaf);
        match self.parent_id.as_ref() == Some(fork_point) || target == Some(fork_point) {
            true => AtFork::Own,
            false => AtFork::Elsewhere,
        }
    }
}

/// How a record stands to the fork point (F11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AtFork {
    /// It bears the fork point's id: what comes up to here is inherited.
    Last,
    /// It names the fork point as its parent or target: it is the session's own, and so is all after it.
    Own,
    /// It does not tell.
    Elsewhere,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// Not JSON (F3).
    Json(ScanErrorKind),
    /// JSON, but no object (F2).
    NotAnObject,
    /// A member that the kind requires is missing (F7).
    Missing(Member),
    /// A member's value is of the wrong type (F7).
    WrongType(Member),
    /// A member stands twice (F4).
    Duplicate(Member),
    /// Members that exclude each other stand together (F4).
    Conflict(Member),
    /// An id of more than 128 bytes (F6).
    IdTooLong(Member),
    /// The `crc` member is not what F5 prescribes.
    CrcMalformed,
    /// The CRC does not match: the bytes are not those that were written.
    CrcMismatch {
        /// The CRC of the bytes as they are.
        computed: u32,
    },
    /// The record is longer than the limit that the reader set.
    TooLarge,
    /// A valid record, but followed on its line by something that is neither the line's end nor a record.
    TrailingBytes,
    /// Records stand on one line without a line end between them.
    FusedRecords,
    /// A number is larger in magnitude than every double: many readers would refuse the record, so it is not written (F29).
    BeyondDouble,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Json(kind) => write!(f, "{kind}"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::Missing(m) => write!(f, "\"{}\" is missing", m.name()),
            Self::WrongType(m) => write!(f, "\"{}\" has a value of the wrong type", m.name()),
            Self::Duplicate(m) => write!(f, "\"{}\" stands twice", m.name()),
            Self::Conflict(m) => write!(f, "\"{}\" excludes another reference", m.name()),
            Self::IdTooLong(m) => write!(f, "\"{}\" is longer than 128 bytes", m.name()),
            Self::CrcMalformed => f.write_str("malformed crc"),
            Self::CrcMismatch { computed } => {
                write!(f, "crc mismatch (the bytes give {computed:08x})")
            }
            Self::TooLarge => f.write_str("record larger than the limit"),
            Self::TrailingBytes => f.write_str("bytes after the record"),
            Self::FusedRecords => f.write_str("two records on one line"),
            Self::BeyondDouble => {
                f.write_str("a number is too large for other readers (beyond 1.8e308)")
            }
        }
    }
}

/// Bounds that a reader sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limits {
    /// Nesting of this many levels or more is refused (F3; at most [`crate::json::scan::MAX_DEPTH`]).
    pub depth: u16,
    /// A record of more bytes is refused. No memory depends on it.
    pub record_bytes: u64,
}

impl Default for Limits {
    /// Depth 128; records of any size.
    fn default() -> Self {
        Limits {
            depth: crate::json::scan::DEFAULT_DEPTH,
            record_bytes: u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests;
