//! Generated messages of opi's types.

use opi_ai::ApiKind;
use opi_ai::message::*;
use opi_ai::stream::{StopReason, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Text with all of Unicode.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z ]{0,16}",
        3 => prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter),
        1 => prop::sample::select(vec![
            "{\"type\":\"message\",\"id\":\"x\",\"message\":{}}", "\n\r\t\u{8}\u{c}", "\u{0}\u{1f}\u{7f}\u{85}", "\"\\/",
            "\u{2028}\u{2029}\u{feff}", "😀\u{10ffff}\u{e000}\u{fffd}", ",\"crc\":\"00000000\"}",
        ]).prop_map(str::to_owned),
    ]
}

fn image() -> impl Strategy<Value = (ImageSource, MediaType)> {
    let source = prop_oneof![
        text().prop_map(|url| ImageSource::Url { url }),
        "[A-Za-z0-9+/]{0,16}".prop_map(|data| ImageSource::Base64 { data }),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|data| ImageSource::Bytes { data }),
    ];
    (
        source,
        prop::sample::select(vec![
            MediaType::Png,
            MediaType::Jpeg,
            MediaType::Gif,
            MediaType::WebP,
        ]),
    )
}

fn user() -> impl Strategy<Value = Message> {
    let content = prop_oneof![
        4 => text().prop_map(|text| InputContent::Text { text }),
        1 => image().prop_map(|(source, media_type)| InputContent::Image { source, media_type }),
    ];
    (prop::collection::vec(content, 0..3), any::<i64>()).prop_map(|(content, timestamp_ms)| {
        Message::User(UserMessage {
            content,
            timestamp_ms,
        })
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
        |(input, output, read, write)| Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_tokens: write,
        },
    )
}

fn assistant() -> impl Strategy<Value = Message> {
    let content = prop_oneof![
        text().prop_map(|text| AssistantContent::Text { text }),
        text().prop_map(|thinking| AssistantContent::Thinking { thinking }),
        (text(), text()).prop_map(|(id, arguments)| AssistantContent::ToolCall {
            tool_call: ToolCall {
                id,
                name: "bash".to_owned(),
                arguments
            }
        }),
    ];
    let reason = prop::sample::select(vec![
        StopReason::Stop,
        StopReason::Length,
        StopReason::ToolUse,
        StopReason::Error,
        StopReason::Aborted,
    ]);
    let api = prop::sample::select(vec![
        ApiKind::Anthropic,
        ApiKind::OpenAi,
        ApiKind::Google,
        ApiKind::Mistral,
    ]);
    let extra = (
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(text()),
    );
    (
        prop::collection::vec(content, 0..3),
        api,
        usage(),
        reason,
        extra,
    )
        .prop_map(|(content, api, usage, stop_reason, extra)| {
            Message::Assistant(AssistantMessage {
                content,
                api,
                provider: "p".to_owned(),
                model: "m".to_owned(),
                response_model: extra.0,
                response_id: extra.1,
                usage,
                stop_reason,
                error_message: extra.2,
                timestamp_ms: 0,
            })
        })
}

fn tool_result() -> impl Strategy<Value = Message> {
    let details = prop::option::of(prop_oneof![
        any::<i64>().prop_map(Value::from),
        text().prop_map(|t| json!({"type": "message", "x": [t, null, {"crc": true}]})),
    ]);
    (text(), text(), details, any::<bool>()).prop_map(|(id, text, details, is_error)| {
        Message::ToolResult(ToolResultMessage {
            tool_call_id: id,
            tool_name: "bash".to_owned(),
            content: vec![OutputContent::Text { text }],
            details,
            is_error,
            timestamp_ms: 0,
        })
    })
}

/// Any message.
pub fn message() -> impl Strategy<Value = Message> {
    prop_oneof![3 => user(), 3 => assistant(), 1 => tool_result()]
}
