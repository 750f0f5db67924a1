//! `usage SESSION`: tokens and cost of one session; of several, see `spending.rs`.

use super::context::Usage;
use crate::args::{Global, Redact, Session as Spec, Usage as Args};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::usage::{self, Model, Scope};
use serde::Serialize;
use sessionlog::UsageReport;
use sessionlog::pricing::PriceTable;
use sessionlog::usage::{ModelUsage, ToldCost, UsageSection};
use sessionlog_core::Cost;
use std::borrow::Cow;
use std::path::Path;

/// Stands for a model that an answer does not name.
const UNNAMED: &str = "(unnamed)";

/// The answer of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    branch: OfSection<'a>,
    file: OfSection<'a>,
}

#[derive(Serialize)]
pub(super) struct OfSection<'a> {
    usage: Usage,
    /// Of the cache writes.
    cache_write_1h_tokens: Option<u64>,
    /// Of the output.
    reasoning_tokens: Option<u64>,
    /// Answers that reported no usage, which are not in the sums.
    unreported: u64,
    /// `None` if it is not known of all models.
    cost: Option<Dollars>,
    /// What is known of it.
    known_cost: Dollars,
    /// What it really cost may be more than what is known.
    lower_bound: bool,
    unknown_models: Vec<String>,
    told_cost: Told,
    models: Vec<OfModel<'a>>,
}

#[derive(Serialize)]
struct OfModel<'a> {
    provider: Option<&'a str>,
    model: Option<&'a str>,
    messages: u64,
    usage: Usage,
    unreported: u64,
    cost: Option<Dollars>,
    known_cost: Dollars,
    lower_bound: bool,
    told_cost: Told,
}

/// What answers themselves tell that they cost.
#[derive(Serialize)]
struct Told {
    /// Of those that tell; `None` if none does.
    usd: Option<String>,
    answers: u64,
    /// Answers that used something and do not tell.
    untold: u64,
}

/// Exact, in decimal.
#[derive(Serialize)]
struct Dollars {
    input_usd: String,
    output_usd: String,
    cache_read_usd: String,
    cache_write_usd: String,
    total_usd: String,
}

pub(crate) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let prices = match &args.prices {
        Some(path) => Cow::Owned(PriceTable::with_overrides(path)?),
        None => Cow::Borrowed(PriceTable::builtin()),
    };
    let one = match &args.sessions[..] {
        [one] if !args.many.wanted() && !Path::new(one).is_dir() => one.clone(),
        _ => return super::spending::run(args, &prices, global, out),
    };
    let session = Spec { session: one };
    let log = super::read(&session, Redact::default(), global, out)?;
    let report = UsageReport::of(&log, &prices);
    if let Some(path) = &report.missing_history {
        tell_missing(path, out);
    }
    if out.json {
        return out.json(&Report {
            branch: section(&report.branch),
            file: section(&report.file),
        });
    }
    let (branch, file) = (scope(&report.branch), scope(&report.file));
    let width = out.terminal.then_some(out.width);
    out.render(|data, styles| usage::write(data, &branch, &file, styles, width))?;
    if log.health().corrupt > 0 {
        tell_damage(log.path(), out);
    }
    Ok(())
}

/// What damaged lines used is not known.
pub(super) fn tell_damage(path: &Path, out: &mut Output) {
    out.warn(format_args!(
        "{} is damaged: what lost entries used is not in these figures; `sessionlog verify` tells more",
        path.display()
    ));
}

/// What was put away of a session is not where it should be.
pub(super) fn tell_missing(path: &Path, out: &mut Output) {
    out.warn(format_args!(
        "{}: cannot be read; it holds what was put away of the session, which is not in these figures",
        path.display()
    ));
}

/// What people see of a section.
pub(super) fn scope(section: &UsageSection) -> Scope {
    let model = |model: &ModelUsage| Model {
        provider: model.provider.clone(),
        model: model.model.clone().unwrap_or_else(|| UNNAMED.to_owned()),
        totals: model.totals,
        cost: model.cost,
        known: model.known,
        unpriced: model.unpriced,
        long_context: model.long_context,
        told: model.told,
    };
    Scope {
        totals: section.totals,
        models: section.models.iter().map(model).collect(),
        incomplete: section.incomplete,
    }
}

pub(super) fn section(section: &UsageSection) -> OfSection<'_> {
    OfSection {
        usage: Usage::of(&section.totals),
        cache_write_1h_tokens: section.totals.usage.cache_write_1h_tokens,
        reasoning_tokens: section.totals.usage.reasoning_tokens,
        unreported: section.totals.unreported,
        cost: section.cost.as_ref().map(dollars),
        known_cost: dollars(&section.known),
        lower_bound: section.is_lower_bound(),
        unknown_models: section.unknown_models(),
        told_cost: told(&section.told),
        models: section.models.iter().map(of_model).collect(),
    }
}

fn of_model(model: &ModelUsage) -> OfModel<'_> {
    OfModel {
        provider: model.provider.as_deref(),
        model: model.model.as_deref(),
        messages: model.messages,
        usage: Usage::without_turns(&model.totals),
        unreported: model.totals.unreported,
        cost: model.cost.as_ref().map(dollars),
        known_cost: dollars(&model.known),
        lower_bound: model.is_lower_bound(),
        told_cost: told(&model.told),
    }
}

fn told(cost: &ToldCost) -> Told {
    Told {
        usd: (cost.told > 0).then(|| cost.sum.to_string()),
        answers: cost.told,
        untold: cost.untold,
    }
}

fn dollars(cost: &Cost) -> Dollars {
    Dollars {
        input_usd: cost.input.to_string(),
        output_usd: cost.output.to_string(),
        cache_read_usd: cost.cache_read.to_string(),
        cache_write_usd: cost.cache_write.to_string(),
        total_usd: cost.total().to_string(),
    }
}
