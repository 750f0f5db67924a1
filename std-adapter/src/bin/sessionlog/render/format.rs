//! Numbers and times as people read them.

use jiff::Zoned;
use jiff::tz::TimeZone;
use sessionlog::{reader::Counts, sanitize};
use sessionlog_core::Timestamp;
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in binary units, rounded down: `999 B`, `1.5 KiB`, `12 KiB`.
pub(crate) fn bytes(n: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = n;
    let mut last = None;
    for unit in units {
        if size < 1024 {
            break;
        }
        last = Some((unit, (size % 1024) * 10 / 1024));
        size /= 1024;
    }
    match last {
        None => format!("{size} B"),
        Some((unit, tenths)) if size < 10 && tenths > 0 => format!("{size}.{tenths} {unit}"),
        Some((unit, _)) => format!("{size} {unit}"),
    }
}

/// `1 message`, `2 messages`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// `19 messages, 1 compaction`: what there is none of is left out, but of messages.
pub(crate) fn entries(counts: &Counts) -> String {
    let mut text = count(counts.messages, "message", "messages");
    for (n, one, many) in [
        (counts.compactions, "compaction", "compactions"),
        (counts.leaves, "leaf", "leaves"),
        (counts.unknown, "unknown record", "unknown records"),
    ] {
        if n > 0 {
            text.push_str(", ");
            text.push_str(&count(n, one, many));
        }
    }
    text
}

/// A clean name in at most `width` columns, its middle cut out: of a model's name both ends tell something.
pub(crate) fn middle(name: &str, width: usize) -> Cow<'_, str> {
    if name.width() <= width {
        return name.into();
    }
    let room = width.saturating_sub(1) / 2;
    let (mut tail, mut columns) = (name.len(), 0);
    for (at, cluster) in name.grapheme_indices(true).rev() {
        columns += cluster.width();
        if columns > room {
            break;
        }
        tail = at;
    }
    let tail = &name[tail..];
    // Its `…` stands for the middle.
    let head = sanitize::truncate(name, width.saturating_sub(tail.width()));
    format!("{head}{tail}").into()
}

/// Now, and where: what a time looks like depends on both.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    now: Timestamp,
    zone: TimeZone,
}

impl Times {
    /// The moment and the time zone of whoever reads.
    pub(crate) fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// `2026-05-22 14:00`, local.
    pub(crate) fn date_time(&self, time: Timestamp) -> String {
        self.local(time, "%Y-%m-%d %H:%M")
    }

    /// `14:00:05` if that is today, else with the date; local.
    pub(crate) fn clock(&self, time: Timestamp) -> String {
        let today = self.local(self.now, "%Y-%m-%d");
        if self.local(time, "%Y-%m-%d") == today {
            self.local(time, "%H:%M:%S")
        } else {
            self.local(time, "%Y-%m-%d %H:%M:%S")
        }
    }

    /// How long ago, while that is easy to grasp; then the local date.
    pub(crate) fn age(&self, time: Timestamp) -> String {
        let ms = self.now.unix_ms().saturating_sub(time.unix_ms());
        // Clocks of two machines differ a little: what is not far ahead is now.
        if ms < -MINUTE_MS {
            self.date_time(time)
        } else if ms < MINUTE_MS {
            "just now".to_owned()
        } else if ms < HOUR_MS {
            format!("{} min ago", ms / MINUTE_MS)
        } else if ms < DAY_MS {
            format!("{} h ago", ms / HOUR_MS)
        } else if ms < 7 * DAY_MS {
            let days = ms / DAY_MS;
            format!("{days} {} ago", if days == 1 { "day" } else { "days" })
        } else {
            self.local(time, "%Y-%m-%d")
        }
    }

    fn local(&self, time: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_millisecond(time.unix_ms()) {
            Ok(time) => Zoned::new(time, self.zone.clone())
                .strftime(format)
                .to_string(),
            // Beyond the calendar.
            Err(_) => time.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn times() -> Times {
        let zone = TimeZone::fixed(offset(2));
        Times::new(at("2026-05-22T12:00:00Z"), zone)
    }

    #[test]
    fn numbers() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (n, text) in cases {
            assert_eq!(thousands(n), text);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(count(1, "entry", "entries"), "1 entry");
        assert_eq!(count(1_000, "entry", "entries"), "1,000 entries");
    }

    #[test]
    fn entries_are_told_by_kind() {
        assert_eq!(entries(&Counts::default()), "0 messages");
        let all = Counts {
            messages: 1_000,
            compactions: 1,
            leaves: 2,
            unknown: 1,
        };
        assert_eq!(
            entries(&all),
            "1,000 messages, 1 compaction, 2 leaves, 1 unknown record"
        );
    }

    #[test]
    fn names_keep_both_ends() {
        let cases = [
            ("anthropic/claude", 16, "anthropic/claude"),
            ("anthropic/claude", 15, "anthrop…/claude"),
            ("anthropic/claude", 4, "an…e"),
            ("anthropic/claude", 1, "…"),
            ("anthropic/claude", 0, ""),
            ("漢字漢字漢字", 7, "漢字…字"),
        ];
        for (name, width, text) in cases {
            assert_eq!(middle(name, width), text, "{width}");
            assert!(middle(name, width).width() <= width);
        }
    }

    #[test]
    fn sizes_are_never_rounded_up() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (1_535, "1.4 KiB"),
            (1_536, "1.5 KiB"),
            (12_900, "12 KiB"),
            (1_048_575, "1023 KiB"),
            (1_048_576, "1 MiB"),
            (u64::MAX, "15 EiB"),
        ];
        for (n, text) in cases {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn ages() {
        let cases = [
            ("2026-05-22T12:01:01Z", "2026-05-22 14:01"),
            ("2026-05-22T12:00:30Z", "just now"),
            ("2026-05-22T11:59:01Z", "just now"),
            ("2026-05-22T11:59:00Z", "1 min ago"),
            ("2026-05-22T11:00:01Z", "59 min ago"),
            ("2026-05-22T11:00:00Z", "1 h ago"),
            ("2026-05-21T12:00:01Z", "23 h ago"),
            ("2026-05-21T12:00:00Z", "1 day ago"),
            ("2026-05-15T12:00:01Z", "6 days ago"),
            // Midnight has passed where the reader is.
            ("2026-05-14T22:30:00Z", "2026-05-15"),
        ];
        for (time, text) in cases {
            assert_eq!(times().age(at(time)), text, "{time}");
        }
    }

    #[test]
    fn local_times() {
        let times = times();
        assert_eq!(
            times.date_time(at("2026-05-22T23:30:00Z")),
            "2026-05-23 01:30"
        );
        assert_eq!(times.clock(at("2026-05-22T10:00:05Z")), "12:00:05");
        assert_eq!(times.clock(at("2026-05-21T23:00:05Z")), "01:00:05");
        assert_eq!(
            times.clock(at("2026-05-21T21:00:05Z")),
            "2026-05-21 23:00:05"
        );
    }

    #[test]
    fn time_zones_have_summers() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let times = Times::new(at("2026-05-22T12:00:00Z"), zone);
        assert_eq!(
            times.date_time(at("2026-01-22T12:00:00Z")),
            "2026-01-22 13:00"
        );
        assert_eq!(
            times.date_time(at("2026-07-22T12:00:00Z")),
            "2026-07-22 14:00"
        );
    }

    #[test]
    fn no_time_is_too_far_away() {
        let far = times().date_time(Timestamp::from_unix_ms(i64::MAX));
        assert_eq!(far, "9999-12-31T23:59:59.999Z");
        assert_eq!(
            times().age(Timestamp::from_unix_ms(i64::MIN)),
            "0000-01-01T00:00:00.000Z"
        );
    }
}
