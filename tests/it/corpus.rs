//! The fuzz targets' properties on their checked-in seeds, so that what a fuzzer once found is found by every test run.

use sessionlog_tests::program::program;
use sessionlog_tests::properties::{self, Ran};
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

fn on_seeds(target: &str, property: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        // A failure is read next to the name of its seed.
        println!("{}", path.display());
        property(&std::fs::read(&path).expect("readable"));
        seeds += 1;
    }
    assert!(seeds > 3, "{target} has only {seeds} seeds");
}

#[test]
fn scanner() {
    on_seeds("scanner", properties::scanner);
}

#[test]
fn framing() {
    on_seeds("framing", properties::framing);
}

#[test]
fn replay() {
    on_seeds("replay", properties::replay);
}

#[test]
fn journal() {
    on_seeds("journal", properties::journal);
}

#[test]
fn flash() {
    on_seeds("flash", properties::flash);
}

#[test]
fn foreign() {
    on_seeds("foreign", properties::foreign);
}

#[test]
fn command() {
    on_seeds("command", |input| properties::command(input, run));
}

/// The command itself, where the fuzz target has it within its own process.
fn run(dir: &Path, words: &[String], input: &[u8]) -> Ran {
    let mut command = Command::new(program());
    command.args(words).current_dir(dir).env_clear();
    command.env("SESSIONLOG_DIR", dir.join("store"));
    command.env("HOME", dir.join("home"));
    let piped = (Stdio::piped(), Stdio::piped(), Stdio::piped());
    let mut child = command
        .stdin(piped.0)
        .stdout(piped.1)
        .stderr(piped.2)
        .spawn()
        .expect("the command");
    // Who does not read its input closes it.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let ended = child.wait_with_output().expect("an end");
    Ran {
        code: ended.status.code().and_then(|code| code.try_into().ok()),
        out: ended.stdout,
        words: ended.stderr,
    }
}
