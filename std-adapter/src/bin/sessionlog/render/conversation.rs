//! `show`: the conversation.

use super::Styles;
use super::content::{self, Part};
use super::format::{Times, middle, thousands};
use super::wrap;
use anstyle::Style;
use serde_json::Value;
use sessionlog::sanitize;
use sessionlog_core::{Timestamp, Usage, compaction::estimate_tokens};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Lines of a tool's arguments and of its result, when they are cut.
const ARGUMENT_LINES: usize = 12;
const RESULT_LINES: usize = 16;
/// Columns of a line in them: a minified file is one line.
const LINE_WIDTH: usize = 400;
/// Columns of a model's name in a heading at least.
const SOURCE_WIDTH: usize = 16;
/// Columns of a rule at most.
const RULE_WIDTH: usize = 100;

/// An entry of the branch, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: Option<Timestamp>,
    /// A later summary stands for it in the context.
    pub(crate) compacted: bool,
    pub(crate) body: Body<'a>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'a> {
    Message {
        /// The payload.
        message: &'a Value,
        /// What the provider reported (F18).
        usage: Option<Usage>,
    },
    Compaction {
        summary: &'a str,
        first_kept: &'a str,
        tokens_before: Option<u64>,
        tokens_after: Option<u64>,
    },
    /// An entry of a type that is not ours: kept, and no part of the context.
    Unknown { kind: &'a str },
}

/// How to show it.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) styles: &'v Styles,
    pub(crate) times: &'v Times,
    pub(crate) width: usize,
    /// Cut nothing.
    pub(crate) full: bool,
    /// Break lines between words, so that they keep their indent on a terminal.
    pub(crate) wrap: bool,
}

/// Writes entries as they come; holds none of them.
pub(crate) struct Conversation<'v> {
    view: View<'v>,
    drawn: &'v mut Drawn,
}

/// What stands above the next entry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drawn {
    turn: u64,
    begun: bool,
}

impl<'v> Conversation<'v> {
    pub(crate) fn new(view: View<'v>, drawn: &'v mut Drawn) -> Self {
        Self { view, drawn }
    }

    /// Writes the next entry.
    pub(crate) fn entry(&mut self, out: &mut dyn Write, entry: &Entry<'_>) -> io::Result<()> {
        if self.drawn.begun {
            writeln!(out)?;
        }
        self.drawn.begun = true;
        let s = self.view.styles;
        match entry.body {
            Body::Message { message, usage } => self.message(out, entry, message, usage),
            Body::Compaction {
                summary,
                first_kept,
                tokens_before,
                tokens_after,
            } => {
                let mut title = format!("compaction  {}", sanitize::field(entry.id));
                title.push_str(&self.time(entry));
                self.rule(out, &title, if entry.compacted { s.dim } else { s.summary })?;
                let kept = format!("kept from {} on", sanitize::field(first_kept));
                let tokens = match (tokens_before, tokens_after) {
                    (Some(before), Some(after)) => format!(
                        "{} tokens before; about {} of this summary and {} {kept}",
                        thousands(before),
                        thousands(estimate_tokens(summary.len() as u64)),
                        thousands(after),
                    ),
                    _ => kept,
                };
                self.text(out, &tokens, s.dim, usize::MAX)?;
                self.text(out, summary, self.shade(entry, s.plain), usize::MAX)
            }
            Body::Unknown { kind } => {
                let (dim, kind, id) = (s.dim, sanitize::field(kind), sanitize::field(entry.id));
                writeln!(
                    out,
                    "{dim}{kind}  {id}  (unknown entry, no part of the context){dim:#}"
                )
            }
        }
    }

    fn message(
        &mut self,
        out: &mut dyn Write,
        entry: &Entry<'_>,
        message: &Value,
        usage: Option<Usage>,
    ) -> io::Result<()> {
        let s = self.view.styles;
        let word = |name: &str| {
            message
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let role = word("role");
        let (label, style) = match role {
            "user" => ("user".into(), s.user),
            "assistant" => ("assistant".into(), s.assistant),
            "tool_result" => ("← tool result".into(), s.tool),
            "" => ("message".into(), s.heading),
            other => (sanitize::field(other), s.heading),
        };
        if role == "user" {
            self.drawn.turn = self.drawn.turn.saturating_add(1);
            self.rule(out, &format!("turn {}", thousands(self.drawn.turn)), s.dim)?;
        }
        let style = self.shade(entry, style);
        let failed = message.get("is_error") == Some(&Value::Bool(true));
        write!(out, "{style}{label}{style:#}")?;
        if role == "tool_result" {
            let style = self.shade(entry, if failed { s.error } else { s.plain });
            let end = if failed { " failed" } else { "" };
            write!(
                out,
                "  {style}{}{end}{style:#}",
                sanitize::field(word("tool_name"))
            )?;
        }
        let source = match role {
            "assistant" => content::model(message),
            "tool_result" if !word("tool_call_id").is_empty() => {
                format!("  of {}", sanitize::field(word("tool_call_id")))
            }
            _ => String::new(),
        };
        let compacted = if entry.compacted { "  compacted" } else { "" };
        let (dim, id, time) = (s.dim, sanitize::field(entry.id), self.time(entry));
        let source = match self.view.wrap {
            true => {
                let used = [&*label, "  ", &*id, &*time, compacted].map(UnicodeWidthStr::width);
                let room = self.view.width.saturating_sub(used.iter().sum());
                middle(&source, room.max(SOURCE_WIDTH))
            }
            false => source.into(),
        };
        writeln!(out, "  {dim}{id}{time}{source}{compacted}{dim:#}")?;
        self.parts(out, entry, message, role)?;
        if role == "assistant" {
            self.end_of_answer(
                out,
                entry,
                word("stop_reason"),
                word("error_message"),
                usage,
            )?;
        }
        Ok(())
    }

    fn parts(
        &self,
        out: &mut dyn Write,
        entry: &Entry<'_>,
        message: &Value,
        role: &str,
    ) -> io::Result<()> {
        let s = self.view.styles;
        let plain = self.shade(entry, s.plain);
        for part in content::parts(message) {
            match part {
                Part::Text(text) if role == "tool_result" => {
                    self.text(out, text, plain, RESULT_LINES)?;
                }
                Part::Text(text) => self.text(out, text, plain, usize::MAX)?,
                Part::Thinking(text) => {
                    // A bar on each line: without colour too it is no part of the answer.
                    writeln!(out, "  {0}thinking{0:#}", s.dim)?;
                    self.lines(out, text, "  │ ", s.dim, usize::MAX)?;
                }
                Part::Call {
                    id,
                    name,
                    arguments,
                } => {
                    let style = self.shade(entry, s.tool);
                    let (dim, id, name) = (s.dim, sanitize::field(id), sanitize::field(name));
                    writeln!(out, "  {style}→ call {name}{style:#}  {dim}{id}{dim:#}")?;
                    self.lines(out, &arguments, "      ", plain, ARGUMENT_LINES)?;
                }
                Part::Other(text) => self.text(out, &text, s.dim, ARGUMENT_LINES)?,
            }
        }
        Ok(())
    }

    /// What the answer cost in tokens, and why it ended if not as usual.
    fn end_of_answer(
        &self,
        out: &mut dyn Write,
        entry: &Entry<'_>,
        stop_reason: &str,
        error: &str,
        usage: Option<Usage>,
    ) -> io::Result<()> {
        let s = self.view.styles;
        match stop_reason {
            "" | "stop" | "tool_use" => {}
            reason => {
                let style = self.shade(entry, if reason == "error" { s.error } else { s.warn });
                writeln!(
                    out,
                    "  {style}ended by: {}{style:#}",
                    sanitize::field(reason)
                )?;
            }
        }
        if !error.is_empty() {
            self.text(out, error, self.shade(entry, s.error), RESULT_LINES)?;
        }
        let dim = s.dim;
        let Some(usage) = usage else {
            return writeln!(out, "  {dim}tokens: unknown{dim:#}");
        };
        write!(out, "  {dim}tokens: {} in", thousands(usage.input_tokens))?;
        for (tokens, name) in [
            (usage.cache_read_tokens, "cache read"),
            (usage.cache_write_tokens, "cache write"),
        ] {
            if tokens > 0 {
                write!(out, ", {} {name}", thousands(tokens))?;
            }
        }
        write!(out, ", {} out", thousands(usage.output_tokens))?;
        if let Some(reasoning) = usage.reasoning_tokens.filter(|tokens| *tokens > 0) {
            write!(out, " ({} reasoning)", thousands(reasoning))?;
        }
        writeln!(out, "{dim:#}")
    }

    /// Text of a session below its heading.
    fn text(&self, out: &mut dyn Write, text: &str, style: Style, limit: usize) -> io::Result<()> {
        self.lines(out, text, "  ", style, limit)
    }

    fn lines(
        &self,
        out: &mut dyn Write,
        text: &str,
        indent: &str,
        style: Style,
        limit: usize,
    ) -> io::Result<()> {
        let cuts = !self.view.full && limit != usize::MAX;
        let mut lines = text.trim_end_matches(['\n', '\r']).split('\n');
        let limit = if cuts { limit } else { usize::MAX };
        for line in lines.by_ref().take(limit) {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let line = sanitize::multi_line(line);
            let shown = if cuts {
                sanitize::truncate(&line, LINE_WIDTH)
            } else {
                line
            };
            if shown.is_empty() {
                writeln!(out, "{}", indent.trim_end())?;
            } else {
                let room = match self.view.wrap {
                    true => self.view.width.saturating_sub(indent.width()),
                    false => usize::MAX,
                };
                for piece in wrap::pieces(&shown, room) {
                    writeln!(out, "{indent}{style}{piece}{style:#}")?;
                }
            }
        }
        let more = lines.count() as u64;
        if more > 0 {
            let (dim, more) = (
                self.view.styles.dim,
                super::format::count(more, "more line", "more lines"),
            );
            writeln!(out, "{indent}{dim}… {more}, which --full shows{dim:#}")?;
        }
        Ok(())
    }

    /// A line across, with a title that is clean.
    fn rule(&self, out: &mut dyn Write, title: &str, style: Style) -> io::Result<()> {
        let width = self.view.width.min(RULE_WIDTH);
        let rest = width.saturating_sub(title.chars().count() + 4);
        writeln!(out, "{style}── {title} {}{style:#}", "─".repeat(rest))
    }

    fn time(&self, entry: &Entry<'_>) -> String {
        let time = entry.timestamp.map(|time| self.view.times.clock(time));
        time.map_or(String::new(), |time| format!("  {time}"))
    }

    /// What is compacted steps back.
    fn shade(&self, entry: &Entry<'_>, style: Style) -> Style {
        if entry.compacted {
            self.view.styles.dim
        } else {
            style
        }
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
