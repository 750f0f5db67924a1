use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use embedded_io::{ErrorKind, ErrorType};
use proptest::prelude::*;
use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde_json::{Value, json};

use super::*;

struct Sink(Vec<u8>);

impl ErrorType for Sink {
    type Error = ErrorKind;
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let taken = bytes.len().min(5);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        panic!("the sink is the caller's to flush");
    }
}

fn ours<T: Serialize + ?Sized>(value: &T) -> Result<String, WriteError<ErrorKind>> {
    let mut sink = Sink(Vec::new());
    to_writer(&mut sink, value)?;
    Ok(String::from_utf8(sink.0).unwrap())
}

#[track_caller]
fn same<T: Serialize + ?Sized>(value: &T) {
    assert_eq!(ours(value).unwrap(), serde_json::to_string(value).unwrap());
}

#[track_caller]
fn refused<T: Serialize + ?Sized>(value: &T, error: JsonWriteError) {
    assert_eq!(ours(value), Err(WriteError::Json(error)));
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Unit;

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Newtype<T>(T);

#[derive(Serialize)]
struct Pair(u8, &'static str);

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Record {
    first: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<u8>,
    r#type: Pair,
    empty: Empty,
    rest: BTreeMap<String, Value>,
}

/// The same variants in each of serde's four representations.
macro_rules! representations {
    ($($name:ident $(#[$attr:meta])* { $($more:tt)* })*) => {$(
        #[derive(Serialize)]
        $(#[$attr])*
        enum $name {
            Unit,
            Newtype(Inner),
            Struct { a: u8, b: Option<bool> },
            Hollow {},
            $($more)*
        }
    )*};
}

#[derive(Serialize, Clone, Copy)]
struct Inner {
    x: i8,
    y: char,
}

representations! {
    External { Tuple(u8, char), Nothing(), Value(u8) }
    Internal #[serde(tag = "t")] {}
    Adjacent #[serde(tag = "t", content = "c")] { Tuple(u8, char), Value(u8) }
    Untagged #[serde(untagged)] { Tuple(u8, char), Value(u8) }
}

#[test]
fn scalars() {
    same(&true);
    same(&false);
    same(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    same(&(i8::MAX, i16::MAX, i32::MAX, i64::MAX, i128::MAX));
    same(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    same(&(0u8, 0i8, 0u128, 0i128));
    for c in ['a', '"', '\\', '\0', '\u{7f}', 'é', '漢', '🦀'] {
        same(&c);
    }
    same("");
    same("a \"b\" \\ \u{8}\u{c}\n\r\t\u{1f}");
    same(&());
    same(&Unit);
    same(&None::<u8>);
    same(&Some(Some(1)));
    same(&Some(()));
    same(&format_args!("{}-{:?}", 1, "q"));
}

#[test]
fn floats() {
    for value in [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        0.25,
        1.5,
        100.0,
        123456789.5,
        0.0001,
        1e15,
        9e15,
    ] {
        same(&value);
    }
    for value in [0.0f32, 0.1, -2.5, 0.0001, 16_777_216.0] {
        same(&value);
    }
    // 390406.625, between .62 and .63, which both read back: serde_json takes the even digit.
    assert_eq!(ours(&390_406.63_f32).unwrap(), "390406.63");
    // Beyond these sizes the notation is our own.
    for (value, expected) in [
        (1e16, "1e16"),
        (1.5e-5, "1.5e-5"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e308"),
        (-2.5e-8, "-2.5e-8"),
    ] {
        assert_eq!(ours(&value).unwrap(), expected);
        assert_eq!(serde_json::from_str::<f64>(expected).unwrap(), value);
    }
    refused(&f64::NAN, JsonWriteError::NonFiniteFloat);
    refused(&[1.0, f64::INFINITY], JsonWriteError::NonFiniteFloat);
    refused(&Some(f32::NEG_INFINITY), JsonWriteError::NonFiniteFloat);
}

#[test]
fn sequences_and_tuples() {
    same(&[0u8; 0]);
    same(&[[1, 2], [3, 4]]);
    same(&(1, "two", [3.5], ((), ((4,),))));
    same(&Pair(1, "x"));
    same(&Newtype(Newtype("inner")));
    let nested: Vec<Vec<Vec<u8>>> = std::vec![std::vec![], std::vec![std::vec![1], std::vec![]]];
    same(&nested);
}

#[test]
fn bytes_are_an_array_of_numbers() {
    struct Bytes(&'static [u8]);
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.serialize_bytes(self.0)
        }
    }
    same(&Bytes(&[]));
    same(&[Bytes(&[0, 9, 10, 255]), Bytes(b"x")]);
}

#[test]
fn unknown_and_wrong_lengths() {
    struct Claims(Option<usize>);
    impl Serialize for Claims {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            let mut seq = s.serialize_seq(self.0)?;
            seq.serialize_element(&1)?;
            seq.serialize_element("two")?;
            seq.end()
        }
    }
    same(&Claims(None));
    same(&Claims(Some(2)));
    // serde_json believes the zero and writes no JSON.
    assert_eq!(ours(&Claims(Some(0))).unwrap(), r#"[1,"two"]"#);

    struct Map(Option<usize>);
    impl Serialize for Map {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            let mut map = s.serialize_map(self.0)?;
            map.serialize_key("k")?;
            map.serialize_value(&[1])?;
            map.serialize_entry("l", &Unit)?;
            map.end()
        }
    }
    same(&Map(None));
    assert_eq!(ours(&Map(Some(0))).unwrap(), r#"{"k":[1],"l":null}"#);
}

#[test]
fn structs() {
    same(&Empty {});
    same(&Record {
        first: None,
        second: None,
        r#type: Pair(1, "\n"),
        empty: Empty {},
        rest: BTreeMap::new(),
    });
    let rest = [
        ("m".to_string(), json!({"deep": [{}]})),
        ("n\"".to_string(), json!(1)),
    ];
    same(&[Record {
        first: Some(1),
        second: Some(2),
        r#type: Pair(1, ""),
        empty: Empty {},
        rest: rest.into(),
    }]);
}

#[test]
fn enums_in_all_four_representations() {
    let inner = Inner { x: -1, y: '"' };
    same(&[
        External::Unit,
        External::Newtype(inner),
        External::Struct { a: 1, b: None },
        External::Hollow {},
        External::Tuple(1, 'c'),
        External::Nothing(),
        External::Value(3),
    ]);
    same(&[
        Internal::Unit,
        Internal::Newtype(inner),
        Internal::Struct {
            a: 1,
            b: Some(true),
        },
        Internal::Hollow {},
    ]);
    same(&[
        Adjacent::Unit,
        Adjacent::Newtype(inner),
        Adjacent::Struct { a: 1, b: None },
        Adjacent::Hollow {},
        Adjacent::Tuple(1, 'c'),
        Adjacent::Value(3),
    ]);
    same(&[
        Untagged::Unit,
        Untagged::Newtype(inner),
        Untagged::Struct { a: 1, b: None },
        Untagged::Hollow {},
        Untagged::Tuple(1, 'c'),
        Untagged::Value(3),
    ]);
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    #[serde(rename = "k\"1")]
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct {
        a: u8,
    },
}

/// Serialised by `collect_str`, as an id or an address would be.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shown(u8);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("a\t\"{}\" {:60}|", self.0, ""))
    }
}

#[test]
fn map_keys_that_are_strings() {
    same(&BTreeMap::<String, u8>::new());
    same(&BTreeMap::from([("a\"", 1), ("b", 2)]));
    same(&BTreeMap::from([('a', [Unit; 2]), ('\n', [Unit; 2])]));
    same(&BTreeMap::from([(Key::Unit, ())]));
    same(&BTreeMap::from([(Newtype(Newtype("n")), Some(1))]));
    same(&BTreeMap::from([
        (Shown(1), Shown(2)),
        (Shown(3), Shown(4)),
    ]));
}

#[test]
fn map_keys_that_are_not() {
    fn key<K: Serialize + Ord>(key: K) {
        refused(&BTreeMap::from([(key, 1)]), JsonWriteError::KeyNotString);
    }
    key(true);
    key((1i8,));
    key(1i8);
    key(1i16);
    key(1i32);
    key(1i64);
    key(1i128);
    key(1u8);
    key(1u16);
    key(1u32);
    key(1u64);
    key(1u128);
    key(());
    key(Unit);
    key(None::<u8>);
    key(Some("text"));
    key(Newtype(1));
    key(Key::Newtype(1));
    key(Key::Tuple(1, 2));
    key(Key::Struct { a: 1 });
    key([1, 2]);
    key(std::vec![1]);
    key(BTreeMap::from([("a", 1)]));

    struct Float(f64);
    impl Serialize for Float {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.collect_map([(self.0, 1)])
        }
    }
    refused(&Float(1.0), JsonWriteError::KeyNotString);
}

#[test]
fn a_values_own_error_comes_out() {
    struct Picky;
    impl Serialize for Picky {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom(format_args!("not {}", "today")))
        }
    }
    let Err(WriteError::Json(JsonWriteError::Custom(message))) = ours(&[Some(Picky)]) else {
        panic!("custom error");
    };
    assert_eq!(message.as_str(), "not today");
}

#[test]
fn a_display_that_fails_is_an_error() {
    struct Fails;
    impl Display for Fails {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.collect_str(self)
        }
    }
    refused(&[Fails], JsonWriteError::DisplayFailed);
}

#[test]
fn private_stand_ins_are_refused() {
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::RawValue")]
    struct RawValue {
        #[serde(rename = "$serde_json::private::RawValue")]
        text: &'static str,
    }
    refused(&[RawValue { text: "{}" }], JsonWriteError::PrivateType);
}

#[test]
fn values_stand_among_members_written_by_hand() {
    let mut w = JsonWriter::new(Sink(Vec::new()));
    w.begin_object().unwrap();
    w.key("a").unwrap();
    w.value(&[1, 2]).unwrap();
    w.key("b").unwrap();
    w.value(&External::Struct { a: 1, b: None }).unwrap();
    w.key("c").unwrap();
    w.value(&Shown(0)).unwrap();
    w.key("d").unwrap();
    w.null().unwrap();
    w.end_object().unwrap();
    let bytes = w.finish().unwrap().0;
    let read: Value = serde_json::from_slice(&bytes).unwrap();
    let shown = format!("a\t\"0\" {:60}|", "");
    assert_eq!(
        read,
        json!({"a": [1, 2], "b": {"Struct": {"a": 1, "b": null}}, "c": shown, "d": null})
    );
}

#[test]
fn a_full_sink_stops_the_value() {
    let value = json!({"a": ["text", 1, null, {"b": 2.5}], "c": "é\n".repeat(100)});
    let whole = serde_json::to_vec(&value).unwrap();
    for room in 0..whole.len() {
        let mut buffer = std::vec![0; room];
        let error = to_writer(&mut &mut buffer[..], &value).unwrap_err();
        assert_eq!(error, WriteError::Io(embedded_io::SliceWriteError::Full));
        assert_eq!(buffer, &whole[..room]);
    }
    let mut buffer = std::vec![0; whole.len()];
    to_writer(&mut &mut buffer[..], &value).unwrap();
    assert_eq!(buffer, whole);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Few enough digits that there is one shortest form.
        (-1_000_000i32..1_000_000, 0u8..100)
            .prop_map(|(n, cents)| Value::from(format!("{n}.{cents}").parse::<f64>().unwrap())),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x7f]{0,150}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 80, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_what_serde_json_writes(value in any_value()) {
        prop_assert_eq!(ours(&value).unwrap(), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn any_integer_is_what_serde_json_writes(a in any::<(i128, u128)>(), b in any::<(i64, u64)>()) {
        prop_assert_eq!(ours(&(a, b)).unwrap(), serde_json::to_string(&(a, b)).unwrap());
    }

    /// As many digits as serde_json, in the same notation. They may differ in the last one, when
    /// the number lies exactly between two shortest forms.
    #[test]
    fn any_float_of_ordinary_size_is_as_short_as_what_serde_json_writes(
        exponent in -4i32..15,
        digits in 100_000_000_000_000_000u64..1_000_000_000_000_000_000,
        sign in prop_oneof![Just(""), Just("-")],
    ) {
        let text = format!("{sign}{}.{}e{exponent}", digits / 100_000_000_000_000_000, digits % 100_000_000_000_000_000);
        let value: f64 = text.parse().unwrap();
        let narrow = value as f32;
        let written = ours(&value).unwrap();
        prop_assert_eq!(written.len(), serde_json::to_string(&value).unwrap().len());
        prop_assert_eq!(written.parse::<f64>().unwrap().to_bits(), value.to_bits());
        let written = ours(&narrow).unwrap();
        prop_assert_eq!(written.parse::<f32>().unwrap().to_bits(), narrow.to_bits());
    }
}
