//! A branch copied into a session of its own (F11).

use crate::{
    Error, FileStorage, SessionLog, SessionStore, SystemClock,
    copy::Copy,
    files::{self, Open},
};
use sessionlog_core::{
    EntryId, IdKind, Sequence, UsageTotals,
    record::{Header, Kind, LeafEntry, Totals},
    time::Clock,
};
use std::{fs, path::PathBuf};

/// A session that was made by [`fork`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forked {
    /// Its id.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// Entries that were copied.
    pub entries: u64,
}

/// Copies the branch that ends at `at` (or at the tip) into a new session in `store`, durable when this returns.
///
/// Records are copied byte for byte, but for those whose parent was only implied (F14, F15): they name it then. What the
/// copied entries used belongs to the new session's branch, not to what it spent.
///
/// Errors: [`Error::NoSuchEntry`], [`Error::NothingToFork`], [`Error::Io`]; nothing is left behind then.
pub fn fork(
    store: &SessionStore,
    source: &SessionLog,
    at: Option<&str>,
    name: Option<&str>,
) -> Result<Forked, Error> {
    let tip = match at {
        Some(id) => Some(source.require(id)?),
        None => source.tip(),
    };
    let branch = tip.map_or_else(Vec::new, |tip| source.branch(tip));
    if branch.is_empty() {
        return Err(Error::NothingToFork {
            path: source.path().to_owned(),
        });
    }
    let id = store.new_id();
    let created = store.create_file(&id)?;
    let path = created.path;
    let copied = FileStorage::new(created.file)
        .map_err(Error::io(&path, "open"))
        .and_then(|storage| {
            let mut copy = Copy {
                storage,
                path: &path,
            };
            copy_branch(&mut copy, source, &branch, &id, name)
        });
    if let Err(error) = copied {
        // What failed is what counts; a file that stays behind is a session without its leaf.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    drop(created.lock);
    Ok(Forked {
        id,
        path,
        entries: branch.len() as u64,
    })
}

fn copy_branch(
    copy: &mut Copy<'_>,
    source: &SessionLog,
    branch: &[u32],
    id: &str,
    name: Option<&str>,
) -> Result<(), Error> {
    let (file, _) = files::open_regular(source.path(), Open::Read)?;
    let mut clock = SystemClock::new();
    let last_counted = branch.iter().rev().find(|index| {
        let node = source.node(**index);
        node.is_some_and(|node| node.kind != Kind::Unknown)
    });
    let fork_point = last_counted.and_then(|index| entry_id(source, *index));
    let parent = source.id();
    let header = Header {
        id,
        timestamp: clock.now(),
        cwd: source.header().map_or("", |header| &header.cwd),
        parent_session: Some(&parent),
        branch_name: name,
        fork_point: fork_point.as_ref(),
    };
    header
        .encode(&mut copy.storage)
        .map_err(|error| copy.refused(error))?;
    let mut sequence = Sequence::new();
    let mut previous = None;
    for &index in branch {
        let Some(node) = source.node(index) else {
            continue;
        };
        let record = source.record(index)?;
        if record.parent_id == previous {
            copy.verbatim(&file, node.extent)?;
        } else {
            copy.relinked(&source.read_record(index)?, &record, previous.as_ref())?;
        }
        if let Some(id) = &record.id {
            sequence.observe(id);
        }
        previous = record.id;
    }
    let Some(tip) = previous else {
        return copy.sync();
    };
    let leaf_id = EntryId::own(IdKind::Leaf, sequence.take());
    let totals = Totals {
        branch: branch
            .last()
            .map(|tip| source.branch_usage(*tip))
            .unwrap_or_default(),
        spent: UsageTotals::default(),
        watermark: 0,
        next_seq: sequence.peek(),
    };
    let leaf = LeafEntry {
        id: &leaf_id,
        timestamp: clock.now(),
        entry_id: &tip,
        totals: Some(&totals),
    };
    leaf.encode(&mut copy.storage)
        .map_err(|error| copy.refused(error))?;
    copy.sync()
}

fn entry_id(source: &SessionLog, index: u32) -> Option<EntryId> {
    EntryId::try_from(source.node(index)?.id?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewSession, Session};
    use sessionlog_core::{
        compaction::{Keep, Reason},
        journal::Options,
        record::Verbatim,
    };

    fn ids(log: &SessionLog) -> Vec<String> {
        let context = log.context();
        let all = context.summary.into_iter().chain(context.messages);
        all.map(|i| log.node(i).unwrap().id.unwrap().to_owned())
            .collect()
    }

    const ANSWER: &[u8] =
        br#"{"role":"assistant","content":[],"usage":{"input_tokens":5,"output_tokens":1}}"#;

    #[test]
    fn a_fork_has_the_branch_and_spends_for_itself() {
        let dir = tempfile::tempdir().unwrap();
        let store = SessionStore::at(dir.path());
        let new = NewSession {
            cwd: "/w".into(),
            parent_session: None,
        };
        let mut session = Session::create(&store, &new, Options::default()).unwrap();
        for _ in 0..4 {
            session.append(&Verbatim(br#"{"role":"user"}"#)).unwrap();
            session.append(&Verbatim(ANSWER)).unwrap();
            session.end_turn().unwrap();
        }
        let plan = session.plan(Reason::Manual, Keep::LastMessages(2)).unwrap();
        session.commit(&plan, "s").unwrap();
        session.append(&Verbatim(ANSWER)).unwrap();
        session.end_turn().unwrap();
        let source = SessionLog::open(session.path()).unwrap();
        let forked = fork(&store, &source, None, Some("try")).unwrap();
        let log = SessionLog::open(&forked.path).unwrap();
        assert!(log.health().is_clean() && log.warnings().is_empty());
        assert_eq!(ids(&log), ids(&source));
        let header = log.header().unwrap();
        assert_eq!(header.parent_session.as_deref(), Some(session.id()));
        assert_eq!(header.branch_name.as_deref(), Some("try"));
        assert_eq!(header.cwd, "/w");
        assert_eq!(log.spent().usage.total_tokens(), 0);
        let tip = log.tip().unwrap();
        assert_eq!(log.branch_usage(tip).usage.total_tokens(), 30);

        let mut session = Session::open(&forked.path, Options::default()).unwrap();
        assert_eq!(session.branch_usage().usage.total_tokens(), 30);
        assert_eq!(session.branch_usage().turns, 4);
        session.append(&Verbatim(ANSWER)).unwrap();
        session.end_turn().unwrap();
        assert_eq!(session.spent().usage.total_tokens(), 6);
        assert_eq!(
            SessionLog::open(&forked.path)
                .unwrap()
                .spent()
                .usage
                .total_tokens(),
            6
        );
    }

    #[test]
    fn implied_parents_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("foreign.jsonl");
        let message = |id: &str, parent: &str| {
            format!(
                "{{\"type\":\"message\",\"id\":\"{id}\",{parent}\"timestamp\":\"\",\"message\":{{\"role\":\"user\"}}}}\n"
            )
        };
        let text = [
            "{\"type\":\"session\",\"version\":1,\"id\":\"f\"}\n".to_owned(),
            message("a", ""),
            message("b", "\"parent_id\":null,"),
            message("c", "\"parent_id\":null,"),
        ];
        fs::write(&path, text.concat()).unwrap();
        let store = SessionStore::at(dir.path().join("store"));
        let source = SessionLog::open(&path).unwrap();
        let forked = fork(&store, &source, Some("b"), None).unwrap();
        let log = SessionLog::open(&forked.path).unwrap();
        assert_eq!(ids(&log), ["a", "b"]);
        assert_eq!(log.record(1).unwrap().parent_id.unwrap(), "a");
        assert!(matches!(
            fork(&store, &source, Some("x"), None),
            Err(Error::NoSuchEntry { .. })
        ));
        assert_eq!(store.list().unwrap().len(), 1);
    }

    #[test]
    fn an_empty_session_has_no_branch() {
        let dir = tempfile::tempdir().unwrap();
        let store = SessionStore::at(dir.path());
        let session = Session::create(&store, &NewSession::default(), Options::default()).unwrap();
        let source = SessionLog::open(session.path()).unwrap();
        assert!(matches!(
            fork(&store, &source, None, None),
            Err(Error::NothingToFork { .. })
        ));
    }
}
