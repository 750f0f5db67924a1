//! A directory of sessions: `<id>.jsonl`, one file each.

mod id;

pub use id::{IdFault, MAX_ID_BYTES, check_id};

use crate::{
    Error, HeaderFault, HeaderInfo, WriterLock,
    files::{self, Open},
    header::{Head, HeadReader},
    interchange::{self, Format},
    lock::{LockError, open_locked},
};
use etcetera::BaseStrategy;
use std::{
    env,
    ffi::OsString,
    fs::{self, DirEntry, File},
    io,
    path::{Path, PathBuf},
    thread,
    time::SystemTime,
};
use uuid::Uuid;

/// What the name of a session's file ends with, after a dot.
pub const EXTENSION: &str = "jsonl";

/// The environment variable that names the directory for sessions.
pub const DIR_VARIABLE: &str = "SESSIONLOG_DIR";

/// Stands for the session that was written to last.
pub const LATEST: &str = "latest";

/// Threads that read heads at most: more than there are processors as a rule, since they wait for the disk.
const LIST_THREADS: usize = 16;
/// Sessions for which a thread is worth starting.
const SESSIONS_A_THREAD: usize = 64;

/// Ids that [`Error::Ambiguous`] lists at most.
const MAX_LISTED: usize = 5;

/// A directory of sessions.
///
/// Only regular files directly in it whose names end with `.jsonl` count; symbolic links do not.
/// Nothing is created before [`create_file`](Self::create_file).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStore {
    dir: PathBuf,
}

/// A session's file that was just created.
#[derive(Debug)]
pub struct CreatedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The file, empty, open for reading and writing.
    pub file: File,
    /// The right to write to it.
    pub lock: WriterLock,
}

/// A session as a list shows it: what the head of its file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its file.
    pub path: PathBuf,
    /// The id that names it in its store: the file's name without `.jsonl`.
    pub id: String,
    /// Its header, or why there is none: a broken session is listed too.
    pub header: Result<HeaderInfo, HeaderFault>,
    /// When the file was last written to.
    pub modified: SystemTime,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The beginning of the first text that a user wrote, as it stands there, at most 80 characters.
    /// `None` if it is not among the file's first [`HEAD_BYTES`](crate::header::HEAD_BYTES).
    pub first_user_text: Option<String>,
    /// Of a file of another agent: which. Those of ours, and of opi's version 1, have none.
    pub format: Option<Format>,
}

impl SessionStore {
    /// The store in directory `dir`, which need not exist.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The store in the [default directory](Self::default_dir).
    ///
    /// # Errors
    /// [`Error::NoDataDir`].
    pub fn open_default() -> Result<Self, Error> {
        Self::default_dir().map(Self::at)
    }

    /// Where sessions are by default: `SESSIONLOG_DIR`, if set and not empty; otherwise `sessionlog/sessions` in the user's
    /// data directory (`$XDG_DATA_HOME` or `~/.local/share`; `~/Library/Application Support` on macOS; `%APPDATA%` on Windows).
    ///
    /// # Errors
    /// [`Error::NoDataDir`] when the system knows no home directory.
    pub fn default_dir() -> Result<PathBuf, Error> {
        dir_from(env::var_os(DIR_VARIABLE))
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of the session with this id, whether it exists or not. Always directly in the store.
    ///
    /// # Errors
    /// [`Error::InvalidId`] for what cannot be an id ([`check_id`]).
    pub fn path_for(&self, id: &str) -> Result<PathBuf, Error> {
        check_id(id).map_err(|fault| Error::InvalidId {
            id: id.into(),
            fault,
        })?;
        Ok(self.dir.join(format!("{id}.{EXTENSION}")))
    }

    /// An id that no other session has: a version 7 UUID. Within a process, later ids sort after earlier ones.
    #[must_use]
    pub fn new_id(&self) -> String {
        Uuid::now_v7().to_string()
    }

    /// Creates the session's file, empty, for its owner only, locked for writing, its name durable.
    /// Creates the store's directory, for its owner only, if it is missing.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::InvalidId`], [`Error::Io`]; [`Error::Locked`] should another process lock the file first.
    pub fn create_file(&self, id: &str) -> Result<CreatedFile, Error> {
        let path = self.path_for(id)?;
        files::create_dirs(&self.dir)?;
        let file = files::create_new(&path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::AlreadyExists { path: path.clone() },
            _ => Error::io(&path, "create")(source),
        })?;
        let lock = WriterLock::acquire(&file, &path).inspect_err(|error| {
            if matches!(error, LockError::Io { .. }) {
                // Where nothing can be locked, nothing shall be left behind; the lock's failure is what counts.
                let _ = fs::remove_file(&path);
            }
        })?;
        self.sync_dir().inspect_err(|_| {
            let _ = fs::remove_file(&path);
        })?;
        Ok(CreatedFile { path, file, lock })
    }

    /// Makes the names in the store durable: files that were created, renamed or removed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync_dir(&self) -> Result<(), Error> {
        files::sync_dir(&self.dir)
    }

    /// Finds a session: `latest` (the file written to last; of several, the one whose name sorts last), a path to
    /// anything but a directory, an id, or the beginning of exactly one id. Whether the file is a session is not judged.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSessions`], [`Error::Ambiguous`], [`Error::NotASession`] for a directory, [`Error::Io`].
    pub fn resolve(&self, spec: &str) -> Result<PathBuf, Error> {
        if spec == LATEST {
            return self.latest();
        }
        let as_path = fs::metadata(spec).ok();
        if as_path.as_ref().is_some_and(|there| !there.is_dir()) {
            return Ok(spec.into());
        }
        match (self.resolve_id(spec), as_path) {
            (Err(Error::NotFound { .. }), Some(dir)) => {
                Err(files::not_a_session(spec.as_ref(), dir.file_type()))
            }
            (found, _) => found,
        }
    }

    /// Finds a session of this store: `latest`, an id, or the beginning of exactly one id; never a path.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSessions`], [`Error::Ambiguous`], [`Error::Io`].
    pub fn resolve_id(&self, spec: &str) -> Result<PathBuf, Error> {
        if spec == LATEST {
            return self.latest();
        }
        if let Ok(path) = self.path_for(spec)
            && fs::symlink_metadata(&path).is_ok_and(|there| there.is_file())
        {
            return Ok(path);
        }
        let mut matches: Vec<(String, PathBuf)> = if spec.is_empty() {
            Vec::new()
        } else {
            let sessions = self.entries()?.into_iter();
            sessions
                .map(|(id, entry)| (id, entry.path()))
                .filter(|(id, _)| id.starts_with(spec))
                .collect()
        };
        match matches.len() {
            0 => Err(Error::NotFound { what: spec.into() }),
            1 => Ok(matches.remove(0).1),
            total => {
                matches.sort();
                let ids = matches.into_iter().map(|(id, _)| id);
                Err(Error::Ambiguous {
                    prefix: spec.into(),
                    matches: ids.take(MAX_LISTED).collect(),
                    total,
                })
            }
        }
    }

    fn latest(&self) -> Result<PathBuf, Error> {
        let mut newest = None;
        for (_, entry) in self.entries()? {
            // One that was deleted meanwhile is none.
            if let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) {
                newest = newest.max(Some((modified, entry.path())));
            }
        }
        newest
            .map(|(_, path)| path)
            .ok_or_else(|| Error::NoSessions {
                dir: self.dir.clone(),
            })
    }

    /// All sessions, the one written to last first. Reads only the head of each file, several files at a time.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory cannot be read. Files that cannot be read are listed as such.
    pub fn list(&self) -> Result<Vec<SessionInfo>, Error> {
        let entries = self.entries()?;
        let share = entries.len().div_ceil(LIST_THREADS).max(SESSIONS_A_THREAD);
        let mut sessions = Vec::with_capacity(entries.len());
        thread::scope(|scope| {
            let mut shares = entries.chunks(share);
            let first = shares.next().unwrap_or_default();
            let others: Vec<_> = shares
                .map(|share| {
                    let read = move || infos(share);
                    (share, thread::Builder::new().spawn_scoped(scope, read))
                })
                .collect();
            sessions.extend(infos(first));
            for (share, other) in others {
                // Without another thread, or should it fail, this one reads that share.
                let read = other.ok().and_then(|other| other.join().ok());
                sessions.extend(read.unwrap_or_else(|| infos(share)));
            }
        });
        sessions.sort_by(|a, b| (b.modified, &b.path).cmp(&(a.modified, &a.path)));
        Ok(sessions)
    }

    /// Deletes a session's file, unless someone writes to it. Never follows a symbolic link.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NotFound`], [`Error::NotASession`] for what is no regular file, [`Error::Io`].
    pub fn delete(&self, path: &Path) -> Result<(), Error> {
        let (_file, _lock) = open_locked(path, Open::WriteNoFollow)?;
        fs::remove_file(path).map_err(Error::io(path, "delete"))?;
        #[cfg(not(unix))]
        let _ = fs::remove_file(crate::lock::sidecar(path));
        files::sync_dir(&files::dir_of(path))
    }

    /// Ids and directory entries of all sessions, in no order. None when there is no directory.
    fn entries(&self) -> Result<Vec<(String, DirEntry)>, Error> {
        let failed = || Error::io(&self.dir, "list");
        let dir = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            dir => dir.map_err(failed())?,
        };
        let mut entries = Vec::new();
        for entry in dir {
            let entry = entry.map_err(failed())?;
            let name = PathBuf::from(entry.file_name());
            if name.extension().is_some_and(|end| end == EXTENSION)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
                && let Some(id) = name.file_stem()
            {
                entries.push((id.to_string_lossy().into_owned(), entry));
            }
        }
        Ok(entries)
    }
}

impl SessionInfo {
    /// Reads the head of the session's file at `path`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotASession`] for what is no regular file, [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        info(path, Open::Read, id.into_owned(), &mut HeadReader::new())
    }

    /// A file that is there and cannot be read.
    fn unreadable(entry: &DirEntry, id: String, error: &Error) -> Self {
        let reason = match error {
            Error::Io { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        let metadata = entry.metadata().ok();
        let modified = metadata.as_ref().and_then(|there| there.modified().ok());
        Self {
            path: entry.path(),
            id,
            header: Err(HeaderFault::Unreadable(reason)),
            modified: modified.unwrap_or(SystemTime::UNIX_EPOCH),
            bytes: metadata.map_or(0, |there| there.len()),
            first_user_text: None,
            format: None,
        }
    }
}

/// Reads the heads of some of a store's files.
fn infos(entries: &[(String, DirEntry)]) -> Vec<SessionInfo> {
    let mut reader = HeadReader::new();
    let mut sessions = Vec::with_capacity(entries.len());
    for (id, entry) in entries {
        let path = entry.path();
        sessions.push(
            match info(&path, Open::ReadNoFollow, id.clone(), &mut reader) {
                Ok(info) => info,
                // Deleted, or replaced by something else, meanwhile.
                Err(Error::NotFound { .. } | Error::NotASession { .. }) => continue,
                Err(error) => SessionInfo::unreadable(entry, id.clone(), &error),
            },
        );
    }
    sessions
}

fn info(path: &Path, how: Open, id: String, reader: &mut HeadReader) -> Result<SessionInfo, Error> {
    let (file, metadata) = files::open_regular(path, how)?;
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
        path: path.into(),
        id,
        header,
        modified: metadata.modified().map_err(Error::io(path, "read"))?,
        bytes: metadata.len(),
        first_user_text,
        format,
    })
}

fn dir_from(variable: Option<OsString>) -> Result<PathBuf, Error> {
    if let Some(dir) = variable.filter(|dir| !dir.is_empty()) {
        return Ok(dir.into());
    }
    let user = etcetera::base_strategy::choose_native_strategy().map_err(|_| Error::NoDataDir)?;
    Ok(user.data_dir().join("sessionlog").join("sessions"))
}

#[cfg(test)]
mod tests;
