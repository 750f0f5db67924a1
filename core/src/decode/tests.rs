use super::*;
use serde_json_core::{de::Error, str::EscapedStr};
use std::{format, string::String, thread};

#[derive(Debug, Deserialize, PartialEq)]
struct Text<'a> {
    #[serde(borrow)]
    text: &'a str,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Owned {
    text: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Answer {
    model: String,
    usage: Counts,
    #[serde(default)]
    stop_reason: Option<Stop>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Counts {
    input_tokens: u64,
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Stop {
    ToolUse,
}

fn limits(depth: u16) -> Limits {
    Limits {
        depth,
        ..Limits::default()
    }
}

fn text(json: &str) -> Result<Text<'_>, DecodeError> {
    decode(json.as_bytes(), Limits::default())
}

fn owned(json: &str, scratch: usize) -> Result<Owned, DecodeError> {
    let mut buffer = [0; 64];
    decode_escaped(json.as_bytes(), &mut buffer[..scratch], Limits::default())
}

#[test]
fn a_payload_gives_the_members_that_are_asked_for() {
    let json = br#" {"role":"assistant","content":[{"type":"text","text":"\ud83d\ude00"}],"model":"m","usage":{"input_tokens":18446744073709551615,"output_tokens":1e3},"stop_reason":"tool_use","x":null} "#;
    let answer: Answer = decode(json, Limits::default()).unwrap();
    assert_eq!(answer.model, "m");
    assert_eq!(answer.usage.input_tokens, u64::MAX);
    assert_eq!(answer.usage.reasoning_tokens, None);
    assert_eq!(answer.stop_reason, Some(Stop::ToolUse));
}

#[test]
fn bytes_that_are_no_json_are_never_decoded() {
    // Each is taken by `serde_json_core` alone, which skips `x` unchecked.
    for json in [
        r#"{"x":nul,"text":"a"}"#,
        r#"{"x":01,"text":"a"}"#,
        "{\"x\":\"\n\",\"text\":\"a\"}",
        r#"{"x":"\q","text":"a"}"#,
        r#"{"x":"\ud83d","text":"a"}"#,
    ] {
        assert!(
            serde_json_core::from_str::<Text<'_>>(json).is_ok(),
            "{json}"
        );
        assert!(matches!(text(json), Err(DecodeError::Json(_))), "{json}");
    }
    let trailing = text(r#"{"text":"a"} {}"#);
    let kind = ScanErrorKind::UnexpectedByte(b'{');
    assert_eq!(trailing, Err(DecodeError::Json(ScanError { kind, at: 13 })));
    let cut = text(r#"{"text":"a""#);
    let kind = ScanErrorKind::UnexpectedEnd;
    assert_eq!(cut, Err(DecodeError::Json(ScanError { kind, at: 11 })));
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"x":{open}{close},"text":"a"}}"#)
    };
    // A small stack, and input that would need one many times its size.
    let decoding = thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(move || {
            assert!(text(&nested(127)).is_ok());
            assert_eq!(text(&nested(128)), Err(DecodeError::TooDeep { at: 131 }));
            assert_eq!(
                text(&nested(1_000_000)),
                Err(DecodeError::TooDeep { at: 131 })
            );
            let deep = nested(1_000_000);
            let shallow = decode::<Text<'_>>(deep.as_bytes(), limits(3));
            assert_eq!(shallow, Err(DecodeError::TooDeep { at: 6 }));
        });
    decoding.unwrap().join().unwrap();
    let json = br#"{"text":"a"}"#;
    let mut small = Limits {
        record_bytes: 11,
        ..Limits::default()
    };
    let refused = decode::<Text<'_>>(json, small);
    assert_eq!(refused, Err(DecodeError::TooLarge { len: 12 }));
    small.record_bytes = 12;
    assert!(decode::<Text<'_>>(json, small).is_ok());
}

#[test]
fn another_type_is_a_mismatch() {
    let refused = text(r#"{"text":1}"#);
    assert_eq!(refused, Err(DecodeError::Mismatch(Error::InvalidType)));
    assert!(matches!(text("{}"), Err(DecodeError::Mismatch(_))));
    let counts = |json: &'static str| decode::<Counts>(json.as_bytes(), Limits::default());
    for json in [
        r#"{"input_tokens":18446744073709551616}"#,
        r#"{"input_tokens":-1}"#,
        r#"{"input_tokens":1.0}"#,
        r#"{"input_tokens":1e3}"#,
    ] {
        assert!(
            matches!(counts(json), Err(DecodeError::Mismatch(_))),
            "{json}"
        );
    }
}

#[test]
fn escapes_stay_unless_they_are_resolved() {
    let json = r#"{"text":"a\n\u00e9\"b"}"#;
    assert_eq!(text(json).unwrap().text, r#"a\n\u00e9\"b"#);
    assert_eq!(owned(json, 6).unwrap().text, "a\né\"b");
    let short = Err(DecodeError::Mismatch(Error::EscapedStringIsTooLong));
    assert_eq!(owned(json, 5), short);
    // A member's name is compared as it stands.
    let named = r#"{"te\u0078t":"a"}"#;
    assert!(text(named).is_err());
    assert_eq!(owned(named, 4).unwrap().text, "a");
    // A borrowed text has no place for resolved escapes; `EscapedStr` has them in pieces.
    let borrowed = decode_escaped::<Text<'_>>(json.as_bytes(), &mut [0; 64], Limits::default());
    assert!(matches!(borrowed, Err(DecodeError::Mismatch(_))));
    let array = br#"["a\tb"]"#;
    let [pieces]: [EscapedStr<'_>; 1] = decode(array, Limits::default()).unwrap();
    assert_eq!(pieces.fragments().count(), 3);
}

#[test]
fn skipped_strings_are_resolved_too() {
    let long = r#"{"x":"\nlonger than the scratch","text":"a"}"#;
    assert!(text(long).is_ok());
    let short = Err(DecodeError::Mismatch(Error::EscapedStringIsTooLong));
    assert_eq!(owned(long, 8), short);
    let pair = r#"{"x":"\ud83d\ude00","text":"a"}"#;
    assert!(text(pair).is_ok());
    let refused = Err(DecodeError::Mismatch(Error::InvalidEscapeSequence));
    assert_eq!(owned(pair, 64), refused);
}

#[test]
fn errors_say_what_and_where() {
    let say = |json: &str| format!("{}", text(json).unwrap_err());
    assert_eq!(say("{]"), "not JSON: unexpected character ']' at byte 1");
    assert_eq!(
        say(r#"{"text":1}"#),
        "not of the type that is asked for: Invalid type"
    );
}
