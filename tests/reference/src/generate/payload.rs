//! Message payloads and other JSON, as text.

use proptest::prelude::*;

/// Text with all of Unicode, and what trips readers: controls, quotes, other records' openings.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,12}",
        3 => prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
        1 => prop::sample::select(vec![
            "{\"type\":\"message\",\"id\":\"x\",\"message\":{}}", "{\"type\":\"", "\\", "\"", "\n", "\u{0}", "\u{1b}[2J",
            "\u{7f}", "\u{85}", "\u{2028}\u{2029}", "\u{feff}", "\u{fffd}", "\u{10ffff}", "\u{e000}", "😀é\r\t", "\\u0041",
        ]).prop_map(str::to_owned),
    ]
}

/// A JSON string for this text, in one of three spellings.
pub fn string(text: &str, spelling: u8) -> String {
    match spelling % 3 {
        0 => serde_json::to_string(text).unwrap_or_default(),
        1 => {
            text.encode_utf16()
                .fold("\"".to_owned(), |out, unit| format!("{out}\\u{unit:04x}"))
                + "\""
        }
        _ => serde_json::to_string(text)
            .unwrap_or_default()
            .replace('/', "\\/"),
    }
}

/// A JSON string of any text.
pub fn any_string() -> impl Strategy<Value = String> {
    (text(), any::<u8>()).prop_map(|(text, spelling)| string(&text, spelling))
}

/// Any JSON, nested, with white space and numbers of every form.
pub fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any_string(),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1.5",
            "-1e9",
            "1E+2",
            "1e400",
            "-2.5e-999",
            "123456789012345678901234567890",
            "{}",
            "[]",
            "[ ]",
            "{ }",
            "{\"type\":\"message\",\"id\":\"in\",\"message\":{}}",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member =
            (any_string(), inner.clone()).prop_map(|(name, value)| format!("{name} :\t{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|v| format!("[{}]", v.join(" , "))),
            prop::collection::vec(member, 0..4).prop_map(|v| format!("{{{}}}", v.join(","))),
        ]
    })
}

/// Arrays nested this deep.
pub fn deep(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// The `usage` of an assistant: sound, partial, unreported, or nonsense.
pub fn usage() -> impl Strategy<Value = String> {
    let count = || prop_oneof![6 => 0u64..5000, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    prop_oneof![
        6 => (count(), count(), count(), count()).prop_map(|(i, o, r, w)| format!(
            r#"{{"input_tokens":{i},"output_tokens":{o},"cache_read_tokens":{r},"cache_write_tokens":{w}}}"#
        )),
        2 => (count(), count(), count()).prop_map(|(i, o, r)| format!(
            r#"{{"input_tokens":{i},"cache_write_tokens":{o},"cache_write_1h_tokens":{o},"reasoning_tokens":{r},"reported":true}}"#
        )),
        1 => count().prop_map(|i| format!(r#"{{"input_tokens":{i},"reported":false}}"#)),
        2 => prop::sample::select(vec![
            "null", "{}", "[]", "7", r#"{"input_tokens":-1}"#, r#"{"input_tokens":1.0,"output_tokens":2}"#,
            r#"{"input_tokens":18446744073709551616}"#, r#"{"input_tokens":"3","cache_read_tokens":4}"#,
            r#"{"cache_write_1h_tokens":5}"#, r#"{ "output_tokens" : 6 , "reported" : null }"#,
            r#"{"details":{"input_tokens":9}}"#, r#"{"output_tokens":8,"deeper":{"reported":false}}"#,
        ]).prop_map(str::to_owned),
    ]
}

/// A message's payload: opi's shapes mostly, anything that is an object otherwise.
pub fn payload() -> impl Strategy<Value = String> {
    let content = || any_string().prop_map(|t| format!(r#"[{{"type":"text","text":{t}}}]"#));
    prop_oneof![
        4 => content().prop_map(|c| format!(r#"{{"role":"user","content":{c},"timestamp_ms":0}}"#)),
        4 => (content(), usage()).prop_map(|(c, u)| format!(
            r#"{{"role":"assistant","content":{c},"api":"Anthropic","provider":"p","model":"m","response_model":null,"response_id":null,"usage":{u},"stop_reason":"stop","error_message":null,"timestamp_ms":0}}"#
        )),
        1 => usage().prop_map(|u| format!(r#"{{"usage":{u},"role":"assistant"}}"#)),
        1 => content().prop_map(|c| format!(
            r#"{{"role":"tool_result","tool_call_id":"t","tool_name":"bash","content":{c},"details":null,"is_error":false,"timestamp_ms":0}}"#
        )),
        2 => json().prop_map(|j| format!(r#"{{"content":{j},"role":"user"}}"#)),
        1 => json().prop_map(|j| format!(r#"{{ "x" : {j} }}"#)),
        1 => (120usize..130).prop_map(|n| format!(r#"{{"deep":{}}}"#, deep(n))),
        1 => Just(r#"{"role":7}"#.to_owned()),
    ]
}
