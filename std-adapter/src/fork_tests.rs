use super::*;
use crate::{
    Session,
    session::NewSession,
    testing::{HEADER, assistant, compaction, file, leaf, log, user},
    verify,
};
use sessionlog_core::{
    Timestamp, UsageTotals,
    compaction::{Keep, Reason},
    journal::Options,
    record::Verbatim,
};
use std::fs;

const USAGE: &str = r#"{"input_tokens":10,"output_tokens":1}"#;

fn store() -> (tempfile::TempDir, SessionStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SessionStore::at(dir.path().join("sessions"));
    (dir, store)
}

/// The copy's header line, its lines between header and leaf, and the leaf.
fn lines(forked: &Forked) -> (String, Vec<String>, String) {
    let text = fs::read_to_string(&forked.path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let last = lines.pop().unwrap();
    (lines.remove(0), lines, last)
}

fn said(log: &SessionLog) -> Vec<String> {
    let context = log.context();
    let summary = context.summary.map(|index| log.summary(index).unwrap());
    let messages = context.messages.into_iter();
    let messages = messages.map(|index| log.payload(index).unwrap().get().to_owned());
    summary.into_iter().chain(messages).collect()
}

fn session() -> Vec<String> {
    vec![
        HEADER.into(),
        user("msg-1", None, "one"),
        assistant("msg-2", "msg-1", USAGE),
        r#"{"type":"label","id":"u","parent_id":"msg-2","x":1}"#.into(),
        user("msg-3", Some("u"), "two"),
        compaction("cmp-4", "msg-3", "msg-3"),
        assistant("msg-5", "cmp-4", USAGE),
        leaf("msg-5"),
        user("msg-90", Some("msg-2"), "another branch"),
        leaf("msg-5"),
    ]
}

#[test]
fn the_branch_is_copied_byte_for_byte() {
    let (_dir, store) = store();
    let source = log(&session());
    let forked = fork(&store, &source, None, Some("try \"it\"")).unwrap();
    let (header, copied, end) = lines(&forked);
    assert_eq!(copied, session()[1..7]);
    assert_eq!((forked.entries, forked.counts.entries()), (6, 6));
    let counts = SessionLog::open(&forked.path).unwrap().counts();
    // And a leaf of its own.
    assert_eq!((counts.leaves, counts.entries()), (1, 7));
    assert_eq!(
        Counts {
            leaves: 0,
            ..counts
        },
        forked.counts
    );
    let header = crate::HeaderInfo::from_record(header.as_bytes()).unwrap();
    assert_eq!((&header.id, &*header.cwd), (&forked.id, "/w"));
    assert_eq!(header.parent_session.as_deref(), Some("s-1"));
    assert_eq!(header.branch_name.as_deref(), Some("try \"it\""));
    assert_eq!(header.fork_point.as_deref(), Some("msg-5"));
    assert!(Timestamp::parse(&header.timestamp).is_some());
    let end: serde_json::Value = serde_json::from_str(&end).unwrap();
    assert_eq!(
        (&end["id"], &end["entry_id"]),
        (&"leaf-6".into(), &"msg-5".into())
    );
    assert_eq!(end["totals"]["turns"], 2);
    assert_eq!(end["totals"]["branch"]["input_tokens"], 20);
    assert_eq!(end["totals"]["spent"]["input_tokens"], 0);
    assert_eq!(
        (&end["totals"]["watermark"], &end["totals"]["next_seq"]),
        (&0.into(), &7.into())
    );

    let copy = SessionLog::open(&forked.path).unwrap();
    assert_eq!(said(&copy), said(&source));
    assert_eq!(copy.spent(), UsageTotals::default());
    assert!((0..6).all(|index| copy.inherited(index)));
    assert_eq!(verify(&forked.path).unwrap().problems, []);
    assert_eq!(store.list().unwrap()[0].id, forked.id);
    let resumed = Session::open(&forked.path, Options::default()).unwrap();
    assert_eq!(resumed.tip().unwrap(), "msg-5");
    assert_eq!(resumed.spent().usage.total_tokens(), 0);
    assert_eq!(resumed.branch_usage().usage.total_tokens(), 22);
}

#[test]
fn at_any_entry() {
    let (_dir, store) = store();
    let source = log(&session());
    let at = |id: &str| fork(&store, &source, Some(id), None);
    let forked = at("msg-90").unwrap();
    let (header, copied, _) = lines(&forked);
    assert_eq!(
        copied,
        [&session()[1], &session()[2], &session()[8]].map(String::clone)
    );
    assert!(!header.contains("branch_name"));
    // An unknown entry is copied, but the fork point is what can be one (F11).
    let forked = at("u").unwrap();
    assert_eq!(forked.entries, 3);
    let copy = SessionLog::open(&forked.path).unwrap();
    assert_eq!(copy.tip(), Some(2));
    assert_eq!(verify(&forked.path).unwrap().problems, []);
    let before = store.list().unwrap().len();
    for none in ["msg-7", "l", ""] {
        assert!(matches!(at(none), Err(Error::NoSuchEntry { .. })), "{none}");
    }
    assert_eq!(store.list().unwrap().len(), before);
}

/// Links that the rules make are written out: the copy is ours, and not damaged.
#[test]
fn what_follows_by_rule_is_linked() {
    let (_dir, store) = store();
    let foreign = HEADER.replace(",\"writer\":\"sessionlog/1\"", "");
    let absent = user("c", None, "three").replace("\"parent_id\":null,", "");
    let bytes = [
        foreign,
        user("a", None, "one"),
        user("b", None, "two"),
        absent.clone(),
        "\0".into(),
        user("e", Some("lost"), "five"),
    ];
    let (_files, path) = file((bytes.join("\n") + "\n").as_bytes());
    let source = SessionLog::open(path).unwrap();
    let forked = fork(&store, &source, None, None).unwrap();
    let (_, copied, _) = lines(&forked);
    let copy = SessionLog::open(&forked.path).unwrap();
    assert_eq!(copy.branch(3), [0, 1, 2, 3]);
    assert_eq!(said(&copy), said(&source));
    assert_eq!(copied[0], bytes[1]);
    let unsealed = |line: &str| line[..line.len() - 18].to_owned() + "}";
    assert_eq!(unsealed(&copied[1]), user("b", Some("a"), "two"));
    let added = absent.strip_suffix('}').unwrap().to_owned() + ",\"parent_id\":\"b\"}";
    assert_eq!(unsealed(&copied[2]), added);
    assert_eq!(unsealed(&copied[3]), user("e", Some("c"), "five"));
    assert_eq!(verify(&forked.path).unwrap().problems, []);
}

#[test]
fn an_empty_session_has_no_branch() {
    let (_dir, store) = store();
    let source = log(&[HEADER.into()]);
    let refused = fork(&store, &source, None, None);
    assert!(matches!(refused, Err(Error::NothingToFork { .. })));
    assert!(!store.dir().exists());
}

/// The copy goes on by itself, and so does the session that was copied.
#[test]
fn a_copy_spends_for_itself() {
    let (_dir, store) = store();
    let answer = format!(r#"{{"role":"assistant","content":[],"usage":{USAGE}}}"#);
    let turn = |session: &mut Session| {
        session.append(&Verbatim(br#"{"role":"user"}"#)).unwrap();
        session.append(&Verbatim(answer.as_bytes())).unwrap();
        session.end_turn().unwrap();
    };
    let mut session = Session::create(&store, &NewSession::default(), Options::default()).unwrap();
    (0..4).for_each(|_| turn(&mut session));
    let plan = session.plan(Reason::Manual, Keep::LastMessages(2)).unwrap();
    session.commit(&plan, "so far").unwrap();
    turn(&mut session);
    let source = SessionLog::open(session.path()).unwrap();
    let forked = fork(&store, &source, None, None).unwrap();
    let mut copy = Session::open(&forked.path, Options::default()).unwrap();
    assert_eq!(copy.branch_usage(), session.branch_usage());
    turn(&mut copy);
    assert_eq!(copy.spent().usage.total_tokens(), 11);
    turn(&mut session);
    for path in [&forked.path, session.path()] {
        assert_eq!(verify(path).unwrap().problems, []);
    }
    // What is read is what was opened, although a repair has put another file in its place.
    let path = session.path().to_owned();
    drop(session);
    fs::write(path.with_extension("new"), "").unwrap();
    fs::rename(path.with_extension("new"), &path).unwrap();
    let again = fork(&store, &source, None, None).unwrap();
    assert_eq!(lines(&again).1, lines(&forked).1[..11]);
}

#[test]
fn a_copy_of_a_copy() {
    let (_dir, store) = store();
    let source = log(&session());
    let first = fork(&store, &source, None, None).unwrap();
    let copy = SessionLog::open(&first.path).unwrap();
    let second = fork(&store, &copy, None, None).unwrap();
    assert_eq!(lines(&second).1, lines(&first).1);
    let again = SessionLog::open(&second.path).unwrap();
    assert_eq!(again.header().unwrap().parent_session, Some(first.id));
    assert_eq!(verify(&second.path).unwrap().problems, []);
}

/// The compaction keeps nothing, since the nearest entry that it names is on another branch; alone in the copy, the
/// farther one would be kept.
#[test]
fn what_would_not_mean_the_same_is_not_copied() {
    let (_dir, store) = store();
    let source = log(&[
        HEADER.into(),
        user("a", None, "one"),
        user("b", Some("a"), "two"),
        user("b", None, "another two"),
        user("c", Some("a"), "three"),
        compaction("k", "c", "a"),
        leaf("k"),
    ]);
    assert_eq!(source.context().messages, [0, 3]);
    assert!(fork(&store, &source, None, None).is_ok());
    let source = log(&[
        HEADER.into(),
        user("a", None, "one"),
        user("b", Some("a"), "two"),
        user("a", None, "another one"),
        compaction("k", "b", "a"),
    ]);
    assert!(source.context().messages.is_empty());
    let before = fs::read_dir(store.dir()).unwrap().count();
    let refused = fork(&store, &source, None, None);
    assert!(matches!(refused, Err(Error::RepeatedIds { .. })));
    assert_eq!(fs::read_dir(store.dir()).unwrap().count(), before);
}

#[test]
fn many_and_long_records() {
    let (_dir, store) = store();
    let mut text = format!("{HEADER}\n{}\n", user("n0", None, &"x".repeat(3 << 20)));
    for n in 1..100_000 {
        text += &user(&format!("n{n}"), Some(&format!("n{}", n - 1)), "x");
        text += "\n";
    }
    let (_files, path) = file(text.as_bytes());
    let source = SessionLog::open(path).unwrap();
    let forked = fork(&store, &source, None, None).unwrap();
    assert_eq!(forked.entries, 100_000);
    let copy = fs::read_to_string(&forked.path).unwrap();
    let records = text.split_once('\n').unwrap().1;
    assert!(copy.contains(records));
}

#[test]
fn a_member_that_is_called_crc_and_is_none_stays_alone() {
    let (_dir, store) = store();
    // By file order (F14) the second follows the first, and the copy has to say so.
    let source = log(&[
        r#"{"type":"session","version":1,"id":"x"}"#.into(),
        r#"{"type":"message","id":"a","message":{}}"#.into(),
        r#"{"type":"message","id":"b","message":{},"crc":7}"#.into(),
    ]);
    let forked = fork(&store, &source, None, None).unwrap();
    let (_, copied, _) = lines(&forked);
    assert_eq!(
        copied[1],
        r#"{"type":"message","id":"b","message":{},"crc":7,"parent_id":"a"}"#
    );
    assert!(crate::verify(&forked.path).unwrap().is_sound());
}
