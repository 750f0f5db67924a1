//! One session, written by opi and by us in turns (F14, F26, F27, F28).

use opi_agent::compaction::CompactionConfig;
use opi_agent::message::AgentMessage;
use opi_ai::message::Message;
use opi_ai::stream::Usage;
use opi_coding_agent::session_coordinator::SessionCoordinator;
use proptest::prelude::*;
use sessionlog_interop::*;
use std::path::{Path, PathBuf};

fn config() -> CompactionConfig {
    CompactionConfig {
        enabled: true,
        threshold_tokens: 150,
    }
}

fn llm(messages: &[Message]) -> Vec<AgentMessage> {
    messages.iter().cloned().map(AgentMessage::Llm).collect()
}

fn opi_writes(dir: &Path, turns: &[Vec<Message>]) -> PathBuf {
    let mut coordinator = SessionCoordinator::new(dir, "/w", config(), "m").expect("created");
    let usage = Usage {
        input_tokens: 60,
        ..Usage::default()
    };
    for turn in turns {
        coordinator
            .on_turn_end_simple(&llm(turn), &usage)
            .expect("written");
    }
    coordinator.session_path().to_owned()
}

fn payloads(messages: &[Message]) -> Vec<serde_json::Value> {
    messages
        .iter()
        .map(|m| serde_json::to_value(m).expect("JSON"))
        .collect()
}

fn turns() -> impl Strategy<Value = Vec<Vec<Message>>> {
    prop::collection::vec(prop::collection::vec(messages::message(), 1..4), 1..5)
}

proptest! {
    #![proptest_config(cases())]

    /// opi's session, continued by us, is whole for both.
    #[test]
    fn ours_after_opi(theirs in turns(), more in turns()) {
        let dir = tempfile::tempdir()?;
        let path = opi_writes(dir.path(), &theirs);
        let mut expected = opi(&path).context;
        for turn in &more {
            append(&path, &payloads(turn));
            expected.extend(llm(turn).iter().map(agent_message));
        }
        prop_assert_eq!(opi(&path).status, "clean");
        prop_assert_eq!(&opi(&path).context, &expected);
        prop_assert_eq!(&ours(&path).0.context, &expected);
    }

    /// The same after the tip was moved: now both go by leaves. opi walks parents, which its own records lack,
    /// so only the branch that we wrote is the same for both.
    #[test]
    fn f27_leaves_begin_when_the_tip_moves(theirs in turns(), more in turns()) {
        let dir = tempfile::tempdir()?;
        let path = opi_writes(dir.path(), &theirs);
        let leaves = || std::fs::read_to_string(&path).expect("readable").matches("{\"type\":\"leaf\"").count();
        append(&path, &payloads(&more[0]));
        prop_assert_eq!(leaves(), 0);
        let tip = ours(&path).1.expect("a tip");
        ok(dir.path(), &["leaf", path.to_str().expect("UTF-8"), &tip], "");
        prop_assert_eq!(leaves(), 1);
        append(&path, &payloads(&more[0]));
        prop_assert_eq!(leaves(), 2);
        prop_assert_eq!(ours(&path).1, opi_tip(&path));
        let (us, them) = (ours(&path).0, opi(&path));
        prop_assert_eq!(&us.status, "clean");
        let written = [&more[0][..], &more[0][..]].concat();
        let written: Vec<_> = llm(&written).iter().map(agent_message).collect();
        prop_assert!(us.context.ends_with(&written) && them.context.ends_with(&written));
    }

    /// F28: opi's torn tail is cut before we append.
    #[test]
    fn f28_after_a_torn_tail(theirs in turns(), more in turns()) {
        let dir = tempfile::tempdir()?;
        let path = opi_writes(dir.path(), &theirs);
        let mut expected = opi(&path).context;
        let mut text = std::fs::read(&path)?;
        text.extend(b"{\"type\":\"message\",\"id\":\"msg-9");
        std::fs::write(&path, text)?;
        prop_assert_eq!(ours(&path).0.status, "truncated");
        append(&path, &payloads(&more[0]));
        expected.extend(llm(&more[0]).iter().map(agent_message));
        prop_assert_eq!(opi(&path), View { context: expected.clone(), status: "clean".to_owned(), corrupt: 0 });
        prop_assert_eq!(ours(&path).0.context, expected);
    }
}

fn say(text: &str) -> Message {
    let message = serde_json::json!({"role": "user", "content": [{"type": "text", "text": text}], "timestamp_ms": 0});
    serde_json::from_value(message).expect("a message")
}

/// F14: opi writes null parents behind our chained records. By file order opi sees everything, and so do we: records
/// with a checksum do not end the linear prefix.
#[test]
fn f14_opi_after_us_after_opi() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = opi_writes(dir.path(), &[vec![say("opi")]]);
    append(&path, &payloads(&[say("us")]));
    let (entries, _) = opi_read(&path).expect("readable");
    let usage = Usage::default();
    let mut again =
        SessionCoordinator::open_existing(path.clone(), "s".into(), &entries, 2, config(), "m")
            .expect("opened");
    again
        .on_turn_end_simple(&llm(&[say("opi again")]), &usage)
        .expect("written");
    assert_eq!(opi(&path).context.len(), 3);
    assert_eq!(ours(&path).0.context, opi(&path).context);
}
