use super::*;
use std::{io::Write, time::Duration};

const HEADER: &str =
    r#"{"type":"session","version":1,"id":"x","timestamp":"t","cwd":"/w","parent_session":null}"#;

struct Fixture {
    _temp: tempfile::TempDir,
    #[cfg_attr(not(unix), expect(dead_code, reason = "for links"))]
    outside: PathBuf,
    store: SessionStore,
}

fn fixture() -> Fixture {
    let temp = tempfile::tempdir().unwrap();
    let store = SessionStore::at(temp.path().join("data/sessions"));
    Fixture {
        outside: temp.path().join("outside"),
        store,
        _temp: temp,
    }
}

/// Creates a session that was last written to at second `at`.
fn put(store: &SessionStore, id: &str, content: &str, at: u64) -> PathBuf {
    let CreatedFile { path, mut file, .. } = store.create_file(id).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
        .unwrap();
    path
}

#[test]
fn creates_files_for_the_owner_only_and_never_twice() {
    let f = fixture();
    assert!(f.store.list().unwrap().is_empty());
    assert!(!f.store.dir().exists(), "reading creates nothing");
    let created = f.store.create_file("a").unwrap();
    assert_eq!(created.path, f.store.dir().join("a.jsonl"));
    assert_eq!(created.file.metadata().unwrap().len(), 0);
    assert!(matches!(
        crate::open_for_writing(&created.path),
        Err(Error::Locked { .. })
    ));
    match f.store.create_file("a") {
        Err(Error::AlreadyExists { path }) => assert_eq!(path, created.path),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        f.store.create_file("../a"),
        Err(Error::InvalidId { .. })
    ));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&created.path), 0o600);
        assert_eq!(mode(f.store.dir()), 0o700);
        assert_eq!(mode(f.store.dir().parent().unwrap()), 0o700);
        let link = f.store.path_for("link").unwrap();
        std::os::unix::fs::symlink(&f.outside, link).unwrap();
        assert!(matches!(
            f.store.create_file("link"),
            Err(Error::AlreadyExists { .. })
        ));
        assert!(!f.outside.exists());
    }
}

#[test]
fn new_ids_are_distinct_ascending_and_valid() {
    let store = SessionStore::at("s");
    let ids: Vec<String> = (0..10_000).map(|_| store.new_id()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(store.path_for(&ids[0]).is_ok());
    assert_eq!(ids[0].as_bytes()[14], b'7');
}

#[test]
fn resolves_paths_ids_prefixes_and_latest() {
    let f = fixture();
    let resolve = |spec: &str| f.store.resolve(spec);
    assert!(matches!(resolve("latest"), Err(Error::NoSessions { .. })));
    assert!(matches!(resolve("a"), Err(Error::NotFound { .. })));
    let abc = put(&f.store, "abc", HEADER, 10);
    let abcd = put(&f.store, "abcd", HEADER, 30);
    let xyz = put(&f.store, "xyz", HEADER, 20);
    assert_eq!(resolve("abc").unwrap(), abc, "an id before a prefix");
    assert_eq!(resolve("abcd").unwrap(), abcd);
    assert_eq!(resolve("x").unwrap(), xyz);
    assert_eq!(resolve("latest").unwrap(), abcd);
    assert_eq!(resolve(xyz.to_str().unwrap()).unwrap(), xyz);
    match resolve("ab") {
        Err(Error::Ambiguous { matches, total, .. }) => {
            assert_eq!((matches, total), (vec!["abc".into(), "abcd".into()], 2));
        }
        other => panic!("{other:?}"),
    }
    // An id is an id: whatever has that name where the process runs.
    let by_id = |spec: &str| f.store.resolve_id(spec);
    assert_eq!(by_id("x").unwrap(), xyz);
    assert_eq!(by_id("latest").unwrap(), abcd);
    for path in [
        xyz.to_str().unwrap(),
        f.store.dir().to_str().unwrap(),
        ".",
        "src",
    ] {
        assert!(matches!(by_id(path), Err(Error::NotFound { .. })), "{path}");
    }
    for none in ["", "q", "../xyz", "abc.jsonl", "a\0b"] {
        assert!(
            matches!(resolve(none), Err(Error::NotFound { .. })),
            "{none:?}"
        );
    }
    assert!(matches!(
        resolve(f.store.dir().to_str().unwrap()),
        Err(Error::NotASession { .. })
    ));
    let ye = put(&f.store, "ye", HEADER, 30);
    assert_eq!(resolve("latest").unwrap(), ye, "ties go by name");
    for n in 0..9 {
        put(&f.store, &format!("many{n}"), "", 1);
    }
    match resolve("many") {
        Err(Error::Ambiguous { matches, total, .. }) => {
            assert_eq!(matches, ["many0", "many1", "many2", "many3", "many4"]);
            assert_eq!(total, 9);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lists_newest_first_and_broken_ones_too() {
    let f = fixture();
    let message = r#"{"type":"message","id":"msg-1","message":{"role":"user","content":[{"type":"text","text":"hi"}]}}"#;
    put(&f.store, "old", &format!("{HEADER}\n{message}\n"), 10);
    put(&f.store, "broken", &format!("nonsense\n{message}\n"), 30);
    put(&f.store, "empty", "", 20);
    put(&f.store, "a-tie", HEADER, 10);
    fs::write(f.store.dir().join("notes.txt"), "no session").unwrap();
    fs::create_dir(f.store.dir().join("dir.jsonl")).unwrap();
    #[cfg(unix)]
    {
        fs::write(&f.outside, HEADER).unwrap();
        std::os::unix::fs::symlink(&f.outside, f.store.dir().join("link.jsonl")).unwrap();
        let fifo = f.store.dir().join("fifo.jsonl");
        let made = std::process::Command::new("mkfifo").arg(fifo).status();
        assert!(made.unwrap().success());
    }
    assert!(f.store.latest().unwrap().ends_with("broken.jsonl"));
    for other in ["di", "lin", "fif"] {
        let found = f.store.resolve(other);
        assert!(matches!(found, Err(Error::NotFound { .. })), "{found:?}");
    }
    let list = f.store.list().unwrap();
    let ids: Vec<&str> = list.iter().map(|info| &*info.id).collect();
    assert_eq!(ids, ["broken", "empty", "old", "a-tie"]);
    assert!(matches!(list[0].header, Err(HeaderFault::Lost(_))));
    assert_eq!(list[0].first_user_text.as_deref(), Some("hi"));
    assert_eq!(list[1].header, Err(HeaderFault::Empty));
    assert_eq!(list[2].header.as_ref().unwrap().cwd, "/w");
    assert_eq!(list[2].bytes, (HEADER.len() + message.len() + 2) as u64);
    assert_eq!(
        list[2].modified,
        SystemTime::UNIX_EPOCH + Duration::from_secs(10)
    );
    assert_eq!(SessionInfo::read(&list[2].path).unwrap(), list[2]);
}

/// The system administrator may read everything, so the list's fallback is tried directly.
#[test]
fn what_cannot_be_read_is_listed_as_such() {
    let f = fixture();
    put(&f.store, "a", HEADER, 7);
    let (id, entry) = f.store.entries().unwrap().remove(0);
    let error = Error::io("x", "open")(io::ErrorKind::PermissionDenied.into());
    let info = SessionInfo::unreadable(&entry, id, &error);
    assert_eq!(
        info.header,
        Err(HeaderFault::Unreadable("permission denied".into()))
    );
    assert_eq!((&*info.id, info.bytes), ("a", HEADER.len() as u64));
}

#[test]
fn deletes_regular_files_that_nobody_writes_to() {
    let f = fixture();
    let path = put(&f.store, "a", HEADER, 1);
    let held = crate::open_for_writing(&path).unwrap();
    assert!(matches!(f.store.delete(&path), Err(Error::Locked { .. })));
    assert!(path.exists());
    drop(held);
    f.store.delete(&path).unwrap();
    assert!(!path.exists());
    assert!(matches!(f.store.delete(&path), Err(Error::NotFound { .. })));
    assert!(matches!(
        f.store.delete(f.store.dir()),
        Err(Error::NotASession { .. })
    ));
    #[cfg(unix)]
    {
        fs::write(&f.outside, HEADER).unwrap();
        let link = f.store.path_for("link").unwrap();
        std::os::unix::fs::symlink(&f.outside, &link).unwrap();
        match f.store.delete(&link) {
            Err(Error::NotASession { reason, .. }) => assert!(reason.contains("symbolic link")),
            other => panic!("{other:?}"),
        }
        assert!(f.outside.exists() && link.is_symlink());
    }
}

#[test]
fn the_variable_names_the_directory() {
    assert_eq!(dir_from(Some("/x/y".into())).unwrap(), Path::new("/x/y"));
    for unset in [None, Some(OsString::new())] {
        let dir = dir_from(unset).unwrap();
        assert!(
            dir.is_absolute() && dir.ends_with("sessionlog/sessions"),
            "{dir:?}"
        );
    }
}
