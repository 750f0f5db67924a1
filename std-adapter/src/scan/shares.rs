//! A large file, shared out among threads.
//!
//! The file is cut into shares of equal length; the lines that begin in a share belong to it. Each thread takes the next
//! share, looks for its records, and tells of them when all earlier shares have been told of. What a thread holds of them
//! until then is bounded: with many, it waits for its turn and goes on telling.

use super::{CHUNK, Stretch};
use crate::{Error, header::Source};
use sessionlog_core::{
    record::{Extent, Limits, Record},
    recovery::{Damage, Event, Found, Framer},
};
use std::{
    io,
    ops::ControlFlow,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Bytes of a share.
pub(super) const SHARE: usize = 512 * 1024;
/// Events that a thread holds at most.
const HELD: usize = 1024;
/// More threads would wait for one another: telling is not shared.
const MOST_THREADS: usize = 8;
/// The line number that a share begins with, until that is known. Line 1 is where a header stands.
const LINE: u64 = 2;

/// Goes on after `head`, which has come to its end.
pub(super) fn scan<F>(threads: usize, head: &Stretch<'_>, take: F) -> Result<(), Error>
where
    F: FnMut(&Event<'_>, &Source<'_>) -> Result<ControlFlow<()>, Error> + Send,
{
    let shares = Shares {
        head,
        start: head.framer.offset(),
        next: AtomicU64::new(0),
        turn: Mutex::new(Turn {
            share: 0,
            line: head.framer.line(),
            take,
            over: None,
        }),
        changed: Condvar::new(),
    };
    let count = (head.len.saturating_sub(shares.start)).div_ceil(SHARE as u64);
    let threads = threads
        .min(MOST_THREADS)
        .min(usize::try_from(count).unwrap_or(usize::MAX));
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread can be started the others do its work.
            let _ = thread::Builder::new().spawn_scoped(scope, || shares.work());
        }
        shares.work();
    });
    let turn = shares
        .turn
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    turn.over.unwrap_or(Ok(()))
}

struct Shares<'h, F> {
    head: &'h Stretch<'h>,
    /// Where the first share begins.
    start: u64,
    /// The next share that nobody has taken.
    next: AtomicU64,
    turn: Mutex<Turn<F>>,
    changed: Condvar,
}

/// Held by whoever tells.
struct Turn<F> {
    /// Whose turn it is.
    share: u64,
    /// The number of this share's first line.
    line: u64,
    take: F,
    /// Nothing more is to be told.
    over: Option<Result<(), Error>>,
}

/// What a thread works with.
struct Buffers {
    /// A share, and the byte before it.
    share: Vec<u8>,
    chunk: Vec<u8>,
    events: Vec<Held>,
}

impl<F> Shares<'_, F>
where
    F: FnMut(&Event<'_>, &Source<'_>) -> Result<ControlFlow<()>, Error> + Send,
{
    /// Takes shares until there are none.
    fn work(&self) {
        let _leave = Leave(self);
        let mut buffers = Buffers {
            share: vec![0; SHARE + 1],
            chunk: vec![0; CHUNK],
            events: Vec::new(),
        };
        loop {
            let share = self.next.fetch_add(1, Ordering::Relaxed);
            let start = share.saturating_mul(SHARE as u64);
            let start = self.start.saturating_add(start);
            if start >= self.head.len {
                return;
            }
            let done = self.read_share(share, start, &mut buffers);
            let Some(mut turn) = self.wait_for(share) else {
                return;
            };
            match done {
                Ok(lines) => turn.line += lines,
                Err(error) => turn.over = Some(Err(error)),
            }
            turn.share += 1;
            self.changed.notify_all();
        }
    }

    /// Tells of the lines that begin in the share at offset `start`; gives their number.
    fn read_share(&self, share: u64, start: u64, buffers: &mut Buffers) -> Result<u64, Error> {
        let head = self.head;
        let source = fill(head, &mut buffers.share, start - 1)?;
        let first = source.bytes.get(..SHARE).unwrap_or(source.bytes);
        let Some(line_end) = first.iter().position(|byte| *byte == b'\n') else {
            return Ok(0);
        };
        let first_line = start + line_end as u64;
        let mut stretch = Stretch {
            framer: Framer::new(Limits::default(), first_line, LINE),
            lines_to: start + SHARE as u64,
            end: None,
            ..*head
        };
        let events = &mut buffers.events;
        let flow = stretch.run(&mut buffers.chunk, &source, |event, _| {
            events.push(Held::of(event));
            match events.len() < HELD {
                true => Ok(ControlFlow::Continue(())),
                false => Ok(self.tell(share, events, &source)),
            }
        })?;
        if flow.is_continue() {
            let _ = self.tell(share, events, &source);
        }
        Ok(stretch.framer.line() - LINE)
    }

    /// Tells of what is held, when it is this share's turn.
    fn tell(&self, share: u64, events: &mut Vec<Held>, source: &Source<'_>) -> ControlFlow<()> {
        let Some(mut turn) = self.wait_for(share) else {
            events.clear();
            return ControlFlow::Break(());
        };
        let Turn {
            line, take, over, ..
        } = &mut *turn;
        let lines = *line - LINE;
        for held in events.drain(..) {
            match take(&held.event(lines), source) {
                Ok(ControlFlow::Continue(())) => {}
                other => {
                    *over = Some(other.map(|_| ()));
                    self.changed.notify_all();
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Waits until it is this share's turn; `None` when all is over.
    fn wait_for(&self, share: u64) -> Option<MutexGuard<'_, Turn<F>>> {
        let turn = self.turn.lock().ok()?;
        let waits = |turn: &mut Turn<F>| turn.share != share && turn.over.is_none();
        let turn = self.changed.wait_while(turn, waits).ok()?;
        turn.over.is_none().then_some(turn)
    }
}

/// Lets nobody wait for a thread that has panicked.
struct Leave<'s, 'h, F>(&'s Shares<'h, F>);

impl<F> Drop for Leave<'_, '_, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            let turn = self.0.turn.lock();
            let mut turn = turn.unwrap_or_else(PoisonError::into_inner);
            let failed = || {
                let failed = io::Error::other("a thread failed");
                Error::io(self.0.head.path, "read")(failed)
            };
            turn.over.get_or_insert_with(|| Err(failed()));
            self.0.changed.notify_all();
        }
    }
}

/// Reads until the buffer is full, or the file is at its end.
fn fill<'b>(head: &Stretch<'b>, buffer: &'b mut [u8], start: u64) -> Result<Source<'b>, Error> {
    let mut filled = 0;
    while filled < buffer.len() && start + (filled as u64) < head.len {
        match head
            .read(&mut buffer[filled..], start + filled as u64)?
            .bytes
            .len()
        {
            0 => break,
            read => filled += read,
        }
    }
    Ok(Source {
        file: head.file,
        start,
        bytes: &buffer[..filled],
    })
}

/// An event that has to wait. Lines are counted from the share's first.
enum Held {
    Record {
        record: Box<Record>,
        extent: Extent,
        line: u64,
        salvaged: bool,
        terminated: bool,
    },
    Corrupt(Damage),
    Torn {
        extent: Extent,
        line: u64,
    },
}

impl Held {
    fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Record(found) => Held::Record {
                record: Box::new(found.record.clone()),
                extent: found.extent,
                line: found.line,
                salvaged: found.salvaged,
                terminated: found.terminated,
            },
            Event::Corrupt(damage) => Held::Corrupt(*damage),
            Event::Torn { extent, line } => Held::Torn {
                extent: *extent,
                line: *line,
            },
        }
    }

    /// The event, with so many lines before the share's.
    fn event(&self, lines: u64) -> Event<'_> {
        match self {
            Held::Record {
                record,
                extent,
                line,
                salvaged,
                terminated,
            } => Event::Record(Found {
                record,
                extent: *extent,
                line: line + lines,
                header_place: false,
                salvaged: *salvaged,
                terminated: *terminated,
            }),
            Held::Corrupt(damage) => Event::Corrupt(Damage {
                line: damage.line + lines,
                ..*damage
            }),
            Held::Torn { extent, line } => Event::Torn {
                extent: *extent,
                line: line + lines,
            },
        }
    }
}
