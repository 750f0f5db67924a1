//! Secrets masked, so that a session can be shown to others.
//!
//! What is masked is what looks like a key by its own form (keys of model providers and of clouds, access tokens, private
//! keys, passwords in addresses), and what a name before it says to be one (`API_KEY=…`, `"password": "…"`, headers that
//! authorise, members of JSON objects, also of JSON within strings). A password that no name stands before cannot be told, nor
//! a key that is broken over lines, has invisible characters in it or is encoded: read what you share.
//! The log itself is never altered; [`redacted`] reads a masked copy.

mod cursor;
mod members;
mod name;
mod named;
mod patterns;
mod place;
mod view;

pub use view::redacted;

use members::Members;
use patterns::{BEFORE, KEYS, SHAPES, WORDS};
use regex::Regex;
use serde_json::Value;
use std::{borrow::Cow, sync::LazyLock};

/// The group of a pattern that is masked, where that is not all of it.
const SECRET: &str = "secret";

/// Members of a record that link it, and of which its meaning depends.
const LINKS: [&str; 7] = [
    "type",
    "id",
    "parent_id",
    "timestamp",
    "first_kept_entry_id",
    "entry_id",
    "fork_point",
];

/// No secret is shorter, with what tells that it is one.
const SHORTEST: usize = 8;

struct Compiled {
    kind: &'static str,
    /// Whether it is anywhere: of a key, the key alone, which is found by the letters that it begins with. What may stand
    /// before it takes a hundred times as long to look for.
    any: Option<Regex>,
    pattern: Regex,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let compiled = |pattern: &str| Regex::new(pattern).expect("a pattern that is tested");
    let shape = |(kind, shape): &(&'static str, &str)| Compiled {
        kind,
        any: None,
        pattern: compiled(shape),
    };
    let keys = KEYS.iter().map(|(kind, key)| Compiled {
        kind,
        any: Some(compiled(key)),
        pattern: compiled(&format!("{BEFORE}(?P<{SECRET}>{key})")),
    });
    let shapes = SHAPES.iter().map(shape);
    shapes.chain(keys).chain(WORDS.iter().map(shape)).collect()
});

/// Masks the secrets in a text: each becomes `[redacted: KIND]`.
pub fn text(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    if text.len() < SHORTEST {
        return masked;
    }
    for Compiled { kind, any, pattern } in COMPILED.iter() {
        if any.as_ref().is_some_and(|any| !any.is_match(&masked)) {
            continue;
        }
        let mut out = String::new();
        let mut done = 0;
        for found in pattern.captures_iter(&masked) {
            let Some(secret) = found.name(SECRET).or(found.get(0)) else {
                continue;
            };
            out.push_str(&masked[done..secret.start()]);
            out.push_str(&format!("[redacted: {kind}]"));
            done = secret.end();
        }
        if done > 0 {
            out.push_str(&masked[done..]);
            masked = Cow::Owned(out);
        }
    }
    match named::mask(&masked) {
        Some(out) => Cow::Owned(out),
        None => masked,
    }
}

/// Masks the secrets in the strings of a JSON text, names of members included; every other byte stays as it is. Strings
/// that a member's name says to be secret are masked, too.
///
/// # Errors
/// When it is not valid JSON, as far as its strings go.
pub fn json(json: &str) -> serde_json::Result<Cow<'_, str>> {
    strings(json, |_| true)
}

/// As [`json`], for a record: what links it to others stays.
fn record(json: &str) -> serde_json::Result<Cow<'_, str>> {
    strings(json, |member| !LINKS.contains(&member))
}

/// As [`record`], for a header: its id links nothing in the file.
fn header(json: &str) -> serde_json::Result<Cow<'_, str>> {
    strings(json, |member| member == "id" || !LINKS.contains(&member))
}

/// `masks` is asked with the name of the member of the outermost object that a string stands in.
fn strings(json: &str, masks: impl Fn(&str) -> bool) -> serde_json::Result<Cow<'_, str>> {
    let bytes = json.as_bytes();
    let mut out = String::new();
    let (mut done, mut at, mut depth) = (0, 0, 0u64);
    let mut member = String::new();
    let mut members = Members::default();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                members.bracket(*byte);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                members.bracket(*byte);
            }
            b'"' => {
                let end = string_end(bytes, at);
                let literal = &json[at..end];
                let rest = json[end..].trim_start();
                let said: Cow<'_, str> = match serde_json::from_str(literal)? {
                    Value::String(said) => said.into(),
                    _ => literal.into(),
                };
                let masked = if rest.starts_with(':') {
                    members.name(&said);
                    if depth == 1 {
                        member = said.clone().into_owned();
                    }
                    text(&said)
                } else if depth != 1 || masks(&member) {
                    members.value(&said)
                } else {
                    Cow::Borrowed(&*said)
                };
                if masked != said {
                    out.push_str(&json[done..at]);
                    out.push_str(&serde_json::to_string(&masked)?);
                    done = end;
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(match done {
        0 => Cow::Borrowed(json),
        done => {
            out.push_str(&json[done..]);
            Cow::Owned(out)
        }
    })
}

/// After the string that begins at `start`; the end of the text if it has none.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod shape_tests;
#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
