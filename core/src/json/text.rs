//! Inside a JSON string: finding the next byte that matters, and UTF-8 in pieces.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many bytes at the start of `bytes` are plain string content (no quote, no backslash, no control character),
/// and whether any of them is not ASCII.
///
/// Eight bytes a step. The subtractions borrow only upwards, so the lowest set bit is always exact.
pub(crate) fn plain_run(bytes: &[u8]) -> (usize, bool) {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut high = 0u64;
    let mut len = 0usize;
    for word in words {
        let w = u64::from_le_bytes(*word);
        let quote = w ^ (ONES.wrapping_mul(b'"' as u64));
        let slash = w ^ (ONES.wrapping_mul(b'\\' as u64));
        let stop = (w.wrapping_sub(ONES.wrapping_mul(0x20)) & !w)
            | (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash);
        let stop = stop & HIGHS;
        if stop != 0 {
            let before = (stop & stop.wrapping_neg()).wrapping_sub(1);
            high |= w & HIGHS & before;
            let bytes_before = (stop.trailing_zeros() / 8) as usize;
            return (len.saturating_add(bytes_before), high != 0);
        }
        high |= w & HIGHS;
        len = len.saturating_add(8);
    }
    for &byte in rest {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        high |= u64::from(byte & 0x80);
        len = len.saturating_add(1);
    }
    (len, high != 0)
}

/// Checks UTF-8 that arrives in pieces: holds the bytes of a character that a piece's end has split.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Utf8Pieces {
    held: [u8; 4],
    len: u8,
}

impl Utf8Pieces {
    /// True when no character is open: text may end here.
    pub(crate) fn is_whole(&self) -> bool {
        self.len == 0
    }

    /// How many bytes of the open character there are: where that is bad, it began so many bytes ago.
    pub(crate) fn open(&self) -> u64 {
        u64::from(self.len)
    }

    /// Checks the next piece; an error gives an index in `piece` that the bad character began [`Self::open`] bytes before.
    pub(crate) fn check(&mut self, mut piece: &[u8]) -> Result<(), usize> {
        let mut taken = 0usize;
        while self.len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            if let Some(slot) = self.held.get_mut(usize::from(self.len)) {
                *slot = byte;
            }
            self.len = self.len.saturating_add(1);
            taken = taken.saturating_add(1);
            let sequence = self.held.get(..usize::from(self.len)).unwrap_or(&[]);
            match core::str::from_utf8(sequence) {
                Ok(_) => self.len = 0,
                Err(e) if e.error_len().is_none() && self.len < 4 => {}
                Err(_) => return Err(taken),
            }
            piece = rest;
        }
        match core::str::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(e) => {
                let (_, tail) = piece
                    .split_at_checked(e.valid_up_to())
                    .unwrap_or((&[], &[]));
                if e.error_len().is_some() || tail.len() > 3 {
                    return Err(taken.saturating_add(e.valid_up_to()));
                }
                for (slot, &byte) in self.held.iter_mut().zip(tail) {
                    *slot = byte;
                }
                self.len = tail.len() as u8;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain_run_slow(bytes: &[u8]) -> (usize, bool) {
        let len = bytes
            .iter()
            .position(|b| *b < 0x20 || *b == b'"' || *b == b'\\')
            .unwrap_or(bytes.len());
        (len, bytes[..len].iter().any(|b| *b >= 0x80))
    }

    proptest! {
        #[test]
        fn runs_equal_the_obvious_loop(bytes in prop::collection::vec(prop_oneof![
            8 => any::<u8>(), 8 => 0x20u8..0x7f, 1 => Just(b'"'), 1 => Just(b'\\'), 1 => Just(0x1f), 1 => Just(0x80)
        ], 0..64)) {
            prop_assert_eq!(plain_run(&bytes), plain_run_slow(&bytes));
        }

        #[test]
        fn pieces_give_the_verdict_and_the_place_of_the_whole(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..12),
                any::<String>().prop_map(String::into_bytes),
                (any::<String>(), any::<u8>(), any::<usize>()).prop_map(|(s, b, at)| {
                    let mut v = s.into_bytes();
                    if !v.is_empty() { let i = at % v.len(); v[i] = b; }
                    v
                }),
            ],
            step in 1usize..5,
        ) {
            let mut pieces = Utf8Pieces::default();
            let mut before = 0;
            let mut verdict = Ok(());
            for piece in bytes.chunks(step) {
                if let Err(at) = pieces.check(piece) {
                    verdict = Err(before + at - pieces.open() as usize);
                    break;
                }
                before += piece.len();
            }
            if verdict.is_ok() && !pieces.is_whole() {
                verdict = Err(before - pieces.open() as usize);
            }
            prop_assert_eq!(verdict, std::str::from_utf8(&bytes).map(drop).map_err(|e| e.valid_up_to()));
        }
    }

    use std::string::String;
}
