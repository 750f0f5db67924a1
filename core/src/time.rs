//! Points in time: milliseconds since the Unix epoch, to and from RFC 3339 text.
//!
//! The proleptic Gregorian calendar, UTC, no leap seconds. Time is always passed in: nothing in this
//! crate reads a clock.

use crate::bytes::divide;
use core::{fmt, str};
use heapless::Vec;

const MS_PER_DAY: i64 = 86_400_000;
/// Days in the 400 years after which the Gregorian calendar repeats.
const DAYS_PER_ERA: i32 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i32 = 719_468;
/// Days from 0000-01-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i32 = EPOCH_DAYS + 60;
/// 0000-01-01T00:00:00.000Z.
const MIN_TEXT_MS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const MAX_TEXT_MS: i64 = 253_402_300_799_999;

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch; negative before it.
    #[must_use]
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch; negative before it.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 date and time, e.g. `2026-05-22T12:00:00.123Z` or `2026-05-22 14:00:00+02:00`.
    ///
    /// A space may stand for the `T`, which may be in lower case, as may the `Z`. Any number of
    /// fraction digits is accepted; those past the millisecond are cut off. A leap second (`:60`)
    /// becomes the last millisecond of its minute. `None` for anything else, and for a field out of
    /// range, such as 29 February of a common year.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = Reader(text.as_bytes());
        let year = rest.digits(4)?;
        rest.one_of(b"-")?;
        let month = rest.digits(2)?;
        rest.one_of(b"-")?;
        let day = rest.digits(2)?;
        rest.one_of(b"Tt ")?;
        let hour = rest.digits(2)?;
        rest.one_of(b":")?;
        let minute = rest.digits(2)?;
        rest.one_of(b":")?;
        let mut second = rest.digits(2)?;
        let mut milli = rest.fraction()?;
        let offset = rest.offset_minutes()?;
        if !rest.0.is_empty()
            || day == 0
            || day > days_in_month(year, month)?
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        if second == 60 {
            (second, milli) = (59, 999);
        }
        // Every field is bounded by now: at most 10^12 ms in all, two days of them beside the date, so nothing wraps.
        let minutes = hour
            .wrapping_mul(60)
            .wrapping_add(minute)
            .wrapping_sub(offset);
        let of_day = minutes
            .wrapping_mul(60_000)
            .wrapping_add(second.wrapping_mul(1_000))
            .wrapping_add(milli);
        let ms = i64::from(days_from_civil(year, month, day))
            .wrapping_mul(MS_PER_DAY)
            .wrapping_add(i64::from(of_day));
        Some(Self(ms))
    }

    /// Writes `2026-05-22T12:00:00.123Z` into `buf`: UTC, always with milliseconds.
    ///
    /// Outside the years 0000 to 9999 the text is the nearest instant that four digits can tell.
    pub fn format<'b>(&self, buf: &'b mut [u8; 24]) -> &'b str {
        let mut text = Vec::new();
        self.write(&mut text);
        for (to, from) in buf.iter_mut().zip(&text) {
            *to = *from;
        }
        // ASCII only, so this cannot fail.
        str::from_utf8(buf).unwrap_or_default()
    }

    /// What [`format`](Self::format) writes.
    #[inline(never)]
    pub(crate) fn write(&self, text: &mut Vec<u8, 24>) {
        let ms = self.0.clamp(MIN_TEXT_MS, MAX_TEXT_MS);
        // From the year 0 on, so not negative.
        let ms = ms.wrapping_sub(MIN_TEXT_MS) as u64;
        let (seconds, milli) = divide(ms, 1_000);
        let (minutes, second) = divide(seconds, 60);
        let (hours, minute) = divide(minutes, 60);
        let (days, hour) = divide(hours, 24);
        let (year, month, day) = civil_from_days(days as u32);
        field(text, 1_000, year, b'-');
        field(text, 10, month, b'-');
        field(text, 10, day, b'T');
        field(text, 10, hour, b':');
        field(text, 10, minute, b':');
        field(text, 10, second, b'.');
        field(text, 100, milli, b'Z');
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format(&mut [0; 24]))
    }
}

impl serde::Serialize for Timestamp {
    /// As the text that [`format`](Self::format) gives.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.format(&mut [0; 24]))
    }
}

/// Where the time comes from: a real-time clock, a host's time, or a test.
///
/// Any `FnMut() -> Timestamp` is one.
pub trait Clock {
    /// The time now. It may stand still or go back: nothing relies on its order.
    fn now(&mut self) -> Timestamp;
}

impl<F: FnMut() -> Timestamp> Clock for F {
    fn now(&mut self) -> Timestamp {
        self()
    }
}

/// The unread rest of a text.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn one_of(&mut self, set: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        if !set.contains(&first) {
            return None;
        }
        self.0 = rest;
        Some(first)
    }

    fn digit(&mut self) -> Option<i32> {
        let byte = self.one_of(b"0123456789")?;
        Some(i32::from(byte.wrapping_sub(b'0')))
    }

    /// Exactly `n` digits; `n` is at most 4.
    fn digits(&mut self, n: u8) -> Option<i32> {
        let mut value = 0_i32;
        for _ in 0..n {
            value = value.wrapping_mul(10).wrapping_add(self.digit()?);
        }
        Some(value)
    }

    /// Milliseconds of an optional fraction, which has at least one digit if there is one.
    fn fraction(&mut self) -> Option<i32> {
        if self.one_of(b".").is_none() {
            return Some(0);
        }
        let mut value = self.digit()?.wrapping_mul(100);
        let mut unit = 10;
        while let Some(digit) = self.digit() {
            value = value.wrapping_add(digit.wrapping_mul(unit));
            unit /= 10;
        }
        Some(value)
    }

    /// Minutes east of UTC.
    fn offset_minutes(&mut self) -> Option<i32> {
        let sign = self.one_of(b"Zz+-")?;
        if sign.eq_ignore_ascii_case(&b'Z') {
            return Some(0);
        }
        let hours = self.digits(2)?;
        self.one_of(b":")?;
        let minutes = self.digits(2)?;
        if hours > 23 || minutes > 59 {
            return None;
        }
        let east = hours.wrapping_mul(60).wrapping_add(minutes);
        Some(if sign == b'-' {
            east.wrapping_neg()
        } else {
            east
        })
    }
}

/// Adds a number whose first digit counts `unit`, and a mark behind it.
#[inline(never)]
fn field(text: &mut Vec<u8, 24>, mut unit: u32, value: u32, mark: u8) {
    while let Some(digit) = value.checked_div(unit) {
        // There is room: all fields together have 24 bytes.
        let _ = text.push(b'0'.wrapping_add((digit % 10) as u8));
        unit /= 10;
    }
    let _ = text.push(mark);
}

/// `None` if there is no such month.
fn days_in_month(year: i32, month: i32) -> Option<i32> {
    Some(match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    })
}

/// Days since 1970-01-01. Years start in March here, so that a leap day is the last of its year.
/// Years 0 to 9999 only.
fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 {
        year.wrapping_sub(1)
    } else {
        year
    };
    let month_from_march = month.wrapping_add(9) % 12;
    // 153 days in every five months from March on.
    let day_of_year = (month_from_march.wrapping_mul(153).wrapping_add(2) / 5)
        .wrapping_add(day)
        .wrapping_sub(1);
    year.wrapping_mul(365)
        .wrapping_add(year.div_euclid(4))
        .wrapping_sub(year.div_euclid(100))
        .wrapping_add(year.div_euclid(400))
        .wrapping_add(day_of_year)
        .wrapping_sub(EPOCH_DAYS)
}

/// Year, month and day of a day since 0000-01-01, to the year 9999; the reverse of [`days_from_civil`].
///
/// Years start in March here as well, and four centuries earlier, so that nothing is negative. Quarters of days make
/// the divisions even: 146,097 are a century of the Gregorian calendar on average, 1,461 a year of the Julian one.
fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let quarters = days
        .wrapping_add(DAYS_PER_ERA as u32)
        .wrapping_sub(DAYS_BEFORE_EPOCH.wrapping_sub(EPOCH_DAYS) as u32)
        .wrapping_mul(4)
        .wrapping_add(3);
    let century = quarters / 146_097;
    let quarters = (quarters % 146_097) | 3;
    let year_of_century = quarters / 1_461;
    let day_of_year = (quarters % 1_461) / 4;
    // 153 days in every five months from March on.
    let month_from_march = day_of_year.wrapping_mul(5).wrapping_add(2) / 153;
    let day = day_of_year
        .wrapping_sub(month_from_march.wrapping_mul(153).wrapping_add(2) / 5)
        .wrapping_add(1);
    let next_year = month_from_march >= 10;
    let month = match next_year {
        true => month_from_march.wrapping_sub(9),
        false => month_from_march.wrapping_add(3),
    };
    let year = century
        .wrapping_mul(100)
        .wrapping_add(year_of_century)
        .wrapping_add(next_year.into())
        .wrapping_sub(400);
    (year, month, day)
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
