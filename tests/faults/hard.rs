//! Sessions on which other readers hung, crashed or silently showed less. Every reading command ends, in bounded memory, with
//! all that can be read or with an error that says why not.
//!
//! The sizes are such that anything quadratic would not end in a hundred times the time that is allowed.

use crate::support::{HANGS, ends, long, new_session, report, scratch, sessionlog};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const HEADER: &str = r#"{"type":"session","version":1,"id":"s","timestamp":"2026-05-22T12:00:00.123Z","cwd":"/w","parent_session":null}"#;

/// Every command that reads one session.
const READING: [&[&str]; 9] = [
    &["show"],
    &["show", "--json"],
    &["context"],
    &["context", "--json"],
    &["tree"],
    &["tree", "--json"],
    &["usage"],
    &["usage", "--json"],
    &["verify"],
];

/// Address space in KiB for a session whose records are short and few: code, stacks and buffers included.
const LITTLE: u64 = 256 << 10;

/// What a run left behind.
struct Ran {
    code: i32,
    out: Vec<u8>,
    err: String,
}

/// Runs the command with so much address space.
fn run_within(kib: u64, dir: &Path, args: &[&str]) -> Ran {
    let command = sessionlog(dir, args);
    let mut shell = Command::new("sh");
    let script = "ulimit -v \"$1\" || exit 77; shift; exec \"$@\"";
    shell.args(["-c", script, "sh", &kib.to_string()]);
    shell.arg(command.get_program()).args(args);
    shell.env("SESSIONLOG_DIR", dir);
    shell
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = ends(shell.spawn().unwrap(), &args.join(" "));
    let err = String::from_utf8(ended.stderr).unwrap();
    let code = ended.status.code();
    let code = code.unwrap_or_else(|| panic!("{args:?} within {kib} KiB: {}: {err}", ended.status));
    assert!(!err.contains("this is a bug"), "{args:?}: {err}");
    Ran {
        code,
        out: ended.stdout,
        err,
    }
}

/// A session in a directory of its own.
struct Hard {
    dir: tempfile::TempDir,
    path: PathBuf,
    kib: u64,
}

impl Hard {
    fn new(write: impl FnOnce(&mut dyn std::io::Write)) -> Self {
        let dir = scratch();
        let path = dir.path().join("hard.jsonl");
        let mut file = BufWriter::new(File::create(&path).unwrap());
        write(&mut file);
        file.flush().unwrap();
        Self {
            dir,
            path,
            kib: LITTLE,
        }
    }

    fn of(lines: &[String]) -> Self {
        Self::new(|file| {
            lines
                .iter()
                .for_each(|line| writeln!(file, "{line}").unwrap());
        })
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut args = args.to_vec();
        args.push(self.path.to_str().unwrap());
        run_within(self.kib, self.dir.path(), &args)
    }

    /// Every reading command but `verify` succeeds, and the session is listed. Gives what `verify` finds.
    fn is_read(&self) -> String {
        for command in READING {
            let ran = self.run(command);
            let verify = command == ["verify"];
            assert!(
                ran.code == 0 || verify && ran.code == 1,
                "{command:?}: {}",
                ran.err
            );
        }
        let listed = run_within(self.kib, self.dir.path(), &["list", "--json"]);
        assert_eq!((listed.code, listed.err.as_str()), (0, ""));
        assert_eq!(listed.out.iter().filter(|b| **b == b'\n').count(), 1);
        String::from_utf8(self.run(&["verify"]).out).unwrap()
    }

    /// Every reading command fails, and says why in these words; none prints anything.
    fn is_refused(&self, why: &str) {
        for command in READING {
            let ran = self.run(command);
            assert_eq!(ran.code, 1, "{command:?}");
            assert!(ran.out.is_empty(), "{command:?}");
            assert!(
                ran.err.starts_with("error: ") && ran.err.contains(why),
                "{command:?}: {}",
                ran.err
            );
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        serde_json::from_slice(&ran.out).unwrap()
    }

    /// Ids of the context.
    fn context(&self) -> Vec<String> {
        let context = self.json(&["context", "--json"]);
        let messages = context["messages"].as_array().unwrap().iter();
        messages
            .map(|m| m["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn message(id: &str, parent: Option<&str>) -> String {
    let parent = parent.map_or("null".into(), |parent| format!("\"{parent}\""));
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":{parent},"message":{{"role":"user","content":[{{"type":"text","text":"{id}"}}]}}}}"#
    )
}

fn leaf(target: &str) -> String {
    format!(r#"{{"type":"leaf","id":"leaf-{target}","parent_id":null,"entry_id":"{target}"}}"#)
}

/// A header and messages m-0 on, each the child of the one before.
fn chain(count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|n| format!("m-{n}")).collect();
    let mut lines = vec![HEADER.to_owned()];
    for n in 0..count {
        let parent = n.checked_sub(1).map(|n| names[n].as_str());
        lines.push(message(&names[n], parent));
    }
    lines
}

fn done(test: &str, outcome: &str) {
    report(&format!("hard, {test}"), outcome);
}

#[test]
fn one_corrupt_entry_in_a_chain_of_100() {
    let mut lines = chain(100);
    lines[50] = lines[50].replacen("message", "mess\u{1}ge", 1);
    let hard = Hard::of(&lines);
    let found = hard.is_read();
    assert!(found.contains("line 51, byte "), "{found}");
    let context = hard.context();
    assert_eq!(context.len(), 99);
    assert!(!context.contains(&"m-49".to_owned()));
    done(
        "one corrupt entry in a chain of 100",
        "99 of 99 in the context",
    );
}

#[test]
fn messages_after_the_last_leaf() {
    let mut lines = chain(10);
    lines.insert(6, leaf("m-4"));
    let hard = Hard::of(&lines);
    hard.is_read();
    assert_eq!(hard.context().len(), 10);
    done("messages after the last leaf", "10 of 10 in the context");
}

#[test]
fn a_leaf_that_names_an_unknown_id() {
    let mut lines = chain(10);
    lines.push(leaf("nowhere"));
    let hard = Hard::of(&lines);
    let found = hard.is_read();
    assert!(
        found.contains("\"nowhere\", which does not exist"),
        "{found}"
    );
    assert_eq!(hard.context().len(), 10);
    done(
        "a leaf that names an unknown id",
        "10 of 10 in the context, the leaf reported",
    );
}

#[test]
fn cycles_of_parents_with_rewritten_roots() {
    // Each names the next, the last the first; then the root again, with the last as its parent.
    let mut lines = vec![HEADER.to_owned()];
    let names: Vec<String> = (0..1000).map(|n| format!("m-{n}")).collect();
    for n in 0..1000 {
        lines.push(message(&names[n], Some(&names[(n + 1) % 1000])));
    }
    lines.push(message("m-0", Some("m-999")));
    lines.push(message("self", Some("self")));
    let hard = Hard::of(&lines);
    hard.is_read();
    // Parents stand before their children: what names a later one begins a branch.
    assert_eq!(hard.context(), ["self"]);
    lines.truncate(1002);
    let hard = Hard::of(&lines);
    assert_eq!(hard.context(), ["m-0", "m-999", "m-0"]);
    done(
        "cycles of parents",
        "1,002 entries in a ring, every command ends",
    );
}

#[test]
fn every_line_twice() {
    let doubled = |lines: Vec<String>| {
        let lines = lines.into_iter().flat_map(|line| [line.clone(), line]);
        Hard::of(&lines.collect::<Vec<_>>())
    };
    let mut ours = chain(500);
    ours[0] = HEADER.replacen('}', r#","writer":"sessionlog/1"}"#, 1);
    let hard = doubled(ours);
    hard.is_read();
    assert_eq!(hard.context().len(), 500);
    // In a foreign file a second root follows the first (F14): once more is better than not at all.
    let hard = doubled(chain(500));
    hard.is_read();
    let context = hard.context();
    assert_eq!(
        (context.len(), &context[0], &context[1]),
        (501, &"m-0".into(), &"m-0".into())
    );
    done("every line twice", "500 of 500 in the context");
}

fn forks(count: u64) -> Hard {
    let mut hard = Hard::new(|file| {
        writeln!(file, "{HEADER}").unwrap();
        let mut parent = None;
        for n in 0..count {
            let (on, aside) = (format!("a-{n}"), format!("b-{n}"));
            let above: Option<&str> = parent.as_deref();
            writeln!(file, "{}\n{}", message(&on, above), message(&aside, above)).unwrap();
            parent = Some(on);
        }
    });
    // Some hundred bytes an entry, and as much again where a tree is drawn; no depth of recursion, no list of a branch a branch.
    hard.kib = LITTLE + count * 2;
    hard
}

fn nested_forks(count: u64) {
    let hard = forks(count);
    let found = hard.is_read();
    assert!(found.contains("sound"), "{found}");
    let tree = hard.json(&["tree", "--json"]);
    assert_eq!(tree["branches"].as_array().unwrap().len() as u64, count + 1);
    done(
        &format!("{count} nested forks"),
        &format!("every command ends within {} KiB", hard.kib),
    );
}

#[test]
fn forks_nested_20_000_deep() {
    nested_forks(20_000);
}

/// Also in short: 100,000.
#[test]
fn forks_nested_1_000_000_deep() {
    nested_forks(if long() { 1_000_000 } else { 100_000 });
}

#[test]
fn json_nested_100_000_deep() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let mut lines = chain(3);
        let record = message("m-1", Some("m-0"));
        lines[2] = record.replacen(
            r#""content":["#,
            &format!(r#""deep":{deep},"content":["#),
            1,
        );
        // And one that never closes.
        lines.insert(3, open.repeat(100_000));
        let hard = Hard::of(&lines);
        let found = hard.is_read();
        assert!(found.contains("nesting too deep"), "{found}");
        assert_eq!(hard.context(), ["m-0", "m-2"]);
    }
    done(
        "100,000 levels of JSON",
        "the record is refused and located, the others are read",
    );
}

#[test]
fn one_line_of_100_megabytes() {
    let megabytes: u64 = if long() { 100 } else { 25 };
    let mut hard = Hard::new(|file| {
        let record = message("m-0", None);
        let (head, tail) = record.split_once("text\":\"m-0").unwrap();
        write!(file, "{HEADER}\n{head}text\":\"").unwrap();
        let piece = "a line of it\\n".repeat(1 << 10);
        for _ in 0..(megabytes << 20) / piece.len() as u64 {
            file.write_all(piece.as_bytes()).unwrap();
        }
        writeln!(file, "{tail}").unwrap();
    });
    // What shows a record holds it: as it stands, parsed, and drawn.
    let all = hard.kib;
    hard.kib = all + megabytes * 8 * 1024;
    let found = hard.is_read();
    assert!(found.contains("sound"), "{found}");
    // What does not, does not hold it.
    hard.kib = all;
    for command in [&["verify"][..], &["usage"], &["tree"]] {
        assert_eq!(hard.run(command).code, 0, "{command:?}");
    }
    done(
        &format!("a line of {megabytes} MB"),
        "verify, usage, tree and list within 256 MiB of address space, show and context within 8 times the line more",
    );
}

#[test]
fn ids_of_64_kib() {
    let long_id = "i".repeat(64 << 10);
    let mut lines = chain(3);
    lines.insert(2, message(&long_id, Some("m-0")));
    lines.push(message("m-3", Some(&long_id)));
    let header = HEADER.replacen("\"s\"", &format!("\"{long_id}\""), 1);
    let hard = Hard::of(&lines);
    let found = hard.is_read();
    assert!(
        found.contains("line 3, ") && found.contains("line 6, "),
        "{found}"
    );
    assert_eq!(hard.context(), ["m-0", "m-1", "m-2"]);
    // The session's own id is no entry's id.
    lines[0] = header;
    let hard = Hard::of(&lines);
    hard.is_read();
    assert_eq!(hard.context(), ["m-0", "m-1", "m-2"]);
    done(
        "ids of 64 KiB",
        "the entries are refused and located, the others are read",
    );
}

#[test]
fn the_largest_number_everywhere_and_totals_that_overflow() {
    let max = u64::MAX;
    let mut lines = chain(1);
    for n in 1..=3 {
        lines.push(format!(
            r#"{{"type":"message","id":"m-{n}","parent_id":"m-{}","message":{{"role":"assistant","content":[],"model":"claude-sonnet-4-5","provider":"anthropic","usage":{{"input_tokens":{max},"output_tokens":{max},"cache_read_tokens":{max},"cache_write_tokens":{max},"cache_write_1h_tokens":{max},"reasoning_tokens":{max}}},"timestamp_ms":{max}}}}}"#,
            n - 1
        ));
    }
    lines.push(format!(
        r#"{{"type":"compaction","id":"cmp-{max}","parent_id":"m-3","summary":"s","first_kept_entry_id":"m-2","tokens_before":{max},"tokens_after":{max},"totals":{{"branch":{{"input_tokens":{max},"output_tokens":{max},"cache_read_tokens":{max},"cache_write_tokens":{max}}},"spent":{{"input_tokens":{max},"output_tokens":{max},"cache_read_tokens":{max},"cache_write_tokens":{max}}},"turns":{max},"watermark":{max},"next_seq":{max}}}}}"#
    ));
    let hard = Hard::of(&lines);
    hard.is_read();
    let usage = hard.json(&["usage", "--json"]);
    assert_eq!(usage["file"]["usage"]["input_tokens"], max);
    assert_eq!(usage["branch"]["usage"]["output_tokens"], max);
    assert_eq!(hard.context().len(), 3);
    done(
        "2^64-1 in every number",
        "sums saturate at 2^64-1, nothing wraps",
    );
}

#[test]
fn a_header_that_is_not_utf_8() {
    let mut bytes = chain(5).join("\n").into_bytes();
    bytes.push(b'\n');
    let at = bytes.windows(2).position(|w| w == b"/w").unwrap();
    bytes[at] = 0xff;
    let hard = Hard::new(|file| file.write_all(&bytes).unwrap());
    let found = hard.is_read();
    assert!(found.contains("line 1, byte "), "{found}");
    assert_eq!(hard.context().len(), 5);
    // UTF-16, as some editors save it: no line of it is a record.
    let wide: Vec<u8> = chain(5)
        .join("\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    Hard::new(|file| file.write_all(&wide).unwrap()).is_refused("not a session");
    done(
        "a header that is not UTF-8",
        "5 of 5 in the context, the damage located",
    );
}

#[test]
fn an_empty_file() {
    Hard::new(|_| {}).is_refused("the file is empty");
    Hard::new(|file| file.write_all(b"\n \n\t\r\n").unwrap()).is_refused("holds no session");
    Hard::new(|file| file.write_all(&[0; 1 << 20]).unwrap()).is_refused("not a session");
    done("an empty file", "refused with a clear error");
}

/// What is no regular file is refused, and nobody waits for its other end. A link to a session is read where it is named, and not
/// listed.
#[test]
fn a_directory_a_pipe_a_link_or_a_device_in_a_sessions_place() {
    let dir = scratch();
    let place = |name: &str| dir.path().join(format!("{name}.jsonl"));
    fs::create_dir(place("directory")).unwrap();
    let made = Command::new("mkfifo").arg(place("pipe")).status().unwrap();
    assert!(made.success());
    let session = new_session(&dir.path().join("elsewhere"));
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, place(name)).unwrap();
    link(&session, "link");
    link(Path::new("nowhere"), "dangling");
    link(&place("loop"), "loop");
    for device in ["null", "zero", "full", "random"] {
        link(&Path::new("/dev").join(device), device);
    }
    for (name, why) in [
        ("directory", "a directory"),
        ("pipe", "a named pipe"),
        ("dangling", "no such file"),
        ("loop", "loop"),
        ("null", "a device"),
        ("zero", "a device"),
        ("full", "a device"),
        ("random", "a device"),
    ] {
        let spec = place(name);
        for command in READING {
            // These take directories, and find no session in this one.
            if name == "directory" && ["verify", "usage"].contains(&command[0]) {
                continue;
            }
            let args = [command, &[spec.to_str().unwrap()]].concat();
            let ran = run_within(LITTLE, dir.path(), &args);
            assert_eq!(ran.code, 1, "{name}, {command:?}: {}", ran.err);
            assert!(ran.err.contains(why), "{name}, {command:?}: {}", ran.err);
        }
        for command in ["append", "repair", "compact"] {
            let ran = run_within(LITTLE, dir.path(), &[command, spec.to_str().unwrap()]);
            assert_eq!(ran.code, 1, "{name}, {command}: {}", ran.err);
        }
    }
    for command in READING {
        let link = place("link");
        let args = [command, &[link.to_str().unwrap()]].concat();
        assert_eq!(run_within(LITTLE, dir.path(), &args).code, 0, "{command:?}");
    }
    let listed = run_within(LITTLE, dir.path(), &["list", "--json"]);
    assert_eq!((listed.code, listed.out.len()), (0, 0), "{}", listed.err);
    let checked = run_within(
        LITTLE,
        dir.path(),
        &["verify", dir.path().to_str().unwrap()],
    );
    assert_eq!(checked.code, 0, "{}", checked.err);
    done(
        "what is no file",
        &format!(
            "a directory, a pipe, links and devices: refused, none waited for ({} s would have been a hang)",
            HANGS.as_secs()
        ),
    );
}
