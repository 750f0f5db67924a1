use super::*;
use crate::replay::backward::tests::Bytes;
use std::{format, string::String, vec::Vec};

const HEADER: &str = r#"{"type":"session","version":1,"id":"s","writer":"sessionlog/1"}"#;

fn message(id: &str, parent: &str) -> String {
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":"{parent}","message":{{"role":"user","content":[]}}}}"#
    )
}

/// The whole context is told, and the sums are complete.
fn replayed<'b>(lines: &'b str, window: &'b mut [u8]) -> (Reverse<'b, Bytes<'b>>, Vec<u64>) {
    let source = Bytes(lines.as_bytes(), 0);
    let mut replay = Reverse::new(source, window, Limits::default()).unwrap();
    let mut starts = Vec::new();
    while let Some(item) = replay.next().unwrap() {
        starts.push(item.extent.start);
    }
    replay.complete_tally().unwrap();
    (replay, starts)
}

/// What stands before a compaction is read for what it keeps, and again for the sums: what is wrong there is noted once.
#[test]
fn what_is_wrong_is_noted_once() {
    let compaction = r#"{"type":"compaction","id":"c","parent_id":"m2","summary":"s","first_kept_entry_id":"m1","tokens_before":2,"tokens_after":1}"#;
    let lines = [
        HEADER,
        &message("m0", "nowhere"),
        &message("m1", "m0"),
        "damaged",
        &message("m2", "lost"),
        compaction,
        &message("m3", "c"),
    ]
    .join("\n");
    let mut window = [0; 256];
    let (replay, starts) = replayed(&lines, &mut window);
    assert_eq!(starts.len(), 4);
    let notes = replay.notes();
    assert_eq!((notes.bridges, notes.health.corrupt), (1, 1));
    // The sums are read back to the root, which the context does not reach.
    assert_eq!(replay.lowest(), HEADER.len() as u64 + 1);
}

/// How far back was read, the header aside.
#[test]
fn the_lowest_record_is_known() {
    let lines = [HEADER, &message("m0", "lost"), &message("m1", "m0")].join("\n");
    let mut window = [0; 256];
    let mut replay =
        Reverse::new(Bytes(lines.as_bytes(), 0), &mut window, Limits::default()).unwrap();
    assert_eq!(replay.lowest(), u64::MAX);
    let newest = replay.next().unwrap().unwrap();
    assert_eq!(replay.lowest(), newest.extent.start);
    let root = replay.next().unwrap().unwrap();
    assert_eq!(replay.lowest(), root.extent.start);
}

/// A failure is told, not taken for the end.
#[test]
fn a_failure_is_no_end() {
    let mut lines = [HEADER, &message("m0", "x")].join("\n").into_bytes();
    lines.extend_from_slice(
        b"\n{\"type\":\"leaf\",\"id\":\"l\",\"entry_id\":\"y\"}"
            .repeat(40_000)
            .as_slice(),
    );
    let mut window = [0; 256];
    let mut replay = Reverse::new(Bytes(&lines, 0), &mut window, Limits::default()).unwrap();
    assert_eq!(replay.next(), Err(crate::replay::ReplayError::TooManyLost));
}

/// A tip that nothing follows need not be looked for under its name.
#[test]
fn whether_nodes_follow_the_tip_is_known() {
    let leaf = r#"{"type":"leaf","id":"l","entry_id":"m0"}"#;
    let (m0, m1) = (message("m0", "x"), message("m1", "m0"));
    let mut window = [0; 256];
    for (lines, followed) in [
        (Vec::from([HEADER, &m0]), false),
        (Vec::from([HEADER, &m0, leaf]), false),
        (Vec::from([HEADER, &m0, &m1, leaf]), true),
    ] {
        let lines = lines.join("\n");
        let (replay, _) = replayed(&lines, &mut window);
        assert_eq!(replay.tip_is_followed(), followed, "{lines}");
    }
}
