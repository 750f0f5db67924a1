//! Sessions that we wrote are whole for opi: clean, the same context, the same tip.

use opi_ai::message::Message;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use sessionlog_interop::*;
use std::path::{Path, PathBuf};

/// A command.
#[derive(Debug, Clone)]
enum Step {
    /// Turns appended in one call, parted by blank lines.
    Append(Vec<Vec<Message>>),
    /// The tip moves to an earlier message or compaction.
    Leaf(Index),
    /// A summary, and what to keep.
    Compact(String, &'static str),
    /// The talk goes on in a copy.
    Fork(Option<Index>),
}

fn step() -> impl Strategy<Value = Step> {
    let turns = prop::collection::vec(prop::collection::vec(messages::message(), 1..4), 1..3);
    let keep = prop::sample::select(vec![
        "quarter",
        "messages:1",
        "messages:3",
        "tokens:20",
        "tokens:1",
    ]);
    // A summary on a command line holds no NUL.
    let summary = messages::text().prop_map(|s| s.replace('\0', " ") + "s");
    prop_oneof![
        6 => turns.prop_map(Step::Append),
        1 => any::<Index>().prop_map(Step::Leaf),
        2 => (summary, keep).prop_map(|(s, k)| Step::Compact(s, k)),
        1 => prop::option::of(any::<Index>()).prop_map(Step::Fork),
    ]
}

/// opi's ids of messages and compactions, in file order.
fn ids(path: &Path) -> Vec<String> {
    let (entries, _) = opi_read(path).expect("opi reads it");
    let nodes = entries
        .iter()
        .filter(|e| !matches!(e, opi_agent::session::SessionEntry::Leaf(_)));
    nodes.map(|e| e.entry_id().to_owned()).collect()
}

fn take(dir: &Path, path: &mut PathBuf, step: &Step) {
    let text = path.to_str().expect("UTF-8").to_owned();
    let ids = ids(path);
    let pick = |at: &Index| ids[at.index(ids.len())].clone();
    match step {
        Step::Append(turns) => {
            let turns: Vec<String> = turns
                .iter()
                .map(|turn| {
                    turn.iter()
                        .map(|m| serde_json::to_string(m).expect("JSON") + "\n")
                        .collect()
                })
                .collect();
            ok(dir, &["append", &text], &turns.join("\n"));
        }
        Step::Leaf(at) if !ids.is_empty() => drop(ok(dir, &["leaf", &text, &pick(at)], "")),
        Step::Compact(summary, keep) => {
            let before = std::fs::read(&*path).expect("readable");
            let output = run(
                dir,
                &[
                    "compact",
                    &text,
                    &format!("--summary={summary}"),
                    "--keep",
                    keep,
                ],
                "",
            );
            // There may be nothing to compact; then nothing is written.
            if !output.status.success() {
                assert_eq!(
                    output.status.code(),
                    Some(1),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                assert_eq!(std::fs::read(&*path).expect("readable"), before);
            }
        }
        Step::Fork(Some(at)) if !ids.is_empty() => {
            *path = made(dir, &["fork", &text, "--at", &pick(at)])
        }
        Step::Fork(None) if !ids.is_empty() => *path = made(dir, &["fork", &text]),
        Step::Leaf(_) | Step::Fork(_) => {}
    }
}

fn assert_whole(path: &Path) -> Result<(), TestCaseError> {
    assert_agree(path)?;
    let (view, tip) = ours(path);
    prop_assert_eq!(view.status, "clean");
    prop_assert_eq!(&tip, &opi_tip(path));
    prop_assert_eq!(&tip, &our_tree(path).0);
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_commands(steps in prop::collection::vec(step(), 1..7)) {
        let dir = tempfile::tempdir()?;
        let mut path = made(dir.path(), &["new", "--cwd", "/w"]);
        assert_whole(&path)?;
        for step in &steps {
            take(dir.path(), &mut path, step);
            assert_whole(&path)?;
        }
        prop_assert_eq!(our_ends(&path), opi_branches(&path));
    }

    /// F29: what went in comes out, also through opi's types.
    #[test]
    fn payloads(turn in prop::collection::vec(messages::message(), 1..6)) {
        let dir = tempfile::tempdir()?;
        let path = made(dir.path(), &["new"]);
        let payloads: Vec<Value> = turn.iter().map(|m| serde_json::to_value(m).expect("JSON")).collect();
        append(&path, &payloads);
        let got: Vec<Value> = ours(&path).0.context.iter_mut().map(|item| item["message"].take()).collect();
        prop_assert_eq!(got, payloads);
        assert_whole(&path)?;
    }
}

fn say(text: &str) -> Value {
    serde_json::json!({"role": "user", "content": [{"type": "text", "text": text}], "timestamp_ms": 0})
}

/// So that the property above cannot pass by compacting nothing.
#[test]
fn compaction_is_seen_by_both() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = made(dir.path(), &["new"]);
    for n in 0..8 {
        append(&path, &[say(&format!("line {n}"))]);
    }
    let text = path.to_str().expect("UTF-8");
    ok(
        dir.path(),
        &[
            "compact",
            text,
            "--summary",
            "All of it.",
            "--keep",
            "messages:2",
        ],
        "",
    );
    append(&path, &[say("after")]);
    let view = opi(&path);
    assert_eq!(view, ours(&path).0);
    let kinds: Vec<&str> = view
        .context
        .iter()
        .filter_map(|c| c["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        ["compaction_summary", "message", "message", "message"]
    );
    assert_eq!(view.context[0]["summary"], "All of it.");
    assert_eq!(view.context[1]["message"], say("line 6"));
}

#[test]
fn branches_are_seen_by_both() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = made(dir.path(), &["new"]);
    append(&path, &[say("one"), say("two")]);
    append(&path, &[say("three")]);
    let ids = ids(&path);
    let text = path.to_str().expect("UTF-8");
    ok(dir.path(), &["leaf", text, &ids[0]], "");
    assert_eq!(
        (opi_tip(&path), opi(&path).context.len()),
        (Some(ids[0].clone()), 1)
    );
    append(&path, &[say("another way")]);
    let view = opi(&path);
    assert_eq!(view, ours(&path).0);
    assert_eq!(view.context.len(), 2);
    assert_eq!(opi_branches(&path), our_tree(&path).1);
    assert_eq!(opi_branches(&path).len(), 2);
}
