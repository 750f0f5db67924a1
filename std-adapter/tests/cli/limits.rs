use crate::run::Store;
use std::fs;

const HEADER: &str = r#"{"type":"session","version":1,"id":"s","timestamp":"2026-05-22T12:00:00.123Z","cwd":"/w","parent_session":null}"#;

#[test]
fn a_record_nested_100_000_deep_is_refused() {
    let store = Store::new();
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let record = format!(
        r#"{{"type":"message","id":"a","parent_id":null,"message":{{"role":"user","content":{deep}}}}}"#
    );
    let path = store.file("deep.jsonl", format!("{HEADER}\n{record}\n").as_bytes());
    let ran = store.run(&["verify", &path]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("line 2, byte") && ran.out.contains("nesting too deep"),
        "{ran:?}"
    );
    for command in ["show", "context", "usage", "tree"] {
        assert_eq!(store.run(&[command, &path]).code, 0, "{command}");
    }
    let id = store.new_session();
    let ran = store.feed(
        &["append", &id],
        format!("{{\"role\":\"user\",\"content\":{deep}}}\n").as_bytes(),
    );
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("line 1 of the input"), "{ran:?}");
}

/// A recovery that is refused loudly, and a way out.
#[test]
fn a_tip_whose_id_another_entry_bears_is_continued_in_a_fork() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &crate::run::user("first"));
    let mut bytes = fs::read(store.path(&id)).unwrap();
    bytes.extend_from_slice(b"{\"type\":\"note\",\"id\":\"msg-1\",\"parent_id\":null}\n");
    fs::write(store.path(&id), &bytes).unwrap();
    let ran = store.feed(&["append", &id], crate::run::user("second").as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("sessionlog fork"), "{ran:?}");
    assert_eq!(fs::read(store.path(&id)).unwrap(), bytes);
    let fork = store.run(&["fork", &id]);
    let fork = fork.out.trim_end();
    store.append(fork, &crate::run::user("second"));
    let context = store.json(&["context", "--json", fork]);
    assert_eq!(context["messages"].as_array().unwrap().len(), 2);
}
