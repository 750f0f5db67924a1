//! Storage in memory that fails on demand and loses what was not synced.
//!
//! It does what [`Storage`] permits and no more: a failed call may leave a part, what was written since the last
//! successful sync may be gone with any error or loss of power. Cutting off what is to stay is a panic.

use embedded_io::{ErrorKind, ErrorType, Read, Seek, SeekFrom, Write};
use sessionlog_core::journal::Storage;
use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;

/// What `truncate` can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cutting {
    /// Cut anywhere.
    #[default]
    Anywhere,
    /// Cut what has not been handed to the medium.
    Buffered,
    /// Cut nothing.
    Nowhere,
}

/// The calls that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `read`
    Read,
    /// `write`
    Write,
    /// `flush`
    Flush,
    /// `sync`
    Sync,
    /// `truncate`
    Truncate,
}

/// A failure to come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fault {
    /// Calls of these kinds count, and fail: the sum of 1 << `Call`.
    pub calls: u8,
    /// How many of them still succeed.
    pub after: u32,
    /// How many then fail in a row.
    pub times: u32,
    /// How many bytes of a failing write get through, at most.
    pub through: usize,
    /// A failing write takes no byte and says so, instead of an error.
    pub full: bool,
    /// With a failing write or flush goes what was not synced, but for this many bytes; after a failing sync it
    /// never becomes durable.
    pub loses: Option<usize>,
}

/// The storage's inside.
#[derive(Debug, Default)]
pub struct Medium {
    bytes: Vec<u8>,
    flushed: usize,
    durable: usize,
    /// Bytes up to here must not be cut off.
    kept: usize,
    /// Bytes from here on never become durable, whatever `sync` says.
    lost_from: Option<usize>,
    at: usize,
    fault: Option<Fault>,
    failures: u32,
    /// What `truncate` can do.
    pub cutting: Cutting,
    /// The most that one `read` or `write` takes; 0 is no limit.
    pub step: usize,
}

impl Medium {
    /// Everything written, buffered or not.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes survive a loss of power for certain.
    pub fn durable(&self) -> usize {
        self.durable
    }

    /// How many calls have failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Arranges for a failure, in the place of one that has not come yet, or for none.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault.filter(|f| f.times > 0);
    }

    /// From now on the first `len` bytes must stay.
    ///
    /// # Panics
    /// When they would not survive a loss of power.
    pub fn keep(&mut self, len: usize) {
        assert!(
            len <= self.durable,
            "{} bytes of {len} are durable",
            self.durable
        );
        self.kept = self.kept.max(len);
    }

    /// The power goes: of what is not durable, `keep` bytes are there afterwards, or all when there are fewer.
    pub fn lose_power(&mut self, keep: usize) {
        let whole = self.lost_from.unwrap_or(self.bytes.len());
        self.bytes
            .truncate(self.durable.saturating_add(keep).min(whole));
        self.flushed = self.bytes.len();
        self.durable = self.bytes.len();
        self.lost_from = None;
        self.fault = None;
    }

    /// The fault, when this call is to fail.
    fn fails(&mut self, call: Call) -> Option<Fault> {
        let fault = self.fault.as_mut()?;
        if fault.calls >> call as u32 & 1 == 0 {
            return None;
        }
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let now = *fault;
        fault.times -= 1;
        if fault.times == 0 {
            self.fault = None;
        }
        self.failures += 1;
        Some(now)
    }

    fn lose(&mut self, fault: Fault) {
        if let Some(keep) = fault.loses {
            self.bytes.truncate(self.durable.saturating_add(keep));
            self.flushed = self.flushed.min(self.bytes.len());
        }
    }

    fn limit(&self, len: usize) -> usize {
        if self.step == 0 {
            len
        } else {
            len.min(self.step)
        }
    }
}

/// The storage; clones share one medium.
#[derive(Clone, Debug, Default)]
pub struct Memory(Rc<RefCell<Medium>>);

impl Memory {
    /// A medium that durably holds these bytes.
    pub fn holding(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        Memory(Rc::new(RefCell::new(Medium {
            bytes,
            flushed: len,
            durable: len,
            ..Medium::default()
        })))
    }

    /// The medium, for looking.
    pub fn medium(&self) -> Ref<'_, Medium> {
        self.0.borrow()
    }

    /// The medium, for meddling.
    pub fn medium_mut(&self) -> RefMut<'_, Medium> {
        self.0.borrow_mut()
    }
}

impl ErrorType for Memory {
    type Error = ErrorKind;
}

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut medium = self.0.borrow_mut();
        if medium.fails(Call::Read).is_some() {
            return Err(ErrorKind::Other);
        }
        let at = medium.at.min(medium.bytes.len());
        let n = medium.limit(buf.len().min(medium.bytes.len() - at));
        buf[..n].copy_from_slice(&medium.bytes[at..at + n]);
        medium.at = at + n;
        Ok(n)
    }
}

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        let mut medium = self.0.borrow_mut();
        if let Some(fault) = medium.fails(Call::Write) {
            if fault.full {
                return Ok(0);
            }
            let through = fault.through.min(buf.len());
            medium.bytes.extend_from_slice(&buf[..through]);
            medium.lose(fault);
            return Err(ErrorKind::Other);
        }
        let n = medium.limit(buf.len());
        medium.bytes.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        let mut medium = self.0.borrow_mut();
        if let Some(fault) = medium.fails(Call::Flush) {
            medium.lose(fault);
            return Err(ErrorKind::Other);
        }
        medium.flushed = medium.bytes.len();
        Ok(())
    }
}

impl Seek for Memory {
    fn seek(&mut self, pos: SeekFrom) -> Result<u64, ErrorKind> {
        let mut medium = self.0.borrow_mut();
        let (base, offset) = match pos {
            SeekFrom::Start(n) => (0, i64::try_from(n).map_err(|_| ErrorKind::InvalidInput)?),
            SeekFrom::End(n) => (medium.bytes.len(), n),
            SeekFrom::Current(n) => (medium.at, n),
        };
        let at = i64::try_from(base).ok().and_then(|b| b.checked_add(offset));
        let at = at.and_then(|at| usize::try_from(at).ok());
        medium.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(medium.at as u64)
    }
}

impl Storage for Memory {
    fn sync(&mut self) -> Result<(), ErrorKind> {
        let mut medium = self.0.borrow_mut();
        if let Some(fault) = medium.fails(Call::Sync) {
            // What cannot be cut cannot be written anew either: such a medium tells of a loss when it is written.
            if fault.loses.is_some() && medium.cutting == Cutting::Anywhere {
                medium.lost_from = Some(medium.lost_from.unwrap_or(medium.durable));
            }
            return Err(ErrorKind::Other);
        }
        medium.durable = medium.flushed.min(medium.lost_from.unwrap_or(usize::MAX));
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<bool, ErrorKind> {
        let mut medium = self.0.borrow_mut();
        if medium.fails(Call::Truncate).is_some() {
            return Err(ErrorKind::Other);
        }
        let len = usize::try_from(len).map_err(|_| ErrorKind::InvalidInput)?;
        let can = match medium.cutting {
            Cutting::Anywhere => true,
            Cutting::Buffered => len >= medium.flushed,
            Cutting::Nowhere => false,
        };
        if !can {
            return Ok(false);
        }
        assert!(
            len >= medium.kept,
            "cut to {len} bytes, {} were to stay",
            medium.kept
        );
        medium.bytes.truncate(len);
        medium.flushed = medium.flushed.min(len);
        medium.durable = medium.durable.min(len);
        medium.lost_from = medium.lost_from.filter(|from| *from < len);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
