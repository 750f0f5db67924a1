//! Tells the host what has been acknowledged, so that it can look for it when the power has been cut.
//!
//! A product needs none of this: it is the test's witness, a [`Storage`] around the log. For each line it appends to
//! a file of the host, once the log has said that it is durable:
//! ```text
//! ack <CRC-32 of the line, 8 hex digits> <its offset in the session> <its length>
//! gone <offset>
//! ```
//! `gone` comes before lines that begin ahead of that offset are given up.

use crate::{agent::Failure, flash::FileFlash};
use core::{ffi::CStr, fmt::Write as _};
use embedded_io::{ErrorType, Read, Seek, SeekFrom, Write};
use semihosting::{
    fs::File,
    io::{Seek as _, Write as _},
};
use sessionlog_core::{crc::Crc32, flash::FlashLog, journal::Storage};

type Log = FlashLog<FileFlash>;
type LogError = <Log as ErrorType>::Error;

/// Lines that can wait for one sync; a turn has six.
const LINES: usize = 16;

struct Line {
    start: u64,
    len: u64,
    crc: u32,
}

/// The log, with its witness.
pub(crate) struct Witness {
    log: Log,
    acks: File,
    /// Lines that wait for the next sync.
    lines: heapless::Vec<Line, LINES>,
    /// The line that has not ended: where it begins, and its bytes so far.
    start: u64,
    len: u64,
    crc: Crc32,
}

impl Witness {
    pub(crate) fn new(log: Log, acks: &CStr) -> Result<Self, Failure> {
        let acks = open(acks).map_err(|_| Failure::Host)?;
        let mut witness = Witness {
            start: log.len(),
            log,
            acks,
            lines: heapless::Vec::new(),
            len: 0,
            crc: Crc32::new(),
        };
        // The life before may have been cut off within a line.
        witness.tell(format_args!("\n"));
        Ok(witness)
    }

    pub(crate) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Gives up what lies before offset `keep_from`, in whole blocks; gives their number.
    pub(crate) fn reclaim(&mut self, keep_from: u64) -> Result<u32, LogError> {
        self.tell(format_args!("gone {keep_from}\n"));
        self.log.reclaim(keep_from)
    }

    /// One write for one line: what the host has of it is all or nothing.
    fn tell(&mut self, line: core::fmt::Arguments<'_>) {
        let mut text: heapless::String<64> = heapless::String::new();
        let told = text.write_fmt(line).is_ok() && self.acks.write_all(text.as_bytes()).is_ok();
        defmt::assert!(told, "the host takes no acknowledgement");
    }

    fn begin_line(&mut self, start: u64) {
        (self.start, self.len, self.crc) = (start, 0, Crc32::new());
    }
}

fn open(path: &CStr) -> semihosting::io::Result<File> {
    let mut options = File::options();
    let mut file = options.write(true).append(true).create(true).open(path)?;
    // Not every QEMU (7.2) heeds `append`.
    file.seek(semihosting::io::SeekFrom::End(0))?;
    Ok(file)
}

impl ErrorType for Witness {
    type Error = LogError;
}

impl Read for Witness {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, LogError> {
        self.log.read(buf)
    }
}

impl Seek for Witness {
    fn seek(&mut self, pos: SeekFrom) -> Result<u64, LogError> {
        self.log.seek(pos)
    }
}

impl Write for Witness {
    fn write(&mut self, buf: &[u8]) -> Result<usize, LogError> {
        let taken = self.log.write(buf)?;
        for piece in buf[..taken].split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            self.crc.update(text);
            self.len += text.len() as u64;
            if text.len() < piece.len() {
                let (start, len, crc) = (self.start, self.len, self.crc.value());
                let kept = self.lines.push(Line { start, len, crc });
                defmt::assert!(kept.is_ok(), "too many lines without a sync");
                self.begin_line(start + len + 1);
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.log.flush()
    }
}

impl Storage for Witness {
    fn sync(&mut self) -> Result<(), LogError> {
        self.log.sync()?;
        for Line { start, len, crc } in core::mem::take(&mut self.lines) {
            self.tell(format_args!("ack {crc:08x} {start} {len}\n"));
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<bool, LogError> {
        let cut = self.log.truncate(len)?;
        self.lines.retain(|line| line.start + line.len < len);
        self.begin_line(len);
        Ok(cut)
    }
}
