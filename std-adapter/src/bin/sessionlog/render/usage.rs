//! `usage`: tokens and money.

use super::Styles;
use super::format::{self, thousands};
use super::table::{Cell, Side, Table};
use super::wrap;
use sessionlog::{sanitize, usage::ToldCost};
use sessionlog_core::{Cost, PicoUsd, UsageTotals};
use std::collections::HashMap;
use std::io::{self, Write};

/// The active branch, or all of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Its sums.
    pub(crate) totals: UsageTotals,
    /// By model, in the order to show.
    pub(crate) models: Vec<Model>,
    /// A part could not be read.
    pub(crate) incomplete: bool,
}

/// What one model used.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) provider: Option<String>,
    pub(crate) model: String,
    pub(crate) totals: UsageTotals,
    /// `None`: a price is unknown, or what an answer used.
    pub(crate) cost: Option<Cost>,
    /// What is known of the cost.
    pub(crate) known: Cost,
    /// A price is unknown.
    pub(crate) unpriced: bool,
    /// A long request had a higher price than was counted, so that the cost is a lower bound.
    pub(crate) long_context: bool,
    /// What its answers themselves tell that they cost.
    pub(crate) told: ToldCost,
}

/// Columns of a name in a sentence.
const NAME_WIDTH: usize = 40;
/// Columns of a name in a table at least.
const LEAST_NAME: usize = 12;
/// Names in a sentence at most.
const MAX_NAMES: usize = 3;

/// A number that may not be the whole of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount<T> {
    /// All of it.
    Exact(T),
    /// This much, and perhaps more.
    AtLeast(T),
    /// Nothing is known.
    Unknown,
}

impl Scope {
    /// What it cost.
    pub(super) fn cost(&self) -> Amount<PicoUsd> {
        self.tier(Cost::total)
    }

    fn tier(&self, tier: impl Fn(&Cost) -> PicoUsd) -> Amount<PicoUsd> {
        let known: PicoUsd = self.models.iter().map(|model| tier(&model.known)).sum();
        let complete = !self.incomplete && self.models.iter().all(|model| model.cost.is_some());
        let exact = complete && !self.models.iter().any(|model| model.long_context);
        amount(known, exact, complete)
    }

    /// Tokens of it.
    pub(super) fn tokens(&self, tokens: u64) -> Amount<u64> {
        let complete = !self.incomplete && self.totals.is_complete();
        amount(tokens, complete, complete)
    }

    /// What the answers themselves tell; `None` if none does.
    fn told(&self) -> Option<ToldCost> {
        let mut sum = ToldCost::default();
        for ToldCost {
            sum: usd,
            told,
            untold,
        } in self.models.iter().map(|model| model.told)
        {
            sum.sum = sum.sum.saturating_add(usd);
            sum.told += told;
            sum.untold += untold;
        }
        (sum.told > 0).then_some(sum)
    }

    /// The models whose cost is not known.
    fn unknown(&self) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(|model| model.cost.is_none())
    }
}

/// Nothing of an incomplete sum is known when it is zero.
pub(super) fn amount<T: Default + PartialEq>(known: T, exact: bool, complete: bool) -> Amount<T> {
    match (exact, complete) {
        (true, _) => Amount::Exact(known),
        (false, false) if known == T::default() => Amount::Unknown,
        _ => Amount::AtLeast(known),
    }
}

/// What answers tell that they cost, as a number.
pub(super) fn told(cost: &ToldCost) -> Amount<PicoUsd> {
    match (cost.told, cost.untold) {
        (0, 0) => Amount::Exact(PicoUsd(0)),
        (0, _) => Amount::Unknown,
        (_, 0) => Amount::Exact(cost.sum),
        _ => Amount::AtLeast(cost.sum),
    }
}

/// Tokens of some messages: how many used them is known of `totals`.
fn tokens(tokens: u64, totals: &UsageTotals) -> Amount<u64> {
    amount(tokens, totals.is_complete(), totals.is_complete())
}

/// Writes the table, the models, and what is not known; `width` are the columns of a terminal, if it is one.
pub(crate) fn write(
    out: &mut dyn Write,
    branch: &Scope,
    file: &Scope,
    styles: &Styles,
    width: Option<usize>,
) -> io::Result<()> {
    for (at, mut table) in [sums(branch, file, styles), models(branch, file, styles)]
        .into_iter()
        .enumerate()
    {
        if at > 0 {
            writeln!(out)?;
        }
        if let Some(width) = width {
            table.fit(width, LEAST_NAME);
        }
        table.write(out)?;
    }
    remarks(out, branch, file, styles, width.unwrap_or(usize::MAX))
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
            let used = tokens(&scope.totals).map(|used| scope.tokens(used));
            let cost = cost.map(|tier| match used {
                // What was not used costs nothing, at any price.
                Some(Amount::Exact(0)) => Amount::Exact(PicoUsd(0)),
                _ => scope.tier(tier),
            });
            let used = used.map_or("?".to_owned(), count);
            let cost = cost.map_or(String::new(), usd);
            cells.extend([Cell::new(used, style), Cell::new(cost, style)]);
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
    if file.told().is_some() {
        let mut cells = vec![Cell::new("  as the log tells", s.dim)];
        for scope in [branch, file] {
            let told = scope.told().unwrap_or_default();
            let none = scope.models.is_empty();
            let usd = if none {
                String::new()
            } else {
                usd(self::told(&told))
            };
            cells.extend([Cell::new("", s.dim), Cell::new(usd, s.dim)]);
        }
        table.row(cells);
    }
    let mut row = |name: &'static str, counts: [u64; 2]| {
        let mut cells = vec![Cell::new(name, s.plain)];
        for count in counts {
            cells.extend([Cell::new(thousands(count), s.plain), Cell::new("", s.plain)]);
        }
        table.row(cells);
    };
    row("turns", [branch.totals.turns, file.totals.turns]);
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
    let here: HashMap<_, _> = branch.models.iter().map(|of| (of.named(), of)).collect();
    for model in &file.models {
        let here = here.get(&model.named()).copied();
        let mut cells = vec![Cell::new(model.name(), s.plain)];
        for scope in [here, Some(model)] {
            let (tokens, cost) = match scope {
                None => (String::new(), String::new()),
                Some(of) => (
                    count(tokens(of.totals.usage.total_tokens(), &of.totals)),
                    usd(of.cost()),
                ),
            };
            cells.extend([Cell::new(tokens, s.plain), Cell::new(cost, s.plain)]);
        }
        table.row(cells);
    }
    table
}

fn remarks(
    out: &mut dyn Write,
    branch: &Scope,
    file: &Scope,
    s: &Styles,
    width: usize,
) -> io::Result<()> {
    let mut remark = |lead: &str, rest: String| remark(out, lead, &rest, s, width);
    let names = |picked: fn(&&Model) -> bool, width: usize| {
        let names = file.models.iter().filter(picked).map(Model::name);
        let names: Vec<_> = names
            .map(|name| format::middle(&name, width).into_owned())
            .collect();
        names.join(", ")
    };
    // Whole: a list of prices has to name them so.
    let unpriced = names(|model| model.unpriced, usize::MAX);
    if !unpriced.is_empty() {
        let rest = format!(" for {unpriced}. --prices FILE can give one.");
        remark("\nNo price is known", rest)?;
    }
    if !file.totals.is_complete() {
        let answers = format::count(file.totals.unreported, "answer", "answers");
        let silent = names(|model| !model.totals.is_complete(), NAME_WIDTH);
        let rest = format!(
            " in the file did not report usage ({silent}): what they used and cost is unknown."
        );
        remark(&format!("\n{answers}"), rest)?;
    }
    if file.models.iter().any(|model| model.long_context) {
        let rest = " may have had a higher price than was counted.".to_owned();
        remark("\nLong requests", rest)?;
    }
    if [branch, file]
        .iter()
        .any(|scope| scope.unknown().next().is_some())
    {
        remark(
            "",
            format!("\nCost of the active branch: {}.", in_words(branch)),
        )?;
        remark("", format!("Cost of the whole file: {}.", in_words(file)))?;
    }
    Ok(())
}

/// A sentence, broken between words; what it begins with stands out.
fn remark(out: &mut dyn Write, lead: &str, rest: &str, s: &Styles, width: usize) -> io::Result<()> {
    let warn = s.warn;
    let text = format!("{lead}{rest}");
    let lead = lead.trim_start();
    if text.starts_with('\n') {
        writeln!(out)?;
    }
    for (at, piece) in wrap::pieces(text.trim_start(), width).enumerate() {
        match piece.strip_prefix(lead).filter(|_| at == 0) {
            Some(rest) => writeln!(out, "{warn}{lead}{warn:#}{rest}")?,
            None => writeln!(out, "{piece}")?,
        }
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

    fn named(&self) -> (Option<&str>, &str) {
        (self.provider.as_deref(), &self.model)
    }

    fn cost(&self) -> Amount<PicoUsd> {
        let complete = self.cost.is_some();
        amount(self.known.total(), complete && !self.long_context, complete)
    }
}

/// A count in a table.
pub(super) fn count(amount: Amount<u64>) -> String {
    match amount {
        Amount::Exact(n) => thousands(n),
        Amount::AtLeast(n) => format!("≥ {}", thousands(n)),
        Amount::Unknown => "unknown".to_owned(),
    }
}

/// An amount of money in a table.
pub(super) fn usd(amount: Amount<PicoUsd>) -> String {
    match amount {
        Amount::Exact(PicoUsd(0)) => "0".to_owned(),
        Amount::Exact(cost) if cost < SHOWN => "< 0.0001".to_owned(),
        Amount::Exact(cost) => format!("{cost:.4}"),
        Amount::AtLeast(cost) => format!("≥ {}", bound(cost)),
        Amount::Unknown => "unknown".to_owned(),
    }
}

/// What a scope cost, in words: `$0.1803`, `at least $0.0030 (1 model unknown: a/b)`, `unknown (1 model: a/b)`.
pub(super) fn in_words(scope: &Scope) -> String {
    let names: Vec<String> = scope.unknown().map(Model::name).collect();
    let models = format::count(names.len() as u64, "model", "models");
    let listed: Vec<_> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| format::middle(name, NAME_WIDTH))
        .collect();
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    let listed = format!("{}{more}", listed.join(", "));
    match scope.cost() {
        Amount::Unknown => format!("unknown ({models}: {listed})"),
        Amount::AtLeast(cost) if names.is_empty() => {
            format!("at least ${} (long requests may cost more)", bound(cost))
        }
        Amount::AtLeast(cost) => format!("at least ${} ({models} unknown: {listed})", bound(cost)),
        Amount::Exact(cost) if cost != PicoUsd(0) && cost < SHOWN => "less than $0.0001".to_owned(),
        exact => format!("${}", usd(exact)),
    }
}

/// Four places: a hundredth of a cent. Less than that is not nothing.
const SHOWN: PicoUsd = PicoUsd(100_000_000);

/// A lower bound is rounded down: half up would make a bound of something that is less.
fn bound(cost: PicoUsd) -> String {
    match cost {
        PicoUsd(all) if cost >= SHOWN => format!("{:.4}", PicoUsd(all - all % SHOWN.0)),
        tiny => tiny.to_string(),
    }
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
