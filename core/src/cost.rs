//! What it cost: integer money, exact to the last token.
//!
//! Prices are micro-USD per million tokens, i.e. 10^-12 USD per token, so tokens times price is a
//! whole number of pico-USD and nothing is ever rounded. `u64` tokens at a `u64` price fit a `u128`.

use crate::usage::Usage;
use core::fmt::{self, Write as _};
use heapless::String;

/// Pico-USD in one USD.
const PER_USD: u128 = 1_000_000_000_000;
/// Decimal places of a pico-USD.
const PLACES: usize = 12;

/// An amount of money, in 10^-12 US dollars.
///
/// Displays as exact decimal USD without trailing zeros (`0.0123`, `3`, `0`); with a precision
/// (`{:.4}`) it has that many places, rounded half up. Width, fill and alignment are honoured, and
/// it stands to the right by default, as numbers do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PicoUsd(pub u128);

impl PicoUsd {
    /// Adds, saturating at `u128::MAX`, which is some 10^26 USD.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl core::iter::Sum for PicoUsd {
    /// Saturating.
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Self::saturating_add)
    }
}

impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = f.precision();
        let places = wanted.map_or(PLACES, |n| n.min(PLACES));
        // 10^0 to 10^12: the size of the last place that is shown, and the places after the point.
        let unit = power_of_ten(PLACES.saturating_sub(places));
        let scale = PER_USD.checked_div(unit).unwrap_or(1);
        let rest = self.0.checked_rem(unit).unwrap_or(0);
        let half_up = u128::from(unit > 1 && rest >= unit / 2);
        // Cannot overflow: a rest means that the quotient is at most a tenth of the whole.
        let shown = self
            .0
            .checked_div(unit)
            .unwrap_or(0)
            .saturating_add(half_up);
        let whole = shown.checked_div(scale).unwrap_or(0);
        let fraction = shown.checked_rem(scale).unwrap_or(0);

        // At most 27 digits, a point and 12 digits.
        let mut text: String<48> = String::new();
        write!(text, "{whole}")?;
        if places > 0 {
            write!(text, ".{fraction:0places$}")?;
        }
        let mut shown_text = text.as_str();
        if wanted.is_none() {
            shown_text = shown_text.trim_end_matches('0').trim_end_matches('.');
        }
        // Places beyond the pico-USD are zeros.
        let more = wanted.unwrap_or(0).saturating_sub(PLACES);
        let len = shown_text.len().saturating_add(more);
        let padding = f.width().unwrap_or(0).saturating_sub(len);
        let left = match f.align() {
            Some(fmt::Alignment::Left) => 0,
            Some(fmt::Alignment::Center) => padding / 2,
            Some(fmt::Alignment::Right) | None => padding,
        };
        let fill = f.fill();
        repeat(f, fill, left)?;
        f.write_str(shown_text)?;
        repeat(f, '0', more)?;
        repeat(f, fill, padding.saturating_sub(left))
    }
}

fn power_of_ten(exponent: usize) -> u128 {
    (0..exponent).fold(1, |power: u128, _| power.saturating_mul(10))
}

fn repeat(f: &mut fmt::Formatter<'_>, c: char, times: usize) -> fmt::Result {
    (0..times).try_for_each(|_| f.write_char(c))
}

/// The price of a model, tier by tier, in micro-USD per million tokens; `None` where it is unknown.
///
/// 3 USD per million tokens is 3,000,000. A model that is free has `Some(0)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Price {
    /// Of uncached input.
    pub input: Option<u64>,
    /// Of output, reasoning included.
    pub output: Option<u64>,
    /// Of input read from a cache.
    pub cache_read: Option<u64>,
    /// Of input written to a cache for the shortest time on offer.
    pub cache_write: Option<u64>,
    /// Of input written to a cache for an hour.
    pub cache_write_1h: Option<u64>,
}

impl Price {
    /// What `usage` costs; `None` if a tier that was used has no price, since unknown is not zero.
    ///
    /// Cache writes whose time to live was not reported are priced at `cache_write`. If more one-hour
    /// writes were reported than writes in all, every write counts as a one-hour write.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<Cost> {
        let written = usage.cache_write_tokens;
        let hour = usage.cache_write_1h_tokens.unwrap_or(0).min(written);
        let short = written.saturating_sub(hour);
        Some(Cost {
            input: tier(usage.input_tokens, self.input)?,
            output: tier(usage.output_tokens, self.output)?,
            cache_read: tier(usage.cache_read_tokens, self.cache_read)?,
            cache_write: tier(short, self.cache_write)?
                .saturating_add(tier(hour, self.cache_write_1h)?),
        })
    }
}

fn tier(tokens: u64, price: Option<u64>) -> Option<PicoUsd> {
    match (tokens, price) {
        (0, _) => Some(PicoUsd(0)),
        (_, None) => None,
        (tokens, Some(price)) => Some(PicoUsd(
            u128::from(tokens).saturating_mul(u128::from(price)),
        )),
    }
}

/// What a usage cost, bucket by bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cost {
    /// Uncached input.
    pub input: PicoUsd,
    /// Output, reasoning included.
    pub output: PicoUsd,
    /// Input read from a cache.
    pub cache_read: PicoUsd,
    /// Input written to a cache, at either price.
    pub cache_write: PicoUsd,
}

impl Cost {
    /// The sum of the buckets, saturating.
    #[must_use]
    pub fn total(&self) -> PicoUsd {
        [self.input, self.output, self.cache_read, self.cache_write]
            .into_iter()
            .sum()
    }

    /// Adds bucket by bucket, saturating.
    #[must_use]
    pub const fn saturating_add(self, other: &Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, string::ToString as _};

    /// 3, 15, 0.30, 3.75 and 6 USD per million tokens.
    const PRICE: Price = Price {
        input: Some(3_000_000),
        output: Some(15_000_000),
        cache_read: Some(300_000),
        cache_write: Some(3_750_000),
        cache_write_1h: Some(6_000_000),
    };

    const USAGE: Usage = Usage {
        input_tokens: 1_000,
        output_tokens: 200,
        cache_read_tokens: 10_000,
        cache_write_tokens: 400,
        cache_write_1h_tokens: Some(100),
        reasoning_tokens: Some(150),
    };

    #[test]
    fn every_tier_has_its_price() {
        let cost = PRICE.cost(&USAGE).unwrap();
        assert_eq!(cost.input.to_string(), "0.003");
        assert_eq!(cost.output.to_string(), "0.003");
        assert_eq!(cost.cache_read.to_string(), "0.003");
        // 300 at 3.75 and 100 at 6 USD a million: 0.001125 + 0.0006.
        assert_eq!(cost.cache_write.to_string(), "0.001725");
        assert_eq!(cost.total().to_string(), "0.010725");
        assert_eq!(cost.saturating_add(&cost).total(), PicoUsd(21_450_000_000));
    }

    #[test]
    fn one_hour_writes_are_a_part_of_the_bucket() {
        let all = Usage {
            cache_write_1h_tokens: Some(400),
            ..USAGE
        };
        let more = Usage {
            cache_write_1h_tokens: Some(401),
            ..USAGE
        };
        let unreported = Usage {
            cache_write_1h_tokens: None,
            ..USAGE
        };
        let write = |usage: &Usage| PRICE.cost(usage).unwrap().cache_write.0;
        assert_eq!(write(&all), 400 * 6_000_000);
        assert_eq!(write(&more), 400 * 6_000_000);
        assert_eq!(write(&unreported), 400 * 3_750_000);
    }

    #[test]
    fn unknown_is_never_zero() {
        let holes: [fn(&mut Price); 5] = [
            |p| p.input = None,
            |p| p.output = None,
            |p| p.cache_read = None,
            |p| p.cache_write = None,
            |p| p.cache_write_1h = None,
        ];
        for hole in holes {
            let mut price = PRICE;
            hole(&mut price);
            assert_eq!(price.cost(&USAGE), None, "{price:?}");
            assert_eq!(price.cost(&Usage::default()), Some(Cost::default()));
        }
        let free = Price {
            input: Some(0),
            ..Price::default()
        };
        let input_only = Usage {
            input_tokens: 5,
            ..Usage::default()
        };
        assert_eq!(free.cost(&input_only), Some(Cost::default()));
    }

    #[test]
    fn the_largest_numbers_are_exact() {
        let price = Price {
            input: Some(u64::MAX),
            output: Some(1),
            ..Price::default()
        };
        let usage = Usage {
            input_tokens: u64::MAX,
            output_tokens: u64::MAX,
            ..Usage::default()
        };
        let cost = price.cost(&usage).unwrap();
        // (2^64 - 1)^2 and 2^64 - 1.
        assert_eq!(
            cost.input.0,
            340_282_366_920_938_463_426_481_119_284_349_108_225
        );
        assert_eq!(cost.output.to_string(), "18446744.073709551615");
        assert_eq!(cost.total().0, cost.input.0 + u128::from(u64::MAX));
        assert_eq!(cost.saturating_add(&cost).input, PicoUsd(u128::MAX));
        let one = Price {
            input: Some(1),
            ..Price::default()
        };
        let token = Usage {
            input_tokens: 1,
            ..Usage::default()
        };
        assert_eq!(
            one.cost(&token).unwrap().total().to_string(),
            "0.000000000001"
        );
    }

    #[test]
    fn exact_text() {
        for (pico, text) in [
            (0, "0"),
            (1, "0.000000000001"),
            (12_300_000_000, "0.0123"),
            (PER_USD, "1"),
            (100 * PER_USD, "100"),
            (10 * PER_USD + PER_USD / 2, "10.5"),
            (u128::MAX, "340282366920938463463374607.431768211455"),
        ] {
            assert_eq!(PicoUsd(pico).to_string(), text);
        }
    }

    #[test]
    fn rounded_text() {
        let half = PicoUsd(12_350_000_000); // 0.01235
        assert_eq!(format!("{half:.4}"), "0.0124");
        assert_eq!(format!("{:.4}", PicoUsd(12_349_999_999)), "0.0123");
        assert_eq!(format!("{:.2}", PicoUsd(995_000_000_000)), "1.00");
        assert_eq!(format!("{:.0}", PicoUsd(500_000_000_000)), "1");
        assert_eq!(format!("{:.0}", PicoUsd(499_999_999_999)), "0");
        assert_eq!(format!("{:.12}", PicoUsd(1)), "0.000000000001");
        assert_eq!(format!("{:.14}", PicoUsd(1)), "0.00000000000100");
        assert_eq!(format!("{:.2}", PicoUsd(0)), "0.00");
        assert_eq!(
            format!("{:.0}", PicoUsd(u128::MAX)),
            "340282366920938463463374607"
        );
    }

    #[test]
    fn columns() {
        let amount = PicoUsd(PER_USD / 4);
        assert_eq!(
            format!("{amount:8}|{amount:<8}|{amount:^8}|{amount:*>8.3}"),
            "    0.25|0.25    |  0.25  |***0.250"
        );
    }

    #[test]
    fn sums_saturate() {
        let sum: PicoUsd = [PicoUsd(1), PicoUsd(2)].into_iter().sum();
        assert_eq!(sum, PicoUsd(3));
        let full: PicoUsd = [PicoUsd(u128::MAX), PicoUsd(2)].into_iter().sum();
        assert_eq!(full, PicoUsd(u128::MAX));
    }
}
