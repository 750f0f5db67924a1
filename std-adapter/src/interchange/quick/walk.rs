//! A quick walk through a line's JSON, to see what it is about: long texts are leapt over, and nothing that is leapt over is
//! judged. What counts is looked at again by a parser.

use memchr::memchr2;

/// Deeper values are not walked through.
const MAX_DEPTH: usize = super::super::lines::MAX_DEPTH as usize;

/// A place in a JSON text. `None` from any method: it is no JSON, or nothing to be walked through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Walk { bytes, at: 0 }
    }

    /// The first byte of what comes next.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Nothing follows.
    pub(super) fn is_at_end(mut self) -> bool {
        self.peek().is_none()
    }

    /// Goes through the object that comes next: `see` is told each name, and has to go past its value, or to say `None`
    /// when it does not want to go on.
    pub(super) fn object(
        &mut self,
        mut see: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        if !self.take(b'{') {
            return None;
        }
        if self.take(b'}') {
            return Some(());
        }
        loop {
            let name = self.string()?;
            if name.contains(&b'\\') || !self.take(b':') {
                return None;
            }
            see(self, name)?;
            if !self.take(b',') {
                return self.take(b'}').then_some(());
            }
        }
    }

    /// Goes through the list that comes next; `see` has to go past each element.
    pub(super) fn list(&mut self, mut see: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if !self.take(b'[') {
            return None;
        }
        if self.take(b']') {
            return Some(());
        }
        loop {
            see(self)?;
            if !self.take(b',') {
                return self.take(b']').then_some(());
            }
        }
    }

    /// What stands between the quotes of the string that comes next.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        loop {
            let rest = self.bytes.get(self.at..)?;
            let found = memchr2(b'"', b'\\', rest)?;
            self.at += found + 1;
            if rest[found] == b'"' {
                return self.bytes.get(start..self.at - 1);
            }
            self.at += 1;
        }
    }

    /// The string that comes next; another value is gone past.
    pub(super) fn string_or_skip(&mut self) -> Option<Option<&'a [u8]>> {
        match self.peek()? {
            b'"' => self.string().map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// The same of a string without escapes: it is as it is meant.
    pub(super) fn plain_or_skip(&mut self) -> Option<Option<&'a [u8]>> {
        let string = self.string_or_skip()?;
        let plain = string.is_none_or(|string| !string.contains(&b'\\'));
        plain.then_some(string)
    }

    /// The value that comes next, as it stands.
    pub(super) fn value(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        self.bytes.get(start..self.at)
    }

    /// Goes past the value that comes next.
    pub(super) fn skip(&mut self) -> Option<()> {
        let mut depth = 0;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                    let rest = &self.bytes[self.at..];
                    let len = rest
                        .iter()
                        .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
                        .count();
                    self.at += len;
                }
                _ => return None,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// A member's value: of the first member of that name, whatever follows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct First<T>(Option<Option<T>>);

impl<T: Copy> First<T> {
    /// A member of that name; `None` is another type than what is wanted.
    pub(super) fn see(&mut self, value: Option<T>) {
        self.0.get_or_insert(value);
    }

    pub(super) fn get(&self) -> Option<T> {
        self.0.flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_gone_past() {
        for json in [
            r#"{"a":[1,-2.5e+3,"x\"]}",{"b":null}],"c":true}"#,
            r#" "a\\" "#,
            "[]",
            "{}",
            "-1",
            "[[],{}]",
        ] {
            let mut walk = Walk::new(json.as_bytes());
            assert_eq!(walk.skip(), Some(()), "{json}");
            assert!(walk.is_at_end(), "{json}");
        }
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
        for json in ["", "\"a", "\"a\\", "{\"a\":1", "[1", "]", &deep, "\u{1}"] {
            assert_eq!(Walk::new(json.as_bytes()).skip(), None, "{json}");
        }
    }

    #[test]
    fn objects_and_lists_are_gone_through() {
        let json = br#" {"a" : "x", "b":[1,"y"] , "c":{"d":2}} "#;
        let mut seen = Vec::new();
        let mut walk = Walk::new(json);
        let done = walk.object(|walk, name| {
            match name {
                b"a" => seen.push(walk.string()?.to_vec()),
                b"b" => walk.list(|walk| {
                    seen.extend(walk.string_or_skip()?.map(<[u8]>::to_vec));
                    Some(())
                })?,
                _ => walk.skip()?,
            }
            Some(())
        });
        assert!(done.is_some() && walk.is_at_end());
        assert_eq!(seen, [b"x".to_vec(), b"y".to_vec()]);
        for json in [
            "[]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{1:2}",
            "{\"\\u0061\":1}",
        ] {
            let mut walk = Walk::new(json.as_bytes());
            assert_eq!(walk.object(|walk, _| walk.skip()), None, "{json}");
        }
    }
}
