//! Bytes of a session on their way to a terminal.

use sessionlog::sanitize;
use std::borrow::Cow;
use std::io::{self, Write};

/// Shows what a terminal would obey, line by line: one line is held, however long it is.
///
/// A line of JSON stays valid and means the same: what hides stands only in its strings, where an escape is as good. Anything
/// else, damage too, is shown like all text.
pub(super) struct Visible<'o> {
    out: &'o mut dyn Write,
    /// Lines are records.
    json: bool,
    line: Vec<u8>,
    changed: bool,
}

impl<'o> Visible<'o> {
    pub(super) fn new(out: &'o mut dyn Write, json: bool) -> Self {
        let line = Vec::new();
        Self {
            out,
            json,
            line,
            changed: false,
        }
    }

    /// Something did not go out as it came in.
    pub(super) fn changed(&self) -> bool {
        self.changed
    }

    /// Hands over a last line that has no end.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let shown = shown(&self.line, self.json);
        self.changed |= shown.as_bytes() != self.line;
        self.out.write_all(shown.as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl Write for Visible<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.finish()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn shown(line: &[u8], json: bool) -> Cow<'_, str> {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(_) => {
            let text = String::from_utf8_lossy(line);
            return Cow::Owned(sanitize::multi_line(&text).into_owned());
        }
    };
    if !json || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return sanitize::multi_line(text);
    }
    if !text.contains('\r') {
        return sanitize::json(text);
    }
    // Between values it is white space, and on a terminal it writes over what stands before it.
    let (body, end) = match text.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (text, ""),
    };
    let body = body.trim_end_matches('\r').replace('\r', " ");
    Cow::Owned(sanitize::json(&body).into_owned() + end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// What a terminal gets of it, in pieces of so many bytes, and whether it was changed.
    fn through(bytes: &[u8], json: bool, piece: usize) -> (String, bool) {
        let mut out = Vec::new();
        let mut visible = Visible::new(&mut out, json);
        for piece in bytes.chunks(piece) {
            visible.write_all(piece).unwrap();
        }
        visible.finish().unwrap();
        let changed = visible.changed();
        (String::from_utf8(out).unwrap(), changed)
    }

    #[test]
    fn records_mean_the_same_and_nothing_else_is_obeyed() {
        let harmless = "{\"a\":\"é\\u001b\",\t\"b\":1}\n\n";
        let cases: [(&[u8], &str); 8] = [
            (harmless.as_bytes(), harmless),
            (
                "{\"a\":\"\u{9b}1m\u{202e}\u{200b}\u{7f}\"}\n".as_bytes(),
                "{\"a\":\"\\u009b1m\\u202e\\u200b\\u007f\"}\n",
            ),
            ("\"\u{e0041}\"".as_bytes(), "\"\\udb40\\udc41\""),
            (b"{\"a\":1,\r\"b\":2}\r\n", "{\"a\":1, \"b\":2}\n"),
            // No JSON: a control within a string, bytes that are no text, a line that is torn.
            (b"{\"a\":\"\x1b[2J\"}\n", "{\"a\":\"\u{241b}[2J\"}\n"),
            (b"{\"a\":\"\xff\"}\r\n", "{\"a\":\"\u{fffd}\"}\n"),
            (b"{\"a\r\n", "{\"a\n"),
            (b"{\"a\":\x07", "{\"a\":\u{2407}"),
        ];
        for (bytes, expected) in cases {
            for piece in [1, 3, 1000] {
                let same = bytes == expected.as_bytes();
                assert_eq!(through(bytes, true, piece), (expected.into(), !same));
            }
            if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
                assert_eq!(serde_json::from_str::<Value>(expected).unwrap(), value);
            }
        }
        let text = through(b"\"\xe2\x80\xae\"\x1b\n", false, 2);
        assert_eq!(text, ("\"\\u{202e}\"\u{241b}\n".into(), true));
    }
}
