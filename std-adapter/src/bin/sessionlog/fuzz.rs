//! The command as a fuzz target: `sessionlog_tests::properties::command` on any bytes, within the process, so that coverage guides.
//!
//! `tests/fuzz` builds it; it stands here because the command is no library, and shares its modules.
#![no_main]

mod args;
mod cmd;
mod failure;
mod output;
mod render;

use args::Cli;
use clap::Parser as _;
use output::Output;
use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::dup,
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use sessionlog_tests::properties::{self, Ran};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead as _, Read as _, Seek as _, Write as _},
    os::fd::OwnedFd,
    panic,
    path::Path,
    sync::OnceLock,
};

/// The process's own standard error, which libFuzzer and a panic write to.
static STDERR: OnceLock<OwnedFd> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: begin(), |input: &[u8]| properties::command(input, run));

fn begin() {
    let stderr = dup(io::stderr()).expect("a descriptor");
    STDERR.set(stderr).expect("the first time");
    let abort = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if let Some(stderr) = STDERR.get() {
            let _ = dup2_stderr(stderr);
        }
        abort(panic);
    }));
    for name in [
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "CLAUDE_CONFIG_DIR",
        "CODEX_HOME",
        "PI_CODING_AGENT_DIR",
        "OPI_SESSIONS_DIR",
        "CLAW_CONFIG_HOME",
    ] {
        // SAFETY: libFuzzer has started no thread yet.
        unsafe { std::env::remove_var(name) };
    }
}

fn memory(bytes: &[u8]) -> File {
    let mut file = File::from(memfd_create("stream", MemfdFlags::CLOEXEC).expect("memory"));
    file.write_all(bytes).expect("memory");
    file.rewind().expect("memory");
    file
}

fn written(mut file: File) -> Vec<u8> {
    let mut bytes = vec![];
    file.rewind().expect("memory");
    file.read_to_end(&mut bytes).expect("memory");
    bytes
}

/// Runs the command with these words and this standard input in that directory.
fn run(dir: &Path, words: &[String], input: &[u8]) -> Ran {
    // SAFETY: no other thread runs between two inputs.
    unsafe {
        std::env::set_var("SESSIONLOG_DIR", dir.join("store"));
        std::env::set_var("HOME", dir.join("home"));
    }
    let here = File::open(".").expect("the directory");
    let stdout = dup(io::stdout()).expect("a descriptor");
    let (out, said) = (memory(b""), memory(b""));
    std::env::set_current_dir(dir).expect("the scene");
    // What the last run has left unread.
    dup2_stdin(File::open("/dev/null").expect("/dev/null")).expect("a descriptor");
    let mut stdin = io::stdin().lock();
    while let Some(left) = stdin
        .fill_buf()
        .ok()
        .map(<[u8]>::len)
        .filter(|left| *left > 0)
    {
        stdin.consume(left);
    }
    drop(stdin);
    dup2_stdin(memory(input)).expect("a descriptor");
    dup2_stdout(&out).expect("a descriptor");
    dup2_stderr(&said).expect("a descriptor");

    let words: Vec<OsString> = std::iter::once("sessionlog".into())
        .chain(words.iter().map(Into::into))
        .collect();
    let code = code(&words);

    dup2_stdout(stdout).expect("a descriptor");
    dup2_stderr(STDERR.get().expect("set at the beginning")).expect("a descriptor");
    rustix::process::fchdir(here).expect("the directory");
    Ran {
        code: Some(code),
        out: written(out),
        words: written(said),
    }
}

/// As `main` does.
fn code(words: &[OsString]) -> u8 {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(answer) => {
            let wrong = answer.use_stderr();
            output::answer_of_clap(&answer, words, args::color_wish(words));
            return if wrong { failure::USAGE } else { 0 };
        }
    };
    let mut out = Output::new(cli.global.color, cli.global.json);
    let result = cmd::run(cli.command, &cli.global, &mut out);
    let code = result.as_ref().map_or_else(failure::Failure::code, |()| 0);
    out.finish(result);
    code
}
