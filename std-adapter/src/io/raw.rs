//! The file under a storage.

use std::{
    fs::File,
    io,
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes that [`bytes_read`] tells.
static READ: AtomicU64 = AtomicU64::new(0);

/// Bytes of sessions' files that this process has read so far, in all threads: for whoever shows how far long work is.
#[must_use]
pub fn bytes_read() -> u64 {
    READ.load(Ordering::Relaxed)
}

/// What [`FileStorage`](super::FileStorage) asks of a file: the system's, or a simulated one.
pub trait RawFile {
    /// Length in bytes.
    ///
    /// # Errors
    /// The file's.
    fn length(&self) -> io::Result<u64>;

    /// Reads what one call gives from `at` on. 0 only at the file's end.
    ///
    /// # Errors
    /// The file's.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes what one call takes at `at`; tells how much that is.
    ///
    /// # Errors
    /// The file's: nothing of this call counts as written.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// The file's: it may be cut or not.
    fn cut(&self, len: u64) -> io::Result<()>;

    /// Makes durable what was written, and the file's length.
    ///
    /// # Errors
    /// The file's: what was written since the last sync may be lost, whatever a later sync says.
    fn sync(&self) -> io::Result<()>;
}

impl RawFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        read_at(self, buf, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        write_at(self, bytes, at)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
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
