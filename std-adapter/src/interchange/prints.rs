//! By what a message is known again in another file: numbers that are the same for copies, taken from a foreign file
//! and from the session that was made of it alike. `docs/interchange.md` says what identifies a message where.

use super::json::{Members, list};
use serde_json::value::RawValue;
use sessionlog_core::Timestamp;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// The same number for the same value, in every run of the same program.
pub(crate) fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// An entry whose id is unique wherever it stands; made-up ones are its session's.
pub(crate) fn of_entry(id: &str, time: Option<Timestamp>, session: &str) -> u64 {
    let session = id.starts_with("msg-").then_some(session);
    hash((id, time.map(Timestamp::unix_ms), session))
}

/// An answer, by the provider's names for it and for the request.
pub(crate) fn of_response(answer: &str, request: Option<&str>) -> u64 {
    hash((answer, request))
}

/// What a message of Codex' says, as its line has it. Of kinds that are messages only.
pub(super) fn of_item(kind: &str, payload: &Members<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match kind {
        "message" => {
            payload.text("role").unwrap_or_default().hash(&mut hasher);
            let parts = payload.get("content").and_then(list).unwrap_or_default();
            for part in parts {
                part_of(part, &mut hasher);
            }
        }
        "reasoning" => {
            "assistant".hash(&mut hasher);
            ("thinking", super::codex::thought(payload)).hash(&mut hasher);
        }
        _ => {
            "assistant".hash(&mut hasher);
            let call = payload.text("call_id").unwrap_or_default();
            ("tool_call", call).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// A count of tokens that is an entry of its own: its running total.
pub(super) fn of_total(payload: &Members<'_>) -> u64 {
    let total = payload.object("info");
    let total = total.and_then(|info| info.object("total_token_usage"));
    let counts = ["input_tokens", "cached_input_tokens", "output_tokens"];
    let counts = counts.map(|name| total.as_ref()?.number(name));
    hash(("total", counts))
}

/// The same of a record that was made of such a line, or was appended to a session of such records.
pub(crate) fn of_record(record: &str) -> u64 {
    let record = Members::parse(record).unwrap_or_default();
    let message = record.object("message").unwrap_or_default();
    let told = record.object("foreign");
    let told = told.and_then(|foreign| foreign.object("payload"));
    if let Some(told) = told.filter(|told| told.text("type").as_deref() == Some("token_count")) {
        return of_total(&told);
    }
    let mut hasher = DefaultHasher::new();
    message.text("role").unwrap_or_default().hash(&mut hasher);
    for part in message.get("content").and_then(list).unwrap_or_default() {
        part_of(part, &mut hasher);
    }
    hasher.finish()
}

/// The provider's names for the answer that a record made of a line of Claude Code's holds.
pub(crate) fn response_of(record: &str) -> Option<u64> {
    let record = Members::parse(record)?;
    let answer = record.object("message")?.text("response_id")?;
    let foreign = record.object("foreign");
    let request = foreign.and_then(|foreign| foreign.text("requestId"));
    Some(of_response(&answer, request.as_deref()))
}

/// What a message says, and what it used, as claw-code's become payloads.
pub(crate) fn of_payload(payload: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in Members::parse(payload).unwrap_or_default().iter() {
        if matches!(name, "role" | "content" | "usage") {
            (name, value.get()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn part_of(part: &RawValue, hasher: &mut DefaultHasher) {
    let Some(part) = Members::of(part) else {
        return;
    };
    match part.text("type").as_deref() {
        Some("text" | "input_text" | "output_text") => {
            if let Some(text) = part.text("text") {
                ("text", text).hash(hasher);
            }
        }
        Some("thinking") => {
            ("thinking", part.text("thinking").unwrap_or_default()).hash(hasher);
        }
        Some("tool_call") => {
            let call = part.object("tool_call");
            let id = call.and_then(|call| call.text("id")).unwrap_or_default();
            ("tool_call", id).hash(hasher);
        }
        _ => {}
    }
}

/// Numbers what is said several times in a file.
#[derive(Debug, Default)]
pub(crate) struct Said(HashMap<u64, u32>);

impl Said {
    /// Words, and how often they were said before.
    pub(crate) fn number(&mut self, words: u64) -> u64 {
        let count = self.0.entry(words).or_default();
        *count += 1;
        hash((words, *count))
    }
}
