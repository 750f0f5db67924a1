//! Prices from the user's own file.
//!
//! ```json
//! [{"provider": "acme", "model": "acme-1", "input": "0.50", "output": 2, "cache_read": null}]
//! ```
//! In decimal USD per million tokens, as strings or numbers; both are read digit by digit, never as
//! floats. A tier that is left out or null is unknown; a free one says 0. Without a provider, an
//! entry counts for every provider. With `"above": 200000` it is for requests with more input tokens than that.

use super::decimal::{PriceError, micro_usd_per_mtok};
use serde::Deserialize;
use serde_json::value::RawValue;
use sessionlog_core::Price;
use std::{fmt, io, path::PathBuf};

/// Why prices could not be taken from a file. Nothing of it was taken then.
#[derive(Debug)]
pub enum OverrideError {
    /// The file could not be read, or is not UTF-8.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its content is not a list of prices.
    Invalid {
        /// The file; `None` if the text did not come from one.
        path: Option<PathBuf>,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in bytes, from 1; 0 where it is the line as a whole.
        column: usize,
        /// What is wrong there.
        fault: OverrideFault,
    },
}

/// What is wrong with a list of prices.
#[derive(Debug)]
pub enum OverrideFault {
    /// Not JSON, or not a list of entries with the known members.
    Json(serde_json::Error),
    /// A price that is none.
    Price {
        /// The member's name, such as `cache_read`.
        tier: &'static str,
        /// Why it is none.
        source: PriceError,
    },
}

impl fmt::Display for OverrideFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => {
                // serde_json ends with the position, which stands in front here.
                let text = error.to_string();
                f.write_str(
                    text.rsplit_once(" at line ")
                        .map_or(text.as_str(), |(what, _)| what),
                )
            }
            Self::Price { tier, source } => write!(f, "{tier}: {source}"),
        }
    }
}

impl fmt::Display for OverrideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Invalid {
                path,
                line,
                column,
                fault,
            } => {
                if let Some(path) = path {
                    write!(f, "{}:", path.display())?;
                }
                write!(f, "{line}:{column}: {fault}")
            }
        }
    }
}

impl std::error::Error for OverrideError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Invalid {
                fault: OverrideFault::Json(source),
                ..
            } => Some(source),
            Self::Invalid {
                fault: OverrideFault::Price { source, .. },
                ..
            } => Some(source),
        }
    }
}

/// One entry, as it stands in the file. An unknown member is most likely a misspelt tier, so it is
/// an error and not a price that silently stays unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    provider: Option<String>,
    model: String,
    above: Option<u64>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_read: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_write: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_write_1h: Option<&'a RawValue>,
}

/// One entry, understood.
pub(super) struct Override {
    pub(super) provider: Option<String>,
    pub(super) model: String,
    pub(super) above: Option<u64>,
    pub(super) price: Price,
}

/// Reads the whole list or nothing.
pub(super) fn parse(text: &str) -> Result<Vec<Override>, OverrideError> {
    let entries: Vec<Entry<'_>> =
        serde_json::from_str(text).map_err(|error| OverrideError::Invalid {
            path: None,
            line: error.line(),
            column: error.column(),
            fault: OverrideFault::Json(error),
        })?;
    entries
        .into_iter()
        .map(|entry| {
            let tier = |name, raw: Option<&RawValue>| {
                raw.map(|raw| {
                    price_of(raw.get()).map_err(|source| fault_at(text, raw.get(), name, source))
                })
                .transpose()
            };
            Ok(Override {
                price: Price {
                    input: tier("input", entry.input)?,
                    output: tier("output", entry.output)?,
                    cache_read: tier("cache_read", entry.cache_read)?,
                    cache_write: tier("cache_write", entry.cache_write)?,
                    cache_write_1h: tier("cache_write_1h", entry.cache_write_1h)?,
                },
                provider: entry.provider,
                above: entry.above,
                model: entry.model,
            })
        })
        .collect()
}

/// Of a JSON number or string; any other value is no number.
fn price_of(json: &str) -> Result<u64, PriceError> {
    if json.starts_with('"') {
        let text: String = serde_json::from_str(json).map_err(|_| PriceError::NotANumber)?;
        micro_usd_per_mtok(&text)
    } else {
        micro_usd_per_mtok(json)
    }
}

/// `part` is a slice of `text`: its address tells where it stands.
fn fault_at(text: &str, part: &str, tier: &'static str, source: PriceError) -> OverrideError {
    let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    let line_start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    OverrideError::Invalid {
        path: None,
        line: before.iter().filter(|&&b| b == b'\n').count() + 1,
        column: offset - line_start + 1,
        fault: OverrideFault::Price { tier, source },
    }
}
