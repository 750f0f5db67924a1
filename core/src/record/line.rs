//! One record on one line: its members, CRC, line end.
//!
//! Members are written with what stands before them, `,"id":` and so on, in one piece; only payloads come through a
//! [`JsonWriter`](crate::json::JsonWriter).

use super::Totals;
use crate::{
    crc::Crc32,
    json::{
        WriteError,
        pen::{Draft, Kept, Pen, Sink, Stopped},
    },
    usage::UsageTotals,
};
use embedded_io::Write;

/// Passes bytes on and keeps their checksum.
struct Summing<'s> {
    sink: &'s mut dyn Sink,
    crc: Crc32,
}

impl Sink for Summing<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.crc.update(bytes);
        self.sink.take(bytes)
    }
}

/// Writes a record, its CRC and its line end; `members` writes the rest, without the closing brace. Gives the record's
/// length, line end not counted.
pub(super) fn write_record<W: Write>(
    sink: &mut W,
    members: &mut dyn FnMut(&mut Pen<'_>) -> Result<(), Stopped>,
) -> Result<u64, WriteError<W::Error>> {
    let mut kept = Kept::new(sink);
    let mut draft = Draft::new();
    match seal(&mut kept, &mut draft, members) {
        // The line end.
        Ok(()) => Ok(draft.written().saturating_sub(1)),
        Err(Stopped) => Err(kept.error()),
    }
}

fn seal(
    sink: &mut dyn Sink,
    draft: &mut Draft,
    members: &mut dyn FnMut(&mut Pen<'_>) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let mut summing = Summing {
        sink,
        crc: Crc32::new(),
    };
    let mut pen = Pen::new(draft, &mut summing);
    members(&mut pen)?;
    pen.flush()?;
    let crc = Crc32::hex(summing.crc.value());
    let mut pen = Pen::new(draft, summing.sink);
    pen.put(b",\"crc\":\"")?;
    pen.put(&crc)?;
    pen.put(b"\"}\n")?;
    pen.flush()
}

/// A string member; `before` is what stands before it.
pub(super) fn text(pen: &mut Pen<'_>, before: &[u8], value: &str) -> Result<(), Stopped> {
    pen.put(before)?;
    pen.quoted(value)
}

/// A string member, or null.
pub(super) fn optional(
    pen: &mut Pen<'_>,
    before: &[u8],
    value: Option<&str>,
) -> Result<(), Stopped> {
    match value {
        Some(value) => text(pen, before, value),
        None => {
            pen.put(before)?;
            pen.put(b"null")
        }
    }
}

/// The `timestamp` member.
pub(super) fn timestamp(pen: &mut Pen<'_>, value: crate::Timestamp) -> Result<(), Stopped> {
    pen.put(b",\"timestamp\":\"")?;
    pen.put(value.write(&mut [0; 24]))?;
    pen.put(b"\"")
}

/// A member that is an unsigned number.
pub(super) fn number(pen: &mut Pen<'_>, before: &[u8], value: u64) -> Result<(), Stopped> {
    pen.put(before)?;
    pen.put(crate::bytes::digits(value, &mut [0; 20]))
}

/// The `totals` member (F19), when there are totals.
pub(super) fn totals(pen: &mut Pen<'_>, totals: Option<&Totals>) -> Result<(), Stopped> {
    let Some(totals) = totals else { return Ok(()) };
    pen.put(b",\"totals\":{\"branch\":{")?;
    usage_totals(pen, &totals.branch)?;
    pen.put(b",\"spent\":{")?;
    usage_totals(pen, &totals.spent)?;
    number(pen, b",\"turns\":", totals.branch.turns)?;
    number(pen, b",\"watermark\":", totals.watermark)?;
    number(pen, b",\"next_seq\":", totals.next_seq)?;
    pen.put(b"}")
}

#[inline(never)]
fn usage_totals(pen: &mut Pen<'_>, sums: &UsageTotals) -> Result<(), Stopped> {
    let usage = &sums.usage;
    let unreported = (sums.unreported > 0).then_some(sums.unreported);
    for (before, value) in [
        ("\"input_tokens\":", Some(usage.input_tokens)),
        (",\"output_tokens\":", Some(usage.output_tokens)),
        (",\"cache_read_tokens\":", Some(usage.cache_read_tokens)),
        (",\"cache_write_tokens\":", Some(usage.cache_write_tokens)),
        (",\"cache_write_1h_tokens\":", usage.cache_write_1h_tokens),
        (",\"reasoning_tokens\":", usage.reasoning_tokens),
        (",\"unreported\":", unreported),
    ] {
        if let Some(value) = value {
            number(pen, before.as_bytes(), value)?;
        }
    }
    pen.put(b"}")
}
