//! The journal: the log's coordinator, generic over storage and clock.
//!
//! It appends messages, ends turns, compacts and moves the tip; it knows what was spent, and it keeps the storage
//! whole: a failed write leaves storage and memory as they were when something was last acknowledged.
//!
//! What is acknowledged when depends on [`Durability`]. Nothing on the append path depends on the log's length.

mod books;
mod error;
mod resume;
mod storage;
mod write;

pub use error::{JournalError, PlanError};
pub use resume::Resumed;
use resume::read_id;
pub use storage::Storage;

use crate::{
    compaction::{Cut, Keep, NoCut, Reason, Triggers, Window},
    id::{EntryId, IdKind},
    record::{Extent, Header, IdForm, Limits, MessageEntry, Payload, RecordScanner, Totals},
    replay::{Beginning, Gathered, Head, Notes, ReplayError, Reverse, Tally},
    time::Clock,
    usage::UsageTotals,
};
use books::{Books, Tip};

/// When what was appended is made durable, and so acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Durability {
    /// Each entry, before `append` returns: one write and one sync an entry.
    Entry,
    /// Each turn, before `end_turn` returns: one write and one sync a turn.
    #[default]
    Turn,
    /// When [`Journal::sync`] is called. `end_turn` hands the entries to the storage without waiting.
    Manual,
}

/// How a journal works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Options {
    /// When entries are made durable.
    pub durability: Durability,
    /// When compactions are due.
    pub triggers: Triggers,
    /// Bounds on what is read.
    pub limits: Limits,
}

/// The end of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TurnEnd {
    /// The leaf that was written; `None` when there was nothing to mark, or in a foreign file without leaves (F27).
    pub leaf: Option<EntryId>,
    /// A compaction is due.
    pub compaction: Option<Reason>,
}

/// A compaction that can be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Plan {
    /// Why.
    pub reason: Reason,
    /// Where the context is cut; [`Cut::limited`] tells that the window held less than the policy asks for.
    pub cut: Cut,
    /// The first message that is kept.
    pub first_kept: EntryId,
    /// Estimated tokens of the context now.
    pub tokens_before: u64,
    /// The journal's changes when this was planned: it is stale after any other.
    at: u32,
}

/// A log that is open for writing. `N` bounds the messages among which a compaction can choose its cut.
///
/// `I` is the form in which ids are held while the log is read: [`IdHash`](crate::record::IdHash) takes a kilobyte less
/// than their text. A device keeps its journal in a `static` and makes it there ([`create_in`](Self::create_in),
/// [`open_in`](Self::open_in)), over storage that is kept in another and lent to it.
///
/// Dropping a journal drops what was not acknowledged.
pub struct Journal<S, C, const N: usize, I = EntryId> {
    storage: S,
    clock: C,
    options: Options,
    /// Reads what is appended and what is read back.
    scanner: RecordScanner<I>,
    /// What is known of the log's beginning. (Ours has no linear prefix, and nothing that we append ends one, F14.)
    beginning: Beginning<I>,
    books: Books,
    /// What they were when something was last acknowledged.
    saved: Books,
    /// Usage of the branch and of all that was spent, and what these were then.
    sums: Tally,
    /// The tip's name where it is foreign.
    foreign: EntryId,
    /// Where the next entry goes.
    end: u64,
    /// Where the acknowledged entries end.
    saved_end: u64,
    tail: write::Tail,
    /// What stood after the acknowledged entries: the last one may lack its line end.
    saved_tail: write::Tail,
    /// Entries written and turns undone, so that a plan knows whether it is stale.
    changes: u32,
}

impl<S: Storage, C: Clock, const N: usize> Journal<S, C, N> {
    /// Begins a session in empty storage: the header is durable when this returns.
    ///
    /// Errors: [`JournalError::NotEmpty`], and what the storage gives.
    pub fn create(
        storage: S,
        clock: C,
        header: &Header<'_>,
        options: Options,
    ) -> Result<Self, JournalError<S::Error>> {
        let mut journal = Self::blank(storage, clock, options);
        journal.begin(header)?;
        Ok(journal)
    }
}

impl<S: Storage, C: Clock, const N: usize, I: IdForm> Journal<S, C, N, I> {
    /// As [`create`](Journal::create), in a place that outlives the caller, such as a `static`: the journal is built
    /// there and not handed up, which on a device's stack counts. After an error the place is empty.
    pub fn create_in<'p>(
        place: &'p mut Option<Self>,
        storage: S,
        clock: C,
        header: &Header<'_>,
        options: Options,
    ) -> Result<&'p mut Self, JournalError<S::Error>> {
        Self::settle(place, storage, clock, options);
        let begun = match place {
            Some(journal) => journal.begin(header),
            None => Err(JournalError::Empty),
        };
        Self::settled(place, begun)
    }

    /// Builds a journal in its place. Never inlined, so that nothing runs above the stack that this takes.
    #[inline(never)]
    fn settle(place: &mut Option<Self>, storage: S, clock: C, options: Options) {
        *place = Some(Self::blank(storage, clock, options));
    }

    /// The journal in its place, if what was done to it has succeeded; an empty place otherwise.
    fn settled(
        place: &mut Option<Self>,
        done: Result<(), JournalError<S::Error>>,
    ) -> Result<&mut Self, JournalError<S::Error>> {
        if let Err(error) = done {
            *place = None;
            return Err(error);
        }
        place.as_mut().ok_or(JournalError::Empty)
    }

    /// A journal of which nothing is known.
    #[inline(always)]
    fn blank(storage: S, clock: C, options: Options) -> Self {
        Journal {
            storage,
            clock,
            options,
            scanner: RecordScanner::blank(options.limits),
            beginning: Beginning::NEW,
            books: Books::default(),
            saved: Books::default(),
            sums: Tally::NEW,
            foreign: EntryId::own(IdKind::Message, 0),
            end: 0,
            saved_end: 0,
            tail: write::Tail::Whole,
            saved_tail: write::Tail::Whole,
            changes: 0,
        }
    }

    #[inline(never)]
    fn begin(&mut self, header: &Header<'_>) -> Result<(), JournalError<S::Error>> {
        if self.storage.seek(embedded_io::SeekFrom::End(0))? != 0 {
            return Err(JournalError::NotEmpty);
        }
        let len = header.encode(&mut self.storage)?;
        self.beginning = Beginning {
            head: Head {
                extent: Some(Extent { start: 0, len }),
                version: Some(crate::record::FORMAT_VERSION),
                ours: true,
                fork_point: header
                    .fork_point
                    .and_then(|id| I::of(id.as_str().as_bytes())),
            },
            prefix_end: Some(u64::MAX),
        };
        self.books.leaves = true;
        self.end = len.wrapping_add(1);
        self.acknowledge(true)
    }

    /// Appends a message and gives its id. Durable when this returns with [`Durability::Entry`], otherwise at the
    /// end of the turn.
    ///
    /// Errors: [`JournalError::NotAMessage`] when the payload is no JSON object or cannot be read back, a
    /// serialisation error of the payload: nothing was appended. [`JournalError::Io`]: everything since the last
    /// acknowledgement is gone.
    pub fn append<P: Payload + ?Sized>(
        &mut self,
        payload: &P,
    ) -> Result<EntryId, JournalError<S::Error>> {
        let n = self.append_message(payload)?;
        Ok(EntryId::own(IdKind::Message, n))
    }

    #[inline(never)]
    fn append_message<P: Payload + ?Sized>(
        &mut self,
        payload: &P,
    ) -> Result<u64, JournalError<S::Error>> {
        self.mend_tail()?;
        let mut sequence = self.books.sequence;
        let n = sequence.take();
        let start = self.end;
        // Made where they stay: they are long.
        let (mut id, mut tip) = (EntryId::empty(), EntryId::empty());
        id.set_own(IdKind::Message, n);
        let entry = MessageEntry {
            id: &id,
            parent_id: self.books.tip.name(&self.foreign, &mut tip),
            timestamp: self.clock.now(),
            message: payload,
        };
        let mut check = write::Check::new(&mut self.scanner, self.options.limits);
        let written = entry.encode_with(&mut self.storage, &mut |pen| check.pass(payload, pen));
        let len = match (written, check.fault()) {
            (Ok(len), _) => len,
            (Err(_), Some(fault)) => {
                return Err(self.undo_append(start, sequence, JournalError::NotAMessage(fault)));
            }
            (Err(error), None) => {
                return Err(self.undo_append(start, sequence, JournalError::from(error)));
            }
        };
        self.sums.append(self.scanner.record());
        self.books.append(self.scanner.record(), n);
        self.books.sequence = sequence;
        self.changes = self.changes.wrapping_add(1);
        self.end = start.wrapping_add(len).wrapping_add(1);
        if self.options.durability == Durability::Entry {
            self.acknowledge(true)?;
        }
        Ok(n)
    }

    /// Ends a turn: writes a leaf with the totals, makes the turn durable (but for [`Durability::Manual`]), and says
    /// whether a compaction is due.
    ///
    /// Errors: everything since the last acknowledgement is gone from storage and memory, and can be appended anew.
    pub fn end_turn(&mut self) -> Result<TurnEnd, JournalError<S::Error>> {
        self.mend_tail()?;
        let mut leaf = None;
        if self.books.wants_leaf() && self.books.tip != Tip::Nothing {
            leaf = Some(self.write_leaf()?);
        }
        self.acknowledge(self.options.durability != Durability::Manual)?;
        Ok(TurnEnd {
            leaf: leaf.map(|n| EntryId::own(IdKind::Leaf, n)),
            compaction: self.compaction_due(),
        })
    }

    /// Makes everything durable that was appended.
    ///
    /// Errors: everything since the last successful sync is gone from storage and memory.
    pub fn sync(&mut self) -> Result<(), JournalError<S::Error>> {
        self.acknowledge(true)
    }

    /// Whether a compaction is due by the triggers.
    pub fn compaction_due(&self) -> Option<Reason> {
        let books = &self.books;
        let spent = self.sums.spent().usage.total_tokens();
        self.options.triggers.due(
            spent.saturating_sub(books.watermark),
            books.context_tokens(),
        )
    }

    /// Plans a compaction: reads the context back, chooses what is kept, and writes nothing. `window` is lent for reading.
    ///
    /// What is not kept can be read with [`Journal::context`]: everything older than the first kept message.
    #[inline(never)]
    pub fn plan(
        &mut self,
        reason: Reason,
        keep: Keep,
        window: &mut [u8],
    ) -> Result<Plan, PlanError<S::Error>> {
        if self.books.messages == 0 {
            return Err(NoCut::NothingToCompact.into());
        }
        let mut cut = Cut::default();
        self.choose_cut(keep, window, &mut cut)?;
        self.planned(reason, &cut, window)
    }

    /// The plan of a cut, if a reader finds the first entry that is kept.
    #[inline(never)]
    fn planned(
        &mut self,
        reason: Reason,
        cut: &Cut,
        window: &mut [u8],
    ) -> Result<Plan, PlanError<S::Error>> {
        let first_kept = read_id(&mut self.storage, window, &mut self.scanner, cut.start)?;
        let id = I::of(first_kept.as_str().as_bytes()).ok_or(ReplayError::Changed)?;
        if let Some(at) = self.shadow(window, &id, cut.start)? {
            return Err(PlanError::FirstKeptShadowed(at));
        }
        Ok(Plan {
            reason,
            cut: *cut,
            first_kept,
            tokens_before: self.books.context_tokens(),
            at: self.changes,
        })
    }

    #[inline(never)]
    fn choose_cut(
        &mut self,
        keep: Keep,
        window: &mut [u8],
        cut: &mut Cut,
    ) -> Result<(), PlanError<S::Error>> {
        let mut messages = Window::<N>::default();
        let mut summary = false;
        let messages = &mut messages;
        self.read_context(window, &mut |context| {
            while let Some(is_summary) = context.step() {
                summary |= is_summary;
                if !is_summary {
                    messages.push(&context.record().message, context.start());
                }
            }
            context.check()
        })?;
        *cut = messages.cut(keep, summary)?;
        Ok(())
    }

    /// Commits a compaction: writes the marker and a leaf in one go, and makes them durable (but for
    /// [`Durability::Manual`]); only then does the context in memory change.
    ///
    /// Errors: [`JournalError::StalePlan`] when anything was appended since; nothing is written then. Otherwise as
    /// [`Journal::end_turn`].
    pub fn commit(
        &mut self,
        plan: &Plan,
        summary: &str,
    ) -> Result<EntryId, JournalError<S::Error>> {
        let n = self.compact(plan, summary)?;
        Ok(EntryId::own(IdKind::Compaction, n))
    }

    #[inline(never)]
    fn compact(&mut self, plan: &Plan, summary: &str) -> Result<u64, JournalError<S::Error>> {
        if plan.at != self.changes {
            return Err(JournalError::StalePlan);
        }
        self.mend_tail()?;
        let durable = self.options.durability != Durability::Manual;
        if durable && self.end != self.saved_end {
            // The compaction may fail, the turn's entries may not go with it.
            self.acknowledge(true)?;
        }
        let n = self.write_compaction(plan, summary)?;
        if self.books.wants_leaf() {
            self.write_leaf()?;
        }
        self.acknowledge(durable)?;
        Ok(n)
    }

    /// Makes an earlier entry the tip, durably: what is appended next branches off there. `window` is lent for
    /// replaying the log from that entry. Gives the leaf's id.
    ///
    /// Errors: [`JournalError::NoSuchEntry`]; otherwise as [`Journal::end_turn`].
    pub fn move_tip(
        &mut self,
        target: &EntryId,
        window: &mut [u8],
    ) -> Result<EntryId, JournalError<S::Error>> {
        self.end_turn()?;
        self.sync()?;
        let (before, sums) = (self.books, self.sums);
        let foreign = self.foreign.clone();
        let written = self.go_to(target, &before, &sums, window);
        if written.is_err() {
            let sequence = self.books.sequence;
            (self.books, self.sums) = (before, sums);
            self.foreign = foreign;
            if self.tail == write::Tail::Torn {
                self.books.sequence = sequence;
            }
        }
        written
    }

    /// Reads the books of an entry of a log with the books `log`, and writes a leaf that names it.
    fn go_to(
        &mut self,
        target: &EntryId,
        log: &Books,
        sums: &Tally,
        window: &mut [u8],
    ) -> Result<EntryId, JournalError<S::Error>> {
        let from = I::of(target.as_str().as_bytes());
        let mut notes = Notes::default();
        self.read_books(window, from.as_ref(), &mut |_| (), &mut notes)?;
        if self.books.tip == Tip::Nothing {
            return Err(JournalError::NoSuchEntry);
        }
        self.books.carry_over(log);
        self.sums.carry_over(sums);
        let n = self.write_leaf()?;
        self.acknowledge(true)?;
        Ok(EntryId::own(IdKind::Leaf, n))
    }

    /// The context, newest first, read from the storage through `window`.
    pub fn context<'b>(
        &'b mut self,
        window: &'b mut [u8],
    ) -> Result<ContextOf<'b, S, I>, ReplayError<S::Error>> {
        let from = self.tip_form();
        let mut replay =
            Reverse::closed(&mut self.storage, window, &mut self.scanner, Gathered::NEW);
        resume::open(&mut replay, known(&self.beginning), None, from.as_ref())?;
        Ok(replay)
    }

    /// Lends the context, newest first.
    #[inline(always)]
    fn read_context(
        &mut self,
        window: &mut [u8],
        read: resume::Reading<'_, S, I>,
    ) -> Result<(), ReplayError<S::Error>> {
        let from = self.tip_form();
        let beginning = known(&self.beginning);
        let (storage, scanner) = (&mut self.storage, &mut self.scanner);
        let start = (beginning, None, from.as_ref());
        resume::replay(storage, window, scanner, None, start, read)
    }

    /// The tip's id: where storage cannot be cut, an entry that was given up may stand behind it.
    #[inline(never)]
    fn tip_form(&self) -> Option<I> {
        let mut own = EntryId::empty();
        let tip = self.books.tip.name(&self.foreign, &mut own)?;
        I::of(tip.as_str().as_bytes())
    }

    /// The lowest offset that [`Journal::open`] reads to resume, the header aside: where the live context begins, or
    /// the newest totals if they lie before it. What lies before it can be given up, on a medium where the log's
    /// beginning can (`FlashLog::reclaim`); of other branches only what lies
    /// behind it is left then.
    ///
    /// Costs as much as a resume.
    pub fn keep_from(&mut self, window: &mut [u8]) -> Result<u64, ReplayError<S::Error>> {
        let mut lowest = self.end;
        self.read_context(window, &mut |context| {
            while context.step().is_some() {}
            context.complete_tally()?;
            lowest = lowest.min(context.lowest());
            Ok(())
        })?;
        Ok(lowest)
    }

    /// The tip: what the next message follows, and where a fork of this session would begin.
    pub fn tip(&self) -> Option<EntryId> {
        let mut own = EntryId::empty();
        self.books.tip.name(&self.foreign, &mut own).cloned()
    }

    /// The header's bookkeeping.
    pub fn head(&self) -> &Head<I> {
        &self.beginning.head
    }

    /// Where this session leaves the one that it was copied from: the last inherited entry (F11).
    pub fn fork_point(&self) -> Option<&I> {
        self.beginning.head.fork_point.as_ref()
    }

    /// Usage and turns of the branch.
    pub fn branch_usage(&self) -> UsageTotals {
        self.sums.branch
    }

    /// Usage of all that this session itself spent, abandoned branches included. Turns are not counted.
    pub fn spent(&self) -> UsageTotals {
        *self.sums.spent()
    }

    /// The checkpoint as it would be written now (F19).
    pub fn totals(&self) -> Totals {
        self.books.totals(&self.sums)
    }

    /// Messages in the context, without the summary.
    pub fn context_messages(&self) -> u64 {
        self.books.messages
    }

    /// Tokens of the context: what the provider last reported and an estimate of what came since, or an estimate of
    /// all.
    pub fn context_tokens(&self) -> u64 {
        self.books.context_tokens()
    }

    /// The log's length in bytes, with what is not yet acknowledged.
    pub fn len(&self) -> u64 {
        self.end
    }

    /// Never true: a log has its header.
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// The storage, for reading. Whatever is written to it past the journal breaks the log.
    pub fn storage(&mut self) -> &mut S {
        &mut self.storage
    }
}

/// The context of a journal with storage `S`.
pub type ContextOf<'b, S, I = EntryId> = Reverse<'b, &'b mut S, &'b mut RecordScanner<I>>;

/// The beginning, if all is known of it.
fn known<I>(beginning: &Beginning<I>) -> Option<&Beginning<I>> {
    Some(beginning).filter(|beginning| beginning.prefix_end.is_some())
}

#[cfg(test)]
mod tests;
