use crate::run::{Store, assistant, lines, two_turns, user};
use serde_json::{Value, json};
use std::fs;

/// A session with a branch that was given up: msg-5 forks off msg-2, and so does msg-7.
fn branched(store: &Store) -> String {
    let id = store.new_session();
    store.append(&id, &two_turns());
    store.ok(&["leaf", &id, "msg-2"]);
    store.append(
        &id,
        &(user("another way") + &assistant("yes", "gpt-5", 1, 1)),
    );
    id
}

fn ids(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().unwrap().iter();
    messages
        .map(|message| message["id"].as_str().unwrap())
        .collect()
}

#[test]
fn context_is_one_object() {
    let store = Store::new();
    let id = branched(&store);
    let context = store.json(&["context", "--json", &id]);
    let header: Value = serde_json::from_str(
        fs::read_to_string(store.path(&id))
            .unwrap()
            .lines()
            .next()
            .unwrap(),
    )
    .unwrap();
    let payload = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let message =
        |id: &str, text: String| json!({"type": "message", "id": id, "message": payload(text)});
    let expected = json!({
        "session": {
            "id": id, "version": 1, "timestamp": header["timestamp"], "cwd": "/w", "parent_session": null,
        },
        "tip": "msg-9",
        "messages": [
            message("msg-1", user("question 1")),
            message("msg-2", assistant("answer 1", "claude-sonnet-4-5", 1_000, 10)),
            message("msg-8", user("another way")),
            message("msg-9", assistant("yes", "gpt-5", 1, 1)),
        ],
        "usage": {
            "input_tokens": 1_001, "output_tokens": 11, "cache_read_tokens": 0, "cache_write_tokens": 0,
            "total_tokens": 1_012, "turns": 2,
        },
        "recovery": {"status": "clean", "corrupt_entries": 0, "unknown_entries": 0, "warnings": []},
    });
    assert_eq!(context, expected);
    let text = store.ok(&["context", &id]);
    assert!(text.contains("another way") && !text.contains("question 2"));
    assert!(
        text.contains("active branch  2 turns, 1,012 tokens, "),
        "{text}"
    );
}

#[test]
fn an_empty_session_has_an_empty_context() {
    let store = Store::new();
    let id = store.new_session();
    let context = store.json(&["context", "--json", &id]);
    assert_eq!(
        (&context["tip"], &context["messages"]),
        (&json!(null), &json!([]))
    );
    assert_eq!(context["usage"]["turns"], 0);
    assert_eq!(
        store.json(&["tree", "--json", &id]),
        json!({"tip": null, "branches": []})
    );
    for command in ["show", "context", "tree", "usage"] {
        assert_eq!(store.run(&[command, &id]).code, 0);
    }
}

#[test]
fn a_compacted_context_begins_with_its_summary() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let ran = store.run(&[
        "compact",
        &id,
        "--summary",
        "So far.",
        "--keep",
        "messages:2",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "cmp-7\n"));
    let context = store.json(&["context", "--json", &id]);
    assert_eq!(context["tip"], "cmp-7");
    assert_eq!(ids(&context["messages"]), ["cmp-7", "msg-4", "msg-5"]);
    let summary = &context["messages"][0];
    assert_eq!(
        *summary,
        json!({"type": "compaction_summary", "id": "cmp-7", "summary": "So far.",
            "first_kept_entry_id": "msg-4", "tokens_before": summary["tokens_before"].as_u64().unwrap(),
            "tokens_after": summary["tokens_after"].as_u64().unwrap()})
    );
    // What is compacted was paid for.
    assert_eq!(context["usage"]["total_tokens"], 3_020);

    // The conversation has all of it, in order.
    let shown = lines(&store.ok(&["show", "--json", &id]));
    let told: Vec<(&str, &str, bool)> = shown
        .iter()
        .map(|line| {
            let word = |name: &str| line[name].as_str().unwrap();
            (
                word("id"),
                word("type"),
                line["compacted"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("msg-1", "message", true),
            ("msg-2", "message", true),
            ("msg-4", "message", false),
            ("msg-5", "message", false),
            ("cmp-7", "compaction", false),
        ]
    );
    assert_eq!(shown[4]["record"]["summary"], "So far.");
    let file = fs::read_to_string(store.path(&id)).unwrap();
    let text = store.ok(&["show", "--json", &id]);
    assert!(
        text.contains(file.lines().nth(1).unwrap()),
        "records are verbatim"
    );
    let text = store.ok(&["show", &id]);
    assert_eq!(text.matches("  compacted\n").count(), 2, "{text}");
}

#[test]
fn unknown_entries_are_shown_as_such() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &user("hello"));
    let mut file = fs::read_to_string(store.path(&id)).unwrap();
    file.push_str("{\"type\":\"label\",\"id\":\"l-1\",\"parent_id\":\"msg-1\",\"text\":\"x\"}\n");
    fs::write(store.path(&id), &file).unwrap();
    store.append(&id, &user("and on"));
    let text = store.ok(&["show", &id]);
    assert!(text.contains("label  l-1  (unknown entry"), "{text}");
    let context = store.json(&["context", "--json", &id]);
    assert_eq!(ids(&context["messages"]), ["msg-1", "msg-3"]);
    assert_eq!(context["recovery"]["unknown_entries"], 1);
    let shown = lines(&store.ok(&["show", "--json", &id]));
    let label = shown.iter().find(|line| line["id"] == "l-1").unwrap();
    assert_eq!(
        (&label["type"], &label["record"]["text"]),
        (&json!("label"), &json!("x"))
    );
}

#[test]
fn tree_has_a_line_for_each_branch() {
    let store = Store::new();
    let id = branched(&store);
    let tree = store.json(&["tree", "--json", &id]);
    let times: Vec<&Value> = tree["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| &branch["timestamp"])
        .collect();
    assert!(times.iter().all(|time| time.is_string()));
    assert_eq!(
        tree,
        json!({"tip": "msg-9", "branches": [
            {"tip": "msg-5", "fork_point": "msg-2", "depth": 3, "entries": 4, "active": false,
                "summary": "answer 2", "timestamp": times[0]},
            {"tip": "msg-9", "fork_point": "msg-2", "depth": 3, "entries": 4, "active": true,
                "summary": "yes", "timestamp": times[1]},
        ]})
    );
    let drawn = store.ok(&["tree", &id]);
    let starts = [
        "  msg-2  2 messages",
        "  ├─ msg-5  2 messages",
        "* └─ msg-9 (active)  2 messages",
    ];
    for (line, start) in drawn.lines().zip(starts) {
        assert!(line.starts_with(start), "{drawn}");
    }
    // A tip within a branch is a place of its own.
    store.ok(&["leaf", &id, "msg-1"]);
    let drawn = store.ok(&["tree", &id]);
    let starts = [
        "* msg-1 (active)  1 message",
        "  └─ msg-2  1 message",
        "     ├─ msg-5",
        "     └─ msg-9",
    ];
    assert_eq!(drawn.lines().count(), starts.len(), "{drawn}");
    for (line, start) in drawn.lines().zip(starts) {
        assert!(line.starts_with(start), "{drawn}");
    }
}

#[test]
fn entries_are_counted_alike() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let mut file = fs::read_to_string(store.path(&id)).unwrap();
    file.push_str("{\"type\":\"label\",\"id\":\"l-1\",\"parent_id\":\"msg-5\"}\n");
    file.push_str("{\"type\":\"message\",\"id\":\"m\",\"parent_id\":\"l-1\",\"message\":{\"role\":\"user\",\"content\":\"x\"}}\n");
    fs::write(store.path(&id), &file).unwrap();
    assert_eq!(store.run(&["compact", &id, "--keep", "messages:1"]).code, 0);
    // All but the header: of the leaves, two end turns, and one follows the compaction.
    let kinds = "5 messages, 1 compaction, 3 leaves, 1 unknown record";
    let path = store.path(&id);
    assert_eq!(
        store.ok(&["verify", &id]),
        format!("{}: sound, 10 entries ({kinds})\n", path.display())
    );
    // No leaf stands on a branch.
    let branch = "5 messages, 1 compaction, 1 unknown record";
    let drawn = store.ok(&["tree", &id]);
    assert!(
        drawn.starts_with(&format!("* cmp-7 (active)  {branch}, ")),
        "{drawn}"
    );
    assert_eq!(
        store.json(&["tree", "--json", &id])["branches"][0]["entries"],
        7
    );
    let ran = store.run(&["fork", &id]);
    assert_eq!(ran.err, format!("Copied {branch} of session {id}.\n"));
    // The copy ends with a leaf of its own.
    let copy = store.json(&["verify", "--json", ran.out.trim_end()]);
    assert_eq!(copy["entries"], 8);
}

#[test]
fn usage_is_of_the_branch_and_of_the_file() {
    let store = Store::new();
    let id = branched(&store);
    let prices = store.file(
        "prices.json",
        br#"[{"model":"claude-sonnet-4-5","input":3,"output":15},{"model":"gpt-5","input":"0.5","output":1}]"#,
    );
    let usage = store.json(&["usage", "--json", "--prices", &prices, &id]);
    let branch = &usage["branch"];
    assert_eq!(
        branch["usage"],
        store.json(&["context", "--json", &id])["usage"]
    );
    assert_eq!(
        branch["cost"],
        json!({"input_usd": "0.0030005", "output_usd": "0.000151", "cache_read_usd": "0",
            "cache_write_usd": "0", "total_usd": "0.0031515"})
    );
    assert_eq!(
        (&branch["unknown_models"], &branch["lower_bound"]),
        (&json!([]), &json!(false))
    );
    let file = &usage["file"];
    assert_eq!(
        (&file["usage"]["total_tokens"], &file["usage"]["turns"]),
        (&json!(3_022), &json!(3))
    );
    let models = file["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    assert_eq!(models[0]["model"], "claude-sonnet-4-5");
    assert_eq!(models[0]["usage"]["total_tokens"], 3_020);
    assert_eq!(models[0]["cost"]["total_usd"], "0.0093");
    let text = store.ok(&["usage", "--prices", &prices, &id]);
    assert!(text.contains("anthropic/claude-sonnet-4-5"), "{text}");
}

#[test]
fn an_unknown_price_is_not_zero() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &(user("x") + &assistant("y", "nobody-knows-1", 5, 5)));
    let usage = store.json(&["usage", "--json", &id]);
    for scope in ["branch", "file"] {
        assert_eq!(usage[scope]["cost"], json!(null));
        assert_eq!(
            usage[scope]["unknown_models"],
            json!(["anthropic/nobody-knows-1"])
        );
    }
    assert!(
        store
            .ok(&["usage", &id])
            .contains("No price is known for anthropic/nobody-knows-1")
    );
    let bad = store.file("prices.json", b"[{\"model\":\"m\",\"inptu\":1}]");
    let ran = store.run(&["usage", "--prices", &bad, &id]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("prices.json:1:"), "{}", ran.err);
}

#[test]
fn usage_that_was_not_reported_is_not_zero() {
    let store = Store::new();
    // Known and unknown models; an answer that failed has used something, too.
    for (model, end) in [
        ("nobody-knows-1", "stop"),
        ("claude-sonnet-4-5", "stop"),
        ("claude-sonnet-4-5", "error"),
        ("claude-sonnet-4-5", "aborted"),
    ] {
        let id = store.new_session();
        let silent = json!({"role": "assistant", "content": [], "provider": "anthropic", "model": model, "stop_reason": end});
        store.append(&id, &format!("{}{silent}\n", user("x")));
        let name = format!("anthropic/{model}");
        let told = store.json(&["usage", "--json", &id]);
        for scope in ["branch", "file"] {
            let section = &told[scope];
            assert_eq!(section["cost"], json!(null), "{model} {end}");
            assert_eq!(section["unknown_models"], json!([name]));
            assert_eq!(
                (&section["unreported"], &section["lower_bound"]),
                (&json!(1), &json!(true))
            );
            assert_eq!(section["models"][0]["cost"], json!(null));
        }
        let text = store.ok(&["usage", &id]);
        assert!(
            text.contains(&format!(
                "Cost of the whole file: unknown (1 model: {name})"
            )),
            "{text}"
        );
        let text = store.ok(&["context", &id]);
        assert!(
            text.contains(&format!(
                "1 turn, tokens unknown, cost unknown (1 model: {name})\n"
            )),
            "{text}"
        );
        // What else is known stays known.
        store.append(&id, &assistant("y", "claude-sonnet-4-5", 1_000, 0));
        let told = store.json(&["usage", "--json", &id]);
        assert_eq!(told["file"]["cost"], json!(null));
        assert_eq!(told["file"]["known_cost"]["total_usd"], "0.003");
        let text = store.ok(&["context", &id]);
        let words = format!("at least 1,000 tokens, at least $0.0030 (1 model unknown: {name})");
        assert!(text.contains(&words), "{text}");
    }
}

#[test]
fn list_has_a_line_for_each_session() {
    let store = Store::new();
    // The usual place need not be there yet; one that somebody names does.
    let mut usual = store.command(&["list"]);
    let usual = usual.env_remove("SESSIONLOG_DIR").output().unwrap();
    assert!(
        usual.status.success() && usual.stdout.is_empty(),
        "{usual:?}"
    );
    let words = String::from_utf8(usual.stderr).unwrap();
    assert!(
        words.contains("there is no session yet; `sessionlog new` makes one"),
        "{words}"
    );
    for (args, by) in [
        (&["list"][..], "SESSIONLOG_DIR"),
        (&["list", "--json"], "SESSIONLOG_DIR"),
        (&["--dir", "none", "list"], "--dir"),
        (&["show", "latest"], "SESSIONLOG_DIR"),
        (&["show", "0196", "--dir", "none"], "--dir"),
    ] {
        let ran = store.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}: {ran:?}");
        assert!(
            ran.err
                .contains(&format!("no such directory, which {by} names")),
            "{ran:?}"
        );
    }
    assert_eq!(
        fs::read_dir(store.home()).unwrap().count(),
        0,
        "reading creates nothing"
    );
    fs::create_dir(store.dir()).unwrap();
    let empty = store.run(&["list"]);
    assert_eq!((empty.code, empty.out.as_str()), (0, ""));
    assert!(empty.err.contains("there is no session yet"));

    let id = store.new_session();
    store.append(&id, &user("Fix the parser"));
    store.file("broken.jsonl", b"{\"type\":\"sess");
    let listed = lines(&store.ok(&["list", "--json"]));
    assert_eq!(listed.len(), 2);
    let ours = listed.iter().find(|line| line["id"] == *id).unwrap();
    assert_eq!(
        *ours,
        json!({"id": id, "path": store.path(&id).to_str(), "timestamp": ours["timestamp"].as_str().unwrap(),
            "modified": ours["modified"].as_str().unwrap(), "cwd": "/w", "parent_session": null,
            "bytes": fs::metadata(store.path(&id)).unwrap().len(), "name": "Fix the parser"})
    );
    let broken = listed.iter().find(|line| line["id"] == "broken").unwrap();
    assert_eq!(
        (&broken["timestamp"], &broken["name"]),
        (&json!(null), &json!(null))
    );
    assert!(broken["error"].is_string());
    let text = store.ok(&["list"]);
    assert!(text.contains("Fix the parser") && text.contains("(the file ends within its header)"));
}

/// The members that an answer has, and how many lines, are those that the help tells.
#[test]
fn json_has_the_shape_that_help_says() {
    let store = Store::new();
    let id = branched(&store);
    let other = store.new_session();
    let calls: &[&[&str]] = &[
        &["new"],
        &["list"],
        &["show", &id],
        &["context", &id],
        &["tree", &id],
        &["usage", &id],
        &["leaf", &id, "msg-2"],
        &["fork", &id],
        &["compact", &id, "--keep", "messages:1"],
        &["verify", &id, &other],
        &["repair", &id],
        &["delete", "-y", &other],
    ];
    for args in calls {
        let help = store.ok(&[args[0], "--help"]);
        let shape = help.split("With --json: ").nth(1).unwrap();
        let shape = shape.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = lines(&store.run(&[args, &["--json"][..]].concat()).out);
        match shape.starts_with("one object a line") {
            true => assert!(told.len() > 1, "{args:?}"),
            false => assert!(
                shape.starts_with("one object: ") && told.len() == 1,
                "{args:?}"
            ),
        }
        for object in told {
            for member in object.as_object().unwrap().keys() {
                let words: Vec<&str> = shape
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .collect();
                assert!(
                    words.contains(&member.as_str()),
                    "{args:?} {member}: {shape}"
                );
            }
        }
    }
}

#[test]
fn sessions_are_named_in_four_ways() {
    let store = Store::new();
    let file = |name: &str| {
        let header = format!("{{\"type\":\"session\",\"version\":1,\"id\":\"{name}\"}}\n");
        let path = store.file(&format!("{name}.jsonl"), header.as_bytes());
        std::thread::sleep(std::time::Duration::from_millis(20));
        path
    };
    file("aab-1");
    let path = file("aac-2");
    let id_of = |spec: &str| {
        let context = store.json(&["context", "--json", spec]);
        context["session"]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id_of("latest"), "aac-2");
    assert_eq!(id_of("aab-1"), "aab-1");
    assert_eq!(id_of("aab"), "aab-1");
    assert_eq!(id_of(&path), "aac-2");
    let dir = store.dir();
    let elsewhere = store.json(&["--dir", dir.to_str().unwrap(), "context", "--json", "aac"]);
    assert_eq!(elsewhere["session"]["id"], "aac-2");
    let ambiguous = store.run(&["show", "aa"]);
    assert_eq!((ambiguous.code, ambiguous.out.as_str()), (1, ""));
    assert!(ambiguous.err.contains("aab-1, aac-2"), "{}", ambiguous.err);
    let none = store.run(&["show", "b"]);
    assert_eq!((none.code, none.err.lines().count()), (1, 1));
    assert!(none.err.contains("b: no such session"), "{}", none.err);
    for path in ["no/where", "./b", "b.jsonl"] {
        for dir in [dir.to_str().unwrap(), "none"] {
            let ran = store.run(&["--dir", dir, "show", path]);
            assert_eq!((ran.code, ran.out.as_str()), (1, ""));
            let words = format!("{path}: no such file; a session is named by a path, an id");
            assert!(ran.err.contains(&words), "{dir}: {}", ran.err);
        }
    }
    // A path needs no place for sessions.
    let mut homeless = store.command(&["context", "--json", &path]);
    let ran = homeless
        .env_remove("SESSIONLOG_DIR")
        .env_remove("HOME")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
}
