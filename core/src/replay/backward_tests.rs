use super::*;
use crate::{recovery::Event, replay::Records};
use proptest::prelude::*;
use std::{borrow::ToOwned, string::String, vec, vec::Vec};

struct Bytes<'a>(&'a [u8], u64);

impl embedded_io::ErrorType for Bytes<'_> {
    type Error = core::convert::Infallible;
}

impl Read for Bytes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let rest = &self.0[(self.1 as usize).min(self.0.len())..];
        let len = buf.len().min(rest.len());
        buf[..len].copy_from_slice(&rest[..len]);
        self.1 += len as u64;
        Ok(len)
    }
}

impl Seek for Bytes<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Self::Error> {
        self.1 = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.0.len().checked_add_signed(by as isize).unwrap() as u64,
            SeekFrom::Current(by) => self.1.checked_add_signed(by).unwrap(),
        };
        Ok(self.1)
    }
}

#[derive(Debug, PartialEq)]
enum Seen {
    Record {
        start: u64,
        len: u64,
        header_place: bool,
        salvaged: bool,
    },
    Corrupt(u64),
    Torn(u64),
}

fn forwards(bytes: &[u8]) -> Vec<Seen> {
    let mut window = [0; 64];
    let mut seen = Vec::new();
    let mut records = Records::new(Bytes(bytes, 0), &mut window, Limits::default(), 0, 1).unwrap();
    while let Some(event) = records.next().unwrap() {
        seen.push(match event {
            Event::Record(found) => Seen::Record {
                start: found.extent.start,
                len: found.extent.len,
                header_place: found.header_place,
                salvaged: found.salvaged,
            },
            Event::Corrupt(damage) => Seen::Corrupt(damage.line_start),
            Event::Torn { extent, .. } => Seen::Torn(extent.start),
        });
    }
    seen
}

fn backwards(bytes: &[u8], window: usize) -> Vec<Seen> {
    let mut window = std::vec![0; window];
    let end = bytes.len() as u64;
    let mut seen = Vec::new();
    let mut back = Backward::new(Bytes(bytes, 0), &mut window, Limits::default(), end).unwrap();
    loop {
        seen.push(match back.prev() {
            Before::Nothing => break,
            Before::Record => Seen::Record {
                start: back.extent().start,
                len: back.record().len.min(back.extent().len),
                header_place: back.header_place(),
                salvaged: back.salvaged(),
            },
            Before::Corrupt => Seen::Corrupt(back.line_start()),
            Before::Torn => Seen::Torn(back.torn_start()),
        });
    }
    back.check().unwrap();
    seen.reverse();
    seen
}

const RECORD: &str = r#"{"type":"message","id":"msg-1","message":{"role":"user","content":[{"type":"text","text":"x"}]}}"#;

/// What lines are made of, so that records are torn, fused and followed by all sorts of things.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(RECORD.to_owned()),
        2 => Just(r#"{"type":"leaf","id":"l","entry_id":"msg-1"}"#.to_owned()),
        1 => Just(r#"{"type":"session","version":1}"#.to_owned()),
        3 => (0..RECORD.len()).prop_map(|cut| RECORD[..cut].to_owned()),
        2 => (0..RECORD.len()).prop_map(|cut| RECORD[cut..].to_owned()),
        1 => Just(r#"{"type":""#.to_owned()),
        1 => Just(r#"}{"type":""#.to_owned()),
        2 => (0usize..200).prop_map(|len| "y".repeat(len)),
        1 => (0usize..80).prop_map(|len| "\0".repeat(len)),
        1 => (0usize..80).prop_map(|len| " ".repeat(len)),
        2 => prop::sample::select(vec!["}", "\r", "\t", "\"", ",", "{"]).prop_map(str::to_owned),
        4 => Just("\n".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn backwards_is_forwards_reversed(pieces in prop::collection::vec(piece(), 0..12), window in 64usize..400) {
        let bytes = pieces.concat().into_bytes();
        prop_assert_eq!(backwards(&bytes, window), forwards(&bytes));
    }
}

/// A torn tail is neither scanned nor read twice, however long it is.
#[test]
fn a_torn_tail_is_read_once() {
    struct Counting<'a>(Bytes<'a>, &'a core::cell::Cell<usize>);
    impl embedded_io::ErrorType for Counting<'_> {
        type Error = core::convert::Infallible;
    }
    impl Read for Counting<'_> {
        fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
            let read = self.0.read(buf)?;
            self.1.set(self.1.get() + read);
            Ok(read)
        }
    }
    impl Seek for Counting<'_> {
        fn seek(&mut self, to: SeekFrom) -> Result<u64, Self::Error> {
            self.0.seek(to)
        }
    }
    let tail = std::format!("{}{}", &RECORD[..90], "z".repeat(100_000));
    let bytes = std::format!("{RECORD}\n{tail}");
    let read = core::cell::Cell::new(0);
    let mut window = [0; 1024];
    let source = Counting(Bytes(bytes.as_bytes(), 0), &read);
    let end = bytes.len() as u64;
    let mut back = Backward::new(source, &mut window, Limits::default(), end).unwrap();
    let start = RECORD.len() as u64 + 1;
    assert_eq!((back.prev(), back.torn_start()), (Before::Torn, start));
    assert!(
        read.get() < bytes.len() * 102 / 100 + 2 * 1024,
        "{}",
        read.get()
    );
    assert_eq!(back.prev(), Before::Record);
}
