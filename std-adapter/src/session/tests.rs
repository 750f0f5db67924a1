use super::*;
use sessionlog_core::{
    journal::Durability,
    payload::{InputContent, UserMessage},
    record::Verbatim,
};
use std::fs;

fn store() -> (tempfile::TempDir, SessionStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SessionStore::at(dir.path());
    (dir, store)
}

fn say(text: &str) -> String {
    serde_json::json!({"role": "user", "content": [{"type": "text", "text": text}]}).to_string()
}

fn ids(session: &mut Session) -> Vec<String> {
    let context = session.context().unwrap();
    context.iter().map(|entry| entry.id.to_string()).collect()
}

fn new(store: &SessionStore) -> Session {
    let new = NewSession {
        cwd: "/w".into(),
        parent_session: None,
    };
    Session::create(store, &new, Options::default()).unwrap()
}

#[test]
fn a_session_is_written_closed_and_resumed() {
    let (_dir, store) = store();
    let mut session = new(&store);
    let content = [InputContent::text("hi \u{1b}[31m")];
    let hi = UserMessage {
        content: &content,
        timestamp_ms: 0,
    };
    session.append(&hi).unwrap();
    session.append(&Verbatim(br#"{"role":"assistant","content":[{"type":"text","text":"yo"}],"usage":{"input_tokens":3,"output_tokens":4}}"#)).unwrap();
    assert_eq!(session.end_turn().unwrap().leaf.unwrap(), "leaf-3");
    let path = session.path().to_owned();
    let id = session.id().to_owned();
    assert!(matches!(
        Session::open(&path, Options::default()),
        Err(Error::Locked { .. })
    ));
    drop(session);
    let mut again = Session::open(&path, Options::default()).unwrap();
    assert_eq!(again.id(), id);
    assert_eq!(again.branch_usage().usage.total_tokens(), 7);
    assert_eq!(ids(&mut again), ["msg-1", "msg-2"]);
    assert_eq!(again.context().unwrap()[0].text(), "hi \u{1b}[31m");
    let ContextBody::Message(payload) = &again.context().unwrap()[1].body else {
        panic!("no message");
    };
    assert!(
        payload
            .get()
            .ends_with(r#""usage":{"input_tokens":3,"output_tokens":4}}"#)
    );
}

#[test]
fn what_was_not_ended_is_dropped_and_a_torn_tail_repaired() {
    let (_dir, store) = store();
    let mut session = new(&store);
    session.append(&Verbatim(say("a").as_bytes())).unwrap();
    session.end_turn().unwrap();
    session.append(&Verbatim(say("lost").as_bytes())).unwrap();
    let path = session.path().to_owned();
    drop(session);
    let whole = fs::read(&path).unwrap();
    fs::write(
        &path,
        [&whole[..], b"{\"type\":\"message\",\"id\":"].concat(),
    )
    .unwrap();
    let mut session = Session::open(&path, Options::default()).unwrap();
    assert!(session.resumed().notes.health.torn);
    assert_eq!(fs::read(&path).unwrap().len(), whole.len() + 23);
    session.append(&Verbatim(say("b").as_bytes())).unwrap();
    session.end_turn().unwrap();
    assert!(fs::read(&path).unwrap().starts_with(&whole));
    assert_eq!(ids(&mut session), ["msg-1", "msg-3"]);
}

#[test]
fn compaction_with_the_plain_summary() {
    let (_dir, store) = store();
    let mut session = new(&store);
    for n in 0..8 {
        session
            .append(&Verbatim(say(&format!("word {n} é")).as_bytes()))
            .unwrap();
        session.end_turn().unwrap();
    }
    let plan = session.plan(Reason::Manual, Keep::LastQuarter).unwrap();
    let summary = session.default_summary(&plan).unwrap();
    assert_eq!(
        summary,
        "Extract of the conversation so far:\nUser: word 0 é\nUser: word 1 é\nUser: word 2 é\n\
         User: word 3 é\nUser: word 4 é\nUser: word 5 é"
    );
    assert_eq!(session.compacted(&plan).unwrap().len(), 6);
    session.commit(&plan, &summary).unwrap();
    assert_eq!(ids(&mut session), ["cmp-17", "msg-13", "msg-15"]);
    let keep_all = session.plan(Reason::Manual, Keep::LastMessages(5));
    assert!(matches!(keep_all, Err(Error::NothingToCompact { .. })));
    // A long one is cut between characters.
    for _ in 0..4 {
        session
            .append(&Verbatim(say(&"é".repeat(400)).as_bytes()))
            .unwrap();
    }
    session.end_turn().unwrap();
    let plan = session.plan(Reason::Manual, Keep::LastMessages(1)).unwrap();
    let summary = session.default_summary(&plan).unwrap();
    assert!(
        summary.ends_with("é…") && summary.len() <= SUMMARY_BYTES,
        "{}",
        summary.len()
    );
}

#[test]
fn the_tip_moves_to_what_exists() {
    let (_dir, store) = store();
    let mut session = new(&store);
    session.append(&Verbatim(say("a").as_bytes())).unwrap();
    session.append(&Verbatim(say("b").as_bytes())).unwrap();
    session.end_turn().unwrap();
    session.move_tip("msg-1").unwrap();
    session.append(&Verbatim(say("c").as_bytes())).unwrap();
    session.end_turn().unwrap();
    assert_eq!(ids(&mut session), ["msg-1", "msg-5"]);
    for bad in ["msg-99", "", &"x".repeat(300)] {
        assert!(matches!(
            session.move_tip(bad),
            Err(Error::NoSuchEntry { .. })
        ));
    }
}

#[test]
fn bad_payloads_change_nothing() {
    let (_dir, store) = store();
    let options = Options {
        durability: Durability::Entry,
        ..Options::default()
    };
    let mut session = Session::create(&store, &NewSession::default(), options).unwrap();
    let before = fs::read(session.path()).unwrap();
    let error = session.append(&Verbatim(b"{\"a\":")).unwrap_err();
    assert!(matches!(error, Error::NotAMessage { .. }), "{error}");
    assert_eq!(fs::read(session.path()).unwrap(), before);
    session.append(&Verbatim(say("a").as_bytes())).unwrap();
    assert!(fs::read(session.path()).unwrap().len() > before.len());
}
