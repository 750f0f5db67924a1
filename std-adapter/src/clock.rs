//! The system's clock.

use sessionlog_core::{Clock, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's wall clock, to the millisecond.
///
/// One clock never goes back: when the system's time is set back, it stands still until that has caught up.
#[derive(Clone, Debug, Default)]
pub struct SystemClock {
    last: Option<Timestamp>,
}

impl SystemClock {
    /// A clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn forward(&mut self, now: Timestamp) -> Timestamp {
        *self
            .last
            .insert(self.last.map_or(now, |last| last.max(now)))
    }
}

impl Clock for SystemClock {
    fn now(&mut self) -> Timestamp {
        self.forward(timestamp_of(SystemTime::now()))
    }
}

/// The same instant, cut to the millisecond. Instants that 64 bits of milliseconds cannot tell become the nearest that they can.
#[must_use]
pub fn timestamp_of(time: SystemTime) -> Timestamp {
    Timestamp::from_unix_ms(match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            // Rounded away from the epoch, so that cutting always goes back in time.
            let ms = before.duration().as_nanos().div_ceil(1_000_000);
            i64::try_from(ms).map_or(i64::MIN, |ms| -ms)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn tells_the_systems_time() {
        let before = timestamp_of(SystemTime::now());
        let now = SystemClock::new().now();
        assert!(before <= now && now <= timestamp_of(SystemTime::now()));
        assert!(now.unix_ms() > 1_700_000_000_000);
    }

    #[test]
    fn never_goes_back() {
        let mut clock = SystemClock::new();
        let told = [5, 7, 3, -1, 7, 8].map(|ms| clock.forward(Timestamp::from_unix_ms(ms)));
        assert_eq!(told.map(Timestamp::unix_ms), [5, 7, 7, 7, 7, 8]);
        let mut early = SystemClock::new();
        let told = [-5, -9].map(|ms| early.forward(Timestamp::from_unix_ms(ms)));
        assert_eq!(told.map(Timestamp::unix_ms), [-5, -5]);
    }

    #[test]
    fn converts_times_on_both_sides_of_the_epoch() {
        let at = |time| timestamp_of(time).unix_ms();
        assert_eq!(at(UNIX_EPOCH), 0);
        assert_eq!(at(UNIX_EPOCH + Duration::from_micros(1_999)), 1);
        assert_eq!(at(UNIX_EPOCH - Duration::from_micros(1_001)), -2);
    }
}
