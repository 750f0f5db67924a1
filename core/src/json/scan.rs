//! The JSON scanner: incremental, bounded, not recursive, strict.
//!
//! Takes bytes in chunks of any size and tells a [`Sink`] what it meets; holds a bit per open container and
//! nothing of the text. Its verdict is that of `serde_json::from_slice::<serde_json::Value>` on every input, but
//! for numbers beyond the range of an `f64`, which it accepts.
//!
//! Panics: none, on any input.

mod scalar;
mod string;

use super::{
    number::Number,
    text::{HAS_BULK, Utf8Pieces, plain_run},
};
use scalar::Word;

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
    /// A member's name, whole and without escapes: as [`key_begin`](Self::key_begin), [`text`](Self::text) and
    /// [`key_end`](Self::key_end) would tell it.
    fn key(&mut self, name: &[u8], depth: u16) {
        self.key_begin(depth);
        self.text(name);
        self.key_end(depth);
    }
    /// A member's name begins.
    fn key_begin(&mut self, depth: u16) {
        let _ = depth;
    }
    /// The member's name has ended; its value follows.
    fn key_end(&mut self, depth: u16) {
        let _ = depth;
    }
    /// A value begins at offset `at`. A number's value is not known yet.
    fn begin(&mut self, kind: ValueKind, depth: u16, at: usize) {
        let _ = (kind, depth, at);
    }
    /// Content of the string or key that is open, escapes resolved; a character may be split between calls.
    fn text(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }
    /// Whether the content of the string or key that is open is wanted. When it is not, parts of it may be told by
    /// [`pass`](Self::pass) alone.
    fn wants_text(&self) -> bool {
        true
    }
    /// So many bytes of content of the string that is open, escapes resolved.
    fn pass(&mut self, bytes: usize) {
        let _ = bytes;
    }
    /// The value has ended; `at` is the offset after its last byte.
    fn end(&mut self, kind: ValueKind, depth: u16, at: usize) {
        let _ = (kind, depth, at);
    }
    /// A comma inside the outermost container, at this index of the chunk that is fed.
    fn outer_comma(&mut self, index: usize) {
        let _ = index;
    }
}

impl Sink for () {
    fn wants_text(&self) -> bool {
        false
    }
}

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
    Hex,
    LowBackslash,
    LowU,
    Word,
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

/// A chunk, and how far into it the scanner has come.
struct Input<'c> {
    chunk: &'c [u8],
    index: usize,
    /// Offset of the chunk's first byte.
    base: usize,
}

impl<'c> Input<'c> {
    #[inline(always)]
    fn rest(&self) -> &'c [u8] {
        self.chunk.get(self.index..).unwrap_or(&[])
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.chunk.get(self.index).copied()
    }

    #[inline(always)]
    fn skip(&mut self, bytes: usize) {
        self.index = self.index.wrapping_add(bytes);
    }

    /// Offset of the next byte.
    #[inline(always)]
    fn offset(&self) -> usize {
        self.base.wrapping_add(self.index)
    }
}

/// The scanner of one JSON value.
///
/// Its state tells what may come next, whatever the chunk's end has cut; where a whole string, name, number or literal
/// lies in the chunk, it is taken at once.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scanner {
    state: State,
    in_key: bool,
    /// The innermost open container is an object.
    in_object: bool,
    depth: u16,
    limit: u16,
    objects: [u32; MAX_DEPTH as usize / 32],
    offset: usize,
    utf8: Utf8Pieces,
    hex: u16,
    lead: u16,
    word: Word,
    /// Digits seen of an escape, or letters of a word.
    seen: u8,
    number: Number,
    beyond_double: bool,
    /// The last line break that was white space; 0 for none.
    line_break: u8,
}

impl Scanner {
    /// A scanner that refuses nesting of `depth_limit` levels or more (at most [`MAX_DEPTH`]).
    #[inline(always)] // Built where it stays.
    pub fn new(depth_limit: u16) -> Self {
        Scanner {
            state: State::Value,
            in_key: false,
            in_object: false,
            depth: 0,
            limit: depth_limit.min(MAX_DEPTH),
            objects: [0; MAX_DEPTH as usize / 32],
            offset: 0,
            utf8: Utf8Pieces::default(),
            hex: 0,
            lead: 0,
            word: Word::Null,
            seen: 0,
            number: Number::default(),
            beyond_double: false,
            line_break: 0,
        }
    }

    /// As new, in place. What is always written before it is read stays as it is.
    pub(crate) fn reset(&mut self) {
        self.state = State::Value;
        self.in_key = false;
        self.in_object = false;
        self.depth = 0;
        self.offset = 0;
        self.utf8 = Utf8Pieces::default();
        self.beyond_double = false;
        self.line_break = 0;
    }

    /// The value is an object that has been read, `bytes` of it, up to the value of one of its members.
    pub(crate) fn begin_member(&mut self, bytes: usize) {
        self.offset = bytes;
        self.depth = 1;
        self.in_object = true;
        if let Some(word) = self.objects.first_mut() {
            *word = 1;
        }
    }

    /// Bytes taken so far.
    pub fn offset(&self) -> u64 {
        self.offset as u64
    }

    /// Bytes taken so far: what fits an address is longer than any value.
    pub(crate) fn position(&self) -> usize {
        self.offset
    }

    /// A number was larger in magnitude than every double: JSON, but many readers refuse it.
    pub fn beyond_double(&self) -> bool {
        self.beyond_double
    }

    /// A line break that was white space, if there was one: the last.
    pub(crate) fn line_break(&self) -> Option<u8> {
        (self.line_break != 0).then_some(self.line_break)
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
        let mut input = Input {
            chunk,
            index: 0,
            base: self.offset,
        };
        let result = self.scan(&mut input, sink);
        self.offset = input.offset();
        match result {
            Ok(()) => Ok(Fed {
                consumed: input.index,
                complete: self.state == State::Done,
            }),
            Err(kind) => {
                // The place does not depend on where a bad character was split between chunks.
                let open = match kind {
                    ScanErrorKind::InvalidUtf8 => self.utf8.open(),
                    _ => 0,
                };
                let at = self.offset.wrapping_sub(open) as u64;
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
            at: self.offset as u64,
        })
    }

    /// Goes on to the end of the value or of the input; an error is at the input's next byte.
    fn scan<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) -> Result<(), ScanErrorKind> {
        while self.state != State::Done {
            let Some(byte) = input.peek() else {
                return Ok(());
            };
            if self.state == State::Text {
                self.text(input, sink)?;
            } else {
                self.step(byte, input, sink)?;
            }
        }
        Ok(())
    }

    /// Takes the next byte, and what follows it as far as that is clear at once.
    fn step<S: Sink>(
        &mut self,
        byte: u8,
        input: &mut Input<'_>,
        sink: &mut S,
    ) -> Result<(), ScanErrorKind> {
        let unexpected = Err(ScanErrorKind::UnexpectedByte(byte));
        match self.state {
            State::AfterValue => match byte {
                b',' => self.comma(input, sink),
                b'}' if self.in_object => self.close(ValueKind::Object, input, sink),
                b']' if !self.in_object => self.close(ValueKind::Array, input, sink),
                _ if is_space(byte) => self.space(byte, input),
                _ => return unexpected,
            },
            State::Value => return self.value(byte, input, sink),
            State::ArrayFirst if byte == b']' => self.close(ValueKind::Array, input, sink),
            State::ArrayFirst => return self.value(byte, input, sink),
            State::ObjectFirst if byte == b'}' => self.close(ValueKind::Object, input, sink),
            State::ObjectFirst | State::Key if byte == b'"' => self.key(input, sink),
            State::Colon if byte == b':' => {
                input.skip(1);
                self.state = State::Value;
            }
            State::ObjectFirst | State::Key | State::Colon if is_space(byte) => {
                self.space(byte, input);
            }
            State::ObjectFirst | State::Key | State::Colon => return unexpected,
            State::Escape | State::Hex | State::LowBackslash | State::LowU => {
                self.escape(byte, sink)?;
                input.skip(1);
            }
            State::Word => return self.word_byte(byte, input, sink),
            State::Text | State::Done => {}
            _ => return self.number_byte(byte, input, sink),
        }
        Ok(())
    }

    fn space(&mut self, byte: u8, input: &mut Input<'_>) {
        input.skip(1);
        if matches!(byte, b'\n' | b'\r') {
            self.line_break = byte;
        }
    }

    fn comma<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) {
        if self.depth == 1 {
            sink.outer_comma(input.index);
        }
        input.skip(1);
        if !self.in_object {
            self.state = State::Value;
        } else if HAS_BULK && input.peek() == Some(b'"') {
            self.key(input, sink);
        } else {
            self.state = State::Key;
        }
    }

    /// Takes a quote that begins a member's name, and the name and its colon too where they follow in the simplest way.
    fn key<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) {
        input.skip(1);
        let rest = input.rest();
        let (len, high) = plain_run(rest);
        if let Some((name, [b'"', b':', ..])) = rest.split_at_checked(len)
            && !high
        {
            sink.key(name, self.depth);
            input.skip(len.wrapping_add(2));
            self.state = State::Value;
            return;
        }
        self.in_key = true;
        sink.key_begin(self.depth);
        self.state = State::Text;
    }

    fn value<S: Sink>(
        &mut self,
        byte: u8,
        input: &mut Input<'_>,
        sink: &mut S,
    ) -> Result<(), ScanErrorKind> {
        match byte {
            b'"' => {
                sink.begin(ValueKind::String, self.depth, input.offset());
                input.skip(1);
                self.in_key = false;
                self.state = State::Text;
            }
            b'{' => return self.open(ValueKind::Object, State::ObjectFirst, input, sink),
            b'[' => return self.open(ValueKind::Array, State::ArrayFirst, input, sink),
            b't' => self.word(Word::True, input, sink),
            b'f' => self.word(Word::False, input, sink),
            b'n' => self.word(Word::Null, input, sink),
            b'-' | b'0'..=b'9' => self.number(byte, input, sink),
            _ if is_space(byte) => self.space(byte, input),
            _ => return Err(ScanErrorKind::UnexpectedByte(byte)),
        }
        Ok(())
    }

    fn open<S: Sink>(
        &mut self,
        kind: ValueKind,
        state: State,
        input: &mut Input<'_>,
        sink: &mut S,
    ) -> Result<(), ScanErrorKind> {
        if self.depth.saturating_add(1) >= self.limit {
            return Err(ScanErrorKind::TooDeep);
        }
        sink.begin(kind, self.depth, input.offset());
        input.skip(1);
        self.in_object = matches!(kind, ValueKind::Object);
        let bit = 1u32 << (self.depth % 32);
        if let Some(word) = self.objects.get_mut(usize::from(self.depth / 32)) {
            *word = if self.in_object {
                *word | bit
            } else {
                *word & !bit
            };
        }
        self.depth = self.depth.saturating_add(1);
        self.state = state;
        Ok(())
    }

    fn close<S: Sink>(&mut self, kind: ValueKind, input: &mut Input<'_>, sink: &mut S) {
        input.skip(1);
        self.depth = self.depth.saturating_sub(1);
        let index = self.depth.saturating_sub(1);
        let word = self.objects.get(usize::from(index / 32)).copied();
        self.in_object = word.unwrap_or(0) & (1 << (index % 32)) != 0;
        self.end_value(kind, input.offset(), sink);
    }

    fn end_value<S: Sink>(&mut self, kind: ValueKind, at: usize, sink: &mut S) {
        self.state = if self.depth == 0 {
            State::Done
        } else {
            State::AfterValue
        };
        sink.end(kind, self.depth, at);
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
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
