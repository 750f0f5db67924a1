//! Processes, seeds, counts.

use serde::Deserialize;
use serde_json::value::RawValue;
use sessionlog::{NewSession, Session, SessionStore, verify};
use sessionlog_core::{journal::Options, record::Verbatim};
use sessionlog_tests::load::payload;
pub(crate) use sessionlog_tests::program::program;
use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Longer than anything here takes, on any machine: only what hangs meets it.
pub(crate) const HANGS: Duration = Duration::from_secs(600);

/// The long campaign was asked for.
pub(crate) fn long() -> bool {
    env::var_os("SESSIONLOG_FAULTS").is_some_and(|wish| wish == "long")
}

/// How many times.
pub(crate) fn rounds(short: u64, at_length: u64) -> u64 {
    if long() { at_length } else { short }
}

/// The seed of this run: `SESSIONLOG_SEED`, or another one each time. A failing test shows it.
pub(crate) fn seed() -> u64 {
    if let Ok(seed) = env::var("SESSIONLOG_SEED") {
        return seed.parse().expect("SESSIONLOG_SEED is a number");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos() % 1_000_000_007).unwrap()
}

/// Says what a test counted; `ci/faults` shows these lines.
pub(crate) fn report(test: &str, counted: &str) {
    println!("faults: {test}: {counted}");
}

/// The person who runs this has said that the machine cannot do it: `SESSIONLOG_FAULTS_WITHOUT=tmpfs,strace`.
/// Nothing is ever left out unasked.
pub(crate) fn left_out(what: &str) -> bool {
    let without = env::var("SESSIONLOG_FAULTS_WITHOUT").unwrap_or_default();
    let out = without.split(',').any(|word| word == what);
    if out {
        report(
            what,
            "LEFT OUT, as SESSIONLOG_FAULTS_WITHOUT says: nothing was tried",
        );
    }
    out
}

/// The helper that writes.
pub(crate) fn writer(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionlog-writer"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The command, with its sessions in `dir`.
pub(crate) fn sessionlog(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(args)
        .env("SESSIONLOG_DIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for a process that must end; kills it and fails when it hangs. Its output is read meanwhile.
pub(crate) fn ends(mut child: Child, what: &str) -> Output {
    let pid = child.id();
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let read = |pipe: Option<&mut dyn std::io::Read>| {
        let mut bytes = vec![];
        if let Some(pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        bytes
    };
    thread::scope(|scope| {
        let stdout = scope.spawn(move || read(out.as_mut().map(|pipe| pipe as _)));
        let stderr = scope.spawn(move || read(err.as_mut().map(|pipe| pipe as _)));
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > HANGS {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{what}: process {pid} hangs");
            }
            thread::sleep(Duration::from_millis(2));
        };
        Output {
            status,
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    })
}

/// A line of a session, as any JSON parser reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(borrow, default)]
    pub(crate) message: Option<&'a RawValue>,
}

/// The whole lines of a file that are JSON, by id. Knows nothing of the format: it is what the promises are held against.
pub(crate) fn by_id(bytes: &[u8]) -> HashMap<String, Option<&str>> {
    let mut lines = HashMap::new();
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if line.ends_with(b"\n")
            && let Ok(Line {
                id: Some(id),
                message,
            }) = serde_json::from_slice(line)
        {
            let twice = lines.insert(id, message.map(RawValue::get));
            assert!(twice.is_none(), "{twice:?} stands twice");
        }
    }
    lines
}

/// A directory where a sync costs little, for tests of content and not of disks.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let dir = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    dir.unwrap()
}

/// A session in `dir` with its header only.
pub(crate) fn new_session(dir: &Path) -> PathBuf {
    let store = SessionStore::at(dir);
    let session = Session::create(&store, &NewSession::default(), Options::default()).unwrap();
    session.path().to_owned()
}

/// The next append works, is durable, and leaves a file in which nothing is wrong but the given number of corrupt lines.
/// Gives the id.
pub(crate) fn append_works(path: &Path, corrupt: u64, what: &str) -> String {
    let opened = Session::open(path, Options::default());
    let mut session = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    let text = payload(0, 2);
    let id = session.append(&Verbatim(text.as_bytes())).unwrap();
    session.end_turn().unwrap();
    drop(session);
    let bytes = fs::read(path).unwrap();
    assert_eq!(by_id(&bytes)[id.as_str()], Some(text.as_str()), "{what}");
    let found = verify(path).unwrap();
    assert_eq!(found.health.corrupt, corrupt, "{what}: {found:?}");
    if corrupt == 0 {
        assert!(found.is_sound(), "{what}: {found:?}");
    }
    id.to_string()
}
