use super::*;
use crate::testing::*;
use std::time::{Duration, Instant};

/// Tip, fork point, depth, active, inner.
fn shape(tree: &SessionTree) -> Vec<(&str, Option<&str>, u64, bool, bool)> {
    let branches = tree.branches().iter();
    branches
        .map(|b| {
            assert!(b.entries > b.depth);
            (&*b.tip, b.fork_point.as_deref(), b.depth, b.active, b.inner)
        })
        .collect()
}

#[test]
fn one_branch_for_each_end() {
    let lines = [
        HEADER.into(),
        user("a", None, "first"),
        user("b", Some("a"), "second"),
        r#"{"type":"label","id":"u","parent_id":"b"}"#.into(),
        user("c", Some("u"), "third"),
        user("d", Some("b"), "fourth"),
        compaction("k", "d", "b"),
        assistant("e", "k", "null"),
        user("r", None, "elsewhere"),
        leaf("e"),
    ];
    let tree = SessionTree::of(&log(&lines)).unwrap();
    let ends = [
        ("c", Some("b"), 2, false, false),
        ("e", Some("b"), 4, true, false),
        ("r", None, 0, false, false),
    ];
    assert_eq!((tree.tip(), &*shape(&tree)), (Some("e"), &ends[..]));
    // An unknown entry is one more, as in a fork.
    let entries: Vec<_> = tree
        .branches()
        .iter()
        .map(|branch| branch.entries)
        .collect();
    assert_eq!(entries, [4, 5, 1]);
    let summary = |i: usize| tree.branches()[i].summary.as_deref();
    // An answer without text: what was said before it.
    assert_eq!((summary(0), summary(1)), (Some("third"), Some("S é")));
    let json = serde_json::to_value(&tree).unwrap();
    assert_eq!(
        json["branches"][0],
        serde_json::json!({"tip": "c", "fork_point": "b", "depth": 2, "entries": 4, "active": false,
            "summary": "third", "timestamp": "2026-05-22T12:00:01.000Z"})
    );
    assert_eq!(json["branches"][1]["timestamp"], serde_json::Value::Null);

    // The tip moved into the trunk, then to an unknown entry.
    let moved = |target| {
        let mut lines = lines.to_vec();
        lines.push(leaf(target));
        SessionTree::of(&log(&lines)).unwrap()
    };
    let inside = moved("b");
    assert_eq!(shape(&inside)[0], ("b", None, 1, true, true));
    assert_eq!(inside.active().unwrap().tip, "b");
    assert_eq!(shape(&inside).len(), 4);
    let unknown = moved("u");
    assert_eq!(unknown.tip(), Some("u"));
    assert_eq!(shape(&unknown), shape(&inside));
}

#[test]
fn no_entries_no_branches() {
    let tree = SessionTree::of(&log(&[HEADER.into()])).unwrap();
    assert_eq!(tree, SessionTree::default());
    let lonely = [HEADER.into(), r#"{"type":"x","id":"u"}"#.into(), leaf("u")];
    let tree = SessionTree::of(&log(&lonely)).unwrap();
    assert_eq!((tree.tip(), tree.branches().len()), (Some("u"), 0));
}

#[test]
fn a_hundred_thousand_nested_forks() {
    let mut lines = vec![HEADER.to_owned(), user("t0", None, "root")];
    for n in 1..=50_000 {
        let parent = format!("t{}", n - 1);
        // Without texts: a search back for one must not go over the trunk again and again.
        lines.push(assistant(&format!("t{n}"), &parent, "null"));
        lines.push(assistant(&format!("s{n}"), &parent, "null"));
    }
    let log = log(&lines);
    let begun = Instant::now();
    let tree = SessionTree::of(&log).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(tree.branches().len(), 50_001);
    let last = tree.active().unwrap();
    assert_eq!((&*last.tip, last.depth), ("s50000", 50_000));
    assert_eq!(last.fork_point.as_deref(), Some("t49999"));
    assert_eq!(last.summary.as_deref(), Some("root"));
}
