//! A foreign file, line by line, each line bounded in length and depth before anything else looks at it.

use crate::{Error, io::read_at};
use memchr::{memchr, memmem::Finder};
use sessionlog_core::{
    json::scan::{ScanErrorKind, Scanner},
    record::Fault,
};
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// The longest line that is looked into. A longer one is carried over in pieces.
pub(super) const MAX_LINE: u64 = 64 << 20;

/// The deepest nesting that is looked into: what is wrapped around a value when it is carried over still has room below
/// the 127 levels of F3.
pub(super) const MAX_DEPTH: u16 = 120;

/// Bytes that are read at once.
const CHUNK: usize = 128 * 1024;

/// What some editors put before a file's first character.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// The file that is read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// How much of it is read.
    pub(super) len: u64,
}

/// A line.
#[derive(Debug)]
pub(super) struct Line<'b> {
    /// Its number, from 1. Blank lines have none ([`blank_lines`]).
    pub(super) number: u64,
    /// Offset of its first byte.
    pub(super) start: u64,
    /// Without its line end.
    pub(super) bytes: &'b [u8],
    /// It has a line end.
    pub(super) ended: bool,
    /// As it stands in the file, and where the first lone half of a surrogate pair is, if it has any: in `bytes`
    /// a replacement character stands for each.
    pub(super) mended: Option<(&'b [u8], u64)>,
    /// It is only the next part of a line that is longer than [`MAX_LINE`].
    pub(super) part: bool,
}

impl Source {
    pub(super) fn lines(&self) -> Lines<'_> {
        Lines {
            source: self,
            reader: BufReader::with_capacity(CHUNK, self.part(0, self.len)),
            line: Vec::new(),
            original: Vec::new(),
            at: 0,
            number: 0,
            in_part: false,
        }
    }

    pub(super) fn part(&self, start: u64, end: u64) -> Part<'_> {
        Part {
            file: &self.file,
            at: start,
            end: end.min(self.len),
        }
    }

    /// Reads some bytes into `bytes`, which is emptied first.
    pub(super) fn read(&self, start: u64, len: u64, bytes: &mut Vec<u8>) -> Result<(), Error> {
        bytes.clear();
        let read = self
            .part(start, start.saturating_add(len))
            .read_to_end(bytes);
        read.map_err(self.failed())?;
        match bytes.len() as u64 == len {
            true => Ok(()),
            false => Err(Error::Changed {
                path: self.path.clone(),
            }),
        }
    }

    pub(super) fn failed(&self) -> impl FnOnce(io::Error) -> Error + use<> {
        Error::io(self.path.clone(), "read")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A part of a file.
pub(super) struct Part<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.at);
        let room = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let read = read_at(self.file, &mut bytes[..room], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The lines of a file, one after the other.
pub(super) struct Lines<'f> {
    source: &'f Source,
    reader: BufReader<Part<'f>>,
    line: Vec<u8>,
    /// The line before it was mended.
    original: Vec<u8>,
    at: u64,
    number: u64,
    in_part: bool,
}

impl Lines<'_> {
    /// The next line that is not blank. Not an `Iterator`: lines are lent.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        loop {
            let mut start = self.at;
            self.line.clear();
            let read = (&mut self.reader)
                .take(MAX_LINE)
                .read_until(b'\n', &mut self.line)
                .map_err(self.source.failed())?;
            if read == 0 {
                return Ok(None);
            }
            self.at += read as u64;
            let ended = self.line.last() == Some(&b'\n');
            if ended {
                self.line.pop();
            }
            if start == 0 && self.line.starts_with(BOM) {
                self.line.drain(..BOM.len());
                start = BOM.len() as u64;
            }
            let continues = self.in_part;
            // A line that is cut here because the file ends here is whole.
            self.in_part = !ended && read as u64 == MAX_LINE && self.at < self.source.len;
            if !continues && !self.in_part && is_blank(&self.line) {
                continue;
            }
            self.number += u64::from(!continues);
            let part = continues || self.in_part;
            let lone = if part {
                None
            } else {
                mend(&mut self.line, &mut self.original)
            };
            return Ok(Some(Line {
                number: self.number,
                start,
                bytes: &self.line,
                ended,
                mended: lone.map(|at| (&*self.original, at)),
                part,
            }));
        }
    }
}

impl<'b> Line<'b> {
    /// The line's text, if it is one JSON object that can be looked into; otherwise what is wrong, and at which byte of it.
    pub(super) fn object(&self) -> Result<&'b str, (Fault, u64)> {
        match self.part {
            true => Err((Fault::TooLarge, 0)),
            false => object(self.bytes),
        }
    }
}

/// How the escape of a surrogate begins, in both notations.
static LOWER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\\ud"));
static UPPER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\\uD"));

/// Puts a replacement character where the escape of half a surrogate pair stands alone. JavaScript writes such escapes, and
/// no other text can hold what they mean. Gives the place of the first, and in `original` the line as it was.
pub(super) fn mend(line: &mut [u8], original: &mut Vec<u8>) -> Option<u64> {
    // Most lines have no such escape.
    let lower = LOWER.find(line);
    let mut at = match lower {
        // The other notation may come first.
        Some(first) => UPPER.find(&line[..first]).unwrap_or(first),
        None => UPPER.find(line)?,
    };
    // A backslash before it may make another escape of it.
    at -= line[..at].iter().rev().take_while(|b| **b == b'\\').count();
    let mut lone = None;
    while let Some(next) = line.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += next;
        match (half(line, at), half(line, at + 6)) {
            (Some(Half::High), Some(Half::Low)) => at += 12,
            (Some(_), _) => {
                if lone.is_none() {
                    original.clear();
                    original.extend_from_slice(line);
                    lone = Some(at as u64);
                }
                line[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
            (None, _) => at += 2,
        }
    }
    lone
}

/// Half of a surrogate pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    High,
    Low,
}

/// The half that the escape at `at` stands for, if it does.
fn half(line: &[u8], at: usize) -> Option<Half> {
    let [b'\\', b'u', b'd' | b'D', kind, a, b] = line.get(at..at + 6)? else {
        return None;
    };
    let digits = a.is_ascii_hexdigit() && b.is_ascii_hexdigit();
    match kind {
        _ if !digits => None,
        b'8' | b'9' | b'a' | b'b' | b'A' | b'B' => Some(Half::High),
        b'c'..=b'f' | b'C'..=b'F' => Some(Half::Low),
        _ => None,
    }
}

/// The text, if it is one JSON object that can be looked into; otherwise what is wrong, and where.
pub(super) fn object(bytes: &[u8]) -> Result<&str, (Fault, u64)> {
    let skipped = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    if bytes.get(skipped) != Some(&b'{') {
        return Err((Fault::NotAnObject, skipped as u64));
    }
    let mut scanner = Scanner::new(MAX_DEPTH);
    let json = |kind| Fault::Json(kind);
    let fed = scanner
        .feed(bytes, &mut ())
        .map_err(|error| (json(error.kind), error.at))?;
    scanner
        .finish(&mut ())
        .map_err(|error| (json(error.kind), error.at))?;
    if !is_blank(&bytes[fed.consumed..]) {
        return Err((Fault::TrailingBytes, fed.consumed as u64));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to() as u64;
        (json(ScanErrorKind::InvalidUtf8), at)
    })
}

/// Where blank lines begin, which [`Lines`] does not count.
pub(super) fn blank_lines(source: &Source) -> Result<Vec<u64>, Error> {
    let (mut found, mut chunk) = (Vec::new(), vec![0; CHUNK]);
    let mut part = source.part(0, source.len);
    // Where the line began, and whether all of it was blank so far.
    let (mut at, mut start, mut blank) = (0u64, 0u64, true);
    loop {
        let read = part.read(&mut chunk).map_err(source.failed())?;
        if read == 0 {
            return Ok(found);
        }
        let mut rest = &chunk[..read];
        while let Some(end) = memchr(b'\n', rest) {
            if blank && is_blank(&rest[..end]) {
                found.push(start);
            }
            rest = &rest[end + 1..];
            (start, blank) = (at + (read - rest.len()) as u64, true);
        }
        blank &= is_blank(rest);
        at += read as u64;
    }
}

pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| b" \t\r\n".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_halves_are_mended_and_nothing_else() {
        for (line, mended, first) in [
            (r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#, Some(6)),
            (
                r#"{"a":"\uD83D\ud83d\ude00\uDE00"}"#,
                r#"{"a":"\ufffd\ud83d\ude00\ufffd"}"#,
                Some(6),
            ),
            (
                r#"{"a":"\uD83Dx\udE00"}"#,
                r#"{"a":"\ufffdx\ufffd"}"#,
                Some(6),
            ),
            (r#"{"a":"\\\udbff"}"#, r#"{"a":"\\\ufffd"}"#, Some(8)),
            (r#"{"a":"\ud83d\uDE00"}"#, r#"{"a":"\ud83d\uDE00"}"#, None),
            (
                r#"{"a":"\\ud83d \ud7ff \ue000"}"#,
                r#"{"a":"\\ud83d \ud7ff \ue000"}"#,
                None,
            ),
            (r#"{"a":"\ud8"#, r#"{"a":"\ud8"#, None),
            (r#"{"a":"\"\ud83g"}"#, r#"{"a":"\"\ud83g"}"#, None),
            ("{}", "{}", None),
        ] {
            let (mut bytes, mut original) = (line.as_bytes().to_vec(), vec![]);
            assert_eq!(mend(&mut bytes, &mut original), first, "{line}");
            assert_eq!(std::str::from_utf8(&bytes).unwrap(), mended);
            assert!(first.is_none() || original == line.as_bytes());
        }
    }
}
