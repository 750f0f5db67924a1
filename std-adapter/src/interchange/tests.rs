mod quick_way;

use super::*;
use crate::SessionLog;
use proptest::{collection::vec, prelude::*};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sessionlog_core::record::{Kind, Role};
use std::{fs, path::PathBuf};

fn samples() -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/foreign");
    let files = session_files(&dir).unwrap();
    let samples = files
        .into_iter()
        .filter(|path| !path.to_string_lossy().ends_with(".expect.json"));
    samples
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

fn source(bytes: &[u8]) -> Source {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let source = Source {
        path: "s.jsonl".into(),
        file,
        len: bytes.len() as u64,
    };
    packed::unpacked(source, u64::MAX).unwrap()
}

/// What is read from a file of this format. Whatever the file is, its stream is sound.
fn read(bytes: &[u8], format: Format) -> (SessionLog, Findings) {
    let source = source(bytes);
    let (file, len, findings, _) = converted(&source, format, true).unwrap();
    let log = SessionLog::read("s.jsonl".into(), file, len, |_, _| {}).unwrap();
    assert_eq!(log.problem_count(), 0, "{:?}", log.problems());
    assert!(log.header().is_some());
    // Only opi has leaves of its own, and may have lost what they name.
    assert!(format == Format::Opi2 || log.dangling_leaves() == 0);
    (log, findings)
}

fn exported(log: &SessionLog, target: Target) -> Vec<u8> {
    let mut out = Vec::new();
    export(log, target, &mut out).unwrap();
    out
}

type Changes = Vec<(prop::sample::Index, u8, u8)>;

/// What is done to a sample: bytes changed, put in, taken out or told twice, and the end cut off.
fn damages() -> impl Strategy<Value = (Changes, Option<prop::sample::Index>)> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8);
    (vec(change, 0..4), any::<Option<prop::sample::Index>>())
}

fn damage(bytes: &mut Vec<u8>, changes: Changes, cut: Option<prop::sample::Index>) {
    for (at, byte, kind) in changes {
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => {
                bytes.remove(at);
            }
            _ => {
                let line: Vec<u8> = bytes[at..].iter().copied().take(40).collect();
                bytes.splice(at..at, line);
            }
        }
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
}

fn lines_of(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn samples_are_recognised_by_their_contents() {
    let samples = samples();
    assert!(samples.len() >= 16, "{}", samples.len());
    for (path, bytes) in samples {
        let folder = path.parent().unwrap().file_name().unwrap();
        let found = recognise_in(&source(&bytes)).unwrap();
        assert_eq!(found.map(Format::name), folder.to_str(), "{path:?}");
    }
    for ours in [
        "",
        "{",
        "[1]",
        "{}",
        "text",
        r#"{"type":"session","version":1,"id":"x"}"#,
        r#"{"type":"session","version":9,"id":"x"}"#,
        r#"{"type":"message","id":"a","parent_id":null,"message":{"role":"user"}}"#,
        r#"{"messages":7,"version":1}"#,
        r#"{"type":"x","messages":[]}"#,
    ] {
        assert_eq!(
            recognise_in(&source(ours.as_bytes())).unwrap(),
            None,
            "{ours}"
        );
    }
}

#[test]
fn an_entry_of_every_line_is_there() {
    // What is written over is only what the format repeats: each line leaves at least one record.
    for (path, bytes) in samples() {
        let source = source(&bytes);
        let format = recognise_in(&source).unwrap().unwrap();
        if format == Format::ClawObject {
            continue;
        }
        let mut lines = source.lines();
        let mut all = 0;
        while lines.next().unwrap().is_some() {
            all += 1;
        }
        let header = u64::from(!matches!(format, Format::Claude | Format::Codex));
        let (_, _, findings, _) = converted(&source, format, false).unwrap();
        let mut from: Vec<u64> = findings.lines_told().collect();
        from.sort_unstable();
        from.dedup();
        assert!(
            from.len() as u64 >= all - header,
            "{path:?}: {from:?} of {all}"
        );
    }
}

#[test]
fn very_long_lines_are_carried_over_in_pieces() {
    let head = samples()
        .into_iter()
        .find(|(path, _)| path.ends_with("claude/traps.jsonl"));
    let mut bytes = head.unwrap().1;
    let text = "x".repeat(usize::try_from(lines::MAX_LINE).unwrap() + 100);
    let line = format!("{{\"type\":\"user\",\"uuid\":\"long\",\"message\":\"{text}\"}}\n");
    bytes.extend(line.as_bytes());
    let (log, findings) = read(&bytes, Format::Claude);
    assert_eq!(findings.damage(), (1, false));
    let kept: u64 = log
        .nodes()
        .filter(|node| log.type_name(node.index).unwrap() == "claude:damaged")
        .map(|node| {
            let record: Value =
                serde_json::from_slice(&log.read_record(node.index).unwrap()).unwrap();
            record["text"].as_str().unwrap().len() as u64
        })
        .sum();
    assert_eq!(kept, line.len() as u64 - 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done to a sample, it is read without a panic, and what is made of it is sound.
    #[test]
    fn damaged_samples_are_read(
        which in any::<prop::sample::Index>(),
        (changes, cut) in damages(),
    ) {
        let samples = samples();
        let (path, mut bytes) = samples[which.index(samples.len())].clone();
        if path.extension().is_some_and(|end| end == "zst") {
            return Ok(());
        }
        let format = recognise_in(&source(&bytes)).unwrap().unwrap();
        damage(&mut bytes, changes, cut);
        prop_assume!(!lines::is_blank(&bytes));
        let (log, _) = read(&bytes, format);
        for target in [Target::Jsonl, Target::Claw, Target::Pi] {
            // Numbers may be larger than every double.
            for line in exported(&log, target).split(|byte| *byte == b'\n') {
                let sound = line.is_empty() || serde_json::from_slice::<IgnoredAny>(line).is_ok();
                prop_assert!(sound, "{target:?}: {}", String::from_utf8_lossy(line));
            }
        }
        lines_of(&exported(&log, Target::Opi));
        exported(&log, Target::Markdown);
    }

    /// Damage in a packed file is an error or a shorter file, never more.
    #[test]
    fn damaged_packed_samples_are_read(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let samples = samples();
        let (_, packed) = samples.iter().find(|(path, _)| path.extension().unwrap() == "zst").unwrap();
        let mut packed = packed.clone();
        let at = at.index(packed.len());
        packed[at] = byte;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&packed).unwrap();
        let source = Source { path: "s".into(), file, len: packed.len() as u64 };
        if let Ok(source) = packed::unpacked(source, 1 << 20) {
            let _ = recognise_in(&source).unwrap();
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z <`\\\\\"\u{1f34e}é\n]{0,12}",
        Just("{\"a\": [1, 2".to_owned()),
        Just("… [truncated for session JSONL]".to_owned()),
    ]
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<u64>().prop_map(|n| json!(n)),
        text().prop_map(|t| json!(t)),
        vec(any::<bool>(), 0..3).prop_map(|l| json!({"list": l, "of": {"x": 0.5}})),
    ]
}

fn claw_block() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|t| json!({"type": "text", "text": t})),
        (text(), odd())
            .prop_map(|(t, o)| json!({"type": "thinking", "thinking": t, "signature": o})),
        (text(), text())
            .prop_map(|(id, i)| json!({"type": "tool_use", "id": id, "name": "bash", "input": i})),
        (text(), odd()).prop_map(
            |(o, x)| json!({"type": "tool_result", "tool_use_id": "t", "tool_name": "bash",
            "output": o, "is_error": false, "more": x})
        ),
        odd().prop_map(|o| json!({"type": "novel", "input": o})),
    ]
}

fn claw_message() -> impl Strategy<Value = Value> {
    let role = prop::sample::select(vec![
        "system",
        "user",
        "assistant",
        "tool",
        "other",
        "tool_result",
    ]);
    let usage = prop::option::of((any::<u32>(), odd()).prop_map(|(n, o)| {
        json!({"input_tokens": n, "output_tokens": 2, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": n, "extra": o})
    }));
    (
        role,
        vec(claw_block(), 0..4),
        usage,
        prop::option::of(odd()),
    )
        .prop_map(|(role, blocks, usage, more)| {
            let mut message = json!({"role": role, "blocks": blocks});
            if let Some(usage) = usage {
                message["usage"] = usage;
            }
            if let Some(more) = more {
                message["extra"] = more;
            }
            message
        })
}

fn claw_line() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => claw_message().prop_map(|m| json!({"type": "message", "message": m})),
        1 => (claw_message(), odd()).prop_map(|(m, o)| json!({"type": "message", "message": m, "at": o})),
        1 => text().prop_map(|t| json!({"type": "prompt_history", "text": t, "timestamp_ms": 1})),
        1 => odd().prop_map(|o| json!({"type": "novel", "it": o})),
    ]
}

fn jsonl(lines: &[Value]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What came from claw-code goes back as it came, but for the order of members.
    #[test]
    fn claw_goes_back(
        mut lines in vec(claw_line(), 0..12),
        summary in prop::option::of(text()),
        place in any::<prop::sample::Index>(),
        fork in prop::option::of(text()),
        cwd in prop::option::of(text()),
        model in prop::option::of("[a-z0-9-]{1,8}"),
        created in 0..253_402_300_799_999u64,
    ) {
        let mut meta = json!({"type": "session_meta", "version": 1, "session_id": "session-1-0",
            "created_at_ms": created, "updated_at_ms": created.saturating_add(5)});
        if let Some(name) = fork {
            meta["fork"] = json!({"parent_session_id": "session-0-0", "branch_name": name});
        }
        if let Some(cwd) = cwd {
            meta["workspace_root"] = json!(cwd);
        }
        if let Some(model) = model {
            meta["model"] = json!(model);
        }
        let summary = summary.map(|s| json!({"type": "compaction", "summary": s, "count": 1, "removed_message_count": 4}));
        // Its place is before the messages; wherever it stands, nothing is lost.
        let place = place.index(lines.len() + 1);
        lines.splice(place..place, summary);
        lines.insert(0, meta);
        let (log, findings) = read(&jsonl(&lines), Format::Claw);
        prop_assert_eq!(findings.damage(), (0, false));
        let back = exported(&log, Target::Claw);
        prop_assert_eq!(lines_of(&back), lines);
        // And once more.
        let (log, _) = read(&back, Format::Claw);
        prop_assert_eq!(exported(&log, Target::Claw), back);
    }

    /// So does claw-code's one object.
    #[test]
    fn claw_object_goes_back(
        messages in vec(claw_message(), 0..8),
        prompts in vec(text(), 0..3),
        summary in prop::option::of(text()),
        id in any::<bool>(),
        time in any::<bool>(),
        pretty in any::<bool>(),
    ) {
        let mut whole = json!({"version": 1, "messages": messages});
        if id {
            whole["session_id"] = json!("session-1-0");
        }
        if time {
            whole["created_at_ms"] = json!(7);
            whole["updated_at_ms"] = json!(9);
        }
        if let Some(summary) = summary {
            whole["compaction"] = json!({"summary": summary, "count": 1, "removed_message_count": 4});
        }
        if !prompts.is_empty() {
            whole["prompt_history"] = prompts.iter().map(|t| json!({"text": t, "timestamp_ms": 3})).collect();
        }
        let bytes = match pretty {
            true => serde_json::to_vec_pretty(&whole).unwrap(),
            false => serde_json::to_vec(&whole).unwrap(),
        };
        let format = recognise_in(&source(&bytes)).unwrap();
        prop_assert_eq!(format, Some(Format::ClawObject));
        let (log, findings) = read(&bytes, Format::ClawObject);
        prop_assert_eq!(findings.damage(), (0, false));
        let back: Value = serde_json::from_slice(&exported(&log, Target::Claw)).unwrap();
        prop_assert_eq!(back, whole);
    }
}

fn pi_message() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        text().prop_map(|t| json!({"type": "text", "text": t})),
        (text(), odd())
            .prop_map(|(t, o)| json!({"type": "thinking", "thinking": t, "thinkingSignature": o})),
        (text(), odd()).prop_map(
            |(id, o)| json!({"type": "toolCall", "id": id, "name": "n", "arguments": {"a": o}})
        ),
        text().prop_map(|t| json!({"type": "image", "data": t, "mimeType": "image/png"})),
        odd().prop_map(|o| json!({"type": "novel", "it": o})),
    ];
    let content = vec(part, 0..4);
    prop_oneof![
        (content.clone(), any::<u32>()).prop_map(|(c, t)| json!({"role": "user", "content": c, "timestamp": t})),
        (content.clone(), any::<u32>(), odd(), prop::sample::select(vec!["stop", "toolUse", "length", "aborted", "novel"]))
            .prop_map(|(c, n, o, stop)| json!({"role": "assistant", "content": c, "api": "novel-api", "provider": "p", "model": "m",
                "usage": {"input": n, "output": 1, "cacheRead": 2, "cacheWrite": 3, "totalTokens": n, "cost": {"total": 0.25}},
                "stopReason": stop, "timestamp": n, "more": o})),
        (content, odd()).prop_map(|(c, o)| json!({"role": "toolResult", "toolCallId": "t", "toolName": "n", "content": c,
            "details": {"d": o}, "isError": true, "timestamp": 1})),
        (text(), text()).prop_map(|(c, o)| json!({"role": "bashExecution", "command": c, "output": o, "exitCode": 0, "timestamp": 1})),
    ]
}

fn pi_entry() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => pi_message().prop_map(|m| json!({"type": "message", "message": m})),
        1 => text().prop_map(|t| json!({"type": "compaction", "summary": t, "tokensBefore": 5, "firstKeptEntryId": "none", "fromHook": true})),
        1 => text().prop_map(|t| json!({"type": "branch_summary", "summary": t, "fromId": "e0"})),
        1 => odd().prop_map(|o| json!({"type": "custom", "customType": "c", "data": o})),
        1 => text().prop_map(|t| json!({"type": "custom_message", "customType": "c", "content": t, "display": false})),
        1 => text().prop_map(|t| json!({"type": "label", "targetId": "e0", "label": t})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What came from pi goes back as it came, branches included.
    #[test]
    fn pi_goes_back(entries in vec((pi_entry(), any::<prop::sample::Index>(), any::<bool>()), 1..14)) {
        let mut lines = vec![json!({"type": "session", "version": 3, "id": "s-1", "timestamp": "2026-06-07T08:09:05.000Z", "cwd": "/w"})];
        for (number, (mut entry, parent, root)) in entries.into_iter().enumerate() {
            entry["id"] = json!(format!("e{number}"));
            entry["parentId"] = match (number, root) {
                (0, _) => json!(null),
                (_, true) => json!(format!("e{}", number - 1)),
                _ => json!(format!("e{}", parent.index(number))),
            };
            entry["timestamp"] = json!("2026-06-07T08:09:06.000Z");
            lines.push(entry);
        }
        let (log, findings) = read(&jsonl(&lines), Format::Pi);
        prop_assert_eq!(findings.damage(), (0, false));
        let back = lines_of(&exported(&log, Target::Pi));
        prop_assert_eq!(back, lines);
    }
}

/// JavaScript writes half a surrogate pair where a text was cut within a character: the line counts, with a replacement
/// character there, and is told of and kept as it stands.
#[test]
fn lines_with_half_a_surrogate_pair_are_lost_in_nothing() {
    let claude = |text: &str| {
        r#"{"type":"assistant","uuid":"u1","parentUuid":null,"sessionId":"s","timestamp":"2026-05-22T12:00:00.000Z","cwd":"/w","message":{"id":"m","role":"assistant","model":"claude-x","content":[{"type":"text","text":"{text}"}],"usage":{"input_tokens":7,"output_tokens":1}}}"#
            .replace("{text}", text)
    };
    let codex = |text: &str| {
        r#"{"timestamp":"2026-05-22T12:00:00.000Z","type":"response_item","payload":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"{text}"}]}}
{"timestamp":"2026-05-22T12:00:00.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":7,"output_tokens":1}}}}"#
            .replace("{text}", text)
    };
    let pi = |text: &str| {
        r#"{"type":"session","version":3,"id":"s","timestamp":"2026-05-22T12:00:00.000Z","cwd":"/w"}
{"type":"message","id":"a1","parentId":null,"timestamp":"2026-05-22T12:00:00.000Z","message":{"role":"assistant","content":[{"type":"text","text":"{text}"}],"provider":"p","model":"m","usage":{"input":7,"output":1,"cacheRead":0,"cacheWrite":0},"stopReason":"stop","timestamp":1}}"#
            .replace("{text}", text)
    };
    type Made<'m> = &'m dyn Fn(&str) -> String;
    let cases: [(Format, Made<'_>); 3] = [
        (Format::Claude, &claude),
        (Format::Codex, &codex),
        (Format::Pi, &pi),
    ];
    for (format, line) in cases {
        let text = line(r"an apple \ud83c and \ud83c\udf4e");
        let bytes = format!("{text}\n").into_bytes();
        assert_eq!(recognise_in(&source(&bytes)).unwrap(), Some(format));
        let (log, findings) = read(&bytes, format);
        assert_eq!(findings.damage(), (1, false), "{format}");
        assert_eq!(log.spent().usage.total_tokens(), 8, "{format}");
        let said = log.nodes().find(|node| node.kind == Kind::Message).unwrap();
        assert_eq!(
            log.first_text(said.index, 99).unwrap().as_deref(),
            Some("an apple \u{fffd} and \u{1f34e}")
        );
        let kept = log.nodes().find(|node| {
            node.kind == Kind::Unknown && log.type_name(node.index).unwrap().ends_with(":damaged")
        });
        let record = log.read_record(kept.unwrap().index).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        let original = text.lines().find(|line| line.contains("ud83c")).unwrap();
        assert_eq!(record["text"], original, "{format}");
        quick_way::same_quickly(&bytes, format.name());
        // What is whole is not touched.
        let whole = format!("{}\n", line(r"\ud83c\udf4e \\ud83c"));
        assert_eq!(read(whole.as_bytes(), format).1.damage(), (0, false));
    }
}

/// opi refuses a number that is larger than every double: it becomes text there.
#[test]
fn numbers_that_opi_refuses_become_text() {
    let text = r#"{"type":"session","version":3,"id":"s","timestamp":"2026-05-22T12:00:00.000Z","cwd":"/w"}
{"type":"message","id":"a1","parentId":null,"timestamp":"2026-05-22T12:00:00.000Z","message":{"role":"toolResult","toolCallId":"t","toolName":"n","content":[{"type":"text","text":"x","n":1e999}],"details":{"n":-1e999},"isError":false,"timestamp":1}}
"#;
    let (log, _) = read(text.as_bytes(), Format::Pi);
    let lines = lines_of(&exported(&log, Target::Opi));
    let message = &lines[1]["message"];
    assert_eq!(message["details"], r#"{"n":-1e999}"#);
    assert_eq!(message["content"][0]["type"], "text");
    assert!(
        message["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("1e999")
    );
    // Ours keeps it as it is.
    let ours = String::from_utf8(exported(&log, Target::Jsonl)).unwrap();
    assert!(ours.contains(r#""details":{"n":-1e999}"#));
}
