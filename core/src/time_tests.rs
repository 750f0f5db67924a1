use super::*;
use proptest::prelude::*;
use std::string::ToString as _;

fn ms(text: &str) -> Option<i64> {
    Timestamp::parse(text).map(Timestamp::unix_ms)
}

/// Seconds from `date -u -d TEXT +%s`.
#[test]
fn known_dates() {
    for (text, expected) in [
        ("1970-01-01T00:00:00.000Z", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2000-02-29T00:00:00.000Z", 951_782_400_000),
        ("2000-03-01T00:00:00.000Z", 951_868_800_000),
        ("2001-09-09T01:46:40.000Z", 1_000_000_000_000),
        ("2026-05-22T12:00:00.123Z", 1_779_451_200_123),
        ("2038-01-19T03:14:08.000Z", 2_147_483_648_000),
        ("1900-03-01T00:00:00.000Z", -2_203_891_200_000),
        ("0000-01-01T00:00:00.000Z", MIN_TEXT_MS),
        ("9999-12-31T23:59:59.999Z", MAX_TEXT_MS),
    ] {
        assert_eq!(ms(text), Some(expected), "{text}");
        assert_eq!(Timestamp::from_unix_ms(expected).to_string(), text);
    }
}

#[test]
fn every_spelling() {
    let noon = Some(1_779_451_200_000);
    for text in [
        "2026-05-22T12:00:00Z",
        "2026-05-22t12:00:00z",
        "2026-05-22 12:00:00Z",
        "2026-05-22T12:00:00.0Z",
        "2026-05-22T12:00:00.000999999999999999999999999Z",
        "2026-05-22T12:00:00-00:00",
        "2026-05-22T14:00:00+02:00",
        "2026-05-22T06:30:00-05:30",
        "2026-05-23T11:59:00+23:59",
    ] {
        assert_eq!(ms(text), noon, "{text}");
    }
    assert_eq!(ms("2026-05-22T12:00:00.5Z"), Some(1_779_451_200_500));
    assert_eq!(ms("2026-05-22T12:00:00.45+00:00"), Some(1_779_451_200_450));
    assert_eq!(ms("2016-12-31T23:59:60Z"), ms("2016-12-31T23:59:59.999Z"));
    assert_eq!(ms("2016-12-31T23:59:60.7Z"), ms("2016-12-31T23:59:59.999Z"));
}

#[test]
fn refusals() {
    for text in [
        "",
        "2026-05-22",
        "2026-05-22T12:00:00",
        "2026-05-22T12:00Z",
        "2026-05-22T12:00:00.Z",
        "2026-05-22T12:00:00,5Z",
        "2026-05-22T12:00:00Zx",
        " 2026-05-22T12:00:00Z",
        "2026-05-22T12:00:00+0200",
        "2026-05-22T12:00:00+24:00",
        "2026-05-22T12:00:00+02:60",
        "2026-05-22T24:00:00Z",
        "2026-05-22T12:60:00Z",
        "2026-05-22T12:00:61Z",
        "2026-00-22T12:00:00Z",
        "2026-13-22T12:00:00Z",
        "2026-05-00T12:00:00Z",
        "2026-05-32T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "2100-02-29T12:00:00Z",
        "+026-05-22T12:00:00Z",
        "20266-05-22T12:00:00Z",
        "２026-05-22T12:00:00Z",
    ] {
        assert_eq!(ms(text), None, "{text}");
    }
    assert!(ms("2024-02-29T12:00:00Z").is_some());
    assert!(ms("2000-02-29T12:00:00Z").is_some());
}

#[test]
fn years_clamp() {
    let text = |ms| Timestamp::from_unix_ms(ms).to_string();
    assert_eq!(text(MIN_TEXT_MS - 1), "0000-01-01T00:00:00.000Z");
    assert_eq!(text(i64::MIN), "0000-01-01T00:00:00.000Z");
    assert_eq!(text(MAX_TEXT_MS + 1), "9999-12-31T23:59:59.999Z");
    assert_eq!(text(i64::MAX), "9999-12-31T23:59:59.999Z");
}

/// All days from 0000 to 9999, counted up one by one with the month lengths.
#[test]
fn every_day_in_order() {
    let (mut y, mut m, mut d) = (0, 1, 1);
    let day_of = |ms: i64| ms.div_euclid(MS_PER_DAY) as i32;
    for day in day_of(MIN_TEXT_MS)..=day_of(MAX_TEXT_MS) {
        let since_year_0 = (day + DAYS_BEFORE_EPOCH) as u32;
        assert_eq!(
            civil_from_days(since_year_0),
            (y as u32, m as u32, d as u32)
        );
        assert_eq!(days_from_civil(y, m, d), day);
        d += 1;
        if d > days_in_month(y, m).unwrap() {
            (m, d) = (m + 1, 1);
        }
        if m > 12 {
            (y, m) = (y + 1, 1);
        }
    }
    assert_eq!((y, m, d), (10_000, 1, 1));
}

#[test]
fn closures_are_clocks() {
    fn read(mut clock: impl Clock) -> (i64, i64) {
        (clock.now().unix_ms(), clock.now().unix_ms())
    }
    struct Fixed;
    impl Clock for Fixed {
        fn now(&mut self) -> Timestamp {
            Timestamp::from_unix_ms(7)
        }
    }
    let mut t = 0;
    let counter = || {
        t += 1;
        Timestamp::from_unix_ms(t)
    };
    assert_eq!(read(counter), (1, 2));
    assert_eq!(read(Fixed), (7, 7));
}

#[test]
fn serialises_as_text() {
    let json = serde_json::to_string(&Timestamp::from_unix_ms(0)).unwrap();
    assert_eq!(json, "\"1970-01-01T00:00:00.000Z\"");
    assert_eq!(std::format!("{:<26}|", Timestamp::default()).len(), 27);
}

proptest! {
    #[test]
    fn text_round_trip(ms in MIN_TEXT_MS..=MAX_TEXT_MS) {
        let t = Timestamp::from_unix_ms(ms);
        let mut buf = [0; 24];
        prop_assert_eq!(Timestamp::parse(t.format(&mut buf)), Some(t));
    }

    /// A clock at `offset` east of UTC shows a later local time for the same instant.
    #[test]
    fn offsets_cancel(day in 1_000_000_i64..2_000_000_000_000, h in 0_i64..24, m in 0_i64..60, west: bool) {
        let east = if west { -(h * 60 + m) } else { h * 60 + m };
        let local = Timestamp::from_unix_ms(day + east * 60_000).to_string();
        let sign = if west { '-' } else { '+' };
        let text = std::format!("{}{sign}{h:02}:{m:02}", local.trim_end_matches('Z'));
        prop_assert_eq!(ms(&text), Some(day));
    }

    /// Close to the grammar, so that a good share parses: years from 1 on, since an offset can lead
    /// out of year 0, which has no text of its own.
    #[test]
    fn what_parses_has_one_text(
        text in "000[1-9]|[1-9][0-9]{3}",
        rest in "-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,6})?(Z|[+-][0-2][0-9]:[0-6][0-9])",
    ) {
        let in_range = |t: &Timestamp| t.unix_ms() <= MAX_TEXT_MS;
        if let Some(t) = Timestamp::parse(&(text + &rest)).filter(in_range) {
            prop_assert_eq!(Timestamp::parse(&t.to_string()), Some(t));
        }
    }

    #[test]
    fn any_text_is_safe(text: std::string::String) {
        let _ = Timestamp::parse(&text);
    }
}
