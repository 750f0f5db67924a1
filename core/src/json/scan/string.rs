//! Strings: their content, escapes and ends.

use super::{Input, ScanErrorKind, Scanner, Sink, State, ValueKind};
use crate::json::text::{BULK, HAS_BULK, pass, plain_run};

/// Strings that end within so many bytes are short.
const SHORT: usize = 16;

impl Scanner {
    /// Takes the content of a string up to its end, or to the input's, and the end itself.
    pub(super) fn text<S: Sink>(
        &mut self,
        input: &mut Input<'_>,
        sink: &mut S,
    ) -> Result<(), ScanErrorKind> {
        let mut next_bulk = usize::MAX;
        if HAS_BULK && !sink.wants_text() {
            if self.short_text(input, sink) {
                return Ok(());
            }
            next_bulk = input.index;
        }
        loop {
            if HAS_BULK && input.index >= next_bulk {
                let passed = pass(input.rest(), &mut self.utf8);
                input.skip(passed.len);
                if passed.invalid {
                    return Err(ScanErrorKind::InvalidUtf8);
                }
                sink.pass(passed.len.wrapping_sub(passed.escapes));
                // What stopped it lies in the block that follows.
                next_bulk = input.index.saturating_add(BULK);
            }
            let rest = input.rest();
            let (len, high) = plain_run(rest);
            let (run, after) = rest.split_at_checked(len).unwrap_or((&[], &[]));
            self.utf8(input, len, high)?;
            sink.text(run);
            if after.is_empty() {
                return Ok(());
            }
            if !self.utf8.is_whole() {
                return Err(ScanErrorKind::InvalidUtf8);
            }
            match *after {
                [b'"', ..] => {
                    input.skip(1);
                    self.end_string(input.offset(), sink);
                    return Ok(());
                }
                // Without vector registers the careful way does.
                [b'\\', code, ..] if HAS_BULK && let Some(plain) = unescaped(code) => {
                    sink.text(&[plain]);
                    input.skip(2);
                }
                [b'\\', b'u', a, b, c, d, ..]
                    if HAS_BULK && let Some(plain) = unescaped_unit([a, b, c, d]) =>
                {
                    sink.text(plain.encode_utf8(&mut [0; 4]).as_bytes());
                    input.skip(6);
                }
                [b'\\', ..] => {
                    input.skip(1);
                    self.state = State::Escape;
                    return Ok(());
                }
                [stop, ..] => return Err(ScanErrorKind::ControlCharacter(stop)),
                [] => return Ok(()),
            }
        }
    }

    /// Takes the rest of a string and its end when that is a few plain bytes.
    #[cfg_attr(feature = "fast", inline(always))]
    fn short_text<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) -> bool {
        let rest = input.rest();
        let Some(head) = rest.first_chunk::<{ SHORT }>() else {
            return false;
        };
        let (len, high) = plain_run(head);
        if head.get(len) != Some(&b'"') || high || !self.utf8.is_whole() {
            return false;
        }
        sink.pass(len);
        input.skip(len.wrapping_add(1));
        self.end_string(input.offset(), sink);
        true
    }

    /// Takes `len` bytes of a string, of which some may not be ASCII if `high`.
    #[cfg_attr(feature = "fast", inline(always))]
    fn utf8(&mut self, input: &mut Input<'_>, len: usize, high: bool) -> Result<(), ScanErrorKind> {
        if high || !self.utf8.is_whole() {
            let run = input.rest().get(..len).unwrap_or(&[]);
            if let Err(wrong) = self.utf8.check(run) {
                input.skip(wrong);
                return Err(ScanErrorKind::InvalidUtf8);
            }
        }
        input.skip(len);
        Ok(())
    }

    fn end_string<S: Sink>(&mut self, at: usize, sink: &mut S) {
        if self.in_key {
            self.state = State::Colon;
            sink.key_end(self.depth);
        } else {
            self.end_value(ValueKind::String, at, sink);
        }
    }

    pub(super) fn escape<S: Sink>(&mut self, byte: u8, sink: &mut S) -> Result<(), ScanErrorKind> {
        match (self.state, byte) {
            (State::Escape, b'u') => {
                self.lead = 0;
                self.begin_hex();
            }
            (State::Escape, _) => {
                let plain = unescaped(byte).ok_or(ScanErrorKind::InvalidEscape)?;
                sink.text(&[plain]);
                self.state = State::Text;
            }
            (State::Hex, _) => return self.hex_digit(byte, sink),
            (State::LowBackslash, b'\\') => self.state = State::LowU,
            (State::LowU, b'u') => self.begin_hex(),
            _ => return Err(ScanErrorKind::LoneSurrogate),
        }
        Ok(())
    }

    fn begin_hex(&mut self) {
        self.hex = 0;
        self.seen = 0;
        self.state = State::Hex;
    }

    fn hex_digit<S: Sink>(&mut self, byte: u8, sink: &mut S) -> Result<(), ScanErrorKind> {
        let Some(digit) = hex_value(byte) else {
            return Err(ScanErrorKind::InvalidEscape);
        };
        self.hex = (self.hex << 4) | u16::from(digit);
        self.seen = self.seen.saturating_add(1);
        if self.seen < 4 {
            return Ok(());
        }
        let unit = u32::from(self.hex);
        let c = match (self.lead, self.hex) {
            (0, 0xD800..=0xDBFF) => {
                self.lead = self.hex;
                self.state = State::LowBackslash;
                return Ok(());
            }
            (0, _) => char::from_u32(unit),
            // Ten bits of each half count, from the first character that takes two on.
            (lead, 0xDC00..=0xDFFF) => char::from_u32(
                ((u32::from(lead) & 0x3ff) << 10 | unit & 0x3ff).wrapping_add(0x1_0000),
            ),
            _ => None,
        };
        let Some(c) = c else {
            return Err(ScanErrorKind::LoneSurrogate);
        };
        sink.text(c.encode_utf8(&mut [0; 4]).as_bytes());
        self.state = State::Text;
        Ok(())
    }
}

/// What a backslash and this byte stand for; `None` for `u` and for what is no escape.
#[cfg_attr(feature = "fast", inline(always))]
fn unescaped(code: u8) -> Option<u8> {
    Some(match code {
        b'n' => b'\n',
        b'"' | b'\\' | b'/' => code,
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x08,
        b'f' => 0x0c,
        _ => return None,
    })
}

/// The value of a hexadecimal digit.
fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' | b'A'..=b'F' => Some((digit | 0x20).wrapping_sub(b'a' - 10)),
        _ => None,
    }
}

/// What `\u` and these four digits stand for, unless that is half of a pair.
fn unescaped_unit(digits: [u8; 4]) -> Option<char> {
    let value = digits.iter().try_fold(0, |value, &digit| {
        Some((value << 4) | u32::from(hex_value(digit)?))
    })?;
    char::from_u32(value)
}
