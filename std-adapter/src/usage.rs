//! What a session used, and what that cost.

use crate::{
    SessionLog,
    authors::{Authors, Named},
    pricing::{PriceMatch, PriceTable},
};
use sessionlog_core::{
    Cost, PicoUsd, Price, Usage, UsageTotals,
    record::{Kind, Role},
};
use std::path::PathBuf;

/// What a session used, and what that cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReport {
    /// Of the active branch, what is compacted and what is inherited included.
    pub branch: UsageSection,
    /// Of the whole file: what this session itself spent, abandoned branches included, inherited entries not (F11).
    pub file: UsageSection,
    /// What was put away of this session, or of the one that it was forked from, counts too; this file of it cannot be read, and what it holds is in no figure.
    pub missing_history: Option<PathBuf>,
}

/// Usage and cost of some entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageSection {
    /// Sums, turns, and how many assistant messages report no usage.
    pub totals: UsageTotals,
    /// What all of it cost, tier by tier; `None` if that is not known of some models ([`unknown_models`](Self::unknown_models)).
    pub cost: Option<Cost>,
    /// What is known of the cost: all of it, or a part that the real cost is not below.
    pub known: Cost,
    /// What the answers themselves say that they cost.
    pub told: ToldCost,
    /// By provider and model, in the order in which they first spoke.
    pub models: Vec<ModelUsage>,
    /// A part of what was to be summed up could not be read: every figure is a lower bound.
    pub incomplete: bool,
}

/// What answers say that they cost, as the agent or the provider reckoned it (`usage.cost_usd`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToldCost {
    /// The sum of what was told.
    pub sum: PicoUsd,
    /// Answers that tell it.
    pub told: u64,
    /// Answers that do not: theirs is unknown, never zero. Those that used nothing are not counted.
    pub untold: u64,
}

impl ToldCost {
    fn add(&mut self, usage: Option<&Usage>, cost: Option<PicoUsd>) {
        match cost {
            Some(cost) => {
                self.sum = self.sum.saturating_add(cost);
                self.told = self.told.saturating_add(1);
            }
            None if usage.is_some_and(|usage| usage.total_tokens() == 0) => {}
            None => self.untold = self.untold.saturating_add(1),
        }
    }

    /// An answer that told nothing has used more, and may tell it now.
    fn correct(&mut self, before: Option<&Usage>, usage: &Usage, cost: Option<PicoUsd>) {
        if before.is_none_or(|usage| usage.total_tokens() > 0) {
            self.untold = self.untold.saturating_sub(1);
        }
        self.add(Some(usage), cost);
    }

    /// The sum, if every answer tells what it cost; `None` also where there is none.
    #[must_use]
    pub fn complete(&self) -> Option<PicoUsd> {
        (self.untold == 0 && self.told > 0).then_some(self.sum)
    }
}

/// What one model used, and what that cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelUsage {
    /// The provider, as the messages name it.
    pub provider: Option<String>,
    /// The model, as the messages name it.
    pub model: Option<String>,
    /// The sum of what was reported; `turns` is 0.
    pub totals: UsageTotals,
    /// Its assistant messages, with and without reported usage.
    pub messages: u64,
    /// What its messages cost; `None` if a price is unknown, or a message did not report its usage.
    pub cost: Option<Cost>,
    /// What is known of the cost: that of the messages whose usage and prices are known.
    pub known: Cost,
    /// A price is unknown that matters here.
    pub unpriced: bool,
    /// A request was longer than what its price is for: the cost is a lower bound.
    pub long_context: bool,
    /// What its answers themselves say that they cost.
    pub told: ToldCost,
}

impl ModelUsage {
    /// The real cost may be higher than [`known`](Self::known): usage was not reported, a price is unknown, or a long
    /// request has a higher price.
    #[must_use]
    pub fn is_lower_bound(&self) -> bool {
        self.long_context || self.cost.is_none()
    }

    /// `provider/model`, as far as they are named.
    #[must_use]
    pub fn name(&self) -> String {
        let model = self.model.as_deref().unwrap_or("(unnamed)");
        match &self.provider {
            Some(provider) => format!("{provider}/{model}"),
            None => model.into(),
        }
    }
}

impl UsageSection {
    /// The names of models whose cost is unknown, as [`ModelUsage::name`] gives them: the price is, or what they used.
    #[must_use]
    pub fn unknown_models(&self) -> Vec<String> {
        let unknown = self.models.iter().filter(|model| model.cost.is_none());
        unknown.map(ModelUsage::name).collect()
    }

    /// The real cost may be higher than [`known`](Self::known).
    #[must_use]
    pub fn is_lower_bound(&self) -> bool {
        self.incomplete || self.models.iter().any(ModelUsage::is_lower_bound)
    }

    /// With `summaries`, what compactions say that their summaries took counts too: it was spent, and is in no context.
    fn add(
        log: &SessionLog,
        indices: impl Iterator<Item = u32>,
        summaries: bool,
        sum: &mut Summing<'_>,
    ) {
        for node in indices.filter_map(|index| log.node(index)) {
            match (node.kind, node.role) {
                (Kind::Message, Role::User) => sum.turn(),
                (Kind::Message, Role::Assistant) => {
                    let named = (node.provider, node.model);
                    sum.answer(named, node.usage.as_ref(), node.cost);
                }
                (Kind::Compaction, _) if summaries => {
                    if let Some(told) = log.summary_usage(node.index) {
                        let named = (told.provider.as_deref(), told.model.as_deref());
                        sum.answer(named, told.usage.as_ref(), told.cost);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Parts of a session that were put away at most: a chain without end is none.
const MAX_PARTS: usize = 1000;

/// What was put away of a session.
#[derive(Debug, Default)]
struct History {
    /// The newest first.
    parts: Vec<SessionLog>,
    /// How many of the parts are the session's own; the others were put away of one that it was forked from (F11).
    own: usize,
    /// The part that cannot be read, if there is one.
    missing: Option<PathBuf>,
    /// It is one of the session's own.
    missing_own: bool,
}

impl History {
    /// That of `log`, with or without what was put away of the session that it was forked from.
    fn of(log: &SessionLog, inherited: bool) -> Self {
        let (mut history, mut own) = (History::default(), true);
        loop {
            let last = history.parts.last().unwrap_or(log);
            let Some(path) = last.history() else { break };
            let forked = last.header().is_some_and(|of| of.fork_point.is_some());
            own &= !forked;
            if !own && !inherited {
                break;
            }
            let known = history.parts.iter().any(|part| part.path() == path);
            let readable = !known && history.parts.len() < MAX_PARTS;
            let part = readable.then(|| SessionLog::open(&path).ok()).flatten();
            let Some(part) = part.filter(|part| forked || part.id() == last.id()) else {
                (history.missing, history.missing_own) = (Some(path), own);
                break;
            };
            history.own += usize::from(own);
            history.parts.push(part);
        }
        history
    }
}

/// What was put away of a session itself, the newest part first, and the part that cannot be read, if there is one.
pub(crate) fn histories(log: &SessionLog) -> (Vec<SessionLog>, Option<PathBuf>) {
    let History { parts, missing, .. } = History::of(log, false);
    (parts, missing)
}

/// A section as it is summed up, message by message.
#[derive(Clone, Debug)]
pub(crate) struct Summing<'p> {
    prices: &'p PriceTable,
    section: UsageSection,
    rows: Vec<Row<'p>>,
    /// Numbers of `section.models` and of `rows`.
    authors: Authors,
}

impl<'p> Summing<'p> {
    pub(crate) fn new(prices: &'p PriceTable) -> Self {
        Summing {
            prices,
            section: UsageSection::default(),
            rows: Vec::new(),
            authors: Authors::default(),
        }
    }

    /// A message of the user's.
    pub(crate) fn turn(&mut self) {
        self.section.totals.add_turn();
    }

    /// An assistant message, and what it reports.
    pub(crate) fn answer(
        &mut self,
        named: Named<'_>,
        usage: Option<&Usage>,
        cost: Option<PicoUsd>,
    ) {
        self.section.told.add(usage, cost);
        match usage {
            Some(usage) => self.section.totals.add_reported(usage),
            None => self.section.totals.add_unreported(),
        }
        let models = &mut self.section.models;
        let (at, new) = self.authors.number(named);
        if new {
            let (provider, model) = named;
            models.push(ModelUsage {
                provider: provider.map(str::to_owned),
                model: model.map(str::to_owned),
                cost: Some(Cost::default()),
                ..ModelUsage::default()
            });
            self.rows.push(Row::new(provider, model, self.prices));
        }
        let at = at as usize;
        models[at].told.add(usage, cost);
        self.rows[at].add(usage, &mut models[at]);
    }

    /// An answer that was counted with `before` has used more, as a copy of it says; `cost` is what that tells, if nothing was
    /// `told`.
    pub(crate) fn correct(
        &mut self,
        named: Named<'_>,
        before: Option<&Usage>,
        usage: &Usage,
        cost: Option<PicoUsd>,
        told: bool,
    ) {
        let Some(at) = self.authors.find(named) else {
            return;
        };
        let (at, models) = (at as usize, &mut self.section.models);
        if !told {
            self.section.told.correct(before, usage, cost);
            models[at].told.correct(before, usage, cost);
        }
        take(&mut self.section.totals, before);
        self.section.totals.add_reported(usage);
        self.rows[at].take(before, &mut models[at]);
        self.rows[at].add(Some(usage), &mut models[at]);
    }

    /// A part of it could not be read.
    pub(crate) fn tell_incomplete(&mut self) {
        self.section.incomplete = true;
    }

    pub(crate) fn finish(self) -> UsageSection {
        let mut section = self.section;
        let known = section.models.iter().map(|model| &model.known);
        section.known = known.fold(Cost::default(), |sum, known| sum.saturating_add(known));
        let complete = section.models.iter().all(|model| model.cost.is_some());
        section.cost = (complete && !section.incomplete).then_some(section.known);
        section
    }
}

/// Takes an answer out of a sum.
fn take(totals: &mut UsageTotals, usage: Option<&Usage>) {
    match usage {
        Some(usage) => totals.usage = totals.usage.saturating_sub(usage),
        None => totals.unreported = totals.unreported.saturating_sub(1),
    }
}

/// What a model costs, if that is known.
#[derive(Clone, Debug)]
struct Row<'p>(Option<PriceMatch<'p>>);

impl<'p> Row<'p> {
    fn new(provider: Option<&str>, model: Option<&str>, prices: &'p PriceTable) -> Self {
        Row(model.and_then(|model| prices.lookup(provider, model)))
    }

    fn take(&self, usage: Option<&Usage>, row: &mut ModelUsage) {
        row.messages -= 1;
        take(&mut row.totals, usage);
        let cost = usage.zip(self.0.as_ref());
        if let Some((Some(cost), _)) = cost.map(|(usage, price)| price.cost(usage)) {
            let known = &mut row.known;
            for (sum, part) in [
                (&mut known.input, cost.input),
                (&mut known.output, cost.output),
                (&mut known.cache_read, cost.cache_read),
                (&mut known.cache_write, cost.cache_write),
            ] {
                *sum = PicoUsd(sum.0.saturating_sub(part.0));
            }
        }
    }

    fn add(&self, usage: Option<&Usage>, row: &mut ModelUsage) {
        row.messages += 1;
        let Some(usage) = usage else {
            // It may have cost anything, whatever the model.
            row.totals.add_unreported();
            row.unpriced |= self.0.is_none();
            row.cost = None;
            return;
        };
        row.totals.add_reported(usage);
        let (cost, lower_bound) = match &self.0 {
            Some(price) => price.cost(usage),
            None => (Price::default().cost(usage), false),
        };
        match cost {
            Some(cost) => row.known = row.known.saturating_add(&cost),
            None => row.unpriced = true,
        }
        let complete = !row.unpriced && row.totals.is_complete();
        row.cost = complete.then_some(row.known);
        row.long_context |= lower_bound;
    }
}

impl UsageReport {
    /// Usage and cost of the session's active branch and of its whole file.
    #[must_use]
    pub fn of(log: &SessionLog, prices: &PriceTable) -> Self {
        let History {
            parts,
            own,
            missing: missing_history,
            missing_own,
        } = History::of(log, true);
        let (mut branch, mut file) = (Summing::new(prices), Summing::new(prices));
        // Where the branch ends in each part: it begins with the entry that the first of what is newer names as its parent.
        let above = |of: &SessionLog, branch: &[u32]| of.record(*branch.first()?).ok()?.parent_id;
        let mut branches = vec![log.tip().map(|tip| log.branch(tip)).unwrap_or_default()];
        let mut wanted = above(log, &branches[0]);
        for part in &parts {
            let tip = wanted.as_ref().and_then(|id| part.find(id.as_str()));
            let indices = tip.map(|tip| part.branch(tip)).unwrap_or_default();
            if tip.is_some() {
                wanted = above(part, &indices);
            }
            branches.push(indices);
        }
        // It is lost in damage, or a part is another session's: of one that is inherited only the name is known.
        let broken = wanted.is_some() && !parts.is_empty();
        let all: Vec<&SessionLog> = std::iter::once(log).chain(&parts).collect();
        for (at, (part, indices)) in all.into_iter().zip(branches).enumerate().rev() {
            UsageSection::add(part, indices.into_iter(), false, &mut branch);
            let spent = (0..part.node_count()).filter(|index| !part.inherited(*index));
            if at <= own {
                UsageSection::add(part, spent, true, &mut file);
            }
        }
        if missing_history.is_some() || broken {
            branch.tell_incomplete();
        }
        if missing_own {
            file.tell_incomplete();
        }
        Self {
            branch: branch.finish(),
            file: file.finish(),
            missing_history,
        }
    }
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
