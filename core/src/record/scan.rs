//! The record scanner: one pass over a record's bytes, in chunks of any size, that checks JSON, UTF-8 and CRC and
//! yields the bookkeeping. Its memory does not depend on the record.

use super::{
    Fault, Limits, Record,
    fields::Fields,
    ids::{IdForm, IdHash},
};
use crate::{
    id::EntryId,
    json::scan::{Fed, ScanErrorKind, Scanner},
};

/// Why bytes are no record, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordError {
    /// What is wrong.
    pub fault: Fault,
    /// Offset of the first byte that is wrong, counted from the record's first byte.
    pub at: u64,
    /// Offset of the byte at which scanning stopped: what salvage goes on from (F22).
    pub stopped: u64,
}

impl core::fmt::Display for RecordError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at byte {} of the record", self.fault, self.at)
    }
}

impl core::error::Error for RecordError {}

/// Scans one record from its `{` on. `I` is the form in which it holds ids.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordScanner<I = EntryId> {
    json: Scanner,
    fields: Fields<I>,
    /// The most bytes of a record, and of this one.
    longest: usize,
    limit: usize,
}

/// A record scanner that is owned or lent.
pub trait Scanning {
    /// The form in which it holds ids.
    type Id: IdForm;
    /// The scanner.
    fn scanner(&self) -> &RecordScanner<Self::Id>;
    /// The scanner, to be fed.
    fn scanner_mut(&mut self) -> &mut RecordScanner<Self::Id>;
}

impl<I: IdForm> Scanning for RecordScanner<I> {
    type Id = I;
    fn scanner(&self) -> &RecordScanner<I> {
        self
    }
    fn scanner_mut(&mut self) -> &mut RecordScanner<I> {
        self
    }
}

impl<I: IdForm> Scanning for &mut RecordScanner<I> {
    type Id = I;
    fn scanner(&self) -> &RecordScanner<I> {
        self
    }
    fn scanner_mut(&mut self) -> &mut RecordScanner<I> {
        self
    }
}

impl RecordScanner {
    /// A scanner at the start of a record.
    pub fn new(limits: Limits) -> Self {
        Self::blank(limits)
    }

    /// Scans a record that lies in memory as a whole.
    pub fn scan(bytes: &[u8], limits: Limits) -> Result<Record, RecordError> {
        let mut scanner = RecordScanner::new(limits);
        let fed = scanner.feed(bytes)?;
        if !fed.complete {
            return Err(scanner.cut_off());
        }
        if fed.consumed < bytes.len() {
            let at = fed.consumed as u64;
            return Err(RecordError {
                fault: Fault::TrailingBytes,
                at,
                stopped: at,
            });
        }
        Ok(scanner.fields.record)
    }
}

impl RecordScanner<IdHash> {
    /// A scanner at the start of a record that holds ids as hashes.
    pub fn hashing(limits: Limits) -> Self {
        Self::blank(limits)
    }
}

impl<I> RecordScanner<I> {
    #[inline(always)] // Built where it stays.
    pub(crate) fn blank(limits: Limits) -> Self {
        RecordScanner {
            json: Scanner::new(limits.depth),
            fields: Fields::new(),
            longest: addressable(limits),
            limit: addressable(limits),
        }
    }

    /// As new, in place: a new one would be built on the stack, all of its kilobyte, and copied.
    #[inline(never)]
    pub(crate) fn reset(&mut self) {
        self.json.reset();
        self.fields.reset();
        self.limit = self.longest;
    }

    /// Says that the record's line ends here although it is not complete: the error that this is.
    pub fn cut_off(&mut self) -> RecordError {
        let at = self.json.offset();
        let fault = Fault::Json(ScanErrorKind::UnexpectedEnd);
        RecordError {
            fault,
            at,
            stopped: at,
        }
    }

    /// When the bytes so far end with an object inside the incomplete record: its offset. A whole record that
    /// was written behind a torn stub can look like that (F22).
    pub fn last_object(&self) -> Option<u64> {
        let depth = self.json.after_value()?;
        self.fields.last_object(depth).map(|at| at as u64)
    }

    /// A line break that stands where white space may.
    pub(crate) fn line_break(&self) -> Option<u8> {
        self.json.line_break()
    }

    /// The record has a number that is larger in magnitude than every double: many readers refuse such a record.
    pub fn beyond_double(&self) -> bool {
        self.json.beyond_double()
    }

    /// The bookkeeping of the complete record.
    pub fn record(&self) -> &Record<I> {
        &self.fields.record
    }
}

impl<I: IdForm> RecordScanner<I> {
    /// Bytes that [`RecordScanner::begin_payload`] takes for read: as many as of `{"type":"message","id":"","message":`.
    pub(crate) const BEFORE_PAYLOAD: usize = 36;

    /// Begins anew with a payload alone: has read a message record up to its payload, and sums up no CRC. `}` ends the record.
    pub(crate) fn begin_payload(&mut self) {
        self.reset();
        // Whoever writes the record counts its bytes.
        self.limit = usize::MAX;
        self.fields.begin_payload();
        self.json.begin_member(Self::BEFORE_PAYLOAD);
    }

    /// Takes bytes up to the end of the record's id, which is then given, or to its end.
    pub(crate) fn find_id(&mut self, chunk: &[u8]) -> Result<Option<EntryId>, RecordError> {
        for byte in chunk {
            let fed = self.feed(core::slice::from_ref(byte))?;
            if self.record().id.is_some() {
                return Ok(self.fields.last_string().map(EntryId::of_text));
            }
            if fed.complete {
                break;
            }
        }
        Ok(None)
    }

    /// Takes the next bytes. When the record is complete, [`RecordScanner::record`] holds its bookkeeping;
    /// the bytes after `consumed` are not part of it. After an error the scanner is spent.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Fed, RecordError> {
        if self.json.position() == 0 && chunk.first().is_some_and(|byte| *byte != b'{') {
            return Err(RecordError {
                fault: Fault::NotAnObject,
                at: 0,
                stopped: 0,
            });
        }
        let within = self.limit.saturating_sub(self.json.position());
        let allowed = chunk.get(..within).unwrap_or(chunk);
        let fed = match self.json.feed(allowed, &mut self.fields) {
            Ok(fed) => fed,
            Err(e) => {
                return Err(RecordError {
                    fault: Fault::Json(e.kind),
                    at: e.at,
                    stopped: e.at,
                });
            }
        };
        let taken = allowed.get(..fed.consumed).unwrap_or(&[]);
        self.fields.end_chunk(taken);
        let stopped = self.json.offset();
        if fed.complete {
            let verdict = self.fields.conclude(self.json.position());
            verdict.map_err(|(fault, at)| RecordError {
                fault,
                at: at as u64,
                stopped,
            })?;
        } else if allowed.len() < chunk.len() {
            return Err(RecordError {
                fault: Fault::TooLarge,
                at: stopped,
                stopped,
            });
        }
        Ok(fed)
    }
}

/// The most bytes of a record: offsets in it fit an address.
fn addressable(limits: Limits) -> usize {
    usize::try_from(limits.record_bytes).unwrap_or(usize::MAX)
}
