//! The branch, from its tip back to its root (F12 to F16), and the sums on the way (F18, F19).

mod kept;

use super::{
    Beginning, Head, Notes, ReplayError, Tally,
    backward::{Backward, Before, Mark},
    head::count,
    tally::{Gathered, Gathering, Reach},
};
use crate::record::{Extent, Kind, Limits, Record, RecordScanner, Scanning};
use embedded_io::{Read, Seek};
use kept::Watch;

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

/// How far a branch has been followed. At first all of it is zero, so that it is made by clearing memory.
struct Pass<I> {
    beginning: Beginning<I>,
    /// The offset after the first byte of the last node without a parent that was taken to be in the linear prefix though
    /// nobody had looked; 0 when there was none.
    assumed: u64,
    want: Want<I>,
    reach: Reach,
    /// Totals of the node that is sought are stated.
    has_base: bool,
    /// Going over ground that will be, or has been, gone over: what is wrong with parents and leaves is not noted.
    quiet: bool,
    /// A leaf led to the tip.
    marked: bool,
    /// Nodes met until the tip was told.
    nodes_to_tip: u32,
    watch: Watch<I>,
}

impl<I> Pass<I> {
    const NEW: Self = Pass {
        beginning: Beginning::NEW,
        assumed: 0,
        want: Want::Tip,
        reach: Reach::NEW,
        has_base: false,
        quiet: false,
        marked: false,
        nodes_to_tip: 0,
        watch: Watch::NEW,
    };
}

/// Follows the branch from its tip to its root.
pub struct Branch<'b, R: Read + Seek, W: Scanning = RecordScanner, T = Gathered> {
    back: Backward<'b, R, W>,
    gathered: T,
    pass: Pass<W::Id>,
    /// The first node met with a parent and no checksum.
    parented: u64,
    /// Everything from here on has been taken into the sums.
    lowest: u64,
    lowest_corrupt: u64,
    lowest_link: u64,
    /// How much may still be read in vain, in [`VAIN_UNIT`]s.
    in_vain: u32,
}

/// How many times its length a log is read, at most, for parents and leaves' targets that are nowhere; a short one as often
/// as makes [`ALWAYS_SEARCHED`] bytes.
pub const MAX_SEARCHES: u64 = 32;

/// Bytes that count as one when what is read in vain is counted.
const VAIN_UNIT: u64 = 64;

/// Bytes that may be read in vain in any log.
pub const ALWAYS_SEARCHED: u64 = 4 * 1024 * 1024;

impl<'b, R: Read + Seek> Branch<'b, R> {
    /// Reads the header and stands at the end. A foreign file is read up to its first entry with a parent.
    pub fn new(
        source: R,
        window: &'b mut [u8],
        limits: Limits,
    ) -> Result<Self, ReplayError<R::Error>> {
        let mut branch = Self::closed(source, window, RecordScanner::new(limits), Gathered::NEW);
        branch.open(None, None)?;
        Ok(branch)
    }
}

impl<R: Read + Seek, W: Scanning> Branch<'_, R, W> {
    /// The sums so far.
    pub fn tally(&self) -> &Tally {
        &self.gathered.tally
    }

    /// What was met so far.
    pub fn notes(&self) -> &Notes {
        &self.gathered.notes
    }
}

impl<'b, R: Read + Seek, W: Scanning, T: Gathering> Branch<'b, R, W, T> {
    /// To be opened, as [`Backward::closed`].
    #[inline(always)]
    pub(super) fn closed(source: R, window: &'b mut [u8], scanner: W, gathered: T) -> Self {
        Branch {
            back: Backward::closed(source, window, scanner),
            gathered,
            pass: Pass::NEW,
            parented: u64::MAX,
            lowest: u64::MAX,
            lowest_corrupt: u64::MAX,
            lowest_link: u64::MAX,
            in_vain: 0,
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
            Some(beginning) => self.pass.beginning.clone_from(beginning),
            None => self.back.read_beginning(look, &mut self.pass.beginning)?,
        }
        self.back.open_at_end()?;
        let most = self.back.unread().saturating_mul(MAX_SEARCHES);
        let most = most.saturating_add(ALWAYS_SEARCHED) / VAIN_UNIT;
        self.in_vain = u32::try_from(most).unwrap_or(u32::MAX);
        Ok(())
    }

    /// Takes the nearest node with this id for the tip, whatever the file says. To be called first;
    /// [`next`](Self::next) then gives `None` at once when there is no such node.
    pub fn from(&mut self, id: &W::Id) {
        self.pass.want = Want::Start(id.clone());
    }

    /// The header's bookkeeping.
    pub fn head(&self) -> &Head<W::Id> {
        &self.pass.beginning.head
    }

    /// What is known of the beginning.
    pub(super) fn beginning(&self) -> &Beginning<W::Id> {
        &self.pass.beginning
    }

    /// Whether all that was told is right: reads on to the beginning if anything was assumed.
    pub(super) fn prefix_holds(&mut self) -> Result<bool, ReplayError<R::Error>> {
        let assumed = self.pass.assumed;
        if assumed == 0 {
            return Ok(true);
        }
        while self.prev() != Before::Nothing {}
        self.pass.beginning.prefix_end = Some(self.parented);
        self.back.check()?;
        Ok(self.parented >= assumed)
    }

    /// Where the first record begins of those that were read; `u64::MAX` when there was none.
    pub(super) fn lowest(&self) -> u64 {
        self.lowest
    }

    /// A leaf led to the tip.
    pub(super) fn tip_is_marked(&self) -> bool {
        self.pass.marked
    }

    /// Other nodes stand after the tip, perhaps.
    pub(super) fn tip_is_followed(&self) -> bool {
        self.pass.nodes_to_tip > 1
    }

    /// From now on nothing that is wrong with parents and leaves is noted.
    pub(super) fn be_quiet(&mut self) {
        self.pass.quiet = true;
    }

    /// The bookkeeping of the node that was told last.
    pub fn record(&self) -> &Record<W::Id> {
        self.back.record()
    }

    /// The next node, from the tip to the root.
    #[allow(clippy::should_implement_trait)] // An iterator cannot fail.
    pub fn next(&mut self) -> Result<Option<Link>, ReplayError<R::Error>> {
        let Some(bridged) = self.step() else {
            return self.check().map(|()| None);
        };
        Ok(Some(Link {
            extent: self.extent(),
            kind: self.kind(),
            bridged,
        }))
    }

    /// Why the reading ended, if that was a failure.
    pub(super) fn check(&mut self) -> Result<(), ReplayError<R::Error>> {
        self.back.check()
    }

    /// The next node, or rather whether its child names another parent ([`Link::bridged`]); none after a failure, of
    /// which [`check`](Self::check) tells.
    pub(super) fn step(&mut self) -> Option<bool> {
        let bridged = match core::mem::replace(&mut self.pass.want, Want::Nothing) {
            Want::Nothing => None,
            Want::Tip => self.find_tip().then_some(false),
            Want::Start(id) => self.find_node(&id).then_some(false),
            Want::Node(id) => self.find_parent(&id),
        };
        let Some(bridged) = bridged else {
            self.pass.reach.branch_known = true;
            return None;
        };
        self.follow();
        self.tally_link();
        Some(bridged)
    }

    /// Goes on reading back until the sums are complete.
    pub(super) fn complete_tally(&mut self) -> Result<(), ReplayError<R::Error>> {
        while !self.pass.reach.branch_known && self.step().is_some() {}
        while !self.pass.reach.spent_known {
            self.pass.reach.spent_known |= self.prev() == Before::Nothing;
        }
        self.check()
    }

    /// Sets what is sought after the present node.
    fn follow(&mut self) {
        let Beginning { head, prefix_end } = &self.pass.beginning;
        let start = self.back.start();
        self.pass.want = match &self.back.record().parent_id {
            Some(id) => Want::Node(id.clone()),
            None if !head.ours && start < prefix_end.unwrap_or(u64::MAX) => {
                if prefix_end.is_none() {
                    self.pass.assumed = self.pass.assumed.max(start.wrapping_add(1));
                }
                Want::Tip
            }
            None => Want::Nothing,
        };
    }

    fn tally_link(&mut self) {
        let based = core::mem::take(&mut self.pass.has_base);
        let start = self.back.start();
        if self.pass.reach.branch_known || start >= self.lowest_link {
            return;
        }
        self.lowest_link = start;
        let record = self.back.record();
        let compacted = record.totals.as_ref();
        let compacted = compacted.filter(|_| record.kind == Kind::Compaction);
        self.pass.reach.branch_known = based || compacted.is_some();
        let Some(Tally { branch, base, .. }) = self.gathered.tally() else {
            return;
        };
        match compacted {
            _ if based => branch.merge(base),
            Some(totals) => branch.merge(&totals.branch),
            None => record.add_usage_to(branch),
        }
    }

    /// What stands before the present place, the header excepted.
    fn prev(&mut self) -> Before {
        loop {
            let before = self.back.prev();
            match before {
                Before::Torn => {
                    let start = self.back.torn_start();
                    self.note(|notes| {
                        notes.health.torn = true;
                        notes.torn_at = Some(start);
                    });
                }
                Before::Corrupt => {
                    let line_start = self.back.line_start();
                    if line_start < self.lowest_corrupt {
                        self.lowest_corrupt = line_start;
                        self.note(|notes| count(&mut notes.health.corrupt));
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

    fn note(&mut self, what: impl FnOnce(&mut Notes)) {
        if let Some(notes) = self.gathered.notes() {
            what(notes);
        }
    }

    /// Notes what the record just read says.
    fn see(&mut self) {
        let record = self.back.record();
        let start = self.back.start();
        if start < self.lowest {
            self.lowest = start;
            let fork_point = self.pass.beginning.head.fork_point.as_ref();
            let tally = self.gathered.tally();
            self.pass.reach.take(record, fork_point, tally);
            if record.kind == Kind::Leaf
                && let Some(notes) = self.gathered.notes()
            {
                count(&mut notes.leaves);
            }
        }
        if record.ends_prefix() {
            self.parented = self.parented.min(start);
        }
        if record.is_node() {
            if self.lowest_link == u64::MAX {
                self.pass.nodes_to_tip = self.pass.nodes_to_tip.saturating_add(1);
            }
            if let Some(id) = &record.id {
                self.pass.watch.see(id, start);
            }
        }
    }

    /// Holds the totals of the branch that the record just read states.
    fn hold_base(&mut self) {
        let totals = &self.back.record().totals;
        self.pass.has_base = totals.is_some();
        if let (Some(totals), Some(tally)) = (totals, self.gathered.tally()) {
            tally.hold(totals);
        }
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
                    self.hold_base();
                    if self.find_node(&target) {
                        self.pass.marked |= self.lowest_link == u64::MAX;
                        return true;
                    }
                    self.pass.has_base = false;
                    if !self.pass.quiet {
                        self.note(|notes| count(&mut notes.dangling_leaves));
                    }
                    self.return_to(mark);
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
                Kind::Leaf if !self.pass.has_base && record.reference.as_ref() == Some(id) => {
                    self.hold_base();
                }
                _ => {}
            }
        }
        self.pass.has_base = false;
        if let Some((mark, true)) = nearest {
            if !self.pass.quiet {
                self.note(|notes| count(&mut notes.bridges));
            }
            self.return_to(mark);
            return Some(true);
        }
        if !self.pass.quiet {
            self.note(|notes| count(&mut notes.missing_parents));
        }
        None
    }

    /// Goes back to `mark` from the beginning, up to which something was sought in vain.
    fn return_to(&mut self, mark: Mark) {
        let read = u32::try_from(mark.line_end() / VAIN_UNIT).unwrap_or(u32::MAX);
        match self.in_vain.checked_sub(read) {
            Some(left) => {
                self.in_vain = left;
                self.back.jump(mark);
            }
            None => self.back.fail(ReplayError::TooManyLost),
        }
    }

    /// The kind of the node that was told last: of a header in the wrong place, unknown.
    pub(super) fn kind(&self) -> Kind {
        match self.record().kind {
            Kind::Session => Kind::Unknown,
            kind => kind,
        }
    }

    /// Where it begins.
    pub(super) fn start(&self) -> u64 {
        self.back.start()
    }

    /// Where the node that was told last lies.
    pub(super) fn extent(&self) -> Extent {
        self.back.extent()
    }

    /// The place just after the node that was told last.
    pub(super) fn mark(&self) -> Mark {
        self.back.mark()
    }

    /// Goes back to a node of the branch, as if it had just been told.
    pub(super) fn revisit(&mut self, mark: Mark) {
        self.back.jump(mark);
        self.pass.has_base = false;
        self.follow();
    }
}
