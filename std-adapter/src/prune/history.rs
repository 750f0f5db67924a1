//! What a summary stands for, split off a session's file into an archive, so that the file stays small.
//!
//! The session is cut in front of the first record that its context needs. What stands before the cut becomes a session's
//! file of its own in the archive, a last leaf added; what stands behind it stays, byte for byte, under a header that says
//! `"reclaimed":true` (F9) and names that file as its `history`. A second time, the archived file names the first one in turn.
//!
//! Whatever stops it, nothing is lost: the archived file is whole and durable before the session's own is replaced, and that
//! is done by one rename. Should it be stopped between the two, the archived file is a copy, and the next time it is taken as
//! it is.

use crate::{
    Error, FileStorage, SessionInfo, SessionLog, SystemClock,
    copy::{NewFile, counted, header_line, last_leaf},
    files::{self, Open},
    flash,
    header::Source,
    interchange,
    lock::open_locked,
    prune::ARCHIVE,
    reader::name_of,
    session::READ_WINDOW,
    verify::audited,
};
use sessionlog_core::{
    Clock, EntryId,
    journal::{Journal, Options},
    json::write::write_all,
    record::Totals,
};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Names that are tried for an archived file at most.
const MAX_NAMES: u32 = 10_000;

/// Bytes that are copied at once.
const CHUNK: u64 = 128 * 1024;

/// What can be split off a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The session's file.
    pub path: PathBuf,
    /// Its id.
    pub id: String,
    /// Entries that would go.
    pub entries: u64,
    /// Bytes that would go.
    pub bytes: u64,
    /// Bytes that would stay, the header not counted.
    pub left: u64,
}

/// Why nothing is split off a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whole {
    /// All of it is in the context, or nothing was ever compacted.
    NothingCompacted,
    /// Another program's: its header has to be as it is.
    Foreign,
    /// It is damaged, or its sums are wrong: that comes first.
    Damaged,
    /// What could go was copied from the session that it was forked from, and is there.
    Inherited,
}

impl Whole {
    /// Why, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NothingCompacted => "nothing of it is compacted",
            Self::Foreign => "another program's session",
            Self::Damaged => "it is damaged; `sessionlog verify` tells more",
            Self::Inherited => "what is compacted belongs to the session that it was forked from",
        }
    }
}

/// What can be split off the session in the file at `path`. Reads the file, and writes nothing.
///
/// # Errors
/// As for [`SessionLog::open`].
pub fn compacted(path: &Path) -> Result<Result<Split, Whole>, Error> {
    let (file, metadata) = files::open_regular(path, Open::Read)?;
    Ok(plan(path, file, metadata.len())?.map(|(split, ..)| split))
}

/// Where a session is cut: the offset, and the index of the first node behind it.
type Plan = (Split, SessionLog, u64, u32);

fn plan(path: &Path, file: File, bytes: u64) -> Result<Result<Plan, Whole>, Error> {
    if interchange::recognise(path)?.is_some()
        || flash::is_image(&file, bytes).map_err(Error::io(path, "read"))?
    {
        return Ok(Err(Whole::Foreign));
    }
    let (log, found) = audited(path, file, bytes, |_, _| {})?;
    let Some(header) = log.head().extent.filter(|_| log.head().ours) else {
        return Ok(Err(Whole::Foreign));
    };
    if !found.is_sound() || log.is_unended() {
        return Ok(Err(Whole::Damaged));
    }
    let context = log.context();
    let first = match (context.summary, context.messages.first()) {
        (None, _) => return Ok(Err(Whole::NothingCompacted)),
        (Some(summary), None) => summary,
        (Some(summary), Some(message)) => summary.min(*message),
    };
    let cut = log.extent(first)?.start;
    let begin = header.end() + 1;
    // Without a checkpoint behind the cut, the sums would be lost.
    let summary = context.summary.map(|summary| log.extent(summary));
    let leaf = log.leaves().last().map(|leaf| Ok(leaf.extent));
    let mut kept_totals = false;
    for extent in [summary, leaf].into_iter().flatten() {
        let extent = extent?;
        kept_totals |= extent.start >= cut && log.totals(extent)?.is_some();
    }
    if cut <= begin || !kept_totals {
        return Ok(Err(Whole::NothingCompacted));
    }
    if log
        .header()
        .is_some_and(|header| header.fork_point.is_some())
        && log.inherited(first)
    {
        return Ok(Err(Whole::Inherited));
    }
    let leaves = log.leaves().iter();
    let leaves = leaves.filter(|leaf| leaf.extent.start < cut).count() as u64;
    let split = Split {
        path: path.to_owned(),
        id: log.id(),
        entries: u64::from(first) + leaves,
        bytes: cut - begin,
        left: log.bytes() - cut,
    };
    Ok(Ok((split, log, cut, first)))
}

/// The file that the session in `path` calls its history: of a name, one beside it or in the archive there.
pub(crate) fn history_of(path: &Path, named: &str) -> PathBuf {
    let named = Path::new(named);
    let dir = files::dir_of(path);
    let beside = dir.join(named);
    let archived = dir.join(ARCHIVE).join(named);
    let there = archived.parent().is_some_and(Path::is_dir);
    match is_name(named) && there && !beside.is_file() {
        true => archived,
        false => beside,
    }
}

/// It names a file, and no directory.
fn is_name(named: &Path) -> bool {
    named.components().count() == 1
}

/// The files of a session's history that go with it when it moves to the directory `to`, as [`put_away`](super::put_away)
/// moves it: those that are known by their names only, and are not there already. Those that they name in turn are among
/// them. A header may name any file as its history; what goes is only what [`split_off`] has made of this very session:
/// `<its name>.history-N.jsonl`, under its id.
#[must_use]
pub fn going_with(session: &Path, to: &Path) -> Vec<PathBuf> {
    let to = to.canonicalize().ok();
    let stem = name_of(session);
    let (mut chain, mut seen) = (Vec::new(), HashSet::new());
    let mut of = session.to_owned();
    let header = |of: &Path| SessionInfo::read(of).ok()?.header.ok();
    let mut next = header(session);
    let id = next.as_ref().map(|header| header.id.clone());
    while let Some(named) = next.and_then(|header| header.history) {
        let file = history_of(&of, &named);
        let regular = fs::symlink_metadata(&file).is_ok_and(|there| there.is_file());
        if !is_history_of(&stem, &named) || !regular || !seen.insert(named) {
            break;
        }
        next = header(&file);
        if next.as_ref().map(|header| &header.id) != id.as_ref() {
            break;
        }
        chain.push(file.clone());
        of = file;
    }
    chain.retain(|file| {
        let dir = files::dir_of(file).canonicalize().ok();
        dir.is_none() || dir != to
    });
    chain
}

/// It is a name that [`split_off`] gives to what it takes from the session's file `stem`.
fn is_history_of(stem: &str, named: &str) -> bool {
    let number = named.strip_prefix(stem).and_then(|rest| {
        let rest = rest.strip_prefix(".history-")?;
        rest.strip_suffix(".jsonl")
    });
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An archive in the session's own directory that is a link leads to where nobody asked for.
pub(super) fn refuse_link(session: &Path, archive: &Path) -> Result<(), Error> {
    let own = files::dir_of(session).canonicalize().ok();
    let name = archive.file_name();
    let beside = name.is_some_and(|name| name == ARCHIVE)
        && files::dir_of(archive).canonicalize().ok() == own;
    // Without a slash at its end, which would follow it.
    let link = files::dir_of(archive).join(name.unwrap_or_default());
    if beside && link.is_symlink() {
        let source =
            "it is a symbolic link, which is not followed here; name its target with --archive";
        return Err(Error::io(archive, "archive to")(io::Error::other(source)));
    }
    Ok(())
}

/// Splits off what a summary stands for into the directory `archive`, which is made if it is missing. Gives the archived
/// file. The session means what it meant: its context, its sums and its next id are the same, which is checked before its
/// file is replaced. Entries that were given up go too; they can be read, and gone on from, in the archived file.
///
/// # Errors
/// [`Error::Locked`] when somebody writes to it; [`Error::NothingToCompact`] when nothing can be split off
/// ([`compacted`] tells why); [`Error::RepeatedIds`] when the rest would not mean the same; [`Error::AlreadyExists`];
/// [`Error::Io`]. The session is then as it was.
pub fn split_off(path: &Path, archive: &Path) -> Result<PathBuf, Error> {
    let (file, _lock) = open_locked(path, Open::WriteNoFollow)?;
    let metadata = file.metadata().map_err(Error::io(path, "open"))?;
    let Ok((_, log, cut, first)) = plan(path, file, metadata.len())? else {
        return Err(Error::NothingToCompact { path: path.into() });
    };
    let modified = metadata.modified().ok();
    refuse_link(path, archive)?;
    files::create_dirs(archive)?;
    let archived = put_away(&log, cut, archive)?;
    step("archived");
    let beside = with_suffix(path, &format!(".prune-{}", Uuid::now_v7()));
    let created = files::create_new(&beside).map_err(Error::io(&beside, "create"))?;
    let mut rest = NewFile::new(beside, created)?;
    step("begun again");
    let header = header(&log, &named(&archived, path))?;
    rest.encode(|sink| write_all(sink, &header))?;
    copy(&mut rest, &log, cut, log.bytes())?;
    check(&mut rest, &log, first)?;
    rest.sync()?;
    if let (Some(modified), Ok((file, _))) = (modified, rest.written()) {
        // Lists go by it; where it cannot be set, the session only looks newer.
        let _ = file.set_modified(modified);
    }
    step("written");
    fs::rename(rest.path(), path).map_err(Error::io(path, "replace"))?;
    rest.keep();
    step("renamed");
    files::sync_dir(&files::dir_of(path))?;
    Ok(archived)
}

/// Tests look at what is there at each step.
fn step(_name: &'static str) {
    #[cfg(test)]
    tests::reached(_name);
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes what stands before the cut into the archive, durably.
fn put_away(log: &SessionLog, cut: u64, archive: &Path) -> Result<PathBuf, Error> {
    let stem = name_of(log.path());
    let part = archive.join(format!("{stem}.history-{}.part", Uuid::now_v7()));
    let created = files::create_new(&part).map_err(Error::io(&part, "create"))?;
    let mut copied = NewFile::new(part, created)?;
    step("begun");
    copy(&mut copied, log, 0, cut)?;
    let (file, bytes) = copied.written()?;
    let before = SessionLog::read(copied.path().into(), file, bytes, |_, _| {})?;
    if let Some(tip) = before.tip()
        && let Some(Ok(entry_id)) = before.node(tip).and_then(|n| n.id).map(EntryId::try_from)
    {
        // Of a session whose beginning is put away already, nobody counts these anew.
        let sums = match before.header().is_some_and(|h| !h.reclaimed) {
            true => resumed(&before)?.or(Some(counted(&before, tip))),
            false => None,
        };
        let time = before.node(tip).and_then(|node| node.timestamp);
        let time = time.unwrap_or_else(|| SystemClock::new().now());
        let leaf = last_leaf(&before, &entry_id, time, sums)?;
        copied.encode(|sink| write_all(sink, &leaf))?;
    }
    let (file, bytes) = copied.written()?;
    let (_, found) = audited(copied.path(), file, bytes, |_, _| {})?;
    if !found.is_sound() {
        let path = log.path().to_owned();
        return Err(Error::RepeatedIds { path });
    }
    copied.sync()?;
    step("copied");
    for number in 1..=MAX_NAMES {
        let to = archive.join(format!("{stem}.history-{number}.jsonl"));
        // A link is made only where there is none: unlike a move, it never replaces a file.
        match fs::hard_link(copied.path(), &to) {
            Ok(()) => {
                step("linked");
                files::sync_dir(archive)?;
                return Ok(to);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // It was stopped last time before the session's own file was replaced.
                if is_same(copied.path(), &to).map_err(Error::io(&to, "read"))? {
                    files::sync_dir(archive)?;
                    return Ok(to);
                }
            }
            Err(error) => return Err(Error::io(&to, "archive to")(error)),
        }
    }
    let path = archive.join(format!("{stem}.history-{MAX_NAMES}.jsonl"));
    Err(Error::AlreadyExists { path })
}

pub(super) fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (io::BufReader::new(one), io::BufReader::new(other));
    let (mut a, mut b) = ([0; 8192], [0; 8192]);
    loop {
        let read = one.read(&mut a)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut b[..read])?;
        if a[..read] != b[..read] {
            return Ok(false);
        }
    }
}

fn copy(to: &mut NewFile, log: &SessionLog, from: u64, end: u64) -> Result<(), Error> {
    let source = Source::none(log.file());
    let mut start = from;
    while start < end {
        let len = CHUNK.min(end - start);
        let extent = sessionlog_core::record::Extent { start, len };
        let bytes = source.part(extent).map_err(Error::io(log.path(), "read"))?;
        to.encode(|sink| write_all(sink, &bytes))?;
        start += len;
    }
    Ok(())
}

/// What the session calls its history: a name where it is found by that, else a path.
pub(crate) fn named(archived: &Path, session: &Path) -> String {
    let dir = files::dir_of(session);
    let place = archived.parent().unwrap_or(archived);
    let near = [dir.clone(), dir.join(ARCHIVE)];
    let same = |near: &PathBuf| match (near.canonicalize(), place.canonicalize()) {
        (Ok(near), Ok(place)) => near == place,
        _ => false,
    };
    let name = archived.file_name().unwrap_or_default();
    match near.iter().any(same) {
        true => name.to_string_lossy().into_owned(),
        false => {
            let whole = archived.canonicalize();
            let whole = whole.or_else(|_| std::path::absolute(archived));
            let whole = whole.unwrap_or_else(|_| archived.to_owned());
            whole.to_string_lossy().into_owned()
        }
    }
}

/// The session's header, as it is but for what it says of its history. What was copied when it was forked is put away
/// with the rest.
fn header(log: &SessionLog, history: &str) -> Result<Vec<u8>, Error> {
    let bytes = log.read_extent(log.head().extent.unwrap_or_default())?;
    let line = header_line(&bytes, &["fork_point", "history", "reclaimed"], |json| {
        json.key("reclaimed")?;
        json.bool(true)?;
        json.key("history")?;
        json.string(history)
    });
    line.map_err(|error| Error::io(log.path(), "write")(io::Error::other(error)))
}

/// The sums and the next number that a writer finds who opens the session; `None` if that cannot be opened.
fn resumed(log: &SessionLog) -> Result<Option<Totals>, Error> {
    let file = log.file().try_clone();
    let storage = file.and_then(FileStorage::new);
    let storage = storage.map_err(Error::io(log.path(), "open"))?;
    let (clock, mut window) = (SystemClock::new(), vec![0; READ_WINDOW]);
    let opened = Journal::<_, _, 1>::open(storage, clock, Options::default(), &mut window);
    Ok(opened.ok().map(|(journal, _)| journal.totals()))
}

/// Reads the rest, which shows that it is sound and means the same; `first` is the first node that it keeps.
fn check(rest: &mut NewFile, log: &SessionLog, first: u32) -> Result<(), Error> {
    let (file, bytes) = rest.written()?;
    let (after, found) = audited(rest.path(), file, bytes, |_, _| {})?;
    let shifted = |index: u32| index.checked_sub(first);
    let (context, meant) = (after.context(), log.context());
    let messages = meant.messages.iter().map(|index| shifted(*index));
    let parent = |log: &SessionLog, index| log.node(index).and_then(|node| node.parent);
    let same = found.is_sound()
        && resumed(&after)? == resumed(log)?
        && after.node_count() == log.node_count() - first
        && after.tip() == log.tip().and_then(shifted)
        && context.summary == meant.summary.and_then(shifted)
        && context.messages.iter().copied().map(Some).eq(messages)
        && (first..log.node_count()).all(|index| {
            let (before, now) = (parent(log, index), parent(&after, index - first));
            now == before.and_then(shifted)
        })
        && after.nodes().all(|node| {
            let before = log.node(node.index + first);
            before.is_some_and(|before| (before.id, before.kind) == (node.id, node.kind))
        });
    match same {
        true => Ok(()),
        false => Err(Error::RepeatedIds {
            path: log.path().to_owned(),
        }),
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
