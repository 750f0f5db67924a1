//! `context SESSION`: what the model is sent.

use super::entry;
use super::usage::{scope, tell_missing};
use crate::args::{Context as Args, Global};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::spent::{self, Sent};
use serde::Serialize;
use sessionlog::pricing::PriceTable;
use sessionlog::reader::{Context, MAX_LISTED};
use sessionlog::{HeaderInfo, SessionLog, UsageReport};
use sessionlog_core::UsageTotals;

pub(crate) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<(), Failure> {
    if out.json {
        let log = super::read_silently(&args.session, args.redact, global, out)?;
        return json(&log, &log.context(), out);
    }
    let log = super::read(&args.session, args.redact, global, out)?;
    let report = report(&log, out);
    let context = log.context();
    if context.summary.is_none() && context.messages.is_empty() {
        out.note(format_args!("The context is empty."));
    }
    let messages = context.messages.len() as u64;
    let sent = context.summary.into_iter().chain(context.messages);
    entry::draw(&log, sent, |_| false, &mut entry::Pen::new(true, out), out)?;
    let (branch, file) = (scope(&report.branch), scope(&report.file));
    let (summary, width, wrap) = (context.summary.is_some(), out.width, out.terminal);
    out.render(|data, styles| {
        let what = Sent { messages, summary };
        spent::write(data, &what, &branch, &file, styles, width, wrap)
    })
}

/// What was put away of the session counts too, here as in `usage`.
fn report(log: &SessionLog, out: &mut Output) -> UsageReport {
    let report = UsageReport::of(log, PriceTable::builtin());
    if let Some(path) = &report.missing_history {
        tell_missing(path, out);
    }
    report
}

#[derive(Serialize)]
struct Session<'a> {
    id: &'a str,
    version: u64,
    timestamp: &'a str,
    cwd: &'a str,
    parent_session: Option<&'a str>,
}

impl<'a> Session<'a> {
    fn of(header: &'a HeaderInfo) -> Self {
        Self {
            id: &header.id,
            version: header.version,
            timestamp: &header.timestamp,
            cwd: &header.cwd,
            parent_session: header.parent_session.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    r#type: &'static str,
    id: Option<&'a str>,
    summary: String,
    first_kept_entry_id: String,
    tokens_before: Option<u64>,
    tokens_after: Option<u64>,
}

/// The sums of `context` and `usage`.
#[derive(Serialize)]
pub(super) struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    turns: Option<u64>,
}

impl Usage {
    pub(super) fn of(totals: &UsageTotals) -> Self {
        let usage = &totals.usage;
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            total_tokens: usage.total_tokens(),
            turns: Some(totals.turns),
        }
    }

    /// Turns are nobody's but the session's.
    pub(super) fn without_turns(totals: &UsageTotals) -> Self {
        Self {
            turns: None,
            ..Self::of(totals)
        }
    }
}

#[derive(Serialize)]
struct Recovery {
    status: &'static str,
    corrupt_entries: u64,
    unknown_entries: u64,
    warnings: Vec<String>,
}

/// One object, written as it is read: of the payloads, one at a time is held.
fn json(log: &SessionLog, context: &Context, out: &mut Output) -> Result<(), Failure> {
    let id = |index: u32| log.node(index).and_then(|node| node.id);
    out.json_part("{\"session\":")?;
    out.json_part(&to_text(&log.header().map(Session::of))?)?;
    out.json_part(",\"tip\":")?;
    out.json_part(&to_text(&log.tip().and_then(id))?)?;
    out.json_part(",\"messages\":[")?;
    let mut comma = "";
    if let Some(index) = context.summary
        && let Some(compaction) = log.compaction(index)?
    {
        out.json_part(&to_text(&Summary {
            r#type: "compaction_summary",
            id: id(index),
            summary: compaction.summary,
            first_kept_entry_id: compaction.first_kept_entry_id,
            tokens_before: compaction.tokens_before,
            tokens_after: compaction.tokens_after,
        })?)?;
        comma = ",";
    }
    for index in &context.messages {
        let id = to_text(&id(*index))?;
        out.json_part(&format!(
            "{comma}{{\"type\":\"message\",\"id\":{id},\"message\":"
        ))?;
        out.json_part(log.payload(*index)?.get())?;
        out.json_part("}")?;
        comma = ",";
    }
    out.json_part("],\"usage\":")?;
    let usage = report(log, out).branch.totals;
    out.json_part(&to_text(&Usage::of(&usage))?)?;
    out.json_part(",\"recovery\":")?;
    out.json_part(&to_text(&recovery(log))?)?;
    out.json_part("}\n")
}

fn recovery(log: &SessionLog) -> Recovery {
    let health = log.health();
    let mut warnings: Vec<String> = super::damage(log)
        .into_iter()
        .map(ToString::to_string)
        .collect();
    let listed = warnings.len() as u64;
    let all = log.problem_count() + log.warning_count();
    if all > listed {
        warnings.push(format!(
            "{} more are not listed: of each kind, the first {MAX_LISTED} are",
            all - listed
        ));
    }
    Recovery {
        status: health.name(),
        corrupt_entries: health.corrupt,
        unknown_entries: log.unknown_count(),
        warnings,
    }
}

fn to_text<T: Serialize>(value: &T) -> Result<String, Failure> {
    Ok(serde_json::to_string(value)?)
}
