use super::*;
use crate::{
    NewSession, Session, SessionStore, UsageReport,
    pricing::PriceTable,
    spending::{By, Question, spending},
    verify,
};
use jiff::tz::TimeZone;
use sessionlog_core::{
    compaction::{Keep, Reason},
    journal::Options,
    record::Verbatim,
};
use std::cell::RefCell;

thread_local! {
    /// The step at which what is there is copied, as a kill would leave it: from where to where.
    static STOP: RefCell<Option<(&'static str, PathBuf, PathBuf)>> = const { RefCell::new(None) };
}

/// Keeps what a kill at this step would leave.
pub(super) fn reached(name: &'static str) {
    let stop = STOP.take();
    match stop {
        Some((stop, from, to)) if stop == name => copy_all(&from, &to),
        other => STOP.set(other),
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

fn turn(session: &mut Session, n: u64) {
    let user = format!(r#"{{"role":"user","content":[{{"type":"text","text":"question {n}"}}]}}"#);
    let answer = format!(
        r#"{{"role":"assistant","content":[{{"type":"text","text":"answer {n}"}}],"provider":"anthropic","model":"claude-sonnet-4-5","usage":{{"input_tokens":{n},"output_tokens":10,"cost_usd":0.5}}}}"#
    );
    session.append(&Verbatim(user.as_bytes())).unwrap();
    session.append(&Verbatim(answer.as_bytes())).unwrap();
    session.end_turn().unwrap();
}

fn compact(session: &mut Session, keep: u32) {
    let plan = session
        .plan(Reason::Manual, Keep::LastMessages(keep.into()))
        .unwrap();
    session.commit(&plan, "what was said").unwrap();
}

/// A session of eight turns, one of them given up, compacted after six, in a store of its own.
fn made() -> (tempfile::TempDir, SessionStore, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let store = SessionStore::at(home.path().join("sessions"));
    let new = NewSession {
        cwd: "/w".into(),
        parent_session: None,
    };
    let mut session = Session::create(&store, &new, Options::default()).unwrap();
    for n in 1..=4 {
        turn(&mut session, n);
    }
    session.move_tip("msg-5").unwrap();
    turn(&mut session, 5);
    turn(&mut session, 6);
    compact(&mut session, 3);
    turn(&mut session, 7);
    turn(&mut session, 8);
    let path = session.path().to_owned();
    drop(session);
    (home, store, path)
}

/// All that a writer and a reader know of a session.
fn known(path: &Path) -> String {
    let mut session = Session::open(path, Options::default()).unwrap();
    let context: Vec<_> = session
        .context()
        .unwrap()
        .iter()
        .map(|e| (e.id.clone(), e.text()))
        .collect();
    let sums = (
        session.spent(),
        session.branch_usage(),
        session.context_tokens(),
    );
    let tip = session.tip();
    let due = session.compaction_due();
    drop(session);
    let report = UsageReport::of(&SessionLog::open(path).unwrap(), PriceTable::builtin());
    assert_eq!(report.missing_history, None);
    format!(
        "{:?}",
        (context, sums, tip, due, report.branch, report.file)
    )
}

fn summed(paths: &[PathBuf]) -> (u64, u64, u64, String) {
    let question = Question {
        by: By::Session,
        since: None,
        until: None,
        zone: TimeZone::UTC,
    };
    let found = spending(paths, &question, PriceTable::builtin(), |_| {});
    assert!(found.failed.is_empty() && found.missing.is_empty());
    let total = found.total;
    (
        found.sessions,
        total.totals.turns,
        total.totals.usage.total_tokens(),
        total.told.sum.to_string(),
    )
}

#[test]
fn a_session_means_the_same_without_its_history() {
    let (_home, store, path) = made();
    let archive = store.dir().join(ARCHIVE);
    let (before, whole) = (known(&path), fs::read(&path).unwrap());
    let totals = summed(std::slice::from_ref(&path));
    assert_eq!(totals, (1, 8, 116, "4".to_owned()));
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let split = compacted(&path).unwrap().unwrap();
    let archived = split_off(&path, &archive).unwrap();

    let now = fs::read(&path).unwrap();
    assert!(whole.len() as u64 - now.len() as u64 <= split.bytes && split.bytes > 0);
    assert!(whole.ends_with(&now[now.len() - split.left as usize..]));
    assert_eq!(known(&path), before);
    for file in [&path, &archived] {
        let found = verify(file).unwrap();
        assert!(found.is_sound(), "{:?}", found.problems);
    }
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
    // What went is there, byte for byte, in a session's file of its own, which the session names.
    let kept = fs::read(&archived).unwrap();
    let gone = whole.len() - split.left as usize;
    assert_eq!(kept[..gone], whole[..gone]);
    let log = SessionLog::open(&path).unwrap();
    assert_eq!(log.history(), Some(archived.clone()));
    assert_eq!(
        archived.file_name().unwrap().to_str().unwrap(),
        format!("{}.history-1.jsonl", log.id())
    );
    let old = SessionLog::open(&archived).unwrap();
    assert!(old.find("msg-1").is_some() && old.tip().is_some() && log.find("msg-1").is_none());
    // Both count once, however they are named.
    for paths in [
        vec![path.clone()],
        vec![path.clone(), archived.clone()],
        vec![archived.clone(), path.clone(), path.clone()],
    ] {
        assert_eq!(summed(&paths), totals, "{paths:?}");
    }
    assert!(matches!(
        compacted(&path).unwrap(),
        Err(Whole::NothingCompacted)
    ));
    assert!(matches!(
        split_off(&path, &archive),
        Err(Error::NothingToCompact { .. })
    ));
}

#[test]
fn a_second_time_the_histories_are_a_chain() {
    let (_home, store, path) = made();
    let archive = store.dir().join(ARCHIVE);
    let untouched = store.dir().join("untouched.jsonl");
    fs::copy(&path, &untouched).unwrap();
    let first = split_off(&path, &archive).unwrap();
    // Both go on in the same way; only one is split again.
    for file in [&path, &untouched] {
        let mut session = Session::open(file, Options::default()).unwrap();
        for n in 9..=12 {
            turn(&mut session, n);
        }
        compact(&mut session, 1);
        turn(&mut session, 13);
    }
    let second = split_off(&path, &archive).unwrap();
    assert_ne!(first, second);
    assert_eq!(
        SessionLog::open(&second).unwrap().history(),
        Some(first.clone())
    );
    for file in [&path, &first, &second] {
        let found = verify(file).unwrap();
        assert!(found.is_sound(), "{file:?} {:?}", found.problems);
    }
    assert_eq!(known(&path), known(&untouched));
    assert_eq!(
        summed(&[path.clone(), second, first.clone()]),
        summed(std::slice::from_ref(&untouched))
    );
    // Without a part of it, nothing is invented.
    fs::remove_file(&first).unwrap();
    let report = UsageReport::of(&SessionLog::open(&path).unwrap(), PriceTable::builtin());
    assert_eq!(report.missing_history, Some(first));
}

#[test]
fn whatever_stops_it_nothing_is_lost() {
    for stop in [
        "begun",
        "copied",
        "linked",
        "archived",
        "begun again",
        "written",
        "renamed",
    ] {
        let (home, store, path) = made();
        let before = known(&path);
        let totals = summed(std::slice::from_ref(&path));
        let killed = home.path().join("killed");
        STOP.set(Some((stop, store.dir().to_owned(), killed.clone())));
        split_off(&path, &store.dir().join(ARCHIVE)).unwrap();
        assert!(STOP.take().is_none(), "{stop} was not reached");
        let path = killed.join(path.file_name().unwrap());
        assert_eq!(known(&path), before, "{stop}");
        let mut files = crate::interchange::session_files(&killed).unwrap();
        assert_eq!(summed(&files), totals, "{stop}: {files:?}");
        // Again, and it is done; what was left behind the first time is taken as it is.
        if stop != "renamed" {
            split_off(&path, &killed.join(ARCHIVE)).unwrap();
        }
        assert_eq!(known(&path), before, "{stop}");
        files = crate::interchange::session_files(&killed).unwrap();
        assert_eq!(
            (files.len(), summed(&files)),
            (2, totals),
            "{stop}: {files:?}"
        );
    }
}

#[test]
fn what_is_not_split() {
    let (_home, store, path) = made();
    let archive = store.dir().join(ARCHIVE);
    let whole = |path: &Path| compacted(path).unwrap().unwrap_err();
    // Somebody writes to it.
    let session = Session::open(&path, Options::default()).unwrap();
    assert!(matches!(
        split_off(&path, &archive),
        Err(Error::Locked { .. })
    ));
    drop(session);
    // A fork whose compaction was copied, until it goes on to one of its own.
    let log = SessionLog::open(&path).unwrap();
    let forked = crate::fork(&store, &log, None, None).unwrap().path;
    assert_eq!(whole(&forked), Whole::Inherited);
    let mut session = Session::open(&forked, Options::default()).unwrap();
    for n in 20..24 {
        turn(&mut session, n);
    }
    compact(&mut session, 1);
    drop(session);
    let before = known(&forked);
    let both = summed(&[path.clone(), forked.clone()]);
    split_off(&forked, &archive).unwrap();
    assert_eq!(known(&forked), before);
    assert_eq!(summed(&[path.clone(), forked.clone()]), both);
    // The session that another program wrote, a damaged one, and one that was never compacted.
    let text = fs::read_to_string(&path).unwrap();
    let foreign = store.dir().join("foreign.jsonl");
    let header = r#"{"type":"session","version":1,"id":"x","timestamp":"2026-05-22T12:00:00Z","cwd":"/w","parent_session":null}"#;
    fs::write(
        &foreign,
        text.replacen(text.lines().next().unwrap(), header, 1),
    )
    .unwrap();
    assert_eq!(whole(&foreign), Whole::Foreign);
    let damaged = store.dir().join("damaged.jsonl");
    fs::write(&damaged, text.replacen("question 2", "question 3", 1)).unwrap();
    assert_eq!(whole(&damaged), Whole::Damaged);
    let new = NewSession::default();
    let mut session = Session::create(&store, &new, Options::default()).unwrap();
    turn(&mut session, 1);
    assert_eq!(whole(session.path()), Whole::NothingCompacted);
}

/// The compaction tells no sums, and the only leaf behind it is another branch's.
#[test]
fn what_a_writer_would_sum_up_otherwise_is_not_split() {
    use crate::testing::{HEADER, assistant, compaction, file, leaf, sealed, user};
    let used = r#"{"input_tokens":10,"output_tokens":0}"#;
    let sum = |input: u64| {
        format!(
            r#"{{"input_tokens":{input},"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0}}"#
        )
    };
    let end = |of: &str, branch: u64, turns: u64| {
        let (branch, spent) = (sum(branch), sum(20));
        let totals = format!(
            r#","totals":{{"branch":{branch},"spent":{spent},"turns":{turns},"watermark":10,"next_seq":1}}}}"#
        );
        sealed(&leaf(of).replace('}', &totals))
    };
    let mut lines = vec![
        HEADER.to_owned(),
        user("a", None, "one"),
        assistant("b", "a", used),
        user("c", Some("b"), "two"),
        compaction("k", "c", "c"),
        assistant("d", "k", used),
        user("x", Some("k"), "three"),
        end("x", 10, 3),
        assistant("e", "d", used),
    ];
    let text = lines.join("\n") + "\n";
    let (dir, path) = file(text.as_bytes());
    let archive = dir.path().join(ARCHIVE);
    assert!(verify(&path).unwrap().is_sound());
    assert!(compacted(&path).unwrap().is_ok());
    assert!(split_off(&path, &archive).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // One of its own says all.
    lines[6] = end("d", 20, 2);
    lines.remove(7);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let before = known(&path);
    split_off(&path, &archive).unwrap();
    assert_eq!(known(&path), before);
}

#[test]
fn an_imported_session_is_split_too() {
    let home = tempfile::tempdir().unwrap();
    let store = SessionStore::at(home.path());
    let sample =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/foreign/claude/traps.jsonl");
    let path = crate::interchange::Importer::new(&store)
        .import(&sample)
        .unwrap()
        .path;
    let (before, totals) = (known(&path), summed(std::slice::from_ref(&path)));
    assert_eq!(summed(std::slice::from_ref(&sample)), totals);
    let archived = split_off(&path, &store.dir().join(ARCHIVE)).unwrap();
    assert_eq!(known(&path), before);
    for file in [&path, &archived] {
        assert!(verify(file).unwrap().is_sound());
    }
    // Source, session and what was put away of it: all of it counts once.
    assert_eq!(summed(&[sample, path, archived]), totals);
}

#[test]
fn a_session_takes_its_history_along() {
    let (home, store, path) = made();
    let archive = store.dir().join(ARCHIVE);
    let whole = summed(std::slice::from_ref(&path));
    let first = split_off(&path, &archive).unwrap();
    let mut session = Session::open(&path, Options::default()).unwrap();
    (9..=12).for_each(|n| turn(&mut session, n));
    compact(&mut session, 1);
    turn(&mut session, 13);
    drop(session);
    let second = split_off(&path, &archive).unwrap();
    let totals = summed(std::slice::from_ref(&path));
    assert!(totals.1 > whole.1);
    let other = home.path().join("other");
    let to = crate::prune::put_away(&path, &other).unwrap();
    assert_eq!(summed(std::slice::from_ref(&to)), totals);
    assert!(!path.exists() && !first.exists() && !second.exists());
    assert_eq!(fs::read_dir(&other).unwrap().count(), 3);
    // Into the archive beside it nothing has to go along, and back it is as it was.
    let back = crate::prune::put_away(&to, &archive).unwrap();
    assert_eq!(summed(std::slice::from_ref(&back)), totals);
    let histories = [&first, &second];
    assert!(histories.iter().all(|file| file.exists()));
    let store = crate::prune::put_away(&back, store.dir()).unwrap();
    assert_eq!(store, path);
    assert_eq!(summed(&[store]), totals);
}

/// A session's file that only has a header, with this id and history.
fn claims(dir: &Path, name: &str, id: &str, history: Option<&str>) -> PathBuf {
    let history = history.map_or(String::new(), |named| {
        format!(r#","history":"{named}","reclaimed":true"#)
    });
    let header = format!(
        r#"{{"type":"session","version":1,"id":"{id}","timestamp":"2026-05-22T12:00:00Z","cwd":"/w","parent_session":null{history}}}"#
    );
    let path = dir.join(name);
    fs::write(&path, header + "\n").unwrap();
    path
}

#[test]
fn another_session_named_as_history_stays() {
    let (_home, store, victim) = made();
    let name = victim.file_name().unwrap().to_str().unwrap();
    let id = name_of(&victim);
    let archive = store.dir().join(ARCHIVE);
    fs::create_dir(&archive).unwrap();
    let before = fs::read(&victim).unwrap();
    let _writer = Session::open(&victim, Options::default()).unwrap();
    claims(store.dir(), "gift.history-1.jsonl", "another", None);
    claims(store.dir(), "gift.history-x.jsonl", "gift", None);
    claims(store.dir(), "gift.history-.jsonl", "gift", None);
    let victims = [
        name,
        "gift.history-1.jsonl",
        "gift.history-x.jsonl",
        "gift.history-.jsonl",
    ];
    for named in victims {
        let gift = claims(store.dir(), "gift.jsonl", "gift", Some(named));
        assert!(going_with(&gift, &archive).is_empty(), "{named}");
        crate::prune::put_away(&gift, &archive).unwrap();
        assert!(store.dir().join(named).exists(), "{named}");
        fs::remove_file(archive.join("gift.jsonl")).unwrap();
    }
    // Nor with the victim's id.
    let gift = claims(store.dir(), "gift.jsonl", &id, Some(name));
    assert!(going_with(&gift, &archive).is_empty());
    assert_eq!(fs::read(&victim).unwrap(), before);
}

#[test]
fn a_chain_of_other_sessions_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    for n in 0..300 {
        let next = format!("c{}.jsonl", n + 1);
        claims(home.path(), &format!("c{n}.jsonl"), "c0", Some(&next));
    }
    let archive = home.path().join(ARCHIVE);
    crate::prune::put_away(&home.path().join("c0.jsonl"), &archive).unwrap();
    assert_eq!(fs::read_dir(&archive).unwrap().count(), 1);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 300);
}

#[test]
fn a_history_that_is_written_to_stays_and_its_session_too() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let archive = dir.join(ARCHIVE);
    let history = claims(dir, "s.history-1.jsonl", "s", Some("s.history-1.jsonl"));
    let session = claims(dir, "s.jsonl", "s", Some("s.history-1.jsonl"));
    let lock = crate::open_for_writing(&history).unwrap();
    let refused = crate::prune::put_away(&session, &archive);
    assert!(matches!(refused, Err(Error::Locked { path, .. }) if path == history));
    assert!(session.exists() && history.exists());
    drop(lock);
    assert_eq!(
        going_with(&session, &archive),
        std::slice::from_ref(&history)
    );
    crate::prune::put_away(&session, &archive).unwrap();
    assert!(!session.exists() && !history.exists());
    assert_eq!(fs::read_dir(&archive).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn nothing_is_archived_through_a_link() {
    let (home, store, path) = made();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let archive = store.dir().join(ARCHIVE);
    std::os::unix::fs::symlink(&outside, &archive).unwrap();
    let slash = archive.join("");
    for archive in [&archive, &slash] {
        for refused in [
            crate::prune::put_away(&path, archive),
            split_off(&path, archive),
        ] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("symbolic link"), "{error}");
        }
    }
    assert!(path.exists());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // Named itself, it is used.
    split_off(&path, &outside).unwrap();
    crate::prune::put_away(&path, &outside).unwrap();
}
