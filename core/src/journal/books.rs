//! What a journal holds in memory.

use crate::{
    compaction::{Cut, estimate_tokens},
    id::{EntryId, Sequence},
    record::{Record, Role, Totals},
    replay::Head,
    usage::UsageTotals,
};

/// Everything that a checkpoint restores.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) head: Head,
    pub(super) tip: Option<EntryId>,
    pub(super) sequence: Sequence,
    pub(super) branch: UsageTotals,
    /// Its turns are not counted: no checkpoint records them.
    pub(super) spent: UsageTotals,
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
    /// Those of an empty log with this header.
    pub(super) fn new(head: Head) -> Self {
        Books {
            leaves: head.ours,
            head,
            ..Books::default()
        }
    }

    /// Tokens of the context.
    pub(super) fn context_tokens(&self) -> u64 {
        match self.reported {
            Some((reported, since)) => reported.saturating_add(since),
            None => self
                .message_tokens
                .saturating_add(self.summary_tokens.unwrap_or(0)),
        }
    }

    pub(super) fn spent_since_watermark(&self) -> u64 {
        self.spent
            .usage
            .total_tokens()
            .saturating_sub(self.watermark)
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            branch: self.branch,
            spent: self.spent,
            watermark: self.watermark,
            next_seq: self.sequence.peek(),
        }
    }

    /// What a compaction does, `id` being its marker's.
    pub(super) fn compact(
        &mut self,
        id: &EntryId,
        cut: Cut,
        summary_bytes: u64,
        sequence: Sequence,
    ) {
        self.tip = Some(id.clone());
        self.sequence = sequence;
        self.watermark = self.spent.usage.total_tokens();
        self.messages = cut.kept as u64;
        self.message_tokens = cut.tokens;
        self.summary_tokens = Some(estimate_tokens(summary_bytes));
        self.reported = None;
        self.unmarked = true;
    }

    /// What belongs to the log and not to the branch.
    pub(super) fn carry_over(&mut self, log: &Books) {
        self.sequence = log.sequence;
        self.spent = log.spent;
        self.watermark = log.watermark;
        self.leaves = true;
    }

    /// Takes in a message that was written.
    pub(super) fn append(&mut self, record: &Record, id: &EntryId, sequence: Sequence) {
        let message = &record.message;
        record.add_usage_to(&mut self.branch);
        record.add_usage_to(&mut self.spent);
        self.spent.turns = 0;
        self.tip = Some(id.clone());
        self.sequence = sequence;
        self.unmarked = true;
        let tokens = estimate_tokens(message.text_len);
        self.messages = self.messages.saturating_add(1);
        self.message_tokens = self.message_tokens.saturating_add(tokens);
        if message.role == Role::Assistant
            && let Some(usage) = &message.usage
        {
            self.reported = Some((usage.total_tokens(), 0));
        } else if let Some((_, since)) = &mut self.reported {
            *since = since.saturating_add(tokens);
        }
    }

    /// A leaf is due at the end of the turn (F27).
    pub(super) fn wants_leaf(&self) -> bool {
        self.unmarked && self.leaves
    }
}
