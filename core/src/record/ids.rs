//! How the ids of what is read are held: as text, or as a number that stands for it.

use crate::id::{EntryId, MAX_ID_LEN};
use core::num::NonZeroU64;

/// A form in which ids are held and compared.
///
/// [`EntryId`] is the text itself, 128 bytes of room; [`IdHash`] takes 8 bytes.
pub trait IdForm: Clone + PartialEq {
    /// Whether scanners also gather what only lists and exports need: `timestamp`, and of a message `first_text`, `model`
    /// and `provider`. Where they do not, these stay empty.
    const DETAILS: bool;

    /// The id of this text; `None` when it is longer than [`MAX_ID_LEN`] bytes or no UTF-8.
    fn of(text: &[u8]) -> Option<Self>;
}

impl IdForm for EntryId {
    const DETAILS: bool = true;

    fn of(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?;
        EntryId::try_from(text).ok()
    }
}

/// A hash of 64 bits that stands for an id: what a device holds of the ids that it reads.
///
/// Two different ids of one log have the same hash by chance once in 2^64 pairs, far more seldom than a damaged record
/// has the right CRC-32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdHash(NonZeroU64);

#[cfg(feature = "defmt")]
impl defmt::Format for IdHash {
    fn format(&self, fmt: defmt::Formatter<'_>) {
        defmt::write!(fmt, "IdHash({=u64:016x})", self.0.get());
    }
}

impl IdForm for IdHash {
    const DETAILS: bool = false;

    fn of(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_ID_LEN {
            return None;
        }
        // FNV-1a; its offset basis and prime.
        let hash = text.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Some(IdHash(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN)))
    }
}

/// The decimal number after the first `-` of an id, as [`EntryId::number`] gives it.
pub(super) fn number_of(id: &[u8]) -> Option<u64> {
    let at = id.iter().position(|byte| *byte == b'-')?;
    let (_, digits) = id.split_at_checked(at.wrapping_add(1))?;
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        let number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
        (digit < 10).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_text() {
        let hash = |text: &str| IdHash::of(text.as_bytes()).unwrap();
        assert_eq!(hash("msg-1"), hash("msg-1"));
        assert_ne!(hash("msg-1"), hash("msg-2"));
        assert_ne!(hash(""), hash("\0"));
        // FNV-1a's published value for "a".
        assert_eq!(hash("a").0.get(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(IdHash::of(&[b'x'; MAX_ID_LEN + 1]), None);
    }

    #[test]
    fn numbers_are_those_of_the_ids() {
        for text in [
            "msg-1",
            "x-0042",
            "-5",
            "msg-",
            "msg",
            "msg-+1",
            "msg-1a",
            "msg--1",
            "a-b-3",
            "msg-\u{663}",
            "msg-18446744073709551615",
            "msg-18446744073709551616",
            "",
        ] {
            let id = EntryId::try_from(text).unwrap();
            assert_eq!(number_of(text.as_bytes()), id.number(), "{text}");
        }
    }
}
