//! The JSON scanner: incremental, bounded, not recursive, strict.
//!
//! Takes bytes in chunks of any size and tells a [`Sink`] what it meets; holds a bit per open container and
//! nothing of the text. Its verdict is that of `serde_json::from_slice::<serde_json::Value>` on every input, but
//! for numbers beyond the range of an `f64`, which it accepts.
//!
//! Panics: none, on any input.

use super::{
    number::Number,
    text::{Utf8Pieces, plain_run},
};

/// Default limit of nesting: this many levels are refused, as in `serde_json` (127 are read).
pub const DEFAULT_DEPTH: u16 = 128;
/// The largest limit of nesting that can be set.
pub const MAX_DEPTH: u16 = 256;

/// What kind of value begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ValueKind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// A string.
    String,
    /// A number; at its end, its value when it is an unsigned 64-bit integer.
    Number(Option<u64>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`
    Null,
}

/// Why bytes are not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ScanErrorKind {
    /// A byte that cannot stand here.
    UnexpectedByte(u8),
    /// The bytes end inside the value.
    UnexpectedEnd,
    /// A control character (below 0x20) inside a string.
    ControlCharacter(u8),
    /// A string that is not UTF-8: the place is where the bad character begins.
    InvalidUtf8,
    /// A backslash followed by what is no escape.
    InvalidEscape,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// Nesting reaches the limit.
    TooDeep,
}

impl core::fmt::Display for ScanErrorKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnexpectedByte(0) => f.write_str("unexpected NUL byte"),
            Self::UnexpectedByte(b) if b.is_ascii_graphic() => {
                write!(f, "unexpected character '{}'", char::from(*b))
            }
            Self::UnexpectedByte(b) => write!(f, "unexpected byte 0x{b:02x}"),
            Self::UnexpectedEnd => f.write_str("the line ends inside the record"),
            Self::ControlCharacter(b) => write!(f, "control character 0x{b:02x} in a string"),
            Self::InvalidUtf8 => f.write_str("invalid UTF-8"),
            Self::InvalidEscape => f.write_str("invalid escape in a string"),
            Self::LoneSurrogate => f.write_str("lone surrogate in a string"),
            Self::TooDeep => f.write_str("nesting too deep"),
        }
    }
}

/// An error and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScanError {
    /// What is wrong.
    pub kind: ScanErrorKind,
    /// Offset of the first wrong byte, counted from the scanner's first byte.
    pub at: u64,
}

impl core::fmt::Display for ScanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.at)
    }
}

impl core::error::Error for ScanError {}

/// What the scanner tells. `depth` counts the containers open around the thing told of (0 for the whole value);
/// offsets count from the scanner's first byte. Methods do nothing by default.
pub trait Sink {
    /// A member's name begins.
    fn key_begin(&mut self, depth: u16) {
        let _ = depth;
    }
    /// The member's name has ended; its value follows.
    fn key_end(&mut self, depth: u16) {
        let _ = depth;
    }
    /// A value begins at offset `at`. A number's value is not known yet.
    fn begin(&mut self, kind: ValueKind, depth: u16, at: u64) {
        let _ = (kind, depth, at);
    }
    /// Content of the string or key that is open, escapes resolved; a character may be split between calls.
    fn text(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }
    /// The value has ended; `at` is the offset after its last byte.
    fn end(&mut self, kind: ValueKind, depth: u16, at: u64) {
        let _ = (kind, depth, at);
    }
    /// A comma at `chunk[index]` inside the outermost container.
    fn outer_comma(&mut self, chunk: &[u8], index: usize) {
        let _ = (chunk, index);
    }
}

impl Sink for () {}

/// How far [`Scanner::feed`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fed {
    /// Bytes of the chunk that were taken.
    pub consumed: usize,
    /// The value is complete: the bytes after `consumed` do not belong to it.
    pub complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum State {
    Value,
    ArrayFirst,
    ObjectFirst,
    Key,
    Colon,
    AfterValue,
    Text,
    Escape,
    Hex(u8),
    LowBackslash,
    LowU,
    Literal(&'static [u8], ValueKind),
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    ExponentSign,
    ExponentFirst,
    Exponent,
    Done,
}

/// The scanner of one JSON value.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scanner {
    state: State,
    in_key: bool,
    depth: u16,
    limit: u16,
    objects: [u64; 4],
    offset: u64,
    utf8: Utf8Pieces,
    hex: u16,
    lead: u16,
    number: Number,
    beyond_double: bool,
}

impl Scanner {
    /// A scanner that refuses nesting of `depth_limit` levels or more (at most [`MAX_DEPTH`]).
    pub fn new(depth_limit: u16) -> Self {
        Scanner {
            state: State::Value,
            in_key: false,
            depth: 0,
            limit: depth_limit.min(MAX_DEPTH),
            objects: [0; 4],
            offset: 0,
            utf8: Utf8Pieces::default(),
            hex: 0,
            lead: 0,
            number: Number::default(),
            beyond_double: false,
        }
    }

    /// Bytes taken so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// A number was larger in magnitude than every double: JSON, but many readers refuse it.
    pub fn beyond_double(&self) -> bool {
        self.beyond_double
    }

    /// When the last thing scanned, white space aside, is a value inside an open container: how many are open.
    pub fn after_value(&self) -> Option<u16> {
        (self.state == State::AfterValue).then_some(self.depth)
    }

    /// True once the whole value has been seen. (A bare number is complete only at [`Scanner::finish`] or at what follows it.)
    pub fn is_complete(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next bytes. After an error or a complete value the scanner is spent.
    pub fn feed<S: Sink>(&mut self, chunk: &[u8], sink: &mut S) -> Result<Fed, ScanError> {
        let base = self.offset;
        let mut i = 0usize;
        let result = loop {
            if self.state == State::Done {
                break Ok(true);
            }
            let Some(rest) = chunk.get(i..) else {
                break Ok(false);
            };
            let Some(&byte) = rest.first() else {
                break Ok(false);
            };
            if self.state == State::Text {
                let (run, high) = plain_run(rest);
                if let Some(run) = rest.get(..run)
                    && !run.is_empty()
                {
                    if (high || !self.utf8.is_whole())
                        && let Err(wrong) = self.utf8.check(run)
                    {
                        i = i.saturating_add(wrong);
                        break Err(ScanErrorKind::InvalidUtf8);
                    }
                    sink.text(run);
                    i = i.saturating_add(run.len());
                    continue;
                }
            }
            let at = base.wrapping_add(i as u64);
            match self.step(byte, at, sink) {
                Ok(Step::Taken) => i = i.saturating_add(1),
                Ok(Step::Again) => {}
                Ok(Step::Comma) => {
                    sink.outer_comma(chunk, i);
                    i = i.saturating_add(1);
                }
                Err(kind) => break Err(kind),
            }
        };
        self.offset = base.wrapping_add(i as u64);
        match result {
            Ok(complete) => Ok(Fed {
                consumed: i,
                complete,
            }),
            Err(kind) => {
                // The place does not depend on where a bad character was split between chunks.
                let open = match kind {
                    ScanErrorKind::InvalidUtf8 => self.utf8.open(),
                    _ => 0,
                };
                let at = self.offset.wrapping_sub(open);
                Err(ScanError { kind, at })
            }
        }
    }

    /// Says that no byte follows.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<(), ScanError> {
        if self.depth == 0
            && matches!(
                self.state,
                State::Zero | State::Integer | State::Fraction | State::Exponent
            )
        {
            self.end_number(self.offset, sink);
        }
        if self.state == State::Done {
            return Ok(());
        }
        Err(ScanError {
            kind: ScanErrorKind::UnexpectedEnd,
            at: self.offset,
        })
    }

    fn step<S: Sink>(&mut self, byte: u8, at: u64, sink: &mut S) -> Result<Step, ScanErrorKind> {
        use ScanErrorKind::UnexpectedByte;
        let space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        match self.state {
            State::Value | State::ArrayFirst if space => {}
            State::ObjectFirst | State::Key | State::Colon | State::AfterValue if space => {}
            State::ArrayFirst if byte == b']' => self.close(ValueKind::Array, at, sink),
            State::Value | State::ArrayFirst => return self.begin_value(byte, at, sink),
            State::ObjectFirst if byte == b'}' => self.close(ValueKind::Object, at, sink),
            State::ObjectFirst | State::Key if byte == b'"' => {
                self.in_key = true;
                sink.key_begin(self.depth);
                self.state = State::Text;
            }
            State::Colon if byte == b':' => self.state = State::Value,
            State::AfterValue => {
                let object = self.in_object();
                match byte {
                    b',' => {
                        self.state = if object { State::Key } else { State::Value };
                        if self.depth == 1 {
                            return Ok(Step::Comma);
                        }
                    }
                    b'}' if object => self.close(ValueKind::Object, at, sink),
                    b']' if !object => self.close(ValueKind::Array, at, sink),
                    _ => return Err(UnexpectedByte(byte)),
                }
            }
            State::Text => {
                if !self.utf8.is_whole() {
                    return Err(ScanErrorKind::InvalidUtf8);
                }
                match byte {
                    b'"' => self.end_string(at, sink),
                    b'\\' => self.state = State::Escape,
                    _ => return Err(ScanErrorKind::ControlCharacter(byte)),
                }
            }
            State::Escape | State::Hex(_) | State::LowBackslash | State::LowU => {
                return self.escape(byte, sink);
            }
            State::Literal(left, kind) => match left.split_first() {
                Some((&expected, left)) if byte == expected => {
                    if left.is_empty() {
                        self.end_value(kind, at.wrapping_add(1), sink);
                    } else {
                        self.state = State::Literal(left, kind);
                    }
                }
                _ => return Err(UnexpectedByte(byte)),
            },
            State::Minus
            | State::Zero
            | State::Integer
            | State::Point
            | State::Fraction
            | State::ExponentSign
            | State::ExponentFirst
            | State::Exponent => return self.number_byte(byte, at, sink),
            State::ObjectFirst | State::Key | State::Colon | State::Done => {
                return Err(UnexpectedByte(byte));
            }
        }
        Ok(Step::Taken)
    }

    fn begin_value<S: Sink>(
        &mut self,
        byte: u8,
        at: u64,
        sink: &mut S,
    ) -> Result<Step, ScanErrorKind> {
        let (kind, state) = match byte {
            b'{' => (ValueKind::Object, State::ObjectFirst),
            b'[' => (ValueKind::Array, State::ArrayFirst),
            b'"' => (ValueKind::String, State::Text),
            b't' => literal(b"rue", ValueKind::Bool(true)),
            b'f' => literal(b"alse", ValueKind::Bool(false)),
            b'n' => literal(b"ull", ValueKind::Null),
            b'-' => (ValueKind::Number(None), State::Minus),
            b'0' => (ValueKind::Number(None), State::Zero),
            b'1'..=b'9' => (ValueKind::Number(None), State::Integer),
            _ => return Err(ScanErrorKind::UnexpectedByte(byte)),
        };
        if matches!(kind, ValueKind::Object | ValueKind::Array)
            && self.depth.saturating_add(1) >= self.limit
        {
            return Err(ScanErrorKind::TooDeep);
        }
        sink.begin(kind, self.depth, at);
        self.state = state;
        match kind {
            ValueKind::Object | ValueKind::Array => {
                let bit = 1u64 << (self.depth % 64);
                if let Some(word) = self.objects.get_mut(usize::from(self.depth / 64)) {
                    *word = if kind == ValueKind::Object {
                        *word | bit
                    } else {
                        *word & !bit
                    };
                }
                self.depth = self.depth.saturating_add(1);
            }
            ValueKind::String => self.in_key = false,
            ValueKind::Number(_) => self.number = Number::new(byte),
            ValueKind::Bool(_) | ValueKind::Null => {}
        }
        Ok(Step::Taken)
    }

    /// Whether the innermost open container is an object.
    fn in_object(&self) -> bool {
        let index = self.depth.saturating_sub(1);
        let word = self.objects.get(usize::from(index / 64)).copied();
        word.unwrap_or(0) & (1 << (index % 64)) != 0
    }

    fn close<S: Sink>(&mut self, kind: ValueKind, at: u64, sink: &mut S) {
        self.depth = self.depth.saturating_sub(1);
        self.end_value(kind, at.wrapping_add(1), sink);
    }

    fn end_value<S: Sink>(&mut self, kind: ValueKind, at: u64, sink: &mut S) {
        self.state = if self.depth == 0 {
            State::Done
        } else {
            State::AfterValue
        };
        sink.end(kind, self.depth, at);
    }

    fn end_string<S: Sink>(&mut self, at: u64, sink: &mut S) {
        if self.in_key {
            self.state = State::Colon;
            sink.key_end(self.depth);
        } else {
            self.end_value(ValueKind::String, at.wrapping_add(1), sink);
        }
    }

    fn escape<S: Sink>(&mut self, byte: u8, sink: &mut S) -> Result<Step, ScanErrorKind> {
        let plain: &[u8] = match (self.state, byte) {
            (State::Escape, b'"') => b"\"",
            (State::Escape, b'\\') => b"\\",
            (State::Escape, b'/') => b"/",
            (State::Escape, b'b') => b"\x08",
            (State::Escape, b'f') => b"\x0c",
            (State::Escape, b'n') => b"\n",
            (State::Escape, b'r') => b"\r",
            (State::Escape, b't') => b"\t",
            (State::Escape, b'u') => {
                self.lead = 0;
                self.hex = 0;
                self.state = State::Hex(0);
                return Ok(Step::Taken);
            }
            (State::Hex(seen), _) => return self.hex_digit(seen, byte, sink),
            (State::LowBackslash, b'\\') => {
                self.state = State::LowU;
                return Ok(Step::Taken);
            }
            (State::LowU, b'u') => {
                self.hex = 0;
                self.state = State::Hex(0);
                return Ok(Step::Taken);
            }
            (State::LowBackslash | State::LowU, _) => return Err(ScanErrorKind::LoneSurrogate),
            _ => return Err(ScanErrorKind::InvalidEscape),
        };
        sink.text(plain);
        self.state = State::Text;
        Ok(Step::Taken)
    }

    fn hex_digit<S: Sink>(
        &mut self,
        seen: u8,
        byte: u8,
        sink: &mut S,
    ) -> Result<Step, ScanErrorKind> {
        let Some(digit) = char::from(byte).to_digit(16) else {
            return Err(ScanErrorKind::InvalidEscape);
        };
        self.hex = (self.hex << 4) | digit as u16;
        if seen < 3 {
            self.state = State::Hex(seen.saturating_add(1));
            return Ok(Step::Taken);
        }
        let unit = self.hex;
        let high = (0xD800..=0xDBFF).contains(&unit);
        if high && self.lead == 0 {
            self.lead = unit;
            self.state = State::LowBackslash;
            return Ok(Step::Taken);
        }
        let pair = [self.lead, unit];
        let units = if self.lead == 0 {
            pair.get(1..)
        } else {
            pair.get(..)
        };
        match char::decode_utf16(units.unwrap_or(&[]).iter().copied()).next() {
            Some(Ok(c)) => sink.text(c.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => return Err(ScanErrorKind::LoneSurrogate),
        }
        self.state = State::Text;
        Ok(Step::Taken)
    }

    fn number_byte<S: Sink>(
        &mut self,
        byte: u8,
        at: u64,
        sink: &mut S,
    ) -> Result<Step, ScanErrorKind> {
        let digit = byte.is_ascii_digit();
        let next = match (self.state, byte) {
            (State::Minus, b'0') => State::Zero,
            (State::Minus | State::Integer, _) if digit => State::Integer,
            (State::Zero | State::Integer, b'.') => State::Point,
            (State::Zero | State::Integer | State::Fraction, b'e' | b'E') => State::ExponentSign,
            (State::Point | State::Fraction, _) if digit => State::Fraction,
            (State::ExponentSign, b'+' | b'-') => State::ExponentFirst,
            (State::ExponentSign | State::ExponentFirst | State::Exponent, _) if digit => {
                State::Exponent
            }
            (State::Zero, _) if digit => return Err(ScanErrorKind::UnexpectedByte(byte)),
            (State::Zero | State::Integer | State::Fraction | State::Exponent, _) => {
                self.end_number(at, sink);
                return Ok(Step::Again);
            }
            _ => return Err(ScanErrorKind::UnexpectedByte(byte)),
        };
        self.state = next;
        match next {
            State::Point => self.number.point(),
            State::ExponentSign => self.number.exponent(),
            State::ExponentFirst => self.number.sign(byte),
            _ => self.number.digit(byte),
        }
        Ok(Step::Taken)
    }

    fn end_number<S: Sink>(&mut self, at: u64, sink: &mut S) {
        self.beyond_double |= self.number.is_beyond_double();
        self.end_value(ValueKind::Number(self.number.integer()), at, sink);
    }
}

enum Step {
    Taken,
    Again,
    Comma,
}

fn literal(rest: &'static [u8], kind: ValueKind) -> (ValueKind, State) {
    (kind, State::Literal(rest, kind))
}

/// Checks that `bytes` are one JSON value with white space around it.
pub fn validate(bytes: &[u8], depth_limit: u16) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(depth_limit);
    let fed = scanner.feed(bytes, &mut ())?;
    scanner.finish(&mut ())?;
    let rest = bytes.get(fed.consumed..).unwrap_or(&[]);
    for (index, &byte) in rest.iter().enumerate() {
        if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return Err(ScanError {
                kind: ScanErrorKind::UnexpectedByte(byte),
                at: (fed.consumed as u64).saturating_add(index as u64),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
