//! Lines broken between words.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar as _;

/// A clean line in pieces of at most `width` columns, each but the first indented as the line is.
///
/// Breaks only at single spaces: a longer word stays whole, so that an address can still be copied, and so does a line with
/// tabs, whose width only the terminal knows.
pub(super) fn pieces(line: &str, width: usize) -> impl Iterator<Item = Cow<'_, str>> {
    let body = line.trim_start_matches(' ');
    let indent = &line[..line.len() - body.len()];
    let room = width.saturating_sub(indent.len());
    let mut rest = Some(body);
    let mut first = true;
    std::iter::from_fn(move || {
        let text = rest?;
        let end = match line.contains('\t') {
            true => text.len(),
            false => first_break(text, room),
        };
        rest = text.get(end + 1..);
        let piece = match first {
            // The line as it stands, up to the break.
            true => Cow::Borrowed(&line[..indent.len() + end]),
            false => Cow::Owned(format!("{indent}{}", &text[..end])),
        };
        first = false;
        Some(piece)
    })
}

/// Where the last space stands that leaves no more than `room` columns before it; else the first one; else the end.
fn first_break(text: &str, room: usize) -> usize {
    let (mut columns, mut last) = (0, None);
    for (at, c) in text.char_indices() {
        let single = c == ' '
            && !text[..at].ends_with(' ')
            && !matches!(text.as_bytes().get(at + 1), None | Some(b' '));
        if single && (columns <= room || last.is_none()) {
            last = Some(at);
        }
        columns += c.width().unwrap_or(0);
        if let (true, Some(at)) = (columns > room, last) {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrapped(line: &str, width: usize) -> Vec<String> {
        pieces(line, width).map(Cow::into_owned).collect()
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("one two", 7), ["one two"]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("  one two", 6), ["  one", "  two"]);
        assert_eq!(wrapped("a abcdefgh b", 4), ["a", "abcdefgh", "b"]);
        assert_eq!(wrapped("漢字 漢字", 7), ["漢字", "漢字"]);
        assert_eq!(wrapped("| a    | b    |", 6), ["|", "a    |", "b    |"]);
        assert_eq!(wrapped("one\ttwo three", 5), ["one\ttwo three"]);
        assert_eq!(wrapped("one two", usize::MAX), ["one two"]);
        assert_eq!(wrapped("one ", 3), ["one "]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(line in "[a b漢]{0,60}", width in 0usize..20) {
            let indent = line.len() - line.trim_start_matches(' ').len();
            let mut joined = String::new();
            for (at, piece) in wrapped(&line, width).iter().enumerate() {
                if at > 0 {
                    joined.push(' ');
                }
                joined.push_str(&piece[if at > 0 { indent } else { 0 }..]);
            }
            prop_assert_eq!(joined, line);
        }
    }
}
