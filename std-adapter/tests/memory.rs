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
