//! Compaction bookkeeping: when to compact, and where to cut.
//!
//! [`Window`] holds a few numbers for each of the newest `N` messages of the context, no text, and is filled from the log
//! when a compaction is planned: a journal that was resumed plans as one that never stopped. A cut never falls
//! before a tool result, nor between a tool call and its result, whatever stands between them, nor behind a call
//! of the newest answer that still waits for its result. (Older calls without a result count as given up.)

mod window;

pub use window::Window;

/// opi's default threshold: tokens spent since the watermark.
pub const DEFAULT_THRESHOLD: u64 = 100_000;

/// Estimated tokens of a text: a quarter of its bytes, as opi estimates.
pub fn estimate_tokens(text_bytes: u64) -> u64 {
    text_bytes / 4
}

/// Why a compaction is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// Tokens spent since the watermark have reached the threshold.
    Threshold,
    /// The context has come too near to the model's window.
    ContextWindow,
    /// The user asks for it.
    Manual,
    /// The provider has refused the context as too long.
    Overflow,
}

/// A model's context window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContextWindow {
    /// Tokens that the model can take.
    pub tokens: u64,
    /// Tokens of it to be kept free for the answer.
    pub reserve: u64,
}

/// When compactions are due by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Triggers {
    /// Tokens spent since the watermark; `None` for never.
    pub threshold: Option<u64>,
    /// The model's window; `None` when it is not known.
    pub window: Option<ContextWindow>,
}

impl Default for Triggers {
    /// opi's rule: 100,000 tokens spent.
    fn default() -> Self {
        Triggers {
            threshold: Some(DEFAULT_THRESHOLD),
            window: None,
        }
    }
}

impl Triggers {
    /// Whether a compaction is due after `spent_since` tokens since the watermark, with a context of `context` tokens.
    pub fn due(&self, spent_since: u64, context: u64) -> Option<Reason> {
        let limit = |window: ContextWindow| window.tokens.saturating_sub(window.reserve);
        if self.window.is_some_and(|window| context > limit(window)) {
            return Some(Reason::ContextWindow);
        }
        let reached = self.threshold.is_some_and(|limit| spent_since >= limit);
        reached.then_some(Reason::Threshold)
    }
}

/// What a compaction keeps: always at least the newest message, and what belongs to its tool calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Keep {
    /// The last quarter of the context's entries (opi's rule), or a few more.
    #[default]
    LastQuarter,
    /// As many of the last messages as are estimated at this many tokens together, or a few fewer.
    LastTokens(u64),
    /// This many of the last messages, or a few more.
    LastMessages(u64),
}

/// Where a context is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cut {
    /// How many of the newest messages are kept.
    pub kept: usize,
    /// Where the first of them lies in the storage.
    pub start: u64,
    /// Estimated tokens of what is kept.
    pub tokens: u64,
    /// The policy asks for more than the window holds: fewer are kept than it says.
    pub limited: bool,
}

/// Why there is no cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoCut {
    /// The policy keeps every message there is.
    NothingToCompact,
    /// The window of `held` messages is too small: each place in it would separate a tool call from its result.
    WindowTooSmall {
        /// Messages that the window holds.
        held: usize,
    },
}

impl core::fmt::Display for NoCut {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NothingToCompact => f.write_str("nothing to compact"),
            Self::WindowTooSmall { held } => write!(
                f,
                "no cut among the last {held} messages keeps tool calls and results together"
            ),
        }
    }
}

impl core::error::Error for NoCut {}

#[cfg(test)]
#[path = "compaction_tests.rs"]
mod tests;
