use super::*;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

fn show(entries: &[Entry<'_>], full: bool, colored: bool) -> String {
    let now = Timestamp::parse("2026-05-22T12:00:00Z").unwrap();
    let (styles, times) = (Styles::new(colored), Times::new(now, TimeZone::UTC));
    let view = View {
        styles: &styles,
        times: &times,
        width: 40,
        full,
        wrap: false,
    };
    let mut drawn = Drawn::default();
    let mut conversation = Conversation::new(view, &mut drawn);
    let mut out = Vec::new();
    for entry in entries {
        conversation.entry(&mut out, entry).unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn entry<'a>(id: &'a str, body: Body<'a>) -> Entry<'a> {
    let timestamp = Timestamp::parse("2026-05-22T10:00:05Z");
    Entry {
        id,
        timestamp,
        compacted: false,
        body,
    }
}

fn message(message: &Value, usage: Option<Usage>) -> Body<'_> {
    Body::Message { message, usage }
}

#[test]
fn a_conversation_reads_like_one() {
    let user = json!({"role": "user", "content": [
        {"type": "text", "text": "What is in\nthis file?\n"},
        {"type": "image", "source": {"type": "bytes", "data": [1, 2]}, "media_type": "image/png"},
    ]});
    let answer = json!({"role": "assistant", "provider": "p", "model": "m", "stop_reason": "tool_use", "content": [
        {"type": "thinking", "thinking": "I should look.\n\nOr not."},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_call", "tool_call": {"id": "t1", "name": "read", "arguments": "{\"path\":\"a.txt\"}"}},
    ]});
    let result = json!({"role": "tool_result", "tool_call_id": "t1", "tool_name": "read", "is_error": true,
        "content": [{"type": "text", "text": "no such file"}]});
    let usage = Usage {
        input_tokens: 1_200,
        output_tokens: 34,
        cache_read_tokens: 9_000,
        reasoning_tokens: Some(20),
        ..Usage::default()
    };
    let entries = [
        entry("msg-1", message(&user, None)),
        entry("msg-2", message(&answer, Some(usage))),
        entry("msg-3", message(&result, None)),
    ];
    assert_eq!(
        show(&entries, false, false),
        "\
── turn 1 ──────────────────────────────
user  msg-1  10:00:05
  What is in
  this file?
  [image image/png, 2 B]

assistant  msg-2  10:00:05  p/m
  thinking
  │ I should look.
  │
  │ Or not.
  Let me see.
  → call read  t1
      path: a.txt
  tokens: 1,200 in, 9,000 cache read, 34 out (20 reasoning)

← tool result  read failed  msg-3  10:00:05  of t1
  no such file
"
    );
}

#[test]
fn compactions_and_strangers() {
    let user = json!({"role": "user", "content": "old"});
    let compaction = Body::Compaction {
        summary: "We talked.\nA lot.",
        first_kept: "msg-5",
        tokens_before: Some(9_000),
        tokens_after: Some(300),
    };
    let entries = [
        Entry {
            compacted: true,
            timestamp: None,
            ..entry("msg-1", message(&user, None))
        },
        Entry {
            timestamp: None,
            ..entry("x-2", Body::Unknown { kind: "label\x1b" })
        },
        Entry {
            timestamp: None,
            ..entry("cmp-7", compaction)
        },
    ];
    assert_eq!(
        show(&entries, false, false),
        "\
── turn 1 ──────────────────────────────
user  msg-1  compacted
  old

label␛  x-2  (unknown entry, no part of the context)

── compaction  cmp-7 ───────────────────\n  9,000 tokens before; about 4 of this summary and 300 kept from msg-5 on\n  We talked.\n  A lot.\n"
    );
}

#[test]
fn unusual_ends_are_told() {
    let answer = json!({"role": "assistant", "content": [], "stop_reason": "error", "error_message": "overloaded\x1b[2J"});
    let text = show(&[entry("a", message(&answer, None))], false, false);
    assert!(
        text.ends_with("  ended by: error\n  overloaded␛[2J\n  tokens: unknown\n"),
        "{text}"
    );
    let answer = json!({"role": "assistant", "content": [], "stop_reason": "length"});
    let text = show(
        &[entry("a", message(&answer, Some(Usage::default())))],
        false,
        false,
    );
    assert!(
        text.ends_with("  ended by: length\n  tokens: 0 in, 0 out\n"),
        "{text}"
    );
}

#[test]
fn long_results_are_cut_and_long_texts_are_not() {
    let lines: Vec<String> = (1..=100).map(|n| format!("line {n}")).collect();
    let long = format!("{}\n{}", "x".repeat(1_000), lines.join("\n"));
    let result = json!({"role": "tool_result", "tool_name": "t", "content": [{"type": "text", "text": long}]});
    let call = json!({"role": "assistant", "content": [
        {"type": "tool_call", "tool_call": {"id": "1", "name": "w", "arguments": {"text": long}}}]});
    let user = json!({"role": "user", "content": long});
    let shown = |message_: &Value, full| show(&[entry("m", message(message_, None))], full, false);

    let text = shown(&result, false);
    assert!(
        text.contains("line 15\n") && !text.contains("line 16\n"),
        "{text}"
    );
    assert!(
        text.ends_with("  … 85 more lines, which --full shows\n"),
        "{text}"
    );
    assert!(text.contains(&format!("  {}…\n", "x".repeat(LINE_WIDTH - 1))));
    let text = shown(&call, false);
    assert!(
        text.contains("      … 90 more lines, which --full shows\n"),
        "{text}"
    );
    for whole in [
        shown(&result, true),
        shown(&call, true),
        shown(&user, false),
    ] {
        assert!(whole.contains("line 100\n") && whole.contains(&"x".repeat(1_000)));
        assert!(!whole.contains("--full"));
    }
}

#[test]
fn headings_keep_to_the_terminal() {
    let answer = json!({"role": "assistant", "content": [], "model": "a-very-long-name".repeat(9)});
    let (styles, times) = (
        Styles::new(false),
        Times::new(Timestamp::default(), TimeZone::UTC),
    );
    let view = |width, wrap| View {
        styles: &styles,
        times: &times,
        width,
        full: true,
        wrap,
    };
    let shown = |view: View<'_>| {
        let mut out = Vec::new();
        let one = entry("msg-1", message(&answer, None));
        Conversation::new(view, &mut Drawn::default())
            .entry(&mut out, &one)
            .unwrap();
        String::from_utf8(out)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    let line = shown(view(80, true));
    assert!(line.contains("…") && line.chars().count() == 80, "{line}");
    assert!(shown(view(80, false)).ends_with(&"a-very-long-name".repeat(9)));
}

#[test]
fn turns_are_counted() {
    let user = json!({"role": "user", "content": "hi"});
    let text = show(
        &[
            entry("a", message(&user, None)),
            entry("b", message(&user, None)),
        ],
        false,
        false,
    );
    assert!(text.contains("── turn 1 ") && text.contains("── turn 2 "));
}

#[test]
fn what_is_compacted_steps_back() {
    let user = json!({"role": "user", "content": "old"});
    let bright = show(&[entry("a", message(&user, None))], false, true);
    assert!(bright.contains("\x1b[1m\x1b[36muser\x1b[0m"), "{bright:?}");
    let faded = show(
        &[Entry {
            compacted: true,
            ..entry("a", message(&user, None))
        }],
        false,
        true,
    );
    assert!(
        faded.contains("\x1b[2muser\x1b[0m") && faded.contains("\x1b[2mold\x1b[0m"),
        "{faded:?}"
    );
}

/// JSON in which texts may stand anywhere that this module looks.
fn payload() -> impl Strategy<Value = Value> {
    let text = || {
        proptest::collection::vec(
            prop_oneof![
                Just('\u{1b}'),
                Just('\u{9b}'),
                Just('\u{202e}'),
                Just('\r'),
                Just('\n'),
                any::<char>()
            ],
            0..8,
        )
        .prop_map(|chars| Value::String(chars.into_iter().collect()))
    };
    let part = (text(), text(), text(), 0..6).prop_map(|(a, b, c, kind)| match kind {
        0 => json!({"type": "text", "text": a}),
        1 => json!({"type": "thinking", "thinking": a}),
        2 => json!({"type": "tool_call", "tool_call": {"id": a, "name": b, "arguments": c}}),
        3 => json!({"type": "tool_call", "tool_call": {"id": a, "name": b, "arguments": {"x": c, (a.to_string()): b}}}),
        4 => json!({"type": "image", "media_type": a, "source": {"url": b}}),
        _ => json!({"type": a, "x": b}),
    });
    let role = prop_oneof![
        Just(json!("user")),
        Just(json!("assistant")),
        Just(json!("tool_result")),
        text()
    ];
    (
        role,
        proptest::collection::vec(part, 0..4),
        text(),
        text(),
        text(),
        any::<bool>(),
    )
        .prop_map(|(role, content, a, b, c, is_error)| {
            json!({"role": role, "content": content, "model": a, "provider": b, "response_model": c,
                "stop_reason": a, "error_message": b, "tool_name": c, "is_error": is_error})
        })
}

proptest! {
    #[test]
    fn nothing_is_shown_raw(payload in payload(), id in any::<String>(), full in any::<bool>()) {
        let compaction = Body::Compaction { summary: &id, first_kept: &id, tokens_before: None, tokens_after: None };
        let entries = [
            entry(&id, message(&payload, None)),
            entry(&id, compaction),
            entry(&id, Body::Unknown { kind: &id }),
        ];
        let text = show(&entries, full, false);
        // What is clean stays as it is when it is cleaned again.
        prop_assert_eq!(sanitize::multi_line(&text), text.as_str());
    }
}
