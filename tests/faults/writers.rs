//! Two writers, many readers, and many processes at once.

use crate::support::{
    append_works, by_id, ends, long, new_session, report, rounds, scratch, seed, sessionlog, writer,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use sessionlog::{Error, Session, SessionLog, SessionStore, repair, verify};
use sessionlog_core::{journal::Options, record::Verbatim};
use sessionlog_tests::load::payload;
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Starts a process that opens the session and holds it until its input ends.
fn opener(path: &Path) -> Child {
    let mut command = writer(&["open", path.to_str().unwrap()]);
    command.stdin(Stdio::piped()).spawn().unwrap()
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap());
    out.read_line(&mut line).unwrap();
    line
}

#[test]
fn of_racing_writers_one_wins_and_the_others_are_told_who() {
    let dir = scratch();
    let path = new_session(dir.path());
    let (rounds, racers) = (rounds(15, 300), 4);
    for round in 0..rounds {
        let mut children: Vec<Child> = (0..racers).map(|_| opener(&path)).collect();
        // All have said something, or ended, before the winner lets go.
        let said: Vec<String> = children.iter_mut().map(first_line).collect();
        let won = said.iter().filter(|line| *line == "open\n").count();
        assert_eq!(won, 1, "round {round}: {said:?}");
        let winner = said.iter().position(|line| line == "open\n").unwrap();
        let holder = children[winner].id();
        let mut input = children[winner].stdin.take();
        for (n, mut child) in children.into_iter().enumerate() {
            if n == winner {
                drop(input.take());
                assert!(ends(child, "the winner").status.success());
                continue;
            }
            drop(child.stdin.take());
            let ended = ends(child, "a loser");
            let words = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(1), "{words}");
            assert!(words.contains("is writing to this session"), "{words}");
            let named = format!("process {holder} is writing");
            assert!(words.contains(&named), "round {round}, {holder}: {words}");
        }
    }
    report(
        "racing writers",
        &format!(
            "{rounds} races of {racers} processes, 1 winner each, every loser told the winner's process id"
        ),
    );
}

#[test]
fn a_lock_of_a_dead_process_blocks_nobody() {
    let dir = scratch();
    let path = new_session(dir.path());
    let rounds = rounds(15, 300);
    for round in 0..rounds {
        let mut child = opener(&path);
        assert_eq!(first_line(&mut child), "open\n");
        match Session::open(&path, Options::default()) {
            Err(Error::Locked { holder, .. }) => assert_eq!(holder, Some(child.id())),
            other => panic!("round {round}: {:?}", other.err()),
        }
        child.kill().unwrap();
        child.wait().unwrap();
        append_works(&path, 0, "after a kill");
    }
    report(
        "locks of the dead",
        &format!("{rounds} holders killed, 0 sessions blocked"),
    );
}

#[test]
fn many_processes_create_sessions_at_once() {
    let (processes, each) = (8, 250);
    let home = tempfile::tempdir().unwrap();
    // Not there yet: the processes race to create the directory, too.
    let dir = home.path().join("a").join("sessions");
    let args = ["create", dir.to_str().unwrap(), &each.to_string()];
    let children: Vec<Child> = (0..processes)
        .map(|_| writer(&args).spawn().unwrap())
        .collect();
    let mut ids = HashSet::new();
    for child in children {
        let pid = u64::from(child.id());
        let ended = ends(child, "a creator");
        let words = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{words}");
        let created = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(created.lines().count(), each);
        for (n, id) in created.lines().enumerate() {
            assert!(ids.insert(id.to_owned()), "{id} was given twice");
            let path = dir.join(format!("{id}.jsonl"));
            assert!(verify(&path).unwrap().is_sound(), "{id}");
            let bytes = fs::read(&path).unwrap();
            let expected = payload(pid, n as u64);
            assert_eq!(by_id(&bytes)["msg-1"], Some(expected.as_str()), "{id}");
        }
    }
    let listed = SessionStore::at(&dir).list().unwrap();
    let found: HashSet<_> = listed.iter().map(|info| info.id.clone()).collect();
    assert_eq!(found, ids);
    report(
        "sessions created at once",
        &format!(
            "{} sessions by {processes} processes, all distinct, all intact",
            ids.len()
        ),
    );
}

/// A writer that appends as fast as it can for as long as this lives.
struct Busy(Option<Child>);

impl Busy {
    /// Begins, and waits until the writer has the session.
    fn writing(path: &Path, mode: &str, seed: u64) -> Self {
        let args = ["turns", path.to_str().unwrap(), mode, &seed.to_string()];
        let mut child = writer(&args).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "open\n");
        // Read on, or the writer waits.
        thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self(Some(child))
    }

    fn stop(mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().unwrap();
            ends(child, "a busy writer");
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What is read is a beginning of what is there later: whole records, each with its parent.
#[test]
fn readers_never_see_half_a_record() {
    let dir = scratch();
    let first = seed();
    let (mut looks, mut torn, mut entries) = (0, 0, 0);
    let modes = ["entry", "turn", "manual"].into_iter().cycle();
    for (n, mode) in modes.take(3 * rounds(1, 20) as usize).enumerate() {
        let path = new_session(dir.path());
        // One of few and long messages among them.
        let seed = (first & !7) + n as u64;
        let busy = Busy::writing(&path, mode, seed);
        let mut last = 0;
        for look in 0..25 {
            let what = format!("{mode}, look {look}, SESSIONLOG_SEED={first}");
            let found = match look % 2 {
                0 => verify(&path).unwrap(),
                _ => {
                    let args = ["verify", "--json", path.to_str().unwrap()];
                    let ended = ends(sessionlog(dir.path(), &args).spawn().unwrap(), &what);
                    let text = String::from_utf8(ended.stdout).unwrap();
                    let clean = text.contains(r#""problems":[]"#);
                    let only_torn = text.matches(r#""severity":"problem""#).count() == 1
                        && text.contains(r#""kind":"torn_tail""#);
                    let kept = text.contains(r#""kind":"no_line_end""#);
                    assert!(clean || only_torn || kept, "{what}: {text}");
                    continue;
                }
            };
            looks += 1;
            let others = found
                .problems
                .iter()
                .filter(|p| !matches!(p.kind.name(), "torn_tail" | "no_line_end"));
            assert_eq!(others.count(), 0, "{what}: {:?}", found.problems);
            torn += u64::from(found.health.torn);
            assert!(found.entries >= last, "{what}");
            last = found.entries;
            let log = SessionLog::open(&path).unwrap();
            let parents = log.nodes().filter(|node| node.parent.is_none()).count();
            assert!(parents <= 1, "{what}: {parents} roots");
            let listed = SessionStore::at(dir.path()).list().unwrap();
            assert!(listed.iter().all(|info| info.header.is_ok()), "{what}");
        }
        busy.stop();
        entries += last;
    }
    assert!(entries > 0);
    report(
        "readers of a session that is written to",
        &format!(
            "{looks} looks at sessions that grew to {entries} entries, 0 halves of records; {torn} torn tails, none taken for an entry; seed {first}"
        ),
    );
}

/// An entry that has not come by then never comes.
const LATE: Duration = Duration::from_secs(60);

/// A line of `show --follow --json`.
#[derive(Deserialize)]
struct Shown<'a> {
    id: Option<String>,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// `show --follow --json`, and what it has said so far.
struct Following {
    child: Child,
    lines: mpsc::Receiver<Vec<u8>>,
    said: Vec<(Option<String>, String)>,
}

impl Following {
    fn begin(path: &Path) -> Self {
        let args = ["show", "--json", "--follow", path.to_str().unwrap()];
        let mut child = sessionlog(path.parent().unwrap(), &args).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let mut line = vec![];
                if out.read_until(b'\n', &mut line).unwrap() == 0 || tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            said: vec![],
        }
    }

    /// Waits for the entry with this id.
    fn until(&mut self, id: &str) {
        while self
            .said
            .last()
            .is_none_or(|(last, _)| last.as_deref() != Some(id))
        {
            let line = self
                .lines
                .recv_timeout(LATE)
                .unwrap_or_else(|_| panic!("{id} never came"));
            assert!(line.ends_with(b"\n"));
            let shown: Shown<'_> = serde_json::from_slice(&line).unwrap();
            self.said.push((shown.id, shown.record.get().to_owned()));
        }
    }

    /// Ends it from outside; gives what it said on standard error. Not by SIGINT, which is ignored by all that a shell runs in
    /// the background.
    fn interrupt(self) -> String {
        let pid = self.child.id().to_string();
        let kill = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status();
        assert!(kill.unwrap().success());
        let ended = ends(self.child, "show --follow, interrupted");
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&ended.status),
            Some(15)
        );
        String::from_utf8(ended.stderr).unwrap()
    }
}

#[test]
fn follow_shows_every_entry_once_and_whole_while_much_is_appended() {
    let dir = scratch();
    let path = new_session(dir.path());
    let seed = seed();
    // It has opened the session before anything is written that a later tip abandons: what is there at first is shown as a branch.
    let first = append_works(&path, 0, "before");
    let mut following = Following::begin(&path);
    following.until(&first);
    for (n, mode) in ["entry", "turn", "manual"].into_iter().enumerate() {
        // Long messages among them, which do not reach the file in one piece.
        let busy = Busy::writing(&path, mode, (seed & !7) + 8 * n as u64);
        thread::sleep(Duration::from_millis(if long() { 5000 } else { 700 }));
        busy.stop();
        // What the killed writer left unfinished goes with the next append.
        let last = append_works(&path, 0, mode);
        following.until(&last);
    }
    let bytes = fs::read(&path).unwrap();
    let log = SessionLog::open(&path).unwrap();
    let there: Vec<_> = log
        .nodes()
        .map(|node| {
            let record = log.read_record(node.index).unwrap();
            (
                node.id.map(str::to_owned),
                String::from_utf8(record).unwrap(),
            )
        })
        .collect();
    assert_eq!(following.said.len(), there.len());
    assert!(following.said == there, "SESSIONLOG_SEED={seed}");
    let words = following.interrupt();
    assert_eq!(words, "");
    report(
        "show --follow",
        &format!(
            "{} entries, {} bytes, each shown once and whole",
            there.len(),
            bytes.len()
        ),
    );
}

#[test]
fn follow_goes_on_after_a_repair_and_says_so() {
    let dir = scratch();
    let path = new_session(dir.path());
    let first = append_works(&path, 0, "before");
    let mut following = Following::begin(&path);
    following.until(&first);
    let mut file = File::options().append(true).open(&path).unwrap();
    // A slow writer: while it has not ended the line, nothing of it is shown.
    let slow = format!(
        "{{\"type\":\"message\",\"id\":\"slow\",\"parent_id\":\"{first}\",\"message\":{{}}}}\n"
    );
    for piece in slow.as_bytes().chunks(slow.len() / 3 + 1) {
        file.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(250));
    }
    following.until("slow");
    file.write_all(b"{\"type\":\"message\",\"id\":\"half")
        .unwrap();
    thread::sleep(Duration::from_millis(250));
    file.write_all(b" a record\"}\n").unwrap();
    repair(&path).unwrap();
    let second = append_works(&path, 0, "after the repair");
    following.until(&second);
    let third = append_works(&path, 0, "and later");
    following.until(&third);
    let said: Vec<_> = following
        .said
        .iter()
        .filter_map(|(id, _)| id.as_deref())
        .collect();
    assert_eq!(said, [&first, "slow", &second, &third]);
    let words = following.interrupt();
    assert!(
        words.contains("the file was replaced, by a repair"),
        "{words}"
    );
}

/// Also when nothing more is written: the other end of the pipe tells.
#[test]
fn follow_ends_when_nobody_reads_and_when_the_session_is_gone() {
    let dir = scratch();
    let path = new_session(dir.path());
    append_works(&path, 0, "one entry");
    let spec = path.to_str().unwrap();
    let follow = || {
        sessionlog(dir.path(), &["show", "-f", spec])
            .spawn()
            .unwrap()
    };
    let mut child = follow();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 10]).unwrap();
    drop(out);
    let ended = ends(child, "nobody reads");
    assert_eq!(
        (ended.status.code(), ended.stderr.as_slice()),
        (Some(0), &b""[..])
    );

    let mut child = follow();
    // Text, too: what is appended is drawn.
    let mut session = Session::open(&path, Options::default()).unwrap();
    let text = payload(1, 0).replacen("number", "a new number", 1);
    session.append(&Verbatim(text.as_bytes())).unwrap();
    session.end_turn().unwrap();
    drop(session);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("a new number")));
    fs::remove_file(&path).unwrap();
    let ended = ends(child, "the session is gone");
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        String::from_utf8(ended.stderr)
            .unwrap()
            .contains("no such file")
    );
}
