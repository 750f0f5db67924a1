//! What is wrong with a session, each with its place.

use sessionlog_core::record::Fault;
use std::fmt;

/// Problems that are listed at most; all are counted.
pub const MAX_LISTED: usize = 10_000;

/// Something in a session's file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line's number, from 1.
    pub line: u64,
    /// Offset in the file: the first wrong byte of a corrupt record, or the first byte of the entry or tail.
    pub byte: u64,
    /// The entry's id, where there is an entry that has one.
    pub id: Option<String>,
    /// What it is.
    pub kind: ProblemKind,
}

/// What is not as it should be. Displays as a sentence without place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A line that is no valid record (F21).
    Corrupt(Fault),
    /// Bytes after the last line end that are no record (F20).
    TornTail {
        /// How many.
        bytes: u64,
    },
    /// The last line is a record without a line end: it counts, and gets its line end before the next append (F20).
    NoLineEnd,
    /// Line 1 is damaged: the header is lost (F10).
    HeaderLost,
    /// Line 1 is an entry: there is no header (F10).
    HeaderMissing,
    /// A leaf whose target does not exist: passed over (F12).
    DanglingLeaf {
        /// What it names.
        target: String,
        /// The session has lost its beginning (F9), and its target may rightly be gone with it.
        reclaimed: bool,
    },
    /// The parent is lost in damage; the nearest earlier entry stands in for it (F15).
    Bridge {
        /// The parent that is lost.
        parent: String,
        /// The id of the entry that stands in for it.
        instead: String,
    },
    /// The parent is nowhere earlier: the branch begins here (F15).
    MissingParent {
        /// What it names.
        parent: String,
        /// The session has lost its beginning (F9), and the parent may rightly be gone with it.
        reclaimed: bool,
    },
    /// A sum that the record carries differs from a full count (F19).
    TotalsMismatch {
        /// Which: `branch`, `spent`, `turns`, `watermark` or `next_seq`.
        sum: &'static str,
        /// As it is recorded.
        recorded: String,
        /// As it is counted; for `next_seq` the least that is right.
        counted: String,
        /// It is counted on from sums that were recorded before it, which differ from a full count themselves.
        counted_on: bool,
        /// The session was repaired, or has lost its beginning (F9): the sum may rightly count what is gone.
        noted: bool,
    },
}

impl ProblemKind {
    /// Its name for machines.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Corrupt(_) => "corrupt",
            Self::TornTail { .. } => "torn_tail",
            Self::NoLineEnd => "no_line_end",
            Self::HeaderLost => "header_lost",
            Self::HeaderMissing => "header_missing",
            Self::DanglingLeaf { .. } => "dangling_leaf",
            Self::Bridge { .. } => "bridge",
            Self::MissingParent { .. } => "missing_parent",
            Self::TotalsMismatch { .. } => "totals_mismatch",
        }
    }

    /// It is only to be known: nothing is lost and nothing is wrong.
    #[must_use]
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Self::NoLineEnd
                | Self::TotalsMismatch { noted: true, .. }
                | Self::MissingParent {
                    reclaimed: true,
                    ..
                }
                | Self::DanglingLeaf {
                    reclaimed: true,
                    ..
                }
        )
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(fault) => write!(f, "corrupt record: {fault}"),
            Self::TornTail { bytes } => {
                write!(
                    f,
                    "torn tail: the last {bytes} bytes are an unfinished record"
                )
            }
            Self::NoLineEnd => f.write_str("the last record has no line end"),
            Self::HeaderLost => f.write_str("the header is lost"),
            Self::HeaderMissing => f.write_str("there is no header"),
            Self::DanglingLeaf {
                target,
                reclaimed: true,
            } => write!(f, "the leaf names {target:?}, which has been reclaimed"),
            Self::DanglingLeaf { target, .. } => {
                write!(
                    f,
                    "the leaf names {target:?}, which does not exist; passed over"
                )
            }
            Self::Bridge { parent, instead } => {
                write!(
                    f,
                    "its parent {parent:?} is lost in damage; linked to {instead:?} instead"
                )
            }
            Self::MissingParent {
                parent,
                reclaimed: true,
            } => write!(
                f,
                "its parent {parent:?} has been reclaimed; what is left begins here"
            ),
            Self::MissingParent { parent, .. } => {
                write!(
                    f,
                    "its parent {parent:?} does not exist; a branch begins here"
                )
            }
            Self::TotalsMismatch {
                sum,
                recorded,
                counted,
                counted_on,
                ..
            } => {
                let by = match counted_on {
                    true => "a count that goes on from what is recorded before",
                    false => "a full count",
                };
                write!(
                    f,
                    "its {sum} is recorded as {recorded}, but {by} gives {counted}"
                )
            }
        }
    }
}

impl fmt::Display for Problem {
    /// The place and what is wrong there, on one line. Ids are shown with their special characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, byte {}", self.line, self.byte)?;
        if let Some(id) = &self.id {
            write!(f, ", {id:?}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// Problems in file order: the first [`MAX_LISTED`], and how many there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems {
    pub(crate) listed: Vec<Problem>,
    pub(crate) count: u64,
}

impl Problems {
    /// `problem` is made only if there is room for it.
    pub(crate) fn add(&mut self, problem: impl FnOnce() -> Problem) {
        self.count += 1;
        self.list(problem);
    }

    /// As [`add`](Self::add), for what is only to be known: it does not count.
    pub(crate) fn list(&mut self, problem: impl FnOnce() -> Problem) {
        if self.listed.len() < MAX_LISTED {
            self.listed.push(problem());
        }
    }
}
