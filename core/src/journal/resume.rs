//! Opening a log again: from its bytes to the state that its writer had.

use super::{Journal, JournalError, Options, PlanError, Storage, books::Books, write::Tail};
use crate::{
    compaction::estimate_tokens,
    id::EntryId,
    record::{FORMAT_VERSION, Limits, Role},
    recovery::Event,
    replay::{Notes, Records, ReplayError, Reverse, nearest_node},
    time::Clock,
};
use embedded_io::{Read, Seek, SeekFrom};

/// What was found when a log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Resumed {
    /// What was met on the way back; reading stops where the state is known, so older damage is not seen.
    pub notes: Notes,
    /// The header is lost or missing (F10).
    pub headless: bool,
}

impl<S: Storage, C: Clock, const N: usize> Journal<S, C, N> {
    /// Opens a log for appending. Reads back from its end to the beginning of the live context and to the newest
    /// totals, in constant memory; writes nothing. `window` is lent for reading: at least
    /// [`MIN_WINDOW`](crate::replay::MIN_WINDOW) bytes, a larger one reads faster.
    ///
    /// Errors: [`JournalError::Empty`], [`JournalError::NotASession`], [`JournalError::UnsupportedVersion`],
    /// [`JournalError::WindowTooSmall`], and what the storage gives.
    pub fn open(
        mut storage: S,
        clock: C,
        options: Options,
        window: &mut [u8],
    ) -> Result<(Self, Resumed), JournalError<S::Error>> {
        let length = storage.seek(SeekFrom::End(0))?;
        if length == 0 {
            return Err(JournalError::Empty);
        }
        let (books, resumed) = read_books(&mut storage, window, options.limits, None)?;
        let head = &books.head;
        if head.extent.is_some() && head.version != Some(FORMAT_VERSION) {
            return Err(JournalError::UnsupportedVersion(head.version));
        }
        if head.extent.is_none() && books.tip.is_none() {
            return Err(JournalError::NotASession);
        }
        let mut last = [0];
        storage.seek(SeekFrom::End(-1))?;
        storage.read(&mut last)?;
        let (tail, end) = match resumed.notes.torn_at {
            Some(at) => (Tail::Torn, at),
            None if last == *b"\n" => (Tail::Whole, length),
            None => (Tail::Unended, length),
        };
        let journal = Journal {
            storage,
            clock,
            options,
            saved: books.clone(),
            books,
            end,
            saved_end: end,
            tail,
            saved_tail: match tail {
                Tail::Unended => Tail::Unended,
                Tail::Whole | Tail::Torn => Tail::Whole,
            },
            changes: 0,
        };
        Ok((journal, resumed))
    }
}

/// Reads the books back: those of the log's tip, or of the node `from` as if it were the tip.
pub(super) fn read_books<R: Read + Seek>(
    source: &mut R,
    window: &mut [u8],
    limits: Limits,
    from: Option<&EntryId>,
) -> Result<(Books, Resumed), JournalError<R::Error>> {
    let mut replay = Reverse::new(&mut *source, window, limits)?;
    if let Some(id) = from {
        replay.from(id);
    }
    let mut books = Books::new(replay.head().clone());
    while let Some(item) = replay.next()? {
        let record = replay.record();
        if item.summary {
            books.summary_tokens = Some(estimate_tokens(record.summary_len));
            continue;
        }
        let message = &record.message;
        let tokens = estimate_tokens(message.text_len);
        if message.role == Role::Assistant
            && books.reported.is_none()
            && replay.after_compaction()
            && let Some(usage) = &message.usage
        {
            books.reported = Some((usage.total_tokens(), books.message_tokens));
        }
        books.messages = books.messages.saturating_add(1);
        books.message_tokens = books.message_tokens.saturating_add(tokens);
    }
    books.tip = replay.tip_id().cloned();
    let headless = replay.head().extent.is_none();
    let tally = *replay.tally()?;
    books.branch = tally.branch;
    books.spent = tally.spent();
    books.spent.turns = 0;
    books.watermark = tally.watermark();
    books.sequence = tally.sequence;
    let notes = *replay.notes();
    books.leaves |= notes.leaves > 0;
    books.unmarked = books.tip.is_some() && !replay.tip_is_marked();
    if let (Some(id), Some(tip)) = (&books.tip, replay.tip())
        && let Some(at) = shadow(source, window, limits, id, tip.start)?
    {
        return Err(JournalError::TipShadowed(at));
    }
    Ok((books, Resumed { notes, headless }))
}

/// Where a node after offset `start` bears the id of the one there, so that a reader takes it for that (F12, F13, F17).
fn shadow<R: Read + Seek>(
    source: &mut R,
    window: &mut [u8],
    limits: Limits,
    id: &EntryId,
    start: u64,
) -> Result<Option<u64>, ReplayError<R::Error>> {
    let nearest = nearest_node(source, window, limits, id)?;
    Ok(nearest.filter(|at| *at > start))
}

/// The id of the first kept entry, which lies at offset `start`: a reader finds that entry by it.
pub(super) fn name_of<R: Read + Seek>(
    source: &mut R,
    window: &mut [u8],
    limits: Limits,
    start: u64,
) -> Result<EntryId, PlanError<R::Error>> {
    let mut records = Records::new(&mut *source, window, limits, start, 2)?;
    let id = match records.next()? {
        Some(Event::Record(found)) => found.record.id.clone(),
        _ => None,
    };
    let id = id.ok_or(ReplayError::Changed)?;
    match shadow(source, window, limits, &id, start)? {
        Some(at) => Err(PlanError::FirstKeptShadowed(at)),
        None => Ok(id),
    }
}
