//! The leaf record: a pointer to the tip (F12, F19).

use super::{
    Totals,
    line::{TotalsOf, optional, text, timestamp, totals, write_record},
};
use crate::{id::EntryId, json::WriteError, time::Timestamp};
use embedded_io::Write;

/// A leaf to be written.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LeafEntry<'a> {
    /// Its own id.
    pub id: &'a EntryId,
    /// When it was written.
    pub timestamp: Timestamp,
    /// The entry that becomes the tip.
    pub entry_id: &'a EntryId,
    /// The checkpoint.
    pub totals: Option<&'a Totals>,
}

impl LeafEntry<'_> {
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
            text(pen, b"{\"type\":\"leaf\",\"id\":", self.id.as_str());
            optional(pen, b",\"parent_id\":", None);
            timestamp(pen, self.timestamp);
            text(pen, b",\"entry_id\":", self.entry_id.as_str());
            totals(pen, of);
        })
    }
}
