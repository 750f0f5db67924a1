//! Opening, creating and syncing files and directories, with care for what is no regular file.

use crate::Error;
use std::{
    fs::{self, File, FileType, Metadata, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// How an existing file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// For reading.
    Read,
    /// For reading and writing.
    Write,
    /// For reading and writing, and not through a symbolic link.
    WriteNoFollow,
    /// For reading, and not through a symbolic link.
    ReadNoFollow,
}

impl Open {
    fn writes(self) -> bool {
        matches!(self, Self::Write | Self::WriteNoFollow)
    }

    fn follows(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

/// Opens a regular file. Never waits for the other end of a pipe.
pub(crate) fn open_regular(path: &Path, how: Open) -> Result<(File, Metadata), Error> {
    #[cfg(not(unix))]
    if !how.follows()
        && let Ok(metadata) = fs::symlink_metadata(path)
        && !metadata.is_file()
    {
        return Err(not_a_session(path, metadata.file_type()));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(how.writes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let no_follow = if how.follows() { 0 } else { libc::O_NOFOLLOW };
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | no_follow);
    }
    let file = match options.open(path) {
        Ok(file) => file,
        Err(source) => return Err(why_not(path, how, source)),
    };
    let metadata = file.metadata().map_err(Error::io(path, "open"))?;
    if !metadata.is_file() {
        return Err(not_a_session(path, metadata.file_type()));
    }
    Ok((file, metadata))
}

/// Reads a small file of text whole: a regular one, of at most `limit` bytes. What is said of the others fits behind its path.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let (file, metadata) = open_regular(path, Open::Read).map_err(|error| match error {
        Error::Io { source, .. } => source,
        Error::NotASession { reason, .. } => {
            io::Error::new(io::ErrorKind::InvalidInput, format!("this is {reason}"))
        }
        Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, "no such file"),
        other => io::Error::other(other),
    })?;
    let mut text = String::new();
    // Some systems have files whose length is not told.
    let read = file.take(limit + 1).read_to_string(&mut text);
    if metadata.len() > limit || text.len() as u64 > limit {
        let words = format!("this is longer than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    read.map(|_| text)
}

/// Tells the system that little of the file will be read: else it reads 16 times as much ahead. Only a hint.
#[cfg(target_os = "linux")]
pub(crate) fn read_no_further(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Random);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn read_no_further(_: &File) {}

/// The error for a file that did not open.
fn why_not(path: &Path, how: Open, source: io::Error) -> Error {
    let metadata = if how.follows() {
        fs::metadata(path)
    } else {
        fs::symlink_metadata(path)
    };
    match metadata {
        Ok(metadata) if !metadata.is_file() => not_a_session(path, metadata.file_type()),
        _ if source.kind() == io::ErrorKind::NotFound => Error::NotFound {
            what: path.display().to_string(),
        },
        _ => Error::Io {
            path: path.into(),
            op: "open",
            source,
        },
    }
}

pub(crate) fn not_a_session(path: &Path, file_type: FileType) -> Error {
    Error::NotASession {
        path: path.into(),
        reason: type_name(file_type).into(),
    }
}

fn type_name(file_type: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file_type.is_fifo() {
            return "a named pipe";
        } else if file_type.is_socket() {
            return "a socket";
        } else if file_type.is_block_device() || file_type.is_char_device() {
            return "a device";
        }
    }
    if file_type.is_dir() {
        "a directory"
    } else if file_type.is_symlink() {
        "a symbolic link, which is not followed here"
    } else {
        "not a regular file"
    }
}

/// Creates a file that must not exist, for its owner only, open for reading and writing.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a directory with those above it that are missing, for their owner only, so that they survive the loss of power.
pub(crate) fn create_dirs(dir: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = dir
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(dir)
        .map_err(Error::io(dir, "create the directory"))?;
    missing
        .into_iter()
        .try_for_each(|made| sync_dir(&dir_of(made)))
}

/// The directory that `path` stands in.
pub(crate) fn dir_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.into(),
        _ => ".".into(),
    }
}

/// Makes the names in a directory durable: files that were created, renamed or removed.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    // Elsewhere a directory cannot be opened as a file, and its changes are journalled.
    if cfg!(unix) {
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(Error::io(dir, "sync the directory"))?;
    }
    Ok(())
}
