//! The message record, and what can be its payload (F7, F29).

use super::line::{optional, text, timestamp, write_record};
use crate::bytes::find_either;
use crate::{
    id::EntryId,
    json::{
        JsonWriter, WriteError,
        pen::{Passing, Pen, Stopped},
        write::JsonWriteError,
    },
    time::Timestamp,
};
use embedded_io::Write;
use serde::Serialize;

/// What can be a message's payload: anything that serialises to a JSON object, and [`Verbatim`] bytes.
/// Implement it for what is streamed from elsewhere.
pub trait Payload {
    /// Writes the payload as one JSON value.
    fn write_to<W: Write>(&self, json: &mut JsonWriter<W>) -> Result<(), WriteError<W::Error>>;
}

impl<T: Serialize + ?Sized> Payload for T {
    fn write_to<W: Write>(&self, json: &mut JsonWriter<W>) -> Result<(), WriteError<W::Error>> {
        json.value(self)
    }
}

/// A payload that is JSON already: it is carried byte for byte.
///
/// Raw line breaks are refused ([`JsonWriteError::LineBreak`]); the journal checks the rest.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verbatim<'a>(pub &'a [u8]);

impl Payload for Verbatim<'_> {
    fn write_to<W: Write>(&self, json: &mut JsonWriter<W>) -> Result<(), WriteError<W::Error>> {
        let breaks = || find_either(b'\n', b'\r', self.0).is_some();
        if !json.is_checked() && breaks() {
            return Err(JsonWriteError::LineBreak.into());
        }
        let written = json.raw(self.0).and_then(|()| json.flush_scratch());
        if written.is_err() && json.is_checked() && breaks() {
            return Err(JsonWriteError::LineBreak.into());
        }
        written
    }
}

/// A message to be written.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MessageEntry<'a, P: ?Sized> {
    /// Its id.
    pub id: &'a EntryId,
    /// The tip that it follows.
    pub parent_id: Option<&'a EntryId>,
    /// When it was appended.
    pub timestamp: Timestamp,
    /// Its payload.
    pub message: &'a P,
}

impl<P: Payload + ?Sized> MessageEntry<'_, P> {
    /// Writes the record and its line end; gives the record's length in bytes.
    pub fn encode<W: Write>(&self, sink: &mut W) -> Result<u64, WriteError<W::Error>> {
        self.encode_with(sink, &mut |pen| {
            let mut json = JsonWriter::new(Passing(pen));
            self.message.write_to(&mut json)?;
            json.flush_scratch()
        })
    }

    /// The same, with the payload written by `payload`.
    pub(crate) fn encode_with<W: Write>(
        &self,
        sink: &mut W,
        payload: &mut dyn FnMut(&mut Pen<'_>) -> Result<(), WriteError<Stopped>>,
    ) -> Result<u64, WriteError<W::Error>> {
        let mut refused = None;
        let written = write_record(sink, &mut |pen| {
            text(pen, b"{\"type\":\"message\",\"id\":", self.id.as_str());
            let parent = self.parent_id.map(EntryId::as_str);
            optional(pen, b",\"parent_id\":", parent);
            timestamp(pen, self.timestamp);
            pen.put(b",\"message\":");
            if let Err(error) = payload(pen) {
                pen.stop();
                if let WriteError::Json(error) = error {
                    refused = Some(error);
                }
            }
        });
        match refused {
            Some(error) => Err(WriteError::Json(error)),
            None => written,
        }
    }
}
