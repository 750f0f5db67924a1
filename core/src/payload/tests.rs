use std::string::String;
use std::vec;

use serde_json::{Value, json};

use super::*;
use crate::json::to_writer;

fn line<T: Serialize>(payload: &T) -> String {
    let mut buffer = vec![0; 4096];
    let mut sink = &mut buffer[..];
    to_writer(&mut sink, payload).unwrap();
    let unused = sink.len();
    buffer.truncate(4096 - unused);
    let text = String::from_utf8(buffer).unwrap();
    assert_eq!(text, serde_json::to_string(payload).unwrap());
    text
}

const USER: UserMessage<'static> = UserMessage {
    content: &[
        InputContent::text("hi \"you\""),
        InputContent::Image {
            source: ImageSource::Url {
                url: "https://example.org/a.png",
            },
            media_type: MediaType::Png,
        },
        InputContent::Image {
            source: ImageSource::Base64 { data: "AAE=" },
            media_type: MediaType::Jpeg,
        },
        InputContent::Image {
            source: ImageSource::Bytes { data: &[0, 255] },
            media_type: MediaType::WebP,
        },
    ],
    timestamp_ms: -1,
};

const ASSISTANT: AssistantMessage<'static> = AssistantMessage {
    content: &[
        AssistantContent::thinking("well"),
        AssistantContent::text("so"),
        AssistantContent::tool_call("t1", "bash", r#"{"command":"ls"}"#),
    ],
    api: Api::Anthropic,
    provider: "p",
    model: "m",
    response_model: None,
    response_id: Some("r"),
    usage: Usage {
        input_tokens: 1,
        output_tokens: 2,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
        cache_write_1h_tokens: None,
        reasoning_tokens: None,
    },
    stop_reason: StopReason::ToolUse,
    error_message: None,
    timestamp_ms: 1_767_225_600_000,
};

const TOOL_RESULT: ToolResultMessage<'static> = ToolResultMessage {
    tool_call_id: "t1",
    tool_name: "bash",
    content: &[OutputContent::text("ok")],
    details: (),
    is_error: false,
    timestamp_ms: 0,
};

#[test]
fn user_message_is_opis() {
    assert_eq!(
        line(&USER),
        concat!(
            r#"{"role":"user","content":[{"type":"text","text":"hi \"you\""},"#,
            r#"{"type":"image","source":{"type":"url","url":"https://example.org/a.png"},"media_type":"image/png"},"#,
            r#"{"type":"image","source":{"type":"base64","data":"AAE="},"media_type":"image/jpeg"},"#,
            r#"{"type":"image","source":{"type":"bytes","data":[0,255]},"media_type":"image/webp"}],"#,
            r#""timestamp_ms":-1}"#,
        )
    );
}

#[test]
fn assistant_message_is_opis() {
    assert_eq!(
        line(&ASSISTANT),
        concat!(
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"well"},{"type":"text","text":"so"},"#,
            r#"{"type":"tool_call","tool_call":{"id":"t1","name":"bash","arguments":"{\"command\":\"ls\"}"}}],"#,
            r#""api":"Anthropic","provider":"p","model":"m","response_model":null,"response_id":"r","#,
            r#""usage":{"input_tokens":1,"output_tokens":2,"cache_read_tokens":0,"cache_write_tokens":0},"#,
            r#""stop_reason":"tool_use","error_message":null,"timestamp_ms":1767225600000}"#,
        )
    );
}

#[test]
fn tool_result_is_opis() {
    assert_eq!(
        line(&TOOL_RESULT),
        concat!(
            r#"{"role":"tool_result","tool_call_id":"t1","tool_name":"bash","#,
            r#""content":[{"type":"text","text":"ok"}],"details":null,"is_error":false,"timestamp_ms":0}"#,
        )
    );
}

#[test]
fn details_are_any_value() {
    #[derive(Serialize, Clone, Copy)]
    struct Exit {
        code: i32,
    }
    let message = ToolResultMessage {
        tool_call_id: "t",
        tool_name: "n",
        content: &[OutputContent::Image {
            source: ImageSource::Url { url: "u" },
            media_type: MediaType::Gif,
        }],
        details: Some(Exit { code: 2 }),
        is_error: true,
        timestamp_ms: 0,
    };
    let read: Value = serde_json::from_str(&line(&message)).unwrap();
    assert_eq!(read["details"], json!({"code": 2}));
    assert_eq!(read["is_error"], json!(true));
    assert_eq!(read["content"][0]["media_type"], json!("image/gif"));
}

#[test]
fn usage_beyond_opis_four_appears_when_known() {
    let usage = Usage {
        input_tokens: 1,
        output_tokens: 2,
        cache_read_tokens: u64::MAX,
        cache_write_tokens: 4,
        cache_write_1h_tokens: Some(0),
        reasoning_tokens: Some(9),
    };
    assert_eq!(
        line(&usage),
        concat!(
            r#"{"input_tokens":1,"output_tokens":2,"cache_read_tokens":18446744073709551615,"#,
            r#""cache_write_tokens":4,"cache_write_1h_tokens":0,"reasoning_tokens":9}"#,
        )
    );
}

#[test]
fn names_of_the_variants() {
    let apis = [Api::Anthropic, Api::OpenAi, Api::Google, Api::Mistral];
    assert_eq!(line(&apis), r#"["Anthropic","OpenAi","Google","Mistral"]"#);
    let reasons = [
        StopReason::Stop,
        StopReason::Length,
        StopReason::ToolUse,
        StopReason::Error,
        StopReason::Aborted,
    ];
    assert_eq!(
        line(&reasons),
        r#"["stop","length","tool_use","error","aborted"]"#
    );
}
