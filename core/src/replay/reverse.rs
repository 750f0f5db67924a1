//! Reverse replay: the context, newest first, in constant memory (F17).

use super::{
    Beginning, Branch, Head, Notes, ReplayError, Tally,
    backward::Mark,
    tally::{Gathered, Gathering},
};
use crate::record::{Extent, Kind, Limits, Record, RecordScanner, Scanning};
use embedded_io::{Read, Seek};

/// An entry of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Item {
    /// Where the entry lies: its payload or summary is at [`Extent::part`] of the record's span.
    pub extent: Extent,
    /// It is a compaction, and stands for its summary: always the last item, the context's first.
    pub summary: bool,
}

/// Yields the context's entries as positions in the storage, from the tip back to the summary or the root.
///
/// ```
/// # use sessionlog_core::{replay::Reverse, record::Limits};
/// # struct File<'a>(&'a [u8], usize);
/// # impl embedded_io::ErrorType for File<'_> { type Error = core::convert::Infallible; }
/// # impl embedded_io::Read for File<'_> { fn read(&mut self, b: &mut [u8]) -> Result<usize, Self::Error> {
/// #     let n = b.len().min(self.0.len() - self.1); b[..n].copy_from_slice(&self.0[self.1..][..n]); self.1 += n; Ok(n) } }
/// # impl embedded_io::Seek for File<'_> { fn seek(&mut self, p: embedded_io::SeekFrom) -> Result<u64, Self::Error> {
/// #     self.1 = match p { embedded_io::SeekFrom::Start(n) => n as usize, embedded_io::SeekFrom::End(n) => (self.0.len() as i64 + n) as usize,
/// #         embedded_io::SeekFrom::Current(n) => (self.1 as i64 + n) as usize }; Ok(self.1 as u64) } }
/// let bytes = br#"{"type":"session","version":1,"id":"s","writer":"sessionlog/1"}
/// {"type":"message","id":"msg-1","parent_id":null,"message":{"role":"user","content":[]}}
/// {"type":"message","id":"msg-2","parent_id":"msg-1","message":{"role":"assistant","content":[]}}
/// "#;
/// let mut window = [0; 256];
/// let mut replay = Reverse::new(File(bytes, 0), &mut window, Limits::default())?;
/// while let Some(item) = replay.next()? {
///     let payload = item.extent.part(replay.record().message.payload);
///     // … seek to payload.start and stream payload.len bytes to the model.
/// #   assert_eq!(bytes[payload.start as usize], b'{');
/// }
/// # Ok::<(), sessionlog_core::replay::ReplayError<core::convert::Infallible>>(())
/// ```
pub struct Reverse<'b, R: Read + Seek, W: Scanning = RecordScanner, T = Gathered> {
    branch: Branch<'b, R, W, T>,
    /// The newest compaction on the branch, and where the first message lies that it keeps.
    compaction: Option<(Mark, u64)>,
    tip: Option<Extent>,
    tip_id: Option<W::Id>,
    over: bool,
}

impl<'b, R: Read + Seek> Reverse<'b, R> {
    /// Stands at the tip. `window` is at least [`MIN_WINDOW`](super::MIN_WINDOW) bytes; a larger one reads faster.
    pub fn new(
        source: R,
        window: &'b mut [u8],
        limits: Limits,
    ) -> Result<Self, ReplayError<R::Error>> {
        let mut replay = Self::closed(source, window, RecordScanner::new(limits), Gathered::NEW);
        replay.open(None, None)?;
        Ok(replay)
    }
}

impl<R: Read + Seek, W: Scanning> Reverse<'_, R, W> {
    /// The sums, after reading as far back as they need: to the newest totals, or to the beginning.
    /// To be called when the context has been yielded.
    pub fn tally(&mut self) -> Result<&Tally, ReplayError<R::Error>> {
        self.branch.complete_tally()?;
        Ok(self.branch.tally())
    }

    /// What was met so far.
    pub fn notes(&self) -> &Notes {
        self.branch.notes()
    }
}

impl<'b, R: Read + Seek, W: Scanning, T: Gathering> Reverse<'b, R, W, T> {
    /// To be opened, as [`Backward::closed`](super::Backward::closed).
    #[inline(always)]
    pub(crate) fn closed(source: R, window: &'b mut [u8], scanner: W, gathered: T) -> Self {
        Reverse {
            branch: Branch::closed(source, window, scanner, gathered),
            compaction: None,
            tip: None,
            tip_id: None,
            over: false,
        }
    }

    /// Reads the beginning, unless it is known, and stands at the tip, as [`Branch::open`].
    pub(crate) fn open(
        &mut self,
        beginning: Option<&Beginning<W::Id>>,
        look: Option<u8>,
    ) -> Result<(), ReplayError<R::Error>> {
        self.branch.open(beginning, look)
    }

    /// Where the branch's next node lies.
    pub(crate) fn first_link(&mut self) -> Result<Option<u64>, ReplayError<R::Error>> {
        let link = self.branch.step();
        self.check()?;
        Ok(link.map(|_| self.start()))
    }

    /// Takes the nearest node with this id for the tip, whatever the file says. To be called first;
    /// [`tip`](Self::tip) stays `None` when there is no such node.
    pub fn from(&mut self, id: &W::Id) {
        self.branch.from(id);
    }

    /// The next older entry of the context; `None` at its beginning.
    #[allow(clippy::should_implement_trait)] // An iterator cannot fail.
    pub fn next(&mut self) -> Result<Option<Item>, ReplayError<R::Error>> {
        let Some(summary) = self.step() else {
            return self.check().map(|()| None);
        };
        self.check().map(|()| {
            let extent = self.branch.extent();
            Some(Item { extent, summary })
        })
    }

    /// The next older entry, or rather whether it is a summary; `None` at the beginning, and after a failure, of which
    /// [`check`](Self::check) tells.
    pub(crate) fn step(&mut self) -> Option<bool> {
        while !self.over {
            if self.branch.step().is_none() {
                self.over = true;
                break;
            }
            if self.tip.is_none() {
                self.tip = Some(self.branch.extent());
                self.tip_id.clone_from(&self.branch.record().id);
            }
            match self.branch.kind() {
                Kind::Message => {
                    let first = self.compaction.map(|(_, first)| first);
                    self.over = first == Some(self.branch.start());
                    return Some(false);
                }
                Kind::Compaction if self.compaction.is_none() => {
                    self.compaction = Some((self.branch.mark(), 0));
                    let kept = self.branch.kept_start();
                    self.over = kept.is_none();
                    if let Some((mark, first)) = &mut self.compaction {
                        *first = kept.unwrap_or(0);
                        self.branch.revisit(*mark);
                    }
                }
                _ => {}
            }
        }
        let (mark, _) = self.compaction.take()?;
        self.branch.revisit(mark);
        self.branch.be_quiet();
        Some(true)
    }

    /// Why the reading ended, if that was a failure.
    pub(crate) fn check(&mut self) -> Result<(), ReplayError<R::Error>> {
        self.branch.check()
    }

    /// Where the entry begins that was yielded last.
    pub(crate) fn start(&self) -> u64 {
        self.branch.start()
    }

    /// The bookkeeping of the item that was yielded last.
    pub fn record(&self) -> &Record<W::Id> {
        self.branch.record()
    }

    /// Where the tip lies, once an item has been yielded; a leaf may have made an unknown entry the tip.
    pub fn tip(&self) -> Option<Extent> {
        self.tip
    }

    /// The tip's id. (A tip without an id cannot be continued by name.)
    pub fn tip_id(&self) -> Option<&W::Id> {
        self.tip_id.as_ref()
    }

    /// The item that was yielded last is newer than the newest compaction.
    pub(crate) fn after_compaction(&self) -> bool {
        self.compaction.is_none()
    }

    /// Where the first record begins of those that were read so far, the header aside; `u64::MAX` when there was none.
    pub(crate) fn lowest(&self) -> u64 {
        self.branch.lowest()
    }

    /// A leaf, the last entry that counts, names the tip.
    pub(crate) fn tip_is_marked(&self) -> bool {
        self.branch.tip_is_marked()
    }

    /// Other nodes stand after the tip, perhaps: one of them may bear its id.
    pub(crate) fn tip_is_followed(&self) -> bool {
        self.branch.tip_is_followed()
    }

    /// The header's bookkeeping.
    pub fn head(&self) -> &Head<W::Id> {
        self.branch.head()
    }

    /// What is known of the beginning.
    pub(crate) fn beginning(&self) -> &Beginning<W::Id> {
        self.branch.beginning()
    }

    /// Whether all that was told is right: reads on to the beginning if anything was assumed. To be called last.
    pub(crate) fn prefix_holds(&mut self) -> Result<bool, ReplayError<R::Error>> {
        self.branch.prefix_holds()
    }

    /// Reads as far back as the sums need: to the newest totals, or to the beginning. To be called when the context has
    /// been yielded.
    pub(crate) fn complete_tally(&mut self) -> Result<(), ReplayError<R::Error>> {
        self.branch.complete_tally()
    }
}

#[cfg(test)]
#[path = "reverse_tests.rs"]
mod tests;
