//! Opening a log again: from its bytes to the state that its writer had.

use super::{
    Journal, JournalError, Options, Storage,
    books::{Books, Tip},
    write::Tail,
};
use crate::{
    compaction::estimate_tokens,
    id::EntryId,
    record::{FORMAT_VERSION, IdForm, Record, RecordScanner, Role},
    replay::{Beginning, Gathering, Item, Notes, ReplayError, Reverse, Tally},
    time::Clock,
    usage::add_to,
};
use embedded_io::{ErrorType, Read, Seek, SeekFrom};

/// What was found when a log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Resumed {
    /// What was met on the way back; reading stops where the state is known, so older damage is not seen.
    pub notes: Notes,
    /// The header is lost or missing (F10).
    pub headless: bool,
    /// The torn tail stands on the line of a salvaged entry: it is not cut off when something is appended (F28).
    pub fused: bool,
}

impl<S: Storage, C: Clock, const N: usize> Journal<S, C, N> {
    /// Opens a log for appending. Reads back from its end to the beginning of the live context and to the newest
    /// totals, in constant memory; writes nothing. `window` is lent for reading: at least
    /// [`MIN_WINDOW`](crate::replay::MIN_WINDOW) bytes, a larger one reads faster.
    ///
    /// Errors: [`JournalError::Empty`], [`JournalError::NotASession`], [`JournalError::UnsupportedVersion`],
    /// [`JournalError::WindowTooSmall`], and what the storage gives.
    pub fn open(
        storage: S,
        clock: C,
        options: Options,
        window: &mut [u8],
    ) -> Result<(Self, Resumed), JournalError<S::Error>> {
        Self::open_with(storage, clock, options, window, |_| ())
    }

    /// As [`Journal::open`], and tells of each entry of the context with its bookkeeping, newest first as
    /// [`Journal::context`] does: who wants both need not read the log twice. `None` says that what was told so far is void.
    pub fn open_with(
        storage: S,
        clock: C,
        options: Options,
        window: &mut [u8],
        mut context: impl FnMut(Option<(Item, &Record)>),
    ) -> Result<(Self, Resumed), JournalError<S::Error>> {
        let mut journal = Self::blank(storage, clock, options);
        let mut resumed = Resumed::default();
        journal.load(window, &mut context, &mut resumed)?;
        Ok((journal, resumed))
    }
}

impl<S: Storage, C: Clock, const N: usize, I: IdForm> Journal<S, C, N, I> {
    /// As [`open`](Journal::open), in a place that outlives the caller, such as a `static`: the journal is built there and
    /// not handed up, which on a device's stack counts. After an error the place is empty.
    pub fn open_in<'p>(
        place: &'p mut Option<Self>,
        storage: S,
        clock: C,
        options: Options,
        window: &mut [u8],
    ) -> Result<(&'p mut Self, Resumed), JournalError<S::Error>> {
        Self::settle(place, storage, clock, options);
        let mut resumed = Resumed::default();
        let loaded = match place {
            Some(journal) => journal.load(window, &mut |_| (), &mut resumed),
            None => Err(JournalError::Empty),
        };
        Self::settled(place, loaded).map(|journal| (journal, resumed))
    }

    /// Takes over what the storage holds.
    fn load(
        &mut self,
        window: &mut [u8],
        context: Telling<'_, I>,
        resumed: &mut Resumed,
    ) -> Result<(), JournalError<S::Error>> {
        let length = self.storage.seek(SeekFrom::End(0))?;
        if length == 0 {
            return Err(JournalError::Empty);
        }
        self.read_books(window, None, context, &mut resumed.notes)?;
        let head = &self.beginning.head;
        let headless = head.extent.is_none();
        resumed.headless = headless;
        if !headless && head.version != Some(FORMAT_VERSION) {
            return Err(JournalError::UnsupportedVersion(head.version));
        }
        if headless && self.books.tip == Tip::Nothing {
            return Err(JournalError::NotASession);
        }
        let torn_at = resumed.notes.torn_at;
        self.end = torn_at.unwrap_or(length);
        let mut last = [0];
        self.storage
            .seek(SeekFrom::Start(self.end.saturating_sub(1)))?;
        self.storage.read(&mut last)?;
        let whole = self.end == 0 || last == *b"\n";
        (self.tail, self.saved_tail) = match torn_at {
            Some(_) if whole => (Tail::Torn, Tail::Whole),
            Some(_) => (Tail::Fused, Tail::Fused),
            None if whole => (Tail::Whole, Tail::Whole),
            None => (Tail::Unended, Tail::Unended),
        };
        resumed.fused = self.tail == Tail::Fused;
        if resumed.fused {
            self.end = length;
        }
        self.saved = self.books;
        self.saved_end = self.end;
        Ok(())
    }

    /// Reads the books back: those of the log's tip, or of the node `from` as if it were the tip. Tells of the context's
    /// entries. After an error the books are void.
    #[inline(never)]
    pub(super) fn read_books(
        &mut self,
        window: &mut [u8],
        from: Option<&I>,
        context: Telling<'_, I>,
        notes: &mut Notes,
    ) -> Result<(), JournalError<S::Error>> {
        let mut read = ReadBack::new();
        let mut look = Some(LOOK);
        while !read.holds {
            context(None);
            self.read_after(look, window, from, context, notes, &mut read)?;
            look = None;
        }
        let Some(id) = &read.tip else {
            return Ok(());
        };
        if read.followed
            && let Some(at) = self.shadow(window, id, read.tip_at)?
        {
            return Err(JournalError::TipShadowed(at));
        }
        self.name_tip(read.tip_at, window)?;
        Ok(())
    }

    /// Reads back, after a look at that many nodes of the beginning.
    #[inline(always)]
    fn read_after(
        &mut self,
        look: Option<u8>,
        window: &mut [u8],
        from: Option<&I>,
        context: Telling<'_, I>,
        notes: &mut Notes,
        read: &mut ReadBack<I>,
    ) -> Result<(), ReplayError<S::Error>> {
        let (books, beginning) = (&mut self.books, &mut self.beginning);
        self.sums = Tally::NEW;
        *notes = Notes::default();
        replay(
            &mut self.storage,
            window,
            &mut self.scanner,
            Some((&mut self.sums, notes)),
            (None, look, from),
            &mut |replay| books.read_back(replay, context, beginning, read),
        )?;
        self.sums.close();
        self.books.leaves = self.beginning.head.ours || notes.leaves > 0;
        self.books.watermark = self.sums.watermark();
        self.books.sequence = self.sums.sequence();
        Ok(())
    }

    /// Takes over the tip's name.
    #[inline(never)]
    fn name_tip(&mut self, start: u64, window: &mut [u8]) -> Result<(), ReplayError<S::Error>> {
        let id = read_id(&mut self.storage, window, &mut self.scanner, start)?;
        self.books.tip = Tip::of(&id);
        if self.books.tip == Tip::Foreign {
            self.foreign = id;
        }
        Ok(())
    }

    /// Where a node after offset `start` bears the id of the one there, so that a reader takes it for that (F12, F13, F17).
    #[inline(never)]
    pub(super) fn shadow(
        &mut self,
        window: &mut [u8],
        id: &I,
        start: u64,
    ) -> Result<Option<u64>, ReplayError<S::Error>> {
        let mut at = None;
        replay(
            &mut self.storage,
            window,
            &mut self.scanner,
            None,
            (Some(&self.beginning), None, Some(id)),
            &mut |replay| {
                at = replay.first_link()?;
                Ok(())
            },
        )?;
        Ok(at.filter(|at| *at > start))
    }
}

impl Books {
    /// Takes in the context and the sums.
    #[inline(never)]
    fn read_back<R: Read + Seek, I: IdForm>(
        &mut self,
        replay: &mut Lent<'_, R, I>,
        context: Telling<'_, I>,
        beginning: &mut Beginning<I>,
        read: &mut ReadBack<I>,
    ) -> Result<(), ReplayError<R::Error>> {
        // What else there is follows from the sums.
        self.tip = Tip::Nothing;
        (self.messages, self.message_tokens) = (0, 0);
        (self.summary_tokens, self.reported) = (None, None);
        while let Some(item) = replay.next()? {
            let record = replay.record();
            context(Some((item, record)));
            if item.summary {
                self.summary_tokens = Some(estimate_tokens(record.summary_len));
                continue;
            }
            let message = &record.message;
            let tokens = estimate_tokens(message.text_len);
            if message.role == Role::Assistant
                && self.reported.is_none()
                && replay.after_compaction()
                && let Some(usage) = &message.usage
            {
                self.reported = Some((usage.total_tokens(), self.message_tokens));
            }
            add_to(&mut self.messages, 1);
            add_to(&mut self.message_tokens, tokens);
        }
        replay.complete_tally()?;
        read.tip = replay.tip_id().cloned();
        read.tip_at = replay.tip().unwrap_or_default().start;
        read.followed = replay.tip_is_followed();
        self.unmarked = read.tip.is_some() && !replay.tip_is_marked();
        read.holds = replay.prefix_holds()?;
        beginning.clone_from(replay.beginning());
        Ok(())
    }
}

/// A replay of which everything is lent.
pub(super) type Lent<'b, S, I> =
    Reverse<'b, &'b mut S, &'b mut RecordScanner<I>, Option<(&'b mut Tally, &'b mut Notes)>>;

/// Is told of the context's entries.
type Telling<'t, I> = &'t mut dyn FnMut(Option<(Item, &Record<I>)>);

/// What is done with a replay that has been opened.
pub(super) type Reading<'t, S, I> =
    &'t mut dyn FnMut(&mut Lent<'_, S, I>) -> Result<(), ReplayError<<S as ErrorType>::Error>>;

/// Where a replay starts: after a beginning that is known, or after a look at so many nodes of it; from a node with this id.
type Start<'s, I> = (Option<&'s Beginning<I>>, Option<u8>, Option<&'s I>);

/// The one place where a replay is made.
#[inline(never)]
pub(super) fn replay<S: Storage, I: IdForm>(
    storage: &mut S,
    window: &mut [u8],
    scanner: &mut RecordScanner<I>,
    gathered: Option<(&mut Tally, &mut Notes)>,
    (beginning, look, from): Start<'_, I>,
    read: Reading<'_, S, I>,
) -> Result<(), ReplayError<S::Error>> {
    let mut replay = Reverse::closed(storage, window, scanner, gathered);
    open(&mut replay, beginning, look, from)?;
    read(&mut replay)
}

/// Opens a replay.
#[inline(always)]
pub(super) fn open<S: Storage, I: IdForm, T: Gathering>(
    replay: &mut Reverse<'_, &mut S, &mut RecordScanner<I>, T>,
    beginning: Option<&Beginning<I>>,
    look: Option<u8>,
    from: Option<&I>,
) -> Result<(), ReplayError<S::Error>> {
    replay.open(beginning, look)?;
    if let Some(id) = from {
        replay.from(id);
    }
    Ok(())
}

/// What was met on the way back.
pub(super) struct ReadBack<I> {
    /// The tip's id, if it has one, and where it lies.
    tip: Option<I>,
    tip_at: u64,
    /// Other nodes may stand behind it.
    followed: bool,
    /// What was not known of the beginning need not have been known.
    holds: bool,
}

impl<I> ReadBack<I> {
    /// Nothing was read as yet.
    pub(super) fn new() -> Self {
        ReadBack {
            tip: None,
            tip_at: 0,
            followed: false,
            holds: false,
        }
    }
}

/// Nodes at a foreign log's beginning among which the end of its linear prefix is looked for. Writers that know parents
/// name one in the second node; with others there may be none in the whole log.
const LOOK: u8 = 2;

/// The id of the record at offset `start`, which has one.
#[inline(never)]
pub(super) fn read_id<R: Read + Seek, I: IdForm>(
    source: &mut R,
    window: &mut [u8],
    scanner: &mut RecordScanner<I>,
    start: u64,
) -> Result<EntryId, ReplayError<R::Error>> {
    source.seek(SeekFrom::Start(start))?;
    scanner.reset();
    loop {
        let taken = source.read(window)?;
        let chunk = window.get(..taken).unwrap_or(&[]);
        match scanner.find_id(chunk) {
            Ok(Some(id)) => return Ok(id),
            Ok(None) if !chunk.is_empty() => {}
            _ => return Err(ReplayError::Changed),
        }
    }
}
