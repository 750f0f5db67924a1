use serde_json::Value;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// A directory for sessions, and the command that keeps them there.
pub(crate) struct Store {
    home: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Store {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.home().join("sessions")
    }

    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.dir().join(format!("{id}.jsonl"))
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sessionlog"));
        command
            .args(args)
            .env_clear()
            .env("SESSIONLOG_DIR", self.dir())
            .env("HOME", self.home())
            .env("TZ", "UTC")
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self.spawn(args);
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // It may stop reading before all is written.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap().into()
        })
    }

    /// With its input open.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdin(Stdio::piped()).spawn().unwrap()
    }

    /// What a run that has to succeed, without a word, prints.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}: {ran:?}");
        ran.out
    }

    /// The one JSON value that a run has to print.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(args);
        assert_eq!(out.matches('\n').count(), 1, "{args:?}: {out}");
        serde_json::from_str(&out).unwrap()
    }

    pub(crate) fn new_session(&self) -> String {
        self.ok(&["new", "--cwd", "/w"]).trim_end().to_owned()
    }

    /// Appends and gives the ids.
    pub(crate) fn append(&self, id: &str, input: &str) -> Vec<String> {
        let ran = self.feed(&["append", id], input.as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        ran.out.lines().map(str::to_owned).collect()
    }

    /// A file that some program wrote.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::create_dir_all(self.dir()).unwrap();
        let path = self.dir().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("no signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn user(text: &str) -> String {
    format!(r#"{{"role":"user","content":[{{"type":"text","text":"{text}"}}],"timestamp_ms":0}}"#)
        + "\n"
}

pub(crate) fn assistant(text: &str, model: &str, input: u64, output: u64) -> String {
    format!(
        r#"{{"role":"assistant","content":[{{"type":"text","text":"{text}"}}],"provider":"anthropic","model":"{model}","stop_reason":"stop","usage":{{"input_tokens":{input},"output_tokens":{output},"cache_read_tokens":0,"cache_write_tokens":0}},"timestamp_ms":0}}"#
    ) + "\n"
}

/// Two turns of a question and an answer: msg-1 to msg-2 and msg-4 to msg-5.
pub(crate) fn two_turns() -> String {
    let turn = |n: u64| {
        let answer = assistant(&format!("answer {n}"), "claude-sonnet-4-5", 1_000 * n, 10);
        user(&format!("question {n}")) + &answer
    };
    format!("{}\n{}", turn(1), turn(2))
}
