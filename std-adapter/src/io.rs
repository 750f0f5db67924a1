//! A file as the journal's storage.

mod raw;

use embedded_io::{ErrorType, Read, Seek, SeekFrom, Write};
use memchr::memmem;
use sessionlog_core::journal::Storage;
use std::{fs::File, io};

pub use raw::{RawFile, bytes_read};
pub(crate) use raw::{read_at, write_at};

/// Bytes that are buffered at most. A turn is far smaller as a rule, so it reaches the file in one write.
pub const BUFFER_BYTES: usize = 1024 * 1024;

/// A file as the journal's storage: buffered appends, reads at a position of their own.
///
/// Appended bytes are held until [`flush`](Write::flush), or until there would be more than [`BUFFER_BYTES`] of them;
/// a single write of that size or more goes to the file directly. Reads go straight into the caller's buffer.
/// Where the file ends is asked once, at the start: only one writer may be at work
/// ([`WriterLock`](crate::lock::WriterLock)), and a reader sees the file as long as it was then.
/// Dropping the storage drops what was not flushed.
///
/// After a failed append, `truncate` to the length before it restores the file and the buffer. Of what the file held
/// before, nothing is cut that may be a whole record ([`FileStorage::may_hold_record`]): then `truncate` says that it
/// cannot, and the journal closes the line instead.
#[derive(Debug)]
pub struct FileStorage<F = File> {
    file: F,
    /// What stands behind `written` and is not in the file yet.
    buffer: Vec<u8>,
    /// Bytes of the file that stand there since it was opened.
    found: u64,
    /// Bytes of the file that count.
    written: u64,
    position: u64,
    /// The file may be longer than `written`: a write, or a cut, failed.
    ragged: bool,
    /// The file may hold what is not durable.
    unsynced: bool,
}

impl<F: RawFile> FileStorage<F> {
    /// Storage on `file`, which has to be open for reading and, for appends, for writing; not in append mode.
    ///
    /// # Errors
    /// When the system cannot tell the file's length.
    pub fn new(file: F) -> io::Result<Self> {
        let written = file.length()?;
        Ok(Self {
            file,
            buffer: Vec::new(),
            found: written,
            written,
            position: 0,
            ragged: false,
            // Its last writer may have died before its sync.
            unsynced: true,
        })
    }

    /// The file. What is buffered is not in it yet.
    #[must_use]
    pub fn file(&self) -> &F {
        &self.file
    }

    /// Length in bytes, buffered ones included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// True when nothing was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From offset `from` on the file held, when it was opened, what ends as a record with a checksum does
    /// (`,"crc":"xxxxxxxx"}`). Where a torn tail is sought to cut it off, that is no unfinished record alone.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn may_hold_record(&self, from: u64) -> io::Result<bool> {
        let mut chunk = vec![0; SEARCHED];
        let (mut at, mut held) = (from, 0);
        while at < self.found {
            let room = (SEARCHED - held).min(usize::try_from(self.found - at).unwrap_or(SEARCHED));
            let read = self.file.read_at(&mut chunk[held..held + room], at)?;
            if read == 0 {
                break;
            }
            let end = held + read;
            if holds_seal(&chunk[..end]) {
                return Ok(true);
            }
            at += read as u64;
            // A seal may lie across.
            held = end.min(SEAL - 1);
            chunk.copy_within(end - held..end, 0);
        }
        Ok(false)
    }

    /// Writes at the file's end. Tells how many bytes were taken, also when it failed.
    fn hand_over(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        // Else what a failure left there could outlast what is written now.
        if self.ragged
            && let Err(error) = self.cut()
        {
            return (0, Err(error));
        }
        self.unsynced = true;
        let (taken, done) = put(bytes, self.written, |bytes, at| {
            self.file.write_at(bytes, at)
        });
        self.written += taken as u64;
        self.ragged = done.is_err();
        (taken, done)
    }

    /// Cuts the file to `written` bytes.
    fn cut(&mut self) -> io::Result<()> {
        self.ragged = true;
        self.unsynced = true;
        self.file.cut(self.written)?;
        self.ragged = false;
        Ok(())
    }
}

impl<F> ErrorType for FileStorage<F> {
    type Error = io::Error;
}

impl<F: RawFile> Read for FileStorage<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = match self.position.checked_sub(self.written) {
            None => {
                let in_file = usize::try_from(self.written - self.position).unwrap_or(usize::MAX);
                let len = buf.len().min(in_file);
                self.file.read_at(&mut buf[..len], self.position)?
            }
            Some(past) => {
                let past = usize::try_from(past).unwrap_or(usize::MAX);
                let held = self.buffer.get(past..).unwrap_or_default();
                let len = buf.len().min(held.len());
                buf[..len].copy_from_slice(&held[..len]);
                len
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl<F: RawFile> Seek for FileStorage<F> {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        let to = match pos {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = to.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "seek to before the file's start",
            )
        })?;
        Ok(self.position)
    }
}

impl<F: RawFile> Write for FileStorage<F> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + buf.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if buf.len() < BUFFER_BYTES {
            // Once for all; the system gives the memory where it is used.
            self.buffer.reserve_exact(BUFFER_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(buf);
            return Ok(buf.len());
        }
        let (taken, done) = self.hand_over(buf);
        done.map(|()| taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let (taken, done) = self.hand_over(&buffer);
        buffer.drain(..taken);
        self.buffer = buffer;
        done
    }
}

impl<F: RawFile> Storage for FileStorage<F> {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.ragged {
            self.cut()?;
        }
        if self.unsynced {
            self.file.sync()?;
            self.unsynced = false;
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<bool> {
        if let Some(keep) = len.checked_sub(self.written) {
            self.buffer
                .truncate(usize::try_from(keep).unwrap_or(usize::MAX));
            if self.ragged {
                self.cut()?;
            }
        } else {
            self.buffer.clear();
            let keep = len < self.found && self.may_hold_record(len)?;
            if !keep {
                // What is written there from now on is ours.
                self.found = self.found.min(len);
            }
            self.written = if keep { self.found } else { len };
            self.cut()?;
            return Ok(!keep);
        }
        Ok(true)
    }
}

/// How a record with a checksum ends begins.
const CHECKSUM: &[u8] = b",\"crc\":\"";

/// Length of such an end: the checksum's eight digits, a quote and a brace follow.
const SEAL: usize = CHECKSUM.len() + 10;

/// Bytes that are searched at once for such an end.
const SEARCHED: usize = 64 * 1024;

fn holds_seal(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, CHECKSUM)
        .filter_map(|at| bytes.get(at + CHECKSUM.len()..at + SEAL))
        .any(|end| end.ends_with(b"\"}") && end[..8].iter().all(u8::is_ascii_hexdigit))
}

/// Writes all of `bytes` at `at`. Tells how many were taken, also when it failed.
fn put(
    bytes: &[u8],
    at: u64,
    mut write: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> (usize, io::Result<()>) {
    let mut taken = 0;
    while taken < bytes.len() {
        match write(&bytes[taken..], at + taken as u64) {
            Ok(0) => return (taken, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => taken += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (taken, Err(error)),
        }
    }
    (taken, Ok(()))
}

#[cfg(test)]
#[path = "io_tests.rs"]
mod tests;
