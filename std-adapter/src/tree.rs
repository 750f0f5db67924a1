//! The branches of a session.

use crate::{Error, SessionLog};
use serde::Serialize;
use sessionlog_core::{Timestamp, record::Kind};

/// Characters of a branch's summary.
pub const SUMMARY_CHARS: usize = 80;

/// The branches of a session. Unknown entries make no branches: they are passed through.
///
/// Serialises to what `sessionlog tree --json` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionTree {
    /// Id of the session's tip (F12).
    tip: Option<String>,
    branches: Vec<Branch>,
}

/// A branch: the way from a root to a message or compaction without children, or to the tip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// Id of its last message or compaction.
    pub tip: String,
    /// Index of that node.
    #[serde(skip)]
    pub index: u32,
    /// Id of the nearest entry before the tip that has several children.
    pub fork_point: Option<String>,
    /// Links from the root to the tip.
    pub depth: u64,
    /// Entries from the root to the tip: messages, compactions and unknown ones, as a fork of it copies them. No leaf
    /// stands on a branch.
    pub entries: u64,
    /// The session's tip is here.
    pub active: bool,
    /// Entries follow the tip: a leaf has moved the session's tip back to here.
    #[serde(skip)]
    pub inner: bool,
    /// The beginning of the last text on the branch: a message's, or a compaction's summary.
    pub summary: Option<String>,
    /// When the tip was written, if its `timestamp` is a time.
    pub timestamp: Option<Timestamp>,
}

/// What is known of a node on the way from the roots to the tips.
#[derive(Clone, Copy, Default)]
struct Step {
    /// The nearest message or compaction above.
    parent: Option<u32>,
    children: u32,
    depth: u32,
    /// Entries from the root to here, unknown ones included.
    entries: u32,
    /// The nearest entry above with several children.
    fork: Option<u32>,
    /// The nearest entry, itself included, that has a text.
    text: Option<u32>,
}

impl SessionTree {
    /// The session's branches, in the file order of their tips. Takes time linear in the session, however it branches.
    ///
    /// # Errors
    /// [`Error::Io`] when the texts cannot be read, or the file has changed.
    pub fn of(log: &SessionLog) -> Result<Self, Error> {
        let steps = steps(log);
        let is_entry = |index: u32| {
            log.node(index)
                .is_some_and(|node| node.kind != Kind::Unknown)
        };
        let active = log.tip().and_then(|tip| {
            if is_entry(tip) {
                Some(tip)
            } else {
                steps[tip as usize].parent
            }
        });
        let id = |index: u32| log.node(index).and_then(|node| node.id).map(str::to_owned);
        let mut branches = Vec::new();
        for (index, step) in (0u32..).zip(&steps) {
            let ends = step.children == 0 && is_entry(index);
            if !ends && active != Some(index) {
                continue;
            }
            let summary = match step.text {
                Some(with_text) => log.first_text(with_text, SUMMARY_CHARS)?,
                None => None,
            };
            branches.push(Branch {
                tip: id(index).unwrap_or_default(),
                index,
                fork_point: step.fork.and_then(id),
                depth: u64::from(step.depth),
                entries: u64::from(step.entries),
                active: active == Some(index),
                inner: !ends,
                summary,
                timestamp: log.node(index).and_then(|node| node.timestamp),
            });
        }
        Ok(Self {
            tip: log.tip().and_then(id),
            branches,
        })
    }

    /// Id of the session's tip: where the next message goes. A leaf may have made an unknown entry the tip.
    #[must_use]
    pub fn tip(&self) -> Option<&str> {
        self.tip.as_deref()
    }

    /// The branches, in the file order of their tips.
    #[must_use]
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The branch that the session's tip is on.
    #[must_use]
    pub fn active(&self) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.active)
    }
}

/// Parents come before their children, so two passes in file order suffice.
fn steps(log: &SessionLog) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(log.node_count() as usize);
    for node in log.nodes() {
        let parent = node.parent.and_then(|above| {
            let unknown = log.node(above)?.kind == Kind::Unknown;
            if unknown {
                steps[above as usize].parent
            } else {
                Some(above)
            }
        });
        let above = node.parent.map_or(0, |above| steps[above as usize].entries);
        let mut step = Step {
            parent,
            entries: above + 1,
            ..Step::default()
        };
        if node.kind != Kind::Unknown {
            step.text = Some(node.index).filter(|_| node.has_text);
            if let Some(above) = parent.map(|above| &mut steps[above as usize]) {
                above.children += 1;
                step.depth = above.depth + 1;
                step.text = step.text.or(above.text);
            }
        }
        steps.push(step);
    }
    for index in 0..steps.len() {
        if let Some(above) = steps[index].parent {
            let of = &steps[above as usize];
            steps[index].fork = Some(above).filter(|_| of.children > 1).or(of.fork);
        }
    }
    steps
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
