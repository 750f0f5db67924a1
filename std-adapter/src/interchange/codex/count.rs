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

/// What a copied history is written within, in milliseconds: nobody answers so fast.
const COPIED_WITHIN: i64 = 1_000;

/// What the first pass found.
#[derive(Default)]
pub(super) struct Index {
    /// What the answer on this line added to the total.
    pub(super) added: HashMap<u64, Usage>,
    /// Lines of answers that no total followed.
    pub(super) unknown: HashSet<u64>,
    /// The last line of the history that a fork has copied.
    pub(super) copied_to: Option<u64>,
    pub(super) meta: Meta,
}

/// What the first `session_meta` says.
#[derive(Default)]
pub(super) struct Meta {
    pub(super) id: Option<String>,
    pub(super) timestamp: Option<String>,
    pub(super) cwd: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) forked_from: Option<String>,
}

/// The first pass.
#[derive(Default)]
struct Count {
    total: Usage,
    /// The last answer, and the last one that no total has followed yet.
    last: Option<u64>,
    open: Option<u64>,
    left_open: Vec<u64>,
    told: bool,
    metas: u32,
    copied_at: Option<i64>,
    last_message: Option<u64>,
}

impl Index {
    pub(super) fn of(source: &Source) -> Result<Self, Error> {
        let mut index = Index::default();
        let mut count = Count::default();
        let mut lines = source.lines();
        while let Some(line) = lines.next()? {
            let members = line.object().ok().and_then(Members::parse);
            if let Some(members) = members
                && let Some(payload) = members.object("payload")
            {
                count.line(line.number, &members, &payload, &mut index);
            }
        }
        count.close();
        // Without any total nothing is known; otherwise only of what came after the last one.
        let unknown = match count.told {
            true => count.open.into_iter().collect(),
            false => count.left_open,
        };
        index.unknown.extend(unknown);
        Ok(index)
    }
}

impl Count {
    fn line(&mut self, number: u64, line: &Members<'_>, payload: &Members<'_>, index: &mut Index) {
        let time = || line.text("timestamp").map(|time| unix_ms(Some(&time)));
        let kind = line.text("type");
        let kind = kind.as_deref().unwrap_or_default();
        let inner = payload.text("type");
        let inner = inner.as_deref().unwrap_or_default();
        if kind == "session_meta" {
            self.metas += 1;
            match self.metas {
                1 => index.meta = Meta::of(line, payload),
                2 if index.meta.forked_from.is_some() => self.copied_at = time(),
                _ => {}
            }
        } else if kind == "response_item" && is_answer(payload, inner) {
            (self.last, self.open) = (Some(number), Some(number));
            self.last_message = Some(number);
        } else if kind == "response_item" && is_message(payload, inner) {
            self.last_message = Some(number);
            if payload.text("role").as_deref() == Some("user") {
                self.left_open.extend(self.open);
            }
        } else if kind == "event_msg" && inner == "token_count" {
            self.tokens(number, payload, index);
        }
        // What was copied was written all at once.
        if let (Some(copied), Some(now)) = (self.copied_at, time()) {
            match now.saturating_sub(copied) <= COPIED_WITHIN {
                true => index.copied_to = self.last_message,
                false => self.copied_at = None,
            }
        }
    }

    fn tokens(&mut self, number: u64, payload: &Members<'_>, index: &mut Index) {
        let Some(info) = payload.object("info") else {
            return;
        };
        let Some(total) = info.object("total_token_usage").map(|u| usage_of(&u)) else {
            return;
        };
        self.told = true;
        let added = match less(&total, &self.total) {
            // It begins anew.
            true => {
                let last = info.object("last_token_usage");
                last.map_or(total, |last| usage_of(&last))
            }
            false => minus(&total, &self.total),
        };
        self.total = total;
        if added.total_tokens() == 0 {
            return;
        }
        // Of answers that are not in the file, the event itself tells.
        let whose = self.last.unwrap_or(number);
        let sum = index.added.entry(whose).or_default();
        *sum = sum.saturating_add(&added);
        self.open = None;
    }

    fn close(&mut self) {
        self.left_open.extend(self.open);
        self.left_open.dedup();
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
