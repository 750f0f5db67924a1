//! What is a copy of what, and that the order of the files says nothing.

use super::*;
use crate::{SessionStore, interchange::Importer};

/// Input and output over all of the files, in this order.
fn used(paths: &[PathBuf]) -> (u64, u64) {
    let found = spending(paths, &ask(By::Day), &prices(), |_| {});
    assert!(found.failed.is_empty(), "{:?}", found.failed);
    let usage = found.total.totals.usage;
    (usage.input_tokens, usage.output_tokens)
}

/// In any order, with what was imported of them, before and behind, and that alone.
fn always(paths: &[PathBuf], expected: (u64, u64)) {
    let dir = tempfile::tempdir().unwrap();
    let store = SessionStore::at(dir.path());
    let importer = Importer::new(&store).anew(true);
    let import = |path: &PathBuf| importer.import(path).unwrap().path;
    let imported: Vec<_> = paths.iter().map(import).collect();
    let backwards = |paths: &[PathBuf]| paths.iter().rev().cloned().collect::<Vec<_>>();
    for files in [
        paths.to_vec(),
        backwards(paths),
        imported.clone(),
        backwards(&imported),
        [paths, &imported[..]].concat(),
        [&imported[..], paths].concat(),
        [&backwards(paths)[..], &backwards(&imported)].concat(),
    ] {
        assert_eq!(used(&files), expected, "{files:?}");
    }
}

pub(super) fn claw_meta(id: &str, more: &str) -> String {
    format!(r#"{{"type":"session_meta","version":1,"session_id":"{id}","model":"m"{more}}}"#)
}

pub(super) fn claw_said(text: &str, usage: Option<(u64, u64)>) -> String {
    let (role, usage) = match usage {
        None => ("user", String::new()),
        Some((input, output)) => (
            "assistant",
            format!(
                r#","usage":{{"input_tokens":{input},"output_tokens":{output},"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}"#
            ),
        ),
    };
    format!(
        r#"{{"type":"message","message":{{"role":"{role}","blocks":[{{"type":"text","text":"{text}"}}]{usage}}}}}"#
    )
}

#[test]
fn sessions_of_claw_code_that_used_the_same_are_two() {
    let session = |id: &str| {
        let answer = claw_said(&format!("answer {id}"), Some((10, 20)));
        vec![claw_meta(id, ""), claw_said("why", None), answer]
    };
    let (_dir, paths) = foreign(&[("1.jsonl", session("1")), ("2.jsonl", session("2"))]);
    always(&paths, (20, 40));
    // One object without an id: the file's name is none of its own.
    let object = |text: &str| {
        let answer = format!(
            r#"{{"role":"assistant","blocks":[{{"type":"text","text":"{text}"}}],"usage":{{"input_tokens":100,"output_tokens":200}}}}"#
        );
        vec![format!(r#"{{"messages":[{answer}],"version":1}}"#)]
    };
    let files = [
        ("1.json", object("a")),
        ("2.json", object("b")),
        ("copy.json", object("a")),
    ];
    let (_dir, paths) = foreign(&files);
    always(&paths, (200, 400));
}

#[test]
fn forks_of_claw_code_that_say_the_same_are_two() {
    let begun = [claw_said("hi", None), claw_said("a", Some((1000, 100)))];
    let fork = |id: &str| {
        let own = [claw_said("yes", None), claw_said("ok", Some((7, 3)))];
        let meta = claw_meta(id, r#","fork":{"parent_session_id":"p"}"#);
        [&[meta][..], &begun, &own].concat()
    };
    let parent = [&[claw_meta("p", "")][..], &begun].concat();
    let files = [
        ("p.jsonl", parent),
        ("q.jsonl", fork("q")),
        ("r.jsonl", fork("r")),
    ];
    let (_dir, paths) = foreign(&files);
    always(&paths, (1014, 106));
    // Without the parent nobody knows where they part.
    always(&paths[1..], (1007, 103));
}

fn claude(uuid: &str, day: u8, usage: Option<(&str, u64, u64)>) -> String {
    let message = match usage {
        None => r#"{"role":"user","content":"hi"}"#.to_owned(),
        Some((id, input, output)) => format!(
            r#"{{"id":"{id}","role":"assistant","model":"m","content":[],"usage":{{"input_tokens":{input},"output_tokens":{output}}}}}"#
        ),
    };
    let kind = if usage.is_some() { "assistant" } else { "user" };
    format!(
        r#"{{"type":"{kind}","uuid":"{uuid}","parentUuid":null,"sessionId":"s","requestId":"r","timestamp":"2026-05-0{day}T12:00:00.000Z","message":{message}}}"#
    )
    .replace("\"s\"", &format!("\"s-{}\"", &uuid[..1]))
}

#[test]
fn a_copy_that_knows_more_counts_in_any_order() {
    // Taken up again under other names; and copied while an answer was on its way.
    let first = vec![
        claude("a1", 1, None),
        claude("a2", 1, Some(("m1", 100, 10))),
    ];
    let again = vec![
        claude("b1", 1, None),
        claude("b2", 1, Some(("m1", 100, 10))),
        claude("b3", 1, Some(("m1", 100, 500))),
        claude("b4", 1, Some(("m2", 1, 1))),
    ];
    let (_dir, paths) = foreign(&[("a.jsonl", first), ("b.jsonl", again)]);
    always(&paths, (101, 501));
    // The price follows.
    let found = spending(&paths, &ask(By::Session), &prices(), |_| {});
    assert_eq!(
        found
            .rows
            .iter()
            .map(|row| row.section.totals.usage.output_tokens)
            .sum::<u64>(),
        501
    );
}

#[test]
fn windows_add_up() {
    let first = vec![claude("a1", 1, Some(("m1", 100, 10)))];
    let again = vec![
        claude("b1", 2, Some(("m1", 100, 10))),
        claude("b2", 2, Some(("m2", 1, 1))),
    ];
    let (_dir, mut paths) = foreign(&[("a.jsonl", first), ("b.jsonl", again)]);
    let window = |paths: &[PathBuf], since: Option<&str>, until: Option<&str>| {
        let mut question = ask(By::Day);
        question.since = since.and_then(Timestamp::parse);
        question.until = until.and_then(Timestamp::parse);
        spending(paths, &question, &prices(), |_| {})
            .total
            .totals
            .usage
            .input_tokens
    };
    let middle = Some("2026-05-02T00:00:00.000Z");
    assert_eq!(
        (window(&paths, None, middle), window(&paths, middle, None)),
        (100, 1)
    );
    paths.reverse();
    assert_eq!(
        (window(&paths, None, middle), window(&paths, middle, None)),
        (0, 101)
    );
}

pub(super) fn codex(at: &str, kind: &str, payload: &str) -> String {
    format!(r#"{{"timestamp":"2026-03-0{at}Z","type":"{kind}","payload":{{{payload}}}}}"#)
}

pub(super) fn codex_meta(at: &str, id: &str, begun: &str, more: &str) -> String {
    codex(
        at,
        "session_meta",
        &format!(r#""id":"{id}","timestamp":"2026-03-0{begun}Z","cwd":"/w"{more}"#),
    )
}

pub(super) fn codex_said(at: &str, role: &str, text: &str) -> String {
    let payload = format!(
        r#""type":"message","role":"{role}","content":[{{"type":"text","text":"{text}"}}]"#
    );
    codex(at, "response_item", &payload)
}

pub(super) fn codex_total(at: &str, total: u64, last: u64) -> String {
    let usage = |n: u64| {
        format!(
            r#"{{"input_tokens":{n},"cached_input_tokens":0,"output_tokens":{}}}"#,
            n / 10
        )
    };
    let payload = format!(
        r#""type":"token_count","info":{{"total_token_usage":{},"last_token_usage":{}}}"#,
        usage(total),
        usage(last)
    );
    codex(at, "event_msg", &payload)
}

/// The parent spends 100 and 200.
fn codex_turns(times: [&str; 6]) -> Vec<String> {
    vec![
        codex_said(times[0], "user", "q"),
        codex_said(times[1], "assistant", "a"),
        codex_total(times[2], 100, 100),
        codex_said(times[3], "user", "q2"),
        codex_said(times[4], "assistant", "a2"),
        codex_total(times[5], 300, 200),
    ]
}

/// A fork of F0 that begins with `copied` and spends 400 later.
fn codex_fork(second: Option<&str>, copied: Vec<String>) -> Vec<String> {
    let mut fork = vec![codex_meta(
        "4T10:00:00.000",
        "F1",
        "4T10:00:00.000",
        r#","forked_from_id":"F0""#,
    )];
    fork.extend(second.map(|at| codex_meta(at, "F0", "3T10:00:00.000", "")));
    fork.extend(copied);
    fork.extend([
        codex_said("4T10:05:00.000", "user", "new"),
        codex_said("4T10:05:01.000", "assistant", "new"),
        codex_total("4T10:05:02.000", 700, 400),
    ]);
    fork
}

#[test]
fn what_forks_of_codex_have_copied_is_told_by_the_best_evidence() {
    let old = [
        "3T10:00:02.000",
        "3T10:00:03.000",
        "3T10:00:04.000",
        "3T10:00:05.000",
        "3T10:00:06.000",
        "3T10:00:07.000",
    ];
    let slow = [
        "4T10:00:00.100",
        "4T10:00:00.200",
        "4T10:00:00.300",
        "4T10:00:00.400",
        "4T10:00:02.000",
        "4T10:00:02.000",
    ];
    let fast = ["4T10:00:00.100"; 6];
    let at = Some("4T10:00:00.000");
    let parent = [
        vec![codex_meta(old[0], "F0", "3T10:00:00.000", "")],
        codex_turns(old),
    ]
    .concat();
    let silent: Vec<_> = codex_turns(fast)
        .into_iter()
        .filter(|line| !line.contains("token_count"))
        .collect();
    // Each with what it comes to by itself, where its own file tells what is copied.
    for (name, fork, alone) in [
        ("written slowly", codex_fork(at, codex_turns(slow)), None),
        (
            "with its old times",
            codex_fork(Some("3T10:00:00.000"), codex_turns(old)),
            Some((400, 40)),
        ),
        (
            "without the parent's own line",
            codex_fork(None, codex_turns(fast)),
            Some((400, 40)),
        ),
        (
            "without its counts",
            codex_fork(at, silent),
            Some((400, 40)),
        ),
    ] {
        let (_dir, paths) = foreign(&[("1.jsonl", parent.clone()), ("2.jsonl", fork)]);
        eprintln!("{name}");
        always(&paths, (700, 70));
        if let Some(alone) = alone {
            always(&paths[1..], alone);
        }
    }
    // New work within a second.
    let mut quick = codex_fork(at, codex_turns(fast)[..3].to_vec());
    quick.truncate(5);
    quick.extend([
        codex_said("4T10:00:00.300", "user", "new"),
        codex_said("4T10:00:00.900", "assistant", "new"),
        codex_total("4T10:00:00.950", 500, 400),
        codex_said("4T10:00:05.300", "assistant", "new"),
        codex_total("4T10:00:05.950", 600, 100),
    ]);
    let short = [
        vec![codex_meta(old[0], "F0", "3T10:00:00.000", "")],
        codex_turns(old)[..3].to_vec(),
    ]
    .concat();
    let (_dir, paths) = foreign(&[("1.jsonl", short), ("2.jsonl", quick)]);
    always(&paths, (600, 60));
}

#[test]
fn damage_is_told() {
    let broken =
        claude("a2", 1, Some(("m1", 1, 1))).replace("\"output_tokens\":1", "\"output_tokens\":");
    let (_dir, paths) = foreign(&[
        ("a.jsonl", vec![claude("a1", 1, None), broken]),
        ("b.jsonl", vec![claude("b1", 1, None)]),
    ]);
    let found = spending(&paths, &ask(By::Day), &prices(), |_| {});
    assert_eq!(found.damaged, [paths[0].clone()]);
}

#[test]
fn an_imported_session_is_its_agents() {
    let (dir, paths) = foreign(&[("a.jsonl", vec![claude("a1", 1, Some(("m1", 1, 1)))])]);
    let store = SessionStore::at(dir.path().join("store"));
    let imported = Importer::new(&store).import(&paths[0]).unwrap().path;
    let found = spending(&[imported], &ask(By::Agent), &prices(), |_| {});
    assert_eq!(rows(&found)[0].0, "claude");
}

#[test]
fn what_a_summary_took_was_spent() {
    let compaction = r#"{"type":"compaction","id":"c","parent_id":"m1","timestamp":"2026-05-01T00:00:00.000Z","summary":"s","first_kept_entry_id":"m1","summary_usage":{"provider":"p","model":"one","usage":{"input_tokens":500,"output_tokens":50}}}"#;
    let unknown = compaction
        .replace("\"c\"", "\"d\"")
        .replace("\"input_tokens\":500", "\"reported\":false");
    let lines = vec![
        header("s", "/a", ""),
        answer("m1", "2026-05-01T00:00:00.000Z", "two", 1),
        compaction.to_owned(),
        unknown,
    ];
    let (_dir, paths) = files(&[lines.clone(), lines]);
    let found = spending(&paths, &ask(By::Model), &prices(), |_| {});
    assert_eq!(rows(&found), [("p/one", 1, 0, 500), ("p/two", 1, 0, 1)]);
    assert_eq!(found.total.totals.unreported, 1);
    let log = crate::SessionLog::open(&paths[0]).unwrap();
    let report = crate::UsageReport::of(&log, &prices());
    assert_eq!(report.file.totals.usage.input_tokens, 501);
    assert_eq!(report.file.known.input.to_string(), "0.0005");
    // The context has the summary, not what it took.
    assert_eq!(report.branch.totals.usage.input_tokens, 1);
}
