//! A place in a text from which on names, quotes and blanks are looked past, also where they are escaped, as in JSON
//! within a string.

/// Where a value is looked for the end of its string at most, in bytes.
const MAX_VALUE: usize = 16 * 1024;

/// So far the names and values of other members, and blanks, are looked past at most, in bytes.
const MAX_PAST: usize = 256;

/// No mark of what is masked is longer, in bytes.
const MAX_MARK: usize = 32;

/// What parts a name from its value.
const SEPARATORS: [&str; 9] = ["=>", ":=", "?=", "%3D", "%3d", "：", ":", "=", ">"];

/// What looks like it, and does not.
const NO_SEPARATORS: [&str; 3] = ["==", "::", ">="];

#[derive(Clone, Copy)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

/// Blanks that were looked past.
pub(super) struct Gap {
    /// In bytes.
    pub(super) len: usize,
    /// Ends of lines in it, but of those that go on in the next.
    pub(super) lines: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn starts_with(&self, what: &str) -> bool {
        self.rest().starts_with(what)
    }

    pub(super) fn starts_with_word(&self) -> bool {
        self.rest().starts_with(char::is_alphanumeric)
    }

    /// Whether what ends here is the kind of what is masked already.
    pub(super) fn ends_mark(&self) -> bool {
        let before = &self.text.as_bytes()[self.at.saturating_sub(MAX_MARK)..self.at];
        self.starts_with("]") && before.windows(11).any(|mark| mark == b"[redacted: ")
    }

    /// Whether the text ends here, or the string or the element that holds this.
    pub(super) fn ends(&self) -> bool {
        self.rest().is_empty() || self.rest().starts_with(['"', '\'', '`', '<', '\\'])
    }

    pub(super) fn take(&mut self, what: &str) -> bool {
        let found = self.starts_with(what);
        self.at += if found { what.len() } else { 0 };
        found
    }

    fn backslashes(&self) -> usize {
        let bytes = self.rest().bytes().take(MAX_PAST);
        bytes.take_while(|b| *b == b'\\').count()
    }

    pub(super) fn blanks(&mut self) -> Gap {
        let (start, mut lines) = (self.at, 0);
        while self.at - start < MAX_PAST {
            let escapes = self.backslashes();
            let Some(next) = self.rest()[escapes..].chars().next() else {
                break;
            };
            match next {
                // A line end is escaped once for each string that it is in; if the line goes on, it is three times as long.
                '\n' | 'n' if next == '\n' || escapes > 0 => {
                    let goes_on = escapes > 0 && (next == '\n' || !escapes.is_power_of_two());
                    lines += usize::from(!goes_on);
                }
                ' ' | '\t' | '\u{a0}' if escapes == 0 => {}
                '\r' => {}
                't' | 'r' if escapes > 0 => {}
                _ => break,
            }
            self.at += escapes + next.len_utf8();
        }
        let len = self.at - start;
        Gap { len, lines }
    }

    /// A quote, with what escapes it.
    pub(super) fn quote(&mut self) -> Option<&'t str> {
        let quote = self.rest().get(..=self.backslashes())?;
        quote.ends_with(['"', '\'', '`']).then(|| {
            self.at += quote.len();
            quote
        })
    }

    /// What a name may have around it. Whether that was quotes.
    pub(super) fn closing(&mut self) -> bool {
        let mut in_quotes = false;
        for _ in 0..4 {
            if self.quote().is_some() {
                in_quotes = true;
            } else if !["]", "*", "_"].iter().any(|mark| self.take(mark)) {
                break;
            }
        }
        in_quotes
    }

    /// What Markdown has around what it shows as bold.
    pub(super) fn marks(&mut self) {
        let _ = self.take("**") || self.take("__");
    }

    /// What parts a name from its value, `blanks` behind the name.
    pub(super) fn separator(&mut self, blanks: usize) -> Option<&'static str> {
        if NO_SEPARATORS.iter().any(|no| self.starts_with(no)) {
            return None;
        }
        let separator = SEPARATORS.into_iter().find(|sep| self.take(sep))?;
        match separator {
            "%3D" | "%3d" => (blanks == 0).then_some("="),
            other => Some(other),
        }
    }

    /// The name of a member, and to its value.
    pub(super) fn member(&mut self) -> Option<&'t str> {
        self.blanks();
        let name = match self.quote() {
            Some(open) => {
                let len = end_of_string(self.rest(), open, MAX_PAST)?;
                let name = &self.rest()[..len];
                self.at += len;
                self.quote()?;
                name
            }
            None => {
                let rest = self.rest().as_bytes().iter().take(MAX_PAST);
                let len = rest.take_while(|b| b.is_ascii_alphanumeric()).count();
                let name = &self.rest()[..len];
                self.at += len;
                name
            }
        };
        let gap = self.blanks();
        self.separator(gap.len)?;
        self.blanks();
        Some(name)
    }

    /// Past a value that has no parts, which it gives.
    pub(super) fn skip_scalar(&mut self) -> Option<&'t str> {
        let start = self.at;
        match self.quote() {
            Some(open) => {
                self.at += end_of_string(self.rest(), open, MAX_PAST)?;
                self.quote()?;
            }
            None => {
                let rest = self.rest().as_bytes().iter().take(MAX_PAST);
                self.at += rest
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'.')
                    .count();
            }
        }
        let skipped = &self.text[start..self.at];
        self.blanks();
        Some(skipped)
    }

    /// Where the string ends that `open` began, be it escaped as that one or less.
    pub(super) fn string_end(&self, open: &str) -> Option<usize> {
        Some(self.at + end_of_string(self.rest(), open, MAX_VALUE)?)
    }
}

fn end_of_string(text: &str, open: &str, max: usize) -> Option<usize> {
    let (quote, escapes) = (open.bytes().last()?, open.len() - 1);
    let mut backslashes = 0usize;
    for (at, byte) in text.bytes().enumerate().take(max) {
        if byte == quote {
            // What the string ends with may be backslashes, each of which is escaped as often.
            let own = backslashes.saturating_sub(escapes);
            if own % (2 * (escapes + 1)) == 0 {
                return Some(at - backslashes.min(escapes));
            }
        }
        backslashes = match byte {
            b'\\' => backslashes + 1,
            b'\n' => return None,
            _ => 0,
        };
    }
    None
}
