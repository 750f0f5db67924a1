//! A directory of sessions: `<id>.jsonl`, one file each.

mod id;
mod list;

pub use id::{IdFault, MAX_ID_BYTES, check_id};

use crate::{
    Error, HeaderFault, HeaderInfo, WriterLock,
    files::{self, Open},
    header::HeadReader,
    interchange::Format,
    lock::{LockError, open_locked},
};
use etcetera::BaseStrategy;
use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};
use uuid::Uuid;

/// What the name of a session's file ends with, after a dot.
pub const EXTENSION: &str = "jsonl";

/// The environment variable that names the directory for sessions.
pub const DIR_VARIABLE: &str = "SESSIONLOG_DIR";

/// Stands for the session that was written to last.
pub const LATEST: &str = "latest";

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
            let sessions = list::entries(&self.dir)?.into_iter();
            sessions
                .filter(|entry| entry.id.starts_with(spec))
                .map(|entry| (entry.id, entry.path))
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
        for entry in list::entries(&self.dir)? {
            // One that was deleted meanwhile is none.
            let metadata = fs::symlink_metadata(&entry.path);
            if let Ok(modified) = metadata.and_then(|metadata| metadata.modified()) {
                newest = newest.max(Some((modified, entry.path)));
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
        let mut sessions = list::all(&self.dir)?;
        sessions.sort_unstable_by(|a, b| (b.modified, &b.path).cmp(&(a.modified, &a.path)));
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
}

impl SessionInfo {
    /// Reads the head of the session's file at `path`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotASession`] for what is no regular file, [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(SessionInfo {
            path: path.into(),
            id: id.into_owned(),
            ..list::info(path, Open::Read, &mut HeadReader::new())?
        })
    }
}

impl SessionInfo {
    /// The same for one of many files: of one that cannot be read, why. `None` for what was deleted or replaced meanwhile.
    pub(crate) fn read_any(path: &Path) -> Option<Self> {
        match Self::read(path) {
            Ok(info) => Some(info),
            Err(Error::NotFound { .. } | Error::NotASession { .. }) => None,
            Err(error) => {
                let id = path.file_stem().unwrap_or_default().to_string_lossy();
                Some(list::unreadable(path.into(), id.into_owned(), &error))
            }
        }
    }
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
