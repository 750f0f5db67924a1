//! Repair, copy and check of damaged files, against the reference reader: what a session says stays the same.

use proptest::prelude::*;
use sessionlog::{
    Error, SessionLog, SessionStore, fork, reader::ProblemKind, redact::redacted, repair, verify,
};
use sessionlog_tests::{
    generate,
    model::{self, Crc, Header, Kind, Model, State},
};
use std::{collections::HashSet, fs, path::PathBuf};

/// Bytes that a failing test shows as text.
#[derive(Clone)]
struct File(Vec<u8>);

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.escape_ascii().to_string().replace("\\n", "\n"))
    }
}

fn files() -> impl Strategy<Value = File> {
    let tidy = generate::style().prop_flat_map(generate::tidy);
    let struck =
        (tidy, prop::collection::vec(generate::damage::blow(), 1..4)).prop_map(|(file, blows)| {
            let strike = |file: Vec<u8>, blow| generate::damage::strike(&file, blow);
            blows.iter().fold(file, strike)
        });
    prop_oneof![struck, generate::wild(), generate::damaged()].prop_map(File)
}

/// The file in a directory of its own, or nothing if it holds no session.
fn session(bytes: &[u8], model: &Model) -> Option<(tempfile::TempDir, PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.jsonl");
    fs::write(&path, bytes).unwrap();
    let none = match model.header {
        Header::Empty | Header::Unsupported { .. } => true,
        Header::Valid { .. } => false,
        // Entries of unknown kinds alone are lines of any program, unless one is sealed.
        Header::Lost | Header::Missing | Header::Torn => !model.entries.iter().any(|entry| {
            let known = matches!(entry.kind, Kind::Message | Kind::Compaction | Kind::Leaf);
            known || entry.crc == Crc::Valid
        }),
    };
    assert_eq!(SessionLog::open(&path).is_err(), none);
    (!none).then_some((dir, path))
}

fn record<'a>(bytes: &'a [u8], model: &Model, entry: usize) -> &'a [u8] {
    let entry = &model.entries[entry];
    &bytes[entry.start..entry.start + entry.len]
}

/// Ids, and payloads or summaries, of the context.
fn context(bytes: &[u8], model: &Model) -> Vec<(String, Vec<u8>)> {
    let items = model.context.iter();
    items
        .map(|item| {
            let entry = &model.entries[item.entry];
            let said = match (entry.payload, &entry.summary) {
                (Some((start, len)), _) if !item.summary => bytes[start..start + len].to_vec(),
                (_, summary) => summary.clone().unwrap_or_default().into_bytes(),
            };
            (entry.id.clone().unwrap_or_default(), said)
        })
        .collect()
}

/// Two nodes bear the same id.
fn repeats_ids(model: &Model) -> bool {
    let mut seen = HashSet::new();
    let nodes = model.entries.iter().filter(|e| e.kind != Kind::Leaf);
    nodes
        .filter_map(|e| e.id.as_deref())
        .any(|id| !seen.insert(id))
}

/// Indices of the entries that a repair keeps.
fn kept(model: &Model) -> Vec<usize> {
    let all = 0..model.entries.len();
    all.filter(|i| !model.dangling_leaves.contains(i)).collect()
}

fn check_repair(bytes: &[u8]) -> Result<(), TestCaseError> {
    let before = model::read(bytes);
    let Some((dir, path)) = session(bytes, &before) else {
        return Ok(());
    };
    let done = match repair(&path) {
        Err(Error::RepeatedIds { .. }) if repeats_ids(&before) => {
            prop_assert_eq!(fs::read(&path)?, bytes);
            prop_assert_eq!(fs::read_dir(dir.path())?.count(), 1);
            return Ok(());
        }
        done => done.unwrap(),
    };
    let now = fs::read(&path)?;
    let after = model::read(&now);
    prop_assert_eq!(after.state, State::Clean);
    let valid = matches!(after.header, Header::Valid { .. });
    prop_assert!(valid);
    prop_assert!(after.bridged.is_empty() && after.dangling_leaves.is_empty());
    // In a file of ours, an entry that names no parent has none (F14).
    let ours = SessionLog::open(&path).unwrap().head().ours;
    let missing = if ours {
        0
    } else {
        before.missing_parents.len()
    };
    prop_assert_eq!(after.missing_parents.len(), missing);
    prop_assert_eq!(
        done.unlinked as usize,
        before.missing_parents.len() - missing
    );
    let mut remaining = verify(&path).unwrap().problems;
    remaining.retain(|problem| !problem.kind.is_note());
    prop_assert_eq!(&done.remaining, &remaining);
    prop_assert_eq!(context(&now, &after), context(bytes, &before));
    prop_assert_eq!(&after.branch_usage, &before.branch_usage);
    prop_assert_eq!(&after.spent_usage, &before.spent_usage);
    prop_assert_eq!(after.branch.len(), before.branch.len());
    let kept = kept(&before);
    prop_assert_eq!(after.entries.len(), kept.len());
    let mut relinked = 0;
    for (new, old) in kept.iter().enumerate() {
        if before.bridged.contains(old) {
            relinked += 1;
        } else if !(ours && before.missing_parents.contains(old)) {
            prop_assert_eq!(record(&now, &after, new), record(bytes, &before, *old));
        }
    }
    prop_assert_eq!(done.relinked, relinked);
    prop_assert_eq!(done.salvaged, {
        let salvaged = before.entries.iter().filter(|e| e.salvaged).count() as u64;
        let header = matches!(before.header, Header::Valid { .. });
        let dropped = before.dangling_leaves.iter();
        let dropped = dropped.filter(|i| before.entries[**i].salvaged).count() as u64;
        // A header that is fused with what follows is salvaged, too (F23).
        let fused = header
            && before
                .corrupt
                .first()
                .is_some_and(|d| is_first(bytes, d.start));
        salvaged - dropped + u64::from(fused)
    });
    match &done.original {
        Some(original) => prop_assert_eq!(fs::read(original)?, bytes),
        None => prop_assert_eq!(&now, bytes),
    }
    prop_assert_eq!(repair(&path).unwrap().original, None);
    Ok(())
}

/// Nothing but blank lines stands before this byte.
fn is_first(bytes: &[u8], start: usize) -> bool {
    bytes[..start].iter().all(|b| b" \t\r\n".contains(b))
}

fn check_verify(bytes: &[u8]) -> Result<(), TestCaseError> {
    let model = model::read(bytes);
    let Some((_dir, path)) = session(bytes, &model) else {
        return Ok(());
    };
    let found = verify(&path).unwrap();
    prop_assert_eq!(found.health.name(), model.state.name());
    prop_assert_eq!(found.entries, model.entries.len() as u64);
    let count = |name: &str| {
        let named = found.problems.iter().filter(|p| p.kind.name() == name);
        named.count()
    };
    prop_assert_eq!(count("corrupt"), model.corrupt.len());
    prop_assert_eq!(count("torn_tail"), usize::from(model.torn.is_some()));
    prop_assert_eq!(count("bridge"), model.bridged.len());
    prop_assert_eq!(count("missing_parent"), model.missing_parents.len());
    prop_assert_eq!(count("dangling_leaf"), model.dangling_leaves.len());
    prop_assert_eq!(
        count("header_lost"),
        usize::from(model.header == Header::Lost)
    );
    prop_assert_eq!(
        count("header_missing"),
        usize::from(model.header == Header::Missing)
    );
    let places = found.problems.iter().map(|p| p.line);
    prop_assert!(places.clone().is_sorted());
    let lines = bytes.split(|b| *b == b'\n').count() as u64;
    prop_assert!(places.clone().all(|line| (1..=lines).contains(&line)));
    let ids = found
        .problems
        .iter()
        .filter(|p| matches!(p.kind, ProblemKind::Bridge { .. }));
    for bridge in ids {
        let node = model
            .bridged
            .iter()
            .find(|i| model.entries[**i].start as u64 == bridge.byte);
        prop_assert!(node.is_some());
    }
    Ok(())
}

fn check_fork(bytes: &[u8], at: prop::sample::Index) -> Result<(), TestCaseError> {
    let before = model::read(bytes);
    let Some((dir, path)) = session(bytes, &before) else {
        return Ok(());
    };
    let source = SessionLog::open(&path).unwrap();
    let store = SessionStore::at(dir.path().join("store"));
    let forked = match fork(&store, &source, None, None) {
        Err(Error::NothingToFork { .. }) if before.branch.is_empty() => return Ok(()),
        Err(Error::RepeatedIds { .. }) if repeats_ids(&before) => {
            prop_assert_eq!(fs::read_dir(store.dir())?.count(), 0);
            return Ok(());
        }
        forked => forked.unwrap(),
    };
    let now = fs::read(&forked.path)?;
    let after = model::read(&now);
    prop_assert_eq!(context(&now, &after), context(bytes, &before));
    prop_assert_eq!(after.branch.len(), before.branch.len());
    prop_assert_eq!(after.entries.len(), before.branch.len() + 1);
    prop_assert_eq!(&after.branch_usage, &before.branch_usage);
    prop_assert!(verify(&forked.path).unwrap().is_sound());
    if !repeats_ids(&before) {
        prop_assert_eq!(after.spent_usage.total(), 0);
    }

    // At any node that has an id of its own: the branch that ends there.
    let index = at.index(source.node_count() as usize) as u32;
    let Some(id) = source.node(index).and_then(|node| node.id) else {
        return Ok(());
    };
    if repeats_ids(&before) {
        return Ok(());
    }
    let forked = fork(&store, &source, Some(id), None).unwrap();
    let copy = SessionLog::open(&forked.path).unwrap();
    let of = |log: &SessionLog, branch: &[u32]| -> Vec<String> {
        let ids = branch.iter().filter_map(|i| log.node(*i)?.id);
        ids.map(str::to_owned).collect()
    };
    prop_assert_eq!(
        of(&copy, &copy.branch(copy.tip().unwrap())),
        of(&source, &source.branch(index))
    );
    Ok(())
}

/// A masked copy has the same entries, links and damage, and without secrets the same texts.
fn check_redacted(bytes: &[u8]) -> Result<(), TestCaseError> {
    let model = model::read(bytes);
    let Some((_dir, path)) = session(bytes, &model) else {
        return Ok(());
    };
    let log = SessionLog::open(&path).unwrap();
    let masked = redacted(&log);
    prop_assert!(masked.is_ok(), "{:?}", masked);
    let masked = masked.unwrap();
    prop_assert_eq!(masked.spent(), log.spent());
    let kinds = |log: &SessionLog| -> Vec<_> {
        let problems = log.problems().iter().chain(log.warnings());
        problems.map(|p| (p.line, p.kind.name())).collect()
    };
    prop_assert_eq!(kinds(&masked), kinds(&log));
    for index in 0..log.node_count() {
        prop_assert_eq!(
            masked.read_record(index).unwrap(),
            log.read_record(index).unwrap()
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn masking_masks_nothing_else(file in files()) {
        check_redacted(&file.0)?;
    }

    #[test]
    fn a_repair_changes_nothing_that_is_said(file in files()) {
        check_repair(&file.0)?;
    }

    #[test]
    fn a_copy_says_the_same(file in files(), at in any::<prop::sample::Index>()) {
        check_fork(&file.0, at)?;
    }

    #[test]
    fn every_problem_is_found(file in files()) {
        check_verify(&file.0)?;
    }
}
