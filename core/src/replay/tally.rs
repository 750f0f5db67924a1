//! Sums on the way back: usage of the branch, and of all that was spent (F11, F18, F19).

use crate::{
    id::{EntryId, Sequence},
    record::{Kind, Record, Totals},
    usage::UsageTotals,
};

/// Sums, gathered from the end back to the newest totals that can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    /// Usage and turns of the branch, as far back as it was followed.
    pub branch: UsageTotals,
    /// `branch` is complete.
    pub branch_known: bool,
    /// `spent` is complete.
    pub spent_known: bool,
    /// The counter for the next id.
    pub sequence: Sequence,
    spent: Spent,
    /// What was spent after the newest bearer of the fork point, going back: it counts if an earlier one turns up.
    before_fork: Option<Spent>,
    /// The newest compaction has been met.
    compacted: bool,
    /// Recorded in totals before a compaction was met.
    watermark: Option<u64>,
}

/// What was spent, and which part of it when the newest compaction was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Spent {
    all: UsageTotals,
    until_compaction: UsageTotals,
}

impl Spent {
    fn merge(&mut self, other: &Spent) {
        self.all.merge(&other.all);
        self.until_compaction.merge(&other.until_compaction);
    }
}

impl Tally {
    /// Usage of all entries that are not inherited, as far back as was read.
    pub fn spent(&self) -> UsageTotals {
        self.spent.all
    }

    /// The total of `spent` when the newest compaction was written, as far back as was read (F19).
    pub fn watermark(&self) -> u64 {
        let counted = self.spent.until_compaction.usage.total_tokens();
        self.watermark.unwrap_or(counted)
    }

    /// Takes in a record that is met for the first time, going back.
    pub(super) fn take(&mut self, record: &Record, fork_point: Option<&EntryId>) {
        if let Some(id) = &record.id {
            self.sequence.observe(id);
        }
        if self.spent_known {
            return;
        }
        let bears_fork = fork_point.is_some()
            && record.id.as_ref() == fork_point
            && matches!(record.kind, Kind::Message | Kind::Compaction);
        if bears_fork && let Some(spent) = self.before_fork.replace(Spent::default()) {
            self.spent.merge(&spent);
        }
        self.compacted |= record.kind == Kind::Compaction;
        // What an inherited checkpoint says was spent elsewhere.
        if let Some(totals) = record
            .totals
            .as_ref()
            .filter(|_| self.before_fork.is_none())
        {
            self.take_totals(totals);
            return;
        }
        let spent = self.before_fork.as_mut().unwrap_or(&mut self.spent);
        record.add_usage_to(&mut spent.all);
        if self.compacted {
            record.add_usage_to(&mut spent.until_compaction);
        }
    }

    fn take_totals(&mut self, totals: &Totals) {
        if !self.compacted {
            self.watermark = Some(totals.watermark);
        }
        self.spent.merge(&Spent {
            all: totals.spent,
            until_compaction: if self.compacted {
                totals.spent
            } else {
                UsageTotals::default()
            },
        });
        self.spent_known = true;
        if let Some(last) = Sequence::starting_at(totals.next_seq).peek().checked_sub(1) {
            self.sequence.observe_number(last);
        }
    }
}
