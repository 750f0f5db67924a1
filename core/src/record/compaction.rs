//! The compaction record (F7, F17, F19).

use super::{
    Totals,
    line::{number, optional, text, totals, write_record},
};
use crate::{id::EntryId, json::WriteError, time::Timestamp};
use embedded_io::Write;

/// A compaction to be written.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CompactionEntry<'a> {
    /// Its id.
    pub id: &'a EntryId,
    /// The tip that it follows.
    pub parent_id: Option<&'a EntryId>,
    /// When it was written.
    pub timestamp: Timestamp,
    /// What stands in for the entries that are not kept.
    pub summary: &'a str,
    /// The first entry that is kept.
    pub first_kept_entry_id: &'a EntryId,
    /// Estimated tokens of the context before.
    pub tokens_before: u64,
    /// Estimated tokens of what is kept.
    pub tokens_after: u64,
    /// The checkpoint.
    pub totals: Option<&'a Totals>,
}

impl CompactionEntry<'_> {
    /// Writes the record and its line end; gives the record's length in bytes.
    pub fn encode<W: Write>(&self, sink: &mut W) -> Result<u64, WriteError<W::Error>> {
        write_record(sink, |json| {
            text(json, "type", "compaction")?;
            text(json, "id", self.id.as_str())?;
            optional(json, "parent_id", self.parent_id.map(EntryId::as_str))?;
            text(json, "timestamp", self.timestamp.format(&mut [0; 24]))?;
            text(json, "summary", self.summary)?;
            text(
                json,
                "first_kept_entry_id",
                self.first_kept_entry_id.as_str(),
            )?;
            number(json, "tokens_before", self.tokens_before)?;
            number(json, "tokens_after", self.tokens_after)?;
            totals(json, self.totals)
        })
    }
}
