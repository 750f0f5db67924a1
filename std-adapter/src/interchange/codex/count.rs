//! The first pass over a file of Codex's: what each answer used, and what a fork has copied.

use super::{is_answer, is_message};
use crate::{
    Error,
    interchange::{
        json::Members,
        lines::Source,
        out::{is_id, unix_ms},
    },
};
use sessionlog_core::Usage;
use std::collections::{HashMap, HashSet};

/// What a copied history is written within, in milliseconds, unless its lines are older than the file: nobody answers so fast.
const COPIED_WITHIN: i64 = 1_000;

/// What the first pass found.
#[derive(Default)]
pub(in crate::interchange) struct Index {
    /// What the answer on this line added to the total.
    pub(in crate::interchange) added: HashMap<u64, Usage>,
    /// Lines of answers that no total followed.
    pub(in crate::interchange) unknown: HashSet<u64>,
    /// The last line of the history that a fork has copied.
    pub(in crate::interchange) copied_to: Option<u64>,
    pub(in crate::interchange) meta: Meta,
}

/// What the first `session_meta` says.
#[derive(Default)]
pub(in crate::interchange) struct Meta {
    pub(in crate::interchange) id: Option<String>,
    pub(in crate::interchange) timestamp: Option<String>,
    pub(in crate::interchange) cwd: Option<String>,
    pub(in crate::interchange) provider: Option<String>,
    pub(in crate::interchange) forked_from: Option<String>,
}

/// The first pass, told of line after line.
#[derive(Default)]
pub(in crate::interchange) struct Counting {
    total: Usage,
    /// The last answer of this turn that no total has followed yet.
    open: Option<u64>,
    /// Those of earlier turns.
    left_open: Vec<u64>,
    metas: u32,
    /// Of a fork: what it begins with was written by then, if it is copied.
    copied_at: Option<i64>,
    /// Of a fork: it has told a total of its own.
    own_total: bool,
    last_message: Option<u64>,
}

impl Index {
    pub(super) fn of(source: &Source) -> Result<Self, Error> {
        let mut index = Index::default();
        let mut count = Counting::default();
        let mut lines = source.lines();
        while let Some(line) = lines.next()? {
            let members = line.object().ok().and_then(Members::parse);
            if let Some(members) = members
                && let Some(payload) = members.object("payload")
            {
                count.line(line.number, &members, &payload, &mut index);
            }
        }
        count.finish(&mut index);
        Ok(index)
    }
}

impl Counting {
    fn line(&mut self, number: u64, line: &Members<'_>, payload: &Members<'_>, index: &mut Index) {
        let kind = line.text("type");
        let kind = kind.as_deref().unwrap_or_default();
        let inner = payload.text("type");
        let inner = inner.as_deref().unwrap_or_default();
        if kind == "session_meta" {
            self.meta(line, payload, index);
        } else if kind == "response_item" {
            let role = payload.text("role");
            let has_call = payload.text("call_id").is_some();
            if is_answer(inner, role.as_deref()) {
                self.answer(number);
            } else if is_message(inner, role.is_some(), has_call) {
                self.message(number, role.as_deref() == Some("user"));
            }
        } else if kind == "turn_context" {
            self.turn();
        } else if kind == "event_msg" && inner == "token_count" {
            self.tokens(number, payload, index);
        }
        self.copied(line.text("timestamp").as_deref(), index);
    }

    pub(in crate::interchange) fn meta(
        &mut self,
        line: &Members<'_>,
        payload: &Members<'_>,
        index: &mut Index,
    ) {
        self.metas += 1;
        let own = &mut index.meta;
        match self.metas {
            1 => *own = Meta::of(line, payload),
            // Before forks named what they were forked from, its own line was all that told it.
            2 if own.forked_from.is_none() => {
                let other = payload.text("id").filter(|id| is_id(id));
                let other = other.filter(|id| own.id.as_deref().is_some_and(|own| own != id));
                own.forked_from = other.map(|id| id.into_owned());
            }
            2 => {}
            _ => return,
        }
        if own.forked_from.is_some() {
            let time = line.text("timestamp").map(|time| unix_ms(Some(&time)));
            self.copied_at = self.copied_at.max(time);
        }
    }

    /// The model has said something.
    pub(in crate::interchange) fn answer(&mut self, number: u64) {
        self.open = Some(number);
        self.last_message = Some(number);
    }

    /// What is counted from here on is not about what was said before.
    pub(in crate::interchange) fn turn(&mut self) {
        self.left_open.extend(self.open.take());
    }

    /// It was told something.
    pub(in crate::interchange) fn message(&mut self, number: u64, by_user: bool) {
        self.last_message = Some(number);
        if by_user {
            self.turn();
        }
    }

    /// What a fork has copied may go on.
    pub(in crate::interchange) fn is_copying(&self) -> bool {
        self.copied_at.is_some()
    }

    /// After each line: what was copied was written all at once.
    pub(in crate::interchange) fn copied(&mut self, time: Option<&str>, index: &mut Index) {
        if let (Some(copied), Some(time)) = (self.copied_at, time) {
            let now = unix_ms(Some(time));
            match now.saturating_sub(copied) <= COPIED_WITHIN {
                true => index.copied_to = self.last_message,
                false => self.copied_at = None,
            }
        }
    }

    pub(in crate::interchange) fn tokens(
        &mut self,
        number: u64,
        payload: &Members<'_>,
        index: &mut Index,
    ) {
        let Some(info) = payload.object("info") else {
            return;
        };
        let Some(total) = info.object("total_token_usage").map(|u| usage_of(&u)) else {
            return;
        };
        let last = info.object("last_token_usage").map(|u| usage_of(&u));
        let added = match (less(&total, &self.total), last) {
            // It begins anew.
            (true, last) => last.unwrap_or(total),
            // What a fork's first total counts besides the last request was spent before it.
            (false, Some(last)) if self.is_inherited(&total, &last, index) => last,
            (false, _) => minus(&total, &self.total),
        };
        self.total = total;
        self.own_total |= self.copied_at.is_none();
        if added.total_tokens() == 0 {
            return;
        }
        // Of what is not in the file, or no answer that can be read, the event itself tells.
        let whose = self.open.take().unwrap_or(number);
        if whose == number {
            self.last_message = Some(number);
        }
        index.added.insert(whose, added);
        self.left_open.clear();
    }

    fn is_inherited(&self, total: &Usage, last: &Usage, index: &Index) -> bool {
        index.meta.forked_from.is_some()
            && !self.own_total
            && !less(total, last)
            && less(&self.total, &minus(total, last))
    }

    /// At the end: what came after the last total is not known.
    pub(in crate::interchange) fn finish(&mut self, index: &mut Index) {
        self.turn();
        index.unknown.extend(self.left_open.drain(..));
    }
}

impl Meta {
    fn of(line: &Members<'_>, payload: &Members<'_>) -> Self {
        let owned = |name: &str| payload.text(name).map(|text| text.into_owned());
        Meta {
            id: owned("id").filter(|id| is_id(id)),
            timestamp: owned("timestamp")
                .or_else(|| line.text("timestamp").map(|time| time.into_owned())),
            cwd: owned("cwd"),
            provider: owned("model_provider"),
            forked_from: owned("forked_from_id"),
        }
    }
}

/// The counts of a `token_usage`, in our buckets.
fn usage_of(usage: &Members<'_>) -> Usage {
    let number = |name: &str| usage.number(name).unwrap_or(0);
    let cached = number("cached_input_tokens");
    Usage {
        input_tokens: number("input_tokens").saturating_sub(cached),
        output_tokens: number("output_tokens"),
        cache_read_tokens: cached,
        reasoning_tokens: usage.number("reasoning_output_tokens"),
        ..Usage::default()
    }
}

fn less(a: &Usage, b: &Usage) -> bool {
    let input = |usage: &Usage| usage.input_tokens.saturating_add(usage.cache_read_tokens);
    input(a) < input(b) || a.output_tokens < b.output_tokens
}

fn minus(a: &Usage, b: &Usage) -> Usage {
    Usage {
        input_tokens: a.input_tokens.saturating_sub(b.input_tokens),
        output_tokens: a.output_tokens.saturating_sub(b.output_tokens),
        cache_read_tokens: a.cache_read_tokens.saturating_sub(b.cache_read_tokens),
        reasoning_tokens: a
            .reasoning_tokens
            .map(|all| all.saturating_sub(b.reasoning_tokens.unwrap_or(0))),
        ..Usage::default()
    }
}
