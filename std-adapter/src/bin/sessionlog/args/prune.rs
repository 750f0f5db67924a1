//! The command line of `prune`.

use clap::{ArgGroup, Args, ValueHint};
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// Put old sessions, or what is compacted of them, away into an archive; says which, and does it only with --apply
///
/// A session is put away if any of the rules names it. It is moved, never deleted: moved back, it is there again.
/// With --compacted, what a summary stands for is split off into a session's file of its own, which the session names and
/// 'usage' counts with it; the session's file stays small, and goes on as before.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("rule").required(true).multiple(true).args(["older_than", "keep", "max_size", "compacted"]))]
#[command(
    after_help = "With --json: one object a line, one for each session that is put away: id, path, bytes (with what of its history goes along), modified, reason (age, count, size or compacted), archived (where it is now; null without --apply, and if it failed), error."
)]
pub(crate) struct Prune {
    /// Put away what was last written to longer ago, such as 12h, 30d or 8w
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<Duration>,
    /// Put away all but the N that were last written to
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// Put away what goes beyond so many bytes together, counted from the newest, such as 500M or 2G
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Split off what is compacted: of the sessions named, or of all in the store
    #[arg(long)]
    pub(crate) compacted: bool,
    /// With --compacted: only these, by path, id, beginning of an id, or 'latest'
    #[arg(value_name = "SESSION", value_hint = ValueHint::FilePath, requires = "compacted", conflicts_with_all = ["older_than", "keep", "max_size"])]
    pub(crate) sessions: Vec<OsString>,
    /// Do it
    #[arg(long)]
    pub(crate) apply: bool,
    /// The archive [default: 'archive' in the store's directory]; it must be on the same file system
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) archive: Option<PathBuf>,
}

fn age(text: &str) -> Result<Duration, String> {
    let units = [('h', 3_600), ('d', 86_400), ('w', 7 * 86_400)];
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let number = unit.and_then(|(unit, _)| digits(text.strip_suffix(*unit)?));
    let seconds = unit.and_then(|(_, seconds)| number?.checked_mul(*seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("'{text}' is no age such as 12h, 30d or 8w"))
}

fn size(text: &str) -> Result<u64, String> {
    let plain = text.to_ascii_uppercase();
    let plain = plain.strip_suffix("IB").unwrap_or(&plain);
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let unit = units.iter().find(|(unit, _)| plain.ends_with(*unit));
    let bytes = match unit {
        Some((unit, shift)) => plain
            .strip_suffix(*unit)
            .and_then(digits)
            .and_then(|number| number.checked_mul(1 << shift)),
        None => digits(plain),
    };
    bytes.ok_or_else(|| format!("'{text}' is no number of bytes such as 1000000, 500M or 2G"))
}

/// A number without a sign.
fn digits(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::{age, size};

    #[test]
    fn ages_and_sizes() {
        for (text, hours) in [("1h", 1), ("30d", 720), ("2w", 336), ("0d", 0)] {
            assert_eq!(age(text).unwrap().as_secs(), hours * 3_600, "{text}");
        }
        for text in [
            "",
            "d",
            "30",
            "+1d",
            "-1d",
            "1y",
            "1.5d",
            "99999999999999999999d",
            "9999999999999999999w",
        ] {
            assert!(age(text).is_err(), "{text}");
        }
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1_000),
            ("2k", 2_048),
            ("3MiB", 3 << 20),
            ("4G", 4 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "M",
            "-1",
            "+1",
            "1.5G",
            "99999999999999999999",
            "18446744073709551615K",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
