//! A file as the journal's storage.

use embedded_io::{ErrorType, Read, Seek, SeekFrom, Write};
use sessionlog_core::journal::Storage;
use std::{
    fs::File,
    io,
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes that are buffered at most. A turn is far smaller as a rule, so it reaches the file in one write.
pub const BUFFER_BYTES: usize = 1024 * 1024;

/// Bytes that [`bytes_read`] tells.
static READ: AtomicU64 = AtomicU64::new(0);

/// Bytes of sessions' files that this process has read so far, in all threads: for whoever shows how far long work is.
#[must_use]
pub fn bytes_read() -> u64 {
    READ.load(Ordering::Relaxed)
}

/// A file as the journal's storage: buffered appends, reads at a position of their own.
///
/// Appended bytes are held until [`flush`](Write::flush), or until there would be more than [`BUFFER_BYTES`] of them;
/// a single write of that size or more goes to the file directly. Reads go straight into the caller's buffer.
/// Where the file ends is asked once, at the start: only one writer may be at work
/// ([`WriterLock`](crate::lock::WriterLock)), and a reader sees the file as long as it was then.
/// Dropping the storage drops what was not flushed.
///
/// After a failed append, `truncate` to the length before it restores the file and the buffer.
#[derive(Debug)]
pub struct FileStorage {
    file: File,
    /// What stands behind `written` and is not in the file yet.
    buffer: Vec<u8>,
    /// Bytes of the file that count.
    written: u64,
    position: u64,
    /// The file may be longer than `written`: a write, or a cut, failed.
    ragged: bool,
    /// The file may hold what is not durable.
    unsynced: bool,
}

impl FileStorage {
    /// Storage on `file`, which has to be open for reading and, for appends, for writing; not in append mode.
    ///
    /// # Errors
    /// When the system cannot tell the file's length.
    pub fn new(file: File) -> io::Result<Self> {
        let written = file.metadata()?.len();
        Ok(Self {
            file,
            buffer: Vec::new(),
            written,
            position: 0,
            ragged: false,
            // Its last writer may have died before its sync.
            unsynced: true,
        })
    }

    /// The file. What is buffered is not in it yet.
    #[must_use]
    pub fn file(&self) -> &File {
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
            write_at(&self.file, bytes, at)
        });
        self.written += taken as u64;
        self.ragged = done.is_err();
        (taken, done)
    }

    /// Cuts the file to `written` bytes.
    fn cut(&mut self) -> io::Result<()> {
        self.ragged = true;
        self.unsynced = true;
        self.file.set_len(self.written)?;
        self.ragged = false;
        Ok(())
    }
}

impl ErrorType for FileStorage {
    type Error = io::Error;
}

impl Read for FileStorage {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = match self.position.checked_sub(self.written) {
            None => {
                let in_file = usize::try_from(self.written - self.position).unwrap_or(usize::MAX);
                let len = buf.len().min(in_file);
                read_at(&self.file, &mut buf[..len], self.position)?
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

impl Seek for FileStorage {
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

impl Write for FileStorage {
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

impl Storage for FileStorage {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.unsynced {
            self.file.sync_data()?;
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
            self.written = len;
            self.cut()?;
        }
        Ok(true)
    }
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

/// Reads what one call gives from `at` on; an interrupted call is made again. 0 only at the file's end.
pub(crate) fn read_at(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match read_once(file, buf, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(read) => {
                READ.fetch_add(read as u64, Ordering::Relaxed);
                return Ok(read);
            }
            failed => return failed,
        }
    }
}

#[cfg(unix)]
fn read_once(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, at)
}

#[cfg(unix)]
pub(crate) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_once(mut file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    io::Read::read(&mut file, buf)
}

#[cfg(not(unix))]
pub(crate) fn write_at(mut file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    io::Write::write(&mut file, bytes)
}

#[cfg(test)]
#[path = "io_tests.rs"]
mod tests;
