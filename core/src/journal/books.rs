//! What a journal holds in memory.

use crate::{
    compaction::{Cut, estimate_tokens},
    id::{EntryId, IdKind, Sequence},
    record::{Record, Role, Totals},
    replay::Tally,
    usage::add_to,
};

/// Whose name the tip bears: as a text it would take 128 bytes, and the books are held twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tip {
    /// There is no tip.
    #[default]
    Nothing,
    /// One of our own.
    Own(IdKind, u64),
    /// The one foreign name that the journal holds.
    Foreign,
}

impl Tip {
    /// Of this name, which is held if it is foreign.
    pub(super) fn of(id: &EntryId) -> Self {
        let kinds = [IdKind::Message, IdKind::Compaction, IdKind::Leaf];
        let own = id.number().and_then(|n| {
            let mut kinds = kinds.into_iter();
            let kind = kinds.find(|kind| EntryId::own(*kind, n) == *id)?;
            Some(Tip::Own(kind, n))
        });
        own.unwrap_or(Tip::Foreign)
    }

    /// The tip's name: `foreign`, or made in `own`.
    pub(super) fn name<'n>(
        self,
        foreign: &'n EntryId,
        own: &'n mut EntryId,
    ) -> Option<&'n EntryId> {
        match self {
            Tip::Nothing => None,
            Tip::Own(kind, n) => {
                own.set_own(kind, n);
                Some(own)
            }
            Tip::Foreign => Some(foreign),
        }
    }
}

/// Everything that a checkpoint restores.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Books {
    pub(super) tip: Tip,
    pub(super) sequence: Sequence,
    pub(super) watermark: u64,
    /// Messages in the context.
    pub(super) messages: u64,
    /// Estimated tokens of these messages.
    pub(super) message_tokens: u64,
    /// Estimated tokens of the summary, when the context has one.
    pub(super) summary_tokens: Option<u64>,
    /// Tokens of the context up to the newest answer whose usage was reported, and an estimate of what came since.
    pub(super) reported: Option<(u64, u64)>,
    /// The file has leaves, or is ours and may have (F27).
    pub(super) leaves: bool,
    /// The last leaf does not name the tip.
    pub(super) unmarked: bool,
}

impl Books {
    /// Tokens of the context.
    pub(super) fn context_tokens(&self) -> u64 {
        match self.reported {
            Some((reported, since)) => reported.saturating_add(since),
            None => self
                .message_tokens
                .saturating_add(self.summary_tokens.unwrap_or(0)),
        }
    }

    pub(super) fn totals(&self, sums: &Tally) -> Totals {
        Totals {
            branch: sums.branch,
            spent: *sums.spent(),
            watermark: self.watermark,
            next_seq: self.sequence.peek(),
        }
    }

    /// What a compaction does whose marker has this number, after so many tokens were spent.
    pub(super) fn compact(&mut self, n: u64, cut: Cut, summary_bytes: u64, spent: u64) {
        self.tip = Tip::Own(IdKind::Compaction, n);
        self.watermark = spent;
        self.messages = cut.kept as u64;
        self.message_tokens = cut.tokens;
        self.summary_tokens = Some(estimate_tokens(summary_bytes));
        self.reported = None;
        self.unmarked = true;
    }

    /// What belongs to the log and not to the branch.
    pub(super) fn carry_over(&mut self, log: &Books) {
        self.sequence = log.sequence;
        self.watermark = log.watermark;
        self.leaves = true;
    }

    /// Takes in message number `n`, which was written.
    pub(super) fn append<I>(&mut self, record: &Record<I>, n: u64) {
        let message = &record.message;
        self.tip = Tip::Own(IdKind::Message, n);
        self.unmarked = true;
        let tokens = estimate_tokens(message.text_len);
        add_to(&mut self.messages, 1);
        add_to(&mut self.message_tokens, tokens);
        if message.role == Role::Assistant
            && let Some(usage) = &message.usage
        {
            self.reported = Some((usage.total_tokens(), 0));
        } else if let Some((_, since)) = &mut self.reported {
            add_to(since, tokens);
        }
    }

    /// A leaf is due at the end of the turn (F27).
    pub(super) fn wants_leaf(&self) -> bool {
        self.unmarked && self.leaves
    }
}
