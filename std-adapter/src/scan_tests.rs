use super::*;
use crate::testing::*;
use std::io::Write;

/// What the pass tells of a file that holds `bytes`, by so many threads.
fn told(threads: usize, bytes: &[u8]) -> Vec<String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let mut events = vec![];
    let path = Path::new("s.jsonl");
    scan_by(threads, path, &file, bytes.len() as u64, |event, source| {
        if let Event::Record(found) = event {
            let bytes = source.part(found.extent).unwrap();
            let again = RecordScanner::scan(&bytes, Limits::default()).unwrap();
            assert_eq!(again, *found.record);
        }
        events.push(format!("{event:?}"));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    events
}

#[track_caller]
fn same(bytes: &[u8]) -> Vec<String> {
    let alone = told(1, bytes);
    for threads in [2, 3, 8] {
        let together = told(threads, bytes);
        assert_eq!(together.len(), alone.len());
        for (index, (together, alone)) in together.iter().zip(&alone).enumerate() {
            assert_eq!(together, alone, "event {index}, {threads} threads");
        }
    }
    alone
}

/// Lines of many lengths, shorter and longer than a share; every so often a damaged one.
fn session(lines: usize) -> Vec<u8> {
    let mut bytes = format!("{HEADER}\n").into_bytes();
    let mut length = 7;
    for number in 0..lines {
        length = length * 31 % 9973;
        let text = match number % 97 {
            13 => "x".repeat(shares::SHARE + length),
            14 => "x".repeat(2 * shares::SHARE - length),
            _ => "y".repeat(length),
        };
        let mut line = user(&format!("m{number}"), None, &text);
        match number % 41 {
            3 => line.truncate(line.len() / 2),
            4 => line.push_str(&user("fused", None, "behind")),
            5 => line.insert_str(0, "{\"type\":\"message\",\"id\":\"torn"),
            6 => line = " \t".into(),
            _ => {}
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

#[test]
fn threads_tell_what_one_tells() {
    let mut bytes = session(400);
    assert!(bytes.len() > 8 * shares::SHARE);
    let events = same(&bytes);
    assert!(events.iter().any(|event| event.starts_with("Corrupt")));
    bytes.extend_from_slice(b"{\"type\":\"mess");
    assert!(same(&bytes).last().unwrap().starts_with("Torn"));
}

#[test]
fn lines_that_end_where_shares_do() {
    // Every line has 256 bytes, and so has the header: shares end with lines.
    let pad = |line: String| {
        let spaces = 255 - line.len();
        format!("{line}{}\n", " ".repeat(spaces))
    };
    for shift in 0..3 {
        let mut text = pad(HEADER.into());
        text.insert_str(0, &"\n".repeat(shift));
        for number in 0..10_000 {
            text.push_str(&pad(user(&format!("m{number}"), None, "x")));
        }
        assert_eq!(same(text.as_bytes()).len(), 10_001);
    }
}

#[test]
fn more_records_than_a_thread_holds() {
    let mut text = format!("{HEADER}\n");
    for _ in 0..100_000 {
        text.push_str("{\"type\":\"x\"}\n");
    }
    assert_eq!(same(text.as_bytes()).len(), 100_001);
}

#[test]
fn blank_lines_do_not_move_the_header() {
    let mut bytes = vec![b'\n'; 3 * shares::SHARE];
    bytes.extend(session(200));
    let events = same(&bytes);
    assert!(events[0].contains("header_place: true"), "{}", events[0]);
    assert_eq!(same(&[b'\n'; 3 * shares::SHARE]), [""; 0]);
}

#[test]
fn it_ends_when_it_is_broken_off() {
    let bytes = session(400);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let (path, len) = (Path::new("s.jsonl"), bytes.len() as u64);
    for fails in [false, true] {
        for after in [0, 1, 70, 300] {
            let mut left = after;
            let ended = scan_by(4, path, &file, len, |_, _| {
                left -= 1;
                match left {
                    0.. => Ok(ControlFlow::Continue(())),
                    _ if fails => Err(Error::io(path, "read")(io::Error::other("enough"))),
                    _ => Ok(ControlFlow::Break(())),
                }
            });
            assert_eq!((ended.is_err(), left), (fails, -1));
        }
    }
}

#[test]
fn a_panic_leaves_nobody_waiting() {
    let bytes = session(400);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let scanned = std::panic::catch_unwind(|| {
        let mut left = 300;
        scan_by(4, Path::new("s"), &file, bytes.len() as u64, |_, _| {
            left -= 1;
            assert!(left > 0, "as the test wants it");
            Ok(ControlFlow::Continue(()))
        })
    });
    assert!(scanned.is_err());
}

#[test]
fn a_file_that_was_cut_ends_there() {
    let bytes = session(400);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let mut count = 0;
    let longer = bytes.len() as u64 + 10 * shares::SHARE as u64;
    scan_by(4, Path::new("s"), &file, longer, |_, _| {
        count += 1;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(count, told(1, &bytes).len());
}
