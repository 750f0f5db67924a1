//! Where the context's entries lie, and reading their texts.

use super::{ContextBody, ContextEntry};
use crate::{Error, FileStorage};
use embedded_io::{Read, Seek, SeekFrom};
use serde_json::value::RawValue;
use sessionlog_core::{
    EntryId,
    record::{Extent, Record},
    replay::Item,
};
use std::{io, path::Path};

/// Where an entry of the context lies.
pub(super) struct Place {
    id: EntryId,
    summary: bool,
    extent: Extent,
}

impl Place {
    /// Where the payload or summary lies; an entry without an id is none.
    pub(super) fn of(item: Item, record: &Record) -> Option<Self> {
        let span = match item.summary {
            true => record.summary,
            false => record.message.payload,
        };
        record.id.clone().map(|id| Place {
            id,
            summary: item.summary,
            extent: item.extent.part(span),
        })
    }
}

/// Reads entries' texts. Those of a context lie close together as a rule, so one read gives several.
pub(super) struct Texts<'s> {
    path: &'s Path,
    storage: &'s mut FileStorage,
    window: &'s mut [u8],
    /// What of the file is in the window.
    held: Extent,
}

impl<'s> Texts<'s> {
    pub(super) fn new(path: &'s Path, storage: &'s mut FileStorage, window: &'s mut [u8]) -> Self {
        Texts {
            path,
            storage,
            window,
            held: Extent::default(),
        }
    }

    pub(super) fn entry(&mut self, place: &Place) -> Result<ContextEntry, Error> {
        let failed = |source| Error::Io {
            path: self.path.to_owned(),
            op: "read",
            source,
        };
        let bytes = match self.bytes(place.extent) {
            Ok(bytes) => bytes,
            Err(error) => return Err(failed(error)),
        };
        // It was a record when its place was found.
        let changed = |e: serde_json::Error| failed(io::Error::new(io::ErrorKind::InvalidData, e));
        let text = String::from_utf8(bytes)
            .map_err(|e| failed(io::Error::new(io::ErrorKind::InvalidData, e)))?;
        let body = match place.summary {
            true => ContextBody::Summary(serde_json::from_str(&text).map_err(changed)?),
            false => ContextBody::Message(RawValue::from_string(text).map_err(changed)?),
        };
        Ok(ContextEntry {
            id: place.id.clone(),
            body,
        })
    }

    fn bytes(&mut self, extent: Extent) -> io::Result<Vec<u8>> {
        if extent.len > self.window.len() as u64 {
            return read(self.storage, extent);
        }
        if extent.start < self.held.start || extent.end() > self.held.end() {
            let end = self.storage.len().max(extent.end());
            self.held = Extent::default();
            let len = (end - extent.start).min(self.window.len() as u64);
            let start = extent.start;
            fill(self.storage, start, &mut self.window[..len as usize])?;
            self.held = Extent { start, len };
        }
        let from = (extent.start - self.held.start) as usize;
        Ok(self.window[from..from + extent.len as usize].to_vec())
    }
}

/// Reads all of an extent.
pub(super) fn read(storage: &mut FileStorage, extent: Extent) -> io::Result<Vec<u8>> {
    let len = usize::try_from(extent.len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = vec![0; len];
    fill(storage, extent.start, &mut bytes)?;
    Ok(bytes)
}

/// Reads all of `bytes` from offset `start` on.
fn fill(storage: &mut FileStorage, start: u64, bytes: &mut [u8]) -> io::Result<()> {
    storage.seek(SeekFrom::Start(start))?;
    let mut filled = 0;
    while filled < bytes.len() {
        match storage.read(&mut bytes[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    Ok(())
}
