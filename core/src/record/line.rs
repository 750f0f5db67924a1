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
use core::num::NonZeroU64;
use embedded_io::Write;
use heapless::Vec;

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
    members: &mut dyn FnMut(&mut Pen<'_>),
) -> Result<u64, WriteError<W::Error>> {
    let mut kept = Kept::new(sink);
    match seal(&mut kept, members) {
        Some(len) => Ok(len.into()),
        None => Err(kept.error()),
    }
}

fn seal(sink: &mut dyn Sink, members: &mut dyn FnMut(&mut Pen<'_>)) -> Option<NonZeroU64> {
    let mut draft = Draft::new();
    let mut summing = Summing {
        sink,
        crc: Crc32::new(),
    };
    let mut pen = Pen::new(&mut draft, &mut summing);
    members(&mut pen);
    pen.flush();
    pen.outcome().ok()?;
    let crc = Crc32::hex(summing.crc.value());
    let mut pen = Pen::new(&mut draft, summing.sink);
    pen.put(b",\"crc\":\"");
    pen.put(&crc);
    pen.put(b"\"}\n");
    pen.flush();
    pen.outcome().ok()?;
    // The line end is none of the record's.
    NonZeroU64::new(draft.written().wrapping_sub(1))
}

/// A string member; `before` is what stands before it.
#[inline(never)]
pub(super) fn text(pen: &mut Pen<'_>, before: &[u8], value: &str) {
    pen.put(before);
    pen.quoted(value);
}

/// A string member, or null.
pub(super) fn optional(pen: &mut Pen<'_>, before: &[u8], value: Option<&str>) {
    match value {
        Some(value) => text(pen, before, value),
        None => {
            pen.put(before);
            pen.put(b"null");
        }
    }
}

/// The `timestamp` member.
#[inline(never)]
pub(super) fn timestamp(pen: &mut Pen<'_>, value: crate::Timestamp) {
    pen.put(b",\"timestamp\":\"");
    let mut text = Vec::new();
    value.write(&mut text);
    pen.put(&text);
    pen.put(b"\"");
}

/// A member that is an unsigned number.
#[inline(never)]
pub(super) fn number(pen: &mut Pen<'_>, before: &[u8], value: u64) {
    pen.put(before);
    pen.digits(value);
}

/// [`Totals`] whose sums lie elsewhere: together they are 176 bytes, which a device's stack need not hold.
#[derive(Clone, Copy)]
pub(crate) struct TotalsOf<'t> {
    pub(crate) branch: &'t UsageTotals,
    pub(crate) spent: &'t UsageTotals,
    pub(crate) watermark: u64,
    pub(crate) next_seq: u64,
}

impl<'t> From<&'t Totals> for TotalsOf<'t> {
    fn from(totals: &'t Totals) -> Self {
        TotalsOf {
            branch: &totals.branch,
            spent: &totals.spent,
            watermark: totals.watermark,
            next_seq: totals.next_seq,
        }
    }
}

/// The `totals` member (F19), when there are totals.
pub(super) fn totals(pen: &mut Pen<'_>, totals: Option<TotalsOf<'_>>) {
    if let Some(totals) = totals {
        usage_totals(pen, b",\"totals\":{\"branch\":{", totals.branch);
        usage_totals(pen, b",\"spent\":{", totals.spent);
        number(pen, b",\"turns\":", totals.branch.turns);
        number(pen, b",\"watermark\":", totals.watermark);
        number(pen, b",\"next_seq\":", totals.next_seq);
        pen.put(b"}");
    }
}

#[inline(never)]
fn usage_totals(pen: &mut Pen<'_>, before: &[u8], sums: &UsageTotals) {
    let usage = &sums.usage;
    pen.put(before);
    number(pen, b"\"input_tokens\":", usage.input_tokens);
    number(pen, b",\"output_tokens\":", usage.output_tokens);
    number(pen, b",\"cache_read_tokens\":", usage.cache_read_tokens);
    number(pen, b",\"cache_write_tokens\":", usage.cache_write_tokens);
    if let Some(tokens) = usage.cache_write_1h_tokens {
        number(pen, b",\"cache_write_1h_tokens\":", tokens);
    }
    if let Some(tokens) = usage.reasoning_tokens {
        number(pen, b",\"reasoning_tokens\":", tokens);
    }
    if sums.unreported > 0 {
        number(pen, b",\"unreported\":", sums.unreported);
    }
    pen.put(b"}");
}
