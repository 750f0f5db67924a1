//! Each rule once, on files small enough to check by eye.

use super::*;

const OURS: &str = r#"{"type":"session","version":1,"id":"s","timestamp":"t","cwd":"/w","parent_session":null,"writer":"sessionlog/1"}"#;
const FOREIGN: &str =
    r#"{"type":"session","version":1,"id":"s","timestamp":"t","cwd":"/w","parent_session":null}"#;

fn user(id: &str, parent: Option<&str>) -> String {
    let parent = parent.map_or("null".to_owned(), |p| format!("\"{p}\""));
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":{parent},"timestamp":"t","message":{{"role":"user","content":[]}}}}"#
    )
}

fn leaf(id: &str, target: &str) -> String {
    format!(
        r#"{{"type":"leaf","id":"{id}","parent_id":null,"timestamp":"t","entry_id":"{target}"}}"#
    )
}

fn compaction(id: &str, parent: &str, kept: &str) -> String {
    format!(
        r#"{{"type":"compaction","id":"{id}","parent_id":"{parent}","timestamp":"t","summary":"S","first_kept_entry_id":"{kept}","tokens_before":9,"tokens_after":3}}"#
    )
}

fn sealed(record: &str) -> String {
    let body = record.strip_suffix('}').unwrap();
    format!(
        "{body},\"crc\":\"{}\"}}",
        record::digits_of(body.as_bytes())
    )
}

fn file(lines: &[&str]) -> Model {
    read(format!("{}\n", lines.join("\n")).as_bytes())
}

fn ids(m: &Model, which: &[usize]) -> Vec<String> {
    which
        .iter()
        .map(|&i| m.entries[i].id.clone().unwrap_or_default())
        .collect()
}

fn context(m: &Model) -> Vec<String> {
    ids(m, &m.context.iter().map(|c| c.entry).collect::<Vec<_>>())
}

#[test]
fn f5_crc() {
    // CRC-32/ISO-HDLC's check value.
    assert_eq!(record::digits_of(b"123456789"), "cbf43926");
    let good = sealed(&user("msg-1", None));
    let m = file(&[
        OURS,
        &good,
        &good.replace("[]", "[ ]"),
        &good.replace(",\"crc\"", ", \"crc\""),
    ]);
    assert_eq!((m.entries.len(), m.corrupt.len()), (1, 2));
    assert_eq!(m.entries[0].crc, Crc::Valid);
    let other = user("a", None).replace("\"timestamp\"", "\"crc\":\"no\",\"timestamp\"");
    assert_eq!(
        file(&[OURS, &other]).entries[0].crc,
        Crc::Absent,
        "not last"
    );
}

#[test]
fn f4_f6_f7_requirements() {
    let twice = user("a", None).replace("\"timestamp\"", "\"id\":\"b\",\"timestamp\"");
    let kept = user("a", None).replace("\"timestamp\"", "\"x\":1,\"x\":2,\"timestamp\"");
    let long = user(&"i".repeat(129), None);
    let fits = user(&"é".repeat(64), None);
    let number = user("a", None).replace("\"parent_id\":null", "\"parent_id\":3");
    let m = file(&[
        OURS,
        &twice,
        &kept,
        &long,
        &fits,
        &number,
        r#"{"type":"note","id":3}"#,
        r#"{"type":"leaf","id":"l"}"#,
    ]);
    assert_eq!(
        m.corrupt.iter().map(|d| d.line).collect::<Vec<_>>(),
        [2, 4, 6, 8]
    );
    assert_eq!((m.entries.len(), m.unknown_entries()), (3, 1));
    assert_eq!(
        m.corrupt[0].at - m.corrupt[0].start,
        twice.find("\"id\":\"b\"").unwrap()
    );
    assert_eq!(
        m.corrupt[3].at - m.corrupt[3].start,
        23,
        "the closing brace"
    );
}

#[test]
fn f9_f10_headers() {
    assert!(file(&[OURS]).ours() && !file(&[FOREIGN]).ours());
    assert_eq!(
        file(&[&OURS.replace(":1,", ":2,")]).header,
        Header::Unsupported(Some("2".into()))
    );
    let m = file(&["{broken", &user("a", None)]);
    assert_eq!(
        (m.header.clone(), m.corrupt.len(), m.entries.len()),
        (Header::Lost, 1, 1)
    );
    let m = file(&[&user("a", None)]);
    assert_eq!(
        (m.header.clone(), m.corrupt.len(), m.entries.len()),
        (Header::Missing, 0, 1)
    );
    assert_eq!(read(b"").header, Header::Empty);
    let m = read(b"{\"type\":\"sess");
    assert_eq!(
        (m.header.clone(), m.state, m.torn),
        (Header::Torn, State::Truncated, Some((0, 13)))
    );
}

#[test]
fn f12_f14_tip_and_prefix() {
    let lines = [
        &user("a", None),
        &user("b", None),
        &leaf("l", "a"),
        &user("c", None),
        &leaf("m", "gone"),
    ];
    let lines = lines.map(String::as_str);
    let foreign = file(&[&[FOREIGN], &lines[..]].concat());
    assert_eq!(ids(&foreign, &foreign.branch), ["a", "c"]);
    assert_eq!(foreign.dangling_leaves, [4]);
    let ours = file(&[&[OURS], &lines[..]].concat());
    assert_eq!(ids(&ours, &ours.branch), ["c"]);
    // opi, then we, then opi again: our chained records do not end the prefix.
    let chained = [sealed(&user("b", Some("a"))), sealed(&leaf("l", "b"))];
    let m = file(&[
        FOREIGN,
        &user("a", None),
        &chained[0],
        &chained[1],
        &user("c", None),
        &sealed(&user("d", None)),
    ]);
    assert_eq!(ids(&m, &m.branch), ["a", "b", "c", "d"]);
    // The prefix ends at the first node with a parent and without a checksum.
    let m = file(&[
        FOREIGN,
        &user("a", None),
        &user("b", Some("a")),
        &user("c", None),
    ]);
    assert_eq!(ids(&m, &m.branch), ["c"]);
}

#[test]
fn f13_nearest_earlier() {
    let m = file(&[
        OURS,
        &user("a", None),
        &user("a", None),
        &user("b", Some("a")),
        &user("c", Some("d")),
        &user("d", None),
    ]);
    assert_eq!(m.parents, [None, None, Some(1), None, None]);
    assert_eq!(m.missing_parents, [3]);
    let m = file(&[
        OURS,
        &user("a", Some("a")),
        &leaf("l", "a"),
        &user("b", Some("l")),
    ]);
    assert_eq!(m.missing_parents, [0, 2], "not itself, not a leaf");
}

#[test]
fn f15_bridge() {
    let note = r#"{"type":"note","id":"n"}"#;
    let m = file(&[
        OURS,
        &user("a", None),
        "xx",
        note,
        &leaf("l", "n"),
        &user("c", Some("b")),
    ]);
    assert_eq!((m.parents[3], &m.bridged[..]), (Some(0), &[3][..]));
    let m = file(&[OURS, "xx", &user("a", None), &user("c", Some("b"))]);
    assert_eq!((m.parents[1], &m.missing_parents[..]), (None, &[1][..]));
    // A record lost between two that were salvaged, and one lost behind a salvaged one.
    let (a, c) = (user("a", None), user("c", Some("b")));
    let lost = user("b", Some("a")).replacen("user", "us\u{0}r", 1);
    for lost in [&lost, &lost[..20], r#"{"type":"message"}"#] {
        let m = file(&[OURS, &format!("{a}{lost}{c}")]);
        assert_eq!(
            (m.parents[1], &m.bridged[..]),
            (Some(0), &[1][..]),
            "{lost}"
        );
    }
    let m = file(&[OURS, &format!("{a}{}", &user("b", Some("a"))[..30]), &c]);
    assert_eq!((m.parents[1], &m.bridged[..]), (Some(0), &[1][..]));
    let m = file(&[OURS, &format!("xx{a}"), &user("d", Some("a")), &c]);
    assert_eq!((m.parents[2], &m.missing_parents[..]), (None, &[2][..]));
}

#[test]
fn f17_compaction() {
    let chain = [user("a", None), user("b", Some("a")), user("c", Some("b"))];
    let start = [OURS, &chain[0], &chain[1], &chain[2]];
    for (kept, expected) in [
        ("b", vec!["k", "b", "c"]),
        ("c", vec!["k", "c"]),
        ("gone", vec!["k"]),
        ("", vec!["k"]),
    ] {
        let m = file(&[&start[..], &[&compaction("k", "c", kept)]].concat());
        assert_eq!(context(&m), expected, "{kept}");
    }
    // Kept, then compacted away, then named again.
    let more = [
        compaction("k", "c", "c"),
        user("d", Some("k")),
        compaction("q", "d", "b"),
        compaction("r", "q", "q"),
    ];
    let m = file(&[&start[..], &[&more[0], &more[1], &more[2]]].concat());
    assert_eq!(context(&m), ["q"]);
    let m = file(&[&start[..], &[&more[0], &more[1], &more[2], &more[3]]].concat());
    assert_eq!((context(&m), m.kept_from), (vec!["r".to_owned()], None));
}

#[test]
fn f11_f18_f19_usage() {
    let assistant = |id: &str, usage: &str| {
        user(id, None).replace(
            r#""role":"user""#,
            &format!(r#""role":"assistant","usage":{usage}"#),
        )
    };
    let lines = [
        assistant(
            "msg-1",
            r#"{"input_tokens":18446744073709551615,"reasoning_tokens":4}"#,
        ),
        assistant(
            "msg-2",
            r#"{"input_tokens":7,"output_tokens":2,"cache_write_1h_tokens":1}"#,
        ),
        assistant("msg-3", r#"{"input_tokens":1,"reported":false}"#),
        assistant("msg-4", "null"),
        compaction("cmp-5", "msg-4", "msg-4"),
        assistant("msg-6", r#"{"cache_read_tokens":5,"input_tokens":-1}"#),
        user("msg-9223372036854775808", None),
        leaf("leaf-9", "cmp-5"),
    ];
    let header = FOREIGN.replace("\"cwd\"", "\"fork_point\":\"msg-1\",\"cwd\"");
    let mut all = vec![header.as_str()];
    all.extend(lines.iter().map(String::as_str));
    let m = file(&all);
    let u = m.spent_usage.usage;
    assert_eq!(
        (
            u.input,
            u.output,
            u.cache_read,
            u.cache_write_1h,
            u.reasoning
        ),
        (7, 2, 0, Some(1), None)
    );
    assert_eq!(
        (
            m.spent_usage.unreported,
            m.spent_usage.turns,
            m.watermark,
            m.next_seq
        ),
        (3, 1, 9, 10)
    );
    assert_eq!(m.branch_usage.usage.input, u64::MAX);
    assert_eq!(
        (m.branch_usage.unreported, m.branch_usage.usage.reasoning),
        (2, Some(4))
    );
}

#[test]
fn f20_last_line() {
    let text = format!("{OURS}\n{}", user("a", None));
    let m = read(text.as_bytes());
    assert_eq!(
        (m.entries.len(), m.state, m.unended.is_some()),
        (1, State::Clean, true)
    );
    let m = read(&text.as_bytes()[..text.len() - 1]);
    assert_eq!(
        (m.entries.len(), m.state, m.torn),
        (
            0,
            State::Truncated,
            Some((OURS.len() + 1, text.len() - OURS.len() - 2))
        )
    );
}

#[test]
fn f22_f23_salvage() {
    let (a, b) = (user("a", None), user("b", None));
    let note = r#"{"type":"note","id":"n"}"#;
    let nul = "\0".repeat(9);
    // Every way in which a record's stub may end before the next record.
    for cut in 1..a.len() {
        let stub = &a[..cut];
        let m = file(&[OURS, &format!("{stub}{b}")]);
        // Where a value is due, the record becomes a part of the stub: it is found as what the line ends with.
        let all: Vec<usize> = (0..m.entries.len()).collect();
        assert_eq!(ids(&m, &all), ["b"], "{stub}");
        assert_eq!((m.corrupt.len(), m.state), (1, State::Corrupt));
        assert!(m.entries.iter().all(|e| e.salvaged));
    }
    let found = |line: &str| {
        let m = file(&[OURS, line]);
        ids(&m, &(0..m.entries.len()).collect::<Vec<_>>()).join(" ")
    };
    assert_eq!(found(&format!("{a}{b}")), "a b");
    assert_eq!(found(&format!("{nul}{b}")), "b");
    assert_eq!(
        found(&format!("{a}{nul}{b}")),
        "b",
        "a is followed by neither an end nor a record"
    );
    assert_eq!(found(&format!("{a} {b}")), "b");
    assert_eq!(found(&format!("{a}{note}")), "a");
    assert_eq!(found(&format!("{a}{}", sealed(note))), "a n");
    assert_eq!(found(&format!("{a}{OURS}{b}")), "a b");
    assert_eq!(found(&a.repeat(9)), ["a"; 8].join(" "));
    // The last line.
    let m = read(format!("{OURS}\n{a}{b}").as_bytes());
    assert_eq!((m.entries.len(), m.state), (2, State::Corrupt));
    let m = read(format!("{OURS}\n{a}{}", &b[..20]).as_bytes());
    assert_eq!(
        (m.entries.len(), m.state, m.torn),
        (
            1,
            State::CorruptAndTruncated,
            Some((OURS.len() + 1 + a.len(), 20))
        )
    );
}

#[test]
fn f22_what_a_line_ends_with() {
    let found = |line: &str| {
        let m = file(&[OURS, line]);
        ids(&m, &(0..m.entries.len()).collect::<Vec<_>>()).join(" ")
    };
    let (a, b) = (user("a", None), user("b", None));
    for levels in 1..12 {
        let stub = "{\"x\":".repeat(levels);
        let expected = if levels <= 8 { "a" } else { "" };
        assert_eq!(found(&format!("{stub}{a}")), expected, "{levels}");
        let stub = format!("{{\"x\":{}", "[".repeat(levels - 1));
        assert_eq!(found(&format!("{stub}{a} \t")), expected, "{levels}");
        // Where the stub itself has a start that is looked for, each is a candidate in turn.
        assert_eq!(found(&format!("{stub}x{a}")), "a", "{levels}");
    }
    assert_eq!(found(&format!("{a}{{\"type\":\"x\",\"x\":{b}")), "a b");
    assert_eq!(
        found(&format!("{a}{{\"x\":{b}")),
        "b",
        "no record's start follows a"
    );
    assert_eq!(found(&format!("{{\"x\":{a}{b}")), "b");
    assert_eq!(found(&format!("{{\"x\":{a},\"y\":{b}")), "b");
    assert_eq!(found(&format!("{{\"x\":{a},")), "");
    assert_eq!(
        found(&format!("{{\"x\":{{\"y\":{a}}}")),
        "",
        "it ends with another object"
    );
    let other_order = a
        .replace("{\"type\":\"message\",", "{")
        .replace("\"timestamp\"", "\"type\":\"message\",\"timestamp\"");
    assert_eq!(
        found(&format!("{{\"x\":{other_order}")),
        "a",
        "whatever it begins with"
    );
    let note = r#"{"type":"note","id":"n"}"#;
    assert_eq!(found(&format!("{{\"x\":{note}")), "");
    assert_eq!(found(&format!("{{\"x\":{}", sealed(note))), "n");
    assert_eq!(found(&format!("{{\"x\":{OURS}")), "", "F23");
    assert_eq!(
        found(&format!("[{a}")),
        "a",
        "not an object from its first byte on"
    );
    // The last line: nothing torn is left.
    let m = read(format!("{OURS}\n{{\"x\":{a}").as_bytes());
    assert_eq!(
        (m.entries.len(), m.state, m.torn),
        (1, State::Corrupt, None)
    );
    assert!(m.unended.is_some());
}

#[test]
fn f23_a_header_whose_line_end_was_lost() {
    let a = user("a", None);
    let m = file(&[&format!("{OURS}{a}")]);
    assert_eq!((m.ours(), m.corrupt.len(), m.entries.len()), (true, 1, 1));
    let m = file(&["", &format!("{OURS}{}", &a[..20]), &a]);
    assert_eq!((m.ours(), m.corrupt.len(), m.entries.len()), (true, 1, 1));
    let m = file(&[&format!("{}{a}", OURS.replace(":1,", ":2,"))]);
    assert_eq!(
        (m.header, m.entries.len()),
        (Header::Unsupported(Some("2".into())), 0)
    );
    for line in [
        format!("\0{OURS}"),
        format!("{{\"x\":{OURS}"),
        format!("{{\"ty{OURS}{a}"),
    ] {
        assert_eq!(file(&[&line]).header, Header::Lost, "{line}");
    }
    let m = file(&[OURS, &format!("{OURS}{a}")]);
    assert_eq!((m.ours(), m.corrupt.len(), m.entries.len()), (true, 1, 1));
    // F7: it requires nothing but its type; F9 judges the version.
    assert_eq!(
        file(&[r#"{"type":"session"}"#]).header,
        Header::Unsupported(None)
    );
    let m = file(&[r#"{"type":"session","version":1,"id":7}"#]);
    assert!(matches!(
        m.header,
        Header::Valid {
            id: None,
            ours: false,
            ..
        }
    ));
}

#[test]
fn f4_one_reference() {
    let two = r#""entry_id":"x","fork_point":null,"#;
    let with = |record: &str| record.replace("\"timestamp\"", &format!("{two}\"timestamp\""));
    let one = user("a", None).replace("\"timestamp\"", "\"entry_id\":7,\"timestamp\"");
    let kept = r#"{"type":"note","entry_id":"x","fork_point":"y","first_kept_entry_id":"z"}"#;
    let wrong = with(&user("a", None));
    let lines = [
        OURS,
        &wrong,
        &compaction("k", "a", "a").replace("\"timestamp\"", "\"entry_id\":7,\"timestamp\""),
        &leaf("l", "a").replace("\"timestamp\"", "\"first_kept_entry_id\":7,\"timestamp\""),
        &with(FOREIGN),
        &one,
        kept,
    ];
    let m = file(&lines);
    let corrupt: Vec<usize> = m.corrupt.iter().map(|d| d.line).collect();
    assert_eq!((corrupt, m.entries.len()), (vec![2, 3, 4, 5], 2));
    assert_eq!(
        m.corrupt[0].at - m.corrupt[0].start,
        wrong.find("\"fork_point\"").unwrap()
    );
}

#[test]
fn f25_numbers() {
    for (id, n) in [
        ("msg-7", Some(7)),
        ("msg-007", Some(7)),
        ("-5", Some(5)),
        ("0196-9223372036854775807", Some((1 << 63) - 1)),
    ] {
        assert_eq!(number_of(id), n, "{id}");
    }
    for id in [
        "x-1-40",
        "x-y-41",
        "x-+42",
        "x--1",
        "x-",
        "x",
        "",
        "msg-9223372036854775808",
        "msg-99999999999999999999",
        "x-\u{661}",
    ] {
        assert_eq!(number_of(id), None, "{id}");
    }
}
