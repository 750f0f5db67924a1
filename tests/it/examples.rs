//! The programs in `examples/` run, and the session kept there is what its program makes.

use sessionlog::{SessionLog, SessionTree, UsageReport, pricing::PriceTable};
use std::{fs, io::Read, io::Seek, path::PathBuf};

#[path = "../../examples/desktop_agent.rs"]
mod desktop_agent;
#[path = "../../examples/device.rs"]
mod device;
#[allow(dead_code, reason = "its main writes to a path")]
#[path = "../../examples/make_session.rs"]
mod make_session;
#[path = "../../examples/recover.rs"]
mod recover;

fn session() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/sessions/flaky-test.jsonl"
    ))
}

#[test]
fn they_run() {
    desktop_agent::main().unwrap();
    recover::main().unwrap();
    device::main().unwrap();
}

#[test]
fn the_session_is_what_its_program_makes() {
    let mut made = tempfile::tempfile().unwrap();
    make_session::write_session(made.try_clone().unwrap()).unwrap();
    let mut bytes = vec![];
    made.rewind().unwrap();
    made.read_to_end(&mut bytes).unwrap();
    let kept = fs::read(session()).unwrap();
    assert!(
        bytes == kept,
        "cargo run -p sessionlog --example make_session -- examples/sessions/flaky-test.jsonl"
    );
}

#[test]
fn the_session_reads_as_it_was_meant() {
    let log = SessionLog::open(session()).unwrap();
    assert!(log.health().is_clean());
    assert_eq!((log.problem_count(), log.warning_count()), (0, 0));
    assert_eq!((log.entry_count(), log.node_count()), (43, 34));
    assert_eq!((log.leaves().len(), log.unknown_count()), (9, 0));
    let id = |index: u32| log.node(index).unwrap().id.unwrap();
    assert_eq!(log.tip().map(id), Some("msg-42"));
    assert_eq!(log.sequence().peek(), 44);

    let context = log.context();
    assert_eq!(context.summary.map(id), Some("cmp-29"));
    assert_eq!(context.messages.len(), 16);
    assert_eq!(id(context.messages[0]), "msg-22");

    let tree = SessionTree::of(&log).unwrap();
    let ends: Vec<_> = tree.branches().iter().collect();
    assert_eq!(ends.len(), 2);
    assert_eq!((ends[0].tip.as_str(), ends[0].active), ("msg-16", false));
    assert_eq!((ends[1].tip.as_str(), ends[1].active), ("msg-42", true));
    assert_eq!(ends[1].fork_point.as_deref(), Some("msg-11"));
}

/// By hand, from the prices on the vendors' lists.
#[test]
fn the_session_costs_what_it_should() {
    let log = SessionLog::open(session()).unwrap();
    let report = UsageReport::of(&log, PriceTable::builtin());
    let names: Vec<_> = report.file.models.iter().map(|row| row.name()).collect();
    assert_eq!(
        names,
        [
            "anthropic/claude-sonnet-4-5-20250929",
            "openai/gpt-5-mini",
            "google/gemini-2.5-flash"
        ]
    );
    assert!(!report.file.is_lower_bound());

    let sonnet = &report.file.models[0];
    let usage = sonnet.totals.usage;
    assert_eq!(sonnet.messages, 14);
    assert_eq!((usage.input_tokens, usage.output_tokens), (62, 2_293));
    assert_eq!(usage.cache_read_tokens, 190_940);
    assert_eq!(usage.cache_write_tokens, 20_135);
    assert_eq!(usage.cache_write_1h_tokens, Some(11_840));
    let cost = sonnet.cost.unwrap();
    // 62 at 3 USD a million; 2,293 at 15; 190,940 at 0.30; 8,295 at 3.75 and 11,840 at 6.
    assert_eq!(cost.input.to_string(), "0.000186");
    assert_eq!(cost.output.to_string(), "0.034395");
    assert_eq!(cost.cache_read.to_string(), "0.057282");
    assert_eq!(cost.cache_write.to_string(), "0.10214625");
    assert_eq!(cost.total().to_string(), "0.19400925");

    // 1,184 at 0.25, 322 at 2 and 2,048 at 0.025; 903 at 0.30 and 487 at 2.50. Reasoning is part of the output.
    let totals = |row: usize| report.file.models[row].cost.unwrap().total().to_string();
    assert_eq!([totals(1), totals(2)], ["0.0009912", "0.0014884"]);
    assert_eq!(
        report.file.models[1].totals.usage.reasoning_tokens,
        Some(256)
    );

    let file = report.file.cost.unwrap().total();
    let branch = report.branch.cost.unwrap().total();
    assert_eq!(file.to_string(), "0.19648885");
    // Without the branch that was given up: 9 input, 221 output, 31,471 read, 901 written.
    assert_eq!(branch.to_string(), "0.1803268");
}
