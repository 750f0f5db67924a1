//! What the tests share: our command, opi's reader, and generated opi messages.
//!
//! `SESSIONLOG_BIN` names the command; without it cargo builds it from the workspace. `SESSIONLOG_CASES` is the
//! number of generated sessions a property (default 64). `sessionlog-reference`, built from the crate above, can stand
//! in for the command in the tests that only read: `--test opi_to_us --test differences`.

use opi_agent::message::AgentMessage;
use opi_agent::session::{CrashRecovery, SessionEntry, SessionReader};
use opi_agent::session_branch::SessionTree;
use opi_coding_agent::session_cli::reconstruct_context;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

pub mod messages;

/// How many cases a property runs.
pub fn cases() -> ProptestConfig {
    let cases = std::env::var("SESSIONLOG_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(64);
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..ProptestConfig::default()
    }
}

/// The `sessionlog` command.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("SESSIONLOG_BIN") {
            return path.into();
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let output = Command::new(env!("CARGO"))
            .args([
                "build",
                "-p",
                "sessionlog",
                "--bin",
                "sessionlog",
                "--message-format=json",
            ])
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "the command does not build");
        let messages = String::from_utf8_lossy(&output.stdout);
        let found = messages.lines().rev().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        found.expect("cargo names the command")
    })
}

/// Runs our command with `dir` as the directory of sessions.
pub fn run(dir: &Path, args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(binary())
        .args(args)
        .env("SESSIONLOG_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut pipe = child.stdin.take().expect("piped");
    // A command that reads nothing may have closed its end.
    let _ = pipe.write_all(stdin.as_bytes());
    drop(pipe);
    child.wait_with_output().expect("the command ends")
}

/// Runs our command, which must succeed; its stdout.
pub fn ok(dir: &Path, args: &[&str], stdin: &str) -> String {
    let output = run(dir, args, stdin);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{args:?}: {:?} {words}",
        output.status
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What one reader says about a session.
#[derive(Debug, PartialEq)]
pub struct View {
    /// The context: payloads and summaries, without entry ids, which opi's context lacks.
    pub context: Vec<Value>,
    /// `clean` and so on.
    pub status: String,
    /// How many records are corrupt.
    pub corrupt: u64,
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

fn our_json(path: &Path, command: &str) -> Value {
    let dir = path.parent().expect("a file");
    let out = ok(dir, &[command, "--json", path_text(path)], "");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{command}: {e}: {out}"))
}

/// Our view of the file and our tip.
pub fn ours(path: &Path) -> (View, Option<String>) {
    let mut all = our_json(path, "context");
    let mut context: Vec<Value> = all["messages"]
        .as_array_mut()
        .map(std::mem::take)
        .expect("an array");
    for item in &mut context {
        item.as_object_mut().expect("an object").remove("id");
    }
    let recovery = &all["recovery"];
    let status = recovery["status"].as_str().expect("a string").to_owned();
    let corrupt = recovery["corrupt_entries"].as_u64().expect("a number");
    (
        View {
            context,
            status,
            corrupt,
        },
        all["tip"].as_str().map(str::to_owned),
    )
}

/// Whole output of our `context --json`.
pub fn our_context(path: &Path) -> Value {
    our_json(path, "context")
}

/// Our tree's tip, and tip, fork point and depth of each branch.
pub fn our_tree(path: &Path) -> (Option<String>, Vec<Branch>) {
    let all = our_json(path, "tree");
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let branches = all["branches"].as_array().expect("an array").iter();
    let mut branches: Vec<Branch> = branches
        .map(|b| {
            (
                text(&b["tip"]).expect("a tip"),
                text(&b["fork_point"]),
                b["depth"].as_u64().expect("a depth"),
            )
        })
        .collect();
    branches.sort();
    (text(&all["tip"]), branches)
}

/// Tip, fork point, depth.
pub type Branch = (String, Option<String>, u64);

/// opi's entries of the file, and whether they are whole.
///
/// # Errors
/// What opi says when it refuses the file.
pub fn opi_read(path: &Path) -> std::io::Result<(Vec<SessionEntry>, CrashRecovery)> {
    SessionReader::read_with_recovery(path).map(|(_, entries, recovery)| (entries, recovery))
}

/// opi's view of the file.
pub fn opi(path: &Path) -> View {
    let (entries, recovery) = opi_read(path).expect("opi reads it");
    let status = match recovery {
        CrashRecovery::Clean => "clean",
        CrashRecovery::TruncatedLine => "truncated",
        CrashRecovery::CorruptEntries { .. } => "corrupt",
        CrashRecovery::CorruptEntriesWithTruncation { .. } => "corrupt_and_truncated",
    };
    View {
        context: reconstruct_context(&entries)
            .iter()
            .map(agent_message)
            .collect(),
        status: status.to_owned(),
        corrupt: recovery.corrupt_count() as u64,
    }
}

/// One place of opi's context in the shape of ours.
pub fn agent_message(message: &AgentMessage) -> Value {
    match message {
        AgentMessage::Llm(m) => json!({"type": "message", "message": m}),
        AgentMessage::CompactionSummary(c) => json!({
            "type": "compaction_summary", "summary": c.summary, "first_kept_entry_id": c.first_kept_entry_id,
            "tokens_before": c.tokens_before, "tokens_after": c.tokens_after,
        }),
        other => panic!("{other:?} is in no context"),
    }
}

/// opi's active tip.
pub fn opi_tip(path: &Path) -> Option<String> {
    let (entries, _) = opi_read(path).expect("opi reads it");
    SessionTree::from_entries(&entries)
        .active_tip()
        .map(str::to_owned)
}

/// Our branches that end: where a leaf has moved the tip inside a branch (F12) we list that stretch too, as the active
/// one; opi does not.
pub fn our_ends(path: &Path) -> Vec<Branch> {
    let (tip, mut branches) = our_tree(path);
    let theirs = opi_branches(path);
    branches.retain(|branch| Some(&branch.0) != tip.as_ref() || theirs.contains(branch));
    branches
}

/// opi's branches that end without a child; opi lists fork points as branches too.
pub fn opi_branches(path: &Path) -> Vec<Branch> {
    let (entries, _) = opi_read(path).expect("opi reads it");
    let parents: Vec<&str> = entries.iter().filter_map(parent).collect();
    let tree = SessionTree::from_entries(&entries);
    let ends = tree
        .branches()
        .iter()
        .filter(|b| !parents.contains(&b.tip_id.as_str()));
    let mut branches: Vec<Branch> = ends
        .map(|b| (b.tip_id.clone(), b.fork_point.clone(), b.depth as u64))
        .collect();
    branches.sort();
    branches
}

fn parent(entry: &SessionEntry) -> Option<&str> {
    match entry {
        SessionEntry::Message(m) => m.parent_id.as_deref(),
        SessionEntry::Compaction(c) => c.parent_id.as_deref(),
        _ => None,
    }
}

/// The session files below a directory.
pub fn sessions(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(sessions(&path));
        } else if path.extension().is_some_and(|e| e == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Runs a command that makes a session; the new file.
pub fn made(dir: &Path, args: &[&str]) -> PathBuf {
    let before = sessions(dir);
    ok(dir, args, "");
    let mut new = sessions(dir);
    new.retain(|path| !before.contains(path));
    assert_eq!(new.len(), 1, "{args:?} makes one session");
    new.remove(0)
}

/// Appends one turn.
pub fn append(path: &Path, payloads: &[Value]) -> String {
    let lines: String = payloads.iter().map(|p| format!("{p}\n")).collect();
    ok(
        path.parent().expect("a file"),
        &["append", path_text(path)],
        &lines,
    )
}

/// Holds the two readers together: same context, same status.
pub fn assert_agree(path: &Path) -> Result<(), TestCaseError> {
    let text = || String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    prop_assert_eq!(ours(path).0, opi(path), "\n{}", text());
    Ok(())
}
