//! The head of a session's file: its header, and what its user first said.

use crate::io::read_at;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use sessionlog_core::{
    record::{Extent, Fault, Kind, Limits, Role},
    recovery::{Event, Found, Framer},
};
use std::{borrow::Cow, fmt, fs::File, io};

/// Bytes of a file that are read at most to find its header and its first user message.
pub const HEAD_BYTES: u64 = 1024 * 1024;

/// Characters of the first user message that are kept.
pub const FIRST_TEXT_CHARS: usize = 80;

/// Bytes of JSON that hold so many characters, with the quote before them: the longest is `\ud83d\ude00`.
const FIRST_TEXT_BYTES: u64 = 1 + 12 * FIRST_TEXT_CHARS as u64;

/// Bytes of the first read: most headers and first messages lie within.
const FIRST_CHUNK: usize = 4 * 1024;
/// How many times as much each further read asks for.
const GROWTH: usize = 4;
/// Bytes of a read at most.
const CHUNK: usize = 64 * 1024;

/// A session's header (F9). What is missing, or no string, is empty or `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeaderInfo {
    /// The format's version: 1.
    pub version: u64,
    /// The session's id.
    pub id: String,
    /// When it was created: RFC 3339, unless a foreign writer chose otherwise.
    pub timestamp: String,
    /// Where it was begun.
    pub cwd: String,
    /// The session that it was copied from (F11).
    pub parent_session: Option<String>,
    /// The name given to this copy.
    pub branch_name: Option<String>,
    /// Id of the last entry that was copied (F11).
    pub fork_point: Option<String>,
    /// When a repair last left out corrupt lines (F9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
    /// The beginning of the session was given up for its space (F9).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reclaimed: bool,
    /// The file that holds what came first in the session, which was put away ([`SessionLog::history`](crate::SessionLog::history)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<String>,
    /// The agent whose session it was before it was imported, such as `claude`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<String>,
    /// The program that wrote it, such as `sessionlog/1`.
    pub writer: Option<String>,
}

/// Why a file has no header that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The file is empty, or holds white space only.
    #[error("empty")]
    Empty,
    /// Line 1 is a valid record, but no header (F10); or it is blank.
    #[error("no header on line 1")]
    Missing,
    /// Line 1 is damaged (F10).
    #[error("damaged header: {0}")]
    Lost(Fault),
    /// The file ends within line 1.
    #[error("the file ends within its header")]
    Torn,
    /// The header is longer than [`HEAD_BYTES`].
    #[error("no header within the first {HEAD_BYTES} bytes")]
    TooLong,
    /// The header's version is not 1, or no number.
    #[error("unsupported version {}", .0.map_or_else(|| "(none)".to_owned(), |v| v.to_string()))]
    UnsupportedVersion(Option<u64>),
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl HeaderInfo {
    /// Reads the members of a header record, from its `{` to its `}`. A member that stands twice counts as it stands last;
    /// whether the record is valid is not judged here.
    ///
    /// # Errors
    /// When the bytes are no JSON object.
    pub fn from_record(record: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice::<Members>(record).map(|members| members.0)
    }
}

/// The members read leniently: whatever their types are, and however often they stand there.
struct Members(HeaderInfo);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyMembers;
        impl<'de> Visitor<'de> for AnyMembers {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut header = HeaderInfo::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    match &*name {
                        "version" => header.version = value(&mut map)?.unwrap_or_default(),
                        "id" => header.id = text(&mut map)?.unwrap_or_default(),
                        "timestamp" => header.timestamp = text(&mut map)?.unwrap_or_default(),
                        "cwd" => header.cwd = text(&mut map)?.unwrap_or_default(),
                        "parent_session" => header.parent_session = text(&mut map)?,
                        "branch_name" => header.branch_name = text(&mut map)?,
                        "fork_point" => header.fork_point = text(&mut map)?,
                        "repaired" => header.repaired = text(&mut map)?,
                        "reclaimed" => header.reclaimed = value(&mut map)?.unwrap_or_default(),
                        "history" => header.history = text(&mut map)?,
                        "imported_from" => header.imported_from = text(&mut map)?,
                        "writer" => header.writer = text(&mut map)?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Members(header))
            }
        }
        deserializer.deserialize_map(AnyMembers)
    }
}

/// The next value, if it is of type `T`.
fn value<'de, T: Deserialize<'de>, A: MapAccess<'de>>(map: &mut A) -> Result<Option<T>, A::Error> {
    let raw: &'de RawValue = map.next_value()?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// The next value, if it is a string.
fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<String>, A::Error> {
    let raw: &'de RawValue = map.next_value()?;
    let json = raw.get();
    let content = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    Ok(match content {
        Some(plain) if !plain.contains('\\') => Some(plain.to_owned()),
        Some(_) => serde_json::from_str(json).ok(),
        None => None,
    })
}

/// The first [`FIRST_TEXT_CHARS`] characters of a valid JSON string, of which `json` need not hold more than these.
fn beginning(json: &[u8]) -> Option<String> {
    let mut end = 1;
    for _ in 0..FIRST_TEXT_CHARS {
        end += match json.get(end..)? {
            [b'"', ..] => break,
            [
                b'\\',
                b'u',
                b'd' | b'D',
                b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B',
                ..,
            ] => 12,
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            [0xf0..=0xff, ..] => 4,
            [0xe0..=0xef, ..] => 3,
            [0xc0..=0xdf, ..] => 2,
            _ => 1,
        };
    }
    let mut piece = json.get(..end)?.to_vec();
    piece.push(b'"');
    serde_json::from_slice(&piece).ok()
}

/// What the head of a file says.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) header: Result<HeaderInfo, HeaderFault>,
    pub(crate) first_user_text: Option<String>,
}

/// Reads heads, one file after the other, through one buffer.
pub(crate) struct HeadReader {
    chunk: Vec<u8>,
}

impl HeadReader {
    pub(crate) fn new() -> Self {
        Self {
            chunk: vec![0; CHUNK],
        }
    }

    /// Reads the head of a file of `len` bytes.
    pub(crate) fn read(&mut self, file: &File, len: u64) -> io::Result<Head> {
        let mut head = Head {
            header: Err(HeaderFault::Empty),
            first_user_text: None,
        };
        let mut framer = Framer::new(Limits::default(), 0, 1);
        let mut budget = usize::try_from(HEAD_BYTES).unwrap_or(usize::MAX);
        let mut want = FIRST_CHUNK;
        loop {
            let start = framer.offset();
            if start >= len {
                let event = framer.finish();
                let told = event.is_some();
                if let Some(event) = event
                    && head.take(event, &Source::none(file))?
                {
                    return Ok(head);
                }
                if !told && framer.offset() == start {
                    return Ok(head);
                }
                continue;
            }
            if budget == 0 {
                if head.header == Err(HeaderFault::Empty) {
                    head.header = Err(HeaderFault::TooLong);
                }
                return Ok(head);
            }
            let chunk = &mut self.chunk[..want.min(budget)];
            let read = read_at(file, chunk, start)?;
            if read == 0 {
                // The file was cut meanwhile.
                return Ok(head);
            }
            budget -= read;
            want = (want * GROWTH).min(CHUNK);
            let source = Source {
                file,
                start,
                bytes: &chunk[..read],
            };
            // In a damaged line the framer may go back, even to before the chunk.
            while let Some(rest) = source.from(framer.offset()) {
                if let Some(event) = framer.feed(rest)
                    && head.take(event, &source)?
                {
                    return Ok(head);
                }
            }
        }
    }
}

impl Head {
    /// Takes in what was found. True when nothing else is wanted.
    fn take(&mut self, event: Event<'_>, source: &Source<'_>) -> io::Result<bool> {
        match event {
            Event::Record(found) if found.line == 1 && found.record.kind == Kind::Session => {
                self.header = decode(&found, source)?;
                if matches!(self.header, Err(HeaderFault::UnsupportedVersion(_))) {
                    return Ok(true);
                }
            }
            Event::Record(found) => {
                self.not_the_header(HeaderFault::Missing);
                let message = &found.record.message;
                if found.record.kind == Kind::Message
                    && message.role == Role::User
                    && !message.first_text.is_empty()
                    && self.first_user_text.is_none()
                {
                    let mut text = found.extent.part(message.first_text);
                    text.len = text.len.min(FIRST_TEXT_BYTES);
                    self.first_user_text = beginning(&source.part(text)?);
                }
            }
            Event::Corrupt(damage) if damage.line == 1 => {
                self.not_the_header(HeaderFault::Lost(damage.fault));
            }
            Event::Torn { line: 1, .. } => self.not_the_header(HeaderFault::Torn),
            Event::Corrupt(_) | Event::Torn { .. } => self.not_the_header(HeaderFault::Missing),
        }
        Ok(self.first_user_text.is_some())
    }

    /// Something other than the header came first.
    fn not_the_header(&mut self, fault: HeaderFault) {
        if self.header == Err(HeaderFault::Empty) {
            self.header = Err(fault);
        }
    }
}

fn decode(found: &Found<'_>, source: &Source<'_>) -> io::Result<Result<HeaderInfo, HeaderFault>> {
    if found.record.version != Some(1) {
        return Ok(Err(HeaderFault::UnsupportedVersion(found.record.version)));
    }
    let record = source.part(found.extent)?;
    Ok(
        HeaderInfo::from_record(&record)
            .map_err(|error| HeaderFault::Unreadable(error.to_string())),
    )
}

/// A file, and what of it is in memory.
pub(crate) struct Source<'a> {
    pub(crate) file: &'a File,
    pub(crate) start: u64,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Source<'a> {
    pub(crate) fn none(file: &'a File) -> Self {
        Source {
            file,
            start: 0,
            bytes: &[],
        }
    }

    /// The bytes in memory from offset `at` on; `None` when there are none.
    pub(crate) fn from(&self, at: u64) -> Option<&'a [u8]> {
        let skip = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.bytes.get(skip..).filter(|rest| !rest.is_empty())
    }

    /// The bytes of `extent`, read anew unless they are in memory.
    pub(crate) fn part(&self, extent: Extent) -> io::Result<Cow<'a, [u8]>> {
        let len = usize::try_from(extent.len).unwrap_or(usize::MAX);
        if let Some(bytes) = self.from(extent.start).and_then(|rest| rest.get(..len)) {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match read_at(
                self.file,
                &mut bytes[filled..],
                extent.start + filled as u64,
            )? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        Ok(Cow::Owned(bytes))
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
