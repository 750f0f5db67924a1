use crate::run::{Store, assistant, lines, two_turns, user};
use serde_json::json;
use std::{
    fs,
    io::{BufReader, Read as _, Write as _},
};

#[test]
fn a_new_session_has_an_id_and_a_file_for_its_owner() {
    let store = Store::new();
    let id = store.new_session();
    let path = store.path(&id);
    let header: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        (&header["id"], &header["cwd"], &header["parent_session"]),
        (&json!(id), &json!("/w"), &json!(null))
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::metadata(store.dir()).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    let made = store.json(&["new", "--json"]);
    let other = made["id"].as_str().unwrap();
    assert_eq!(
        made,
        json!({"id": other, "path": store.path(other).to_str()})
    );
    // The directory where it was called.
    let cwd = &store.json(&["context", "--json", other])["session"]["cwd"];
    let home = fs::canonicalize(store.home()).unwrap();
    assert_eq!(fs::canonicalize(cwd.as_str().unwrap()).unwrap(), home);
}

#[test]
fn a_parent_is_a_whole_id() {
    let store = Store::new();
    let id = store.new_session();
    let parent_of = |word: &str| {
        let child = store.ok(&["new", "--parent", word]);
        let context = store.json(&["context", "--json", child.trim_end()]);
        context["session"]["parent_session"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(parent_of("latest"), id);
    assert_eq!(parent_of(&id), id);
    // One that is kept elsewhere is a parent, too, which may be a slip of the pen.
    let ran = store.run(&["new", "--parent", "elsewhere-1"]);
    assert_eq!((ran.code, ran.err.lines().count()), (0, 1), "{ran:?}");
    assert!(
        ran.err
            .starts_with("warning: elsewhere-1: no such session in "),
        "{ran:?}"
    );
    let context = store.json(&["context", "--json", ran.out.trim_end()]);
    assert_eq!(context["session"]["parent_session"], "elsewhere-1");
    // What is no id is none, also where a file or a directory has that name.
    fs::write(store.home().join("here"), "").unwrap();
    let sessions = store.ok(&["list", "--json"]).lines().count();
    let path = store.path(&id);
    for word in [
        "../x",
        "./here",
        "..",
        ".",
        "",
        "a:b",
        path.to_str().unwrap(),
    ] {
        let ran = store.run(&["new", "--parent", word]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{word}: {ran:?}");
        assert!(ran.err.contains("not a session's id"), "{word}: {ran:?}");
    }
    assert_eq!(store.ok(&["list", "--json"]).lines().count(), sessions);
    let ran = store.run(&["new", "--parent", "here"]);
    assert!(
        ran.code == 0 && ran.err.contains("here: no such session in "),
        "{ran:?}"
    );
    // The children begin as their parent does: a UUIDv7 begins with the time.
    let ambiguous = store.run(&["new", "--parent", &id[..4]]);
    assert_eq!((ambiguous.code, ambiguous.out.as_str()), (1, ""));
}

#[test]
fn payloads_are_kept_byte_for_byte() {
    let store = Store::new();
    let id = store.new_session();
    let odd = r#"{"role":"user", "n":1.0e30 ,"e":"\u0041\/é","z":{"b":1,"a":2}}"#;
    assert_eq!(store.append(&id, &format!("  {odd}\r\n")), ["msg-1"]);
    let out = store.ok(&["context", "--json", &id]);
    let start = format!(r#"{{"type":"message","id":"msg-1","message":{odd}}}"#);
    assert!(out.contains(&start), "{out}");
}

#[test]
fn a_number_beyond_doubles_is_not_written_and_is_shown() {
    let store = Store::new();
    let id = store.new_session();
    let huge = r#"{"role":"user","n":1e999}"#;
    let ran = store.feed(&["append", &id], format!("{huge}\n").as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err
            .contains("line 1 of the input: a number is too large"),
        "{ran:?}"
    );
    // What this reader's numbers cannot hold is shown where another writer left it.
    let mut file = fs::read_to_string(store.path(&id)).unwrap();
    file.push_str(&format!(
        "{{\"type\":\"message\",\"id\":\"a\",\"message\":{huge}}}\n"
    ));
    fs::write(store.path(&id), file).unwrap();
    assert!(store.ok(&["show", &id]).contains("1e999"));
}

#[test]
fn each_turn_ends_with_a_leaf() {
    let store = Store::new();
    let id = store.new_session();
    assert_eq!(
        store.append(&id, &two_turns()),
        ["msg-1", "msg-2", "msg-4", "msg-5"]
    );
    let ran = store.feed(&["append", "--json", "latest"], user("x").as_bytes());
    assert_eq!(lines(&ran.out), [json!({"id": "msg-7"})]);
    let text = fs::read_to_string(store.path(&id)).unwrap();
    let kinds: Vec<String> = lines(&text)
        .iter()
        .map(|record| record["type"].as_str().unwrap().to_owned())
        .collect();
    let turn = ["message", "message", "leaf"];
    let expected = [&["session"], &turn[..], &turn[..], &["message", "leaf"]].concat();
    assert_eq!(kinds, expected);
    // Nothing to record is no turn.
    assert_eq!(store.append(&id, "\n\n").len(), 0);
    assert_eq!(fs::read_to_string(store.path(&id)).unwrap(), text);
}

#[test]
fn a_bad_line_is_named_and_what_stands_before_it_is_kept() {
    let store = Store::new();
    for (bad, why) in [
        ("nope", "line 3"),
        (
            r#"{"role":"user"},"x":{}"#,
            "trailing characters at column 16",
        ),
        ("[1]", "not a JSON object"),
        (r#"{"role":"user""#, "EOF"),
        ("{\"role\":\"\\ud800\"}", "line 3"),
        ("{\"a\":\"\u{1}\"}", "line 3"),
        (
            &format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)),
            "line 3",
        ),
    ] {
        for sync in ["entry", "turn", "manual"] {
            let id = store.new_session();
            let input = format!("{}\n{bad}\n{}", user("before"), user("after"));
            let ran = store.feed(&["append", &id, "--sync", sync], input.as_bytes());
            assert_eq!(
                (ran.code, ran.out.as_str()),
                (1, "msg-1\n"),
                "{bad}: {ran:?}"
            );
            assert!(
                ran.err.starts_with("error: line 3 of the input: "),
                "{ran:?}"
            );
            assert!(ran.err.contains(why), "{ran:?}");
            assert!(ran.err.lines().count() == 1, "{ran:?}");
            let context = store.json(&["context", "--json", &id]);
            assert_eq!(context["recovery"]["status"], "clean");
            assert_eq!(context["messages"].as_array().unwrap().len(), 1, "{bad}");
        }
    }
    // In the middle of a turn, too.
    let id = store.new_session();
    let ran = store.feed(&["append", &id], format!("{}nope\n", user("x")).as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (1, "msg-1\n"));
    assert_eq!(store.ok(&["tree", &id]).lines().count(), 1);
    let invalid = store.feed(&["append", &id], b"{\"a\":\"\xff\"}\n");
    assert_eq!((invalid.code, invalid.out.as_str()), (1, ""));
}

/// Reads a line of what a child prints.
fn line(out: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line
}

#[test]
fn ids_come_when_they_are_durable_and_not_before() {
    let store = Store::new();
    let id = store.new_session();
    let on_disk = || fs::read_to_string(store.path(&id)).unwrap();

    let mut child = store.spawn(&["append", &id, "--sync", "entry"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut input = child.stdin.take().unwrap();
    for n in 1..=2 {
        input.write_all(user("at once").as_bytes()).unwrap();
        assert_eq!(line(&mut out), format!("msg-{n}\n"));
        assert_eq!(on_disk().matches("at once").count(), n);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(line(&mut out), "");

    let mut child = store.spawn(&["append", &id]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut input = child.stdin.take().unwrap();
    let turn = user("turn") + &assistant("a", "m", 1, 1) + "\n";
    input.write_all(turn.as_bytes()).unwrap();
    assert_eq!(line(&mut out) + &line(&mut out), "msg-4\nmsg-5\n");
    assert_eq!(on_disk().matches("\"type\":\"leaf\"").count(), 2);
    drop(input);
    child.wait().unwrap();

    let ran = store.feed(&["append", &id, "--sync", "manual"], two_turns().as_bytes());
    assert_eq!(ran.out.lines().count(), 4);
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let store = Store::new();
    // More than any buffer, so that some of it is in the file; and little, so that nothing is.
    for unended in [4 << 20, 10] {
        let id = store.new_session();
        let mut child = store.spawn(&["append", &id]);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut input = child.stdin.take().unwrap();
        input.write_all((two_turns() + "\n").as_bytes()).unwrap();
        let ids: Vec<String> = (0..4)
            .map(|_| line(&mut out).trim_end().to_owned())
            .collect();
        let long = user(&"x".repeat(unended));
        input.write_all(long.as_bytes()).unwrap();
        let end = long.len() / 2;
        input.write_all(&long.as_bytes()[..end]).unwrap();
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "not acknowledged");

        // Torn or not: it can be read, and what follows is whole.
        let read = store.json(&["context", "--json", &id]);
        assert_eq!(read["recovery"]["corrupt_entries"], 0);
        let ran = store.feed(&["append", &id], user("again").as_bytes());
        assert_eq!(ran.code, 0, "{ran:?}");
        let context = store.json(&["context", "--json", &id]);
        assert_eq!(context["recovery"]["status"], "clean");
        let found: Vec<&str> = context["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["id"].as_str().unwrap())
            .collect();
        assert_eq!(found[..4], ids[..]);
        assert_eq!(found.last(), Some(&ran.out.trim_end()));
        store.ok(&["verify", &id]);
    }
}

/// One damaged byte, the last line's end, takes no record away: neither at once nor when something is appended.
#[test]
fn a_whole_record_whose_line_end_was_hit_is_never_cut_off() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let whole = fs::read(store.path(&id)).unwrap();
    let hit = [&whole[..whole.len() - 1], b"x"].concat();
    fs::write(store.path(&id), &hit).unwrap();
    let ran = store.feed(&["append", &id], user("After.").as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("stays, as a corrupt line"), "{ran:?}");
    let now = fs::read(store.path(&id)).unwrap();
    assert!(now.starts_with(&hit));
    let context = store.run(&["context", &id]);
    assert!(context.out.contains("After."), "{context:?}");
}

#[test]
fn a_torn_tail_is_removed_before_anything_is_appended() {
    let store = Store::new();
    let id = store.new_session();
    store.append(&id, &two_turns());
    let whole = fs::read(store.path(&id)).unwrap();
    let torn = [&whole[..], b"{\"type\":\"message\",\"id\":\"msg-7\",\"mess"].concat();
    fs::write(store.path(&id), torn).unwrap();
    let ran = store.feed(&["append", &id], user("again").as_bytes());
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.contains(&format!("from byte {} on", whole.len())),
        "{}",
        ran.err
    );
    assert!(fs::read(store.path(&id)).unwrap().starts_with(&whole));
    store.ok(&["verify", &id]);
}

#[test]
fn there_is_one_writer() {
    let store = Store::new();
    let id = store.new_session();
    let mut child = store.spawn(&["append", &id, "--sync", "entry"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut input = child.stdin.take().unwrap();
    input.write_all(user("mine").as_bytes()).unwrap();
    line(&mut out);
    for args in [
        &["append", &id][..],
        &["leaf", &id, "msg-1"],
        &["compact", &id],
        &["delete", "--yes", &id],
    ] {
        let ran = store.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}");
        assert!(ran.err.contains("is writing to this session"), "{ran:?}");
        if cfg!(target_os = "linux") {
            assert!(
                ran.err.contains(&format!("process {} ", child.id())),
                "{ran:?}"
            );
        }
    }
    // Readers are not kept out.
    assert!(store.ok(&["show", &id]).contains("mine"));
    drop(input);
    child.wait().unwrap();
    assert_eq!(store.run(&["append", &id]).code, 0);
}

#[test]
fn recording_goes_on_when_nobody_hears_the_ids() {
    let store = Store::new();
    let id = store.new_session();
    let mut child = store.spawn(&["append", &id]);
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    for _ in 0..3 {
        input.write_all((user("kept") + "\n").as_bytes()).unwrap();
    }
    drop(input);
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
    let context = store.json(&["context", "--json", &id]);
    assert_eq!(context["messages"].as_array().unwrap().len(), 3);
}

/// What is not written is not there: `latest` would be a session without a header.
#[cfg(unix)]
#[test]
fn a_session_that_cannot_be_written_leaves_no_file() {
    let store = Store::new();
    let made = store.json(&["new", "--json"]);
    let command = store.command(&[]);
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" new"])
        .arg(command.get_program())
        .env_clear()
        .env("SESSIONLOG_DIR", store.dir())
        .current_dir(store.home());
    let ran = limited.output().unwrap();
    let words = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{words}");
    assert!(words.contains("cannot write"), "{words}");
    let files = std::fs::read_dir(store.dir()).unwrap();
    assert_eq!(files.count(), 1);
    let latest = store.json(&["verify", "--json", "latest"]);
    assert_eq!(latest["path"], made["path"]);
}
