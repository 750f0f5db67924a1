//! What was used: tokens of one answer, and sums of them.
//!
//! Counts are `u64` and saturate at `u64::MAX`, and an unknown count is not zero.

use serde::Serialize;

/// Tokens of one model answer, or a sum of several.
///
/// The four buckets (`input`, `output`, `cache_read`, `cache_write`) do not overlap.
/// [`cache_write_1h_tokens`](Self::cache_write_1h_tokens) and
/// [`reasoning_tokens`](Self::reasoning_tokens) name a part of a bucket, and are never added to a total again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Usage {
    /// Input tokens that were neither read from nor written to a cache.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Input tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to a cache, whatever their time to live.
    pub cache_write_tokens: u64,
    /// The part of `cache_write_tokens` that lives for an hour; `None` if that was not reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_tokens: Option<u64>,
    /// The part of `output_tokens` spent on reasoning; `None` if that was not reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
}

impl Usage {
    /// No tokens.
    pub(crate) const NONE: Self = Usage {
        input_tokens: 0,
        output_tokens: 0,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
        cache_write_1h_tokens: None,
        reasoning_tokens: None,
    };

    /// The sum of the four buckets, saturating.
    #[must_use]
    #[inline(never)] // Long on a small processor, and called in many places.
    pub const fn total_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.output_tokens)
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.cache_write_tokens)
    }

    /// Adds count by count, saturating. A part that only one side reports is that side's.
    #[must_use]
    pub fn saturating_add(self, other: &Self) -> Self {
        let mut sum = self;
        sum.add(other);
        sum
    }

    fn add(&mut self, other: &Self) {
        add_to(&mut self.input_tokens, other.input_tokens);
        add_to(&mut self.output_tokens, other.output_tokens);
        add_to(&mut self.cache_read_tokens, other.cache_read_tokens);
        add_to(&mut self.cache_write_tokens, other.cache_write_tokens);
        add_part(&mut self.cache_write_1h_tokens, other.cache_write_1h_tokens);
        add_part(&mut self.reasoning_tokens, other.reasoning_tokens);
    }

    /// Subtracts count by count, stopping at zero. A part unknown on the left stays unknown; one
    /// unknown on the right takes nothing away.
    #[must_use]
    pub fn saturating_sub(self, other: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_sub(other.input_tokens),
            output_tokens: self.output_tokens.saturating_sub(other.output_tokens),
            cache_read_tokens: self
                .cache_read_tokens
                .saturating_sub(other.cache_read_tokens),
            cache_write_tokens: self
                .cache_write_tokens
                .saturating_sub(other.cache_write_tokens),
            cache_write_1h_tokens: sub_parts(
                self.cache_write_1h_tokens,
                other.cache_write_1h_tokens,
            ),
            reasoning_tokens: sub_parts(self.reasoning_tokens, other.reasoning_tokens),
        }
    }
}

/// Adds, saturating. Sixteen bytes of code on a small processor each time that it is not a call.
#[cfg_attr(not(feature = "fast"), inline(never))]
pub(crate) fn add_to(sum: &mut u64, n: u64) {
    *sum = sum.saturating_add(n);
}

#[cfg_attr(not(feature = "fast"), inline(never))]
fn add_part(sum: &mut Option<u64>, part: Option<u64>) {
    if let Some(part) = part {
        add_to(sum.get_or_insert(0), part);
    }
}

fn sub_parts(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.map(|a| a.saturating_sub(b.unwrap_or(0)))
}

/// A sum over messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UsageTotals {
    /// The sum of what was reported.
    pub usage: Usage,
    /// Turns, i.e. user messages.
    pub turns: u64,
    /// Assistant messages that reported no usage: while there is one, `usage` is a lower bound.
    pub unreported: u64,
}

impl UsageTotals {
    /// Nothing.
    pub(crate) const NONE: Self = UsageTotals {
        usage: Usage::NONE,
        turns: 0,
        unreported: 0,
    };

    /// Whether every assistant message reported its usage, so that the sum is exact.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.unreported == 0
    }

    /// Counts an assistant message that reported its usage.
    pub fn add_reported(&mut self, usage: &Usage) {
        self.usage.add(usage);
    }

    /// Counts an assistant message whose usage is unknown.
    pub fn add_unreported(&mut self) {
        add_to(&mut self.unreported, 1);
    }

    /// Counts a user message.
    pub fn add_turn(&mut self) {
        add_to(&mut self.turns, 1);
    }

    /// Adds another sum, saturating.
    pub fn merge(&mut self, other: &Self) {
        self.usage.add(&other.usage);
        add_to(&mut self.turns, other.turns);
        add_to(&mut self.unreported, other.unreported);
    }

    /// What this sum has beyond `other`, count by count, stopping at zero.
    #[must_use]
    pub fn saturating_sub(self, other: &Self) -> Self {
        Self {
            usage: self.usage.saturating_sub(&other.usage),
            turns: self.turns.saturating_sub(other.turns),
            unreported: self.unreported.saturating_sub(other.unreported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Usage = Usage {
        input_tokens: 10,
        output_tokens: 20,
        cache_read_tokens: 30,
        cache_write_tokens: 40,
        cache_write_1h_tokens: Some(15),
        reasoning_tokens: None,
    };
    const B: Usage = Usage {
        input_tokens: 1,
        output_tokens: 2,
        cache_read_tokens: 3,
        cache_write_tokens: 4,
        cache_write_1h_tokens: None,
        reasoning_tokens: Some(2),
    };
    const FULL: Usage = Usage {
        input_tokens: u64::MAX,
        output_tokens: u64::MAX,
        cache_read_tokens: u64::MAX,
        cache_write_tokens: u64::MAX,
        cache_write_1h_tokens: Some(u64::MAX),
        reasoning_tokens: Some(u64::MAX),
    };

    #[test]
    fn parts_are_not_added_again() {
        assert_eq!(A.total_tokens(), 100);
        assert_eq!(B.total_tokens(), 10);
        // Past the 32 bits at which narrower counters wrap.
        let big = Usage {
            input_tokens: 4_294_967_295,
            output_tokens: 1,
            ..Usage::default()
        };
        assert_eq!(big.total_tokens(), 4_294_967_296);
    }

    #[test]
    fn sums() {
        let sum = A.saturating_add(&B);
        let expected = Usage {
            input_tokens: 11,
            output_tokens: 22,
            cache_read_tokens: 33,
            cache_write_tokens: 44,
            cache_write_1h_tokens: Some(15),
            reasoning_tokens: Some(2),
        };
        assert_eq!(sum, expected);
        assert_eq!(sum, B.saturating_add(&A));
        assert_eq!(
            sum.saturating_sub(&B),
            Usage {
                reasoning_tokens: Some(0),
                ..A
            }
        );
        assert_eq!(
            B.saturating_sub(&A),
            Usage {
                reasoning_tokens: Some(2),
                ..Usage::default()
            }
        );
        assert_eq!(A.saturating_add(&A).cache_write_1h_tokens, Some(30));
        assert_eq!(
            A.saturating_sub(&sum.saturating_add(&A))
                .cache_write_1h_tokens,
            Some(0)
        );
    }

    #[test]
    fn everything_saturates() {
        assert_eq!(FULL.saturating_add(&A), FULL);
        assert_eq!(FULL.total_tokens(), u64::MAX);
        let mut totals = UsageTotals {
            usage: FULL,
            turns: u64::MAX,
            unreported: u64::MAX,
        };
        let before = totals;
        totals.add_reported(&A);
        totals.add_turn();
        totals.add_unreported();
        totals.merge(&before);
        assert_eq!(totals, before);
        let nothing = UsageTotals::default().saturating_sub(&totals);
        assert_eq!(nothing, UsageTotals::default());
    }

    #[test]
    fn unknown_is_not_zero() {
        let mut totals = UsageTotals::default();
        totals.add_turn();
        totals.add_reported(&A);
        totals.add_reported(&Usage::default());
        assert!(totals.is_complete());
        totals.add_unreported();
        assert!(!totals.is_complete());
        assert_eq!(
            totals,
            UsageTotals {
                usage: A,
                turns: 1,
                unreported: 1
            }
        );

        let mut twice = totals;
        twice.merge(&totals);
        assert_eq!((twice.turns, twice.unreported), (2, 2));
        assert_eq!(twice.usage, A.saturating_add(&A));
        assert_eq!(twice.saturating_sub(&totals), totals);
    }

    #[test]
    fn unknown_parts_are_left_out() {
        let json = serde_json::to_string(&A).unwrap();
        assert_eq!(
            json,
            r#"{"input_tokens":10,"output_tokens":20,"cache_read_tokens":30,"cache_write_tokens":40,"cache_write_1h_tokens":15}"#
        );
        assert!(
            !serde_json::to_string(&Usage::default())
                .unwrap()
                .contains("null")
        );
    }
}
