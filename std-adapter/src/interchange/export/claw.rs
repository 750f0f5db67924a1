//! To claw-code: the context of the active branch. What came from claw-code goes back as it came.

use super::{Parts, To, words};
use crate::{
    Error,
    interchange::{
        claw::USAGE,
        json::{Json, Members, Put, list, put, put_number, put_raw, put_text},
    },
    reader::Context,
};
use serde_json::value::RawValue;
use sessionlog_core::{Timestamp, record::Kind};

/// How an unknown entry's type begins that was a line of claw-code's.
const OURS: &str = "claw:";

pub(super) fn write(to: &mut To<'_>) -> Result<(), Error> {
    let header = to.header()?;
    let header = Parts::of(&header);
    let came_from_claw = header.record.text("imported_from").as_deref() == Some("claw");
    let context = to.log.context();
    let legacy = header.foreign.object("legacy");
    let mut writer = Writer {
        to,
        verbatim: came_from_claw,
        pending: Vec::new(),
        legacy: legacy.is_some(),
        first: true,
    };
    match &legacy {
        None => {
            let meta = writer.meta(&header, None)?;
            writer.to.bytes(&meta)?;
            writer.to.bytes(b"\n")?;
            writer.to.done.entries += 1;
            writer.entries(&context, |_| true)
        }
        Some(marks) => writer.object(&header, marks, &context),
    }
}

struct Writer<'t, 'a> {
    to: &'t mut To<'a>,
    /// Blocks of kinds that claw-code may not know are written all the same: it wrote them.
    verbatim: bool,
    /// Results that go on in the next message.
    pending: Vec<Vec<u8>>,
    legacy: bool,
    /// Nothing stands in the list yet.
    first: bool,
}

impl Writer<'_, '_> {
    /// One object, as it once was.
    fn object(
        &mut self,
        header: &Parts<'_>,
        marks: &Members<'_>,
        context: &Context,
    ) -> Result<(), Error> {
        let mut meta = self.meta(header, Some(marks))?;
        meta.pop();
        self.to.bytes(&meta)?;
        if meta.len() > 1 {
            self.to.bytes(b",")?;
        }
        if context.summary.is_some() {
            self.to.bytes(b"\"compaction\":")?;
            self.entries(context, |kind| kind == "compaction")?;
            self.to.bytes(b",")?;
        }
        if self
            .unknown()?
            .iter()
            .any(|(_, kind)| kind == "prompt_history")
        {
            self.to.bytes(b"\"prompt_history\":[")?;
            self.first = true;
            self.entries(context, |kind| kind == "prompt_history")?;
            self.to.bytes(b"],")?;
        }
        self.to.bytes(b"\"messages\":[")?;
        self.first = true;
        self.entries(context, |kind| kind == "message")?;
        self.to.bytes(b"]}\n")
    }

    /// Lines of claw-code's that have no equivalent: their nodes and kinds.
    fn unknown(&self) -> Result<Vec<(u32, String)>, Error> {
        let mut found = Vec::new();
        for node in self.to.log.nodes() {
            if node.kind != Kind::Unknown {
                continue;
            }
            let name = self.to.log.type_name(node.index)?;
            match name.strip_prefix(OURS).filter(|kind| *kind != "damaged") {
                Some(kind) => found.push((node.index, kind.to_owned())),
                None => continue,
            }
        }
        Ok(found)
    }

    /// The entries of these kinds, in the order of the file.
    fn entries(&mut self, context: &Context, wanted: impl Fn(&str) -> bool) -> Result<(), Error> {
        let unknown = self.unknown()?;
        let mut nodes: Vec<u32> = context.summary.into_iter().collect();
        nodes.extend(&context.messages);
        nodes.extend(unknown.iter().map(|(index, _)| *index));
        // Its one compaction stands before all messages; what came from there stands where it stood.
        nodes.sort_by_key(|index| (self.verbatim || context.summary != Some(*index), *index));
        if wanted("compaction") || !self.legacy {
            self.to.done.left_out = u64::from(self.to.log.node_count()) - nodes.len() as u64;
        }
        for index in nodes {
            let kind = self.to.log.node(index).map(|node| node.kind);
            let record = self.to.record(index)?;
            match kind {
                Some(Kind::Message) if wanted("message") => self.message(Parts::of(&record))?,
                Some(Kind::Compaction) => {
                    self.compaction(index, Parts::of(&record), context, &wanted)?;
                }
                Some(Kind::Unknown) => {
                    // In the order of the file, as they were found.
                    let at = unknown.binary_search_by_key(&index, |(other, _)| *other);
                    if at.is_ok_and(|at| wanted(&unknown[at].1)) {
                        let parts = Parts::of(&record);
                        let line = parts.record.get("record").map_or("{}", RawValue::get);
                        self.put(line.as_bytes())?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// An element of the list, or a line.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.legacy && !self.first {
            self.to.bytes(b",")?;
        }
        self.first = false;
        self.to.done.entries += 1;
        self.to.bytes(bytes)?;
        match self.legacy {
            true => Ok(()),
            false => self.to.bytes(b"\n"),
        }
    }

    fn meta(&mut self, header: &Parts<'_>, legacy: Option<&Members<'_>>) -> Result<Vec<u8>, Error> {
        let log = self.to.log;
        let (mut foreign, record) = (header.foreign.clone(), &header.record);
        foreign.take("legacy");
        let created = record.text("timestamp");
        let created = created
            .as_deref()
            .and_then(Timestamp::parse)
            .unwrap_or_default();
        let newest = log.nodes().filter_map(|node| node.timestamp).max();
        // Messages that came from there bear the time that the session was made at.
        let newest = newest.filter(|time| *time > created);
        let ms = |time: Timestamp| u64::try_from(time.unix_ms()).unwrap_or(0);
        let known = |name: &str| legacy.is_none_or(|marks| marks.is_true(name));
        let told = foreign.number("updated_at_ms");
        let updated = match (told, newest) {
            (Some(told), Some(newest)) => Some(told.max(ms(newest))),
            (told, newest) => told.or(newest.map(ms)),
        };
        if told.is_some() {
            foreign.take("updated_at_ms");
        }
        let updated = updated.or(legacy.is_none().then(|| ms(created)));
        let model = log.nodes().rev().find_map(|node| node.model);
        let made = super::document(|json| {
            json.begin_object()?;
            if legacy.is_none() {
                put_text(json, "type", "session_meta")?;
            }
            if known("id") {
                put_text(json, "session_id", &log.id())?;
            }
            if known("time") && foreign.get("created_at_ms").is_none() {
                put_number(json, "created_at_ms", ms(created))?;
            }
            if let Some(updated) = updated {
                put_number(json, "updated_at_ms", updated)?;
            }
            if foreign.get("version").is_none() && legacy.is_none() {
                put_number(json, "version", 1)?;
            }
            if let Some(cwd) = record.get("cwd").filter(|cwd| cwd.get() != "\"\"") {
                put_raw(json, "workspace_root", cwd)?;
            }
            // Of a session of its own the header tells it, or nothing does.
            if let Some(model) = model.filter(|_| !self.verbatim) {
                put_text(json, "model", model)?;
            }
            if let Some(parent) = record
                .get("parent_session")
                .filter(|raw| raw.get() != "null")
            {
                let left = foreign.take_object("fork").unwrap_or_default();
                json.key("fork")?;
                json.begin_object()?;
                put_raw(json, "parent_session_id", parent)?;
                if let Some(name) = record.get("branch_name") {
                    put_raw(json, "branch_name", name)?;
                }
                left.write(json)?;
                json.end_object()?;
            }
            // Another format's leftovers mean nothing to claw-code.
            if self.verbatim {
                foreign.write(json)?;
            }
            json.end_object()
        });
        self.to.made(made)
    }

    fn compaction(
        &mut self,
        index: u32,
        mut parts: Parts<'_>,
        context: &Context,
        wanted: &impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let summary = parts.record.take_text("summary").unwrap_or_default();
        let its_own = self.verbatim && parts.foreign.get("removed_message_count").is_some();
        if wanted("compaction") {
            let branch = self.to.log.branch(index);
            let kind = |index: &u32| self.to.log.node(*index).map(|node| node.kind);
            let count = |wanted: Kind| {
                branch
                    .iter()
                    .filter(|index| kind(index) == Some(wanted))
                    .count() as u64
            };
            let kept = context.messages.iter().filter(|message| **message < index);
            let removed = count(Kind::Message).saturating_sub(kept.count() as u64);
            let compactions = count(Kind::Compaction);
            let made = super::document(|json| {
                json.begin_object()?;
                if !self.legacy {
                    put_text(json, "type", "compaction")?;
                }
                put_text(json, "summary", &summary)?;
                match self.verbatim {
                    true => parts.foreign.write(json)?,
                    false => {
                        put_number(json, "count", compactions)?;
                        put_number(json, "removed_message_count", removed)?;
                    }
                }
                json.end_object()
            });
            let made = self.to.made(made)?;
            self.first = true;
            self.put(&made)?;
        }
        // Its model sees messages only: of a session that was not its own the summary is one.
        if !its_own && !self.verbatim && wanted("message") {
            let made = super::document(|json| {
                begin(json, self.legacy)?;
                put_text(json, "role", "system")?;
                json.key("blocks")?;
                json.begin_array()?;
                text_block(json, &summary)?;
                json.end_array()?;
                end(json, self.legacy, &Members::default())
            });
            let made = self.to.made(made)?;
            self.put(&made)?;
        }
        Ok(())
    }

    fn message(&mut self, mut parts: Parts<'_>) -> Result<(), Error> {
        let role = parts.role();
        let goes_on = parts.foreign.take_object("part").is_some();
        if role == "tool_result" {
            let block = super::document(|json| put_result(json, &parts.payload));
            let block = self.to.made(block)?;
            self.pending.push(block);
            if goes_on {
                return Ok(());
            }
        }
        let blocks = std::mem::take(&mut self.pending);
        let mut message = parts.foreign.take_object("message").unwrap_or_default();
        let usage = parts.payload.object("usage");
        let left = match &usage {
            Some(_) => message.take_object("usage").unwrap_or_default(),
            None => Members::default(),
        };
        let is_result = role == "tool_result";
        let (verbatim, legacy) = (self.verbatim, self.legacy);
        let made = super::document(|json| {
            begin(json, legacy)?;
            let role = match &*role {
                "tool_result" => "tool",
                // Other agents' roles speak to the model in the system's name.
                other if !verbatim && !matches!(other, "user" | "assistant" | "system") => "system",
                other => other,
            };
            put_text(json, "role", role)?;
            json.key("blocks")?;
            json.begin_array()?;
            for block in &blocks {
                json.raw(block)?;
            }
            if !is_result {
                let content = parts.payload.get("content");
                put_blocks(json, content, verbatim)?;
            }
            json.end_array()?;
            if let Some(usage) = &usage {
                json.key("usage")?;
                json.begin_object()?;
                for (theirs, ours) in USAGE {
                    match usage.number(ours) {
                        Some(tokens) => put_number(json, theirs, tokens)?,
                        None if verbatim => {}
                        None => put_number(json, theirs, 0)?,
                    }
                }
                left.write(json)?;
                json.end_object()?;
            }
            if verbatim {
                message.write(json)?;
            }
            let line = match verbatim {
                true => parts.foreign.clone(),
                false => Members::default(),
            };
            end(json, legacy, &line)
        });
        let made = self.to.made(made)?;
        self.put(&made)
    }
}

fn begin(json: &mut Json, legacy: bool) -> Put {
    json.begin_object()?;
    if !legacy {
        put_text(json, "type", "message")?;
        json.key("message")?;
        json.begin_object()?;
    }
    Ok(())
}

fn end(json: &mut Json, legacy: bool, line: &Members<'_>) -> Put {
    json.end_object()?;
    match legacy {
        true => Ok(()),
        false => {
            line.write(json)?;
            json.end_object()
        }
    }
}

fn text_block(json: &mut Json, text: &str) -> Put {
    json.begin_object()?;
    put_text(json, "type", "text")?;
    put_text(json, "text", text)?;
    json.end_object()
}

fn put_result(json: &mut Json, payload: &Members<'_>) -> Put {
    let mut left = payload.clone();
    for known in ["role", "content", "details", "timestamp_ms"] {
        left.take(known);
    }
    let word = |left: &mut Members<'_>, name| left.take_text(name).unwrap_or_default().into_owned();
    let (call, name) = (
        word(&mut left, "tool_call_id"),
        word(&mut left, "tool_name"),
    );
    let failed = left.take("is_error");
    json.begin_object()?;
    put_text(json, "type", "tool_result")?;
    put_text(json, "tool_use_id", &call)?;
    put_text(json, "tool_name", &name)?;
    put_text(json, "output", &words(payload))?;
    json.key("is_error")?;
    match failed {
        Some(failed) => put(json, failed)?,
        None => json.bool(false)?,
    }
    left.write(json)?;
    json.end_object()
}

fn put_blocks(json: &mut Json, content: Option<&RawValue>, verbatim: bool) -> Put {
    let Some(content) = content else {
        return Ok(());
    };
    if let Some(text) = crate::interchange::json::text(content) {
        return text_block(json, &text);
    }
    for raw in list(content).unwrap_or_default() {
        let Some(mut part) = Members::of(raw) else {
            put(json, raw)?;
            continue;
        };
        let call = part
            .object("tool_call")
            .filter(|call| call.get("arguments").is_some());
        let kind = part.text("type").unwrap_or_default().into_owned();
        match call {
            Some(call) if kind == "tool_call" => {
                part.take("type");
                part.take("tool_call");
                json.begin_object()?;
                put_text(json, "type", "tool_use")?;
                for (theirs, ours) in [("id", "id"), ("name", "name"), ("input", "arguments")] {
                    put_text(json, theirs, &call.text(ours).unwrap_or_default())?;
                }
                part.write(json)?;
                json.end_object()?;
            }
            _ if verbatim || matches!(&*kind, "text" | "thinking") => put(json, raw)?,
            // Its reader refuses blocks that it does not know.
            _ => {
                let media = part.text("media_type");
                let media = media.as_deref().unwrap_or(&kind);
                text_block(json, &format!("[{media}]"))?;
            }
        }
    }
    Ok(())
}
