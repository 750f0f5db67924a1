//! Sessions that other agents have written, read like any session.
//!
//! A foreign file is recognised by what is in it, never by its name, and turned into a stream of our records, line by
//! line, in an unnamed temporary file; that is then read as every session is. There is no second reader. What has no
//! equivalent becomes an unknown entry that holds it as it stands, and what a record of ours has no member for stands in
//! its member `foreign`: nothing is dropped. `docs/interchange.md` has the table of what becomes what.
//!
//! [`SessionLog::open`](crate::SessionLog::open) and [`verify()`](crate::verify()) take foreign files as they are;
//! lines and bytes that they name are the file's own. Nothing writes to one: [`Importer`] makes a session of it in a store.

mod claude;
mod claw;
mod codex;
mod export;
mod import;
mod json;
mod lines;
mod opi2;
mod out;
mod packed;
mod parts;
mod pi;
mod places;
pub(crate) mod prints;
mod quick;

pub use export::{Exported, Target, export};
pub(crate) use import::Before;
pub use import::{Imported, Importer, Outcome};
pub(crate) use out::Findings;
pub use places::{MAX_DEPTH, Searched, search, session_files, sessions_in, usual_places};
pub(crate) use quick::{Id, Inherited, Quick, quick};

use crate::{
    Error,
    files::{self, Open},
    flash,
    header::HEAD_BYTES,
    io::read_at,
};
use json::Members;
use lines::Source;
use out::{Link, Out};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    fmt,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// Lines that are looked at to recognise a format.
const LOOKED_AT: u64 = 32;
/// Bytes after which no further line is looked at.
const LOOKED_INTO: u64 = 1 << 20;

/// The beginning of a file of our own.
const OURS: &[u8] = b"{\"type\":\"session\",\"version\":1,";

/// Each format that is recognised by its lines, and how.
const BY_LINE: [(Format, IsMine); 5] = [
    (Format::Opi2, opi2::is_mine),
    (Format::Pi, pi::is_mine),
    (Format::Codex, codex::is_mine),
    (Format::Claw, claw::is_mine),
    (Format::Claude, claude::is_mine),
];

/// Whether a line is one of a format's.
type IsMine = fn(&Members<'_>) -> bool;

/// What is looked for in a file, in words.
pub(crate) const LOOKED_FOR: &str = "a sessionlog or opi session, Claude Code's, Codex's (also .zst), claw-code's and pi's JSON Lines, \
    claw-code's JSON object, a flash image";

/// A format of another agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Claude Code's JSON Lines.
    Claude,
    /// claw-code's JSON Lines.
    Claw,
    /// claw-code's older form: one JSON object.
    ClawObject,
    /// Codex's JSON Lines.
    Codex,
    /// opi, version 2.
    Opi2,
    /// pi, versions 1 to 3.
    Pi,
}

impl Format {
    /// Its name: what a header's `imported_from` and the types of unknown entries begin with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Claw | Self::ClawObject => "claw",
            Self::Codex => "codex",
            Self::Opi2 => "opi",
            Self::Pi => "pi",
        }
    }
}

impl fmt::Display for Format {
    /// The agent's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claude => "Claude Code",
            Self::Claw | Self::ClawObject => "claw-code",
            Self::Codex => "Codex",
            Self::Opi2 => "opi 2",
            Self::Pi => "pi",
        })
    }
}

/// What a conversion ends with.
#[derive(Debug, Default)]
struct Tail {
    /// The tip's id, and when it was written.
    tip: Option<(String, String)>,
}

impl Tail {
    fn at(link: Link<'_>) -> Self {
        let time = link.timestamp.unwrap_or(out::NO_TIME);
        Tail {
            tip: Some((link.id.to_owned(), time.to_owned())),
        }
    }
}

/// What a session is read from: its file, or what was made of it.
pub(crate) struct Input {
    pub(crate) file: File,
    pub(crate) bytes: u64,
    /// Of a foreign file.
    pub(crate) findings: Option<Findings>,
}

/// Opens a session's file for reading; an image for its newest session, and a foreign file as a stream of our records.
pub(crate) fn input(path: &Path) -> Result<Input, Error> {
    let (file, metadata) = files::open_regular(path, Open::Read)?;
    let (file, bytes) = flash::session_in(path, file, metadata.len())?;
    let source = packed::unpacked(
        Source {
            path: path.into(),
            file,
            len: bytes,
        },
        u64::MAX,
    )?;
    let Some(format) = recognise_in(&source)? else {
        return Ok(Input {
            bytes: source.len,
            file: source.file,
            findings: None,
        });
    };
    let (file, bytes, findings, _) = converted(&source, format, true)?;
    Ok(Input {
        file,
        bytes,
        findings: Some(findings),
    })
}

/// The members of a JSON object, in order.
pub(crate) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    Members::parse(text).map(Members::into_pairs)
}

/// Whether a session that was made of claw-code's one object has its id of the file's name: there was none in it.
pub(crate) fn is_nameless(header: &[u8]) -> bool {
    let header = std::str::from_utf8(header).ok();
    let foreign = header
        .and_then(Members::parse)
        .and_then(|header| header.object("foreign"));
    let legacy = foreign.and_then(|foreign| foreign.object("legacy"));
    legacy.is_some_and(|legacy| legacy.get("id").is_some_and(|id| id.get() == "false"))
}

/// A file that is to be read, unpacked, and its foreign format if it is of one.
pub(crate) fn source(path: &Path) -> Result<(Source, Option<Format>), Error> {
    let (file, metadata) = files::open_regular(path, Open::Read)?;
    let source = Source {
        path: path.into(),
        file,
        len: metadata.len(),
    };
    let source = packed::unpacked(source, u64::MAX)?;
    let format = recognise_in(&source)?;
    Ok((source, format))
}

/// A foreign file's stream in a file without name, its length, and what was found; with a leaf that names the tip at
/// its end if that is wanted.
fn converted(
    source: &Source,
    format: Format,
    ended: bool,
) -> Result<(File, u64, Findings, Tail), Error> {
    let copy = temporary()?;
    let mut sink = BufWriter::with_capacity(1 << 17, copy);
    let (findings, tail) = convert(source, format, ended, &mut sink)?;
    let copy = sink.into_inner().map_err(io::IntoInnerError::into_error);
    let copy = copy.map_err(Error::io(source.path(), "convert"))?;
    let bytes = copy
        .metadata()
        .map_err(Error::io(source.path(), "convert"))?;
    Ok((copy, bytes.len(), findings, tail))
}

fn convert(
    source: &Source,
    format: Format,
    ended: bool,
    sink: &mut dyn Write,
) -> Result<(Findings, Tail), Error> {
    let mut out = Out::new(format, source.path(), sink);
    let tail = match format {
        Format::Claude => claude::convert(source, &mut out)?,
        Format::Claw => claw::convert(source, &mut out)?,
        Format::ClawObject => claw::convert_object(source, &mut out)?,
        Format::Codex => codex::convert(source, &mut out)?,
        Format::Opi2 => opi2::convert(source, &mut out)?,
        Format::Pi => pi::convert(source, &mut out)?,
    };
    if let Some((tip, time)) = tail.tip.as_ref().filter(|_| ended) {
        out.leaf(tip, time)?;
    }
    let mut findings = out.finish();
    // One object may stand on many lines.
    if format != Format::ClawObject {
        findings.count_blank(&lines::blank_lines(source)?);
    }
    Ok((findings, tail))
}

fn temporary() -> Result<File, Error> {
    tempfile::tempfile().map_err(Error::io(std::env::temp_dir(), "create a file in"))
}

/// The foreign format that the file at `path` is of; `None` for what is ours or opi's version 1, an image of a flash,
/// and what is not known.
///
/// # Errors
/// Those of opening and reading it.
pub fn recognise(path: &Path) -> Result<Option<Format>, Error> {
    let (file, metadata) = files::open_regular(path, Open::Read)?;
    let source = Source {
        path: path.into(),
        file,
        len: metadata.len(),
    };
    recognise_in(&packed::unpacked(source, HEAD_BYTES)?)
}

fn recognise_in(source: &Source) -> Result<Option<Format>, Error> {
    let mut first = [0; OURS.len()];
    let read = read_at(&source.file, &mut first, 0).map_err(source.failed())?;
    if first == OURS || !first[..read].contains(&b'{') {
        return Ok(None);
    }
    let mut lines = source.lines();
    while let Some(line) = lines.next()? {
        if line.number > LOOKED_AT || line.start > LOOKED_INTO {
            break;
        }
        if let Some(members) = line.object().ok().and_then(Members::parse) {
            let found = BY_LINE.iter().find(|(_, is_mine)| is_mine(&members));
            if let Some((format, _)) = found {
                return Ok(Some(*format));
            }
            if is_ours(&members) {
                return Ok(None);
            }
        }
        if line.number == 1 && claw::is_object(source)? {
            return Ok(Some(Format::ClawObject));
        }
    }
    Ok(None)
}

/// A record of ours, or of opi's version 1: a header, or a message with an id.
fn is_ours(line: &Members<'_>) -> bool {
    match line.text("type").as_deref() {
        Some("session") => line.number("version") == Some(1) || line.get("writer").is_some(),
        Some("message" | "compaction" | "leaf") => line.text("id").is_some(),
        _ => false,
    }
}

/// The first bytes of a foreign file as a stream, to tell what it is about; `None` for what is not foreign.
pub(crate) fn opening(path: &Path) -> Result<Option<(File, u64, Format)>, Error> {
    let (file, metadata) = files::open_regular(path, Open::Read)?;
    let source = Source {
        path: path.into(),
        file,
        len: metadata.len(),
    };
    let mut source = packed::unpacked(source, HEAD_BYTES)?;
    let Some(format) = recognise_in(&source)? else {
        return Ok(None);
    };
    source.len = source.len.min(HEAD_BYTES / 2);
    let (file, len, _, _) = converted(&source, format, false)?;
    Ok(Some((file, len, format)))
}

/// A foreign file is not written to as if it were a session's.
///
/// # Errors
/// [`Error::ReadOnlyForeign`] for one; those of opening and reading it.
pub fn refuse_foreign(path: &Path) -> Result<(), Error> {
    match recognise(path)? {
        Some(format) => Err(Error::ReadOnlyForeign {
            path: path.into(),
            format: format.to_string(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
