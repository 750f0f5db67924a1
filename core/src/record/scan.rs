//! The record scanner: one pass over a record's bytes, in chunks of any size, that checks JSON, UTF-8 and CRC and
//! yields the bookkeeping. Its memory does not depend on the record.

use super::{Fault, Limits, Record, fields::Fields};
use crate::json::scan::{Fed, ScanErrorKind, Scanner};

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

/// Scans one record from its `{` on.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordScanner {
    json: Scanner,
    fields: Fields,
    limit: u64,
}

impl RecordScanner {
    /// A scanner at the start of a record.
    pub fn new(limits: Limits) -> Self {
        RecordScanner {
            json: Scanner::new(limits.depth),
            fields: Fields::new(),
            limit: limits.record_bytes,
        }
    }

    /// Takes the next bytes. When the record is complete, [`RecordScanner::record`] holds its bookkeeping;
    /// the bytes after `consumed` are not part of it. After an error the scanner is spent.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Fed, RecordError> {
        if self.json.offset() == 0 && chunk.first().is_some_and(|byte| *byte != b'{') {
            return Err(RecordError {
                fault: Fault::NotAnObject,
                at: 0,
                stopped: 0,
            });
        }
        let room = self.limit.saturating_sub(self.json.offset());
        let within = usize::try_from(room).unwrap_or(usize::MAX);
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
            self.fields
                .conclude(stopped)
                .map_err(|(fault, at)| RecordError { fault, at, stopped })?;
        } else if allowed.len() < chunk.len() {
            return Err(RecordError {
                fault: Fault::TooLarge,
                at: stopped,
                stopped,
            });
        }
        Ok(fed)
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
        self.fields.last_object(depth)
    }

    /// The record has a number that is larger in magnitude than every double: many readers refuse such a record.
    pub fn beyond_double(&self) -> bool {
        self.json.beyond_double()
    }

    /// The bookkeeping of the complete record.
    pub fn record(&self) -> &Record {
        &self.fields.record
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
