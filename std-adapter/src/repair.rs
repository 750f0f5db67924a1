//! A damaged session made whole, its original kept.

use crate::{
    Error, SessionLog, SystemClock,
    clock::timestamp_of,
    copy::{HeaderChanges, NewFile},
    files::{self, Open},
    flash, interchange,
    lock::open_locked,
    reader::{Problem, name_of},
    scan::scan,
    verify::{Verification, audited},
};
use serde::Serialize;
use sessionlog_core::{
    Clock, EntryId, Timestamp,
    json::write::write_all,
    record::{Header, Kind},
    recovery::{Event, Found},
    replay::{Forward, Table},
};
use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Names that are tried for the original, should several repairs come within one second.
const MAX_NAMES: u32 = 1000;

/// What [`repair`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Where the original is kept; `None` if there was nothing to repair, and nothing was written.
    pub original: Option<PathBuf>,
    /// Entries of the session, as it is now.
    pub entries: u64,
    /// Corrupt lines that were left out, but for what was salvaged from them.
    pub corrupt: u64,
    /// Records that shared a line with damage and stand on a line of their own now.
    pub salvaged: u64,
    /// Bytes of a torn tail that were left out.
    pub torn_bytes: u64,
    /// Entries that name another parent now: the one that they named is lost, and this one stands in for it (F15).
    pub relinked: u64,
    /// Entries that name no parent now: the one that they named is nowhere, so a branch began with them already (F15).
    pub unlinked: u64,
    /// Leaves without target that were left out: readers that know only "the last leaf wins" would find nothing.
    pub dropped_leaves: u64,
    /// The header was lost or missing, and is made anew: id from the file's name, time from the first entry, no directory.
    pub header_made: bool,
    /// The last leaf does not name the tip: readers that know only "the last leaf wins" see another branch,
    /// until the next turn ends.
    pub unmarked_tip: bool,
    /// What is wrong with the file as it is now, and cannot be repaired: sums that contradict the entries; in a foreign
    /// file, parents that are nowhere.
    pub remaining: Vec<Problem>,
}

/// Makes the session in the file at `path` whole, so that every reader reads of it what can be read.
///
/// All valid records are kept, byte for byte and in their order, each on a line of its own. Bytes that are none are left
/// out. An entry whose parent is lost in damage, and which the rules link to another one, names that one; one whose parent is
/// nowhere names none, where that says the same (F14); a header that is lost is made anew; leaves without target are left out. What the session says, its branches and its context, stays the same:
/// that is checked before the new file takes the old one's place. At every moment there is a session at `path`.
/// The original stays beside it, as `<file>.damaged-<time>`. Readers that have the file open read on in the original.
///
/// Sums that leaves and compactions carry stay as they are: they also count what was lost, and what was lost was spent.
/// The header of a session of ours notes that, as `repaired` (F9); where the last inherited entry is lost, the one before it
/// becomes its fork point (F11).
///
/// # Errors
/// Those of [`SessionLog::open`] and of [`open_for_writing`](crate::open_for_writing); [`Error::LinkOutside`] for a link into
/// another directory; [`Error::RepeatedIds`] when several entries
/// share an id in such a way that the repaired file would not mean the same. The original is then untouched.
pub fn repair(path: &Path) -> Result<Repaired, Error> {
    let real = match fs::canonicalize(path) {
        Ok(real) => refuse_link(path, real)?,
        // What is not there is told when it is opened.
        Err(_) => path.to_owned(),
    };
    let (file, _lock) = open_locked(&real, Open::Write)?;
    let metadata = file.metadata().map_err(Error::io(&real, "open"))?;
    let mut plan = Plan::new();
    flash::refuse_image(&real, &file)?;
    interchange::refuse_foreign(&real)?;
    let handle = file.try_clone().map_err(Error::io(&real, "open"))?;
    let (log, before) = audited(&real, handle, metadata.len(), |forward, found| {
        plan.take(forward, found);
    })?;
    let reclaimed = log.header().is_some_and(|header| header.reclaimed);
    let makes_roots = match log.head().extent {
        Some(_) => log.head().ours && !reclaimed,
        None => plan.makes_ours(),
    };
    let last_leaf = log.leaves().iter().rev().find(|leaf| leaf.node.is_some());
    let mut done = Repaired {
        entries: log.entry_count(),
        unmarked_tip: last_leaf.is_some_and(|leaf| leaf.node != log.tip()),
        ..Repaired::default()
    };
    let beyond_repair = match makes_roots || reclaimed {
        true => 0,
        false => plan.missing_parents,
    };
    if log.problem_count() + log.warning_count() == beyond_repair {
        done.remaining = problems(before);
        return Ok(done);
    }
    let mut name = real.as_os_str().to_owned();
    name.push(format!(".repair-{}", Uuid::now_v7()));
    let beside = PathBuf::from(name);
    let created = files::create_new(&beside).map_err(Error::io(&beside, "create"))?;
    let mut copy = NewFile::new(beside, created)?;
    let note = plan.totals && losses_to_note(&log);
    if log.head().extent.is_none() {
        let modified = metadata.modified().map(timestamp_of).unwrap_or_default();
        write_header(&mut copy, &log, &plan, modified, note)?;
        done.header_made = true;
    }
    copy_records(&mut copy, &log, &file, (note, makes_roots), &mut done)?;
    let after = check(&mut copy, &log)?;
    copy.sync()?;
    done.entries = after.entries;
    done.remaining = problems(after);
    done.original = Some(put_in_place(&mut copy, &real)?);
    Ok(done)
}

/// A link out of its directory is not followed: who names it may not know what it leads to.
fn refuse_link(path: &Path, real: PathBuf) -> Result<PathBuf, Error> {
    let own = files::dir_of(path).canonicalize().ok();
    if !path.is_symlink() || own == Some(files::dir_of(&real)) {
        return Ok(real);
    }
    Err(Error::LinkOutside {
        path: path.to_owned(),
        target: real,
    })
}

fn problems(found: Verification) -> Vec<Problem> {
    let mut problems = found.problems;
    problems.retain(|problem| !problem.kind.is_note());
    problems
}

/// What has to be known of the whole file before the first line is written.
struct Plan {
    /// Every entry has a CRC: our writer wrote them.
    sealed: bool,
    /// An entry without a parent id follows another by file order (F14).
    linear: bool,
    /// There are totals (F19).
    totals: bool,
    missing_parents: u64,
    nodes: u32,
    first_time: Option<Timestamp>,
}

impl Plan {
    fn new() -> Self {
        Plan {
            sealed: true,
            linear: false,
            totals: false,
            missing_parents: 0,
            nodes: 0,
            first_time: None,
        }
    }

    /// A header that is made anew is one of ours.
    fn makes_ours(&self) -> bool {
        self.sealed && !self.linear
    }

    /// Takes a record that `forward` has just taken.
    fn take(&mut self, forward: &Forward<crate::reader::Nodes>, found: &Found<'_>) {
        let record = found.record;
        if found.header_place && record.kind == Kind::Session {
            return;
        }
        self.sealed &= record.has_crc;
        self.totals |= record.totals.is_some();
        self.first_time = self.first_time.or(record.timestamp);
        if let Some(node) = forward.table.get(self.nodes) {
            self.nodes += 1;
            let names_none = record.parent_id.is_none();
            self.linear |= names_none && node.parent.is_some();
            self.missing_parents += u64::from(!names_none && node.parent.is_none());
        }
    }
}

/// A header as a foreign writer's: ours would say that nothing follows by file order (F14).
#[derive(Serialize)]
struct ForeignHeader<'a> {
    r#type: &'a str,
    version: u64,
    id: &'a str,
    timestamp: Timestamp,
    cwd: &'a str,
    parent_session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Timestamp>,
}

fn write_header(
    copy: &mut NewFile,
    log: &SessionLog,
    plan: &Plan,
    modified: Timestamp,
    note: bool,
) -> Result<(), Error> {
    let repaired = note.then(|| SystemClock::new().now());
    let id = name_of(log.path());
    let timestamp = plan.first_time.unwrap_or(modified);
    if plan.makes_ours() {
        let header = Header {
            id: &id,
            timestamp,
            cwd: "",
            parent_session: None,
            branch_name: None,
            fork_point: None,
        };
        let Some(at) = repaired else {
            return copy.encode(|sink| header.encode(sink)).map(|_| ());
        };
        let failed = |error: String| Error::io(copy.path(), "write")(io::Error::other(error));
        let mut line = Vec::new();
        let encoded = header.encode(&mut line);
        encoded.map_err(|error| failed(error.to_string()))?;
        let changes = HeaderChanges {
            repaired: Some(at),
            ..HeaderChanges::default()
        };
        return copy.changed_header(line.trim_ascii_end(), &changes);
    }
    let header = ForeignHeader {
        r#type: "session",
        version: 1,
        id: &id,
        timestamp,
        cwd: "",
        parent_session: None,
        repaired,
    };
    let line = serde_json::to_string(&header)
        .map_err(|error| Error::io(copy.path(), "write")(error.into()))?;
    copy.encode(|sink| write_all(sink, (line + "\n").as_bytes()))
}

fn copy_records(
    copy: &mut NewFile,
    log: &SessionLog,
    file: &File,
    (note, makes_roots): (bool, bool),
    done: &mut Repaired,
) -> Result<(), Error> {
    let from = log.path();
    let (mut nodes, mut leaves) = (0u32, 0usize);
    // What names a lost fork point does so no more when it is relinked or left out.
    let named = log.header().and_then(|header| header.fork_point.as_deref());
    let present = log.present_fork_point();
    let fork_point = (present != named).then_some(present);
    scan(from, file, log.bytes(), |event, source| {
        let found = match event {
            Event::Record(found) => found,
            Event::Corrupt(_) => {
                done.corrupt += 1;
                return Ok(ControlFlow::Continue(()));
            }
            Event::Torn { extent, .. } => {
                done.torn_bytes = extent.len;
                return Ok(ControlFlow::Continue(()));
            }
        };
        let record = found.record;
        let is_header = log.head().extent == Some(found.extent);
        if is_header && (note || fork_point.is_some()) {
            let bytes = source.part(found.extent);
            let bytes = bytes.map_err(Error::io(from, "read"))?;
            let changes = HeaderChanges {
                repaired: note.then(|| SystemClock::new().now()),
                fork_point,
            };
            copy.changed_header(&bytes, &changes)?;
            done.salvaged += u64::from(found.salvaged);
            return Ok(ControlFlow::Continue(()));
        }
        if record.kind == Kind::Leaf {
            let dangling = log
                .leaves()
                .get(leaves)
                .is_none_or(|leaf| leaf.node.is_none());
            leaves += 1;
            if dangling {
                done.dropped_leaves += 1;
                return Ok(ControlFlow::Continue(()));
            }
        }
        done.salvaged += u64::from(found.salvaged);
        let mut parent = None;
        if record.kind != Kind::Leaf && !is_header {
            parent = log.node(nodes).and_then(|node| log.node(node.parent?)?.id);
            nodes += 1;
        }
        match (&record.parent_id, parent) {
            // Its parent bears another id: a bridge (F15).
            (Some(named), Some(parent)) if named.as_str() != parent => {
                let parent = EntryId::try_from(parent).ok();
                // Without a CRC where it had none: one would change where the linear prefix ends (F14).
                copy.relinked(from, source, found.extent, parent.as_ref(), false)?;
                done.relinked += 1;
            }
            (Some(_), None) if makes_roots && record.kind != Kind::Leaf => {
                copy.relinked(from, source, found.extent, None, false)?;
                done.unlinked += 1;
            }
            _ => copy.verbatim(from, source, found.extent)?,
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Corrupt lines are left out of a file of ours, or of one that has lost its header.
///
/// That matters where totals count what was in them, or was not counted as the header said what is inherited.
fn losses_to_note(log: &SessionLog) -> bool {
    let made = log.head().extent.is_none();
    made || log.health().corrupt > 0 && log.head().ours
}

/// Reads the copy, which shows that it is whole and means the same.
fn check(copy: &mut NewFile, log: &SessionLog) -> Result<Verification, Error> {
    let (file, bytes) = copy.written()?;
    let (after, verification) = audited(copy.path(), file, bytes, |_, _| {})?;
    let parent = |log: &SessionLog, index| log.node(index).and_then(|node| node.parent);
    let same = after.health().is_clean()
        && after.node_count() == log.node_count()
        && after.tip() == log.tip()
        && after.context() == log.context()
        && after.spent() == log.spent()
        && (0..log.node_count()).all(|index| parent(&after, index) == parent(log, index));
    if same {
        Ok(verification)
    } else {
        Err(Error::RepeatedIds {
            path: log.path().to_owned(),
        })
    }
}

/// Gives the original a second name and the copy its first one. Gives that second name.
fn put_in_place(copy: &mut NewFile, real: &Path) -> Result<PathBuf, Error> {
    let original = keep_original(real)?;
    // First the second name, then the first one: else the loss of power could leave the new file alone.
    let kept = files::sync_dir(&files::dir_of(real));
    let replaced =
        kept.and_then(|()| fs::rename(copy.path(), real).map_err(Error::io(real, "replace")));
    replaced.inspect_err(|_| {
        let _ = fs::remove_file(&original);
    })?;
    copy.keep();
    files::sync_dir(&files::dir_of(real))?;
    Ok(original)
}

fn keep_original(real: &Path) -> Result<PathBuf, Error> {
    let now = SystemClock::new().now().to_string();
    let time: String = now.chars().filter(|c| !"-:".contains(*c)).collect();
    let time = time.split('.').next().unwrap_or_default();
    let mut beside = PathBuf::new();
    for try_number in 1..=MAX_NAMES {
        let mut name = real.as_os_str().to_owned();
        name.push(format!(".damaged-{time}Z"));
        if try_number > 1 {
            name.push(format!("-{try_number}"));
        }
        beside = name.into();
        match fs::hard_link(real, &beside) {
            Ok(()) => return Ok(beside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Some file systems know no hard links.
            Err(_) => match files::create_new(&beside) {
                Ok(kept) => return copy_original(real, &beside, kept).map(|()| beside),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(&beside, "create")(error)),
            },
        }
    }
    Err(Error::AlreadyExists { path: beside })
}

fn copy_original(real: &Path, beside: &Path, mut kept: File) -> Result<(), Error> {
    let copied = File::open(real)
        .and_then(|mut original| io::copy(&mut original, &mut kept))
        .and_then(|_| kept.sync_all());
    copied.map_err(|error| {
        let _ = fs::remove_file(beside);
        Error::io(beside, "write")(error)
    })
}

#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;
