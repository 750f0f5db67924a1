//! `compact SESSION`: a summary stands for the older part of the context.

use crate::args::{Compact, Global, Keep as Wish};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{count, thousands};
use serde::Serialize;
use sessionlog::Session;
use sessionlog_core::compaction::{Keep, Reason};
use sessionlog_core::journal::Options;

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
    out.note(format_args!(
        "The context had about {} tokens. Now it has a summary and {} of about {} tokens, from {first_kept} on.",
        thousands(plan.tokens_before),
        count(plan.cut.kept as u64, "message", "messages"),
        thousands(plan.cut.tokens),
    ));
    if plan.cut.limited {
        out.note(format_args!(
            "That is less than --keep asks for: a cut is chosen among the newest messages only."
        ));
    }
    Ok(())
}
