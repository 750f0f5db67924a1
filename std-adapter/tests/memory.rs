//! How much memory the command takes.
//!
//! A binary of its own: the system counts the memory of the process that starts a command towards the command's peak,
//! and a process in which many tests run at once takes much.

#![cfg(target_os = "linux")]

use std::{
    fs,
    io::Write as _,
    mem::MaybeUninit,
    path::Path,
    process::{Command, Stdio},
};

/// In steps of what an allocator and a busy machine make of the same work.
const SLACK_KIB: i64 = 4 * 1024;

const HEADER: &str = r#"{"type":"session","version":1,"id":"s","timestamp":"2026-05-22T12:00:00.123Z","cwd":"/w","parent_session":null}"#;

/// A session of one record whose text has so many bytes, escapes among them.
fn long_record(path: &Path, bytes: usize) {
    let mut file = fs::File::create(path).unwrap();
    write!(
        file,
        "{HEADER}\n{{\"type\":\"message\",\"id\":\"a\",\"parent_id\":null,\"message\":{{\"role\":\"user\",\"content\":\"",
    )
    .unwrap();
    let piece = "a line of it\\n".repeat(1024);
    for _ in 0..bytes / piece.len() {
        file.write_all(piece.as_bytes()).unwrap();
    }
    file.write_all(b"\"}}\n").unwrap();
}

/// Runs the command, which has to succeed, and gives its peak of resident memory in KiB.
#[expect(clippy::zombie_processes, reason = "wait4 waits, and tells the memory")]
fn peak_memory(store: &Path, args: &[&str]) -> i64 {
    let child = Command::new(env!("CARGO_BIN_EXE_sessionlog"))
        .args(args)
        .env("SESSIONLOG_DIR", store)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the pointers are valid for the call, and zeroes are a valid rusage.
    let (waited, usage) = unsafe {
        let waited = libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr());
        (waited, usage.assume_init())
    };
    assert_eq!((waited, status), (pid, 0), "{args:?}");
    usage.ru_maxrss
}

#[test]
fn memory_does_not_grow_with_a_record() {
    let home = tempfile::tempdir().unwrap();
    let (short, long) = (
        home.path().join("short.jsonl"),
        home.path().join("long.jsonl"),
    );
    long_record(&short, 64 << 10);
    long_record(&long, 64 << 20);
    assert!(fs::metadata(&long).unwrap().len() > 63 << 20);
    let peak = |args: &[&str]| peak_memory(home.path(), args);
    for command in ["verify", "usage", "tree", "fork", "repair"] {
        let small = peak(&[command, short.to_str().unwrap()]);
        let large = peak(&[command, long.to_str().unwrap()]);
        assert!(large < small + SLACK_KIB, "{command}: {large}, {small} KiB");
    }
    let listed = peak(&["list"]);
    assert!(listed < 16 << 10, "{listed}");
}

/// Writes a text in whose place `LONG` so many bytes stand, without ever holding it: this process's memory would count.
fn write_long(path: &Path, text: &str, bytes: usize) {
    let mut file = fs::File::create(path).unwrap();
    let piece = "a line of it\\n".repeat(64);
    let (before, after) = text.split_once("LONG").unwrap();
    file.write_all(before.as_bytes()).unwrap();
    for _ in 0..bytes / piece.len() {
        file.write_all(piece.as_bytes()).unwrap();
    }
    file.write_all(after.as_bytes()).unwrap();
}

/// What `docs/limits.md` says of commands that hold a record: at most so many times its length.
#[test]
fn what_holds_a_record_holds_it_so_many_times() {
    const LEN: usize = 32 << 20;
    let message = |id: &str, parent: &str, text: &str| {
        format!(
            r#"{{"type":"message","id":"{id}","parent_id":{parent},"message":{{"role":"user","content":[{{"type":"text","text":"{text}"}}]}}}}"#
        ) + "\n"
    };
    let header = HEADER.to_owned() + "\n";
    let first = message("a", "null", "x");
    let last = message("c", "\"b\"", &"x".repeat(4000));
    let plain = format!("{header}{first}{}{last}", message("b", "\"a\"", "LONG"));
    // The record's parent is lost, so that it gets another one.
    let unlinked = format!("{header}{first}broken\n{}", message("b", "\"z\"", "LONG"));
    let long_header = header.replace("/w", "LONG") + &first;
    let claude = |id: &str, text: &str| {
        format!(
            r#"{{"type":"user","uuid":"{id}","sessionId":"z","cwd":"/w","timestamp":"2026-05-22T12:00:00.000Z","message":{{"role":"user","content":"{text}"}}}}"#
        ) + "\n"
    };
    let claude = claude("a", "x") + &claude("b", "LONG");
    let cases: [(&str, &[&str], usize); 17] = [
        (&plain, &["append"], 0),
        (&plain, &["export", "--to", "jsonl"], 0),
        (&plain, &["compact", "--keep=tokens:100", "--summary=s"], 0),
        (&unlinked, &["fork"], 1),
        (&unlinked, &["repair"], 1),
        (&plain, &["export", "--to", "pi"], 2),
        (&plain, &["export", "--to", "claw"], 2),
        (&plain, &["context", "--json"], 2),
        (&plain, &["show"], 3),
        (&plain, &["fork", "--redact"], 3),
        (&plain, &["export", "--to", "opi"], 3),
        (&long_header, &["append"], 3),
        (&claude, &["import"], 4),
        (&claude, &["verify"], 4),
        (&claude, &["usage"], 4),
        (&plain, &["export", "--to", "markdown"], 4),
        (&plain, &["compact", "--keep=tokens:100"], 4),
    ];
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s.jsonl");
    let mut over = vec![];
    for (sample, args, times) in cases {
        let peak = |len| {
            write_long(&path, sample, len);
            let store = home.path().join("store");
            let _ = fs::remove_dir_all(&store);
            peak_memory(&store, &[args, &[path.to_str().unwrap()]].concat())
        };
        let (small, large) = (peak(1 << 10), peak(LEN));
        let (held, len) = (large - small, (LEN >> 10) as i64);
        println!("{args:?}: {:.2} times", held as f64 / len as f64);
        if held > len * times as i64 + len / 8 + SLACK_KIB {
            over.push(args);
        }
    }
    assert!(over.is_empty(), "{over:?}");
}
