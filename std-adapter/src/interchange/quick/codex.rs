//! Codex' files, quickly.

use super::{
    Answered, Id, Inherited, Quick, Said, each_line,
    walk::{First, Walk},
};
use crate::{
    Error,
    interchange::{
        codex::{Counting, Index, is_answer, is_injected, is_message},
        json::Members,
        lines::Source,
        prints,
    },
    reader::name_of,
};
use sessionlog_core::{Timestamp, Usage};

pub(super) fn read(source: &Source) -> Result<Option<Quick>, Error> {
    let mut pass = Pass::default();
    let done = each_line(source, |number, line| pass.line(number, line))?;
    Ok(done.map(|()| pass.finish(source)))
}

#[derive(Default)]
struct Pass {
    quick: Quick,
    index: Index,
    counting: Counting,
    /// The index of the model that answers now.
    model: Option<u32>,
    /// What may be a message: its line, time, and for answers the model.
    seen: Vec<Seen>,
}

struct Seen {
    number: u64,
    time: Option<Timestamp>,
    model: Option<u32>,
    words: u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Answer,
    /// An event that tells usage, and is a message if there is no answer that it is about.
    Tokens,
}

/// What a line is about.
#[derive(Clone, Copy, Default)]
struct Line<'a> {
    kind: First<&'a [u8]>,
    time: First<&'a [u8]>,
    payload: bool,
    inner: First<&'a [u8]>,
    role: First<&'a [u8]>,
    call: First<&'a [u8]>,
}

impl Pass {
    fn line(&mut self, number: u64, bytes: &[u8]) -> Option<()> {
        let mut line = Line::default();
        let mut walk = Walk::new(bytes);
        let walked = walk.object(|walk, name| {
            match name {
                b"type" => line.kind.see(walk.plain_or_skip()?),
                b"timestamp" => line.time.see(walk.plain_or_skip()?),
                // A second one, or one that is no object, is for the conversion.
                b"payload" => {
                    if std::mem::replace(&mut line.payload, true) {
                        return None;
                    }
                    walk.object(|walk, name| {
                        match name {
                            b"type" => line.inner.see(walk.plain_or_skip()?),
                            b"role" => line.role.see(walk.plain_or_skip()?),
                            b"call_id" => line.call.see(walk.plain_or_skip()?),
                            _ => walk.skip()?,
                        }
                        Some(())
                    })?;
                }
                _ => walk.skip()?,
            }
            Some(())
        });
        if walked.is_none() || !walk.is_at_end() {
            return None;
        }
        if !line.payload {
            return Some(());
        }
        let kind = line.kind.get().unwrap_or_default();
        let inner = line.inner.get().unwrap_or_default();
        // Each line of a copied history counts, by its time.
        if self.counting.is_copying() {
            parsed(bytes)?;
        }
        let time = || {
            line.time
                .get()
                .and_then(|time| std::str::from_utf8(time).ok())
        };
        match kind {
            b"response_item" => {
                let inner = std::str::from_utf8(inner).ok()?;
                let role = line.role.get().map(std::str::from_utf8).transpose().ok()?;
                let answers = is_answer(inner, role);
                if answers {
                    let members = parsed(bytes)?;
                    let words = prints::of_item(inner, &members.object("payload")?);
                    self.counting.answer(number);
                    self.seen(number, time(), words, Kind::Answer);
                } else if is_message(inner, role.is_some(), line.call.get().is_some()) {
                    self.counting.message(number, role == Some("user"));
                    if inner == "message" && role == Some("user") {
                        self.user(number, bytes)?;
                    }
                }
            }
            b"session_meta" | b"turn_context" => {
                let members = parsed(bytes)?;
                let payload = members.object("payload")?;
                if kind == b"session_meta" {
                    self.counting.meta(&members, &payload, &mut self.index);
                } else {
                    self.counting.turn();
                    let model = payload.text("model");
                    self.model = model.map(|model| self.quick.model(Some(&model)));
                }
            }
            b"event_msg" if inner == b"token_count" => {
                let members = parsed(bytes)?;
                let payload = members.object("payload")?;
                self.counting.tokens(number, &payload, &mut self.index);
                self.seen(number, time(), prints::of_total(&payload), Kind::Tokens);
            }
            _ => {}
        }
        self.counting.copied(time(), &mut self.index);
        Some(())
    }

    fn user(&mut self, number: u64, bytes: &[u8]) -> Option<()> {
        let line = parsed(bytes)?;
        let payload = line.object("payload")?;
        if !is_injected(&payload) {
            let time = line.text("timestamp");
            let words = prints::of_item("message", &payload);
            self.seen(number, time.as_deref(), words, Kind::User);
        }
        Some(())
    }

    fn seen(&mut self, number: u64, time: Option<&str>, words: u64, kind: Kind) {
        self.seen.push(Seen {
            number,
            time: time.and_then(Timestamp::parse),
            model: self.model,
            words,
            kind,
        });
    }

    fn finish(mut self, source: &Source) -> Quick {
        self.counting.finish(&mut self.index);
        let (index, mut quick) = (self.index, self.quick);
        let unnamed = self.seen.iter().any(|seen| seen.model.is_none());
        let unnamed = if unnamed { quick.model(None) } else { 0 };
        let copied = index.copied_to.unwrap_or(0);
        let begun = index.meta.timestamp.as_deref().and_then(Timestamp::parse);
        let mut words = prints::Said::default();
        for seen in self.seen {
            let added = index.added.get(&seen.number);
            let usage = match (seen.kind, added) {
                (Kind::Tokens, None) => continue,
                (_, Some(usage)) => Some(*usage),
                (_, None) if index.unknown.contains(&seen.number) => None,
                (_, None) => Some(Usage::default()),
            };
            quick.said.push(Said {
                id: Id::Number(seen.number),
                time: seen.time,
                words: Some(words.number(seen.words)),
                inherited: match seen.number <= copied {
                    true => Inherited::of(seen.time, begun),
                    false => Inherited::No,
                },
                answer: (seen.kind != Kind::User).then(|| Answered {
                    model: seen.model.unwrap_or(unnamed),
                    usage,
                    cost: None,
                    response: None,
                }),
            });
        }
        let stem = name_of(source.path());
        quick.id = index.meta.id.unwrap_or(stem);
        quick.parent = index.meta.forked_from;
        quick.cwd = index.meta.cwd.unwrap_or_default();
        quick.provider = index.meta.provider.unwrap_or_else(|| "openai".to_owned());
        quick
    }
}

fn parsed(bytes: &[u8]) -> Option<Members<'_>> {
    Members::parse(std::str::from_utf8(bytes).ok()?)
}
