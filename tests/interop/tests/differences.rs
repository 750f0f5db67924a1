//! Where FORMAT.md differs from opi on purpose: one test a rule, showing both behaviours.

use sessionlog_interop::*;
use std::path::PathBuf;

const HEADER: &str =
    r#"{"type":"session","version":1,"id":"s","timestamp":"t","cwd":"/w","parent_session":null}"#;

fn user(id: &str, parent: Option<&str>) -> String {
    let parent = parent.map_or("null".to_owned(), |p| format!("\"{p}\""));
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":{parent},"timestamp":"t","message":{{"role":"user","content":[{{"type":"text","text":"{id}"}}],"timestamp_ms":0}}}}"#
    )
}

fn leaf(id: &str, target: &str) -> String {
    format!(
        r#"{{"type":"leaf","id":"{id}","parent_id":null,"timestamp":"t","entry_id":"{target}"}}"#
    )
}

/// The record with its checksum (F5).
fn sealed(record: &str) -> String {
    let body = record.strip_suffix('}').expect("a record");
    let crc = body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    });
    format!("{body},\"crc\":\"{:08x}\"}}", !crc)
}

struct Session {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn session(text: impl AsRef<[u8]>) -> Session {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.jsonl");
    std::fs::write(&path, text).expect("written");
    Session { _dir: dir, path }
}

fn lines(lines: &[&str]) -> Session {
    session([HEADER, &lines.join("\n"), ""].join("\n"))
}

/// Whatever text each message holds, in order.
fn texts(view: &View) -> String {
    let text = |v: &serde_json::Value| {
        v["message"]["content"][0]["text"]
            .as_str()
            .unwrap_or("?")
            .to_owned()
    };
    view.context.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// Asserts our context and opi's, then our status and opi's.
fn differ(s: &Session, contexts: (&str, &str), statuses: (&str, &str)) {
    let (us, them) = (ours(&s.path).0, opi(&s.path));
    assert_eq!((texts(&us).as_str(), texts(&them).as_str()), contexts);
    assert_eq!((us.status.as_str(), them.status.as_str()), statuses);
}

#[test]
fn f3_an_invalid_byte_costs_one_record() {
    let bad = [
        user("b", None).replace("\"b\"}]", "\"").as_bytes(),
        b"\xff",
        b"\"}]}}",
    ]
    .concat();
    let text = [
        HEADER.as_bytes(),
        user("a", None).as_bytes(),
        &bad,
        user("c", None).as_bytes(),
        b"",
    ]
    .join(&b'\n');
    let s = session(text);
    assert!(opi_read(&s.path).is_err(), "opi refuses the whole file");
    let us = ours(&s.path).0;
    assert_eq!(
        (texts(&us).as_str(), us.status.as_str(), us.corrupt),
        ("a c", "corrupt", 1)
    );
}

#[test]
fn f7_unknown_entries_are_kept() {
    let note = r#"{"type":"label","id":"n","parent_id":"a","timestamp":"t","label":"x"}"#;
    let s = lines(&[
        &user("a", None),
        note,
        &user("b", Some("n")),
        &leaf("l", "b"),
    ]);
    differ(&s, ("a b", "b"), ("clean", "corrupt"));
    assert_eq!(our_context(&s.path)["recovery"]["unknown_entries"], 1);
}

#[test]
fn f7_a_payload_is_not_judged() {
    let odd = user("b", None).replace("\"user\"", "\"developer\"");
    differ(
        &lines(&[&user("a", None), &odd]),
        ("a b", "a"),
        ("clean", "corrupt"),
    );
}

#[test]
fn f8_usage_beyond_32_bits() {
    let big = r#"{"type":"message","id":"b","parent_id":null,"timestamp":"t","message":{"role":"assistant","content":[{"type":"text","text":"b"}],"api":"OpenAi","provider":"p","model":"m","response_model":null,"response_id":null,"usage":{"input_tokens":4294967296,"output_tokens":1},"stop_reason":"stop","error_message":null,"timestamp_ms":0}}"#;
    let s = lines(&[&user("a", None), big]);
    differ(&s, ("a b", "a"), ("clean", "corrupt"));
    assert_eq!(
        our_context(&s.path)["usage"]["total_tokens"],
        4_294_967_297_u64
    );
}

#[test]
fn f10_a_lost_header_costs_no_entries() {
    let s = session([r#"{"type":"session","vers"#, &user("a", None), ""].join("\n"));
    assert!(opi_read(&s.path).is_err(), "opi refuses the whole file");
    let us = ours(&s.path).0;
    assert_eq!(
        (texts(&us).as_str(), us.status.as_str(), us.corrupt),
        ("a", "corrupt", 1)
    );
}

#[test]
fn f23_a_header_whose_line_end_was_lost() {
    let s = session(
        [
            format!("{HEADER}{}", user("a", None)).as_str(),
            user("b", None).as_str(),
            "",
        ]
        .join("\n"),
    );
    assert!(opi_read(&s.path).is_err(), "opi refuses the whole file");
    let us = ours(&s.path).0;
    assert_eq!(
        (texts(&us).as_str(), us.status.as_str(), us.corrupt),
        ("a b", "corrupt", 1)
    );
    assert!(!our_context(&s.path)["session"].is_null());
}

#[test]
fn f12_a_message_after_the_last_leaf_is_the_tip() {
    let s = lines(&[&user("a", None), &leaf("l", "a"), &user("b", Some("a"))]);
    differ(&s, ("a b", "a"), ("clean", "clean"));
    assert_eq!(
        (ours(&s.path).1.as_deref(), opi_tip(&s.path).as_deref()),
        (Some("b"), Some("a"))
    );
}

#[test]
fn f12_a_dangling_leaf_is_passed_over() {
    differ(
        &lines(&[&user("a", None), &user("b", Some("a")), &leaf("l", "gone")]),
        ("a b", ""),
        ("clean", "clean"),
    );
}

#[test]
fn f13_the_nearest_earlier_bearer_is_the_parent() {
    let s = lines(&[
        &user("a", None).replace("\"text\":\"a\"", "\"text\":\"first\""),
        &user("b", Some("a")),
        &user("a", Some("b")).replace("\"text\":\"a\"", "\"text\":\"second\""),
        &leaf("l", "b"),
    ]);
    differ(&s, ("first b", "second b"), ("clean", "clean"));
}

#[test]
fn f14_a_linear_prefix_stays_whole_with_a_leaf() {
    differ(
        &lines(&[&user("a", None), &user("b", None), &leaf("l", "b")]),
        ("a b", "b"),
        ("clean", "clean"),
    );
}

#[test]
fn f14_without_a_leaf_a_root_begins_anew() {
    // opi goes by file order, whatever the parents say.
    differ(
        &lines(&[&user("a", None), &user("b", Some("a")), &user("c", None)]),
        ("c", "a b c"),
        ("clean", "clean"),
    );
}

#[test]
fn f14_what_opi_and_we_wrote_in_turns_stays_whole() {
    let turns = [
        user("a", None),
        sealed(&user("b", Some("a"))),
        user("c", None),
    ];
    let turns = [&turns[0], &turns[1], &turns[2]].map(String::as_str);
    differ(&lines(&turns), ("a b c", "a b c"), ("clean", "clean"));
    // Once there is a leaf, opi goes by parents.
    differ(
        &lines(&[turns[0], turns[1], turns[2], &leaf("l", "c")]),
        ("a b c", "c"),
        ("clean", "clean"),
    );
}

#[test]
fn f15_the_chain_bridges_a_corrupt_record() {
    let s = lines(&[
        &user("a", None),
        &user("b", Some("a"))[..40],
        &user("c", Some("b")),
        &leaf("l", "c"),
    ]);
    differ(&s, ("a c", "c"), ("corrupt", "corrupt"));
}

#[test]
fn f20_a_whole_last_line_counts() {
    let s = session([HEADER, &user("a", None), &user("b", None)].join("\n"));
    differ(&s, ("a b", "a"), ("clean", "truncated"));
}

#[test]
fn f22_fused_records_are_salvaged() {
    let fused = format!("{}{}", user("b", None), user("c", None));
    differ(
        &lines(&[&user("a", None), &fused, &user("d", None)]),
        ("a b c d", "a d"),
        ("corrupt", "corrupt"),
    );
}

#[test]
fn f22_a_record_behind_a_stub_is_salvaged() {
    let stub = format!("{}{}", &user("b", None)[..100], user("c", None));
    differ(
        &lines(&[&user("a", None), &stub]),
        ("a c", "a"),
        ("corrupt", "corrupt"),
    );
    let due = format!("{}{}", &user("b", None)[..8], user("c", None));
    differ(
        &lines(&[&user("a", None), &due]),
        ("a c", "a"),
        ("corrupt", "corrupt"),
    );
    let nuls = format!("{}{}", "\0".repeat(50), user("c", None));
    differ(
        &lines(&[&user("a", None), &nuls]),
        ("a c", "a"),
        ("corrupt", "corrupt"),
    );
}
