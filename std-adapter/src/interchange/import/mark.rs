//! What an imported session's header notes of its source: the member `imported`.

use crate::{
    Error,
    interchange::{
        json::{Json, Members, Put, put_number, put_text},
        lines::{Part, Source},
    },
};
use sessionlog_core::crc::Crc32;
use std::io::Read as _;

/// Bytes that are looked at at once.
const CHUNK: usize = 128 * 1024;

/// How much of its source a session was made of, and what it ended with then.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Bytes of the source's whole lines.
    pub(super) bytes: u64,
    /// Their CRC-32.
    pub(super) crc: u32,
    /// Bytes of the source, an unfinished last line included.
    pub(super) len: u64,
    /// Entries that were made of it.
    pub(super) entries: u64,
    /// The CRC-32 of the session's last line, if there is one besides the header.
    pub(super) last: Option<u32>,
}

impl Mark {
    /// Of a source of which `whole` bytes are whole lines.
    pub(super) fn of(source: &Source, whole: u64, entries: u64) -> Result<Self, Error> {
        Ok(Mark {
            bytes: whole,
            crc: crc(source, source.part(0, whole))?,
            len: source.len,
            entries,
            last: None,
        })
    }

    /// What the header of the session in this file says.
    pub(super) fn read(session: &Source) -> Result<Option<Self>, Error> {
        let mut lines = session.lines();
        let Some(line) = lines.next()? else {
            return Ok(None);
        };
        let header = line.object().ok().and_then(Members::parse);
        let Some(mark) = header.and_then(|header| header.object("imported")) else {
            return Ok(None);
        };
        let hex = |name: &str| Crc32::parse_hex(mark.text(name)?.as_bytes());
        let read = || {
            Some(Mark {
                bytes: mark.number("bytes")?,
                crc: hex("crc")?,
                len: mark.number("len")?,
                entries: mark.number("entries")?,
                last: hex("last"),
            })
        };
        Ok(read())
    }

    pub(super) fn write(&self, json: &mut Json) -> Put {
        let hex = |value| String::from_utf8_lossy(&Crc32::hex(value)).into_owned();
        json.key("imported")?;
        json.begin_object()?;
        put_number(json, "bytes", self.bytes)?;
        put_text(json, "crc", &hex(self.crc))?;
        put_number(json, "len", self.len)?;
        put_number(json, "entries", self.entries)?;
        if let Some(last) = self.last {
            put_text(json, "last", &hex(last))?;
        }
        json.end_object()
    }

    /// The source begins with what was taken.
    pub(super) fn begins(&self, source: &Source) -> Result<bool, Error> {
        Ok(self.len <= source.len && crc(source, source.part(0, self.bytes))? == self.crc)
    }

    /// The session ends as it did: nobody else has written to it.
    pub(super) fn ends(&self, session: &Source) -> Result<bool, Error> {
        Ok(last(session)? == self.last)
    }
}

fn crc(source: &Source, mut part: Part<'_>) -> Result<u32, Error> {
    let (mut sum, mut chunk) = (Crc32::new(), vec![0; CHUNK]);
    loop {
        let read = part.read(&mut chunk).map_err(source.failed())?;
        if read == 0 {
            return Ok(sum.value());
        }
        sum.update(&chunk[..read]);
    }
}

/// The CRC-32 of the last line, its line end not counted; `None` when it has none, and for the first line.
pub(super) fn last(session: &Source) -> Result<Option<u32>, Error> {
    let end = whole_lines(session)?;
    if end != session.len || end == 0 {
        return Ok(None);
    }
    match line_end_before(session, end - 1)? {
        0 => Ok(None),
        start => crc(session, session.part(start, end - 1)).map(Some),
    }
}

/// Where the last line end of a file is over.
pub(super) fn whole_lines(source: &Source) -> Result<u64, Error> {
    line_end_before(source, source.len)
}

/// Where the last line end in front of `end` is over; 0 without one.
fn line_end_before(source: &Source, mut end: u64) -> Result<u64, Error> {
    let mut bytes = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(CHUNK as u64);
        source.read(start, end - start, &mut bytes)?;
        if let Some(at) = memchr::memrchr(b'\n', &bytes) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
