use core::fmt::Display;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use embedded_io::{ErrorKind, ErrorType};
use proptest::prelude::*;
use serde::ser::Error as _;

use super::*;

/// Takes 1 to 7 bytes a call, in turn, until `room` is used up; then fails as told.
struct Sink {
    bytes: Vec<u8>,
    calls: usize,
    room: usize,
    when_full: Result<usize, ErrorKind>,
}

impl Sink {
    fn new() -> Self {
        Self::with_room(usize::MAX, Ok(0))
    }

    fn with_room(room: usize, when_full: Result<usize, ErrorKind>) -> Self {
        Self {
            bytes: Vec::new(),
            calls: 0,
            room,
            when_full,
        }
    }
}

impl ErrorType for Sink {
    type Error = ErrorKind;
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        assert!(!bytes.is_empty(), "an empty write may block for nothing");
        let room = self.room - self.bytes.len();
        if room == 0 {
            return self.when_full;
        }
        let taken = bytes.len().min(self.calls % 7 + 1).min(room);
        self.calls += 1;
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        panic!("the writer must not flush its sink");
    }
}

type Outcome = Result<(), WriteError<ErrorKind>>;

fn written(write: impl FnOnce(&mut JsonWriter<Sink>) -> Outcome) -> String {
    let mut writer = JsonWriter::new(Sink::new());
    write(&mut writer).unwrap();
    String::from_utf8(writer.finish().unwrap().bytes).unwrap()
}

#[test]
fn commas_stand_between_values_and_members_only() {
    let text = written(|w| {
        w.begin_object()?;
        w.key("empty")?;
        w.begin_object()?;
        w.end_object()?;
        w.key("list")?;
        w.begin_array()?;
        w.begin_array()?;
        w.end_array()?;
        w.null()?;
        w.bool(true)?;
        w.bool(false)?;
        w.begin_object()?;
        w.key("a")?;
        w.i64(-1)?;
        w.key("b")?;
        w.raw(br#"{"x": [1 ,2]}"#)?;
        w.end_object()?;
        w.string("s")?;
        w.end_array()?;
        w.key("last")?;
        w.string_fmt(format_args!("msg-{}\n", 7))?;
        w.end_object()
    });
    assert_eq!(
        text,
        r#"{"empty":{},"list":[[],null,true,false,{"a":-1,"b":{"x": [1 ,2]}},"s"],"last":"msg-7\n"}"#
    );
}

#[test]
fn escapes_every_ascii_character_as_serde_json_does() {
    let all: String = (0u8..=0x7f).map(char::from).collect();
    let expected = serde_json::to_string(&all).unwrap();
    assert!(expected.contains(r#"\u0000\u0001"#) && expected.contains(r#"\u001f"#));
    assert_eq!(written(|w| w.string(&all)), expected);
    for c in all.chars() {
        let expected = serde_json::to_string(&c).unwrap();
        assert_eq!(written(|w| w.string(&c.to_string())), expected);
    }
}

#[test]
fn integers_at_their_limits() {
    for value in [0, 9, 10, 99, 100, u64::MAX - 1, u64::MAX] {
        assert_eq!(written(|w| w.u64(value)), value.to_string());
    }
    for value in [0, -1, 1, i64::MIN, i64::MAX] {
        assert_eq!(written(|w| w.i64(value)), value.to_string());
    }
    assert_eq!(written(|w| w.u128(u128::MAX)), u128::MAX.to_string());
    assert_eq!(written(|w| w.i128(i128::MIN)), i128::MIN.to_string());
    let list = written(|w| {
        w.begin_array()?;
        w.u64(1)?;
        w.i64(-2)?;
        w.u128(3)?;
        w.i128(-4)?;
        w.f64(5.5)?;
        w.f32(-6.0)?;
        w.end_array()
    });
    assert_eq!(list, "[1,-2,3,-4,5.5,-6.0]");
}

#[test]
fn floats_that_json_lacks_are_errors() {
    let mut w = JsonWriter::new(Sink::new());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = WriteError::Json(JsonWriteError::NonFiniteFloat);
        assert_eq!(w.f64(value), Err(error.clone()));
        assert_eq!(w.f32(value as f32), Err(error));
    }
    assert_eq!(w.finish().unwrap().bytes, b"");
}

#[test]
fn a_mebibyte_streams_through_the_scratch() {
    let unit = "plain run that is longer than the whole scratch of the writer, by some bytes; \
                \"quoted\" \\ \u{1} \n é 漢 🦀 \u{7f}";
    let mut text = String::new();
    while text.len() < 1 << 20 {
        text.push_str(unit);
    }
    let streamed = written(|w| {
        w.begin_string()?;
        let mut rest = text.as_str();
        let mut piece = 1;
        while !rest.is_empty() {
            let mut at = (piece * 37 % 501).min(rest.len());
            while !rest.is_char_boundary(at) {
                at += 1;
            }
            w.string_piece(&rest[..at])?;
            rest = &rest[at..];
            piece += 1;
        }
        w.end_string()
    });
    assert!(streamed == serde_json::to_string(&text).unwrap());
    assert!(written(|w| w.string(&text)) == streamed);
}

#[test]
fn small_pieces_reach_the_sink_together_and_long_runs_directly() {
    struct Sizes(Vec<usize>);
    impl ErrorType for Sizes {
        type Error = ErrorKind;
    }
    impl Write for Sizes {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    let mut w = JsonWriter::new(Sizes(vec![]));
    w.begin_array().unwrap();
    for _ in 0..SCRATCH / 2 - 1 {
        w.u64(1).unwrap();
    }
    assert!(w.sink().0.is_empty(), "all but two bytes");
    w.end_array().unwrap();
    assert!(w.sink().0.is_empty(), "all but one byte");
    w.flush_scratch().unwrap();
    w.flush_scratch().unwrap();
    assert_eq!(w.sink().0, [SCRATCH - 1]);
    w.string(&"x".repeat(SCRATCH)).unwrap();
    w.string(&"x".repeat(5000)).unwrap();
    let sizes = [SCRATCH - 1, 2, SCRATCH, 3, 5000, 1];
    assert_eq!(w.finish().unwrap().0, sizes);
}

fn document<W: Write>(w: &mut JsonWriter<W>) -> Result<(), WriteError<W::Error>> {
    w.begin_object()?;
    w.key("k")?;
    w.string(&"long \n text ".repeat(20))?;
    w.key("n")?;
    w.f64(0.5)?;
    w.key("f")?;
    w.string_fmt(format_args!("{:>80}", "x"))?;
    w.end_object()?;
    w.flush_scratch()
}

#[test]
fn the_sinks_failure_comes_out_wherever_it_happens() {
    let mut whole = JsonWriter::new(Sink::new());
    document(&mut whole).unwrap();
    let whole = whole.finish().unwrap().bytes;
    let cases = [
        (Err(ErrorKind::Other), WriteError::Io(ErrorKind::Other)),
        (Ok(0), WriteError::WriteZero),
        // A sink that claims more than it was offered.
        (Ok(usize::MAX), WriteError::WriteZero),
    ];
    for (when_full, expected) in cases {
        for room in 0..whole.len() {
            let mut sink = Sink::with_room(room, when_full);
            let mut w = JsonWriter::new(&mut sink);
            assert_eq!(document(&mut w), Err(expected.clone()), "room {room}");
            assert_eq!(sink.bytes, &whole[..room]);
        }
    }
}

#[test]
fn finish_reports_the_last_write() {
    let mut w = JsonWriter::new(Sink::with_room(3, Err(ErrorKind::OutOfMemory)));
    w.string("abc").unwrap();
    let Err(error) = w.finish() else {
        panic!("two bytes too many");
    };
    assert_eq!(error, WriteError::Io(ErrorKind::OutOfMemory));
}

#[test]
fn a_failing_display_is_an_error_of_its_own() {
    struct Fails;
    impl Display for Fails {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            Err(fmt::Error)
        }
    }
    let mut w = JsonWriter::new(Sink::new());
    assert_eq!(
        w.string_fmt(format_args!("{Fails}")),
        Err(WriteError::Json(JsonWriteError::DisplayFailed))
    );
}

#[test]
fn nothing_is_written_after_an_error_that_a_display_swallows() {
    struct Stubborn;
    impl Display for Stubborn {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for _ in 0..100 {
                let _ = f.write_str("0123456789");
            }
            Ok(())
        }
    }
    let mut calls_after = Sink::with_room(70, Err(ErrorKind::Other));
    let mut w = JsonWriter::new(&mut calls_after);
    assert_eq!(
        w.string_fmt(format_args!("{Stubborn}")),
        Err(WriteError::Io(ErrorKind::Other))
    );
    assert_eq!(calls_after.bytes.len(), 70);
}

#[test]
fn messages_are_cut_between_characters() {
    let long = format!("a{}", "é".repeat(100));
    let WriteError::Json(JsonWriteError::Custom(message)) = WriteError::<ErrorKind>::custom(&long)
    else {
        panic!("custom");
    };
    assert_eq!(message.as_str(), &long[..MESSAGE_LEN - 1]);
    let short: WriteError<ErrorKind> = WriteError::custom("too hot");
    assert_eq!(short.to_string(), "too hot");
}

#[test]
fn errors_speak_and_have_a_kind() {
    use embedded_io::Error as _;
    let io = WriteError::Io(ErrorKind::TimedOut);
    assert_eq!(io.kind(), ErrorKind::TimedOut);
    assert!(io.to_string().starts_with("write failed: "));
    let zero = WriteError::<ErrorKind>::WriteZero;
    assert_eq!(zero.kind(), ErrorKind::WriteZero);
    let json = WriteError::<ErrorKind>::Json(JsonWriteError::KeyNotString);
    assert_eq!(json.kind(), ErrorKind::InvalidInput);
    assert_eq!(json.to_string(), "a map key is not a string");
}

proptest! {
    #[test]
    fn any_string_in_any_pieces_is_what_serde_json_writes(
        pieces in prop::collection::vec(prop_oneof![any::<String>(), "[\\x00-\\x7f]{0,90}"], 0..8),
    ) {
        let whole = pieces.concat();
        let text = written(|w| {
            w.begin_string()?;
            for piece in &pieces {
                w.string_piece(piece)?;
            }
            w.end_string()
        });
        prop_assert_eq!(text, serde_json::to_string(&whole).unwrap());
    }

    #[test]
    fn any_finite_float_reads_back_bit_by_bit(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = written(|w| w.f64(value));
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
        prop_assert!(serde_json::from_str::<f64>(&text).is_ok());
        prop_assert!(text.contains(['.', 'e']), "a float must not look like an integer: {}", text);
    }

    #[test]
    fn any_finite_f32_reads_back_bit_by_bit(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = written(|w| w.f32(value));
        prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits);
        prop_assert!(serde_json::from_str::<f32>(&text).is_ok());
    }
}
