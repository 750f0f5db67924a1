//! The branch, from its tip back to its root (F12 to F16), and the sums on the way (F18, F19).

use super::{
    ReplayError, Tally,
    backward::{Backward, Before, Mark},
};
use crate::{
    id::EntryId,
    record::{Extent, IdForm, Kind, Limits, Record, RecordScanner, Scanning},
    recovery::Health,
    usage::{UsageTotals, add_to},
};
use embedded_io::{Read, Seek};

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

impl<I> Default for Head<I> {
    fn default() -> Self {
        Head {
            extent: None,
            version: None,
            ours: false,
            fork_point: None,
        }
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

impl<I> Default for Beginning<I> {
    fn default() -> Self {
        Beginning {
            head: Head::default(),
            prefix_end: None,
        }
    }
}

/// A node of the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Link {
    /// Where it lies.
    pub extent: Extent,
    /// Its kind: message, compaction or unknown.
    pub kind: Kind,
    /// Its child names another parent, which is lost (F15).
    pub bridged: bool,
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

/// What is sought, going back.
#[derive(Clone, Debug)]
enum Want<I> {
    /// The tip at this point.
    Tip,
    /// A node to begin with.
    Start(I),
    /// The parent of the last node.
    Node(I),
    Nothing,
}

/// Ids to be noticed while the branch is followed, and where their nearest bearers lie.
struct Watch<I> {
    wanted: Option<I>,
    wanted_at: Option<u64>,
    older: Option<(Mark, I)>,
    older_at: Option<u64>,
}

impl<I> Default for Watch<I> {
    fn default() -> Self {
        Watch {
            wanted: None,
            wanted_at: None,
            older: None,
            older_at: None,
        }
    }
}

/// Follows the branch from its tip to its root.
pub struct Branch<'b, R: Read + Seek, W: Scanning = RecordScanner> {
    back: Backward<'b, R, W>,
    beginning: Beginning<W::Id>,
    /// The last node without a parent that was taken to be in the linear prefix though nobody had looked.
    assumed: Option<u64>,
    /// The first node met with a parent and no checksum.
    parented: u64,
    want: Want<W::Id>,
    notes: Notes,
    tally: Tally,
    /// Everything from here on has been taken into the sums.
    lowest: u64,
    lowest_corrupt: u64,
    lowest_link: u64,
    /// Totals of the node that is sought.
    base: Option<UsageTotals>,
    /// Going over known ground: nothing is noted.
    pub(super) quiet: bool,
    /// A leaf led to the tip.
    marked: bool,
    /// Nodes met until the tip was told.
    nodes_to_tip: u32,
    watch: Watch<W::Id>,
}

impl<'b, R: Read + Seek> Branch<'b, R> {
    /// Reads the header and stands at the end. A foreign file is read up to its first entry with a parent.
    pub fn new(
        source: R,
        window: &'b mut [u8],
        limits: Limits,
    ) -> Result<Self, ReplayError<R::Error>> {
        let mut branch = Self::closed(source, window, RecordScanner::new(limits));
        branch.open(None, None)?;
        Ok(branch)
    }
}

impl<'b, R: Read + Seek, W: Scanning> Branch<'b, R, W> {
    /// To be opened, as [`Backward::closed`].
    #[inline(always)]
    pub(super) fn closed(source: R, window: &'b mut [u8], scanner: W) -> Self {
        Branch {
            back: Backward::closed(source, window, scanner),
            beginning: Beginning::default(),
            assumed: None,
            parented: u64::MAX,
            want: Want::Tip,
            notes: Notes::default(),
            tally: Tally::default(),
            lowest: u64::MAX,
            lowest_corrupt: u64::MAX,
            lowest_link: u64::MAX,
            base: None,
            quiet: false,
            marked: false,
            nodes_to_tip: 0,
            watch: Watch::default(),
        }
    }

    /// Reads the beginning, unless it is known, and stands at the end. Where a linear prefix ends is looked for among the first `look` nodes:
    /// if it is not found there, it is assumed to go on, and [`prefix_holds`](Self::prefix_holds) tells later whether
    /// that was right.
    pub(super) fn open(
        &mut self,
        beginning: Option<&Beginning<W::Id>>,
        look: Option<u8>,
    ) -> Result<(), ReplayError<R::Error>> {
        match beginning {
            Some(beginning) => self.beginning.clone_from(beginning),
            None => self.back.read_beginning(look, &mut self.beginning)?,
        }
        self.back.open_at_end()
    }

    /// Takes the nearest node with this id for the tip, whatever the file says. To be called first;
    /// [`next`](Self::next) then gives `None` at once when there is no such node.
    pub fn from(&mut self, id: &W::Id) {
        self.want = Want::Start(id.clone());
    }

    /// The header's bookkeeping.
    pub fn head(&self) -> &Head<W::Id> {
        &self.beginning.head
    }

    /// What is known of the beginning.
    pub(super) fn beginning(&self) -> &Beginning<W::Id> {
        &self.beginning
    }

    /// Whether all that was told is right: reads on to the beginning if anything was assumed.
    pub(super) fn prefix_holds(&mut self) -> Result<bool, ReplayError<R::Error>> {
        let Some(assumed) = self.assumed else {
            return Ok(true);
        };
        while self.prev() != Before::Nothing {}
        self.beginning.prefix_end = Some(self.parented);
        self.back.check()?;
        Ok(self.parented > assumed)
    }

    /// What was met so far.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// The sums so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Where the first record begins of those that were read; `u64::MAX` when there was none.
    pub(super) fn lowest(&self) -> u64 {
        self.lowest
    }

    /// A leaf led to the tip.
    pub(super) fn tip_is_marked(&self) -> bool {
        self.marked
    }

    /// Other nodes stand after the tip, perhaps.
    pub(super) fn tip_is_followed(&self) -> bool {
        self.nodes_to_tip > 1
    }

    /// The bookkeeping of the node that was told last.
    pub fn record(&self) -> &Record<W::Id> {
        self.back.record()
    }

    /// The next node, from the tip to the root.
    #[allow(clippy::should_implement_trait)] // An iterator cannot fail.
    pub fn next(&mut self) -> Result<Option<Link>, ReplayError<R::Error>> {
        let link = self.step();
        self.check().map(|()| link)
    }

    /// Why the reading ended, if that was a failure.
    pub(super) fn check(&mut self) -> Result<(), ReplayError<R::Error>> {
        self.back.check()
    }

    /// The next node; none after a failure, of which [`check`](Self::check) tells.
    pub(super) fn step(&mut self) -> Option<Link> {
        let bridged = match core::mem::replace(&mut self.want, Want::Nothing) {
            Want::Nothing => None,
            Want::Tip => self.find_tip().then_some(false),
            Want::Start(id) => self.find_node(&id).then_some(false),
            Want::Node(id) => self.find_parent(&id),
        };
        let Some(bridged) = bridged else {
            self.tally.branch_known = true;
            return None;
        };
        let kind = match self.record().kind {
            Kind::Session => Kind::Unknown,
            kind => kind,
        };
        let link = Link {
            extent: self.back.extent(),
            kind,
            bridged,
        };
        self.follow();
        self.tally_link(link);
        Some(link)
    }

    /// Goes on reading back until the sums are complete.
    pub(super) fn complete_tally(&mut self) -> Result<(), ReplayError<R::Error>> {
        while !self.tally.branch_known && self.step().is_some() {}
        while !self.tally.spent_known {
            self.tally.spent_known |= self.prev() == Before::Nothing;
        }
        self.check()
    }

    /// Sets what is sought after the present node.
    fn follow(&mut self) {
        let Beginning { head, prefix_end } = &self.beginning;
        let start = self.back.extent().start;
        self.want = match &self.back.record().parent_id {
            Some(id) => Want::Node(id.clone()),
            None if !head.ours && start < prefix_end.unwrap_or(u64::MAX) => {
                if prefix_end.is_none() {
                    self.assumed = self.assumed.max(Some(start));
                }
                Want::Tip
            }
            None => Want::Nothing,
        };
    }

    fn tally_link(&mut self, link: Link) {
        let base = self.base.take().filter(|_| !link.bridged);
        if self.tally.branch_known || link.extent.start >= self.lowest_link {
            return;
        }
        self.lowest_link = link.extent.start;
        let record = self.back.record();
        let compacted = match &record.totals {
            Some(totals) if link.kind == Kind::Compaction => Some(&totals.branch),
            _ => None,
        };
        if let Some(base) = base.as_ref().or(compacted) {
            self.tally.branch.merge(base);
            self.tally.branch_known = true;
        } else {
            record.add_usage_to(&mut self.tally.branch);
        }
    }

    /// What stands before the present place, the header excepted.
    fn prev(&mut self) -> Before {
        loop {
            let before = self.back.prev();
            match before {
                Before::Torn => {
                    self.notes.health.torn = true;
                    self.notes.torn_at = Some(self.back.torn_start());
                }
                Before::Corrupt => {
                    let line_start = self.back.line_start();
                    if line_start < self.lowest_corrupt {
                        self.lowest_corrupt = line_start;
                        count(&mut self.notes.health.corrupt, true);
                    }
                }
                Before::Record => {
                    if self.back.header_place() && self.record().kind == Kind::Session {
                        continue;
                    }
                    self.see();
                }
                Before::Nothing => {}
            }
            return before;
        }
    }

    /// Notes what the record just read says.
    fn see(&mut self) {
        let record = self.back.record();
        let start = self.back.extent().start;
        if start < self.lowest {
            self.lowest = start;
            let fork_point = self.beginning.head.fork_point.as_ref();
            self.tally.take(record, fork_point);
            count(&mut self.notes.leaves, record.kind == Kind::Leaf);
        }
        if record.ends_prefix() {
            self.parented = self.parented.min(start);
        }
        if record.is_node() {
            if self.lowest_link == u64::MAX {
                self.nodes_to_tip = self.nodes_to_tip.saturating_add(1);
            }
            if let Some(id) = &record.id {
                self.watch.see(id, start);
            }
        }
    }

    /// Totals of the branch that the record just read states.
    fn stated_base(&self) -> Option<UsageTotals> {
        self.record().totals.as_ref().map(|totals| totals.branch)
    }

    /// F12: goes to the tip at the present place.
    fn find_tip(&mut self) -> bool {
        loop {
            match self.prev() {
                Before::Nothing => return false,
                Before::Record => {}
                _ => continue,
            }
            let record = self.record();
            match record.kind {
                Kind::Message | Kind::Compaction => return true,
                Kind::Leaf => {
                    let Some(target) = record.reference.clone() else {
                        continue;
                    };
                    let mark = self.back.mark();
                    self.base = self.stated_base();
                    if self.find_node(&target) {
                        self.marked |= self.lowest_link == u64::MAX;
                        return true;
                    }
                    self.base = None;
                    count(&mut self.notes.dangling_leaves, !self.quiet);
                    self.back.jump(mark);
                }
                _ => {}
            }
        }
    }

    /// Goes to the nearest earlier node with this id.
    fn find_node(&mut self, id: &W::Id) -> bool {
        loop {
            match self.prev() {
                Before::Nothing => return false,
                Before::Record if self.record().is_node_named(id) => return true,
                _ => {}
            }
        }
    }

    /// F13, F15: goes to the parent, or to what stands in for it, which is told.
    fn find_parent(&mut self, id: &W::Id) -> Option<bool> {
        let mut corrupt = false;
        let mut nearest = None;
        loop {
            match self.prev() {
                Before::Nothing => break,
                Before::Record => {}
                before => {
                    corrupt |= before == Before::Corrupt;
                    continue;
                }
            }
            let record = self.record();
            if record.is_node_named(id) {
                return Some(false);
            }
            match record.kind {
                Kind::Message | Kind::Compaction if nearest.is_none() => {
                    nearest = Some((self.back.mark(), corrupt || self.back.salvaged()));
                }
                Kind::Leaf if self.base.is_none() && record.reference.as_ref() == Some(id) => {
                    self.base = self.stated_base();
                }
                _ => {}
            }
        }
        self.base = None;
        if let Some((mark, true)) = nearest {
            count(&mut self.notes.bridges, !self.quiet);
            self.back.jump(mark);
            return Some(true);
        }
        count(&mut self.notes.missing_parents, !self.quiet);
        None
    }

    /// The place just after the node that was told last.
    pub(super) fn mark(&self) -> Mark {
        self.back.mark()
    }

    /// Goes back to a node of the branch, as if it had just been told.
    pub(super) fn revisit(&mut self, mark: Mark) {
        self.back.jump(mark);
        self.base = None;
        self.follow();
    }

    /// F17: where the entries begin that the compaction just told keeps; `None` when it keeps none.
    ///
    /// What it keeps must not have been dropped by an older compaction, which may itself depend on one that is
    /// older still. So each is looked at in turn, and memory stays constant.
    pub(super) fn kept_start(&mut self) -> Option<u64> {
        let mark = self.back.mark();
        self.quiet = true;
        let start = self.look_for_kept();
        self.watch = Watch::default();
        self.revisit(mark);
        self.quiet = false;
        start
    }

    fn look_for_kept(&mut self) -> Option<u64> {
        let mut wanted = self.back.record().reference.clone();
        let mut answer = None;
        loop {
            self.watch = Watch {
                wanted,
                ..Watch::default()
            };
            let start = self.find_kept()?;
            answer = answer.or(Some(start));
            let Some((mark, older_wanted)) = self.watch.older.take() else {
                return answer;
            };
            self.revisit(mark);
            wanted = Some(older_wanted);
        }
    }

    /// Follows the branch to the message whose id is watched for, unless that turns out not to be in the buffer.
    fn find_kept(&mut self) -> Option<u64> {
        while let Some(link) = self.step() {
            let start = link.extent.start;
            // A search for a lost parent may have seen further back than this link.
            if let Some(at) = self.watch.wanted_at.filter(|at| *at >= start) {
                let is_it = at == start && link.kind == Kind::Message;
                return is_it.then_some(start);
            }
            if self.watch.older_at.is_some_and(|at| at >= start) {
                return None;
            }
            // An older compaction that keeps from the same entry on stands or falls with those before it.
            let reference = &self.back.record().reference;
            if link.kind == Kind::Compaction
                && self.watch.older.is_none()
                && *reference != self.watch.wanted
                && let Some(id) = reference.clone()
            {
                self.watch.older = Some((self.back.mark(), id));
            }
        }
        None
    }
}

impl<I: IdForm> Watch<I> {
    fn see(&mut self, id: &I, at: u64) {
        if self.wanted_at.is_none() && self.wanted.as_ref() == Some(id) {
            self.wanted_at = Some(at);
        }
        if let Some((_, older)) = &self.older
            && self.older_at.is_none()
            && older == id
        {
            self.older_at = Some(at);
        }
    }
}

/// Counts one more if it is so.
fn count(number: &mut u64, so: bool) {
    add_to(number, u64::from(so));
}
