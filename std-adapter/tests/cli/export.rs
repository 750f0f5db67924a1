use crate::{
    foreign::{dir, samples},
    run::{Store, lines, two_turns},
};
use serde_json::{Value, json};
use std::fs;

fn sample(name: &str) -> String {
    dir().join(name).to_str().unwrap().to_owned()
}

/// An imported session written for an agent.
fn back(store: &Store, path: &str, to: &str) -> String {
    let imported = lines(&store.run(&["import", "--json", path]).out);
    let ran = store.run(&["export", imported[0]["id"].as_str().unwrap(), "--to", to]);
    assert_eq!(ran.code, 0, "{path}: {ran:?}");
    ran.out
}

#[test]
fn what_came_from_claw_goes_back() {
    for name in ["claw/whole.jsonl", "claw/refused-there.jsonl"] {
        let path = sample(name);
        let text = fs::read_to_string(&path).unwrap();
        let came = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        assert_eq!(
            lines(&back(&Store::new(), &path, "claw")),
            came.collect::<Vec<_>>(),
            "{name}"
        );
    }
    for name in [
        "claw/object.json",
        "claw/object-on-a-line.json",
        "claw/least.json",
    ] {
        let path = sample(name);
        let came: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(lines(&back(&Store::new(), &path, "claw")), [came], "{name}");
    }
}

#[test]
fn what_came_from_pi_goes_back() {
    let path = sample("pi/v3.jsonl");
    let mut came = lines(&fs::read_to_string(&path).unwrap());
    for line in &mut came {
        // A text alone is a list of one.
        let text = line
            .get("message")
            .and_then(|message| message.get("content"));
        if let Some(text) = text.and_then(Value::as_str) {
            line["message"]["content"] = json!([{"type": "text", "text": text}]);
        }
    }
    assert_eq!(lines(&back(&Store::new(), &path, "pi")), came);
}

#[test]
fn a_session_of_ours_is_taken_for_theirs() {
    let store = Store::new();
    let id = store.new_session();
    let mut input = two_turns();
    input.push_str(concat!(
        r#"{"role":"assistant","content":[{"type":"tool_call","tool_call":{"id":"t1","name":"bash","arguments":"{\"a\":1}"}}],"provider":"anthropic","model":"claude-sonnet-4-5","stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1,"cache_read_tokens":0,"cache_write_tokens":0},"timestamp_ms":0}"#,
        "\n",
        r#"{"role":"tool_result","tool_call_id":"t1","tool_name":"bash","content":[{"type":"text","text":"ok"}],"details":null,"is_error":false,"timestamp_ms":0}"#,
        "\n"
    ));
    store.append(&id, &input);
    store.run(&[
        "compact",
        &id,
        "--keep",
        "messages:2",
        "--summary",
        "so far",
    ]);
    let usage = |path: &str| store.json(&["usage", "--json", path])["branch"]["usage"].clone();
    for to in ["claw", "pi", "opi", "jsonl"] {
        let path = store.home().join(format!("{to}.jsonl"));
        let path = path.to_str().unwrap();
        let done = store.json(&["export", "--json", &id, "--to", to, "-o", path]);
        assert_eq!(done["left_out"], if to == "claw" { 4 } else { 0 }, "{to}");
        assert_eq!(store.run(&["verify", path]).code, 0, "{to}");
        let context = store.json(&["context", "--json", path]);
        let messages = context["messages"].as_array().unwrap();
        assert_eq!(messages[0]["summary"], "so far", "{to}");
        assert_eq!(
            messages.last().unwrap()["message"]["tool_call_id"],
            "t1",
            "{to}"
        );
        if to == "claw" {
            // Its model is told the summary by a message.
            assert_eq!(messages[1]["message"]["role"], "system");
        } else {
            assert_eq!(messages.len(), 3, "{to}");
            assert_eq!(usage(path), usage(&id), "{to}");
        }
        let again = store.run(&["export", &id, "--to", to, "-o", path]);
        assert_eq!(again.code, 1, "{to}: nothing is written over");
    }
    let own = fs::read_to_string(store.path(&id)).unwrap();
    assert_eq!(store.ok(&["export", &id, "--to", "jsonl"]), own);
}

#[test]
fn opi_gets_nothing_that_it_refuses() {
    for (path, _) in samples() {
        let out = Store::new().run(&["export", &path, "--to", "opi"]).out;
        let mut ids = Vec::new();
        for record in lines(&out) {
            let kind = record["type"].as_str().unwrap();
            assert!(
                ["session", "message", "compaction", "leaf"].contains(&kind),
                "{record}"
            );
            if let Some(parent) = record["parent_id"].as_str() {
                assert!(ids.contains(&json!(parent)), "{path}: {record}");
            }
            ids.push(record["id"].clone());
            if kind == "message" {
                checked(&record["message"]);
            }
        }
    }
}

/// opi's message types, member for member.
fn checked(message: &Value) {
    let kinds: &[&str] = match message["role"].as_str().unwrap() {
        "user" => &["text", "image"],
        "tool_result" => {
            assert!(message["tool_call_id"].is_string() && message["tool_name"].is_string());
            assert!(message["is_error"].is_boolean());
            &["text", "image"]
        }
        "assistant" => {
            for name in [
                "input_tokens",
                "output_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
            ] {
                assert!(message["usage"][name].as_u64().unwrap() <= u32::MAX.into());
            }
            assert!(message["provider"].is_string() && message["model"].is_string());
            assert!(
                ["Anthropic", "OpenAi", "Google", "Mistral"]
                    .contains(&message["api"].as_str().unwrap())
            );
            &["text", "thinking", "tool_call"]
        }
        other => panic!("{other}"),
    };
    assert!(message["timestamp_ms"].is_i64());
    for part in message["content"].as_array().unwrap() {
        let kind = part["type"].as_str().unwrap();
        assert!(kinds.contains(&kind), "{part}");
    }
}

#[test]
fn a_page_runs_nothing() {
    let store = Store::new();
    let id = store.new_session();
    let evil =
        "<script>x</script> ![spy](http://spy/) \\u001b[2J [go](javascript:x)\\n```\\nopen <b>";
    store.append(&id, &crate::run::user(evil));
    store.append(&id, &crate::run::assistant("after", "m", 1, 1));
    let page = store.ok(&["export", &id, "--to", "markdown"]);
    assert!(page.contains("&lt;script>x&lt;/script> \\![spy]"), "{page}");
    assert!(
        page.contains("[go](unsafe:javascript:x)") && !page.contains('\x1b'),
        "{page}"
    );
    // The block that was left open ends before the next message.
    assert!(page.contains("```\nopen <b>\n```\n"), "{page}");
    assert!(page.contains("## Assistant (m)\n\nafter\n"), "{page}");
}
