//! Claude Code: a line for each entry, linked by `uuid` and `parentUuid`.
//!
//! The file is read twice. The first pass notes where the entries stand and how they are linked, since parents may
//! stand after their children, and only the last of the lines that share a `message.id` counts for usage. The second
//! writes them, parents first, otherwise in file order. What is held is some hundred bytes an entry, and one line.

mod index;
mod parts;

use super::{
    Tail,
    json::{Json, Members, Put, Rest, list, put, put_text, put_text_or_null, text},
    lines::{Source, mend},
    out::{Compaction, Head, Link, NO_TIME, Out, is_id, unix_ms},
    parts::{amount, put_usage},
};
use crate::{Error, reader::name_of};
use index::{Index, parent_of};
pub(super) use parts::{Segment, segments, take_usage};
use parts::{put_contents, summary_of};
use serde_json::value::RawValue;
use sessionlog_core::{Usage, record::Fault};
use std::collections::HashMap;

pub(super) fn convert(source: &Source, out: &mut Out<'_>) -> Result<Tail, Error> {
    let index = Index::of(source)?;
    let only_side =
        index.items.iter().any(|item| item.speaks) && !index.items.iter().any(|item| item.main);
    let stem = name_of(source.path());
    let session = index.session.as_deref();
    let id = session_id(session, &stem, only_side);
    out.header(&Head {
        id,
        timestamp: index.timestamp.as_deref().unwrap_or(NO_TIME),
        cwd: index.cwd.as_deref().unwrap_or_default(),
        parent_session: session.filter(|session| *session != id),
        name: index.title(),
        ..Head::default()
    })?;
    let mut pass = Pass {
        only_side,
        calls: HashMap::new(),
        before: None,
        tail: Tail::default(),
    };
    let (mut bytes, mut original) = (Vec::new(), Vec::new());
    for at in index.order() {
        let item = &index.items[at];
        source.read(item.start, item.len, &mut bytes)?;
        out.at(item.number, item.start);
        let lone = if item.part {
            None
        } else {
            mend(&mut bytes, &mut original)
        };
        let line = super::lines::Line {
            number: item.number,
            start: item.start,
            bytes: &bytes,
            ended: item.ended,
            mended: lone.map(|at| (&*original, at)),
            part: item.part,
        };
        match (&item.fault, std::str::from_utf8(&bytes)) {
            (None, Ok(text)) => {
                out.mended(&line)?;
                pass.line(&index, at, text, out)?;
            }
            (fault, _) => {
                let (fault, wrong) = fault.unwrap_or((Fault::NotAnObject, 0));
                out.damaged(&line, fault, wrong)?;
            }
        }
    }
    Ok(pass.tail)
}

/// The session's id: of a subagent's file, its name.
pub(super) fn session_id<'a>(session: Option<&'a str>, stem: &'a str, only_side: bool) -> &'a str {
    match session {
        Some(session) if !only_side && !stem.starts_with("agent-") => session,
        _ => stem,
    }
}

/// Where an answer counts that several lines tell of.
#[derive(Clone, Copy)]
enum Counts<'a> {
    /// At this line; with what one of them says that it cost.
    Here(Option<&'a RawValue>),
    /// At another one, whose usage may be known.
    Elsewhere { known: bool },
}

/// The second pass.
struct Pass {
    only_side: bool,
    /// Names of the tools that were called and have not answered yet.
    calls: HashMap<String, String>,
    /// The tokens before the compaction whose boundary was met last.
    before: Option<u64>,
    tail: Tail,
}

impl Pass {
    fn line(
        &mut self,
        index: &Index,
        at: usize,
        line: &str,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let mut members = Members::parse(line).unwrap_or_default();
        let whole = members.clone();
        let kind = members.text("type");
        let kind = kind.as_deref().unwrap_or("untyped");
        let id = members.text("uuid").filter(|id| is_id(id));
        let parent = parent_of(&members).and_then(text).filter(|id| is_id(id));
        let time = members.text("timestamp");
        let speaks = matches!(kind, "user" | "assistant");
        let fresh = match id {
            Some(_) => String::new(),
            None => out.fresh(if speaks { "msg" } else { "foreign" }),
        };
        let link = Link {
            id: id.as_deref().unwrap_or(&fresh),
            parent: parent.as_deref(),
            timestamp: time.as_deref(),
        };
        if kind == "system" && whole.text("subtype").as_deref() == Some("compact_boundary") {
            let about = whole.object("compactMetadata");
            self.before = about.and_then(|about| about.number("preTokens"));
        }
        let message = match speaks {
            true => members.take_object("message"),
            false => None,
        };
        let Some(mut message) = message else {
            return out.unknown(link, kind, line);
        };
        for name in ["type", "uuid", "timestamp"] {
            members.take_string(name);
        }
        members.take_if("parentUuid", |raw| raw == "null" || raw.starts_with('"'));
        message.take_word("role", kind);
        if kind == "user" && members.is_true("isCompactSummary") {
            let summary = summary_of(&mut message);
            let what = Compaction {
                summary: &summary,
                first_kept: link.id,
                tokens_before: self.before.take(),
                tokens_after: None,
            };
            let rest = Rest::of(members).with("message", Rest::of(message));
            out.compaction(link, what, &rest)?;
        } else if kind == "user" {
            self.user(link, members, message, out)?;
        } else {
            let answer = index.items[at].answer;
            let cost = answer.and_then(|id| index.costs.get(&id));
            let counts = match answer.map(|id| index.answers[&id]) {
                Some((counting, known)) if counting != at => Counts::Elsewhere { known },
                _ => Counts::Here(cost.map(|cost| &**cost)),
            };
            self.assistant(link, members, message, counts, out)?;
        }
        let item = &index.items[at];
        if item.main || self.only_side {
            self.tail = Tail::at(link);
        }
        Ok(())
    }

    /// A user's line: what the user said, and a message for each tool's result. The last of them bears the line's id.
    fn user(
        &mut self,
        link: Link<'_>,
        mut line: Members<'_>,
        mut message: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let content = message.take_if("content", |raw| raw.starts_with(['"', '[']));
        let segments = segments(content);
        let results = segments
            .iter()
            .filter(|segment| matches!(segment, Segment::Result(_)))
            .count();
        let details = match results {
            1 => line.take("toolUseResult"),
            _ => None,
        };
        let rest = Rest::of(line).with("message", Rest::of(message));
        let nothing = Rest::default();
        let count = segments.len();
        let mut parent = link.parent.map(str::to_owned);
        for (number, segment) in (1..).zip(segments) {
            let last = number == count;
            let id = match last {
                true => link.id.to_owned(),
                false => part_id(link.id, number, out),
            };
            let link = Link {
                id: &id,
                parent: parent.as_deref(),
                ..link
            };
            let rest = if last { &rest } else { &nothing };
            match segment {
                Segment::Said(blocks) => out.message(link, rest, |json| {
                    json.begin_object()?;
                    put_text(json, "role", "user")?;
                    put_contents(json, &blocks)?;
                    end(json, link)
                })?,
                Segment::Result(result) => self.result(link, result, details, rest, out)?,
            }
            parent = Some(id);
        }
        Ok(())
    }

    fn result(
        &mut self,
        link: Link<'_>,
        mut result: Members<'_>,
        details: Option<&RawValue>,
        rest: &Rest<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        result.take("type");
        let call = result.take_text("tool_use_id").unwrap_or_default();
        let name = self.calls.remove(&*call).unwrap_or_default();
        let failed = result.take_bool("is_error").unwrap_or_default();
        let content = result.take("content");
        out.message(link, rest, |json| {
            json.begin_object()?;
            put_text(json, "role", "tool_result")?;
            put_text(json, "tool_call_id", &call)?;
            put_text(json, "tool_name", &name)?;
            match content.map(|content| (content, list(content))) {
                Some((_, Some(blocks))) => put_contents(json, &blocks)?,
                Some((content, None)) => put_contents(json, &[content])?,
                None => put_contents(json, &[])?,
            }
            json.key("details")?;
            match details {
                Some(details) => put(json, details)?,
                None => json.null()?,
            }
            json.key("is_error")?;
            json.bool(failed)?;
            result.write(json)?;
            end(json, link)
        })
    }

    fn assistant(
        &mut self,
        link: Link<'_>,
        line: Members<'_>,
        mut message: Members<'_>,
        counts: Counts<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        message.take_word("type", "message");
        let model = message.take_string("model");
        let response = message.take_string("id");
        let content = message.take_if("content", |raw| raw.starts_with(['"', '[']));
        let blocks = content.and_then(|content| list(content).or(Some(vec![content])));
        let blocks = blocks.unwrap_or_default();
        let mut called = false;
        for block in blocks.iter().filter_map(|block| Members::of(block)) {
            if block.text("type").as_deref() == Some("tool_use")
                && let (Some(id), Some(name)) = (block.text("id"), block.text("name"))
            {
                self.calls.insert(id.into_owned(), name.into_owned());
                called = true;
            }
        }
        let failed = line.is_true("isApiErrorMessage");
        let given = message.text("stop_reason");
        let (reason, lossless) = match given.as_deref() {
            _ if failed => ("error", false),
            Some("end_turn") => ("stop", true),
            Some("max_tokens") => ("length", true),
            Some("tool_use") => ("tool_use", true),
            _ if called => ("tool_use", false),
            _ => ("stop", false),
        };
        if lossless {
            message.take("stop_reason");
        }
        // Counted at another line of this answer, it stays here as it was told.
        let (cost, (usage, message)) = match counts {
            Counts::Here(cost) => (cost.or(amount(&line, "costUSD")), take_usage(message)),
            Counts::Elsewhere { known } => {
                let tells = known || message.get("usage").is_some();
                (None, (tells.then(Usage::default), Rest::of(message)))
            }
        };
        let error = failed.then(|| {
            blocks
                .iter()
                .filter_map(|block| Members::of(block)?.text("text"))
        });
        let error = error.map(|texts| texts.collect::<Vec<_>>().join("\n"));
        let rest = Rest::of(line).with("message", message);
        out.message(link, &rest, |json| {
            json.begin_object()?;
            put_text(json, "role", "assistant")?;
            put_contents(json, &blocks)?;
            put_text(json, "api", "Anthropic")?;
            put_text(json, "provider", "anthropic")?;
            json.key("model")?;
            match model {
                Some(model) => put(json, model)?,
                None => json.string("")?,
            }
            put_text_or_null(json, "response_model", None)?;
            json.key("response_id")?;
            match response {
                Some(response) => put(json, response)?,
                None => json.null()?,
            }
            if let Some(usage) = usage {
                put_usage(json, &usage, cost)?;
            }
            put_text(json, "stop_reason", reason)?;
            put_text_or_null(json, "error_message", error.as_deref())?;
            end(json, link)
        })
    }
}

/// The id of a part of a line that is not the last.
fn part_id(id: &str, number: usize, out: &mut Out<'_>) -> String {
    let part = format!("{id}.{number}");
    match is_id(&part) {
        true => part,
        false => out.fresh("msg"),
    }
}

/// The end of a payload.
fn end(json: &mut Json, link: Link<'_>) -> Put {
    json.key("timestamp_ms")?;
    json.i64(unix_ms(link.timestamp))?;
    json.end_object()
}

/// The line looks like one of Claude Code's.
pub(super) fn is_mine(line: &Members<'_>) -> bool {
    let has = |names: &[&str]| names.iter().all(|name| line.get(name).is_some());
    match line.text("type").as_deref() {
        Some("user" | "assistant" | "system") => {
            has(&["uuid", "sessionId"]) || has(&["uuid", "parentUuid"])
        }
        Some("summary") => has(&["summary", "leafUuid"]),
        Some("file-history-snapshot") => has(&["snapshot"]),
        Some("progress" | "attachment" | "queue-operation") => has(&["sessionId"]),
        _ => false,
    }
}
