//! Inside a JSON string: finding the next byte that matters, and UTF-8 in pieces.

#[cfg(feature = "fast")]
mod bulk;

pub(crate) use bulk::pass;

/// Bytes that [`pass`] takes at once.
pub(crate) const BULK: usize = 64;

/// Where there are vector registers, [`pass`] is worth its while.
pub(crate) const HAS_BULK: bool = cfg!(feature = "fast");

/// String content that was passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Bytes, up to the quote that ends the string or to where each byte has to be looked at.
    pub(crate) len: usize,
    /// Escapes among them, of two bytes each.
    pub(crate) escapes: usize,
    /// They are followed by what is no UTF-8: an index as [`Utf8Pieces::check`] gives it.
    pub(crate) invalid: bool,
}

impl Passed {
    #[cfg(feature = "fast")]
    fn invalid(at: usize) -> Self {
        Passed {
            len: at,
            escapes: 0,
            invalid: true,
        }
    }
}

/// Without vector registers nothing is gained.
#[cfg(not(feature = "fast"))]
mod bulk {
    pub(crate) fn pass(_: &[u8], _: &mut super::Utf8Pieces) -> super::Passed {
        super::Passed::default()
    }
}

/// How many bytes at the start of `bytes` are plain string content (no quote, no backslash, no control character),
/// and whether any of them is not ASCII.
#[cfg_attr(feature = "fast", inline(always))]
pub(crate) fn plain_run(bytes: &[u8]) -> (usize, bool) {
    let (blocks, rest) = bytes.as_chunks::<{ block::LEN }>();
    let mut highs = 0;
    let mut len = 0usize;
    for block in blocks {
        let marks = block::Marks::of(block);
        if let Some(before) = marks.first_stop() {
            return (len.wrapping_add(before), highs != 0 || marks.high());
        }
        highs |= marks.highs;
        len = len.wrapping_add(block::LEN);
    }
    let mut high = highs != 0;
    for &byte in rest {
        if is_stop(byte) {
            break;
        }
        high |= byte >= 0x80;
        len = len.wrapping_add(1);
    }
    (len, high)
}

fn is_stop(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Sixteen bytes at once, in the processor's vector registers.
#[cfg(feature = "fast")]
mod block {
    use wide::u8x16;

    pub(super) const LEN: usize = 16;

    /// A bit a byte.
    pub(super) struct Marks {
        stops: u32,
        pub(super) highs: u32,
    }

    impl Marks {
        #[inline(always)]
        pub(super) fn of(block: &[u8; LEN]) -> Self {
            let bytes = u8x16::new(*block);
            let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
            let quote = bytes.simd_eq(u8x16::splat(b'"'));
            let slash = bytes.simd_eq(u8x16::splat(b'\\'));
            Marks {
                stops: (control | quote | slash).to_bitmask(),
                highs: bytes.to_bitmask(),
            }
        }

        /// Index of the first byte that is no plain content.
        #[inline(always)]
        pub(super) fn first_stop(&self) -> Option<usize> {
            (self.stops != 0).then(|| self.stops.trailing_zeros() as usize)
        }

        /// A byte before the first stop is not ASCII.
        #[inline(always)]
        pub(super) fn high(&self) -> bool {
            // All bits below the lowest one set, or all of them.
            let before = self.stops.wrapping_sub(1) & !self.stops;
            self.highs & before != 0
        }
    }
}

/// Four or eight bytes at once, in a general register.
#[cfg(not(feature = "fast"))]
mod block {
    const ONES: usize = usize::MAX / 0xff;
    const HIGHS: usize = ONES.wrapping_mul(0x80);

    pub(super) const LEN: usize = size_of::<usize>();

    /// The top bit of each byte. Above the lowest one set, `stops` may be wrong.
    pub(super) struct Marks {
        stops: usize,
        pub(super) highs: usize,
    }

    impl Marks {
        #[inline(always)]
        pub(super) fn of(block: &[u8; LEN]) -> Self {
            let word = usize::from_le_bytes(*block);
            // A byte below `n` borrows from its top bit when `n` is subtracted; borrows run upwards only.
            let quote = word ^ ONES.wrapping_mul(b'"' as usize);
            let slash = word ^ ONES.wrapping_mul(b'\\' as usize);
            let stops = (word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word)
                | (quote.wrapping_sub(ONES) & !quote)
                | (slash.wrapping_sub(ONES) & !slash);
            Marks {
                stops: stops & HIGHS,
                highs: word & HIGHS,
            }
        }

        /// Index of the first byte that is no plain content.
        #[inline(always)]
        pub(super) fn first_stop(&self) -> Option<usize> {
            (self.stops != 0).then(|| (self.stops.trailing_zeros() / 8) as usize)
        }

        /// A byte before the first stop is not ASCII.
        #[inline(always)]
        pub(super) fn high(&self) -> bool {
            // All bits below the lowest one set, or all of them.
            let before = self.stops.wrapping_sub(1) & !self.stops;
            self.highs & before != 0
        }
    }
}

/// Checks UTF-8 that arrives in pieces: holds the bytes of a character that a piece's end has split.
#[cfg(feature = "fast")]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Utf8Pieces {
    held: [u8; 4],
    len: u8,
}

#[cfg(feature = "fast")]
impl Utf8Pieces {
    /// True when no character is open: text may end here.
    pub(crate) fn is_whole(&self) -> bool {
        self.len == 0
    }

    /// How many bytes of the open character there are: where that is bad, it began so many bytes ago.
    pub(crate) fn open(&self) -> usize {
        usize::from(self.len)
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
        let whole = piece.len().saturating_sub(unfinished(piece));
        let (text, tail) = piece.split_at_checked(whole).unwrap_or((piece, &[]));
        valid(text).map_err(|at| taken.saturating_add(at))?;
        match core::str::from_utf8(tail) {
            Err(e) if e.error_len().is_some() => return Err(taken.saturating_add(whole)),
            _ => {}
        }
        for (slot, &byte) in self.held.iter_mut().zip(tail) {
            *slot = byte;
        }
        self.len = tail.len() as u8;
        Ok(())
    }
}

/// How many bytes at the end of `piece` begin a character that is longer.
#[cfg(feature = "fast")]
fn unfinished(piece: &[u8]) -> usize {
    let last = piece.iter().rev().zip(1..=3);
    let lead = last.take_while(|(byte, _)| **byte >= 0x80);
    let mut open = lead.filter(|(byte, at)| match byte {
        0xc0..=0xdf => *at < 2,
        0xe0..=0xef => *at < 3,
        0xf0.. => *at < 4,
        _ => false,
    });
    open.next().map_or(0, |(_, at)| at)
}

/// Checks that `text` is UTF-8; an error is the index of the first character that is not.
#[cfg(feature = "fast")]
fn valid(text: &[u8]) -> Result<(), usize> {
    if simdutf8::basic::from_utf8(text).is_ok() {
        return Ok(());
    }
    match core::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(e) => Err(e.valid_up_to()),
    }
}

/// Checks UTF-8 that arrives in pieces, byte by byte: holds what may come next in a character.
#[cfg(not(feature = "fast"))]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Utf8Pieces {
    /// Bytes of the open character so far.
    len: u8,
    /// Bytes of it that are to come.
    wanted: u8,
    /// The least and the most that the next of them may be.
    least: u8,
    most: u8,
}

#[cfg(not(feature = "fast"))]
impl Utf8Pieces {
    /// True when no character is open: text may end here.
    pub(crate) fn is_whole(&self) -> bool {
        self.len == 0
    }

    /// How many bytes of the open character there are: where that is bad, it began so many bytes ago.
    pub(crate) fn open(&self) -> usize {
        usize::from(self.len)
    }

    /// Checks the next piece; an error gives an index in `piece` that the bad character began [`Self::open`] bytes before.
    pub(crate) fn check(&mut self, piece: &[u8]) -> Result<(), usize> {
        for (index, &byte) in piece.iter().enumerate() {
            if self.len == 0 {
                // Unicode, table 3-7: well-formed byte sequences.
                (self.wanted, self.least, self.most) = match byte {
                    ..0x80 => continue,
                    0xc2..=0xdf => (1, 0x80, 0xbf),
                    0xe0 => (2, 0xa0, 0xbf),
                    0xed => (2, 0x80, 0x9f),
                    0xe1..=0xef => (2, 0x80, 0xbf),
                    0xf0 => (3, 0x90, 0xbf),
                    0xf4 => (3, 0x80, 0x8f),
                    0xf1..=0xf3 => (3, 0x80, 0xbf),
                    _ => return Err(index),
                };
                self.len = 1;
                continue;
            }
            if byte < self.least || byte > self.most {
                return Err(index);
            }
            (self.least, self.most) = (0x80, 0xbf);
            self.wanted = self.wanted.wrapping_sub(1);
            self.len = match self.wanted {
                0 => 0,
                _ => self.len.wrapping_add(1),
            };
        }
        Ok(())
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
                    verdict = Err(before + at - pieces.open());
                    break;
                }
                before += piece.len();
            }
            if verdict.is_ok() && !pieces.is_whole() {
                verdict = Err(before - pieces.open());
            }
            prop_assert_eq!(verdict, std::str::from_utf8(&bytes).map(drop).map_err(|e| e.valid_up_to()));
        }
    }

    use std::string::String;
}
