use super::*;
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec;

fn verdict(bytes: &[u8], step: usize) -> bool {
    let mut scanner = Scanner::new(DEFAULT_DEPTH);
    let mut complete = false;
    for chunk in bytes.chunks(step) {
        if complete {
            if !chunk.iter().all(|b| b" \n\r\t".contains(b)) {
                return false;
            }
            continue;
        }
        match scanner.feed(chunk, &mut ()) {
            Err(_) => return false,
            Ok(fed) => {
                complete = fed.complete;
                if complete && !chunk[fed.consumed..].iter().all(|b| b" \n\r\t".contains(b)) {
                    return false;
                }
            }
        }
    }
    scanner.finish(&mut ()).is_ok()
}

/// serde_json's verdict, or None where it only says that a number is out of range.
fn serde_verdict(bytes: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(_) => Some(true),
        Err(e) if std::string::ToString::to_string(&e).contains("number out of range") => None,
        Err(_) => Some(false),
    }
}

#[track_caller]
fn agree(bytes: &[u8]) {
    if let Some(expected) = serde_verdict(bytes) {
        for step in [1, 2, 3, 7, 8, 64, usize::MAX] {
            let step = step.min(bytes.len().max(1));
            assert_eq!(
                verdict(bytes, step),
                expected,
                "{:?} in chunks of {step}",
                String::from_utf8_lossy(bytes)
            );
        }
        assert_eq!(validate(bytes, DEFAULT_DEPTH).is_ok(), expected);
    }
}

#[test]
fn the_verdict_of_serde_json_on_picked_inputs() {
    let inputs = [
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true",
        "false",
        "tru e",
        "0",
        "-",
        "-0",
        "01",
        "1.",
        "1.5",
        ".5",
        "1e",
        "1e5",
        "1E+5",
        "1e-",
        "-1.25e+10",
        "1 2",
        "[]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "{\"a\":1}}",
        "[}",
        "{]",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\ud83d\"",
        "\"\u{7f}\u{80}\u{2028}😀\"",
        "\"\t\"",
        "\"\n\"",
        " [ 1 , \"a\" , { \"b\" : null } ] ",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1e400",
        "\u{feff}1",
        "1\u{0}",
        "[\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"]",
        "0x1",
        "+1",
        "NaN",
        "Infinity",
        "'a'",
        "[1]//",
        "{\"a\":{\"b\":[{}]}}",
        "0e0",
        "00",
        "-01",
        "0.0.0",
        "1ee5",
    ];
    for input in inputs {
        agree(input.as_bytes());
    }
    for bad in [
        &b"\"\xff\""[..],
        b"\"\xc3\"",
        b"\"\xe2\x82\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xc0\xaf\"",
        b"\"\xe2\\n\"",
        b"\xff",
        b"[1]\xff",
    ] {
        agree(bad);
    }
}

#[test]
fn nesting_is_refused_at_the_limit_and_never_recursed_into() {
    for depth in [1usize, 126, 127, 128, 129] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let text = [&open.repeat(depth), inner, &close.repeat(depth)].concat();
            agree(text.as_bytes());
        }
    }
    let deep = "[".repeat(100_000);
    let error = validate(deep.as_bytes(), DEFAULT_DEPTH).unwrap_err();
    assert_eq!((error.kind, error.at), (ScanErrorKind::TooDeep, 127));
    let text = ["[".repeat(200), "]".repeat(200)].concat();
    assert!(validate(text.as_bytes(), MAX_DEPTH).is_ok());
}

#[test]
fn errors_name_the_first_wrong_byte() {
    for (input, at) in [
        (&b"{\"a\":tru}"[..], 8),
        (b"{\"a\":\"b\xffc\"}", 7),
        (b"{\"a\":\"\x01\"}", 6),
        (b"[1,2", 4),
        (b"[1,2]x", 5),
    ] {
        assert_eq!(validate(input, DEFAULT_DEPTH).unwrap_err().at, at);
    }
}

/// Rebuilds the text of all strings and keys, and the numbers.
#[derive(Default)]
struct Collect {
    open: Vec<u8>,
    strings: Vec<String>,
    numbers: Vec<Option<u64>>,
}

impl Sink for Collect {
    fn key_begin(&mut self, _: u16) {
        self.open.clear();
    }
    fn key_end(&mut self, _: u16) {
        self.strings
            .push(String::from_utf8(self.open.clone()).unwrap());
    }
    fn begin(&mut self, kind: ValueKind, _: u16, _: usize) {
        if kind == ValueKind::String {
            self.open.clear();
        }
    }
    fn text(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
    }
    fn end(&mut self, kind: ValueKind, _: u16, _: usize) {
        match kind {
            ValueKind::String => self
                .strings
                .push(String::from_utf8(self.open.clone()).unwrap()),
            ValueKind::Number(n) => self.numbers.push(n),
            _ => {}
        }
    }
}

#[test]
fn numbers_are_told_when_they_are_u64() {
    let mut sink = Collect::default();
    let text = b"[0,7,18446744073709551615,18446744073709551616,-1,1.0,1e3,-0]";
    Scanner::new(DEFAULT_DEPTH).feed(text, &mut sink).unwrap();
    let expected = [
        Some(0),
        Some(7),
        Some(u64::MAX),
        None,
        None,
        None,
        None,
        None,
    ];
    assert_eq!(sink.numbers, expected);
}

fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        prop::sample::select(
            &[
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "\\ude00", "0", "1", "-",
                ".", "e", "null", "true", " ", "\n", "a", "é", "\u{1}", "false", "\"k\":", "\"v\""
            ][..]
        )
        .prop_map(|s| s.as_bytes().to_vec()),
        any::<u8>().prop_map(|b| std::vec![b]),
    ];
    prop::collection::vec(token, 0..24).prop_map(|t| t.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_verdict_of_serde_json_on_token_soup(bytes in json_like()) {
        agree(&bytes);
    }

    #[test]
    fn strings_are_unescaped_in_any_chunks(text in any::<Vec<char>>(), step in 1usize..9) {
        let text: String = text.into_iter().collect();
        for json in [serde_json::to_string(&text).unwrap(), escape_all(&text)] {
            let mut sink = Collect::default();
            let mut scanner = Scanner::new(DEFAULT_DEPTH);
            for chunk in json.as_bytes().chunks(step) {
                scanner.feed(chunk, &mut sink).unwrap();
            }
            prop_assert!(scanner.is_complete());
            prop_assert_eq!(&sink.strings, core::slice::from_ref(&text));
        }
    }
}

/// Counts the text, and asks for it or does not.
struct Count {
    wants: bool,
    text: usize,
}

impl Sink for Count {
    fn text(&mut self, bytes: &[u8]) {
        self.text += bytes.len();
    }
    fn wants_text(&self) -> bool {
        self.wants
    }
    fn pass(&mut self, bytes: usize) {
        self.text += bytes;
    }
}

/// Bytes of text and of input, or the error.
fn counted(bytes: &[u8], wants: bool, step: usize) -> Result<(usize, u64), ScanError> {
    let mut scanner = Scanner::new(DEFAULT_DEPTH);
    let mut sink = Count { wants, text: 0 };
    for chunk in bytes.chunks(step) {
        if scanner.feed(chunk, &mut sink)?.complete {
            break;
        }
    }
    Ok((sink.text, scanner.offset()))
}

#[test]
fn what_is_wrong_at_the_border_of_two_blocks() {
    let wrong: [&[u8]; 6] = [b"\xe5\xae", b"\xc3", b"\xff", b"\\x", b"\x01", b"\\u1x"];
    for wrong in wrong {
        for before in 0..140 {
            for filling in ["a", "é"] {
                let text = filling.repeat(before);
                let after = "a".repeat(200);
                let bytes = [b"\"", text.as_bytes(), wrong, after.as_bytes(), b"\""].concat();
                let expected = counted(&bytes, true, 1);
                assert!(expected.is_err());
                for step in [64, 65, usize::MAX] {
                    assert_eq!(counted(&bytes, false, step), expected, "{before} {wrong:?}");
                }
            }
        }
    }
}

const USUAL: [&str; 10] = [
    "\\\\",
    "\\\"",
    "\\n",
    "\\t",
    "\\r",
    "a",
    "seventeen letters",
    "é",
    "完了",
    "😀",
];
const UNUSUAL: [&[u8]; 14] = [
    b"\\/",
    b"\\b",
    b"\\u00e9",
    b"\\ud83d\\ude00",
    b"\\u12",
    b"\\ud83d",
    b"\\x",
    b"\"",
    b"\\",
    b"\x01",
    b"\xff",
    b"\xc3",
    b"\xe5\xae",
    b"\x80",
];

fn long_string() -> impl Strategy<Value = Vec<u8>> {
    let usual = prop::sample::select(&USUAL[..]);
    let unusual = prop::sample::select(&UNUSUAL[..]);
    let piece = prop_oneof![
        60 => usual.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => unusual.prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..160).prop_map(|pieces| {
        let mut bytes = pieces.concat();
        bytes.insert(0, b'"');
        bytes.push(b'"');
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever blocks of a string are passed over at once, and however it is cut.
    #[test]
    fn text_that_nobody_wants_is_checked_and_counted_all_the_same(
        bytes in long_string(),
        step in prop_oneof![1usize..9, 60usize..70, 100usize..300],
    ) {
        let expected = counted(&bytes, true, 1);
        for (wants, step) in [(true, step), (false, step), (false, usize::MAX)] {
            prop_assert_eq!(counted(&bytes, wants, step), expected, "{} {}", wants, step);
        }
        agree(&bytes);
        if let Ok(text) = serde_json::from_slice::<String>(&bytes) {
            prop_assert_eq!(expected.unwrap().0, text.len());
        }
    }
}

fn escape_all(text: &str) -> String {
    let units: Vec<String> = text
        .encode_utf16()
        .map(|u| std::format!("\\u{u:04X}"))
        .collect();
    std::format!("\"{}\"", units.concat())
}
