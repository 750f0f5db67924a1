//! What lines of Claude Code's hold: contents, results of tools, usage.

use crate::interchange::{
    json::{Json, Members, Put, Rest, list, put, text},
    parts::{put_call, put_image, put_text_part},
};
use serde_json::value::RawValue;
use sessionlog_core::Usage;
use std::mem;

/// The parts of what a user's line holds.
pub(in crate::interchange) fn segments(content: Option<&RawValue>) -> Vec<Segment<'_>> {
    let mut segments: Vec<Segment<'_>> = Vec::new();
    match content {
        Some(content) if content.get().starts_with('[') => {
            for block in list(content).unwrap_or_default() {
                let result = Members::of(block)
                    .filter(|b| b.text("type").as_deref() == Some("tool_result"))
                    .filter(|b| b.text("tool_use_id").is_some());
                match (result, segments.last_mut()) {
                    (Some(result), _) => segments.push(Segment::Result(result)),
                    (None, Some(Segment::Said(blocks))) => blocks.push(block),
                    (None, _) => segments.push(Segment::Said(vec![block])),
                }
            }
        }
        Some(content) => segments.push(Segment::Said(vec![content])),
        None => {}
    }
    if segments.is_empty() {
        segments.push(Segment::Said(Vec::new()));
    }
    segments
}

/// A part of a user's line.
pub(in crate::interchange) enum Segment<'a> {
    Said(Vec<&'a RawValue>),
    Result(Members<'a>),
}

/// The text of a summary.
pub(super) fn summary_of(message: &mut Members<'_>) -> String {
    let Some(content) = message.take("content") else {
        return String::new();
    };
    if let Some(text) = text(content) {
        return text.into_owned();
    }
    let blocks = list(content).unwrap_or_default();
    let texts = blocks
        .iter()
        .filter_map(|block| Members::of(block)?.text("text"));
    texts.collect::<Vec<_>>().join("\n")
}

/// What an answer used, and what is left of it. A count that is no count makes all of it unknown.
pub(in crate::interchange) fn take_usage(mut message: Members<'_>) -> (Option<Usage>, Rest<'_>) {
    let Some(mut usage) = message.object("usage") else {
        return (None, Rest::of(message));
    };
    let whole = |usage: &Members<'_>, name: &str| {
        usage.get(name).is_none_or(|raw| raw.get() == "null") || usage.number(name).is_some()
    };
    let names = [
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    ];
    let known = names.iter().any(|name| usage.number(name).is_some());
    if !known || !names.iter().all(|name| whole(&usage, name)) {
        return (None, Rest::of(message));
    }
    message.take("usage");
    let [input, output, read, written] = names.map(|name| usage.take_number(name));
    let mut tiers = usage.object("cache_creation");
    let mut take = |name| tiers.as_mut().and_then(|tiers| tiers.take_number(name));
    let (long, short) = (
        take("ephemeral_1h_input_tokens"),
        take("ephemeral_5m_input_tokens"),
    );
    let sum = long.unwrap_or(0).saturating_add(short.unwrap_or(0));
    let mut rest = Rest::default();
    if let Some(tiers) = tiers {
        // What the two tiers do not add up to is of the shorter one, whose count is not kept for itself.
        if written.is_none_or(|written| written == sum) {
            usage.take("cache_creation");
            rest = Rest::of(tiers);
        }
    }
    let counted = Usage {
        input_tokens: input.unwrap_or(0),
        output_tokens: output.unwrap_or(0),
        cache_read_tokens: read.unwrap_or(0),
        // The tiers are parts of it: it is no less than both.
        cache_write_tokens: written.map_or(sum, |written| written.max(sum)),
        cache_write_1h_tokens: long,
        ..Usage::default()
    };
    let usage = Rest::of(usage).with("cache_creation", rest);
    let message = Rest::of(mem::take(&mut message)).with("usage", usage);
    (Some(counted), message)
}

/// The member `content`, from blocks and plain strings.
pub(super) fn put_contents(json: &mut Json, blocks: &[&RawValue]) -> Put {
    json.key("content")?;
    json.begin_array()?;
    blocks.iter().try_for_each(|block| put_block(json, block))?;
    json.end_array()
}

fn put_block(json: &mut Json, raw: &RawValue) -> Put {
    if raw.get().starts_with('"') {
        return put_text_part(json, raw);
    }
    let Some(mut block) = Members::of(raw) else {
        return put(json, raw);
    };
    match block.text("type").as_deref() {
        Some("tool_use") => {
            if let (Some(id), Some(name), Some(input)) =
                (block.get("id"), block.get("name"), block.get("input"))
                && id.get().starts_with('"')
                && name.get().starts_with('"')
            {
                for taken in ["type", "id", "name", "input"] {
                    block.take(taken);
                }
                return put_call(json, id, name, input.get(), &block);
            }
        }
        Some("image") => {
            let source = block.object("source");
            let kind = source.as_ref().and_then(|source| source.text("type"));
            let part = |name: &str| source.as_ref().and_then(|source| source.get(name));
            let media = part("media_type").filter(|media| media.get().starts_with('"'));
            if let (Some("base64"), Some(data), Some(media)) =
                (kind.as_deref(), part("data"), media)
            {
                block.take("type");
                block.take("source");
                return put_image(json, ("base64", "data", data), media, &block);
            }
        }
        _ => {}
    }
    // Texts and thoughts are the same there; what is unknown stays as it is.
    put(json, raw)
}
