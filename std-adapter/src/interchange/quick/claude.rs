//! Claude Code's files, quickly.

use super::{
    Answered, Id, Inherited, Quick, Said, each_line,
    walk::{First, Walk},
};
use crate::{
    Error,
    interchange::{
        claude::{Segment, segments, session_id, take_usage},
        json::{Members, text},
        lines::Source,
        out::is_id,
        parts::amount,
        prints,
    },
    reader::{name_of, told_amount},
};
use serde_json::value::RawValue;
use sessionlog_core::{PicoUsd, Timestamp, Usage};
use std::collections::HashMap;

pub(super) fn read(source: &Source) -> Result<Option<Quick>, Error> {
    let mut pass = Pass::default();
    let done = each_line(source, |_, line| pass.line(line))?;
    Ok(done.map(|()| pass.finish(source)))
}

#[derive(Default)]
struct Pass {
    quick: Quick,
    session: Option<String>,
    cwd: Option<String>,
    /// By `message.id`.
    answers: HashMap<u64, Lines>,
    speaks: bool,
    main: bool,
}

/// Lines that share a `message.id`.
struct Lines {
    /// The one that counts: the last one whose usage is known, or else the last one.
    counts: usize,
    known: bool,
    /// It has a usage, known or not.
    tells: bool,
    /// What the last of them that tells it says that the answer cost.
    cost: Option<PicoUsd>,
    /// The earlier ones without a usage, as long as none is known.
    silent: Vec<usize>,
}

/// What a line is about.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    User,
    Assistant,
}

impl Pass {
    fn line(&mut self, line: &[u8]) -> Option<()> {
        let mut walk = Walk::new(line);
        let mut kind = First::default();
        let mut only_results = First::default();
        let (mut side, mut id) = (First::default(), First::default());
        let heads = self.session.is_some() && self.cwd.is_some();
        let walked = walk.object(|walk, name| {
            match name {
                b"type" => {
                    kind.see(Some(match walk.plain_or_skip()? {
                        Some(b"user") => Kind::User,
                        Some(b"assistant") => Kind::Assistant,
                        _ => Kind::Other,
                    }));
                }
                b"isSidechain" => {
                    side.see(Some(walk.peek()? == b't'));
                    walk.skip()?;
                }
                b"uuid" => {
                    id.see(Some(walk.peek()? == b'"'));
                    walk.skip()?;
                }
                b"message" if kind.get() != Some(Kind::Assistant) && walk.peek()? == b'{' => {
                    only_results.see(Some(results(walk)?));
                }
                b"message" => {
                    only_results.see(None);
                    walk.skip()?;
                }
                _ => walk.skip()?,
            }
            Some(())
        });
        let whole = walked.is_some() && walk.is_at_end();
        if !whole {
            return None;
        }
        let kind = kind.get().unwrap_or_default();
        if heads && kind == Kind::Other {
            return Some(());
        }
        // Ids that are made up are counted with those of other lines: that is for the conversion.
        if kind != Kind::Other && id.get() != Some(true) {
            return None;
        }
        if heads && kind == Kind::User && only_results.get() == Some(true) {
            self.speaks = true;
            self.main |= side.get() != Some(true);
            return Some(());
        }
        let line = std::str::from_utf8(line).ok()?;
        self.parsed(&Members::parse(line)?)
    }

    fn parsed(&mut self, line: &Members<'_>) -> Option<()> {
        let owned = |name: &str| line.text(name).map(|text| text.into_owned());
        if self.session.is_none() {
            self.session = owned("sessionId").filter(|id| is_id(id));
        }
        if self.cwd.is_none() {
            self.cwd = owned("cwd");
        }
        let kind = line.text("type");
        let assistant = match kind.as_deref() {
            Some("assistant") => true,
            Some("user") => false,
            _ => return Some(()),
        };
        self.speaks = true;
        self.main |= !line.is_true("isSidechain");
        let message = line.get("message");
        let Some(message) = message.filter(|raw| raw.get().starts_with('{')) else {
            return Some(());
        };
        let message = match assistant {
            true => of_answer(message)?,
            false => Members::of(message)?,
        };
        // A line without an id of its own, or with one that is too long, gets one that depends on others.
        let id = line.text("uuid").filter(|id| is_id(id))?;
        let time = line
            .text("timestamp")
            .and_then(|time| Timestamp::parse(&time));
        if !assistant {
            if line.is_true("isCompactSummary") {
                return Some(());
            }
            let content = message
                .get("content")
                .filter(|raw| raw.get().starts_with(['"', '[']));
            let segments = segments(content);
            let count = segments.len();
            for (number, segment) in (1..).zip(segments) {
                if let Segment::Said(_) = segment {
                    let id = match number == count {
                        true => id.as_ref().into(),
                        false => format!("{id}.{number}").into_boxed_str(),
                    };
                    if !is_id(&id) {
                        return None;
                    }
                    self.quick.said.push(Said {
                        id: Id::Text(id),
                        time,
                        words: None,
                        inherited: Inherited::No,
                        answer: None,
                    });
                }
            }
            return Some(());
        }
        let model = match message
            .get("model")
            .map(|raw| (raw, raw.get().starts_with('"')))
        {
            Some((raw, true)) => text(raw)?.into_owned(),
            _ => String::new(),
        };
        let response = message.text("id");
        let tells = message.get("usage").is_some();
        let request = line.text("requestId");
        let print = response.as_ref();
        let print = print.map(|response| prints::of_response(response, request.as_deref()));
        let cost = amount(line, "costUSD").and_then(|raw| told_amount(raw.get()));
        let (usage, _) = take_usage(message);
        let mut answer = Answered {
            model: 0,
            usage,
            cost: cost.filter(|_| usage.is_some()),
            response: print,
        };
        if let Some(response) = &response {
            self.repeated(prints::hash(response), &mut answer, tells, cost);
        }
        answer.model = self.quick.model(Some(&model));
        self.quick.said.push(Said {
            id: Id::Text(id.into()),
            time,
            words: None,
            inherited: Inherited::No,
            answer: Some(answer),
        });
        Some(())
    }

    /// Of the lines that share a `message.id` one counts; the others report zero, if that one is known.
    fn repeated(
        &mut self,
        response: u64,
        answer: &mut Answered,
        tells: bool,
        cost: Option<PicoUsd>,
    ) {
        let at = self.quick.said.len();
        let known = answer.usage.is_some();
        let lines = self.answers.entry(response).or_insert(Lines {
            counts: at,
            known,
            tells,
            cost: None,
            silent: Vec::new(),
        });
        lines.cost = cost.or(lines.cost);
        let Some(before) = self.quick.said.get_mut(lines.counts) else {
            return;
        };
        let Some(before) = &mut before.answer else {
            return;
        };
        if lines.known && !known {
            answer.usage = Some(Usage::default());
            before.cost = lines.cost;
            return;
        }
        answer.cost = lines.cost.filter(|_| known);
        before.cost = None;
        before.usage = (known || lines.tells).then(Usage::default);
        if !known && !lines.tells {
            lines.silent.push(lines.counts);
        }
        (lines.counts, lines.known, lines.tells) = (at, known, tells);
        if known {
            for silent in lines.silent.drain(..) {
                if let Some(answer) = &mut self.quick.said[silent].answer {
                    answer.usage = Some(Usage::default());
                }
            }
        }
    }

    fn finish(self, source: &Source) -> Quick {
        let stem = name_of(source.path());
        let only_side = self.speaks && !self.main;
        Quick {
            id: session_id(self.session.as_deref(), &stem, only_side).to_owned(),
            cwd: self.cwd.unwrap_or_default(),
            provider: "anthropic".to_owned(),
            ..self.quick
        }
    }
}

/// What matters of an answer's message, which is valid: its content is leapt over.
fn of_answer(message: &RawValue) -> Option<Members<'_>> {
    let mut pairs = Vec::new();
    Walk::new(message.get().as_bytes()).object(|walk, name| {
        match name {
            b"id" | b"model" | b"usage" => {
                let value = std::str::from_utf8(walk.value()?).ok()?;
                let name = std::str::from_utf8(name).ok()?;
                pairs.push((name.into(), serde_json::from_str(value).ok()?));
            }
            _ => walk.skip()?,
        }
        Some(())
    })?;
    Some(Members::from_pairs(pairs))
}

/// Whether all that a user's message holds are results of tools.
fn results(walk: &mut Walk<'_>) -> Option<bool> {
    let mut only = First::default();
    walk.object(|walk, name| {
        if name != b"content" || walk.peek()? != b'[' {
            if name == b"content" {
                only.see(Some(false));
            }
            return walk.skip();
        }
        let (mut all, mut any) = (true, false);
        walk.list(|walk| {
            any = true;
            if walk.peek()? != b'{' {
                all = false;
                return walk.skip();
            }
            let (mut result, mut call) = (First::default(), First::default());
            walk.object(|walk, name| {
                match name {
                    b"type" => result.see(walk.plain_or_skip()?),
                    b"tool_use_id" => call.see(walk.plain_or_skip()?),
                    _ => walk.skip()?,
                }
                Some(())
            })?;
            all &= result.get() == Some(&b"tool_result"[..]) && call.get().is_some();
            Some(())
        })?;
        only.see(Some(all && any));
        Some(())
    })?;
    Some(only.get() == Some(true))
}
