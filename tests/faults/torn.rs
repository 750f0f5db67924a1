//! Every torn length and every damaged byte: the right records survive, damage is located to its line, repair makes a
//! clean file and keeps the original.

use crate::support::{append_works, long, report, scratch};
use sessionlog::{
    NewSession, Session, SessionLog, SessionStore, reader::ProblemKind, repair, verify,
};
use sessionlog_core::{
    compaction::{Keep, Reason},
    journal::{Durability, Options},
    record::Verbatim,
};
use sessionlog_tests::{
    load::{Rng, sized_payload},
    model, outcome, seen,
};
use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};

const CALL: &str = r#"{"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_call","tool_call":{"id":"t1","name":"bash","arguments":"{\"command\":\"ls\"}"}}],"provider":"anthropic","model":"claude-sonnet-4-5","stop_reason":"tool_use","usage":{"input_tokens":18446744073709551615,"output_tokens":2,"cache_read_tokens":3,"cache_write_tokens":4},"timestamp_ms":0}"#;
const RESULT: &str = r#"{"role":"tool_result","tool_call_id":"t1","tool_name":"bash","content":[{"type":"text","text":"{\"type\":\"message\",\"id\":\"x\"}\n\u00e9 é 😀 \\"}],"details":null,"is_error":false,"timestamp_ms":0}"#;

/// A session with everything that one can have: turns, tool calls, entries of an unknown type, compactions, a branch that was
/// given up.
fn mixed(dir: &Path, turns: u64, calls: bool) -> Vec<u8> {
    let store = SessionStore::at(dir);
    let options = Options {
        durability: Durability::Turn,
        ..Options::default()
    };
    let new = NewSession {
        cwd: "/w".into(),
        ..NewSession::default()
    };
    let session = Session::create(&store, &new, options).unwrap();
    let path = session.path().to_owned();
    drop(session);
    let mut rng = Rng::new(3);
    for turn in 0..turns {
        let mut session = Session::open(&path, options).unwrap();
        let append =
            |session: &mut Session, text: &str| session.append(&Verbatim(text.as_bytes())).unwrap();
        let first = append(&mut session, &sized_payload(2 * turn, 40, &mut rng));
        if calls && turn % 3 == 0 {
            append(&mut session, CALL);
            append(&mut session, RESULT);
        }
        append(&mut session, &sized_payload(2 * turn + 1, 20, &mut rng));
        session.end_turn().unwrap();
        if turn % 4 == 2 {
            let plan = session.plan(Reason::Manual, Keep::LastQuarter).unwrap();
            session.commit(&plan, "what was said: \"é\"").unwrap();
        }
        if turn % 4 == 1 {
            session.move_tip(first.as_str()).unwrap();
        }
        drop(session);
        if turn % 2 == 1 {
            // As another program may write it: without a checksum, and without an id.
            let mut file = File::options().append(true).open(&path).unwrap();
            let note = format!(
                r#"{{"type":"note","id":"note-x{turn}","parent_id":"{first}","x":[{{"y":null}}]}}"#
            );
            writeln!(file, "{note}\n{{\"type\":\"mark\",\"at\":{turn}}}").unwrap();
        }
    }
    let bytes = fs::read(&path).unwrap();
    assert!(verify(&path).unwrap().is_sound());
    bytes
}

/// Start of each line, and the file's length.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

/// The records that the library finds, header first.
fn records(log: &SessionLog, bytes: &[u8]) -> Vec<Vec<u8>> {
    let header = log.head().extent.into_iter();
    let leaves = log.leaves().iter().map(|leaf| leaf.extent);
    let mut extents: Vec<_> = header
        .chain(log.nodes().map(|node| node.extent))
        .chain(leaves)
        .collect();
    extents.sort_by_key(|extent| extent.start);
    let whole = |at: u64| usize::try_from(at).unwrap();
    let slices = extents
        .iter()
        .map(|e| bytes[whole(e.start)..whole(e.end())].to_vec());
    slices.collect()
}

/// Core, command's reader and reference reader make the same of it.
fn readers_agree(bytes: &[u8], what: &str) {
    let m = model::read(bytes);
    let framed = seen::by_framer(bytes, &[usize::MAX]);
    if let Some(difference) = framed.difference(&seen::by_model(&m)) {
        panic!("{what}: {difference}");
    }
    outcome::agree(bytes, 512, 4096).unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
}

/// Repairs the file: it is clean then, the original is beside it, and a second repair finds nothing to do.
fn repairs(path: &Path, bytes: &[u8], what: &str) {
    let done = repair(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let original = done
        .original
        .unwrap_or_else(|| panic!("{what}: nothing was repaired"));
    assert_eq!(fs::read(&original).unwrap(), bytes, "{what}: the original");
    assert_eq!(done.remaining, [], "{what}");
    let now = verify(path).unwrap();
    assert!(now.is_sound(), "{what}: {:?}", now.problems);
    assert_eq!(
        model::read(&fs::read(path).unwrap()).state,
        model::State::Clean,
        "{what}"
    );
    assert_eq!(repair(path).unwrap().original, None, "{what}");
    fs::remove_file(original).unwrap();
}

#[test]
fn cut_at_every_byte() {
    let dir = scratch();
    let whole = mixed(dir.path(), 7, true);
    let starts = starts(&whole);
    let path = dir.path().join("cut.jsonl");
    // What takes a sync each time is done at every byte at length, otherwise at every few.
    let every = if long() { 1 } else { 9 };
    let (mut continued, mut repaired) = (0, 0);
    for cut in 0..=whole.len() {
        let what = format!("cut at byte {cut}");
        let bytes = &whole[..cut];
        let line = starts.partition_point(|start| *start <= cut) - 1;
        let torn = cut - starts[line];
        readers_agree(bytes, &what);
        fs::write(&path, bytes).unwrap();
        let Ok(log) = SessionLog::open(&path) else {
            assert_eq!(line, 0, "{what}");
            continue;
        };
        // All lines before the last, and the last one when only its end is missing.
        let ended = whole[cut..].starts_with(b"\n");
        let expected: Vec<Vec<u8>> = bytes
            .split(|b| *b == b'\n')
            .take(line + usize::from(ended))
            .map(<[u8]>::to_vec)
            .collect();
        assert_eq!(records(&log, bytes), expected, "{what}");
        let found = verify(&path).unwrap();
        let told: Vec<_> = found
            .problems
            .iter()
            .map(|p| (p.kind.name(), p.line, p.byte))
            .collect();
        let tail = match (torn, ended) {
            (0, _) => vec![],
            (_, true) => vec![("no_line_end", line as u64 + 1, cut as u64)],
            (_, false) => vec![("torn_tail", line as u64 + 1, starts[line] as u64)],
        };
        assert_eq!(told, tail, "{what}");
        if cut % every != 0 {
            continue;
        }
        if torn > 0 && !ended {
            repairs(&path, bytes, &what);
            repaired += 1;
            fs::write(&path, bytes).unwrap();
        }
        append_works(&path, 0, &what);
        continued += 1;
        let after = fs::read(&path).unwrap();
        assert!(after.starts_with(&expected.join(&b'\n')), "{what}");
    }
    report(
        "torn",
        &format!(
            "{} cuts, one at every byte of {} lines, 0 whole records lost; {continued} continued, {repaired} repaired",
            whole.len() + 1,
            starts.len() - 1
        ),
    );
}

/// A byte that is not what it was.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip(u8),
    Nul,
    Ones,
    Insert(u8),
    Delete,
}

fn damage(whole: &[u8], at: usize, damage: Damage) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    match damage {
        Damage::Flip(bit) => bytes[at] ^= 1 << bit,
        Damage::Nul => bytes[at] = 0,
        Damage::Ones => bytes[at] = 0xff,
        Damage::Insert(byte) => bytes.insert(at, byte),
        Damage::Delete => drop(bytes.remove(at)),
    }
    bytes
}

#[test]
fn every_single_byte_damaged() {
    let dir = scratch();
    let whole = mixed(dir.path(), 3, false);
    let starts = starts(&whole);
    let lines: Vec<&[u8]> = whole
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let path = dir.path().join("damaged.jsonl");
    let (mut tried, mut repaired) = (0, 0);
    for at in 0..whole.len() {
        // All bits in turn, or the same bit in many places.
        let bits: Vec<u8> = if long() {
            (0..8).collect()
        } else {
            vec![at as u8 % 8]
        };
        let flips = bits.into_iter().map(Damage::Flip);
        let inserted = [b'x', b'"', b'\n', 0];
        let inserted = if long() {
            &inserted[..]
        } else {
            &inserted[at % 4..=at % 4]
        };
        let inserted = inserted.iter().copied().map(Damage::Insert);
        let others = [Damage::Nul, Damage::Ones, Damage::Delete];
        for (n, blow) in flips.chain(others).chain(inserted).enumerate() {
            let bytes = damage(&whole, at, blow);
            let line = starts.partition_point(|start| *start <= at) - 1;
            let what = format!("{blow:?} at byte {at}, line {}", line + 1);
            readers_agree(&bytes, &what);
            fs::write(&path, &bytes).unwrap();
            let log = SessionLog::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
            let there = records(&log, &bytes);
            let sealed = |line: &[u8]| line.windows(7).any(|w| w == b",\"crc\":");
            for (other, record) in lines.iter().enumerate() {
                // A line that is fused behind the damage is salvaged, but for a header's absence, unless it has no
                // checksum and no known type (F22).
                let fused = other == line + 1 && at + 1 == starts[other];
                if other != line && (!fused || sealed(record)) {
                    assert!(
                        there.iter().any(|r| r == record),
                        "{what}: line {} is lost",
                        other + 1
                    );
                }
            }
            let found = verify(&path).unwrap();
            let first = found.problems.iter().find(|p| !p.kind.is_note());
            match first {
                // Line ends doubled, or white space around a record: nothing is damaged. What has no checksum and is JSON
                // still, nobody can tell.
                None => {
                    let blank = matches!(blow, Damage::Insert(b'\n'))
                        && (starts.contains(&at) || whole[at] == b'\n');
                    let last = at + 1 == whole.len();
                    let bare = !sealed(lines[line]);
                    assert!(blank || last || bare, "{what}: nothing was noticed");
                }
                Some(problem) => {
                    // What has no checksum may be another record now, which later totals contradict.
                    let later = !sealed(lines[line])
                        && problem.line > line as u64 + 1
                        && matches!(problem.kind, ProblemKind::TotalsMismatch { .. });
                    let here = problem.line == line as u64 + 1;
                    assert!(here || later, "{what}: {problem}");
                }
            }
            tried += 1;
            let damaged = found.health.corrupt > 0 || found.health.torn;
            if damaged && (long() || (at + n) % 29 == 0) {
                repairs(&path, &bytes, &what);
                repaired += 1;
            }
        }
    }
    report(
        "damaged bytes",
        &format!(
            "{tried} damaged files (flipped, NUL, 0xFF, inserted, deleted at each of {} bytes), 0 records lost on other lines; {repaired} repaired",
            whole.len()
        ),
    );
}
