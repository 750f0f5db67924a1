//! The session's coordinator: a session, when it is compacted, and what it costs.
//!
//! It has every capability of opi-coding-agent 0.5's `SessionCoordinator`:
//!
//! | opi | here |
//! |---|---|
//! | `SessionCoordinator::new` | [`SessionCoordinator::new`] |
//! | `open_existing` | [`SessionCoordinator::open_existing`]: reads the state from the file, needs no entries |
//! | `on_turn_end` | [`on_turn_end`](SessionCoordinator::on_turn_end): usage is taken from the messages |
//! | `execute_compaction` | [`execute_compaction`](SessionCoordinator::execute_compaction) |
//! | `on_turn_end_simple` | [`on_turn_end_simple`](SessionCoordinator::on_turn_end_simple) |
//! | `append_leaf` | [`append_leaf`](SessionCoordinator::append_leaf): also moves the tip in memory |
//! | `usage` | [`usage`](SessionCoordinator::usage) |
//! | `cost_summary` | [`cost_summary`](SessionCoordinator::cost_summary): by each message's own model |
//! | `compaction_entries` | [`compaction_entries`](SessionCoordinator::compaction_entries): read when asked for |
//! | `to_wire_result` | [`Compaction::wire`] |
//! | `CompactionHooks::generate_summary` | [`set_summary_hook`](SessionCoordinator::set_summary_hook): a closure that may call a model |
//! | `CompactionEngine`, `CompactionConfig` | [`Config`]: triggers and what is kept |
//! | `session_id`, `session_path`, `model` | [`session`](SessionCoordinator::session), then `id`, `path`; the model is in each message |

use crate::{
    ContextEntry, Error, NewSession, Session, SessionLog, SessionStore, pricing::PriceTable,
    usage::UsageReport,
};
use serde::{Deserialize, Serialize};
use sessionlog_core::{
    EntryId,
    compaction::{Keep, Reason},
    cost::Cost,
    journal::{Options, Plan},
    record::Payload,
    usage::UsageTotals,
};
use std::path::Path;

/// How a coordinator works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// Durability, triggers and limits.
    pub options: Options,
    /// What a compaction keeps.
    pub keep: Keep,
}

/// What a hook is asked: to sum up `entries`, oldest first, an earlier summary among them. `None` for the plain extract.
pub type SummaryHook = Box<dyn FnMut(&[ContextEntry]) -> Option<String> + Send>;

/// A compaction that was carried out.
#[derive(Clone, Debug)]
pub struct Compaction {
    /// The marker's id.
    pub id: EntryId,
    /// Why.
    pub reason: Reason,
    /// What stands in for the entries that are not kept.
    pub summary: String,
    /// The first entry that is kept.
    pub first_kept_entry_id: EntryId,
    /// Estimated tokens of the context before.
    pub tokens_before: u64,
    /// Estimated tokens of what is kept.
    pub tokens_after: u64,
    /// Fewer messages are kept than the policy asks for, since the journal remembers no more.
    pub limited: bool,
}

/// A compaction as opi's event protocol carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCompaction {
    /// What stands in for the entries that are not kept.
    pub summary: String,
    /// The first entry that is kept.
    pub first_kept_entry_id: String,
    /// Estimated tokens of the context before.
    pub tokens_before: u64,
    /// Estimated tokens of what is kept.
    pub tokens_after: u64,
}

impl Compaction {
    /// The compaction as opi's event protocol carries it.
    pub fn wire(&self) -> WireCompaction {
        WireCompaction {
            summary: self.summary.clone(),
            first_kept_entry_id: self.first_kept_entry_id.to_string(),
            tokens_before: self.tokens_before,
            tokens_after: self.tokens_after,
        }
    }
}

/// A session with its compaction policy and its prices.
pub struct SessionCoordinator {
    session: Session,
    config: Config,
    prices: PriceTable,
    hook: Option<SummaryHook>,
}

impl SessionCoordinator {
    /// Makes a session in `store`.
    pub fn new(
        store: &SessionStore,
        new: &NewSession,
        config: Config,
        prices: PriceTable,
    ) -> Result<Self, Error> {
        let session = Session::create(store, new, config.options)?;
        Ok(Self::with(session, config, prices))
    }

    /// Opens the session at `path`, with the state that its last writer had.
    pub fn open_existing(path: &Path, config: Config, prices: PriceTable) -> Result<Self, Error> {
        let session = Session::open(path, config.options)?;
        Ok(Self::with(session, config, prices))
    }

    fn with(session: Session, config: Config, prices: PriceTable) -> Self {
        SessionCoordinator {
            session,
            config,
            prices,
            hook: None,
        }
    }

    /// Sets who writes summaries. Without a hook, or when it gives `None`, a plain extract is taken.
    pub fn set_summary_hook(&mut self, hook: SummaryHook) {
        self.hook = Some(hook);
    }

    /// Appends a turn's new messages and ends it: durable when this returns. `Some` when a compaction is due, which
    /// [`execute_compaction`](Self::execute_compaction) carries out.
    ///
    /// Errors: nothing of the turn is in the log, and it can be handed in again.
    pub fn on_turn_end<P: Payload>(&mut self, messages: &[P]) -> Result<Option<Reason>, Error> {
        for message in messages {
            if let Err(error) = self.session.append(message) {
                self.session.abandon_turn();
                return Err(error);
            }
        }
        Ok(self.session.end_turn()?.compaction)
    }

    /// As [`on_turn_end`](Self::on_turn_end), and compacts at once when that is due.
    pub fn on_turn_end_simple<P: Payload>(
        &mut self,
        messages: &[P],
    ) -> Result<Option<Compaction>, Error> {
        match self.on_turn_end(messages)? {
            Some(reason) => self.execute_compaction(reason),
            None => Ok(None),
        }
    }

    /// Compacts the context. `Ok(None)` when there is nothing to compact. The marker is durable before the context in
    /// memory changes; after an error both are as they were.
    pub fn execute_compaction(&mut self, reason: Reason) -> Result<Option<Compaction>, Error> {
        let plan = match self.session.plan(reason, self.config.keep) {
            Ok(plan) => plan,
            Err(Error::NothingToCompact { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let summary = self.summarise(&plan)?;
        let id = self.session.commit(&plan, &summary)?;
        Ok(Some(Compaction {
            id,
            reason,
            summary,
            first_kept_entry_id: plan.first_kept,
            tokens_before: plan.tokens_before,
            tokens_after: plan.cut.tokens,
            limited: plan.cut.limited,
        }))
    }

    fn summarise(&mut self, plan: &Plan) -> Result<String, Error> {
        if let Some(hook) = &mut self.hook {
            let entries = self.session.compacted(plan)?;
            if let Some(summary) = hook(&entries) {
                return Ok(summary);
            }
        }
        self.session.default_summary(plan)
    }

    /// Makes an earlier entry the tip, durably; gives the leaf's id.
    pub fn append_leaf(&mut self, entry: &str) -> Result<EntryId, Error> {
        self.session.move_tip(entry)
    }

    /// Usage and turns of the branch.
    pub fn usage(&self) -> UsageTotals {
        self.session.branch_usage()
    }

    /// What the branch costs, each answer by its own model's price; `None` when a price is unknown, or what an answer
    /// used. Reads the file.
    pub fn cost_summary(&self) -> Result<Option<Cost>, Error> {
        let log = SessionLog::open(self.session.path())?;
        Ok(UsageReport::of(&log, &self.prices).branch.cost)
    }

    /// The context that a compaction would work on: the summary, if there is one, and the messages since. Reads the
    /// file.
    pub fn compaction_entries(&mut self) -> Result<Vec<ContextEntry>, Error> {
        self.session.context()
    }

    /// The session.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }
}

#[cfg(test)]
mod tests;
