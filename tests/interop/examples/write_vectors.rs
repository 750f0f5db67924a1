//! Writes the conformance vectors `valid/opi-linear` and `valid/opi-compacted` with opi's own coordinator:
//! `cargo run --manifest-path tests/interop/Cargo.toml --example write_vectors`

use opi_agent::compaction::CompactionConfig;
use opi_agent::message::AgentMessage;
use opi_agent::session_event::CompactionReason;
use opi_ai::stream::Usage;
use opi_coding_agent::session_coordinator::SessionCoordinator;
use std::path::Path;

fn main() {
    let usage = Usage {
        input_tokens: 12,
        output_tokens: 7,
        cache_read_tokens: 3,
        cache_write_tokens: 1,
    };
    let turns = [
        ("Which beds are dry?", "The two by the wall."),
        ("Water them at six. 😀", "Done: \"beds 3, 4\"\n"),
        ("Thanks.", ""),
    ];
    for name in ["opi-linear", "opi-compacted"] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut opi_side = SessionCoordinator::new(
            dir.path(),
            "/srv/garden",
            CompactionConfig::default(),
            "m-1",
        )
        .expect("created");
        for (n, (question, answer)) in turns.iter().enumerate() {
            let user = serde_json::json!({"role": "user", "content": [{"type": "text", "text": question}], "timestamp_ms": 0});
            let assistant = serde_json::json!({
                "role": "assistant", "content": [{"type": "text", "text": answer}], "api": "Anthropic", "provider": "anthropic",
                "model": "m-1", "response_model": null, "response_id": null, "usage": usage, "stop_reason": "stop",
                "error_message": null, "timestamp_ms": 0,
            });
            let message = |v| AgentMessage::Llm(serde_json::from_value(v).expect("a message"));
            opi_side
                .on_turn_end_simple(&[message(user), message(assistant)], &usage)
                .expect("written");
            if n == 1 && name == "opi-compacted" {
                opi_side
                    .execute_compaction(CompactionReason::Manual)
                    .expect("written");
            }
        }
        let target =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../vectors/valid/{name}.jsonl"));
        std::fs::copy(opi_side.session_path(), target).expect("copied");
    }
}
