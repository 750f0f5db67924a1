//! What an answer itself tells that it cost: `usage.cost_usd` of its payload, in USD, a number or a decimal string.
//!
//! It is an addition to opi's payloads, like the other members of `usage` that opi has not. Agents that keep the provider's
//! own figure write it there, and so does [`crate::interchange`].

use crate::SessionLog;
use serde::Deserialize;
use serde_json::value::RawValue;
use sessionlog_core::{PicoUsd, Usage};

/// The member's name with what follows it, as serialisers write it: in a text its quotes would be escaped.
const NAME: &[u8] = b"\"cost_usd\"";

/// Longer payloads, in bytes, are not read again for it.
pub(super) const MAX_PAYLOAD: u64 = 4 << 20;

/// Decimal places of a [`PicoUsd`].
const PLACES: i64 = 12;

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    usage: Option<Told<'a>>,
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    cost_usd: Option<&'a RawValue>,
}

/// What the summary of a compaction took, as opi's version 2 tells it (`summary_usage`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SummaryUsage {
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    /// `None` is unknown, as for a message (F18).
    pub(crate) usage: Option<Usage>,
    pub(crate) cost: Option<PicoUsd>,
}

impl SessionLog {
    /// What a compaction says that its summary took; `None` if it says nothing, and of any other node.
    pub(crate) fn summary_usage(&self, index: u32) -> Option<SummaryUsage> {
        let extent = self.extent(index).ok()?;
        if extent.len > MAX_PAYLOAD {
            return None;
        }
        summary_usage(&self.read_extent(extent).ok()?)
    }
}

fn summary_usage(record: &[u8]) -> Option<SummaryUsage> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(default)]
        summary_usage: serde_json::Value,
    }
    memchr::memmem::find(record, b"\"summary_usage\"")?;
    let record: Record = serde_json::from_slice(record).ok()?;
    let told = record.summary_usage;
    let text = |name: &str| Some(told.as_object()?.get(name)?.as_str()?.to_owned());
    let counts = told.as_object()?.get("usage");
    let cost = counts.and_then(|counts| amount(&counts.get("cost_usd")?.to_string()));
    Some(SummaryUsage {
        provider: text("provider"),
        model: text("model"),
        usage: counts.and_then(usage_of),
        cost,
    })
}

/// The counts by F18.
fn usage_of(counts: &serde_json::Value) -> Option<Usage> {
    let counts = counts.as_object()?;
    if counts.get("reported").and_then(serde_json::Value::as_bool) == Some(false) {
        return None;
    }
    let names = [
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
    ];
    let given = names.map(|name| counts.get(name).filter(|value| !value.is_null()));
    let whole = |value: &&serde_json::Value| value.is_u64();
    if !given.iter().any(Option::is_some) || !given.iter().flatten().all(whole) {
        return None;
    }
    let number = |name: &str| counts.get(name).and_then(serde_json::Value::as_u64);
    let [input, output, read, write] = names.map(|name| number(name).unwrap_or(0));
    Some(Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: write,
        cache_write_1h_tokens: number("cache_write_1h_tokens"),
        reasoning_tokens: number("reasoning_tokens"),
    })
}

/// What the payload tells; `None` also for what is no amount.
pub(super) fn told(payload: &[u8]) -> Option<PicoUsd> {
    memchr::memmem::find(payload, NAME)?;
    let payload: Payload<'_> = serde_json::from_slice(payload).ok()?;
    amount(payload.usage?.cost_usd?.get())
}

/// An amount in USD: a JSON number, or a string that is one; digits beyond a pico-USD are rounded half up.
pub(crate) fn amount(json: &str) -> Option<PicoUsd> {
    let json = json
        .strip_prefix('"')
        .map_or(Some(json), |json| json.strip_suffix('"'))?;
    let (mantissa, exponent) = match json.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (json, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    // The amount is these digits times ten to this power, in pico-USD.
    let power = PLACES + i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let digits = i64::try_from(all.len()).ok()?;
    if all.is_empty() || digits + power < 0 {
        return Some(PicoUsd(0));
    }
    if digits + power > 38 {
        return None;
    }
    let kept = usize::try_from((digits + power.min(0)).max(0)).ok()?;
    let (kept, cut) = all.split_at(kept);
    let round = u128::from(cut.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    let kept: u128 = if kept.is_empty() {
        0
    } else {
        kept.parse().ok()?
    };
    let scale = 10u128.checked_pow(u32::try_from(power.max(0)).ok()?)?;
    kept.checked_mul(scale)?.checked_add(round).map(PicoUsd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (json, pico) in [
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("3", Some(3_000_000_000_000)),
            ("0.0034500000000000004", Some(3_450_000_000)),
            ("\"0.25\"", Some(250_000_000_000)),
            ("1.2e-7", Some(120_000)),
            ("1E-12", Some(1)),
            ("5e-13", Some(1)),
            ("4.9e-13", Some(0)),
            ("9e-99", Some(0)),
            (
                "99999999999999.999999999999",
                Some(99_999_999_999_999_999_999_999_999),
            ),
            ("12e2", Some(1_200_000_000_000_000)),
            ("1e99", None),
            ("1e99999999999", None),
            ("-1", None),
            ("\"\"", None),
            ("\"", None),
            ("1.", None),
            (".5", None),
            ("+1", None),
            ("null", None),
            ("{}", None),
            ("NaN", None),
        ] {
            assert_eq!(amount(json), pico.map(PicoUsd), "{json}");
        }
    }

    #[test]
    fn only_the_member_of_usage_counts() {
        let told = |json: &str| told(json.as_bytes()).map(|cost| cost.to_string());
        assert_eq!(told(r#"{"usage":{"cost_usd":0.5}}"#).unwrap(), "0.5");
        for json in [
            r#"{"cost_usd":0.5}"#,
            r#"{"usage":{"cost":0.5}}"#,
            r#"{"content":[{"cost_usd":0.5}],"usage":{}}"#,
            r#"{"content":"\"cost_usd\":1"}"#,
            r#"{"usage":null,"x":{"cost_usd":1}}"#,
            r#"{"usage":{"cost_usd":null}}"#,
        ] {
            assert_eq!(told(json), None, "{json}");
        }
    }
}
