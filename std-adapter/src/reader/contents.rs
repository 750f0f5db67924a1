//! What the records say, read from the file when it is asked for.

use super::{SessionLog, nodes::Kept, pass::text_of};
use crate::{
    Error,
    io::read_at,
    scan::{changed, scan_again},
};
use serde_json::value::RawValue;
use sessionlog_core::record::{Extent, Kind, Record, Span};
use std::{fs::File, io};

/// What a compaction's record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactionInfo {
    /// Its summary.
    pub summary: String,
    /// The id that it names as its first kept entry.
    pub first_kept_entry_id: String,
    /// Its `tokens_before`.
    pub tokens_before: Option<u64>,
    /// Its `tokens_after`.
    pub tokens_after: Option<u64>,
}

impl SessionLog {
    /// A node's record, from its `{` to its `}`, as it stands in the file.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file has changed.
    pub fn read_record(&self, index: u32) -> Result<Vec<u8>, Error> {
        let kept = self.kept(index)?;
        self.read_extent(kept.extent)
    }

    /// A node's bookkeeping, scanned again.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file has changed.
    pub fn record(&self, index: u32) -> Result<Record, Error> {
        let kept = self.kept(index)?;
        scan_again(&self.file, kept.extent).map_err(self.failed())
    }

    /// The `type` of a node's record.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file has changed.
    pub fn type_name(&self, index: u32) -> Result<String, Error> {
        #[derive(serde::Deserialize)]
        struct Typed {
            r#type: String,
        }
        Ok(match self.kept(index)?.kind {
            Kind::Message => "message".into(),
            Kind::Compaction => "compaction".into(),
            _ => {
                let record = self.read_record(index)?;
                let typed: Typed = serde_json::from_slice(&record).map_err(self.stale())?;
                typed.r#type
            }
        })
    }

    /// A message's payload, byte for byte. Of any other node: `null`.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file has changed.
    pub fn payload(&self, index: u32) -> Result<Box<RawValue>, Error> {
        let kept = self.kept(index)?;
        if kept.kind != Kind::Message {
            return Ok(RawValue::NULL.to_owned());
        }
        let bytes = self.read_extent(kept.extent.part(kept.payload))?;
        serde_json::from_slice::<Box<RawValue>>(&bytes).map_err(self.stale())
    }

    /// A compaction's summary. Of any other node: empty.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file has changed.
    pub fn summary(&self, index: u32) -> Result<String, Error> {
        let kept = self.kept(index)?;
        if kept.kind != Kind::Compaction {
            return Ok(String::new());
        }
        let bytes = self.read_extent(kept.extent.part(kept.text))?;
        serde_json::from_slice(&bytes).map_err(self.stale())
    }

    /// What a compaction's record says; `None` for any other node.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file has changed.
    pub fn compaction(&self, index: u32) -> Result<Option<CompactionInfo>, Error> {
        if self.kept(index)?.kind != Kind::Compaction {
            return Ok(None);
        }
        let record = self.record(index)?;
        Ok(Some(CompactionInfo {
            summary: self.summary(index)?,
            first_kept_entry_id: text_of(record.reference.as_ref()),
            tokens_before: record.tokens_before,
            tokens_after: record.tokens_after,
        }))
    }

    /// The beginning of a message's first text, or of a compaction's summary: at most `max_chars` characters, as it stands there.
    /// Reads no more than it needs.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file has changed.
    pub fn first_text(&self, index: u32, max_chars: usize) -> Result<Option<String>, Error> {
        let kept = self.kept(index)?;
        if kept.text.is_empty() {
            return Ok(None);
        }
        // A character takes at most 12 bytes, as two escapes; one more may be cut in two.
        let wanted = (max_chars as u64).saturating_mul(12).saturating_add(14);
        let part = Span {
            start: kept.text.start,
            len: kept.text.len.min(wanted),
        };
        let bytes = self.read_extent(kept.extent.part(part))?;
        let text = if part.len == kept.text.len {
            serde_json::from_slice(&bytes).map_err(self.stale())?
        } else {
            string_beginning(bytes).ok_or_else(|| self.failed()(changed()))?
        };
        Ok(Some(match text.char_indices().nth(max_chars) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        }))
    }

    /// The length of a message's payload, in bytes.
    pub(crate) fn payload_len(&self, index: u32) -> u64 {
        self.kept(index).map_or(0, |kept| kept.payload.len)
    }

    /// The file, as it was opened.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where a node's record lies.
    pub(crate) fn extent(&self, index: u32) -> Result<Extent, Error> {
        self.kept(index).map(|kept| kept.extent)
    }

    fn kept(&self, index: u32) -> Result<&Kept, Error> {
        let kept = self.nodes.kept(index);
        kept.ok_or_else(|| Error::NoSuchEntry {
            path: self.path.clone(),
            id: format!("#{index}"),
        })
    }

    /// The file's bytes in `extent`.
    pub(crate) fn read_extent(&self, extent: Extent) -> Result<Vec<u8>, Error> {
        read_extent(&self.file, extent).map_err(self.failed())
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> Error {
        Error::io(&self.path, "read")
    }

    /// For JSON that was valid when it was scanned.
    fn stale(&self) -> impl FnOnce(serde_json::Error) -> Error {
        let failed = self.failed();
        |_| failed(changed())
    }
}

fn read_extent(file: &File, extent: Extent) -> io::Result<Vec<u8>> {
    let len = usize::try_from(extent.len).map_err(|_| changed())?;
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match read_at(file, &mut bytes[filled..], extent.start + filled as u64)? {
            0 => return Err(changed()),
            read => filled += read,
        }
    }
    Ok(bytes)
}

/// The text of a JSON string of which only the beginning is there, up to the last whole character.
fn string_beginning(mut json: Vec<u8>) -> Option<String> {
    // Two escapes of 6 bytes make one character, and a cut may fall before the last of them.
    for _ in 0..12 {
        json.push(b'"');
        if let Ok(text) = serde_json::from_slice(&json) {
            return Some(text);
        }
        json.truncate(json.len() - 2);
    }
    None
}
