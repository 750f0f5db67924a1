//! What recorded sums say of a branch.

use super::SessionLog;
use crate::{Error, scan::scan_again};
use sessionlog_core::{
    UsageTotals,
    record::{Extent, Kind, Totals},
};

impl SessionLog {
    /// Usage and turns of the branch that ends in `tip`: what the newest totals on it say (F19), and what came after them, counted.
    ///
    /// That is what [`branch_usage`](Self::branch_usage) counts, unless entries are lost or were given up that the totals know of.
    pub(crate) fn recorded_branch(&self, tip: u32) -> Result<UsageTotals, Error> {
        let mut sum = UsageTotals::default();
        let mut leaves = self.leaves().iter().rev().peekable();
        // Leaves behind a node's child say nothing of what the child goes on from.
        let mut before = u64::MAX;
        for index in self.branch(tip).into_iter().rev() {
            let extent = self.extent(index)?;
            let mut recorded = None;
            while let Some(leaf) = leaves.next_if(|leaf| leaf.extent.start > extent.start) {
                let names_it = leaf.node == Some(index) && leaf.extent.start < before;
                if names_it && recorded.is_none() {
                    recorded = self.totals(leaf.extent)?;
                }
            }
            let is_compaction = self
                .node(index)
                .is_some_and(|node| node.kind == Kind::Compaction);
            if is_compaction && recorded.is_none() {
                recorded = self.totals(extent)?;
            }
            if let Some(totals) = recorded {
                sum.merge(&totals.branch);
                break;
            }
            self.add_usage(index, &mut sum);
            before = extent.start;
        }
        Ok(sum)
    }

    /// The totals that a record carries.
    pub(crate) fn totals(&self, extent: Extent) -> Result<Option<Totals>, Error> {
        let record = scan_again(self.file(), extent);
        let record = record.map_err(Error::io(self.path(), "read"))?;
        Ok(record.totals)
    }
}
