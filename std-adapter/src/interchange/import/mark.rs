//! What an imported session's header notes of its source: the member `imported`.

use crate::{
    Error,
    interchange::{
        json::{Json, Members, Put, put_number, put_text},
        lines::{Part, Source},
    },
};
use sessionlog_core::{EntryId, crc::Crc32};
use std::io::Read as _;

/// Bytes that are looked at at once.
const CHUNK: usize = 128 * 1024;

/// From here on what stands in an id is no number of ours (F25).
const NAMES: u64 = 1 << 63;

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
    /// The number of the first id that was free then (F25).
    pub(super) next: Option<u64>,
    /// The source's own id, if the session has another.
    pub(super) id: Option<String>,
}

/// What a session was before it was imported: by that its messages are known again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// The source's own id, if it is told: older imports told it by their own only.
    pub(crate) id: Option<String>,
    /// Ids of ours from this number on were given to what was added here.
    pub(crate) next: Option<u64>,
}

impl Before {
    /// Of a header's record.
    pub(crate) fn of(header: &[u8]) -> Self {
        let header = std::str::from_utf8(header).ok();
        let header = header.and_then(|text| Members::parse(text.trim()));
        Self::told(&header.unwrap_or_default())
    }

    fn told(header: &Members<'_>) -> Self {
        let mark = header.object("imported").unwrap_or_default();
        let next = mark.number("next");
        let id = match mark.text("id") {
            // It had the same.
            None => next.and_then(|_| header.text("id")),
            id => id,
        };
        let id = id.filter(|id| !id.is_empty()).map(|id| id.into_owned());
        Before { id, next }
    }

    /// What the header of the session in this file says.
    pub(super) fn read(session: &Source) -> Result<Self, Error> {
        let mut lines = session.lines();
        let line = lines.next()?;
        let header = line.as_ref().and_then(|line| line.object().ok());
        let header = header.and_then(Members::parse);
        Ok(header.map_or_else(Self::default, |header| Self::told(&header)))
    }

    /// An id that our writer gave to what was added here.
    pub(crate) fn is_later(&self, id: &str) -> bool {
        let own = id.starts_with("msg-") || id.starts_with("cmp-");
        let number = EntryId::try_from(id).ok().filter(|_| own);
        match (number.and_then(|id| id.number()), self.next) {
            (Some(number), Some(next)) => (next..NAMES).contains(&number),
            _ => false,
        }
    }
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
            next: None,
            id: None,
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
                next: mark.number("next"),
                id: mark.text("id").map(|id| id.into_owned()),
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
        if let Some(next) = self.next {
            put_number(json, "next", next)?;
        }
        if let Some(id) = &self.id {
            put_text(json, "id", id)?;
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
