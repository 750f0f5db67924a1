//! What the fuzz targets check, each on any bytes: a property that fails is a panic.
//!
//! They stand here and not with the targets so that the ordinary tests can run them on the checked-in seeds.
//! The first bytes of an input choose how the rest is read: sizes of chunks and windows.

mod command;
mod flash;
mod foreign;
mod journal;

pub use command::{Ran, command};
pub use flash::flash;
pub use foreign::foreign;
pub use journal::journal;

use crate::{model, outcome, seen};
use sessionlog_core::json::scan;
use sessionlog_core::record::{Fault, Limits, Record, RecordError, RecordScanner};
use sessionlog_core::replay::MIN_WINDOW;

/// A size of chunk from a byte: 1 to 255 bytes, or everything at once.
fn size(byte: u8) -> usize {
    if byte == 0 {
        usize::MAX
    } else {
        usize::from(byte)
    }
}

/// Cuts bytes into chunks of these sizes, over and over.
fn chunks<'b>(mut bytes: &'b [u8], sizes: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let size = size(*sizes.next()?).min(bytes.len());
        let (chunk, rest) = bytes.split_at(size);
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Gives records the checksum of their bytes, so that changed ones are not all turned away at the door: those on
/// the lines that a bit of `which` names, over and over.
fn reseal(bytes: &[u8], which: u8) -> Vec<u8> {
    const CLOSING: &[u8] = b",\"crc\":\"";
    let mut all = Vec::with_capacity(bytes.len());
    for (n, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let end = line.strip_suffix(b"\n").unwrap_or(line);
        let closing = end.len().checked_sub(CLOSING.len() + 10);
        let sealed = closing.filter(|at| end[*at..].starts_with(CLOSING) && end.ends_with(b"\"}"));
        match sealed {
            Some(at) if which >> (n % 8) & 1 == 1 => {
                let digits = model::record::digits_of(&end[..at]);
                all.extend_from_slice(&end[..at]);
                all.extend_from_slice(CLOSING);
                all.extend_from_slice(digits.as_bytes());
                all.extend_from_slice(b"\"}");
                all.extend_from_slice(&line[end.len()..]);
            }
            _ => all.extend_from_slice(line),
        }
    }
    all
}

/// Input: two sizes of chunks, then a text.
///
/// `json::scan` and `serde_json` give the same verdict on the text, numbers beyond the range of an `f64` excepted;
/// and the record scanner says the same of it however it comes.
///
/// # Panics
/// When not.
pub fn scanner(input: &[u8]) {
    let Some((sizes, text)) = input.split_first_chunk::<2>() else {
        return;
    };
    let serde = serde_json::from_slice::<serde_json::Value>(text);
    let out_of_range = matches!(&serde, Err(e) if e.to_string().contains("number out of range"));
    if !out_of_range {
        let verdict = scan_chunks(text, sizes);
        assert_eq!(verdict.is_ok(), serde.is_ok(), "{verdict:?}, {serde:?}");
    }
    let limits = Limits {
        depth: 1 + u16::from(sizes[0]),
        record_bytes: if sizes[1] & 1 == 0 {
            u64::MAX
        } else {
            u64::from(sizes[1]) * 4
        },
    };
    for limits in [Limits::default(), limits] {
        let whole = RecordScanner::scan(text, limits);
        assert_eq!(record_chunks(text, sizes, limits), whole, "{limits:?}");
    }
}

/// The value's verdict, with white space after it as serde_json allows.
fn scan_chunks(text: &[u8], sizes: &[u8]) -> Result<(), String> {
    let mut scanner = scan::Scanner::new(scan::DEFAULT_DEPTH);
    let mut complete = false;
    for chunk in chunks(text, sizes) {
        let mut rest = chunk;
        if !complete {
            let fed = scanner.feed(chunk, &mut ()).map_err(|e| e.to_string())?;
            complete = fed.complete;
            rest = &chunk[fed.consumed..];
            assert!(complete || rest.is_empty(), "bytes left over");
        }
        if let Some(byte) = rest.iter().find(|b| !b" \n\r\t".contains(b)) {
            return Err(format!("{byte} after the value"));
        }
    }
    scanner.finish(&mut ()).map_err(|e| e.to_string())
}

fn record_chunks(text: &[u8], sizes: &[u8], limits: Limits) -> Result<Record, RecordError> {
    let mut scanner = RecordScanner::new(limits);
    let mut taken = 0;
    for chunk in chunks(text, sizes) {
        let fed = scanner.feed(chunk)?;
        taken += fed.consumed;
        if fed.complete {
            let at = taken as u64;
            let trailing = RecordError {
                fault: Fault::TrailingBytes,
                at,
                stopped: at,
            };
            return match taken == text.len() {
                true => Ok(scanner.record().clone()),
                false => Err(trailing),
            };
        }
        assert_eq!(fed.consumed, chunk.len(), "bytes left over");
    }
    Err(scanner.cut_off())
}

/// Input: which lines are sealed anew, three sizes of chunks, then a file.
///
/// The framer and the reference reader find the same records, corrupt lines and torn tail.
///
/// # Panics
/// When not.
pub fn framing(input: &[u8]) {
    let Some(([seals, sizes @ ..], file)) = input.split_first_chunk::<4>() else {
        return;
    };
    let file = reseal(file, *seals);
    let core = seen::by_framer(&file, &sizes.map(size));
    if let Some(difference) = core.difference(&seen::by_model(&model::read(&file))) {
        panic!("{difference}");
    }
}

/// Input: which lines are sealed anew, size of the window, size of a read, then a file.
///
/// Forward replay, reverse replay and the reference reader agree on the file.
///
/// # Panics
/// When not.
pub fn replay(input: &[u8]) {
    let Some(([seals, window, step], file)) = input.split_first_chunk::<3>() else {
        return;
    };
    let file = reseal(file, *seals);
    if let Err(difference) = outcome::agree(&file, window_of(*window), size(*step)) {
        panic!("{difference}");
    }
}

/// A window's size from a byte: each of the smallest ones, and some up to 2 KiB.
fn window_of(byte: u8) -> usize {
    let n = usize::from(byte);
    MIN_WINDOW + if n < 128 { n } else { (n - 128) * 16 }
}
