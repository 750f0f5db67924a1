use crate::run::{Store, assistant, two_turns, user};
use serde_json::json;
use std::fs;

#[test]
fn leaf_moves_the_tip() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    assert_eq!(store.ok(&["leaf", &id, "msg-2"]), "leaf-7\n");
    assert_eq!(store.json(&["context", "--json", &id])["tip"], "msg-2");
    let moved = store.json(&["leaf", "--json", &id, "msg-5"]);
    assert_eq!(moved, json!({"id": "leaf-8", "tip": "msg-5"}));
    let before = fs::read(store.path(&id)).unwrap();
    let ran = store.run(&["leaf", &id, "msg-99"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err.contains("no entry has the id msg-99"),
        "{}",
        ran.err
    );
    assert_eq!(fs::read(store.path(&id)).unwrap(), before);
}

#[test]
fn compact_replaces_what_it_does_not_keep() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let ran = store.run(&["compact", &id, "--json", "--keep", "messages:2"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["id"], &told["first_kept_entry_id"]),
        (&json!("cmp-7"), &json!("msg-4"))
    );
    // The record's figure leaves the summary out.
    let kept = told["tokens_after"].as_u64().unwrap();
    let context = store.json(&["context", "--json", &id]);
    let summary = context["messages"][0]["summary"].as_str().unwrap();
    assert!(
        summary.ends_with("\nUser: question 1\nAssistant: answer 1"),
        "{summary}"
    );
    let of_summary = summary.len() as u64 / 4;
    let expected = format!(
        "Before: {} tokens: the provider's last count, and an estimate of what came since.\n\
         After: about {} tokens, an estimate: {of_summary} of the summary, {kept} of 2 messages from msg-4 on.\n",
        told["tokens_before"].to_string().replace("2010", "2,010"),
        of_summary + kept,
    );
    assert_eq!(ran.err, expected);
    // The next extract takes up this one, and has one heading.
    let ran = store.run(&["compact", &id, "--keep", "messages:1"]);
    // Nobody has counted that context.
    let about = format!("Before: about {} tokens, an estimate.\n", of_summary + kept);
    assert!(ran.code == 0 && ran.err.starts_with(&about), "{ran:?}");
    let context = store.json(&["context", "--json", &id]);
    let next = context["messages"][0]["summary"].as_str().unwrap();
    assert_eq!(next, format!("{summary}\nUser: question 2"));

    let before = fs::read(store.path(&id)).unwrap();
    let ran = store.run(&["compact", &id, "--keep", "messages:9"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("nothing to compact"), "{}", ran.err);
    assert_eq!(fs::read(store.path(&id)).unwrap(), before);
    let empty = store.new_session();
    assert_eq!(store.run(&["compact", &empty]).code, 1);
}

#[test]
fn compact_never_parts_a_call_from_its_result() {
    let store = Store::new();
    let id = store.new_session();
    let call = r#"{"role":"assistant","content":[{"type":"tool_call","tool_call":{"id":"c1","name":"bash","arguments":"{}"}}]}"#;
    let result = r#"{"role":"tool_result","tool_call_id":"c1","tool_name":"bash","content":"ok"}"#;
    let input = format!("{}{call}\n{result}\n", two_turns() + &user("run it"));
    store.append(&id, &input);
    let ran = store.run(&["compact", &id, "--keep", "messages:1"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let context = store.json(&["context", "--json", &id]);
    let kept = context["messages"].as_array().unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[1]["message"]["role"], "assistant");
}

#[test]
fn a_due_compaction_is_told() {
    let store = Store::new();
    let id = store.new_session();
    let turn = user("much") + &assistant("more", "m", 200_000, 1);
    let ran = store.feed(&["append", &id], turn.as_bytes());
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2));
    assert!(ran.err.contains("A compaction is due"), "{}", ran.err);
}

#[test]
fn delete_asks() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    // Nobody is there to be asked.
    let ran = store.feed(&["delete", &id], b"y\n");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--yes"));
    assert!(store.path(&id).exists());
    let other = store.new_session();
    let ran = store.run(&["delete", "--yes", &id]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(!store.path(&id).exists() && store.path(&other).exists());
    let told = store.json(&["delete", "-y", "--json", &other]);
    assert_eq!(
        told,
        json!({"id": other, "path": store.path(&other).to_str()})
    );
    assert_eq!(store.run(&["delete", "-y", &other]).code, 1);
}

#[test]
fn fork_copies_a_branch() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let before = fs::read(store.path(&id)).unwrap();
    let ran = store.run(&["fork", &id, "--at", "msg-2", "--name", "try \u{1b}[1m"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("Copied 2 messages of session"),
        "{}",
        ran.err
    );
    let copy = ran.out.trim_end();
    let context = store.json(&["context", "--json", copy]);
    assert_eq!(context["session"]["parent_session"], json!(id));
    assert_eq!(
        (&context["session"]["cwd"], &context["tip"]),
        (&json!("/w"), &json!("msg-2"))
    );
    assert_eq!(context["messages"].as_array().unwrap().len(), 2);
    assert_eq!(fs::read(store.path(&id)).unwrap(), before);
    store.ok(&["verify", copy]);
    // What is inherited was spent elsewhere.
    let usage = store.json(&["usage", "--json", copy]);
    assert_eq!(usage["branch"]["usage"]["total_tokens"], 1_010);
    assert_eq!(usage["file"]["usage"]["total_tokens"], 0);
    assert!(store.ok(&["list"]).contains("try ␛[1m"));
    assert!(
        store
            .ok(&["show", copy])
            .starts_with(&format!("session {copy}  try ␛[1m\n"))
    );
    store.append(copy, &user("on"));
    store.ok(&["verify", copy]);

    let ran = store.run(&["fork", "--json", &id]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let other = told["id"].as_str().unwrap();
    assert_eq!(
        told,
        json!({"id": other, "path": store.path(other).to_str()})
    );
    assert_eq!(store.json(&["context", "--json", other])["tip"], "msg-5");

    let sessions = || fs::read_dir(store.dir()).unwrap().count();
    let count = sessions();
    let ran = store.run(&["fork", &id, "--at", "msg-99"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err.contains("no entry has the id msg-99"),
        "{}",
        ran.err
    );
    assert_eq!(sessions(), count);
    let empty = store.new_session();
    assert_eq!(store.run(&["fork", &empty]).code, 1);
    assert_eq!(sessions(), count + 1);
}
