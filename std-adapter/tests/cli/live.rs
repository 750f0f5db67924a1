//! Files of other agents as they are met: being written, damaged, with blank lines, found by their ids, put away, and
//! written for pi.

use crate::{
    foreign::dir,
    run::{Store, lines},
};
use serde_json::{Value, json};
use std::fs;

fn text(parts: &[&str]) -> String {
    parts.iter().map(|line| format!("{line}\n")).collect()
}

const PI: &str = r#"{"type":"session","version":3,"id":"pi-live","timestamp":"2026-05-22T12:00:00.000Z","cwd":"/w"}"#;
const ASKED: &str = r#"{"type":"message","id":"a1","parentId":null,"timestamp":"2026-05-22T12:00:01.000Z","message":{"role":"user","content":"hi","timestamp":1}}"#;
const SAID: &str = r#"{"type":"message","id":"a2","parentId":"a1","timestamp":"2026-05-22T12:00:02.000Z","message":{"role":"assistant","content":[{"type":"text","text":"ho"}],"api":"anthropic-messages","provider":"anthropic","model":"claude-sonnet-4-5","usage":{"input":7,"output":1,"cacheRead":0,"cacheWrite":0},"stopReason":"stop","timestamp":2}}"#;

#[test]
fn a_session_that_is_being_written_is_told_of() {
    let store = Store::new();
    let whole = text(&[PI, ASKED, SAID]);
    let path = store.file("../live.jsonl", &whole.as_bytes()[..whole.len() - 40]);
    let ran = store.run(&["import", &path]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("its last line is unfinished"), "{ran:?}");
    store.file("../live.jsonl", whole.as_bytes());
    assert!(store.ok(&["import", &path]).contains(": added to pi-live"));
    assert!(
        store
            .ok(&["import", &path])
            .contains("all of it is in pi-live")
    );
    let usage = store.json(&["usage", "--json", "pi-live"]);
    assert_eq!(usage["file"]["usage"]["input_tokens"], 7);
    assert_eq!(usage["file"]["unreported"], 0);
    store.append("pi-live", &crate::run::user("here"));
    let more = SAID.replace("\"a2\"", "\"a3\"");
    store.file("../live.jsonl", format!("{whole}{more}\n").as_bytes());
    let ran = store.run(&["import", &path]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("which was gone on with here; --anew"),
        "{ran:?}"
    );
    // One copy, however often.
    for outcome in ["new", "unchanged", "unchanged"] {
        let ran = lines(&store.ok(&["import", "--anew", "--json", &path]));
        assert_eq!(
            (&ran[0]["outcome"], &ran[0]["id"]),
            (&json!(outcome), &json!("pi-live-2"))
        );
    }
    let by = store.json(&["usage", "--all", "--by", "session", "--json"]);
    assert!(
        by["rows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["key"] == "pi-live-2"),
        "{by}"
    );
    // Put away, it is still known.
    store.run(&["prune", "--keep", "0", "--apply"]);
    let again = lines(&store.ok(&["import", "--anew", "--json", &path]));
    assert_eq!(
        (&again[0]["outcome"], &again[0]["archived"]),
        (&json!("unchanged"), &json!(true))
    );
    assert!(store.ok(&["import", "--anew", &path]).contains("put away"));
    assert!(!store.path("pi-live").exists());
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let store = Store::new();
    let packed = [0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff];
    let some = store.home().join("some");
    fs::create_dir_all(&some).unwrap();
    fs::write(some.join("bad.jsonl.zst"), packed).unwrap();
    fs::write(some.join("good.jsonl"), text(&[PI, ASKED, SAID])).unwrap();
    let some = some.to_str().unwrap();
    let ran = store.run(&["verify", some]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("bad.jsonl.zst: cannot unpack: "),
        "{ran:?}"
    );
    assert!(ran.err.contains("get a whole copy"), "{ran:?}");
    let ran = store.run(&["usage", "--json", some]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let spent: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(
        spent["failed"][0]["path"]
            .as_str()
            .unwrap()
            .ends_with("bad.jsonl.zst")
    );
    assert_eq!(spent["sessions"], 1);
    let listed = lines(&store.ok(&["list", "--json", some]));
    assert_eq!(listed.len(), 2, "{listed:?}");
    let bad = listed
        .iter()
        .find(|line| line["id"] == "bad.jsonl")
        .unwrap();
    assert!(
        bad["error"].as_str().unwrap().contains("a whole copy"),
        "{bad}"
    );
    // A file by itself is listed too.
    let good = format!("{some}/good.jsonl");
    assert_eq!(
        lines(&store.ok(&["list", "--json", &good]))[0]["id"],
        "good"
    );
}

#[test]
fn lines_are_told_as_an_editor_counts_them() {
    let store = Store::new();
    let blank = format!("{PI}\n\n \t\n{ASKED}\n\n{{\"broken\n{SAID}\n");
    let path = store.file("../blank.jsonl", blank.as_bytes());
    let found: Value = serde_json::from_str(&store.run(&["verify", "--json", &path]).out).unwrap();
    assert_eq!(found["problems"][0]["line"], 6, "{found}");
    let ran = store.run(&["show", &path]);
    assert!(
        ran.err.contains("line 6") && ran.err.contains("blank.jsonl: "),
        "{ran:?}"
    );
    // What an editor puts before the first line is no part of it.
    let path = store.file(
        "../bom.jsonl",
        format!("\u{feff}{PI}\n{ASKED}\n").as_bytes(),
    );
    assert!(store.ok(&["verify", &path]).contains(": sound, "));
    let claude = fs::read_to_string(dir().join("claude/traps.jsonl")).unwrap();
    let plain = store.file("../plain.jsonl", claude.as_bytes());
    let path = store.file("../bom.jsonl", format!("\u{feff}{claude}").as_bytes());
    let [plain, bom] = [plain, path].map(|path| {
        let context = store.run(&["context", "--json", &path]).out;
        serde_json::from_str::<Value>(&context).unwrap()["messages"].clone()
    });
    assert_eq!(plain, bom);
}

#[test]
fn what_is_no_session_is_told_what_was_looked_for() {
    let store = Store::new();
    for bytes in ["[]", "hello", "[]\n", "hello\n"] {
        let path = store.file("../what", bytes.as_bytes());
        let ran = store.run(&["show", &path]);
        assert!(
            ran.code == 1 && ran.err.contains("what was looked for: "),
            "{bytes:?}: {ran:?}"
        );
    }
}

#[test]
fn sessions_are_found_by_the_ids_in_their_headers() {
    let store = Store::new();
    let sessions = store.home().join(".pi/agent/sessions");
    fs::create_dir_all(&sessions).unwrap();
    fs::write(sessions.join("2026.jsonl"), text(&[PI, ASKED, SAID])).unwrap();
    // There is no directory for sessions yet.
    assert!(!store.dir().exists());
    for spec in ["2026", "pi-live", "pi-l"] {
        let usage = store.json(&["usage", "--json", spec]);
        assert_eq!(usage["file"]["usage"]["input_tokens"], 7, "{spec}");
    }
    let ran = store.run(&["usage", "nobody"]);
    assert!(
        ran.code == 1 && ran.err.contains("no such directory"),
        "{ran:?}"
    );
    fs::write(
        sessions.join("2027.jsonl"),
        text(&[&PI.replace("pi-live", "pi-live-too"), ASKED]),
    )
    .unwrap();
    assert_eq!(store.run(&["usage", "pi-live"]).code, 0);
    let ran = store.run(&["usage", "pi-l"]);
    assert!(
        ran.code == 1 && ran.err.contains("2 sessions begin so"),
        "{ran:?}"
    );
}

#[test]
fn what_is_written_for_pi_is_what_was_told() {
    let store = Store::new();
    let out = |path: &str, name: &str| {
        let to = store.home().join(name).to_str().unwrap().to_owned();
        let ran = store.run(&["export", path, "--to", "pi", "-o", &to]);
        assert_eq!(ran.code, 0, "{ran:?}");
        to
    };
    // Nobody told what it cost, and nobody does.
    let codex = dir().join("codex/totals.jsonl");
    let to = out(codex.to_str().unwrap(), "codex.jsonl");
    let usage = store.json(&["usage", "--json", &to]);
    assert_eq!(usage["file"]["told_cost"]["usd"], Value::Null);
    let again = store.run(&["export", &to, "--to", "pi", "-o", &to]);
    assert!(
        again.code == 1 && again.err.contains("nothing is written over"),
        "{again:?}"
    );
    // What was told is told on.
    let id = store.new_session();
    let said = crate::run::assistant("ho", "claude-sonnet-4-5", 7, 1)
        .replace("\"input_tokens\":7", "\"cost_usd\":0.25,\"input_tokens\":7");
    store.append(&id, &(crate::run::user("hi") + &said));
    let usage = store.json(&["usage", "--json", &out(&id, "told.jsonl")]);
    assert_eq!(usage["file"]["told_cost"]["usd"], "0.25");
    // Of older versions, what version 3 calls otherwise.
    let old = text(&[
        r#"{"type":"session","id":"old","timestamp":"2026-05-22T12:00:00.000Z","cwd":"/w","provider":"p","modelId":"m","thinkingLevel":"off"}"#,
        r#"{"type":"message","timestamp":"2026-05-22T12:00:01.000Z","message":{"role":"user","content":"one","timestamp":1}}"#,
        r#"{"type":"message","timestamp":"2026-05-22T12:00:02.000Z","message":{"role":"user","content":"two","timestamp":2}}"#,
        r#"{"type":"compaction","timestamp":"2026-05-22T12:00:03.000Z","summary":"s","firstKeptEntryIndex":2,"tokensBefore":9}"#,
        r#"{"type":"message","timestamp":"2026-05-22T12:00:04.000Z","message":{"role":"hookMessage","customType":"h","content":"three","display":true,"timestamp":3}}"#,
    ]);
    let from = store.file("../old.jsonl", old.as_bytes());
    let to = out(&from, "new.jsonl");
    let written = lines(&fs::read_to_string(&to).unwrap());
    assert_eq!(written[0]["version"], 3);
    assert_eq!(written[3]["firstKeptEntryId"], written[2]["id"]);
    assert_eq!(written[3].get("firstKeptEntryIndex"), None);
    assert_eq!(written[4]["message"]["role"], "custom");
    let texts = |path: &str| {
        let context = store.json(&["context", "--json", path])["messages"].clone();
        let all = context.as_array().unwrap().iter();
        let all = all.map(|m| json!([m["summary"], m["message"]["content"][0]["text"]]));
        all.collect::<Vec<_>>()
    };
    assert_eq!(texts(&from), texts(&to));
}

#[test]
fn what_a_fork_inherited_stays_inherited_for_pi() {
    let store = Store::new();
    let line = |time: &str, kind: &str, payload: &str| {
        format!(r#"{{"timestamp":"2026-05-22T{time}Z","type":"{kind}","payload":{payload}}}"#)
    };
    let turn = |time: &str, total: u64| {
        text(&[
            &line(
                &format!("{time}.100"),
                "response_item",
                r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}"#,
            ),
            &line(
                &format!("{time}.200"),
                "response_item",
                r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}"#,
            ),
            &line(
                &format!("{time}.300"),
                "event_msg",
                &format!(
                    r#"{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{total},"cached_input_tokens":0,"output_tokens":1,"reasoning_output_tokens":0,"total_tokens":{total}}}}}}}"#
                ),
            ),
        ])
    };
    let meta = |time: &str, id: &str, fork: &str| {
        line(
            time,
            "session_meta",
            &format!(
                r#"{{"id":"{id}","timestamp":"2026-05-22T{time}Z","cwd":"/w","model_provider":"openai"{fork}}}"#
            ),
        )
    };
    let parent = meta("12:00:00.000", "par", "") + "\n" + &turn("12:00:01", 100);
    let fork = meta("13:00:00.000", "frk", r#","forked_from_id":"par""#)
        + "\n"
        + &meta("13:00:00.000", "par", "")
        + "\n"
        + &turn("13:00:00", 100)
        + &turn("14:00:00", 150);
    let fork = store.file("../fork.jsonl", fork.as_bytes());
    let parent = store.file("../parent.jsonl", parent.as_bytes());
    let sum = |paths: &[&str]| {
        let usage = store.json(&[&["usage", "--by", "session", "--json"], paths].concat());
        usage["total"]["usage"]["input_tokens"].clone()
    };
    assert_eq!(sum(&[&parent, &fork]), 150);
    let out = |path: &str, name: &str| {
        let to = store.home().join(name).to_str().unwrap().to_owned();
        assert_eq!(
            store.run(&["export", path, "--to", "pi", "-o", &to]).code,
            0
        );
        to
    };
    let pair = [out(&parent, "p.jsonl"), out(&fork, "f.jsonl")];
    assert_eq!(sum(&[&pair[0], &pair[1]]), 150);
    assert_eq!(sum(&[&pair[1], &pair[0]]), 150);
}
