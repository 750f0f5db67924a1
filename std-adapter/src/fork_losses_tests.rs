//! Copies of sessions that have lost something, or have given up their beginning: they mean and sum up what their sources do.

use super::*;
use crate::{
    NewSession, Session, UsageReport, Verification,
    pricing::PriceTable,
    prune::split_off,
    repair,
    spending::{By, Question, spending},
    testing::{HEADER, file, user},
    verify,
};
use jiff::tz::TimeZone;
use sessionlog_core::{
    compaction::{Keep, Reason},
    journal::Options,
    record::Verbatim,
};
use std::{fs, path::Path};

const USED: u64 = 11;

fn turn(session: &mut Session, n: u64) {
    let user = format!(r#"{{"role":"user","content":[{{"type":"text","text":"question {n}"}}]}}"#);
    let answer = format!(
        r#"{{"role":"assistant","content":[{{"type":"text","text":"answer {n}"}}],"usage":{{"input_tokens":10,"output_tokens":1}}}}"#
    );
    session.append(&Verbatim(user.as_bytes())).unwrap();
    session.append(&Verbatim(answer.as_bytes())).unwrap();
    session.end_turn().unwrap();
}

fn compact(session: &mut Session) {
    let plan = session.plan(Reason::Manual, Keep::LastMessages(3)).unwrap();
    session.commit(&plan, "what was said").unwrap();
}

/// Goes on with it by two turns, one of which is compacted.
fn go_on(path: &Path) {
    let mut session = Session::open(path, Options::default()).unwrap();
    turn(&mut session, 20);
    turn(&mut session, 21);
    compact(&mut session);
}

/// A session of four turns, in a store of its own.
fn made() -> (tempfile::TempDir, SessionStore, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let store = SessionStore::at(home.path().join("sessions"));
    let mut session = Session::create(&store, &NewSession::default(), Options::default()).unwrap();
    (1..=4).for_each(|n| turn(&mut session, n));
    let path = session.path().to_owned();
    drop(session);
    (home, store, path)
}

/// The same, what came first in it compacted and put away.
fn pruned() -> (tempfile::TempDir, SessionStore, PathBuf) {
    let (home, store, path) = made();
    compact(&mut Session::open(&path, Options::default()).unwrap());
    split_off(&path, &store.dir().join("archive")).unwrap();
    (home, store, path)
}

fn open(path: &Path) -> SessionLog {
    SessionLog::open(path).unwrap()
}

fn copy(store: &SessionStore, path: &Path, at: Option<&str>) -> PathBuf {
    fork(store, &open(path), at, None).unwrap().path
}

fn found(path: &Path) -> Verification {
    let found = verify(path).unwrap();
    assert!(found.is_sound(), "{:?}", found.problems);
    found
}

/// What a writer knows of the branch and of what was spent, and what `usage` makes of both.
fn sums(path: &Path) -> [u64; 4] {
    let session = Session::open(path, Options::default()).unwrap();
    let written = [session.branch_usage(), session.spent()];
    let report = UsageReport::of(&open(path), PriceTable::builtin());
    let read = [report.branch.totals, report.file.totals];
    let [branch, spent] = written.map(|totals| totals.usage.total_tokens());
    let [read, file] = read.map(|totals| totals.usage.total_tokens());
    assert_eq!(written[0].turns, report.branch.totals.turns, "{path:?}");
    [branch, spent, read, file]
}

fn said(path: &Path) -> Vec<Vec<u8>> {
    let log = open(path);
    let context = log.context();
    let nodes = context.summary.into_iter().chain(context.messages);
    nodes.map(|node| log.read_record(node).unwrap()).collect()
}

/// What all sessions in the directory used, those put away included, each counted once.
fn all(dir: &Path) -> u64 {
    let files = crate::interchange::session_files(dir).unwrap();
    let question = Question {
        by: By::Session,
        since: None,
        until: None,
        zone: TimeZone::UTC,
    };
    let spent = spending(&files, &question, PriceTable::builtin(), |_| {});
    assert!(spent.failed.is_empty() && spent.missing.is_empty());
    spent.total.totals.usage.total_tokens()
}

fn header(path: &Path) -> crate::HeaderInfo {
    open(path).header().unwrap().clone()
}

#[test]
fn a_copy_of_what_is_left_sums_up_all_of_it() {
    let (_home, store, path) = pruned();
    let mut source = path.clone();
    for copies in 1..=3 {
        let forked = copy(&store, &source, None);
        found(&forked);
        assert_eq!(said(&forked), said(&path));
        let noted = header(&forked);
        assert!(noted.reclaimed && noted.repaired.is_none());
        assert_eq!(open(&forked).history(), open(&path).history());
        assert_eq!(sums(&forked), [4 * USED, 0, 4 * USED, 0], "{copies}");
        assert_eq!(all(store.dir()), 4 * USED);
        source = forked;
    }
    assert_eq!(sums(&path), [4 * USED; 4]);
    // What is kept, the sum of which its leaf tells, and only what comes after it.
    for (at, turns) in [("msg-8", 3), ("msg-10", 3), ("msg-11", 4)] {
        let kept = copy(&store, &path, Some(at));
        found(&kept);
        assert_eq!(sums(&kept), [turns * USED, 0, turns * USED, 0], "{at}");
        let again = copy(&store, &kept, Some("msg-8"));
        assert_eq!(sums(&again), [3 * USED, 0, 3 * USED, 0], "{at}");
    }
}

#[test]
fn a_copy_of_what_is_left_goes_on_and_is_put_away_in_turn() {
    let (_home, store, path) = pruned();
    let forked = copy(&store, &path, None);
    go_on(&forked);
    let expected = [6 * USED, 2 * USED, 6 * USED, 2 * USED];
    assert_eq!(sums(&forked), expected);
    let meant = said(&forked);
    let archived = split_off(&forked, &store.dir().join("archive")).unwrap();
    for path in [&forked, &archived, &path] {
        found(path);
    }
    assert_eq!((said(&forked), sums(&forked)), (meant, expected));
    let again = copy(&store, &forked, None);
    found(&again);
    assert_eq!(sums(&again), [6 * USED, 0, 6 * USED, 0]);
    assert_eq!(all(store.dir()), 6 * USED);
    go_on(&again);
    assert_eq!(sums(&again), [8 * USED, 2 * USED, 8 * USED, 2 * USED]);
    assert_eq!(all(store.dir()), 8 * USED);
    // A copy of what was put away.
    let old = copy(&store, &archived, None);
    found(&old);
    assert_eq!(all(store.dir()), 8 * USED);
}

#[test]
fn a_history_is_found_from_another_directory_and_missed_where_it_is_gone() {
    let (home, _store, path) = pruned();
    let elsewhere = SessionStore::at(home.path().join("elsewhere"));
    let forked = copy(&elsewhere, &path, None);
    found(&forked);
    assert_eq!(sums(&forked), [4 * USED, 0, 4 * USED, 0]);
    assert_eq!(all(elsewhere.dir()), 0);
    let history = open(&path).history().unwrap();
    fs::remove_file(&history).unwrap();
    let report = UsageReport::of(&open(&forked), PriceTable::builtin());
    let missing = report.missing_history.map(|path| path.canonicalize());
    assert!(missing.is_some() && report.branch.incomplete && !report.file.incomplete);
    // The sums that a writer goes by are in the session itself, and so are those of a copy.
    let again = copy(&elsewhere, &forked, None);
    let session = Session::open(&again, Options::default()).unwrap();
    assert_eq!(session.branch_usage().usage.total_tokens(), 4 * USED);
    // Another session in its place is none of it.
    fs::write(&history, format!("{HEADER}\n{}\n", user("a", None, "x"))).unwrap();
    let report = UsageReport::of(&open(&forked), PriceTable::builtin());
    assert!(report.missing_history.is_none() && report.branch.incomplete);
    assert_eq!(report.branch.totals.usage.total_tokens(), 2 * USED);
}

/// Of a session with damage, before and after its repair.
#[test]
fn a_copy_of_a_damaged_session_has_its_sums() {
    for compacted in [true, false] {
        let (_home, store, path) = made();
        if compacted {
            compact(&mut Session::open(&path, Options::default()).unwrap());
        }
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("answer 1", "answer X")).unwrap();
        let branch = |path: &Path| {
            let session = Session::open(path, Options::default()).unwrap();
            (session.branch_usage(), session.tip())
        };
        let meant = branch(&path);
        assert_eq!(meant.0.usage.total_tokens(), 4 * USED);
        let early = copy(&store, &path, None);
        assert_eq!(repair(&path).unwrap().corrupt, 1);
        let late = copy(&store, &path, None);
        let again = copy(&store, &late, None);
        assert!(header(&early).repaired.is_some());
        for copy in [&late, &again] {
            assert_eq!(header(copy).repaired, header(&path).repaired);
        }
        for path in [&early, &late, &again] {
            found(path);
            assert_eq!(branch(path), meant, "compacted: {compacted}");
            go_on(path);
            found(path);
            split_off(path, &store.dir().join("archive")).unwrap();
            found(path);
            found(&open(path).history().unwrap());
            assert_eq!(branch(path).0.usage.total_tokens(), 6 * USED);
        }
    }
}

/// Nothing is noted where every sum can be counted.
#[test]
fn what_lost_nothing_is_not_noted() {
    let (_home, store, path) = made();
    let noted = |path: &Path| header(path).repaired;
    assert_eq!(noted(&copy(&store, &path, None)), None);
    let text = fs::read_to_string(&path).unwrap();
    // Only the last turn is lost, and the branch that is copied ends before it.
    fs::write(&path, text.replace("answer 4", "answer X")).unwrap();
    let forked = copy(&store, &path, Some("msg-5"));
    assert_eq!(noted(&forked), None);
    found(&forked);
    assert_eq!(sums(&forked), [2 * USED, 0, 2 * USED, 0]);
}

/// F11 takes the first bearer of the fork point's id for it.
#[test]
fn a_fork_point_whose_id_stands_earlier_is_refused() {
    let answer = |tokens: u64| {
        format!(
            r#"{{"type":"message","id":"m","parent_id":"m","message":{{"role":"assistant","content":[],"usage":{{"input_tokens":{tokens}}}}}}}"#
        )
    };
    let foreign = HEADER.replace(",\"writer\":\"sessionlog/1\"", "");
    let text = [foreign, user("m", None, "hi"), answer(1000), answer(0)].join("\n") + "\n";
    let (home, path) = file(text.as_bytes());
    let store = SessionStore::at(home.path().join("sessions"));
    for tokens in ["0}", "5}"] {
        fs::write(&path, text.replace("0}", tokens)).unwrap();
        let refused = fork(&store, &open(&path), None, None);
        assert!(matches!(refused, Err(Error::RepeatedIds { .. })));
    }
    assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 0);
}

/// What names the last inherited entry tells where inheritance ends when that is lost, and a repair keeps it so (F11).
#[test]
fn what_is_inherited_stays_so_without_the_fork_point() {
    let (_home, store, path) = made();
    let forked = copy(&store, &path, None);
    turn(&mut Session::open(&forked, Options::default()).unwrap(), 20);
    assert_eq!(sums(&forked), [5 * USED, USED, 5 * USED, USED]);
    let text = fs::read_to_string(&forked).unwrap();
    let fork_point = header(&forked).fork_point.unwrap();
    let is_it = |line: &&str| line.contains(&format!(r#""id":"{fork_point}","parent_id""#));
    let line = text.lines().find(is_it).unwrap();
    for damaged in ["damaged\n", ""] {
        fs::write(&forked, text.replace(&format!("{line}\n"), damaged)).unwrap();
        let spent = |path: &Path| {
            let report = UsageReport::of(&open(path), PriceTable::builtin());
            report.file.totals.usage.total_tokens()
        };
        assert_eq!(spent(&forked), USED, "{damaged:?}");
        repair(&forked).unwrap();
        assert_eq!(spent(&forked), USED, "{damaged:?}");
        assert_ne!(header(&forked).fork_point, Some(fork_point.clone()));
        let again = copy(&store, &forked, None);
        assert_eq!(spent(&again), 0);
        turn(&mut Session::open(&forked, Options::default()).unwrap(), 21);
        assert_eq!(spent(&forked), 2 * USED, "{damaged:?}");
    }
}
