//! The command line of `flash`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Look into images of a device's flash, and make new ones
///
/// An IMAGE is a file that holds the flash, or the region of it, that a device keeps its log in. The reading commands
/// (show, context, tree, usage, verify, fork) take an image in place of a session, for the newest session in it.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Flash {
    #[command(subcommand)]
    pub(crate) command: FlashCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FlashCommand {
    Info(Info),
    Ls(Ls),
    Export(Export),
    Verify(Verify),
    Format(Format),
}

/// The image's geometry, blocks, wear, sessions and damage
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object: path, offset, size, block_size, blocks, unit, in_use, free, erased, bad, room (bytes that can still be written at least), least_erases, most_erases, bad_headers, bad_frames, sessions."
)]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) image: Image,
}

/// The sessions in the image, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object a line, one for each session: number, id, timestamp, entries, bytes, blocks, partial (its beginning has been reclaimed), status (as of verify)."
)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) image: Image,
}

/// Write a session of the image as a session's file
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: with -o, one object: path, bytes; otherwise the session all the same."
)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) image: Image,
    /// Which session: its number, its id, or the beginning of its id
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub(crate) session: String,
    /// The file to be written, which must not exist [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// Check the image and every session in it
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object for the flash: path, status (clean or corrupt), bad_headers, bad_frames, sessions; then one a line for each session, newest first: path, session (its number), and the rest as `sessionlog verify --json` has it. Lines and bytes are those of the session's file that `flash export` writes."
)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) image: Image,
}

/// Make an image with an empty log, to be put on a device or run in an emulator
#[derive(Debug, Args)]
#[command(after_help = "With --json: one object, as of `flash info`.")]
pub(crate) struct Format {
    /// The file to be made, which must not exist
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub(crate) image: PathBuf,
    /// The region's size, such as 65536, 0x10000, 64K or 1M: a whole number of blocks, at least 4
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) size: u32,
    /// A block's size: what the flash erases at once, or a multiple of it
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) block: u32,
    /// What the device's reads and writes are aligned to, at most 256: the larger of its flash's read and write sizes
    #[arg(long, value_name = "BYTES", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) unit: u16,
}

/// Which part of which file.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The image's file
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub(crate) path: PathBuf,
    /// Where the log's region begins, in a dump of the whole chip
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = size)]
    pub(crate) offset: u32,
    /// How long the region is [default: up to the file's end]
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) size: Option<u32>,
}

/// A number of bytes: decimal, hexadecimal, or with K or M for 1,024 and 1,048,576.
fn size(text: &str) -> Result<u32, String> {
    let plain = text.to_ascii_lowercase();
    let plain = plain.strip_suffix("ib").unwrap_or(&plain);
    let (digits, radix, unit) = match (plain.strip_prefix("0x"), plain.strip_suffix(['k', 'm'])) {
        (Some(digits), _) => (digits, 16, 1),
        (None, Some(digits)) if plain.ends_with('k') => (digits, 10, 1 << 10),
        (None, Some(digits)) => (digits, 10, 1 << 20),
        (None, None) => (plain, 10, 1),
    };
    // It would take a sign.
    let number = match digits.starts_with(['+', '-']) {
        true => None,
        false => u32::from_str_radix(digits, radix).ok(),
    };
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("'{text}' is no number of bytes such as 65536, 0x10000, 64K or 1M"))
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65536),
            ("0x10000", 65536),
            ("64k", 65536),
            ("64KiB", 65536),
            ("1M", 1 << 20),
            ("4095M", 4095 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "", "k", "-1", "+1", "0x", "4096M", "1G", "1.5K", "0x10k", "ib",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
