//! A recursive-descent JSON reader that keeps places: RFC 8259, strictly (F3).
//!
//! `serde_json` gives the same verdict (a test below holds the two together), but neither the byte at which a
//! text goes wrong, which F21 and F22 need, nor numbers beyond the range of a 64-bit float, which F3 allows.

/// How many levels may be open at once: the 128th is refused (F3).
const MOST_LEVELS: usize = 127;

/// A value and the bytes it came from.
#[derive(Debug, Clone)]
pub struct Node {
    /// Offset of its first byte.
    pub start: usize,
    /// Offset after its last byte.
    pub end: usize,
    /// What it is.
    pub value: Value,
}

/// A member of an object; members stay in order and may repeat.
#[derive(Debug, Clone)]
pub struct Member {
    /// Offset of the name's opening quote.
    pub start: usize,
    /// The name, unescaped.
    pub name: String,
    /// The value.
    pub node: Node,
}

/// A JSON value.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// The elements of an array.
    Array(Vec<Node>),
    /// The members of an object.
    Object(Vec<Member>),
}

impl Value {
    /// The text, when it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The number, when it is an unsigned 64-bit integer: digits only, no sign, fraction or exponent.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Number(n) if n.bytes().all(|b| b.is_ascii_digit()) => n.parse().ok(),
            _ => None,
        }
    }

    /// The members, when it is an object.
    pub fn members(&self) -> Option<&[Member]> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The last member of that name, as `serde_json` has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.members()?.iter().rev().find(|m| m.name == name);
        found.map(|m| &m.node.value)
    }
}

/// Reads one value from offset `from` and stops after it.
///
/// # Errors
/// The offset of the first byte that cannot stand there; the length when the text ends too early.
pub fn read(bytes: &[u8], from: usize) -> Result<Node, usize> {
    Reader::new(bytes, from).value(0)
}

/// The object that an unfinished value ends with: its offset and how many arrays and objects are open around it.
///
/// `None` when the value from offset `from` on is whole, when it goes wrong before the text ends, or when the text
/// ends, white space aside, with something else.
pub fn last_object(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut reader = Reader::new(bytes, from);
    let ends_inside = reader.value(0).err() == Some(bytes.len());
    let closed = reader.closed.filter(|_| ends_inside)?;
    let at_the_end = bytes[closed.end..].iter().all(|&b| is_white(b));
    at_the_end.then_some((closed.start, closed.open))
}

/// White space of JSON, but for the line feed, which ends a line (F1).
pub fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// An object that has been read to its end.
struct Closed {
    start: usize,
    end: usize,
    open: usize,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The object that was closed last.
    closed: Option<Closed>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Reader {
            bytes,
            at,
            closed: None,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn white(&mut self) {
        while self.peek().is_some_and(is_white) {
            self.at += 1;
        }
    }

    /// Takes exactly this text, or fails at the byte that differs.
    fn text(&mut self, text: &[u8]) -> Result<(), usize> {
        for &byte in text {
            if self.peek() != Some(byte) {
                return Err(self.at);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn value(&mut self, open: usize) -> Result<Node, usize> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'n') => self.text(b"null").map(|()| Value::Null)?,
            Some(b't') => self.text(b"true").map(|()| Value::Bool(true))?,
            Some(b'f') => self.text(b"false").map(|()| Value::Bool(false))?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'[' | b'{') if open == MOST_LEVELS => return Err(start),
            Some(b'[') => self.array(open + 1)?,
            Some(b'{') => self.object(open + 1)?,
            _ => return Err(start),
        };
        let end = self.at;
        if matches!(value, Value::Object(_)) {
            self.closed = Some(Closed { start, end, open });
        }
        Ok(Node { start, end, value })
    }

    fn array(&mut self, open: usize) -> Result<Value, usize> {
        let mut elements = Vec::new();
        self.text(b"[")?;
        self.white();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(elements));
        }
        loop {
            self.white();
            elements.push(self.value(open)?);
            self.white();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => break,
            }
        }
        self.text(b"]")?;
        Ok(Value::Array(elements))
    }

    fn object(&mut self, open: usize) -> Result<Value, usize> {
        let mut members = Vec::new();
        self.text(b"{")?;
        self.white();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.white();
            let start = self.at;
            let name = self.string()?;
            self.white();
            self.text(b":")?;
            self.white();
            let node = self.value(open)?;
            members.push(Member { start, name, node });
            self.white();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => break,
            }
        }
        self.text(b"}")?;
        Ok(Value::Object(members))
    }

    fn digits(&mut self) -> Result<(), usize> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(start) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Value, usize> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let written = &self.bytes[start..self.at];
        Ok(Value::Number(String::from_utf8_lossy(written).into_owned()))
    }

    fn string(&mut self) -> Result<String, usize> {
        let mut out = String::new();
        self.text(b"\"")?;
        loop {
            match self.peek() {
                None | Some(0..=0x1F) => return Err(self.at),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => out.push(self.character()?),
            }
        }
    }

    fn escape(&mut self) -> Result<char, usize> {
        self.text(b"\\")?;
        let plain = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.at),
        };
        self.at += 1;
        Ok(plain)
    }

    /// From the `u` on. A half of a pair without its other half is wrong at its last digit, or, for a first half,
    /// at the byte that is not the start of the second.
    fn unicode(&mut self) -> Result<char, usize> {
        let first = self.hex()?;
        let code = match first {
            0xD800..=0xDBFF => {
                self.text(b"\\")?;
                let second = self.hex()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.at - 1);
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or(self.at - 1)
    }

    fn hex(&mut self) -> Result<u32, usize> {
        self.text(b"u")?;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            code = code * 16 + digit.ok_or(self.at)?;
            self.at += 1;
        }
        Ok(code)
    }

    /// One UTF-8 sequence; wrong at the first byte that cannot continue it.
    fn character(&mut self) -> Result<char, usize> {
        let start = self.at;
        for len in 1..=4 {
            let Some(part) = self.bytes.get(start..start + len) else {
                return Err(self.bytes.len());
            };
            match std::str::from_utf8(part) {
                Ok(text) => {
                    self.at += len;
                    return text.chars().next().ok_or(start);
                }
                // Only "too short so far" lets the next byte mend it.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(start + len - 1),
            }
        }
        Err(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `serde_json`'s verdict, with every number that is no 64-bit integer replaced by one in range.
    fn serde_accepts(text: &[u8]) -> bool {
        let mut copy = text.to_vec();
        let (mut at, mut inside) = (0, false);
        while at < copy.len() {
            match copy[at] {
                b'"' => inside = !inside,
                b'\\' if inside => at += 1,
                b'-' | b'0'..=b'9' if !inside => {
                    let mut reader = Reader::new(text, at);
                    if reader.number().is_ok() && text[at..reader.at].len() >= 3 {
                        let digits = at + usize::from(text[at] == b'-');
                        copy[digits..reader.at].fill(b' ');
                        copy[digits] = b'0';
                        at = reader.at - 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        serde_json::from_slice::<serde_json::Value>(&copy).is_ok()
    }

    fn accepts(text: &[u8]) -> bool {
        let from = text
            .iter()
            .position(|&b| !is_white(b))
            .unwrap_or(text.len());
        read(text, from).is_ok_and(|node| text[node.end..].iter().all(|&b| is_white(b)))
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            8 => prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "\\u", "\\ud83d", "\\ude00", "\\u00e9",
                "0", "-", "12", ".5", "e9", "1e400", "-1E+999", "true", "false", "null", " ", "\t", "\r",
                "é", "😀", "{\"a\":[1,2]}", "[[]]", "\u{0}", "\u{7f}",
            ]).prop_map(|s| s.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>().prop_filter("no line feed", |b| *b != b'\n'), 1..3),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|v| v.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]
        #[test]
        fn agrees_with_serde_json(text in pieces()) {
            prop_assert_eq!(accepts(&text), serde_accepts(&text), "{:?}", String::from_utf8_lossy(&text));
        }

        #[test]
        fn strings_unescape_alike(inside in "(\\\\u[0-9a-fA-F]{4}|\\\\[\"\\\\/bfnrt]|[^\"\\\\\\x00-\\x1f]){0,8}") {
            let text = format!("\"{inside}\"");
            let ours = read(text.as_bytes(), 0).ok().and_then(|n| n.value.as_str().map(str::to_owned));
            prop_assert_eq!(ours, serde_json::from_str::<String>(&text).ok());
        }
    }

    #[test]
    fn depth_agrees() {
        for depth in [1, 126, 127, 128, 129] {
            let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(accepts(text.as_bytes()), depth <= 127);
            assert_eq!(serde_accepts(text.as_bytes()), depth <= 127);
        }
    }

    #[test]
    fn places() {
        let at = |text: &[u8]| read(text, 0).map(|n| n.end).unwrap_err();
        assert_eq!(at(br#"{"a":1,}"#), 7);
        assert_eq!(at(br#"{"a" 1}"#), 5);
        assert_eq!(at(b"\"\xE2\x28\xA1\""), 2);
        assert_eq!(at(b"\"\x80\""), 1);
        assert_eq!(at(br#""\ud83dx""#), 7);
        assert_eq!(at(br#""\udc00""#), 6);
        assert_eq!(at(b"-x"), 1);
        assert_eq!(at(br#"{"a":"#), 5);
    }

    #[test]
    fn last_objects() {
        let last = |text: &str| last_object(text.as_bytes(), 0);
        assert_eq!(last(r#"{"a":{}"#), Some((5, 1)));
        assert_eq!(last("{\"a\":{} \t\r"), Some((5, 1)));
        assert_eq!(last(r#"{"a":[0,{"b":{}}"#), Some((8, 2)));
        assert_eq!(last(r#"[[[{"b":1}"#), Some((3, 3)));
        for other in [
            r#"{"a":{}}"#,
            r#"{"a":{},"#,
            r#"{"a":[{}]"#,
            r#"{"a":{}"b"#,
            r#"{"a":"{}"#,
            r#"{"a":1"#,
            r#"{"a":{"#,
            r#"{"a":{}}}"#,
            "",
        ] {
            assert_eq!(last(other), None, "{other}");
        }
    }
}
