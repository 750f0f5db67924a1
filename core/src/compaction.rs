//! Compaction bookkeeping: when to compact, and where to cut.
//!
//! [`Window`] holds a few numbers for each of the newest `N` messages of the context, no text. A cut never falls
//! before a tool result, nor between a tool call and its result, whatever stands between them.

use crate::record::{Message, Role, ToolCalls};
use heapless::{Deque, Vec};

/// opi's default threshold: tokens spent since the watermark.
pub const DEFAULT_THRESHOLD: u64 = 100_000;

/// Messages whose tool calls can be waiting for results at once.
const OPEN_CALLERS: usize = 4;

/// Tool results whose calls can be sought at once, going back.
const OPEN_RESULTS: usize = 16;

/// The call may lie anywhere before: nothing may be cut between here and there.
const ANYWHERE: u32 = u32::MAX;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What is remembered of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Slot {
    start: u64,
    tokens: u32,
    /// How many messages back the tool call lies that this message answers.
    reach: u32,
    tool_result: bool,
}

impl Slot {
    fn new(message: &Message, start: u64) -> Self {
        let tokens = estimate_tokens(message.text_len);
        Slot {
            start,
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            reach: 0,
            tool_result: message.role == Role::ToolResult,
        }
    }
}

/// A message with tool calls that have not been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Caller {
    made: ToolCalls,
    unanswered: u8,
    ordinal: u32,
}

/// The newest `N` messages of the context: what a cut can be chosen from.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Window<const N: usize> {
    slots: Deque<Slot, N>,
    callers: Vec<Caller, OPEN_CALLERS>,
    /// A message with tool calls is no longer among the callers: another answer to it may come.
    forgot: bool,
    /// Ordinal of the next message.
    next: u32,
}

impl<const N: usize> Window<N> {
    /// Messages held.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// No message is held.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn has_forgotten(&self) -> bool {
        self.forgot
    }

    /// Takes in a message that was appended at offset `start`; the oldest one makes room.
    pub fn push(&mut self, message: &Message, start: u64) {
        let mut slot = Slot::new(message, start);
        if let Some(hash) = message.answers.filter(|_| slot.tool_result) {
            slot.reach = self.answer(hash);
        }
        self.call(message);
        if self.slots.is_full() {
            self.slots.pop_front();
        }
        // Room has been made, unless N is 0.
        let _ = self.slots.push_back(slot);
        self.next = self.next.wrapping_add(1);
    }

    /// Forgets the newest `count` messages: they were not written after all.
    pub fn pop(&mut self, count: usize) {
        for _ in 0..count {
            self.slots.pop_back();
        }
        self.next = self.next.wrapping_sub(u32::try_from(count).unwrap_or(0));
        let next = self.next;
        // What lies ahead of the next ordinal is gone. What a lost result had answered stays answered: a repeated
        // one is then sought anywhere.
        self.callers.retain(|caller| {
            next.wrapping_sub(caller.ordinal) <= u32::MAX / 2 && caller.ordinal != next
        });
        self.forgot |= count > 0;
    }

    /// Forgets all but the newest `count` messages.
    pub fn keep(&mut self, count: usize) {
        while self.slots.len() > count {
            self.slots.pop_front();
        }
    }

    fn call(&mut self, message: &Message) {
        let unanswered = message.calls.count();
        if unanswered == 0 {
            return;
        }
        if self.callers.is_full() {
            self.callers.remove(0);
            self.forgot = true;
        }
        // Room has been made.
        let _ = self.callers.push(Caller {
            made: message.calls,
            unanswered,
            ordinal: self.next,
        });
    }

    /// How far back the call lies whose id has this hash.
    fn answer(&mut self, hash: u32) -> u32 {
        // A message of too many calls may or may not have made this one: one that surely did, further back, counts.
        let callers = &self.callers;
        let surely = callers.iter().rposition(|c| c.made.surely_made(hash));
        let perhaps = callers.iter().rposition(|c| c.made.made(hash));
        let Some(index) = surely.or(perhaps) else {
            return if self.forgot { ANYWHERE } else { 0 };
        };
        let Some(caller) = self.callers.get_mut(index) else {
            return ANYWHERE;
        };
        let reach = self.next.wrapping_sub(caller.ordinal);
        caller.unanswered = caller.unanswered.saturating_sub(1);
        if caller.unanswered == 0 {
            self.callers.remove(index);
            self.forgot = true;
        }
        reach
    }

    /// Chooses a cut in a context of `messages` messages and, with `summary`, a summary before them.
    pub fn cut(&self, keep: Keep, messages: u64, summary: bool) -> Result<Cut, NoCut> {
        let held = self.slots.len();
        let covers = held as u64 >= messages;
        let wanted = self.wanted(keep, messages.saturating_add(u64::from(summary)));
        let whole = usize::try_from(messages).unwrap_or(usize::MAX);
        if wanted >= whole {
            return Err(NoCut::NothingToCompact);
        }
        let (shorter, longer) = self.legal_cuts(wanted);
        let longer = longer.filter(|cut| cut.kept < whole);
        let fits_budget = matches!(keep, Keep::LastTokens(_)) && wanted <= held;
        let chosen = if fits_budget {
            shorter.or(longer)
        } else {
            longer.or(shorter)
        };
        match chosen {
            Some(cut) => Ok(Cut {
                limited: cut.kept < wanted && !covers,
                ..cut
            }),
            None if covers => Err(NoCut::NothingToCompact),
            None => Err(NoCut::WindowTooSmall { held }),
        }
    }

    /// How many messages the policy keeps, tool calls not considered; at least one.
    fn wanted(&self, keep: Keep, entries: u64) -> usize {
        let count = match keep {
            Keep::LastQuarter => entries / 4,
            Keep::LastMessages(n) => n,
            Keep::LastTokens(budget) => {
                let mut left = budget;
                let fitting = self.slots.iter().rev().take_while(|slot| {
                    let rest = left.checked_sub(u64::from(slot.tokens));
                    left = rest.unwrap_or(0);
                    rest.is_some()
                });
                let count = fitting.count();
                // When all that is held fits, so may more.
                let more = usize::from(count == self.slots.len());
                count.saturating_add(more) as u64
            }
        };
        usize::try_from(count).unwrap_or(usize::MAX).max(1)
    }

    /// The longest legal cut that keeps at most `wanted` messages, and the shortest that keeps more or as many.
    fn legal_cuts(&self, wanted: usize) -> (Option<Cut>, Option<Cut>) {
        let (mut shorter, mut tokens, mut needed) = (None, 0u64, 0u64);
        for (index, slot) in self.slots.iter().rev().enumerate() {
            let kept = index.saturating_add(1);
            tokens = tokens.saturating_add(u64::from(slot.tokens));
            needed = needed.max((kept as u64).saturating_add(u64::from(slot.reach)));
            if needed > kept as u64 || slot.tool_result {
                continue;
            }
            let cut = Some(Cut {
                kept,
                start: slot.start,
                tokens,
                limited: false,
            });
            if kept >= wanted {
                return (if kept == wanted { cut } else { shorter }, cut);
            }
            shorter = cut;
        }
        (shorter, None)
    }
}

/// A tool result whose call is sought.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Sought {
    hash: u32,
    /// The result, counted from the newest message.
    index: u32,
    /// A message of too many calls has been met, which may have made it.
    perhaps: bool,
}

/// Fills a window from the newest message back, as a resume meets them.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refill<const N: usize> {
    window: Window<N>,
    /// Hashes of the calls sought, and the message that answers each, counted from the newest.
    results: Vec<Sought, OPEN_RESULTS>,
    met: u32,
}

impl<const N: usize> Default for Refill<N> {
    fn default() -> Self {
        Refill {
            window: Window::default(),
            results: Vec::new(),
            met: 0,
        }
    }
}

impl<const N: usize> Refill<N> {
    /// Takes in the next older message, which lies at offset `start`.
    pub fn push(&mut self, message: &Message, start: u64) {
        let mut slot = Slot::new(message, start);
        let index = self.met;
        self.met = self.met.saturating_add(1);
        self.resolve(message, index);
        let sought = message.answers.filter(|_| slot.tool_result);
        if let Some(hash) = sought {
            if self.results.is_full()
                && let Some(found) = self.results.iter().position(|result| result.perhaps)
            {
                self.results.swap_remove(found);
            }
            let result = Sought {
                hash,
                index,
                perhaps: false,
            };
            if self.results.push(result).is_err() {
                slot.reach = ANYWHERE;
            }
        }
        // Older ones than the window holds are only counted.
        let _ = self.window.slots.push_front(slot);
    }

    /// Finds the results that answer calls of this message.
    fn resolve(&mut self, message: &Message, index: u32) {
        if message.calls.count() == 0 {
            return;
        }
        let mut unanswered = message.calls.count();
        let slots = &mut self.window.slots;
        let len = slots.len();
        self.results.retain_mut(|sought| {
            let result = &sought.index;
            let surely = message.calls.surely_made(sought.hash);
            if surely || (message.calls.is_over_full() && !sought.perhaps) {
                sought.perhaps = true;
                unanswered = unanswered.saturating_sub(1);
                let place = usize::try_from(*result)
                    .ok()
                    .and_then(|r| len.checked_sub(r));
                if let Some(slot) = place
                    .and_then(|p| p.checked_sub(1))
                    .and_then(|p| slots.iter_mut().nth(p))
                {
                    slot.reach = index.saturating_sub(*result);
                }
            }
            !surely
        });
        if unanswered > 0 && !self.window.callers.is_full() {
            // Ordinals count up to the end, which is not known before all are met: `finish` turns them.
            let _ = self.window.callers.push(Caller {
                made: message.calls,
                unanswered,
                ordinal: index,
            });
        } else {
            self.window.forgot = true;
        }
    }

    /// The window, when the context's beginning has been reached.
    pub fn finish(mut self) -> Window<N> {
        let held = self.window.slots.len();
        let covers = u32::try_from(held).is_ok_and(|held| held >= self.met);
        for Sought { index: result, .. } in self.results.iter().filter(|result| !result.perhaps) {
            let place = usize::try_from(*result)
                .ok()
                .and_then(|r| held.checked_sub(r));
            let slot = place
                .and_then(|p| p.checked_sub(1))
                .and_then(|p| self.window.slots.iter_mut().nth(p));
            if let Some(slot) = slot.filter(|_| !covers) {
                slot.reach = ANYWHERE;
            }
        }
        self.window.next = self.met;
        self.window.callers.reverse();
        for caller in &mut self.window.callers {
            caller.ordinal = self.met.wrapping_sub(caller.ordinal).wrapping_sub(1);
        }
        self.window
    }
}

#[cfg(test)]
#[path = "compaction_tests.rs"]
mod tests;
