//! Records forwards.

use super::{ReplayError, Window};
use crate::{
    record::{Limits, RecordScanner, Scanning},
    recovery::{Event, Framer, Signal},
};
use embedded_io::{Read, Seek};

/// Reads a storage's records in file order through a window that the caller lends.
pub struct Records<'b, R, W = RecordScanner> {
    source: R,
    window: Window<'b>,
    framer: Framer<W>,
    ahead: Ahead,
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
        let mut records = Records {
            source,
            window: Window::new(window),
            framer: Framer::new(limits, start, line),
            ahead: Ahead::new(u64::MAX),
        };
        records.window.check()?;
        Ok(records)
    }
}

impl<R: Read + Seek, W: Scanning> Records<'_, R, W> {
    /// The next event; `None` at the end.
    #[allow(clippy::should_implement_trait)] // An iterator cannot lend.
    pub fn next(&mut self) -> Result<Option<Event<'_, W::Id>>, ReplayError<R::Error>> {
        let (source, window) = (&mut self.source, &mut self.window);
        let signal = self.ahead.next(source, window, &mut self.framer)?;
        Ok(signal.map(|signal| self.framer.event(signal)))
    }
}

/// Reads on with a framer and a window that others use too.
pub(super) struct Ahead {
    /// Where the storage ends, once that has been met.
    end: u64,
    ended: bool,
    /// Bytes that are read at once at most.
    part: u64,
}

impl Ahead {
    pub(super) fn new(part: u64) -> Self {
        Ahead {
            end: u64::MAX,
            ended: false,
            part,
        }
    }

    pub(super) fn next<R: Read + Seek, W: Scanning>(
        &mut self,
        source: &mut R,
        window: &mut Window<'_>,
        framer: &mut Framer<W>,
    ) -> Result<Option<Signal>, ReplayError<R::Error>> {
        loop {
            let at = framer.offset();
            let known_end = self.ended && at >= self.end;
            if !known_end && window.slice(at, u64::MAX).is_empty() {
                let to = self.end.min(at.saturating_add(self.part));
                window.read_some(source, at, to)?;
                if window.filled == 0 {
                    self.ended = true;
                    self.end = at;
                }
            }
            if self.ended && at >= self.end {
                let signal = framer.advance_end();
                if signal.is_some() || framer.offset() == at {
                    return Ok(signal);
                }
                continue;
            }
            let chunk = window.slice(at, self.end);
            if let Some(signal) = framer.advance(chunk) {
                return Ok(Some(signal));
            }
        }
    }
}
