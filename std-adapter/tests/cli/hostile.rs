use crate::run::{Ran, Store};
use std::io::Read as _;

/// What acts on a terminal or hides.
const EVIL: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}gnp\u{200b}\r\u{8}\u{7f}";

/// Characters that must not reach a terminal.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}')
}

fn evil_session(store: &Store) -> String {
    let evil = serde_json::to_string(EVIL).unwrap();
    let name = &evil[1..evil.len() - 1];
    let records = [
        format!(
            r#"{{"type":"session","version":1,"id":"{name}","timestamp":"{name}","cwd":"{name}","parent_session":"{name}","branch_name":"{name}"}}"#
        ),
        format!(
            r#"{{"type":"message","id":"a{name}","message":{{"role":"user","content":[{{"type":"text","text":"{name}"}},{{"type":"{name}"}}]}}}}"#
        ),
        format!(
            r#"{{"type":"message","id":"b{name}","parent_id":"a{name}","message":{{"role":"assistant","model":"{name}","provider":"{name}","stop_reason":"{name}","error_message":"{name}","content":[{{"type":"thinking","thinking":"{name}"}},{{"type":"tool_call","tool_call":{{"id":"{name}","name":"{name}","arguments":"{{\"{name}\":1}}"}}}}],"usage":{{"input_tokens":1}}}}}}"#
        ),
        format!(
            r#"{{"type":"message","id":"c{name}","parent_id":"b{name}","message":{{"role":"tool_result","tool_name":"{name}","content":"{name}"}}}}"#
        ),
        format!(r#"{{"type":"x{name}","id":"u{name}","parent_id":"c{name}"}}"#),
        format!(
            r#"{{"type":"message","id":"d{name}","parent_id":"nowhere{name}","message":{{"role":"{name}","content":"{name}"}}}}"#
        ),
        format!(
            r#"{{"type":"compaction","id":"e{name}","parent_id":"d{name}","summary":"{name}","first_kept_entry_id":"{name}"}}"#
        ),
        format!(r#"{{"type":"leaf","id":"l{name}","entry_id":"gone{name}"}}"#),
        format!("{name} is no record"),
    ];
    store.file("evil.jsonl", (records.join("\n") + "\n").as_bytes())
}

#[test]
fn nothing_of_a_session_reaches_the_terminal_raw() {
    let store = Store::new();
    let path = evil_session(&store);
    let entry = format!("d{EVIL}");
    let commands: &[&[&str]] = &[
        &["show", &path],
        &["show", "--full", &path],
        &["context", &path],
        &["tree", &path],
        &["usage", &path],
        &["list"],
        &["verify", &path],
        &["show", EVIL],
        &["leaf", &path, EVIL],
        &["leaf", &path, &entry],
        &["new", "--parent", EVIL],
        &["frobnicate", EVIL],
    ];
    for args in commands {
        let ran = store.run(args);
        assert!(!ran.out.contains(acts), "{args:?}: {:?}", ran.out);
        assert!(!ran.err.contains(acts), "{args:?}: {:?}", ran.err);
        assert!(!ran.out.is_empty() || !ran.err.is_empty());
    }
    // JSON carries the text itself, escaped as JSON does.
    let context: serde_json::Value =
        serde_json::from_str(&store.run(&["context", "--json", &path]).out).unwrap();
    assert_eq!(context["session"]["cwd"], EVIL);
}

/// What a run prints on a terminal, and says beside it.
#[cfg(unix)]
fn on_a_terminal(store: &Store, args: &[&str]) -> (String, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = std::fs::File::options()
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    // What was given to the command is closed with it: else the terminal has no end.
    let child = store.command(args).stdout(theirs).spawn().unwrap();
    let mut out = Vec::new();
    // The end is told as an error.
    let _ = std::fs::File::from(ours).read_to_end(&mut out);
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{args:?}");
    let out = String::from_utf8(out).unwrap();
    (
        out.replace("\r\n", "\n"),
        String::from_utf8(ran.stderr).unwrap(),
    )
}

#[cfg(unix)]
#[test]
fn an_export_is_exact_but_on_a_terminal() {
    const NOTE: &str = "shown escaped, as this is a terminal";
    let store = Store::new();
    let message = |id: &str, text: &str| {
        format!(
            r#"{{"type":"message","id":"{id}","parent_id":null,"message":{{"role":"user","content":"{text}"}}}}"#
        )
    };
    let header = r#"{"type":"session","version":1,"id":"s","timestamp":"","cwd":"/w","parent_session":null}"#;
    // Valid JSON, and what is not.
    let whole = [
        header.to_owned(),
        message("a", "\u{9b}1m\u{202e}\u{200b}\u{7f}"),
    ];
    let torn = format!("\u{1b}[2J no record\n{}\u{7}", message("b", "\u{1b}[2J"));
    let text = whole.join("\n") + "\n" + &torn + "\n";
    let path = store.file("s.jsonl", text.as_bytes());
    // The damage is told, beside.
    let ran = store.run(&["export", "--to", "jsonl", &path]);
    assert_eq!((ran.code, ran.out.as_str()), (0, text.as_str()));
    assert!(!ran.err.contains(NOTE), "{ran:?}");
    let to = store.home().join("exact");
    let ran = store.run(&["export", "--to", "jsonl", "-o", to.to_str().unwrap(), &path]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(std::fs::read_to_string(&to).unwrap(), text);

    for format in ["jsonl", "opi", "pi", "claw", "markdown"] {
        let (out, err) = on_a_terminal(&store, &["export", "--to", format, &path]);
        assert!(!out.contains(acts), "{format}: {out:?}");
        assert!(!out.is_empty());
        // Text for people has nothing to hide in it.
        assert_eq!(err.matches(NOTE).count(), usize::from(format != "markdown"));
        if format == "jsonl" {
            let lines: Vec<&str> = out.lines().collect();
            for (line, was) in lines.iter().zip(&whole) {
                let value = |json| serde_json::from_str::<serde_json::Value>(json).unwrap();
                assert_eq!(value(line), value(was));
            }
            assert_eq!(lines[2], "␛[2J no record");
        }
    }
    let id = store.new_session();
    store.append(&id, &crate::run::user("plain"));
    let (out, err) = on_a_terminal(&store, &["export", "--to", "jsonl", &id]);
    assert_eq!(out.as_bytes(), std::fs::read(store.path(&id)).unwrap());
    assert_eq!(err, "");
}

#[test]
fn who_closes_the_pipe_wants_no_more() {
    let store = Store::new();
    let id = store.new_session();
    let long = crate::run::user(&"word ".repeat(1 << 18));
    store.append(&id, &long);
    for args in [
        &["show", &id][..],
        &["context", "--json", &id],
        &["context", &id],
    ] {
        let mut child = store.command(args).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut [0; 10]).unwrap();
        drop(out);
        let ran = child.wait_with_output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{args:?}");
        assert!(ran.stderr.is_empty(), "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_no_closed_pipe() {
    let store = Store::new();
    store.new_session();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let ran = store
        .command(&["list", "--json"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stderr.starts_with(b"error: cannot write the output"));
}

#[test]
fn usage_errors_are_2() {
    let store = Store::new();
    for args in [
        &["frobnicate"][..],
        &["show"],
        &["append", "x", "--sync", "never"],
        &["compact", "x", "--keep", "tokens:0"],
        &["compact", "x", "--summary", " "],
        &[],
    ] {
        let ran = store.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(!ran.err.is_empty());
    }
    for args in [
        &["--help"][..],
        &["append", "--help"],
        &["--version"],
        &["completions", "bash"],
    ] {
        assert!(!store.ok(args).is_empty());
    }
}

/// What is shown to others; the session itself stays as it is.
#[test]
fn secrets_are_masked_on_demand() {
    let store = Store::new();
    let id = store.new_session();
    let key = format!("sk-ant-api03-{}", "aB3".repeat(20));
    store.append(&id, &crate::run::user(&format!("use {key} for it")));
    let before = std::fs::read(store.path(&id)).unwrap();
    for args in [
        &["show", &id] as &[&str],
        &["show", "--json", &id],
        &["context", &id],
        &["context", "--json", &id],
    ] {
        assert!(store.ok(args).contains(&key), "{args:?}");
        let masked = store.ok(&[args, &["--redact"]].concat());
        assert!(!masked.contains(&key), "{masked}");
        assert!(
            masked.contains("use [redacted: Anthropic key] for it"),
            "{masked}"
        );
    }
    let fork = store.run(&["fork", "--redact", &id]);
    let fork = fork.out.trim_end();
    let copied = std::fs::read_to_string(store.path(fork)).unwrap();
    assert!(copied.contains("[redacted: Anthropic key]") && !copied.contains(&key));
    assert_eq!(store.run(&["verify", fork]).code, 0);
    assert_eq!(std::fs::read(store.path(&id)).unwrap(), before);
    // The name of a branch, too, be it given now or stand in the header.
    let named = store.run(&["fork", "--name", &key, &id]);
    for args in [
        &["fork", "--redact", "--name", &key, &id] as &[&str],
        &["fork", "--redact", named.out.trim_end()],
    ] {
        let fork = store.run(args);
        let copied = std::fs::read_to_string(store.path(fork.out.trim_end())).unwrap();
        assert!(!copied.contains(&key), "{args:?}: {copied}");
    }
    let shown = store.ok(&["show", "--redact", named.out.trim_end()]);
    assert!(!shown.contains(&key), "{shown}");
}

/// Arguments of a tool are JSON in a string, or members; a key stands behind an escape there, or its name before it.
#[test]
fn secrets_in_the_arguments_of_tools_are_masked() {
    let store = Store::new();
    let key = format!("ghp_{}", "aB3".repeat(12));
    let secret = "aB3d".repeat(10);
    let arguments = serde_json::json!({
        "content": format!("KEYS:\n{key}\n\t{key}\n- **Password:** {secret}"),
        "password": &secret,
        "passwords": [&secret, &secret],
        "token": { "value": &secret },
        "env": [{ "name": "DB_PASSWORD", "value": &secret }],
        "command": ["mysql", "--password", &secret],
    });
    let id = store.new_session();
    for arguments in [arguments.to_string().into(), arguments] {
        let call = serde_json::json!({"type": "tool_call", "tool_call": {"id": "t", "name": "write", "arguments": arguments}});
        let message = serde_json::json!({"role": "assistant", "content": [call], "model": "m", "usage": {"input_tokens": 1}});
        store.append(&id, &format!("{message}\n"));
    }
    let fork = store.run(&["fork", "--redact", &id]);
    let fork = fork.out.trim_end();
    let told = [
        store.ok(&["show", "--redact", &id]),
        store.ok(&["show", "--json", "--redact", &id]),
        store.ok(&["context", "--json", "--redact", &id]),
        store.ok(&["export", "--to", "jsonl", "--redact", &id]),
        std::fs::read_to_string(store.path(fork)).unwrap(),
    ];
    for told in told {
        assert!(told.contains("[redacted: GitHub token]"), "{told}");
        assert!(!told.contains(&key) && !told.contains(&secret), "{told}");
    }
    assert_eq!(store.run(&["verify", fork]).code, 0);
}

/// Neither is read to its end, which never comes.
#[cfg(unix)]
#[test]
fn a_time_zone_that_is_no_file_is_not_read() {
    let store = Store::new();
    let id = store.new_session();
    store.feed(
        &["append", &id],
        b"{\"role\":\"user\",\"content\":\"hi\"}\n",
    );
    let fifo = store.home().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let long = store.home().join("long");
    let file = std::fs::File::create(&long).unwrap();
    file.set_len((1 << 20) + 1).unwrap();
    let (fifo, long) = (fifo.to_str().unwrap(), long.to_str().unwrap());
    let run = |zone: &str, args: &[&str]| -> Ran {
        let ran = store.command(args).env("TZ", zone).output();
        ran.unwrap().into()
    };
    for args in [
        &["list"] as &[&str],
        &["show", &id],
        &["tree", &id],
        &["usage", "--all"],
    ] {
        let plain = run("UTC", args);
        assert_eq!((plain.code, &*plain.err), (0, ""), "{plain:?}");
        for (zone, why) in [
            (fifo, "not a regular file"),
            ("fifo", "not a regular file"),
            ("/dev/zero", "not a regular file"),
            (":/dev/zero", "not a regular file"),
            (long, "longer than 1 MiB"),
        ] {
            let ran = run(zone, args);
            assert_eq!((ran.code, &ran.out), (0, &plain.out), "{ran:?}");
            let words = format!("TZ={zone}: this is {why}, and no time zone; times are in UTC");
            assert_eq!(ran.err.matches(&words).count(), 1, "{ran:?}");
        }
    }
    // A zone is one, whatever is called like it.
    std::fs::create_dir(store.home().join("Europe")).unwrap();
    std::fs::create_dir(store.home().join("CET-1CEST,M3.5.0,M10.5.0")).unwrap();
    for zone in [
        "Europe/Paris",
        ":Europe/Paris",
        "CET-1CEST,M3.5.0,M10.5.0",
        "",
        "Atlantis",
    ] {
        let ran = run(zone, &["list"]);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{zone}: {ran:?}");
    }
}
