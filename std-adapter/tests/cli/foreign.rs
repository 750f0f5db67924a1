//! Every sample of a foreign format, read by every reading command, imported, and imported again.

use crate::run::{Store, lines};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/foreign")
}

/// The samples, each with what must be read from it.
pub(crate) fn samples() -> Vec<(String, Value)> {
    let mut samples = Vec::new();
    for folder in fs::read_dir(dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if !folder.is_dir() {
            continue;
        }
        for path in fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            let name = path.to_str().unwrap().to_owned();
            if name.ends_with(".expect.json") {
                continue;
            }
            let stem = name
                .strip_suffix(".zst")
                .unwrap_or(&name)
                .rsplit_once('.')
                .unwrap()
                .0;
            let expect = fs::read(format!("{stem}.expect.json")).unwrap();
            samples.push((name, serde_json::from_slice(&expect).unwrap()));
        }
    }
    samples.sort_by(|a, b| a.0.cmp(&b.0));
    samples
}

/// The first text of a message of `context --json`.
fn told(message: &Value) -> Value {
    if message["type"] == "compaction_summary" {
        return json!(["summary", message["id"], message["summary"]]);
    }
    let payload = &message["message"];
    let parts = payload["content"].as_array().unwrap();
    let first = parts.iter().find_map(|part| part["text"].as_str());
    json!([payload["role"], message["id"], first.unwrap_or_default()])
}

fn sums(section: &Value) -> Value {
    let mut sums = section["usage"].clone();
    sums.as_object_mut().unwrap().remove("total_tokens");
    for name in ["cache_write_1h_tokens", "reasoning_tokens", "unreported"] {
        sums[name] = section[name].clone();
    }
    sums
}

/// What every reading command says of the session at `path`.
fn check(store: &Store, path: &str, expect: &Value, name: &str) {
    let context: Value = serde_json::from_str(&store.run(&["context", "--json", path]).out)
        .unwrap_or_else(|_| panic!("{name}: {:?}", store.run(&["context", path])));
    let read: Vec<_> = context["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(told)
        .collect();
    assert_eq!(json!(read), expect["context"], "{name}");
    assert_eq!(context["tip"], expect["tip"], "{name}");
    for (member, value) in expect["session"].as_object().unwrap() {
        assert_eq!(&context["session"][member], value, "{name}: {member}");
    }
    assert_eq!(
        context["recovery"]["unknown_entries"], expect["unknown"],
        "{name}"
    );

    let usage: Value = serde_json::from_str(&store.run(&["usage", "--json", path]).out).unwrap();
    for section in ["branch", "file"] {
        assert_eq!(sums(&usage[section]), expect[section], "{name}: {section}");
    }
    if let Some(models) = expect["models"].as_object() {
        let read = usage["file"]["models"].as_array().unwrap().iter();
        let read = read.map(|row| {
            let tokens = |name: &str| row["usage"][name].clone();
            let counts = [tokens("input_tokens"), tokens("output_tokens")];
            let counts = json!([counts[0], counts[1], tokens("cache_read_tokens")]);
            (row["model"].as_str().unwrap().to_owned(), counts)
        });
        assert_eq!(&read.collect::<serde_json::Map<_, _>>(), models, "{name}");
    }
    let tree: Value = serde_json::from_str(&store.run(&["tree", "--json", path]).out).unwrap();
    let branches = tree["branches"].as_array().unwrap().iter();
    let branches: Vec<_> = branches.map(|b| json!([b["tip"], b["active"]])).collect();
    assert_eq!(json!(branches), expect["branches"], "{name}");

    let shown = lines(&store.run(&["show", "--json", path]).out);
    if let Some(ids) = expect["shown"].as_array() {
        let shown: Vec<_> = shown.iter().map(|line| line["id"].clone()).collect();
        let on_branch: Vec<_> = shown
            .iter()
            .filter(|id| ids.contains(id))
            .cloned()
            .collect();
        assert_eq!(&on_branch, ids, "{name}: {shown:?}");
    }
    if let Some(tools) = expect["tools"].as_array() {
        let results = shown.iter().map(|line| &line["record"]["message"]);
        let results = results.filter(|message| message["role"] == "tool_result");
        let named: Vec<_> = results
            .map(|message| message["tool_name"].clone())
            .collect();
        assert_eq!(&named, tools, "{name}");
    }
    assert!(store.run(&["show", path]).code == 0, "{name}");
}

#[test]
fn samples_are_read_as_they_are() {
    let store = Store::new();
    let samples = samples();
    assert!(samples.len() >= 4);
    for (path, expect) in samples {
        check(&store, &path, &expect, &path);
        let found = store.run(&["verify", "--json", &path]);
        let found: Value = serde_json::from_str(&found.out).unwrap();
        assert_eq!(found["status"], expect["status"], "{path}: {found}");
        let problems = found["problems"].as_array().unwrap();
        let at: Vec<_> = problems
            .iter()
            .map(|problem| problem["line"].clone())
            .collect();
        let wanted = expect["lines"].as_array().cloned().unwrap_or_default();
        assert_eq!(at, wanted, "{path}: {problems:?}");
    }
}

#[test]
fn imported_samples_say_the_same_and_are_imported_once() {
    for (path, expect) in samples() {
        let store = Store::new();
        let first = lines(&store.run(&["import", "--json", &path]).out);
        assert_eq!(first[0]["outcome"], "new", "{path}: {first:?}");
        assert_eq!(first[0]["format"], expect["format"], "{path}");
        let id = first[0]["id"].as_str().unwrap();
        assert_eq!(json!(id), expect["session"]["id"], "{path}");
        check(&store, id, &expect, &path);
        // Damage is kept in unknown entries: the session itself is sound.
        let found: Value = serde_json::from_str(
            &store
                .run(&["verify", "--json", &store.path(id).to_string_lossy()])
                .out,
        )
        .unwrap();
        assert_eq!(found["status"], "clean", "{path}: {found}");

        let made = fs::read(store.path(id)).unwrap();
        let again = lines(&store.ok(&["import", "--json", &path]));
        assert_eq!(
            (&again[0]["outcome"], &again[0]["added"]),
            (&json!("unchanged"), &json!(0)),
            "{path}"
        );
        assert_eq!(fs::read(store.path(id)).unwrap(), made, "{path}");
        // What is imported can be gone on with; that is no reason to import it again.
        store.append(id, &crate::run::user("more"));
        let again = lines(&store.ok(&["import", "--json", &path]));
        assert_eq!(again[0]["outcome"], "unchanged", "{path}");
    }
}

#[test]
fn nothing_writes_to_a_foreign_file() {
    let store = Store::new();
    for (path, _) in samples() {
        let before = fs::read(&path).unwrap();
        for args in [
            &["append", &path] as &[&str],
            &["compact", &path],
            &["leaf", &path, "x"],
            &["repair", &path],
            &["delete", "--yes", &path],
        ] {
            let ran = store.feed(args, crate::run::user("no").as_bytes());
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{path}: {ran:?}");
            assert!(ran.err.contains("sessionlog import"), "{path}: {ran:?}");
        }
        assert_eq!(fs::read(&path).unwrap(), before, "{path}");
        let fork = store.run(&["fork", &path]);
        assert_eq!(fork.code, 0, "{path}: {fork:?}");
        store.append(fork.out.trim_end(), &crate::run::user("on"));
    }
}
