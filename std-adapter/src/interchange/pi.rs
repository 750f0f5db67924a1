//! pi: entries linked by `id` and `parentId` (versions 2 and 3), or a list without ids (version 1).
//!
//! The file is read twice: which message a compaction keeps first, what a fork has copied, and the session's name stand
//! further down than what needs them.

mod message;

use super::{
    Tail,
    json::{Members, Rest, put_text},
    lines::Source,
    out::{Compaction, Head, Link, NO_TIME, Out, is_id, unix_ms},
};
use crate::{Error, reader::name_of};
use message::{end, put_content, put_message};
use sessionlog_core::{Timestamp, record::Fault};
use std::{borrow::Cow, collections::HashMap};

/// An entry, as the first pass saw it.
struct Seen {
    parent: Option<usize>,
    message: bool,
}

/// What the first pass found.
#[derive(Default)]
struct Index {
    seen: Vec<Seen>,
    /// By id: the last that bears it.
    bearers: HashMap<String, usize>,
    ids: Vec<String>,
    fork_point: Option<String>,
    name: Option<String>,
    /// Entries have no ids: each follows the one before.
    linear: bool,
}

pub(super) fn convert(source: &Source, out: &mut Out<'_>) -> Result<Tail, Error> {
    let index = Index::of(source)?;
    let mut tail = Tail::default();
    let mut begun = false;
    let mut number = 0;
    let mut lines = source.lines();
    while let Some(line) = lines.next()? {
        out.at(line.number, line.start);
        let read = line.object();
        let members = read.as_ref().ok().and_then(|text| Members::parse(text));
        if !begun {
            begun = true;
            let header = members.as_ref().filter(|members| is_header(members));
            let found = header.is_some();
            index.header(source, header.cloned().unwrap_or_default(), out)?;
            if found {
                out.mended(&line)?;
                continue;
            }
        }
        match (read, members) {
            (Ok(text), Some(members)) => {
                out.mended(&line)?;
                index.entry(number, text, members, &mut tail, out)?;
                number += 1;
            }
            (Ok(_), None) => out.damaged(&line, Fault::NotAnObject, 0)?,
            (Err((fault, at)), _) => out.damaged(&line, fault, at)?,
        }
    }
    Ok(tail)
}

fn is_header(members: &Members<'_>) -> bool {
    members.text("type").as_deref() == Some("session")
}

impl Index {
    fn of(source: &Source) -> Result<Self, Error> {
        let mut index = Index {
            linear: true,
            ..Index::default()
        };
        let mut begun = false;
        let mut forked_at = None;
        let mut lines = source.lines();
        while let Some(line) = lines.next()? {
            let Some(members) = line.object().ok().and_then(Members::parse) else {
                begun = true;
                continue;
            };
            if !begun && is_header(&members) {
                begun = true;
                if members.text("parentSession").is_some() {
                    forked_at = time_of(&members);
                }
                continue;
            }
            begun = true;
            index.take(&members, forked_at);
        }
        Ok(index)
    }

    fn take(&mut self, members: &Members<'_>, forked_at: Option<Timestamp>) {
        let number = self.seen.len();
        let own = members.text("id").filter(|id| is_id(id));
        self.linear &= own.is_none();
        let id = own.map_or_else(|| format!("entry-{}", number + 1), Cow::into_owned);
        let parent = match self.linear {
            true => number.checked_sub(1),
            false => members
                .text("parentId")
                .and_then(|parent| self.bearers.get(&*parent).copied()),
        };
        let kind = members.text("type");
        let kind = kind.as_deref().unwrap_or_default();
        let message = matches!(kind, "message" | "branch_summary" | "custom_message");
        if kind == "session_info" {
            self.name = members.text("name").map(Cow::into_owned);
        }
        // What is older than the session itself was copied into it.
        if message
            && let (Some(forked), Some(time)) = (forked_at, time_of(members))
            && time < forked
        {
            self.fork_point = Some(id.clone());
        }
        self.seen.push(Seen { parent, message });
        self.bearers.insert(id.clone(), number);
        self.ids.push(id);
    }

    /// The first message at or behind the entry `first` on the way to entry `end`.
    fn first_message(&self, first: usize, end: usize) -> Option<usize> {
        let mut found = None;
        let mut at = self.seen.get(end)?.parent;
        while let Some(number) = at {
            let seen = self.seen.get(number)?;
            if seen.message {
                found = Some(number);
            }
            if number == first {
                return found;
            }
            at = seen.parent.filter(|parent| *parent < number);
        }
        None
    }

    fn header(
        &self,
        source: &Source,
        mut header: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        header.take("type");
        let id = header.take_text("id").filter(|id| is_id(id));
        let time = header.take_text("timestamp");
        let cwd = header.take_text("cwd");
        let parent = header.take_text("parentSession");
        let stem = name_of(source.path());
        out.header(&Head {
            id: id.as_deref().unwrap_or(&stem),
            timestamp: time.as_deref().unwrap_or(NO_TIME),
            cwd: cwd.as_deref().unwrap_or_default(),
            parent_session: parent.as_deref(),
            name: self.name.as_deref(),
            fork_point: self.fork_point.as_deref(),
            rest: Rest::of(header),
        })
    }

    fn entry(
        &self,
        number: usize,
        text: &str,
        mut members: Members<'_>,
        tail: &mut Tail,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let kind = members.text("type");
        let kind = kind.as_deref().unwrap_or("untyped");
        let time = members.text("timestamp");
        let given = members.text("parentId").filter(|id| is_id(id));
        let parent = match self.linear {
            true => number
                .checked_sub(1)
                .and_then(|before| self.ids.get(before))
                .cloned(),
            false => given.map(Cow::into_owned),
        };
        let link = Link {
            id: self.ids.get(number).map_or("", |id| id),
            parent: parent.as_deref(),
            timestamp: time.as_deref(),
        };
        *tail = Tail::at(link);
        let message = members.object("message").filter(|_| kind == "message");
        let said = matches!(kind, "branch_summary" | "custom_message");
        let summary = members.text("summary").filter(|_| kind == "compaction");
        if message.is_none() && summary.is_none() && !said {
            return out.unknown(link, kind, text);
        }
        for taken in ["id", "timestamp"] {
            members.take_string(taken);
        }
        members.take_if("parentId", |raw| raw == "null" || raw.starts_with('"'));
        if said {
            let content = match kind {
                "branch_summary" => members.get("summary"),
                _ => members.get("content"),
            };
            let role = match kind {
                "branch_summary" => "branch_summary",
                _ => "custom",
            };
            let rest = Rest::of(members.clone());
            return out.message(link, &rest, |json| {
                json.begin_object()?;
                put_text(json, "role", role)?;
                put_content(json, content)?;
                end(json, unix_ms(link.timestamp))
            });
        }
        members.take("type");
        if let Some(summary) = summary {
            members.take("summary");
            return self.compaction(number, link, &summary, members, out);
        }
        members.take("message");
        put_message(link, members, message.unwrap_or_default(), out)
    }

    fn compaction(
        &self,
        number: usize,
        link: Link<'_>,
        summary: &str,
        mut members: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let tokens_before = members.take_number("tokensBefore");
        let named = members.text("firstKeptEntryId");
        let first = match &named {
            Some(id) => self.bearers.get(&**id).copied(),
            // The header counts as the first entry there.
            None => members
                .number("firstKeptEntryIndex")
                .and_then(|at| usize::try_from(at).ok()?.checked_sub(1)),
        };
        let kept = first.and_then(|first| self.first_message(first, number));
        let kept = kept.and_then(|kept| self.ids.get(kept));
        let first_kept = kept.map_or(link.id, |id| id);
        if named.as_deref() == Some(first_kept) {
            members.take("firstKeptEntryId");
        }
        let what = Compaction {
            summary,
            first_kept,
            tokens_before,
            tokens_after: None,
        };
        out.compaction(link, what, &Rest::of(members))
    }
}

fn time_of(members: &Members<'_>) -> Option<Timestamp> {
    Timestamp::parse(&members.text("timestamp")?)
}

/// The line is the header of such a file, or an entry of one.
pub(super) fn is_mine(line: &Members<'_>) -> bool {
    let has = |name: &str| line.get(name).is_some();
    if !is_header(line) {
        return has("parentId") && has("id") && has("type");
    }
    let old = !has("version") && (has("modelId") || has("thinkingLevel"));
    let newer = matches!(line.number("version"), Some(2 | 3)) && has("timestamp") && has("cwd");
    let others = has("parent_session") || has("runtime_input_binding") || has("writer");
    (old || newer) && !others
}
