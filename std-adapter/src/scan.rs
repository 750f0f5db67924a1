//! One pass over a file's records, from its beginning to its end.

use crate::{Error, header::Source, io::read_at};
use sessionlog_core::{
    record::{Extent, Limits, Record, RecordScanner},
    recovery::{Event, Framer},
};
use std::{fs::File, io, ops::ControlFlow, path::Path};

/// Bytes that are read at once.
const CHUNK: usize = 128 * 1024;

/// Tells `take` of everything in the file's first `len` bytes, in file order, until it breaks off.
/// Holds [`CHUNK`] bytes, however long a line is. A file that is cut meanwhile ends where it was cut.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, and those of `take`.
pub(crate) fn scan(
    path: &Path,
    file: &File,
    len: u64,
    mut take: impl FnMut(&Event<'_>, &Source<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    let mut framer = Framer::new(Limits::default(), 0, 1);
    let mut chunk = vec![0; CHUNK];
    let mut end = len;
    loop {
        let start = framer.offset();
        if start >= end {
            let event = framer.finish();
            let told = event.is_some();
            if let Some(event) = event
                && take(&event, &Source::none(file))?.is_break()
            {
                return Ok(());
            }
            if !told && framer.offset() == start {
                return Ok(());
            }
            continue;
        }
        let room = usize::try_from(end - start).map_or(CHUNK, |left| left.min(CHUNK));
        let read = read_at(file, &mut chunk[..room], start).map_err(Error::io(path, "read"))?;
        if read == 0 {
            end = start;
            continue;
        }
        let source = Source {
            file,
            start,
            bytes: &chunk[..read],
        };
        // In a damaged line the framer may go back, even to before the chunk.
        while let Some(rest) = source.from(framer.offset()) {
            if let Some(event) = framer.feed(rest)
                && take(&event, &source)?.is_break()
            {
                return Ok(());
            }
        }
    }
}

/// The bookkeeping of the record in `extent`, which a pass has found, without holding its bytes.
///
/// # Errors
/// When the file cannot be read, or is not the same any more.
pub(crate) fn scan_again(file: &File, extent: Extent) -> io::Result<Record> {
    let mut scanner = RecordScanner::new(Limits::default());
    let mut chunk = vec![0; CHUNK.min(usize::try_from(extent.len).unwrap_or(CHUNK))];
    let mut at = extent.start;
    while at < extent.end() {
        let room = usize::try_from(extent.end() - at).map_or(chunk.len(), |n| n.min(chunk.len()));
        let read = read_at(file, &mut chunk[..room], at)?;
        let fed = scanner.feed(&chunk[..read]).map_err(|_| changed())?;
        at += read as u64;
        if fed.complete && at == extent.end() {
            return Ok(scanner.record().clone());
        }
        if fed.complete || read == 0 {
            return Err(changed());
        }
    }
    Err(changed())
}

/// For what was there a moment ago and is not any more.
pub(crate) fn changed() -> io::Error {
    io::Error::other("the file changed while it was read")
}
