//! A branch copied into a session of its own.

use crate::{
    Error, SessionLog, SessionStore, SystemClock,
    copy::{NewFile, counted, header_line, last_leaf},
    header::Source,
    prune::named,
    reader::Counts,
};
use sessionlog_core::{
    Clock, EntryId, Timestamp, UsageTotals,
    json::write::write_all,
    record::{Header, Kind, Totals},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// A session that [`fork`] has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forked {
    /// Its id.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// How many messages, compactions and unknown entries were copied: those of the branch, on which no leaf stands.
    pub entries: u64,
    /// How many of which kind.
    pub counts: Counts,
}

/// Makes a new session in `store` from the branch of `source` that ends in the entry `at`, by default the tip.
///
/// Its header names `source` as its parent session, the last copied message or compaction as its fork point, and `name` as
/// its branch name. Records are copied byte for byte, but for the `parent_id` of those that name none, or another one,
/// although the rules link them; leaves are not copied. It ends with a leaf of its own, which says that what was copied is
/// inherited and nothing was spent, and sums the branch up as `source` does. What `source` has lost, by damage or because its
/// beginning was put away, the copy has lost too: its header says so as that of `source` does, or as a repair's would (F9). It is durable when this returns; should anything fail, nothing is left behind.
///
/// # Errors
/// [`Error::NoSuchEntry`]; [`Error::NothingToFork`]; [`Error::RepeatedIds`] when several entries share an id in such a way that the copy would not mean the
/// same; those of [`SessionStore::create_file`]; [`Error::Io`].
pub fn fork(
    store: &SessionStore,
    source: &SessionLog,
    at: Option<&str>,
    name: Option<&str>,
) -> Result<Forked, Error> {
    let end = at.map(|id| source.require(id)).transpose()?;
    let branch = end
        .or(source.tip())
        .map(|end| source.branch(end))
        .unwrap_or_default();
    if branch.is_empty() {
        return Err(Error::NothingToFork {
            path: source.path().to_owned(),
        });
    }
    let mut clock = SystemClock::new();
    let fork_point = branch
        .iter()
        .rev()
        .find(|index| !is_unknown(source, **index))
        .and_then(|index| source.node(*index))
        .and_then(|node| entry_id(node.id));
    let id = store.new_id();
    let created = store.create_file(&id)?;
    let path = created.path;
    let mut copy = NewFile::new(path.clone(), created.file)?;
    let parent_session = source.id();
    let header = Header {
        id: &id,
        timestamp: clock.now(),
        cwd: source.header().map_or("", |header| &header.cwd),
        parent_session: Some(&parent_session),
        branch_name: name,
        fork_point: fork_point.as_ref(),
    };
    let losses = Losses::of(source, &branch, &path)?;
    let line = losses.noted(&header, clock.now()).map_err(|error| {
        let error = io::Error::other(error);
        Error::io(&path, "write")(error)
    })?;
    copy.encode(|sink| write_all(sink, &line))?;
    let from = Source::none(source.file());
    let mut above: Option<EntryId> = None;
    let mut counts = Counts::default();
    for index in &branch {
        let record = source.record(*index)?;
        counts.add(record.kind);
        let extent = source.extent(*index)?;
        // What is left of a session begins with an entry whose parent is in its history.
        let begins = above.is_none() && losses.reclaimed;
        if record.parent_id == above || begins {
            copy.verbatim(source.path(), &from, extent)?;
        } else {
            copy.relinked(source.path(), &from, extent, above.as_ref(), true)?;
        }
        above = record.id;
    }
    if let Some(entry) = &above {
        end_with_leaf(
            &mut copy,
            source,
            &branch,
            (entry, losses.branch),
            &mut clock,
        )?;
    }
    copy.sync()?;
    copy.keep();
    Ok(Forked {
        id,
        path,
        entries: branch.len() as u64,
        counts,
    })
}

/// Reads the copy, which shows that it means the same and that nothing of it was spent, and ends it with a leaf that names
/// `entry`; the branch that ends there has this sum.
fn end_with_leaf(
    copy: &mut NewFile,
    source: &SessionLog,
    branch: &[u32],
    (entry, sum): (&EntryId, UsageTotals),
    clock: &mut SystemClock,
) -> Result<(), Error> {
    let (file, bytes) = copy.written()?;
    let copied = SessionLog::read(copy.path().to_owned(), file, bytes, |_, _| {})?;
    let last = copied.node_count().saturating_sub(1);
    let from_copy = |index: u32| branch.get(index as usize).copied();
    let context = copied.context_at(last);
    let meant = branch.last().map(|end| source.context_at(*end));
    // F11 goes by the first bearer of the fork point.
    let all_inherited = (0..=last).all(|at| copied.inherited(at) || is_unknown(&copied, at));
    let same = copied.branch(last).len() == branch.len()
        && all_inherited
        && meant.is_some_and(|meant| {
            let messages: Vec<_> = context.messages.iter().map(|i| from_copy(*i)).collect();
            context.summary.and_then(from_copy) == meant.summary
                && messages == meant.messages.into_iter().map(Some).collect::<Vec<_>>()
        });
    if !same {
        return Err(Error::RepeatedIds {
            path: source.path().to_owned(),
        });
    }
    let sums = Totals {
        branch: sum,
        ..counted(&copied, last)
    };
    let leaf = last_leaf(&copied, entry, clock.now(), Some(sums))?;
    copy.encode(|sink| write_all(sink, &leaf))
}

/// What a source has lost, or has given up, of which its sums may rightly know: the copy has lost it too.
struct Losses {
    repaired: Option<String>,
    /// Lines are corrupt that nobody has left out as yet, and sums are copied that may count what was in them.
    corrupt: bool,
    reclaimed: bool,
    /// As the copy has to name it.
    history: Option<String>,
    /// The sum of the branch that is copied.
    branch: UsageTotals,
}

impl Losses {
    /// Those of what is copied of `source` to `path`.
    fn of(source: &SessionLog, branch: &[u32], path: &Path) -> Result<Self, Error> {
        let header = source.header();
        let end = branch.last().copied().unwrap_or_default();
        let sum = source.recorded_branch(end)?;
        let mut corrupt = false;
        if source.health().corrupt > 0 {
            corrupt = sum != source.branch_usage(end);
            for index in branch {
                let node = source.node(*index);
                let compaction = node.filter(|node| node.kind == Kind::Compaction);
                if let Some(node) = compaction {
                    corrupt |= source.totals(node.extent)?.is_some();
                }
            }
        }
        Ok(Losses {
            repaired: header.and_then(|header| header.repaired.clone()),
            corrupt,
            reclaimed: header.is_some_and(|header| header.reclaimed),
            history: source.history().map(|history| named(&history, path)),
            branch: sum,
        })
    }

    /// The header as a line, with what it says of them (F9).
    fn noted(&self, header: &Header<'_>, now: Timestamp) -> Result<Vec<u8>, String> {
        let mut line = Vec::new();
        let encoded = header.encode(&mut line);
        encoded.map_err(|error| error.to_string())?;
        let now = self.corrupt.then(|| now.to_string());
        let repaired = now.as_ref().or(self.repaired.as_ref());
        if repaired.is_none() && !self.reclaimed && self.history.is_none() {
            return Ok(line);
        }
        header_line(line.trim_ascii_end(), &[], |json| {
            if let Some(at) = repaired {
                json.key("repaired")?;
                json.string(at)?;
            }
            if self.reclaimed {
                json.key("reclaimed")?;
                json.bool(true)?;
            }
            if let Some(history) = &self.history {
                json.key("history")?;
                json.string(history)?;
            }
            Ok(())
        })
    }
}

fn is_unknown(log: &SessionLog, index: u32) -> bool {
    let node = log.node(index);
    node.is_none_or(|node| node.kind == Kind::Unknown)
}

fn entry_id(id: Option<&str>) -> Option<EntryId> {
    EntryId::try_from(id?).ok()
}

#[cfg(test)]
#[path = "fork_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "fork_losses_tests.rs"]
mod losses_tests;
