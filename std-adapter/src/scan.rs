//! One pass over a file's records, from its beginning to its end.

mod shares;

use crate::{Error, header::Source, io::read_at};
use sessionlog_core::{
    record::{Extent, Limits, Record, RecordScanner},
    recovery::{Event, Framer},
};
use std::{fs::File, io, ops::ControlFlow, path::Path, thread};

/// Bytes that are read at once.
const CHUNK: usize = 128 * 1024;
/// A file of so many bytes is worth more than one thread.
const LARGE: u64 = 8 * 1024 * 1024;
/// Lines that begin within so many bytes are read before a file is shared out.
const HEAD: u64 = 256 * 1024;

/// Tells `take` of everything in the file's first `len` bytes, in file order, until it breaks off.
///
/// A large file is read by as many threads as there are processors; `take` is still told in file order, by one thread at
/// a time. Holds [`CHUNK`] bytes, and some [`shares::SHARE`] bytes a thread, however long a line is. A file that is cut
/// meanwhile ends where it was cut.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, and those of `take`.
pub(crate) fn scan(
    path: &Path,
    file: &File,
    len: u64,
    take: impl FnMut(&Event<'_>, &Source<'_>) -> Result<ControlFlow<()>, Error> + Send,
) -> Result<(), Error> {
    let threads = match len < LARGE {
        true => 1,
        false => thread::available_parallelism().map_or(1, usize::from),
    };
    scan_by(threads, path, file, len, take)
}

/// As [`scan`], by so many threads at most.
fn scan_by(
    threads: usize,
    path: &Path,
    file: &File,
    len: u64,
    mut take: impl FnMut(&Event<'_>, &Source<'_>) -> Result<ControlFlow<()>, Error> + Send,
) -> Result<(), Error> {
    let mut stretch = Stretch {
        path,
        file,
        len,
        framer: Framer::new(Limits::default(), 0, 1),
        lines_to: if threads > 1 { HEAD } else { u64::MAX },
        end: None,
    };
    let mut chunk = vec![0; CHUNK];
    let mut told = false;
    let flow = stretch.run(&mut chunk, &Source::none(file), |event, source| {
        told = true;
        take(event, source)
    })?;
    if flow.is_break() || stretch.end.is_none() {
        return Ok(());
    }
    if told {
        drop(chunk);
        return shares::scan(threads, &stretch, take);
    }
    // Nothing but blank lines yet: the header may still come.
    stretch.lines_to = u64::MAX;
    stretch.end = None;
    stretch
        .run(&mut chunk, &Source::none(file), take)
        .map(|_| ())
}

/// The lines of a file that begin before a given place.
struct Stretch<'f> {
    path: &'f Path,
    file: &'f File,
    /// Bytes of the file that count.
    len: u64,
    framer: Framer,
    /// The last line begins before this offset; it may end behind it.
    lines_to: u64,
    /// Where that line ends, once that is known.
    end: Option<u64>,
}

impl Stretch<'_> {
    /// Goes on to the end of the last line, or of the file, unless `take` breaks off. What lies in `held` is not read again;
    /// `chunk` is what is read into.
    fn run(
        &mut self,
        chunk: &mut [u8],
        held: &Source<'_>,
        mut take: impl FnMut(&Event<'_>, &Source<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<ControlFlow<()>, Error> {
        let file = self.file;
        loop {
            let start = self.framer.offset();
            let over = self.end.is_some_and(|end| start >= end);
            if over || start >= self.len {
                // What the last line still owes.
                let event = match over {
                    true => self.framer.feed(&[]),
                    false => self.framer.finish(),
                };
                let told = event.is_some();
                if let Some(event) = event
                    && take(&event, &Source::none(file))?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                if !told && self.framer.offset() == start {
                    return Ok(ControlFlow::Continue(()));
                }
                continue;
            }
            let read;
            let source = match held.from(start) {
                Some(_) => held,
                None => {
                    read = self.read(chunk, start)?;
                    &read
                }
            };
            if source.bytes.is_empty() {
                self.len = start;
                continue;
            }
            // In a damaged line the framer may go back, even to before the chunk.
            while let Some(rest) = source.from(self.framer.offset()) {
                let rest = self.within(rest);
                if rest.is_empty() {
                    break;
                }
                if let Some(event) = self.framer.feed(rest)
                    && take(&event, source)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }

    /// Reads from offset `start` on, with one successful read.
    fn read<'c>(&self, chunk: &'c mut [u8], start: u64) -> Result<Source<'c>, Error>
    where
        Self: 'c,
    {
        let room = usize::try_from(self.len - start).map_or(chunk.len(), |n| n.min(chunk.len()));
        let read = read_at(self.file, &mut chunk[..room], start);
        let read = read.map_err(Error::io(self.path, "read"))?;
        Ok(Source {
            file: self.file,
            start,
            bytes: &chunk[..read],
        })
    }

    /// What of the bytes that come next belongs to the stretch.
    fn within<'b>(&mut self, rest: &'b [u8]) -> &'b [u8] {
        let at = self.framer.offset();
        if self.end.is_none() {
            // The last line's end is the first at or behind this place.
            let skip = self.lines_to.saturating_sub(1).saturating_sub(at);
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let line_end = rest
                .get(skip..)
                .and_then(|rest| rest.iter().position(|byte| *byte == b'\n'));
            self.end = line_end.map(|index| at + (skip + index) as u64 + 1);
        }
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(at));
        rest.get(..usize::try_from(left).unwrap_or(usize::MAX))
            .unwrap_or(rest)
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

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
