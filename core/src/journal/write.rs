//! Writing: checked, acknowledged, or undone.

use super::{Journal, JournalError, Storage};
use crate::{
    id::{EntryId, IdKind, Sequence},
    json::scan::ScanErrorKind,
    record::{Fault, Kind, LeafEntry, Limits, Record, RecordScanner},
    time::Clock,
};
use embedded_io::{ErrorType, SeekFrom, Write};

/// What stands after the last whole entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Tail {
    /// Nothing.
    Whole,
    /// The last entry lacks its line end.
    Unended,
    /// Bytes that are no entry, from the log's end on.
    Torn,
}

impl<S: Storage, C: Clock, const N: usize> Journal<S, C, N> {
    /// F20, F28: makes the storage end where the log does.
    pub(super) fn mend_tail(&mut self) -> Result<(), JournalError<S::Error>> {
        self.try_mend_tail().map_err(|error| self.roll_back(error))
    }

    fn try_mend_tail(&mut self) -> Result<(), JournalError<S::Error>> {
        if self.tail == Tail::Torn
            && (self.storage.truncate(self.end)?
                || self.storage.seek(SeekFrom::End(0))? == self.end)
        {
            self.tail = self.tail_when_cut();
        }
        let closing: &[u8] = match self.tail {
            Tail::Whole => return Ok(()),
            Tail::Unended => b"\n",
            // The NUL makes sure that a failed record that lacks only its line end does not count after all.
            Tail::Torn => b"\0\n",
        };
        crate::json::write::write_all(&mut self.storage, closing)?;
        self.end = self.storage.seek(SeekFrom::End(0))?;
        self.tail = Tail::Whole;
        Ok(())
    }

    /// What stands at the log's end once the storage has been cut there: at the last acknowledgement, what stood there then.
    fn tail_when_cut(&self) -> Tail {
        if self.end == self.saved_end {
            self.saved_tail
        } else {
            Tail::Whole
        }
    }

    /// Writes a leaf that names `tip`.
    pub(super) fn write_leaf(&mut self, tip: &EntryId) -> Result<EntryId, JournalError<S::Error>> {
        let mut books = self.books.clone();
        let id = EntryId::own(IdKind::Leaf, books.sequence.take());
        books.unmarked = false;
        books.leaves = true;
        let leaf = LeafEntry {
            id: &id,
            timestamp: self.clock.now(),
            entry_id: tip,
            totals: Some(&books.totals()),
        };
        match leaf.encode(&mut self.storage) {
            Ok(len) => {
                self.end = self.end.saturating_add(len).saturating_add(1);
                self.changes = self.changes.wrapping_add(1);
                self.books = books;
                Ok(id)
            }
            Err(error) => {
                self.books.sequence = books.sequence;
                Err(self.roll_back(error.into()))
            }
        }
    }

    /// Hands everything to the storage, durably if asked: what was appended is acknowledged.
    pub(super) fn acknowledge(&mut self, durable: bool) -> Result<(), JournalError<S::Error>> {
        let mut done = self.storage.flush();
        if done.is_ok() && durable {
            done = self.storage.sync();
        }
        if let Err(error) = done {
            return Err(self.roll_back(JournalError::Io(error)));
        }
        if durable {
            self.saved = self.books.clone();
            self.saved_end = self.end;
            // What was found when the log was opened stays as it is until something is appended.
            if self.tail == Tail::Whole {
                self.saved_tail = Tail::Whole;
            }
        }
        Ok(())
    }

    /// A failed append: the bytes since `start` go, and with a storage error everything since the last
    /// acknowledgement, since the storage no longer tells what it holds.
    pub(super) fn undo_append(
        &mut self,
        start: u64,
        sequence: Sequence,
        error: JournalError<S::Error>,
    ) -> JournalError<S::Error> {
        let before = core::mem::replace(&mut self.books.sequence, sequence);
        if matches!(error, JournalError::Io(_) | JournalError::WriteZero) {
            return self.roll_back(error);
        }
        self.end = start;
        self.tail = Tail::Torn;
        match self.storage.truncate(start) {
            Ok(true) => {
                self.tail = self.tail_when_cut();
                self.books.sequence = before;
            }
            Ok(false) => {}
            Err(e) => return self.roll_back(JournalError::Io(e)),
        }
        error
    }

    /// A failure: back to what was last acknowledged.
    pub(super) fn roll_back(&mut self, error: JournalError<S::Error>) -> JournalError<S::Error> {
        self.abandon_turn();
        error
    }

    /// Drops what was appended since the last acknowledgement, in storage and memory.
    pub fn abandon_turn(&mut self) {
        self.changes = self.changes.wrapping_add(1);
        let sequence = self.books.sequence;
        self.books = self.saved.clone();
        self.end = self.saved_end;
        // When the storage cannot be cut now, the next append tries again before it writes.
        self.tail = match self.storage.truncate(self.saved_end) {
            Ok(true) => self.saved_tail,
            Ok(false) | Err(_) => {
                // Whole entries may stay behind, unacknowledged: their numbers are not given again.
                self.books.sequence = sequence;
                self.saved.sequence = sequence;
                Tail::Torn
            }
        };
    }
}

/// Reads a message record as it passes on to the storage, so that nothing is appended that could not be read back.
///
/// From the first fault on nothing is passed on: what is refused never stands in the storage as a whole record, even
/// where it cannot be cut off again.
pub(super) struct Checked<'s, S> {
    sink: &'s mut S,
    scanner: RecordScanner,
    complete: bool,
    fault: Option<Fault>,
}

impl<'s, S: Write> Checked<'s, S> {
    pub(super) fn new(sink: &'s mut S, limits: Limits) -> Self {
        Checked {
            sink,
            scanner: RecordScanner::new(limits),
            complete: false,
            fault: None,
        }
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut behind = bytes;
        if !self.complete {
            let fed = self.scanner.feed(bytes).map_err(|error| error.fault)?;
            let (record, rest) = bytes.split_at_checked(fed.consumed).unwrap_or((bytes, &[]));
            if let Some(at) = memchr::memchr2(b'\n', b'\r', record) {
                // White space to JSON, the end of the line to readers (F29).
                let byte = record.get(at).copied().unwrap_or(b'\n');
                return Err(Fault::Json(ScanErrorKind::UnexpectedByte(byte)));
            }
            if !fed.complete {
                return Ok(());
            }
            self.complete = true;
            self.check_record()?;
            behind = rest;
        }
        if matches!(behind, b"" | b"\n") {
            Ok(())
        } else {
            Err(Fault::TrailingBytes)
        }
    }

    fn check_record(&self) -> Result<(), Fault> {
        if self.scanner.beyond_double() {
            return Err(Fault::BeyondDouble);
        }
        let record = self.scanner.record();
        // The payload is one value: nothing stands between it and the checksum, `,"crc":"xxxxxxxx"}`.
        let payload = record.message.payload;
        let payload_end = payload.start.saturating_add(payload.len);
        if record.kind == Kind::Message && payload_end.saturating_add(18) == record.len {
            Ok(())
        } else {
            Err(Fault::TrailingBytes)
        }
    }

    /// The bookkeeping of the record that was written.
    pub(super) fn finish(mut self) -> Result<Record, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None if self.complete => Ok(self.scanner.record().clone()),
            None => Err(self.scanner.cut_off().fault),
        }
    }
}

impl<S: Write> ErrorType for Checked<'_, S> {
    type Error = S::Error;
}

impl<S: Write> Write for Checked<'_, S> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, S::Error> {
        if self.fault.is_none() {
            self.fault = self.check(buf).err();
        }
        if self.fault.is_some() {
            return Ok(buf.len());
        }
        let mut rest = buf;
        while !rest.is_empty() {
            let taken = self.sink.write(rest)?;
            if taken == 0 {
                return Ok(0);
            }
            rest = rest.get(taken..).unwrap_or(&[]);
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), S::Error> {
        self.sink.flush()
    }
}
