//! What the beginning of a log says, and what was met on the way back to it.

use crate::{
    id::EntryId,
    record::{Extent, Record},
    recovery::Health,
    usage::add_to,
};

/// A header's bookkeeping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Head<I = EntryId> {
    /// Where the header lies; `None` when it is lost or missing (F10).
    pub extent: Option<Extent>,
    /// Its `version`.
    pub version: Option<u64>,
    /// Our writer wrote it.
    pub ours: bool,
    /// The last inherited entry (F11).
    pub fork_point: Option<I>,
}

impl<I> Head<I> {
    const NEW: Self = Head {
        extent: None,
        version: None,
        ours: false,
        fork_point: None,
    };
}

impl<I> Default for Head<I> {
    fn default() -> Self {
        Self::NEW
    }
}

impl<I: Clone> Head<I> {
    /// The head that a header record gives.
    pub fn of(record: &Record<I>, extent: Extent) -> Self {
        Head {
            extent: Some(extent),
            version: record.version,
            ours: record.ours,
            fork_point: record.reference.clone(),
        }
    }
}

/// What the beginning of a log says about all of it.
#[derive(Clone, Debug)]
pub(crate) struct Beginning<I = EntryId> {
    pub(crate) head: Head<I>,
    /// Where a foreign log's linear prefix ends (F14): at its first node with a parent id and no checksum. `None`: nobody
    /// has looked.
    pub(crate) prefix_end: Option<u64>,
}

impl<I> Beginning<I> {
    /// Nothing is known.
    pub(crate) const NEW: Self = Beginning {
        head: Head::NEW,
        prefix_end: None,
    };
}

/// What was met on the way back, as counts. What lies before the place that was reached is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Notes {
    /// Corrupt lines and torn tail.
    pub health: Health,
    /// Where the torn tail begins.
    pub torn_at: Option<u64>,
    /// Leaves without target (F12).
    pub dangling_leaves: u64,
    /// Parents replaced by the nearest entry (F15).
    pub bridges: u64,
    /// Parents that are nowhere (F15).
    pub missing_parents: u64,
    /// Leaves of any kind: their writer knows branches.
    pub leaves: u64,
}

impl Notes {
    pub(super) const NEW: Self = Notes {
        health: Health {
            corrupt: 0,
            torn: false,
        },
        torn_at: None,
        dangling_leaves: 0,
        bridges: 0,
        missing_parents: 0,
        leaves: 0,
    };
}

/// Counts one more.
pub(super) fn count(number: &mut u64) {
    add_to(number, 1);
}
