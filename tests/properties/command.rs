//! Any command line, on sessions of ours and of others, and on any file.

use super::foreign::scratch;
use sessionlog::sanitize::is_unprintable;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// How a run of the command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<u8>,
    /// What it wrote to standard output.
    pub out: Vec<u8>,
    /// What it wrote to standard error.
    pub words: Vec<u8>,
}

/// Commands that change nothing but the file that they are told to write.
const READING: [&str; 10] = [
    "list",
    "show",
    "context",
    "tree",
    "usage",
    "verify",
    "export",
    "flash",
    "completions",
    "help",
];
/// Commands whose standard output is text for people unless JSON is asked for.
const FOR_PEOPLE: [&str; 11] = [
    "list", "show", "tree", "usage", "verify", "repair", "delete", "prune", "import", "new", "fork",
];

/// The directories and files that a command line is run among.
fn scene() -> BTreeMap<PathBuf, Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let of = |name: &str| fs::read(root.join(name)).expect("a vector");
    [
        ("store/one.jsonl", of("valid/chained-branch-leaf.jsonl")),
        ("store/two.jsonl", of("torn/in-utf8-sequence.jsonl")),
        ("store/three.jsonl", of("invalid/crc-mismatch.jsonl")),
        ("claude.jsonl", of("foreign/claude/traps.jsonl")),
        ("codex.jsonl.zst", of("foreign/codex/packed.jsonl.zst")),
        ("claw.json", of("foreign/claw/object.json")),
        (
            "home/.claude/projects/p/agent.jsonl",
            of("foreign/claude/agent-7.jsonl"),
        ),
        (
            "home/.pi/agent/sessions/p/pi.jsonl",
            of("foreign/pi/v3.jsonl"),
        ),
        ("image", vec![0xff; 4 * 4096]),
    ]
    .map(|(name, bytes)| (name.into(), bytes))
    .into()
}

fn write(dir: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("creatable");
        fs::write(path, bytes).expect("writable");
    }
}

fn files_in(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(&next).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let name = path.strip_prefix(dir).expect("within").to_owned();
            found.insert(name, fs::read(&path).expect("readable"));
        }
    }
    found
}

/// The words of an input, a line each up to an empty line, and the rest. `None` for those that lead out of the scene or wait for
/// somebody: they have other tests.
fn parts(input: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let text_end = input.windows(2).position(|two| two == b"\n\n");
    let (words, rest) = match text_end {
        Some(at) => (input.get(..at)?, input.get(at + 2..)?),
        None => (input, &[][..]),
    };
    let words = str::from_utf8(words).ok()?;
    let words: Vec<String> = words.split('\n').map(str::to_owned).collect();
    let leads_out = |word: &String| word.contains(['/', '\\', '\0']) || word.contains("..");
    // `-f`, also among other short options, and what could be short for `--follow`.
    let waits = |word: &String| {
        let short = word.starts_with('-') && !word.starts_with("--") && word.contains('f');
        short || word.len() > 2 && "--follow".starts_with(word.as_str())
    };
    // An image may be as large as it is said to be.
    let large = |word: &String| word.starts_with("--size") || word.starts_with("--offset");
    let fine = words.len() <= 12 && !words.iter().any(|w| leads_out(w) || waits(w) || large(w));
    fine.then_some((words, rest))
}

/// Input: words, a line each, an empty line, and then what is in the file `input` and on standard input.
///
/// `run` runs the command with these words and that standard input in that directory, its store `store` and its home `home`.
///
/// It ends with 0, 1 or 2; shows nothing that acts on a terminal; and no session is lost, nor changed by reading it.
///
/// # Panics
/// When not.
pub fn command(input: &[u8], run: impl FnOnce(&Path, &[String], &[u8]) -> Ran) {
    let Some((words, rest)) = parts(input) else {
        return;
    };
    let dir = scratch();
    let mut files = scene();
    files.insert("input".into(), rest.to_vec());
    write(dir.path(), &files);
    let ran = run(dir.path(), &words, rest);
    let told = || {
        let out = String::from_utf8_lossy(&ran.out).into_owned();
        format!(
            "{words:?}: {:?}, {out:?}, {:?}",
            ran.code,
            String::from_utf8_lossy(&ran.words)
        )
    };
    assert!(matches!(ran.code, Some(0..=2)), "{}", told());

    let of = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let mut shown = vec![&ran.words];
    let raw = words.iter().any(|word| word == "--json" || word == "--csv");
    if of(&FOR_PEOPLE) && !raw && !of(&["export", "context", "flash", "completions"]) {
        shown.push(&ran.out);
    }
    for text in shown {
        let text = str::from_utf8(text).unwrap_or_else(|_| panic!("no UTF-8: {}", told()));
        let coloured = words.iter().any(|word| word.starts_with("--color"));
        let acts =
            |c: char| is_unprintable(c) && !matches!(c, '\n' | '\t') && !(coloured && c == '\x1b');
        assert!(!text.contains(acts), "{}", told());
    }

    let left = files_in(dir.path());
    let reads = of(&READING)
        && !of(&[
            "new", "append", "leaf", "fork", "compact", "repair", "delete", "import", "prune",
        ]);
    for (name, bytes) in &files {
        if reads {
            assert_eq!(
                left.get(name),
                Some(bytes),
                "{}: {}",
                name.display(),
                told()
            );
        }
        // Whole lines stay, here or elsewhere.
        let whole = bytes
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let kept = left
            .values()
            .any(|there| there.starts_with(&bytes[..whole]));
        assert!(kept || of(&["delete"]), "{}: {}", name.display(), told());
    }
}
