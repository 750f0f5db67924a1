//! What a model costs: a built-in table of list prices, and the user's own prices on top.
//!
//! The table is data, `prices.tsv`, written by `ci/update-prices` from the price list in the PyPI
//! package litellm; its head names version and date. It has figures of the past: prices change, and
//! contracts differ, so [`PriceTable::with_overrides`] has the last word.
//! What is not in the table costs "unknown", never nothing.

mod decimal;
mod names;
mod overrides;

pub use decimal::{PriceError, micro_usd_per_mtok};
pub use overrides::{OverrideError, OverrideFault};

use crate::files;
use sessionlog_core::{Cost, Price, Usage};
use std::{collections::HashMap, path::Path, sync::LazyLock};

/// Longer names than this, in bytes, match nothing: a look-up's cost stays bounded.
const MAX_MODEL_LEN: usize = 256;

/// Bytes of a price list at most: several times what the built-in table has.
pub const MAX_LIST_BYTES: u64 = 1 << 20;

/// Prices by provider and model.
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    /// By the model's name in lower case.
    models: HashMap<String, Vec<Row>>,
}

#[derive(Clone, Debug)]
struct Row {
    /// `None`: any.
    provider: Option<String>,
    price: Price,
    longer: Vec<LongPrice>,
    source: PriceSource,
}

/// The price of a request that is longer than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPrice {
    /// It is for requests with more input tokens than this, those read from a cache and written to one included.
    pub above: u64,
    /// The price of all their tokens, output included. Tiers may be unknown.
    pub price: Price,
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PriceSource {
    /// The table that this crate carries.
    Builtin,
    /// The user's own list.
    Override,
}

/// A price, and what it was found under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceMatch<'t> {
    /// The table's provider; `None` if the entry counts for every provider.
    pub provider: Option<&'t str>,
    /// The table's model, in lower case: the name that was asked for, perhaps without its version.
    pub model: &'t str,
    /// The price, of short requests if there are others. Tiers may be unknown.
    pub price: Price,
    /// The prices of longer requests, the shortest first. None: one price for all lengths, as far as is known.
    pub longer: &'t [LongPrice],
    /// Where the price comes from.
    pub source: PriceSource,
}

impl PriceMatch<'_> {
    /// What one request cost, by its own length, and whether that is only a lower bound: of a long request a tier may have
    /// no price but the one of short requests. `None` if a tier that was used has no price at all.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> (Option<Cost>, bool) {
        cost_of(&self.price, self.longer, usage)
    }
}

/// See [`PriceMatch::cost`].
pub(crate) fn cost_of(price: &Price, longer: &[LongPrice], usage: &Usage) -> (Option<Cost>, bool) {
    let request = usage.total_tokens().saturating_sub(usage.output_tokens);
    let long = longer.iter().rev().find(|long| request > long.above);
    let Some(LongPrice { price: long, .. }) = long else {
        return (price.cost(usage), false);
    };
    match long.cost(usage) {
        Some(cost) => (Some(cost), false),
        None => {
            let filled = Price {
                input: long.input.or(price.input),
                output: long.output.or(price.output),
                cache_read: long.cache_read.or(price.cache_read),
                cache_write: long.cache_write.or(price.cache_write),
                cache_write_1h: long.cache_write_1h.or(price.cache_write_1h),
            };
            let cost = filled.cost(usage);
            (cost, cost.is_some())
        }
    }
}

impl PriceTable {
    /// The table that this crate carries, parsed on first use.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<PriceTable> =
            LazyLock::new(|| PriceTable::from_tsv(include_str!("prices.tsv")));
        &TABLE
    }

    /// The built-in table with the prices of the file at `path` on top.
    ///
    /// The file is a JSON list of objects: `model`, and where known `provider`, `input`, `output`,
    /// `cache_read`, `cache_write`, `cache_write_1h` in decimal USD per million tokens, as strings or
    /// numbers. A tier that is left out is unknown; it is not taken from the built-in table. An entry with `above` is for
    /// requests with more input tokens than that, beside the entry without. The file is a regular one, of at most
    /// [`MAX_LIST_BYTES`]: no pipe is waited for, and no device read without end.
    ///
    /// # Errors
    /// [`OverrideError`] names the file and, for its content, line and column.
    pub fn with_overrides(path: &Path) -> Result<Self, OverrideError> {
        let text =
            files::read_text(path, MAX_LIST_BYTES).map_err(|source| OverrideError::Read {
                path: path.to_owned(),
                source,
            })?;
        let mut table = Self::builtin().clone();
        match table.merge_overrides(&text) {
            Err(OverrideError::Invalid {
                line,
                column,
                fault,
                ..
            }) => Err(OverrideError::Invalid {
                path: Some(path.to_owned()),
                line,
                column,
                fault,
            }),
            other => other.map(|()| table),
        }
    }

    /// Adds prices from JSON text, as [`with_overrides`](Self::with_overrides) describes it. They win
    /// over built-in ones and over those added earlier, at the same length of the model's name.
    ///
    /// # Errors
    /// [`OverrideError::Invalid`] with line and column; the table is then as before.
    pub fn merge_overrides(&mut self, json: &str) -> Result<(), OverrideError> {
        for entry in overrides::parse(json)? {
            let provider = entry.provider.map(|name| canonical(&name));
            let rows = self.models.entry(entry.model.to_lowercase()).or_default();
            let own = |row: &Row| row.source == PriceSource::Override && row.provider == provider;
            let at = rows.iter().position(own).unwrap_or_else(|| {
                rows.push(Row {
                    provider: provider.clone(),
                    price: Price::default(),
                    longer: Vec::new(),
                    source: PriceSource::Override,
                });
                rows.len() - 1
            });
            rows[at].set(entry.above, entry.price);
        }
        Ok(())
    }

    /// The price of `model` at `provider`; `None` if it is unknown.
    ///
    /// - An entry matches the model of its name, and its versions: `claude-x` matches
    ///   `claude-x-20250929`, but `gpt-4` does not match `gpt-4o`. The longest entry wins, at equal
    ///   length the user's own.
    /// - Providers are known under their usual names (`gemini` is `google`, `openai-responses` is
    ///   `openai`). What Azure's own list lacks has OpenAI's price.
    /// - `provider:model` and `provider/model` in `model` name the provider if `provider` does not:
    ///   OpenRouter's `vendor/model` has the vendor's price.
    /// - Without a provider that the table knows, the price is that of the model's maker; if the
    ///   table lacks it, the one price on which all providers of the model agree.
    /// - Programs that run models locally and flat-fee plans have no price but the user's own.
    ///
    /// Upper and lower case are the same.
    #[must_use]
    pub fn lookup(&self, provider: Option<&str>, model: &str) -> Option<PriceMatch<'_>> {
        if model.len() > MAX_MODEL_LEN {
            return None;
        }
        let model = model.to_lowercase();
        let given = provider.map(canonical);
        if let Some(given) = &given {
            // The user may price any provider, and any name, as it stands.
            let own = self.longest(&model, |row| {
                row.source == PriceSource::Override && row.provider.as_ref() == Some(given)
            });
            if names::is_unpriced(given)
                || (own.is_some() && names::known_provider(given).is_none())
            {
                return own;
            }
        }
        let known = given.as_deref().and_then(names::known_provider);
        match (known, names::split_provider(&model)) {
            // Groq's `openai/gpt-oss-120b` is one name: at a known provider, only its own name goes.
            (Some(provider), Some((same, rest))) if same == provider => self
                .at(provider, &model)
                .or_else(|| self.at(provider, rest)),
            (Some(provider), _) => self.at(provider, local_name(&model)),
            (None, Some((vendor, rest))) => self.at(vendor, rest).or_else(|| {
                // OpenRouter writes Anthropic's versions with a dot.
                (vendor == "anthropic").then(|| self.at(vendor, &rest.replace('.', "-")))?
            }),
            (None, None) => self.anywhere(&model),
        }
    }

    /// At a known provider.
    fn at(&self, provider: &str, model: &str) -> Option<PriceMatch<'_>> {
        let chain: &[&str] = match provider {
            "azure" => &["azure", "openai"],
            _ => &[provider],
        };
        chain.iter().find_map(|provider| {
            self.longest(model, |row| {
                row.provider.as_deref().is_none_or(|of| of == *provider)
            })
        })
    }

    /// At no provider that is known.
    fn anywhere(&self, model: &str) -> Option<PriceMatch<'_>> {
        let of_any = self.longest(model, |row| row.provider.is_none());
        let of_some = names::native_vendor(model)
            .and_then(|vendor| self.longest(model, |row| row.provider.as_deref() == Some(vendor)))
            .or_else(|| self.agreed(model));
        match (of_any, of_some) {
            (Some(any), Some(some)) if some.model.len() > any.model.len() => Some(some),
            (any, some) => any.or(some),
        }
    }

    /// The price on which all providers of the model agree.
    fn agreed(&self, model: &str) -> Option<PriceMatch<'_>> {
        let mut providers: Vec<&str> = prefixes(model)
            .filter_map(|prefix| self.models.get(prefix))
            .flatten()
            .filter_map(|row| row.provider.as_deref())
            .collect();
        providers.sort_unstable();
        providers.dedup();
        let mut matches = providers.into_iter().filter_map(|provider| {
            self.longest(model, |row| row.provider.as_deref() == Some(provider))
        });
        let first = matches.next()?;
        matches
            .all(|other| (other.price, other.longer) == (first.price, first.longer))
            .then_some(first)
    }

    /// The longest entry that matches; at equal length an override, and rather one that names a provider.
    fn longest(&self, model: &str, fits: impl Fn(&Row) -> bool) -> Option<PriceMatch<'_>> {
        prefixes(model).find_map(|prefix| {
            let (model, rows) = self.models.get_key_value(prefix)?;
            let row = rows
                .iter()
                .filter(|row| fits(row))
                .max_by_key(|row| (row.source, row.provider.is_some()))?;
            Some(PriceMatch {
                provider: row.provider.as_deref(),
                model,
                price: row.price,
                longer: &row.longer,
                source: row.source,
            })
        })
    }

    /// The file is part of the program, and a test reads every line of it: a line that is no row is
    /// a comment or the head.
    fn from_tsv(text: &str) -> Self {
        let mut table = Self::default();
        for (provider, model, above, price) in text.lines().filter_map(parse_line) {
            let rows = table.models.entry(model.to_owned()).or_default();
            // The rows of longer requests follow those of the short ones.
            match rows.last_mut() {
                Some(row) if row.provider.as_deref() == Some(provider) => row.set(above, price),
                _ => rows.push(Row {
                    provider: Some(provider.to_owned()),
                    price,
                    longer: Vec::new(),
                    source: PriceSource::Builtin,
                }),
            }
        }
        table
    }
}

impl Row {
    /// Sets the price of requests with more input tokens than `above`, or of all that are not longer than others.
    fn set(&mut self, above: Option<u64>, price: Price) {
        let Some(above) = above else {
            self.price = price;
            return;
        };
        self.longer.retain(|long| long.above != above);
        self.longer.push(LongPrice { above, price });
        self.longer.sort_unstable_by_key(|long| long.above);
    }
}

fn parse_line(line: &str) -> Option<(&str, &str, Option<u64>, Price)> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [provider, model, figures @ ..] = columns.as_slice() else {
        return None;
    };
    let figures: Vec<Option<u64>> = figures
        .iter()
        .map(|text| match *text {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        })
        .collect::<Option<_>>()?;
    let [
        above,
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
    ] = figures[..]
    else {
        return None;
    };
    let price = Price {
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
    };
    Some((provider, model, above, price))
}

/// A provider's name in the table, or the name itself in lower case.
fn canonical(provider: &str) -> String {
    let name = provider.to_lowercase();
    names::known_provider(&name).map_or(name, str::to_owned)
}

/// Google's APIs put a path before the name: `models/NAME`, `publishers/google/models/NAME`.
fn local_name(model: &str) -> &str {
    match model.rsplit_once("models/") {
        Some((_, name)) => name,
        None => model,
    }
}

/// The name itself, then shorter and shorter ones whose rest only says a version.
fn prefixes(model: &str) -> impl Iterator<Item = &str> {
    let shorter = (1..model.len())
        .rev()
        .filter_map(|at| model.split_at_checked(at))
        .filter(|(_, rest)| names::is_version(rest))
        .map(|(prefix, _)| prefix);
    std::iter::once(model).chain(shorter)
}

#[cfg(test)]
mod tests;
