use super::*;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

/// One event in a word: `msg-1`, `!3` (corrupt, line 3), `~12+5` (torn at 12, 5 bytes), `?` (unknown), with `*` when salvaged.
fn events(bytes: &[u8], step: usize) -> Vec<String> {
    let mut out = vec![];
    let mut framer = Framer::new(Limits::default(), 0, 1);
    let tell = |event: Event<'_>| match event {
        Event::Record(f) => {
            let name = f
                .record
                .id
                .as_ref()
                .map_or("?".to_string(), |id| id.to_string());
            let text = &bytes[f.extent.start as usize..f.extent.end() as usize];
            assert!(RecordScanner::scan(text, Limits::default()).is_ok());
            format!("{name}{}", if f.salvaged { "*" } else { "" })
        }
        Event::Corrupt(d) => {
            assert!(d.at >= d.line_start);
            format!("!{}", d.line)
        }
        Event::Torn { extent, .. } => format!("~{}+{}", extent.start, extent.len),
    };
    loop {
        let at = framer.offset() as usize;
        let line_ends = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(framer.line(), line_ends as u64 + 1, "at {at}");
        let event = if at < bytes.len() {
            framer.feed(&bytes[at..bytes.len().min(at.saturating_add(step))])
        } else {
            framer.finish()
        };
        let quiet = event.is_none();
        out.extend(event.map(tell));
        assert!(out.len() < 1000, "no end: {out:?}");
        if quiet && at == bytes.len() && framer.offset() as usize == at {
            break;
        }
    }
    out
}

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, expected: &[&str]) {
    let bytes = bytes.as_ref();
    for step in [1, 2, 3, 5, 8, 9, 10, 64, usize::MAX] {
        assert_eq!(
            events(bytes, step),
            expected,
            "in chunks of {step}: {}",
            String::from_utf8_lossy(bytes)
        );
    }
}

fn msg(n: u32) -> String {
    format!(
        r#"{{"type":"message","id":"msg-{n}","message":{{"role":"user","content":[{{"type":"text","text":"x{n}"}}]}}}}"#
    )
}

fn with_crc(line: &str) -> String {
    let open = line.strip_suffix('}').unwrap();
    let crc = crate::crc::Crc32::of(open.as_bytes());
    format!("{open},\"crc\":\"{crc:08x}\"}}")
}

#[test]
fn health_has_four_names_and_one_is_clean() {
    let seen = |corrupt, torn| {
        let health = Health { corrupt, torn };
        (health.name(), health.is_clean())
    };
    assert_eq!(seen(0, false), ("clean", true));
    assert_eq!(seen(0, true), ("truncated", false));
    for corrupt in [1, 2, u64::MAX] {
        assert_eq!(seen(corrupt, false), ("corrupt", false));
        assert_eq!(seen(corrupt, true), ("corrupt_and_truncated", false));
    }
}

#[test]
fn whole_lines_f1_f2() {
    check("", &[]);
    check("\n \n\t\r\n", &[]);
    check(format!("{}\n{}\n", msg(1), msg(2)), &["msg-1", "msg-2"]);
    check(format!(" {} \r\n\n{}", msg(1), msg(2)), &["msg-1", "msg-2"]);
}

#[test]
fn torn_tails_f20() {
    let one = msg(1);
    let two = msg(2);
    for cut in 1..two.len() {
        let text = format!("{one}\n{}", &two[..cut]);
        let torn = format!("~{}+{cut}", one.len() + 1);
        check(text, &["msg-1", &torn]);
    }
    check(
        format!("{one}\n\0\0\0"),
        &["msg-1", &format!("~{}+3", one.len() + 1)],
    );
}

#[test]
fn every_torn_stub_before_a_record_f22() {
    let (one, two) = (with_crc(&msg(1)), with_crc(&msg(2)));
    for cut in 1..one.len() {
        check(
            format!("{}{two}\n{}\n", &one[..cut], msg(3)),
            &["!1", "msg-2*", "msg-3"],
        );
        check(format!("{}{two}", &one[..cut]), &["!1", "msg-2*"]);
    }
}

#[test]
fn whole_records_on_one_line_f22() {
    let all: String = (1..=10).map(msg).collect();
    let names: Vec<String> = (1..=8).map(|n| format!("msg-{n}*")).collect();
    let mut expected = vec!["!1"];
    expected.extend(names.iter().map(String::as_str));
    check(format!("{all}\n"), &expected);
    check(&all, &expected);
    check(format!("{all}{{\"type\":\"mess"), &expected);
    let eight: String = (1..=8).map(msg).collect();
    check(&eight, &expected[..9]);
    check(
        format!("{}{}\n{}\n", msg(1), msg(2), msg(3)),
        &["!1", "msg-1*", "msg-2*", "msg-3"],
    );
    check(
        format!("{}{}{{\"type\":\"mess", msg(1), msg(2)),
        &[
            "!1",
            "msg-1*",
            "msg-2*",
            &format!("~{}+13", msg(1).len() * 2),
        ],
    );
}

#[test]
fn what_is_not_salvaged_f22_f23() {
    // Nested objects, records followed by other bytes, unknown records without CRC, a header in the wrong place.
    check(format!("x{}y\n", msg(1)), &["!1"]);
    check(format!("{} {}\n", msg(1), msg(2)), &["!1", "msg-2*"]);
    check("x{\"type\":\"note\",\"id\":\"n\"}\n", &["!1"]);
    let noted = with_crc("{\"type\":\"note\",\"id\":\"n\"}");
    check(format!("x{noted}\n"), &["!1", "n*"]);
    let header = with_crc("{\"type\":\"session\",\"version\":1,\"id\":\"s\"}");
    check(format!("x{header}\n"), &["!1"]);
    let stub = format!("{{\"x\":{header}");
    check(format!("{stub}\n"), &["!1"]);
    check(&stub, &[&format!("~0+{}", stub.len())]);
    check(format!("{header}{}\n", msg(1)), &["!1", "s*", "msg-1*"]);
    let nested = format!(
        "{{\"type\":\"message\",\"id\":\"msg-9\",\"message\":{{\"details\":{},\"x\":\u{1}}}}}",
        msg(1)
    );
    check(format!("{nested}\n"), &["!1"]);
}

#[test]
fn nul_runs_and_invalid_utf8() {
    let three = format!("{}\n{}\n{}\n", msg(1), msg(2), msg(3));
    let mut bytes = three.clone().into_bytes();
    let at = three.find("x2").unwrap();
    bytes[at] = 0xff;
    check(&bytes, &["msg-1", "!2", "msg-3"]);
    let mut bytes = three.clone().into_bytes();
    let end = msg(1).len() + 1 + msg(2).len();
    bytes[10..=end].fill(0);
    check(&bytes, &["!1", "msg-3*"]);
}

#[test]
fn a_damaged_line_is_located_at_its_first_wrong_byte() {
    let text = format!("{}\n{{\"type\":\"message\",\"id\":7}}\n", msg(1));
    let mut framer = Framer::new(Limits::default(), 0, 1);
    assert!(framer.feed(text.as_bytes()).is_some());
    let at = framer.offset() as usize;
    let Some(Event::Corrupt(damage)) = framer.feed(&text.as_bytes()[at..]) else {
        panic!("no damage");
    };
    assert_eq!(damage.line, 2);
    assert_eq!(damage.at, text.find('7').unwrap() as u64);
    assert_eq!(damage.fault, Fault::WrongType(crate::record::Member::Id));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn chunking_never_matters(
        parts in prop::collection::vec(prop_oneof![
            4 => (1u32..9).prop_map(msg),
            2 => (1u32..9).prop_map(|n| with_crc(&msg(n))),
            1 => (1u32..9, 1usize..60).prop_map(|(n, cut)| msg(n)[..cut].to_string()),
            6 => Just("\n".to_string()),
            1 => Just(" ".to_string()),
            1 => Just("\0\0".to_string()),
            1 => Just("{\"type\":\"".to_string()),
            1 => Just("{\"".to_string()),
        ], 0..14),
        step in 1usize..40,
    ) {
        let bytes = parts.concat().into_bytes();
        prop_assert_eq!(events(&bytes, step), events(&bytes, usize::MAX));
    }
}
