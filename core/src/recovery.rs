//! Line framing and damage: finds the records in a stream of bytes, whatever has happened to it (F1, F20 to F24).
//!
//! [`Framer`] takes bytes in chunks of any size and gives events in file order. It holds one [`RecordScanner`] and
//! nothing of the text; in a damaged line it may ask for bytes again, each at most twice more.
//!
//! Panics: none, on any input.

use crate::{
    id::EntryId,
    record::{Extent, Fault, Kind, Limits, Record, RecordError, RecordScanner, Scanning},
};

/// How our records, opi's and most others' begin: what salvage looks for (F22).
const RECORD_START: &[u8; 9] = b"{\"type\":\"";

/// Records salvaged from one line at most (F22).
pub const MAX_SALVAGED: u8 = 8;

/// The state of a session's bytes (F24).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Health {
    /// Corrupt records (lines with damage).
    pub corrupt: u64,
    /// There is a torn tail.
    pub torn: bool,
}

impl Health {
    /// Neither corrupt records nor a torn tail.
    pub fn is_clean(&self) -> bool {
        self.corrupt == 0 && !self.torn
    }

    /// The state's name: `clean`, `truncated`, `corrupt` or `corrupt_and_truncated`.
    pub fn name(&self) -> &'static str {
        match (self.corrupt > 0, self.torn) {
            (false, false) => "clean",
            (false, true) => "truncated",
            (true, false) => "corrupt",
            (true, true) => "corrupt_and_truncated",
        }
    }
}

/// A line that is no valid record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Damage {
    /// What is wrong.
    pub fault: Fault,
    /// The line's number, from 1.
    pub line: u64,
    /// Offset of the line's first byte in the storage.
    pub line_start: u64,
    /// Offset of the first wrong byte in the storage.
    pub at: u64,
}

/// What the framer finds.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'a, I = EntryId> {
    /// A record.
    Record(Found<'a, I>),
    /// A line that ends and is no valid record, or from which records had to be salvaged. Comes before those.
    Corrupt(Damage),
    /// Bytes after the last line end that are no record: the last event.
    Torn {
        /// Where they lie.
        extent: Extent,
        /// The line's number, from 1.
        line: u64,
    },
}

impl<I> Clone for Event<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Event<'_, I> {}

/// A record and where it lies.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Found<'a, I = EntryId> {
    /// Its bookkeeping.
    pub record: &'a Record<I>,
    /// Where it lies.
    pub extent: Extent,
    /// The line's number, from 1.
    pub line: u64,
    /// It is the first candidate on the first line that is not blank: where the header stands (F9, F23).
    pub header_place: bool,
    /// It was salvaged from a damaged line (F22).
    pub salvaged: bool,
    /// Something follows it: a line end or, in a damaged line, another record. False only for a record at the very end.
    pub terminated: bool,
}

impl<I> Clone for Found<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Found<'_, I> {}

/// An event without its borrow, so that callers can loop before they look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Record,
    Corrupt,
    Torn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum State {
    /// Only white space so far on this line.
    Blank,
    /// Inside a candidate.
    Record,
    /// A candidate is complete; `matched` bytes of a record's start directly follow it, or white space does.
    After { matched: usize, spaced: bool },
    /// A candidate has failed; `matched` bytes of a record's start have been seen.
    Seek { matched: usize },
    /// Enough was salvaged from this line.
    Skip,
}

/// Frames a stream of bytes into records, with a scanner of its own or one that is lent.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Framer<W = RecordScanner> {
    scanner: W,
    state: State,
    /// Offset of the next byte in the storage.
    at: u64,
    line: u64,
    line_start: u64,
    record_start: u64,
    /// Offset after the last record counted on this line, or the line's start.
    counted_to: u64,
    salvaged: u8,
    /// What is wrong with the line, and where.
    damage: Option<(Fault, u64)>,
    damage_told: bool,
    terminated: bool,
    /// No line before this one is other than blank.
    first_line: bool,
    /// This line is blank so far.
    blank: bool,
    /// The candidate is the first on the first line.
    header_place: bool,
    /// The next call tells of the candidate that is complete.
    owed_record: bool,
    /// The next byte is the first of a record whose start has been seen.
    restart: bool,
    /// The next call begins a new line.
    new_line: bool,
}

impl Framer {
    /// A framer whose first byte is at offset `start` of the storage, on line `line`. (Line 1 here: the first line that is not blank, or a blank one before it.)
    pub fn new(limits: Limits, start: u64, line: u64) -> Self {
        Self::over(RecordScanner::new(limits), start, line)
    }
}

impl<W: Scanning> Framer<W> {
    /// As [`new`](Framer::new), with a scanner that is given, and its limits.
    #[inline(always)] // Built where it stays.
    pub fn over(scanner: W, start: u64, line: u64) -> Self {
        Framer {
            scanner,
            state: State::Blank,
            at: start,
            line,
            line_start: start,
            record_start: start,
            counted_to: start,
            salvaged: 0,
            damage: None,
            damage_told: false,
            terminated: true,
            first_line: line == 1,
            blank: true,
            header_place: false,
            owed_record: false,
            restart: false,
            new_line: false,
        }
    }

    /// As new, in place. (The scanner is reset where a record begins.)
    pub(crate) fn start_over(&mut self, start: u64, line: u64) {
        self.at = start;
        self.line = line;
        self.record_start = start;
        self.terminated = true;
        self.first_line = line == 1;
        self.blank = true;
        self.header_place = false;
        self.owed_record = false;
        self.restart = false;
        self.new_line = false;
        self.begin_line();
    }

    fn begin_line(&mut self) {
        self.line_start = self.at;
        self.counted_to = self.at;
        self.salvaged = 0;
        self.damage = None;
        self.damage_told = false;
        self.state = State::Blank;
    }

    /// The scanner.
    pub(crate) fn scanner_mut(&mut self) -> &mut RecordScanner<W::Id> {
        self.scanner.scanner_mut()
    }

    /// Takes bytes up to the next event. `chunk` must begin at [`Framer::offset`] of the storage, which says
    /// afterwards how much was taken; in a damaged line it may go back.
    pub fn feed(&mut self, chunk: &[u8]) -> Option<Event<'_, W::Id>> {
        let signal = self.advance(chunk)?;
        Some(self.event(signal))
    }

    /// Says that the storage ends at [`Framer::offset`]. No event and an unchanged offset mean that all is told;
    /// when the offset has gone back, feed on from there.
    pub fn finish(&mut self) -> Option<Event<'_, W::Id>> {
        let signal = self.advance_end()?;
        Some(self.event(signal))
    }

    /// Offset in the storage of the byte that comes next.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Number of the line that the next byte stands on, from 1.
    pub fn line(&self) -> u64 {
        self.line.wrapping_add(u64::from(self.new_line))
    }

    /// The bookkeeping of the record that was told last.
    pub(crate) fn record(&self) -> &Record<W::Id> {
        self.scanner.scanner().record()
    }

    /// Offset after the last record counted on the present line, or the line's start.
    pub(crate) fn counted_to(&self) -> u64 {
        self.counted_to
    }

    /// Where the record that was told last lies.
    pub(crate) fn extent(&self) -> Extent {
        Extent {
            start: self.record_start,
            len: self.record().len,
        }
    }

    pub(crate) fn event(&self, signal: Signal) -> Event<'_, W::Id> {
        match (signal, self.damage) {
            (Signal::Corrupt, Some((fault, at))) => Event::Corrupt(Damage {
                fault,
                line: self.line,
                line_start: self.line_start,
                at,
            }),
            (Signal::Torn, _) => Event::Torn {
                extent: Extent {
                    start: self.counted_to,
                    len: self.at.wrapping_sub(self.counted_to),
                },
                line: self.line,
            },
            _ => Event::Record(Found {
                record: self.record(),
                extent: self.extent(),
                line: self.line,
                header_place: self.header_place,
                salvaged: self.damage.is_some(),
                terminated: self.terminated,
            }),
        }
    }

    pub(crate) fn advance(&mut self, chunk: &[u8]) -> Option<Signal> {
        if let Some(signal) = self.settle() {
            return Some(signal);
        }
        let chunk_at = self.at;
        let newline = crate::bytes::find(b'\n', chunk);
        let line = chunk.get(..newline.unwrap_or(chunk.len())).unwrap_or(chunk);
        while let Some(used) = self.at.checked_sub(chunk_at)
            && let Some(rest) = line.get(usize::try_from(used).unwrap_or(usize::MAX)..)
            && let Some(&byte) = rest.first()
        {
            let signal = self.step(rest, byte);
            if signal.is_some() {
                return signal;
            }
        }
        if self.at < chunk_at {
            return None;
        }
        newline?;
        let end = self.at;
        let signal = self.end_line(true);
        if self.at == end {
            self.at = end.wrapping_add(1);
            self.new_line = true;
        }
        signal
    }

    /// Does what the last event left to do.
    fn settle(&mut self) -> Option<Signal> {
        if core::mem::take(&mut self.owed_record) {
            self.state = State::Blank;
            self.count_record();
            return Some(Signal::Record);
        }
        if core::mem::take(&mut self.restart) {
            self.begin_record(self.at);
        }
        if core::mem::take(&mut self.new_line) {
            self.line = self.line.wrapping_add(1);
            self.first_line &= self.blank;
            self.blank = true;
            self.begin_line();
        }
        None
    }

    /// Begins the candidate whose first byte is at `start`; that byte comes next.
    fn begin_record(&mut self, start: u64) {
        self.scanner_mut().reset();
        self.at = start;
        self.record_start = start;
        self.header_place = self.first_line && core::mem::take(&mut self.blank);
        self.state = State::Record;
    }

    /// Goes on over `rest`, which begins with `byte` and holds no line end.
    fn step(&mut self, rest: &[u8], byte: u8) -> Option<Signal> {
        let space = matches!(byte, b' ' | b'\t' | b'\r');
        let mut taken = 1;
        match self.state {
            State::Blank if space => {}
            State::Blank => {
                self.begin_record(self.at);
                taken = 0;
            }
            State::Record => match self.scanner_mut().feed(rest) {
                Ok(fed) => {
                    taken = fed.consumed;
                    if fed.complete {
                        self.state = State::After {
                            matched: 0,
                            spaced: false,
                        };
                    }
                }
                Err(error) => {
                    self.fail(error);
                    taken = 0;
                }
            },
            State::After { matched: 0, .. } if space => {
                self.state = State::After {
                    matched: 0,
                    spaced: true,
                };
            }
            State::After {
                matched,
                spaced: false,
            } if RECORD_START.get(matched) == Some(&byte) && self.counts_when_fused() => {
                let matched = matched.wrapping_add(1);
                self.state = State::After {
                    matched,
                    spaced: false,
                };
                if matched == RECORD_START.len() {
                    self.damaged(Fault::FusedRecords, self.record_end());
                    self.at = self.record_end();
                    self.restart = true;
                    return Some(self.tell_record());
                }
            }
            State::After { matched, .. } => {
                self.damaged(Fault::TrailingBytes, self.record_end());
                self.state = State::Seek { matched };
                taken = 0;
            }
            State::Seek { matched: 0 } if byte != b'{' => {
                taken = crate::bytes::find(b'{', rest).unwrap_or(rest.len());
            }
            State::Seek { matched } => {
                let matched = match_step(matched, byte);
                self.state = State::Seek { matched };
                if matched == RECORD_START.len() {
                    let begun = RECORD_START.len().wrapping_sub(1) as u64;
                    self.begin_record(self.at.wrapping_sub(begun));
                    taken = 0;
                }
            }
            State::Skip => taken = rest.len(),
        }
        self.at = self.at.wrapping_add(taken as u64);
        None
    }

    /// The candidate has failed: the line is damaged, and the search goes on two bytes before the one at which
    /// scanning stopped, since `{"` may have passed for the end of a torn string (F22).
    fn fail(&mut self, error: RecordError) {
        self.damaged(error.fault, self.record_start.wrapping_add(error.at));
        let stopped = self.record_start.wrapping_add(error.stopped);
        let after_start = self.record_start.wrapping_add(1).min(stopped);
        self.at = stopped.saturating_sub(2).max(after_start);
        self.state = State::Seek { matched: 0 };
    }

    fn record_end(&self) -> u64 {
        self.record_start.wrapping_add(self.record().len)
    }

    fn damaged(&mut self, fault: Fault, at: u64) {
        self.damage.get_or_insert((fault, at));
    }

    /// The complete candidate would count if a record followed it, or if the line ended (F22, F23).
    fn counts_when_fused(&self) -> bool {
        let record = self.record();
        match record.kind {
            Kind::Message | Kind::Compaction | Kind::Leaf => true,
            Kind::Unknown => record.has_crc,
            Kind::Session => self.header_place,
        }
    }

    fn count_record(&mut self) {
        self.counted_to = self.record_end();
        if self.damage.is_some() {
            self.salvaged = self.salvaged.wrapping_add(1);
            if self.salvaged >= MAX_SALVAGED {
                self.restart = false;
                self.state = State::Skip;
            }
        }
    }

    /// Tells of the complete candidate, after the line's damage where that has not been told.
    fn tell_record(&mut self) -> Signal {
        if self.damage.is_some() && !core::mem::replace(&mut self.damage_told, true) {
            self.owed_record = true;
            return Signal::Corrupt;
        }
        self.count_record();
        Signal::Record
    }

    /// The line is over: with a line end, or with the storage.
    fn end_line(&mut self, terminated: bool) -> Option<Signal> {
        self.terminated = terminated;
        match self.state {
            // A line that the most has been salvaged from may hold more: none of it is torn.
            State::Blank | State::Skip => return None,
            State::After { matched: 0, .. }
                if self.damage.is_none() || self.counts_when_fused() =>
            {
                return Some(self.tell_record());
            }
            State::After { .. } => self.damaged(Fault::TrailingBytes, self.record_end()),
            State::Record => {
                let fused = self.scanner.scanner().last_object();
                let stopped_at = self.at;
                let error = self.scanner_mut().cut_off();
                self.fail(error);
                self.at = stopped_at;
                if let Some(offset) = fused {
                    self.begin_record(self.record_start.wrapping_add(offset));
                    return None;
                }
            }
            State::Seek { .. } => {}
        }
        let told = core::mem::replace(&mut self.damage_told, true);
        match (terminated, told) {
            (true, true) => None,
            (true, false) => Some(Signal::Corrupt),
            (false, _) => Some(Signal::Torn),
        }
    }

    pub(crate) fn advance_end(&mut self) -> Option<Signal> {
        if let Some(signal) = self.settle() {
            return Some(signal);
        }
        let end = self.at;
        let signal = self.end_line(false);
        if self.at == end && !self.owed_record {
            self.state = State::Blank;
        }
        signal
    }
}

/// How much of a record's start has been seen after `byte`. Its first byte stands in it only once, so a mismatch
/// falls back to at most that one.
fn match_step(matched: usize, byte: u8) -> usize {
    if RECORD_START.get(matched) == Some(&byte) {
        matched.wrapping_add(1)
    } else {
        usize::from(byte == b'{')
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
