//! The newest messages of the context, and the places among them where it may be cut.

use super::{Cut, Keep, NoCut, estimate_tokens};
use crate::{
    record::{Message, Role, ToolCalls},
    usage::add_to,
};
use heapless::Vec;

/// Tool results whose calls can be sought at once. Behind more of them nothing is cut until the oldest are left out.
const SOUGHT_RESULTS: usize = 32;

/// The call may lie anywhere before: nothing may be cut between here and there.
const ANYWHERE: u32 = u32::MAX;

/// What is remembered of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Slot {
    start: u64,
    tokens: u32,
    /// Of a tool result: how many messages back the call lies that it answers, as far as that is known, and one more.
    /// 0 of any other message.
    reach: u32,
}

/// A tool result whose call is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Sought {
    /// The call's hash.
    hash: u32,
    /// The result, counted from the newest message.
    index: u32,
}

/// The newest `N` messages of the context: what a cut can be chosen from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Window<const N: usize> {
    /// From the newest back.
    slots: Vec<Slot, N>,
    sought: Vec<Sought, SOUGHT_RESULTS>,
    /// Messages taken in, those that found no room among them.
    met: u32,
    /// Fewer messages are not kept: the newest answer's tool calls have not all been answered.
    at_least: u32,
    answer_met: bool,
}

impl<const N: usize> Window<N> {
    /// Takes in the next older message, which lies at offset `start`. Older ones than the window holds are counted, and
    /// searched for calls.
    pub fn push(&mut self, message: &Message, start: u64) {
        let index = self.met;
        self.met = self.met.saturating_add(1);
        let tool_result = message.role == Role::ToolResult;
        let mut reach = u32::from(tool_result);
        if let Some(hash) = message.answers.filter(|_| tool_result)
            && self.sought.push(Sought { hash, index }).is_err()
        {
            reach = ANYWHERE;
        }
        let unanswered = self.resolve(&message.calls, index);
        if message.role == Role::Assistant && !self.answer_met {
            self.answer_met = true;
            // Older calls without a result have been given up.
            self.at_least = if unanswered > 0 { self.met } else { 0 };
        }
        let tokens = estimate_tokens(message.text_len);
        // When there is no room, it is too old to be kept.
        let _ = self.slots.push(Slot {
            start,
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            reach,
        });
    }

    /// Finds the results that answer calls of the message at `index`; gives how many calls remain without one.
    fn resolve(&mut self, calls: &ToolCalls, index: u32) -> u8 {
        let mut unanswered = calls.count();
        if unanswered == 0 {
            return 0;
        }
        let slots = &mut self.slots;
        let mut reached = |result: &Sought| {
            let place = usize::try_from(result.index).unwrap_or(usize::MAX);
            if let Some(slot) = slots.get_mut(place) {
                slot.reach = index.wrapping_sub(result.index).saturating_add(1);
            }
        };
        let mut told_apart = ToolCalls::HELD;
        self.sought.retain(|result| {
            let found = calls.is_told_apart(result.hash);
            if found {
                reached(result);
                unanswered = unanswered.saturating_sub(1);
                told_apart = told_apart.saturating_sub(1);
            }
            !found
        });
        if !calls.is_over_full() {
            return unanswered;
        }
        // Any of the other results may answer a call that is not told apart. They do when all calls that are have been
        // answered and the numbers fit; otherwise the call may lie further back too.
        self.sought.iter().for_each(reached);
        let others = u8::try_from(self.sought.len()).unwrap_or(u8::MAX);
        if told_apart == 0 && others <= unanswered {
            self.sought.clear();
            unanswered = unanswered.saturating_sub(others);
        }
        unanswered
    }

    /// Messages taken in.
    pub fn messages(&self) -> usize {
        usize::try_from(self.met).unwrap_or(usize::MAX)
    }

    /// Chooses a cut in the context of the messages taken in and, with `summary`, a summary before them.
    pub fn cut(&self, keep: Keep, summary: bool) -> Result<Cut, NoCut> {
        let held = self.slots.len();
        let whole = self.messages();
        let covers = held == whole;
        let wanted = self.wanted(keep, whole.saturating_add(usize::from(summary)));
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
    fn wanted(&self, keep: Keep, entries: usize) -> usize {
        let count = match keep {
            Keep::LastQuarter => entries / 4,
            Keep::LastMessages(n) => usize::try_from(n).unwrap_or(usize::MAX),
            Keep::LastTokens(budget) => {
                let mut left = budget;
                let fitting = self.slots.iter().take_while(|slot| {
                    let rest = left.checked_sub(u64::from(slot.tokens));
                    left = rest.unwrap_or(0);
                    rest.is_some()
                });
                let count = fitting.count();
                // When all that is held fits, so may more.
                let more = usize::from(count == self.slots.len());
                count.saturating_add(more)
            }
        };
        count.max(1)
    }

    /// The longest legal cut that keeps at most `wanted` messages, and the shortest that keeps more or as many.
    fn legal_cuts(&self, wanted: usize) -> (Option<Cut>, Option<Cut>) {
        let (mut shorter, mut tokens) = (None, 0u64);
        let mut needed = u64::from(self.at_least);
        for (index, slot) in self.slots.iter().enumerate() {
            let kept = index.saturating_add(1);
            add_to(&mut tokens, u64::from(slot.tokens));
            let reach = u64::from(slot.reach.saturating_sub(1));
            needed = needed.max((kept as u64).wrapping_add(reach));
            if needed > kept as u64 || slot.reach > 0 {
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
