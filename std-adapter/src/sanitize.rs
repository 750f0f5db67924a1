//! Text from a session, made fit for a terminal.
//!
//! Whatever stands in a session (a message, an id, a path, a tool's name) was written by somebody else. An escape
//! sequence in it could rewrite what a reader sees, a bidirectional override could turn a command round, and a
//! zero-width character could hide in one. So such characters are shown instead of obeyed:
//!
//! - C0 controls and DEL become their control pictures (`ESC` → `␛`): one character for one, one column wide, so that
//!   coloured tool output stays readable;
//! - everything else that is [unprintable](is_unprintable) becomes `\u{202e}`: it has no picture, and the code point is
//!   what one looks up.
//!
//! The result is for eyes. It is not an escape that could be undone: who needs the exact text takes JSON, where [`json`]
//! makes the same characters visible without a change of meaning.
//!
//! Every function borrows its input when there is nothing to change, and a second pass changes nothing.

use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Stands where text was cut off.
const ELLIPSIS: char = '…';
/// Input bytes a column of output may take: letters have a few marks, and hostile text has millions.
const BYTES_PER_COLUMN: usize = 32;
const JOINER: char = '\u{200d}';

/// Whether a character acts on a terminal or cannot be seen.
///
/// These are, by Unicode 17: the controls (Cc), the format characters (Cf: bidirectional controls, marks that draw around or
/// join what follows, interlinear annotations), the line and paragraph separators (Zl, Zp), and all of
/// `Default_Ignorable_Code_Point` (soft hyphen, zero-width characters, fillers, variation selectors, tags).
#[must_use]
pub const fn is_unprintable(c: char) -> bool {
    // Source: DerivedGeneralCategory.txt and DerivedCoreProperties.txt of the Unicode Character Database.
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A name: an id, a path, a model. Line breaks and tabs are shown too.
///
/// ```
/// assert_eq!(sessionlog::sanitize::field("a\x1b[2J\nb\u{202e}"), "a␛[2J␊b\\u{202e}");
/// ```
#[must_use]
pub fn field(text: &str) -> Cow<'_, str> {
    clean(text, |_, _| Whitespace::Show)
}

/// Text of any number of lines: line breaks and tabs stay. `\r\n` is a line break; any other carriage return is shown.
///
/// ```
/// assert_eq!(sessionlog::sanitize::multi_line("10%\r20%\r\n\tdone"), "10%␍20%\n\tdone");
/// ```
#[must_use]
pub fn multi_line(text: &str) -> Cow<'_, str> {
    clean(text, |c, next| match (c, next) {
        ('\n' | '\t', _) => Whitespace::Keep,
        ('\r', Some('\n')) => Whitespace::Drop,
        _ => Whitespace::Show,
    })
}

/// The beginning of a text in one line of at most `max_width` columns, ending in `…` if something was left out.
///
/// White space and line breaks become single spaces, none at the ends. Cost is bounded by `max_width`, whatever the length
/// of the text (except for white space before it).
///
/// ```
/// assert_eq!(sessionlog::sanitize::single_line("Fix the\n  parser, please", 14), "Fix the parse…");
/// ```
#[must_use]
pub fn single_line(text: &str, max_width: usize) -> Cow<'_, str> {
    let text = text.trim_matches(is_space);
    let (head, cut) = head(text, max_width);
    let mut joined = Cow::Borrowed(head);
    if head.contains("  ") || head.contains(|c| c != ' ' && is_space(c)) {
        let words: Vec<&str> = head.split(is_space).filter(|w| !w.is_empty()).collect();
        joined = Cow::Owned(words.join(" "));
    }
    let shown = match joined {
        Cow::Borrowed(joined) => field(joined),
        Cow::Owned(joined) => Cow::Owned(field(&joined).into_owned()),
    };
    fit(shown, cut, max_width)
}

/// A line that is already clean, cut to `max_width` columns with `…` at its end.
///
/// For text that went through [`field`] or [`multi_line`]: it cleans nothing, but leaves nothing behind that was harmless
/// only in the company of what it cut off.
#[must_use]
pub fn truncate(text: &str, max_width: usize) -> Cow<'_, str> {
    let (head, cut) = head(text, max_width);
    fit(Cow::Borrowed(head), cut, max_width)
}

/// JSON text with unprintable characters as `\u` escapes: the same value, safe to look at.
///
/// In valid JSON they stand only in strings. White space between the values stays.
///
/// ```
/// assert_eq!(sessionlog::sanitize::json("[\"\u{9b}1m\"]\n"), "[\"\\u009b1m\"]\n");
/// ```
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_unprintable(c) && !matches!(c, '\n' | '\r' | '\t');
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

enum Whitespace {
    Keep,
    Drop,
    Show,
}

fn clean(text: &str, rule: impl Fn(char, Option<char>) -> Whitespace) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut base = Base::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        if base.accepts(c, next) {
            out.push(c);
            continue;
        }
        match rule(c, next) {
            Whitespace::Keep => out.push(c),
            Whitespace::Drop => {}
            Whitespace::Show => show(&mut out, c),
        }
    }
    if out == text {
        return Cow::Borrowed(text);
    }
    Cow::Owned(out)
}

fn show(out: &mut String, c: char) {
    let picture = match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('␡'),
        _ => None,
    };
    match picture {
        Some(picture) => out.push(picture),
        // Writing to a String cannot fail.
        None => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
    }
}

/// What stands before a character: a joiner between two emoji and one text or emoji selector behind a visible character
/// hide nothing, and without them emoji fall apart.
#[derive(Default)]
struct Base {
    visible: Option<char>,
    selected: bool,
}

impl Base {
    fn accepts(&mut self, c: char, next: Option<char>) -> bool {
        if !is_unprintable(c) {
            self.visible = (!c.is_whitespace()).then_some(c);
            self.selected = false;
            return true;
        }
        let accepted = match c {
            JOINER => self.visible.is_some_and(is_emoji) && next.is_some_and(is_emoji),
            '\u{fe0e}' | '\u{fe0f}' => self.visible.is_some() && !self.selected,
            _ => false,
        };
        self.selected = accepted && c != JOINER;
        if !self.selected {
            self.visible = None;
        }
        accepted
    }
}

/// The blocks whose characters are joined in Unicode's emoji-zwj-sequences.txt. All of them are visible.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2194}' | '\u{2195}' | '\u{2600}'..='\u{27bf}' | '\u{2b1b}' | '\u{1f300}'..='\u{1faff}')
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// As much of the text as can matter for so many columns, and whether that is not all.
fn head(text: &str, max_width: usize) -> (&str, bool) {
    let limit = max_width.saturating_mul(BYTES_PER_COLUMN);
    let head = &text[..text.floor_char_boundary(limit)];
    (head, head.len() < text.len())
}

/// Cuts clean text between characters as people see them, so that it has at most `max_width` columns.
fn fit(text: Cow<'_, str>, mut cut: bool, max_width: usize) -> Cow<'_, str> {
    if !cut && text.width() <= max_width {
        return text;
    }
    let room = max_width.saturating_sub(1);
    let (mut width, mut end) = (0, 0);
    for (at, cluster) in text.grapheme_indices(true) {
        width += columns(cluster);
        if width > room {
            break;
        }
        end = at + cluster.len();
    }
    cut |= end < text.len();
    let mut out = text[..end].trim_end_matches([' ', JOINER]).to_owned();
    if cut && max_width > 0 {
        out.push(ELLIPSIS);
    }
    Cow::Owned(out)
}

/// At least the columns that a cluster takes: the sum and the whole differ where characters merge, and terminals differ.
fn columns(cluster: &str) -> usize {
    let sum = cluster.chars().filter_map(|c| c.width()).sum();
    cluster.width().max(sum)
}

#[cfg(test)]
mod tests;
