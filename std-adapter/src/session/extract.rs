//! The plain summary: an extract, for when nobody writes a better one.

use super::{ContextBody, ContextEntry};
use serde_json::Value;

/// Bytes of the plain summary at most.
pub const SUMMARY_BYTES: usize = 2_000;

/// Bytes of them for what an earlier summary says, so that what is new has room.
const EARLIER_BYTES: usize = SUMMARY_BYTES / 2;

/// Bytes of one request or answer.
const LINE_BYTES: usize = 240;

/// The first line. An extract that is extracted once more loses it, so that no heading stands in another's text.
const HEADING: &str = "Extract of the conversation so far:";

const CUT: &str = "…";

/// Entries become lines, one for a request, one for an answer.
#[derive(Debug, Default)]
pub(super) struct Extract {
    earlier: String,
    lines: Vec<String>,
    /// The last text of the turn that is being read.
    answer: Option<String>,
}

impl Extract {
    /// Takes the next entry, oldest first.
    pub(super) fn add(&mut self, entry: &ContextEntry) {
        match &entry.body {
            ContextBody::Summary(text) => {
                let text = text.trim();
                let text = text.strip_prefix(HEADING).unwrap_or(text);
                let lines = text.lines().map(str::trim_end).map(str::to_owned).collect();
                self.earlier = fit(lines, EARLIER_BYTES).trim().to_owned();
            }
            ContextBody::Message(message) => match payload(message.get()) {
                (Role::User, text) => {
                    self.end_turn();
                    self.line("User: ", &text);
                }
                (Role::Assistant, text) if !text.trim().is_empty() => self.answer = Some(text),
                _ => {}
            },
        }
    }

    fn end_turn(&mut self) {
        if let Some(answer) = self.answer.take() {
            self.line("Assistant: ", &answer);
        }
    }

    fn line(&mut self, label: &str, text: &str) {
        let text = one_line(text, LINE_BYTES - label.len());
        if !text.is_empty() {
            self.lines.push(format!("{label}{text}"));
        }
    }

    /// The summary.
    pub(super) fn finish(mut self) -> String {
        self.end_turn();
        let mut text = HEADING.to_owned();
        if !self.earlier.is_empty() {
            text.push('\n');
            text.push_str(&self.earlier);
        }
        if self.lines.is_empty() && self.earlier.is_empty() {
            text.push_str("\n(no text)");
        } else if !self.lines.is_empty() {
            text.push('\n');
            let room = SUMMARY_BYTES - text.len();
            text.push_str(&fit(self.lines, room));
        }
        text
    }
}

/// The lines, or the first and the last of them, in at most so many bytes.
fn fit(mut lines: Vec<String>, bytes: usize) -> String {
    let all: usize = lines.iter().map(|line| line.len() + 1).sum();
    if all <= bytes + 1 {
        return lines.join("\n");
    }
    let half = (bytes - CUT.len() - 2) / 2;
    for line in &mut lines {
        if line.len() > half {
            cut(line, half);
        }
    }
    let within = |lengths: &mut dyn Iterator<Item = usize>| {
        let mut room = half + 1;
        lengths
            .take_while(|len| {
                let fits = *len < room;
                room = room.saturating_sub(len + 1);
                fits
            })
            .count()
    };
    let first = within(&mut lines.iter().map(String::len));
    let last = within(&mut lines.iter().skip(first).rev().map(String::len));
    let last = lines.split_off(lines.len() - last);
    lines.truncate(first);
    lines.push(CUT.to_owned());
    lines.extend(last);
    lines.join("\n")
}

/// The beginning of a text, its white space made single spaces.
fn one_line(text: &str, bytes: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > bytes {
            cut(&mut line, bytes);
            break;
        }
    }
    line
}

/// Cuts between characters, and says so.
fn cut(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes - CUT.len()));
    text.push_str(CUT);
}

/// Whose message it is.
#[derive(Debug, PartialEq)]
pub(super) enum Role {
    User,
    Assistant,
    Other,
}

/// Who speaks in a payload, and the texts of its content, joined by a space.
pub(super) fn payload(payload: &str) -> (Role, String) {
    let value: Value = serde_json::from_str(payload).unwrap_or_default();
    let role = match value["role"].as_str() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => Role::Other,
    };
    let content = &value["content"];
    if let Some(text) = content.as_str() {
        return (role, text.to_owned());
    }
    let part = |item: &Value| {
        let image = || item["media_type"].as_str().map(|t| format!("[image: {t}]"));
        item["text"].as_str().map(str::to_owned).or_else(image)
    };
    let parts = content.as_array().into_iter().flatten().filter_map(part);
    (role, parts.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sessionlog_core::EntryId;

    fn message(role: &str, text: &str) -> ContextEntry {
        let payload = json!({"role": role, "content": [{"type": "text", "text": text}]});
        ContextEntry {
            id: EntryId::try_from("m").unwrap(),
            body: ContextBody::Message(serde_json::value::to_raw_value(&payload).unwrap()),
        }
    }

    fn summary(text: &str) -> ContextEntry {
        ContextEntry {
            id: EntryId::try_from("c").unwrap(),
            body: ContextBody::Summary(text.to_owned()),
        }
    }

    fn extract(entries: &[ContextEntry]) -> String {
        let mut extract = Extract::default();
        entries.iter().for_each(|entry| extract.add(entry));
        let text = extract.finish();
        assert!(text.len() <= SUMMARY_BYTES, "{}", text.len());
        text
    }

    #[test]
    fn requests_and_last_answers_in_order() {
        let first = [
            message("user", "Fix the\n  parser"),
            message("assistant", "I shall look."),
            message("tool_result", "42 lines"),
            message("assistant", ""),
            message("assistant", "Fixed."),
            message("user", "And the test?"),
        ];
        let once = extract(&first);
        assert_eq!(
            once,
            "Extract of the conversation so far:\nUser: Fix the parser\nAssistant: Fixed.\nUser: And the test?"
        );
        // What an extract says goes on in the next one, under one heading.
        let twice = extract(&[
            summary(&once),
            message("assistant", "Green."),
            message("user", "Thanks"),
        ]);
        assert_eq!(twice, format!("{once}\nAssistant: Green.\nUser: Thanks"));
        let written = extract(&[
            summary("We fixed the parser.\nTests are green."),
            message("user", "Commit"),
        ]);
        assert_eq!(
            written,
            "Extract of the conversation so far:\nWe fixed the parser.\nTests are green.\nUser: Commit"
        );
        assert_eq!(
            extract(&[message("tool_result", "x")]),
            "Extract of the conversation so far:\n(no text)"
        );
    }

    #[test]
    fn what_is_too_long_loses_its_middle() {
        let turns: Vec<_> = (0..200)
            .flat_map(|n| {
                [
                    message("user", &format!("request {n}")),
                    message("assistant", &"é".repeat(500)),
                ]
            })
            .collect();
        let mut text = extract(&turns);
        assert!(text.contains("\nUser: request 0\n") && text.contains("\nUser: request 199\n"));
        assert!(text.contains("\n…\n") && text.ends_with("é…"), "{text}");
        // However often it is done, it begins with the beginning and ends with the end.
        for n in 0..20 {
            let last = format!("more {n}");
            text = extract(&[
                summary(&text),
                message("user", &last),
                message("assistant", &"x ".repeat(900)),
            ]);
            assert!(
                text.contains("\nUser: request 0\n") && text.contains(&last),
                "{text}"
            );
            assert_eq!(text.matches(HEADING).count(), 1);
        }
        for length in [0, 1, 100, 999, 1_000, 1_001, 5_000] {
            let text = extract(&[summary(&"é".repeat(length)), message("user", "on")]);
            assert!(
                text.ends_with("User: on") && text.contains("é") == (length > 0),
                "{length}"
            );
        }
    }
}
