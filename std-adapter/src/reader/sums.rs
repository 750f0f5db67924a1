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
    /// Of what is left of a session (F9) the first totals also tell what was used before it.
    pub(crate) fn recorded_branch(&self, tip: u32) -> Result<UsageTotals, Error> {
        let mut sum = UsageTotals::default();
        let mut leaves = self.leaves().iter().rev().peekable();
        // Leaves behind a node's child say nothing of what the child goes on from.
        let mut before = u64::MAX;
        let mut root = None;
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
                return Ok(sum);
            }
            self.add_usage(index, &mut sum);
            before = extent.start;
            root = Some(index);
        }
        if let Some(root) = root.filter(|_| self.header().is_some_and(|of| of.reclaimed)) {
            sum.merge(&self.used_before(root)?);
        }
        Ok(sum)
    }

    /// What the branches that begin with `root` used before it: what the first totals of one of them have beyond a count.
    fn used_before(&self, root: u32) -> Result<UsageTotals, Error> {
        let mut roots: Vec<u32> = Vec::new();
        for node in self.nodes() {
            let parent = node.parent.and_then(|parent| roots.get(parent as usize));
            roots.push(parent.copied().unwrap_or(node.index));
        }
        let compactions = self.nodes().filter(|node| node.kind == Kind::Compaction);
        let compactions = compactions.map(|node| (node.extent, node.index));
        let leaves = self.leaves().iter();
        let leaves = leaves.filter_map(|leaf| Some((leaf.extent, leaf.node?)));
        let mut ends: Vec<(Extent, u32)> = compactions.chain(leaves).collect();
        ends.retain(|(_, end)| roots.get(*end as usize) == Some(&root));
        ends.sort_by_key(|(extent, _)| extent.start);
        for (extent, end) in ends {
            if let Some(totals) = self.totals(extent)? {
                return Ok(totals.branch.saturating_sub(&self.branch_usage(end)));
            }
        }
        Ok(UsageTotals::default())
    }

    /// The totals that a record carries.
    pub(crate) fn totals(&self, extent: Extent) -> Result<Option<Totals>, Error> {
        let record = scan_again(self.file(), extent);
        let record = record.map_err(Error::io(self.path(), "read"))?;
        Ok(record.totals)
    }
}
