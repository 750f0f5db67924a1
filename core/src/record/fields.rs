//! Gathers a record's bookkeeping from what the JSON scanner tells. Holds one short string at a time.

mod sink;

use super::{
    Fault, Kind, Record, Role, Span, Totals,
    key::{Count, Key, Member},
};
use crate::{
    crc::Crc32,
    id::{EntryId, MAX_ID_LEN},
    json::scan::ValueKind,
    time::Timestamp,
    usage::{Usage, UsageTotals},
};

/// Nothing of interest lies deeper than `message.content[].tool_call.id`.
const DEEPEST: usize = 5;

/// How deep a record that was written behind a torn stub may seem to lie in it (F22).
const FUSED_DEPTH: usize = 8;

/// What the open string is for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Hold {
    Nothing,
    Key,
    Value,
    Hash,
    Text,
    Summary,
}

/// The `crc` member, or a string of an unknown name, while it is the last member seen.
#[derive(Clone, Copy)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Stated {
    named: bool,
    crc: Option<u32>,
    /// Offset of the comma before it.
    comma: u64,
    /// Offset after its value.
    end: u64,
}

#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Fields {
    pub(super) record: Record,
    pub(super) fault: Option<(Fault, u64)>,
    path: [Key; DEEPEST + 1],
    hold: Hold,
    held: heapless::Vec<u8, MAX_ID_LEN>,
    overflow: bool,
    hash: Crc32,
    seen: u16,
    wrong: u16,
    wrong_at: u64,
    reference: Option<Member>,
    begun_at: u64,
    texts: u32,
    usage: Usage,
    /// Buckets of the usage that are numbers, and those that are something else: a bit each.
    buckets: u8,
    odd_buckets: u8,
    reported: bool,
    totals: Totals,
    totals_seen: u8,
    /// Whoever feeds the record sums up its CRC.
    pub(super) unsummed: bool,
    crc: Crc32,
    chunk_at: u64,
    /// The last outer comma of this chunk: what stands before it may be what the checksum is of.
    comma: Option<usize>,
    prefix: u32,
    comma_at: u64,
    stated: Option<Stated>,
    /// Where the last object at each depth from 1 began.
    objects: [u64; FUSED_DEPTH],
    /// The last value that ended is an object.
    ended_object: bool,
}

impl Fields {
    pub(super) fn new() -> Self {
        Fields {
            record: Record::default(),
            fault: None,
            path: [Key::Other; DEEPEST + 1],
            hold: Hold::Nothing,
            held: heapless::Vec::new(),
            overflow: false,
            hash: Crc32::new(),
            seen: 0,
            wrong: 0,
            wrong_at: 0,
            reference: None,
            begun_at: 0,
            texts: 0,
            usage: Usage::default(),
            buckets: 0,
            odd_buckets: 0,
            reported: true,
            totals: Totals::default(),
            totals_seen: 0,
            unsummed: false,
            crc: Crc32::new(),
            chunk_at: 0,
            comma: None,
            prefix: 0,
            comma_at: 0,
            stated: None,
            objects: [0; FUSED_DEPTH],
            ended_object: false,
        }
    }

    /// Where the value at `depth` that ended last began, if it is an object.
    pub(super) fn last_object(&self, depth: u16) -> Option<u64> {
        let index = usize::from(depth).checked_sub(1)?;
        let begun = self.objects.get(index).copied()?;
        self.ended_object.then_some(begun)
    }

    /// Takes a chunk into the checksum; `taken` are the bytes of it that belong to the record.
    pub(super) fn end_chunk(&mut self, taken: &[u8]) {
        let comma = self.comma.take();
        if self.unsummed {
            // Nothing to be done here.
        } else if let Some((before, rest)) = comma.and_then(|index| taken.split_at_checked(index)) {
            self.crc.update(before);
            self.prefix = self.crc.value();
            self.crc.update(rest);
        } else {
            self.crc.update(taken);
        }
        self.chunk_at = self.chunk_at.saturating_add(taken.len() as u64);
    }

    /// The verdict once the object has ended at offset `end`.
    pub(super) fn conclude(&mut self, end: u64) -> Result<(), (Fault, u64)> {
        self.record.len = end;
        if let Some(stated) = self.stated {
            self.check(stated, end)?;
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.conclude_members()
    }

    /// F5: the record ends with exactly `,"crc":"xxxxxxxx"}`, 18 bytes.
    fn check(&mut self, stated: Stated, end: u64) -> Result<(), (Fault, u64)> {
        if stated.named {
            let Some(crc) = stated.crc else {
                return Err((Fault::CrcMalformed, stated.comma));
            };
            if stated.comma.saturating_add(18) != end || stated.end.saturating_add(1) != end {
                return Err((Fault::CrcMalformed, stated.comma));
            }
            if crc != self.prefix {
                let computed = self.prefix;
                return Err((Fault::CrcMismatch { computed }, stated.comma));
            }
            self.record.has_crc = true;
        } else if stated.crc == Some(self.prefix) {
            // The right checksum under another name: that name was damaged.
            return Err((Fault::CrcMalformed, stated.comma));
        }
        Ok(())
    }

    fn conclude_members(&mut self) -> Result<(), (Fault, u64)> {
        self.require(Member::Type)?;
        let (required, optional): (&[Member], &[Member]) = match self.record.kind {
            Kind::Message => (&[Member::Id, Member::Message], &[Member::ParentId]),
            Kind::Compaction => (
                &[Member::Id, Member::Summary, Member::FirstKeptEntryId],
                &[Member::ParentId, Member::TokensBefore, Member::TokensAfter],
            ),
            Kind::Leaf => (&[Member::Id, Member::EntryId], &[Member::ParentId]),
            Kind::Session | Kind::Unknown => (&[], &[]),
        };
        for &member in required {
            self.require(member)?;
        }
        for &member in optional {
            self.typed(member)?;
        }
        let references =
            Member::FirstKeptEntryId.bit() | Member::EntryId.bit() | Member::ForkPoint.bit();
        if self.record.kind != Kind::Unknown && (self.seen & references).count_ones() > 1 {
            let member = self.reference.unwrap_or(Member::EntryId);
            return Err((Fault::Conflict(member), 0));
        }
        let referring = match self.record.kind {
            Kind::Session => Some(Member::ForkPoint),
            Kind::Compaction => Some(Member::FirstKeptEntryId),
            Kind::Leaf => Some(Member::EntryId),
            Kind::Message | Kind::Unknown => None,
        };
        if self.reference != referring {
            self.record.reference = None;
        }
        if self.record.kind == Kind::Unknown {
            self.record.tokens_before = None;
            self.record.tokens_after = None;
        }
        let complete = self.totals_seen == 0b1_1111;
        let bearer = matches!(self.record.kind, Kind::Compaction | Kind::Leaf);
        self.record.totals = (complete && bearer && self.record.has_crc).then_some(self.totals);
        Ok(())
    }

    fn require(&self, member: Member) -> Result<(), (Fault, u64)> {
        if self.seen & member.bit() == 0 {
            return Err((Fault::Missing(member), 0));
        }
        self.typed(member)
    }

    fn typed(&self, member: Member) -> Result<(), (Fault, u64)> {
        if self.wrong & member.bit() != 0 {
            return Err((Fault::WrongType(member), self.wrong_at));
        }
        Ok(())
    }

    fn fault(&mut self, fault: Fault, at: u64) {
        self.fault.get_or_insert((fault, at));
    }

    fn at(&self, depth: usize) -> Key {
        self.path.get(depth).copied().unwrap_or_default()
    }

    fn hold(&mut self, hold: Hold) {
        self.hold = hold;
        self.held.clear();
        self.overflow = false;
        if hold == Hold::Hash {
            self.hash = Crc32::new();
        }
    }

    fn in_message(&self) -> bool {
        self.at(1) == Key::Top(Member::Message)
    }

    fn begin_top(&mut self, member: Member, kind: ValueKind, at: u64) {
        if self.seen & member.bit() != 0 {
            self.fault(Fault::Duplicate(member), at);
        }
        self.seen |= member.bit();
        self.stated = None;
        self.begun_at = at;
        use Member as M;
        let fits = match member {
            M::Message => {
                self.record.message.payload.start = at;
                kind == ValueKind::Object
            }
            M::Totals => true,
            M::Summary => {
                self.record.summary.start = at;
                if kind == ValueKind::String {
                    self.hold(Hold::Summary);
                }
                kind == ValueKind::String
            }
            M::TokensBefore | M::TokensAfter | M::Version => matches!(kind, ValueKind::Number(_)),
            M::ParentId => {
                self.record.parent.start = at;
                matches!(kind, ValueKind::String | ValueKind::Null)
            }
            _ => kind == ValueKind::String,
        };
        if kind == ValueKind::String && member != M::Summary {
            self.hold(Hold::Value);
        }
        if !fits {
            self.mark_wrong(member, at);
        }
    }

    fn mark_wrong(&mut self, member: Member, at: u64) {
        if self.wrong == 0 {
            self.wrong_at = at;
        }
        self.wrong |= member.bit();
    }

    fn end_top(&mut self, member: Member, kind: ValueKind, at: u64) {
        use Member as M;
        if member == M::ParentId {
            self.record.parent.len = at.saturating_sub(self.record.parent.start);
        }
        match (member, kind) {
            (M::Message, ValueKind::Object) => {
                let payload = &mut self.record.message.payload;
                payload.len = at.saturating_sub(payload.start);
                let extra = u64::from(self.texts.saturating_sub(1));
                let message = &mut self.record.message;
                message.text_len = message.text_len.saturating_add(extra);
                if message.role == Role::Assistant
                    && self.buckets != 0
                    && self.odd_buckets == 0
                    && self.reported
                {
                    message.usage = Some(self.usage);
                }
            }
            (M::Summary, ValueKind::String) => {
                let summary = &mut self.record.summary;
                summary.len = at.saturating_sub(summary.start);
            }
            (M::TokensBefore, ValueKind::Number(Some(n))) => self.record.tokens_before = Some(n),
            (M::TokensAfter, ValueKind::Number(Some(n))) => self.record.tokens_after = Some(n),
            (M::Version, ValueKind::Number(n)) => self.record.version = n,
            (M::TokensBefore | M::TokensAfter, ValueKind::Number(None)) => {
                self.mark_wrong(member, self.begun_at);
            }
            (_, ValueKind::String) => self.end_top_string(member, at),
            _ => {}
        }
    }

    fn end_top_string(&mut self, member: Member, at: u64) {
        use Member as M;
        match member {
            M::Type => {
                self.record.kind = match self.held.as_slice() {
                    b"session" => Kind::Session,
                    b"message" => Kind::Message,
                    b"compaction" => Kind::Compaction,
                    b"leaf" => Kind::Leaf,
                    _ => Kind::Unknown,
                };
            }
            M::Id => self.record.id = self.take_id(member),
            M::ParentId => self.record.parent_id = self.take_id(member),
            M::FirstKeptEntryId | M::EntryId | M::ForkPoint => {
                self.record.reference = self.take_id(member);
                self.reference = Some(member);
            }
            M::Timestamp if !self.overflow => {
                self.record.timestamp = core::str::from_utf8(&self.held)
                    .ok()
                    .and_then(Timestamp::parse);
            }
            M::Writer => self.record.ours = self.held.starts_with(b"sessionlog/"),
            M::Crc => self.state(true, at),
            _ => {}
        }
    }

    /// Takes the string that ended at offset `at` for the checksum.
    fn state(&mut self, named: bool, at: u64) {
        self.stated = Some(Stated {
            named,
            crc: Crc32::parse_hex(&self.held).filter(|_| !self.overflow),
            comma: self.comma_at,
            end: at,
        });
    }

    fn take_id(&mut self, member: Member) -> Option<EntryId> {
        if self.overflow {
            self.fault(Fault::IdTooLong(member), self.begun_at);
            return None;
        }
        let id = core::str::from_utf8(&self.held).ok()?;
        EntryId::try_from(id).ok()
    }

    fn begin_in_message(&mut self, depth: usize, kind: ValueKind, at: u64) {
        let string = kind == ValueKind::String;
        let [_, _, two, three, four, five] = self.path;
        let message = &mut self.record.message;
        match (depth, two, three, four, five) {
            (2, Key::Role, ..) => {
                message.role = Role::Other;
                if string {
                    self.hold(Hold::Value);
                }
            }
            (2, Key::Usage, ..) => {
                self.usage = Usage::default();
                self.buckets = 0;
                self.odd_buckets = 0;
                self.reported = true;
            }
            (2, Key::Content, ..) => {
                message.text_len = 0;
                message.first_text = Span::default();
                self.texts = 0;
                if string {
                    self.begin_text(at);
                }
            }
            (2, Key::ToolCallId, ..) if string => self.hold(Hold::Hash),
            (2, Key::Model | Key::Provider, ..) if string => self.begun_at = at,
            (4, Key::Content, Key::Element, Key::Text, _) if string => self.begin_text(at),
            (4, Key::Content, Key::Element, Key::MediaType, _) if string => {
                self.texts = self.texts.saturating_add(1);
                message.text_len = message.text_len.saturating_add(IMAGE_FRAME);
                self.hold(Hold::Text);
            }
            (5, Key::Content, Key::Element, Key::ToolCall, Key::Top(Member::Id)) if string => {
                self.hold(Hold::Hash);
            }
            _ => {}
        }
    }

    fn begin_text(&mut self, at: u64) {
        self.texts = self.texts.saturating_add(1);
        self.begun_at = at;
        self.hold(Hold::Text);
    }

    fn end_in_message(&mut self, depth: usize, kind: ValueKind, at: u64) {
        let [_, _, two, three, four, five] = self.path;
        let message = &mut self.record.message;
        let begun = self.begun_at;
        let span = Span {
            start: begun,
            len: at.saturating_sub(begun),
        };
        let string = kind == ValueKind::String;
        match (depth, two, three, four) {
            (2, Key::Role, ..) if string => {
                message.role = match self.held.as_slice() {
                    b"user" => Role::User,
                    b"assistant" => Role::Assistant,
                    b"tool_result" => Role::ToolResult,
                    _ => Role::Other,
                };
            }
            (2, Key::Model, ..) if string => message.model = span,
            (2, Key::Provider, ..) if string => message.provider = span,
            (2, Key::ToolCallId, ..) if string => message.answers = Some(self.hash.value()),
            (2, Key::Content, ..) | (4, Key::Content, Key::Element, Key::Text)
                if string && message.first_text.is_empty() =>
            {
                message.first_text = span;
            }
            (3, Key::Usage, Key::Count(count), _) => {
                let n = match kind {
                    ValueKind::Number(n) => n,
                    _ => None,
                };
                let bit = set_count(&mut self.usage, count, n);
                // Of a name that stands twice the last value counts.
                self.buckets &= !bit;
                self.odd_buckets &= !bit;
                match (n, kind) {
                    (Some(_), _) => self.buckets |= bit,
                    (None, ValueKind::Null) => {}
                    (None, _) => self.odd_buckets |= bit,
                }
            }
            (3, Key::Usage, Key::Reported, _) => self.reported = kind != ValueKind::Bool(false),
            (5, Key::Content, Key::Element, Key::ToolCall)
                if string && five == Key::Top(Member::Id) =>
            {
                message.calls.push(self.hash.value());
            }
            _ => {}
        }
    }

    fn end_in_totals(&mut self, depth: usize, kind: ValueKind) {
        let n = match kind {
            ValueKind::Number(Some(n)) => n,
            ValueKind::Object if depth == 2 => 0,
            _ => return,
        };
        let [_, _, two, three, ..] = self.path;
        let totals = &mut self.totals;
        let seen = match (depth, two, three) {
            (2, Key::Turns, _) => {
                totals.branch.turns = n;
                1
            }
            (2, Key::Watermark, _) => {
                totals.watermark = n;
                2
            }
            (2, Key::NextSeq, _) => {
                totals.next_seq = n;
                4
            }
            (2, Key::Branch, _) if kind == ValueKind::Object => 8,
            (2, Key::Spent, _) if kind == ValueKind::Object => 16,
            (3, Key::Branch, Key::Count(count)) => {
                set_total(&mut totals.branch, count, n);
                0
            }
            (3, Key::Spent, Key::Count(count)) => {
                set_total(&mut totals.spent, count, n);
                0
            }
            _ => 0,
        };
        self.totals_seen |= seen;
    }
}

/// Length of `[image: ]`, the frame that opi puts around an image's media type.
const IMAGE_FRAME: u64 = 9;

/// Sets a counter; gives the bit of one of the four buckets (F18), 0 for others.
fn set_count(usage: &mut Usage, count: Count, n: Option<u64>) -> u8 {
    let tokens = n.unwrap_or(0);
    match count {
        Count::Input => usage.input_tokens = tokens,
        Count::Output => usage.output_tokens = tokens,
        Count::CacheRead => usage.cache_read_tokens = tokens,
        Count::CacheWrite => usage.cache_write_tokens = tokens,
        Count::CacheWrite1h => usage.cache_write_1h_tokens = n,
        Count::Reasoning => usage.reasoning_tokens = n,
        Count::Unreported => {}
    }
    match count {
        Count::Input => 1,
        Count::Output => 2,
        Count::CacheRead => 4,
        Count::CacheWrite => 8,
        Count::CacheWrite1h | Count::Reasoning | Count::Unreported => 0,
    }
}

fn set_total(totals: &mut UsageTotals, count: Count, n: u64) {
    if count == Count::Unreported {
        totals.unreported = n;
    } else {
        set_count(&mut totals.usage, count, Some(n));
    }
}
