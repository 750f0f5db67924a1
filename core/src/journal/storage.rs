//! What a journal needs of the place where it keeps its bytes.

use embedded_io::{Read, Seek, Write};

/// Storage that bytes are appended to.
///
/// A superset of `embedded-io`'s traits, with this contract:
/// - [`Write::write`] appends at the end, wherever the read position is. It may buffer.
/// - [`Write::flush`] hands what is buffered to the medium in as few writes as it can. It promises no durability.
/// - [`Read`] and [`Seek`] move a read position of their own and see everything written, buffered or not;
///   `SeekFrom::End(0)` gives the length.
/// - After an error, what was written since the last successful [`sync`](Storage::sync) may be there in part, or not at all.
pub trait Storage: Read + Write + Seek {
    /// Makes everything written so far durable: it survives the loss of power.
    ///
    /// After a failure nothing written since the last success may be taken for durable, even if a later call succeeds;
    /// the journal cuts it off and writes it anew.
    fn sync(&mut self) -> Result<(), Self::Error>;

    /// Cuts the storage to its first `len` bytes, buffered ones included. `Ok(false)` where the storage cannot be cut:
    /// the journal then closes a torn line with NUL and a line end, and the line counts as corrupt.
    fn truncate(&mut self, len: u64) -> Result<bool, Self::Error>;
}

impl<S: Storage + ?Sized> Storage for &mut S {
    fn sync(&mut self) -> Result<(), Self::Error> {
        (**self).sync()
    }

    fn truncate(&mut self, len: u64) -> Result<bool, Self::Error> {
        (**self).truncate(len)
    }
}
