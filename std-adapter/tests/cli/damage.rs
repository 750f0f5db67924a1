use crate::run::{Store, lines, two_turns, user};
use serde_json::json;
use std::{fs, path::Path, time::SystemTime};

/// Everything in a directory: names, bytes, times.
fn snapshot(dir: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            (name, fs::read(entry.path()).unwrap(), modified)
        })
        .collect();
    files.sort();
    files
}

/// A session with a corrupt line 3 and a torn tail; tells where the corrupt line begins.
fn damaged(store: &Store) -> (String, u64) {
    let id = store.new_session();
    store.append(&id, &two_turns());
    let file = fs::read_to_string(store.path(&id)).unwrap();
    let mut lines: Vec<&str> = file.lines().collect();
    let hurt = lines[2].replace("answer 1", "answer X");
    lines[2] = &hurt;
    let start = lines[..2].iter().map(|line| line.len() + 1).sum::<usize>() as u64;
    fs::write(store.path(&id), lines.join("\n") + "\n{\"type\":\"mess").unwrap();
    (id, start)
}

#[test]
fn reading_writes_nothing() {
    let store = Store::new();
    let (id, _) = damaged(&store);
    let before = snapshot(&store.dir());
    for args in [
        &["show", &id][..],
        &["show", "--json", &id],
        &["context", &id],
        &["context", "--json", &id],
        &["tree", &id],
        &["usage", &id],
        &["list"],
    ] {
        assert_eq!(store.run(args).code, 0, "{args:?}");
    }
    assert_eq!(store.run(&["verify", &id]).code, 1);
    assert_eq!(snapshot(&store.dir()), before);
    // Nor does what asks for a session that is not there.
    let empty = Store::new();
    for command in [
        "show", "context", "tree", "usage", "verify", "append", "compact", "repair",
    ] {
        assert_eq!(empty.run(&[command, "latest"]).code, 1, "{command}");
    }
    assert_eq!(fs::read_dir(empty.home()).unwrap().count(), 0);
}

#[test]
fn damage_is_told_and_costs_only_what_it_hit() {
    let store = Store::new();
    let (id, start) = damaged(&store);
    let context = store.json(&["context", "--json", &id]);
    let ids: Vec<&str> = context["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["msg-1", "msg-4", "msg-5"]);
    let recovery = &context["recovery"];
    assert_eq!(recovery["status"], "corrupt_and_truncated");
    assert_eq!(recovery["corrupt_entries"], 1);
    let warnings: Vec<&str> = recovery["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning.as_str().unwrap())
        .collect();
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert!(warnings[0].starts_with("line 3, byte "), "{warnings:?}");
    let byte: u64 = warnings[0]["line 3, byte ".len()..]
        .split(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(byte >= start);
    assert!(
        warnings[1].contains("\"msg-2\", which does not exist"),
        "{warnings:?}"
    );
    assert!(
        warnings[2].contains("\"msg-4\": its parent \"msg-2\" is lost"),
        "{warnings:?}"
    );
    assert!(warnings[3].contains("torn tail"), "{warnings:?}");
    // People are told on standard error.
    let ran = store.run(&["show", &id]);
    let warned = ran.err.matches(".jsonl: line ").count();
    assert_eq!((ran.code, warned), (0, 3), "{}", ran.err);
    assert!(ran.err.contains("(1): `sessionlog verify "), "{}", ran.err);
}

#[test]
fn verify_names_line_and_byte() {
    let store = Store::new();
    let (id, start) = damaged(&store);
    let good = store.new_session();
    store.append(&good, &two_turns());
    let path = store.path(&id);
    let ran = store.run(&["verify", "--json", &id, &good]);
    assert_eq!(ran.code, 1);
    let told = lines(&ran.out);
    assert_eq!(told.len(), 2);
    assert_eq!(
        told[1],
        json!({"path": store.path(&good).to_str(), "status": "clean", "entries": 6, "problems": []})
    );
    assert_eq!(
        (&told[0]["path"], &told[0]["status"]),
        (&json!(path.to_str()), &json!("corrupt_and_truncated"))
    );
    let problems = told[0]["problems"].as_array().unwrap();
    assert_eq!(
        (&problems[0]["line"], &problems[0]["kind"]),
        (&json!(3), &json!("corrupt"))
    );
    assert!(problems[0]["byte"].as_u64().unwrap() >= start);
    let last = problems.last().unwrap();
    assert_eq!(last["kind"], "torn_tail");
    let size = fs::metadata(&path).unwrap().len();
    assert_eq!(last["byte"], size - "{\"type\":\"mess".len() as u64);

    let ran = store.run(&["verify", &id]);
    assert!(ran.out.contains(": problem: line 3, byte "), "{}", ran.out);
    assert!(ran.out.ends_with("problems\n") && ran.err.is_empty());
    assert!(
        store
            .ok(&["verify", &good])
            .ends_with(": sound, 6 entries (4 messages, 2 leaves)\n")
    );
    // One that is not there does not keep the others from being checked.
    let ran = store.run(&["verify", "nowhere", &good]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("sound") && ran.err.contains("nowhere: no such session"));
    let ran = store.run(&["verify", "--json", "nowhere"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(lines(&ran.out)[0]["status"], "unreadable");
}

#[test]
fn verify_checks_the_sessions_in_a_directory() {
    let store = Store::new();
    let good = |name: &str| {
        let header = format!("{{\"type\":\"session\",\"version\":1,\"id\":\"{name}\"}}\n");
        store.file(&format!("{name}.jsonl"), header.as_bytes())
    };
    let (second, first) = (good("b"), good("a"));
    store.file("notes.txt", b"no session");
    let deeper = store.dir().join("deeper.jsonl");
    fs::create_dir(&deeper).unwrap();
    fs::write(deeper.join("bad.jsonl"), "bad").unwrap();
    let dir = store.dir();
    let dir = dir.to_str().unwrap();
    let ran = store.run(&["verify", dir]);
    let expected = format!("{first}: sound, 0 entries\n{second}: sound, 0 entries\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, expected.as_str()));
    let others = "1 other file skipped (--skipped names them)";
    assert_eq!(ran.err, format!("{dir}: 2 sessions, all sound; {others}\n"));
    let ran = store.run(&["verify", "--skipped", dir]);
    for skipped in ["deeper.jsonl/bad.jsonl", "notes.txt"] {
        let words = format!("{dir}/{skipped}: skipped, no session's file\n");
        assert!(ran.err.contains(&words), "{}", ran.err);
    }
    // What lies too deep is told, and not said to be none.
    let (mut at, mut named) = (store.home().join("deep"), String::new());
    let top = at.to_str().unwrap().to_owned();
    for _ in 0..16 {
        at.push("d");
    }
    fs::create_dir_all(at.join("d/d")).unwrap();
    for (dir, name) in [("", "in.jsonl"), ("d", "out.jsonl"), ("d/d", "out.jsonl")] {
        fs::copy(&first, at.join(dir).join(name)).unwrap();
    }
    for args in [
        &["verify", "--skipped"][..],
        &["import"],
        &["usage"],
        &["list"],
    ] {
        let ran = store.run(&[args, &[&top]].concat());
        assert_eq!(ran.code, i32::from(args != ["list"]), "{ran:?}");
        let words = format!(
            "{}/d: not entered, as it lies more than 16 directories deep",
            at.display()
        );
        assert_eq!(ran.err.matches(&words).count(), 1, "{ran:?}");
        assert!(!ran.err.contains("out.jsonl") && !ran.out.contains("out.jsonl"));
        named += &ran.out;
        named += &ran.err;
    }
    assert!(named.contains("d/in.jsonl: sound"), "{named}");
    assert!(
        named.contains("1 session, all sound; 1 directory not looked into"),
        "{named}"
    );
    let ran = store.run(&["verify", "--json", &top]);
    let last = lines(&ran.out).pop().unwrap();
    assert_eq!((ran.code, &last["status"]), (1, &json!("unreadable")));
    // One that is not sound, and one that cannot be read, keep no other from being checked.
    store.file(
        "a0.jsonl",
        b"{\"type\":\"session\",\"version\":1,\"id\":\"a0\"}\nbroken\n",
    );
    store.file("a1.jsonl", b"");
    let ran = store.run(&["verify", "--json", dir]);
    assert_eq!(ran.code, 1);
    let told: Vec<_> = lines(&ran.out)
        .iter()
        .map(|line| line["status"].clone())
        .collect();
    assert_eq!(told, ["clean", "corrupt", "unreadable", "clean"]);
    assert_eq!(
        ran.err,
        format!("{dir}: 4 sessions, 2 not sound; {others}\n")
    );
    // Of every format, however deep.
    let foreign = crate::foreign::dir();
    let foreign = foreign.to_str().unwrap();
    let ran = store.run(&["verify", "--json", foreign]);
    let samples = crate::foreign::samples().len();
    assert_eq!(lines(&ran.out).len(), samples, "{ran:?}");
    assert!(ran.err.contains("3 not sound"), "{ran:?}");
    let empty = store.home().join("empty");
    fs::create_dir(&empty).unwrap();
    let ran = store.run(&["verify", "empty"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "empty: no session's file (*.jsonl) is in it\n");
}

#[test]
fn a_session_without_header_is_read() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let file = fs::read_to_string(store.path(&id)).unwrap();
    fs::write(store.path(&id), file.replacen("session", "sess on", 1)).unwrap();
    let context = store.json(&["context", "--json", &id]);
    assert_eq!(context["session"], json!(null));
    assert_eq!(context["messages"].as_array().unwrap().len(), 4);
    assert_eq!(context["recovery"]["status"], "corrupt");
}

#[test]
fn what_is_no_session_is_refused() {
    let store = Store::new();
    let id = store.new_session();
    let file = fs::read_to_string(store.path(&id)).unwrap();
    let newer = store.file(
        "newer.jsonl",
        b"{\"type\":\"session\",\"version\":2,\"id\":\"x\"}\n",
    );
    let empty = store.file("empty.jsonl", b"");
    let text = store.file("notes.txt", b"not a session\nat all\n");
    let dir = store.dir();
    for (spec, why) in [
        (newer.as_str(), "format version 2"),
        (&empty, "empty"),
        (&text, "not a session"),
        (dir.to_str().unwrap(), "a directory"),
    ] {
        for command in ["show", "context", "append", "compact", "verify"] {
            if command == "verify" && spec == dir.to_str().unwrap() {
                // That one checks what is in it.
                continue;
            }
            let ran = store.run(&[command, spec]);
            assert_eq!(
                (ran.code, ran.out.as_str()),
                (1, ""),
                "{command} {spec}: {ran:?}"
            );
            assert!(ran.err.contains(why), "{command} {spec}: {}", ran.err);
        }
    }
    assert_eq!(fs::read_to_string(store.path(&id)).unwrap(), file);
}

#[test]
fn repair_keeps_the_original() {
    let store = Store::new();
    let (id, _) = damaged(&store);
    let path = store.path(&id);
    let before = fs::read(&path).unwrap();
    let context = |id: &str| store.json(&["context", "--json", id])["messages"].clone();
    let messages = context(&id);
    let ran = store.run(&["repair", "--json", &id]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let told = &lines(&ran.out)[0];
    let original = told["original"].as_str().unwrap();
    assert_eq!(fs::read(original).unwrap(), before);
    assert_eq!(
        *told,
        json!({"path": path.to_str(), "original": original, "entries": 4, "corrupt": 1, "salvaged": 0,
            "torn_bytes": 13, "relinked": 1, "unlinked": 0, "dropped_leaves": 1, "header_made": false, "unmarked_tip": false, "remaining": []})
    );
    // The totals that are recorded know of the entry that is lost, and a full count does not.
    let checked = store.run(&["verify", "--json", &id]);
    let checked = &lines(&checked.out)[0];
    assert_eq!(
        (&checked["status"], &checked["entries"]),
        (&json!("clean"), &json!(4))
    );
    let problems = checked["problems"].as_array().unwrap();
    assert!(
        problems
            .iter()
            .all(|problem| problem["kind"] == "totals_mismatch"),
        "{checked}"
    );
    assert_eq!(context(&id), messages);
    // It is not taken for a session, and what is sound is left alone.
    assert_eq!(store.ok(&["list", "--json"]).lines().count(), 1);
    let sound = fs::read(&path).unwrap();
    assert_eq!(
        store.ok(&["repair", &id]),
        format!("{}: nothing to repair\n", path.display())
    );
    assert_eq!(fs::read(&path).unwrap(), sound);
    store.append(&id, &two_turns());
    let status = &store.json(&["context", "--json", &id])["recovery"]["status"];
    assert_eq!(*status, "clean");
}

#[test]
fn repair_says_what_it_did() {
    let store = Store::new();
    let (id, _) = damaged(&store);
    let out = store.ok(&["repair", &id]);
    for words in [
        ": repaired, 4 entries\n",
        "original kept as ",
        "- 1 damaged line is left out\n",
        "- 1 leaf that named nothing is left out\n",
        "- an unfinished record at the end is left out: 13 B\n",
        "- 1 entry is linked to the entry before",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    // A turn that did not come to its end, and a tip that no leaf names.
    let id = store.new_session();
    store.append(&id, &two_turns());
    let mut file = fs::read_to_string(store.path(&id)).unwrap();
    file.push_str("{\"type\":\"message\",\"id\":\"m\",\"parent_id\":\"msg-5\",\"message\":{}}\n");
    for (damage, found) in [
        ("", ": nothing to repair\n"),
        ("torn", ": repaired, 7 entries\n"),
    ] {
        let words = "- the last leaf does not name the tip: ";
        let whole = format!("{file}{damage}");
        fs::write(store.path(&id), &whole).unwrap();
        let out = store.ok(&["repair", &id]);
        assert!(out.contains(found) && out.contains(words), "{out}");
        fs::write(store.path(&id), &whole).unwrap();
        assert_eq!(
            store.json(&["repair", "--json", &id])["unmarked_tip"],
            json!(true)
        );
    }
    // A parent that is nowhere stays missing.
    let text = "{\"type\":\"session\",\"version\":1,\"id\":\"x\"}\n\
        {\"type\":\"message\",\"id\":\"b\",\"parent_id\":\"a\",\"message\":{}}\n";
    let path = store.file("orphan.jsonl", text.as_bytes());
    let ran = store.run(&["repair", &path]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("cannot be repaired: line 2, "),
        "{}",
        ran.out
    );
}

/// What was lost with the header may be missing from the sums; a header that is made anew says so.
#[test]
fn a_session_that_has_lost_its_header_and_an_answer_is_repaired() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let text = fs::read_to_string(store.path(&id)).unwrap();
    let mut hit = 0;
    let damaged: String = text
        .split_inclusive('\n')
        .map(|line| match line {
            _ if line.contains("\"session\"") => line.replacen("version\"", "version", 1),
            _ if line.contains("assistant") && hit == 0 => {
                hit = 1;
                line.replacen("assistant", "ass", 1)
            }
            _ => line.to_owned(),
        })
        .collect();
    fs::write(store.path(&id), damaged).unwrap();
    let told = store.ok(&["repair", &id]);
    assert!(told.contains("a new one is made"), "{told}");
    assert!(!told.contains("cannot be repaired"), "{told}");
    let told = store.run(&["verify", &id]);
    assert_eq!(told.code, 0, "{told:?}");
    let header = fs::read_to_string(store.path(&id)).unwrap();
    assert!(header.lines().next().unwrap().contains("\"repaired\":\""));
}

/// Too much that is lost would be sought again and again: the command refuses, a repaired copy goes on.
#[test]
fn a_session_that_has_lost_too_much_is_continued_when_repaired() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let mut text = fs::read_to_string(store.path(&id)).unwrap();
    for n in 0..10_000 {
        text += &format!("{{\"type\":\"leaf\",\"id\":\"l{n}\",\"entry_id\":\"x{n}\"}}\n");
    }
    fs::write(store.path(&id), &text).unwrap();
    for args in [&["append", &id] as &[&str], &["leaf", &id, "msg-1"]] {
        let refused = store.feed(args, user("after").as_bytes());
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("`sessionlog repair`"), "{refused:?}");
        assert_eq!(fs::read_to_string(store.path(&id)).unwrap(), text);
    }
    assert_eq!(store.run(&["context", &id]).code, 0);
    store.ok(&["repair", &id]);
    let ran = store.feed(&["append", &id], user("after").as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
    store.ok(&["verify", &id]);
}
