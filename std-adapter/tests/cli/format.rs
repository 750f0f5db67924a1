//! The examples in FORMAT.md are what they say.

use crate::run::{Store, lines};
use serde_json::{Value, json};
use sessionlog::SessionLog;
use sessionlog_core::payload::{
    Api, AssistantContent, AssistantMessage, ImageSource, InputContent, MediaType, OutputContent,
    StopReason, ToolResultMessage, UserMessage,
};
use sessionlog_core::{Usage, record::Kind};

const FORMAT: &str = include_str!("../../../FORMAT.md");

/// The blocks that are marked as JSON.
fn blocks() -> Vec<&'static str> {
    let blocks = FORMAT.split("\n```json\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_examples_are_a_sound_session() {
    let store = Store::new();
    let blocks = blocks();
    assert_eq!(blocks.len(), 1);
    let path = store.file("example.jsonl", blocks[0].as_bytes());
    // Every CRC, link and sum.
    let told = store.json(&["verify", "--json", &path]);
    assert_eq!(
        (&told["status"], &told["entries"], &told["problems"]),
        (&json!("clean"), &json!(7), &json!([]))
    );
    let log = SessionLog::open(&path).unwrap();
    assert_eq!(log.header().unwrap().cwd, "/w");
    assert_eq!(
        log.nodes()
            .filter(|node| node.kind == Kind::Message)
            .count(),
        4
    );
    assert_eq!(log.spent().unreported, 0);
    let kept = log.context();
    assert!(kept.summary.is_some() && kept.messages.len() == 1);
    for record in blocks[0].lines() {
        assert!(
            record.starts_with(r#"{"type":""#) && record.ends_with("\"}"),
            "F30: {record}"
        );
        assert!(record.contains(r#","crc":""#), "F5: {record}");
    }
}

/// The payload types write what the examples show, member for member and in their order.
#[test]
fn the_examples_are_what_we_write() {
    let user = UserMessage {
        content: &[
            InputContent::text("What does this picture show?"),
            InputContent::Image {
                source: ImageSource::Base64 {
                    data: "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==",
                },
                media_type: MediaType::Gif,
            },
        ],
        timestamp_ms: 1_779_451_200_000,
    };
    let call = AssistantMessage {
        content: &[
            AssistantContent::thinking("It is tiny; its size tells more."),
            AssistantContent::text("Let me see how large it is."),
            AssistantContent::tool_call("t1", "bash", r#"{"command":"identify a.gif"}"#),
        ],
        api: Api::Anthropic,
        provider: "anthropic",
        model: "claude-sonnet-4-5",
        response_model: None,
        response_id: None,
        usage: Usage {
            input_tokens: 12,
            output_tokens: 64,
            cache_read_tokens: 800,
            cache_write_tokens: 30,
            cache_write_1h_tokens: Some(30),
            reasoning_tokens: Some(20),
        },
        stop_reason: StopReason::ToolUse,
        error_message: None,
        timestamp_ms: 1_779_451_204_000,
    };
    let result = ToolResultMessage {
        tool_call_id: "t1",
        tool_name: "bash",
        content: &[OutputContent::text("a.gif GIF 1x1")],
        details: (),
        is_error: false,
        timestamp_ms: 1_779_451_205_000,
    };
    let answer = AssistantMessage {
        content: &[AssistantContent::text("A single pixel.")],
        usage: Usage {
            input_tokens: 9,
            output_tokens: 6,
            cache_read_tokens: 830,
            cache_write_tokens: 80,
            ..Usage::default()
        },
        stop_reason: StopReason::Stop,
        timestamp_ms: 1_779_451_207_000,
        ..call
    };
    let ours = [
        serde_json::to_string(&user),
        serde_json::to_string(&call),
        serde_json::to_string(&result),
        serde_json::to_string(&answer),
    ];
    let example = blocks()[0];
    let mut types = Vec::new();
    for (payload, record) in ours.into_iter().zip(example.lines().skip(1)) {
        let payload = payload.unwrap();
        assert!(
            record.contains(&format!(",\"message\":{payload},\"crc\":")),
            "{record}"
        );
        let payload: Value = serde_json::from_str(&payload).unwrap();
        for part in payload["content"].as_array().unwrap() {
            types.push(part["type"].as_str().unwrap().to_owned());
        }
    }
    // All that the table names.
    types.sort();
    types.dedup();
    assert_eq!(types, ["image", "text", "thinking", "tool_call"]);
    let kinds: Vec<Value> = lines(example)
        .iter()
        .map(|record| record["type"].clone())
        .collect();
    assert_eq!(kinds[0], "session");
    assert_eq!(kinds[5..], ["leaf", "compaction", "leaf"]);
}
