use super::*;
use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

const CHILD_PATH: &str = "SESSIONLOG_TEST_LOCK_CHILD";

fn session(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join("s.jsonl");
    fs::write(&path, "x").unwrap();
    path
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = session(&dir);
    let (file, lock) = open_for_writing(&path).unwrap();
    match open_for_writing(&path) {
        Err(Error::Locked {
            path: named,
            holder,
        }) => {
            assert_eq!(named, path);
            if cfg!(target_os = "linux") {
                assert_eq!(holder, Some(std::process::id()));
            }
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&path).unwrap(), b"x", "readers are not kept out");
    drop(lock);
    drop(open_for_writing(&path).unwrap());
    // The lock does not end with the handle that it was asked for.
    let lock = WriterLock::acquire(&file, &path).unwrap();
    drop(file);
    assert!(open_for_writing(&path).is_err());
    drop(lock);
    open_for_writing(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn a_replaced_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = session(&dir);
    let old = File::open(&path).unwrap();
    let new = dir.path().join("new");
    fs::write(&new, "y").unwrap();
    fs::rename(&new, &path).unwrap();
    let error = WriterLock::acquire(&old, &path).unwrap_err();
    assert!(matches!(error, LockError::Replaced { .. }), "{error:?}");
    old.try_lock().expect("a failed acquire leaves no lock");
    let (file, _lock) = open_for_writing(&path).unwrap();
    assert_eq!(io::read_to_string(file).unwrap(), "y");
    fs::remove_file(&path).unwrap();
    let error = WriterLock::acquire(&old, &path).unwrap_err();
    assert!(matches!(
        error,
        LockError::Replaced { .. } | LockError::Locked { .. }
    ));
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let reason = |path: &Path| match open_for_writing(path) {
        Err(Error::NotASession { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(dir.path()), "a directory");
    #[cfg(unix)]
    {
        let fifo = dir.path().join("fifo");
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(reason(&fifo), "a named pipe");
        assert!(matches!(
            open_regular(&fifo, Open::Read),
            Err(Error::NotASession { .. })
        ));
        assert_eq!(reason(Path::new("/dev/null")), "a device");
    }
    assert!(matches!(
        open_for_writing(&dir.path().join("none")),
        Err(Error::NotFound { .. })
    ));
}

/// Not a test by itself: the process that the next one kills.
#[test]
fn child_that_holds_a_lock() {
    let Some(path) = env::var_os(CHILD_PATH) else {
        return;
    };
    let _held = open_for_writing(Path::new(&path)).unwrap();
    println!("locked");
    io::stdout().flush().unwrap();
    // Ends with the parent, should that fail.
    let _ = io::stdin().read_line(&mut String::new());
}

#[test]
fn a_dead_process_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = session(&dir);
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "lock::tests::child_that_holds_a_lock",
            "--nocapture",
        ])
        .env(CHILD_PATH, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("locked")));
    match open_for_writing(&path) {
        Err(Error::Locked { holder, .. }) if cfg!(target_os = "linux") => {
            assert_eq!(holder, Some(child.id()));
        }
        Err(Error::Locked { .. }) => {}
        other => panic!("{other:?}"),
    }
    child.kill().unwrap();
    child.wait().unwrap();
    open_for_writing(&path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn finds_the_holder() {
    let locks = "1: POSIX  ADVISORY  WRITE 7 fe:01:99 0 EOF\n\
         2: FLOCK  ADVISORY  WRITE 8 fe:01:98 0 EOF\n\
         3: FLOCK  ADVISORY  WRITE 9 fe:01:99 0 EOF\n\
         3: -> FLOCK  ADVISORY  WRITE 10 fe:01:97 0 EOF\n\
         4: FLOCK  ADVISORY  WRITE 0 fe:01:96 0 EOF\nnonsense\n";
    assert_eq!(holder_in(locks, "fe:01:99"), Some(9));
    for none in ["fe:01:97", "fe:01:96", "fe:01:9"] {
        assert_eq!(holder_in(locks, none), None);
    }
}
