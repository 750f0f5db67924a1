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

/// SIGXFSZ kills who does not see to it: then nothing is said, and half a file stays.
#[cfg(unix)]
#[test]
fn a_limit_on_the_size_of_files_is_told_and_leaves_nothing_half_written() {
    let store = Store::new();
    let id = store.new_session();
    // In units of 512 bytes.
    let limited = |blocks: &str, args: &[&str], input: &[u8]| {
        let command = store.command(args);
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", "ulimit -f \"$1\" || exit 77; shift; exec \"$@\""])
            .args(["sh", blocks])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))))
            .current_dir(store.home())
            .stdin(fs::File::open(store.file("input", input)).unwrap());
        crate::run::Ran::from(shell.output().unwrap())
    };
    let input: String = (0..40)
        .map(|n| crate::run::user(&format!("{n:0300}")))
        .collect();
    let ran = limited("8", &["append", "--sync", "entry", &id], input.as_bytes());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("error: ") && ran.err.contains("cannot write: "));
    let told = ran.out.lines().count();
    assert!((3..12).contains(&told), "{ran:?}");
    assert_eq!(store.json(&["verify", "--json", &id])["status"], "clean");
    let there = store.json(&["context", "--json", &id]);
    assert_eq!(there["messages"].as_array().unwrap().len(), told);

    let names = || {
        let mut names: Vec<_> = [store.dir(), store.home().to_owned()]
            .iter()
            .flat_map(|dir| fs::read_dir(dir).unwrap())
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        names
    };
    let _ = store.file("input", b"");
    let before = names();
    for args in [
        &["fork", &id][..],
        &["export", "--to", "opi", "-o", "out", &id],
        &["export", "--to", "markdown", "-o", "out", &id],
    ] {
        let ran = limited("4", args, b"");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}: {ran:?}");
        assert!(ran.err.starts_with("error: "), "{args:?}: {ran:?}");
        assert_eq!(names(), before, "{args:?}");
    }
}

/// What is no list of prices, and would be read for ever.
#[cfg(unix)]
#[test]
fn a_list_of_prices_is_a_short_regular_file() {
    let store = Store::new();
    let id = store.new_session();
    let fifo = store.home().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let list = |len: usize| {
        let mut list = b"[{\"model\":\"m\"}]".to_vec();
        list.resize(len, b' ');
        store.file("prices", &list)
    };
    for (path, words) in [
        (fifo.to_str().unwrap(), "this is a named pipe"),
        ("/dev/zero", "this is a device"),
        ("/", "this is a directory"),
        (&list((1 << 20) + 1), "this is longer than 1048576 bytes"),
    ] {
        let ran = store.run(&["usage", "--prices", path, &id]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert_eq!(ran.err, format!("error: {path}: {words}\n"));
    }
    store.ok(&["usage", "--prices", &list(1 << 20), &id]);
}
