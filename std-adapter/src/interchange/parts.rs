//! Contents and usage as opi's payloads have them, shared by the formats.

use super::json::{Json, Members, Put, put_number, put_raw, put_text};
use crate::reader::told_amount;
use serde_json::value::RawValue;
use sessionlog_core::Usage;

/// A text as a part of a content.
pub(super) fn put_text_part(json: &mut Json, text: &RawValue) -> Put {
    json.begin_object()?;
    put_text(json, "type", "text")?;
    put_raw(json, "text", text)?;
    json.end_object()
}

/// A text that is told in words, as a whole content.
pub(super) fn put_text_content(json: &mut Json, text: &str) -> Put {
    json.key("content")?;
    json.begin_array()?;
    if !text.is_empty() {
        json.begin_object()?;
        put_text(json, "type", "text")?;
        put_text(json, "text", text)?;
        json.end_object()?;
    }
    json.end_array()
}

/// A picture: its data or its address, and its type.
pub(super) fn put_image(
    json: &mut Json,
    source: (&str, &str, &RawValue),
    media_type: &RawValue,
    rest: &Members<'_>,
) -> Put {
    let (kind, name, value) = source;
    json.begin_object()?;
    put_text(json, "type", "image")?;
    json.key("source")?;
    json.begin_object()?;
    put_text(json, "type", kind)?;
    put_raw(json, name, value)?;
    json.end_object()?;
    put_raw(json, "media_type", media_type)?;
    rest.write(json)?;
    json.end_object()
}

/// A tool call; `arguments` is JSON, and becomes a string.
pub(super) fn put_call(
    json: &mut Json,
    id: &RawValue,
    name: &RawValue,
    arguments: &str,
    rest: &Members<'_>,
) -> Put {
    json.begin_object()?;
    put_text(json, "type", "tool_call")?;
    json.key("tool_call")?;
    json.begin_object()?;
    put_raw(json, "id", id)?;
    put_raw(json, "name", name)?;
    put_text(json, "arguments", arguments)?;
    json.end_object()?;
    rest.write(json)?;
    json.end_object()
}

/// The member `usage`; with what the source itself tells that it cost, in USD.
pub(super) fn put_usage(json: &mut Json, usage: &Usage, cost: Option<&RawValue>) -> Put {
    json.key("usage")?;
    json.begin_object()?;
    put_number(json, "input_tokens", usage.input_tokens)?;
    put_number(json, "output_tokens", usage.output_tokens)?;
    put_number(json, "cache_read_tokens", usage.cache_read_tokens)?;
    put_number(json, "cache_write_tokens", usage.cache_write_tokens)?;
    if let Some(tokens) = usage.cache_write_1h_tokens {
        put_number(json, "cache_write_1h_tokens", tokens)?;
    }
    if let Some(tokens) = usage.reasoning_tokens {
        put_number(json, "reasoning_tokens", tokens)?;
    }
    if let Some(cost) = cost {
        put_raw(json, "cost_usd", cost)?;
    }
    json.end_object()
}

/// A member that is an amount of money: a number that is not negative.
pub(super) fn amount<'a>(of: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    of.get(name)
        .filter(|raw| told_amount(raw.get()).is_some() && !raw.get().starts_with('"'))
}

/// The provider whose model this is, where the format does not tell it.
pub(super) fn provider_of(model: &str) -> Option<&'static str> {
    let starts = |words: &[&str]| words.iter().any(|word| model.starts_with(word));
    if starts(&["claude"]) {
        Some("anthropic")
    } else if starts(&["gpt-", "o1", "o3", "o4", "codex", "chatgpt"]) {
        Some("openai")
    } else if starts(&["gemini"]) {
        Some("google")
    } else if starts(&["mistral", "codestral", "devstral", "magistral"]) {
        Some("mistral")
    } else if starts(&["grok"]) {
        Some("xai")
    } else {
        None
    }
}

/// opi's name for the family of interfaces of a provider.
pub(super) fn api_of(provider: &str) -> &'static str {
    match provider {
        "anthropic" => "Anthropic",
        "google" => "Google",
        "mistral" => "Mistral",
        _ => "OpenAi",
    }
}
