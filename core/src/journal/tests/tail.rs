//! What stands after the last whole entry, before and after the next append (F20, F22, F28).

use super::*;

#[test]
fn a_torn_tail_is_cut_or_closed_before_the_next_append_f28() {
    for uncuttable in [false, true] {
        let disk = Shared::default();
        let mut journal = create(&disk, Durability::Turn);
        journal.append(&Verbatim(say("a").as_bytes())).unwrap();
        journal.end_turn().unwrap();
        disk.0
            .borrow_mut()
            .bytes
            .extend_from_slice(b"{\"type\":\"mess");
        disk.0.borrow_mut().uncuttable = uncuttable;
        let mut journal = open(&disk);
        assert_eq!(
            journal.append(&Verbatim(say("b").as_bytes())).unwrap(),
            "msg-3"
        );
        journal.end_turn().unwrap();
        let expected: &[&str] = if uncuttable {
            &["s", "msg-1", "leaf-2", "corrupt", "msg-3", "leaf-4"]
        } else {
            &["s", "msg-1", "leaf-2", "msg-3", "leaf-4"]
        };
        assert_eq!(lines(&disk), expected);
    }
    // A whole record without its line end.
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    journal.append(&Verbatim(say("a").as_bytes())).unwrap();
    journal.end_turn().unwrap();
    disk.0.borrow_mut().bytes.pop();
    let mut journal = open(&disk);
    journal.append(&Verbatim(say("b").as_bytes())).unwrap();
    journal.end_turn().unwrap();
    assert_eq!(lines(&disk), ["s", "msg-1", "leaf-2", "msg-3", "leaf-4"]);
}

/// However many records share a line, an append takes none of them away, and can be read itself.
#[test]
fn records_joined_on_the_last_line_are_kept_f20_f22() {
    for records in 1..40 {
        for stub in ["", "{\"type\":\"mess"] {
            let disk = Shared::default();
            let mut journal = create(&disk, Durability::Entry);
            let header = disk.0.borrow().bytes.len();
            for _ in 0..records {
                journal.append(&Verbatim(say("x").as_bytes())).unwrap();
            }
            let joined = {
                let bytes = &mut disk.0.borrow_mut().bytes;
                let mut at = 0;
                bytes.retain(|byte| {
                    at += 1;
                    at <= header || *byte != b'\n'
                });
                let records = bytes.len();
                bytes.extend_from_slice(stub.as_bytes());
                bytes[..records].to_vec()
            };
            let mut journal = open(&disk);
            let id = journal
                .append(&Verbatim(say("new").as_bytes()))
                .unwrap()
                .to_string();
            assert!(
                disk.0.borrow().bytes.starts_with(&joined),
                "{records} {stub}"
            );
            assert_eq!(lines(&disk).last(), Some(&id), "{records} {stub}");
            assert_eq!(context(&mut open(&disk)).last(), Some(&id));
        }
    }
}

/// What was read before an append is read after it: an entry that bridges a gap because it is salvaged goes on doing so.
#[test]
fn what_follows_a_salvaged_entry_stays_f28() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Entry);
    for payload in [say("a"), answer(10), say("lost"), say("b")] {
        journal.append(&Verbatim(payload.as_bytes())).unwrap();
    }
    {
        let bytes = &mut disk.0.borrow_mut().bytes;
        let text = String::from_utf8(core::mem::take(bytes)).unwrap();
        let kept = text
            .split_inclusive('\n')
            .filter(|line| !line.contains("lost"));
        *bytes = kept.flat_map(str::bytes).collect();
        bytes.pop();
        bytes.extend_from_slice(br#"{"type":"mess"#);
    }
    let before = disk.0.borrow().bytes.clone();
    let (mut journal, resumed) = Log::open(
        disk.clone(),
        Ticks::default(),
        Options::default(),
        &mut [0; 256],
    )
    .unwrap();
    assert!(resumed.fused && resumed.notes.torn_at.is_some());
    assert_eq!(context(&mut journal), ["msg-1", "msg-2", "msg-4"]);
    journal.append(&Verbatim(say("c").as_bytes())).unwrap();
    journal.end_turn().unwrap();
    assert!(disk.0.borrow().bytes.starts_with(&before));
    let mut again = open(&disk);
    assert_eq!(context(&mut again), ["msg-1", "msg-2", "msg-4", "msg-5"]);
    assert_eq!(again.branch_usage(), journal.branch_usage());
    assert_eq!(again.branch_usage().turns, 3);
}
