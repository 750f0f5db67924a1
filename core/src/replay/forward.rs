//! Forward replay: the reading rules in one pass over the file, in time linear in it.
//!
//! What has to be remembered of each node lies in a [`Table`]: the desktop's grows, a device's is lent ([`SliceTable`]).

use super::Head;
use crate::{
    id::{EntryId, Sequence},
    record::{AtFork, Extent, Kind, Record},
    recovery::{Event, Found, Health},
    usage::UsageTotals,
};

/// What is remembered of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Node {
    /// Where it lies.
    pub extent: Extent,
    /// Message, compaction or unknown.
    pub kind: Kind,
    /// Index of its parent (F13 to F15).
    pub parent: Option<u32>,
    /// Index of the node that a compaction names as its first kept entry (F17).
    pub first_kept: Option<u32>,
}

/// The table has no room for another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the table of nodes is full")
    }
}

impl core::error::Error for Full {}

/// The nodes of a file, in file order; indices count from 0.
pub trait Table {
    /// Adds a node; `record` is its bookkeeping. Gives its index.
    fn push(&mut self, record: &Record, node: Node) -> Result<u32, Full>;
    /// The last node added that bears `id`.
    fn find(&self, id: &EntryId) -> Option<u32>;
    /// The node at `index`.
    fn get(&self, index: u32) -> Option<Node>;
}

/// Something in a record that is not as it should be, and how it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Note {
    /// A leaf whose target does not exist: passed over (F12).
    DanglingLeaf,
    /// The parent is lost; this node stands in for it (F15).
    Bridge {
        /// Its index.
        parent: u32,
    },
    /// The parent is nowhere: the branch begins here (F15).
    MissingParent,
}

/// Applies the reading rules to a file's events, in file order.
pub struct Forward<T> {
    /// The nodes.
    pub table: T,
    head: Head,
    tip: Option<u32>,
    /// The nearest earlier message or compaction, and whether it was salvaged.
    nearest: Option<(u32, bool)>,
    /// A corrupt record lies after it.
    corrupt_since: bool,
    linear_over: bool,
    /// The fork point has not come yet: what is spent may be inherited.
    inheriting: bool,
    spent: UsageTotals,
    watermark: u64,
    sequence: Sequence,
    health: Health,
    entries: u64,
    unknown: u64,
}

impl<T: Table> Forward<T> {
    /// At the beginning of a file; `table` is empty.
    pub fn new(table: T) -> Self {
        Forward {
            table,
            head: Head::default(),
            tip: None,
            nearest: None,
            corrupt_since: false,
            linear_over: false,
            inheriting: false,
            spent: UsageTotals::default(),
            watermark: 0,
            sequence: Sequence::new(),
            health: Health::default(),
            entries: 0,
            unknown: 0,
        }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event<'_>) -> Result<Option<Note>, Full> {
        match event {
            Event::Corrupt(_) => {
                self.health.corrupt = self.health.corrupt.saturating_add(1);
                self.corrupt_since = true;
                Ok(None)
            }
            Event::Torn { .. } => {
                self.health.torn = true;
                Ok(None)
            }
            Event::Record(found) => self.take_record(found),
        }
    }

    fn take_record(&mut self, found: &Found<'_>) -> Result<Option<Note>, Full> {
        let record = found.record;
        if found.header_place && record.kind == Kind::Session {
            self.head = Head::of(record, found.extent);
            self.inheriting = self.head.fork_point.is_some();
            return Ok(None);
        }
        self.entries = self.entries.saturating_add(1);
        if let Some(id) = &record.id {
            self.sequence.observe(id);
        }
        if self.at_fork(record) == AtFork::Own {
            self.end_inheritance();
        }
        if record.kind == Kind::Leaf {
            let target = record.reference.as_ref().and_then(|id| self.table.find(id));
            self.tip = target.or(self.tip);
            return Ok(target.is_none().then_some(Note::DanglingLeaf));
        }
        self.take_node(found)
    }

    fn take_node(&mut self, found: &Found<'_>) -> Result<Option<Note>, Full> {
        let record = found.record;
        let (parent, note) = self.parent_of(record);
        let kind = match record.kind {
            Kind::Session => Kind::Unknown,
            kind => kind,
        };
        let first_kept = match (kind, &record.reference) {
            (Kind::Compaction, Some(id)) => self.table.find(id),
            _ => None,
        };
        let node = Node {
            extent: found.extent,
            kind,
            parent,
            first_kept,
        };
        let index = self.table.push(record, node)?;
        if kind == Kind::Unknown {
            self.unknown = self.unknown.saturating_add(1);
            return Ok(note);
        }
        self.tip = Some(index);
        self.nearest = Some((index, found.salvaged));
        self.corrupt_since = false;
        record.add_usage_to(&mut self.spent);
        if kind == Kind::Compaction {
            self.watermark = self.spent.usage.total_tokens();
        }
        if self.at_fork(record) == AtFork::Last {
            self.end_inheritance();
        }
        Ok(note)
    }

    /// Where inheritance ends, if it has not ended yet.
    fn at_fork(&self, record: &Record) -> AtFork {
        let fork_point = self.head.fork_point.as_ref().filter(|_| self.inheriting);
        fork_point.map_or(AtFork::Elsewhere, |id| record.at_fork(id))
    }

    /// What was spent so far is another session's.
    fn end_inheritance(&mut self) {
        self.inheriting = false;
        self.spent = UsageTotals::default();
        self.watermark = 0;
    }

    /// F13 to F15.
    fn parent_of(&mut self, record: &Record) -> (Option<u32>, Option<Note>) {
        let Some(id) = &record.parent_id else {
            let linear = !self.head.ours && !self.linear_over;
            return (self.tip.filter(|_| linear), None);
        };
        self.linear_over |= !record.has_crc;
        if let Some(parent) = self.table.find(id) {
            return (Some(parent), None);
        }
        match self.nearest {
            Some((parent, salvaged)) if salvaged || self.corrupt_since => {
                (Some(parent), Some(Note::Bridge { parent }))
            }
            _ => (None, Some(Note::MissingParent)),
        }
    }

    /// The header's bookkeeping.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The tip.
    pub fn tip(&self) -> Option<u32> {
        self.tip
    }

    /// Corrupt records and torn tail so far.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Usage of all entries that are not inherited (F11).
    pub fn spent(&self) -> UsageTotals {
        self.spent
    }

    /// The total of `spent` when the newest compaction was written (F19).
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// The counter for the next id (F25).
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Number of entries: messages, compactions, leaves and unknown ones.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Number of unknown entries.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }
}

/// Where the context of a branch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContextStart {
    /// Position on the branch of the compaction whose summary comes first.
    pub summary: Option<usize>,
    /// Position on the branch from which on all messages are in the context.
    pub first: usize,
}

/// F17 for a branch, given as indices from its root to its tip.
pub fn context_start<T: Table>(table: &T, branch: &[u32]) -> ContextStart {
    let mut start = ContextStart::default();
    for (position, &index) in branch.iter().enumerate() {
        let Some(node) = table.get(index) else {
            continue;
        };
        if node.kind != Kind::Compaction {
            continue;
        }
        // Parents come before their children, so indices rise along the branch.
        let buffer = branch.get(start.first..position).unwrap_or(&[]);
        let kept = node.first_kept.and_then(|kept| {
            let is_message = table.get(kept)?.kind == Kind::Message;
            buffer.binary_search(&kept).ok().filter(|_| is_message)
        });
        start = ContextStart {
            summary: Some(position),
            first: kept.map_or(position, |kept| start.first.saturating_add(kept)),
        };
    }
    start
}

/// A place in a [`SliceTable`].
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slot {
    id: Option<EntryId>,
    node: Node,
}

/// A table in memory that is lent, searched from its end.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SliceTable<'a> {
    slots: &'a mut [Slot],
    len: usize,
}

impl<'a> SliceTable<'a> {
    /// An empty table with room for as many nodes as there are slots.
    pub fn new(slots: &'a mut [Slot]) -> Self {
        SliceTable { slots, len: 0 }
    }
}

impl Table for SliceTable<'_> {
    fn push(&mut self, record: &Record, node: Node) -> Result<u32, Full> {
        let index = u32::try_from(self.len).map_err(|_| Full)?;
        let slot = self.slots.get_mut(self.len).ok_or(Full)?;
        *slot = Slot {
            id: record.id.clone(),
            node,
        };
        self.len = self.len.saturating_add(1);
        Ok(index)
    }

    fn find(&self, id: &EntryId) -> Option<u32> {
        let used = self.slots.get(..self.len).unwrap_or(&[]);
        let index = used.iter().rposition(|slot| slot.id.as_ref() == Some(id))?;
        u32::try_from(index).ok()
    }

    fn get(&self, index: u32) -> Option<Node> {
        let used = self.slots.get(..self.len)?;
        Some(used.get(usize::try_from(index).ok()?)?.node)
    }
}
