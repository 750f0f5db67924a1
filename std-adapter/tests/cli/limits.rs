use crate::run::Store;
use std::{fs, io::Write as _};

const HEADER: &str = r#"{"type":"session","version":1,"id":"s","timestamp":"2026-05-22T12:00:00.123Z","cwd":"/w","parent_session":null}"#;

/// A session of one record whose text has so many bytes, escapes among them.
fn long_record(store: &Store, name: &str, bytes: usize) -> String {
    let path = store.file(name, b"");
    let mut file = fs::File::create(&path).unwrap();
    write!(
        file,
        "{HEADER}\n{{\"type\":\"message\",\"id\":\"a\",\"parent_id\":null,\"message\":{{\"role\":\"user\",\"content\":\"",
    )
    .unwrap();
    let piece = "a line of it\\n".repeat(1024);
    for _ in 0..bytes / piece.len() {
        file.write_all(piece.as_bytes()).unwrap();
    }
    file.write_all(b"\"}}\n").unwrap();
    path
}

/// Runs the command, which has to succeed, and gives its peak of resident memory in KiB.
#[cfg(target_os = "linux")]
#[expect(clippy::zombie_processes, reason = "wait4 waits, and tells the memory")]
fn peak_memory(store: &Store, args: &[&str]) -> i64 {
    use std::{mem::MaybeUninit, process::Stdio};

    let child = store.command(args).stdout(Stdio::null()).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the pointers are valid for the call, and zeroes are a valid rusage.
    let (waited, usage) = unsafe {
        let waited = libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr());
        (waited, usage.assume_init())
    };
    assert_eq!((waited, status), (pid, 0), "{args:?}");
    usage.ru_maxrss
}

/// In steps of what an allocator and a busy machine make of the same work.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_a_record() {
    const SLACK_KIB: i64 = 4 * 1024;
    let store = Store::new();
    let short = long_record(&store, "short.jsonl", 64 << 10);
    let long = long_record(&store, "long.jsonl", 64 << 20);
    assert!(fs::metadata(&long).unwrap().len() > 63 << 20);
    for command in ["verify", "usage", "tree", "fork", "repair"] {
        let small = peak_memory(&store, &[command, &short]);
        let large = peak_memory(&store, &[command, &long]);
        assert!(large < small + SLACK_KIB, "{command}: {large}, {small} KiB");
    }
    let listed = peak_memory(&store, &["list"]);
    assert!(listed < 16 << 10, "{listed}");
}

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
