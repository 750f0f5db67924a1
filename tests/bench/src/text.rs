//! Text as it stands in sessions: code and prose. About one byte in 35 must be escaped in JSON, most of them line ends and
//! quotes, and one word in a hundred has letters beyond ASCII.

use crate::rng::Rng;

/// Bytes of text that slices are taken from.
const CORPUS_BYTES: usize = 1 << 20;

const WORDS: [&str; 42] = [
    "the", "a", "value", "session", "error", "returns", "file", "line", "test", "fails", "when",
    "let", "mut", "self", "result", "buffer", "offset", "length", "state", "parse", "write",
    "read", "index", "entry", "parent", "branch", "if", "else", "match", "for", "in", "and", "or",
    "not", "is", "was", "with", "from", "fn", "pub", "struct", "impl",
];

/// One word in so many is one of these.
const RARE_EVERY: usize = 100;
const RARE: [&str; 6] = ["Zürich", "naïve", "café", "→", "…", "完了"];

const MARKS: [&str; 12] = [
    ", ", ". ", "(", ")", " = ", "; ", ": ", "\"", "\"", "\\", "\t", " -> ",
];

/// A body of text that slices are taken from.
#[derive(Debug)]
pub struct Corpus(String);

impl Default for Corpus {
    fn default() -> Self {
        let mut rng = Rng::new(0x7E87);
        let mut text = String::with_capacity(CORPUS_BYTES + 256);
        while text.len() < CORPUS_BYTES {
            let indent = rng.below(4) * 4;
            text.extend(std::iter::repeat_n(' ', indent));
            for _ in 0..4 + rng.below(10) {
                text.push_str(match rng.one_in(RARE_EVERY) {
                    true => RARE[rng.below(RARE.len())],
                    false => WORDS[rng.below(WORDS.len())],
                });
                match rng.one_in(4) {
                    true => text.push_str(MARKS[rng.below(MARKS.len())]),
                    false => text.push(' '),
                }
            }
            text.push('\n');
        }
        Self(text)
    }
}

impl Corpus {
    /// A piece of about `length` bytes, at most a mebibyte, cut between characters.
    pub fn slice(&self, rng: &mut Rng, length: usize) -> &str {
        let length = length.min(CORPUS_BYTES);
        let start = rng.below(self.0.len() - length + 1);
        let start = self.0.floor_char_boundary(start);
        &self.0[start..self.0.floor_char_boundary(start + length)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_as_much_to_escape_as_documented() {
        let text = Corpus::default().0;
        let escaped = text.bytes().filter(|b| b"\n\t\"\\".contains(b)).count();
        assert!((30..40).contains(&(text.len() / escaped)), "{escaped}");
        assert!(!text.is_ascii());
    }
}
