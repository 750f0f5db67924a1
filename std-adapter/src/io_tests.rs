use super::*;
use std::{fs, path::Path};

fn open(path: &Path) -> FileStorage {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    FileStorage::new(file).unwrap()
}

fn append(storage: &mut FileStorage, bytes: &[u8]) {
    assert_eq!(storage.write(bytes).unwrap(), bytes.len());
}

/// All bytes, by reads of `step` bytes.
fn read_all(storage: &mut FileStorage, step: usize) -> Vec<u8> {
    storage.seek(SeekFrom::Start(0)).unwrap();
    let (mut all, mut buf) = (Vec::new(), vec![0; step]);
    loop {
        match storage.read(&mut buf).unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

#[test]
fn appends_wherever_the_read_position_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    fs::write(&path, "abc").unwrap();
    let mut storage = open(&path);
    let mut two = [0; 2];
    assert_eq!(storage.read(&mut two).unwrap(), 2);
    append(&mut storage, b"de");
    assert_eq!(fs::read(&path).unwrap(), b"abc", "buffered");
    assert_eq!(storage.read(&mut two).unwrap(), 1);
    assert_eq!(&two[..1], b"c");
    storage.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"abcde");
    append(&mut storage, b"f");
    assert_eq!(storage.read(&mut two).unwrap(), 2);
    assert_eq!(&two, b"de");
    storage.sync().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"abcdef");
}

#[test]
fn reads_what_is_written_and_what_is_buffered() {
    let dir = tempfile::tempdir().unwrap();
    let mut storage = open(&dir.path().join("s"));
    assert!(storage.is_empty());
    append(&mut storage, b"0123456");
    storage.flush().unwrap();
    append(&mut storage, b"789");
    append(&mut storage, b"abc");
    for step in [1, 2, 3, 5, 100] {
        assert_eq!(read_all(&mut storage, step), b"0123456789abc");
    }
    assert_eq!(storage.read(&mut []).unwrap(), 0);
    assert_eq!(storage.seek(SeekFrom::End(0)).unwrap(), 13);
    assert_eq!(storage.seek(SeekFrom::End(-4)).unwrap(), 9);
    assert_eq!(storage.seek(SeekFrom::Current(1)).unwrap(), 10);
    let mut three = [0; 3];
    assert_eq!(storage.read(&mut three).unwrap(), 3);
    assert_eq!(&three, b"abc");
    assert_eq!(storage.seek(SeekFrom::Start(99)).unwrap(), 99);
    assert_eq!(storage.read(&mut three).unwrap(), 0);
    let error = storage.seek(SeekFrom::Current(-100)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(storage.seek(SeekFrom::Current(0)).unwrap(), 99, "unmoved");
}

#[test]
fn truncates_in_the_buffer_in_the_file_and_never_extends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut storage = open(&path);
    append(&mut storage, b"01234");
    storage.flush().unwrap();
    append(&mut storage, b"56789");
    assert!(storage.truncate(99).unwrap());
    assert_eq!(storage.len(), 10);
    assert!(storage.truncate(7).unwrap());
    assert_eq!(read_all(&mut storage, 4), b"0123456");
    assert!(storage.truncate(5).unwrap());
    assert_eq!(read_all(&mut storage, 4), b"01234");
    append(&mut storage, b"xy");
    assert!(storage.truncate(3).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"012");
    assert_eq!(storage.seek(SeekFrom::End(0)).unwrap(), 3);
    append(&mut storage, b"z");
    storage.sync().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"012z");
}

#[test]
fn the_buffer_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut storage = open(&path);
    append(&mut storage, b"head");
    append(&mut storage, &vec![b'a'; BUFFER_BYTES - 4]);
    assert_eq!(fs::metadata(&path).unwrap().len(), 0, "just fits");
    append(&mut storage, b"b");
    assert_eq!(fs::metadata(&path).unwrap().len(), BUFFER_BYTES as u64);
    append(&mut storage, &vec![b'c'; 3 * BUFFER_BYTES]);
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        4 * BUFFER_BYTES as u64 + 1
    );
    assert!(storage.buffer.is_empty() && storage.buffer.capacity() <= 2 * BUFFER_BYTES);
    let all = read_all(&mut storage, 100_000);
    assert!(all.starts_with(b"heada") && all[BUFFER_BYTES] == b'b' && all.ends_with(b"c"));
}

#[test]
fn a_file_that_cannot_be_written_fails_and_can_be_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    fs::write(&path, "abc").unwrap();
    let mut storage = FileStorage::new(File::open(&path).unwrap()).unwrap();
    append(&mut storage, b"de");
    assert!(storage.flush().is_err());
    assert_eq!(read_all(&mut storage, 9), b"abcde", "still there");
    assert!(storage.sync().is_err());
    assert!(storage.write(&vec![0; BUFFER_BYTES]).is_err());
    assert!(storage.truncate(3).is_err(), "the file may be ragged");
    assert_eq!(read_all(&mut storage, 9), b"abc");
    assert_eq!(fs::read(&path).unwrap(), b"abc");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_loudly() {
    let mut storage = open(Path::new("/dev/full"));
    append(&mut storage, b"abc");
    assert_eq!(
        storage.sync().unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_eq!(storage.len(), 3);
    let mut storage = open(Path::new("/dev/full"));
    let error = storage.write(&vec![0; BUFFER_BYTES]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn what_a_failed_write_left_behind_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    fs::write(&path, "abc").unwrap();
    let mut storage = open(&path);
    append(&mut storage, b"new");
    // As after a write that failed with some of its bytes in the file.
    fs::write(&path, "abcX").unwrap();
    storage.ragged = true;
    assert_eq!(read_all(&mut storage, 9), b"abcnew", "it is never read");
    storage.truncate(3).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"abc");
    assert!(!storage.ragged);

    append(&mut storage, b"n");
    fs::write(&path, "abcnew").unwrap();
    storage.ragged = true;
    storage.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"abcn", "tried again, shorter");

    // As after a cut that failed.
    fs::write(&path, "abcnew").unwrap();
    storage.ragged = true;
    storage.sync().unwrap();
    assert_eq!(
        fs::read(&path).unwrap(),
        b"abcn",
        "what is durable is what counts"
    );
}

#[test]
fn a_failed_sync_is_never_taken_for_done() {
    let dir = tempfile::tempdir().unwrap();
    let mut storage = open(&dir.path().join("s"));
    assert!(storage.unsynced, "the last writer may not have synced");
    storage.sync().unwrap();
    assert!(!storage.unsynced);
    append(&mut storage, b"a");
    storage.flush().unwrap();
    assert!(storage.unsynced);
    storage.sync().unwrap();
    storage.truncate(0).unwrap();
    assert!(storage.unsynced);
}

#[test]
fn short_and_interrupted_writes_go_on() {
    let mut file = Vec::new();
    let mut interrupted = false;
    let (taken, done) = put(b"0123456789", 0, |bytes, at| {
        interrupted = !interrupted;
        if interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        assert_eq!(at, file.len() as u64);
        let some = bytes.len().min(4);
        file.extend_from_slice(&bytes[..some]);
        Ok(some)
    });
    done.unwrap();
    assert_eq!((taken, &file[..]), (10, &b"0123456789"[..]));

    let mut calls = [Ok(4), Err(io::ErrorKind::StorageFull)].into_iter();
    let (taken, done) = put(b"0123456789", 7, |_, _| Ok(calls.next().unwrap()?));
    assert_eq!(
        (taken, done.unwrap_err().kind()),
        (4, io::ErrorKind::StorageFull)
    );
    let (taken, done) = put(b"01", 0, |_, _| Ok(0));
    assert_eq!(
        (taken, done.unwrap_err().kind()),
        (0, io::ErrorKind::WriteZero)
    );
}

/// What was there before and may be a whole record is not cut; what was appended since is.
#[test]
fn a_record_that_was_there_before_is_never_cut() {
    const SEALED: &str = r#"{"type":"x","crc":"0123abcd"}"#;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    for before in [0, 1, SEARCHED - 29, SEARCHED - 18, SEARCHED - 1, SEARCHED] {
        let held = format!("first\n{}{SEALED}y", "x".repeat(before));
        fs::write(&path, &held).unwrap();
        let mut storage = open(&path);
        assert!(storage.may_hold_record(6).unwrap(), "{before}");
        assert!(!storage.may_hold_record(held.len() as u64 - 12).unwrap());
        append(&mut storage, b"more");
        storage.flush().unwrap();
        assert!(!storage.truncate(6).unwrap());
        assert_eq!(fs::read(&path).unwrap(), held.as_bytes(), "{before}");
        append(&mut storage, b"\n");
        storage.sync().unwrap();
        assert!(storage.truncate(held.len() as u64).unwrap());
        assert_eq!(fs::read(&path).unwrap(), held.as_bytes(), "{before}");
    }
    for torn in [
        &SEALED[..28],
        r#"{"type":"x","crc":"0123abcx"}"#,
        r#"{"type":"x","crc":"0123abcd" }"#,
    ] {
        fs::write(&path, format!("first\n{torn}")).unwrap();
        let mut storage = open(&path);
        assert!(!storage.may_hold_record(6).unwrap(), "{torn}");
        assert!(storage.truncate(6).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first\n");
        // What came in its place was not there before.
        append(&mut storage, SEALED.as_bytes());
        storage.flush().unwrap();
        assert!(storage.truncate(6).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first\n");
    }
}
