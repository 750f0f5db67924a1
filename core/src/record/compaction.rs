//! The compaction record (F7, F17, F19).

use super::{
    Totals,
    line::{TotalsOf, number, optional, text, timestamp, totals, write_record},
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
        self.encode_with(sink, self.totals.map(TotalsOf::from))
    }

    /// The same, with these totals.
    pub(crate) fn encode_with<W: Write>(
        &self,
        sink: &mut W,
        of: Option<TotalsOf<'_>>,
    ) -> Result<u64, WriteError<W::Error>> {
        write_record(sink, &mut |pen| {
            text(pen, b"{\"type\":\"compaction\",\"id\":", self.id.as_str());
            let parent = self.parent_id.map(EntryId::as_str);
            optional(pen, b",\"parent_id\":", parent);
            timestamp(pen, self.timestamp);
            text(pen, b",\"summary\":", self.summary);
            let first_kept = self.first_kept_entry_id.as_str();
            text(pen, b",\"first_kept_entry_id\":", first_kept);
            number(pen, b",\"tokens_before\":", self.tokens_before);
            number(pen, b",\"tokens_after\":", self.tokens_after);
            totals(pen, of);
        })
    }
}
