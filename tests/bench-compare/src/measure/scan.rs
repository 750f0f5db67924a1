//! Full scans: every byte of a session, read and checked.

use super::time;
use crate::{child::Measured, peers};
use serde::de::IgnoredAny;
use sessionlog::{SessionLog, UsageReport, pricing::PriceTable, verify};
use sessionlog_bench::{Error, lines};
use sessionlog_core::{
    record::Limits,
    recovery::{Event, Framer},
};
use std::{fs::File, io::Read, path::Path};

/// Bytes that the plain reader reads at once.
const CHUNK: usize = 128 * 1024;

pub fn run(what: &str, path: &Path) -> Result<Measured, Error> {
    let (mut measured, count) = time(|| match what {
        "verify" => sound(path),
        "usage" => usage(path),
        "core" => core(path),
        "serde_json" => each(path, |line| {
            serde_json::from_slice::<IgnoredAny>(line).map_err(Error::from)
        }),
        "simd-json" => simd_json(path),
        "sonic-rs" => each(path, |line| {
            sonic_rs::from_slice::<IgnoredAny>(line).map_err(Error::from)
        }),
        "memchr" => Ok(lines::count(File::open(path)?)?),
        "opi" => Ok(peers::opi::read(path)?.1.len() as u64 + 1),
        "sqlite-sum" => peers::sqlite::sum_usage(path),
        _ => Err(format!("no such scan: {what}").into()),
    })?;
    measured.count = count;
    Ok(measured)
}

/// `sessionlog verify`.
fn sound(path: &Path) -> Result<u64, Error> {
    let found = verify(path)?;
    match found.is_sound() {
        true => Ok(found.entries + 1),
        false => Err(format!("{:?}", found.problems.first()).into()),
    }
}

/// `sessionlog usage`: of the branch and of the whole file.
fn usage(path: &Path) -> Result<u64, Error> {
    let log = SessionLog::open(path)?;
    let report = UsageReport::of(&log, PriceTable::builtin());
    Ok(report.file.totals.usage.total_tokens())
}

/// The core's reader alone: records, checksums and damage, nothing kept.
fn core(path: &Path) -> Result<u64, Error> {
    let mut file = File::open(path)?;
    let mut framer = Framer::new(Limits::default(), 0, 1);
    let mut chunk = vec![0; CHUNK];
    let mut records = 0;
    loop {
        let start = framer.offset();
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(records);
        }
        loop {
            let taken = usize::try_from(framer.offset() - start)?;
            if taken == read {
                break;
            }
            match framer.feed(&chunk[taken..read]) {
                Some(Event::Record(_)) => records += 1,
                Some(other) => return Err(format!("{other:?}").into()),
                None => {}
            }
        }
    }
}

/// Reads each line and drops what it gives; the number of lines.
fn each<T>(path: &Path, read: impl Fn(&[u8]) -> Result<T, Error>) -> Result<u64, Error> {
    let (mut count, mut failed) = (0, None);
    lines::each(File::open(path)?, |line| match read(line) {
        Ok(value) => {
            std::hint::black_box(value);
            count += 1;
        }
        Err(error) => failed = Some(error),
    })?;
    failed.map_or(Ok(count), Err)
}

/// Each line's tape, in buffers that are used again.
fn simd_json(path: &Path) -> Result<u64, Error> {
    let (mut count, mut failed) = (0, None);
    let mut buffers = simd_json::Buffers::default();
    let mut spare = Some(simd_json::Tape::null().reset());
    lines::each(File::open(path)?, |line| {
        let mut tape = spare
            .take()
            .map_or_else(simd_json::Tape::null, |t| t.reset());
        match simd_json::fill_tape(line, &mut buffers, &mut tape) {
            Ok(()) => count += 1,
            Err(error) => failed = Some(error),
        }
        std::hint::black_box(&tape);
        spare = Some(tape.reset());
    })?;
    failed.map_or(Ok(count), |error| Err(error.into()))
}
