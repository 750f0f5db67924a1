//! The first pass over a file of Claude Code's: where its entries stand, and how they are linked.

use super::parts::take_usage;
use crate::{
    Error,
    interchange::{
        json::{Members, text},
        lines::Source,
        out::is_id,
        parts::amount,
    },
};
use serde_json::value::RawValue;
use sessionlog_core::record::Fault;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

/// The longest title that is taken for the session's name, in bytes.
const MAX_TITLE: usize = 1024;

/// A line, as the first pass saw it.
pub(super) struct Item {
    pub(super) number: u64,
    pub(super) start: u64,
    pub(super) len: u64,
    /// What keeps it from being an entry.
    pub(super) fault: Option<(Fault, u64)>,
    pub(super) ended: bool,
    pub(super) part: bool,
    uuid: Option<u64>,
    parent: Option<u64>,
    pub(super) answer: Option<u64>,
    /// It can be the tip: a message of the main conversation.
    pub(super) main: bool,
    pub(super) speaks: bool,
}

/// What the first pass found.
#[derive(Default)]
pub(super) struct Index {
    pub(super) items: Vec<Item>,
    hasher: RandomState,
    /// The first line with this `uuid`.
    bearers: HashMap<u64, usize>,
    /// By `message.id` the line that counts: the last one whose usage is known (and then true), or else the last one.
    pub(super) answers: HashMap<u64, (usize, bool)>,
    /// What the last line that tells it says that the answer cost.
    pub(super) costs: HashMap<u64, Box<RawValue>>,
    pub(super) session: Option<String>,
    pub(super) timestamp: Option<String>,
    pub(super) cwd: Option<String>,
    titles: Vec<(u64, String)>,
}

/// The parent; of a compaction's boundary, the entry that it came after.
pub(super) fn parent_of<'a>(members: &Members<'a>) -> Option<&'a RawValue> {
    let parent = members.get("parentUuid").filter(|raw| raw.get() != "null");
    parent.or_else(|| members.get("logicalParentUuid"))
}

impl Index {
    pub(super) fn of(source: &Source) -> Result<Self, Error> {
        let mut index = Index::default();
        let mut lines = source.lines();
        while let Some(line) = lines.next()? {
            let mut item = Item {
                number: line.number,
                start: line.start,
                len: line.bytes.len() as u64,
                fault: None,
                ended: line.ended,
                part: line.part,
                uuid: None,
                parent: None,
                answer: None,
                main: false,
                speaks: false,
            };
            match line.object() {
                Ok(text) => {
                    if let Some(members) = Members::parse(text) {
                        index.take(&members, &mut item);
                    }
                }
                Err(fault) => item.fault = Some(fault),
            }
            index.items.push(item);
        }
        Ok(index)
    }

    fn take(&mut self, members: &Members<'_>, item: &mut Item) {
        let at = self.items.len();
        let hash = |text: &str| self.hasher.hash_one(text);
        item.uuid = members.text("uuid").as_deref().map(hash);
        item.parent = parent_of(members).and_then(text).as_deref().map(hash);
        let kind = members.text("type");
        item.speaks = matches!(kind.as_deref(), Some("user" | "assistant"));
        item.main = item.speaks && !members.is_true("isSidechain");
        if kind.as_deref() == Some("assistant")
            && let Some(message) = members.object("message")
            && let Some(id) = message.text("id")
        {
            let answer = hash(&id);
            item.answer = Some(answer);
            if let Some(cost) = amount(members, "costUSD") {
                self.costs.insert(answer, cost.to_owned());
            }
            let known = take_usage(message).0.is_some();
            let counts = self.answers.entry(answer).or_insert((at, known));
            if known || !counts.1 {
                *counts = (at, known);
            }
        }
        if kind.as_deref() == Some("summary")
            && let (Some(title), Some(leaf)) = (members.text("summary"), members.text("leafUuid"))
            && title.len() <= MAX_TITLE
        {
            self.titles.push((hash(&leaf), title.into_owned()));
        }
        if let Some(uuid) = item.uuid {
            self.bearers.entry(uuid).or_insert(at);
        }
        let owned = |name: &str| members.text(name).map(|text| text.into_owned());
        if self.session.is_none() {
            self.session = owned("sessionId").filter(|id| is_id(id));
        }
        if self.timestamp.is_none() {
            self.timestamp = owned("timestamp");
        }
        if self.cwd.is_none() {
            self.cwd = owned("cwd");
        }
    }

    /// The last title of a conversation that ends in this file: other files' titles stand in it too.
    pub(super) fn title(&self) -> Option<&str> {
        let mut titles = self.titles.iter().rev();
        let own = titles.find(|(leaf, _)| self.bearers.contains_key(leaf))?;
        Some(&own.1)
    }

    /// The lines, parents before their children, otherwise in file order.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.items.len());
        let mut placed = vec![false; self.items.len()];
        let mut waiting: HashMap<usize, Vec<usize>> = HashMap::new();
        for at in 0..self.items.len() {
            let parent = self.items[at]
                .parent
                .and_then(|parent| self.bearers.get(&parent));
            if let Some(parent) = parent.filter(|parent| **parent > at || !placed[**parent])
                && *parent != at
            {
                waiting.entry(*parent).or_default().push(at);
                continue;
            }
            let mut ready = vec![at];
            while let Some(at) = ready.pop() {
                order.push(at);
                placed[at] = true;
                // The last is popped first.
                ready.extend(waiting.remove(&at).into_iter().flatten().rev());
            }
        }
        // Those that wait for each other.
        order.extend((0..self.items.len()).filter(|at| !placed[*at]));
        order
    }
}
