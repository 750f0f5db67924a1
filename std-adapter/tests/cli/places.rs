use crate::{
    foreign::dir,
    run::{Store, assistant, lines, user},
};
use serde_json::{Value, json};
use std::fs;

/// Samples where their agents keep them.
fn furnished() -> Store {
    let store = Store::new();
    for (sample, place) in [
        (
            "claude/traps.jsonl",
            ".claude/projects/-work/5f0c1d52.jsonl",
        ),
        (
            "codex/packed.jsonl.zst",
            ".codex/sessions/2026/05/06/rollout-2026-05-06-c0de.jsonl.zst",
        ),
        ("pi/v3.jsonl", ".pi/agent/sessions/w/2026_7d1d.jsonl"),
        ("opi/v2.jsonl", ".local/share/opi/sessions/o.jsonl"),
        ("claw/whole.jsonl", ".claw/sessions/session-1.jsonl"),
        // A backup of claw-code's, and no session.
        (
            "claw/whole.jsonl",
            ".claw/sessions/session-1.rot-1775386842352.jsonl",
        ),
        ("write.py", ".claw/sessions/notes.jsonl"),
    ] {
        let to = store.home().join(place);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(dir().join(sample), to).unwrap();
    }
    store
}

fn named(out: &str) -> Vec<(Value, Value)> {
    let mut named: Vec<_> = lines(out)
        .into_iter()
        .map(|line| (line["format"].clone(), line["name"].clone()))
        .collect();
    named.sort_by_key(|(format, _)| format.to_string());
    named
}

#[test]
fn all_usual_places_are_listed() {
    let store = furnished();
    let own = store.new_session();
    store.append(&own, &user("mine"));
    let listed = named(&store.ok(&["list", "--all", "--json"]));
    let expected = [
        (json!("claude"), json!("Pruning the apple trees")),
        (json!("claw"), json!("plums")),
        (json!("codex"), json!("How many trees?")),
        (json!("opi"), json!("First?")),
        (json!("pi"), json!("Pruning")),
        (json!(null), json!("mine")),
    ];
    assert_eq!(listed, expected);
    let text = store.ok(&["list", "--all"]);
    assert!(
        text.contains("Pruning the apple trees") && text.contains("/data/orchard"),
        "{text}"
    );
    // A variable of its own goes before.
    let ran = store
        .command(&["list", "--all", "--json"])
        .env("CODEX_HOME", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(lines(&String::from_utf8(ran.stdout).unwrap()).len(), 5);
    let listed = store.ok(&["list", "--json", store.home().join(".pi").to_str().unwrap()]);
    assert_eq!(named(&listed), [(json!("pi"), json!("Pruning"))]);
    // What is listed can be named by its file's name, or the end of it.
    for spec in ["5f0c1d52", "c0de", "rollout-2026", "session-1"] {
        assert_eq!(store.run(&["usage", spec]).code, 0, "{spec}");
    }
    assert_eq!(store.run(&["usage", "nothing"]).code, 1);
}

#[test]
fn a_directory_is_imported_whole_and_once() {
    let store = furnished();
    let home = store.home().to_str().unwrap().to_owned();
    let ran = store.run(&["import", &home]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out
            .ends_with("5 imported, 0 grown, 0 unchanged, 1 skipped, 0 failed\n"),
        "{ran:?}"
    );
    assert!(ran.err.starts_with("skipped, no session: "), "{ran:?}");
    let listed = named(&store.ok(&["list", "--json"]));
    assert_eq!(listed.len(), 5);
    let ran = store.run(&["import", &home]);
    // Those in the store are met again too.
    assert!(
        ran.out
            .ends_with("0 imported, 0 grown, 10 unchanged, 1 skipped, 0 failed\n"),
        "{ran:?}"
    );
    let alone = store.run(&[
        "import",
        store
            .home()
            .join(".claw/sessions/notes.jsonl")
            .to_str()
            .unwrap(),
    ]);
    assert!(
        alone.code == 1
            && alone.err.contains("what was looked for: ")
            && alone.err.contains("Claude Code's"),
        "{alone:?}"
    );
}

#[test]
fn what_a_source_has_more_is_added() {
    let store = Store::new();
    let whole = fs::read_to_string(dir().join("codex/totals.jsonl")).unwrap();
    let id = "0199a1b2-0000-7000-8000-00000000c0de";
    // After a total: what it says of an answer before it is in.
    let cut: Vec<&str> = whole.lines().take(14).collect();
    let path = store.file(
        "../rollout.jsonl",
        format!("{}\n", cut.join("\n")).as_bytes(),
    );
    assert_eq!(
        lines(&store.ok(&["import", "--json", &path]))[0]["outcome"],
        "new"
    );
    store.file("../rollout.jsonl", whole.as_bytes());
    let grown = lines(&store.ok(&["import", "--json", &path]));
    assert_eq!(
        (&grown[0]["outcome"], &grown[0]["added"]),
        (&json!("grown"), &json!(11))
    );
    let usage = |path: &str| store.json(&["usage", "--json", path])["file"]["usage"].clone();
    assert_eq!(usage(id), usage(&path));
    assert_eq!(
        store
            .run(&["verify", store.path(id).to_str().unwrap()])
            .code,
        0
    );
    assert_eq!(
        lines(&store.ok(&["import", "--json", &path]))[0]["outcome"],
        "unchanged"
    );
    // Gone on with here and there: nothing is mixed.
    store.append(id, &user("here"));
    let more = whole.lines().nth(4).unwrap();
    store.file("../rollout.jsonl", format!("{whole}{more}\n").as_bytes());
    let before = fs::read(store.path(id)).unwrap();
    let ran = store.run(&["import", "--json", &path]);
    assert_eq!(
        (ran.code, &lines(&ran.out)[0]["outcome"]),
        (1, &json!("continued"))
    );
    assert_eq!(fs::read(store.path(id)).unwrap(), before);
    let anew = lines(&store.ok(&["import", "--anew", "--json", &path]));
    assert_eq!(anew[0]["outcome"], "new");
    assert_eq!(anew[0]["id"], format!("{id}-2"));
}

#[test]
fn pruned_sessions_are_put_away_and_not_deleted() {
    let store = Store::new();
    let ids: Vec<String> = (0..3).map(|_| store.new_session()).collect();
    let ran = store.run(&["prune", "--keep", "1"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.lines().count(), 2);
    assert!(ran.err.contains("--apply does it"), "{ran:?}");
    assert!(ids.iter().all(|id| store.path(id).exists()));
    let done = lines(&store.ok(&["prune", "--json", "--keep", "1", "--apply"]));
    assert_eq!(done.len(), 2);
    for line in &done {
        let id = line["id"].as_str().unwrap();
        assert!(!store.path(id).exists());
        let archived = line["archived"].as_str().unwrap();
        assert_eq!(store.run(&["show", archived]).code, 0, "{archived}");
        assert_eq!(line["reason"], "count");
    }
    assert_eq!(lines(&store.ok(&["list", "--json"])).len(), 1);
    assert!(
        store
            .run(&["prune", "--older-than", "1h"])
            .err
            .contains("Nothing")
    );
}

#[test]
fn what_is_compacted_is_split_off() {
    let store = Store::new();
    let id = store.new_session();
    let turn = |n: u64| {
        format!(
            "{}{}\n",
            user("why?"),
            assistant("because", "claude-opus-4-5", n, 5)
        )
    };
    store.append(&id, &(1..9).map(turn).collect::<String>());
    let whole = store.new_session();
    store.append(&whole, &turn(1));
    let ran = store.run(&["compact", "--keep", "messages:2", &id]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let of = |args: &[&str]| {
        let context = store.json(&[&["context", "--json"], args].concat());
        let usage = store.json(&[&["usage", "--json"], args].concat());
        assert_eq!(context["usage"], usage["branch"]["usage"]);
        (context["messages"].clone(), usage)
    };
    let before = of(&[&id]);
    let total = store.json(&["usage", "--all", "--json"])["total"].clone();
    let bytes = fs::read(store.path(&id)).unwrap();
    // Told, and not done.
    let ran = store.run(&["prune", "--compacted"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.starts_with(&id) && ran.out.contains("compacted"),
        "{ran:?}"
    );
    assert!(
        ran.err.contains("1 session") && ran.err.contains("--apply does it"),
        "{ran:?}"
    );
    assert_eq!(fs::read(store.path(&id)).unwrap(), bytes);
    let done = lines(&store.ok(&["prune", "--compacted", "--apply", "--json"]));
    assert_eq!(done.len(), 1, "{done:?}");
    let archived = done[0]["archived"].as_str().unwrap();
    assert_eq!(done[0]["reason"], "compacted");
    assert!(fs::read(store.path(&id)).unwrap().len() < bytes.len() / 2);
    assert_eq!(of(&[&id]), before);
    assert_eq!(store.json(&["usage", "--all", "--json"])["total"], total);
    for spec in [id.as_str(), archived] {
        assert_eq!(store.run(&["verify", spec]).code, 0, "{spec}");
        assert_eq!(store.run(&["show", spec]).code, 0, "{spec}");
    }
    // A copy goes on from all of it, and spends nothing itself.
    let copy = store.run(&["fork", &id]).out.trim().to_owned();
    let (context, usage) = of(&[&copy]);
    assert_eq!(
        (&context, &usage["branch"]),
        (&before.0, &before.1["branch"])
    );
    assert_eq!(usage["file"]["usage"]["total_tokens"], 0);
    assert_eq!(store.json(&["usage", "--all", "--json"])["total"], total);
    for command in ["verify", "repair"] {
        assert_eq!(store.run(&[command, &copy]).code, 0, "{command}");
    }
    // It goes on, and what was put away counts with it; a name says why there is nothing more to do.
    store.append(&id, &turn(100));
    let usage = store.json(&["usage", "--json", &id]);
    assert_eq!(usage["file"]["usage"]["input_tokens"], 36 + 100);
    assert_eq!(usage["branch"]["usage"]["input_tokens"], 36 + 100);
    let ran = store.run(&["prune", "--compacted", &whole]);
    assert!(ran.err.contains("nothing of it is compacted"), "{ran:?}");
    // Without it, the figures say that they are not whole.
    fs::remove_file(archived).unwrap();
    let ran = store.run(&["context", "--json", &id]);
    assert!(ran.err.contains("not in these figures"), "{ran:?}");
    let ran = store.run(&["usage", &id]);
    assert!(ran.err.contains("not in these figures"), "{ran:?}");
    assert!(ran.out.contains("≥ 108"), "{ran:?}");
    let usage = lines(&store.run(&["usage", "--json", &id]).out).remove(0);
    assert_eq!(usage["file"]["lower_bound"], true);
    assert_eq!(usage["file"]["cost"], serde_json::Value::Null);
    let ran = store.run(&["usage", "--json", "--by", "session", &id]);
    let usage = lines(&ran.out).remove(0);
    assert_eq!(usage["total"]["lower_bound"], true);
    assert!(usage["missing"][0].as_str().unwrap().contains("history"));
    let ran = store.run(&["prune", "--keep", "1", "--compacted", &whole]);
    assert_eq!(ran.code, 2, "{ran:?}");
}
