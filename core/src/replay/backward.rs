//! Records backwards: the events of [`Records`](super::Records), in the opposite order.
//!
//! A line that fits the window is read once; a longer one twice (once back for its start, once on for its records).

use super::{ReplayError, Window};
use crate::{
    id::EntryId,
    record::{Extent, Limits, Record},
    recovery::{Framer, MAX_SALVAGED, Signal},
};
use embedded_io::{Read, Seek, SeekFrom};

/// A place that [`Backward`] can go back to: just after a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    line_end: u64,
    record: Extent,
}

/// What stands before the present place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// A record; [`Backward::record`] has its bookkeeping.
    Record {
        extent: Extent,
        /// Where the header stands (F9).
        header_place: bool,
        /// Salvaged from a damaged line.
        salvaged: bool,
    },
    /// The damage of the line that begins at `line_start`, before its salvaged records.
    Corrupt { line_start: u64 },
    /// The torn tail, from `start` on.
    Torn { start: u64 },
}

/// Reads a storage's records from its end to its beginning.
pub struct Backward<'b, R> {
    pub(super) source: R,
    window: Window<'b>,
    limits: Limits,
    framer: Framer,
    /// Where the lines that have not been visited end.
    line_end: u64,
    /// Of the present line: what has still to be told, last first.
    line_start: u64,
    records: heapless::Vec<Extent, { MAX_SALVAGED as usize }>,
    /// The framer holds the bookkeeping of the last of `records`.
    scanned: bool,
    corrupt: bool,
    torn: bool,
    torn_start: u64,
    mark: Option<Mark>,
    present_end: u64,
    /// Where the first byte that is not white space lies: where a header stands.
    header_at: u64,
}

impl<'b, R: Read + Seek> Backward<'b, R> {
    /// Reads back from offset `end`: the storage's length, or a line's first byte.
    pub fn new(
        mut source: R,
        window: &'b mut [u8],
        limits: Limits,
        end: u64,
    ) -> Result<Self, ReplayError<R::Error>> {
        let mut window = Window::new(window)?;
        let header_at = first_byte(&mut source, &mut window, end)?;
        Ok(Backward {
            source,
            window,
            limits,
            framer: Framer::new(limits, 0, 1),
            line_end: end,
            line_start: end,
            records: heapless::Vec::new(),
            scanned: false,
            corrupt: false,
            torn: false,
            torn_start: 0,
            mark: None,
            present_end: end,
            header_at,
        })
    }

    /// The bookkeeping of the record that was told last.
    pub fn record(&self) -> &Record {
        self.framer.record()
    }

    /// The place just after the record that was told last: going back there tells it again.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.mark
    }

    pub(super) fn jump(&mut self, mark: Mark) -> Result<(), ReplayError<R::Error>> {
        self.line_end = mark.line_end;
        self.records.clear();
        self.corrupt = false;
        self.torn = false;
        self.load_line()?;
        self.torn = false;
        while let Some(last) = self.records.last() {
            if *last == mark.record {
                return Ok(());
            }
            self.records.pop();
            self.scanned = false;
        }
        Err(ReplayError::Changed)
    }

    /// What stands before the present place; `None` at the beginning.
    pub(super) fn prev(&mut self) -> Result<Option<Before>, ReplayError<R::Error>> {
        loop {
            if core::mem::take(&mut self.torn) {
                return Ok(Some(Before::Torn {
                    start: self.torn_start,
                }));
            }
            if let Some(extent) = self.records.pop() {
                if !core::mem::take(&mut self.scanned) {
                    self.scan_again(extent)?;
                }
                self.mark = Some(Mark {
                    line_end: self.present_end,
                    record: extent,
                });
                return Ok(Some(Before::Record {
                    extent,
                    header_place: extent.start == self.header_at,
                    salvaged: self.corrupt,
                }));
            }
            if core::mem::take(&mut self.corrupt) {
                return Ok(Some(Before::Corrupt {
                    line_start: self.line_start,
                }));
            }
            if self.line_end == 0 {
                return Ok(None);
            }
            self.load_line()?;
        }
    }

    /// Finds out what the line that ends at `line_end` holds, and moves before it.
    fn load_line(&mut self) -> Result<(), ReplayError<R::Error>> {
        let end = self.line_end;
        let start = self.find_line_start(end)?;
        self.present_end = end;
        self.line_start = start;
        self.line_end = start;
        self.framer = Framer::new(self.limits, start, self.line_number(start));
        self.scanned = false;
        while let Some(signal) = self.frame(end)? {
            match signal {
                Signal::Record => {
                    let extent = self.framer.extent();
                    self.scanned = self.records.push(extent).is_ok() && !self.corrupt;
                    if self.scanned {
                        // An undamaged line: its one record is in the framer.
                        return Ok(());
                    }
                }
                Signal::Corrupt => self.corrupt = true,
                Signal::Torn => {
                    self.torn = true;
                    self.torn_start = self.framer.counted_to();
                }
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
            if at < self.window.at || at >= self.window.end() {
                let to = end.min(at.saturating_add(self.window.buf.len() as u64));
                self.window.read_before(&mut self.source, at, to)?;
            }
            if let Some(signal) = self.framer.advance(self.window.slice(at, end)) {
                return Ok(Some(signal));
            }
        }
    }

    /// Line numbers are not known backwards, but whether a line can hold the header is.
    fn line_number(&self, start: u64) -> u64 {
        if start <= self.header_at { 1 } else { 2 }
    }

    fn scan_again(&mut self, extent: Extent) -> Result<(), ReplayError<R::Error>> {
        self.framer = Framer::new(self.limits, extent.start, self.line_number(extent.start));
        match self.frame(extent.end())? {
            Some(Signal::Record) => Ok(()),
            _ => Err(ReplayError::Changed),
        }
    }

    /// Offset of the first byte of the line that ends at `end` (after its line end, where it has one).
    fn find_line_start(&mut self, end: u64) -> Result<u64, ReplayError<R::Error>> {
        if end <= self.window.at || end > self.window.end() {
            self.window.read_before(&mut self.source, 0, end)?;
        }
        // The line's own end is not looked at.
        let mut before = end.saturating_sub(1);
        loop {
            let searched = self.window.slice(self.window.at, before);
            if let Some(index) = memchr::memrchr(b'\n', searched) {
                let start = self.window.at.saturating_add(index as u64);
                return Ok(start.saturating_add(1));
            }
            if self.window.at == 0 {
                return Ok(0);
            }
            let to = if self.window.end() > end {
                // What lies after the line makes room for what lies before.
                end
            } else {
                before = before.min(self.window.at);
                before
            };
            self.window.read_before(&mut self.source, 0, to)?;
        }
    }
}

/// Offset of the first byte before `end` that is not white space.
fn first_byte<R: Read + Seek>(
    source: &mut R,
    window: &mut Window<'_>,
    end: u64,
) -> Result<u64, ReplayError<R::Error>> {
    let mut at = 0u64;
    while at < end {
        window.read_some(source, at, end)?;
        let bytes = window.slice(at, end);
        if bytes.is_empty() {
            return Err(ReplayError::Changed);
        }
        let blank = bytes.iter().take_while(|b| b" \t\r\n".contains(b)).count();
        at = at.saturating_add(blank as u64);
        if blank < bytes.len() {
            break;
        }
    }
    Ok(at)
}

/// Where the last node of the storage lies that bears this id.
pub(crate) fn nearest_node<R: Read + Seek>(
    mut source: R,
    window: &mut [u8],
    limits: Limits,
    id: &EntryId,
) -> Result<Option<u64>, ReplayError<R::Error>> {
    let end = source.seek(SeekFrom::End(0))?;
    let mut back = Backward::new(source, window, limits, end)?;
    while let Some(before) = back.prev()? {
        if let Before::Record { extent, .. } = before
            && back.record().is_node()
            && back.record().id.as_ref() == Some(id)
        {
            return Ok(Some(extent.start));
        }
    }
    Ok(None)
}
