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
        "project,sessions,turns,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,total_tokens,unreported,known_cost_usd,lower_bound,told_cost_usd,told,untold"
    );
    assert!(
        lines[1].starts_with("/w,2,4,2020,20,0,0,2040,0,0.01025,true,,0,4"),
        "{text}"
    );
    assert_eq!(lines.len(), 2, "{text}");
}

/// What the logs of pi and of older versions of Claude Code tell that it cost.
#[test]
fn what_a_log_tells_that_it_cost() {
    let store = Store::new();
    let pi = crate::foreign::dir().join("pi/v3.jsonl");
    let pi = pi.to_str().unwrap();
    // The first answer was copied from the parent; the others tell 0.01, 0.002 and nothing but zeros.
    let report = store.json(&["usage", "--json", pi]);
    let told = |of: &Value| of["told_cost"].clone();
    let expected = json!({"usd": "0.012", "answers": 3, "untold": 0});
    assert_eq!(told(&report["file"]), expected);
    assert_eq!(told(&report["file"]["models"][0]), expected);
    let shown = store.ok(&["usage", pi]);
    assert!(
        shown.contains("as the log tells") && shown.contains("0.0120"),
        "{shown}"
    );

    let answer = |uuid: &str, parent: &str, id: &str, input: u64, cost: &str| {
        format!(
            r#"{{"type":"assistant","uuid":"{uuid}","parentUuid":"{parent}","sessionId":"s","timestamp":"2025-05-01T10:00:00.000Z"{cost},"message":{{"id":"{id}","type":"message","role":"assistant","model":"claude-opus-4-5","content":[],"usage":{{"input_tokens":{input},"output_tokens":1}}}}}}"#
        )
    };
    let lines = [
        r#"{"type":"user","uuid":"u1","parentUuid":null,"sessionId":"s","timestamp":"2025-05-01T10:00:00.000Z","cwd":"/w","message":{"role":"user","content":"hi"}}"#.to_owned(),
        // Two lines of one answer: its cost counts once, as its usage does.
        answer("u2", "u1", "msg_1", 100, r#","costUSD":0.5"#),
        answer("u3", "u2", "msg_1", 100, r#","costUSD":0.5"#),
        answer("u4", "u3", "msg_2", 10, r#","costUSD":0.25000000000000004"#),
        answer("u5", "u4", "msg_3", 1, ""),
    ];
    let path = store.file("claude.jsonl", (lines.join("\n") + "\n").as_bytes());
    let report = store.json(&["usage", "--json", &path, pi, "--by", "agent"]);
    let claude = json!({"usd": "0.75", "answers": 2, "untold": 1});
    assert_eq!(told(&report["rows"][0]), claude);
    assert_eq!(told(&report["rows"][1]), expected);
    assert_eq!(
        told(&report["total"]),
        json!({"usd": "0.762", "answers": 5, "untold": 1})
    );
    let shown = store.ok(&["usage", &path, pi]);
    assert!(
        shown.contains("told USD") && shown.contains("≥ 0.7500"),
        "{shown}"
    );
    assert!(shown.contains("1 answer does not tell"), "{shown}");
    let csv = store.ok(&["usage", "--csv", "--by", "agent", &path, pi]);
    assert!(csv.lines().nth(1).unwrap().ends_with(",0.75,2,1"), "{csv}");
    // Imported, it is told as before.
    let ran = store.run(&["import", &path]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(told(&store.json(&["usage", "--json", "s"])["file"]), claude);
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
        (["--since=2026-05-02", "--until=2026-05-01"], "before"),
    ] {
        let ran = store.run(&[&["usage", "--all"], &args[..]].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
}

#[test]
fn usage_of_many_tells_of_damage() {
    let store = Store::new();
    let answer = r#"{"type":"assistant","uuid":"u2","parentUuid":"u1","sessionId":"s","timestamp":"2026-05-01T10:00:00.000Z","message":{"id":"m","role":"assistant","model":"x","content":[],"usage":{"input_tokens":1,"output_tokens":}}}"#;
    let user = r#"{"type":"user","uuid":"u1","parentUuid":null,"sessionId":"s","timestamp":"2026-05-01T10:00:00.000Z","message":{"role":"user","content":"hi"}}"#;
    let path = store.file("a.jsonl", format!("{user}\n{answer}\n").as_bytes());
    for args in [
        &["usage", "--by", "session", &path][..],
        &["usage", "--csv", &path],
    ] {
        let ran = store.run(args);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains("a.jsonl is damaged"), "{ran:?}");
    }
    let report = store.json(&["usage", "--by", "session", "--json", &path]);
    assert_eq!(report["damaged"], json!([path]));
}

#[test]
fn a_table_holds_no_formulas_and_nothing_that_is_obeyed() {
    let store = Store::new();
    let session = |cwd: &str| {
        format!(
            r#"{{"type":"session","version":1,"id":"s","timestamp":"2026-05-01T10:00:00.000Z","cwd":"{cwd}","parent_session":null}}
{{"type":"message","id":"a","parent_id":null,"timestamp":"2026-05-01T10:00:00.000Z","message":{{"role":"user","content":[]}}}}
"#
        )
    };
    for (cwd, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\\t=1", "'␉=1"),
        ("\\r=1", "'␍=1"),
        (
            "/w\\u001b[2J\\u0000\u{9b}\u{202e}",
            "/w␛[2J␀\\u{9b}\\u{202e}",
        ),
    ] {
        let path = store.file("a.jsonl", session(cwd).as_bytes());
        let table = store.ok(&["usage", "--csv", "--by", "project", &path]);
        let row = table.lines().nth(1).unwrap();
        assert!(row.starts_with(&format!("{cell},1,1,0,")), "{row}");
    }
    let path = store.file(
        "a.jsonl",
        session("/w\u{9b}\u{202e}\u{200b}\u{7f}").as_bytes(),
    );
    for args in [
        &["usage", "--json", "--by", "project", &path][..],
        &["context", "--json", &path],
    ] {
        let text = store.ok(args);
        assert!(text.contains(r"/w\u009b\u202e\u200b\u007f"), "{text}");
    }
}
