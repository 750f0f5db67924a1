//! What many sessions used, and what that cost, by day, model, project and the like.

use crate::{
    Error, SessionLog,
    interchange::{self, Format, Id, Quick},
    pricing::PriceTable,
    usage::{Summing, UsageSection, histories},
};
use jiff::tz::TimeZone;
use sessionlog_core::{
    PicoUsd, Timestamp, Usage,
    record::{Kind, Role},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
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
    /// Files with what was put away of sessions that cannot be read: what they hold is in no figure.
    pub missing: Vec<PathBuf>,
}

/// Adds up what the sessions in `paths` used, in their order. What a fork has inherited is its parent's and not counted (F11);
/// a message that several files hold, with the same id, time, model and usage, counts in the first.
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

/// What one file holds of messages.
struct FileSpending {
    id: String,
    project: String,
    agent: String,
    models: Vec<(Option<String>, Option<String>)>,
    messages: Vec<Message>,
    /// What was put away of the session cannot be read.
    missing: Option<PathBuf>,
}

struct Message {
    time: Option<Timestamp>,
    /// The same for copies of the same message.
    print: u64,
    /// Likewise, by what else a log tells: the provider's name for an answer, what a fork has in common with its parent.
    others: [Option<u64>; 2],
    /// `None` for the user's.
    answer: Option<Answer>,
}

struct Answer {
    model: u32,
    usage: Option<Usage>,
    /// Few logs tell it.
    cost: Option<Box<PicoUsd>>,
}

impl FileSpending {
    fn of(path: &Path) -> Result<Self, Error> {
        let (source, format) = interchange::source(path)?;
        if let Some(format) = format
            && let Some(quick) = interchange::quick(&source, format)?
        {
            return Ok(Self::of_quick(quick, format));
        }
        drop(source);
        let log = SessionLog::open(path)?;
        // What was put away of a session counts with it.
        let (parts, missing) = histories(&log);
        let mut file = Self::of_log(&log, format);
        let newer = std::mem::take(&mut file.messages);
        for part in parts.iter().rev() {
            file.add(part, None);
        }
        // Their models have been numbered already.
        file.messages.extend(newer);
        file.missing = missing;
        Ok(file)
    }

    fn of_quick(quick: Quick, format: Format) -> Self {
        let messages = quick.said.into_iter().map(|said| {
            let answer = said.answer;
            let model = answer
                .as_ref()
                .map(|answer| &quick.models[answer.model as usize]);
            let model = model.and_then(Option::as_deref);
            let usage = answer.as_ref().and_then(|answer| answer.usage);
            let number;
            let id = match &said.id {
                Id::Text(id) => id,
                Id::Number(n) => {
                    number = format!("msg-{n}");
                    number.as_str()
                }
            };
            Message {
                time: said.time,
                print: print(Some(id), said.time, model, usage),
                others: [answer.as_ref().and_then(|answer| answer.response), None],
                answer: answer.map(|answer| Answer {
                    model: answer.model,
                    usage: answer.usage,
                    cost: answer.cost.map(Box::new),
                }),
            }
        });
        let messages = messages.collect();
        let provider = Some(quick.provider);
        let models = quick.models.into_iter();
        FileSpending {
            id: quick.id,
            project: quick.cwd,
            agent: format.name().to_owned(),
            models: models.map(|model| (provider.clone(), model)).collect(),
            messages,
            missing: None,
        }
    }

    fn of_log(log: &SessionLog, format: Option<Format>) -> Self {
        let header = log.header();
        let mut file = FileSpending {
            missing: None,
            id: log.id(),
            project: header.map_or_else(String::new, |header| header.cwd.clone()),
            agent: agent(log, format),
            models: Vec::new(),
            messages: Vec::new(),
        };
        file.add(log, format);
        file
    }

    /// Adds a part of the session.
    fn add(&mut self, log: &SessionLog, format: Option<Format>) {
        let mut copies = Copies::new(log, format);
        for node in log.nodes().filter(|node| !log.inherited(node.index)) {
            let answer = match (node.kind, node.role) {
                (Kind::Message, Role::User) => None,
                (Kind::Message, Role::Assistant) => {
                    let same = |(provider, model): &(Option<String>, Option<String>)| {
                        model.as_deref() == node.model && provider.as_deref() == node.provider
                    };
                    let at = self.models.iter().rposition(same).unwrap_or_else(|| {
                        let owned = |name: Option<&str>| name.map(str::to_owned);
                        self.models.push((owned(node.provider), owned(node.model)));
                        self.models.len() - 1
                    });
                    Some(Answer {
                        model: at as u32,
                        usage: node.usage,
                        cost: node.cost.map(Box::new),
                    })
                }
                _ => continue,
            };
            self.messages.push(Message {
                time: node.timestamp,
                print: print(node.id, node.timestamp, node.model, node.usage),
                others: copies.of(log, node.index),
                answer,
            });
        }
    }
}

/// Id, time, model and usage: nothing else says as surely that two files hold the same message.
fn print(
    id: Option<&str>,
    time: Option<Timestamp>,
    model: Option<&str>,
    usage: Option<Usage>,
) -> u64 {
    let usage = usage.map(|usage| {
        let input = (usage.input_tokens, usage.cache_read_tokens);
        (input, usage.cache_write_tokens, usage.output_tokens)
    });
    let time = time.map(Timestamp::unix_ms);
    let mut hasher = DefaultHasher::new();
    (id, time, model, usage).hash(&mut hasher);
    hasher.finish()
}

/// Tells messages that a fork of claw-code's has in common with its parent. They have neither ids nor times there, so that
/// what they say has to do: the same message, of the same session or of the one that it was forked from.
struct Copies {
    sessions: [Option<String>; 2],
    /// How often the same was said before.
    said: HashMap<u64, u32>,
}

impl Copies {
    fn new(log: &SessionLog, format: Option<Format>) -> Self {
        let claw = matches!(format, Some(Format::Claw | Format::ClawObject));
        let parent = log
            .header()
            .and_then(|header| header.parent_session.clone());
        let sessions = match claw {
            true => [Some(log.id()), parent],
            false => [None, None],
        };
        Copies {
            sessions,
            said: HashMap::new(),
        }
    }

    fn of(&mut self, log: &SessionLog, index: u32) -> [Option<u64>; 2] {
        if self.sessions[0].is_none() {
            return [None, None];
        }
        let Ok(payload) = log.payload(index) else {
            return [None, None];
        };
        let mut hasher = DefaultHasher::new();
        for (name, value) in interchange::members(payload.get()).unwrap_or_default() {
            if matches!(&*name, "role" | "content" | "usage") {
                (name, value.get()).hash(&mut hasher);
            }
        }
        let said = hasher.finish();
        let count = self.said.entry(said).or_default();
        *count += 1;
        let count = *count;
        self.sessions.each_ref().map(|session| {
            let mut hasher = DefaultHasher::new();
            (session.as_ref()?, said, count).hash(&mut hasher);
            Some(hasher.finish())
        })
    }
}

/// Who wrote a session.
fn agent(log: &SessionLog, format: Option<Format>) -> String {
    let writer = log.header().and_then(|header| header.writer.as_deref());
    match format {
        Some(format) => format.name(),
        None => writer.map_or("opi", |writer| writer.split('/').next().unwrap_or(writer)),
    }
    .to_owned()
}

struct Adding<'q> {
    question: &'q Question,
    prices: &'q PriceTable,
    /// With the sessions that have messages there, by their ids.
    rows: BTreeMap<String, (HashSet<u64>, Summing<'q>)>,
    sessions: HashSet<u64>,
    total: Summing<'q>,
    seen: HashSet<u64>,
    spending: Spending,
}

impl<'q> Adding<'q> {
    fn new(question: &'q Question, prices: &'q PriceTable) -> Self {
        Adding {
            question,
            prices,
            rows: BTreeMap::new(),
            sessions: HashSet::new(),
            total: Summing::new(prices),
            seen: HashSet::new(),
            spending: Spending::default(),
        }
    }

    fn file(&mut self, path: &Path, read: Result<FileSpending, Error>) {
        let file = match read {
            Ok(file) => file,
            Err(error) => {
                self.spending.failed.push((path.to_owned(), error));
                return;
            }
        };
        self.spending.files += 1;
        self.spending.missing.extend(file.missing.clone());
        let session = {
            let mut hasher = DefaultHasher::new();
            file.id.hash(&mut hasher);
            hasher.finish()
        };
        self.sessions.insert(session);
        // In a file a message may stand twice for reasons of its own; copies are in other files.
        let mut prints = Vec::new();
        let question = self.question;
        for message in file
            .messages
            .iter()
            .filter(|message| question.asks(message))
        {
            let known = message.others.into_iter().flatten();
            let known = known.chain([message.print]);
            // A copy of it may be copied in turn, and be called otherwise there.
            prints.extend(known.clone());
            if known.into_iter().any(|print| self.seen.contains(&print)) {
                self.spending.duplicates += 1;
                continue;
            }
            let key = question.key(&file, message);
            let (sessions, sum) = match self.rows.get_mut(&key) {
                Some(row) => row,
                None => {
                    let row = (HashSet::new(), Summing::new(self.prices));
                    self.rows.entry(key).or_insert(row)
                }
            };
            sessions.insert(session);
            for sum in [sum, &mut self.total] {
                match &message.answer {
                    None => sum.turn(),
                    Some(answer) => {
                        let (provider, model) = &file.models[answer.model as usize];
                        let usage = answer.usage.as_ref();
                        sum.answer(
                            (provider.as_deref(), model.as_deref()),
                            usage,
                            answer.cost.as_deref().copied(),
                        );
                    }
                }
            }
        }
        self.seen.extend(prints);
    }

    fn finish(self) -> Spending {
        type Summed<'s> = (HashSet<u64>, Summing<'s>);
        let row = |(key, (sessions, sum)): (String, Summed<'_>)| SpendingRow {
            key,
            sessions: sessions.len() as u64,
            section: sum.finish(),
        };
        Spending {
            rows: self.rows.into_iter().map(row).collect(),
            total: self.total.finish(),
            sessions: self.sessions.len() as u64,
            ..self.spending
        }
    }
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
