//! Opening a log again: from its bytes to the state that its writer had.

use super::{Journal, JournalError, Options, Storage, state::State, write::Tail};
use crate::{
    compaction::{Refill, estimate_tokens},
    id::EntryId,
    record::{FORMAT_VERSION, Limits, Role},
    replay::{Notes, ReplayError, Reverse},
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
        let (state, resumed) = read_state::<_, N>(&mut storage, window, options.limits, None)?;
        let head = &state.books.head;
        if head.extent.is_some() && head.version != Some(FORMAT_VERSION) {
            return Err(JournalError::UnsupportedVersion(head.version));
        }
        if head.extent.is_none() && state.books.tip.is_none() {
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
            saved: state.books.clone(),
            state,
            unsaved: 0,
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

/// Reads the state back: of the log's tip, or of the node `from` as if it were the tip.
pub(super) fn read_state<R: Read + Seek, const N: usize>(
    source: &mut R,
    window: &mut [u8],
    limits: Limits,
    from: Option<&EntryId>,
) -> Result<(State<N>, Resumed), ReplayError<R::Error>> {
    let mut replay = Reverse::new(source, window, limits)?;
    if let Some(id) = from {
        replay.from(id);
    }
    let mut state = State::new(replay.head().clone());
    let mut refill = Refill::<N>::default();
    let books = &mut state.books;
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
        refill.push(message, item.extent.start);
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
    state.window = refill.finish();
    Ok((state, Resumed { notes, headless }))
}

/// The id of the record at offset `start`.
pub(super) fn id_at<R: Read + Seek>(
    source: &mut R,
    start: u64,
    window: &mut [u8],
    limits: Limits,
) -> Result<EntryId, ReplayError<R::Error>> {
    let mut records = crate::replay::Records::new(source, window, limits, start, 2)?;
    match records.next()? {
        Some(crate::recovery::Event::Record(found)) => {
            found.record.id.clone().ok_or(ReplayError::Changed)
        }
        _ => Err(ReplayError::Changed),
    }
}
