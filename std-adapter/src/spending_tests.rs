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
