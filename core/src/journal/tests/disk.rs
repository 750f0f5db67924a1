//! Storage in memory that fails when it is told to.

use crate::journal::Storage;
use core::cell::RefCell;
use embedded_io::{ErrorKind, ErrorType, Read, Seek, SeekFrom, Write};
use std::{rc::Rc, vec::Vec};

/// What a simulated storage holds: everything written, what is on the medium, what is durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) bytes: Vec<u8>,
    pub(super) flushed: usize,
    pub(super) synced: usize,
    at: usize,
    /// Calls left until one fails; then the storage works again.
    pub(super) fail_in: Option<u32>,
    /// `truncate` does not work.
    pub(super) uncuttable: bool,
    pub(super) writes: u32,
    pub(super) syncs: u32,
}

#[derive(Clone, Default)]
pub(super) struct Shared(pub(super) Rc<RefCell<Disk>>);

impl Disk {
    fn call(&mut self) -> Result<(), ErrorKind> {
        match &mut self.fail_in {
            Some(0) => {
                self.fail_in = None;
                Err(ErrorKind::Other)
            }
            Some(n) => {
                *n -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl ErrorType for Shared {
    type Error = ErrorKind;
}

impl Read for Shared {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut disk = self.0.borrow_mut();
        let at = disk.at.min(disk.bytes.len());
        let n = buf.len().min(disk.bytes.len() - at);
        buf[..n].copy_from_slice(&disk.bytes[at..at + n]);
        disk.at = at + n;
        Ok(n)
    }
}

impl Write for Shared {
    fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        let mut disk = self.0.borrow_mut();
        if let Err(e) = disk.call() {
            // A part gets through.
            let half = buf.len() / 2;
            disk.bytes.extend_from_slice(&buf[..half]);
            return Err(e);
        }
        disk.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }
    fn flush(&mut self) -> Result<(), ErrorKind> {
        let mut disk = self.0.borrow_mut();
        disk.call()?;
        disk.writes += u32::from(disk.flushed != disk.bytes.len());
        disk.flushed = disk.bytes.len();
        Ok(())
    }
}

impl Seek for Shared {
    fn seek(&mut self, pos: SeekFrom) -> Result<u64, ErrorKind> {
        let mut disk = self.0.borrow_mut();
        disk.at = match pos {
            SeekFrom::Start(n) => n as usize,
            SeekFrom::End(n) => (disk.bytes.len() as i64 + n) as usize,
            SeekFrom::Current(n) => (disk.at as i64 + n) as usize,
        };
        Ok(disk.at as u64)
    }
}

impl Storage for Shared {
    fn sync(&mut self) -> Result<(), ErrorKind> {
        let mut disk = self.0.borrow_mut();
        disk.call()?;
        disk.syncs += 1;
        disk.synced = disk.flushed;
        Ok(())
    }
    fn truncate(&mut self, len: u64) -> Result<bool, ErrorKind> {
        let mut disk = self.0.borrow_mut();
        disk.call()?;
        if disk.uncuttable {
            return Ok(false);
        }
        disk.bytes.truncate(len as usize);
        disk.flushed = disk.flushed.min(len as usize);
        disk.synced = disk.synced.min(len as usize);
        Ok(true)
    }
}
