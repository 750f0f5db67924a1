//! A writer is killed at a random moment, again and again: every promise that it had made holds.

use crate::support::{
    HANGS, append_works, by_id, ends, new_session, report, rounds, seed, sessionlog, writer,
};
use sessionlog::verify;
use sessionlog_tests::load::{Rng, payload};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::Child,
    sync::mpsc,
    thread,
    time::Duration,
};

/// A file is killed into so many times before the next one.
const ROUNDS_A_FILE: u64 = 10;

/// What was promised: the entry's id, and for a message its payload.
type Promise = (String, Option<String>);

/// Waits for `lines` lines of what the child says and a moment longer, then kills it. Gives its whole lines.
fn kill_after(mut child: Child, lines: u64, moment: Duration, what: &str) -> Vec<String> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut line = String::new();
        while out.read_line(&mut line).unwrap() > 0 {
            // One that was torn by the kill is no promise that anyone has heard.
            if line.ends_with('\n') && tell.send(line.trim_end().to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    let mut heard = vec![];
    for _ in 0..lines {
        match told.recv_timeout(HANGS) {
            Ok(line) => heard.push(line),
            Err(_) => break,
        }
    }
    thread::sleep(moment);
    child.kill().unwrap();
    let ended = ends(child, what);
    let words = String::from_utf8_lossy(&ended.stderr);
    assert!(words.is_empty(), "{what}: {words}");
    assert!(ended.status.code().is_none(), "{what}: it ended by itself");
    reader.join().unwrap();
    heard.extend(told.iter());
    heard
}

/// One that appends turns by itself, with compactions and moves of the tip.
fn run_writer(path: &Path, mode: &str, seed: u64, rng: &mut Rng, what: &str) -> Vec<Promise> {
    let args = ["turns", path.to_str().unwrap(), mode, &seed.to_string()];
    let child = writer(&args).spawn().unwrap();
    let moment = Duration::from_micros(rng.below(3000));
    let lines = 1 + rng.below(12);
    let heard = kill_after(child, lines, moment, what);
    let promises = heard.iter().filter(|line| *line != "open").map(|line| {
        let mut words = line.split(' ');
        let kind = words.next();
        let id = words.next().unwrap().to_owned();
        let n: Option<u64> = words.next().map(|n| n.parse().unwrap());
        assert_eq!(kind == Some("msg"), n.is_some(), "{line}");
        (id, n.map(|n| payload(seed, n)))
    });
    promises.collect()
}

/// The command, which is told what to append.
fn run_command(path: &Path, mode: &str, seed: u64, rng: &mut Rng, what: &str) -> Vec<Promise> {
    let args = ["append", "--sync", mode, path.to_str().unwrap()];
    let mut command = sessionlog(path.parent().unwrap(), &args);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || {
        for n in 0.. {
            let turn_ends = if n % 3 == 2 { "\n\n" } else { "\n" };
            if input
                .write_all((payload(seed, n) + turn_ends).as_bytes())
                .is_err()
            {
                return;
            }
        }
    });
    let moment = Duration::from_micros(rng.below(3000));
    // In manual mode nothing is promised before the end.
    let lines = if mode == "manual" {
        0
    } else {
        1 + rng.below(12)
    };
    let heard = kill_after(child, lines, moment, what);
    feeder.join().unwrap();
    let messages = heard.into_iter().enumerate();
    messages
        .map(|(n, id)| (id, Some(payload(seed, n as u64))))
        .collect()
}

#[test]
fn a_killed_writer_has_lost_nothing_that_it_promised() {
    let rounds = rounds(60, 1000);
    let first = seed();
    let dir = tempfile::tempdir().unwrap();
    let mut path = new_session(dir.path());
    let mut promised: Vec<Promise> = vec![];
    let (mut total, mut torn) = (0, 0);
    for round in 0..rounds {
        if round % ROUNDS_A_FILE == 0 {
            path = new_session(dir.path());
            promised.clear();
        }
        let seed = first.wrapping_add(round);
        let mut rng = Rng::new(seed);
        let mode = *rng.pick(&["entry", "turn", "manual"]);
        let what = format!("round {round}, {mode}, SESSIONLOG_SEED={first}");
        let more = match rng.one_in(3) {
            true => run_command(&path, mode, seed, &mut rng, &what),
            false => run_writer(&path, mode, seed, &mut rng, &what),
        };
        total += more.len();
        promised.extend(more);

        let bytes = fs::read(&path).unwrap();
        let there = by_id(&bytes);
        for (id, payload) in &promised {
            let found = there.get(id);
            let found = found.unwrap_or_else(|| panic!("{what}: {id} is lost"));
            assert_eq!(found.map(str::to_owned), *payload, "{what}: {id}");
        }
        let found = verify(&path).unwrap();
        assert_eq!(found.health.corrupt, 0, "{what}: {found:?}");
        // What was never finished is all that may be wrong.
        let others = found
            .problems
            .iter()
            .filter(|p| p.kind.name() != "torn_tail");
        assert_eq!(others.count(), 0, "{what}: {found:?}");
        torn += u64::from(found.health.torn);
        append_works(&path, 0, &what);
    }
    assert!(total as u64 > rounds, "hardly anything was promised");
    report(
        "kill",
        &format!(
            "{rounds} kills, {total} entries acknowledged before them, 0 lost; {torn} torn tails, each removed by the next append; seed {first}"
        ),
    );
}
