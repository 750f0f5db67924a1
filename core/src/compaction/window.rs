//! The newest messages of the context, and the places among them where it may be cut.

use super::{Cut, Keep, NoCut, estimate_tokens};
use crate::{
    record::{Message, Role, ToolCalls},
    usage::add_to,
};
use heapless::Vec;

/// Of so many tool results beyond the window the calls are sought: of more of them the newest answer's count as calls
/// that wait.
const RESULTS_BEYOND: usize = 16;

/// No message.
const NONE: u32 = u32::MAX;

/// What is remembered of a message. There are many, and on a device they lie on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Slot {
    start: u64,
    /// Estimated tokens, at most [`Slot::TOKENS`]; above them [`Slot::RESULT`] and [`Slot::SOUGHT`].
    tokens: u32,
    /// While the call is sought that this tool result answers: that call's hash. Otherwise the newest message that
    /// answers a call of this one, counted from the newest of all, or [`NONE`].
    link: u32,
}

impl Slot {
    /// The most tokens: those of a text of 4 GiB.
    const TOKENS: u32 = Self::RESULT.wrapping_sub(1);
    /// It is a tool result.
    const RESULT: u32 = 1 << 30;
    /// Its call is sought.
    const SOUGHT: u32 = 1 << 31;

    fn tokens(&self) -> u64 {
        u64::from(self.tokens & Self::TOKENS)
    }

    fn is_result(&self) -> bool {
        self.tokens & Self::RESULT != 0
    }

    /// The call that is sought.
    fn sought(&self) -> Option<u32> {
        (self.tokens & Self::SOUGHT != 0).then_some(self.link)
    }

    /// The newest message that answers this one, or [`NONE`].
    fn answered_by(&self) -> u32 {
        self.sought().map_or(self.link, |_| NONE)
    }

    /// Its call is sought no more.
    fn found(&mut self) {
        self.tokens &= !Self::SOUGHT;
        self.link = NONE;
    }
}

/// The newest `N` messages of the context: what a cut can be chosen from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Window<const N: usize> {
    /// From the newest back.
    slots: Vec<Slot, N>,
    /// The calls that results answer which found no room among them.
    beyond: Vec<u32, RESULTS_BEYOND>,
    /// Messages taken in, those that found no room among them.
    met: u32,
    /// Fewer messages are not kept: the newest answer's tool calls have not all been answered.
    at_least: u32,
    /// More are not kept: the next one answers a call that may lie beyond the slots.
    at_most: Option<u32>,
    answer_met: bool,
}

impl<const N: usize> Window<N> {
    /// Takes in the next older message, which lies at offset `start`. Older ones than the window holds are counted, and
    /// searched for calls.
    #[inline(never)] // What it remembers is gone when the next one is read.
    pub fn push(&mut self, message: &Message, start: u64) {
        let index = self.met;
        self.met = self.met.saturating_add(1);
        let (unanswered, link) = self.resolve(&message.calls);
        if message.role == Role::Assistant && !self.answer_met {
            self.answer_met = true;
            // Older calls without a result have been given up.
            self.at_least = if unanswered > 0 { self.met } else { 0 };
        }
        let tokens = u32::try_from(estimate_tokens(message.text_len)).unwrap_or(u32::MAX);
        let mut slot = Slot {
            start,
            tokens: tokens.min(Slot::TOKENS),
            link,
        };
        let mut sought = None;
        if message.role == Role::ToolResult {
            slot.tokens |= Slot::RESULT;
            sought = message.answers;
        }
        let room = !self.slots.is_full();
        let mut at_most = if room { NONE } else { link };
        if let Some(hash) = sought {
            if room && link == NONE {
                slot.tokens |= Slot::SOUGHT;
                slot.link = hash;
            } else {
                // If there is no room, its call counts as one that waits.
                let _ = self.beyond.push(hash);
                if room {
                    // A result that is itself answered: what it answers may lie anywhere.
                    at_most = index;
                }
            }
        }
        // Without room it is too old to be kept.
        let _ = self.slots.push(slot);
        if at_most < self.at_most.unwrap_or(NONE) {
            self.at_most = Some(at_most);
        }
    }

    /// Finds the results that answer `calls`, which are those of the next older message. Gives how many calls remain
    /// without one, and the newest of these results, or [`NONE`].
    fn resolve(&mut self, calls: &ToolCalls) -> (u8, u32) {
        let (mut unanswered, mut newest) = (calls.count(), NONE);
        if unanswered == 0 {
            return (0, NONE);
        }
        let (mut told_apart, mut others) = (ToolCalls::HELD, 0u8);
        let mut answers = |hash: u32| {
            let found = calls.is_told_apart(hash);
            if found {
                unanswered = unanswered.saturating_sub(1);
                told_apart = told_apart.saturating_sub(1);
            } else {
                others = others.saturating_add(1);
            }
            found
        };
        for (slot, index) in self.slots.iter_mut().zip(0u32..) {
            let Some(hash) = slot.sought() else {
                continue;
            };
            let found = answers(hash);
            if found {
                slot.found();
            }
            // Any of the other results may answer a call that is not told apart.
            if found || calls.is_over_full() {
                newest = newest.min(index);
            }
        }
        self.beyond.retain(|hash| !answers(*hash));
        // They do when all calls that are have been answered and the numbers fit; otherwise the call may lie further
        // back too.
        if calls.is_over_full() && told_apart == 0 && others <= unanswered {
            let sought = self.slots.iter_mut().filter(|slot| slot.sought().is_some());
            sought.for_each(Slot::found);
            self.beyond.clear();
            unanswered = unanswered.saturating_sub(others);
        }
        (unanswered, newest)
    }

    /// Messages taken in.
    pub fn messages(&self) -> usize {
        usize::try_from(self.met).unwrap_or(usize::MAX)
    }

    /// Chooses a cut in the context of the messages taken in and, with `summary`, a summary before them.
    #[inline(never)]
    pub fn cut(&self, keep: Keep, summary: bool) -> Result<Cut, NoCut> {
        let held = self.slots.len();
        let whole = self.messages();
        let covers = held == whole;
        let wanted = self.wanted(keep, whole.saturating_add(usize::from(summary)));
        if wanted >= whole {
            return Err(NoCut::NothingToCompact);
        }
        let (shorter, longer) = self.legal_cuts(wanted);
        let longer = longer.filter(|kept| *kept < whole);
        let fits_budget = matches!(keep, Keep::LastTokens(_)) && wanted <= held;
        let chosen = if fits_budget {
            shorter.or(longer)
        } else {
            longer.or(shorter)
        };
        match chosen {
            Some(kept) => Ok(self.cut_at(kept, kept < wanted && !covers)),
            None if covers => Err(NoCut::NothingToCompact),
            None => Err(NoCut::WindowTooSmall { held }),
        }
    }

    /// The cut that keeps so many messages.
    fn cut_at(&self, kept: usize, limited: bool) -> Cut {
        let (mut start, mut tokens) = (0, 0);
        for slot in self.slots.iter().take(kept) {
            start = slot.start;
            add_to(&mut tokens, slot.tokens());
        }
        Cut {
            kept,
            start,
            tokens,
            limited,
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
                    let rest = left.checked_sub(slot.tokens());
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

    /// How many messages the longest legal cut keeps that keeps at most `wanted`, and the shortest that keeps more or as
    /// many.
    fn legal_cuts(&self, wanted: usize) -> (Option<usize>, Option<usize>) {
        let mut longer = None;
        // Of what lies further back no call is answered by one of the newest messages, up to this many.
        let mut at_most = self.at_most.unwrap_or(NONE);
        for (index, slot) in self.slots.iter().enumerate().rev() {
            let kept = index.saturating_add(1);
            let legal = self.at_least..=at_most;
            let legal = legal.contains(&u32::try_from(kept).unwrap_or(NONE)) && !slot.is_result();
            at_most = at_most.min(slot.answered_by());
            if !legal {
                continue;
            }
            if kept >= wanted {
                longer = Some(kept);
            }
            if kept <= wanted {
                return (Some(kept), longer);
            }
        }
        (None, longer)
    }
}
