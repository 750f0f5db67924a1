//! Lines, damage and salvage (F1, F10, F20-F24).

use super::json::{self, is_white};
use super::record::{self, Crc, Kind, Record};

/// What begins a record that may be salvaged (F22).
const OPENING: &[u8] = b"{\"type\":\"";

/// At most this many records are salvaged from one line (F22).
const MOST_SALVAGED: usize = 8;

/// A record that ends an unfinished candidate is found at most this deep in it (F22).
const DEEPEST: usize = 8;

/// A corrupt line (F21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Number of the line, from 1; blank lines have numbers too.
    pub line: usize,
    /// Offset of the line in the file.
    pub start: usize,
    /// Offset in the file of the first byte that is wrong; the line's end when the record is cut short there.
    pub at: usize,
}

/// What a line that is not blank holds.
#[derive(Debug, Clone)]
pub enum Held {
    /// One valid record.
    Record(Box<Record>),
    /// A corrupt line and what was salvaged from it.
    Corrupt(Damage, Vec<Record>),
    /// Nothing but a torn tail.
    Torn,
}

/// The file, line by line.
#[derive(Debug, Default)]
pub struct Lines {
    /// Every line that is not blank.
    pub held: Vec<Held>,
    /// Offset and length of the torn tail.
    pub torn: Option<(usize, usize)>,
    /// How many lines are blank.
    pub blank: usize,
    /// Offset and length of the record at the end of the file that lacks its `\n` (F20), salvaged or not.
    pub unended: Option<(usize, usize)>,
}

/// Splits the file and judges every line.
pub fn read(bytes: &[u8]) -> Lines {
    let mut lines = Lines::default();
    let mut start = 0;
    let mut number = 0;
    while start < bytes.len() {
        number += 1;
        let feed = bytes[start..].iter().position(|&b| b == b'\n');
        let end = feed.map_or(bytes.len(), |n| start + n);
        let line = &bytes[start..end];
        judge(&mut lines, line, start, number, feed.is_some());
        start = end + 1;
    }
    lines
}

fn judge(lines: &mut Lines, line: &[u8], start: usize, number: usize, ended: bool) {
    let Some(first) = line.iter().position(|&b| !is_white(b)) else {
        lines.blank += 1;
        return;
    };
    let at = match record::read(line, first, start) {
        Ok(record) => match after(line, record.start + record.len - start) {
            None => {
                if !ended {
                    lines.unended = Some((record.start, record.len));
                }
                return lines.held.push(Held::Record(Box::new(record)));
            }
            Some(garbage) => garbage,
        },
        Err(at) => at,
    };
    let salvaged = salvage(line, first, start, lines.held.is_empty());
    if !ended {
        // What follows the last record that counts is torn, unless more was not looked for; white space alone is nothing.
        let from = salvaged.last().map_or(0, |r| r.start + r.len - start);
        let more = salvaged.len() == MOST_SALVAGED;
        if after(line, from).is_some() {
            lines.torn = (!more).then_some((start + from, line.len() - from));
        } else {
            lines.unended = salvaged.last().map(|r| (r.start, r.len));
        }
        if salvaged.is_empty() {
            return lines.held.push(Held::Torn);
        }
    }
    let damage = Damage {
        line: number,
        start,
        at: start + at,
    };
    lines.held.push(Held::Corrupt(damage, salvaged));
}

/// The first byte at or behind `from` that is not white space.
fn after(line: &[u8], from: usize) -> Option<usize> {
    line[from..]
        .iter()
        .position(|&b| !is_white(b))
        .map(|n| from + n)
}

/// F22 and F23.
fn salvage(line: &[u8], first: usize, base: usize, line_1: bool) -> Vec<Record> {
    let mut found = Vec::new();
    let mut candidate = Some(first);
    while let Some(at) = candidate {
        if found.len() == MOST_SALVAGED {
            break;
        }
        let failed = match record::read(line, at, base) {
            Err(wrong) => wrong,
            Ok(record) => {
                let end = record.start + record.len - base;
                let sound = match record.kind {
                    Kind::Session => line_1 && at == first,
                    Kind::Unknown => record.crc == Crc::Valid,
                    _ => true,
                };
                let rest = after(line, end);
                let followed = rest.is_none() || line[end..].starts_with(OPENING);
                if sound && followed {
                    found.push(record);
                    candidate = rest;
                    continue;
                }
                // A record that must not count fails at its end; garbage behind a record fails where it stands.
                if sound { rest.unwrap_or(end) } else { end }
            }
        };
        let from = failed.saturating_sub(2).max(at + 1);
        candidate = (from..line.len()).find(|&n| line[n..].starts_with(OPENING));
        if failed == line.len()
            && let Some((inside, open)) = json::last_object(line, at)
            && open <= DEEPEST
        {
            candidate = Some(inside);
        }
    }
    found
}
