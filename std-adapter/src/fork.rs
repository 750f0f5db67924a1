//! A branch copied into a session of its own.

use crate::{
    Error, SessionLog, SessionStore, SystemClock,
    copy::{NewFile, last_leaf},
    header::Source,
    reader::Counts,
};
use sessionlog_core::{
    Clock, EntryId,
    json::write::write_all,
    record::{Header, Kind},
};
use std::path::PathBuf;

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
/// inherited and nothing was spent. It is durable when this returns; should anything fail, nothing is left behind.
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
        .filter_map(|index| source.node(*index))
        .find(|node| node.kind != Kind::Unknown)
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
    copy.encode(|sink| header.encode(sink))?;
    let from = Source::none(source.file());
    let mut above: Option<EntryId> = None;
    let mut counts = Counts::default();
    for index in &branch {
        let record = source.record(*index)?;
        counts.add(record.kind);
        let extent = source.extent(*index)?;
        if record.parent_id == above {
            copy.verbatim(source.path(), &from, extent)?;
        } else {
            copy.relinked(source.path(), &from, extent, above.as_ref(), true)?;
        }
        above = record.id;
    }
    if let Some(entry) = &above {
        end_with_leaf(&mut copy, source, &branch, entry, &mut clock)?;
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

/// Reads the copy, which shows that it means the same and gives the sums, and ends it with a leaf that names `entry`.
fn end_with_leaf(
    copy: &mut NewFile,
    source: &SessionLog,
    branch: &[u32],
    entry: &EntryId,
    clock: &mut SystemClock,
) -> Result<(), Error> {
    let (file, bytes) = copy.written()?;
    let copied = SessionLog::read(copy.path().to_owned(), file, bytes, |_, _| {})?;
    let last = copied.node_count().saturating_sub(1);
    let from_copy = |index: u32| branch.get(index as usize).copied();
    let context = copied.context_at(last);
    let meant = branch.last().map(|end| source.context_at(*end));
    let same = copied.branch(last).len() == branch.len()
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
    let leaf = last_leaf(&copied, last, entry, clock.now(), true)?;
    copy.encode(|sink| write_all(sink, &leaf))
}

fn entry_id(id: Option<&str>) -> Option<EntryId> {
    EntryId::try_from(id?).ok()
}

#[cfg(test)]
#[path = "fork_tests.rs"]
mod tests;
