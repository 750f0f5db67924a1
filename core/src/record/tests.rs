use super::*;
use crate::id::IdKind;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

fn scan(text: &[u8]) -> Result<Record, RecordError> {
    let whole = RecordScanner::scan(text, Limits::default());
    for step in [1, 3, 7, 64] {
        let mut scanner = RecordScanner::new(Limits::default());
        let mut result = Ok(());
        let mut at = 0;
        while at < text.len() && result.is_ok() {
            let chunk = &text[at..text.len().min(at + step)];
            match scanner.feed(chunk) {
                Ok(fed) if fed.complete => break,
                Ok(fed) => at += fed.consumed,
                Err(e) => result = Err(e),
            }
        }
        match &whole {
            Ok(record) => assert_eq!(scanner.record(), record, "in chunks of {step}"),
            Err(e) if e.fault != Fault::TrailingBytes => {
                let error = result.err().unwrap_or_else(|| scanner.cut_off());
                assert_eq!(error.fault, e.fault, "in chunks of {step}");
            }
            Err(_) => {}
        }
    }
    whole
}

#[track_caller]
fn fault(text: &str) -> Fault {
    scan(text.as_bytes()).expect_err(text).fault
}

fn usage(n: u64) -> Usage {
    Usage {
        input_tokens: n,
        output_tokens: n / 2,
        cache_read_tokens: 0,
        cache_write_tokens: u64::MAX,
        cache_write_1h_tokens: n.is_multiple_of(2).then_some(n),
        reasoning_tokens: n.is_multiple_of(3).then_some(7),
    }
}

fn encode(buf: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> u64) -> &[u8] {
    let len = write(buf);
    assert_eq!(buf.pop(), Some(b'\n'));
    assert_eq!(buf.len() as u64, len);
    assert!(serde_json::from_slice::<serde_json::Value>(buf).is_ok());
    buf
}

/// A sink that takes a few bytes at a time.
struct Narrow<'v>(&'v mut Vec<u8>, usize);

impl embedded_io::ErrorType for Narrow<'_> {
    type Error = core::convert::Infallible;
}

impl embedded_io::Write for Narrow<'_> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        let n = buf.len().min(self.1);
        self.0.extend_from_slice(&buf[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn a_header_reads_back() {
    let fork = EntryId::own(IdKind::Message, 9);
    let header = Header {
        id: "0196-é",
        timestamp: Timestamp::from_unix_ms(1_700_000_000_123),
        cwd: "/w \"x\"\n",
        parent_session: Some("p"),
        branch_name: Some("b"),
        fork_point: Some(&fork),
    };
    let mut buf = vec![];
    let text = encode(&mut buf, |b| header.encode(&mut Narrow(b, 5)).unwrap());
    let record = scan(text).unwrap();
    assert_eq!(record.kind, Kind::Session);
    assert_eq!(record.id.unwrap(), "0196-é");
    assert_eq!(record.version, Some(1));
    assert!(record.ours && record.has_crc);
    assert_eq!(record.reference.as_ref(), Some(&fork));
    assert_eq!(record.timestamp, Some(header.timestamp));
}

#[test]
fn compactions_and_leaves_read_back() {
    let id = EntryId::own(IdKind::Compaction, 7);
    let kept = EntryId::try_from("né").unwrap();
    let totals = Totals {
        branch: UsageTotals {
            usage: usage(6),
            turns: 3,
            unreported: 0,
        },
        spent: UsageTotals {
            usage: usage(5),
            turns: 0,
            unreported: 2,
        },
        watermark: 12,
        next_seq: u64::MAX,
    };
    let entry = CompactionEntry {
        id: &id,
        parent_id: Some(&kept),
        timestamp: Timestamp::from_unix_ms(0),
        summary: "it\u{1}\n😀",
        first_kept_entry_id: &kept,
        tokens_before: u64::MAX,
        tokens_after: 0,
        totals: Some(&totals),
    };
    let mut buf = vec![];
    let text = encode(&mut buf, |b| entry.encode(&mut Narrow(b, 3)).unwrap()).to_vec();
    let record = scan(&text).unwrap();
    assert_eq!(record.kind, Kind::Compaction);
    assert_eq!(
        (record.tokens_before, record.tokens_after),
        (Some(u64::MAX), Some(0))
    );
    assert_eq!(record.reference.as_ref(), Some(&kept));
    assert_eq!(record.parent_id.as_ref(), Some(&kept));
    assert_eq!(record.totals, Some(totals));
    assert_eq!(record.summary_len, 8);
    let span = record.summary.start as usize..(record.summary.start + record.summary.len) as usize;
    let summary: String = serde_json::from_slice(&text[span]).unwrap();
    assert_eq!(summary, entry.summary);

    let leaf = LeafEntry {
        id: &EntryId::own(IdKind::Leaf, 8),
        timestamp: Timestamp::from_unix_ms(0),
        entry_id: &id,
        totals: Some(&totals),
    };
    buf.clear();
    let text = encode(&mut buf, |b| leaf.encode(&mut Narrow(b, 3)).unwrap());
    let record = scan(text).unwrap();
    assert_eq!((record.kind, record.parent_id), (Kind::Leaf, None));
    assert_eq!(record.reference, Some(id));
    assert_eq!(record.totals, Some(totals));
}

#[test]
fn a_message_of_one_mebibyte_goes_through_in_small_pieces() {
    let text = "αβγ\n\"x\" ".repeat((1 << 20) / 12 + 1);
    let content = [crate::payload::InputContent::text(&text)];
    let message = crate::payload::UserMessage {
        content: &content,
        timestamp_ms: 1,
    };
    let id = EntryId::own(IdKind::Message, 1);
    let entry = MessageEntry {
        id: &id,
        parent_id: None,
        timestamp: Timestamp::from_unix_ms(0),
        message: &message,
    };
    let mut buf = vec![];
    let line = encode(&mut buf, |b| entry.encode(&mut Narrow(b, 7)).unwrap());
    let record = scan(line).unwrap();
    assert_eq!(record.message.role, Role::User);
    assert_eq!(record.message.text_len, text.len() as u64);
    let payload = record.message.payload;
    let payload = &line[payload.start as usize..(payload.start + payload.len) as usize];
    let value: serde_json::Value = serde_json::from_slice(payload).unwrap();
    assert_eq!(value["content"][0]["text"], text);
}

#[test]
fn the_bookkeeping_of_an_assistant_message_f18() {
    let text = r#"{"id":"m","message":{"content":[{"thinking":"no","type":"thinking"},{"type":"text","text":"aé\n"},{"text":"b"},
        {"type":"tool_call","tool_call":{"name":"x","id":"call-1","arguments":"{}"}},{"type":"tool_call","tool_call":{"id":"call-2"}}],
        "usage":{"input_tokens":5,"cache_write_1h_tokens":2,"output_tokens":null},"provider":"p","role":"assistant","model":"m\u0031"},"type":"message"}"#;
    let record = scan(text.as_bytes()).unwrap();
    let message = record.message;
    assert_eq!(message.role, Role::Assistant);
    assert_eq!(message.text_len, 4 + 1 + 1);
    let at = |span: Span| &text[span.start as usize..(span.start + span.len) as usize];
    assert_eq!(at(message.first_text), r#""aé\n""#);
    assert_eq!(at(message.model), r#""m\u0031""#);
    assert_eq!(at(message.provider), r#""p""#);
    assert!(at(message.payload).starts_with("{\"content\"") && at(message.payload).ends_with('}'));
    assert_eq!(message.calls.count(), 2);
    let hash = |s: &str| crate::crc::Crc32::of(s.as_bytes());
    assert!(
        message.calls.is_told_apart(hash("call-2")) && !message.calls.is_told_apart(hash("call-3"))
    );
    let usage = message.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (5, 0));
    assert_eq!(usage.cache_write_1h_tokens, Some(2));

    let result = r#"{"type":"message","id":"r","message":{"role":"tool_result","tool_call_id":"call-2","usage":{"input_tokens":1},
        "content":[{"type":"image","source":{"type":"url","url":"u"},"media_type":"image/png"},{"type":"text","text":"ok"}]}}"#;
    let message = scan(result.as_bytes()).unwrap().message;
    assert_eq!(message.answers, Some(hash("call-2")));
    assert_eq!(message.text_len, "[image: image/png] ok".len() as u64);
    assert_eq!(message.usage, None);

    for known in [
        r#"{"input_tokens":null,"output_tokens":2}"#,
        r#"{"input_tokens":"1","input_tokens":0,"output_tokens":2}"#,
        r#"{"output_tokens":2,"reasoning_tokens":"none"}"#,
    ] {
        let text = format!(
            r#"{{"type":"message","id":"m","message":{{"role":"assistant","usage":{known}}}}}"#
        );
        let usage = scan(text.as_bytes()).unwrap().message.usage.unwrap();
        assert_eq!(
            (usage.input_tokens, usage.total_tokens()),
            (0, 2),
            "{known}"
        );
    }
    for unknown in [
        r#"{"reported":false,"input_tokens":1}"#,
        r#"{"cache_write_1h_tokens":1}"#,
        r#"{"input_tokens":1.5}"#,
        r#"{"input_tokens":1000000.0,"output_tokens":2}"#,
        r#"{"output_tokens":2,"cache_read_tokens":"9"}"#,
        r#"{"output_tokens":2,"cache_write_tokens":-1}"#,
        r#"{"output_tokens":2,"input_tokens":18446744073709551616}"#,
        r#"{"output_tokens":2,"input_tokens":{}}"#,
        r#"{"input_tokens":1,"input_tokens":null}"#,
        "{}",
        "null",
        "7",
    ] {
        let text = format!(
            r#"{{"type":"message","id":"m","message":{{"role":"assistant","usage":{unknown}}}}}"#
        );
        assert_eq!(
            scan(text.as_bytes()).unwrap().message.usage,
            None,
            "{unknown}"
        );
    }
}

#[test]
fn eight_tool_calls_are_told_apart() {
    let mut calls = ToolCalls::default();
    for n in 0..9 {
        assert!(!calls.is_over_full());
        calls.push(n);
    }
    assert!(calls.is_over_full());
    assert!(calls.is_told_apart(7) && !calls.is_told_apart(8));
}

#[test]
fn faults_of_each_kind_f4_to_f7() {
    use Member as M;
    let cases = [
        ("[]", Fault::NotAnObject),
        ("7", Fault::NotAnObject),
        ("{}", Fault::Missing(M::Type)),
        (r#"{"type":7}"#, Fault::WrongType(M::Type)),
        (r#"{"type":"message","id":"a"}"#, Fault::Missing(M::Message)),
        (r#"{"type":"message","message":{}}"#, Fault::Missing(M::Id)),
        (
            r#"{"type":"message","id":"a","message":[]}"#,
            Fault::WrongType(M::Message),
        ),
        (
            r#"{"type":"message","id":1,"message":{}}"#,
            Fault::WrongType(M::Id),
        ),
        (
            r#"{"type":"message","id":"a","parent_id":1,"message":{}}"#,
            Fault::WrongType(M::ParentId),
        ),
        (
            r#"{"type":"message","id":"a","id":"a","message":{}}"#,
            Fault::Duplicate(M::Id),
        ),
        (r#"{"type":"leaf","id":"a"}"#, Fault::Missing(M::EntryId)),
        (
            r#"{"type":"leaf","id":"a","entry_id":null}"#,
            Fault::WrongType(M::EntryId),
        ),
        (
            r#"{"type":"leaf","id":"a","entry_id":"b","fork_point":"c"}"#,
            Fault::Conflict(M::ForkPoint),
        ),
        (
            r#"{"type":"compaction","id":"a","first_kept_entry_id":"b"}"#,
            Fault::Missing(M::Summary),
        ),
        (
            r#"{"type":"compaction","id":"a","summary":"","first_kept_entry_id":"b","tokens_before":1.5}"#,
            Fault::WrongType(M::TokensBefore),
        ),
        (
            r#"{"type":"compaction","id":"a","summary":"","first_kept_entry_id":"b","tokens_after":18446744073709551616}"#,
            Fault::WrongType(M::TokensAfter),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text), expected, "{text}");
    }
    let long = "x".repeat(129);
    assert_eq!(
        fault(&format!(r#"{{"type":"note","id":"{long}"}}"#)),
        Fault::IdTooLong(M::Id)
    );
    let escaped = "\\u0041".repeat(128);
    assert!(scan(format!(r#"{{"type":"note","id":"{escaped}"}}"#).as_bytes()).is_ok());
    assert!(scan(br#"{"type":"x","id":7,"parent_id":[],"entry_id":"a","fork_point":"b"}"#).is_ok());
    let header = scan(br#"{"type":"session","entry_id":"a"}"#).unwrap();
    assert_eq!(header.reference, None);
    assert!(scan(br#"{"type":"message","\u0069d":"a","parent_id":null,"message":{}}"#).is_ok());
}

#[test]
fn checksums_f5() {
    let id = EntryId::own(IdKind::Message, 1);
    let entry = MessageEntry {
        id: &id,
        parent_id: None,
        timestamp: Timestamp::from_unix_ms(0),
        message: &Verbatim(br#"{"role":"user"}"#),
    };
    let mut buf = vec![];
    let text = encode(&mut buf, |b| entry.encode(&mut Narrow(b, 9)).unwrap()).to_vec();
    assert!(scan(&text).unwrap().has_crc);
    let text = String::from_utf8(text).unwrap();
    let upper = text.replacen("\"crc\":\"", "\"crc\":\"X", 1);
    assert_eq!(fault(&upper), Fault::CrcMalformed);
    assert_eq!(
        fault(&text.replace("\"crc\":", "\"crc\": ")),
        Fault::CrcMalformed
    );
    assert_eq!(
        fault(&text.replace("\"crc\":", "\"cr\\u0063\":")),
        Fault::CrcMalformed
    );
    // Not last, or no string: another program's member.
    let other = text
        .replace("}}", "}")
        .replace("\"crc\":\"", "\"x\":{\"crc\":\"");
    assert!(scan(format!("{}}}", &other).as_bytes()).is_ok());
    assert!(!scan(br#"{"type":"x","crc":"zz","a":1}"#).unwrap().has_crc);
    assert!(!scan(br#"{"type":"x","crc":5}"#).unwrap().has_crc);
}

#[test]
fn totals_need_a_checksum_f19() {
    let text = r#"{"type":"leaf","id":"l","entry_id":"m","totals":{"branch":{},"spent":{},"turns":0,"watermark":0,"next_seq":1}}"#;
    assert_eq!(scan(text.as_bytes()).unwrap().totals, None);
    let mut buf = vec![];
    let record = scan(text.as_bytes()).unwrap();
    let stored = StoredEntry {
        bytes: text.as_bytes(),
        record: &record,
    };
    let line = encode(&mut buf, |b| {
        stored.encode_with_parent(None, &mut Narrow(b, 9)).unwrap()
    });
    assert!(scan(line).unwrap().totals.is_some());
}

#[test]
fn a_large_record_takes_no_memory_and_a_limit_refuses_it() {
    let mut scanner = RecordScanner::new(Limits {
        record_bytes: 1 << 26,
        ..Limits::default()
    });
    let chunk = [b'x'; 4096];
    scanner
        .feed(br#"{"type":"message","id":"m","message":{"role":"user","content":[{"type":"text","text":""#)
        .unwrap();
    for _ in 0..(1 << 14) - 1 {
        scanner.feed(&chunk).unwrap();
    }
    let fed = scanner.feed(br#""}]}}"#).unwrap();
    assert!(fed.complete);
    assert_eq!(scanner.record().message.text_len, ((1 << 14) - 1) * 4096);

    let limits = Limits {
        record_bytes: 10,
        ..Limits::default()
    };
    let error = RecordScanner::scan(br#"{"type":"note"}"#, limits).unwrap_err();
    assert_eq!((error.fault, error.at), (Fault::TooLarge, 10));
    let limits = Limits {
        record_bytes: 15,
        ..Limits::default()
    };
    assert!(RecordScanner::scan(br#"{"type":"note"}"#, limits).is_ok());
}

#[test]
fn another_parent_changes_nothing_else() {
    let cases = [
        r#"{"type":"message","id":"a","parent_id":null,"message":{ "x" : 1 },"more":[1]}"#,
        r#"{"type":"message","id":"a","parent_id" : "old" , "message":{}}"#,
        r#"{"type":"message","id":"a","message":{"parent_id":"inner"}  }"#,
    ];
    for case in cases {
        let mut before: serde_json::Value = serde_json::from_str(case).unwrap();
        let record = scan(case.as_bytes()).unwrap();
        let stored = StoredEntry {
            bytes: case.as_bytes(),
            record: &record,
        };
        let parent = EntryId::try_from("p\"\u{1}é").unwrap();
        let mut buf = vec![];
        let line = encode(&mut buf, |b| {
            stored
                .encode_with_parent(Some(&parent), &mut Narrow(b, 9))
                .unwrap()
        });
        let again = scan(line).unwrap();
        assert!(again.has_crc);
        assert_eq!(again.parent_id.as_ref(), Some(&parent));
        let mut after: serde_json::Value = serde_json::from_slice(line).unwrap();
        after.as_object_mut().unwrap().remove("crc");
        before["parent_id"] = parent.to_string().into();
        assert_eq!(after, before);
        // Once more, with a checksum and back to null.
        let stored = StoredEntry {
            bytes: line,
            record: &again,
        };
        let mut buf = vec![];
        let line = encode(&mut buf, |b| {
            stored.encode_with_parent(None, &mut Narrow(b, 9)).unwrap()
        });
        assert_eq!(scan(line).unwrap().parent_id, None);
    }
}

proptest! {
    #[test]
    fn what_is_encoded_is_scanned_the_same(
        text in any::<String>(), id in "[a-zé\"\\\\]{0,40}", parent in proptest::option::of("\\PC{0,30}"),
        ms in 0i64..253_402_300_799_999, step in 1usize..70,
    ) {
        let id = EntryId::try_from(id.as_str()).unwrap();
        let parent = parent.map(|p| EntryId::try_from(p.as_str()).unwrap());
        let content = [crate::payload::InputContent::text(&text)];
        let message = crate::payload::UserMessage { content: &content, timestamp_ms: ms };
        let entry = MessageEntry { id: &id, parent_id: parent.as_ref(), timestamp: Timestamp::from_unix_ms(ms), message: &message };
        let mut buf = vec![];
        let line = encode(&mut buf, |b| entry.encode(&mut Narrow(b, step)).unwrap());
        let record = scan(line).unwrap();
        prop_assert_eq!(record.id.as_ref(), Some(&id));
        prop_assert_eq!(record.parent_id.as_ref(), parent.as_ref());
        prop_assert_eq!(record.timestamp, Some(Timestamp::from_unix_ms(ms)));
        prop_assert_eq!(record.message.text_len, text.len() as u64);
        prop_assert_eq!(record.len, line.len() as u64);
        let span = record.message.payload;
        let payload = &line[span.start as usize..(span.start + span.len) as usize];
        prop_assert_eq!(payload, serde_json::to_vec(&message).unwrap());
    }
}

/// Whatever happens to one byte of a record of ours, its name of the checksum included, is noticed.
#[test]
fn damage_to_any_byte_is_found_f5() {
    let mut buffer = [0; 300];
    let mut rest = &mut buffer[..];
    let id = EntryId::own(IdKind::Message, 1);
    MessageEntry {
        id: &id,
        parent_id: None,
        timestamp: Timestamp::from_unix_ms(0),
        message: &Verbatim(br#"{"role":"user","content":[{"type":"text","text":"\u00e9 \\"}]}"#),
    }
    .encode(&mut rest)
    .unwrap();
    let left = rest.len();
    let good = buffer[..300 - left].strip_suffix(b"\n").unwrap();
    assert!(scan(good).unwrap().has_crc);
    for at in 0..good.len() {
        let (before, after) = good.split_at(at);
        for byte in 0..=u8::MAX {
            let inserted = [before, &[byte], after].concat();
            assert!(scan(&inserted).is_err(), "{byte} inserted at {at}");
            let changed = [before, &[byte], &after[1..]].concat();
            assert_eq!(scan(&changed).is_err(), byte != after[0], "{byte} at {at}");
        }
        assert!(
            scan(&[before, &after[1..]].concat()).is_err(),
            "{at} deleted"
        );
        assert!(scan(before).is_err(), "cut at {at}");
    }
}
