//! Finding bytes in a few instructions where there is no vector unit.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found() {
        assert_eq!(find(b'b', b"abcb"), Some(1));
        assert_eq!(find_last(b'b', b"abcb"), Some(3));
        assert_eq!(find_either(b'x', b'c', b"abcb"), Some(2));
        assert_eq!(find(b'x', b"abcb"), None);
        assert_eq!(find_last(b'x', b""), None);
    }
}
