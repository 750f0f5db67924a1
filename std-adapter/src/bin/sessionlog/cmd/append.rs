//! `append SESSION`: how a program in any language records.

mod lines;
mod pending;

use crate::args::{Append, Global, SyncWish};
use crate::failure::Failure;
use crate::output::Output;
use lines::{Line, Lines};
use pending::Pending;
use serde::Serialize;
use serde_json::value::RawValue;
use sessionlog::{Error, Session};
use sessionlog_core::journal::{Durability, Options};
use sessionlog_core::record::Verbatim;
use sessionlog_core::{EntryId, compaction::Reason};
use std::io::{self, IsTerminal as _};

/// An acknowledged message, for `--json`.
#[derive(Serialize)]
struct Recorded<'a> {
    id: &'a str,
}

pub(crate) fn run(args: &Append, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let path = super::find(&args.session.session, global)?;
    let options = Options {
        durability: match args.sync {
            SyncWish::Entry => Durability::Entry,
            SyncWish::Turn => Durability::Turn,
            SyncWish::Manual => Durability::Manual,
        },
        ..Options::default()
    };
    let mut session = Session::open(&path, options)?;
    if let Some(at) = session.resumed().notes.torn_at {
        let file = path.display();
        match session.keeps_torn_tail()? {
            false => out.warn(format_args!(
                "{file}: the last record was never finished; it is removed, from byte {at} on"
            )),
            true => out.warn(format_args!(
                "{file}: what stands from byte {at} on is no record, but may hold one or belong to one; it stays, as a corrupt line"
            )),
        }
    }
    if io::stdin().is_terminal() {
        out.note(format_args!(
            "One message payload a line, as JSON; an empty line ends a turn, Ctrl-D all."
        ));
    }
    let mut recorder = Recorder {
        session,
        durability: options.durability,
        pending: Pending::default(),
        due: None,
        deaf: None,
        out,
    };
    let recorded = recorder.record(&mut Lines::new(io::stdin().lock()));
    recorder.finish(recorded)
}

struct Recorder<'o> {
    session: Session,
    durability: Durability,
    /// Appended, but not yet durable.
    pending: Pending,
    /// A compaction is due since the last turn.
    due: Option<Reason>,
    /// Nobody hears the ids any more; recording goes on, it is what we are here for.
    deaf: Option<Failure>,
    out: &'o mut Output,
}

impl Recorder<'_> {
    /// Records until the input ends, or a line cannot be recorded.
    fn record(&mut self, lines: &mut Lines<impl io::BufRead>) -> Result<(), Failure> {
        loop {
            let number = lines.number() + 1;
            match lines.next() {
                Ok(Line::Payload(payload)) => {
                    self.append(payload).map_err(|why| why.at(number))?;
                }
                Ok(Line::Blank) => self.end_turn()?,
                Ok(Line::End) => return Ok(()),
                Err(error) => return Err(refused(number, &error)),
            }
        }
    }

    fn append(&mut self, payload: &[u8]) -> Result<(), Refusal> {
        // The journal checks the record as a whole. Here it is made sure that the line is one value.
        serde_json::from_slice::<&RawValue>(payload).map_err(Refusal::json)?;
        if !payload.starts_with(b"{") {
            return Err(Refusal::Line("not a JSON object".to_owned()));
        }
        match self.session.append(&Verbatim(payload)) {
            Ok(id) => self.pending.add(&id),
            Err(Error::NotAMessage { reason, .. }) => return Err(Refusal::Line(reason)),
            Err(error) => return Err(self.lost(error).into()),
        }
        if self.durability == Durability::Entry {
            self.acknowledge();
        }
        Ok(())
    }

    fn end_turn(&mut self) -> Result<(), Failure> {
        let ended = self.session.end_turn().map_err(|error| self.lost(error))?;
        self.due = ended.compaction;
        match self.durability {
            Durability::Manual if self.pending.is_long() => self.sync(),
            Durability::Manual => Ok(()),
            Durability::Turn | Durability::Entry => {
                self.acknowledge();
                Ok(())
            }
        }
    }

    fn sync(&mut self) -> Result<(), Failure> {
        self.session.sync().map_err(|error| self.lost(error))?;
        self.acknowledge();
        Ok(())
    }

    /// Tells the ids of what is durable now.
    fn acknowledge(&mut self) {
        let mut told = Ok(());
        for id in self.pending.take() {
            if self.deaf.is_none() && told.is_ok() {
                told = self.tell(&id);
            }
        }
        if self.deaf.is_none()
            && let Err(failure) = told.and_then(|()| self.out.flush())
        {
            self.deaf = Some(failure);
        }
    }

    fn tell(&mut self, id: &EntryId) -> Result<(), Failure> {
        let id = id.as_str();
        if self.out.json {
            self.out.json(&Recorded { id })
        } else {
            self.out.line(format_args!("{id}"))
        }
    }

    /// Says what goes with a failed write.
    fn lost(&mut self, error: Error) -> Failure {
        if let Some(first) = self.pending.first() {
            self.out.note(format_args!(
                "What was read since is not recorded: {first} and what follows it."
            ));
        }
        self.pending = Pending::default();
        error.into()
    }

    /// Ends what is not ended, also after a line that was refused; the first failure counts.
    fn finish(mut self, recorded: Result<(), Failure>) -> Result<(), Failure> {
        let mut ended = self.end_turn();
        if ended.is_ok() && self.durability == Durability::Manual {
            ended = self.sync();
        }
        if let (Some(reason), true) = (self.due, ended.is_ok()) {
            let why = match reason {
                Reason::ContextWindow => "the context is near to the model's limit",
                _ => "much was spent since the last one",
            };
            let path = self.session.path().display();
            self.out.note(format_args!(
                "A compaction is due, as {why}: `sessionlog compact {path}`."
            ));
        }
        recorded.and(ended).and(self.deaf.map_or(Ok(()), Err))
    }
}

/// Why a line was not recorded.
enum Refusal {
    /// It is no payload.
    Line(String),
    /// Something else failed.
    Failed(Failure),
}

impl Refusal {
    fn json(error: serde_json::Error) -> Self {
        // A payload is one line, and its number in the input is another.
        let text = error.to_string();
        Self::Line(match text.rsplit_once(" at line ") {
            Some((what, _)) => format!("{what} at column {}", error.column()),
            None => text,
        })
    }

    fn at(self, number: u64) -> Failure {
        match self {
            Self::Line(why) => refused(number, &why),
            Self::Failed(failure) => failure,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn refused(number: u64, why: &dyn std::fmt::Display) -> Failure {
    let words =
        format!("line {number} of the input: {why}; nothing of it, nor after it, is recorded");
    Failure::Failed(words.into())
}
