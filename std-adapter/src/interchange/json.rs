//! Foreign JSON taken apart: members are taken out one by one, and what nobody takes is kept as it stands.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use sessionlog_core::json::{JsonWriter, WriteError};
use std::{borrow::Cow, convert::Infallible, fmt};

/// A document that is being written in memory.
pub(super) type Json = JsonWriter<Vec<u8>>;
/// What writing into one gives.
pub(super) type Put = Result<(), WriteError<Infallible>>;

/// An object's members, in order, those that were taken out excepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The members of the object that `text` is; `None` for anything else.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The members of the object that `raw` is.
    pub(super) fn of(raw: &'a RawValue) -> Option<Self> {
        raw.get().starts_with('{').then(|| Self::parse(raw.get()))?
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, raw)| *raw)
    }

    /// A member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.get().parse().ok()
    }

    /// A member that is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|raw| raw.get() == "true")
    }

    /// A member that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Members<'a>> {
        self.get(name).and_then(Members::of)
    }

    /// Takes a member out.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes a member out if it passes.
    pub(super) fn take_if(
        &mut self,
        name: &str,
        passes: impl FnOnce(&str) -> bool,
    ) -> Option<&'a RawValue> {
        passes(self.get(name)?.get()).then(|| self.take(name))?
    }

    /// Takes out a member that is a string, as it stands, quotes included.
    pub(super) fn take_string(&mut self, name: &str) -> Option<&'a RawValue> {
        self.take_if(name, |raw| raw.starts_with('"'))
    }

    /// Takes out a member that is a string, as text.
    pub(super) fn take_text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        self.take_string(name).and_then(text)
    }

    /// Takes out a member that is the string `word`.
    pub(super) fn take_word(&mut self, name: &str, word: &str) -> bool {
        self.text(name).is_some_and(|text| text == word) && self.take(name).is_some()
    }

    /// Takes out a member that is an unsigned number.
    pub(super) fn take_number(&mut self, name: &str) -> Option<u64> {
        self.number(name).inspect(|_| {
            self.take(name);
        })
    }

    /// Takes out a member that is an object.
    pub(super) fn take_object(&mut self, name: &str) -> Option<Members<'a>> {
        self.object(name).inspect(|_| {
            self.take(name);
        })
    }

    /// Takes out a member that is a list.
    pub(super) fn take_list(&mut self, name: &str) -> Option<Vec<&'a RawValue>> {
        self.get(name).and_then(list).inspect(|_| {
            self.take(name);
        })
    }

    /// Takes out a member that is `true` or `false`.
    pub(super) fn take_bool(&mut self, name: &str) -> Option<bool> {
        let raw = self.take_if(name, |raw| matches!(raw, "true" | "false"))?;
        Some(raw.get() == "true")
    }

    pub(super) fn from_pairs(pairs: Vec<(Cow<'a, str>, &'a RawValue)>) -> Self {
        Members(pairs)
    }

    pub(super) fn into_pairs(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, raw)| (&**key, *raw))
    }

    /// Writes what is left into an object that is open.
    pub(super) fn write(&self, json: &mut Json) -> Put {
        self.iter().try_for_each(|(key, raw)| {
            json.key(key)?;
            put(json, raw)
        })
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        /// A name: borrowed where it has no escapes.
        #[derive(Deserialize)]
        struct Name<'n>(#[serde(borrow)] Cow<'n, str>);
        impl<'de> Visitor<'de> for Any {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Any)
    }
}

/// What is left of an object, and of objects inside it that were taken out of it and taken apart.
#[derive(Debug, Default)]
pub(super) struct Rest<'a> {
    own: Members<'a>,
    inner: Vec<(&'static str, Rest<'a>)>,
}

impl<'a> Rest<'a> {
    pub(super) fn of(own: Members<'a>) -> Self {
        Rest {
            own,
            inner: Vec::new(),
        }
    }

    /// With what is left of the object `name` in it.
    pub(super) fn with(mut self, name: &'static str, inner: Rest<'a>) -> Self {
        if !inner.is_empty() {
            self.inner.push((name, inner));
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.inner.is_empty()
    }

    /// Writes it as an object.
    pub(super) fn write(&self, json: &mut Json) -> Put {
        json.begin_object()?;
        self.own.write(json)?;
        for (name, rest) in &self.inner {
            json.key(name)?;
            rest.write(json)?;
        }
        json.end_object()
    }
}

/// The text of a string.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'n>(#[serde(borrow)] Cow<'n, str>);
    let json = raw.get();
    json.starts_with('"')
        .then(|| serde_json::from_str::<Text<'_>>(json).ok())?
        .map(|text| text.0)
}

/// The elements of a list.
pub(super) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    let json = raw.get();
    json.starts_with('[')
        .then(|| serde_json::from_str(json).ok())?
}

/// Writes a value as it stands.
pub(super) fn put(json: &mut Json, raw: &RawValue) -> Put {
    json.raw(raw.get().as_bytes())
}

/// A member that is a string.
pub(super) fn put_text(json: &mut Json, name: &str, text: &str) -> Put {
    json.key(name)?;
    json.string(text)
}

/// A member that is a string, or null.
pub(super) fn put_text_or_null(json: &mut Json, name: &str, text: Option<&str>) -> Put {
    json.key(name)?;
    match text {
        Some(text) => json.string(text),
        None => json.null(),
    }
}

/// A member that is a number.
pub(super) fn put_number(json: &mut Json, name: &str, number: u64) -> Put {
    json.key(name)?;
    json.u64(number)
}

/// A member as it stands.
pub(super) fn put_raw(json: &mut Json, name: &str, raw: &RawValue) -> Put {
    json.key(name)?;
    put(json, raw)
}

/// A document of its own.
pub(super) fn document(
    write: impl FnOnce(&mut Json) -> Put,
) -> Result<Vec<u8>, WriteError<Infallible>> {
    let mut json = Json::new(Vec::new());
    write(&mut json)?;
    json.finish()
}

/// JSON without the white space between its values, so that it stands on one line. `json` is valid.
pub(super) fn one_line(json: &[u8]) -> Cow<'_, [u8]> {
    if !json.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return json.into();
    }
    let (mut quoted, mut escaped) = (false, false);
    let mut line = json.to_vec();
    line.retain(|byte| {
        let kept = quoted || !byte.is_ascii_whitespace();
        match byte {
            b'"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && *byte == b'\\' && !escaped;
        kept
    });
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_kept_as_it_stands() {
        let text = r#"{"type":"a","n":1.50,"x":{"y":[1e999, 2],"z":"\u00e9"},"s":3,"type":"b"}"#;
        let mut members = Members::parse(text).unwrap();
        assert!(members.take_word("type", "a"));
        // Not of the type that is asked for: it stays.
        assert_eq!(members.take_number("n"), None);
        assert_eq!(members.take_text("s"), None);
        assert_eq!(members.take_number("s"), Some(3));
        let mut inner = members.take_object("x").unwrap();
        assert_eq!(inner.take_text("z").unwrap(), "é");
        let rest = Rest::of(members).with("x", Rest::of(inner));
        let bytes = document(|json| rest.write(json)).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"n":1.50,"type":"b","x":{"y":[1e999, 2]}}"#
        );
        assert!(Members::parse("[1]").is_none() && Members::parse("{").is_none());
    }

    #[test]
    fn lines_are_joined_outside_of_strings_only() {
        for (json, line) in [
            ("{\n  \"a\" : [1,\r\n 2]\n}", "{\"a\":[1,2]}"),
            (
                "{\"a \\\" b\\\\\":\n\" \\\\\" }",
                "{\"a \\\" b\\\\\":\" \\\\\"}",
            ),
            ("{\"a\": 1}", "{\"a\": 1}"),
        ] {
            assert_eq!(one_line(json.as_bytes()), line.as_bytes());
        }
    }
}
