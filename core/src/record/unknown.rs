//! Records as they came: copied byte for byte, or with another parent (invariant 4).

use super::{Record, line::write_record};
use crate::bytes::find;
use crate::{
    id::EntryId,
    json::{
        JsonWriter, WriteError,
        write::{JsonWriteError, write_all},
    },
};
use embedded_io::Write;

/// A record that lies in memory as a whole, with its bookkeeping: of an unknown type, or one that is carried over.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StoredEntry<'a> {
    /// Its bytes, from `{` to `}`.
    pub bytes: &'a [u8],
    /// What the scanner found in these bytes.
    pub record: &'a Record,
}

impl StoredEntry<'_> {
    /// Writes the record's bytes as they are, and a line end; gives the record's length.
    ///
    /// Errors: [`JsonWriteError::LineBreak`] when the bytes hold a raw line break.
    pub fn encode<W: Write>(&self, sink: &mut W) -> Result<u64, WriteError<W::Error>> {
        self.refuse_line_break()?;
        write_all(sink, self.bytes)?;
        write_all(sink, b"\n")?;
        Ok(self.bytes.len() as u64)
    }

    /// Writes the record with `parent_id` in place of its own, every other byte as it is, under a new CRC.
    ///
    /// Errors: [`JsonWriteError::LineBreak`] when the bytes hold a raw line break.
    pub fn encode_with_parent<W: Write>(
        &self,
        parent_id: Option<&EntryId>,
        sink: &mut W,
    ) -> Result<u64, WriteError<W::Error>> {
        self.refuse_line_break()?;
        let body = self.body();
        let mut scratch = [0u8; 6 * crate::id::MAX_ID_LEN + 2];
        let value = json_string(parent_id, &mut scratch);
        let span = self.record.parent;
        if span.is_empty() {
            return write_pieces(sink, &[body, b",\"parent_id\":", value]);
        }
        let start = usize::try_from(span.start).unwrap_or(usize::MAX);
        let end = usize::try_from(span.start.saturating_add(span.len)).unwrap_or(usize::MAX);
        let before = body.get(..start).unwrap_or(body);
        let after = body.get(end..).unwrap_or(&[]);
        write_pieces(sink, &[before, value, after])
    }

    /// Writes the record with a CRC as its last member: a new one in place of the one it has, if any.
    ///
    /// Errors: [`JsonWriteError::LineBreak`] when the bytes hold a raw line break.
    pub fn encode_sealed<W: Write>(&self, sink: &mut W) -> Result<u64, WriteError<W::Error>> {
        self.refuse_line_break()?;
        write_pieces(sink, &[self.body()])
    }

    /// The record's bytes without its CRC and its closing brace.
    fn body(&self) -> &[u8] {
        // `,"crc":"xxxxxxxx"}` or just the brace.
        let closing = if self.record.has_crc { 18 } else { 1 };
        let body = self.bytes.len().saturating_sub(closing);
        self.bytes.get(..body).unwrap_or(&[])
    }

    fn refuse_line_break<E>(&self) -> Result<(), WriteError<E>> {
        match find(b'\n', self.bytes) {
            Some(_) => Err(JsonWriteError::LineBreak.into()),
            None => Ok(()),
        }
    }
}

/// Writes a record whose bytes up to the last member are given in pieces.
fn write_pieces<W: Write>(sink: &mut W, pieces: &[&[u8]]) -> Result<u64, WriteError<W::Error>> {
    write_record(sink, &mut |pen| {
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            pen.put(piece);
        }
    })
}

/// The id as a JSON string, or null; `scratch` holds any id with every byte escaped.
fn json_string<'s>(id: Option<&EntryId>, scratch: &'s mut [u8]) -> &'s [u8] {
    let room = scratch.len();
    let Some(id) = id else { return b"null" };
    let mut rest = &mut *scratch;
    let mut json = JsonWriter::new(&mut rest);
    let written = json.string(id.as_str()).and_then(|()| json.flush_scratch());
    let left = rest.len();
    match written {
        Ok(()) => scratch.get(..room.saturating_sub(left)).unwrap_or(&[]),
        Err(_) => b"null",
    }
}
