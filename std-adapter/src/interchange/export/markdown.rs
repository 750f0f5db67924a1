//! For people: the active branch as Markdown. Nothing in it is obeyed: no HTML, no picture that is fetched, no script in a
//! link, no control character.

use super::{Parts, To, words};
use crate::{
    Error,
    interchange::json::{Members, list},
    sanitize,
};
use sessionlog_core::record::Kind;
use std::fmt::Write as _;

/// What a link must not begin with.
const UNSAFE: [&str; 4] = ["javascript:", "vbscript:", "data:", "file:"];

pub(super) fn write(to: &mut To<'_>) -> Result<(), Error> {
    let log = to.log;
    let header = log.header().cloned().unwrap_or_default();
    let title = header.branch_name.as_deref().unwrap_or("Session");
    let mut page = format!("# {}\n\n", inline(title));
    for (name, value) in [
        ("Session", log.id().as_str()),
        ("Begun", &header.timestamp),
        ("Directory", &header.cwd),
        (
            "Continues",
            header.parent_session.as_deref().unwrap_or_default(),
        ),
    ] {
        if !value.is_empty() {
            let _ = writeln!(page, "- {name}: {}", code(value));
        }
    }
    to.bytes(page.as_bytes())?;
    let branch = log.tip().map(|tip| log.branch(tip)).unwrap_or_default();
    for index in branch {
        let Some(node) = log.node(index) else {
            continue;
        };
        let mut page = String::new();
        match node.kind {
            Kind::Compaction => {
                let _ = writeln!(page, "\n## Summary of what came before\n");
                page.push_str(&markdown(&log.summary(index)?));
            }
            Kind::Message => {
                let record = to.record(index)?;
                message(&mut page, &Parts::of(&record).payload);
            }
            _ => {
                to.done.left_out += 1;
                continue;
            }
        }
        to.done.entries += 1;
        to.bytes(page.as_bytes())?;
    }
    Ok(())
}

fn message(page: &mut String, payload: &Members<'_>) {
    let role = payload.text("role").unwrap_or_default();
    let word = |name: &str| payload.text(name).unwrap_or_default();
    let heading = match &*role {
        "user" => "User".to_owned(),
        "assistant" => match word("model") {
            model if model.is_empty() => "Assistant".to_owned(),
            model => format!("Assistant ({})", inline(&model)),
        },
        "tool_result" => {
            let failed = if payload.is_true("is_error") {
                ", failed"
            } else {
                ""
            };
            format!("Result of {}{failed}", code(&word("tool_name")))
        }
        other => inline(other),
    };
    let _ = writeln!(page, "\n## {heading}\n");
    if role == "tool_result" {
        page.push_str(&fenced(&words(payload)));
        return;
    }
    let parts = payload.get("content").and_then(list);
    let Some(parts) = parts else {
        page.push_str(&markdown(&words(payload)));
        return;
    };
    for part in parts.into_iter().filter_map(Members::of) {
        let text = |name: &str| part.text(name).unwrap_or_default();
        match &*text("type") {
            "text" => page.push_str(&markdown(&text("text"))),
            "thinking" => {
                let thought = markdown(&text("thinking"));
                for line in thought.lines() {
                    let _ = writeln!(page, "> {line}");
                }
            }
            "tool_call" => {
                let call = part.object("tool_call").unwrap_or_default();
                let name = call.text("name").unwrap_or_default();
                let _ = writeln!(page, "Calls {}:\n", code(&name));
                page.push_str(&fenced(&call.text("arguments").unwrap_or_default()));
            }
            "image" => {
                let _ = writeln!(page, "*Picture, {}*", inline(&text("media_type")));
            }
            kind => {
                let _ = writeln!(page, "*{}*", inline(kind));
            }
        }
        page.push('\n');
    }
}

/// Text as it is, in a block that nothing in it can end.
fn fenced(text: &str) -> String {
    let text = sanitize::multi_line(text);
    let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
    format!("{fence}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// A short text as code.
fn code(text: &str) -> String {
    let text = sanitize::field(text);
    let mark = "`".repeat(longest_run(&text, '`') + 1);
    match mark.len() {
        1 => format!("`{text}`"),
        _ => format!("{mark} {text} {mark}"),
    }
}

/// A short text in which no mark counts.
fn inline(text: &str) -> String {
    let text = sanitize::field(text);
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '|' | '~' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Markdown that a model or a user wrote: its marks count, but for those that could do harm. A block of code that is left
/// open is closed.
fn markdown(text: &str) -> String {
    let text = sanitize::multi_line(text);
    let mut safe = String::with_capacity(text.len() + 1);
    let mut open: Option<(char, usize)> = None;
    for line in text.lines() {
        let bare = line.trim_start_matches(' ');
        let mark = bare.chars().next().filter(|c| matches!(c, '`' | '~'));
        let run = mark.map_or(0, |mark| bare.chars().take_while(|c| *c == mark).count());
        let indented = line.len() - bare.len() > 3;
        match (open, mark) {
            (Some((with, length)), _) => {
                safe.push_str(line);
                let closes = mark == Some(with) && run >= length && !indented;
                if closes && bare[run..].trim().is_empty() {
                    open = None;
                }
            }
            (None, Some(mark))
                if run >= 3 && !indented && !(mark == '`' && bare[run..].contains('`')) =>
            {
                safe.push_str(line);
                open = Some((mark, run));
            }
            // A heading of its own would stand among ours.
            (None, _) => {
                if bare.starts_with('#') {
                    safe.push('\\');
                    safe.push_str(&harmless(bare));
                } else {
                    safe.push_str(&harmless(line));
                }
            }
        }
        safe.push('\n');
    }
    if let Some((mark, length)) = open {
        safe.extend(std::iter::repeat_n(mark, length));
        safe.push('\n');
    }
    safe
}

/// A line without HTML, pictures and links that are more than links.
fn harmless(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        match c {
            '<' => safe.push_str("&lt;"),
            '!' if rest[1..].starts_with('[') => safe.push_str("\\!"),
            ']' if rest[1..].starts_with(['(', ':']) => {
                safe.push_str(&rest[..2]);
                let target = rest[2..].trim_start().trim_start_matches('<');
                // Letters may be written as entities there: what hides its scheme has none.
                let scheme: String = target.chars().take(16).collect::<String>().to_lowercase();
                let hides = scheme.contains('&') || scheme.contains('%') || scheme.contains('\\');
                if hides || UNSAFE.iter().any(|word| scheme.starts_with(word)) {
                    safe.push_str("unsafe:");
                }
                rest = &rest[2..];
                continue;
            }
            c => safe.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    safe
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed() {
        for (text, safe) in [
            ("a <script>b</script>", "a &lt;script>b&lt;/script>\n"),
            ("![x](http://spy/)", "\\![x](http://spy/)\n"),
            (
                "[x](JavaScript:alert(1))",
                "[x](unsafe:JavaScript:alert(1))\n",
            ),
            ("[x]( <javascript:y>)", "[x](unsafe: &lt;javascript:y>)\n"),
            ("[x](java&#115;cript:y)", "[x](unsafe:java&#115;cript:y)\n"),
            ("[x]: data:text/html,y", "[x]:unsafe: data:text/html,y\n"),
            ("[x](https://ok/)", "[x](https://ok/)\n"),
            ("# mine", "\\# mine\n"),
            ("```html\n<b>\n", "```html\n<b>\n```\n"),
            ("~~~\n```\n<b>\n~~~\n<b>", "~~~\n```\n<b>\n~~~\n&lt;b>\n"),
            ("``` a`b\n<b>", "``` a`b\n&lt;b>\n"),
            ("\x1b[2Jx", "␛[2Jx\n"),
        ] {
            assert_eq!(markdown(text), safe, "{text}");
        }
        assert_eq!(fenced("a\n```\n<b>"), "````\na\n```\n<b>\n````\n");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(inline("<b>*x*\n"), "&lt;b>\\*x\\*␊");
    }
}
