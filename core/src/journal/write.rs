//! Writing: checked, acknowledged, or undone.

use super::{Journal, JournalError, Plan, Storage};
use crate::{
    id::{EntryId, IdKind, Sequence},
    json::{
        JsonWriter, WriteError,
        pen::{Pen, Stopped},
        scan::ScanErrorKind,
    },
    record::{CompactionEntry, Fault, IdForm, LeafEntry, Limits, Payload, RecordScanner, TotalsOf},
    replay::Tally,
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
    /// Bytes that are no entry, on the line of the last one. They stay: it is salvaged (F22), and what that means for its
    /// parent (F15) must not change.
    Fused,
    /// Bytes that are no entry, from the log's end on.
    Torn,
}

impl<S: Storage, C: Clock, const N: usize, I: IdForm> Journal<S, C, N, I> {
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
            Tail::Fused | Tail::Torn => b"\0\n",
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

    /// Writes a leaf that names the tip, which there is, and gives its number.
    #[inline(never)]
    pub(super) fn write_leaf(&mut self) -> Result<u64, JournalError<S::Error>> {
        let mut sequence = self.books.sequence;
        let n = sequence.take();
        let (mut id, mut tip) = (EntryId::empty(), EntryId::empty());
        id.set_own(IdKind::Leaf, n);
        let Some(entry_id) = self.books.tip.name(&self.foreign, &mut tip) else {
            return Err(JournalError::NoSuchEntry);
        };
        let leaf = LeafEntry {
            id: &id,
            timestamp: self.clock.now(),
            entry_id,
            totals: None,
        };
        let totals = totals_of(&self.sums, self.books.watermark, sequence);
        let written = leaf.encode_with(&mut self.storage, Some(totals));
        self.wrote(written, sequence)?;
        self.books.unmarked = false;
        self.books.leaves = true;
        Ok(n)
    }

    /// Writes a compaction's marker, and gives its number.
    #[inline(never)]
    pub(super) fn write_compaction(
        &mut self,
        plan: &Plan,
        summary: &str,
    ) -> Result<u64, JournalError<S::Error>> {
        let mut sequence = self.books.sequence;
        let n = sequence.take();
        let (mut id, mut tip) = (EntryId::empty(), EntryId::empty());
        id.set_own(IdKind::Compaction, n);
        let spent = self.sums.spent().usage.total_tokens();
        let entry = CompactionEntry {
            id: &id,
            parent_id: self.books.tip.name(&self.foreign, &mut tip),
            timestamp: self.clock.now(),
            summary,
            first_kept_entry_id: &plan.first_kept,
            tokens_before: plan.tokens_before,
            tokens_after: plan.cut.tokens,
            totals: None,
        };
        let totals = totals_of(&self.sums, spent, sequence);
        let written = entry.encode_with(&mut self.storage, Some(totals));
        self.wrote(written, sequence)?;
        let summary_bytes = summary.len() as u64;
        self.books.compact(n, plan.cut, summary_bytes, spent);
        Ok(n)
    }

    /// An entry was written whose length without its line end is given, or could not be: then all is rolled back.
    fn wrote(
        &mut self,
        written: Result<u64, WriteError<S::Error>>,
        sequence: Sequence,
    ) -> Result<(), JournalError<S::Error>> {
        self.books.sequence = sequence;
        match written {
            Ok(len) => {
                self.end = self.end.wrapping_add(len).wrapping_add(1);
                self.changes = self.changes.wrapping_add(1);
                Ok(())
            }
            Err(error) => Err(self.roll_back(error.into())),
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
            self.saved = self.books;
            self.sums.keep();
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
        self.books = self.saved;
        self.sums.restore();
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

/// The checkpoint (F19) of these sums.
fn totals_of(sums: &Tally, watermark: u64, sequence: Sequence) -> TotalsOf<'_> {
    TotalsOf {
        branch: &sums.branch,
        spent: sums.spent(),
        watermark,
        next_seq: sequence.peek(),
    }
}

/// Reads a payload as it passes on to the storage, so that nothing is appended that could not be read back. What stands
/// around it is the journal's own and needs no check.
///
/// From the first fault on nothing is passed on: what is refused never stands in the storage as a whole record, even
/// where it cannot be cut off again.
pub(super) struct Check<'s, I> {
    scanner: &'s mut RecordScanner<I>,
    /// Bytes of the record before the payload.
    before: u64,
    /// Bytes of the payload so far.
    len: u64,
    limit: u64,
    fault: Option<Fault>,
}

/// Bytes of a record after its payload: `,"crc":"xxxxxxxx"}`.
const AFTER_PAYLOAD: u64 = 18;

impl<'s, I: IdForm> Check<'s, I> {
    pub(super) fn new(scanner: &'s mut RecordScanner<I>, limits: Limits) -> Self {
        scanner.begin_payload();
        Check {
            scanner,
            before: 0,
            len: 0,
            limit: limits.record_bytes,
            fault: None,
        }
    }

    /// Writes the payload, checked. A fault ends the writing with some error.
    pub(super) fn pass<P: Payload + ?Sized>(
        &mut self,
        payload: &P,
        pen: &mut Pen<'_>,
    ) -> Result<(), WriteError<Stopped>> {
        self.before = pen.written();
        let mut checked = JsonWriter::checked(Checked { check: self, pen });
        let written = payload
            .write_to(&mut checked)
            .and_then(|()| checked.flush_scratch());
        if written.is_ok() && self.fault.is_none() {
            self.fault = self.conclude().err();
        }
        match (self.fault, written) {
            // It knows better what is wrong.
            (Some(_), Err(WriteError::Json(error))) => {
                self.fault = None;
                Err(WriteError::Json(error))
            }
            (Some(_), _) => Err(WriteError::WriteZero),
            (None, written) => written,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.len = self.len.saturating_add(bytes.len() as u64);
        let record = self.before.saturating_add(self.len);
        if record.saturating_add(AFTER_PAYLOAD) > self.limit {
            return Err(Fault::TooLarge);
        }
        let fed = self.scanner.feed(bytes).map_err(|error| error.fault)?;
        if fed.complete {
            return Err(Fault::TrailingBytes);
        }
        match self.scanner.line_break() {
            // White space to JSON, the end of the line to readers (F29).
            Some(byte) => Err(Fault::Json(ScanErrorKind::UnexpectedByte(byte))),
            None => Ok(()),
        }
    }

    /// The payload is over: it must have been one object.
    fn conclude(&mut self) -> Result<(), Fault> {
        let fed = self.scanner.feed(b"}").map_err(|error| error.fault)?;
        if !fed.complete {
            return Err(self.scanner.cut_off().fault);
        }
        if self.scanner.beyond_double() {
            return Err(Fault::BeyondDouble);
        }
        let payload = self.scanner.record().message.payload;
        let read = RecordScanner::<I>::BEFORE_PAYLOAD as u64;
        if payload.start.saturating_add(payload.len) == read.saturating_add(self.len) {
            Ok(())
        } else {
            Err(Fault::TrailingBytes)
        }
    }

    /// Why the payload was refused.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

/// Where a payload is written: checked, and on to the record's writer.
struct Checked<'c, 's, 'p, 'q, I> {
    check: &'c mut Check<'s, I>,
    pen: &'p mut Pen<'q>,
}

impl<I> ErrorType for Checked<'_, '_, '_, '_, I> {
    type Error = Stopped;
}

impl<I: IdForm> Write for Checked<'_, '_, '_, '_, I> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Stopped> {
        if self.check.fault.is_none() {
            self.check.fault = self.check.take(buf).err();
        }
        if self.check.fault.is_some() {
            return Ok(0);
        }
        self.pen.put(buf);
        self.pen.outcome()?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        Ok(())
    }
}
