//! Ids that were given and are not durable yet.

use sessionlog_core::{EntryId, IdKind};
use std::ops::RangeInclusive;

/// Turns that may wait at most for one sync.
const MAX_RUNS: usize = 1 << 16;

/// Message ids in order. Those of a turn follow each other, so that a run of any length takes two numbers.
#[derive(Debug, Default)]
pub(super) struct Pending {
    runs: Vec<RangeInclusive<u64>>,
}

impl Pending {
    pub(super) fn add(&mut self, id: &EntryId) {
        // The journal gives numbers to all its ids.
        let Some(number) = id.number() else { return };
        match self.runs.last_mut() {
            Some(run) if *run.end() + 1 == number => *run = *run.start()..=number,
            _ => self.runs.push(number..=number),
        }
    }

    /// So many turns wait that their ids should be told.
    pub(super) fn is_long(&self) -> bool {
        self.runs.len() >= MAX_RUNS
    }

    /// The first id that waits.
    pub(super) fn first(&self) -> Option<EntryId> {
        self.runs.first().map(|run| message(*run.start()))
    }

    /// All that wait; none waits afterwards.
    pub(super) fn take(&mut self) -> impl Iterator<Item = EntryId> + use<> {
        std::mem::take(&mut self.runs)
            .into_iter()
            .flatten()
            .map(message)
    }
}

fn message(number: u64) -> EntryId {
    EntryId::own(IdKind::Message, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_in_order() {
        let mut pending = Pending::default();
        for number in [3, 4, 5, 7, 9, 10] {
            pending.add(&message(number));
        }
        assert_eq!(pending.runs.len(), 3);
        assert_eq!(pending.first(), Some(message(3)));
        let ids: Vec<String> = pending.take().map(|id| id.to_string()).collect();
        assert_eq!(ids, ["msg-3", "msg-4", "msg-5", "msg-7", "msg-9", "msg-10"]);
        assert_eq!(pending.first(), None);
    }
}
