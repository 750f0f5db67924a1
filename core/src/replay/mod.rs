//! Replay: from bytes to the branch and its context, by the reading rules (F12 to F19).
//!
//! - [`Records`] reads records forwards, [`Backward`] backwards, through a window that the caller lends.
//! - [`Reverse`] follows the branch from its tip and yields the context, newest first, in constant memory.
//! - [`Forward`] applies the rules in one pass over the whole file, with a [`Table`] that holds a few numbers an entry.
//!
//! Both give the same result on every input.

mod backward;
mod branch;
mod forward;
mod head;
mod reader;
mod reverse;
mod tally;

pub use backward::Backward;
pub use branch::{ALWAYS_SEARCHED, Branch, Link, MAX_SEARCHES};
pub use forward::{
    ContextStart, Forward, Full, Node, Note, SliceTable, Slot, Table, context_start,
};
pub(crate) use head::Beginning;
pub use head::{Head, Notes};
pub use reader::Records;
pub use reverse::{Item, Reverse};
pub use tally::{Gathered, Gathering, Tally};

pub(crate) const TOO_MANY_LOST: &str =
    "too many entries name others that are lost: the session needs a repair first";

/// The smallest window that replay works with, in bytes.
pub const MIN_WINDOW: usize = 64;

/// Why replay cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReplayError<E> {
    /// The storage failed.
    Io(E),
    /// The window is smaller than [`MIN_WINDOW`].
    WindowTooSmall,
    /// The storage became shorter, or its bytes changed, while it was read.
    Changed,
    /// So many parents, or targets of leaves, are nowhere in the log that to make sure of each takes too long
    /// ([`MAX_SEARCHES`]). A repaired copy names none that is not there.
    TooManyLost,
}

impl<E> From<E> for ReplayError<E> {
    fn from(error: E) -> Self {
        Self::Io(error)
    }
}

impl<E: core::fmt::Display> core::fmt::Display for ReplayError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Io(e) => write!(f, "reading failed: {e}"),
            Self::WindowTooSmall => write!(f, "the window must be at least {MIN_WINDOW} bytes"),
            Self::Changed => f.write_str("the storage changed while it was read"),
            Self::TooManyLost => f.write_str(TOO_MANY_LOST),
        }
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for ReplayError<E> {}

/// A window over a source: the bytes from `at` on, as many as `filled`.
struct Window<'b> {
    buf: &'b mut [u8],
    at: u64,
    filled: usize,
}

impl<'b> Window<'b> {
    fn new(buf: &'b mut [u8]) -> Self {
        Window {
            buf,
            at: 0,
            filled: 0,
        }
    }

    /// It is large enough; it holds nothing as yet.
    fn check<E>(&mut self) -> Result<(), ReplayError<E>> {
        self.filled = 0;
        match self.buf.len() < MIN_WINDOW {
            true => Err(ReplayError::WindowTooSmall),
            false => Ok(()),
        }
    }

    fn end(&self) -> u64 {
        self.at.wrapping_add(self.filled as u64)
    }

    /// The bytes of the window from offset `from` on, up to offset `to`.
    fn slice(&self, from: u64, to: u64) -> &[u8] {
        let to = to.min(self.end());
        if from < self.at || from >= to {
            return &[];
        }
        // Within the buffer, so these fit.
        let start = from.wrapping_sub(self.at) as usize;
        let end = to.wrapping_sub(self.at) as usize;
        self.buf.get(start..end).unwrap_or(&[])
    }

    /// Reads the window anew from offset `at`, at most to offset `to`, with one successful read.
    fn read_some<R>(&mut self, source: &mut R, at: u64, to: u64) -> Result<(), R::Error>
    where
        R: embedded_io::Read + embedded_io::Seek,
    {
        self.filled = 0;
        let room = usize::try_from(to.saturating_sub(at)).unwrap_or(usize::MAX);
        let room = room.min(self.buf.len());
        self.at = at;
        source.seek(embedded_io::SeekFrom::Start(at))?;
        let buf = self.buf.get_mut(..room).unwrap_or(&mut []);
        self.filled = source.read(buf)?.min(room);
        Ok(())
    }

    /// Fills the window with all bytes from offset `from` to offset `to`, or with as many before `to` as it holds.
    fn read_before<R>(
        &mut self,
        source: &mut R,
        from: u64,
        to: u64,
    ) -> Result<(), ReplayError<R::Error>>
    where
        R: embedded_io::Read + embedded_io::Seek,
    {
        let from = from.max(to.saturating_sub(self.buf.len() as u64));
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        self.at = from;
        self.filled = 0;
        source.seek(embedded_io::SeekFrom::Start(from))?;
        while self.filled < len {
            let rest = self.buf.get_mut(self.filled..len).unwrap_or(&mut []);
            let taken = source.read(rest)?;
            if taken == 0 {
                return Err(ReplayError::Changed);
            }
            self.filled = self.filled.wrapping_add(taken).min(len);
        }
        Ok(())
    }
}
