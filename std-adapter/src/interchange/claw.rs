//! claw-code: JSON Lines, or one JSON object in its older form. A list of messages without ids; what was compacted is gone.

use super::{
    Tail,
    json::{Json, Members, Put, Rest, list, put, put_raw, put_text},
    lines::{Line, MAX_LINE, Source, is_blank, object},
    out::{Compaction, Head, Link, NO_TIME, Out, is_id, timestamp_of, unix_ms},
    parts::{api_of, provider_of, put_call},
};
use crate::{Error, reader::name_of};
use serde_json::value::RawValue;
use sessionlog_core::{
    json::scan::{Scanner, Sink, ValueKind},
    record::Fault,
};
use std::io::Read;

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

/// One object.
pub(super) fn convert_object(source: &Source, out: &mut Out<'_>) -> Result<Tail, Error> {
    let outline = Outline::of(source)?;
    let mut pass = Pass::default();
    let mut bytes = Vec::new();
    let mut head = b"{".to_vec();
    let mut member = |name: &str, value: &[u8]| {
        if head.len() > 1 {
            head.push(b',');
        }
        head.extend(name.as_bytes());
        head.push(b':');
        head.extend(value);
    };
    let mut others: Vec<(&str, (u64, u64))> = Vec::new();
    for (name, from, to) in &outline.members {
        let listed = name == "\"messages\"" && outline.listed;
        if listed || name == "\"compaction\"" || name == "\"prompt_history\"" {
            if !listed {
                others.push((name, (*from, *to)));
            }
            continue;
        }
        let len = to - from;
        if len <= MAX_LINE {
            source.read(*from, len, &mut bytes)?;
            member(name, &super::json::one_line(&bytes));
        }
    }
    head.push(b'}');
    let text = object(&head).unwrap_or("{}");
    pass.header(source, Members::parse(text).unwrap_or_default(), true, out)?;
    for (name, (from, to)) in others {
        source.read(from, (to - from).min(MAX_LINE), &mut bytes)?;
        let line = super::json::one_line(&bytes).into_owned();
        let raw = std::str::from_utf8(&line).ok();
        let raw = raw.and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        let Some(raw) = raw else { continue };
        match (name, list(raw), Members::of(raw)) {
            ("\"compaction\"", _, Some(compaction)) if compaction.text("summary").is_some() => {
                pass.compaction(compaction, out)?;
            }
            ("\"prompt_history\"", Some(prompts), _) => {
                for prompt in prompts {
                    pass.unknown("prompt_history", prompt.get(), out)?;
                }
            }
            _ => pass.unknown(name.trim_matches('"'), raw.get(), out)?,
        }
    }
    for (number, (from, to)) in (1..).zip(&outline.messages) {
        out.at(1, *from);
        source.read(*from, (to - from).min(MAX_LINE), &mut bytes)?;
        let line = super::json::one_line(&bytes);
        let whole = Line {
            number,
            start: *from,
            bytes: &line,
            ended: true,
            mended: None,
            part: to - from > MAX_LINE,
        };
        match whole.object().ok().and_then(Members::parse) {
            Some(message) => {
                let raw = std::str::from_utf8(&line).unwrap_or_default();
                pass.message(Members::default(), message, raw, out)?;
            }
            None => out.damaged(&whole, Fault::NotAnObject, 0)?,
        }
    }
    if let Some((fault, at)) = outline.fault {
        let from = outline.end;
        let mut rest = source.part(from, source.len);
        let mut start = from;
        loop {
            bytes.clear();
            let read = (&mut rest).take(MAX_LINE).read_to_end(&mut bytes);
            if read.map_err(source.failed())? == 0 {
                break;
            }
            let cut = Line {
                number: 1,
                start,
                bytes: &bytes,
                mended: None,
                ended: fault
                    != Fault::Json(sessionlog_core::json::scan::ScanErrorKind::UnexpectedEnd),
                part: start > from,
            };
            out.damaged(&cut, fault, at.saturating_sub(from))?;
            start += bytes.len() as u64;
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
            timestamp: Some(&time),
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
            timestamp: Some(&time),
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

/// Where the parts of the one object stand.
#[derive(Default)]
struct Outline {
    /// Name, with quotes, and value.
    members: Vec<(String, u64, u64)>,
    messages: Vec<(u64, u64)>,
    /// `messages` is a list.
    listed: bool,
    /// What is wrong, and where.
    fault: Option<(Fault, u64)>,
    /// The end of the last whole part.
    end: u64,
    key: Vec<u8>,
    in_key: bool,
    begun: u64,
}

/// The longest name of a member that is held.
const MAX_NAME: usize = 256;

impl Sink for Outline {
    fn key_begin(&mut self, depth: u16) {
        self.in_key = depth == 1;
        if self.in_key {
            self.key.clear();
        }
    }

    fn key_end(&mut self, _: u16) {
        self.in_key = false;
    }

    fn text(&mut self, bytes: &[u8]) {
        if self.in_key && self.key.len() < MAX_NAME {
            self.key.extend_from_slice(bytes);
        }
    }

    fn begin(&mut self, kind: ValueKind, depth: u16, at: usize) {
        let at = at as u64;
        if depth == 1 {
            self.listed |= self.key == b"messages" && kind == ValueKind::Array;
        }
        if depth == 1 || depth == 2 && self.key == b"messages" {
            self.begun = at;
        }
        if depth == 1 && self.key == b"messages" {
            self.end = at;
        }
    }

    fn end(&mut self, _: ValueKind, depth: u16, at: usize) {
        let at = at as u64;
        if depth == 2 && self.key == b"messages" {
            self.messages.push((self.begun, at));
            self.end = at;
        } else if depth == 1 {
            let name = serde_json::to_string(&String::from_utf8_lossy(&self.key));
            self.members
                .push((name.unwrap_or_default(), self.begun, at));
            self.end = at;
        }
    }
}

impl Outline {
    fn of(source: &Source) -> Result<Self, Error> {
        let mut outline = Outline::default();
        let mut scanner = Scanner::new(super::lines::MAX_DEPTH);
        let mut part = source.part(0, source.len);
        let mut chunk = vec![0; 64 * 1024];
        let mut complete = false;
        loop {
            let read = part.read(&mut chunk).map_err(source.failed())?;
            if read == 0 {
                break;
            }
            let mut rest = &chunk[..read];
            if !complete {
                match scanner.feed(rest, &mut outline) {
                    Ok(fed) => {
                        complete = fed.complete;
                        rest = &rest[fed.consumed..];
                        if complete {
                            outline.end = scanner.offset();
                        }
                    }
                    Err(error) => {
                        outline.fault = Some((Fault::Json(error.kind), error.at));
                        break;
                    }
                }
            }
            if complete && !is_blank(rest) {
                outline.fault = Some((Fault::TrailingBytes, outline.end));
                break;
            }
        }
        if !complete
            && outline.fault.is_none()
            && let Err(error) = scanner.finish(&mut outline)
        {
            outline.fault = Some((Fault::Json(error.kind), error.at));
        }
        Ok(outline)
    }
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

/// The file begins like one object with a list of messages, and no type.
pub(super) fn is_object(source: &Source) -> Result<bool, Error> {
    let mut bytes = Vec::new();
    source.read(0, source.len.min(1 << 16), &mut bytes)?;
    let mut outline = Outline::default();
    // Where it is cut, or wrong, what came before counts.
    let _ = Scanner::new(super::lines::MAX_DEPTH).feed(&bytes, &mut outline);
    let names = |name: &str| outline.members.iter().any(|(other, _, _)| other == name);
    Ok(outline.listed && !names("\"type\""))
}
