//! The reference reader: FORMAT.md, F1 to F24, read as plainly as it can be written.
//!
//! The whole file is in memory, it is read forward, and nothing is fast. It shares no code with the core: the two
//! are compared with each other, so that a mistake must be made twice to go unseen.

pub mod context;
pub mod json;
pub mod lines;
pub mod record;

pub use lines::Damage;
pub use record::{Crc, Kind, Record, Usage};

use lines::Held;

/// Line 1 (F9, F10).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Header {
    /// Nothing but blank lines: no session.
    #[default]
    Empty,
    /// A valid header.
    Valid {
        /// `id`, when it is a string.
        id: Option<String>,
        /// `timestamp`, when it is a string.
        timestamp: Option<String>,
        /// `cwd`, when it is a string.
        cwd: Option<String>,
        /// `parent_session`, when it is a string.
        parent_session: Option<String>,
        /// `fork_point`, when it is a string.
        fork_point: Option<String>,
        /// Whether `writer` starts with `sessionlog/`.
        ours: bool,
    },
    /// Line 1 is corrupt.
    Lost,
    /// Line 1 is an entry.
    Missing,
    /// Line 1 is a header of another version, given as written: the file is refused and nothing else is read.
    Unsupported(Option<String>),
    /// The file holds a torn line 1 and nothing else.
    Torn,
}

/// The state of the file (F24).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong.
    #[default]
    Clean,
    /// There is a torn tail.
    Truncated,
    /// There is a corrupt record.
    Corrupt,
    /// Both.
    CorruptAndTruncated,
}

impl State {
    /// As `--json` output writes it.
    pub fn name(self) -> &'static str {
        match self {
            State::Clean => "clean",
            State::Truncated => "truncated",
            State::Corrupt => "corrupt",
            State::CorruptAndTruncated => "corrupt_and_truncated",
        }
    }
}

/// An entry: its record, and where it came from. All of the record's fields can be read through it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The record; `Kind::Session` does not occur: it is an unknown entry.
    pub record: Record,
    /// It was salvaged from a corrupt line (F22).
    pub salvaged: bool,
    /// How many corrupt lines stand before it.
    pub corrupt_before: usize,
}

impl std::ops::Deref for Entry {
    type Target = Record;
    fn deref(&self) -> &Record {
        &self.record
    }
}

/// One place of the context (F17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextItem {
    /// Index of the entry: a message, or the compaction whose summary stands here.
    pub entry: usize,
    /// It is a summary.
    pub summary: bool,
}

/// Usage added up (F8, F18): every sum saturates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// The buckets; the optional ones are known once one message knew them.
    pub usage: Usage,
    /// Messages with role `user`.
    pub turns: u64,
    /// Assistant messages of unknown usage.
    pub unreported: u64,
}

impl Sum {
    /// All four buckets.
    pub fn total(&self) -> u64 {
        let u = self.usage;
        u.input
            .saturating_add(u.output)
            .saturating_add(u.cache_read)
            .saturating_add(u.cache_write)
    }

    fn add(&mut self, message: &Record) {
        match message.role.as_deref() {
            Some("user") => self.turns += 1,
            Some("assistant") => match message.usage {
                None => self.unreported += 1,
                Some(more) => self.add_usage(more),
            },
            _ => {}
        }
    }

    fn add_usage(&mut self, more: Usage) {
        let u = &mut self.usage;
        u.input = u.input.saturating_add(more.input);
        u.output = u.output.saturating_add(more.output);
        u.cache_read = u.cache_read.saturating_add(more.cache_read);
        u.cache_write = u.cache_write.saturating_add(more.cache_write);
        let add = |known: Option<u64>, more: Option<u64>| match (known, more) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        u.cache_write_1h = add(u.cache_write_1h, more.cache_write_1h);
        u.reasoning = add(u.reasoning, more.reasoning);
    }
}

/// All that FORMAT.md says about a file. An entry is named by its index in `entries`.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Line 1.
    pub header: Header,
    /// Every entry in file order.
    pub entries: Vec<Entry>,
    /// Every corrupt line in file order.
    pub corrupt: Vec<Damage>,
    /// Offset and length of the torn tail.
    pub torn: Option<(usize, usize)>,
    /// How many lines are blank.
    pub blank: usize,
    /// Offset and length of a last record without `\n` (F20), salvaged or not.
    pub unended: Option<(usize, usize)>,
    /// The file's state.
    pub state: State,
    /// The tip (F12).
    pub tip: Option<usize>,
    /// The parent of each entry (F13 to F15); leaves have none.
    pub parents: Vec<Option<usize>>,
    /// The target of each leaf that has one (F12).
    pub targets: Vec<Option<usize>>,
    /// Nodes whose parent is a bridge (F15).
    pub bridged: Vec<usize>,
    /// Nodes that are roots because their parent is missing (F15).
    pub missing_parents: Vec<usize>,
    /// Leaves without a target (F12).
    pub dangling_leaves: Vec<usize>,
    /// From the root to the tip (F16).
    pub branch: Vec<usize>,
    /// The context (F17).
    pub context: Vec<ContextItem>,
    /// The first entry kept by the last compaction of the branch.
    pub kept_from: Option<usize>,
    /// Whether each entry is inherited (F11).
    pub inherited: Vec<bool>,
    /// Usage of the branch, what was compacted included (F19).
    pub branch_usage: Sum,
    /// Usage of everything that is not inherited (F19).
    pub spent_usage: Sum,
    /// The next number (F25).
    pub next_seq: u64,
    /// The total of `spent` at the newest compaction of the file (F19).
    pub watermark: u64,
}

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Model {
    let lines = lines::read(bytes);
    let mut m = Model {
        torn: lines.torn,
        blank: lines.blank,
        unended: lines.unended,
        ..Model::default()
    };
    for (i, held) in lines.held.into_iter().enumerate() {
        let first = i == 0;
        match held {
            Held::Record(r) if first && r.kind == Kind::Session => {
                m.header = header(&r);
            }
            Held::Record(r) => {
                if first {
                    m.header = Header::Missing;
                }
                m.push(*r, false);
            }
            Held::Corrupt(damage, salvaged) => {
                if first {
                    m.header = Header::Lost;
                }
                m.corrupt.push(damage);
                for r in salvaged {
                    // F23: the first candidate of line 1; a later one is never salvaged.
                    if r.kind == Kind::Session {
                        m.header = header(&r);
                    } else {
                        m.push(r, true);
                    }
                }
            }
            Held::Torn if first => m.header = Header::Torn,
            Held::Torn => {}
        }
        if matches!(m.header, Header::Unsupported(_)) {
            return Model {
                header: m.header,
                ..Model::default()
            };
        }
    }
    m.state = match (m.corrupt.is_empty(), m.torn.is_some()) {
        (true, false) => State::Clean,
        (true, true) => State::Truncated,
        (false, false) => State::Corrupt,
        (false, true) => State::CorruptAndTruncated,
    };
    m.link();
    m.branch = m.chain(m.tip);
    m.compact();
    m.count();
    m
}

fn header(r: &Record) -> Header {
    if r.version.as_deref() != Some("1") {
        return Header::Unsupported(r.version.clone());
    }
    Header::Valid {
        id: r.id.clone(),
        timestamp: r.timestamp.clone(),
        cwd: r.cwd.clone(),
        parent_session: r.parent_session.clone(),
        fork_point: r.fork_point.clone(),
        ours: r
            .writer
            .as_deref()
            .is_some_and(|w| w.starts_with("sessionlog/")),
    }
}

/// The number in an id of the form `x-N`, where `x` has no `-` (F25).
pub fn number_of(id: &str) -> Option<u64> {
    let (_, digits) = id.split_once('-')?;
    let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|n| decimal && *n < 1 << 63)
}

impl Model {
    /// Whether the file is ours (F9).
    pub fn ours(&self) -> bool {
        matches!(self.header, Header::Valid { ours: true, .. })
    }

    /// How many entries are of an unknown kind.
    pub fn unknown_entries(&self) -> usize {
        self.entries
            .iter()
            .filter(|e| e.kind == Kind::Unknown)
            .count()
    }

    fn push(&mut self, mut record: Record, salvaged: bool) {
        if record.kind == Kind::Session {
            record.kind = Kind::Unknown;
        }
        self.entries.push(Entry {
            record,
            salvaged,
            corrupt_before: self.corrupt.len(),
        });
    }

    fn is_node(&self, i: usize) -> bool {
        self.entries[i].kind != Kind::Leaf
    }

    fn is_content(&self, i: usize) -> bool {
        matches!(self.entries[i].kind, Kind::Message | Kind::Compaction)
    }

    /// The nearest node before entry `before` that bears the id.
    fn nearest(&self, id: &str, before: usize) -> Option<usize> {
        (0..before)
            .rev()
            .find(|&i| self.is_node(i) && self.entries[i].id.as_deref() == Some(id))
    }

    /// F12 to F15.
    fn link(&mut self) {
        let mut prefix = !self.ours();
        for i in 0..self.entries.len() {
            let entry = &self.entries[i];
            let (mut parent, mut target) = (None, None);
            if self.is_node(i) {
                prefix &= entry.parent_id.is_none() || entry.crc == Crc::Valid;
                parent = match &entry.parent_id {
                    None if prefix => self.tip,
                    None => None,
                    Some(id) => self.nearest(id, i).or_else(|| self.bridge(i)),
                };
                if entry.parent_id.is_some() && parent.is_none() {
                    self.missing_parents.push(i);
                }
                if entry
                    .parent_id
                    .as_ref()
                    .is_some_and(|id| self.nearest(id, i).is_none())
                    && parent.is_some()
                {
                    self.bridged.push(i);
                }
                if self.is_content(i) {
                    self.tip = Some(i);
                }
            } else {
                target = entry.target.as_ref().and_then(|id| self.nearest(id, i));
                match target {
                    Some(_) => self.tip = target,
                    None => self.dangling_leaves.push(i),
                }
            }
            self.parents.push(parent);
            self.targets.push(target);
        }
    }

    /// F15: the nearest earlier message or compaction, when a corrupt line stands between it and the child or when
    /// it was salvaged.
    fn bridge(&self, child: usize) -> Option<usize> {
        let found = (0..child).rev().find(|&i| self.is_content(i))?;
        let (entry, child) = (&self.entries[found], &self.entries[child]);
        (entry.corrupt_before < child.corrupt_before || entry.salvaged).then_some(found)
    }

    /// F16: from the root to this entry.
    pub fn chain(&self, tip: Option<usize>) -> Vec<usize> {
        let mut chain: Vec<usize> = std::iter::successors(tip, |&i| self.parents[i]).collect();
        chain.reverse();
        chain
    }

    /// F17.
    fn compact(&mut self) {
        for &i in &self.branch {
            let entry = &self.entries[i];
            match entry.kind {
                Kind::Message => self.context.push(ContextItem {
                    entry: i,
                    summary: false,
                }),
                Kind::Compaction => {
                    let named = entry.first_kept.as_ref().and_then(|id| self.nearest(id, i));
                    let place = self
                        .context
                        .iter()
                        .position(|c| !c.summary && Some(c.entry) == named);
                    let kept = place.map_or(Vec::new(), |n| self.context.split_off(n));
                    self.kept_from = kept.first().map(|c| c.entry);
                    self.context = vec![ContextItem {
                        entry: i,
                        summary: true,
                    }];
                    self.context.extend(kept);
                }
                _ => {}
            }
        }
    }

    /// F11, F19, F25.
    fn count(&mut self) {
        let fork = match &self.header {
            Header::Valid { fork_point, .. } => fork_point.clone(),
            _ => None,
        };
        let bears = |i: usize| self.is_content(i) && fork.is_some() && self.entries[i].id == fork;
        let bearer = (0..self.entries.len()).find(|&i| bears(i));
        let namer = (0..self.entries.len()).find(|&i| {
            let entry = &self.entries[i];
            let names = entry.parent_id == fork || entry.target == fork;
            fork.is_some() && names && !bears(i)
        });
        // The first entry that is the session's own.
        let own = bearer
            .map_or(usize::MAX, |i| i + 1)
            .min(namer.unwrap_or(usize::MAX));
        let own = if own == usize::MAX { 0 } else { own };
        self.next_seq = 1;
        for (i, entry) in self.entries.iter().enumerate() {
            let inherited = i < own;
            self.inherited.push(inherited);
            if entry.kind == Kind::Message && !inherited {
                self.spent_usage.add(entry);
            }
            if entry.kind == Kind::Compaction {
                self.watermark = self.spent_usage.total();
            }
            if let Some(n) = entry.id.as_deref().and_then(number_of) {
                self.next_seq = self.next_seq.max(n + 1);
            }
        }
        for &i in &self.branch {
            if self.entries[i].kind == Kind::Message {
                self.branch_usage.add(&self.entries[i]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
