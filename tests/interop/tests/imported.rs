//! Sessions of other agents, imported and written for opi: opi reads them clean, with the same context and tip. And what is
//! left of a session whose history was split off.

use serde_json::Value;
use sessionlog_interop::*;
use std::path::{Path, PathBuf};

/// The samples of foreign formats.
fn samples() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/foreign");
    let mut dirs = vec![dir];
    let mut samples = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.to_str().expect("UTF-8");
            if path.is_dir() {
                dirs.push(path);
            } else if !name.ends_with(".expect.json") && !name.ends_with(".py") {
                samples.push(path);
            }
        }
    }
    samples.sort();
    samples
}

/// One value is the other, but for members of objects that opi does not know.
fn holds(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => theirs
            .iter()
            .all(|(name, value)| ours.get(name).is_some_and(|own| holds(own, value))),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| holds(a, b))
        }
        (ours, theirs) => ours == theirs,
    }
}

/// What is said in a context: who, and the texts.
fn said(context: &[Value]) -> Vec<String> {
    let one = |item: &Value| {
        let Some(message) = item.get("message") else {
            return format!("summary {}", item["summary"]);
        };
        let role = match message["role"].as_str().unwrap_or_default() {
            role @ ("assistant" | "tool_result") => role,
            // opi has no other roles.
            _ => "user",
        };
        let parts = message["content"].as_array().into_iter().flatten();
        let texts: Vec<_> = parts.filter_map(|part| part["text"].as_str()).collect();
        format!("{role} {}", texts.join("\n"))
    };
    context.iter().map(one).collect()
}

#[test]
fn imported_sessions_are_read_by_opi() {
    let samples = samples();
    assert!(samples.len() >= 16);
    for sample in samples {
        let name = sample.to_str().expect("UTF-8");
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path();
        let line = ok(dir, &["import", "--json", name], "");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let id = line["id"].as_str().expect("an id");
        let imported = PathBuf::from(line["path"].as_str().expect("a path"));
        for (spec, to) in [(id, "imported.jsonl"), (name, "direct.jsonl")] {
            let to = dir.join(to);
            let path = to.to_str().expect("UTF-8");
            ok(dir, &["export", spec, "--to", "opi", "-o", path], "");
            let theirs = opi(&to);
            let (ours, tip) = ours(&to);
            assert_eq!((&*theirs.status, theirs.corrupt), ("clean", 0), "{name}");
            assert_eq!((&*ours.status, ours.corrupt), ("clean", 0), "{name}");
            assert_eq!(ours.context.len(), theirs.context.len(), "{name}");
            for (ours, theirs) in ours.context.iter().zip(&theirs.context) {
                assert!(holds(ours, theirs), "{name}: {ours} {theirs}");
            }
            assert_eq!(opi_tip(&to), tip, "{name}");
            // What the model is shown is what the imported session shows it.
            let source = our_context(&imported);
            let source = source["messages"].as_array().expect("an array");
            assert_eq!(source.len(), theirs.context.len(), "{name}");
            let kept: Vec<_> = said(source)
                .into_iter()
                .zip(said(&theirs.context))
                .filter(|(source, _)| source.trim_end().contains(' '))
                .collect();
            for (source, theirs) in kept {
                // Parts that opi does not know come as text besides.
                assert!(
                    theirs.contains(source.trim_end()),
                    "{name}: {source:?} {theirs:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_left_of_a_split_session_is_the_same_for_opi() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let id = ok(dir, &["new", "--cwd", "/w"], "");
    let id = id.trim_end();
    let turn = |n: usize| {
        format!(
            "{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"question {n}\"}}],\"timestamp_ms\":0}}\n\
             {{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"answer {n}\"}}],\"api\":\"Anthropic\",\"provider\":\"p\",\"model\":\"m\",\"response_model\":null,\"response_id\":null,\"usage\":{{\"input_tokens\":{n},\"output_tokens\":1,\"cache_read_tokens\":0,\"cache_write_tokens\":0}},\"stop_reason\":\"stop\",\"error_message\":null,\"timestamp_ms\":0}}\n\n"
        )
    };
    ok(dir, &["append", id], &(1..9).map(turn).collect::<String>());
    for keep in ["messages:4", "messages:1"] {
        ok(dir, &["compact", "--keep", keep, id], "");
        ok(dir, &["append", id], &turn(9));
        let path = dir.join(format!("{id}.jsonl"));
        let (before, tip) = (opi(&path), opi_tip(&path));
        let line = ok(dir, &["prune", "--compacted", "--apply", "--json"], "");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(opi(&path), before);
        assert_eq!(opi_tip(&path), tip);
        assert_eq!(ours(&path), (before, tip));
        // So is what was put away: clean, with the tip that it had.
        let archived = PathBuf::from(line["archived"].as_str().expect("a path"));
        assert_eq!(ours(&archived), (opi(&archived), opi_tip(&archived)));
        assert_eq!(opi(&archived).status, "clean");
    }
}
