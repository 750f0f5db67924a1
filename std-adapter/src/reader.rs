//! A session, read whole: what its file says by FORMAT.md's reading rules.

mod contents;
mod cost;
mod counts;
mod nodes;
mod pass;
mod problem;
mod sums;

pub use contents::CompactionInfo;
pub(crate) use cost::amount as told_amount;
pub use counts::Counts;
pub use problem::{MAX_LISTED, Problem, ProblemKind};

pub(crate) use nodes::Nodes;
pub(crate) use pass::problem;
pub(crate) use problem::Problems;

use crate::{Error, HeaderInfo, interchange, scan::scan};
use pass::Pass;
use sessionlog_core::{
    PicoUsd, Sequence, Timestamp, Usage, UsageTotals,
    record::{Extent, Kind, Role},
    recovery::{Event, Found, Health},
    replay::{ContextStart, Forward, Head, context_start},
};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// A session as its file was when it was opened.
///
/// The file is read once, from its beginning to its end; some hundred bytes are kept of each entry, and none of its text, which
/// is read when it is asked for. Nodes (messages, compactions and unknown entries) are named by their index, in file
/// order from 0; a parent's index is always lower than its child's. An index that does not exist is an error or `None`,
/// never a panic.
#[derive(Debug)]
pub struct SessionLog {
    path: PathBuf,
    file: File,
    bytes: u64,
    header: Option<HeaderInfo>,
    nodes: Nodes,
    leaves: Vec<Leaf>,
    problems: Problems,
    warnings: Problems,
    /// The first node that is not inherited (F11).
    own_from: Option<u32>,
    unended: bool,
    head: Head,
    tip: Option<u32>,
    health: Health,
    spent: UsageTotals,
    watermark: u64,
    sequence: Sequence,
    entries: u64,
    unknown: u64,
}

/// What is known of a node without reading the file again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeInfo<'a> {
    /// Its index.
    pub index: u32,
    /// Its id. Unknown entries may have none.
    pub id: Option<&'a str>,
    /// Message, compaction or unknown.
    pub kind: Kind,
    /// Where the record lies in the file.
    pub extent: Extent,
    /// The line's number, from 1.
    pub line: u64,
    /// Index of its parent (F13 to F15).
    pub parent: Option<u32>,
    /// Its `timestamp`, if that is a time.
    pub timestamp: Option<Timestamp>,
    /// Who speaks in a message.
    pub role: Role,
    /// What an assistant message reports; `None` is unknown, not zero (F18).
    pub usage: Option<Usage>,
    /// What an assistant message tells that it cost (`usage.cost_usd`), as the agent or the provider reckoned it.
    pub cost: Option<PicoUsd>,
    /// The model that an assistant message names.
    pub model: Option<&'a str>,
    /// The provider that an assistant message names.
    pub provider: Option<&'a str>,
    /// There is a text: a message's first one, or a compaction's summary ([`SessionLog::first_text`]).
    pub has_text: bool,
}

/// A leaf: a pointer to the tip (F12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its id.
    pub id: String,
    /// What it names.
    pub target: String,
    /// Index of the node that it made the tip; `None` if there was none of that name.
    pub node: Option<u32>,
    /// Where it lies.
    pub extent: Extent,
    /// The line's number, from 1.
    pub line: u64,
    /// When it was written, if its `timestamp` is a time.
    pub timestamp: Option<Timestamp>,
}

/// What the model is shown (F17).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The compaction whose summary comes first.
    pub summary: Option<u32>,
    /// The messages, oldest first.
    pub messages: Vec<u32>,
}

impl SessionLog {
    /// Reads the session in the file at `path`, or the newest one of the flash image that it is, or that of another agent
    /// ([`interchange`]). Needs no lock: a writer may be at work.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::UnsupportedVersion`], [`Error::NotFound`], [`Error::Io`]; [`Error::Unrecognised`]; [`Error::NotASession`] for what is no
    /// regular file and for a file without header and entries. A file whose header alone is lost is no error (F10).
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let input = interchange::input(&path)?;
        let mut log = Self::read(path, input.file, input.bytes, |_, _| {})?;
        if let Some(findings) = &input.findings {
            findings.adopt(&mut log);
        }
        Ok(log)
    }

    /// Takes over what was found in the foreign file that this session was made of; `place` turns places into that file's.
    pub(crate) fn adopt(
        &mut self,
        damage: &[Problem],
        corrupt: u64,
        torn: bool,
        place: impl FnMut(&mut Problem),
    ) {
        let found = self.problems.listed.iter_mut();
        found.chain(&mut self.warnings.listed).for_each(place);
        self.problems.listed.extend_from_slice(damage);
        self.problems.count += corrupt + u64::from(torn);
        self.health.corrupt += corrupt;
        self.health.torn |= torn;
    }

    /// Reads the first `bytes` bytes of `file`. `watch` sees each record after it was taken in.
    pub(crate) fn read(
        path: PathBuf,
        file: File,
        bytes: u64,
        mut watch: impl FnMut(&Forward<Nodes>, &Found<'_>) + Send,
    ) -> Result<Self, Error> {
        let mut pass = Pass::new();
        scan(&path, &file, bytes, |event, source| {
            let flow = pass.take(&path, event, source)?;
            if let Event::Record(found) = event {
                watch(&pass.forward, found);
            }
            Ok(flow)
        })?;
        pass.finish(path, file, bytes)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes, as it was read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The session's id: the header's, or the file's name without extension.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.header {
            Some(header) if !header.id.is_empty() => header.id.clone(),
            _ => name_of(&self.path),
        }
    }

    /// The header; `None` if it is lost or missing (F10). Of one longer than [`HEAD_BYTES`](crate::header::HEAD_BYTES) only the version is told.
    #[must_use]
    pub fn header(&self) -> Option<&HeaderInfo> {
        self.header.as_ref()
    }

    /// The file that holds what came first in this session and was put away ([`prune`](crate::prune::split_off)): a
    /// name stands for a file in the session's directory or in the archive there. It may be missing.
    #[must_use]
    pub fn history(&self) -> Option<PathBuf> {
        let named = self.header.as_ref()?.history.as_deref()?;
        Some(crate::prune::history_of(&self.path, named))
    }

    /// The header's bookkeeping.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Corrupt records and torn tail (F24).
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// The damage, in file order: corrupt records and torn tail; the first [`MAX_LISTED`].
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems.listed
    }

    /// How many problems there are, listed or not.
    #[must_use]
    pub fn problem_count(&self) -> u64 {
        self.problems.count
    }

    /// What had to be interpreted, in file order: a header that is lost or missing, leaves without target, bridges, missing parents;
    /// the first [`MAX_LISTED`].
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings.listed
    }

    /// How many warnings there are, listed or not.
    #[must_use]
    pub fn warning_count(&self) -> u64 {
        self.warnings.count
    }

    /// The last line is a record without a line end, which counts (F20).
    #[must_use]
    pub fn is_unended(&self) -> bool {
        self.unended
    }

    /// Number of entries: messages, compactions, leaves and unknown ones.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.entries
    }

    /// How many entries of which kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            leaves: self.leaves.len() as u64,
            ..Counts::default()
        };
        self.nodes.kinds().for_each(|kind| counts.add(kind));
        counts
    }

    /// Number of unknown entries.
    #[must_use]
    pub fn unknown_count(&self) -> u64 {
        self.unknown
    }

    /// The leaves, in file order.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Number of leaves without target: they are passed over (F12).
    #[must_use]
    pub fn dangling_leaves(&self) -> u64 {
        let dangling = self.leaves.iter().filter(|leaf| leaf.node.is_none());
        dangling.count() as u64
    }

    /// Number of nodes.
    #[must_use]
    pub fn node_count(&self) -> u32 {
        self.nodes.len()
    }

    /// A node.
    #[must_use]
    pub fn node(&self, index: u32) -> Option<NodeInfo<'_>> {
        let kept = self.nodes.kept(index)?;
        Some(NodeInfo {
            index,
            id: self.nodes.id(index),
            kind: kept.kind,
            extent: kept.extent,
            line: kept.line,
            parent: self.nodes.parent(index),
            timestamp: kept.timestamp(),
            role: kept.role,
            usage: self.nodes.usage(index).copied(),
            cost: self.nodes.cost(index),
            model: self.nodes.model(index),
            provider: self.nodes.provider(index),
            has_text: !kept.text.is_empty(),
        })
    }

    /// All nodes, in file order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeInfo<'_>> + '_ {
        (0..self.nodes.len()).filter_map(|index| self.node(index))
    }

    /// The last node that bears this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<u32> {
        self.nodes.find_id(id)
    }

    /// Like [`find`](Self::find).
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`].
    pub fn require(&self, id: &str) -> Result<u32, Error> {
        self.find(id).ok_or_else(|| Error::NoSuchEntry {
            path: self.path.clone(),
            id: id.into(),
        })
    }

    /// The tip (F12).
    #[must_use]
    pub fn tip(&self) -> Option<u32> {
        self.tip
    }

    /// The chain of parents that ends in `tip`, from its root on (F16).
    #[must_use]
    pub fn branch(&self, tip: u32) -> Vec<u32> {
        let mut branch = Vec::new();
        let mut next = self.nodes.kept(tip).map(|_| tip);
        while let Some(index) = next {
            branch.push(index);
            next = self.nodes.parent(index);
        }
        branch.reverse();
        branch
    }

    /// What the model is shown at the tip (F17).
    #[must_use]
    pub fn context(&self) -> Context {
        self.tip
            .map_or_else(Context::default, |tip| self.context_at(tip))
    }

    /// What the model is shown at any node (F17).
    #[must_use]
    pub fn context_at(&self, tip: u32) -> Context {
        let branch = self.branch(tip);
        let ContextStart { summary, first } = context_start(&self.nodes, &branch);
        let is_message = |index: &u32| {
            self.nodes
                .kept(*index)
                .is_some_and(|kept| kept.kind == Kind::Message)
        };
        Context {
            summary: summary.map(|position| branch[position]),
            messages: branch[first..].iter().copied().filter(is_message).collect(),
        }
    }

    /// Usage and turns of the branch that ends in `tip`.
    #[must_use]
    pub fn branch_usage(&self, tip: u32) -> UsageTotals {
        let mut totals = UsageTotals::default();
        for index in self.branch(tip) {
            self.add_usage(index, &mut totals);
        }
        totals
    }

    /// Adds a node's usage and turn (F18).
    pub(crate) fn add_usage(&self, index: u32, totals: &mut UsageTotals) {
        let Some(kept) = self.nodes.kept(index) else {
            return;
        };
        match (kept.kind, kept.role) {
            (Kind::Message, Role::User) => totals.add_turn(),
            (Kind::Message, Role::Assistant) => match self.nodes.usage(index) {
                Some(usage) => totals.add_reported(usage),
                None => totals.add_unreported(),
            },
            _ => {}
        }
    }

    /// Usage of everything in the file that is not inherited, abandoned branches included (F19).
    #[must_use]
    pub fn spent(&self) -> UsageTotals {
        self.spent
    }

    /// The total of [`spent`](Self::spent) when the newest compaction was written (F19).
    #[must_use]
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// The counter for the next id (F25).
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The node was copied from another session (F11).
    #[must_use]
    pub fn inherited(&self, index: u32) -> bool {
        self.own_from.is_some_and(|first| index < first)
    }

    /// The header's fork point, as it is if the last inherited entry is there, otherwise as that would be: the one before it,
    /// or none when nothing inherited is left. As it is, too, where nothing tells any more what is inherited.
    pub(crate) fn present_fork_point(&self) -> Option<&str> {
        let named = self.header()?.fork_point.as_deref();
        let Some(first_own) = self.own_from else {
            return named;
        };
        let mut inherited = (0..first_own).rev().filter_map(|index| self.node(index));
        match inherited.find(|node| node.kind != Kind::Unknown) {
            Some(last) => last.id.or(named),
            None => None,
        }
    }
}

/// A file's name without its extension.
pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
