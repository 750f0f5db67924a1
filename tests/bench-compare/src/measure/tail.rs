//! A session with a torn tail, opened.

use super::time;
use crate::{child::Measured, peers};
use sessionlog::Session;
use sessionlog_bench::Error;
use sessionlog_core::journal::Options;
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

pub fn ours(path: &Path) -> Result<Measured, Error> {
    let (mut measured, mut session) = time(|| Ok(Session::open(path, Options::default())?))?;
    measured.count = session.context()?.len() as u64;
    Ok(measured)
}

/// Reads the tail backwards to its line's beginning, and does nothing else.
pub fn backwards(path: &Path) -> Result<Measured, Error> {
    let (measured, _) = time(|| {
        let file = File::open(path)?;
        let mut end = file.metadata()?.len();
        let mut chunk = vec![0; CHUNK];
        while end > 0 {
            let length = usize::try_from(end)?.min(CHUNK);
            end -= length as u64;
            file.read_exact_at(&mut chunk[..length], end)?;
            if let Some(at) = memchr::memrchr(b'\n', &chunk[..length]) {
                return Ok(end + at as u64);
            }
        }
        Ok(0)
    })?;
    Ok(measured)
}

/// opi cuts the tail when it opens a session, so it is given a copy.
pub fn opi(path: &Path) -> Result<Measured, Error> {
    let copy = path.with_extension("opi");
    std::fs::copy(path, &copy)?;
    let (mut measured, (context, _coordinator)) = time(|| peers::opi::resume(&copy))?;
    measured.count = context.len() as u64;
    std::fs::remove_file(copy)?;
    Ok(measured)
}
