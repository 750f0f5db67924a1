//! Codex: a log of events, of which `response_item`s are the conversation.
//!
//! The file is read twice. Usage comes as a running total behind the answers that it is about; the first pass finds what
//! each answer added to it. Cached tokens are part of the input there, and reasoning is part of the output.

mod count;
mod parts;

use super::{
    Tail,
    json::{Json, Members, Put, Rest, list, put, put_text, put_text_or_null},
    lines::Source,
    out::{Compaction, Head, Link, NO_TIME, Out, unix_ms},
    parts::{api_of, put_text_content, put_text_part, put_usage},
};
use crate::{Error, reader::name_of};
pub(super) use count::{Counting, Index};
pub(super) use parts::{is_answer, is_injected, is_message, thought};
use parts::{put_part, text_of};
use sessionlog_core::Usage;
use std::collections::HashMap;

pub(super) fn convert(source: &Source, out: &mut Out<'_>) -> Result<Tail, Error> {
    let index = Index::of(source)?;
    let stem = name_of(source.path());
    let fork_point = index.copied_to.map(message_id);
    let meta = &index.meta;
    out.header(&Head {
        id: meta.id.as_deref().unwrap_or(&stem),
        timestamp: meta.timestamp.as_deref().unwrap_or(NO_TIME),
        cwd: meta.cwd.as_deref().unwrap_or_default(),
        parent_session: meta.forked_from.as_deref(),
        fork_point: fork_point.as_deref(),
        ..Head::default()
    })?;
    let mut pass = Pass {
        index: &index,
        model: None,
        tip: None,
        turns: Vec::new(),
        calls: HashMap::new(),
        tail: Tail::default(),
    };
    let mut lines = source.lines();
    while let Some(line) = lines.next()? {
        out.at(line.number, line.start);
        match line.object() {
            Ok(text) => {
                out.mended(&line)?;
                pass.line(line.number, text, out)?;
            }
            Err((fault, at)) => out.damaged(&line, fault, at)?,
        }
    }
    Ok(pass.tail)
}

fn message_id(line: u64) -> String {
    format!("msg-{line}")
}

/// The second pass.
struct Pass<'i> {
    index: &'i Index,
    model: Option<String>,
    tip: Option<String>,
    /// Where each turn began: the tip before it.
    turns: Vec<Option<String>>,
    calls: HashMap<String, String>,
    tail: Tail,
}

impl Pass<'_> {
    fn line(&mut self, number: u64, text: &str, out: &mut Out<'_>) -> Result<(), Error> {
        let mut line = Members::parse(text).unwrap_or_default();
        let kind = line.text("type");
        let kind = kind.as_deref().unwrap_or("untyped");
        let time = line.text("timestamp");
        let time = time.as_deref();
        let Some(payload) = line.object("payload") else {
            return self.unknown(number, kind, time, text, out);
        };
        let inner = payload.text("type");
        let inner = inner.as_deref().unwrap_or_default();
        match kind {
            "response_item"
                if {
                    let role = payload.text("role");
                    let has_call = payload.text("call_id").is_some();
                    is_answer(inner, role.as_deref()) || is_message(inner, role.is_some(), has_call)
                } =>
            {
                for taken in ["type", "timestamp", "payload"] {
                    line.take(taken);
                }
                self.item(number, time, line, payload, out)
            }
            "compacted" => {
                for taken in ["type", "timestamp", "payload"] {
                    line.take(taken);
                }
                self.compacted(number, time, line, payload, out)
            }
            _ => {
                if kind == "turn_context" {
                    self.model = payload.text("model").map(|model| model.into_owned());
                }
                if inner == "thread_rolled_back" {
                    self.roll_back(payload.number("num_turns").unwrap_or(0));
                }
                if inner == "token_count"
                    && let Some(usage) = self.index.added.get(&number)
                {
                    // It counts what no answer stands before it for: a search, a second request.
                    return self.orphan(number, time, usage, line, out);
                }
                self.unknown(number, kind, time, text, out)
            }
        }
    }

    fn unknown(
        &self,
        number: u64,
        kind: &str,
        time: Option<&str>,
        text: &str,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let link = Link {
            id: &format!("foreign-{number}"),
            parent: self.tip.as_deref(),
            timestamp: time,
        };
        out.unknown(link, kind, text)
    }

    /// The last turns are undone: what follows goes on from before them.
    fn roll_back(&mut self, turns: u64) {
        let turns = usize::try_from(turns).unwrap_or(usize::MAX);
        let left = self.turns.len().saturating_sub(turns);
        if let Some(before) = self.turns.drain(left..).next() {
            self.tip = before;
            if let Some(tip) = &self.tip {
                let time = self
                    .tail
                    .tip
                    .take()
                    .map_or_else(|| NO_TIME.into(), |(_, time)| time);
                self.tail.tip = Some((tip.clone(), time));
            }
        }
    }

    fn compacted(
        &mut self,
        number: u64,
        time: Option<&str>,
        line: Members<'_>,
        mut payload: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let mut summary = payload
            .take_text("message")
            .unwrap_or_default()
            .into_owned();
        if summary.is_empty() {
            // What stands for the history instead.
            let items = payload.get("replacement_history").and_then(list);
            let items = items.unwrap_or_default();
            let texts = items.iter().filter_map(|item| {
                let content = Members::of(item)?.get("content")?;
                Some(text_of(content))
            });
            summary = texts.collect::<Vec<_>>().join("\n");
        }
        let id = format!("cmp-{number}");
        let parent = self.tip.take();
        let link = Link {
            id: &id,
            parent: parent.as_deref(),
            timestamp: time,
        };
        let what = Compaction {
            summary: &summary,
            first_kept: &id,
            tokens_before: None,
            tokens_after: None,
        };
        let rest = Rest::of(line).with("payload", Rest::of(payload));
        out.compaction(link, what, &rest)?;
        self.move_to(link, id.clone());
        Ok(())
    }

    fn move_to(&mut self, link: Link<'_>, id: String) {
        self.tail = Tail::at(link);
        self.tip = Some(id);
    }

    /// Usage of what is no answer here, or not in the file.
    fn orphan(
        &mut self,
        number: u64,
        time: Option<&str>,
        usage: &Usage,
        mut line: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        line.take("timestamp");
        self.said(
            number,
            time,
            &Rest::of(line),
            Some(*usage),
            false,
            out,
            |json| {
                json.key("content")?;
                json.begin_array()?;
                json.end_array()
            },
        )
    }

    fn item(
        &mut self,
        number: u64,
        time: Option<&str>,
        line: Members<'_>,
        mut payload: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let kind = payload.text("type").unwrap_or_default().into_owned();
        let answer = is_answer(&kind, payload.text("role").as_deref());
        let index = self.index;
        let usage = match (index.added.get(&number), index.unknown.contains(&number)) {
            (Some(usage), _) => Some(*usage),
            (None, true) => None,
            (None, false) => Some(Usage::default()),
        };
        match &*kind {
            "message" => {
                payload.take("type");
                let mut role = payload.text("role").unwrap_or_default();
                let injected = is_injected(&payload);
                let parts = payload.take_list("content").unwrap_or_default();
                if role == "user" {
                    if injected {
                        // No turn: Codex says it in the user's name.
                        role = "developer".into();
                    } else {
                        self.turns.push(self.tip.clone());
                    }
                }
                payload.take_word("role", &role);
                let rest = Rest::of(line).with("payload", Rest::of(payload));
                let content = |json: &mut Json| {
                    json.key("content")?;
                    json.begin_array()?;
                    parts.iter().try_for_each(|part| put_part(json, part))?;
                    json.end_array()
                };
                if answer {
                    return self.said(number, time, &rest, usage, false, out, content);
                }
                self.told(number, time, &rest, out, |json| {
                    put_text(json, "role", &role)?;
                    content(json)
                })
            }
            "reasoning" => {
                payload.take("type");
                let thought = thought(&payload);
                let rest = Rest::of(line).with("payload", Rest::of(payload));
                self.said(number, time, &rest, usage, false, out, |json| {
                    json.key("content")?;
                    json.begin_array()?;
                    json.begin_object()?;
                    put_text(json, "type", "thinking")?;
                    put_text(json, "thinking", &thought)?;
                    json.end_object()?;
                    json.end_array()
                })
            }
            "function_call_output" | "custom_tool_call_output" => {
                self.result(number, time, line, payload, &kind, out)
            }
            _ => self.call(number, time, line, payload, (&kind, usage), out),
        }
    }

    fn call(
        &mut self,
        number: u64,
        time: Option<&str>,
        line: Members<'_>,
        mut payload: Members<'_>,
        (kind, usage): (&str, Option<Usage>),
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        if kind == "function_call" {
            payload.take("type");
        }
        let id = payload.take_text("call_id").unwrap_or_default();
        let name = match kind {
            "local_shell_call" => "local_shell".into(),
            _ => payload.take_text("name").unwrap_or_default(),
        };
        let arguments = match kind {
            "local_shell_call" => payload.take("action").map(|raw| raw.get().into()),
            "custom_tool_call" => payload.take_text("input"),
            _ => payload.take_text("arguments"),
        };
        let arguments = arguments.unwrap_or_default();
        self.calls
            .insert(id.clone().into_owned(), name.clone().into_owned());
        let rest = Rest::of(line).with("payload", Rest::of(payload));
        self.said(number, time, &rest, usage, true, out, |json| {
            json.key("content")?;
            json.begin_array()?;
            json.begin_object()?;
            put_text(json, "type", "tool_call")?;
            json.key("tool_call")?;
            json.begin_object()?;
            put_text(json, "id", &id)?;
            put_text(json, "name", &name)?;
            put_text(json, "arguments", &arguments)?;
            json.end_object()?;
            json.end_object()?;
            json.end_array()
        })
    }

    fn result(
        &mut self,
        number: u64,
        time: Option<&str>,
        line: Members<'_>,
        mut payload: Members<'_>,
        kind: &str,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        if kind == "function_call_output" {
            payload.take("type");
        }
        let call = payload.take_text("call_id").unwrap_or_default();
        let name = self.calls.remove(&*call).unwrap_or_default();
        let output = payload.take("output");
        let inner = output.and_then(Members::of);
        let failed = inner.as_ref().and_then(|inner| inner.get("success"));
        let failed = failed.is_some_and(|success| success.get() == "false");
        let rest = Rest::of(line).with("payload", Rest::of(payload));
        self.told(number, time, &rest, out, |json| {
            put_text(json, "role", "tool_result")?;
            put_text(json, "tool_call_id", &call)?;
            put_text(json, "tool_name", &name)?;
            let mut details = None;
            match (output, output.and_then(list), inner) {
                (Some(output), _, _) if output.get().starts_with('"') => {
                    json.key("content")?;
                    json.begin_array()?;
                    put_text_part(json, output)?;
                    json.end_array()?;
                }
                (_, Some(parts), _) => {
                    json.key("content")?;
                    json.begin_array()?;
                    parts.iter().try_for_each(|part| put_part(json, part))?;
                    json.end_array()?;
                }
                (Some(output), _, Some(inner)) => {
                    let words = inner.text("content").unwrap_or_default();
                    put_text_content(json, &words)?;
                    details = Some(output);
                }
                _ => put_text_content(json, "")?,
            }
            json.key("details")?;
            match details {
                Some(details) => put(json, details)?,
                None => json.null()?,
            }
            json.key("is_error")?;
            json.bool(failed)
        })
    }

    /// What the model was told; `payload` writes members.
    fn told(
        &mut self,
        number: u64,
        time: Option<&str>,
        rest: &Rest<'_>,
        out: &mut Out<'_>,
        payload: impl FnOnce(&mut Json) -> Put,
    ) -> Result<(), Error> {
        let id = message_id(number);
        let parent = self.tip.take();
        let link = Link {
            id: &id,
            parent: parent.as_deref(),
            timestamp: time,
        };
        out.message(link, rest, |json| {
            json.begin_object()?;
            payload(json)?;
            json.key("timestamp_ms")?;
            json.i64(unix_ms(time))?;
            json.end_object()
        })?;
        self.move_to(link, id.clone());
        Ok(())
    }

    /// What the model has said; `content` writes that member.
    #[allow(
        clippy::too_many_arguments,
        reason = "all of them are what an answer consists of"
    )]
    fn said(
        &mut self,
        number: u64,
        time: Option<&str>,
        rest: &Rest<'_>,
        usage: Option<Usage>,
        calls: bool,
        out: &mut Out<'_>,
        content: impl FnOnce(&mut Json) -> Put,
    ) -> Result<(), Error> {
        let provider = self.index.meta.provider.as_deref().unwrap_or("openai");
        let model = self.model.clone();
        self.told(number, time, rest, out, |json| {
            put_text(json, "role", "assistant")?;
            content(json)?;
            put_text(json, "api", api_of(provider))?;
            put_text(json, "provider", provider)?;
            if let Some(model) = &model {
                put_text(json, "model", model)?;
            }
            if let Some(usage) = &usage {
                put_usage(json, usage, None)?;
            }
            put_text(json, "stop_reason", if calls { "tool_use" } else { "stop" })?;
            put_text_or_null(json, "error_message", None)
        })
    }
}

/// The line looks like one of Codex's.
pub(super) fn is_mine(line: &Members<'_>) -> bool {
    let kind = line.text("type");
    let kinds = [
        "session_meta",
        "response_item",
        "event_msg",
        "turn_context",
        "compacted",
    ];
    kind.is_some_and(|kind| kinds.contains(&&*kind)) && line.object("payload").is_some()
}
