#![cfg(unix)]

use crate::run::{Store, two_turns};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
};

/// Runs the command with a file creation mask that takes nothing away.
fn unmasked(store: &Store, args: &[&str], input: &Path) -> String {
    let command = store.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$@\"", "sh"]);
    shell.arg(command.get_program()).args(args);
    shell.env("SESSIONLOG_DIR", store.dir());
    shell.current_dir(store.home());
    shell.stdin(fs::File::open(input).unwrap());
    shell.stderr(Stdio::inherit());
    let ended = shell.output().unwrap();
    let code = ended.status.code();
    assert!(matches!(code, Some(0..=1)), "{args:?}: {ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

/// Checks everything in `dir` and below, and gives how many files there are.
fn private(dir: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let there = fs::symlink_metadata(&path).unwrap();
        let mode = there.permissions().mode() & 0o777;
        if there.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            files += private(&path);
        } else {
            assert_eq!(mode, 0o600, "{}, {} bytes", path.display(), there.size());
            files += 1;
        }
    }
    files
}

#[test]
fn whatever_a_command_makes_is_for_its_owner_only() {
    let store = Store::new();
    let input = store.home().join("input");
    fs::write(&input, two_turns()).unwrap();
    fs::set_permissions(&input, fs::Permissions::from_mode(0o600)).unwrap();
    let run = |args: &[&str]| unmasked(&store, args, &input);

    let id = run(&["new"]).trim_end().to_owned();
    run(&["append", &id]);
    run(&["fork", &id]);
    run(&["compact", &id, "--summary", "s", "--keep", "messages:1"]);
    for to in ["opi", "claw", "pi", "jsonl", "markdown"] {
        run(&["export", &id, "--to", to, "-o", to]);
    }
    run(&["--dir", "elsewhere/store", "import", "jsonl"]);
    // Damaged, so that there is something to repair.
    let path = store.path(&id);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"damage\n");
    fs::write(&path, bytes).unwrap();
    run(&["repair", &id]);
    run(&["flash", "format", "image", "--size", "64K", "--block", "4K"]);
    run(&[
        "prune",
        "--keep",
        "0",
        "--apply",
        "--archive",
        "old/sessions",
    ]);
    // Two sessions put away, what a repair kept, an imported one, an image, five exports, and the input.
    let there = private(store.home());
    assert_eq!(there, 2 + 1 + 1 + 1 + 5 + 1);
}
