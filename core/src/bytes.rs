//! Copying bytes without the panic that `copy_from_slice` links when lengths differ, which a small build does not see
//! is out of reach; finding bytes in a few instructions where there is no vector unit.

use heapless::Vec;

/// Copies as many bytes as both have, and gives their number.
#[cfg_attr(not(feature = "flash"), allow(dead_code))]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let count = to.len().min(from.len());
    let to = to.get_mut(..count).unwrap_or(&mut []);
    let from = from.get(..count).unwrap_or(&[]);
    // Where the compiler makes no `memcpy` of this, four bytes at once.
    let (words, rest) = from.as_chunks::<4>();
    let (to_words, to_rest) = to.as_chunks_mut();
    for (to, from) in to_words.iter_mut().zip(words) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(rest) {
        *to = *from;
    }
    count
}

/// Makes them all one, and gives their number.
#[cfg(feature = "flash")]
#[inline(never)]
pub(crate) fn fill(bytes: &mut [u8], with: u8) -> usize {
    for byte in &mut *bytes {
        *byte = with;
    }
    bytes.len()
}

/// Index of the first such byte.
#[cfg(feature = "fast")]
pub(crate) use memchr::memchr as find;

/// Index of the last such byte.
#[cfg(feature = "fast")]
pub(crate) use memchr::memrchr as find_last;

/// Index of the first byte that is one of the two.
#[cfg(feature = "fast")]
pub(crate) use memchr::memchr2 as find_either;

/// Index of the first such byte.
#[cfg(not(feature = "fast"))]
pub(crate) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    find_either(byte, byte, bytes)
}

/// Index of the last such byte.
#[cfg(not(feature = "fast"))]
pub(crate) fn find_last(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|found| *found == byte)
}

/// Index of the first byte that is one of the two.
#[cfg(not(feature = "fast"))]
#[inline(never)]
pub(crate) fn find_either(one: u8, other: u8, bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .position(|found| *found == one || *found == other)
}

/// Adds the decimal digits of a number, without `core::fmt`, which firmware may not link. `u64::MAX` has 20.
#[inline(never)]
pub(crate) fn digits(mut value: u64, digits: &mut Vec<u8, 20>) {
    // There is room for all, in both.
    let mut backwards: Vec<u8, 20> = Vec::new();
    loop {
        let (rest, digit) = divide(value, 10);
        let _ = backwards.push(b'0'.wrapping_add(digit as u8));
        value = rest;
        if value == 0 {
            break;
        }
    }
    while let Some(digit) = backwards.pop() {
        let _ = digits.push(digit);
    }
}

/// A number divided by a small one, and what is left.
#[inline]
pub(crate) fn divide(value: u64, by: u16) -> (u64, u32) {
    if cfg!(target_pointer_width = "64") {
        let by = u64::from(by);
        let quotient = value.checked_div(by).unwrap_or(0);
        // What is left is below the divisor.
        let rest = value.wrapping_sub(quotient.wrapping_mul(by)) as u32;
        (quotient, rest)
    } else {
        divide_long(value, by)
    }
}

/// Long division by 16 bits at a time, for which a small processor has an instruction: the routine that the compiler
/// would call takes a kilobyte and hundreds of instructions.
#[inline(never)]
fn divide_long(value: u64, by: u16) -> (u64, u32) {
    let by = u32::from(by);
    let mut quotient = value;
    let mut rest = 0_u32;
    for _ in 0..4 {
        // What is left is below the divisor, so that this fits 32 bits, and the digit 16.
        let part = (rest << 16) | (quotient >> 48) as u32;
        let digit = part.checked_div(by).unwrap_or(0);
        rest = part.wrapping_sub(digit.wrapping_mul(by));
        quotient = (quotient << 16) | u64::from(digit);
    }
    (quotient, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_division_divides() {
        for value in [0, 1, 9, 10, 0xffff, 0x1_0000, u64::MAX / 3, u64::MAX] {
            for by in [1, 2, 10, 24, 60, 1_000, u16::MAX] {
                let wide = u64::from(by);
                let expected = (value / wide, (value % wide) as u32);
                assert_eq!(divide(value, by), expected, "{value} / {by}");
                assert_eq!(divide_long(value, by), expected, "{value} / {by}");
            }
        }
    }

    #[test]
    fn digits_are_decimal() {
        for value in [0, 7, 10, 99, 100, u64::from(u32::MAX), u64::MAX] {
            let text = std::string::ToString::to_string(&value);
            let mut written = Vec::new();
            digits(value, &mut written);
            assert_eq!(written, text.as_bytes());
        }
    }

    #[test]
    fn bytes_are_found() {
        assert_eq!(find(b'b', b"abcb"), Some(1));
        assert_eq!(find_last(b'b', b"abcb"), Some(3));
        assert_eq!(find_either(b'x', b'c', b"abcb"), Some(2));
        assert_eq!(find(b'x', b"abcb"), None);
        assert_eq!(find_last(b'x', b""), None);
    }
}
