//! A flash log beside the plainest model of it: lists of records, of which some are acknowledged.
//!
//! Whatever happens to the chip, a mounted log must show each acknowledged record of the newest session at its offset,
//! byte for byte, then perhaps some that were written and not acknowledged, whole and in order, and nothing else.

use super::flash::{Chip, Failure, Flash};
use crate::load::Rng;
use embedded_io::{Read, Seek, SeekFrom, Write};
use sessionlog_core::flash::{Error, FlashLog, Geometry, Options, Policy};
use sessionlog_core::journal::Storage;

/// A session that was begun.
#[derive(Clone, Debug, Default)]
struct Session {
    /// Its records, the header first.
    records: Vec<Vec<u8>>,
    /// How many are acknowledged.
    acked: usize,
    /// How many there were when the log was last mounted or cut: whoever writes goes on from there.
    found: usize,
    /// From this one on they are still wanted.
    wanted: usize,
    /// It may be gone, or not.
    given_up: bool,
    /// Records that were written after the acknowledged ones, and taken back: they may show up again.
    ghosts: Vec<Vec<Vec<u8>>>,
}

/// What is done to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A record of so many bytes, its line end included.
    Write(usize),
    /// A record of which only so many bytes are written: it is taken back.
    Abandon(usize),
    /// What was written is made durable.
    Sync,
    /// What was not made durable is taken back.
    Undo,
    /// All but so many of the newest records may go, the header aside.
    Reclaim(usize),
    /// A new session begins.
    Begin,
    /// Sessions older than the newest may go.
    Forget,
    /// The log is mounted anew, power or no power.
    Remount,
    /// The operation after so many on the chip fails.
    Fail(u64),
}

/// The power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerLost;

/// A log on a chip, and its model.
pub struct Bench<const R: usize, const W: usize, const E: usize> {
    /// The chip.
    pub flash: Flash<R, W, E>,
    geometry: Geometry,
    options: Options,
    log: Option<FlashLog<Flash<R, W, E>>>,
    sessions: Vec<Session>,
    numbers: u64,
    /// A session has been begun and has no record.
    begun: bool,
}

/// A record that no other equals.
fn record(number: u64, len: usize) -> Vec<u8> {
    let mut random = Rng::new(number);
    let mut bytes = number.to_string().into_bytes();
    while bytes.len() < len {
        let byte = random.below(256) as u8;
        // NUL stands for what damage has taken.
        bytes.push(if matches!(byte, 0 | b'\n') {
            0xff
        } else {
            byte
        });
    }
    bytes.truncate(len.max(8) - 1);
    bytes.push(b'\n');
    bytes
}

fn sealed(members: &str) -> Vec<u8> {
    let crc = crc32fast::hash(members.as_bytes());
    format!("{members},\"crc\":\"{crc:08x}\"}}\n").into_bytes()
}

/// What follows a header's members.
const CLOSING: usize = r#","crc":"01234567"}"#.len() + 1;

fn header_members(session: u64) -> String {
    format!(r#"{{"type":"session","version":1,"id":"session {session}","writer":"sessionlog/1""#)
}

impl<const R: usize, const W: usize, const E: usize> Bench<R, W, E> {
    /// A log on an erased chip of so many blocks of `block` bytes.
    ///
    /// # Panics
    /// When the sizes do not suit.
    pub fn new(blocks: u32, block: u32, policy: Policy, seed: u64) -> Self {
        let flash = Flash::new(Chip::new((blocks * block) as usize, seed));
        let geometry = Geometry::new::<Flash<R, W, E>>(0..blocks * block, block);
        let mut bench = Bench {
            flash,
            geometry: geometry.expect("sizes that suit"),
            options: Options { policy },
            log: None,
            sessions: Vec::new(),
            numbers: 0,
            begun: true,
        };
        bench.mount();
        bench
    }

    /// The log.
    ///
    /// # Panics
    /// When power is off.
    pub fn log(&mut self) -> &mut FlashLog<Flash<R, W, E>> {
        self.log.as_mut().expect("mounted")
    }

    /// Does one thing, and keeps the model in step.
    ///
    /// # Errors
    /// The power went; [`Bench::recover`] is next.
    ///
    /// # Panics
    /// When the log is not what the model says.
    pub fn apply(&mut self, op: Op) -> Result<(), PowerLost> {
        match op {
            Op::Write(len) => self.write(len),
            Op::Abandon(len) => {
                let most = self.geometry.max_header() as usize;
                let len = if self.begun { len.min(most) } else { len };
                let bytes = record(self.numbers, len.max(8) + 1);
                match self.put(&bytes[..bytes.len() - 1]) {
                    Ok(()) | Err(Error::Full) => self.undo(),
                    other => self.settle(other),
                }
            }
            Op::Sync => {
                let outcome = self.log().sync();
                if outcome.is_ok() {
                    self.acknowledge();
                }
                self.settle(outcome)
            }
            Op::Undo => self.undo(),
            Op::Reclaim(keep) => {
                if self.begun {
                    // All older ones.
                    for session in &mut self.sessions {
                        session.given_up = true;
                    }
                    let end = self.log().len();
                    let outcome = self.log().reclaim(end).map(|_| ());
                    return self.settle(outcome);
                }
                let Some(session) = self.sessions.last_mut() else {
                    return Ok(());
                };
                let there = session.acked.max(session.found);
                session.wanted = session.wanted.max(there.saturating_sub(keep));
                let before = &session.records[..session.wanted];
                let at = before.iter().map(|r| r.len() as u64).sum();
                self.give_up_older();
                let outcome = self.log().reclaim(at).map(|_| ());
                self.settle(outcome)
            }
            Op::Begin => {
                let outcome = self.log().begin_session();
                if outcome.is_ok() {
                    self.acknowledge();
                    self.begun = true;
                }
                self.settle(outcome)
            }
            Op::Forget => {
                if !self.begun {
                    self.give_up_older();
                    let newest = self.log().sessions().next();
                    match newest {
                        Ok(Some(info)) => {
                            self.log().forget_before(info.id);
                        }
                        Ok(None) => {}
                        Err(error) => return self.settle(Err(error)),
                    }
                }
                Ok(())
            }
            Op::Remount => {
                self.mount();
                Ok(())
            }
            Op::Fail(after) => {
                self.flash.chip_mut().fail = Some(after);
                Ok(())
            }
        }
    }

    fn acknowledge(&mut self) {
        if let Some(session) = self.sessions.last_mut().filter(|_| !self.begun) {
            session.acknowledge();
        }
    }

    fn give_up_older(&mut self) {
        if let Some((_, older)) = self.sessions.split_last_mut() {
            for session in older {
                session.given_up = true;
            }
        }
    }

    fn write(&mut self, len: usize) -> Result<(), PowerLost> {
        self.numbers += 1;
        let mut added = Vec::new();
        if self.begun {
            added.push(sealed(&(header_members(self.numbers))));
        }
        added.push(record(self.numbers, len));
        for bytes in added {
            let outcome = self.put(&bytes);
            if std::mem::take(&mut self.begun) && !self.emptied() {
                self.sessions.push(Session::default());
            }
            let session = self.sessions.last_mut().expect("one was begun");
            // Its last byte may have been taken though the power went.
            session.records.push(bytes);
            if outcome.is_err() {
                self.settle(outcome)?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes in uneven pieces.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error<Failure>> {
        let log = self.log.as_mut().expect("mounted");
        let mut rest = bytes;
        let mut step = 1;
        while !rest.is_empty() {
            step = step * 7 % 61 + 1;
            let count = log.write(&rest[..step.min(rest.len())])?;
            assert!(count > 0, "nothing taken");
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Takes back what was written since the last acknowledgement or mount, as a journal does after a failure.
    fn undo(&mut self) -> Result<(), PowerLost> {
        if self.begun && !self.emptied() {
            // Nothing, or a part of a header.
            let outcome = self.log().truncate(0).map(|_| ());
            return self.settle(outcome);
        }
        let Some(session) = self.sessions.last_mut() else {
            return Ok(());
        };
        session
            .ghosts
            .push(session.records[session.acked..].to_vec());
        session.found = session.acked.max(session.found);
        session.records.truncate(session.found);
        let len = session.records.iter().map(|r| r.len() as u64).sum();
        let outcome = self.log().truncate(len);
        assert!(outcome.is_err() || outcome == Ok(true), "{outcome:?}");
        if outcome.is_ok() {
            assert_eq!(self.log().len(), len, "cut");
            // Its header may go with it.
            self.begun = len == 0;
        }
        self.settle(outcome.map(|_| ()))
    }

    /// All of the newest session was taken back.
    fn emptied(&self) -> bool {
        self.sessions
            .last()
            .is_some_and(|session| session.records.is_empty())
    }

    /// What an outcome means for the model.
    fn settle(&mut self, outcome: Result<(), Error<Failure>>) -> Result<(), PowerLost> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Error::Flash(Failure::NoPower)) => Err(PowerLost),
            Err(Error::Flash(Failure::Told) | Error::Full) => self.undo(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Power is back, the log is mounted, and shows what it must.
    ///
    /// # Panics
    /// When not.
    pub fn recover(&mut self) {
        self.flash.chip_mut().power_on();
        self.mount();
    }

    /// Mounts the log and compares it with the model, which then holds what was found.
    fn mount(&mut self) {
        let mounted = FlashLog::mount(self.flash.clone(), self.geometry, self.options);
        let mut log = mounted.expect("mounting works");
        let bytes = contents(&mut log);
        // A session that has nothing acknowledged may be there without a record.
        self.begun = bytes.is_empty();
        while !self.begun && self.sessions.last().is_some_and(|s| s.misses(&bytes)) {
            self.sessions.pop();
        }
        let policy = self.options.policy;
        if !self.begun {
            let session = self.sessions.last_mut().expect("a log of nothing");
            session.given_up = false;
            if let Err(wrong) = session.check(&bytes, policy) {
                panic!("{wrong}\n{} bytes: {}", bytes.len(), bytes.escape_ascii());
            }
        }
        self.log = Some(log);
        if policy == Policy::StopWhenFull {
            self.check_older();
        }
    }

    /// Older sessions are there until they are given up.
    fn check_older(&mut self) {
        let newest = usize::from(!self.begun);
        let count = self.sessions.len() - newest;
        let mut older: Vec<Session> = self.sessions[..count].to_vec();
        let log = self.log.as_mut().expect("mounted");
        let mut ids = Vec::new();
        let mut sessions = log.sessions();
        while let Some(info) = sessions.next().expect("a chip that works") {
            ids.push(info.id);
        }
        for id in ids.into_iter().skip(newest) {
            let mut reader = log.session(id).expect("it was listed");
            let bytes = contents(&mut reader);
            let found = older.iter().rposition(|session| session.is_there(&bytes));
            let found = found.unwrap_or_else(|| panic!("session {id:?}: {}", bytes.escape_ascii()));
            let passed = older.split_off(found + 1);
            assert!(
                passed.iter().all(Session::may_be_gone),
                "before {id:?} one is lost"
            );
            let mut session = older.pop().expect("found");
            let policy = self.options.policy;
            if let Err(wrong) = session.check(&bytes, policy) {
                panic!("session {id:?}: {wrong}");
            }
        }
        assert!(
            older.iter().all(Session::may_be_gone),
            "older sessions are lost"
        );
    }

    /// The log goes on: another record can be written, and is found after a mount.
    ///
    /// # Errors
    /// The power went.
    ///
    /// # Panics
    /// When not.
    pub fn goes_on(&mut self, len: usize) -> Result<(), PowerLost> {
        for attempt in 0.. {
            self.apply(Op::Write(len))?;
            self.apply(Op::Sync)?;
            let session = self.sessions.last();
            if session.is_some_and(|s| s.acked > 0 && s.acked == s.records.len()) && !self.begun {
                break;
            }
            assert!(attempt < 4, "the log does not go on");
            if self.begun {
                // A session that never began: the one before is taken up again.
                self.apply(Op::Remount)?;
            }
            // In a small region the last record may lie in all blocks that there are, a piece for each loss of power.
            self.apply(Op::Reclaim(usize::from(attempt < 2)))?;
        }
        self.apply(Op::Remount)
    }
}

/// A stream read from its beginning and, in pieces of another size, from its end: the same bytes.
fn contents(log: &mut (impl Read + Seek)) -> Vec<u8> {
    let len = log.seek(SeekFrom::End(0)).expect("seek") as usize;
    log.seek(SeekFrom::Start(0)).expect("seek");
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        let end = len.min(filled + 97);
        let count = log.read(&mut bytes[filled..end]).expect("read");
        assert!(count > 0, "ends at {filled} of {len}");
        filled += count;
    }
    assert_eq!(log.read(&mut [0]).expect("read"), 0, "goes on");
    let mut end = len;
    while end > 0 {
        let start = end.saturating_sub(139);
        log.seek(SeekFrom::Start(start as u64)).expect("seek");
        let mut at = start;
        while at < end {
            let mut buf = [0; 139];
            let count = log.read(&mut buf[..end - at]).expect("read");
            assert!(count > 0, "ends at {at} of {len}, backwards");
            assert_eq!(buf[..count], bytes[at..at + count], "at {at}, backwards");
            at += count;
        }
        end = start;
    }
    bytes
}

impl Session {
    /// All that was written is durable. What was taken back is gone for good if something was written since.
    fn acknowledge(&mut self) {
        let known = &self.records[self.acked..];
        if self.records.len() > self.found {
            self.ghosts.clear();
        }
        self.ghosts.retain(|ghost| ghost.starts_with(known));
        for ghost in &mut self.ghosts {
            ghost.drain(..known.len());
        }
        self.acked = self.records.len();
        self.found = self.acked;
    }

    /// The log's newest session is another one, which is right when this one has nothing acknowledged.
    fn misses(&self, bytes: &[u8]) -> bool {
        (self.given_up || self.acked == 0) && !self.is_there(bytes)
    }

    fn may_be_gone(&self) -> bool {
        self.given_up || self.acked <= self.wanted
    }

    /// The stream begins with its header, or a copy of that.
    fn is_there(&self, bytes: &[u8]) -> bool {
        let ghosts = self.ghosts.iter().filter(|_| self.acked == 0);
        let mut headers = ghosts
            .chain([&self.records])
            .filter_map(|records| records.first());
        headers.any(|header| bytes.starts_with(&header[..header.len() - CLOSING]))
    }

    /// Compares a stream with the records, and takes over what is found.
    fn check(&mut self, bytes: &[u8], policy: Policy) -> Result<(), String> {
        let mut candidates = vec![self.records.clone()];
        for ghost in &self.ghosts {
            let mut records = self.records[..self.acked].to_vec();
            records.extend_from_slice(ghost);
            candidates.push(records);
        }
        let mut wrong = String::new();
        for records in candidates {
            match self.compare(bytes, &records, policy) {
                Ok(count) => {
                    // What is not there now may be again, until something else is acknowledged in its place.
                    let unsure = self.records[self.acked..].to_vec();
                    if !self.ghosts.contains(&unsure) {
                        self.ghosts.push(unsure);
                    }
                    self.records = records;
                    self.records.truncate(count);
                    self.found = count;
                    return Ok(());
                }
                Err(difference) => wrong.push_str(&difference),
            }
        }
        Err(wrong)
    }

    /// How many of `records` the stream shows.
    fn compare(&self, bytes: &[u8], records: &[Vec<u8>], policy: Policy) -> Result<usize, String> {
        let mut at = 0;
        let mut count = 0;
        while at < bytes.len() {
            let record = records.get(count).ok_or("more than was written; ")?;
            at += record.len();
            count += 1;
        }
        if at > bytes.len() {
            return Err(format!("ends within record {count}; "));
        }
        if count < self.acked {
            return Err(format!("{count} records, {} acknowledged; ", self.acked));
        }
        let text = records[..count].concat();
        let differs = bytes.iter().zip(&text).rposition(|(a, b)| a != b);
        let Some(last) = differs else {
            return Ok(count);
        };
        // The beginning may have been given up: the header's copy, and a blank line up to a record's beginning.
        let header = &records[0];
        let members = &header[..header.len() - CLOSING];
        let marked = [members, br#","reclaimed":true"#].concat();
        let marked = sealed(&String::from_utf8_lossy(&marked));
        let copy = [&marked, header]
            .into_iter()
            .find(|copy| bytes.starts_with(copy))
            .ok_or_else(|| format!("differs at {last}, and has no header; "))?;
        let blank = bytes[copy.len()..]
            .iter()
            .take_while(|b| **b == b' ')
            .count();
        // The copy may fill what it stands for.
        let ended = records.iter().scan(0, |at, r| {
            *at += r.len();
            Some(*at)
        });
        let full = blank == 0 && ended.into_iter().any(|end| end == copy.len());
        let base = if full {
            copy.len()
        } else {
            copy.len() + blank + 1
        };
        if bytes.get(base - 1) != Some(&b'\n') {
            return Err(format!(
                "differs at {last}, and the blank line does not end; "
            ));
        }
        let mut start = 0;
        let mut gone = 0;
        while start < base {
            start += records[gone].len();
            gone += 1;
        }
        if start != base {
            return Err(format!("record {gone} is cut off; "));
        }
        if last >= base {
            return Err(format!("differs at {last}; "));
        }
        if policy == Policy::StopWhenFull && !self.given_up && gone > self.wanted.max(1) {
            return Err(format!(
                "{gone} records are gone, {} were given up; ",
                self.wanted
            ));
        }
        Ok(count)
    }
}
