//! What a JSON number says, digit by digit, without floats.

/// The largest double is 1.7976931348623157 with this power of ten (IEEE 754 binary64).
const MAX_POWER: i32 = 308;
/// Its digits.
const MAX_DIGITS: u64 = 17_976_931_348_623_157;
/// How many these are.
const DIGITS: u8 = 17;

/// A number that is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Number {
    /// The digits from the first that is not 0 on, as long as 64 bits hold them, and how many.
    digits: u64,
    held: u8,
    /// There are more digits.
    more: bool,
    /// It has a sign, a point or an exponent.
    odd: bool,
    point: bool,
    in_exponent: bool,
    negative_exponent: bool,
    /// Power of ten of the first digit.
    power: i32,
    exponent: i32,
}

impl Number {
    /// Begins with the first byte: a digit or a minus sign.
    pub(crate) fn new(first: u8) -> Self {
        let mut number = Number {
            power: -1,
            odd: first == b'-',
            ..Number::default()
        };
        if first != b'-' {
            number.digit(first);
        }
        number
    }

    /// Takes a digit.
    pub(crate) fn digit(&mut self, byte: u8) {
        let digit = byte.wrapping_sub(b'0');
        if self.in_exponent {
            // Beyond this a power of ten makes no difference: there are fewer digits than that.
            if self.exponent < i32::MAX / 16 {
                let exponent = self.exponent.wrapping_mul(10);
                self.exponent = exponent.wrapping_add(digit.into());
            }
            return;
        }
        let leading = self.held == 0 && digit == 0;
        // Before the point each digit raises the power but leading zeros, behind it only leading zeros lower it.
        match (self.point, leading) {
            (false, false) => self.power = self.power.saturating_add(1),
            (true, true) => self.power = self.power.saturating_sub(1),
            _ => {}
        }
        if leading || self.more {
            return;
        }
        let longer = match self.digits {
            ..=MOST_TENTHS => self.digits.wrapping_mul(10).checked_add(digit.into()),
            _ => None,
        };
        match longer {
            Some(digits) => {
                self.digits = digits;
                self.held = self.held.wrapping_add(1);
            }
            None => self.more = true,
        }
    }

    /// Takes the decimal point.
    pub(crate) fn point(&mut self) {
        (self.odd, self.point) = (true, true);
    }

    /// Takes the `e` of an exponent.
    pub(crate) fn exponent(&mut self) {
        (self.odd, self.in_exponent) = (true, true);
    }

    /// Takes the exponent's sign.
    pub(crate) fn sign(&mut self, byte: u8) {
        self.negative_exponent = byte == b'-';
    }

    /// The value of an unsigned integer of 64 bits that was written without point and exponent.
    pub(crate) fn integer(&self) -> Option<u64> {
        (!self.odd && !self.more).then_some(self.digits)
    }

    /// Larger in magnitude than every double. Readers that hold numbers as doubles refuse it, or take it for infinite.
    pub(crate) fn is_beyond_double(&self) -> bool {
        let power = if self.negative_exponent {
            self.power.saturating_sub(self.exponent)
        } else {
            self.power.saturating_add(self.exponent)
        };
        if self.held == 0 || power < MAX_POWER {
            return false;
        }
        // The first digits, and the least that are too many, with as many digits each; 20 of them fit.
        let (mut digits, mut limit) = (self.digits, MAX_DIGITS.wrapping_add(1));
        for _ in self.held..DIGITS {
            digits = digits.wrapping_mul(10);
        }
        for _ in DIGITS..self.held {
            limit = limit.wrapping_mul(10);
        }
        power > MAX_POWER || digits >= limit
    }
}

/// The largest number that has room for another digit, or for some.
const MOST_TENTHS: u64 = u64::MAX / 10;

/// The most digits that cannot exceed 64 bits.
const SHORT: usize = 19;

/// An unsigned integer of few digits at the start of `bytes`, which also tell that it ends: its length and value.
/// `None` for any other number.
pub(crate) fn short_integer(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut value = 0u64;
    for (len, &byte) in bytes.iter().take(SHORT.wrapping_add(1)).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let more = matches!(byte, b'.' | b'e' | b'E');
            let leading_zero = len > 1 && bytes.first() == Some(&b'0');
            return (len > 0 && !more && !leading_zero).then_some((len, value));
        }
        // 19 digits fit; a twentieth is looked at, but its value is not used.
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{format, string::String};

    fn read(text: &str) -> Number {
        let mut number = Number::new(text.as_bytes()[0]);
        for &byte in &text.as_bytes()[1..] {
            match byte {
                b'.' => number.point(),
                b'e' | b'E' => number.exponent(),
                b'+' | b'-' => number.sign(byte),
                _ => number.digit(byte),
            }
        }
        number
    }

    fn beyond(text: &str) -> bool {
        read(text).is_beyond_double()
    }

    #[test]
    fn the_largest_double_is_the_border() {
        for text in [
            "0",
            "-0",
            "0e999",
            "0.000e400",
            "1e308",
            "-1e308",
            "1.7976931348623157e308",
            "1e-999",
            "17976931348623157e292",
            "0.00017976931348623157e312",
            "0.001e311",
            "100e306",
        ] {
            assert!(!beyond(text), "{text}");
            assert!(text.parse::<f64>().unwrap().is_finite());
        }
        for text in [
            "1e309",
            "-1e309",
            "1.7976931348623159e308",
            "17976931348623159e292",
            "0.01e311",
            "10e308",
            "1e999",
            "1e99999999999999999999",
            "0.00017976931348623159e312",
        ] {
            assert!(beyond(text), "{text}");
            assert!(text.parse::<f64>().unwrap().is_infinite());
        }
        let digits = |count: usize| "9".repeat(count);
        assert!(!beyond(&digits(308)) && beyond(&digits(309)));
        assert!(!beyond(&format!("0.{}", digits(400))));
    }

    #[test]
    fn integers() {
        assert_eq!(read("0").integer(), Some(0));
        assert_eq!(read("18446744073709551615").integer(), Some(u64::MAX));
        for text in [
            "18446744073709551616",
            "-1",
            "1.0",
            "1e2",
            "99999999999999999999999",
        ] {
            assert_eq!(read(text).integer(), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_finite_number_is_refused_and_no_infinite_one_let_pass(
            text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?(30[0-9]|3[0-9]{2}|29[0-9]|[0-9]{1,4}))?"
        ) {
            let finite = text.parse::<f64>().unwrap().is_finite();
            // Up to half a unit beyond the largest double numbers are rounded down to it: these are refused all the same.
            let near: String = text.chars().filter(|c| c.is_ascii_digit()).collect();
            if !near.trim_start_matches('0').starts_with("17976931348623158") {
                prop_assert_eq!(beyond(&text), !finite);
            }
        }
    }
}
