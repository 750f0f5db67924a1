use super::*;
use crate::ContextBody;
use serde_json::{Value, json};
use sessionlog_core::compaction::Triggers;
use std::sync::{Arc, Mutex};

fn coordinator(threshold: u64) -> (tempfile::TempDir, SessionCoordinator) {
    let dir = tempfile::tempdir().unwrap();
    let store = SessionStore::at(dir.path());
    let config = Config {
        options: Options {
            triggers: Triggers {
                threshold: Some(threshold),
                window: None,
            },
            ..Options::default()
        },
        keep: Keep::LastQuarter,
    };
    let prices = PriceTable::builtin().clone();
    let new = NewSession {
        cwd: "/w".into(),
        parent_session: None,
    };
    let coordinator = SessionCoordinator::new(&store, &new, config, prices).unwrap();
    (dir, coordinator)
}

fn turn(tokens: u64) -> [Value; 2] {
    [
        json!({"role": "user", "content": [{"type": "text", "text": "question"}], "timestamp_ms": 0}),
        json!({"role": "assistant", "content": [{"type": "text", "text": "answer"}], "provider": "nobody", "model": "none-1",
            "usage": {"input_tokens": tokens, "output_tokens": 0}}),
    ]
}

#[test]
fn a_threshold_compacts_and_the_hook_is_asked() {
    let (_dir, mut coordinator) = coordinator(1000);
    let asked = Arc::new(Mutex::new(vec![]));
    let seen = asked.clone();
    coordinator.set_summary_hook(Box::new(move |entries| {
        let kinds = entries
            .iter()
            .map(|e| matches!(e.body, ContextBody::Summary(_)));
        seen.lock().unwrap().push(kinds.collect::<Vec<_>>());
        Some("by the hook".to_owned())
    }));
    assert!(
        coordinator
            .on_turn_end_simple(&turn(400))
            .unwrap()
            .is_none()
    );
    assert!(
        coordinator
            .on_turn_end_simple(&turn(400))
            .unwrap()
            .is_none()
    );
    let done = coordinator.on_turn_end_simple(&turn(400)).unwrap().unwrap();
    assert_eq!(done.reason, Reason::Threshold);
    assert_eq!(done.summary, "by the hook");
    assert_eq!(done.wire().first_kept_entry_id, "msg-8");
    assert_eq!(done.tokens_after, 1);
    // Counted anew from the watermark on.
    assert!(
        coordinator
            .on_turn_end_simple(&turn(400))
            .unwrap()
            .is_none()
    );
    assert!(
        coordinator
            .on_turn_end_simple(&turn(400))
            .unwrap()
            .is_none()
    );
    assert!(
        coordinator
            .on_turn_end_simple(&turn(400))
            .unwrap()
            .is_some()
    );
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0], [false; 5]);
    assert!(
        asked[1][0] && !asked[1][1],
        "the earlier summary is summed up too"
    );
    assert_eq!(coordinator.usage().turns, 6);
    assert_eq!(coordinator.usage().usage.total_tokens(), 2400);
}

#[test]
fn it_resumes_with_the_state_that_it_had() {
    let (_dir, mut coordinator) = coordinator(1000);
    coordinator.on_turn_end(&turn(600)).unwrap();
    assert_eq!(
        coordinator.on_turn_end(&turn(600)).unwrap(),
        Some(Reason::Threshold)
    );
    let usage = coordinator.usage();
    let ids = |c: &mut SessionCoordinator| -> Vec<String> {
        c.compaction_entries()
            .unwrap()
            .iter()
            .map(|e| e.id.to_string())
            .collect()
    };
    let before = ids(&mut coordinator);
    let path = coordinator.session().path().to_owned();
    let config = coordinator.config;
    drop(coordinator);
    let prices = PriceTable::builtin().clone();
    let mut coordinator = SessionCoordinator::open_existing(&path, config, prices).unwrap();
    assert_eq!(coordinator.usage(), usage);
    assert_eq!(ids(&mut coordinator), before);
    // The watermark is kept too: the compaction is still due, and once.
    let done = coordinator.on_turn_end_simple(&turn(0)).unwrap().unwrap();
    assert!(
        done.summary
            .starts_with("Extract of the conversation so far:\nUser: question\nAssistant: answer")
    );
    assert!(coordinator.on_turn_end_simple(&turn(0)).unwrap().is_none());
}

#[test]
fn a_turn_with_a_bad_message_leaves_nothing() {
    let (_dir, mut coordinator) = coordinator(1000);
    let messages = [json!({"role": "user"}), json!("no object")];
    assert!(matches!(
        coordinator.on_turn_end(&messages),
        Err(Error::NotAMessage { .. })
    ));
    assert!(coordinator.compaction_entries().unwrap().is_empty());
    coordinator.on_turn_end(&messages[..1]).unwrap();
    assert_eq!(coordinator.compaction_entries().unwrap().len(), 1);
}

#[test]
fn costs_and_branches() {
    let (_dir, mut coordinator) = coordinator(u64::MAX);
    coordinator.on_turn_end(&turn(5)).unwrap();
    assert_eq!(
        coordinator.cost_summary().unwrap(),
        None,
        "an unknown model has no price"
    );
    coordinator.append_leaf("msg-1").unwrap();
    let mut known = turn(1_000_000);
    known[1]["provider"] = "anthropic".into();
    known[1]["model"] = "claude-sonnet-4-5-20250929".into();
    coordinator.on_turn_end(&known).unwrap();
    let cost = coordinator.cost_summary().unwrap().unwrap();
    assert_eq!(cost.total().to_string(), "3");
    assert!(
        coordinator
            .execute_compaction(Reason::Manual)
            .unwrap()
            .is_some()
    );
    assert!(
        coordinator
            .execute_compaction(Reason::Manual)
            .unwrap()
            .is_none()
    );
}
