//! No space, too large a file, I/O errors: the append fails loudly, the file holds what was acknowledged and nothing else,
//! and once the fault is gone appending goes on.

use crate::support::{
    append_works, by_id, ends, left_out, new_session, report, rounds, sessionlog, writer,
};
use sessionlog::verify;
use sessionlog_core::{
    Clock, Timestamp,
    journal::{Durability, Journal, JournalError, Options},
    record::{Header, Verbatim},
};
use sessionlog_tests::{
    load::{Rng, sized_payload},
    model::{self, Kind},
    sim::memory::{Call, Fault, Memory},
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

const MODES: [&str; 3] = ["entry", "turn", "manual"];

/// What `sessionlog-writer fill` said.
#[derive(Debug, Default)]
struct Said {
    /// Ids and numbers of what was acknowledged.
    acknowledged: Vec<(String, u64)>,
    failures: Vec<String>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        if let Some(message) = line.strip_prefix("msg ") {
            let (id, n) = message.split_once(' ').unwrap();
            self.acknowledged.push((id.to_owned(), n.parse().unwrap()));
        } else if let Some(failure) = line.strip_prefix("failed ") {
            self.failures.push(failure.to_owned());
        } else {
            assert_eq!(line, "done");
        }
    }

    fn of(out: &[u8]) -> Self {
        let mut said = Said::default();
        String::from_utf8_lossy(out)
            .lines()
            .for_each(|line| said.hear(line));
        said
    }

    /// The file holds what was acknowledged, byte for byte, and no other message; behind it nothing, or a torn tail if
    /// that is `torn`.
    fn is_all_of(&self, bytes: &[u8], len: u64, torn: bool, what: &str) {
        let there = by_id(bytes);
        for (id, n) in &self.acknowledged {
            let expected = sized_payload(*n, len, &mut Rng::new(*n));
            let found = there
                .get(id)
                .unwrap_or_else(|| panic!("{what}: {id} is lost"));
            assert_eq!(*found, Some(expected.as_str()), "{what}: {id}");
        }
        let messages = there.values().flatten().count();
        assert_eq!(
            messages,
            self.acknowledged.len(),
            "{what}: nobody was promised them"
        );
        let m = model::read(bytes);
        assert!(m.corrupt.is_empty(), "{what}: {:?}", m.corrupt);
        assert!(torn || m.torn.is_none(), "{what}: a torn tail");
    }
}

/// A small file system in memory, in a mount namespace of its own: it goes with the process. As root, or where users
/// may have namespaces.
fn on_tmpfs(dir: &Path, session: &Path, args: &[&str]) -> Command {
    let root =
        fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let mut command = Command::new("unshare");
    command.arg(if root { "-m" } else { "-rm" });
    let script = r#"mount -t tmpfs -o size=256k none "$1" || { echo "cannot mount a tmpfs" >&2; exit 77; }
        cp "$2" "$1/s.jsonl" && head -c 100000 /dev/zero >"$1/ballast" || exit 78
        shift 2; exec "$@""#;
    let command_line = ["sh", "-c", script, "sh"];
    command.args(command_line).arg(dir).arg(session).args(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_full_disk() {
    if left_out("tmpfs") {
        return;
    }
    const LEN: u64 = 2000;
    let (mut acknowledged, mut failures) = (0, 0);
    for mode in MODES {
        let dir = tempfile::tempdir().unwrap();
        let mount = dir.path().join("mount");
        fs::create_dir(&mount).unwrap();
        let path = mount.join("s.jsonl");
        let program = env!("CARGO_BIN_EXE_sessionlog-writer");
        let args = [
            program,
            "fill",
            path.to_str().unwrap(),
            mode,
            "120",
            &LEN.to_string(),
        ];
        let mut child = on_tmpfs(&mount, &new_session(dir.path()), &args)
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The other namespace, seen from here.
        let inside = Path::new("/proc").join(child.id().to_string()).join("root");
        let inside = |path: &Path| inside.join(path.strip_prefix("/").unwrap());
        let mut said = Said::default();
        let mut batch = |said: &mut Said| {
            for line in lines.by_ref() {
                let line = line.unwrap();
                said.hear(&line);
                if line == "done" {
                    return true;
                }
            }
            false
        };
        if !batch(&mut said) {
            let words = String::from_utf8(ends(child, mode).stderr).unwrap();
            panic!(
                "{words}: a small file system is needed; SESSIONLOG_FAULTS_WITHOUT=tmpfs leaves this test out"
            );
        }
        let full = said.failures.len();
        let fitted = said.acknowledged.len();
        assert!(full > 20 && fitted > 20, "{mode}: {full}, {fitted}");
        for failure in &said.failures {
            assert!(failure.contains("cannot write: "), "{failure}");
            assert!(
                failure.contains("; free some space, then try again"),
                "{failure}"
            );
        }
        said.is_all_of(&fs::read(inside(&path)).unwrap(), LEN, false, mode);
        fs::remove_file(inside(&mount.join("ballast"))).unwrap();
        input.write_all(b"\n").unwrap();
        assert!(batch(&mut said));
        let first = said.acknowledged[fitted].1;
        assert_eq!(first, 120, "{mode}: the first one after there is space");
        let bytes = fs::read(inside(&path)).unwrap();
        said.is_all_of(&bytes, LEN, false, mode);
        drop(input);
        assert!(ends(child, mode).status.success());
        let copy = dir.path().join("copy.jsonl");
        fs::write(&copy, &bytes).unwrap();
        append_works(&copy, 0, mode);
        acknowledged += said.acknowledged.len();
        failures += said.failures.len();
    }
    report(
        "full disk (tmpfs of 256 KiB)",
        &format!(
            "3 modes, {failures} appends refused, {acknowledged} acknowledged, 0 lost, all refusals told"
        ),
    );
}

/// Who sees to it that a write beyond the limit fails, and does not kill by SIGXFSZ.
#[derive(Clone, Copy)]
enum Signal {
    /// The program: the command does.
    AsItComes,
    /// Who starts it: the library changes nothing of its process.
    Ignored,
}

/// Runs a command under a limit on the size of files, in units of 512 bytes: writes are short and then fail.
fn limited(blocks: u64, signal: Signal, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    let trap = match signal {
        Signal::AsItComes => "",
        Signal::Ignored => "trap '' XFSZ; ",
    };
    let script = format!("{trap}ulimit -f \"$1\" || exit 77; shift; exec \"$@\"");
    shell.args(["-c", &script, "sh", &blocks.to_string()]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

#[test]
fn a_file_that_may_grow_no_more() {
    let (mut acknowledged, mut failures, mut limits) = (0, 0, 0);
    for mode in MODES {
        for blocks in (1..=rounds(10, 60)).map(|n| 2 + n * 3) {
            let dir = tempfile::tempdir().unwrap();
            let path = new_session(dir.path());
            let what = format!("{mode}, {blocks} blocks");
            let fill = writer(&["fill", path.to_str().unwrap(), mode, "120", "700"]);
            let ended = ends(
                limited(blocks, Signal::Ignored, &fill).spawn().unwrap(),
                &what,
            );
            assert!(ended.status.success(), "{what}: {ended:?}");
            let said = Said::of(&ended.stdout);
            assert!(!said.failures.is_empty(), "{what}");
            said.is_all_of(&fs::read(&path).unwrap(), 700, false, &what);
            append_works(&path, 0, &what);
            limits += 1;
            acknowledged += said.acknowledged.len();
            failures += said.failures.len();
        }
    }
    report(
        "file-size limit (RLIMIT_FSIZE)",
        &format!(
            "{limits} limits, {failures} appends refused, {acknowledged} acknowledged, 0 lost, all refusals told"
        ),
    );
}

/// The command, too: what it printed is there, what it did not print is not, and it says that it failed.
#[test]
fn the_command_on_a_file_that_may_grow_no_more() {
    let payloads: Vec<String> = (0..60)
        .map(|n| sized_payload(n, 700, &mut Rng::new(n)))
        .collect();
    for mode in MODES {
        let dir = tempfile::tempdir().unwrap();
        let path = new_session(dir.path());
        let turns = payloads.join("\n\n") + "\n";
        let input = dir.path().join("input");
        fs::write(&input, turns).unwrap();
        let command = sessionlog(
            dir.path(),
            &["append", "--sync", mode, path.to_str().unwrap()],
        );
        let mut shell = limited(40, Signal::AsItComes, &command);
        shell.stdin(fs::File::open(&input).unwrap());
        let ended = ends(shell.spawn().unwrap(), mode);
        assert_eq!(ended.status.code(), Some(1), "{mode}");
        let words = String::from_utf8(ended.stderr).unwrap();
        assert!(
            words.contains("error: ") && words.contains("cannot write: "),
            "{mode}: {words}"
        );
        let bytes = fs::read(&path).unwrap();
        let there = by_id(&bytes);
        let ids: Vec<&str> = std::str::from_utf8(&ended.stdout)
            .unwrap()
            .lines()
            .collect();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(there[*id], Some(payloads[n].as_str()), "{mode}: {id}");
        }
        assert_eq!(there.values().flatten().count(), ids.len(), "{mode}");
        append_works(&path, 0, mode);
    }
}

/// What a system call answers instead of doing its work.
const ANSWERS: [(&str, &str); 9] = [
    ("pwrite64", "error=EIO"),
    ("pwrite64", "error=ENOSPC"),
    ("pwrite64", "error=EDQUOT"),
    ("pwrite64", "error=EINTR"),
    ("pwrite64", "retval=0"),
    ("fdatasync", "error=EIO"),
    ("fdatasync", "error=ENOSPC"),
    ("fdatasync", "error=EINTR"),
    // With the write before it, so that what was torn cannot be cut off at once.
    ("ftruncate", "error=EIO"),
];

/// Real system calls of a real writer, each in turn, that fail: the kernel's answer is changed on its way.
#[test]
fn every_system_call_in_turn() {
    if left_out("strace") {
        return;
    }
    const TURNS: u64 = 5;
    let (mut runs, mut told) = (0, 0);
    for mode in MODES {
        for (call, answer) in ANSWERS {
            // A cut that fails is made up for by the next append, so there has to be one: otherwise a whole record
            // that nobody was promised may stay, as docs/durability.md says.
            let last = if call == "ftruncate" {
                TURNS - 1
            } else {
                TURNS
            };
            for at in 1..=last {
                let dir = tempfile::tempdir().unwrap();
                let path = new_session(dir.path());
                let what = format!("{mode}, {call} {at}: {answer}");
                let fill = writer(&[
                    "fill",
                    path.to_str().unwrap(),
                    mode,
                    &TURNS.to_string(),
                    "300",
                ]);
                let mut strace = Command::new("strace");
                strace.args([
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    "trace=pwrite64,fdatasync,ftruncate",
                ]);
                let when = if call == "ftruncate" { 1 } else { at };
                strace.args(["-e", &format!("inject={call}:{answer}:when={when}")]);
                if call == "ftruncate" {
                    strace.args(["-e", &format!("inject=fdatasync:error=EIO:when={at}")]);
                }
                strace.arg(fill.get_program()).args(fill.get_args());
                strace
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                let child = strace.spawn().expect(
                    "strace is needed; SESSIONLOG_FAULTS_WITHOUT=strace leaves this test out",
                );
                let ended = ends(child, &what);
                assert!(ended.status.success(), "{what}: {ended:?}");
                let said = Said::of(&ended.stdout);
                // An interrupted call is made again.
                let expected = u64::from(answer != "error=EINTR");
                let failed = said.failures.len() as u64;
                assert!(failed == expected, "{what}: {said:?}");
                said.is_all_of(&fs::read(&path).unwrap(), 300, false, &what);
                assert!(verify(&path).unwrap().is_sound(), "{what}");
                append_works(&path, 0, &what);
                runs += 1;
                told += failed;
            }
        }
    }
    report(
        "system calls that fail (strace)",
        &format!(
            "{runs} writers with one call each that failed, {told} failures told, 0 acknowledged entries lost"
        ),
    );
}

struct Still;

impl Clock for Still {
    fn now(&mut self) -> Timestamp {
        Timestamp::from_unix_ms(0)
    }
}

/// Eight turns on a storage with a fault. Gives the failures that were told, or nothing when the fault never came.
fn eight_turns(durability: Durability, fault: Fault) -> Option<usize> {
    let memory = Memory::default();
    let options = Options {
        durability,
        ..Options::default()
    };
    let header = Header {
        id: "s",
        timestamp: Timestamp::from_unix_ms(0),
        cwd: "/w",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    };
    let mut log: Journal<_, _, 8> =
        Journal::create(memory.clone(), Still, &header, options).unwrap();
    memory.medium_mut().set_fault(Some(fault));
    let (mut acknowledged, mut waiting, mut told) = (vec![], vec![], 0);
    for n in 0..8 {
        let payload = sized_payload(n, 20, &mut Rng::new(n));
        let mut failed = |error: JournalError<_>, waiting: &mut Vec<String>| {
            assert!(matches!(
                error,
                JournalError::Io(_) | JournalError::WriteZero
            ));
            told += 1;
            waiting.clear();
        };
        match log.append(&Verbatim(payload.as_bytes())) {
            Ok(_) => waiting.push(payload),
            Err(error) => failed(error, &mut waiting),
        }
        if durability == Durability::Entry {
            acknowledged.append(&mut waiting);
        }
        if let Err(error) = log.end_turn() {
            failed(error, &mut waiting);
        }
        if durability == Durability::Turn {
            acknowledged.append(&mut waiting);
        }
    }
    while log.sync().is_err() {
        told += 1;
        waiting.clear();
    }
    acknowledged.append(&mut waiting);
    let medium = memory.medium();
    let m = model::read(medium.bytes());
    let messages = m.entries.iter().filter(|e| e.kind == Kind::Message);
    let payloads = messages.filter_map(|e| e.payload);
    let there: Vec<_> = payloads
        .map(|(at, len)| &medium.bytes()[at..at + len])
        .collect();
    let expected: Vec<_> = acknowledged.iter().map(String::as_bytes).collect();
    assert_eq!(there, expected, "{durability:?} {fault:?}");
    assert!(m.corrupt.is_empty() && m.torn.is_none());
    assert_eq!(medium.durable(), medium.bytes().len());
    (medium.failures() > 0).then_some(told)
}

/// Every call of the journal to its storage, in turn, fails in every way; what a failing call lost is written anew.
#[test]
fn every_call_to_the_storage_in_turn() {
    let mut faults = 0;
    let modes = [Durability::Entry, Durability::Turn, Durability::Manual];
    for durability in modes {
        for call in [Call::Write, Call::Flush, Call::Sync] {
            for (through, full, loses) in [
                (0, false, None),
                (1, false, None),
                (30, false, None),
                (0, true, None),
                (usize::MAX, false, None),
                (0, false, Some(0)),
                (0, false, Some(10)),
            ] {
                if call != Call::Write && (full || through > 0) {
                    continue;
                }
                for (after, times) in (0..).flat_map(|after| [(after, 1), (after, 3)]) {
                    let fault = Fault {
                        calls: 1 << call as u8,
                        after,
                        times,
                        through,
                        full,
                        loses,
                    };
                    let Some(told) = eight_turns(durability, fault) else {
                        break;
                    };
                    assert!(told > 0, "{durability:?} {fault:?}: nobody was told");
                    faults += 1;
                }
            }
        }
    }
    report(
        "storage calls that fail (simulated)",
        &format!("{faults} faults, each told, 0 acknowledged entries lost"),
    );
}
