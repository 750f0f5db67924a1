//! Decimal text to integer prices, exactly.

use std::fmt;

/// Why a text is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceError {
    /// Not a decimal number in JSON's notation.
    NotANumber,
    /// Below zero.
    Negative,
    /// More than six decimal places: finer than a micro-USD per million tokens.
    TooFine,
    /// More than `u64::MAX` micro-USD per million tokens.
    TooLarge,
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "not a decimal number",
            Self::Negative => "a price cannot be negative",
            Self::TooFine => "more than six decimal places",
            Self::TooLarge => "too large a price",
        })
    }
}

impl std::error::Error for PriceError {}

/// Decimal USD per million tokens (`3`, `0.075`, `1.5e-1`) to micro-USD per million tokens.
///
/// No floats: the result is exact, or an error.
///
/// # Errors
/// [`PriceError`] says why the text is no price.
pub fn micro_usd_per_mtok(text: &str) -> Result<u64, PriceError> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
        Some(_) => return Err(PriceError::NotANumber),
        None => (mantissa, ""),
    };
    if !is_digits(whole) {
        return Err(PriceError::NotANumber);
    }

    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let Some(first) = significant.bytes().position(|b| b != b'0') else {
        return Ok(0);
    };
    if negative {
        return Err(PriceError::Negative);
    }
    // value = significant x 10^shift, in micro-USD.
    let shift = exponent
        .saturating_sub(signed(fraction.len()))
        .saturating_add(signed(digits.len() - significant.len()))
        .saturating_add(6);
    if shift < 0 {
        return Err(PriceError::TooFine);
    }
    let shift = u32::try_from(shift).map_err(|_| PriceError::TooLarge)?;
    let significant: u64 = significant[first..]
        .parse()
        .map_err(|_| PriceError::TooLarge)?;
    10_u64
        .checked_pow(shift)
        .and_then(|scale| significant.checked_mul(scale))
        .ok_or(PriceError::TooLarge)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// An exponent too large for an `i64` stands for the largest one.
fn parse_exponent(text: &str) -> Result<i64, PriceError> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !is_digits(digits) {
        return Err(PriceError::NotANumber);
    }
    Ok(sign * digits.parse().unwrap_or(i64::MAX))
}

fn signed(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_values() {
        for (text, micro) in [
            ("0", 0),
            ("-0.0", 0),
            ("0e99999999999999999999", 0),
            ("3", 3_000_000),
            ("3.00", 3_000_000),
            ("0.3", 300_000),
            ("0.0375", 37_500),
            ("0.000001", 1),
            ("0.0000010000", 1),
            ("1.5e-1", 150_000),
            ("15E+1", 150_000_000),
            ("100e-8", 1),
            ("007.5", 7_500_000),
            ("18446744073709.551615", u64::MAX),
        ] {
            assert_eq!(micro_usd_per_mtok(text), Ok(micro), "{text}");
        }
    }

    #[test]
    fn refusals() {
        use PriceError::*;
        for (text, error) in [
            ("", NotANumber),
            ("-", NotANumber),
            (".5", NotANumber),
            ("5.", NotANumber),
            ("+5", NotANumber),
            ("1,5", NotANumber),
            ("$3", NotANumber),
            (" 3", NotANumber),
            ("1e", NotANumber),
            ("1e2.5", NotANumber),
            ("1.2.3", NotANumber),
            ("NaN", NotANumber),
            ("\u{663}", NotANumber),
            ("-3", Negative),
            ("0.0000001", TooFine),
            ("1e-99999999999999999999", TooFine),
            ("18446744073709.551616", TooLarge),
            ("1e14", TooLarge),
            ("1e99999999999999999999", TooLarge),
        ] {
            assert_eq!(micro_usd_per_mtok(text), Err(error), "{text}");
        }
    }
}
