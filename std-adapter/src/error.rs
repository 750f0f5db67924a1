//! What can go wrong with sessions on a disk.

use crate::{
    lock::LockError,
    store::{EXTENSION, IdFault, LATEST},
};
use sessionlog_core::{
    compaction::NoCut,
    journal::{JournalError, PlanError},
    replay::ReplayError,
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why something could not be done. Each message names the file and says what may help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused something.
    #[error("{}: cannot {op}: {source}{}", path.display(), advice(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, such as `open`.
        op: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A directory that lies too deep below the one that was to be searched, and was not entered.
    #[error("{}: not entered, as it lies more than {} directories deep; name it for what is in it", path.display(), crate::interchange::MAX_DEPTH)]
    TooDeep {
        /// The directory.
        path: PathBuf,
    },
    /// Another process (or another handle in this one) is writing to the session.
    #[error(
        "{}: {} is writing to this session; try again when it is done, or read it meanwhile",
        path.display(),
        holder_name(*holder)
    )]
    Locked {
        /// The session's file.
        path: PathBuf,
        /// The writer's process id, where the system tells it.
        holder: Option<u32>,
    },
    /// The file was replaced again and again while it was being opened.
    #[error("{}: the file keeps being replaced by another; try again", path.display())]
    Replaced {
        /// The session's file.
        path: PathBuf,
    },
    /// No such session.
    #[error("{what}: {}", not_found(what))]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// There is no session in the store.
    #[error("{}: there is no session yet; `sessionlog new` makes one", dir.display())]
    NoSessions {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The beginning of an id that several sessions share.
    #[error("{prefix}: {total} sessions begin so ({}{}); give more of the id", matches.join(", "), if *total > matches.len() { ", …" } else { "" })]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The first ids that match, at most 5, in order.
        matches: Vec<String>,
        /// How many match.
        total: usize,
    },
    /// Not a file that can hold a session.
    #[error("{}: not a session: {reason}; give a session's file", path.display())]
    NotASession {
        /// What was asked for.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// No flash image is there, or none can be made so.
    #[error("{}: not a flash image: {reason}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// An image was to be written to.
    #[error(
        "{}: this is a flash image, which only its device goes on with; `sessionlog flash export` makes a session's file of it, and `sessionlog fork` a session in the store",
        path.display()
    )]
    ReadOnlyImage {
        /// The image.
        path: PathBuf,
    },
    /// Another agent's session was to be written to.
    #[error(
        "{}: this is a session of {format}, which is only read here; `sessionlog import` makes a session of it that can be gone on with",
        path.display()
    )]
    ReadOnlyForeign {
        /// The file.
        path: PathBuf,
        /// The agent's name.
        format: String,
    },
    /// No format that is known.
    #[error("{}: not a session, or of no format that is known; what was looked for: {}", path.display(), crate::interchange::LOOKED_FOR)]
    Unrecognised {
        /// The file.
        path: PathBuf,
    },
    /// There is a file where an image was to be made.
    #[error("{}: there is a file already; choose another name", path.display())]
    ImageExists {
        /// The file.
        path: PathBuf,
    },
    /// There is a file where another was to be written.
    #[error(
        "{}: there is a file already, and nothing is written over; choose another name, or delete it first",
        path.display()
    )]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// No session of an image bears this number or id.
    #[error("{}: {}", path.display(), not_in_image(spec))]
    NoSuchFlashSession {
        /// The image.
        path: PathBuf,
        /// What was asked for.
        spec: String,
    },
    /// A session of a format that this version does not know.
    #[error(
        "{}: the session has format version {}, and only version 1 is known; a newer sessionlog may read it",
        path.display(),
        version.map_or_else(|| "(none)".to_owned(), |version| version.to_string())
    )]
    UnsupportedVersion {
        /// The session's file.
        path: PathBuf,
        /// The version that it names, if it is a number.
        version: Option<u64>,
    },
    /// The file is empty: its writer stopped before the header.
    #[error("{}: the file is empty and holds no session; it can be deleted", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The session's first line is damaged.
    #[error(
        "{}: the session's header is lost; its entries can be read, and `sessionlog repair` makes a file with a new header",
        path.display()
    )]
    HeaderLost {
        /// The session's file.
        path: PathBuf,
    },
    /// No entry of the session has this id.
    #[error("{}: no entry has the id {id}; `sessionlog show` lists the entries", path.display())]
    NoSuchEntry {
        /// The session's file.
        path: PathBuf,
        /// What was asked for.
        id: String,
    },
    /// A session with this id exists already.
    #[error("{}: there is a session with this id already; choose another id", path.display())]
    AlreadyExists {
        /// Its file.
        path: PathBuf,
    },
    /// An id that cannot name a session.
    #[error("{id:?}: not an id for a session: {fault}")]
    InvalidId {
        /// The id.
        id: String,
        /// What is wrong with it.
        fault: IdFault,
    },
    /// What was to be appended is no message.
    #[error("{}: nothing was appended: {reason}; a message is one JSON object on one line", path.display())]
    NotAMessage {
        /// The session's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The context is already as short as the policy makes it.
    #[error("{}: nothing to compact", path.display())]
    NothingToCompact {
        /// The session's file.
        path: PathBuf,
    },
    /// No place in the context can be cut without parting a tool call from its result.
    #[error("{}: cannot compact: {source}; keep fewer messages", path.display())]
    NoCut {
        /// The session's file.
        path: PathBuf,
        /// What was found.
        source: NoCut,
    },
    /// The session has no entry that a branch could end at.
    #[error("{}: the session has no messages yet; there is nothing to fork", path.display())]
    NothingToFork {
        /// The session's file.
        path: PathBuf,
    },
    /// The session was appended to after the compaction was planned.
    #[error("{}: the session has grown since the compaction was planned; plan again", path.display())]
    StalePlan {
        /// The session's file.
        path: PathBuf,
    },
    /// The file's bytes changed while they were read.
    #[error("{}: the file changed while it was read; is another program writing to it?", path.display())]
    Changed {
        /// The session's file.
        path: PathBuf,
    },
    /// Several entries share an id in such a way that a copy would not mean the same.
    #[error(
        "{}: entries share an id so that a copy would not mean the same; nothing was changed, and it can be read as it is",
        path.display()
    )]
    RepeatedIds {
        /// The session's file.
        path: PathBuf,
    },
    /// A later entry repeats the id of an entry that has to be named, so that a reader would take it for that one.
    #[error(
        "{}: byte {byte}: an entry here repeats the id of {whose}; `sessionlog fork` makes a copy of the branch that can be continued",
        path.display()
    )]
    Shadowed {
        /// The session's file.
        path: PathBuf,
        /// Where the later entry lies.
        byte: u64,
        /// Whose id it repeats, in words.
        whose: &'static str,
    },
    /// A symbolic link into another directory: what is not named is not changed.
    #[error(
        "{}: a symbolic link into another directory, which is not followed here; `sessionlog repair {}` repairs what it leads to",
        path.display(),
        target.display()
    )]
    LinkOutside {
        /// The link.
        path: PathBuf,
        /// What it leads to.
        target: PathBuf,
    },
    /// So many entries name others that are lost that to make sure of each would take too long.
    #[error(
        "{}: too many entries name others that are lost; `sessionlog repair` makes a copy that can be continued, and keeps this one",
        path.display()
    )]
    TooManyLost {
        /// The session's file.
        path: PathBuf,
    },
    /// The system names no place for the user's data.
    #[error("no home directory is known: set SESSIONLOG_DIR to a directory for the sessions")]
    NoDataDir,
}

impl Error {
    /// For `map_err`: an [`Error::Io`] at `path`.
    pub(crate) fn io(path: impl Into<PathBuf>, op: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, op, source }
    }

    /// What a journal's error is on the file at `path`.
    pub(crate) fn journal(path: &Path, error: JournalError<io::Error>) -> Self {
        let path = path.to_owned();
        match error {
            JournalError::Io(source) => Self::Io {
                path,
                op: "write",
                source,
            },
            JournalError::WriteZero => Self::Io {
                path,
                op: "write",
                source: io::ErrorKind::WriteZero.into(),
            },
            JournalError::Payload(e) => Self::NotAMessage {
                path,
                reason: e.to_string(),
            },
            JournalError::NotAMessage(fault) => Self::NotAMessage {
                path,
                reason: fault.to_string(),
            },
            JournalError::Empty => Self::Empty { path },
            JournalError::NotEmpty => Self::AlreadyExists { path },
            JournalError::UnsupportedVersion(version) => Self::UnsupportedVersion { path, version },
            JournalError::StalePlan => Self::StalePlan { path },
            JournalError::Changed => Self::Changed { path },
            JournalError::TooManyLost => Self::TooManyLost { path },
            JournalError::TipShadowed(byte) => Self::Shadowed {
                path,
                byte,
                whose: "the tip",
            },
            other => Self::NotASession {
                path,
                reason: other.to_string(),
            },
        }
    }

    /// What a replay's error is on the file at `path`.
    pub(crate) fn replay(path: &Path, error: ReplayError<io::Error>) -> Self {
        Self::journal(path, error.into())
    }

    /// What a plan's error is on the file at `path`.
    pub(crate) fn plan(path: &Path, error: PlanError<io::Error>) -> Self {
        let path = path.to_owned();
        match error {
            PlanError::NoCut(NoCut::NothingToCompact) => Self::NothingToCompact { path },
            PlanError::NoCut(source) => Self::NoCut { path, source },
            PlanError::FirstKeptShadowed(byte) => Self::Shadowed {
                path,
                byte,
                whose: "the first message to be kept",
            },
            PlanError::Read(error) => Self::replay(&path, error),
        }
    }
}

fn not_in_image(spec: &str) -> String {
    match spec {
        LATEST => "there is no session in this image yet".to_owned(),
        _ => format!("no session {spec} is in this image; `sessionlog flash ls` lists them"),
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Locked { path, holder } => Self::Locked { path, holder },
            LockError::Replaced { path } => Self::Replaced { path },
            LockError::Io { path, source } => Self::Io {
                path,
                op: "lock",
                source,
            },
        }
    }
}

/// What is not there, and what else it could be.
fn not_found(what: &str) -> &'static str {
    // Ids hold no separators.
    let path = what.contains(['/', std::path::MAIN_SEPARATOR])
        || Path::new(what)
            .extension()
            .is_some_and(|end| end == EXTENSION);
    if path {
        "no such file; a session is named by a path, an id, the beginning of an id, or 'latest'; \
        `sessionlog list` shows what there is"
    } else {
        "no such session; give a path, an id or the beginning of an id; `sessionlog list` shows what there is"
    }
}

/// Who holds a lock, in words.
pub(crate) fn holder_name(holder: Option<u32>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

/// What may help, where that is known.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; check who owns it and its permissions",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, then try again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; the file system is read-only",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_file_and_say_what_to_do() {
        let full = Error::io("/s/a.jsonl", "write")(io::ErrorKind::StorageFull.into());
        let text = full.to_string();
        assert!(text.starts_with("/s/a.jsonl: cannot write: "), "{text}");
        assert!(text.ends_with("; free some space, then try again"));
        let locked: Error = LockError::Locked {
            path: "/s/a.jsonl".into(),
            holder: Some(12),
        }
        .into();
        assert!(
            locked
                .to_string()
                .starts_with("/s/a.jsonl: process 12 is writing")
        );
        let not_found = |what: &str| Error::NotFound { what: what.into() }.to_string();
        for path in ["a/b", "./a", "a.jsonl"] {
            let text = not_found(path);
            assert!(
                text.starts_with(&format!("{path}: no such file; ")),
                "{text}"
            );
            assert!(
                text.contains("the beginning of an id, or 'latest'"),
                "{text}"
            );
        }
        assert!(not_found("a.b").starts_with("a.b: no such session; "));
        let ambiguous = Error::Ambiguous {
            prefix: "a".into(),
            matches: vec!["a1".into(), "a2".into()],
            total: 3,
        };
        assert_eq!(
            ambiguous.to_string(),
            "a: 3 sessions begin so (a1, a2, …); give more of the id"
        );
    }
}
