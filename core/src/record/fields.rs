//! Gathers a record's bookkeeping from what the JSON scanner tells. Holds one short string at a time.
//!
//! What a value below the top level means follows from its [`place`].

mod place;
mod sink;

use super::{
    Fault, Kind, Record, Role, Span,
    ids::IdForm,
    key::{Key, Member},
};
use crate::{
    crc::Crc32,
    id::{MAX_ID_LEN, number_of},
    json::scan::ValueKind,
    time::Timestamp,
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
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Stated {
    Nothing,
    Named,
    Unnamed,
}

#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Fields<I> {
    pub(super) record: Record<I>,
    fault: Option<(Fault, usize)>,
    path: [Key; DEEPEST + 1],
    hold: Hold,
    held: heapless::Vec<u8, MAX_ID_LEN>,
    overflow: bool,
    hash: Crc32,
    seen: u16,
    wrong: u16,
    wrong_at: usize,
    reference: Option<Member>,
    /// Where the present member of the record has begun.
    member_at: usize,
    /// Where the present string in its payload has begun.
    begun_at: usize,
    texts: u32,
    /// Buckets of the usage that are numbers, and those that are something else: a bit each.
    buckets: u8,
    odd_buckets: u8,
    reported: bool,
    totals_seen: u8,
    /// Whoever feeds the record sums up its CRC.
    unsummed: bool,
    crc: Crc32,
    chunk_at: usize,
    /// The last outer comma of this chunk: what stands before it may be what the checksum is of.
    comma: Option<usize>,
    prefix: u32,
    comma_at: usize,
    stated: Stated,
    /// The checksum that is stated, the offset of the comma before it and that after its value.
    stated_crc: Option<u32>,
    stated_comma: usize,
    stated_end: usize,
    /// Where the last object at each depth from 1 began.
    objects: [usize; FUSED_DEPTH],
    /// The last value that ended is an object.
    ended_object: bool,
}

impl<I> Fields<I> {
    #[inline(always)] // Built where it stays.
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
            member_at: 0,
            begun_at: 0,
            texts: 0,
            buckets: 0,
            odd_buckets: 0,
            reported: true,
            totals_seen: 0,
            unsummed: false,
            crc: Crc32::new(),
            chunk_at: 0,
            comma: None,
            prefix: 0,
            comma_at: 0,
            stated: Stated::Nothing,
            stated_crc: None,
            stated_comma: 0,
            stated_end: 0,
            objects: [0; FUSED_DEPTH],
            ended_object: false,
        }
    }

    /// As new, in place. What is always written before it is read stays as it is.
    pub(super) fn reset(&mut self) {
        self.record.reset();
        self.fault = None;
        self.path = [Key::Other; DEEPEST + 1];
        self.hold = Hold::Nothing;
        self.held.clear();
        self.overflow = false;
        self.crc = Crc32::new();
        (self.seen, self.wrong) = (0, 0);
        self.reference = None;
        (self.member_at, self.begun_at, self.chunk_at) = (0, 0, 0);
        (self.texts, self.prefix, self.comma_at) = (0, 0, 0);
        (self.buckets, self.odd_buckets, self.totals_seen) = (0, 0, 0);
        self.reported = true;
        self.unsummed = false;
        self.comma = None;
        self.stated = Stated::Nothing;
        self.objects = [0; FUSED_DEPTH];
        self.ended_object = false;
    }

    /// The members of a message have been read up to its payload. Whoever feeds the payload sums up the record's CRC.
    pub(super) fn begin_payload(&mut self) {
        self.unsummed = true;
        self.record.kind = Kind::Message;
        self.seen = Member::Type.bit() | Member::Id.bit();
        self.path = [Key::Top(Member::Message); DEEPEST + 1];
    }

    /// Where the value at `depth` that ended last began, if it is an object.
    pub(super) fn last_object(&self, depth: u16) -> Option<usize> {
        let index = usize::from(depth).checked_sub(1)?;
        let begun = self.objects.get(index).copied()?;
        self.ended_object.then_some(begun)
    }

    /// The string that ended last, if nothing came after it.
    pub(super) fn last_string(&self) -> Option<&[u8]> {
        (!self.overflow).then_some(&self.held)
    }

    /// Takes a chunk into the checksum; `taken` are the bytes of it that belong to the record.
    pub(super) fn end_chunk(&mut self, taken: &[u8]) {
        let comma = self.comma.take();
        self.chunk_at = self.chunk_at.wrapping_add(taken.len());
        if self.unsummed {
            return;
        }
        let (before, rest) = taken
            .split_at_checked(comma.unwrap_or(0))
            .unwrap_or((&[], taken));
        if comma.is_some() {
            self.crc.update(before);
            self.prefix = self.crc.value();
        }
        self.crc.update(rest);
    }

    /// The verdict once the object has ended at offset `end`.
    pub(super) fn conclude(&mut self, end: usize) -> Result<(), (Fault, usize)> {
        self.record.len = end as u64;
        if let Some(fault) = self.check(end) {
            return Err((fault, self.stated_comma));
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        match self.conclude_members() {
            None => Ok(()),
            Some(fault @ Fault::WrongType(_)) => Err((fault, self.wrong_at)),
            Some(fault) => Err((fault, 0)),
        }
    }

    /// F5: the record ends with exactly `,"crc":"xxxxxxxx"}`, 18 bytes.
    fn check(&mut self, end: usize) -> Option<Fault> {
        let right = self.stated_crc == Some(self.prefix);
        match self.stated {
            Stated::Nothing => return None,
            // The right checksum under another name: that name was damaged.
            Stated::Unnamed => return right.then_some(Fault::CrcMalformed),
            Stated::Named => {}
        }
        let in_place = self.stated_comma.wrapping_add(18) == end
            && self.stated_end.wrapping_add(1) == end
            && self.stated_crc.is_some();
        if !in_place {
            return Some(Fault::CrcMalformed);
        }
        self.record.has_crc = true;
        let computed = self.prefix;
        (!right).then_some(Fault::CrcMismatch { computed })
    }

    fn conclude_members(&mut self) -> Option<Fault> {
        use Member as M;
        let record = &mut self.record;
        // What has to be there, what has to be right where it is there, and the reference that counts.
        let (required, optional, referring): (&[M], &[M], _) = match record.kind {
            Kind::Message => (&[M::Type, M::Id, M::Message], &[M::ParentId], None),
            Kind::Compaction => (
                &[M::Type, M::Id, M::Summary, M::FirstKeptEntryId],
                &[M::ParentId, M::TokensBefore, M::TokensAfter],
                Some(M::FirstKeptEntryId),
            ),
            Kind::Leaf => (
                &[M::Type, M::Id, M::EntryId],
                &[M::ParentId],
                Some(M::EntryId),
            ),
            Kind::Session => (&[M::Type], &[], Some(M::ForkPoint)),
            Kind::Unknown => (&[M::Type], &[], None),
        };
        let missing = |member: &&M| self.seen & member.bit() == 0;
        let wrong = |member: &&M| self.wrong & member.bit() != 0;
        for member in required {
            if missing(&member) {
                return Some(Fault::Missing(*member));
            }
            if wrong(&member) {
                return Some(Fault::WrongType(*member));
            }
        }
        if let Some(member) = optional.iter().find(wrong) {
            return Some(Fault::WrongType(*member));
        }
        let references = M::FirstKeptEntryId.bit() | M::EntryId.bit() | M::ForkPoint.bit();
        if record.kind != Kind::Unknown && (self.seen & references).count_ones() > 1 {
            return Some(Fault::Conflict(self.reference.unwrap_or(M::EntryId)));
        }
        if self.reference != referring {
            record.reference = None;
        }
        if record.kind == Kind::Unknown {
            record.tokens_before = None;
            record.tokens_after = None;
        }
        let bearer = matches!(record.kind, Kind::Compaction | Kind::Leaf);
        if !(self.totals_seen == 0b1_1111 && bearer && record.has_crc) {
            record.totals = None;
        }
        None
    }

    fn fault(&mut self, fault: Fault, at: usize) {
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

    fn mark_wrong(&mut self, member: Member) {
        if self.wrong == 0 {
            self.wrong_at = self.member_at;
        }
        self.wrong |= member.bit();
    }

    fn begin_member(&mut self, member: Member, kind: ValueKind, at: usize) {
        use Member as M;
        if self.seen & member.bit() != 0 {
            self.fault(Fault::Duplicate(member), at);
        }
        self.seen |= member.bit();
        self.member_at = at;
        let string = matches!(kind, ValueKind::String);
        let fits = match member {
            M::Message => matches!(kind, ValueKind::Object),
            M::Totals => true,
            M::TokensBefore | M::TokensAfter | M::Version => matches!(kind, ValueKind::Number(_)),
            M::ParentId => string || matches!(kind, ValueKind::Null),
            _ => string,
        };
        if !fits {
            self.mark_wrong(member);
        }
        if string && member == M::Summary {
            self.hold(Hold::Summary);
        }
    }
}

impl<I: IdForm> Fields<I> {
    fn end_member(&mut self, member: Member, kind: ValueKind, at: usize) {
        use Member as M;
        let span = Span {
            start: self.member_at as u64,
            len: at.wrapping_sub(self.member_at) as u64,
        };
        let record = &mut self.record;
        match (member, kind) {
            (M::Message, ValueKind::Object) => {
                let message = &mut record.message;
                message.payload = span;
                let extra = u64::from(self.texts.saturating_sub(1));
                message.text_len = message.text_len.wrapping_add(extra);
                let known = self.buckets != 0 && self.odd_buckets == 0 && self.reported;
                if message.role != Role::Assistant || !known {
                    message.usage = None;
                }
            }
            (M::Summary, ValueKind::String) => record.summary = span,
            (M::TokensBefore, ValueKind::Number(n @ Some(_))) => record.tokens_before = n,
            (M::TokensAfter, ValueKind::Number(n @ Some(_))) => record.tokens_after = n,
            (M::TokensBefore | M::TokensAfter, ValueKind::Number(None)) => self.mark_wrong(member),
            (M::Version, ValueKind::Number(n)) => record.version = n,
            (_, ValueKind::String) => self.end_string(member, at),
            _ => {}
        }
        if member == M::ParentId {
            self.record.parent = span;
        }
    }

    fn end_string(&mut self, member: Member, at: usize) {
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
            M::Id | M::ParentId | M::FirstKeptEntryId | M::EntryId | M::ForkPoint => {
                self.end_id(member);
            }
            M::Timestamp if I::DETAILS && !self.overflow => {
                self.record.timestamp = core::str::from_utf8(&self.held)
                    .ok()
                    .and_then(Timestamp::parse);
            }
            M::Writer => self.record.ours = self.held.starts_with(b"sessionlog/"),
            M::Crc => self.state(Stated::Named, at),
            _ => {}
        }
    }

    fn end_id(&mut self, member: Member) {
        let mut id = None;
        if self.overflow {
            self.fault(Fault::IdTooLong(member), self.member_at);
        } else {
            id = I::of(&self.held);
        }
        let record = &mut self.record;
        match member {
            Member::Id => {
                record.id = id;
                record.number = number_of(&self.held);
            }
            Member::ParentId => record.parent_id = id,
            _ => {
                record.reference = id;
                self.reference = Some(member);
            }
        }
    }
}

impl<I> Fields<I> {
    /// Takes the string that ended at offset `at` for the checksum.
    fn state(&mut self, stated: Stated, at: usize) {
        self.stated = stated;
        self.stated_crc = Crc32::parse_hex(&self.held).filter(|_| !self.overflow);
        self.stated_comma = self.comma_at;
        self.stated_end = at;
    }
}
