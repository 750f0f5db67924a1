//! The same content in opi's form: no totals, no checksums, no writer.

use crate::Error;
use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

/// What opi's form says about parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parents {
    /// Each entry names its own, and leaves mark the tip, as opi's format allows.
    Kept,
    /// Every one is null and there are no leaves, as opi's 0.5 runtime writes.
    Null,
}

/// Copies the session `ours`, which our own writer wrote, to `to` in opi's form. Gives the length in bytes.
///
/// # Errors
/// When a file cannot be read or written, or a line is none of our writer's.
pub fn copy(ours: &Path, to: &Path, parents: Parents) -> Result<u64, Error> {
    let mut from = BufReader::with_capacity(1 << 20, File::open(ours)?);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(to)?);
    let (mut line, mut bytes) = (Vec::new(), 0);
    while from.read_until(b'\n', &mut line)? > 0 {
        if let Some(written) = convert(&mut line, parents)? {
            out.write_all(written)?;
            bytes += written.len() as u64;
        }
        line.clear();
    }
    out.into_inner()?.sync_all()?;
    Ok(bytes)
}

/// One line, or none where opi's runtime writes none.
fn convert(line: &mut Vec<u8>, parents: Parents) -> Result<Option<&[u8]>, Error> {
    let (header, leaf) = (
        line.starts_with(br#"{"type":"session""#),
        line.starts_with(br#"{"type":"leaf""#),
    );
    if leaf && parents == Parents::Null {
        return Ok(None);
    }
    let message = line.starts_with(br#"{"type":"message""#);
    // Our writer's additions stand last, in this order.
    let addition: &[u8] = match (header, message) {
        (true, _) => br#","writer":"#,
        (_, true) => br#","crc":"#,
        _ => br#","totals":"#,
    };
    let found = memchr::memmem::rfind(line, addition);
    line.truncate(found.ok_or("a line that our writer did not write")?);
    line.extend_from_slice(b"}\n");
    if parents == Parents::Null && !header {
        let member = br#""parent_id":""#;
        let start = memchr::memmem::find(&line[..line.len().min(200)], member);
        // The first entry's is null as it is.
        if let Some(start) = start.map(|start| start + member.len() - 1) {
            let length = memchr::memchr(b'"', &line[start + 1..]).ok_or("an id without end")?;
            line.splice(start..start + length + 2, *b"null");
        }
    }
    Ok(Some(line))
}
