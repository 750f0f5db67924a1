use crate::run::{Store, assistant, user};
use serde_json::{Value, json};
use std::fs;

/// Two sessions of two turns each, with different models.
fn two(store: &Store) -> [String; 2] {
    [("claude-opus-4-5", 1000), ("nobody-knows-1", 10)].map(|(model, input)| {
        let id = store.new_session();
        let turn = format!("{}{}", user("why?"), assistant("because", model, input, 5));
        store.append(&id, &format!("{turn}\n{turn}"));
        id
    })
}

fn keys(report: &Value) -> Vec<String> {
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| row["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn usage_of_all_sessions() {
    let store = Store::new();
    let [one, other] = two(&store);
    // A fork spends nothing of its own until it goes on.
    store.run(&["fork", &one]);
    let report = store.json(&["usage", "--all", "--json"]);
    assert_eq!(
        (&report["by"], &report["sessions"]),
        (&json!("day"), &json!(3))
    );
    assert_eq!(keys(&report).len(), 1);
    let total = &report["total"];
    assert_eq!(
        (&total["usage"]["input_tokens"], &total["usage"]["turns"]),
        (&json!(2020), &json!(4))
    );
    assert_eq!(
        (&total["cost"], &total["lower_bound"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(total["unknown_models"].as_array().unwrap().len(), 1);
    assert_eq!(report["failed"], json!([]));

    let report = store.json(&["usage", "--all", "--by", "session", "--json"]);
    assert_eq!(keys(&report), [one.as_str(), other.as_str()]);
    let single = store.json(&["usage", "--json", &one]);
    assert_eq!(report["rows"][0]["cost"], single["file"]["cost"]);

    let shown = store.ok(&["usage", "--all", "--by", "model"]);
    for words in [
        "sessions",
        "claude-opus-4-5",
        "nobody-knows-1",
        "total",
        "cost unknown",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let dir = store.dir();
    let of_dir = store.json(&["usage", "--json", dir.to_str().unwrap()]);
    assert_eq!(of_dir["total"], *total);
    let both = store.json(&[
        "usage",
        "--json",
        &one,
        &other,
        "--since",
        "2000-01-01",
        "--until",
        "2999-12-31",
    ]);
    assert_eq!(both["total"], *total);
    let none = store.json(&[
        "usage",
        "--json",
        &one,
        "--until",
        "2000-01-01",
        "--timezone",
        "UTC",
    ]);
    assert_eq!(
        (&none["rows"], &none["total"]["usage"]["turns"]),
        (&json!([]), &json!(0))
    );
}

#[test]
fn usage_as_a_table_for_other_programs() {
    let store = Store::new();
    two(&store);
    let text = store.ok(&["usage", "--all", "--by", "project", "--csv"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0],
        "project,sessions,turns,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,total_tokens,unreported,known_cost_usd,lower_bound"
    );
    assert!(
        lines[1].starts_with("/w,2,4,2020,20,0,0,2040,0,0.01025,true"),
        "{text}"
    );
    assert_eq!(lines.len(), 2, "{text}");
}

#[test]
fn usage_tells_what_it_could_not_read() {
    let store = Store::new();
    two(&store);
    fs::write(store.dir().join("empty.jsonl"), "").unwrap();
    let ran = store.run(&["usage", "--all"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("2,020") && ran.err.contains("empty.jsonl"),
        "{ran:?}"
    );
    for (args, words) in [
        (["--timezone", "Atlantis"], "no such time zone"),
        (["--since", "yesterday"], "expected a day"),
    ] {
        let ran = store.run(&[&["usage", "--all"], &args[..]].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
}
