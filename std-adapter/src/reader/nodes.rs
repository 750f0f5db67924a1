//! What is remembered of each node: some hundred bytes, whatever the record's length.

use sessionlog_core::{
    EntryId, PicoUsd, Timestamp, Usage,
    record::{Extent, Kind, Record, Role, Span},
    replay::{Full, Node, Table},
};
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::Arc,
};

/// Stands for "none" where an index is stored.
const NONE: u32 = u32::MAX;
/// Length of an id that is not there; ids have at most 128 bytes.
const NO_ID: u8 = u8::MAX;

/// A time that no timestamp can tell.
const NO_TIME: i64 = i64::MIN;

/// Ids that are held before they are put where they are found by their hash.
const FRESH: usize = 16;
/// So many names are looked at one by one: few sessions have more.
const FEW: usize = 8;

/// What is kept of a node.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) extent: Extent,
    pub(crate) line: u64,
    /// Where a message's payload lies in the record.
    pub(crate) payload: Span,
    /// Where a message's first text, or a compaction's summary, lies in the record.
    pub(crate) text: Span,
    /// In milliseconds, or [`NO_TIME`].
    time: i64,
    id_start: usize,
    parent: u32,
    first_kept: u32,
    usage: u32,
    model: u32,
    provider: u32,
    id_len: u8,
    pub(crate) kind: Kind,
    pub(crate) role: Role,
}

impl Kept {
    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        (self.time != NO_TIME).then(|| Timestamp::from_unix_ms(self.time))
    }
}

/// An id's newest bearer.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The upper half of the id's hash: most other ids differ in it, and need not be looked up.
    tag: u32,
    index: u32,
}

const EMPTY: Slot = Slot {
    tag: 0,
    index: NONE,
};

/// The nodes of a file.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    nodes: Vec<Kept>,
    /// All ids, one behind the other.
    ids: String,
    /// The newest bearer of each id, by the id's hash: open addressing, at most half full.
    slots: Vec<Slot>,
    borne: usize,
    /// The last nodes that bear an id, oldest first, and their ids' hashes: not in the slots yet.
    fresh: Vec<(u64, u32)>,
    hasher: RandomState,
    usages: Vec<Usage>,
    /// What answers tell that they cost, by index: few sessions have any.
    costs: Vec<(u32, PicoUsd)>,
    names: Names,
    /// The line of the record that is pushed next.
    pub(crate) line: u64,
}

impl Nodes {
    pub(crate) fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    pub(crate) fn kept(&self, index: u32) -> Option<&Kept> {
        self.nodes.get(index as usize)
    }

    /// The nodes' kinds, in file order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.nodes.iter().map(|kept| kept.kind)
    }

    pub(crate) fn id(&self, index: u32) -> Option<&str> {
        let kept = self.kept(index)?;
        let len = usize::from(kept.id_len);
        (kept.id_len != NO_ID).then(|| &self.ids[kept.id_start..kept.id_start + len])
    }

    pub(crate) fn parent(&self, index: u32) -> Option<u32> {
        some(self.kept(index)?.parent)
    }

    pub(crate) fn usage(&self, index: u32) -> Option<&Usage> {
        self.usages.get(some(self.kept(index)?.usage)? as usize)
    }

    pub(crate) fn cost(&self, index: u32) -> Option<PicoUsd> {
        let at = self.costs.binary_search_by_key(&index, |(of, _)| *of);
        Some(self.costs[at.ok()?].1)
    }

    pub(crate) fn model(&self, index: u32) -> Option<&str> {
        self.names.get(self.kept(index)?.model)
    }

    pub(crate) fn provider(&self, index: u32) -> Option<&str> {
        self.names.get(self.kept(index)?.provider)
    }

    /// Sets who wrote the node that was pushed last; the names are JSON strings with their quotes.
    pub(crate) fn set_author(&mut self, provider: Option<&[u8]>, model: Option<&[u8]>) {
        if let Some(last) = self.nodes.last_mut() {
            last.provider = self.names.number(provider);
            last.model = self.names.number(model);
        }
    }

    /// Sets what the node that was pushed last tells that it cost.
    pub(crate) fn set_cost(&mut self, cost: PicoUsd) {
        if let Some(last) = self.len().checked_sub(1) {
            self.costs.push((last, cost));
        }
    }

    /// The last node that bears `id`.
    pub(crate) fn find_id(&self, id: &str) -> Option<u32> {
        // Most parents, and most leaves' targets, are the last node.
        let last = self.len().checked_sub(1);
        if last.is_some_and(|last| self.id(last) == Some(id)) {
            return last;
        }
        let hash = self.hasher.hash_one(id);
        let fresh = self.fresh.iter().rev();
        let mut fresh =
            fresh.filter(|(other, index)| *other == hash && self.id(*index) == Some(id));
        if let Some((_, index)) = fresh.next() {
            return Some(*index);
        }
        some(self.slots.get(self.slot_of(id, hash)?)?.index)
    }

    /// The slot that holds the newest bearer of `id`, or the empty one where it would stand.
    fn slot_of(&self, id: &str, hash: u64) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            let is_it = slot.tag == tag(hash) && self.id(slot.index) == Some(id);
            if slot.index == NONE || is_it {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Puts the fresh nodes into the slots. Slots lie far apart in memory: several are fetched in the time of one.
    fn settle(&mut self) {
        if (self.borne + self.fresh.len()) * 2 > self.slots.len() {
            let len = (self.slots.len() * 2).max(4 * FRESH);
            for slot in std::mem::replace(&mut self.slots, vec![EMPTY; len]) {
                if slot.index != NONE
                    && let Some(id) = self.id(slot.index)
                    && let Some(at) = self.slot_of(id, self.hasher.hash_one(id))
                {
                    self.slots[at] = slot;
                }
            }
        }
        for fresh in 0..self.fresh.len() {
            let (hash, index) = self.fresh[fresh];
            let at = self.id(index).and_then(|id| self.slot_of(id, hash));
            if let Some(at) = at {
                self.borne += usize::from(self.slots[at].index == NONE);
                self.slots[at] = Slot {
                    tag: tag(hash),
                    index,
                };
            }
        }
        self.fresh.clear();
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Table for Nodes {
    fn push(&mut self, record: &Record, node: Node) -> Result<u32, Full> {
        let index = u32::try_from(self.nodes.len()).ok().filter(|i| *i != NONE);
        let index = index.ok_or(Full)?;
        let id_start = self.ids.len();
        let id = record.id.as_ref().map(EntryId::as_str);
        self.ids.push_str(id.unwrap_or(""));
        let usage = match &record.message.usage {
            Some(usage) if record.message.role == Role::Assistant && node.kind == Kind::Message => {
                self.usages.push(*usage);
                (self.usages.len() - 1) as u32
            }
            _ => NONE,
        };
        self.nodes.push(Kept {
            extent: node.extent,
            line: self.line,
            payload: record.message.payload,
            text: match node.kind {
                Kind::Compaction => record.summary,
                _ => record.message.first_text,
            },
            time: record.timestamp.map_or(NO_TIME, Timestamp::unix_ms),
            id_start,
            parent: node.parent.unwrap_or(NONE),
            first_kept: node.first_kept.unwrap_or(NONE),
            usage,
            model: NONE,
            provider: NONE,
            id_len: id.map_or(NO_ID, |id| id.len() as u8),
            kind: node.kind,
            role: record.message.role,
        });
        if let Some(id) = id {
            self.fresh.push((self.hasher.hash_one(id), index));
            if self.fresh.len() >= FRESH {
                self.settle();
            }
        }
        Ok(index)
    }

    fn find(&self, id: &EntryId) -> Option<u32> {
        self.find_id(id.as_str())
    }

    fn get(&self, index: u32) -> Option<Node> {
        let kept = self.kept(index)?;
        Some(Node {
            extent: kept.extent,
            kind: kept.kind,
            parent: some(kept.parent),
            first_kept: some(kept.first_kept),
        })
    }
}

fn some(index: u32) -> Option<u32> {
    (index != NONE).then_some(index)
}

/// Names that come again and again, each held once.
#[derive(Debug, Default)]
struct Names {
    /// By how the name is written in JSON: the first few.
    few: Vec<(Box<[u8]>, u32)>,
    /// The others.
    numbers: HashMap<Box<[u8]>, u32>,
    names: Vec<Arc<str>>,
    /// Their numbers, for a name that is written in another way: each line may bring a new one, so none is searched for.
    known: HashMap<Arc<str>, u32>,
}

impl Names {
    fn get(&self, number: u32) -> Option<&str> {
        self.names.get(number as usize).map(|name| &**name)
    }

    fn number(&mut self, json: Option<&[u8]>) -> u32 {
        let Some(json) = json else { return NONE };
        let few = self.few.iter().find(|(known, _)| **known == *json);
        let known = few.map(|(_, number)| number);
        if let Some(number) = known.or_else(|| self.numbers.get(json)) {
            return *number;
        }
        let Ok(name) = serde_json::from_slice::<String>(json) else {
            return NONE;
        };
        // The same name may be written in several ways.
        let name: Arc<str> = name.into();
        let next = self.names.len() as u32;
        let number = *self.known.entry(Arc::clone(&name)).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        match self.few.len() < FEW {
            true => self.few.push((json.into(), number)),
            false => drop(self.numbers.insert(json.into(), number)),
        }
        number
    }
}
