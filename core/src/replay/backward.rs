//! Records backwards: the events of [`Records`](super::Records), in the opposite order.
//!
//! A line that fits the window is read once; a longer one twice (once back for its start, once on for its records).
//! One in which no record can end, such as a torn tail, is read once and not scanned, whatever its length.

use super::{Beginning, Head, ReplayError, Window, reader::Ahead};
use crate::{
    bytes,
    record::{Extent, Kind, Limits, Record, RecordScanner, Scanning},
    recovery::{Event, Framer, Signal},
};
use embedded_io::{Read, Seek, SeekFrom};

/// Where a record in a damaged line ends, if it is not at the line's end: directly before another one (F22).
const FUSED: &[u8; 10] = b"}{\"type\":\"";

/// A place that [`Backward`] can go back to: just after a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    line_end: u64,
    /// Where the record begins.
    start: u64,
}

impl Mark {
    /// Where the record's line ends.
    pub(super) fn line_end(self) -> u64 {
        self.line_end
    }
}

/// What stands before the present place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// A record: [`Backward::record`] has its bookkeeping, [`Backward::extent`] its place.
    Record,
    /// The damage of a line, that which begins at [`Backward::line_start`]; before its salvaged records.
    Corrupt,
    /// The torn tail, from [`Backward::torn_start`] on.
    Torn,
    /// The beginning, or a failure: [`Backward::check`] tells.
    Nothing,
}

/// Reads a storage's records from its end to its beginning.
pub struct Backward<'b, R: Read + Seek, W = RecordScanner> {
    source: R,
    window: Window<'b>,
    framer: Framer<W>,
    /// Where the lines that have not been visited end.
    line_end: u64,
    /// Of the present line: what has still to be told, last first.
    line_start: u64,
    records: u8,
    /// The framer holds the bookkeeping of the last of them.
    scanned: bool,
    corrupt: bool,
    torn: bool,
    /// The record that was told last, and the end of the line that was loaded last: its own, until another is loaded.
    present: Mark,
    /// Where the first byte that is not white space lies: where a header stands.
    header_at: u64,
    /// Why nothing more can be read.
    failed: Option<ReplayError<R::Error>>,
}

impl<'b, R: Read + Seek> Backward<'b, R> {
    /// Reads back from offset `end`: the storage's length, or a line's first byte.
    pub fn new(
        source: R,
        window: &'b mut [u8],
        limits: Limits,
        end: u64,
    ) -> Result<Self, ReplayError<R::Error>> {
        let mut back = Self::closed(source, window, RecordScanner::new(limits));
        back.open(end)?;
        Ok(back)
    }
}

impl<'b, R: Read + Seek, W: Scanning> Backward<'b, R, W> {
    /// To be opened: a step of its own, which may fail, so that this large thing is built where it stays and not
    /// copied out of a result.
    #[inline(always)]
    pub(super) fn closed(source: R, window: &'b mut [u8], scanner: W) -> Self {
        Backward {
            source,
            window: Window::new(window),
            framer: Framer::over(scanner, 0, 1),
            line_end: 0,
            line_start: 0,
            records: 0,
            scanned: false,
            corrupt: false,
            torn: false,
            present: Mark {
                line_end: 0,
                start: 0,
            },
            header_at: 0,
            failed: None,
        }
    }

    /// Stands at offset `end`.
    fn open(&mut self, end: u64) -> Result<(), ReplayError<R::Error>> {
        self.window.check()?;
        self.find_header(end)?;
        (self.line_end, self.line_start) = (end, end);
        Ok(())
    }

    /// Stands at the storage's end.
    #[inline(never)]
    pub(super) fn open_at_end(&mut self) -> Result<(), ReplayError<R::Error>> {
        let end = self.source.seek(SeekFrom::End(0))?;
        self.open(end)
    }

    /// Where the lines end that have not been visited.
    pub(super) fn unread(&self) -> u64 {
        self.line_end
    }

    /// Reads the header, and looks for the end of a foreign log's linear prefix: among its first `look` nodes, or all.
    /// Comes before [`open_at_end`](Self::open_at_end).
    #[inline(never)]
    pub(super) fn read_beginning(
        &mut self,
        look: Option<u8>,
        beginning: &mut Beginning<W::Id>,
    ) -> Result<(), ReplayError<R::Error>> {
        self.window.check()?;
        let part = match look {
            Some(_) => HEAD_WINDOW,
            None => u64::MAX,
        };
        let mut ahead = Ahead::new(part);
        self.framer.start_over(0, 1);
        *beginning = Beginning::NEW;
        let mut nodes = 0u8;
        let (source, window) = (&mut self.source, &mut self.window);
        while let Some(signal) = ahead.next(source, window, &mut self.framer)? {
            let Event::Record(found) = self.framer.event(signal) else {
                continue;
            };
            let record = found.record;
            if found.header_place && record.kind == Kind::Session {
                beginning.head = Head::of(record, found.extent);
            } else {
                nodes = nodes.wrapping_add(u8::from(record.is_node()));
                if record.ends_prefix() {
                    beginning.prefix_end = Some(found.extent.start);
                }
            }
            if beginning.head.ours {
                break;
            }
            if beginning.prefix_end.is_some() || look.is_some_and(|look| nodes >= look) {
                return Ok(());
            }
        }
        beginning.prefix_end = Some(u64::MAX);
        Ok(())
    }

    /// Whether all that was told is so: a failure ends the reading as the beginning does.
    pub(super) fn check(&mut self) -> Result<(), ReplayError<R::Error>> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Reads no more.
    pub(super) fn fail(&mut self, error: ReplayError<R::Error>) {
        self.failed.get_or_insert(error);
        (self.records, self.corrupt, self.torn) = (0, false, false);
        self.line_end = 0;
    }

    /// The bookkeeping of the record that was told last.
    pub fn record(&self) -> &Record<W::Id> {
        self.framer.record()
    }

    /// Where it begins.
    pub(super) fn start(&self) -> u64 {
        self.present.start
    }

    /// Where it lies.
    pub(super) fn extent(&self) -> Extent {
        Extent {
            start: self.present.start,
            len: self.record().len,
        }
    }

    /// It stands where the header does (F9).
    pub(super) fn header_place(&self) -> bool {
        self.present.start == self.header_at
    }

    /// It was salvaged from a damaged line.
    pub(super) fn salvaged(&self) -> bool {
        self.corrupt
    }

    /// Where the present line begins.
    pub(super) fn line_start(&self) -> u64 {
        self.line_start
    }

    /// Where the torn tail begins, when it has just been told.
    pub(super) fn torn_start(&self) -> u64 {
        self.framer.counted_to()
    }

    /// The place just after the record that was told last: going back there tells it again.
    pub(super) fn mark(&self) -> Mark {
        self.present
    }

    /// Tells the record at `mark` again.
    pub(super) fn jump(&mut self, mark: Mark) {
        self.line_end = mark.line_end;
        self.load_line();
        self.torn = false;
        while self.records > 0 {
            if self.prev() == Before::Record && self.present.start == mark.start {
                return;
            }
        }
        self.fail(ReplayError::Changed);
    }

    /// What stands before the present place.
    pub(super) fn prev(&mut self) -> Before {
        loop {
            if core::mem::take(&mut self.torn) {
                return Before::Torn;
            }
            if self.records > 0 {
                if !core::mem::take(&mut self.scanned)
                    && let Err(error) = self.scan_again()
                {
                    self.fail(error);
                    return Before::Nothing;
                }
                self.records = self.records.saturating_sub(1);
                self.present.start = self.framer.extent().start;
                return Before::Record;
            }
            if core::mem::take(&mut self.corrupt) {
                return Before::Corrupt;
            }
            if self.line_end == 0 {
                return Before::Nothing;
            }
            self.load_line();
        }
    }

    /// Finds out what the line that ends at `line_end` holds, and moves before it.
    fn load_line(&mut self) {
        (self.records, self.corrupt, self.torn) = (0, false, false);
        if let Err(error) = self.try_load_line() {
            self.fail(error);
        }
    }

    fn try_load_line(&mut self) -> Result<(), ReplayError<R::Error>> {
        let end = self.line_end;
        self.show_end(end)?;
        let ending = self.ending(end);
        let (start, records) = self.find_line_start(end, ending)?;
        self.present.line_end = end;
        self.line_start = start;
        self.line_end = start;
        self.scanned = false;
        self.framer.start_over(start, self.line_number(start));
        if !records {
            self.corrupt = ending == Ending::Broken { terminated: true };
            self.torn = !self.corrupt;
            return Ok(());
        }
        while let Some(signal) = self.frame(end)? {
            match signal {
                Signal::Record => {
                    self.records = self.records.saturating_add(1);
                    if !self.corrupt {
                        // An undamaged line: its one record is in the framer.
                        self.scanned = true;
                        return Ok(());
                    }
                }
                Signal::Corrupt => self.corrupt = true,
                Signal::Torn => self.torn = true,
            }
        }
        Ok(())
    }

    /// The framer's next signal, the storage taken to end at `end`.
    fn frame(&mut self, end: u64) -> Result<Option<Signal>, ReplayError<R::Error>> {
        loop {
            let at = self.framer.offset();
            if at >= end {
                let signal = self.framer.advance_end();
                if signal.is_some() || self.framer.offset() == at {
                    return Ok(signal);
                }
                continue;
            }
            if self.window.slice(at, end).is_empty() {
                let to = end.min(at.wrapping_add(self.window.buf.len() as u64));
                self.window.read_before(&mut self.source, at, to)?;
            }
            if let Some(signal) = self.framer.advance(self.window.slice(at, end)) {
                return Ok(Some(signal));
            }
        }
    }

    /// Finds the first byte before `end` that is not white space.
    fn find_header(&mut self, end: u64) -> Result<(), ReplayError<R::Error>> {
        let window = &mut self.window;
        self.header_at = 0;
        while self.header_at < end {
            let at = self.header_at;
            window.read_some(&mut self.source, at, end.min(at.wrapping_add(FIRST_BYTES)))?;
            let bytes = window.slice(at, end);
            if bytes.is_empty() {
                return Err(ReplayError::Changed);
            }
            let blank = bytes.iter().take_while(|b| b" \t\r\n".contains(b)).count();
            self.header_at = at.wrapping_add(blank as u64);
            if blank < bytes.len() {
                break;
            }
        }
        Ok(())
    }

    /// Line numbers are not known backwards, but whether a line can hold the header is.
    fn line_number(&self, start: u64) -> u64 {
        if start <= self.header_at { 1 } else { 2 }
    }

    /// Scans a damaged line anew, up to the last of its records that have not been told. (There are few such lines, and
    /// at most [`MAX_SALVAGED`](crate::recovery::MAX_SALVAGED) records on one.)
    fn scan_again(&mut self) -> Result<(), ReplayError<R::Error>> {
        let start = self.line_start;
        self.framer.start_over(start, self.line_number(start));
        let mut left = self.records;
        while let Some(signal) = self.frame(self.present.line_end)? {
            left = left.saturating_sub(u8::from(signal == Signal::Record));
            if left == 0 {
                return Ok(());
            }
        }
        Err(ReplayError::Changed)
    }

    /// Makes sure that the window has what stands before `end`, which is not 0.
    fn show_end(&mut self, end: u64) -> Result<(), ReplayError<R::Error>> {
        if self.window.slice(end.saturating_sub(1), end).is_empty() {
            self.window.read_before(&mut self.source, 0, end)?;
        }
        Ok(())
    }

    /// How the line that ends at `end` ends, as far as the window shows it.
    fn ending(&self, end: u64) -> Ending {
        let shown = self.window.slice(self.window.at, end);
        let (text, terminated) = match shown.split_last() {
            Some((b'\n', text)) => (text, true),
            _ => (shown, false),
        };
        let mut last = text.iter().rev();
        match last.find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) {
            None | Some(b'\n' | b'}') => Ending::Whole,
            Some(_) => Ending::Broken { terminated },
        }
    }

    /// Offset of the first byte of the line that ends at `end` (after its line end, where it has one), and whether there
    /// may be records on it.
    #[inline(never)] // So that what it remembers is gone when the line is scanned.
    fn find_line_start(
        &mut self,
        end: u64,
        ending: Ending,
    ) -> Result<(u64, bool), ReplayError<R::Error>> {
        let mut records = ending == Ending::Whole;
        let fused = (!records).then(Fused::new);
        // The line's own end is not looked at.
        let mut before = end.saturating_sub(1);
        loop {
            let searched = self.window.slice(self.window.at, before);
            let newline = bytes::find_last(b'\n', searched);
            let start = match newline {
                Some(index) => self.window.at.wrapping_add(index as u64).wrapping_add(1),
                None => self.window.at,
            };
            if let Some(fused) = &fused {
                records |= fused.is_in(self.window.slice(start, end));
            }
            if newline.is_some() || start == 0 {
                return Ok((start, records));
            }
            let to = if self.window.end() > end {
                // What lies after the line makes room for what lies before.
                end
            } else {
                before = before.min(self.window.at);
                // What is sought may lie across.
                let across = if records { 0 } else { FUSED.len() as u64 };
                end.min(before.wrapping_add(across))
            };
            self.window.read_before(&mut self.source, 0, to)?;
        }
    }
}

/// How a line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// As a record does, or with white space only.
    Whole,
    /// As no record does: if there are records on the line, they are [`FUSED`] with what follows them (F22).
    Broken { terminated: bool },
}

/// Finds [`FUSED`].
#[cfg(feature = "fast")]
struct Fused(memchr::memmem::Finder<'static>);

#[cfg(feature = "fast")]
impl Fused {
    fn new() -> Self {
        Fused(memchr::memmem::Finder::new(FUSED))
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.find(bytes).is_some()
    }
}

/// Finds [`FUSED`].
#[cfg(not(feature = "fast"))]
struct Fused;

#[cfg(not(feature = "fast"))]
impl Fused {
    fn new() -> Self {
        Fused
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        bytes.windows(FUSED.len()).any(|bytes| bytes == FUSED)
    }
}

/// Bytes that are read at once to find the first that is not white space: it is the first byte, as a rule.
const FIRST_BYTES: u64 = 64;

/// Bytes that are read at once at a log's beginning: most headers are shorter.
const HEAD_WINDOW: u64 = 4096;

#[cfg(test)]
#[path = "backward_tests.rs"]
pub(super) mod tests;
