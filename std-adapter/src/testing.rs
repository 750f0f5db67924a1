//! Sessions made by hand, for tests.

use crate::SessionLog;
use sessionlog_core::crc::Crc32;
use std::{fs, path::PathBuf};

/// Our header.
pub(crate) const HEADER: &str = r#"{"type":"session","version":1,"id":"s-1","timestamp":"2026-05-22T12:00:00.123Z","cwd":"/w","parent_session":null,"writer":"sessionlog/1"}"#;

fn parent_text(parent: Option<&str>) -> String {
    parent.map_or("null".into(), |id| format!("\"{id}\""))
}

pub(crate) fn user(id: &str, parent: Option<&str>, text: &str) -> String {
    let parent = parent_text(parent);
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":{parent},"timestamp":"2026-05-22T12:00:01.000Z","message":{{"role":"user","content":[{{"type":"text","text":"{text}"}}]}}}}"#
    )
}

pub(crate) fn assistant(id: &str, parent: &str, usage: &str) -> String {
    format!(
        r#"{{"type":"message","id":"{id}","parent_id":"{parent}","message":{{"role":"assistant","content":[],"provider":"anthropic","model":"m\u002dx","usage":{usage}}}}}"#
    )
}

pub(crate) fn compaction(id: &str, parent: &str, kept: &str) -> String {
    format!(
        r#"{{"type":"compaction","id":"{id}","parent_id":"{parent}","summary":"S \u00e9","first_kept_entry_id":"{kept}","tokens_before":9}}"#
    )
}

pub(crate) fn leaf(target: &str) -> String {
    format!(r#"{{"type":"leaf","id":"l","parent_id":null,"entry_id":"{target}"}}"#)
}

/// Puts a CRC on a record.
pub(crate) fn sealed(record: &str) -> String {
    let body = record.strip_suffix('}').unwrap();
    let crc = Crc32::hex(Crc32::of(body.as_bytes()));
    format!(r#"{body},"crc":"{}"}}"#, str::from_utf8(&crc).unwrap())
}

pub(crate) fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("name.jsonl");
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

pub(crate) fn log(lines: &[String]) -> SessionLog {
    let (_dir, path) = file((lines.join("\n") + "\n").as_bytes());
    SessionLog::open(path).unwrap()
}
