//! What the messages of a foreign file used, without making a session of it: what `usage` of many sessions needs.
//!
//! A line that cannot count is leapt over; one that can is parsed as the conversion parses it. A file in which a line that
//! might count is damaged is left to the conversion. Both must give the same of every file; a test holds them together.

mod claude;
mod codex;
mod walk;

use super::{
    Format,
    lines::{MAX_LINE, Source, is_blank, mend},
};
use crate::{Error, authors::Authors, io::read_at, reader::name_of};
use sessionlog_core::{PicoUsd, Timestamp, Usage};

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// What a file says of itself, and its messages, in file order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Quick {
    /// The session's id.
    pub(crate) id: String,
    /// The directory that it was begun in.
    pub(crate) cwd: String,
    /// The session that it was forked from.
    pub(crate) parent: Option<String>,
    /// The one provider of its answers.
    pub(crate) provider: String,
    /// Models, as answers name them.
    pub(crate) models: Vec<Option<String>>,
    /// Their numbers.
    pub(crate) authors: Authors,
    /// What the user said, and answers.
    pub(crate) said: Vec<Said>,
}

/// A message.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    /// The id that the conversion gives it.
    pub(crate) id: Id,
    pub(crate) time: Option<Timestamp>,
    /// What it says, where ids are made up ([`prints`](super::prints)).
    pub(crate) words: Option<u64>,
    pub(crate) inherited: Inherited,
    /// `None` for the user's.
    pub(crate) answer: Option<Answered>,
}

/// Whether a message was copied from the session that its own was forked from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Inherited {
    #[default]
    No,
    /// It was written at once with the fork. If the parent says otherwise, that counts.
    Probably,
    /// It is older than the fork.
    Yes,
}

impl Inherited {
    /// Of a message in the part that counts as copied, and its session's beginning.
    pub(crate) fn of(time: Option<Timestamp>, begun: Option<Timestamp>) -> Self {
        match (time, begun) {
            (Some(time), Some(begun)) if time < begun => Inherited::Yes,
            _ => Inherited::Probably,
        }
    }
}

/// An id.
#[derive(Debug, PartialEq)]
pub(crate) enum Id {
    /// As it is.
    Text(Box<str>),
    /// `msg-N`.
    Number(u64),
}

/// What an answer used.
#[derive(Debug, PartialEq)]
pub(crate) struct Answered {
    /// Index of its model.
    pub(crate) model: u32,
    pub(crate) usage: Option<Usage>,
    pub(crate) cost: Option<PicoUsd>,
    /// The same for copies of this answer, whatever else they are called: the provider's name for it and for the request.
    pub(crate) response: Option<u64>,
}

impl Quick {
    fn model(&mut self, name: Option<&str>) -> u32 {
        let (number, new) = self.authors.number((None, name));
        if new {
            self.models.push(name.map(str::to_owned));
        }
        number
    }
}

/// What the file's messages used; `None` where the conversion has to tell.
pub(crate) fn quick(source: &Source, format: Format) -> Result<Option<Quick>, Error> {
    let read = match format {
        Format::Claude => claude::read(source)?,
        Format::Codex => codex::read(source)?,
        _ => None,
    };
    Ok(read.map(|mut quick| {
        // As of any session.
        if quick.id.is_empty() {
            quick.id = name_of(source.path());
        }
        quick
    }))
}

/// Tells of each line that is not blank, with its number from 1, until `take` has enough (`None`, which is then the answer).
/// A line is held as a whole; one that is too long for that ends it too.
fn each_line(
    source: &Source,
    mut take: impl FnMut(u64, &[u8]) -> Option<()>,
) -> Result<Option<()>, Error> {
    let (mut held, mut original) = (vec![0; CHUNK], Vec::new());
    let (mut filled, mut at, mut number) = (0, 0, 0);
    loop {
        let left = usize::try_from(source.len - at).unwrap_or(usize::MAX);
        let room = held.len() - filled;
        let read = match left.min(room) {
            0 => 0,
            room => read_at(&source.file, &mut held[filled..filled + room], at)
                .map_err(source.failed())?,
        };
        (filled, at) = (filled + read, at + read as u64);
        let over = read == 0 && filled < held.len();
        let mut start = 0;
        while start < filled {
            let end = match memchr::memchr(b'\n', &held[start..filled]) {
                Some(len) => start + len,
                None if over || at >= source.len => filled,
                None => break,
            };
            let line = &mut held[start..end];
            start = end + 1;
            // As the conversion does.
            mend(line, &mut original);
            if is_blank(line) {
                continue;
            }
            number += 1;
            if take(number, line).is_none() {
                return Ok(None);
            }
        }
        if over || at >= source.len {
            return Ok(Some(()));
        }
        let start = start.min(filled);
        held.copy_within(start..filled, 0);
        filled -= start;
        if filled == held.len() {
            if filled as u64 >= MAX_LINE {
                return Ok(None);
            }
            held.resize(held.len() * 2, 0);
        }
    }
}
