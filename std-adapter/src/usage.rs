//! What a session used, and what that cost.

use crate::{SessionLog, pricing::PriceTable, reader::NodeInfo};
use sessionlog_core::{
    Cost, Price, UsageTotals,
    record::{Kind, Role},
};
use std::collections::HashMap;

/// What a session used, and what that cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReport {
    /// Of the active branch, what is compacted and what is inherited included.
    pub branch: UsageSection,
    /// Of the whole file: what this session itself spent, abandoned branches included, inherited entries not (F11).
    pub file: UsageSection,
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
    /// By provider and model, in the order in which they first spoke.
    pub models: Vec<ModelUsage>,
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
    /// A request was longer than what the price is for: the cost is a lower bound.
    pub long_context: bool,
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
        self.models.iter().any(ModelUsage::is_lower_bound)
    }

    fn of<'l>(
        log: &'l SessionLog,
        indices: impl Iterator<Item = u32>,
        prices: &PriceTable,
    ) -> Self {
        let mut section = Self::default();
        let mut rows: HashMap<(Option<&'l str>, Option<&'l str>), Row> = HashMap::new();
        for node in indices.filter_map(|index| log.node(index)) {
            log.add_usage(node.index, &mut section.totals);
            if (node.kind, node.role) != (Kind::Message, Role::Assistant) {
                continue;
            }
            let models = &mut section.models;
            let row = rows.entry((node.provider, node.model)).or_insert_with(|| {
                models.push(ModelUsage {
                    provider: node.provider.map(str::to_owned),
                    model: node.model.map(str::to_owned),
                    cost: Some(Cost::default()),
                    ..ModelUsage::default()
                });
                Row::new(models.len() - 1, node.provider, node.model, prices)
            });
            row.add(&node, &mut models[row.at]);
        }
        let known = section.models.iter().map(|model| &model.known);
        section.known = known.fold(Cost::default(), |sum, known| sum.saturating_add(known));
        let complete = section.models.iter().all(|model| model.cost.is_some());
        section.cost = complete.then_some(section.known);
        section
    }
}

/// Where a model's row is, and what the model costs.
struct Row {
    at: usize,
    found: bool,
    price: Price,
    long_above: Option<u64>,
}

impl Row {
    fn new(at: usize, provider: Option<&str>, model: Option<&str>, prices: &PriceTable) -> Self {
        let found = model.and_then(|model| prices.lookup(provider, model));
        Row {
            at,
            found: found.is_some(),
            price: found.as_ref().map(|found| found.price).unwrap_or_default(),
            long_above: found.and_then(|found| found.long_context_above),
        }
    }

    fn add(&self, node: &NodeInfo<'_>, row: &mut ModelUsage) {
        row.messages += 1;
        let Some(usage) = &node.usage else {
            // It may have cost anything, whatever the model.
            row.totals.add_unreported();
            row.unpriced |= !self.found;
            row.cost = None;
            return;
        };
        row.totals.add_reported(usage);
        match self.price.cost(usage) {
            Some(cost) => row.known = row.known.saturating_add(&cost),
            None => row.unpriced = true,
        }
        let complete = !row.unpriced && row.totals.is_complete();
        row.cost = complete.then_some(row.known);
        let request = usage.total_tokens().saturating_sub(usage.output_tokens);
        row.long_context |= self.long_above.is_some_and(|above| request > above);
    }
}

impl UsageReport {
    /// Usage and cost of the session's active branch and of its whole file.
    #[must_use]
    pub fn of(log: &SessionLog, prices: &PriceTable) -> Self {
        let branch = log.tip().map(|tip| log.branch(tip)).unwrap_or_default();
        let own = (0..log.node_count()).filter(|index| !log.inherited(*index));
        Self {
            branch: UsageSection::of(log, branch.into_iter(), prices),
            file: UsageSection::of(log, own, prices),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn said(id: &str, parent: &str, provider: &str, model: &str, usage: &str) -> String {
        assistant(id, parent, usage)
            .replace("anthropic", provider)
            .replace("m\\u002dx", model)
    }

    fn prices() -> PriceTable {
        let mut prices = PriceTable::default();
        let list = r#"[{"provider":"p","model":"one","input":1,"output":2,"cache_read":0.1},
            {"provider":"p","model":"two","input":10,"output":20}]"#;
        prices.merge_overrides(list).unwrap();
        prices
    }

    const USAGE: &str = r#"{"input_tokens":1000,"output_tokens":10,"cache_read_tokens":100}"#;

    #[test]
    fn by_model_on_the_branch_and_in_the_file() {
        let log = log(&[
            HEADER.into(),
            user("a", None, "x"),
            said("b", "a", "p", "one", USAGE),
            said("c", "a", "p", "one", USAGE),
            said("d", "c", "p", "two", r#"{"output_tokens":1}"#),
            said("e", "d", "p", "two", "null"),
        ]);
        let report = UsageReport::of(&log, &prices());
        assert_eq!(report.branch.totals.usage.total_tokens(), 1111);
        assert_eq!(
            (report.branch.totals.turns, report.branch.totals.unreported),
            (1, 1)
        );
        assert_eq!(report.file.totals, log.spent());
        assert_eq!(report.file.totals.usage.total_tokens(), 2221);
        // 1000 at 1, 10 at 2 and 100 at 0.1 USD a million; 1 at 20.
        let branch = report.branch.known;
        assert_eq!(branch.cache_read.to_string(), "0.00001");
        assert_eq!(branch.total().to_string(), "0.00105");
        assert_eq!(report.file.known.total().to_string(), "0.00208");
        // One answer did not say what it used.
        assert_eq!((report.branch.cost, report.file.cost), (None, None));
        assert_eq!(
            report.file.models[0].cost,
            Some(report.file.models[0].known)
        );
        let rows: Vec<_> = report
            .file
            .models
            .iter()
            .map(|m| (m.name(), m.messages))
            .collect();
        assert_eq!(rows, [("p/one".to_owned(), 2), ("p/two".to_owned(), 2)]);
        assert!(!report.file.models[0].is_lower_bound());
        assert!(report.file.models[1].is_lower_bound() && report.file.is_lower_bound());
    }

    #[test]
    fn an_unknown_price_is_no_cost() {
        let log = log(&[
            HEADER.into(),
            user("a", None, "x"),
            said("b", "a", "p", "one", USAGE),
            said("c", "b", "p", "secret", r#"{"input_tokens":1}"#),
            // Used nothing, so its price does not matter.
            said("d", "c", "p", "idle", r#"{"input_tokens":0}"#),
            // A tier without a price.
            said("e", "d", "p", "two", r#"{"cache_read_tokens":1}"#),
        ]);
        let report = UsageReport::of(&log, &prices());
        assert_eq!(report.branch.cost, None);
        assert_eq!(report.branch.unknown_models(), ["p/secret", "p/two"]);
        assert!(report.branch.models[0].cost.is_some());
        assert_eq!(report.branch.known.total().to_string(), "0.00103");
        let unpriced: Vec<_> = report.branch.models.iter().map(|m| m.unpriced).collect();
        assert_eq!(unpriced, [false, true, false, true]);
    }

    #[test]
    fn usage_that_was_not_reported_is_no_zero() {
        for (model, unpriced) in [("one", false), ("secret", true)] {
            for usage in ["null", r#"{"reported":false,"input_tokens":0}"#] {
                let answer = said("b", "a", "p", model, usage);
                let log = log(&[HEADER.into(), user("a", None, "x"), answer]);
                let report = UsageReport::of(&log, &prices());
                for section in [&report.branch, &report.file] {
                    assert_eq!((section.cost, section.known), (None, Cost::default()));
                    assert_eq!(section.unknown_models(), [format!("p/{model}")]);
                    assert!(section.is_lower_bound());
                    assert_eq!(section.models[0].unpriced, unpriced, "{model}");
                }
            }
        }
    }

    #[test]
    fn what_is_inherited_was_not_spent_here() {
        let header = HEADER.replace("\"writer\"", "\"fork_point\":\"b\",\"writer\"");
        let log = log(&[
            header,
            user("a", None, "x"),
            said("b", "a", "p", "one", USAGE),
            said("c", "b", "p", "two", r#"{"input_tokens":1}"#),
        ]);
        let report = UsageReport::of(&log, &prices());
        assert_eq!(report.file.totals, log.spent());
        assert_eq!(report.file.totals.usage.input_tokens, 1);
        assert_eq!(report.branch.totals.usage.input_tokens, 1001);
        assert_eq!(report.file.models.len(), 1);
    }

    #[test]
    fn long_requests_make_a_lower_bound() {
        let builtin = PriceTable::builtin();
        let (model, above) = ["gemini-2.5-pro", "claude-sonnet-4-5"]
            .into_iter()
            .find_map(|model| Some((model, builtin.lookup(None, model)?.long_context_above?)))
            .unwrap();
        for (tokens, long) in [(above, false), (above + 1, true)] {
            let usage = format!(r#"{{"input_tokens":{tokens},"output_tokens":9}}"#);
            let line = said("b", "a", "", model, &usage).replace(r#""provider":"","#, "");
            let log = log(&[HEADER.into(), user("a", None, "x"), line]);
            let report = UsageReport::of(&log, builtin);
            assert_eq!(report.branch.models[0].provider, None);
            assert_eq!(report.branch.models[0].long_context, long, "{tokens}");
        }
    }
}
