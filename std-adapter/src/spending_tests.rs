use super::*;
use std::fs;

fn answer(id: &str, time: &str, model: &str, input: u64) -> String {
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":null,"timestamp":"{time}","message":{{"role":"assistant","content":[],"provider":"p","model":"{model}","usage":{{"input_tokens":{input},"output_tokens":1}}}}}}"#
    )
}

fn user(id: &str, time: &str) -> String {
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":null,"timestamp":"{time}","message":{{"role":"user","content":[]}}}}"#
    )
}

fn header(id: &str, cwd: &str, more: &str) -> String {
    format!(
        r#"{{"type":"session","version":1,"id":"{id}","timestamp":"2026-05-22T12:00:00.123Z","cwd":"{cwd}","parent_session":null{more}}}"#
    )
}

fn files(sessions: &[Vec<String>]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let write = |(n, lines): (usize, &Vec<String>)| {
        let path = dir.path().join(format!("{n}.jsonl"));
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    let paths = sessions.iter().enumerate().map(write).collect();
    (dir, paths)
}

fn prices() -> PriceTable {
    let mut prices = PriceTable::default();
    let list = r#"[{"provider":"p","model":"one","input":1,"output":0}]"#;
    prices.merge_overrides(list).unwrap();
    prices
}

fn ask(by: By) -> Question {
    Question {
        by,
        since: None,
        until: None,
        zone: TimeZone::fixed(jiff::tz::offset(2)),
    }
}

/// Key, sessions, turns, input tokens.
fn rows(found: &Spending) -> Vec<(&str, u64, u64, u64)> {
    let row = |row: &'_ SpendingRow| {
        let totals = row.section.totals;
        (row.sessions, totals.turns, totals.usage.input_tokens)
    };
    let rows = found.rows.iter();
    rows.map(|r| (r.key.as_str(), row(r).0, row(r).1, row(r).2))
        .collect()
}

/// Two sessions of two projects; two hours east of Greenwich, the second answer falls on the next day, week and month.
fn two() -> Vec<Vec<String>> {
    vec![
        vec![
            header("s-1", "/a", ""),
            user("m1", "2026-05-31T10:00:00.000Z"),
            answer("m2", "2026-05-31T10:00:01.000Z", "one", 1_000_000),
            answer("m3", "2026-05-31T22:30:00.000Z", "two", 7),
        ],
        vec![
            header("s-2", "/b", r#","writer":"sessionlog/1""#),
            answer("m9", "2026-06-01T09:00:00.000Z", "one", 3),
        ],
    ]
}

#[test]
fn by_everything() {
    let (_dir, paths) = files(&two());
    let found = |by| spending(&paths, &ask(by), &prices(), |_| {});
    let day = found(By::Day);
    assert_eq!(
        rows(&day),
        [("2026-05-31", 1, 1, 1_000_000), ("2026-06-01", 2, 0, 10)]
    );
    assert_eq!(
        rows(&found(By::Week)),
        [("2026-W22", 1, 1, 1_000_000), ("2026-W23", 2, 0, 10)]
    );
    assert_eq!(
        rows(&found(By::Month)),
        [("2026-05", 1, 1, 1_000_000), ("2026-06", 2, 0, 10)]
    );
    assert_eq!(
        rows(&found(By::Session)),
        [("s-1", 1, 1, 1_000_007), ("s-2", 1, 0, 3)]
    );
    assert_eq!(
        rows(&found(By::Project)),
        [("/a", 1, 1, 1_000_007), ("/b", 1, 0, 3)]
    );
    assert_eq!(
        rows(&found(By::Agent)),
        [("opi", 1, 1, 1_000_007), ("sessionlog", 1, 0, 3)]
    );
    assert_eq!(
        rows(&found(By::Model)),
        [
            ("", 1, 1, 0),
            ("p/one", 2, 0, 1_000_003),
            ("p/two", 1, 0, 7)
        ]
    );
    // What it cost is known of one model only.
    assert_eq!(day.rows[0].section.cost.unwrap().total().to_string(), "1");
    assert_eq!((day.rows[1].section.cost, day.total.cost), (None, None));
    assert_eq!(day.total.known.total().to_string(), "1.000003");
    assert_eq!(day.total.unknown_models(), ["p/two"]);
    assert_eq!(
        (day.files, day.total.totals.turns, day.duplicates),
        (2, 1, 0)
    );
}

#[test]
fn from_a_time_and_up_to_one() {
    let (_dir, paths) = files(&two());
    let time = |text| Timestamp::parse(text);
    let mut question = ask(By::Session);
    question.since = time("2026-05-31T10:00:01.000Z");
    question.until = time("2026-06-01T09:00:00.000Z");
    let found = spending(&paths, &question, &prices(), |_| {});
    assert_eq!(rows(&found), [("s-1", 1, 0, 1_000_007)]);
}

#[test]
fn copies_count_once() {
    let [mut first, mut second] = <[_; 2]>::try_from(two()).unwrap();
    // A copied conversation, as agents without forks make it; a repeated line in one file is none.
    second.extend(first[1..].to_vec());
    first.push(first[2].clone());
    // A fork of ours says what it has inherited, whatever its times are.
    let fork = vec![
        header(
            "s-3",
            "/a",
            r#","parent_session":"s-1","fork_point":"f1","writer":"sessionlog/1""#,
        ),
        answer("f1", "2020-01-01T00:00:00.000Z", "one", 100),
        answer("f2", "2026-06-02T00:00:00.000Z", "one", 10),
    ];
    let (_dir, paths) = files(&[first, second, fork]);
    let mut told = vec![];
    let found = spending(&paths, &ask(By::Session), &prices(), |done| told.push(done));
    assert_eq!(
        rows(&found),
        [
            ("s-1", 1, 1, 2_000_007),
            ("s-2", 1, 0, 3),
            ("s-3", 1, 0, 10)
        ]
    );
    assert_eq!((found.duplicates, told), (3, vec![1, 2, 3]));
}

#[test]
fn what_cannot_be_read_is_told_and_hides_nothing() {
    let (dir, mut paths) = files(&two());
    paths.insert(1, dir.path().join("nowhere.jsonl"));
    paths.insert(0, dir.path().to_owned());
    let found = spending(&paths, &ask(By::Session), &prices(), |_| {});
    let failed: Vec<_> = found.failed.iter().map(|(path, _)| path).collect();
    assert_eq!(failed, [&paths[0], &paths[2]]);
    assert_eq!((found.files, found.rows.len()), (2, 2));
}

/// Files of other agents, by their names.
fn foreign(files: &[(&str, Vec<String>)]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let write = |(name, lines): &(&str, Vec<String>)| {
        let path = dir.path().join(name);
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    let paths = files.iter().map(write).collect();
    (dir, paths)
}

/// Sums over all of them: files, turns, the four counts, one-hour writes, messages counted once.
fn sums(paths: &[PathBuf]) -> (u64, u64, [u64; 4], u64, u64) {
    let found = spending(paths, &ask(By::Day), &prices(), |_| {});
    assert!(found.failed.is_empty(), "{:?}", found.failed);
    let usage = found.total.totals.usage;
    let counts = [
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
    ];
    let hour = usage.cache_write_1h_tokens.unwrap_or(0);
    let turns = found.total.totals.turns;
    (found.files, turns, counts, hour, found.duplicates)
}

/// In any order, and each file however often.
fn in_any_order(paths: &[PathBuf], expected: (u64, [u64; 4], u64)) {
    let twice = [paths, paths].concat();
    let backwards: Vec<_> = paths.iter().rev().cloned().collect();
    for paths in [paths, &twice, &backwards] {
        let (files, turns, counts, hour, _) = sums(paths);
        assert_eq!(files, paths.len() as u64);
        assert_eq!((turns, counts, hour), expected, "{paths:?}");
    }
}

#[test]
fn a_conversation_of_claude_code_that_was_taken_up_again_counts_once() {
    let user = |session: &str, uuid: &str| {
        format!(
            r#"{{"type":"user","uuid":"{uuid}","parentUuid":null,"sessionId":"{session}","timestamp":"2026-05-22T12:00:00.000Z","cwd":"/w","message":{{"role":"user","content":"hi"}}}}"#
        )
    };
    let answer = |session: &str, uuid: &str, id: &str, output: u64| {
        format!(
            r#"{{"type":"assistant","uuid":"{uuid}","parentUuid":null,"sessionId":"{session}","requestId":"r-{id}","timestamp":"2026-05-22T12:00:01.000Z","message":{{"id":"{id}","role":"assistant","model":"claude-x","content":[],"usage":{{"input_tokens":10,"output_tokens":{output},"cache_read_input_tokens":100,"cache_creation_input_tokens":30,"cache_creation":{{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}}}}}}}"#
        )
    };
    // Two lines of one answer; the last one tells what it used.
    let first = vec![
        user("a", "u1"),
        answer("a", "u2", "m1", 1),
        answer("a", "u3", "m1", 7),
    ];
    // Copied as it is; and with ids of its own, by which only the provider's name tells the answer. And an answer more.
    let same = vec![
        user("b", "u1"),
        answer("b", "u2", "m1", 1),
        answer("b", "u3", "m1", 7),
        answer("b", "u4", "m2", 5),
    ];
    let renamed = vec![
        answer("c", "v2", "m1", 1),
        answer("c", "v3", "m1", 7),
        answer("c", "v4", "m3", 2),
    ];
    let (_dir, paths) = foreign(&[("a.jsonl", first), ("b.jsonl", same), ("c.jsonl", renamed)]);
    // Three answers: 7 + 5 + 2 out.
    in_any_order(&paths, (1, [30, 14, 300, 90], 60));
}

#[test]
fn what_a_fork_of_codex_has_copied_counts_for_its_parent() {
    let meta = |id: &str, more: &str, time: &str| {
        format!(
            r#"{{"timestamp":"2026-05-22T{time}Z","type":"session_meta","payload":{{"id":"{id}","timestamp":"2026-05-22T{time}Z","cwd":"/w"{more}}}}}"#
        )
    };
    let said = |role: &str, time: &str| {
        format!(
            r#"{{"timestamp":"2026-05-22T{time}Z","type":"response_item","payload":{{"type":"message","role":"{role}","content":[{{"type":"text","text":"x"}}]}}}}"#
        )
    };
    let total = |input: u64, cached: u64, output: u64, time: &str| {
        format!(
            r#"{{"timestamp":"2026-05-22T{time}Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{input},"cached_input_tokens":{cached},"output_tokens":{output},"reasoning_output_tokens":1}}}}}}}}"#
        )
    };
    let parent = vec![
        meta("p", "", "10:00:00.000"),
        said("user", "10:00:01.000"),
        said("assistant", "10:00:02.000"),
        total(1000, 400, 10, "10:00:03.000"),
        total(1000, 400, 10, "10:00:04.000"),
        said("assistant", "10:00:05.000"),
        total(1500, 800, 30, "10:00:06.000"),
    ];
    let fork = vec![
        meta("f", r#","forked_from_id":"p""#, "11:00:00.000"),
        meta("p", "", "11:00:00.001"),
        said("user", "11:00:00.002"),
        said("assistant", "11:00:00.002"),
        total(1000, 400, 10, "11:00:00.002"),
        said("user", "11:00:09.000"),
        said("assistant", "11:00:10.000"),
        total(1300, 500, 15, "11:00:11.000"),
    ];
    let (_dir, paths) = foreign(&[("p.jsonl", parent), ("f.jsonl", fork)]);
    // Of the parent 1,500 in, 800 of them cached, and 30; the fork adds 300, 100 of them cached, and 5.
    in_any_order(&paths, (2, [900, 35, 900, 0], 0));
}

#[test]
fn what_a_fork_of_claw_code_has_copied_counts_once() {
    let meta = |id: &str, fork: &str| {
        format!(
            r#"{{"type":"session_meta","version":1,"session_id":"{id}","created_at_ms":{},"updated_at_ms":9{fork}}}"#,
            1_000 * id.len()
        )
    };
    let fork_of = |id: &str| format!(r#","fork":{{"parent_session_id":"{id}","branch_name":"b"}}"#);
    let user = |text: &str| {
        format!(
            r#"{{"type":"message","message":{{"role":"user","blocks":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let answer = |text: &str, input: u64| {
        format!(
            r#"{{"type":"message","message":{{"role":"assistant","blocks":[{{"type":"text","text":"{text}"}}],"usage":{{"input_tokens":{input},"output_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":2}}}}}}"#
        )
    };
    let parent = vec![
        meta("p", ""),
        user("hi"),
        answer("yes", 10),
        user("hi"),
        answer("yes", 10),
        user("on"),
        answer("no", 20),
    ];
    let fork = vec![
        meta("fork", &fork_of("p")),
        user("hi"),
        answer("yes", 10),
        user("hi"),
        answer("yes", 10),
        user("else"),
        answer("well", 5),
    ];
    let again = vec![
        meta("fork-2", &fork_of("fork")),
        user("hi"),
        answer("yes", 10),
        user("hi"),
        answer("yes", 10),
        user("else"),
        answer("well", 5),
        answer("yes", 10),
    ];
    // Somebody else began in the same words.
    let other = vec![meta("other", ""), user("hi"), answer("yes", 10)];
    let (_dir, paths) = foreign(&[
        ("p.jsonl", parent),
        ("q.jsonl", fork),
        ("r.jsonl", again),
        ("s.jsonl", other),
    ]);
    // Of the parent 3 turns, and three answers of 10 + 10 + 20; of the fork one and 5; of its fork none and 10; of the other one and 10.
    in_any_order(&paths, (5, [65, 6, 12, 0], 0));
}

#[path = "spending/copies_tests.rs"]
mod copies;

#[path = "spending/imports_tests.rs"]
mod imports;
