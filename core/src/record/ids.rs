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
}
