//! Records carried into another session's file: as they are, or linked anew.

use crate::{
    Error, FileStorage, SessionLog,
    header::Source,
    interchange,
    io::read_at,
    scan::{changed, scan_again},
};
use serde::de::IgnoredAny;
use sessionlog_core::{
    EntryId, IdKind, Timestamp,
    journal::Storage,
    json::{JsonWriter, WriteError, write::write_all},
    record::{Extent, LeafEntry, Limits, Record, RecordScanner, StoredEntry, Totals},
};
use std::{
    collections::HashMap,
    convert::Infallible,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Bytes that are copied at once.
const CHUNK: usize = 64 * 1024;

/// The record in these bytes as a line, with its checksum; else why that is none.
pub(crate) fn sealed_line(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let record = RecordScanner::scan(bytes, Limits::default());
    let record = record.map_err(|error| error.fault.to_string())?;
    let stored = StoredEntry {
        bytes,
        record: &record,
    };
    let mut line = Vec::new();
    let sealed = stored.encode_sealed(&mut line);
    sealed.map_err(|error| error.to_string())?;
    Ok(line)
}

/// The header in these bytes as a line of its own: without the members of these names, with those that `add` writes, and
/// under a new checksum.
pub(crate) fn header_line(
    bytes: &[u8],
    without: &[&str],
    add: impl FnOnce(&mut JsonWriter<Vec<u8>>) -> Result<(), WriteError<Infallible>>,
) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let members = interchange::members(text).ok_or("the header is no object")?;
    let mut json = JsonWriter::new(Vec::new());
    let written = json.begin_object().and_then(|()| {
        for (name, value) in members {
            if name != "crc" && !without.contains(&&*name) {
                json.key(&name)?;
                json.raw(value.get().as_bytes())?;
            }
        }
        add(&mut json)?;
        json.end_object()
    });
    let made = written.and_then(|()| json.finish());
    sealed_line(&made.map_err(|error| error.to_string())?)
}

/// What is noted in a header, in place of what it says of the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderChanges<'a> {
    /// When the file was repaired (F9).
    pub(crate) repaired: Option<Timestamp>,
    /// Another fork point (F11), or none.
    pub(crate) fork_point: Option<Option<&'a str>>,
}

/// The sums at the node with this `index`, as they are counted.
pub(crate) fn counted(log: &SessionLog, index: u32) -> Totals {
    Totals {
        branch: log.branch_usage(index),
        spent: log.spent(),
        watermark: log.watermark(),
        next_seq: log.sequence().peek(),
    }
}

/// What ends a copy: a leaf that names `entry`, with these sums.
///
/// `log` is all that stands before it.
pub(crate) fn last_leaf(
    log: &SessionLog,
    entry: &EntryId,
    timestamp: Timestamp,
    sums: Option<Totals>,
) -> Result<Vec<u8>, Error> {
    let mut sequence = log.sequence();
    let id = EntryId::own(IdKind::Leaf, sequence.take());
    let totals = sums.map(|sums| Totals {
        next_seq: sums.next_seq.max(sequence.peek()),
        ..sums
    });
    let leaf = LeafEntry {
        id: &id,
        timestamp,
        entry_id: entry,
        totals: totals.as_ref(),
    };
    let mut line = Vec::new();
    leaf.encode(&mut line)
        .map_err(|error| Error::io(log.path(), "convert")(io::Error::other(error.to_string())))?;
    Ok(line)
}

/// A file that is being written. Unless it is kept, it is removed again.
pub(crate) struct NewFile {
    path: PathBuf,
    storage: FileStorage,
    kept: bool,
}

impl NewFile {
    /// Writes into `file`, which was just created at `path`.
    pub(crate) fn new(path: PathBuf, file: File) -> Result<Self, Error> {
        let storage = FileStorage::new(file).map_err(Error::io(&path, "open"))?;
        Ok(Self {
            path,
            storage,
            kept: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Hands everything to the system, so that the file can be read; gives it and its length.
    pub(crate) fn written(&mut self) -> Result<(File, u64), Error> {
        let flushed = embedded_io::Write::flush(&mut self.storage);
        flushed.map_err(Error::io(&self.path, "write"))?;
        let file = self.storage.file().try_clone();
        Ok((
            file.map_err(Error::io(&self.path, "open"))?,
            self.storage.len(),
        ))
    }

    /// Makes everything written durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let synced = self.storage.sync();
        synced.map_err(Error::io(&self.path, "sync"))
    }

    /// The file is complete: it stays.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    /// Lets `encode` write a record and its line end.
    pub(crate) fn encode<T>(
        &mut self,
        encode: impl FnOnce(&mut FileStorage) -> Result<T, WriteError<io::Error>>,
    ) -> Result<T, Error> {
        encode(&mut self.storage).map_err(|error| {
            let source = match error {
                WriteError::Io(source) => source,
                other => io::Error::other(other.to_string()),
            };
            Error::io(&self.path, "write")(source)
        })
    }

    /// Copies the record in `extent` byte for byte, and gives it a line end. Holds [`CHUNK`] bytes of it.
    pub(crate) fn verbatim(
        &mut self,
        from: &Path,
        source: &Source<'_>,
        extent: Extent,
    ) -> Result<(), Error> {
        let whole = usize::try_from(extent.len).ok();
        let at_hand = source
            .from(extent.start)
            .and_then(|bytes| bytes.get(..whole?));
        if let Some(bytes) = at_hand {
            self.encode(|sink| write_all(sink, bytes))?;
        } else {
            let mut chunk = vec![0; CHUNK.min(whole.unwrap_or(CHUNK))];
            let mut at = extent.start;
            while at < extent.end() {
                let left = usize::try_from(extent.end() - at).unwrap_or(CHUNK);
                let room = left.min(chunk.len());
                let read = read_at(source.file, &mut chunk[..room], at)
                    .map_err(Error::io(from, "read"))?;
                if read == 0 {
                    return Err(Error::io(from, "read")(changed()));
                }
                self.encode(|sink| write_all(sink, &chunk[..read]))?;
                at += read as u64;
            }
        }
        self.encode(|sink| write_all(sink, b"\n"))
    }

    /// Writes the header in `bytes` with these changes.
    pub(crate) fn changed_header(
        &mut self,
        bytes: &[u8],
        changes: &HeaderChanges<'_>,
    ) -> Result<(), Error> {
        let HeaderChanges {
            repaired,
            fork_point,
        } = changes;
        let without = [
            repaired.map(|_| "repaired"),
            fork_point.map(|_| "fork_point"),
        ];
        let without: Vec<_> = without.into_iter().flatten().collect();
        let line = header_line(bytes, &without, |json| {
            if let Some(id) = fork_point.flatten() {
                json.key("fork_point")?;
                json.string(id)?;
            }
            if let Some(at) = repaired {
                json.key("repaired")?;
                json.string(&at.to_string())?;
            }
            Ok(())
        });
        let line = line.map_err(|error| Error::io(&self.path, "write")(io::Error::other(error)))?;
        self.encode(|sink| write_all(sink, &line))
    }

    /// Copies the record in `extent` with `parent` as its `parent_id`, every other byte as it is. Holds the record.
    ///
    /// A record without CRC gets one if `seal` says so, unless it has a member of that name that is none (F5): two of
    /// them would be damage (F4).
    pub(crate) fn relinked(
        &mut self,
        from: &Path,
        source: &Source<'_>,
        extent: Extent,
        parent: Option<&EntryId>,
        seal: bool,
    ) -> Result<(), Error> {
        let read = |source: &Source<'_>| -> io::Result<(Record, Vec<u8>)> {
            let record = scan_again(source.file, extent)?;
            Ok((record, source.part(extent)?.into_owned()))
        };
        let (record, bytes) = read(source).map_err(Error::io(from, "read"))?;
        if record.has_crc || seal && !names_crc(&bytes) {
            let stored = StoredEntry {
                bytes: &bytes,
                record: &record,
            };
            return self.encode(|sink| stored.encode_with_parent(parent, sink).map(|_| ()));
        }
        let value = serde_json::to_vec(&parent)
            .map_err(|error| Error::io(&self.path, "write")(error.into()))?;
        let (before, member, after): (_, &[u8], _) = if record.parent.is_empty() {
            let (body, brace) = bytes.split_at(bytes.len().saturating_sub(1));
            (body, b",\"parent_id\":", brace)
        } else {
            let start = record.parent.start as usize;
            let end = start + record.parent.len as usize;
            (&bytes[..start], b"", &bytes[end..])
        };
        self.encode(|sink| {
            [before, member, &value, after, b"\n"]
                .into_iter()
                .try_for_each(|piece| write_all(sink, piece))
        })
    }
}

fn names_crc(record: &[u8]) -> bool {
    let members = serde_json::from_slice::<HashMap<String, IgnoredAny>>(record);
    members.is_ok_and(|members| members.contains_key("crc"))
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // What made the copy fail counts; that it may stay behind does not.
            let _ = fs::remove_file(&self.path);
        }
    }
}
