//! `usage`: tokens and money.

use super::Styles;
use super::format::{self, thousands};
use super::table::{Cell, Side, Table};
use sessionlog::sanitize;
use sessionlog_core::{Cost, PicoUsd, UsageTotals};
use std::io::{self, Write};

/// The active branch, or all of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Its sums.
    pub(crate) totals: UsageTotals,
    /// By model, in the order to show.
    pub(crate) models: Vec<Model>,
}

/// What one model used.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) provider: Option<String>,
    pub(crate) model: String,
    pub(crate) totals: UsageTotals,
    /// `None`: a tier that was used has no known price.
    pub(crate) cost: Option<Cost>,
    /// A long request had a higher price than was counted, so that `cost` is a lower bound.
    pub(crate) long_context: bool,
}

impl Scope {
    /// What it cost; `None` if that is unknown of any model.
    pub(crate) fn cost(&self) -> Option<Cost> {
        let costs = self.models.iter().map(|model| model.cost);
        costs.sum_known()
    }

    pub(super) fn is_lower_bound(&self) -> bool {
        !self.totals.is_complete() || self.models.iter().any(|model| model.long_context)
    }
}

trait SumKnown {
    fn sum_known(self) -> Option<Cost>;
}

impl<I: Iterator<Item = Option<Cost>>> SumKnown for I {
    fn sum_known(mut self) -> Option<Cost> {
        self.try_fold(Cost::default(), |sum, cost| {
            Some(sum.saturating_add(&cost?))
        })
    }
}

/// Writes the table, the models, and what is not known.
pub(crate) fn write(
    out: &mut dyn Write,
    branch: &Scope,
    file: &Scope,
    styles: &Styles,
) -> io::Result<()> {
    sums(branch, file, styles).write(out)?;
    writeln!(out)?;
    models(branch, file, styles).write(out)?;
    remarks(out, branch, file, styles)
}

fn sums(branch: &Scope, file: &Scope, s: &Styles) -> Table<'static> {
    let sides = [
        Side::Left,
        Side::Right,
        Side::Right,
        Side::Right,
        Side::Right,
    ];
    let mut table = Table::new(&sides);
    let head = ["all models", "active branch", "USD", "whole file", "USD"];
    table.row(head.map(|text| Cell::new(text, s.heading)));
    let mut row = |name: &'static str,
                   style,
                   tokens: fn(&UsageTotals) -> Option<u64>,
                   cost: Option<fn(&Cost) -> PicoUsd>| {
        let mut cells = vec![Cell::new(name, style)];
        for scope in [branch, file] {
            let tokens = tokens(&scope.totals).map_or("?".to_owned(), thousands);
            let cost = cost.map_or(String::new(), |tier| {
                usd(scope.cost().map(|cost| tier(&cost)), scope.is_lower_bound())
            });
            cells.extend([Cell::new(tokens, style), Cell::new(cost, style)]);
        }
        table.row(cells);
    };
    row(
        "input",
        s.plain,
        |t| Some(t.usage.input_tokens),
        Some(|c| c.input),
    );
    row(
        "cache read",
        s.plain,
        |t| Some(t.usage.cache_read_tokens),
        Some(|c| c.cache_read),
    );
    row(
        "cache write",
        s.plain,
        |t| Some(t.usage.cache_write_tokens),
        Some(|c| c.cache_write),
    );
    if [branch, file]
        .iter()
        .any(|scope| scope.totals.usage.cache_write_1h_tokens.is_some())
    {
        row(
            "  of it for 1 h",
            s.dim,
            |t| t.usage.cache_write_1h_tokens,
            None,
        );
    }
    row(
        "output",
        s.plain,
        |t| Some(t.usage.output_tokens),
        Some(|c| c.output),
    );
    if [branch, file]
        .iter()
        .any(|scope| scope.totals.usage.reasoning_tokens.is_some())
    {
        row(
            "  of it reasoning",
            s.dim,
            |t| t.usage.reasoning_tokens,
            None,
        );
    }
    row(
        "total",
        s.heading,
        |t| Some(t.usage.total_tokens()),
        Some(Cost::total),
    );
    row("turns", s.plain, |t| Some(t.turns), None);
    table
}

fn models<'t>(branch: &'t Scope, file: &'t Scope, s: &Styles) -> Table<'t> {
    let sides = [
        Side::Left,
        Side::Right,
        Side::Right,
        Side::Right,
        Side::Right,
    ];
    let mut table = Table::new(&sides);
    let head = ["by model", "active branch", "USD", "whole file", "USD"];
    table.row(head.map(|text| Cell::new(text, s.heading)));
    // A model of the branch is also one of the file.
    for model in &file.models {
        let here = branch.models.iter().find(|other| other.same(model));
        let mut cells = vec![Cell::new(model.name(), s.plain)];
        for scope in [here, Some(model)] {
            let (tokens, cost) = match scope {
                None => (String::new(), String::new()),
                Some(of) => (
                    thousands(of.totals.usage.total_tokens()),
                    usd(of.cost.map(|cost| cost.total()), of.is_lower_bound()),
                ),
            };
            cells.extend([Cell::new(tokens, s.plain), Cell::new(cost, s.plain)]);
        }
        table.row(cells);
    }
    table
}

fn remarks(out: &mut dyn Write, branch: &Scope, file: &Scope, s: &Styles) -> io::Result<()> {
    let warn = s.warn;
    let unpriced: Vec<&Model> = file.models.iter().filter(|m| m.cost.is_none()).collect();
    if !unpriced.is_empty() {
        let names: Vec<String> = unpriced.iter().map(|model| model.name()).collect();
        let names = names.join(", ");
        writeln!(out)?;
        writeln!(
            out,
            "{warn}No price is known{warn:#} for {names}. --prices FILE can give one."
        )?;
        for (scope, what) in [(branch, "active branch"), (file, "file")] {
            let known: PicoUsd = scope
                .models
                .iter()
                .filter_map(|m| m.cost)
                .map(|c| c.total())
                .sum();
            if scope.cost().is_none() {
                let known = usd(Some(known), scope.is_lower_bound());
                writeln!(out, "What is known of the {what} cost {known} USD.")?;
            }
        }
    }
    if !file.totals.is_complete() {
        let answers = format::count(file.totals.unreported, "answer", "answers");
        writeln!(out)?;
        writeln!(
            out,
            "{warn}{answers}{warn:#} in the file did not report usage: sums are lower bounds."
        )?;
    }
    if file.models.iter().any(|model| model.long_context) {
        writeln!(out)?;
        writeln!(
            out,
            "{warn}Long requests{warn:#} may have had a higher price than was counted."
        )?;
    }
    Ok(())
}

impl Model {
    fn name(&self) -> String {
        let model = sanitize::field(&self.model);
        match &self.provider {
            Some(provider) => format!("{}/{model}", sanitize::field(provider)),
            None => model.into_owned(),
        }
    }

    fn same(&self, other: &Self) -> bool {
        (&self.provider, &self.model) == (&other.provider, &other.model)
    }

    fn is_lower_bound(&self) -> bool {
        !self.totals.is_complete() || self.long_context
    }
}

/// Four places: a hundredth of a cent. Less than that is not nothing.
pub(super) fn usd(cost: Option<PicoUsd>, lower_bound: bool) -> String {
    const SHOWN: PicoUsd = PicoUsd(100_000_000);
    let mark = if lower_bound { "≥ " } else { "" };
    match cost {
        None => "unknown".to_owned(),
        Some(PicoUsd(0)) => format!("{mark}0"),
        Some(cost) if cost < SHOWN && !lower_bound => "< 0.0001".to_owned(),
        // Half up would make a bound of something that is less.
        Some(PicoUsd(cost)) if lower_bound => {
            format!("≥ {:.4}", PicoUsd(cost - cost % SHOWN.0))
        }
        Some(cost) => format!("{cost:.4}"),
    }
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
