//! A session as it reads when its secrets are masked.

use super::{header, record};
use crate::{
    Error, SessionLog,
    header::Source,
    scan::{changed, scan},
};
use sessionlog_core::{
    crc::Crc32,
    record::{Extent, Kind},
    recovery::{Damage, Event, Found},
};
use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    str,
};

/// `,"crc":"xxxxxxxx"}`
const SEALED_END: usize = 18;

/// What is shown of bytes that are no record: a torn stub, behind and before which records are salvaged (F22).
const DAMAGE: &[u8] = br#"{"type":""#;

/// The same before a record that begins otherwise, and so was salvaged from where a value is due (F22).
const DAMAGE_BEFORE_VALUE: &[u8] = br#"{"type":"","":"#;

const MAX_BLANK: u64 = 4096;

/// A copy of `log` in which secrets are masked, in a file without name that is gone with what this gives.
///
/// Records keep their lines and what links them; of damaged bytes nothing is shown. One record at a time is held.
///
/// # Errors
/// [`Error::Io`]; [`Error::RepeatedIds`] when the copy would not mean the same.
pub fn redacted(log: &SessionLog) -> Result<SessionLog, Error> {
    let path = log.path();
    let file = tempfile::tempfile();
    let file = file.map_err(Error::io(&std::env::temp_dir(), "create a file in"))?;
    let mut copy = Copy {
        out: BufWriter::new(file),
        line: 1,
        written: 0,
        ends: false,
        damaged: None,
    };
    scan(path, log.file(), log.bytes(), |event, source| {
        let done = match event {
            Event::Record(found) => copy.record(found, source),
            Event::Corrupt(damage) => copy.corrupt(damage),
            Event::Torn { line, .. } => copy.torn(*line),
        };
        done.map_err(Error::io(path, "mask"))?;
        Ok(ControlFlow::Continue(()))
    })?;
    if copy.ends {
        let line = copy.line + 1;
        copy.go_to(line).map_err(Error::io(path, "mask"))?;
    }
    let bytes = copy.written;
    let file = copy
        .out
        .into_inner()
        .map_err(io::IntoInnerError::into_error);
    let file = file.map_err(Error::io(path, "mask"))?;
    let masked = SessionLog::read(path.to_owned(), file, bytes, |_, _| {})?;
    let parent = |log: &SessionLog, index| log.node(index).and_then(|node| node.parent);
    let same = masked.node_count() == log.node_count()
        && masked.tip() == log.tip()
        && masked.health() == log.health()
        && masked.context() == log.context()
        && (0..log.node_count()).all(|index| parent(&masked, index) == parent(log, index));
    if same {
        Ok(masked)
    } else {
        Err(Error::RepeatedIds {
            path: path.to_owned(),
        })
    }
}

struct Copy<W> {
    out: W,
    /// The line that is being written.
    line: u64,
    written: u64,
    /// It has a line end, which is written when the next line is, since a salvaged record may still come.
    ends: bool,
    /// It is damaged, and what shows that is still to be written: up to here, its bytes are accounted for.
    damaged: Option<Damaged>,
}

#[derive(Clone, Copy)]
struct Damaged {
    to: u64,
    /// A salvaged record stands there.
    record: bool,
}

impl<W: Write> Copy<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn go_to(&mut self, line: u64) -> io::Result<()> {
        if self.line < line && self.damaged.take().is_some() {
            self.put(DAMAGE)?;
        }
        while self.line < line {
            self.put(b"\n")?;
            self.line += 1;
        }
        Ok(())
    }

    fn torn(&mut self, line: u64) -> io::Result<()> {
        self.go_to(line)?;
        (self.damaged, self.ends) = (None, false);
        self.put(DAMAGE)
    }

    fn corrupt(&mut self, damage: &Damage) -> io::Result<()> {
        self.go_to(damage.line)?;
        let (to, record) = (damage.line_start, false);
        (self.damaged, self.ends) = (Some(Damaged { to, record }), true);
        Ok(())
    }

    fn record(&mut self, found: &Found<'_>, source: &Source<'_>) -> io::Result<()> {
        self.go_to(found.line)?;
        let bytes = source.part(found.extent)?;
        if let Some(damaged) = self.damaged {
            if !is_blank(source, damaged.to, found.extent.start)? {
                self.put(match bytes.starts_with(DAMAGE) {
                    true => DAMAGE,
                    false => DAMAGE_BEFORE_VALUE,
                })?;
                self.damaged = None;
            } else if damaged.record {
                // Two records on a line show it, too.
                self.damaged = None;
            } else {
                let (to, record) = (found.extent.end(), true);
                self.damaged = Some(Damaged { to, record });
            }
        }
        let json = str::from_utf8(&bytes).map_err(|_| changed())?;
        let mask = match found.header_place && found.record.kind == Kind::Session {
            true => header,
            false => record,
        };
        let end = match found.record.has_crc {
            true => json.len().checked_sub(SEALED_END),
            false => None,
        };
        match end {
            None => self.put(mask(json)?.as_bytes())?,
            Some(end) => {
                let whole = json.get(..end).ok_or_else(changed)?.to_owned() + "}";
                let masked = mask(&whole)?;
                let body = &masked[..masked.len() - 1];
                let crc = Crc32::of(body.as_bytes());
                self.put(format!("{body},\"crc\":\"{crc:08x}\"}}").as_bytes())?;
            }
        }
        self.ends = found.terminated;
        Ok(())
    }
}

/// White space, which does not matter, stands between `from` and `to`. Much of it does not count as such.
fn is_blank(source: &Source<'_>, from: u64, to: u64) -> io::Result<bool> {
    let len = to.saturating_sub(from);
    let gap = Extent { start: from, len };
    Ok(len <= MAX_BLANK && source.part(gap)?.iter().all(u8::is_ascii_whitespace))
}
