//! Payloads.

use embedded_io::Write;
use sessionlog_core::json::{JsonWriter, WriteError};
use sessionlog_core::record::Payload;

/// Bytes as a caller's own payload hands them on: unchecked.
pub(super) struct Streamed<'a>(pub(super) &'a [u8]);

impl Payload for Streamed<'_> {
    fn write_to<W: Write>(&self, json: &mut JsonWriter<W>) -> Result<(), WriteError<W::Error>> {
        json.raw(self.0)
    }
}

/// The tool calls that a message makes, and the one that it answers.
#[derive(Default)]
pub(super) struct Tools {
    pub(super) calls: Vec<u8>,
    pub(super) answers: Option<u8>,
}

/// A user's message of so many bytes.
pub(super) fn user(len: usize) -> String {
    let text = "x".repeat(len);
    format!(r#"{{"role":"user","content":[{{"type":"text","text":"{text}"}}]}}"#)
}

/// An answer; its usage is unknown with 0 tokens.
pub(super) fn answer(tokens: u64) -> String {
    let usage = match tokens {
        0 => String::new(),
        n => format!(r#","usage":{{"input_tokens":{n},"output_tokens":1,"reasoning_tokens":1}}"#),
    };
    format!(r#"{{"role":"assistant","content":[]{usage}}}"#)
}

/// An answer with tool calls.
pub(super) fn call(calls: &[u8]) -> String {
    let call = |n: &u8| format!(r#"{{"type":"tool_call","tool_call":{{"id":"c{n}"}}}}"#);
    let content: Vec<String> = calls.iter().map(call).collect();
    let content = content.join(",");
    format!(r#"{{"role":"assistant","content":[{content}]}}"#)
}

/// The result of a tool call.
pub(super) fn result(n: u8) -> String {
    format!(r#"{{"role":"tool_result","tool_call_id":"c{n}","content":[]}}"#)
}
