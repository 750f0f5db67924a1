//! The entries of a session as they are written.

use crate::{
    Error, SessionLog,
    files::{self, Open},
    io::read_at,
    scan::scan,
};
use sessionlog_core::{
    record::{Kind, Limits, Record},
    recovery::{Damage, Event, Framer},
};
use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    ops::ControlFlow,
    path::PathBuf,
};

/// Bytes that are read at once; a longer line is read whole.
const CHUNK: u64 = 1 << 20;

/// Lines that are remembered, so that it is noticed when they are taken back.
const REMEMBERED: usize = 4096;

/// Bytes of a line's beginning and of its end that are compared: ids stand in the one, the checksum in the other.
const MARK: u64 = 128;

/// What [`Follower::poll`] tells of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Followed<'a> {
    /// A new entry.
    Entry {
        /// Its bookkeeping.
        record: &'a Record,
        /// The record, from its `{` to its `}`.
        bytes: &'a [u8],
    },
    /// A line that is no valid record, and has its line end: what remains of it follows.
    Damaged(Damage),
    /// The writer could not make its last lines durable and has taken them back. What it writes instead follows.
    TakenBack {
        /// How many lines.
        lines: u64,
    },
    /// Another file has taken the session's place, as a repair does. What it has after the last entry that was told follows.
    Replaced {
        /// It does not have that entry: all of its entries follow.
        anew: bool,
    },
}

/// Follows a session while it is written: finds the entries that are new since it last looked.
///
/// An entry is told once its line has its end, so never a part of one. It may not be durable yet: a writer whose sync fails takes it
/// back, and that is told too. Entries come in file order, whatever branch they are on.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    file: File,
    /// Start of the first line that was not told.
    at: u64,
    /// Records before this offset were told, although their line had no end.
    told_to: u64,
    /// The lines before `at`, the last ones of them.
    lines: VecDeque<Line>,
    last_id: Option<String>,
}

#[derive(Debug)]
struct Line {
    start: u64,
    end: u64,
    mark: Vec<u8>,
}

impl Follower {
    /// Begins behind what `log` has read.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn after(log: &SessionLog) -> Result<Self, Error> {
        let failed = || Error::io(log.path(), "read");
        let file = log.file().try_clone().map_err(failed())?;
        let nodes = log.nodes().map(|node| node.extent.end());
        let leaves = log.leaves().iter().map(|leaf| leaf.extent.end());
        let mut follower = Self {
            path: log.path().to_owned(),
            at: 0,
            told_to: nodes.chain(leaves).max().unwrap_or(0),
            lines: VecDeque::new(),
            last_id: log.nodes().rev().find_map(|node| node.id.map(Into::into)),
            file,
        };
        follower.at = follower.line_start(log.bytes()).map_err(failed())?;
        let start = follower.at.saturating_sub(MARK);
        follower.remember(start, follower.at).map_err(failed())?;
        Ok(follower)
    }

    /// Tells of everything that is new. `Ok(false)` when the session's file is gone.
    ///
    /// # Errors
    /// [`Error::Io`], those of opening a file that has taken the old one's place, and those of `take`.
    pub fn poll<E: From<Error>>(
        &mut self,
        mut take: impl FnMut(Followed<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let there = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            there => there.map_err(Error::io(&self.path, "read"))?,
        };
        let ours = self.file.metadata();
        let ours = ours.map_err(Error::io(&self.path, "read"))?;
        let mut replaced = !crate::lock::is_same(&ours, &there);
        if !replaced {
            let taken_back = self.step_back(ours.len());
            match taken_back.map_err(Error::io(&self.path, "read"))? {
                Some(0) => {}
                Some(lines) => take(Followed::TakenBack { lines })?,
                None => replaced = true,
            }
        }
        if replaced {
            let anew = self.reopen()?;
            take(Followed::Replaced { anew })?;
        }
        while let Some(bytes) = self.next_lines().map_err(Error::io(&self.path, "read"))? {
            self.tell(&bytes, &mut take)?;
        }
        Ok(true)
    }

    /// Goes back over lines that are not there any more. Gives how many; `None` when none is left.
    fn step_back(&mut self, len: u64) -> io::Result<Option<u64>> {
        let mut gone = 0;
        while let Some(line) = self.lines.back() {
            if line.end <= len && self.mark(line.start, line.end)? == line.mark {
                return Ok(Some(gone));
            }
            self.at = line.start;
            self.told_to = self.told_to.min(line.start);
            self.lines.pop_back();
            gone += 1;
        }
        Ok(None)
    }

    /// Opens the file that is in the session's place now and finds the last entry that was told.
    fn reopen(&mut self) -> Result<bool, Error> {
        let (file, metadata) = files::open_regular(&self.path, Open::Read)?;
        let mut found = None;
        scan(&self.path, &file, metadata.len(), |event, _| {
            if let Event::Record(at) = event
                && at.record.kind != Kind::Leaf
                && let (Some(id), Some(last)) = (&at.record.id, &self.last_id)
                && id.as_str() == last
            {
                found = Some(at.extent.end());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.file = file;
        self.told_to = found.unwrap_or(0);
        let failed = || Error::io(&self.path, "read");
        self.at = self.line_start(self.told_to).map_err(failed())?;
        self.lines.clear();
        let start = self.at.saturating_sub(MARK);
        let (path, at) = (self.path.clone(), self.at);
        self.remember(start, at).map_err(Error::io(path, "read"))?;
        Ok(found.is_none())
    }

    /// The whole lines from `at` on, at most [`CHUNK`] bytes of them or one.
    fn next_lines(&self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let mut room = CHUNK;
        loop {
            let filled = bytes.len();
            let wanted = usize::try_from(room).unwrap_or(usize::MAX);
            bytes.resize(filled + wanted, 0);
            let read = read_at(&self.file, &mut bytes[filled..], self.at + filled as u64)?;
            bytes.truncate(filled + read);
            if let Some(last) = bytes[filled..].iter().rposition(|byte| *byte == b'\n') {
                bytes.truncate(filled + last + 1);
                return Ok(Some(bytes));
            }
            if read == 0 {
                return Ok(None);
            }
            room = bytes.len() as u64;
        }
    }

    fn tell<E: From<Error>>(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Followed<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.at;
        let from = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut framer = Framer::new(Limits::default(), start, if start == 0 { 1 } else { 2 });
        while let Some(rest) = bytes.get(from(framer.offset())..).filter(|b| !b.is_empty()) {
            match framer.feed(rest) {
                Some(Event::Record(found)) => {
                    let record = found.record;
                    let header = found.header_place && record.kind == Kind::Session;
                    if header || found.extent.start < self.told_to {
                        continue;
                    }
                    if let (Some(id), true) = (&record.id, record.kind != Kind::Leaf) {
                        self.last_id = Some(id.to_string());
                    }
                    let place = from(found.extent.start)..from(found.extent.end());
                    let bytes = bytes.get(place).unwrap_or_default();
                    take(Followed::Entry { record, bytes })?;
                }
                Some(Event::Corrupt(damage)) => take(Followed::Damaged(damage))?,
                Some(Event::Torn { .. }) | None => {}
            }
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let end = self.at + line.len() as u64;
            let head = line.len().min(MARK as usize);
            let tail = line.len().saturating_sub(MARK as usize);
            self.lines.push_back(Line {
                start: self.at,
                end,
                mark: [&line[..head], &line[tail..]].concat(),
            });
            self.at = end;
        }
        let surplus = self.lines.len().saturating_sub(REMEMBERED);
        self.lines.drain(..surplus);
        Ok(())
    }

    /// Start of the line that offset `before` stands on.
    fn line_start(&self, mut before: u64) -> io::Result<u64> {
        while before > 0 {
            let from = before.saturating_sub(CHUNK);
            let bytes = self.part(from, before)?;
            if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
                return Ok(from + at as u64 + 1);
            }
            before = from;
        }
        Ok(0)
    }

    fn remember(&mut self, start: u64, end: u64) -> io::Result<()> {
        let mark = self.mark(start, end)?;
        self.lines.push_back(Line { start, end, mark });
        Ok(())
    }

    fn mark(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut mark = self.part(start, end.min(start + MARK))?;
        mark.extend(self.part(end.saturating_sub(MARK).max(start), end)?);
        Ok(mark)
    }

    /// The file's bytes from `start` to `end`, or fewer where it ends before.
    fn part(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < bytes.len() {
            match read_at(&self.file, &mut bytes[filled..], start + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
