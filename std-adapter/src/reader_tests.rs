use super::*;
use crate::testing::*;
use std::fs;

#[test]
fn tip_branch_context_and_sums() {
    let unknown = r#"{"type":"label","id":"u","parent_id":"b","x":[1e999]}"#;
    let log = log(&[
        HEADER.into(),
        user("a", None, "hi"),
        assistant("b", "a", r#"{"input_tokens":7,"output_tokens":2}"#),
        unknown.into(),
        user("c", Some("u"), "more"),
        compaction("k", "c", "c"),
        assistant("d", "k", "null"),
        user("e", Some("a"), "other"),
        leaf("gone"),
        leaf("d"),
    ]);
    assert_eq!(log.id(), "s-1");
    assert_eq!(log.header().unwrap().cwd, "/w");
    assert_eq!(
        (log.entry_count(), log.unknown_count(), log.node_count()),
        (9, 1, 7)
    );
    let tip = log.tip().unwrap();
    assert_eq!(log.node(tip).unwrap().id, Some("d"));
    assert_eq!(log.branch(tip), [0, 1, 2, 3, 4, 5]);
    let context = log.context();
    assert_eq!((context.summary, context.messages), (Some(4), vec![3, 5]));
    assert_eq!(log.summary(4).unwrap(), "S é");
    let compaction = log.compaction(4).unwrap().unwrap();
    assert_eq!(
        (&*compaction.first_kept_entry_id, compaction.tokens_before),
        ("c", Some(9))
    );
    let sums = log.branch_usage(tip);
    assert_eq!(
        (sums.usage.total_tokens(), sums.turns, sums.unreported),
        (9, 2, 1)
    );
    assert_eq!(log.spent().turns, 3);
    let b = log.node(log.find("b").unwrap()).unwrap();
    assert_eq!((b.provider, b.model), (Some("anthropic"), Some("m-x")));
    assert_eq!(b.usage.unwrap().input_tokens, 7);
    assert_eq!(log.read_record(2).unwrap(), unknown.as_bytes());
    assert_eq!(log.type_name(2).unwrap(), "label");
    assert_eq!(
        log.payload(0).unwrap().get(),
        r#"{"role":"user","content":[{"type":"text","text":"hi"}]}"#
    );
    assert!(log.health().is_clean() && !log.inherited(0));
    let [warning] = log.warnings() else {
        panic!("{:?}", log.warnings())
    };
    assert_eq!((warning.line, warning.id.as_deref()), (9, Some("l")));
    assert_eq!(
        warning.kind.to_string(),
        r#"the leaf names "gone", which does not exist; passed over"#
    );
    assert_eq!(log.leaves()[1].node, Some(tip));
    assert!(matches!(log.require("zz"), Err(Error::NoSuchEntry { .. })));
    assert!(log.payload(99).is_err() && log.node(99).is_none());
}

#[test]
fn damage_has_its_place() {
    let bytes = [
        HEADER,
        "\n",
        &user("a", None, "one"),
        "\n",
        r#"{"type":"message","id":"#,
        "\n",
        &user("c", Some("b"), "three"),
        "\n",
        &user("d", Some("nowhere"), "four"),
        "\n",
        r#"{"type":"mess"#,
    ]
    .concat();
    let (_dir, path) = file(bytes.as_bytes());
    let log = SessionLog::open(path).unwrap();
    assert_eq!(log.health().name(), "corrupt_and_truncated");
    let places: Vec<_> = log
        .problems()
        .iter()
        .map(|p| (p.line, p.kind.name()))
        .collect();
    assert_eq!(places, [(3, "corrupt"), (6, "torn_tail")]);
    assert_eq!(log.problems()[1].byte, bytes.len() as u64 - 13);
    let kinds: Vec<_> = log.warnings().iter().map(|w| w.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            ProblemKind::Bridge {
                parent: "b".into(),
                instead: "a".into()
            },
            ProblemKind::MissingParent {
                parent: "nowhere".into(),
                reclaimed: false,
            },
        ]
    );
    assert_eq!(log.node(1).unwrap().parent, Some(0));
    assert!(!log.is_unended());
}

#[test]
fn headers_lost_missing_and_unknown() {
    let (_dir, path) = file(format!("{{\"type\":\"sess\n{}", user("a", None, "x")).as_bytes());
    let lost = SessionLog::open(&path).unwrap();
    assert_eq!(lost.id(), "name");
    assert!(lost.header().is_none() && lost.is_unended());
    assert_eq!(lost.warnings()[0].kind, ProblemKind::HeaderLost);
    let missing = log(&[user("a", None, "x")]);
    assert_eq!(missing.warnings()[0].kind, ProblemKind::HeaderMissing);
    let error = |bytes: &[u8]| {
        let (_dir, path) = file(bytes);
        SessionLog::open(path).unwrap_err()
    };
    for empty in [&b""[..], b"\n \n"] {
        assert!(matches!(error(empty), Error::Empty { .. }));
    }
    let torn = error(b"{\"type\":\"sess");
    assert!(matches!(torn, Error::NotASession { .. }));
    for none in [&b"hello\nworld\n"[..], b"{\"type\":\"of others\"}\n"] {
        assert!(matches!(error(none), Error::Unrecognised { .. }));
    }
    assert!(matches!(
        error(b"{\"type\":\"session\",\"version\":2}\n"),
        Error::UnsupportedVersion {
            version: Some(2),
            ..
        }
    ));
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        SessionLog::open(dir.path().join("none")),
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        SessionLog::open(dir.path()),
        Err(Error::NotASession { .. })
    ));
}

#[test]
fn what_was_copied_is_inherited() {
    let header = HEADER.replace("\"writer\"", "\"fork_point\":\"a\",\"writer\"");
    let log = log(&[
        header,
        user("a", None, "x"),
        user("b", Some("a"), "y"),
        user("a", Some("b"), "z"),
    ]);
    assert_eq!(
        [0, 1, 2].map(|i| log.inherited(i)),
        [true, false, false],
        "the first bearer ends what is inherited"
    );
    assert_eq!(log.spent().turns, 2);
    assert_eq!(log.find("a"), Some(2));
}

#[test]
fn beginnings_of_long_texts() {
    for unit in ["a", "é", "\\n", "\\u00e9", "\\ud83d\\ude00", "😀", "\\\\"] {
        // Wherever the cut falls in a character.
        for shift in 0..12 {
            let text = "a".repeat(shift) + &unit.repeat(500);
            let whole: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            let log = log(&[HEADER.into(), user("a", None, &text)]);
            for chars in [0, 1, 79, 80, 500, 600] {
                let expected: String = whole.chars().take(chars).collect();
                let found = log.first_text(0, chars).unwrap().unwrap();
                assert_eq!(found, expected, "{unit} {shift} {chars}");
            }
        }
    }
}

#[test]
fn a_changed_file_is_an_error() {
    let (_dir, path) = file(format!("{HEADER}\n{}\n", user("a", None, "x")).as_bytes());
    let log = SessionLog::open(&path).unwrap();
    let length = fs::metadata(&path).unwrap().len();
    let handle = fs::OpenOptions::new().write(true).open(&path).unwrap();
    handle.set_len(length - 9).unwrap();
    assert!(matches!(log.read_record(0), Err(Error::Io { .. })));
    assert!(matches!(log.record(0), Err(Error::Io { .. })));
    handle.set_len(0).unwrap();
    handle.set_len(length).unwrap();
    assert!(matches!(log.payload(0), Err(Error::Io { .. })));
    assert!(matches!(log.first_text(0, 5), Err(Error::Io { .. })));
}

#[test]
fn many_ids_are_found() {
    let mut lines = vec![HEADER.to_owned(), user("n0", None, "x")];
    for n in 1..20_000 {
        lines.push(user(&format!("n{n}"), Some(&format!("n{}", n / 2)), "x"));
    }
    let log = log(&lines);
    for n in 1..20_000u32 {
        assert_eq!(log.find(&format!("n{n}")), Some(n));
        assert_eq!(log.node(n).unwrap().parent, Some(n / 2));
    }
}

#[test]
fn a_long_record_is_read_in_pieces() {
    let text = "x".repeat(9 << 20);
    let log = log(&[
        HEADER.into(),
        user("a", None, &text),
        user("b", Some("a"), "y"),
    ]);
    assert_eq!(log.record(0).unwrap().len, log.node(0).unwrap().extent.len);
    assert_eq!(log.first_text(0, 3).unwrap().unwrap(), "xxx");
    assert_eq!(log.branch(log.tip().unwrap()), [0, 1]);
    assert!(log.payload(0).unwrap().get().len() > text.len());
}
