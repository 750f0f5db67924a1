//! Records forwards.

use super::{ReplayError, Window};
use crate::{
    record::Limits,
    recovery::{Event, Framer, Signal},
};
use embedded_io::{Read, Seek};

/// Reads a storage's records in file order through a window that the caller lends.
pub struct Records<'b, R> {
    source: R,
    window: Window<'b>,
    framer: Framer,
    end: u64,
    ended: bool,
}

impl<'b, R: Read + Seek> Records<'b, R> {
    /// Reads from offset `start`, which is the first byte of line number `line`, to the end.
    pub fn new(
        source: R,
        window: &'b mut [u8],
        limits: Limits,
        start: u64,
        line: u64,
    ) -> Result<Self, ReplayError<R::Error>> {
        Ok(Records {
            source,
            window: Window::new(window)?,
            framer: Framer::new(limits, start, line),
            end: u64::MAX,
            ended: false,
        })
    }

    /// The next event; `None` at the end.
    #[allow(clippy::should_implement_trait)] // An iterator cannot lend.
    pub fn next(&mut self) -> Result<Option<Event<'_>>, ReplayError<R::Error>> {
        let signal = self.next_signal()?;
        Ok(signal.map(|signal| self.framer.event(signal)))
    }

    fn next_signal(&mut self) -> Result<Option<Signal>, ReplayError<R::Error>> {
        loop {
            let at = self.framer.offset();
            let known_end = self.ended && at >= self.end;
            if !known_end && (at < self.window.at || at >= self.window.end()) {
                self.window.read_some(&mut self.source, at, self.end)?;
                if self.window.filled == 0 {
                    self.ended = true;
                    self.end = at;
                }
            }
            if self.ended && at >= self.end {
                let signal = self.framer.advance_end();
                if signal.is_some() || self.framer.offset() == at {
                    return Ok(signal);
                }
                continue;
            }
            let chunk = self.window.slice(at, self.end);
            if let Some(signal) = self.framer.advance(chunk) {
                return Ok(Some(signal));
            }
        }
    }

    /// Offset in the storage of the byte that comes next.
    pub fn offset(&self) -> u64 {
        self.framer.offset()
    }
}
