//! CRC-32/ISO-HDLC (zlib's), the checksum of rule F5.
//!
//! With feature `fast` the CPU's own instructions are used where it has them; without, a 1 KiB table.

/// A running checksum. Cheap to clone, so that a prefix's value can be kept.
#[derive(Clone)]
pub struct Crc32(imp::Digest);

impl Crc32 {
    /// The checksum of no bytes.
    pub fn new() -> Self {
        Crc32(imp::new())
    }

    /// Takes in further bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes taken in so far.
    pub fn value(&self) -> u32 {
        self.0.clone().finalize()
    }

    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::new();
        crc.update(bytes);
        crc.value()
    }

    /// The eight lowercase hex digits that a record carries.
    pub fn hex(value: u32) -> [u8; 8] {
        let mut out = [0; 8];
        let mut rest = value;
        for digit in &mut out {
            rest = rest.rotate_left(4);
            let nibble = rest as u8 & 0xf;
            *digit = if nibble < 10 {
                nibble.wrapping_add(b'0')
            } else {
                nibble.wrapping_add(b'a' - 10)
            };
        }
        out
    }

    /// Reads what [`Crc32::hex`] writes: exactly eight digits, lowercase.
    pub fn parse_hex(text: &[u8]) -> Option<u32> {
        if text.len() != 8 {
            return None;
        }
        // Without a branch a digit: what they are cannot be foreseen.
        let (mut value, mut valid) = (0u32, true);
        for &byte in text {
            let digit = byte.wrapping_sub(b'0');
            let letter = byte.wrapping_sub(b'a');
            valid &= (digit < 10) | (letter < 6);
            let nibble = if digit < 10 {
                digit
            } else {
                letter.wrapping_add(10)
            };
            value = (value << 4) | u32::from(nibble & 0xf);
        }
        valid.then_some(value)
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Crc32 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Crc32({:08x})", self.value())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Crc32 {
    fn format(&self, fmt: defmt::Formatter<'_>) {
        defmt::write!(fmt, "Crc32({=u32:08x})", self.value());
    }
}

#[cfg(feature = "fast")]
mod imp {
    pub(super) type Digest = crc32fast::Hasher;
    pub(super) fn new() -> Digest {
        Digest::new()
    }
}

#[cfg(not(feature = "fast"))]
mod imp {
    /// What a byte does to the checksum.
    static TABLE: [u32; 256] = table();

    const fn table() -> [u32; 256] {
        let mut table = [0; 256];
        let mut byte = 0_u8;
        let mut rest: &mut [u32] = &mut table;
        while let Some((entry, behind)) = rest.split_first_mut() {
            *entry = byte as u32;
            let mut bit = 0_u8;
            while bit < 8 {
                // The polynomial, its highest power last.
                let carry = if *entry & 1 == 1 { 0xedb8_8320 } else { 0 };
                *entry = (*entry >> 1) ^ carry;
                bit = bit.wrapping_add(1);
            }
            byte = byte.wrapping_add(1);
            rest = behind;
        }
        table
    }

    #[derive(Clone)]
    pub(super) struct Digest(u32);

    pub(super) fn new() -> Digest {
        Digest(u32::MAX)
    }

    impl Digest {
        #[inline(never)]
        pub(super) fn update(&mut self, bytes: &[u8]) {
            for byte in bytes {
                let index = usize::from(self.0 as u8 ^ byte);
                let step = TABLE.get(index).copied().unwrap_or(0);
                self.0 = (self.0 >> 8) ^ step;
            }
        }

        pub(super) fn finalize(self) -> u32 {
            !self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue() {
        // The CRC catalogue's check value for CRC-32/ISO-HDLC.
        assert_eq!(Crc32::of(b"123456789"), 0xcbf4_3926);
        assert_eq!(&Crc32::hex(0xcbf4_3926), b"cbf43926");
    }

    #[test]
    fn hex_round_trip_and_refusals() {
        for value in [0, 1, 0x0a0b_0c0d, u32::MAX] {
            assert_eq!(Crc32::parse_hex(&Crc32::hex(value)), Some(value));
        }
        for bad in [
            "",
            "0000000",
            "000000000",
            "0000000G",
            "ABCDEF00",
            "0000 000",
        ] {
            assert_eq!(Crc32::parse_hex(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_clone_keeps_the_prefix() {
        let mut crc = Crc32::new();
        crc.update(b"1234");
        let prefix = crc.clone();
        crc.update(b"56789");
        assert_eq!(crc.value(), 0xcbf4_3926);
        assert_eq!(prefix.value(), Crc32::of(b"1234"));
    }
}
