//! pi's messages, as payloads of ours.

use crate::{
    Error,
    interchange::{
        json::{Json, Members, Put, Rest, list, put, put_text, put_text_or_null},
        out::{Link, Out, unix_ms},
        parts::{amount, api_of, put_call, put_image, put_text_content, put_text_part, put_usage},
    },
};
use serde_json::value::RawValue;
use sessionlog_core::Usage;

pub(super) fn put_message(
    link: Link<'_>,
    line: Members<'_>,
    mut message: Members<'_>,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let role = message.text("role").unwrap_or_default();
    let told = message
        .get("timestamp")
        .and_then(|raw| raw.get().parse().ok());
    let time: i64 = told.unwrap_or_else(|| unix_ms(link.timestamp));
    if told.is_some() {
        message.take("timestamp");
    }
    match &*role {
        "user" | "assistant" | "toolResult" => {
            message.take("role");
        }
        _ => {
            // Other roles speak to the model too: their text, and all that they are.
            let words = words_of(&message);
            let content = message.get("content");
            let rest = Rest::of(line).with("message", Rest::of(message.clone()));
            return out.message(link, &rest, |json| {
                json.begin_object()?;
                put_text(json, "role", &role)?;
                match content {
                    Some(content) => put_content(json, Some(content))?,
                    None => put_text_content(json, &words)?,
                }
                end(json, time)
            });
        }
    }
    let content = message.take_if("content", |raw| raw.starts_with(['"', '[']));
    match &*role {
        "user" => {
            let rest = Rest::of(line).with("message", Rest::of(message));
            out.message(link, &rest, |json| {
                json.begin_object()?;
                put_text(json, "role", "user")?;
                put_content(json, content)?;
                end(json, time)
            })
        }
        "toolResult" => {
            let call = message.take_text("toolCallId").unwrap_or_default();
            let name = message.take_text("toolName").unwrap_or_default();
            let details = message.take("details");
            let failed = message.take_bool("isError").unwrap_or_default();
            let rest = Rest::of(line).with("message", Rest::of(message));
            out.message(link, &rest, |json| {
                json.begin_object()?;
                put_text(json, "role", "tool_result")?;
                put_text(json, "tool_call_id", &call)?;
                put_text(json, "tool_name", &name)?;
                put_content(json, content)?;
                json.key("details")?;
                match details {
                    Some(details) => put(json, details)?,
                    None => json.null()?,
                }
                json.key("is_error")?;
                json.bool(failed)?;
                end(json, time)
            })
        }
        _ => put_answer(link, (line, message), content, time, out),
    }
}

fn put_answer(
    link: Link<'_>,
    (line, mut message): (Members<'_>, Members<'_>),
    content: Option<&RawValue>,
    time: i64,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let provider = message.take_text("provider").unwrap_or_default();
    let model = message.take_text("model").unwrap_or_default();
    let given = message.text("stopReason");
    let reason = match given.as_deref() {
        Some("toolUse") => "tool_use",
        Some(reason @ ("length" | "error" | "aborted")) => reason,
        _ => "stop",
    };
    let known = ["stop", "toolUse", "length", "error", "aborted"];
    if given.as_deref().is_some_and(|given| known.contains(&given)) {
        message.take("stopReason");
    }
    let error = message.take_text("errorMessage");
    let given = message.object("usage");
    let cost = given.as_ref().and_then(|usage| usage.object("cost"));
    let cost = cost.and_then(|cost| amount(&cost, "total"));
    let (usage, left) = match given.map(take_usage) {
        Some((Some(usage), left)) => {
            message.take("usage");
            (Some(usage), left)
        }
        _ => (None, Rest::default()),
    };
    let message = Rest::of(message).with("usage", left);
    let rest = Rest::of(line).with("message", message);
    out.message(link, &rest, |json| {
        json.begin_object()?;
        put_text(json, "role", "assistant")?;
        put_content(json, content)?;
        put_text(json, "api", api_of(&provider))?;
        put_text(json, "provider", &provider)?;
        put_text(json, "model", &model)?;
        if let Some(usage) = &usage {
            put_usage(json, usage, cost)?;
        }
        put_text(json, "stop_reason", reason)?;
        put_text_or_null(json, "error_message", error.as_deref())?;
        end(json, time)
    })
}

/// The four counts, all of which must be there, and what is left.
fn take_usage(mut usage: Members<'_>) -> (Option<Usage>, Rest<'_>) {
    let names = ["input", "output", "cacheRead", "cacheWrite"];
    let counts = names.map(|name| usage.number(name));
    let [Some(input), Some(output), Some(read), Some(write)] = counts else {
        return (None, Rest::default());
    };
    for name in names {
        usage.take(name);
    }
    let counted = Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: write,
        ..Usage::default()
    };
    (Some(counted), Rest::of(usage))
}

/// What a message of another role says: a command and its output, a summary, or nothing.
fn words_of(message: &Members<'_>) -> String {
    let word = |name: &str| message.text(name).unwrap_or_default();
    match word("command") {
        command if !command.is_empty() => format!("$ {command}\n{}", word("output")),
        _ => word("summary").into_owned(),
    }
}

/// The member `content`, of a string or a list of parts.
pub(super) fn put_content(json: &mut Json, content: Option<&RawValue>) -> Put {
    json.key("content")?;
    json.begin_array()?;
    match (content, content.and_then(list)) {
        (_, Some(parts)) => parts.iter().try_for_each(|part| put_part(json, part))?,
        (Some(text), None) if text.get().starts_with('"') => put_text_part(json, text)?,
        _ => {}
    }
    json.end_array()
}

fn put_part(json: &mut Json, raw: &RawValue) -> Put {
    let Some(mut part) = Members::of(raw) else {
        return put(json, raw);
    };
    match part.text("type").as_deref() {
        Some("toolCall") if part.text("id").is_some() && part.text("name").is_some() => {
            part.take("type");
            let arguments = part.take("arguments").map_or("{}", RawValue::get);
            match (part.take("id"), part.take("name")) {
                (Some(id), Some(name)) => put_call(json, id, name, arguments, &part),
                _ => put(json, raw),
            }
        }
        Some("image") if part.text("data").is_some() && part.text("mimeType").is_some() => {
            part.take("type");
            match (part.take("data"), part.take("mimeType")) {
                (Some(data), Some(media)) => {
                    put_image(json, ("base64", "data", data), media, &part)
                }
                _ => put(json, raw),
            }
        }
        // Texts and thoughts are the same in both formats; what is unknown stays as it is.
        _ => put(json, raw),
    }
}

pub(super) fn end(json: &mut Json, time: i64) -> Put {
    json.key("timestamp_ms")?;
    json.i64(time)?;
    json.end_object()
}
