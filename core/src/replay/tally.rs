//! Sums on the way back: usage of the branch, and of all that was spent (F11, F18, F19).

use crate::{
    id::Sequence,
    record::{Kind, Record, Role, Totals},
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

/// What was spent, and how many tokens of it when the newest compaction was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Spent {
    all: UsageTotals,
    until_compaction: u64,
}

impl Tally {
    /// Usage of all entries that are not inherited, as far back as was read.
    pub fn spent(&self) -> UsageTotals {
        self.spent.all
    }

    /// The total of `spent` when the newest compaction was written, as far back as was read (F19).
    pub fn watermark(&self) -> u64 {
        self.watermark.unwrap_or(self.spent.until_compaction)
    }

    /// Takes in a record that is met for the first time, going back.
    pub(super) fn take<I: PartialEq>(&mut self, record: &Record<I>, fork_point: Option<&I>) {
        if let Some(number) = record.number {
            self.sequence.observe_number(number);
        }
        if self.spent_known {
            return;
        }
        let bears_fork = fork_point.is_some()
            && record.id.as_ref() == fork_point
            && matches!(record.kind, Kind::Message | Kind::Compaction);
        if bears_fork && let Some(spent) = self.before_fork.replace(Spent::default()) {
            self.spend(&spent.all, spent.until_compaction);
        }
        self.compacted |= record.kind == Kind::Compaction;
        // What an inherited checkpoint says was spent elsewhere.
        if let (Some(totals), None) = (&record.totals, &self.before_fork) {
            self.take_totals(totals);
            return;
        }
        let spent = self.before_fork.as_mut().unwrap_or(&mut self.spent);
        record.add_usage_to(&mut spent.all);
        if self.compacted
            && record.kind == Kind::Message
            && record.message.role == Role::Assistant
            && let Some(usage) = &record.message.usage
        {
            let tokens = usage.total_tokens();
            spent.until_compaction = spent.until_compaction.saturating_add(tokens);
        }
    }

    fn take_totals(&mut self, totals: &Totals) {
        let mut until_compaction = 0;
        if self.compacted {
            until_compaction = totals.spent.usage.total_tokens();
        } else {
            self.watermark = Some(totals.watermark);
        }
        self.spend(&totals.spent, until_compaction);
        self.spent_known = true;
        if let Some(last) = Sequence::starting_at(totals.next_seq).peek().checked_sub(1) {
            self.sequence.observe_number(last);
        }
    }

    fn spend(&mut self, all: &UsageTotals, until_compaction: u64) {
        self.spent.all.merge(all);
        let until = &mut self.spent.until_compaction;
        *until = until.saturating_add(until_compaction);
    }
}
