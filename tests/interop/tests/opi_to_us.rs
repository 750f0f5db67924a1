//! Sessions that opi wrote are read by us as opi reads them.

use opi_agent::compaction::CompactionConfig;
use opi_agent::message::AgentMessage;
use opi_agent::session::*;
use opi_ai::message::Message;
use opi_ai::stream::Usage;
use opi_coding_agent::session_coordinator::SessionCoordinator;
use proptest::prelude::*;
use proptest::sample::Index;
use sessionlog_interop::*;
use std::path::{Path, PathBuf};

/// What opi writes next.
#[derive(Debug, Clone)]
enum Step {
    Message(Message),
    /// Summary, first kept entry (`None`: an id that nothing bears), tokens before and after.
    Compaction(String, Option<Index>, u64, u64),
    /// The tip moves to an earlier message or compaction.
    Leaf(Index),
}

fn step() -> impl Strategy<Value = Step> {
    let kept = prop::option::weighted(0.8, any::<Index>());
    prop_oneof![
        8 => messages::message().prop_map(Step::Message),
        2 => (messages::text(), kept, any::<u64>(), any::<u64>()).prop_map(|(s, k, b, a)| Step::Compaction(s, k, b, a)),
        2 => any::<Index>().prop_map(Step::Leaf),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..14)
}

/// How parents and leaves are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// Null parents, no leaves: opi's runtime.
    Linear,
    /// Chained parents, no leaves.
    Chained,
    /// Chained parents and leaves, a leaf last.
    Branched,
}

fn write(dir: &Path, shape: Shape, steps: &[Step]) -> PathBuf {
    let path = dir.join("opi.jsonl");
    let header = SessionHeader::new(
        "opi".into(),
        "2026-01-01T00:00:00Z".into(),
        "/w\u{e9}\"".into(),
        None,
    );
    let mut writer = SessionWriter::create(&path, header).expect("opi creates it");
    let mut ids: Vec<String> = Vec::new();
    let mut tip: Option<String> = None;
    let mut number = 0;
    let mut append = |entry: SessionEntry| writer.append(&entry).expect("opi appends");
    let leaf = |number: u64, target: &str| {
        let (id, timestamp) = (format!("leaf-{number}"), "2026-01-01T00:00:02Z".to_owned());
        SessionEntry::Leaf(LeafEntry {
            id,
            parent_id: None,
            timestamp,
            entry_id: target.to_owned(),
        })
    };
    for step in steps {
        number += 1;
        let timestamp = "2026-01-01T00:00:01Z".to_owned();
        let parent_id = tip.clone().filter(|_| shape != Shape::Linear);
        let id = match step {
            Step::Message(message) => {
                let id = format!("msg-{number}");
                append(SessionEntry::Message(MessageEntry {
                    id: id.clone(),
                    parent_id,
                    timestamp,
                    message: message.clone(),
                }));
                id
            }
            Step::Compaction(summary, kept, tokens_before, tokens_after) => {
                let id = format!("cmp-{number}");
                let kept = kept
                    .filter(|_| !ids.is_empty())
                    .map(|at| ids[at.index(ids.len())].clone());
                append(SessionEntry::Compaction(CompactionEntry {
                    id: id.clone(),
                    parent_id,
                    timestamp,
                    summary: summary.clone(),
                    first_kept_entry_id: kept.unwrap_or_else(|| "gone".to_owned()),
                    tokens_before: *tokens_before,
                    tokens_after: *tokens_after,
                }));
                id
            }
            Step::Leaf(at) => {
                if shape == Shape::Branched && !ids.is_empty() {
                    let target = ids[at.index(ids.len())].clone();
                    append(leaf(number, &target));
                    tip = Some(target);
                }
                continue;
            }
        };
        ids.push(id.clone());
        tip = Some(id);
    }
    if let Some(tip) = tip.filter(|_| shape == Shape::Branched) {
        append(leaf(number + 1, &tip));
    }
    path
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn linear_without_parents(steps in steps()) {
        let dir = tempfile::tempdir()?;
        assert_agree(&write(dir.path(), Shape::Linear, &steps))?;
    }

    #[test]
    fn chained(steps in steps()) {
        let dir = tempfile::tempdir()?;
        let path = write(dir.path(), Shape::Chained, &steps);
        assert_agree(&path)?;
        let (tip, branches) = our_tree(&path);
        prop_assert_eq!(&tip, &opi_tip(&path));
        prop_assert_eq!(&tip, &ours(&path).1);
        prop_assert_eq!(branches, opi_branches(&path));
    }

    #[test]
    fn branched_with_leaves(steps in steps()) {
        let dir = tempfile::tempdir()?;
        let path = write(dir.path(), Shape::Branched, &steps);
        assert_agree(&path)?;
        let (tip, _) = our_tree(&path);
        prop_assert_eq!(&tip, &opi_tip(&path));
        prop_assert_eq!(&tip, &ours(&path).1);
        prop_assert_eq!(our_ends(&path), opi_branches(&path));
    }

    /// The last line is cut somewhere within its record.
    #[test]
    fn torn_tails(steps in steps(), shape in prop::sample::select(vec![Shape::Linear, Shape::Chained]), cut in any::<Index>()) {
        let dir = tempfile::tempdir()?;
        let path = write(dir.path(), shape, &steps);
        let bytes = std::fs::read(&path)?;
        let start = bytes[..bytes.len() - 1].iter().rposition(|&b| b == b'\n');
        let Some(start) = start else { return Ok(()) };
        // opi reads whole texts only: it refuses a file that ends within a character.
        let mut end = start + 2 + cut.index(bytes.len() - start - 3);
        while std::str::from_utf8(&bytes[..end]).is_err() {
            end -= 1;
        }
        std::fs::write(&path, &bytes[..end])?;
        assert_agree(&path)?;
        prop_assert_eq!(opi(&path).status, "truncated");
    }

    /// Lines become unreadable, cut short, or appear from nowhere. The chain bridges the gaps (F15).
    #[test]
    fn corrupt_lines(
        steps in steps(),
        shape in prop::sample::select(vec![Shape::Linear, Shape::Chained]),
        blows in prop::collection::vec((any::<Index>(), 0u8..4), 1..4),
        torn in any::<bool>(),
    ) {
        let dir = tempfile::tempdir()?;
        let path = write(dir.path(), shape, &steps);
        let text = std::fs::read_to_string(&path)?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (at, how) in blows {
            let at = 1 + at.index(lines.len());
            let chars = lines.get(at).map_or(0, |line| line.chars().count());
            match how {
                0 => lines.insert(at, "no record".to_owned()),
                _ if at == lines.len() => lines.push("{\"type\":\"message\"}".to_owned()),
                1 => lines[at] = "\0".repeat(chars),
                2 => lines[at] = lines[at].chars().take(chars.div_ceil(2)).collect(),
                _ => lines[at] = lines[at].replace("\"type\":\"", "\"type\":\"\u{1}"),
            }
        }
        std::fs::write(&path, lines.join("\n") + if torn { "\n{\"type\":\"mess" } else { "\n" })?;
        assert_agree(&path)?;
    }

    /// opi's coordinator, with its own compactions, resumed once in the middle.
    #[test]
    fn coordinator(turns in prop::collection::vec(prop::collection::vec(messages::message(), 1..4), 1..8), resume in any::<Index>(), threshold in 1u64..400) {
        let dir = tempfile::tempdir()?;
        let config = || CompactionConfig { enabled: true, threshold_tokens: threshold };
        let mut opi_side = SessionCoordinator::new(dir.path(), "/w", config(), "m")?;
        let path = opi_side.session_path().to_owned();
        let usage = Usage { input_tokens: 40, output_tokens: 20, ..Usage::default() };
        let resume = resume.index(turns.len());
        for (n, turn) in turns.iter().enumerate() {
            if n == resume {
                drop(opi_side);
                let (entries, _) = opi_read(&path)?;
                let prior = opi(&path).context.len();
                opi_side = SessionCoordinator::open_existing(path.clone(), "opi".into(), &entries, prior, config(), "m")?;
            }
            let messages: Vec<AgentMessage> = turn.iter().cloned().map(AgentMessage::Llm).collect();
            opi_side.on_turn_end_simple(&messages, &usage)?;
        }
        assert_agree(&path)?;
        let theirs: Vec<_> = opi_side.compaction_entries().iter().map(|e| agent_message(&e.message)).collect();
        prop_assert_eq!(ours(&path).0.context, theirs);
    }
}
