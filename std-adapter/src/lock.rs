//! The lock of the one writer.
//!
//! On Unix it is an advisory lock (`flock`) on the session's file: readers are not kept out, and the system drops
//! it when its holder dies. Elsewhere locks would keep readers out, so it is on a file beside it, `<file>.lock`,
//! which stays.

use crate::{
    Error,
    error::holder_name,
    files::{Open, open_regular},
};
use std::{
    fs::{self, File, Metadata, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Times that a file which another has replaced is opened anew. Each one takes a repair at that very moment.
const MAX_TRIES: u32 = 16;

/// Why a session was not locked for writing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Someone else holds the lock.
    #[error("{}: {} is writing to this session", path.display(), holder_name(*holder))]
    Locked {
        /// The session's file.
        path: PathBuf,
        /// The holder's process id, where the system tells it.
        holder: Option<u32>,
    },
    /// The path names another file by now: open it anew.
    #[error("{}: replaced by another file", path.display())]
    Replaced {
        /// The session's file.
        path: PathBuf,
    },
    /// The system cannot lock it.
    #[error("{}: cannot lock: {source}", path.display())]
    Io {
        /// The session's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The right to write to a session, for as long as this value lives.
#[derive(Debug)]
pub struct WriterLock {
    locked: File,
}

impl WriterLock {
    /// Locks `file`, which was opened at `path`. Never waits.
    ///
    /// # Errors
    /// [`LockError::Locked`] when someone else writes to it, be it this process by another handle;
    /// [`LockError::Replaced`] when `path` does not name `file` any more.
    pub fn acquire(file: &File, path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io {
            path: path.into(),
            source,
        };
        let locked = to_lock(file, path).map_err(failed)?;
        match locked.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Locked {
                    path: path.into(),
                    holder: holder(file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // From here on, dropping it unlocks.
        let lock = Self { locked };
        let ours = file.metadata().map_err(failed)?;
        match fs::metadata(path) {
            Ok(there) if is_same(&ours, &there) => Ok(lock),
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed(source)),
            _ => Err(LockError::Replaced { path: path.into() }),
        }
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // The file may stay open through its other handle. Where unlocking fails, closing that unlocks.
        let _ = self.locked.unlock();
    }
}

/// Opens a session's file for reading and writing and takes its lock. Follows symbolic links.
///
/// # Errors
/// [`Error::Locked`], [`Error::NotFound`], [`Error::NotASession`] for what is no regular file, [`Error::Replaced`], [`Error::Io`].
pub fn open_for_writing(path: &Path) -> Result<(File, WriterLock), Error> {
    open_locked(path, Open::Write)
}

pub(crate) fn open_locked(path: &Path, how: Open) -> Result<(File, WriterLock), Error> {
    for _ in 0..MAX_TRIES {
        let (file, _) = open_regular(path, how)?;
        match WriterLock::acquire(&file, path) {
            Ok(lock) => return Ok((reopened(file, path, how)?, lock)),
            Err(LockError::Replaced { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Replaced { path: path.into() })
}

/// What the lock is put on: the file itself, by a handle that shares its locks.
#[cfg(unix)]
fn to_lock(file: &File, _path: &Path) -> io::Result<File> {
    file.try_clone()
}

#[cfg(unix)]
pub(crate) fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(unix)]
fn reopened(file: File, _path: &Path, _how: Open) -> Result<File, Error> {
    Ok(file)
}

/// What the lock is put on: a file of its own.
#[cfg(not(unix))]
fn to_lock(_file: &File, path: &Path) -> io::Result<File> {
    let options = File::options().write(true).create(true).clone();
    options.open(sidecar(path))
}

/// Where the lock of the session at `path` is.
#[cfg(not(unix))]
pub(crate) fn sidecar(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Files have no portable identity; [`reopened`] does instead.
#[cfg(not(unix))]
pub(crate) fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// The lock is on the path, so what is opened under it cannot be replaced by another writer.
#[cfg(not(unix))]
fn reopened(_file: File, path: &Path, how: Open) -> Result<File, Error> {
    open_regular(path, how).map(|(file, _)| file)
}

/// Who holds the lock on `file`, as far as Linux tells. Nothing where file systems number their devices
/// differently for locks, or where the holder belongs to another container.
#[cfg(target_os = "linux")]
fn holder(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    let (dev, ino) = (metadata.dev(), metadata.ino());
    let place = format!("{:02x}:{:02x}:{ino}", libc::major(dev), libc::minor(dev));
    // The list is read in pieces while others take and leave locks: a line can be passed over.
    (0..3).find_map(|_| holder_in(&fs::read_to_string("/proc/locks").ok()?, &place))
}

/// Reads lines like `1: FLOCK  ADVISORY  WRITE 4711 fe:01:262147 0 EOF`; those of waiters have `->` after the number.
#[cfg(target_os = "linux")]
fn holder_in(locks: &str, place: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let held = fields.next()? == "FLOCK";
        let pid = fields.nth(2)?.parse().ok().filter(|&pid| pid > 0)?;
        (held && fields.next()? == place).then_some(pid)
    })
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &File) -> Option<u32> {
    None
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
