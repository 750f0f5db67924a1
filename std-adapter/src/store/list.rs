//! Reading the heads of many files, several at a time.

use crate::{
    Error, HeaderFault,
    files::{self, Open},
    header::{Head, HeadReader},
    interchange,
    store::{EXTENSION, SessionInfo},
};
use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::SystemTime,
};

/// Threads that read heads at most: more than there are processors as a rule, since they wait for the disk.
const THREADS: usize = 16;
/// Sessions for which a thread is worth starting.
const SESSIONS_A_THREAD: usize = 64;
/// Sessions that a thread takes at once.
const BATCH: usize = 16;

/// A session's file in its directory.
#[derive(Debug)]
pub(super) struct Entry {
    /// The session's id.
    pub(super) id: String,
    pub(super) path: PathBuf,
    /// Its number on the disk.
    number: u64,
}

impl Entry {
    /// `None` for what is no session's file.
    fn of(entry: &DirEntry) -> Option<Self> {
        let path = entry.path();
        let named = path.extension().is_some_and(|end| end == EXTENSION);
        let id = path.file_stem().filter(|_| named)?;
        let id = id.to_string_lossy().into_owned();
        let file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let number = number(entry);
        file.then_some(Entry { id, path, number })
    }
}

#[cfg(unix)]
fn number(entry: &DirEntry) -> u64 {
    std::os::unix::fs::DirEntryExt::ino(entry)
}

#[cfg(not(unix))]
fn number(_: &DirEntry) -> u64 {
    0
}

/// All sessions' files in a directory, in no order. None when there is no directory.
pub(super) fn entries(dir: &Path) -> Result<Vec<Entry>, Error> {
    let failed = || Error::io(dir, "list");
    let found = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(failed())?,
    };
    let mut entries = Vec::new();
    for entry in found {
        entries.extend(Entry::of(&entry.map_err(failed())?));
    }
    Ok(entries)
}

/// Reads the heads of these files, in no order. `None` should a thread fail.
pub(super) fn infos(mut entries: Vec<Entry>, threads: usize) -> Option<Vec<SessionInfo>> {
    let threads = (entries.len() / SESSIONS_A_THREAD).clamp(1, threads);
    // As they lie on the disk, as a rule.
    entries.sort_unstable_by_key(|entry| entry.number);
    let queue = Mutex::new(entries.into_iter());
    let work = || {
        let (mut reader, mut sessions) = (HeadReader::new(), Vec::new());
        loop {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let batch: Vec<Entry> = queue.by_ref().take(BATCH).collect();
            drop(queue);
            if batch.is_empty() {
                return sessions;
            }
            sessions.extend(
                batch
                    .into_iter()
                    .filter_map(|entry| listed(entry, &mut reader)),
            );
        }
    };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut sessions = work();
        let others = others.into_iter().map(|other| other.join().ok());
        for other in others.collect::<Vec<_>>() {
            sessions.append(&mut other?);
        }
        Some(sessions)
    })
}

/// All sessions of a directory, in no order.
pub(super) fn all(dir: &Path) -> Result<Vec<SessionInfo>, Error> {
    match infos(entries(dir)?, THREADS) {
        Some(sessions) => Ok(sessions),
        None => Ok(infos(entries(dir)?, 1).unwrap_or_default()),
    }
}

/// What a list shows of a file.
fn listed(entry: Entry, reader: &mut HeadReader) -> Option<SessionInfo> {
    let Entry { id, path, .. } = entry;
    match info(&path, Open::ReadNoFollow, reader) {
        Ok(info) => Some(SessionInfo { id, path, ..info }),
        // Deleted, or replaced by something else, meanwhile.
        Err(Error::NotFound { .. } | Error::NotASession { .. }) => None,
        Err(error) => Some(unreadable(path, id, &error)),
    }
}

/// Reads the head of the file at `path`; that and the id are left out.
pub(super) fn info(path: &Path, how: Open, reader: &mut HeadReader) -> Result<SessionInfo, Error> {
    let (file, metadata) = files::open_regular(path, how)?;
    files::read_no_further(&file);
    let read = reader.read(&file, metadata.len());
    let mut head = read.map_err(Error::io(path, "read"))?;
    let mut format = None;
    if head.header.is_err()
        && let Some((stream, len, found)) = interchange::opening(path)?
    {
        head = reader.read(&stream, len).map_err(Error::io(path, "read"))?;
        format = Some(found);
    }
    let Head {
        header,
        first_user_text,
    } = head;
    Ok(SessionInfo {
        path: PathBuf::new(),
        id: String::new(),
        header,
        modified: metadata.modified().map_err(Error::io(path, "read"))?,
        bytes: metadata.len(),
        first_user_text,
        format,
    })
}

/// A file that is there and cannot be read.
pub(super) fn unreadable(path: PathBuf, id: String, error: &Error) -> SessionInfo {
    let reason = match error {
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    let metadata = fs::symlink_metadata(&path).ok();
    let modified = metadata.as_ref().and_then(|there| there.modified().ok());
    SessionInfo {
        path,
        id,
        header: Err(HeaderFault::Unreadable(reason)),
        modified: modified.unwrap_or(SystemTime::UNIX_EPOCH),
        bytes: metadata.map_or(0, |there| there.len()),
        first_user_text: None,
        format: None,
    }
}
