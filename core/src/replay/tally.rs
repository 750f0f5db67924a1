//! Sums on the way back: usage of the branch, and of all that was spent (F11, F18, F19).

use super::Notes;
use crate::{
    id::{FOREIGN_NUMBER_FLOOR, Sequence},
    record::{AtFork, Kind, Record, Role, Totals},
    usage::{UsageTotals, add_to},
};

/// Sums, gathered from the end back to the newest totals that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    /// Usage and turns of the branch, as far back as it was followed.
    pub branch: UsageTotals,
    spent: Spent,
    /// What was spent where the fork point may lie behind, going back: it counts if an earlier sign of it turns up.
    before_fork: Spent,
    /// Totals of the node that is sought.
    pub(super) base: UsageTotals,
    /// The number that the next id takes at least; 0 is as good as 1.
    next: u64,
    /// Recorded in totals before a compaction was met.
    watermark: Option<u64>,
}

/// How far the sums go: what decides how far back is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// The branch's sum is complete.
    pub(super) branch_known: bool,
    /// That of what was spent is complete.
    pub(super) spent_known: bool,
    /// The newest sign of the fork point has been met: what is older may be inherited.
    forked: bool,
    /// The newest compaction has been met.
    compacted: bool,
}

impl Reach {
    pub(super) const NEW: Self = Reach {
        branch_known: false,
        spent_known: false,
        forked: false,
        compacted: false,
    };
}

/// Where sums and notes go: to a place of one's own, to one that is lent, or nowhere. Who only wants to know what the
/// context is does without.
pub trait Gathering {
    /// The sums, if there are any.
    fn tally(&mut self) -> Option<&mut Tally>;
    /// The notes, if they are taken.
    fn notes(&mut self) -> Option<&mut Notes>;
}

/// Sums and notes of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gathered {
    pub(super) tally: Tally,
    pub(super) notes: Notes,
}

impl Gathered {
    /// Nothing as yet.
    pub(crate) const NEW: Self = Gathered {
        tally: Tally::NEW,
        notes: Notes::NEW,
    };
}

impl Gathering for Gathered {
    fn tally(&mut self) -> Option<&mut Tally> {
        Some(&mut self.tally)
    }
    fn notes(&mut self) -> Option<&mut Notes> {
        Some(&mut self.notes)
    }
}

impl Gathering for Option<(&mut Tally, &mut Notes)> {
    fn tally(&mut self) -> Option<&mut Tally> {
        self.as_mut().map(|(tally, _)| &mut **tally)
    }
    fn notes(&mut self) -> Option<&mut Notes> {
        self.as_mut().map(|(_, notes)| &mut **notes)
    }
}

/// What was spent, and how many tokens of it when the newest compaction was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Spent {
    all: UsageTotals,
    until_compaction: u64,
}

impl Spent {
    fn merge(&mut self, other: &Spent) {
        self.all.merge(&other.all);
        add_to(&mut self.until_compaction, other.until_compaction);
    }
}

const NO_SPENT: Spent = Spent {
    all: UsageTotals::NONE,
    until_compaction: 0,
};

impl Reach {
    /// Takes in a record that is met for the first time, going back.
    #[inline(never)] // So that reading on, which goes deeper, needs no room for it.
    pub(super) fn take<I: PartialEq>(
        &mut self,
        record: &Record<I>,
        fork_point: Option<&I>,
        mut tally: Option<&mut Tally>,
    ) {
        if let Some(tally) = &mut tally
            && let Some(number) = record.number
        {
            tally.observe(number.wrapping_add(1));
        }
        if self.spent_known {
            return;
        }
        let at_fork = fork_point.map_or(AtFork::Elsewhere, |id| record.at_fork(id));
        self.forked |= at_fork == AtFork::Last;
        self.compacted |= record.kind == Kind::Compaction;
        // What an inherited checkpoint says was spent elsewhere.
        let own = !self.forked || at_fork == AtFork::Own;
        let totals = record.totals.as_ref().filter(|_| own);
        self.spent_known = totals.is_some();
        if let Some(tally) = tally {
            // All that is newer is the session's own.
            if at_fork == AtFork::Last || self.spent_known {
                tally.own();
            }
            match totals {
                Some(totals) => tally.take_totals(totals, self.compacted),
                None => tally.spend(record, *self),
            }
            if at_fork == AtFork::Own {
                tally.own();
            }
        }
        self.forked |= at_fork == AtFork::Own;
    }
}

impl Tally {
    /// No sums as yet.
    pub(crate) const NEW: Self = Tally {
        branch: UsageTotals::NONE,
        spent: NO_SPENT,
        before_fork: NO_SPENT,
        base: UsageTotals::NONE,
        next: 0,
        watermark: None,
    };

    /// Takes in a message that is appended.
    pub(crate) fn append<I>(&mut self, record: &Record<I>) {
        record.add_usage_to(&mut self.branch);
        record.add_usage_to(&mut self.spent.all);
        self.spent.all.turns = 0;
    }

    /// Nothing more is read: what was spent has no turns, since no checkpoint records them.
    pub(crate) fn close(&mut self) {
        self.spent.all.turns = 0;
        self.keep();
    }

    /// Keeps the sums as they are. (Two that only reading needs have room for them.)
    #[inline(never)]
    pub(crate) fn keep(&mut self) {
        self.base = self.branch;
        self.before_fork.all = self.spent.all;
    }

    /// The sums are again what was kept.
    #[inline(never)]
    pub(crate) fn restore(&mut self) {
        self.branch = self.base;
        self.spent.all = self.before_fork.all;
    }

    /// Takes over what was spent.
    pub(crate) fn carry_over(&mut self, log: &Tally) {
        self.spent = log.spent;
    }

    /// Holds the totals of a node that is sought.
    #[inline(never)]
    pub(super) fn hold(&mut self, totals: &Totals) {
        self.base = totals.branch;
    }

    /// The counter for the next id.
    pub fn sequence(&self) -> Sequence {
        Sequence::starting_at(self.next)
    }

    /// Usage of all entries that are not inherited, as far back as was read.
    pub fn spent(&self) -> &UsageTotals {
        &self.spent.all
    }

    /// The total of `spent` when the newest compaction was written, as far back as was read (F19).
    pub fn watermark(&self) -> u64 {
        self.watermark.unwrap_or(self.spent.until_compaction)
    }

    /// What was held back, since it may be inherited, is not.
    fn own(&mut self) {
        self.spent.merge(&self.before_fork);
        self.before_fork = NO_SPENT;
    }

    fn spend<I>(&mut self, record: &Record<I>, reach: Reach) {
        let spent = match reach.forked {
            true => &mut self.before_fork,
            false => &mut self.spent,
        };
        record.add_usage_to(&mut spent.all);
        if reach.compacted
            && record.kind == Kind::Message
            && record.message.role == Role::Assistant
            && let Some(usage) = &record.message.usage
        {
            add_to(&mut spent.until_compaction, usage.total_tokens());
        }
    }

    fn take_totals(&mut self, totals: &Totals, compacted: bool) {
        self.spent.all.merge(&totals.spent);
        if compacted {
            let tokens = totals.spent.usage.total_tokens();
            add_to(&mut self.spent.until_compaction, tokens);
        } else {
            self.watermark = Some(totals.watermark);
        }
        self.observe(totals.next_seq.min(FOREIGN_NUMBER_FLOOR));
    }

    /// Numbers below this one have been given; those beyond the floor are foreign names.
    fn observe(&mut self, next: u64) {
        if next <= FOREIGN_NUMBER_FLOOR {
            self.next = self.next.max(next);
        }
    }
}
