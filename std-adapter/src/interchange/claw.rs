//! claw-code: JSON Lines, or one JSON object in its older form. A list of messages without ids; what was compacted is gone.

mod object;

use super::{
    Tail,
    json::{Json, Members, Put, Rest, list, put, put_raw, put_text},
    lines::Source,
    out::{Compaction, Head, Link, NO_TIME, Out, is_id, timestamp_of, unix_ms},
    parts::{api_of, provider_of, put_call},
};
use crate::{Error, reader::name_of};
pub(super) use object::{convert_object, is_object};
use serde_json::value::RawValue;
use sessionlog_core::record::Fault;

/// Its usage counts, and opi's names for them.
pub(super) const USAGE: [(&str, &str); 4] = [
    ("input_tokens", "input_tokens"),
    ("output_tokens", "output_tokens"),
    ("cache_read_input_tokens", "cache_read_tokens"),
    ("cache_creation_input_tokens", "cache_write_tokens"),
];

/// The latest time that four digits of a year can tell, in milliseconds.
const LAST_MS: u64 = 253_402_300_799_999;

/// What stands in a header's `foreign` of a session that was one object: what it had to name it and to date it.
const LEGACY: [[&str; 2]; 2] = [
    [
        "{\"id\":false,\"time\":false}",
        "{\"id\":false,\"time\":true}",
    ],
    [
        "{\"id\":true,\"time\":false}",
        "{\"id\":true,\"time\":true}",
    ],
];

/// The name that a message bears that goes on in the next one: parts of one message there.
pub(super) const PART: &str = "{\"goes_on\":true}";

/// The conversion so far.
#[derive(Default)]
struct Pass {
    model: Option<String>,
    time: String,
    first: Option<String>,
    last: Option<String>,
    tail: Tail,
}

/// JSON Lines.
pub(super) fn convert(source: &Source, out: &mut Out<'_>) -> Result<Tail, Error> {
    let mut lines = source.lines();
    let mut pass = Pass::default();
    let mut begun = false;
    while let Some(line) = lines.next()? {
        out.at(line.number, line.start);
        let text = line.object();
        let members = text.as_ref().ok().and_then(|text| Members::parse(text));
        let is_meta = |m: &Members<'_>| m.text("type").as_deref() == Some("session_meta");
        if !begun {
            begun = true;
            match members.as_ref().filter(|members| is_meta(members)) {
                Some(meta) => {
                    let mut meta = meta.clone();
                    meta.take("type");
                    pass.header(source, meta, false, out)?;
                    out.mended(&line)?;
                    continue;
                }
                None => pass.header(source, Members::default(), false, out)?,
            }
        }
        match (text, members) {
            (Ok(text), Some(members)) => {
                out.mended(&line)?;
                pass.line(text, members, out)?;
            }
            (Ok(_), None) => out.damaged(&line, Fault::NotAnObject, 0)?,
            (Err((fault, at)), _) => out.damaged(&line, fault, at)?,
        }
    }
    Ok(pass.tail)
}

impl Pass {
    fn header(
        &mut self,
        source: &Source,
        mut meta: Members<'_>,
        legacy: bool,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let id = meta.text("session_id").filter(|id| is_id(id));
        if id.is_some() {
            meta.take("session_id");
        }
        let time = meta.number("created_at_ms").filter(|ms| *ms <= LAST_MS);
        if time.is_some() {
            meta.take("created_at_ms");
        }
        self.time = time.map_or_else(|| NO_TIME.to_owned(), timestamp_of);
        self.model = meta.text("model").map(|model| model.into_owned());
        let cwd = meta.text("workspace_root").filter(|cwd| !cwd.is_empty());
        if cwd.is_some() {
            meta.take("workspace_root");
        }
        let fork = meta.object("fork");
        let fork = fork.filter(|fork| fork.text("parent_session_id").is_some());
        let (mut parent, mut name) = (None, None);
        let mut rest = Rest::default();
        if let Some(mut fork) = fork {
            meta.take("fork");
            parent = fork.take_text("parent_session_id");
            name = fork.take_text("branch_name");
            rest = Rest::of(fork);
        }
        let mut rest = Rest::of(meta).with("fork", rest);
        if legacy {
            let mark = LEGACY[usize::from(id.is_some())][usize::from(time.is_some())];
            let mark = Members::parse(mark).unwrap_or_default();
            rest = rest.with("legacy", Rest::of(mark));
        }
        let stem = name_of(source.path());
        out.header(&Head {
            id: id.as_deref().unwrap_or(&stem),
            timestamp: &self.time,
            cwd: cwd.as_deref().unwrap_or_default(),
            parent_session: parent.as_deref(),
            name: name.as_deref(),
            fork_point: None,
            rest,
        })
    }

    fn line(
        &mut self,
        text: &str,
        mut members: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let kind = members.text("type");
        match kind.as_deref() {
            Some("message") if members.object("message").is_some() => {
                members.take("type");
                let message = members.take_object("message").unwrap_or_default();
                self.message(members, message, text, out)
            }
            Some("compaction") if members.text("summary").is_some() => {
                members.take("type");
                self.compaction(members, out)
            }
            kind => self.unknown(kind.unwrap_or("untyped"), text, out),
        }
    }

    fn unknown(&mut self, kind: &str, text: &str, out: &mut Out<'_>) -> Result<(), Error> {
        let id = out.fresh("foreign");
        let link = Link {
            id: &id,
            parent: self.last.as_deref(),
            timestamp: None,
        };
        out.unknown(link, kind, text)
    }

    fn compaction(&mut self, mut members: Members<'_>, out: &mut Out<'_>) -> Result<(), Error> {
        let summary = members.take_text("summary").unwrap_or_default();
        let id = out.fresh("cmp");
        let time = self.time.clone();
        let link = Link {
            id: &id,
            parent: self.last.as_deref(),
            timestamp: Some(&*time).filter(|time| *time != NO_TIME),
        };
        let what = Compaction {
            summary: &summary,
            // What is compacted is gone; all that is in the file is kept.
            first_kept: self.first.as_ref().unwrap_or(&id),
            tokens_before: None,
            tokens_after: None,
        };
        out.compaction(link, what, &Rest::of(members))?;
        self.tail = Tail::at(link);
        self.last = Some(id);
        Ok(())
    }

    /// A message; of a `tool`'s several results a message each.
    fn message(
        &mut self,
        line: Members<'_>,
        mut message: Members<'_>,
        text: &str,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let (Some(role), Some(blocks)) = (
            // That is what ours are called; it is none of claw-code's roles.
            message.text("role").filter(|role| role != "tool_result"),
            message.get("blocks").and_then(list),
        ) else {
            return self.unknown("message", text, out);
        };
        message.take("role");
        message.take("blocks");
        let results: Option<Vec<Members<'_>>> = blocks.iter().map(|b| result_of(b)).collect();
        let results = results.filter(|results| role == "tool" && !results.is_empty());
        if let Some(results) = results {
            let count = results.len();
            let mut rest = Some(Rest::of(line).with("message", Rest::of(message)));
            for (number, result) in (1..).zip(results) {
                let rest = match number == count {
                    true => rest.take().unwrap_or_default(),
                    false => {
                        let mark = Members::parse(PART).unwrap_or_default();
                        Rest::default().with("part", Rest::of(mark))
                    }
                };
                self.entry(&rest, out, |json| put_result(json, result))?;
            }
            return Ok(());
        }
        let usage = message.object("usage").filter(|_| role == "assistant");
        let (usage, left) = usage.map_or((None, None), take_usage);
        if usage.is_some() {
            message.take("usage");
        }
        let message = Rest::of(message).with("usage", left.unwrap_or_default());
        let rest = Rest::of(line).with("message", message);
        let model = self.model.clone();
        self.entry(&rest, out, |json| {
            json.begin_object()?;
            put_text(json, "role", &role)?;
            json.key("content")?;
            json.begin_array()?;
            blocks.iter().try_for_each(|block| put_block(json, block))?;
            json.end_array()?;
            if role != "assistant" {
                return Ok(());
            }
            if let Some(model) = &model {
                let provider = provider_of(model);
                put_text(json, "api", api_of(provider.unwrap_or_default()))?;
                if let Some(provider) = provider {
                    put_text(json, "provider", provider)?;
                }
                put_text(json, "model", model)?;
            }
            if let Some(usage) = &usage {
                json.key("usage")?;
                json.begin_object()?;
                for (name, tokens) in usage {
                    json.key(name)?;
                    json.u64(*tokens)?;
                }
                json.end_object()?;
            }
            let calls = blocks.iter().any(|block| {
                Members::of(block).is_some_and(|b| b.text("type").as_deref() == Some("tool_use"))
            });
            put_text(json, "stop_reason", if calls { "tool_use" } else { "stop" })
        })
    }

    /// An entry of the list; `payload` leaves its object open.
    fn entry(
        &mut self,
        rest: &Rest<'_>,
        out: &mut Out<'_>,
        payload: impl FnOnce(&mut Json) -> Put,
    ) -> Result<(), Error> {
        let id = out.fresh("msg");
        let time = self.time.clone();
        let link = Link {
            id: &id,
            parent: self.last.as_deref(),
            timestamp: Some(&*time).filter(|time| *time != NO_TIME),
        };
        out.message(link, rest, |json| {
            payload(json)?;
            json.key("timestamp_ms")?;
            json.i64(unix_ms(Some(&time)))?;
            json.end_object()
        })?;
        self.tail = Tail::at(link);
        self.first.get_or_insert_with(|| id.clone());
        self.last = Some(id);
        Ok(())
    }
}

/// A block that is a tool's result.
fn result_of(block: &RawValue) -> Option<Members<'_>> {
    let block = Members::of(block)?;
    let is = |name: &str| block.text(name).is_some();
    let whole =
        is("tool_use_id") && is("tool_name") && is("output") && block.get("is_error").is_some();
    (block.text("type")? == "tool_result" && whole).then_some(block)
}

fn put_result(json: &mut Json, mut result: Members<'_>) -> Put {
    result.take("type");
    json.begin_object()?;
    put_text(json, "role", "tool_result")?;
    for (theirs, ours) in [("tool_use_id", "tool_call_id"), ("tool_name", "tool_name")] {
        if let Some(raw) = result.take(theirs) {
            put_raw(json, ours, raw)?;
        }
    }
    json.key("content")?;
    json.begin_array()?;
    if let Some(output) = result.take("output") {
        super::parts::put_text_part(json, output)?;
    }
    json.end_array()?;
    json.key("details")?;
    json.null()?;
    if let Some(failed) = result.take("is_error") {
        put_raw(json, "is_error", failed)?;
    }
    result.write(json)
}

/// A block. Texts and thoughts are the same in both formats; what is unknown stays as it is.
fn put_block(json: &mut Json, raw: &RawValue) -> Put {
    let Some(mut block) = Members::of(raw) else {
        return put(json, raw);
    };
    let string = |block: &Members<'_>, name: &str| block.text(name).is_some();
    let is_call = block.text("type").as_deref() == Some("tool_use");
    if !is_call
        || !["id", "name", "input"]
            .iter()
            .all(|name| string(&block, name))
    {
        return put(json, raw);
    }
    block.take("type");
    let input = block.take_text("input").unwrap_or_default();
    match (block.take("id"), block.take("name")) {
        (Some(id), Some(name)) => put_call(json, id, name, &input, &block),
        _ => put(json, raw),
    }
}

type Counted = Vec<(&'static str, u64)>;

/// The counts that are there, and what is left; nothing when one of them is no count.
fn take_usage(mut usage: Members<'_>) -> (Option<Counted>, Option<Rest<'_>>) {
    let mut counted = Vec::new();
    for (theirs, ours) in USAGE {
        match (usage.get(theirs).is_some(), usage.number(theirs)) {
            (false, _) => {}
            (true, Some(tokens)) => counted.push((ours, tokens)),
            (true, None) => return (None, None),
        }
    }
    if counted.is_empty() {
        return (None, None);
    }
    for (theirs, _) in USAGE {
        usage.take(theirs);
    }
    (Some(counted), Some(Rest::of(usage)))
}

/// The line looks like claw-code's.
pub(super) fn is_mine(line: &Members<'_>) -> bool {
    match line.text("type").as_deref() {
        Some("session_meta") => line.get("session_id").is_some(),
        Some("message") => {
            line.get("id").is_none()
                && line
                    .object("message")
                    .is_some_and(|m| m.get("blocks").is_some())
        }
        _ => false,
    }
}
