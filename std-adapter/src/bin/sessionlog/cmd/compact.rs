//! `compact SESSION`: a summary stands for the older part of the context.

use crate::args::{Compact, Global, Keep as Wish};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{count, thousands};
use serde::Serialize;
use sessionlog::{Session, SessionLog};
use sessionlog_core::compaction::{Keep, Reason, estimate_tokens};
use sessionlog_core::journal::Options;
use sessionlog_core::record::Kind;

/// The answer of `--json`.
#[derive(Serialize)]
struct Compacted<'a> {
    id: &'a str,
    first_kept_entry_id: &'a str,
    tokens_before: u64,
    tokens_after: u64,
}

pub(crate) fn run(args: &Compact, global: &Global, out: &mut Output) -> Result<(), Failure> {
    if args
        .summary
        .as_ref()
        .is_some_and(|text| text.trim().is_empty())
    {
        return Err(Failure::Usage("the summary says nothing".to_owned()));
    }
    let keep = match args.keep {
        Wish::Quarter => Keep::LastQuarter,
        Wish::Tokens(n) => Keep::LastTokens(n),
        Wish::Messages(n) => Keep::LastMessages(n),
    };
    let path = super::find(&args.session.session, global)?;
    let counted = is_counted(&SessionLog::open(&path)?);
    let mut session = Session::open(&path, Options::default())?;
    let plan = session.plan(Reason::Manual, keep)?;
    let summary = match &args.summary {
        Some(summary) => summary.clone(),
        None => session.default_summary(&plan)?,
    };
    let id = session.commit(&plan, &summary)?;
    let first_kept = plan.first_kept.as_str();
    if out.json {
        out.json(&Compacted {
            id: id.as_str(),
            first_kept_entry_id: first_kept,
            tokens_before: plan.tokens_before,
            tokens_after: plan.cut.tokens,
        })?;
    } else {
        out.line(format_args!("{}", id.as_str()))?;
    }
    // The record's `tokens_after` leaves the summary out, as opi's does; who reads this wants the whole.
    let summary_tokens = estimate_tokens(summary.len() as u64);
    let before = thousands(plan.tokens_before);
    if counted {
        out.note(format_args!(
            "Before: {before} tokens: the provider's last count, and an estimate of what came since."
        ));
    } else {
        out.note(format_args!("Before: about {before} tokens, an estimate."));
    }
    out.note(format_args!(
        "After: about {} tokens, an estimate: {} of the summary, {} of {} from {first_kept} on.",
        thousands(summary_tokens.saturating_add(plan.cut.tokens)),
        thousands(summary_tokens),
        thousands(plan.cut.tokens),
        count(plan.cut.kept as u64, "message", "messages"),
    ));
    if plan.cut.limited {
        out.note(format_args!(
            "That is less than --keep asks for: a cut is chosen among the newest messages only."
        ));
    }
    Ok(())
}

/// The provider has counted the context since it was last compacted: an answer on the branch says what it used.
fn is_counted(log: &SessionLog) -> bool {
    let branch = log.tip().map(|tip| log.branch(tip)).unwrap_or_default();
    let nodes = branch.iter().rev().filter_map(|index| log.node(*index));
    nodes
        .take_while(|node| node.kind != Kind::Compaction)
        .any(|node| node.usage.is_some())
}
