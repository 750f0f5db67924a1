//! Sessions written for other agents, and for people.

mod claw;
mod markdown;
mod opi;
mod pi;

use super::json::{Json, Members, Put, document};
use crate::{Error, SessionLog, scan::changed};
use sessionlog_core::{json::WriteError, record::Extent};
use std::{
    convert::Infallible,
    io::{self, Write},
};

/// Bytes that are copied at once.
const CHUNK: u64 = 128 * 1024;

/// What a session can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// Our own JSON Lines: a session's file as it is, of a foreign one the stream that is read in its place.
    Jsonl,
    /// opi, version 1, with nothing that opi would refuse.
    Opi,
    /// claw-code's JSON Lines; its one object where that is what was imported.
    Claw,
    /// pi, version 3.
    Pi,
    /// The conversation, for people.
    Markdown,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Entries.
    pub entries: u64,
    /// Entries that the target has no place for.
    pub left_out: u64,
}

/// Writes a session to `out` as another agent writes its own.
///
/// jsonl, opi and pi get the whole tree, claw and markdown, which know no branches, the active one; claw without what
/// a summary stands for.
///
/// # Errors
/// [`Error::Io`] with `op` `read` for the session, `export` for `out`.
pub fn export(log: &SessionLog, target: Target, out: &mut dyn Write) -> Result<Exported, Error> {
    let mut to = To {
        log,
        out,
        done: Exported::default(),
    };
    match target {
        Target::Jsonl => to.stream()?,
        Target::Opi => opi::write(&mut to)?,
        Target::Claw => claw::write(&mut to)?,
        Target::Pi => pi::write(&mut to)?,
        Target::Markdown => markdown::write(&mut to)?,
    }
    Ok(to.done)
}

/// What is written, and where.
struct To<'a> {
    log: &'a SessionLog,
    out: &'a mut dyn Write,
    done: Exported,
}

impl To<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.out.write_all(bytes);
        written.map_err(Error::io(self.log.path(), "export"))
    }

    /// A document, without a line end.
    fn json(&mut self, write: impl FnOnce(&mut Json) -> Put) -> Result<(), Error> {
        let made = self.made(document(write))?;
        self.bytes(&made)
    }

    /// A document on a line.
    fn line(&mut self, write: impl FnOnce(&mut Json) -> Put) -> Result<(), Error> {
        self.json(write)?;
        self.done.entries += 1;
        self.bytes(b"\n")
    }

    fn made<T>(&self, made: Result<T, WriteError<Infallible>>) -> Result<T, Error> {
        made.map_err(|error| {
            Error::io(self.log.path(), "export")(io::Error::other(error.to_string()))
        })
    }

    fn stream(&mut self) -> Result<(), Error> {
        let end = self.log.bytes();
        let mut start = 0;
        while start < end {
            let len = CHUNK.min(end - start);
            let bytes = self.log.read_extent(Extent { start, len })?;
            self.bytes(&bytes)?;
            start += len;
        }
        self.done.entries = self.log.entry_count();
        Ok(())
    }

    /// The header's record; an empty object if it is lost.
    fn header(&self) -> Result<String, Error> {
        let Some(extent) = self.log.head().extent else {
            return Ok("{}".into());
        };
        self.text(self.log.read_extent(extent)?)
    }

    /// A node's record.
    fn record(&self, index: u32) -> Result<String, Error> {
        self.text(self.log.read_record(index)?)
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, Error> {
        let text = String::from_utf8(bytes);
        text.map_err(|_| Error::io(self.log.path(), "read")(changed()))
    }
}

/// A record taken apart.
struct Parts<'a> {
    record: Members<'a>,
    payload: Members<'a>,
    foreign: Members<'a>,
}

impl<'a> Parts<'a> {
    fn of(record: &'a str) -> Self {
        let mut record = Members::parse(record).unwrap_or_default();
        Parts {
            payload: record.take_object("message").unwrap_or_default(),
            foreign: record.take_object("foreign").unwrap_or_default(),
            record,
        }
    }

    fn role(&self) -> String {
        self.payload.text("role").unwrap_or_default().into_owned()
    }
}

/// The texts of a payload's content, joined by line ends; a picture by its type.
fn words(payload: &Members<'_>) -> String {
    let Some(content) = payload.get("content") else {
        return String::new();
    };
    if let Some(text) = super::json::text(content) {
        return text.into_owned();
    }
    let parts = super::json::list(content).unwrap_or_default();
    let words = parts.iter().filter_map(|part| {
        let part = Members::of(part)?;
        let image = || {
            let media = part.text("media_type")?;
            Some(format!("[image {media}]").into())
        };
        part.text("text").or_else(image)
    });
    words.collect::<Vec<_>>().join("\n")
}
