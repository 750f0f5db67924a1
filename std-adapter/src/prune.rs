//! Old sessions put away: chosen by rules, moved into an archive, never deleted.

mod history;

pub use history::{Split, Whole, compacted, going_with, split_off};
pub(crate) use history::{history_of, named};

use crate::{Error, SessionInfo, files, files::Open, lock::open_locked, store::EXTENSION};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// The directory in a store that sessions are put away into by default. A store does not look into directories.
pub const ARCHIVE: &str = "archive";

/// Names that are tried for an archived file at most.
const MAX_NAMES: u32 = 10_000;

/// Which sessions are put away: those that any of the rules names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Those that were written to last longer ago than this.
    pub older_than: Option<Duration>,
    /// Those beyond the so many that were written to last.
    pub keep: Option<usize>,
    /// Those that, counted from the newest, go beyond so many bytes together, and all that are older.
    pub max_bytes: Option<u64>,
}

/// Why a session is put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was not written to for longer than [`Rules::older_than`].
    Age,
    /// It is beyond [`Rules::keep`].
    Count,
    /// It is beyond [`Rules::max_bytes`].
    Size,
}

impl Reason {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Count => "count",
            Self::Size => "size",
        }
    }
}

/// The sessions that are to be put away, and why; `sessions` are the newest first, as
/// [`SessionStore::list`](crate::SessionStore::list) gives them.
#[must_use]
pub fn choose(
    sessions: Vec<SessionInfo>,
    rules: &Rules,
    now: SystemTime,
) -> Vec<(SessionInfo, Reason)> {
    let mut bytes = 0u64;
    let mut kept = 0;
    let mut full = false;
    let mut chosen = Vec::new();
    for session in sessions {
        // A time in the future is no age.
        let age = now.duration_since(session.modified).unwrap_or_default();
        let with = bytes.saturating_add(session.bytes);
        let reason = if rules.older_than.is_some_and(|limit| age > limit) {
            Reason::Age
        } else if rules.keep.is_some_and(|keep| kept >= keep) {
            Reason::Count
        } else if full || rules.max_bytes.is_some_and(|max| with > max) {
            full = true;
            Reason::Size
        } else {
            bytes = with;
            kept += 1;
            continue;
        };
        chosen.push((session, reason));
    }
    chosen
}

/// Moves a session's file into the directory `archive`, which is made if it is missing, under its own name, and what was
/// split off it before with it ([`going_with`]). It can be read there as before, and moved back. Nothing is written over: where another
/// file has the session's name it is called `NAME-2` and so on; where the same one is there already, that one stays.
///
/// # Errors
/// [`Error::Locked`] when somebody writes to it, or to its history; [`Error::AlreadyExists`] when the name of its history is taken in the archive;
/// [`Error::Io`], also when the archive is on another file system or a link in the
/// session's own directory.
pub fn put_away(session: &Path, archive: &Path) -> Result<PathBuf, Error> {
    let (_, _lock) = open_locked(session, Open::WriteNoFollow)?;
    history::refuse_link(session, archive)?;
    files::create_dirs(archive)?;
    // What it names first: should it stop in between, there are copies, and nothing is missing.
    let histories = going_with(session, archive);
    let locked = histories
        .iter()
        .map(|file| open_locked(file, Open::WriteNoFollow));
    let _locks = locked.collect::<Result<Vec<_>, _>>()?;
    for file in &histories {
        let to = archive.join(file.file_name().unwrap_or_default());
        if !linked(file, &to)? {
            return Err(Error::AlreadyExists { path: to });
        }
    }
    let to = moved(session, archive)?;
    files::sync_dir(archive)?;
    for file in std::iter::once(session).chain(histories.iter().map(PathBuf::as_path)) {
        fs::remove_file(file).map_err(Error::io(file, "archive"))?;
        files::sync_dir(&files::dir_of(file))?;
    }
    Ok(to)
}

/// Gives a session's file a name in the archive too.
fn moved(session: &Path, archive: &Path) -> Result<PathBuf, Error> {
    let stem = session.file_stem().unwrap_or_default();
    let mut to = archive.join(session.file_name().unwrap_or_default());
    for number in 2..=MAX_NAMES {
        if linked(session, &to)? {
            return Ok(to);
        }
        let mut name = stem.to_owned();
        name.push(format!("-{number}.{EXTENSION}"));
        to = archive.join(name);
    }
    Err(Error::AlreadyExists { path: to })
}

/// Gives a file another name. False if that is another file's.
fn linked(file: &Path, to: &Path) -> Result<bool, Error> {
    // A link is made only where there is none: unlike a move, it never replaces a file.
    match fs::hard_link(file, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            if file.canonicalize().ok() == to.canonicalize().ok() {
                return Err(Error::AlreadyExists { path: to.into() });
            }
            history::is_same(file, to).map_err(Error::io(to, "read"))
        }
        Err(error) => Err(Error::io(to, "archive to")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeaderFault, SessionStore};

    fn session(name: &str, age: u64, bytes: u64) -> SessionInfo {
        SessionInfo {
            path: name.into(),
            id: name.into(),
            header: Err(HeaderFault::Empty),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 - age),
            bytes,
            first_user_text: None,
            format: None,
        }
    }

    #[test]
    fn each_rule_chooses_for_itself() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let all = || {
            vec![
                session("a", 1, 50),
                session("b", 10, 60),
                session("c", 20, 10),
                session("d", 500, 1),
            ]
        };
        let names = |rules: Rules| {
            let chosen = choose(all(), &rules, now);
            chosen
                .iter()
                .map(|(s, r)| format!("{} {}", s.id, r.name()))
                .collect::<Vec<_>>()
        };
        assert!(names(Rules::default()).is_empty());
        let older_than = Some(Duration::from_secs(20));
        assert_eq!(
            names(Rules {
                older_than,
                ..Rules::default()
            }),
            ["d age"]
        );
        assert_eq!(
            names(Rules {
                keep: Some(2),
                ..Rules::default()
            }),
            ["c count", "d count"]
        );
        // Nothing that is older than what is put away stays, even if it is small.
        assert_eq!(
            names(Rules {
                max_bytes: Some(61),
                ..Rules::default()
            }),
            ["b size", "c size", "d size"]
        );
        let both = Rules {
            older_than,
            keep: Some(1),
            max_bytes: None,
        };
        assert_eq!(names(both), ["b count", "c count", "d age"]);
    }

    #[test]
    fn nothing_is_written_over() {
        let home = tempfile::tempdir().unwrap();
        let store = SessionStore::at(home.path());
        let archive = home.path().join(ARCHIVE);
        let created = store.create_file("a").unwrap();
        assert!(matches!(
            put_away(&created.path, &archive),
            Err(Error::Locked { .. })
        ));
        let path = created.path.clone();
        drop(created);
        fs::write(&path, "one").unwrap();
        let to = put_away(&path, &archive).unwrap();
        assert_eq!(
            (path.exists(), fs::read(&to).unwrap()),
            (false, b"one".to_vec())
        );
        fs::write(&path, "two").unwrap();
        let other = put_away(&path, &archive).unwrap();
        assert_eq!(other.file_name().unwrap(), "a-2.jsonl");
        assert_eq!(fs::read(&other).unwrap(), b"two");
        assert_eq!(fs::read(&to).unwrap(), b"one");
        // The same once more: it is there.
        fs::write(&path, "two").unwrap();
        assert_eq!(put_away(&path, &archive).unwrap(), other);
        assert!(!path.exists());
        assert_eq!(fs::read_dir(&archive).unwrap().count(), 2);
        // Where it is already it is not taken for a copy of itself.
        assert!(matches!(
            put_away(&other, &archive),
            Err(Error::AlreadyExists { .. })
        ));
        assert!(other.exists());
    }
}
