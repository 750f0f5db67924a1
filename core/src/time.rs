//! Points in time: milliseconds since the Unix epoch, to and from RFC 3339 text.
//!
//! The proleptic Gregorian calendar, UTC, no leap seconds. Time is always passed in: nothing in this
//! crate reads a clock.

use crate::bytes::divide;
use core::{fmt, str};

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
        // ASCII only, so this cannot fail.
        str::from_utf8(self.write(buf)).unwrap_or_default()
    }

    /// As [`format`](Self::format): the text's bytes.
    #[inline(never)]
    pub(crate) fn write<'b>(&self, buf: &'b mut [u8; 24]) -> &'b [u8] {
        let ms = self.0.clamp(MIN_TEXT_MS, MAX_TEXT_MS);
        // From the year 0 on, so not negative.
        let ms = ms.wrapping_sub(MIN_TEXT_MS) as u64;
        let (seconds, milli) = divide(ms, 1_000);
        let (minutes, second) = divide(seconds, 60);
        let (hours, minute) = divide(minutes, 60);
        let (days, hour) = divide(hours, 24);
        let (year, month, day) = civil_from_days((days as i32).wrapping_sub(DAYS_BEFORE_EPOCH));
        *buf = *b"0000-00-00T00:00:00.000Z";
        for (end, value) in [
            (4, year as u32),
            (7, month as u32),
            (10, day as u32),
            (13, hour),
            (16, minute),
            (19, second),
            (23, milli),
        ] {
            put_digits(buf.get_mut(..end).unwrap_or(&mut []), value);
        }
        buf
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

/// Writes `value` in decimal at the end of `buf`, over the zeros there.
fn put_digits(buf: &mut [u8], mut value: u32) {
    for slot in buf.iter_mut().rev() {
        if value == 0 {
            break;
        }
        // The remainder is 0 to 9.
        *slot = b'0'.wrapping_add((value % 10) as u8);
        value /= 10;
    }
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

/// Year, month and day of a day since 1970-01-01; the reverse of [`days_from_civil`].
fn civil_from_days(days: i32) -> (i32, i32, i32) {
    let days = days.wrapping_add(EPOCH_DAYS);
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    // Takes the leap days out (every 4 years, not every 100, but the 400th), so that all years have 365.
    let year_of_era = day_of_era
        .wrapping_sub(day_of_era / 1_460)
        .wrapping_add(day_of_era / 36_524)
        .wrapping_sub(day_of_era / 146_096)
        / 365;
    let before_year = year_of_era
        .wrapping_mul(365)
        .wrapping_add(year_of_era / 4)
        .wrapping_sub(year_of_era / 100);
    let day_of_year = day_of_era.wrapping_sub(before_year);
    let month_from_march = day_of_year.wrapping_mul(5).wrapping_add(2) / 153;
    let day = day_of_year
        .wrapping_sub(month_from_march.wrapping_mul(153).wrapping_add(2) / 5)
        .wrapping_add(1);
    let month = (month_from_march.wrapping_add(2) % 12).wrapping_add(1);
    let january_or_february = i32::from(month <= 2);
    let year = era
        .wrapping_mul(400)
        .wrapping_add(year_of_era)
        .wrapping_add(january_or_february);
    (year, month, day)
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
