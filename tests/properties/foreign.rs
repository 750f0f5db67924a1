//! Any file at all, read as every reading command reads it: of another agent, ours, or neither.

use sessionlog::interchange::{Importer, Outcome, Target, export, recognise};
use sessionlog::pricing::PriceTable;
use sessionlog::{Error, SessionLog, SessionStore, UsageReport, verify};
use sessionlog_core::usage::UsageTotals;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A directory in memory where there is one: an input is a dozen files.
pub(super) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary directory")
}

/// What one means by a session: its context, in texts of records' ids, and what it used.
#[derive(Debug, PartialEq)]
struct Meant {
    entries: u64,
    tip: Option<String>,
    context: Vec<String>,
    branch: Option<UsageTotals>,
    spent: UsageTotals,
}

fn meant(log: &SessionLog) -> Meant {
    let id = |index: u32| {
        let node = log.node(index).expect("a node");
        node.id.unwrap_or_default().to_owned()
    };
    let context = log.context();
    Meant {
        entries: log.entry_count(),
        tip: log.tip().map(id),
        context: context
            .summary
            .iter()
            .chain(&context.messages)
            .copied()
            .map(id)
            .collect(),
        branch: log.tip().map(|tip| log.branch_usage(tip)),
        spent: log.spent(),
    }
}

/// Writes the session as `target`, and says where.
fn exported(log: &SessionLog, target: Target, dir: &Path) -> PathBuf {
    let path = dir.join(format!("{target:?}"));
    let mut out = vec![];
    export(log, target, &mut out).expect("a session that was read can be exported");
    fs::write(&path, out).expect("writable");
    path
}

/// opi parses each line into a `Value`, which holds no number beyond a double (F29).
fn assert_readable_by_opi(path: &Path) {
    let text = fs::read_to_string(path).expect("UTF-8");
    for line in text.lines() {
        let parsed = serde_json::from_str::<serde_json::Value>(line);
        assert!(parsed.is_ok(), "{:?}: {line}", parsed.err());
    }
}

/// Input: a file.
///
/// It is read, checked, priced, exported and imported, or refused, alike each time. A foreign session becomes one of ours that is
/// sound, says the same, and is imported once.
///
/// # Panics
/// When not.
pub fn foreign(input: &[u8]) {
    let dir = scratch();
    let path = dir.path().join("input");
    fs::write(&path, input).expect("writable");
    let format = recognise(&path);
    let (log, verified) = match (SessionLog::open(&path), verify(&path)) {
        (Ok(log), Ok(verified)) => (log, verified),
        (Err(refused), Err(likewise)) => {
            assert_eq!(refused.to_string(), likewise.to_string());
            return;
        }
        (log, verified) => panic!("open: {:?}, verify: {:?}", log.err(), verified.err()),
    };
    let format = format.expect("what can be read can be looked at");
    assert_eq!(log.health(), verified.health);
    assert_eq!(log.entry_count(), verified.entries);
    let _ = UsageReport::of(&log, PriceTable::builtin());
    let said = meant(&log);
    for target in [Target::Opi, Target::Claw, Target::Pi, Target::Markdown] {
        let path = exported(&log, target, dir.path());
        if target == Target::Opi && log.header().is_some() {
            let theirs = SessionLog::open(path).expect("an export is a session");
            assert!(theirs.health().is_clean(), "{:?}", theirs.problems());
            assert_readable_by_opi(theirs.path());
        }
    }
    let ours = exported(&log, Target::Jsonl, dir.path());
    if format.is_none() {
        return;
    }
    let stream = fs::read(&ours).expect("readable");
    let checked = verify(&ours).expect("what a foreign session becomes is a session of ours");
    assert!(
        checked.health.is_clean(),
        "{:?} in {}",
        checked.problems,
        stream.escape_ascii()
    );
    let again = SessionLog::open(&ours).expect("a session");
    assert_eq!(meant(&again), said, "{}", stream.escape_ascii());

    let store = SessionStore::at(dir.path().join("store"));
    let importer = Importer::new(&store);
    match importer.import(&path) {
        Ok(first) => {
            assert_eq!(first.outcome, Outcome::New);
            let before = fs::read(&first.path).expect("readable");
            let second = importer.import(&path).expect("a second time");
            assert_eq!((second.outcome, second.added), (Outcome::Unchanged, 0));
            assert!(fs::read(&first.path).expect("readable") == before);
            let imported = SessionLog::open(&first.path).expect("a session");
            assert!(imported.health().is_clean(), "{:?}", imported.problems());
            assert_eq!(meant(&imported).context, said.context);
            assert_eq!(meant(&imported).spent, said.spent);
        }
        Err(Error::Unrecognised { .. }) => {}
        Err(error) => panic!("import: {error}"),
    }
}
