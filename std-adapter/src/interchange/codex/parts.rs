//! What items of Codex' are and hold.

use crate::interchange::json::{Json, Members, Put, list, put, put_raw, put_text};
use serde_json::value::RawValue;

/// Texts that Codex itself puts before the model in the user's name: no turn begins with them.
const INJECTED: [&str; 5] = [
    "<environment_context>",
    "<user_instructions>",
    "# AGENTS.md instructions",
    "<turn_aborted>",
    "<user_shell_command>",
];

/// An item of this kind that the model has said.
pub(in crate::interchange) fn is_answer(kind: &str, role: Option<&str>) -> bool {
    match kind {
        "message" => role == Some("assistant"),
        "reasoning" | "function_call" | "custom_tool_call" | "local_shell_call" => true,
        _ => false,
    }
}

/// An item of this kind that the model was told.
pub(in crate::interchange) fn is_message(kind: &str, has_role: bool, has_call: bool) -> bool {
    match kind {
        "message" => has_role,
        "function_call_output" | "custom_tool_call_output" => has_call,
        _ => false,
    }
}

/// What stands in the user's name is Codex' own.
pub(in crate::interchange) fn is_injected(payload: &Members<'_>) -> bool {
    let parts = payload.get("content").and_then(list).unwrap_or_default();
    let first = parts
        .iter()
        .find_map(|part| Members::of(part)?.text("text"));
    first.is_some_and(|text| {
        let text = text.trim_start();
        INJECTED.iter().any(|mark| text.starts_with(mark))
    })
}

/// What the model thought: a summary, or else the thoughts themselves.
pub(in crate::interchange) fn thought(payload: &Members<'_>) -> String {
    let summary = payload.get("summary").map(text_of).unwrap_or_default();
    match payload.get("content") {
        Some(content) if summary.is_empty() => text_of(content),
        _ => summary,
    }
}

/// The texts of a list of parts, or a string.
pub(super) fn text_of(raw: &RawValue) -> String {
    if let Some(text) = crate::interchange::json::text(raw) {
        return text.into_owned();
    }
    let parts = list(raw).unwrap_or_default();
    let texts = parts
        .iter()
        .filter_map(|part| Members::of(part)?.text("text"));
    texts.collect::<Vec<_>>().join("\n")
}

pub(super) fn put_part(json: &mut Json, raw: &RawValue) -> Put {
    let Some(mut part) = Members::of(raw) else {
        return put(json, raw);
    };
    let kind = part.text("type");
    let is_text = matches!(kind.as_deref(), Some("input_text" | "output_text" | "text"));
    if is_text && part.text("text").is_some() {
        part.take("type");
        json.begin_object()?;
        put_text(json, "type", "text")?;
        part.write(json)?;
        return json.end_object();
    }
    if kind.as_deref() == Some("input_image")
        && let Some(address) = part.text("image_url")
    {
        let media = address
            .strip_prefix("data:")
            .and_then(|data| data.split(';').next());
        json.begin_object()?;
        put_text(json, "type", "image")?;
        json.key("source")?;
        json.begin_object()?;
        put_text(json, "type", "url")?;
        if let Some(url) = part.get("image_url") {
            put_raw(json, "url", url)?;
        }
        json.end_object()?;
        put_text(json, "media_type", media.unwrap_or("image/png"))?;
        return json.end_object();
    }
    put(json, raw)
}
