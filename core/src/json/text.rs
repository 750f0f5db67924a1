//! Inside a JSON string: finding the next byte that matters, and UTF-8 in pieces.

/// How many bytes at the start of `bytes` are plain string content (no quote, no backslash, no control character),
/// and whether any of them is not ASCII.
#[inline(always)]
pub(crate) fn plain_run(bytes: &[u8]) -> (usize, bool) {
    let (blocks, rest) = bytes.as_chunks::<{ block::LEN }>();
    let mut high = false;
    let mut len = 0usize;
    for block in blocks {
        let marks = block::Marks::of(block);
        high |= marks.high();
        if let Some(before) = marks.first_stop() {
            return (len.wrapping_add(before), high);
        }
        len = len.wrapping_add(block::LEN);
    }
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
        highs: u32,
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

/// Bytes that [`pass`] takes at once.
pub(crate) const BULK: usize = 64;

/// Long strings whose text nobody wants: sixty-four bytes at once, whatever is escaped in them.
#[cfg(feature = "fast")]
mod bulk {
    use super::{BULK, Passed, Utf8Pieces};
    use wide::u8x16;

    /// The bits of even places.
    const EVEN: u64 = 0x5555_5555_5555_5555;

    /// Passes over whole blocks of string content, up to the string's end, and stops before a block that has to be looked
    /// at closely: with a control character, a `\u`, or no escape behind a backslash.
    pub(crate) fn pass(bytes: &[u8], utf8: &mut Utf8Pieces) -> Passed {
        let mut passed = Passed::default();
        let mut escaped_next = 0;
        let mut unchecked = Unchecked::new(utf8);
        for block in bytes.as_chunks::<BULK>().0 {
            let marks = Marks::of(block);
            let introducers = introducers(marks.slashes & !escaped_next);
            let escaped = (introducers << 1) | escaped_next;
            let ends = marks.quotes & !escaped;
            // All bits below the lowest one set, or all of them.
            let inside = ends.wrapping_sub(1) & !ends;
            let unusual = escaped & inside & !marks.usual;
            if marks.control || (unusual != 0 && unusual & !rare_escapes(block) != 0) {
                break;
            }
            if marks.high {
                unchecked.add(passed.len, highs(block) & inside);
            } else if let Err(wrong) = unchecked.check(bytes, passed.len.wrapping_add(1)) {
                return Passed::invalid(wrong);
            }
            passed.escapes = passed
                .escapes
                .wrapping_add((escaped & inside).count_ones() as usize);
            passed.len = passed.len.wrapping_add(ends.trailing_zeros() as usize);
            escaped_next = introducers >> 63;
            if ends != 0 {
                escaped_next = 0;
                break;
            }
        }
        // A backslash at the end is left to be read with what it introduces.
        passed.len = passed.len.wrapping_sub(escaped_next as usize);
        match unchecked.check(bytes, passed.len) {
            Ok(()) => passed,
            Err(wrong) => Passed::invalid(wrong),
        }
    }

    /// The bytes that are still to be checked for UTF-8: from the first that is not ASCII to the last, block after block.
    struct Unchecked<'u> {
        utf8: &'u mut Utf8Pieces,
        from: usize,
        to: usize,
    }

    impl<'u> Unchecked<'u> {
        fn new(utf8: &'u mut Utf8Pieces) -> Self {
            let mut unchecked = Unchecked {
                utf8,
                from: 0,
                to: 0,
            };
            unchecked.go_on_at(0);
            unchecked
        }

        /// All before this index is checked. What follows a character that is not whole is its next byte, or wrong.
        fn go_on_at(&mut self, at: usize) {
            let open = usize::from(!self.utf8.is_whole());
            (self.from, self.to) = (at, at.wrapping_add(open));
        }

        /// Adds the bytes of a block at index `at`: a bit for each that is not ASCII.
        fn add(&mut self, at: usize, highs: u64) {
            if highs == 0 {
                return;
            }
            if self.from == self.to {
                self.from = at.wrapping_add(highs.trailing_zeros() as usize);
            }
            let after = u64::BITS.wrapping_sub(highs.leading_zeros());
            self.to = at.wrapping_add(after as usize);
        }

        /// Checks them, as far as they lie before index `end`. An error is as that of [`Utf8Pieces::check`].
        #[inline(always)]
        fn check(&mut self, bytes: &[u8], end: usize) -> Result<(), usize> {
            while self.from < self.to.min(end) {
                self.check_some(bytes, end)?;
            }
            Ok(())
        }

        fn check_some(&mut self, bytes: &[u8], end: usize) -> Result<(), usize> {
            let to = self.to.min(end);
            let piece = bytes.get(self.from..to).unwrap_or(&[]);
            let checked = self.utf8.check(piece);
            checked.map_err(|wrong| self.from.wrapping_add(wrong))?;
            self.go_on_at(to);
            Ok(())
        }
    }

    /// A bit for each byte that is not ASCII.
    fn highs(block: &[u8; BULK]) -> u64 {
        bits(block, |bytes| bytes)
    }

    /// A bit for each byte that may follow a backslash and does so less often.
    fn rare_escapes(block: &[u8; BULK]) -> u64 {
        bits(block, |bytes| {
            let is = |byte| bytes.simd_eq(u8x16::splat(byte));
            is(b't') | is(b'r') | is(b'/') | is(b'b') | is(b'f')
        })
    }

    /// The top bits of what `mark` makes of the bytes.
    #[inline(always)]
    fn bits(block: &[u8; BULK], mark: impl Fn(u8x16) -> u8x16) -> u64 {
        let parts = block.as_chunks::<16>().0.iter().zip([0, 16, 32, 48]);
        parts.fold(0, |bits, (part, shift)| {
            bits | u64::from(mark(u8x16::new(*part)).to_bitmask()) << shift
        })
    }

    /// Which of these backslashes introduce an escape: in each run the first, the third and so on.
    fn introducers(slashes: u64) -> u64 {
        let starts = slashes & !(slashes << 1);
        // Adding its first bit to a run carries through it and clears it.
        let even_runs = slashes & !slashes.wrapping_add(starts & EVEN);
        let odd_runs = slashes & !even_runs;
        (even_runs & EVEN) | (odd_runs & !EVEN)
    }

    /// A bit a byte, but for what the block has anywhere.
    struct Marks {
        quotes: u64,
        slashes: u64,
        /// What follows a backslash most often.
        usual: u64,
        control: bool,
        high: bool,
    }

    impl Marks {
        #[inline(always)]
        fn of(block: &[u8; BULK]) -> Self {
            let mut marks = Marks {
                quotes: 0,
                slashes: 0,
                usual: 0,
                control: false,
                high: false,
            };
            let (mut least, mut all) = (u8x16::splat(u8::MAX), u8x16::splat(0));
            for (part, shift) in block.as_chunks::<16>().0.iter().zip([0, 16, 32, 48]) {
                let bytes = u8x16::new(*part);
                let is = |byte| bytes.simd_eq(u8x16::splat(byte));
                let (quote, slash) = (is(b'"'), is(b'\\'));
                let usual = quote | slash | is(b'n');
                marks.quotes |= u64::from(quote.to_bitmask()) << shift;
                marks.slashes |= u64::from(slash.to_bitmask()) << shift;
                marks.usual |= u64::from(usual.to_bitmask()) << shift;
                least = least.min(bytes);
                all |= bytes;
            }
            let control = least.min(u8x16::splat(0x1f)).simd_eq(least);
            marks.control = control.to_bitmask() != 0;
            marks.high = all.to_bitmask() != 0;
            marks
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

pub(crate) use bulk::pass;

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

/// Eight bytes at once, in a general register.
#[cfg(not(feature = "fast"))]
mod block {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;

    pub(super) const LEN: usize = 8;

    /// The top bit of each byte. Above the lowest one set, `stops` may be wrong.
    pub(super) struct Marks {
        stops: u64,
        highs: u64,
    }

    impl Marks {
        #[inline(always)]
        pub(super) fn of(block: &[u8; LEN]) -> Self {
            let word = u64::from_le_bytes(*block);
            // A byte below `n` borrows from its top bit when `n` is subtracted; borrows run upwards only.
            let quote = word ^ ONES.wrapping_mul(b'"' as u64);
            let slash = word ^ ONES.wrapping_mul(b'\\' as u64);
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
