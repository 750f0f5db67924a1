//! The header record (F9, F11).

use super::line::{number, optional, text, timestamp, write_record};
use crate::{id::EntryId, json::WriteError, time::Timestamp};
use embedded_io::Write;

/// What our writer calls itself in a header.
pub const WRITER: &str = "sessionlog/1";

/// The format version that is written and read.
pub const FORMAT_VERSION: u64 = 1;

/// A header, as our writer writes it on line 1.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header<'a> {
    /// The session's id: a UUID on the desktop, anything up to 128 bytes elsewhere.
    pub id: &'a str,
    /// When the session was made.
    pub timestamp: Timestamp,
    /// The agent's working directory.
    pub cwd: &'a str,
    /// The id of the session that this one continues or was copied from.
    pub parent_session: Option<&'a str>,
    /// A fork's name.
    pub branch_name: Option<&'a str>,
    /// The last inherited entry (F11).
    pub fork_point: Option<&'a EntryId>,
}

impl Header<'_> {
    /// Writes the record and its line end; gives the record's length in bytes.
    pub fn encode<W: Write>(&self, sink: &mut W) -> Result<u64, WriteError<W::Error>> {
        write_record(sink, &mut |pen| {
            number(pen, b"{\"type\":\"session\",\"version\":", FORMAT_VERSION);
            text(pen, b",\"id\":", self.id);
            timestamp(pen, self.timestamp);
            text(pen, b",\"cwd\":", self.cwd);
            optional(pen, b",\"parent_session\":", self.parent_session);
            text(pen, b",\"writer\":", WRITER);
            if let Some(name) = self.branch_name {
                text(pen, b",\"branch_name\":", name);
            }
            if let Some(id) = self.fork_point {
                text(pen, b",\"fork_point\":", id.as_str());
            }
        })
    }
}
