//! What the machine that QEMU runs on gives: two files in the directory that it was started in, an argument, the time.

use core::ffi::CStr;
use semihosting::experimental::{env, time::SystemTime};
use sessionlog_core::{Clock, Timestamp};

/// The flash chip's content.
pub(crate) const IMAGE: &CStr = c"flash.img";

/// What has been acknowledged: see [`Witness`](crate::witness::Witness).
pub(crate) const ACKS: &CStr = c"acks.txt";

const TURNS: u32 = 24;

/// How many turns are to be recorded: the first argument, [`TURNS`] without one.
pub(crate) fn turns() -> u32 {
    let args = env::args::<128>();
    let mut args = args.iter().flatten().flatten();
    match args.nth(1) {
        Some("forever") => u32::MAX,
        Some(count) => count.parse().unwrap_or(TURNS),
        None => TURNS,
    }
}

/// A real-time clock: the host's.
pub(crate) struct Rtc;

impl Clock for Rtc {
    fn now(&mut self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok();
        Timestamp::from_unix_ms(since.map_or(0, |since| since.as_millis() as i64))
    }
}
