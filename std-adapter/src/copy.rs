//! Records carried from one session file to another.

use crate::{Error, FileStorage, SystemClock, io::read_at, scan::changed};
use sessionlog_core::{
    EntryId,
    json::WriteError,
    record::{Extent, Record, StoredEntry},
    time::Clock,
};
use std::{fs::File, io, path::Path};

/// Bytes that are copied at once.
const CHUNK: usize = 64 * 1024;

/// A session file that is being written, on the way to `path`.
pub(crate) struct Copy<'p> {
    pub(crate) storage: FileStorage,
    pub(crate) path: &'p Path,
}

impl Copy<'_> {
    /// Copies a record byte for byte, holding a part of it at a time.
    pub(crate) fn verbatim(&mut self, source: &File, extent: Extent) -> Result<(), Error> {
        let mut chunk = vec![0; CHUNK];
        let mut at = extent.start;
        while at < extent.end() {
            let room = usize::try_from(extent.end() - at).map_or(CHUNK, |left| left.min(CHUNK));
            let read =
                read_at(source, &mut chunk[..room], at).map_err(|e| self.failed("read", e))?;
            if read == 0 {
                return Err(self.failed("read", changed()));
            }
            self.bytes(&chunk[..read])?;
            at += read as u64;
        }
        self.bytes(b"\n")
    }

    /// Copies a record under another parent, with a new checksum; holds the record.
    pub(crate) fn relinked(
        &mut self,
        bytes: &[u8],
        record: &Record,
        parent: Option<&EntryId>,
    ) -> Result<(), Error> {
        let stored = StoredEntry { bytes, record };
        let done = stored.encode_with_parent(parent, &mut self.storage);
        done.map(drop).map_err(|error| self.refused(error))
    }

    /// Copies a header and notes in it that the file was repaired.
    pub(crate) fn header_repaired(&mut self, bytes: &[u8], record: &Record) -> Result<(), Error> {
        let stored = StoredEntry { bytes, record };
        let done = stored.encode_repaired(SystemClock::new().now(), &mut self.storage);
        done.map(drop).map_err(|error| self.refused(error))
    }

    /// What a failed write is.
    pub(crate) fn refused(&self, error: WriteError<io::Error>) -> Error {
        let source = match error {
            WriteError::Io(source) => source,
            other => io::Error::other(other.to_string()),
        };
        self.failed("write", source)
    }

    /// Makes everything durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        use sessionlog_core::journal::Storage;
        let synced = self.storage.sync();
        synced.map_err(|e| self.failed("sync", e))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let done = sessionlog_core::json::write::write_all(&mut self.storage, bytes);
        done.map_err(|error| self.refused(error))
    }

    fn failed(&self, op: &'static str, source: io::Error) -> Error {
        Error::io(self.path, op)(source)
    }
}
