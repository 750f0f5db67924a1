//! A log on NOR flash: power may go at any instant, memory is bounded, wear is level.
//!
//! [`FlashLog`] is a [`Storage`] over any flash that implements `embedded-storage`'s
//! [`NorFlash`](embedded_storage::nor_flash::NorFlash), so the journal and reverse replay run on it unchanged. The page
//! `docs/flash.md` shows how a driver gets a log, states the layout as rules (cited as L1 and so on), the costs, and
//! what happens when power goes.
//!
//! The idea in short: a ring of erase blocks, each with a header that says where in which session's stream it begins,
//! filled with frames of at most 256 bytes; a record, a line, counts when the frame that holds its line end is whole.
//!
//! - **Nothing is programmed where an interrupted program may have been.** Bits that such a program has touched may
//!   read as erased now and differently later, and nothing tells which they are. So a mounted log goes on in a block
//!   that it has erased itself, and writes the bytes of the one frame that may be weak, the last, there once more.
//! - **The next block's header decides where a block ends.** What stands behind that offset (a torn record, bytes that
//!   were cut off, the frame that was written once more) is no part of the stream.
//! - **A block counts from its first frame on, and for good from its first record end on.** Blocks behind the last
//!   record end are erased and opened anew.
//! - **Space is freed by moving the tail**, a number in the header of a block that begins where all is durable. Such a
//!   block is never gone back upon; it holds a copy of the session's header if the tail has passed that. Nothing is
//!   erased before its place is needed, and one block is always free: what the blocks that count need is never erased.
//!
//! Memory: a [`FlashLog`] holds a frame to be programmed and a window for reading, 256 bytes each, and about 400 bytes
//! of bookkeeping.

mod device;
mod geometry;
mod layout;
mod log;
mod mount;
mod read;
mod reclaim;
mod sessions;
mod survey;
mod view;
mod write;

pub use geometry::{Geometry, GeometryError, MAX_BLOCK, MIN_BLOCK, MIN_BLOCKS};
pub use log::{FlashLog, Options, Policy};
pub use sessions::{SessionId, SessionInfo, SessionReader, Sessions};
pub use survey::{Block, BlockState, Damage, Wear};

#[cfg(doc)]
use crate::journal::Storage;
use embedded_storage::nor_flash::NorFlashError;

/// Why an operation on a log failed. `E` is the flash's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<E> {
    /// The flash failed. What was acknowledged is as it was; the block that was being written is given up.
    Flash(E),
    /// No block is free: [`FlashLog::reclaim`] some, and write again. Nothing that was written is lost.
    Full,
    /// A session's first line is longer than [`Geometry::max_header`].
    HeaderTooLong,
    /// There is no such session, or it has been reclaimed.
    NoSuchSession,
    /// A position before the beginning, or beyond what can be counted.
    InvalidSeek,
    /// The geometry does not suit the flash.
    Geometry(GeometryError),
}

impl<E> From<E> for Error<E> {
    fn from(error: E) -> Self {
        Self::Flash(error)
    }
}

impl<E: core::fmt::Debug> core::fmt::Display for Error<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Full => f.write_str("the flash region is full"),
            Self::HeaderTooLong => f.write_str("the session's header does not fit a block"),
            Self::NoSuchSession => f.write_str("there is no such session"),
            Self::InvalidSeek => f.write_str("no such position"),
            Self::Geometry(error) => write!(f, "{error}"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for Error<E> {}

impl<E: NorFlashError> embedded_io::Error for Error<E> {
    fn kind(&self) -> embedded_io::ErrorKind {
        use embedded_io::ErrorKind;
        match self {
            Self::Full => ErrorKind::OutOfMemory,
            Self::HeaderTooLong | Self::InvalidSeek | Self::Geometry(_) => ErrorKind::InvalidInput,
            Self::NoSuchSession => ErrorKind::NotFound,
            Self::Flash(_) => ErrorKind::Other,
        }
    }
}

/// The programs of `docs/flash.md`, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/flash.md")]
struct Page;
