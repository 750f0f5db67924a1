//! Entry ids and the counter that names our own entries.
//!
//! Our ids are `msg-N`, `cmp-N` and `leaf-N`, with N from one counter per session. Foreign ids are
//! opaque: any UTF-8 string of up to [`MAX_ID_LEN`] bytes.

use crate::bytes::digits;
use core::fmt;
use heapless::{String, Vec};

/// The longest id, in bytes, that is kept and compared. A UUID has 36.
pub const MAX_ID_LEN: usize = 128;

/// Numbers from here on (2^63) are taken for foreign names and never move a [`Sequence`].
///
/// A session would have to write a billion entries a second for 292 years to reach it, while one
/// hostile `msg-18446744073709551615` would otherwise leave no number to give.
pub const FOREIGN_NUMBER_FLOOR: u64 = 1 << 63;

/// The id of an entry: at most [`MAX_ID_LEN`] bytes of UTF-8, held inline.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EntryId(String<MAX_ID_LEN>);

impl EntryId {
    /// The empty id. With [`set_own`](Self::set_own) a device makes ids where they stay: one is 132 bytes to be copied.
    #[must_use]
    pub const fn empty() -> Self {
        Self(String::new())
    }

    /// The id that a session gives to its own entry number `n`, e.g. `msg-7`.
    #[must_use]
    #[inline]
    pub fn own(kind: IdKind, n: u64) -> Self {
        let mut id = Self::empty();
        id.set_own(kind, n);
        id
    }

    /// Makes this the id that [`own`](Self::own) gives.
    #[inline(never)]
    pub fn set_own(&mut self, kind: IdKind, n: u64) {
        // Without `core::fmt`, which firmware may not link.
        let mut number = Vec::new();
        digits(n, &mut number);
        self.0.clear();
        for text in [kind.prefix().as_bytes(), &number] {
            for byte in text {
                // A prefix and 20 digits always fit.
                let _ = self.0.push(char::from(byte & 0x7f));
            }
        }
    }

    /// The id of this text, which is UTF-8 and not too long.
    pub(crate) fn of_text(utf8: &[u8]) -> Self {
        let mut id = Self(String::new());
        let (mut code, mut wanted) = (0u32, 0u8);
        for &byte in utf8 {
            let bits = u32::from(byte);
            (code, wanted) = match byte {
                ..0x80 => (bits, 0),
                0x80..0xc0 => (code << 6 | bits & 0x3f, wanted.wrapping_sub(1)),
                0xc0..0xe0 => (bits & 0x1f, 1),
                0xe0..0xf0 => (bits & 0x0f, 2),
                0xf0.. => (bits & 0x07, 3),
            };
            if wanted == 0
                && let Some(c) = char::from_u32(code)
            {
                // What is too long is cut.
                let _ = id.0.push(c);
            }
        }
        id
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The decimal number after the first `-`, whatever stands before it.
    ///
    /// `None` if there is no `-`, if anything but ASCII digits follows it, or if the number does not
    /// fit a `u64`.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        number_of(self.as_str().as_bytes())
    }
}

/// The decimal number after the first `-` of an id: [`EntryId::number`].
pub(crate) fn number_of(id: &[u8]) -> Option<u64> {
    let mut bytes = id.iter();
    bytes.find(|byte| **byte == b'-')?;
    if bytes.as_slice().is_empty() {
        return None;
    }
    bytes.try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        let value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        (digit < 10).then_some(value)
    })
}

impl TryFrom<&str> for EntryId {
    type Error = IdTooLong;

    fn try_from(text: &str) -> Result<Self, IdTooLong> {
        String::try_from(text)
            .map(Self)
            .map_err(|_| IdTooLong { len: text.len() })
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl AsRef<str> for EntryId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for EntryId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for EntryId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl serde::Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An id longer than [`MAX_ID_LEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IdTooLong {
    /// Its length in bytes.
    pub len: usize,
}

impl fmt::Display for IdTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id of {} bytes, at most {MAX_ID_LEN} are kept", self.len)
    }
}

impl core::error::Error for IdTooLong {}

/// What an own id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IdKind {
    /// A message, `msg-N`.
    Message,
    /// A compaction, `cmp-N`.
    Compaction,
    /// A leaf, `leaf-N`.
    Leaf,
}

impl IdKind {
    /// What stands before the number.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Message => "msg-",
            Self::Compaction => "cmp-",
            Self::Leaf => "leaf-",
        }
    }
}

/// The counter behind own ids: one per session, shared by all kinds, first number 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sequence {
    next: u64,
}

impl Sequence {
    /// A new session's counter: the first number is 1.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 1 }
    }

    /// A counter whose next number is `n`, as the `next_seq` of a stored record gives it.
    ///
    /// 0 becomes 1, and anything above [`FOREIGN_NUMBER_FLOOR`] becomes the floor: no stored number
    /// can leave the counter without numbers to give.
    #[must_use]
    pub const fn starting_at(n: u64) -> Self {
        let next = match n {
            0 => 1,
            FOREIGN_NUMBER_FLOOR.. => FOREIGN_NUMBER_FLOOR,
            _ => n,
        };
        Self { next }
    }

    /// The number that [`take`](Self::take) would give.
    #[must_use]
    pub const fn peek(&self) -> u64 {
        self.next
    }

    /// Gives the next number. Saturates at `u64::MAX`, 2^63 numbers above any that a file can set.
    pub const fn take(&mut self) -> u64 {
        let n = self.next;
        self.next = n.saturating_add(1);
        n
    }

    /// Moves past the number in `id`, if it has one. See [`observe_number`](Self::observe_number).
    pub fn observe(&mut self, id: &EntryId) {
        if let Some(n) = id.number() {
            self.observe_number(n);
        }
    }

    /// Moves past `n`, so that `n` is not given again. Never moves back, and passes over numbers
    /// from [`FOREIGN_NUMBER_FLOOR`] on.
    pub fn observe_number(&mut self, n: u64) {
        if n < FOREIGN_NUMBER_FLOOR {
            self.next = self.next.max(n.saturating_add(1));
        }
    }
}

impl Default for Sequence {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    fn id(text: &str) -> EntryId {
        EntryId::try_from(text).unwrap()
    }

    #[test]
    fn own_ids() {
        assert_eq!(EntryId::own(IdKind::Message, 1), "msg-1");
        assert_eq!(EntryId::own(IdKind::Compaction, 7), "cmp-7");
        let widest = EntryId::own(IdKind::Leaf, u64::MAX);
        assert_eq!(widest, "leaf-18446744073709551615");
        assert_eq!(widest.number(), Some(u64::MAX));
        assert_eq!(
            serde_json::to_string(&widest).unwrap(),
            "\"leaf-18446744073709551615\""
        );
    }

    #[test]
    fn the_limit_is_exact() {
        let text = "x".repeat(MAX_ID_LEN);
        assert_eq!(id(&text).as_str(), text);
        let err = EntryId::try_from("x".repeat(MAX_ID_LEN + 1).as_str()).unwrap_err();
        assert_eq!(
            err,
            IdTooLong {
                len: MAX_ID_LEN + 1
            }
        );
        assert_eq!(err.to_string(), "id of 129 bytes, at most 128 are kept");
    }

    #[test]
    fn text_of_any_characters() {
        for text in [
            "",
            "msg-1",
            "\u{e9}\u{20ac}\u{10ffff}x\0",
            "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}",
        ] {
            assert_eq!(EntryId::of_text(text.as_bytes()), text);
        }
    }

    #[test]
    fn numbers() {
        for (text, number) in [
            ("msg-1", Some(1)),
            ("x-0042", Some(42)),
            ("-5", Some(5)),
            ("msg-", None),
            ("msg", None),
            ("msg-+1", None),
            ("msg-1a", None),
            ("msg--1", None),
            ("a-b-3", None),
            ("msg-\u{663}", None),
            ("msg-18446744073709551616", None),
            ("01890a5d-ac96-774b-bcce-b302099a8057", None),
        ] {
            assert_eq!(id(text).number(), number, "{text}");
        }
    }

    #[test]
    fn the_sequence_passes_what_it_saw() {
        let mut seq = Sequence::default();
        assert_eq!(seq.take(), 1);
        seq.observe(&id("msg-9"));
        seq.observe(&id("leaf-4"));
        seq.observe(&id("no number"));
        assert_eq!(seq.peek(), 10);
        assert_eq!(seq.take(), 10);
        assert_eq!(seq.take(), 11);
    }

    #[test]
    fn a_hostile_number_does_not_exhaust_it() {
        let mut seq = Sequence::starting_at(3);
        seq.observe(&id("msg-18446744073709551615"));
        seq.observe_number(FOREIGN_NUMBER_FLOOR);
        assert_eq!(seq.peek(), 3);
        seq.observe_number(FOREIGN_NUMBER_FLOOR - 1);
        assert_eq!(seq.take(), FOREIGN_NUMBER_FLOOR);
        assert_eq!(seq.take(), FOREIGN_NUMBER_FLOOR + 1);
        assert_eq!(Sequence::starting_at(0).peek(), 1);
        assert_eq!(Sequence::starting_at(u64::MAX).peek(), FOREIGN_NUMBER_FLOOR);
    }
}
