//! Numbers and literal names.

use super::{Input, ScanErrorKind, Scanner, Sink, State, ValueKind};
use crate::json::{
    number::{Number, short_integer},
    text::HAS_BULK,
};

/// The literal names of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Word {
    True,
    False,
    Null,
}

impl Word {
    fn text(self) -> &'static [u8] {
        match self {
            Word::True => b"true",
            Word::False => b"false",
            Word::Null => b"null",
        }
    }

    fn kind(self) -> ValueKind {
        match self {
            Word::True => ValueKind::Bool(true),
            Word::False => ValueKind::Bool(false),
            Word::Null => ValueKind::Null,
        }
    }
}

impl Scanner {
    pub(super) fn word<S: Sink>(&mut self, word: Word, input: &mut Input<'_>, sink: &mut S) {
        sink.begin(word.kind(), self.depth, input.offset());
        if HAS_BULK && input.rest().starts_with(word.text()) {
            input.skip(word.text().len());
            self.end_value(word.kind(), input.offset(), sink);
        } else {
            input.skip(1);
            self.word = word;
            self.seen = 1;
            self.state = State::Word;
        }
    }

    pub(super) fn word_byte<S: Sink>(
        &mut self,
        byte: u8,
        input: &mut Input<'_>,
        sink: &mut S,
    ) -> Result<(), ScanErrorKind> {
        let word = self.word;
        let left = word.text().get(usize::from(self.seen)..).unwrap_or(&[]);
        if left.first() != Some(&byte) {
            return Err(ScanErrorKind::UnexpectedByte(byte));
        }
        input.skip(1);
        self.seen = self.seen.saturating_add(1);
        if left.len() == 1 {
            self.end_value(word.kind(), input.offset(), sink);
        }
        Ok(())
    }

    pub(super) fn number<S: Sink>(&mut self, byte: u8, input: &mut Input<'_>, sink: &mut S) {
        sink.begin(ValueKind::Number(None), self.depth, input.offset());
        if let Some((len, integer)) = short_integer(input.rest()) {
            input.skip(len);
            self.end_value(ValueKind::Number(Some(integer)), input.offset(), sink);
            return;
        }
        input.skip(1);
        self.number = Number::new(byte);
        self.state = match byte {
            b'-' => State::Minus,
            b'0' => State::Zero,
            _ => State::Integer,
        };
    }

    pub(super) fn number_byte<S: Sink>(
        &mut self,
        byte: u8,
        input: &mut Input<'_>,
        sink: &mut S,
    ) -> Result<(), ScanErrorKind> {
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
                self.end_number(input.offset(), sink);
                return Ok(());
            }
            _ => return Err(ScanErrorKind::UnexpectedByte(byte)),
        };
        input.skip(1);
        self.state = next;
        match next {
            State::Point => self.number.point(),
            State::ExponentSign => self.number.exponent(),
            State::ExponentFirst => self.number.sign(byte),
            _ => self.number.digit(byte),
        }
        Ok(())
    }

    pub(super) fn end_number<S: Sink>(&mut self, at: usize, sink: &mut S) {
        self.beyond_double |= self.number.is_beyond_double();
        self.end_value(ValueKind::Number(self.number.integer()), at, sink);
    }
}
