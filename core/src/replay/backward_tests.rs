use super::*;
use crate::{
    recovery::Event,
    replay::{ALWAYS_SEARCHED, Branch, MAX_SEARCHES, MIN_WINDOW, Records},
};
use proptest::prelude::*;
use std::{borrow::ToOwned, string::String, vec, vec::Vec};

/// A log in memory, and where it is read next.
pub(in crate::replay) struct Bytes<'a>(pub(in crate::replay) &'a [u8], pub(in crate::replay) u64);

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

/// Counts the bytes that are read.
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

/// Parents and targets that are nowhere are sought in linear time: beyond that it is an error, not a wait.
#[test]
fn what_is_lost_is_sought_in_linear_time() {
    let bridged = |n: u32| {
        std::format!(
            "{{\"type\":\"message\",\"id\":\"m{n}\",\"parent_id\":\"x{n}\",\"message\":{{\"role\":\"user\"}}}}\n\0\n"
        )
    };
    let dangling =
        |n: u32| std::format!("{{\"type\":\"leaf\",\"id\":\"l{n}\",\"entry_id\":\"x{n}\"}}\n");
    for (lost, few, many) in [
        (&bridged as &dyn Fn(u32) -> String, 100, 5_000),
        (&dangling, 100, 10_000),
    ] {
        for (entries, expected) in [(few, Ok(())), (many, Err(ReplayError::TooManyLost))] {
            let bytes = std::format!("{RECORD}\n{}", (0..entries).map(lost).collect::<String>());
            let (read, mut window) = (core::cell::Cell::new(0), [0; 4096]);
            let source = Counting(Bytes(bytes.as_bytes(), 0), &read);
            let mut branch = Branch::new(source, &mut window, Limits::default()).unwrap();
            let ended = loop {
                match branch.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            assert_eq!(ended, expected, "{entries}");
            let most = (MAX_SEARCHES + 8) * bytes.len() as u64 + 2 * ALWAYS_SEARCHED;
            assert!((read.get() as u64) < most, "{} of {most}", read.get());
        }
    }
}

/// How much may be sought in vain goes by the log's length.
#[test]
fn a_long_log_is_searched_longer() {
    let sound = std::format!("{RECORD}\n").repeat(4_000);
    let lost = "{\"type\":\"leaf\",\"id\":\"l\",\"entry_id\":\"x\"}\n".repeat(20);
    let bytes = sound + &lost;
    assert!(bytes.len() as u64 * 20 > 3 * ALWAYS_SEARCHED / 2);
    let mut window = [0; 4096];
    let source = Bytes(bytes.as_bytes(), 0);
    let mut branch = Branch::new(source, &mut window, Limits::default()).unwrap();
    assert!(branch.next().unwrap().is_some());
    assert_eq!(branch.notes().dangling_leaves, 20);
}

/// What the beginning says: the header, and where a foreign log's linear prefix ends (F14), as far as that is looked for.
#[test]
fn the_beginning_is_read_as_far_as_is_asked() {
    let read = |lines: &[&str], look| {
        let bytes = lines.join("\n");
        let mut window = [0; 64];
        let source = Bytes(bytes.as_bytes(), 0);
        let scanner = RecordScanner::new(Limits::default());
        let mut back = Backward::closed(source, &mut window, scanner);
        let mut beginning = Beginning::NEW;
        back.read_beginning(look, &mut beginning).unwrap();
        // The line on which the prefix ends.
        let line = beginning.prefix_end.map(|end| match end {
            u64::MAX => 0,
            end => bytes[..end as usize].matches('\n').count() + 1,
        });
        (beginning.head.extent.is_some(), line)
    };
    let theirs = r#"{"type":"session","version":1}"#;
    let ours = r#"{"type":"session","version":1,"id":"s","writer":"sessionlog/1"}"#;
    let child = &RECORD.replace("\"message\":", "\"parent_id\":\"p\",\"message\":");
    assert_eq!(read(&[theirs, RECORD, child, child], None), (true, Some(3)));
    assert_eq!(
        read(&[theirs, RECORD, child, child], Some(2)),
        (true, Some(3))
    );
    assert_eq!(
        read(&[theirs, RECORD, RECORD, child], None),
        (true, Some(4))
    );
    assert_eq!(
        read(&[theirs, RECORD, RECORD, child], Some(2)),
        (true, None)
    );
    assert_eq!(read(&[theirs, RECORD, RECORD], None), (true, Some(0)));
    assert_eq!(read(&[ours, RECORD, child], Some(2)), (true, Some(0)));
    assert_eq!(read(&[RECORD, RECORD, child], None), (false, Some(3)));
    assert_eq!(read(&[RECORD, theirs, child], None), (false, Some(3)));
}

/// A torn tail is neither scanned nor read twice, however long it is.
#[test]
fn a_torn_tail_is_read_once() {
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

#[test]
fn a_window_below_the_least_is_refused() {
    for len in [0, 1, MIN_WINDOW - 1] {
        let mut window = vec![0; len];
        let back = Backward::new(Bytes(b"", 0), &mut window, Limits::default(), 0);
        assert_eq!(back.err(), Some(ReplayError::WindowTooSmall));
        let records = Records::new(Bytes(b"", 0), &mut window, Limits::default(), 0, 1);
        assert_eq!(records.err(), Some(ReplayError::WindowTooSmall));
        let branch = Branch::new(Bytes(b"", 0), &mut window, Limits::default());
        assert_eq!(branch.err(), Some(ReplayError::WindowTooSmall));
    }
    let mut window = [0; MIN_WINDOW];
    assert!(Backward::new(Bytes(b"", 0), &mut window, Limits::default(), 0).is_ok());
    assert!(Branch::new(Bytes(b"", 0), &mut window, Limits::default()).is_ok());
}

/// A source that fails at its `n`th read, or that has become shorter by then.
struct Failing<'a> {
    bytes: Bytes<'a>,
    reads_left: usize,
    shorter: bool,
}

impl embedded_io::ErrorType for Failing<'_> {
    type Error = embedded_io::ErrorKind;
}

impl Read for Failing<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        match self.reads_left.checked_sub(1) {
            Some(left) => self.reads_left = left,
            None if self.shorter => return Ok(0),
            None => return Err(embedded_io::ErrorKind::Other),
        }
        Ok(self.bytes.read(buf).unwrap())
    }
}

impl Seek for Failing<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Self::Error> {
        Ok(self.bytes.seek(to).unwrap())
    }
}

/// Whatever read fails: what was told until then is so, nothing more is told, and the failure is.
#[test]
fn a_failure_ends_the_reading_and_is_told() {
    let lines = [
        RECORD,
        "y",
        RECORD,
        &std::format!("{RECORD}{RECORD}"),
        RECORD,
    ];
    let bytes = lines.join("\n").into_bytes();
    let whole: Vec<_> = backwards(&bytes, 64).into_iter().rev().collect();
    for (shorter, expected) in [
        (false, ReplayError::Io(embedded_io::ErrorKind::Other)),
        (true, ReplayError::Changed),
    ] {
        for reads_left in 0.. {
            let source = Failing {
                bytes: Bytes(&bytes, 0),
                reads_left,
                shorter,
            };
            let (mut window, end) = ([0; 64], bytes.len() as u64);
            let mut back = match Backward::new(source, &mut window, Limits::default(), end) {
                Ok(back) => back,
                Err(error) => {
                    assert_eq!(error, expected);
                    continue;
                }
            };
            let mut told = 0;
            loop {
                match back.prev() {
                    Before::Nothing => break,
                    Before::Record => {
                        assert!(
                            matches!(whole[told], Seen::Record { start, .. } if start == back.start())
                        );
                    }
                    Before::Corrupt => assert!(matches!(whole[told], Seen::Corrupt(_))),
                    Before::Torn => assert!(matches!(whole[told], Seen::Torn(_))),
                }
                told += 1;
            }
            let failed = back.check();
            assert_eq!(back.prev(), Before::Nothing);
            if failed.is_ok() {
                assert_eq!(told, whole.len());
                assert!(reads_left > 10, "it read");
                break;
            }
            assert_eq!(failed, Err(expected), "{reads_left}");
        }
    }
}

/// Each record can be gone back to, also those that share a damaged line; where there is none, that is told.
#[test]
fn marks_lead_back_to_their_records() {
    let joined = std::format!("{RECORD}{RECORD}{RECORD}");
    let bytes = [RECORD, &joined, "x", RECORD, &joined]
        .join("\n")
        .into_bytes();
    let (mut window, end) = ([0; 100], bytes.len() as u64);
    let new = |window| Backward::new(Bytes(&bytes, 0), window, Limits::default(), end).unwrap();
    let mut marks = vec![];
    let mut back = new(&mut window);
    loop {
        match back.prev() {
            Before::Nothing => break,
            Before::Record => marks.push((back.mark(), back.start(), back.salvaged())),
            _ => {}
        }
    }
    assert_eq!(marks.len(), 8);
    for (index, &(mark, start, salvaged)) in marks.iter().enumerate() {
        back.jump(mark);
        assert_eq!((back.start(), back.salvaged()), (start, salvaged));
        let rest = core::iter::from_fn(|| match back.prev() {
            Before::Nothing => None,
            before => Some((before == Before::Record).then(|| back.start())),
        });
        let rest: Vec<u64> = rest.flatten().collect();
        let expected: Vec<u64> = marks[index + 1..].iter().map(|mark| mark.1).collect();
        assert_eq!(rest, expected);
        back.check().unwrap();
    }
    let elsewhere = Mark {
        start: marks[0].1 + 1,
        ..marks[0].0
    };
    back.jump(elsewhere);
    assert_eq!(back.check(), Err(ReplayError::Changed));
    assert_eq!(back.prev(), Before::Nothing);
}

#[test]
fn errors_say_what_happened() {
    use std::string::ToString;
    for (error, words) in [
        (ReplayError::Io("cable cut"), "reading failed: cable cut"),
        (ReplayError::WindowTooSmall, "at least 64 bytes"),
        (ReplayError::Changed, "changed while"),
        (ReplayError::TooManyLost, "needs a repair"),
    ] {
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(crate::replay::Full.to_string().contains("is full"));
}
