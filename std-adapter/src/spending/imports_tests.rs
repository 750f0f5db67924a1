//! What was imported under another id than its source's is the same session.

use super::copies::{claw_meta, claw_said, codex, codex_meta, codex_said, codex_total};
use super::*;
use crate::{
    Session, SessionLog, SessionStore,
    interchange::{Importer, Outcome},
};
use sessionlog_core::{journal::Options, record::Verbatim};
use std::path::Path;

/// A source of one agent, as a file's name and lines.
struct Source {
    name: &'static str,
    lines: fn(id: &str) -> Vec<String>,
    /// What it has later.
    more: fn() -> Vec<String>,
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Each format, without what would tell a message everywhere: sources that use 1,000 of input, and 50 more later.
const SOURCES: [Source; 6] = [
    Source {
        name: "claude.jsonl",
        lines: |id| {
            // A line by which it is recognised.
            let known = claude(id, "system", 0).replace("{\"type\"", "{\"uuid\":\"u\",\"type\"");
            vec![known, claude(id, "user", 0), claude(id, "assistant", 1000)]
        },
        more: || vec![claude("", "user", 0), claude("", "assistant", 50)],
    },
    Source {
        name: "claw.jsonl",
        lines: |id| {
            let meta = claw_meta("ID", "").replace("\"ID\"", &json(id));
            let answer = claw_said("yes", Some((1000, 1)));
            vec![meta, claw_said("hi", None), answer]
        },
        more: || {
            let answer = claw_said("done", Some((50, 1)));
            vec![claw_said("on", None), answer]
        },
    },
    Source {
        name: "rollout-codex.jsonl",
        lines: |id| {
            let meta = codex_meta("1T10:00:00.000", "ID", "1T10:00:00.000", "");
            vec![
                meta.replace("\"ID\"", &json(id)),
                codex("1T10:00:00.100", "turn_context", r#""model":"m""#),
                codex_said("1T10:00:01.000", "user", "hi"),
                codex_said("1T10:00:02.000", "assistant", "yes"),
                codex_total("1T10:00:03.000", 1000, 1000),
            ]
        },
        more: || {
            vec![
                codex_said("1T10:00:04.000", "user", "on"),
                codex_said("1T10:00:05.000", "assistant", "done"),
                codex_total("1T10:00:06.000", 1050, 50),
            ]
        },
    },
    Source {
        name: "opi.jsonl",
        lines: |id| {
            let header = header("ID", "/w", "").replace("\"ID\"", &json(id));
            vec![
                header,
                timeless(user("msg-1", "")),
                timeless(answer("msg-2", "", "one", 1000)),
            ]
        },
        more: || {
            vec![
                timeless(user("msg-3", "")),
                timeless(answer("msg-4", "", "one", 50)),
            ]
        },
    },
    Source {
        name: "opi2.jsonl",
        lines: |id| {
            let header = header("ID", "/w", "").replace("\"ID\"", &json(id));
            let header = header.replace("\"version\":1", "\"version\":2");
            vec![
                header,
                timeless(user("msg-1", "")),
                timeless(answer("msg-2", "", "one", 1000)),
            ]
        },
        more: || {
            vec![
                timeless(user("msg-3", "")),
                timeless(answer("msg-4", "", "one", 50)),
            ]
        },
    },
    Source {
        name: "pi.jsonl",
        lines: |id| {
            let header = r#"{"type":"session","version":3,"id":ID,"timestamp":"2026-05-22T12:00:00.000Z","cwd":"/w"}"#;
            let header = header.replace("ID", &json(id));
            vec![header, pi("a", "null", None), pi("b", "\"a\"", Some(1000))]
        },
        more: || vec![pi("c", "\"b\"", None), pi("d", "\"c\"", Some(50))],
    },
];

/// A line without a `uuid`.
fn claude(session: &str, role: &str, input: u64) -> String {
    let usage = match input {
        0 => String::new(),
        input => format!(r#","model":"m","usage":{{"input_tokens":{input},"output_tokens":1}}"#),
    };
    format!(
        r#"{{"type":"{role}","sessionId":{},"parentUuid":null,"timestamp":"2026-05-01T12:00:00.000Z","message":{{"role":"{role}","content":[]{usage}}}}}"#,
        json(session)
    )
}

fn pi(id: &str, parent: &str, input: Option<u64>) -> String {
    let message = match input {
        None => r#"{"role":"user","content":"hi"}"#.to_owned(),
        Some(input) => format!(
            r#"{{"role":"assistant","content":[{{"type":"text","text":"yes"}}],"provider":"p","model":"one","usage":{{"input":{input},"output":1,"cacheRead":0,"cacheWrite":0}}}}"#
        ),
    };
    format!(r#"{{"type":"message","id":"{id}","parentId":{parent},"message":{message}}}"#)
}

fn timeless(line: String) -> String {
    line.replace(r#""timestamp":"","#, "")
}

/// A directory with sources, and a store beside it.
struct Place {
    dir: tempfile::TempDir,
    store: SessionStore,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SessionStore::at(dir.path().join("store"));
        Place { dir, store }
    }

    fn write(&self, name: &str, lines: &[String]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    }

    fn import(&self, path: &Path, outcome: Outcome) -> PathBuf {
        let importer = Importer::new(&self.store).anew(true);
        let imported = importer.import(path).unwrap();
        assert_eq!(imported.outcome, outcome, "{imported:?}");
        imported.path
    }
}

/// Goes on with a session: an answer that uses so much.
fn go_on(path: &Path, text: &str, input: u64) {
    let mut session = Session::open(path, Options::default()).unwrap();
    let user = r#"{"role":"user","content":[{"type":"text","text":"on"}]}"#;
    session.append(&Verbatim(user.as_bytes())).unwrap();
    let answer = format!(
        r#"{{"role":"assistant","content":[{{"type":"text","text":"{text}"}}],"usage":{{"input_tokens":{input},"output_tokens":1}}}}"#
    );
    session.append(&Verbatim(answer.as_bytes())).unwrap();
    session.end_turn().unwrap();
}

/// Input, turns and sessions, in this order of the files and backwards.
fn all(paths: &[&Path], expected: (u64, u64, u64)) {
    let mut paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
    for _ in 0..2 {
        let found = spending(&paths, &ask(By::Day), &prices(), |_| {});
        let totals = found.total.totals;
        let is = (totals.usage.input_tokens, totals.turns, found.sessions);
        assert_eq!(is, expected, "{paths:?}");
        paths.reverse();
    }
}

/// Ids that are not the name of the file that was made of them.
const ODD: [&str; 9] = [
    "",
    "a/b",
    "a:b",
    "..",
    "CON",
    "a\0b",
    "a\u{202e}b",
    "a\u{200b}b",
    "./x",
];

#[test]
fn an_id_that_can_be_no_files_name_is_still_the_sources() {
    for source in SOURCES {
        for id in ODD {
            let place = Place::new();
            let file = place.write(source.name, &(source.lines)(id));
            let imported = place.import(&file, Outcome::New);
            let ids = [&file, &imported].map(|path| SessionLog::open(path).unwrap().id());
            assert_ne!(ids[1], id);
            assert!(id.is_empty() || ids[0] == id);
            let expected = (1000, 1, 1);
            all(&[&file], expected);
            all(&[&imported], expected);
            all(&[&file, &imported], expected);
            place.import(&file, Outcome::Unchanged);
        }
    }
}

#[test]
fn what_was_imported_anew_is_its_source_and_what_was_added_here_is_not() {
    for source in SOURCES {
        for id in ["s-1", "a/b"] {
            let place = Place::new();
            let mut lines = (source.lines)(id);
            let file = place.write(source.name, &lines);
            let first = place.import(&file, Outcome::New);
            // In the words that the source says next, with what that used; and the same in both.
            go_on(&first, "done", 50);
            let more = (source.more)().into_iter();
            lines.extend(more.map(|line| {
                line.replace("\"sessionId\":\"\"", &format!("\"sessionId\":{}", json(id)))
            }));
            place.write(source.name, &lines);
            let second = place.import(&file, Outcome::New);
            place.import(&file, Outcome::Unchanged);
            all(&[&file], (1050, 2, 1));
            all(&[&second], (1050, 2, 1));
            all(&[&file, &second], (1050, 2, 1));
            all(&[&first], (1050, 2, 1));
            all(&[&first, &second], (1100, 3, 1));
            all(&[&file, &first, &second], (1100, 3, 1));
            go_on(&second, "done", 50);
            all(&[&second], (1100, 3, 1));
            all(&[&first, &second], (1150, 4, 1));
            all(&[&file, &first, &second], (1150, 4, 1));
            // A fork says what is its own.
            let log = SessionLog::open(&second).unwrap();
            let fork = crate::fork(&place.store, &log, None, None).unwrap().path;
            go_on(&fork, "done", 7);
            all(&[&fork], (7, 1, 1));
            all(&[&file, &fork], (1057, 3, 2));
            all(&[&file, &first, &second, &fork], (1157, 5, 2));
        }
    }
}

#[test]
fn sessions_whose_ids_become_one_name_are_two() {
    // They say the same, at no time: the session's id is all that tells them apart.
    for (at, source) in SOURCES.iter().enumerate() {
        let orders = [["a/b", "a:b", "a-b"], ["a-b", "a/b", "a:b"]];
        // A copy that has its own name has no note.
        let orders = &orders[..if at == 3 { 1 } else { 2 }];
        for names in orders {
            let place = Place::new();
            let write = |id: &str| {
                let name = format!("{}-{}", id.as_bytes()[1], source.name);
                place.write(&name, &(source.lines)(id))
            };
            let files = names.map(write);
            let imported = files
                .each_ref()
                .map(|file| place.import(file, Outcome::New));
            let ids = imported
                .each_ref()
                .map(|path| SessionLog::open(path).unwrap().id());
            assert_eq!(ids, ["a-b", "a-b-2", "a-b-3"]);
            for file in &files {
                place.import(file, Outcome::Unchanged);
            }
            let [one, two, three] = &files;
            let [a, b, c] = &imported;
            all(&[one, two, three], (3000, 3, 3));
            all(&[a, b, c], (3000, 3, 3));
            all(&[a, b, c, one, two, three], (3000, 3, 3));
            all(&[a, one], (1000, 1, 1));
            all(&[b, two], (1000, 1, 1));
            all(&[a, two], (2000, 2, 2));
        }
    }
}

#[test]
fn a_copy_in_another_store_is_what_it_was_before() {
    for source in SOURCES {
        let [here, there] = [Place::new(), Place::new()];
        let file = here.write(source.name, &(source.lines)("a/b"));
        let first = here.import(&file, Outcome::New);
        go_on(&first, "done", 50);
        // Its name is taken there.
        let other = there.write("other.jsonl", &two()[0]);
        let taken = there.store.path_for("a-b").unwrap();
        there.import(&other, Outcome::New);
        fs::copy(&other, &taken).unwrap();
        let copy = there.import(&first, Outcome::New);
        assert_eq!(SessionLog::open(&copy).unwrap().id(), "a-b-2");
        there.import(&first, Outcome::Unchanged);
        let expected = (1050, 2, 1);
        all(&[&copy], expected);
        all(&[&first, &copy], expected);
        all(&[&file, &copy], expected);
        all(&[&file, &first, &copy], expected);
        go_on(&copy, "done", 50);
        all(&[&file, &first, &copy], (1100, 3, 1));
        assert!(crate::verify(&copy).unwrap().is_sound());
    }
}

#[test]
fn a_backup_of_claw_code_is_its_sessions() {
    let place = Place::new();
    let lines = (SOURCES[1].lines)("s");
    let backup = place.write("s.rot-1.jsonl", &lines[..3]);
    let file = place.write("s.jsonl", &[&lines[..], &(SOURCES[1].more)()].concat());
    let imported = [&backup, &file].map(|file| place.import(file, Outcome::New));
    all(&[&backup, &file], (1050, 2, 1));
    all(&[&imported[0], &imported[1]], (1050, 2, 1));
    all(&[&backup, &file, &imported[0], &imported[1]], (1050, 2, 1));
}

/// Without the source's id, and without where what was added begins, a session is known by its own id.
#[test]
fn what_was_imported_before_ids_were_noted_counts_as_it_did() {
    let (place, codex) = (Place::new(), &SOURCES[2]);
    let file = place.write("codex.jsonl", &(codex.lines)("s-1"));
    let imported = place.import(&file, Outcome::New);
    let text = fs::read_to_string(&imported).unwrap();
    let (header, rest) = text.split_once('\n').unwrap();
    let (header, _) = header.split_once(",\"next\":").unwrap();
    let old = |id: &str, name: &str| {
        let header = header.replace("\"s-1\"", &json(id)) + "}}";
        place.write(name, &[header, rest.trim_end().to_owned()])
    };
    let same = old("s-1", "same.jsonl");
    let other = old("s-1-2", "other.jsonl");
    all(&[&file, &same], (1000, 1, 1));
    all(&[&same, &other], (2000, 2, 2));
    // What was added speaks as the source would.
    go_on(&same, "done", 50);
    all(&[&same], (1050, 2, 1));
    let more = (codex.more)();
    place.write("codex.jsonl", &[(codex.lines)("s-1"), more].concat());
    all(&[&file, &same], (1050, 2, 1));
}
