use super::*;
use std::io::Write;

const HEADER: &str = r#"{"type":"session","version":1,"id":"s-1","timestamp":"2026-05-22T12:00:00.123Z","cwd":"/w","parent_session":null}"#;

fn user(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(
        r#"{{"type":"message","id":"msg-1","message":{{"role":"user","content":[{{"type":"text","text":{text}}}]}}}}"#
    )
}

fn read(content: impl AsRef<[u8]>) -> Head {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content.as_ref()).unwrap();
    let len = content.as_ref().len() as u64;
    HeadReader::new().read(&file, len).unwrap()
}

fn fault(content: impl AsRef<[u8]>) -> (HeaderFault, Option<String>) {
    let head = read(content);
    (head.header.unwrap_err(), head.first_user_text)
}

#[test]
fn reads_header_and_first_user_text() {
    let system = r#"{"type":"message","id":"msg-0","message":{"role":"assistant","content":[{"type":"text","text":"no"}]}}"#;
    let head = read(format!(
        "{HEADER}\n{system}\nbroken\n{}\n{}\n",
        user("Größe \"x\"\n\u{1b}"),
        user("later")
    ));
    let header = head.header.unwrap();
    assert_eq!((header.version, &*header.id), (1, "s-1"));
    assert_eq!(header.timestamp, "2026-05-22T12:00:00.123Z");
    assert_eq!((&*header.cwd, header.parent_session), ("/w", None));
    assert_eq!(head.first_user_text.as_deref(), Some("Größe \"x\"\n\u{1b}"));

    let head = read(format!("{HEADER}\n{}", user(&"ä".repeat(200))));
    assert_eq!(head.first_user_text.unwrap(), "ä".repeat(80));
    let head = read(HEADER);
    assert!(head.header.is_ok() && head.first_user_text.is_none());
}

#[test]
fn members_may_be_missing_of_any_type_and_repeated() {
    let header = HeaderInfo::from_record(
        br#"{"type":"session","version":1,"cwd":5,"cwd":"/a","id":{"x":[1e999]},"parent_session":"p","branch_name":"b",
        "fork_point":"msg-3","repaired":"r","writer":"sessionlog/1","n":1e999,"timestamp":"\ud83d\ude00"}"#,
    )
    .unwrap();
    let expected = HeaderInfo {
        version: 1,
        id: String::new(),
        timestamp: "😀".into(),
        cwd: "/a".into(),
        parent_session: Some("p".into()),
        branch_name: Some("b".into()),
        fork_point: Some("msg-3".into()),
        repaired: Some("r".into()),
        reclaimed: false,
        history: None,
        imported_from: None,
        writer: Some("sessionlog/1".into()),
    };
    assert_eq!(header, expected);
    let json = serde_json::to_string(&header).unwrap();
    assert_eq!(serde_json::from_str::<HeaderInfo>(&json).unwrap(), header);
    assert!(HeaderInfo::from_record(b"[]").is_err());
}

#[test]
fn broken_heads_say_what_is_broken() {
    let hi = Some("hi".to_owned());
    assert_eq!(fault("").0, HeaderFault::Empty);
    assert_eq!(fault(" \n\n").0, HeaderFault::Empty);
    assert_eq!(fault(user("hi")), (HeaderFault::Missing, hi.clone()));
    assert_eq!(
        fault(format!("\n{HEADER}\n{}\n", user("hi"))),
        (HeaderFault::Missing, hi.clone())
    );
    assert_eq!(fault(&HEADER[..40]).0, HeaderFault::Torn);
    let lost = fault(format!("{}\n{}\n", &HEADER[1..], user("hi")));
    assert!(matches!(lost.0, HeaderFault::Lost(_)), "{lost:?}");
    assert_eq!(lost.1, hi);
    let lost = fault([&[0xff, b'\n'][..], user("hi").as_bytes()].concat());
    assert!(matches!(lost.0, HeaderFault::Lost(_)), "{lost:?}");
    let version = |text: &str| fault(HEADER.replace("\"version\":1", text)).0;
    assert_eq!(
        version("\"version\":2"),
        HeaderFault::UnsupportedVersion(Some(2))
    );
    assert_eq!(version("\"v\":1"), HeaderFault::UnsupportedVersion(None));
    let wrong_crc = HEADER.replace("null}", "null,\"crc\":\"00000000\"}\n");
    assert!(matches!(fault(wrong_crc).0, HeaderFault::Lost(_)));
}

#[test]
fn a_header_fused_with_the_next_record_counts() {
    let head = read(format!("{HEADER}{}\n", user("hi")));
    assert_eq!(head.header.unwrap().id, "s-1");
    assert_eq!(head.first_user_text.as_deref(), Some("hi"));
}

#[test]
fn long_heads_are_read_in_chunks_and_within_bounds() {
    let cwd = "/w".repeat(150_000);
    let long = HEADER.replace("/w", &cwd);
    let head = read(format!("{long}\n{}\n", user(&"é".repeat(100_000))));
    assert_eq!(head.header.unwrap().cwd, cwd);
    assert_eq!(head.first_user_text.unwrap(), "é".repeat(80));

    let too_long = HEADER.replace("/w", &"/w".repeat(600_000));
    assert_eq!(fault(format!("{too_long}\n")).0, HeaderFault::TooLong);
    let far = format!(
        "{HEADER}\n{}\n{}\n",
        user(&"x".repeat(1_100_000)),
        user("y")
    );
    let head = read(far);
    assert!(head.header.is_ok() && head.first_user_text.is_none());
    // Torn stubs make the framer go back; it ends all the same.
    let stubs = format!("{HEADER}\n{}\n", r#"{"type":""#.repeat(200_000));
    assert!(read(stubs).header.is_ok());
}

#[test]
fn a_text_is_cut_between_characters_whatever_they_look_like_in_json() {
    let pieces = [
        "a",
        "\\n",
        "\\u00e4",
        "\\uD83D\\uDE00",
        "\\ud83d\\ude00",
        "\\ud7ff",
        "ä",
        "€",
        "😀",
    ];
    for piece in pieces {
        for (count, kept) in [(0, 0), (1, 1), (79, 79), (80, 80), (81, 80), (4000, 80)] {
            let json = format!("\"{}\"", piece.repeat(count));
            let whole: String = serde_json::from_str(&json).unwrap();
            let expected: String = whole.chars().take(kept).collect();
            assert_eq!(
                beginning(json.as_bytes()),
                Some(expected.clone()),
                "{piece}"
            );
            let message = format!(
                r#"{{"type":"message","id":"msg-1","message":{{"role":"user","content":{json}}}}}"#
            );
            let head = read(format!("{HEADER}\n{message}\n"));
            assert_eq!(head.first_user_text, Some(expected), "{piece} {count}");
        }
    }
}
