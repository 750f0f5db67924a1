//! Long strings whose text nobody wants, sixty-four bytes at a time, whatever is escaped in them.

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
