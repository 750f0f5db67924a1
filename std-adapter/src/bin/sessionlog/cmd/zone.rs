//! The reader's time zone.

use crate::output::Output;
use jiff::tz::TimeZone;
use std::{env, fs, path::Path, sync::Once};

/// No description of a time zone is longer, in bytes: those of the IANA database have some thousands.
const MAX_BYTES: u64 = 1 << 20;

/// The zone that the system says, or that `TZ` names. One that cannot be read whole, as a device or a pipe, is said to be
/// none, once, and times are in UTC.
pub(super) fn of_reader(out: &mut Output) -> TimeZone {
    static TOLD: Once = Once::new();
    let named = env::var("TZ").unwrap_or_default();
    let Some(why) = why_not(named.strip_prefix(':').unwrap_or(&named)) else {
        return TimeZone::system();
    };
    TOLD.call_once(|| {
        out.warn(format_args!(
            "TZ={named}: {why}, and no time zone; times are in UTC"
        ));
    });
    TimeZone::UTC
}

/// Why what `TZ` names is not to be read.
fn why_not(name: &str) -> Option<&'static str> {
    let there = fs::metadata(Path::new(name)).ok()?;
    let why = match there.is_file() {
        true if there.len() <= MAX_BYTES => return None,
        true => "this is longer than 1 MiB",
        false => "this is not a regular file",
    };
    // A directory may be called as a zone is.
    let is_zone = TimeZone::get(name).is_ok() || TimeZone::posix(name).is_ok();
    (!is_zone).then_some(why)
}
