//! What one file holds of messages, and by what they are known again in others.

use crate::{
    Error, SessionLog,
    authors::{Authors, Named},
    header::HEAD_BYTES,
    interchange::{
        self, Before, Format, Id, Inherited, Quick,
        prints::{self, Said},
    },
    reader::NodeInfo,
    usage::histories,
};
use sessionlog_core::{
    PicoUsd, Timestamp, Usage,
    record::{Kind, Role},
};
use std::path::{Path, PathBuf};

/// Before the year 2000 no agent has written: a device without a clock tells such times.
const FIRST_TIME: i64 = 946_684_800_000;

/// What one file holds of messages.
pub(super) struct FileSpending {
    pub(super) id: String,
    /// The same for all files that hold parts of one session, whatever id it was imported under.
    pub(super) session: u64,
    pub(super) project: String,
    pub(super) agent: String,
    pub(super) models: Vec<(Option<String>, Option<String>)>,
    pub(super) messages: Vec<Message>,
    /// Of formats whose messages have no ids of their own.
    pub(super) lineage: Option<Lineage>,
    /// What was put away of the session cannot be read.
    pub(super) missing: Option<PathBuf>,
    /// Lines are damaged: what they used is not known.
    pub(super) damaged: bool,
}

/// Which session words belong to.
pub(super) struct Lineage {
    /// `None` of a session that had no id: its words alone tell it.
    pub(super) own: Option<u64>,
    /// The session that it was forked from.
    pub(super) parent: Option<u64>,
    /// What a fork has copied are the first of its messages, and all of them the parent's.
    pub(super) leads: bool,
}

pub(super) struct Message {
    pub(super) time: Option<Timestamp>,
    /// The same for copies of the same message; of a lineage, within the same session.
    pub(super) print: u64,
    /// Likewise, by the provider's names.
    pub(super) response: Option<u64>,
    pub(super) inherited: Inherited,
    /// `None` for the user's.
    pub(super) answer: Option<Answer>,
}

pub(super) struct Answer {
    pub(super) model: u32,
    pub(super) usage: Option<Usage>,
    /// Few logs tell it.
    pub(super) cost: Option<Box<PicoUsd>>,
}

impl FileSpending {
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
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
        let mut identity = Identity::of(&log, format);
        let header = log.header();
        let mut file = FileSpending {
            missing,
            id: log.id(),
            session: prints::hash(&identity.session),
            project: header.map_or_else(String::new, |header| header.cwd.clone()),
            agent: agent(&log, format),
            models: Vec::new(),
            messages: Vec::new(),
            lineage: identity.lineage(&log),
            damaged: false,
        };
        let mut authors = Authors::default();
        for part in parts.iter().rev().chain([&log]) {
            file.damaged |= part.health().corrupt > 0;
            file.add(part, &mut identity, &mut authors);
        }
        Ok(file)
    }

    fn of_quick(quick: Quick, format: Format) -> Self {
        let session = quick.id;
        let messages = quick.said.into_iter().map(|said| Message {
            time: said.time,
            print: match (&said.id, said.words) {
                (_, Some(words)) => words,
                (Id::Text(id), None) => prints::of_entry(id, said.time, &session),
                (Id::Number(n), None) => prints::of_entry(&format!("msg-{n}"), said.time, &session),
            },
            response: said.answer.as_ref().and_then(|answer| answer.response),
            inherited: said.inherited,
            answer: said.answer.map(|answer| Answer {
                model: answer.model,
                usage: answer.usage,
                cost: answer.cost.map(Box::new),
            }),
        });
        let messages = messages.collect();
        let lineage = (format == Format::Codex).then(|| Lineage {
            own: Some(seed(Origin::Codex, &session)),
            parent: quick.parent.map(|parent| seed(Origin::Codex, &parent)),
            leads: true,
        });
        let provider = Some(quick.provider);
        let models = quick.models.into_iter();
        FileSpending {
            session: prints::hash(&session),
            id: session,
            project: quick.cwd,
            agent: format.name().to_owned(),
            models: models.map(|model| (provider.clone(), model)).collect(),
            messages,
            lineage,
            missing: None,
            damaged: false,
        }
    }

    /// Adds a part of the session.
    fn add(&mut self, log: &SessionLog, identity: &mut Identity, authors: &mut Authors) {
        let begun = log.header();
        let begun = begun.and_then(|header| Timestamp::parse(&header.timestamp));
        for node in log.nodes() {
            let inherited = match log.inherited(node.index) {
                false => Inherited::No,
                true if identity.origin == Origin::Codex => Inherited::of(node.timestamp, begun),
                true => continue,
            };
            let summary;
            let answer = match (node.kind, node.role) {
                (Kind::Message, Role::User) => None,
                (Kind::Message, Role::Assistant) => {
                    Some(((node.provider, node.model), node.usage, node.cost))
                }
                (Kind::Compaction, _) => {
                    summary = log.summary_usage(node.index);
                    let Some(told) = &summary else { continue };
                    let named = (told.provider.as_deref(), told.model.as_deref());
                    Some((named, told.usage, told.cost))
                }
                _ => continue,
            };
            let answer = answer.map(|(named, usage, cost)| Answer {
                model: self.model(named, authors),
                usage,
                cost: cost.map(Box::new),
            });
            let (print, response) = identity.of_node(log, &node);
            self.messages.push(Message {
                time: node.timestamp,
                print,
                response,
                inherited,
                answer,
            });
        }
    }

    fn model(&mut self, named: Named<'_>, authors: &mut Authors) -> u32 {
        let (number, new) = authors.number(named);
        if new {
            let owned = |name: Option<&str>| name.map(str::to_owned);
            self.models.push((owned(named.0), owned(named.1)));
        }
        number
    }
}

/// Whose messages a session's are: what was imported is known by what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Claude,
    Codex,
    Claw,
    Other,
}

impl Origin {
    fn of(log: &SessionLog, format: Option<Format>) -> Self {
        let header = log.header();
        let imported = header.and_then(|header| header.imported_from.as_deref());
        match format.map_or(imported, |format| Some(format.name())) {
            Some("claude") => Origin::Claude,
            Some("codex") => Origin::Codex,
            Some("claw") => Origin::Claw,
            _ => Origin::Other,
        }
    }
}

/// Tells by what a session's messages are known again.
struct Identity {
    origin: Origin,
    before: Before,
    /// The id that it has, or had before it was imported.
    session: String,
    said: Said,
    /// Of a session without a name: all that was said so far.
    chain: Option<u64>,
}

impl Identity {
    fn of(log: &SessionLog, format: Option<Format>) -> Self {
        let (origin, header) = (Origin::of(log, format), header(log));
        let nameless = origin == Origin::Claw && interchange::is_nameless(&header);
        // What is read as it is was not imported.
        let before = match format {
            Some(_) => Before::default(),
            None => Before::of(&header),
        };
        Identity {
            origin,
            session: before.id.clone().unwrap_or_else(|| log.id()),
            before,
            said: Said::default(),
            chain: nameless.then_some(0),
        }
    }

    fn lineage(&self, log: &SessionLog) -> Option<Lineage> {
        if !matches!(self.origin, Origin::Codex | Origin::Claw) {
            return None;
        }
        let parent = log
            .header()
            .and_then(|header| header.parent_session.as_deref());
        Some(Lineage {
            own: self
                .chain
                .is_none()
                .then(|| seed(self.origin, &self.session)),
            parent: parent.map(|parent| seed(self.origin, parent)),
            leads: self.origin == Origin::Codex,
        })
    }

    fn of_node(&mut self, log: &SessionLog, node: &NodeInfo<'_>) -> (u64, Option<u64>) {
        let id = node.id.unwrap_or_default();
        let time = node.timestamp;
        let record = || log.read_record(node.index).ok();
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default());
        // What was added here is none of the source's words.
        let origin = match self.before.is_later(id) {
            true => Origin::Other,
            false => self.origin,
        };
        match origin {
            Origin::Claude if node.role == Role::Assistant => {
                let response = text(record()).ok();
                let response = response.and_then(|record| prints::response_of(&record));
                (prints::of_entry(id, time, &self.session), response)
            }
            Origin::Claude => (prints::of_entry(id, time, &self.session), None),
            Origin::Codex => {
                let words = text(record()).map(|record| prints::of_record(&record));
                (self.said.number(words.unwrap_or_default()), None)
            }
            Origin::Claw => {
                let words = log.payload(node.index);
                let words = words.map(|payload| prints::of_payload(payload.get()));
                let words = words.unwrap_or_default();
                let print = match &mut self.chain {
                    Some(chain) => {
                        *chain = prints::hash((*chain, words));
                        *chain
                    }
                    None => self.said.number(words),
                };
                (print, None)
            }
            Origin::Other => {
                let usage = node.usage.map(|usage| {
                    let input = (usage.input_tokens, usage.cache_read_tokens);
                    (input, usage.cache_write_tokens, usage.output_tokens)
                });
                let time = time.map(Timestamp::unix_ms);
                let session = time.is_none_or(|time| time < FIRST_TIME);
                let session = session.then_some(&*self.session);
                let said = (log.payload_len(node.index), node.model, usage);
                (prints::hash((id, time, said, session)), None)
            }
        }
    }
}

fn seed(origin: Origin, session: &str) -> u64 {
    prints::hash((origin, session))
}

/// The header's record; nothing of one that is too long to be read, or lost.
fn header(log: &SessionLog) -> Vec<u8> {
    let extent = log.head().extent.filter(|extent| extent.len <= HEAD_BYTES);
    let bytes = extent.and_then(|extent| log.read_extent(extent).ok());
    bytes.unwrap_or_default()
}

/// Who wrote a session.
fn agent(log: &SessionLog, format: Option<Format>) -> String {
    let header = log.header();
    let imported = header.and_then(|header| header.imported_from.as_deref());
    let writer = header.and_then(|header| header.writer.as_deref());
    match (format, imported) {
        (Some(format), _) => format.name(),
        (None, Some(imported)) => imported,
        (None, None) => writer.map_or("opi", |writer| writer.split('/').next().unwrap_or(writer)),
    }
    .to_owned()
}
