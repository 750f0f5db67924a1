//! What a message's payload holds, for people. Payloads are anybody's: nothing here is taken for granted.

use super::format;
use serde_json::Value;
use sessionlog::sanitize;

/// A part of a message's content. Texts are as the session has them, not yet sanitised.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Thinking(&'a str),
    Call {
        id: &'a str,
        name: &'a str,
        /// Readable, a line for each argument.
        arguments: String,
    },
    /// A picture, or something that is not known.
    Other(String),
}

/// The parts of a message; the whole payload if it has no content.
pub(crate) fn parts(message: &Value) -> Vec<Part<'_>> {
    match message.get("content") {
        Some(Value::String(text)) => vec![Part::Text(text)],
        Some(Value::Array(parts)) => parts.iter().map(part).collect(),
        Some(Value::Null) | None if message.get("role").is_some_and(|role| role == "assistant") => {
            Vec::new()
        }
        _ => vec![Part::Other(message.to_string())],
    }
}

fn part(part: &Value) -> Part<'_> {
    let text = |name: &str| part.get(name).and_then(Value::as_str);
    let kind = text("type").unwrap_or_default();
    match kind {
        "text" => text("text").map(Part::Text),
        "thinking" => text("thinking").map(Part::Thinking),
        "tool_call" => part.get("tool_call").map(|call| {
            let word = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
            Part::Call {
                id: word("id"),
                name: word("name"),
                arguments: arguments(call.get("arguments").unwrap_or(&Value::Null)),
            }
        }),
        "image" => Some(Part::Other(image(part))),
        _ => None,
    }
    .unwrap_or_else(|| Part::Other(part.to_string()))
}

/// `provider/model`, with the model that answered if it is another; clean, two spaces before it; empty if not known.
pub(crate) fn model(message: &Value) -> String {
    let word = |name: &str| {
        message
            .get(name)
            .and_then(Value::as_str)
            .filter(|w| !w.is_empty())
    };
    let names: Vec<_> = ["provider", "model"]
        .into_iter()
        .filter_map(word)
        .map(sanitize::field)
        .collect();
    if names.is_empty() {
        return String::new();
    }
    let answered = word("response_model").filter(|model| Some(*model) != word("model"));
    let answered = answered.map_or(String::new(), |model| {
        format!(" ({})", sanitize::field(model))
    });
    format!("  {}{answered}", names.join("/"))
}

/// A line `name: value` for each argument. They come as JSON text, which may be cut off, or as JSON.
fn arguments(given: &Value) -> String {
    let parsed;
    let value = match given {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(value) => {
                parsed = value;
                &parsed
            }
            Err(_) => return text.clone(),
        },
        other => other,
    };
    match value {
        Value::Object(members) => {
            let line = |(name, value): (&String, &Value)| match value {
                Value::String(text) if text.contains('\n') => {
                    let text = text.trim_end_matches('\n').replace('\n', "\n  ");
                    format!("{name}:\n  {text}")
                }
                Value::String(text) => format!("{name}: {text}"),
                other => format!("{name}: {other}"),
            };
            members.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `[image image/png, 12 KiB]`, or with its address.
fn image(part: &Value) -> String {
    let kind = part
        .get("media_type")
        .and_then(Value::as_str)
        .unwrap_or("of unknown type");
    let source = part.get("source");
    let data = source.and_then(|source| source.get("data"));
    let place = match data {
        Some(Value::String(base64)) => format::bytes(base64_len(base64)),
        Some(Value::Array(bytes)) => format::bytes(bytes.len() as u64),
        _ => match source
            .and_then(|source| source.get("url"))
            .and_then(Value::as_str)
        {
            Some(url) => url.to_owned(),
            None => "no data".to_owned(),
        },
    };
    format!("[image {kind}, {place}]")
}

/// Bytes that Base64 text stands for: 3 for 4 digits, padded or not.
fn base64_len(text: &str) -> u64 {
    let digits = text
        .trim_end_matches('=')
        .bytes()
        .filter(|b| !b.is_ascii_whitespace());
    digits.count() as u64 * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn contents_of_any_shape() {
        let message = json!({"role": "user", "content": "plain"});
        assert_eq!(parts(&message), [Part::Text("plain")]);
        assert_eq!(parts(&json!({"role": "assistant", "content": null})), []);
        let odd = json!({"kind": "bash", "output": 3});
        assert_eq!(parts(&odd), [Part::Other(odd.to_string())]);
        let message = json!({"content": [
            {"type": "text", "text": "a"},
            {"type": "thinking", "thinking": "b"},
            {"type": "text"},
            {"type": "audio", "x": 1},
            7,
        ]});
        assert_eq!(
            parts(&message),
            [
                Part::Text("a"),
                Part::Thinking("b"),
                Part::Other(r#"{"type":"text"}"#.into()),
                Part::Other(r#"{"type":"audio","x":1}"#.into()),
                Part::Other("7".into()),
            ]
        );
    }

    #[test]
    fn arguments_are_readable() {
        let cases = [
            (
                json!(r#"{"path":"/w/a.rs","lines":[1,2],"all":true}"#),
                "all: true\nlines: [1,2]\npath: /w/a.rs",
            ),
            (json!({"text": "one\ntwo\n"}), "text:\n  one\n  two"),
            (json!(r#"{"path":"/w/a"#), r#"{"path":"/w/a"#),
            (json!("not JSON"), "not JSON"),
            (json!("[1, 2]"), "[1,2]"),
            (json!("{}"), ""),
            (json!(null), ""),
        ];
        for (given, expected) in cases {
            assert_eq!(arguments(&given), expected);
        }
    }

    #[test]
    fn images_are_named_by_type_and_size() {
        let of = |source: Value| image(&json!({"media_type": "image/png", "source": source}));
        assert_eq!(
            of(json!({"type": "base64", "data": "A".repeat(16_384)})),
            "[image image/png, 12 KiB]"
        );
        assert_eq!(
            of(json!({"type": "base64", "data": "QUI="})),
            "[image image/png, 2 B]"
        );
        assert_eq!(
            of(json!({"type": "bytes", "data": [1, 2, 3]})),
            "[image image/png, 3 B]"
        );
        assert_eq!(
            of(json!({"type": "url", "url": "http://x/y"})),
            "[image image/png, http://x/y]"
        );
        assert_eq!(image(&json!({})), "[image of unknown type, no data]");
    }

    #[test]
    fn models_have_their_provider() {
        assert_eq!(
            model(&json!({"provider": "p", "model": "m", "response_model": "m"})),
            "  p/m"
        );
        assert_eq!(
            model(&json!({"model": "m", "response_model": "m-2"})),
            "  m (m-2)"
        );
        assert_eq!(model(&json!({"model": "m\x1b[1m"})), "  m␛[1m");
        assert_eq!(model(&json!({"model": 3})), "");
    }
}
