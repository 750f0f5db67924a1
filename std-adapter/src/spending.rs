//! What many sessions used, and what that cost, by day, model, project and the like.

mod adding;
mod file;

use crate::{Error, pricing::PriceTable, usage::UsageSection};
use adding::Adding;
use file::{FileSpending, Message};
use jiff::tz::TimeZone;
use sessionlog_core::Timestamp;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Files that are read at the same time, at most: each takes memory by its number of entries.
const MAX_READERS: usize = 8;

/// What a row stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// A day: `2026-05-22`.
    #[default]
    Day,
    /// A week from Monday on, as ISO 8601 counts them: `2026-W21`.
    Week,
    /// A month: `2026-05`.
    Month,
    /// A session, by its id.
    Session,
    /// A model: `provider/model`.
    Model,
    /// A project: the directory that a session was begun in.
    Project,
    /// The agent that wrote a session.
    Agent,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the rows stand for.
    pub by: By,
    /// Messages from then on; with it or `until`, those without a time do not count.
    pub since: Option<Timestamp>,
    /// Messages before then.
    pub until: Option<Timestamp>,
    /// Where days begin.
    pub zone: TimeZone,
}

/// What some messages used, and what that cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendingRow {
    /// The day, model and so on; empty where messages name none.
    pub key: String,
    /// Sessions with messages among these.
    pub sessions: u64,
    /// Usage and cost.
    pub section: UsageSection,
}

/// What many sessions used.
#[derive(Debug, Default)]
pub struct Spending {
    /// By key, in its order: oldest day first.
    pub rows: Vec<SpendingRow>,
    /// All of it.
    pub total: UsageSection,
    /// Files that were read.
    pub files: u64,
    /// Sessions that are in them: several files can hold parts of one.
    pub sessions: u64,
    /// Messages that had been counted in an earlier file: copies of a conversation. They are counted once.
    pub duplicates: u64,
    /// Files that could not be read, and why.
    pub failed: Vec<(PathBuf, Error)>,
    /// Files in which lines are damaged: what those used is in no figure.
    pub damaged: Vec<PathBuf>,
    /// Files with what was put away of sessions that cannot be read: what they hold is in no figure.
    pub missing: Vec<PathBuf>,
}

/// Adds up what the sessions in `paths` used, in their order. What a fork has inherited is its parent's and not counted (F11);
/// a message that several files hold counts in the first, with what the one that knows most says that it used. What identifies a
/// message is another thing in each format: `docs/interchange.md` tells.
///
/// Files are read by several threads. `told` is called after each with the number of files done.
#[must_use]
pub fn spending(
    paths: &[PathBuf],
    question: &Question,
    prices: &PriceTable,
    mut told: impl FnMut(usize),
) -> Spending {
    let readers = thread::available_parallelism().map_or(1, usize::from);
    let readers = readers.min(MAX_READERS).min(paths.len());
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(readers);
    let mut adding = Adding::new(question, prices);
    thread::scope(|scope| {
        for _ in 0..readers {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(at) else { break };
                    if sender.send((at, FileSpending::of(path))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        // In the order of the paths, whichever is read first.
        let (mut waiting, mut done) = (BTreeMap::new(), 0);
        for (at, read) in receiver {
            waiting.insert(at, read);
            while let Some(read) = waiting.remove(&done) {
                adding.file(&paths[done], read);
                done += 1;
                told(done);
            }
        }
    });
    adding.finish()
}

impl Question {
    fn asks(&self, message: &Message) -> bool {
        let Question { since, until, .. } = self;
        match message.time {
            Some(time) => {
                since.is_none_or(|since| since <= time) && until.is_none_or(|until| time < until)
            }
            None => since.is_none() && until.is_none(),
        }
    }

    fn key(&self, file: &FileSpending, message: &Message) -> String {
        let date = |format| {
            let time = message.time.map(Timestamp::unix_ms);
            let time = time.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
            let local = time.map(|time| time.to_zoned(self.zone.clone()));
            local.map_or_else(String::new, |local| local.strftime(format).to_string())
        };
        match self.by {
            By::Day => date("%Y-%m-%d"),
            By::Week => date("%G-W%V"),
            By::Month => date("%Y-%m"),
            By::Session => file.id.clone(),
            By::Project => file.project.clone(),
            By::Agent => file.agent.clone(),
            By::Model => match &message.answer {
                None => String::new(),
                Some(answer) => match &file.models[answer.model as usize] {
                    (Some(provider), Some(model)) => format!("{provider}/{model}"),
                    (_, model) => model.clone().unwrap_or_default(),
                },
            },
        }
    }
}

#[cfg(test)]
#[path = "spending_tests.rs"]
mod tests;
