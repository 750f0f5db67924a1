//! The branch, from its tip back to its root (F12 to F16), and the sums on the way (F18, F19).

use super::{
    Records, ReplayError, Tally,
    backward::{Backward, Before, Mark},
};
use crate::{
    id::EntryId,
    record::{Extent, Kind, Limits, Record},
    recovery::{Event, Health},
    usage::UsageTotals,
};
use embedded_io::{Read, Seek, SeekFrom};

/// A header's bookkeeping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Head {
    /// Where the header lies; `None` when it is lost or missing (F10).
    pub extent: Option<Extent>,
    /// Its `version`.
    pub version: Option<u64>,
    /// Our writer wrote it.
    pub ours: bool,
    /// The last inherited entry (F11).
    pub fork_point: Option<EntryId>,
}

impl Head {
    /// The head that a header record gives.
    pub fn of(record: &Record, extent: Extent) -> Self {
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
pub(crate) struct Beginning {
    pub(crate) head: Head,
    /// Where a foreign log's linear prefix ends (F14): at its first node with a parent id and no checksum. `None`: nobody
    /// has looked.
    pub(crate) prefix_end: Option<u64>,
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
enum Want {
    /// The tip at this point.
    Tip,
    /// A node to begin with.
    Start(EntryId),
    /// The parent of the last node.
    Node(EntryId),
    Nothing,
}

/// Ids to be noticed while the branch is followed, and where their nearest bearers lie.
#[derive(Default)]
struct Watch {
    wanted: Option<EntryId>,
    wanted_at: Option<u64>,
    older: Option<(Mark, EntryId)>,
    older_at: Option<u64>,
}

/// Follows the branch from its tip to its root.
pub struct Branch<'b, R> {
    back: Backward<'b, R>,
    beginning: Beginning,
    /// The last node without a parent that was taken to be in the linear prefix though nobody had looked.
    assumed: Option<u64>,
    /// The first node met with a parent and no checksum.
    parented: u64,
    want: Want,
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
    watch: Watch,
}

impl<'b, R: Read + Seek> Branch<'b, R> {
    /// Reads the header and stands at the end. A foreign file is read up to its first entry with a parent.
    pub fn new(
        mut source: R,
        window: &'b mut [u8],
        limits: Limits,
    ) -> Result<Self, ReplayError<R::Error>> {
        let beginning = read_beginning(&mut source, window, limits, None)?;
        Self::after(beginning, source, window, limits)
    }

    /// Stands at the end of a log whose beginning is known. Where a linear prefix ends need not be: it is then assumed
    /// to go on, and [`prefix_holds`](Self::prefix_holds) tells later whether that was right.
    pub(super) fn after(
        beginning: Beginning,
        mut source: R,
        window: &'b mut [u8],
        limits: Limits,
    ) -> Result<Self, ReplayError<R::Error>> {
        let end = source.seek(SeekFrom::End(0))?;
        Ok(Branch {
            back: Backward::new(source, window, limits, end)?,
            beginning,
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
        })
    }

    /// Takes the nearest node with this id for the tip, whatever the file says. To be called first;
    /// [`next`](Self::next) then gives `None` at once when there is no such node.
    pub fn from(&mut self, id: &EntryId) {
        self.want = Want::Start(id.clone());
    }

    /// The header's bookkeeping.
    pub fn head(&self) -> &Head {
        &self.beginning.head
    }

    /// What is known of the beginning.
    pub(super) fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// Whether all that was told is right: reads on to the beginning if anything was assumed.
    pub(super) fn prefix_holds(&mut self) -> Result<bool, ReplayError<R::Error>> {
        let Some(assumed) = self.assumed else {
            return Ok(true);
        };
        while self.prev()?.is_some() {}
        self.beginning.prefix_end = Some(self.parented);
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
    pub fn record(&self) -> &Record {
        self.back.record()
    }

    /// The next node, from the tip to the root.
    #[allow(clippy::should_implement_trait)] // An iterator cannot fail.
    pub fn next(&mut self) -> Result<Option<Link>, ReplayError<R::Error>> {
        let found = match core::mem::replace(&mut self.want, Want::Nothing) {
            Want::Nothing => None,
            Want::Tip => self.find_tip()?,
            Want::Start(id) => self.find_node(&id)?.map(|extent| self.link(extent)),
            Want::Node(id) => self.find_parent(&id)?,
        };
        let Some(link) = found else {
            self.tally.branch_known = true;
            return Ok(None);
        };
        self.follow(link);
        self.tally_link(link);
        Ok(Some(link))
    }

    /// Goes on reading back until the sums are complete.
    pub(super) fn complete_tally(&mut self) -> Result<(), ReplayError<R::Error>> {
        while !self.tally.branch_known && self.next()?.is_some() {}
        while !self.tally.spent_known {
            if self.prev()?.is_none() {
                self.tally.spent_known = true;
            }
        }
        Ok(())
    }

    /// Sets what is sought after `link`.
    fn follow(&mut self, link: Link) {
        let Beginning { head, prefix_end } = &self.beginning;
        let start = link.extent.start;
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
        let compacted = record.totals.filter(|_| link.kind == Kind::Compaction);
        if let Some(base) = base.or(compacted.map(|totals| totals.branch)) {
            self.tally.branch.merge(&base);
            self.tally.branch_known = true;
        } else {
            record.add_usage_to(&mut self.tally.branch);
        }
    }

    /// What stands before the present place, the header excepted.
    fn prev(&mut self) -> Result<Option<Before>, ReplayError<R::Error>> {
        loop {
            let before = self.back.prev()?;
            match before {
                Some(Before::Torn { start }) => {
                    self.notes.health.torn = true;
                    self.notes.torn_at = Some(start);
                }
                Some(Before::Corrupt { line_start }) if line_start < self.lowest_corrupt => {
                    self.lowest_corrupt = line_start;
                    self.notes.health.corrupt = self.notes.health.corrupt.saturating_add(1);
                }
                Some(Before::Record {
                    extent,
                    header_place,
                    ..
                }) => {
                    let record = self.back.record();
                    if header_place && record.kind == Kind::Session {
                        continue;
                    }
                    if extent.start < self.lowest {
                        self.lowest = extent.start;
                        self.tally
                            .take(record, self.beginning.head.fork_point.as_ref());
                        let leaf = u64::from(record.kind == Kind::Leaf);
                        self.notes.leaves = self.notes.leaves.saturating_add(leaf);
                    }
                    if ends_prefix(record) {
                        self.parented = self.parented.min(extent.start);
                    }
                    if record.is_node() {
                        if self.lowest_link == u64::MAX {
                            self.nodes_to_tip = self.nodes_to_tip.saturating_add(1);
                        }
                        self.watch.see(record.id.as_ref(), extent.start);
                    }
                }
                _ => {}
            }
            return Ok(before);
        }
    }

    /// The link that the record just told is.
    fn link(&self, extent: Extent) -> Link {
        let kind = match self.back.record().kind {
            Kind::Session => Kind::Unknown,
            kind => kind,
        };
        Link {
            extent,
            kind,
            bridged: false,
        }
    }

    /// F12: the tip at the present place.
    fn find_tip(&mut self) -> Result<Option<Link>, ReplayError<R::Error>> {
        while let Some(before) = self.prev()? {
            let Before::Record { extent, .. } = before else {
                continue;
            };
            let record = self.back.record();
            match record.kind {
                Kind::Message | Kind::Compaction => return Ok(Some(self.link(extent))),
                Kind::Leaf => {
                    let (Some(target), Some(mark)) = (record.reference.clone(), self.back.mark())
                    else {
                        continue;
                    };
                    self.base = record.totals.map(|totals| totals.branch);
                    if let Some(extent) = self.find_node(&target)? {
                        self.marked |= self.lowest_link == u64::MAX;
                        return Ok(Some(self.link(extent)));
                    }
                    self.base = None;
                    if !self.quiet {
                        self.notes.dangling_leaves = self.notes.dangling_leaves.saturating_add(1);
                    }
                    self.back.jump(mark)?;
                    self.prev()?;
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The nearest earlier node with this id.
    fn find_node(&mut self, id: &EntryId) -> Result<Option<Extent>, ReplayError<R::Error>> {
        while let Some(before) = self.prev()? {
            let Before::Record { extent, .. } = before else {
                continue;
            };
            if self.back.record().is_node() && self.back.record().id.as_ref() == Some(id) {
                return Ok(Some(extent));
            }
        }
        Ok(None)
    }

    /// F13, F15: the parent, or what stands in for it.
    fn find_parent(&mut self, id: &EntryId) -> Result<Option<Link>, ReplayError<R::Error>> {
        let mut corrupt = false;
        let mut nearest = None;
        while let Some(before) = self.prev()? {
            let Before::Record {
                extent, salvaged, ..
            } = before
            else {
                corrupt |= matches!(before, Before::Corrupt { .. });
                continue;
            };
            let record = self.back.record();
            if record.is_node() && record.id.as_ref() == Some(id) {
                return Ok(Some(self.link(extent)));
            }
            match record.kind {
                Kind::Message | Kind::Compaction if nearest.is_none() => {
                    nearest = Some((self.back.mark(), extent, corrupt || salvaged));
                }
                Kind::Leaf if record.reference.as_ref() == Some(id) && self.base.is_none() => {
                    self.base = record.totals.map(|totals| totals.branch);
                }
                _ => {}
            }
        }
        self.base = None;
        let count = u64::from(!self.quiet);
        if let Some((Some(mark), extent, true)) = nearest {
            self.notes.bridges = self.notes.bridges.saturating_add(count);
            self.back.jump(mark)?;
            self.prev()?;
            return Ok(Some(Link {
                bridged: true,
                ..self.link(extent)
            }));
        }
        self.notes.missing_parents = self.notes.missing_parents.saturating_add(count);
        Ok(None)
    }

    /// The place just after the node that was told last.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.back.mark()
    }

    /// Goes back to a node of the branch, as if it had just been told.
    pub(super) fn revisit(&mut self, mark: Mark) -> Result<(), ReplayError<R::Error>> {
        self.back.jump(mark)?;
        match self.prev()? {
            Some(Before::Record { extent, .. }) => {
                self.base = None;
                self.follow(self.link(extent));
                Ok(())
            }
            _ => Err(ReplayError::Changed),
        }
    }

    /// F17: where the entries begin that the compaction just told keeps; `None` when it keeps none.
    ///
    /// What it keeps must not have been dropped by an older compaction, which may itself depend on one that is
    /// older still. So each is looked at in turn, and memory stays constant.
    pub(super) fn kept_start(&mut self) -> Result<Option<u64>, ReplayError<R::Error>> {
        let Some(mark) = self.back.mark() else {
            return Ok(None);
        };
        self.quiet = true;
        let start = self.look_for_kept();
        self.watch = Watch::default();
        let start = start?;
        self.revisit(mark)?;
        self.quiet = false;
        Ok(start)
    }

    fn look_for_kept(&mut self) -> Result<Option<u64>, ReplayError<R::Error>> {
        let mut wanted = self.back.record().reference.clone();
        let mut answer = None;
        loop {
            self.watch = Watch {
                wanted,
                ..Watch::default()
            };
            let Some(start) = self.find_kept()? else {
                return Ok(None);
            };
            answer = answer.or(Some(start));
            let Some((mark, older_wanted)) = self.watch.older.take() else {
                return Ok(answer);
            };
            self.revisit(mark)?;
            wanted = Some(older_wanted);
        }
    }

    /// Follows the branch to the message whose id is watched for, unless that turns out not to be in the buffer.
    fn find_kept(&mut self) -> Result<Option<u64>, ReplayError<R::Error>> {
        while let Some(link) = self.next()? {
            let start = link.extent.start;
            // A search for a lost parent may have seen further back than this link.
            if let Some(at) = self.watch.wanted_at.filter(|at| *at >= start) {
                let is_it = at == start && link.kind == Kind::Message;
                return Ok(is_it.then_some(start));
            }
            if self.watch.older_at.is_some_and(|at| at >= start) {
                return Ok(None);
            }
            // An older compaction that keeps from the same entry on stands or falls with those before it.
            let reference = &self.back.record().reference;
            if link.kind == Kind::Compaction
                && self.watch.older.is_none()
                && *reference != self.watch.wanted
                && let (Some(mark), Some(id)) = (self.back.mark(), reference.clone())
            {
                self.watch.older = Some((mark, id));
            }
        }
        Ok(None)
    }
}

impl Watch {
    fn see(&mut self, id: Option<&EntryId>, at: u64) {
        if id.is_none() {
            return;
        }
        if self.wanted_at.is_none() && self.wanted.as_ref() == id {
            self.wanted_at = Some(at);
        }
        if let Some((_, older)) = &self.older
            && self.older_at.is_none()
            && Some(older) == id
        {
            self.older_at = Some(at);
        }
    }
}

/// F14: after this node of a foreign log, no parent means no parent.
fn ends_prefix(record: &Record) -> bool {
    record.is_node() && record.parent_id.is_some() && !record.has_crc
}

/// Bytes that are read at once at a log's beginning: most headers are shorter.
const HEAD_WINDOW: usize = 4096;

/// Reads the header, and looks for the end of a foreign log's linear prefix: among its first `look` nodes, or all.
pub(crate) fn read_beginning<R: Read + Seek>(
    source: &mut R,
    window: &mut [u8],
    limits: Limits,
    look: Option<u8>,
) -> Result<Beginning, ReplayError<R::Error>> {
    let part = match look {
        Some(_) => window.len().min(HEAD_WINDOW),
        None => window.len(),
    };
    let window = window.get_mut(..part).unwrap_or(&mut []);
    let mut records = Records::new(source, window, limits, 0, 1)?;
    let mut head = Head::default();
    let mut nodes = 0u8;
    while let Some(event) = records.next()? {
        let Event::Record(found) = event else {
            continue;
        };
        let record = found.record;
        let mut prefix_end = None;
        if found.header_place && record.kind == Kind::Session {
            head = Head::of(record, found.extent);
        } else {
            nodes = nodes.saturating_add(u8::from(record.is_node()));
            prefix_end = ends_prefix(record).then_some(found.extent.start);
        }
        if head.ours {
            prefix_end = Some(u64::MAX);
        }
        if prefix_end.is_some() || look.is_some_and(|look| nodes >= look) {
            return Ok(Beginning { head, prefix_end });
        }
    }
    let prefix_end = Some(u64::MAX);
    Ok(Beginning { head, prefix_end })
}
