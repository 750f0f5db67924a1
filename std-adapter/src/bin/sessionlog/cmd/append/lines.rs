//! Lines of the input, one at a time.

use std::io::{self, BufRead, Read as _};

/// Bytes of a line at most, its end not counted.
pub(super) const MAX_LINE: u64 = 1 << 30;

/// A line.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'l> {
    /// What may be a payload, without the white space around it.
    Payload(&'l [u8]),
    /// White space only.
    Blank,
    /// There is no more.
    End,
}

/// The lines of an input; one is held.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    limit: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self::with_limit(input, MAX_LINE)
    }

    fn with_limit(input: R, limit: u64) -> Self {
        let (line, number) = (Vec::new(), 0);
        Self {
            input,
            line,
            number,
            limit,
        }
    }

    /// Number of the line that was given last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line.
    ///
    /// # Errors
    /// A line that is too long, and what the input gives.
    pub(super) fn next(&mut self) -> io::Result<Line<'_>> {
        self.line.clear();
        let mut input = (&mut self.input).take(self.limit + 2);
        if input.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        let ended = self.line.ends_with(b"\n");
        let len = self.line.len() as u64 - u64::from(ended);
        if len > self.limit {
            let words = format!("it is longer than {} bytes", self.limit);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        }
        let mut line = self.line.as_slice();
        if self.number == 1 {
            // Some programs mark text as UTF-8.
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        let line = line.trim_ascii();
        Ok(if line.is_empty() {
            Line::Blank
        } else {
            Line::Payload(line)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_end() {
        let mut lines = Lines::new(&b"\xef\xbb\xbf{\"a\":1}\r\n \t\n  {}  \n\n[]"[..]);
        let expected: [Line<'_>; 6] = [
            Line::Payload(b"{\"a\":1}"),
            Line::Blank,
            Line::Payload(b"{}"),
            Line::Blank,
            Line::Payload(b"[]"),
            Line::End,
        ];
        for line in expected {
            assert_eq!(lines.next().unwrap(), line);
        }
        assert_eq!(lines.number(), 5);
        assert_eq!(lines.next().unwrap(), Line::End);
    }

    #[test]
    fn a_line_is_no_longer_than_the_limit() {
        for (text, fits) in [
            ("1234\n", true),
            ("1234", true),
            ("12345\n", false),
            ("12345678", false),
        ] {
            let mut lines = Lines::with_limit(text.as_bytes(), 4);
            assert_eq!(lines.next().is_ok(), fits, "{text}");
        }
    }
}
