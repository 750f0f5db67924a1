//! To pi, version 3: the whole tree. What came from pi goes back as it came.

use super::{Parts, To, words};
use crate::{
    Error,
    interchange::json::{
        Json, Members, Put, list, put, put_number, put_raw, put_text, put_text_or_null,
    },
    reader::NodeInfo,
};
use serde_json::value::RawValue;
use sessionlog_core::{Timestamp, record::Kind};

/// How an unknown entry's type begins that was a line of pi's.
const OURS: &str = "pi:";

/// The type of the entry that makes an earlier one the tip: there it is the file's last entry.
const TIP: &str = "sessionlog.tip";

pub(super) fn write(to: &mut To<'_>) -> Result<(), Error> {
    let log = to.log;
    let header = to.header()?;
    let header = Parts::of(&header);
    let verbatim = header.record.text("imported_from").as_deref() == Some("pi");
    // Version 3 has another name for what hooks of version 2 said.
    let older = verbatim && header.foreign.number("version") != Some(3);
    let forked = header.record.text("parent_session").is_some();
    let forked = header
        .record
        .text("timestamp")
        .filter(|_| forked)
        .and_then(|time| Timestamp::parse(&time));
    to.line(|json| {
        json.begin_object()?;
        put_text(json, "type", "session")?;
        put_number(json, "version", 3)?;
        put_text(json, "id", &log.id())?;
        for (theirs, ours) in [("timestamp", "timestamp"), ("cwd", "cwd")] {
            put_text(json, theirs, &header.record.text(ours).unwrap_or_default())?;
        }
        if let Some(parent) = header.record.text("parent_session") {
            put_text(json, "parentSession", &parent)?;
        }
        if verbatim {
            let mut left = header.foreign.clone();
            left.take("version");
            left.write(json)?;
        }
        json.end_object()
    })?;
    let mut last = None;
    for node in log.nodes() {
        let Some(id) = node.id else {
            to.done.left_out += 1;
            continue;
        };
        let record = to.record(node.index)?;
        let parts = Parts::of(&record);
        let unknown = match node.kind {
            Kind::Unknown => {
                let name = log.type_name(node.index)?;
                let own = name.strip_prefix(OURS).filter(|kind| *kind != "damaged");
                if own.is_none() {
                    to.done.left_out += 1;
                    continue;
                }
                parts.record.object("record")
            }
            _ => None,
        };
        let parent = parent_of(to, node.parent)?;
        let compaction = log.compaction(node.index)?;
        let moved = forked.and_then(|forked| moved(forked, &node, log.inherited(node.index)));
        to.line(|json| {
            json.begin_object()?;
            let mut left = match unknown {
                Some(record) => record,
                None if verbatim => parts.foreign.clone(),
                None => Members::default(),
            };
            for own in ["id", "parentId", "timestamp"] {
                left.take(own);
            }
            let message = left.take_object("message").unwrap_or_default();
            if node.kind == Kind::Compaction {
                left.take("firstKeptEntryIndex");
            }
            let its_own = left.take_text("type");
            let kind = match (node.kind, &its_own) {
                (_, Some(own)) => own,
                (Kind::Compaction, None) => "compaction",
                _ => "message",
            };
            put_text(json, "type", kind)?;
            put_text(json, "id", id)?;
            put_text_or_null(json, "parentId", parent.as_deref())?;
            match (moved, parts.record.get("timestamp")) {
                (Some(time), _) => put_text(json, "timestamp", &time.to_string())?,
                (None, Some(time)) => put_raw(json, "timestamp", time)?,
                (None, None) => put_text(json, "timestamp", &Timestamp::default().to_string())?,
            }
            if its_own.is_none() && node.kind == Kind::Message {
                json.key("message")?;
                put_message(json, &parts.payload, message, &node, older)?;
            }
            if let Some(compaction) = &compaction {
                put_text(json, "summary", &compaction.summary)?;
                if left.get("firstKeptEntryId").is_none() {
                    put_text(json, "firstKeptEntryId", &compaction.first_kept_entry_id)?;
                }
                put_number(json, "tokensBefore", compaction.tokens_before.unwrap_or(0))?;
            }
            left.write(json)?;
            json.end_object()
        })?;
        last = Some(node.index);
    }
    if let (Some(tip), Some(last)) = (log.tip(), last)
        && tip != last
        && let Some(tip) = parent_of(to, Some(tip))?
    {
        to.line(|json| {
            json.begin_object()?;
            put_text(json, "type", "custom")?;
            put_text(json, "id", "tip")?;
            put_text(json, "parentId", &tip)?;
            put_text(
                json,
                "timestamp",
                &log.node(last)
                    .and_then(|n| n.timestamp)
                    .unwrap_or_default()
                    .to_string(),
            )?;
            put_text(json, "customType", TIP)?;
            json.end_object()
        })?;
    }
    Ok(())
}

/// pi tells what a session has inherited by its times: all that is older than the session. Where an entry's own time would
/// tell otherwise, the nearest that does not.
fn moved(forked: Timestamp, node: &NodeInfo<'_>, inherited: bool) -> Option<Timestamp> {
    let before = node.timestamp.is_some_and(|time| time < forked);
    let at = match (inherited, before) {
        (true, false) => forked.unix_ms().saturating_sub(1),
        (false, true) => forked.unix_ms(),
        _ => return None,
    };
    Some(Timestamp::from_unix_ms(at))
}

/// The nearest node, from this one upwards, that is written.
fn parent_of(to: &To<'_>, mut index: Option<u32>) -> Result<Option<String>, Error> {
    while let Some(node) = index.and_then(|index| to.log.node(index)) {
        let written = node.kind != Kind::Unknown || to.log.type_name(node.index)?.starts_with(OURS);
        if let Some(id) = node.id.filter(|_| written) {
            return Ok(Some(id.to_owned()));
        }
        index = node.parent;
    }
    Ok(None)
}

fn put_message(
    json: &mut Json,
    payload: &Members<'_>,
    mut left: Members<'_>,
    node: &NodeInfo<'_>,
    older: bool,
) -> Put {
    let role = payload.text("role").unwrap_or_default();
    json.begin_object()?;
    let text = |name: &str| payload.text(name).unwrap_or_default().into_owned();
    let known = matches!(&*role, "user" | "assistant" | "tool_result");
    if !known && left.get("role").is_some() {
        // A role of pi's own: all of it is here.
        if older && left.take_word("role", "hookMessage") {
            put_text(json, "role", "custom")?;
        }
        left.write(json)?;
    } else {
        match &*role {
            "assistant" => {
                put_text(json, "role", "assistant")?;
                put_content(json, payload)?;
                if left.get("api").is_none() {
                    put_text(json, "api", api_of(&text("api")))?;
                }
                put_text(json, "provider", &text("provider"))?;
                put_text(json, "model", &text("model"))?;
                let told = payload.object("usage");
                let told = told.and_then(|usage| usage.get("cost_usd"));
                put_usage(json, node, told, &mut left)?;
                if left.get("stopReason").is_none() {
                    let reason = match &*text("stop_reason") {
                        "tool_use" => "toolUse",
                        reason @ ("length" | "error" | "aborted") => reason,
                        _ => "stop",
                    }
                    .to_owned();
                    put_text(json, "stopReason", &reason)?;
                }
                if let Some(error) = payload.text("error_message") {
                    put_text(json, "errorMessage", &error)?;
                }
            }
            "tool_result" => {
                put_text(json, "role", "toolResult")?;
                put_text(json, "toolCallId", &text("tool_call_id"))?;
                put_text(json, "toolName", &text("tool_name"))?;
                put_content(json, payload)?;
                if let Some(details) = payload.get("details").filter(|raw| raw.get() != "null") {
                    put_raw(json, "details", details)?;
                }
                json.key("isError")?;
                json.bool(payload.is_true("is_error"))?;
            }
            // Other roles speak to the model; pi has them as the user's.
            _ => {
                put_text(json, "role", "user")?;
                put_content(json, payload)?;
            }
        }
        left.write(json)?;
    }
    if left.get("timestamp").is_none() {
        json.key("timestamp")?;
        let time = payload
            .get("timestamp_ms")
            .and_then(|raw| raw.get().parse().ok());
        json.i64(time.unwrap_or_else(|| node.timestamp.unwrap_or_default().unix_ms()))?;
    }
    json.end_object()
}

fn api_of(api: &str) -> &'static str {
    match api {
        "Anthropic" => "anthropic-messages",
        "Google" => "google-generative-ai",
        "Mistral" => "mistral",
        _ => "openai-responses",
    }
}

/// `told` is what the answer tells that it cost.
fn put_usage(
    json: &mut Json,
    node: &NodeInfo<'_>,
    told: Option<&RawValue>,
    left: &mut Members<'_>,
) -> Put {
    // Usage that could not be counted is here as it was.
    let Some(usage) = node.usage else {
        return Ok(());
    };
    let rest = left.take_object("usage").unwrap_or_default();
    json.key("usage")?;
    json.begin_object()?;
    put_number(json, "input", usage.input_tokens)?;
    put_number(json, "output", usage.output_tokens)?;
    put_number(json, "cacheRead", usage.cache_read_tokens)?;
    put_number(json, "cacheWrite", usage.cache_write_tokens)?;
    if rest.get("totalTokens").is_none() {
        put_number(json, "totalTokens", usage.total_tokens())?;
    }
    if rest.get("cost").is_none() {
        json.key("cost")?;
        json.begin_object()?;
        // pi reads these members without looking whether they are there; null adds nothing, and says nothing either.
        for name in ["input", "output", "cacheRead", "cacheWrite"] {
            json.key(name)?;
            json.null()?;
        }
        json.key("total")?;
        match (node.cost, told) {
            (Some(_), Some(told)) if !told.get().starts_with('"') => put(json, told)?,
            (Some(cost), _) => json.raw(cost.to_string().as_bytes())?,
            (None, _) => json.null()?,
        }
        json.end_object()?;
    }
    rest.write(json)?;
    json.end_object()
}

fn put_content(json: &mut Json, payload: &Members<'_>) -> Put {
    json.key("content")?;
    json.begin_array()?;
    let parts = payload.get("content").and_then(list);
    match parts {
        Some(parts) => parts.iter().try_for_each(|part| put_part(json, part))?,
        None => {
            json.begin_object()?;
            put_text(json, "type", "text")?;
            put_text(json, "text", &words(payload))?;
            json.end_object()?;
        }
    }
    json.end_array()
}

fn put_part(json: &mut Json, raw: &RawValue) -> Put {
    let Some(mut part) = Members::of(raw) else {
        return put(json, raw);
    };
    match part.text("type").as_deref() {
        Some("tool_call") => {
            let Some(call) = part.take_object("tool_call") else {
                return put(json, raw);
            };
            part.take("type");
            json.begin_object()?;
            put_text(json, "type", "toolCall")?;
            put_text(json, "id", &call.text("id").unwrap_or_default())?;
            put_text(json, "name", &call.text("name").unwrap_or_default())?;
            json.key("arguments")?;
            let arguments = call.text("arguments").unwrap_or_default();
            // They are an object there; what is none, or cut off, is a member of one.
            match crate::interchange::lines::object(arguments.as_bytes()) {
                Ok(_) => json.raw(&crate::interchange::json::one_line(arguments.as_bytes()))?,
                Err(_) => {
                    json.begin_object()?;
                    put_text(json, "text", &arguments)?;
                    json.end_object()?;
                }
            }
            part.write(json)?;
            json.end_object()
        }
        Some("image") => {
            let source = part.object("source");
            let data = source.as_ref().and_then(|source| source.get("data"));
            let data = data.filter(|data| data.get().starts_with('"'));
            let (Some(data), Some(media)) = (data, part.get("media_type")) else {
                let address = source.and_then(|source| source.text("url"));
                json.begin_object()?;
                put_text(json, "type", "text")?;
                put_text(
                    json,
                    "text",
                    &format!("[image {}]", address.unwrap_or_default()),
                )?;
                return json.end_object();
            };
            for taken in ["type", "source", "media_type"] {
                part.take(taken);
            }
            json.begin_object()?;
            put_text(json, "type", "image")?;
            put_raw(json, "data", data)?;
            put_raw(json, "mimeType", media)?;
            part.write(json)?;
            json.end_object()
        }
        _ => put(json, raw),
    }
}
