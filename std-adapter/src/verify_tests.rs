use super::*;
use crate::{
    Session, SessionStore,
    session::NewSession,
    testing,
    testing::{HEADER, assistant, compaction, file, leaf, user},
};
use sessionlog_core::{
    compaction::{Keep, Reason},
    journal::Options,
    record::Verbatim,
};
use std::fs;

const USAGE: &str = r#"{"input_tokens":10,"output_tokens":1}"#;

fn check(lines: &[String]) -> Verification {
    let (_dir, path) = file((lines.join("\n") + "\n").as_bytes());
    let found = verify(&path).unwrap();
    assert_eq!(found.counts.entries(), found.entries);
    found
}

fn kinds(found: &Verification) -> Vec<(u64, &'static str)> {
    let problems = found.problems.iter();
    problems.map(|p| (p.line, p.kind.name())).collect()
}

/// Totals count only under a right CRC (F19).
fn sealed(record: &str, totals: &str) -> String {
    let body = record.strip_suffix('}').unwrap();
    testing::sealed(&format!(r#"{body},"totals":{totals}}}"#))
}

fn totals(branch: u64, spent: u64, turns: u64, watermark: u64, next_seq: u64) -> String {
    let sum = |answers: u64| {
        let (input, output) = (answers * 10, answers);
        format!(
            r#"{{"input_tokens":{input},"output_tokens":{output},"cache_read_tokens":0,"cache_write_tokens":0}}"#
        )
    };
    format!(
        r#"{{"branch":{},"spent":{},"turns":{turns},"watermark":{watermark},"next_seq":{next_seq}}}"#,
        sum(branch),
        sum(spent)
    )
}

/// Which sums are wrong, and on which line.
fn wrong_sums(lines: &[String]) -> Vec<(u64, &'static str)> {
    let found = check(lines);
    assert_eq!(found.is_sound(), found.problems.is_empty());
    let problems = found.problems.into_iter();
    let sums = problems.map(|p| match p.kind {
        ProblemKind::TotalsMismatch { sum, .. } => (p.line, sum),
        other => panic!("{other:?}"),
    });
    sums.collect()
}

/// Two branches of one answer each; a compaction on the second.
fn branched() -> Vec<String> {
    vec![
        HEADER.into(),
        user("msg-1", None, "x"),
        assistant("msg-2", "msg-1", USAGE),
        sealed(&leaf("msg-2"), &totals(1, 1, 1, 0, 3)),
        assistant("msg-4", "msg-1", USAGE),
        sealed(
            &compaction("cmp-5", "msg-4", "msg-4"),
            &totals(1, 2, 1, 22, 6),
        ),
        user("msg-6", Some("cmp-5"), "y"),
        sealed(&leaf("msg-6"), &totals(1, 2, 2, 22, 7)),
    ]
}

#[test]
fn right_totals_are_sound() {
    assert_eq!(wrong_sums(&branched()), []);
}

#[test]
fn each_sum_is_compared_and_told_once() {
    let wrong = |line: usize, totals: &str| {
        let mut lines = branched();
        let record = [
            leaf("msg-2"),
            compaction("cmp-5", "msg-4", "msg-4"),
            leaf("msg-6"),
        ];
        lines[line - 1] = sealed(&record[(line - 4) / 2], totals);
        wrong_sums(&lines)
    };
    assert_eq!(wrong(8, &totals(2, 2, 2, 22, 7)), [(8, "branch")]);
    assert_eq!(wrong(8, &totals(1, 2, 3, 22, 7)), [(8, "turns")]);
    assert_eq!(wrong(8, &totals(1, 2, 2, 21, 7)), [(8, "watermark")]);
    assert_eq!(wrong(8, &totals(1, 2, 2, 22, 6)), [(8, "next_seq")]);
    assert_eq!(wrong(8, &totals(1, 2, 2, 22, 99)), []);
    assert_eq!(
        wrong(8, &totals(0, 1, 2, 22, 7)),
        [(8, "branch"), (8, "spent")]
    );
    // The leaf after it adds to the wrong sum.
    let mut lines = branched();
    lines[5] = sealed(
        &compaction("cmp-5", "msg-4", "msg-4"),
        &totals(7, 8, 3, 88, 6),
    );
    lines[7] = sealed(&leaf("msg-6"), &totals(7, 8, 4, 88, 7));
    assert_eq!(
        wrong_sums(&lines),
        [(6, "branch"), (6, "turns"), (6, "spent")]
    );
}

/// What a sum that was found wrong leads to is no full count, and is not called so.
#[test]
fn a_count_that_goes_on_from_a_wrong_sum_says_so() {
    let mut lines = branched();
    lines[5] = sealed(
        &compaction("cmp-5", "msg-4", "msg-4"),
        &totals(7, 8, 1, 88, 6),
    );
    let found = check(&lines);
    let words: Vec<_> = found
        .problems
        .iter()
        .map(|p| (p.line, p.kind.to_string()))
        .collect();
    let [of_branch, of_spent, ..] = &words[..] else {
        panic!("{words:?}")
    };
    for (line, words) in [of_branch, of_spent] {
        assert!(*line == 6 && words.contains("but a full count gives input"));
    }
    let behind: Vec<_> = words.iter().filter(|(line, _)| *line == 8).collect();
    assert_eq!(behind.len(), 3, "{behind:?}");
    let going_on = "but a count that goes on from what is recorded before gives";
    assert!(behind.iter().all(|(_, words)| words.contains(going_on)));
    assert!(behind[0].1.ends_with(&format!(
        "{going_on} input 70, output 7, cache read 0, cache write 0"
    )));
}

#[test]
fn what_was_lost_is_not_counted() {
    let mut lines = branched();
    lines[2] = lines[2].replace("output_tokens", "output_tokens\u{1}");
    assert_eq!(
        kinds(&check(&lines)),
        [(3, "corrupt"), (4, "dangling_leaf")]
    );
    // But a number that was used is used.
    lines[7] = sealed(&leaf("msg-6"), &totals(9, 9, 9, 9, 6));
    assert_eq!(kinds(&check(&lines))[2..], [(8, "totals_mismatch")]);
}

#[test]
fn a_copy_counts_its_own() {
    let mut lines = branched();
    // The copied compaction's own sums are another session's.
    lines.drain(2..4);
    lines[3] = sealed(
        &compaction("cmp-5", "msg-4", "msg-4"),
        &totals(1, 77, 1, 847, 3),
    );
    lines[0] = HEADER.replace("\"writer\"", "\"fork_point\":\"cmp-5\",\"writer\"");
    lines[5] = sealed(&leaf("msg-6"), &totals(1, 0, 2, 0, 7));
    assert_eq!(wrong_sums(&lines), []);
    lines[5] = sealed(&leaf("msg-6"), &totals(1, 1, 2, 0, 7));
    assert_eq!(wrong_sums(&lines), [(6, "spent")]);
    lines[3] = sealed(
        &compaction("cmp-5", "msg-4", "msg-4"),
        &totals(2, 77, 1, 847, 3),
    );
    assert_eq!(wrong_sums(&lines)[0], (4, "branch"));
}

#[test]
fn every_sort_of_problem_has_its_place() {
    let bytes = [
        "{\"type\":\"session\n".to_owned(),
        user("a", None, "x") + "\n",
        "{\"type\":\"message\",\n".into(),
        user("c", Some("b"), "y") + "\n",
        user("d", Some("gone"), "z") + "\n",
        leaf("nowhere") + "\n",
        "{\"type\":\"mess".into(),
    ];
    let (_dir, path) = file(bytes.concat().as_bytes());
    let found = verify(&path).unwrap();
    assert_eq!(
        kinds(&found),
        [
            (1, "header_lost"),
            (1, "corrupt"),
            (3, "corrupt"),
            (4, "bridge"),
            (5, "missing_parent"),
            (6, "dangling_leaf"),
            (7, "torn_tail"),
        ]
    );
    assert_eq!((found.problem_count, found.entries), (7, 4));
    assert_eq!(found.health.name(), "corrupt_and_truncated");
    let byte: usize = bytes[..2].iter().map(String::len).sum();
    assert_eq!(found.problems[2].byte, (byte + bytes[2].len() - 1) as u64);
}

#[test]
fn a_missing_line_end_is_a_note() {
    let (_dir, path) = file(format!("{HEADER}\n{}", user("a", None, "x")).as_bytes());
    let found = verify(&path).unwrap();
    assert!(found.is_sound());
    assert_eq!(kinds(&found), [(2, "no_line_end")]);
    assert!(found.problems[0].kind.is_note());
}

fn payload(json: &str) -> Verbatim<'_> {
    Verbatim(json.as_bytes())
}

/// What the writer records is what is counted: branches, compactions, a resume, a copy.
#[test]
fn what_the_writer_records_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let store = SessionStore::at(dir.path());
    let options = Options::default();
    let mut session = Session::create(&store, &NewSession::default(), options).unwrap();
    let path = session.path().to_owned();
    let turn = |session: &mut Session| {
        let asked = payload(r#"{"role":"user","content":[{"type":"text","text":"x"}]}"#);
        session.append(&asked).unwrap();
        let answer = format!(r#"{{"role":"assistant","content":[],"usage":{USAGE}}}"#);
        let id = session.append(&payload(&answer)).unwrap();
        session
            .append(&payload(r#"{"role":"assistant","content":[]}"#))
            .unwrap();
        session.end_turn().unwrap();
        id
    };
    let first = turn(&mut session);
    turn(&mut session);
    session.move_tip(first.as_str()).unwrap();
    turn(&mut session);
    let plan = session.plan(Reason::Manual, Keep::LastMessages(1)).unwrap();
    session.commit(&plan, "so far").unwrap();
    turn(&mut session);
    drop(session);
    let mut session = Session::open(&path, options).unwrap();
    turn(&mut session);
    drop(session);
    let found = verify(&path).unwrap();
    assert_eq!(found.problems, []);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("\"totals\"").count(), 8);
}
