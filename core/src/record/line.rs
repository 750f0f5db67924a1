//! One record on one line: braces, CRC, line end.

use super::Totals;
use crate::{
    crc::Crc32,
    json::{JsonWriter, WriteError},
    usage::UsageTotals,
};
use embedded_io::{ErrorType, Write};

/// Passes bytes on and keeps their checksum and number.
pub(crate) struct Counting<'w, W> {
    sink: &'w mut W,
    crc: Crc32,
    written: u64,
}

impl<W: Write> ErrorType for Counting<'_, W> {
    type Error = W::Error;
}

impl<W: Write> Write for Counting<'_, W> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, W::Error> {
        let taken = self.sink.write(buf)?;
        self.crc.update(buf.get(..taken).unwrap_or(buf));
        self.written = self.written.saturating_add(taken as u64);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), W::Error> {
        self.sink.flush()
    }
}

/// Writes a record's members.
pub(crate) type LineWriter<'w, W> = JsonWriter<Counting<'w, W>>;

/// Bytes of the record that were written so far.
pub(crate) fn position<W: Write>(json: &LineWriter<'_, W>) -> u64 {
    json.sink().written.saturating_add(json.gathered() as u64)
}

/// Writes a record and its line end; `members` writes the members. Gives the record's length, line end not counted.
pub(super) fn write_record<W: Write>(
    sink: &mut W,
    members: impl FnOnce(&mut LineWriter<'_, W>) -> Result<(), WriteError<W::Error>>,
) -> Result<u64, WriteError<W::Error>> {
    let mut json = JsonWriter::new(Counting {
        sink,
        crc: Crc32::new(),
        written: 0,
    });
    json.begin_object()?;
    members(&mut json)?;
    end_record(json)
}

/// Closes a record whose last member has been written: CRC, brace, line end.
fn end_record<W: Write>(mut json: LineWriter<'_, W>) -> Result<u64, WriteError<W::Error>> {
    json.flush_scratch()?;
    let crc = Crc32::hex(json.sink().crc.value());
    json.key("crc")?;
    json.string(core::str::from_utf8(&crc).unwrap_or(""))?;
    json.end_object()?;
    let counting = json.finish()?;
    crate::json::write::write_all(counting.sink, b"\n")?;
    Ok(counting.written)
}

/// Writes a record whose bytes up to the last member are given in pieces, without its closing brace.
pub(super) fn write_pieces<W: Write>(
    sink: &mut W,
    pieces: &[&[u8]],
) -> Result<u64, WriteError<W::Error>> {
    let mut counting = Counting {
        sink,
        crc: Crc32::new(),
        written: 0,
    };
    for piece in pieces {
        crate::json::write::write_all(&mut counting, piece)?;
    }
    let crc = Crc32::hex(counting.crc.value());
    for piece in [b",\"crc\":\"", &crc[..], b"\"}"] {
        crate::json::write::write_all(&mut counting, piece)?;
    }
    crate::json::write::write_all(counting.sink, b"\n")?;
    Ok(counting.written)
}

/// A string member, or null.
pub(super) fn optional<W: Write>(
    json: &mut LineWriter<'_, W>,
    name: &str,
    value: Option<&str>,
) -> Result<(), WriteError<W::Error>> {
    json.key(name)?;
    match value {
        Some(text) => json.string(text),
        None => json.null(),
    }
}

/// A string member.
pub(super) fn text<W: Write>(
    json: &mut LineWriter<'_, W>,
    name: &str,
    value: &str,
) -> Result<(), WriteError<W::Error>> {
    json.key(name)?;
    json.string(value)
}

/// A member that is an unsigned number.
pub(super) fn number<W: Write>(
    json: &mut LineWriter<'_, W>,
    name: &str,
    value: u64,
) -> Result<(), WriteError<W::Error>> {
    json.key(name)?;
    json.u64(value)
}

/// The `totals` member (F19), when there are totals.
pub(super) fn totals<W: Write>(
    json: &mut LineWriter<'_, W>,
    totals: Option<&Totals>,
) -> Result<(), WriteError<W::Error>> {
    let Some(totals) = totals else { return Ok(()) };
    json.key("totals")?;
    json.begin_object()?;
    for (name, sums) in [("branch", &totals.branch), ("spent", &totals.spent)] {
        json.key(name)?;
        usage_totals(json, sums)?;
    }
    number(json, "turns", totals.branch.turns)?;
    number(json, "watermark", totals.watermark)?;
    number(json, "next_seq", totals.next_seq)?;
    json.end_object()
}

fn usage_totals<W: Write>(
    json: &mut LineWriter<'_, W>,
    sums: &UsageTotals,
) -> Result<(), WriteError<W::Error>> {
    let usage = &sums.usage;
    json.begin_object()?;
    number(json, "input_tokens", usage.input_tokens)?;
    number(json, "output_tokens", usage.output_tokens)?;
    number(json, "cache_read_tokens", usage.cache_read_tokens)?;
    number(json, "cache_write_tokens", usage.cache_write_tokens)?;
    if let Some(n) = usage.cache_write_1h_tokens {
        number(json, "cache_write_1h_tokens", n)?;
    }
    if let Some(n) = usage.reasoning_tokens {
        number(json, "reasoning_tokens", n)?;
    }
    if sums.unreported > 0 {
        number(json, "unreported", sums.unreported)?;
    }
    json.end_object()
}
