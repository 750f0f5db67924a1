//! What a foreign file becomes: records of ours, in a stream.

use super::{
    Format,
    json::{Json, Put, Rest, document, one_line, put_text, put_text_or_null},
    lines::Line,
};
use crate::{
    Error, SessionLog, Verification,
    reader::{MAX_LISTED, Problem, ProblemKind},
};
use sessionlog_core::{
    EntryId, MAX_ID_LEN, Timestamp,
    json::{WriteError, scan::ScanErrorKind},
    record::{FORMAT_VERSION, Fault, LeafEntry, Limits, RecordScanner, StoredEntry, WRITER},
};
use std::{
    convert::Infallible,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The time of what tells none.
pub(super) const NO_TIME: &str = "1970-01-01T00:00:00.000Z";

/// Where in the source something stands.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    line: u64,
    byte: u64,
}

/// What was found in a foreign file, by the places of that file.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Where each line of the stream came from.
    places: Vec<Place>,
    listed: Vec<Problem>,
    corrupt: u64,
    torn: bool,
}

impl Findings {
    /// Counts the source's blank lines too, which begin at these places.
    pub(super) fn count_blank(&mut self, starts: &[u64]) {
        if starts.is_empty() {
            return;
        }
        let before = |byte: u64| starts.partition_point(|start| *start < byte) as u64;
        for place in &mut self.places {
            place.line += before(place.byte);
        }
        for problem in &mut self.listed {
            problem.line += before(problem.byte);
        }
    }

    /// Gives a session that was read from the stream what was found in its source.
    pub(crate) fn adopt(&self, log: &mut SessionLog) {
        log.adopt(&self.listed, self.corrupt, self.torn, |problem| {
            self.replace(problem);
        });
    }

    /// The same for what [`verify()`](crate::verify()) says.
    pub(crate) fn adopt_verified(&self, found: &mut Verification) {
        found
            .problems
            .iter_mut()
            .for_each(|problem| self.replace(problem));
        found.problems.extend_from_slice(&self.listed);
        found
            .problems
            .sort_by_key(|problem| (problem.line, problem.byte));
        found.problem_count += self.corrupt + u64::from(self.torn);
        found.health.corrupt += self.corrupt;
        found.health.torn |= self.torn;
    }

    /// Turns a place in the stream into one in the source.
    fn replace(&self, problem: &mut Problem) {
        let line = usize::try_from(problem.line).unwrap_or(0);
        if let Some(place) = line.checked_sub(1).and_then(|at| self.places.get(at)) {
            (problem.line, problem.byte) = (place.line, place.byte);
        }
    }

    /// Lines that are no records, and whether the last one is unfinished.
    pub(crate) fn damage(&self) -> (u64, bool) {
        (self.corrupt, self.torn)
    }
}

/// What the stream's header says.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) cwd: &'a str,
    pub(super) parent_session: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) fork_point: Option<&'a str>,
    /// What the source's own header says besides.
    pub(super) rest: Rest<'a>,
}

/// How an entry stands among others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    pub(super) id: &'a str,
    pub(super) parent: Option<&'a str>,
    pub(super) timestamp: Option<&'a str>,
}

/// What a compaction says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compaction<'a> {
    pub(super) summary: &'a str,
    pub(super) first_kept: &'a str,
    pub(super) tokens_before: Option<u64>,
    pub(super) tokens_after: Option<u64>,
}

/// Writes the stream.
pub(super) struct Out<'w> {
    format: Format,
    path: PathBuf,
    sink: &'w mut dyn Write,
    place: Place,
    findings: Findings,
    next: u64,
    /// The line that is being made.
    line: Vec<u8>,
}

impl<'w> Out<'w> {
    pub(super) fn new(format: Format, path: &Path, sink: &'w mut dyn Write) -> Self {
        Out {
            format,
            path: path.into(),
            sink,
            place: Place { line: 1, byte: 0 },
            findings: Findings::default(),
            next: 1,
            line: Vec::new(),
        }
    }

    /// What follows comes from this line.
    pub(super) fn at(&mut self, number: u64, start: u64) {
        self.place = Place {
            line: number,
            byte: start,
        };
    }

    /// A new id: `msg-N`, `cmp-N` or `foreign-N`.
    pub(super) fn fresh(&mut self, kind: &str) -> String {
        let id = format!("{kind}-{}", self.next);
        self.next += 1;
        id
    }

    pub(super) fn header(&mut self, head: &Head<'_>) -> Result<(), Error> {
        let format = self.format;
        let bytes = document(|json| {
            json.begin_object()?;
            put_text(json, "type", "session")?;
            json.key("version")?;
            json.u64(FORMAT_VERSION)?;
            put_text(json, "id", head.id)?;
            put_text(json, "timestamp", head.timestamp)?;
            put_text(json, "cwd", head.cwd)?;
            put_text_or_null(json, "parent_session", head.parent_session)?;
            put_text(json, "writer", WRITER)?;
            if let Some(name) = head.name {
                put_text(json, "branch_name", name)?;
            }
            if let Some(id) = head.fork_point {
                put_text(json, "fork_point", id)?;
            }
            put_text(json, "imported_from", format.name())?;
            foreign(json, &head.rest)?;
            json.end_object()
        });
        self.seal(bytes)
    }

    pub(super) fn message(
        &mut self,
        link: Link<'_>,
        rest: &Rest<'_>,
        payload: impl FnOnce(&mut Json) -> Put,
    ) -> Result<(), Error> {
        let bytes = document(|json| {
            begin(json, "message", link)?;
            json.key("message")?;
            payload(json)?;
            foreign(json, rest)?;
            json.end_object()
        });
        self.seal(bytes)
    }

    pub(super) fn compaction(
        &mut self,
        link: Link<'_>,
        what: Compaction<'_>,
        rest: &Rest<'_>,
    ) -> Result<(), Error> {
        let bytes = document(|json| {
            begin(json, "compaction", link)?;
            put_text(json, "summary", what.summary)?;
            put_text(json, "first_kept_entry_id", what.first_kept)?;
            for (name, tokens) in [
                ("tokens_before", what.tokens_before),
                ("tokens_after", what.tokens_after),
            ] {
                if let Some(tokens) = tokens {
                    json.key(name)?;
                    json.u64(tokens)?;
                }
            }
            foreign(json, rest)?;
            json.end_object()
        });
        self.seal(bytes)
    }

    /// What has no equivalent: an unknown entry of type `FORMAT:KIND` that holds the line's object as it stands.
    pub(super) fn unknown(&mut self, link: Link<'_>, kind: &str, line: &str) -> Result<(), Error> {
        let kind = format!("{}:{kind}", self.format.name());
        let bytes = document(|json| {
            begin(json, &kind, link)?;
            json.key("record")?;
            json.raw(&one_line(line.trim().as_bytes()))?;
            json.end_object()
        });
        self.seal(bytes)
    }

    /// A line that had to be mended to be read is told of, and kept as it stands too.
    pub(super) fn mended(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let Some((original, at)) = line.mended else {
            return Ok(());
        };
        let original = Line {
            bytes: original,
            ended: true,
            mended: None,
            ..*line
        };
        let fault = Fault::Json(ScanErrorKind::LoneSurrogate);
        self.damaged(&original, fault, at)?;
        self.at(line.number, line.start);
        Ok(())
    }

    /// A line that is no record: an unknown entry that holds its bytes, as text where they are text.
    pub(super) fn damaged(&mut self, line: &Line<'_>, fault: Fault, at: u64) -> Result<(), Error> {
        self.at(line.number, line.start);
        let torn = !line.ended && !line.part;
        let kind = match torn {
            true => ProblemKind::TornTail {
                bytes: line.bytes.len() as u64,
            },
            false => ProblemKind::Corrupt(fault),
        };
        let again = line.part
            && self
                .findings
                .listed
                .last()
                .is_some_and(|last| last.line == line.number);
        if !again {
            self.findings.torn |= torn;
            self.findings.corrupt += u64::from(!torn);
            if self.findings.listed.len() < MAX_LISTED {
                self.findings.listed.push(Problem {
                    line: line.number,
                    byte: line.start + if torn { 0 } else { at },
                    id: None,
                    kind,
                });
            }
        }
        let bytes = line.mended.map_or(line.bytes, |(original, _)| original);
        // Pieces of a very long line: each record stays small.
        for piece in bytes.chunks(1 << 20) {
            self.bytes(piece)?;
        }
        Ok(())
    }

    fn bytes(&mut self, piece: &[u8]) -> Result<(), Error> {
        let id = self.fresh("foreign");
        let kind = format!("{}:damaged", self.format.name());
        let link = Link {
            id: &id,
            parent: None,
            timestamp: None,
        };
        let bytes = document(|json| {
            begin(json, &kind, link)?;
            match std::str::from_utf8(piece) {
                Ok(text) => put_text(json, "text", text)?,
                Err(_) => {
                    json.key("bytes")?;
                    json.begin_array()?;
                    piece.iter().try_for_each(|byte| json.u64((*byte).into()))?;
                    json.end_array()?;
                }
            }
            json.end_object()
        });
        self.seal(bytes)
    }

    /// A record that is one of ours but for its checksum; with `parent` in place of its own if that is told.
    pub(super) fn native(&mut self, bytes: Vec<u8>, parent: Option<&EntryId>) -> Result<(), Error> {
        self.write(bytes, |stored, sink| match parent {
            Some(_) => stored.encode_with_parent(parent, sink),
            None => stored.encode_sealed(sink),
        })
    }

    /// The last record: it names the tip.
    pub(super) fn leaf(&mut self, target: &str, timestamp: &str) -> Result<(), Error> {
        let id = self.fresh("leaf");
        let (Ok(id), Ok(target)) = (EntryId::try_from(&*id), EntryId::try_from(target)) else {
            return Ok(());
        };
        let leaf = LeafEntry {
            id: &id,
            timestamp: Timestamp::parse(timestamp).unwrap_or_default(),
            entry_id: &target,
            totals: None,
        };
        self.line.clear();
        leaf.encode(&mut self.line).map_err(failed(&self.path))?;
        self.flush_line()
    }

    pub(super) fn finish(self) -> Findings {
        self.findings
    }

    fn seal(&mut self, bytes: Result<Vec<u8>, WriteError<Infallible>>) -> Result<(), Error> {
        let bytes = bytes.map_err(failed(&self.path))?;
        self.write(bytes, |stored, sink| stored.encode_sealed(sink))
    }

    fn write(
        &mut self,
        bytes: Vec<u8>,
        encode: impl FnOnce(&StoredEntry<'_>, &mut Vec<u8>) -> Result<u64, WriteError<Infallible>>,
    ) -> Result<(), Error> {
        // What could not be read back is refused.
        let record = RecordScanner::scan(&bytes, Limits::default());
        let record = record.map_err(|error| {
            let words = format!("line {}: {}", self.place.line, error.fault);
            Error::io(&self.path, "convert")(io::Error::other(words))
        })?;
        self.line.clear();
        let stored = StoredEntry {
            bytes: &bytes,
            record: &record,
        };
        encode(&stored, &mut self.line).map_err(failed(&self.path))?;
        self.flush_line()
    }

    fn flush_line(&mut self) -> Result<(), Error> {
        self.findings.places.push(self.place);
        let written = self.sink.write_all(&self.line);
        written.map_err(Error::io(&self.path, "convert"))
    }
}

fn begin(json: &mut Json, kind: &str, link: Link<'_>) -> Put {
    json.begin_object()?;
    put_text(json, "type", kind)?;
    put_text(json, "id", link.id)?;
    put_text_or_null(json, "parent_id", link.parent)?;
    match link.timestamp {
        Some(timestamp) => put_text(json, "timestamp", timestamp),
        None => Ok(()),
    }
}

/// What of the source has no place of its own in the record.
fn foreign(json: &mut Json, rest: &Rest<'_>) -> Put {
    if rest.is_empty() {
        return Ok(());
    }
    json.key("foreign")?;
    rest.write(json)
}

fn failed(path: &Path) -> impl FnOnce(WriteError<Infallible>) -> Error {
    let path = path.to_owned();
    move |error| Error::io(path, "convert")(io::Error::other(error.to_string()))
}

/// Names that can be ids.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID_LEN
}

/// Milliseconds since 1970, as payloads have them; 0 for what is no time.
pub(super) fn unix_ms(timestamp: Option<&str>) -> i64 {
    let time = timestamp.and_then(Timestamp::parse);
    time.map_or(0, Timestamp::unix_ms)
}

/// Milliseconds since 1970 as a record has them.
pub(super) fn timestamp_of(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(ms).to_string()
}

#[cfg(test)]
impl Findings {
    /// The source's line of each record.
    pub(super) fn lines_told(&self) -> impl Iterator<Item = u64> {
        self.places.iter().map(|place| place.line)
    }
}
