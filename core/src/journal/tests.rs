use super::*;
use crate::{
    compaction::Window,
    payload::{AssistantContent, InputContent, UserMessage},
    record::{Fault, IdForm, IdHash, RecordScanner, Verbatim},
    replay::Item,
    time::Timestamp,
};
use embedded_io::ErrorKind;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

mod disk;
mod steps;
mod tail;
mod totals;
use disk::Shared;

/// A clock that ticks when it is read.
#[derive(Default)]
struct Ticks(i64);

impl Clock for Ticks {
    fn now(&mut self) -> Timestamp {
        self.0 += 1;
        Timestamp::from_unix_ms(self.0)
    }
}

fn header() -> Header<'static> {
    Header {
        id: "s",
        timestamp: Timestamp::from_unix_ms(0),
        cwd: "/w",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    }
}

type Log = Journal<Shared, Ticks, 8>;

fn create(disk: &Shared, durability: Durability) -> Log {
    let options = Options {
        durability,
        ..Options::default()
    };
    Journal::create(disk.clone(), Ticks::default(), &header(), options).unwrap()
}

fn open(disk: &Shared) -> Log {
    Journal::open(
        disk.clone(),
        Ticks::default(),
        Options::default(),
        &mut [0; 256],
    )
    .unwrap()
    .0
}

fn say(text: &str) -> String {
    format!(r#"{{"role":"user","content":[{{"type":"text","text":"{text}"}}]}}"#)
}

fn answer(tokens: u64) -> String {
    format!(
        r#"{{"role":"assistant","content":[],"usage":{{"input_tokens":{tokens},"output_tokens":1}}}}"#
    )
}

/// Every line of the disk, its type and id, each checked.
fn lines(disk: &Shared) -> Vec<String> {
    let bytes = disk.0.borrow().bytes.clone();
    bytes
        .split_inclusive(|b| *b == b'\n')
        .map(|line| match line.strip_suffix(b"\n") {
            None => "torn".to_string(),
            Some(line) => match RecordScanner::scan(line, Limits::default()) {
                Ok(record) => record.id.map_or("?".into(), |id| id.to_string()),
                Err(_) => "corrupt".to_string(),
            },
        })
        .collect()
}

fn context(journal: &mut Log) -> Vec<String> {
    let mut window = [0; 300];
    let mut replay = journal.context(&mut window).unwrap();
    let mut ids = vec![];
    while replay.next().unwrap().is_some() {
        ids.push(replay.record().id.as_ref().unwrap().to_string());
    }
    ids.reverse();
    ids
}

#[test]
fn a_turn_is_one_write_and_one_sync() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    let before = (disk.0.borrow().writes, disk.0.borrow().syncs);
    assert_eq!(before, (1, 1));
    let content = [InputContent::text("hi")];
    let hi = UserMessage {
        content: &content,
        timestamp_ms: 0,
    };
    assert_eq!(journal.append(&hi).unwrap(), "msg-1");
    assert_eq!(
        journal.append(&Verbatim(answer(5).as_bytes())).unwrap(),
        "msg-2"
    );
    let end = journal.end_turn().unwrap();
    assert_eq!(end.leaf.unwrap(), "leaf-3");
    assert_eq!(end.compaction, None);
    assert_eq!((disk.0.borrow().writes, disk.0.borrow().syncs), (2, 2));
    assert_eq!(lines(&disk), ["s", "msg-1", "msg-2", "leaf-3"]);
    // Nothing new: no leaf.
    assert_eq!(journal.end_turn().unwrap().leaf, None);
    assert_eq!(journal.branch_usage().usage.total_tokens(), 6);
    assert_eq!(journal.branch_usage().turns, 1);
    let _ = AssistantContent::text("");
}

#[test]
fn each_entry_or_by_hand() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Entry);
    journal.append(&Verbatim(say("a").as_bytes())).unwrap();
    journal.append(&Verbatim(say("b").as_bytes())).unwrap();
    assert_eq!((disk.0.borrow().writes, disk.0.borrow().syncs), (3, 3));

    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Manual);
    journal.append(&Verbatim(say("a").as_bytes())).unwrap();
    journal.end_turn().unwrap();
    assert_eq!((disk.0.borrow().writes, disk.0.borrow().syncs), (2, 1));
    journal.sync().unwrap();
    assert_eq!(disk.0.borrow().synced, disk.0.borrow().bytes.len());
}

#[test]
fn what_is_no_message_is_not_appended() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    journal.append(&Verbatim(say("a").as_bytes())).unwrap();
    let before = disk.0.borrow().bytes.clone();
    for bad in [
        "7",
        "[]",
        "{",
        "{}}",
        "{\"a\":1},\"id\":\"x\"",
        "{\"a\":1},\"x\":2",
        "{} ",
        "{\"a\":\"\u{1}\"}",
        "",
        "{}\n",
        "{\n}",
    ] {
        let error = journal.append(&Verbatim(bad.as_bytes())).unwrap_err();
        assert!(
            matches!(
                error,
                JournalError::NotAMessage(_) | JournalError::Payload(_)
            ),
            "{bad}: {error:?}"
        );
        assert_eq!(disk.0.borrow().bytes, before, "{bad}");
    }
    assert!(matches!(
        journal.append(&f64::NAN),
        Err(JournalError::Payload(_))
    ));
    assert_eq!(
        journal.append(&Verbatim(say("b").as_bytes())).unwrap(),
        "msg-2"
    );
    journal.end_turn().unwrap();
    assert_eq!(lines(&disk), ["s", "msg-1", "msg-2", "leaf-3"]);
    let too_deep = format!("{{\"x\":{}{}}}", "[".repeat(126), "]".repeat(126));
    assert!(journal.append(&Verbatim(too_deep.as_bytes())).is_err());
}

#[test]
fn a_compaction_and_its_resume() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    for n in 0..8 {
        journal
            .append(&Verbatim(say(&"x".repeat(40)).as_bytes()))
            .unwrap();
        journal
            .append(&Verbatim(answer(20_000 + n).as_bytes()))
            .unwrap();
        let end = journal.end_turn().unwrap();
        assert_eq!(end.compaction.is_some(), n >= 4, "{n}");
    }
    let plan = journal
        .plan(Reason::Threshold, Keep::LastQuarter, &mut [0; 64])
        .unwrap();
    assert_eq!((plan.cut.kept, plan.cut.limited), (4, false));
    assert_eq!(plan.first_kept, "msg-19");
    let marker = journal.commit(&plan, "all was well").unwrap();
    assert_eq!(journal.compaction_due(), None);
    assert_eq!(
        context(&mut journal)[1..],
        ["msg-19", "msg-20", "msg-22", "msg-23"]
    );
    assert_eq!(context(&mut journal)[0], marker.to_string());
    assert!(matches!(
        journal.commit(&plan, "again"),
        Err(JournalError::StalePlan)
    ));
    let again = open(&disk);
    assert_eq!(format!("{:?}", again.books), format!("{:?}", journal.books));
    assert!(matches!(
        journal.plan(Reason::Manual, Keep::LastMessages(9), &mut [0; 64]),
        Err(PlanError::NoCut(crate::compaction::NoCut::NothingToCompact))
    ));
}

#[test]
fn the_tip_moves_and_a_branch_begins() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    for n in 0..3 {
        journal.append(&Verbatim(say("q").as_bytes())).unwrap();
        journal
            .append(&Verbatim(answer(10 * (n + 1)).as_bytes()))
            .unwrap();
        journal.end_turn().unwrap();
    }
    let target = EntryId::own(IdKind::Message, 2);
    journal.move_tip(&target, &mut [0; 64]).unwrap();
    assert_eq!(journal.tip(), Some(target));
    assert_eq!(journal.branch_usage().usage.total_tokens(), 11);
    assert_eq!(journal.spent().usage.total_tokens(), 63);
    assert_eq!(context(&mut journal), ["msg-1", "msg-2"]);
    journal.append(&Verbatim(say("other").as_bytes())).unwrap();
    journal.end_turn().unwrap();
    assert_eq!(context(&mut journal), ["msg-1", "msg-2", "msg-11"]);
    let missing = EntryId::own(IdKind::Message, 99);
    let before = disk.0.borrow().bytes.len();
    assert_eq!(
        journal.move_tip(&missing, &mut [0; 64]),
        Err(JournalError::NoSuchEntry)
    );
    assert_eq!(disk.0.borrow().bytes.len(), before);
    let again = open(&disk);
    assert_eq!(format!("{:?}", again.books), format!("{:?}", journal.books));
}

#[test]
fn a_foreign_file_is_continued_without_leaves_f27() {
    let disk = Shared::default();
    let head =
        r#"{"type":"session","version":1,"id":"s","timestamp":"","cwd":"","parent_session":null}"#;
    let foreign = |n: u32| {
        format!(
            "{{\"type\":\"message\",\"id\":\"msg-{n}\",\"parent_id\":null,\"timestamp\":\"\",\"message\":{}}}",
            say("x")
        )
    };
    let text = format!("{head}\n{}\n{}\n", foreign(1), foreign(7));
    disk.0.borrow_mut().bytes = text.into_bytes();
    let mut journal = open(&disk);
    assert_eq!(
        journal.append(&Verbatim(say("b").as_bytes())).unwrap(),
        "msg-8"
    );
    assert_eq!(journal.end_turn().unwrap().leaf, None);
    assert_eq!(context(&mut open(&disk)), ["msg-1", "msg-7", "msg-8"]);
    journal
        .move_tip(&EntryId::own(IdKind::Message, 1), &mut [0; 64])
        .unwrap();
    journal.append(&Verbatim(say("c").as_bytes())).unwrap();
    assert!(journal.end_turn().unwrap().leaf.is_some());
    assert_eq!(context(&mut open(&disk)), ["msg-1", "msg-10"]);
}

fn unknown(id: &str) -> String {
    format!("{{\"type\":\"note\",\"id\":\"{id}\",\"parent_id\":null,\"timestamp\":\"\"}}\n")
}

/// What were appended would hang on the unknown entry, and the context be lost.
#[test]
fn nothing_is_appended_to_a_tip_whose_id_another_entry_bears_f13() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    for text in ["a", "b"] {
        journal.append(&Verbatim(say(text).as_bytes())).unwrap();
    }
    journal.end_turn().unwrap();
    let clean = disk.0.borrow().bytes.clone();
    for (id, shadows) in [("msg-1", false), ("msg-2", true), ("leaf-3", false)] {
        disk.0.borrow_mut().bytes = [&clean, unknown(id).as_bytes()].concat();
        let at = clean.len() as u64;
        let opened = Log::open(
            disk.clone(),
            Ticks::default(),
            Options::default(),
            &mut [0; 64],
        );
        match opened {
            Err(error) => assert_eq!((error, shadows), (JournalError::TipShadowed(at), true)),
            Ok((mut journal, _)) => {
                assert!(!shadows);
                journal.append(&Verbatim(say("c").as_bytes())).unwrap();
                journal.end_turn().unwrap();
                assert_eq!(context(&mut open(&disk)), ["msg-1", "msg-2", "msg-4"]);
            }
        }
    }
}

#[test]
fn what_is_kept_can_be_named_f17() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    for text in ["a", "b", "c"] {
        journal.append(&Verbatim(say(text).as_bytes())).unwrap();
    }
    journal.end_turn().unwrap();
    let at = disk.0.borrow().bytes.len() as u64;
    disk.0.borrow_mut().bytes.extend(unknown("msg-2").bytes());
    let mut journal = open(&disk);
    journal.append(&Verbatim(say("d").as_bytes())).unwrap();
    for (keep, named) in [(3, None), (2, Some("msg-3"))] {
        match journal.plan(Reason::Manual, Keep::LastMessages(keep), &mut [0; 64]) {
            Ok(plan) => assert_eq!(Some(plan.first_kept.as_str()), named),
            Err(error) => assert_eq!((error, named), (PlanError::FirstKeptShadowed(at), None)),
        }
    }
}

#[test]
fn numbers_that_others_refuse_are_not_written_f29() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Turn);
    for (number, refused) in [
        ("1e308", false),
        ("1e309", true),
        ("-1e999", true),
        ("1e-999", false),
    ] {
        let payload = format!(r#"{{"role":"user","n":[{number}]}}"#);
        let appended = journal.append(&Verbatim(payload.as_bytes()));
        let expected = JournalError::NotAMessage(Fault::BeyondDouble);
        assert_eq!(appended.err(), refused.then_some(expected), "{number}");
    }
    journal.end_turn().unwrap();
    assert_eq!(lines(&disk), ["s", "msg-1", "msg-2", "leaf-3"]);
}

#[test]
fn what_is_no_session_is_not_opened() {
    let cases: [(&str, JournalError<ErrorKind>); 4] = [
        ("", JournalError::Empty),
        ("{\"type\":\"sess", JournalError::NotASession),
        ("rubbish\n", JournalError::NotASession),
        (
            "{\"type\":\"session\",\"version\":2,\"id\":\"x\"}\n",
            JournalError::UnsupportedVersion(Some(2)),
        ),
    ];
    for (text, expected) in cases {
        let disk = Shared::default();
        disk.0.borrow_mut().bytes = text.as_bytes().to_vec();
        let opened = Log::open(disk, Ticks::default(), Options::default(), &mut [0; 64]);
        assert_eq!(opened.err(), Some(expected), "{text}");
    }
}

#[test]
fn what_a_journal_and_a_scanner_take() {
    // The figures in the crate's documentation.
    let text = size_of::<Journal<Shared, Ticks, 1000>>();
    assert!(text <= 2400, "{text}");
    let hashed = size_of::<Journal<Shared, Ticks, 1000, IdHash>>();
    assert!(hashed <= 1900, "{hashed}");
    let window = size_of::<Window<0>>();
    let per_message = (size_of::<Window<1000>>() - window) as f64 / 1000.0;
    assert!(window < 400, "{window}");
    assert!(per_message <= 16.1, "{per_message}");
    assert!(
        size_of::<RecordScanner>() <= 1400,
        "{}",
        size_of::<RecordScanner>()
    );
}
