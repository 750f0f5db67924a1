//! To opi, version 1: the whole tree, with nothing that its strict reader would refuse.

use super::{Parts, To, words};
use crate::{
    Error,
    interchange::{
        json::{Json, Members, Put, list, put, put_number, put_raw, put_text, put_text_or_null},
        out::unix_ms,
        parts::put_text_content,
    },
    reader::NodeInfo,
};
use serde_json::value::RawValue;
use sessionlog_core::{
    EntryId, IdKind,
    record::{CompactionEntry, Header, Kind, LeafEntry, MessageEntry, Verbatim},
};

/// A member that is to be a string, or null.
const STRING: fn(&RawValue) -> bool = |raw| raw.get().starts_with('"');

pub(super) fn write(to: &mut To<'_>) -> Result<(), Error> {
    let log = to.log;
    let header = log.header().cloned().unwrap_or_default();
    let id = log.id();
    let fork_point = header
        .fork_point
        .as_deref()
        .and_then(|id| EntryId::try_from(id).ok());
    let mut line = Vec::new();
    let encoded = Header {
        id: &id,
        timestamp: sessionlog_core::Timestamp::parse(&header.timestamp).unwrap_or_default(),
        cwd: &header.cwd,
        parent_session: header.parent_session.as_deref(),
        branch_name: header.branch_name.as_deref(),
        fork_point: fork_point.as_ref(),
    }
    .encode(&mut line);
    to.made(encoded)?;
    to.bytes(&line)?;
    for node in log.nodes() {
        let id = node.id.and_then(|id| EntryId::try_from(id).ok());
        let (Some(id), true) = (id, node.kind != Kind::Unknown) else {
            to.done.left_out += 1;
            continue;
        };
        let parent = above(to, node.parent);
        let timestamp = node.timestamp.unwrap_or_default();
        line.clear();
        if node.kind == Kind::Message {
            let record = to.record(node.index)?;
            let payload =
                super::document(|json| put_payload(json, &Parts::of(&record).payload, &node));
            let payload = to.made(payload)?;
            let entry = MessageEntry {
                id: &id,
                parent_id: parent.as_ref(),
                timestamp,
                message: &Verbatim(&payload),
            };
            to.made(entry.encode(&mut line))?;
        } else {
            let Some(info) = log.compaction(node.index)? else {
                continue;
            };
            let kept = EntryId::try_from(&*info.first_kept_entry_id).unwrap_or_else(|_| id.clone());
            let entry = CompactionEntry {
                id: &id,
                parent_id: parent.as_ref(),
                timestamp,
                summary: &info.summary,
                first_kept_entry_id: &kept,
                tokens_before: info.tokens_before.unwrap_or(0),
                tokens_after: info.tokens_after.unwrap_or(0),
                totals: None,
            };
            to.made(entry.encode(&mut line))?;
        }
        to.done.entries += 1;
        to.bytes(&line)?;
    }
    if let Some(tip) = above(to, log.tip()) {
        let mut sequence = log.sequence();
        let id = EntryId::own(IdKind::Leaf, sequence.take());
        line.clear();
        let node = log.find(tip.as_str()).and_then(|tip| log.node(tip));
        let leaf = LeafEntry {
            id: &id,
            timestamp: node.and_then(|node| node.timestamp).unwrap_or_default(),
            entry_id: &tip,
            totals: None,
        };
        to.made(leaf.encode(&mut line))?;
        to.done.entries += 1;
        to.bytes(&line)?;
    }
    Ok(())
}

/// The nearest node, from this one upwards, that opi knows.
fn above(to: &To<'_>, mut index: Option<u32>) -> Option<EntryId> {
    while let Some(node) = index.and_then(|index| to.log.node(index)) {
        if node.kind != Kind::Unknown {
            return node.id.and_then(|id| EntryId::try_from(id).ok());
        }
        index = node.parent;
    }
    None
}

fn put_payload(json: &mut Json, payload: &Members<'_>, node: &NodeInfo<'_>) -> Put {
    let role = payload.text("role");
    let text = |name: &str| payload.text(name).unwrap_or_default().into_owned();
    json.begin_object()?;
    match role.as_deref() {
        Some("assistant") => {
            put_text(json, "role", "assistant")?;
            put_content(json, payload, &["text", "thinking", "tool_call"])?;
            let api = payload.text("api");
            let known = ["Anthropic", "OpenAi", "Google", "Mistral"];
            let api = api.filter(|api| known.contains(&&**api));
            put_text(json, "api", api.as_deref().unwrap_or("OpenAi"))?;
            put_text(json, "provider", &text("provider"))?;
            put_text(json, "model", &text("model"))?;
            for name in ["response_model", "response_id"] {
                let given = payload.get(name).filter(|raw| STRING(raw));
                put_or_null(json, name, given)?;
            }
            put_usage(json, node)?;
            let reason = payload.text("stop_reason");
            let known = ["stop", "length", "tool_use", "error", "aborted"];
            let reason = reason.filter(|reason| known.contains(&&**reason));
            put_text(json, "stop_reason", reason.as_deref().unwrap_or("stop"))?;
            put_or_null(
                json,
                "error_message",
                payload.get("error_message").filter(|raw| STRING(raw)),
            )?;
        }
        Some("tool_result") => {
            put_text(json, "role", "tool_result")?;
            put_text(json, "tool_call_id", &text("tool_call_id"))?;
            put_text(json, "tool_name", &text("tool_name"))?;
            put_content(json, payload, &["text", "image"])?;
            match payload.get("details") {
                Some(details) if !is_readable(details) => {
                    put_text(json, "details", details.get())?;
                }
                details => put_or_null(json, "details", details)?,
            }
            json.key("is_error")?;
            json.bool(payload.is_true("is_error"))?;
        }
        Some("user") => {
            put_text(json, "role", "user")?;
            put_content(json, payload, &["text", "image"])?;
        }
        // Other roles speak to the model; opi has only these three.
        _ => {
            put_text(json, "role", "user")?;
            put_text_content(json, &words(payload))?;
        }
    }
    json.key("timestamp_ms")?;
    let time = payload
        .get("timestamp_ms")
        .and_then(|raw| raw.get().parse().ok());
    json.i64(
        time.unwrap_or_else(|| unix_ms(node.timestamp.map(|time| time.to_string()).as_deref())),
    )?;
    json.end_object()
}

/// opi holds numbers as doubles, and refuses one that is larger than all of them (F29).
fn is_readable(raw: &RawValue) -> bool {
    serde_json::from_str::<serde_json::Value>(raw.get()).is_ok()
}

fn put_or_null(json: &mut Json, name: &str, raw: Option<&RawValue>) -> Put {
    match raw {
        Some(raw) => put_raw(json, name, raw),
        None => put_text_or_null(json, name, None),
    }
}

/// Usage that is not known says so; a count beyond its 32 bits is the greatest there.
fn put_usage(json: &mut Json, node: &NodeInfo<'_>) -> Put {
    let usage = node.usage.unwrap_or_default();
    let fits = |tokens: u64| tokens.min(u32::MAX.into());
    json.key("usage")?;
    json.begin_object()?;
    put_number(json, "input_tokens", fits(usage.input_tokens))?;
    put_number(json, "output_tokens", fits(usage.output_tokens))?;
    put_number(json, "cache_read_tokens", fits(usage.cache_read_tokens))?;
    put_number(json, "cache_write_tokens", fits(usage.cache_write_tokens))?;
    if let Some(tokens) = usage.cache_write_1h_tokens {
        put_number(json, "cache_write_1h_tokens", fits(tokens))?;
    }
    if let Some(tokens) = usage.reasoning_tokens {
        put_number(json, "reasoning_tokens", fits(tokens))?;
    }
    if node.usage.is_none() {
        json.key("reported")?;
        json.bool(false)?;
    }
    json.end_object()
}

/// The content, of parts of these kinds; others become text that is their JSON.
fn put_content(json: &mut Json, payload: &Members<'_>, known: &[&str]) -> Put {
    let content = payload.get("content");
    let Some(parts) = content.and_then(list) else {
        return put_text_content(json, &words(payload));
    };
    json.key("content")?;
    json.begin_array()?;
    for raw in parts {
        let kind = Members::of(raw).and_then(|part| part.text("type"));
        match kind {
            Some(kind) if known.contains(&&*kind) && is_readable(raw) => put(json, raw)?,
            _ => {
                json.begin_object()?;
                put_text(json, "type", "text")?;
                put_text(json, "text", raw.get())?;
                json.end_object()?;
            }
        }
    }
    json.end_array()
}
