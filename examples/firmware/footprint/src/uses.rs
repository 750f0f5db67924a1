//! The uses that are weighed: each a function of its own, so that its stack can be measured too.

use crate::{
    Log, Nor, Ticks,
    nor::{BLOCK, SIZE},
};
use core::hint::black_box;
use sessionlog_core::{
    EntryId, IdKind, Timestamp,
    compaction::{Keep, Reason},
    flash::{self, FlashLog, Geometry},
    journal::{Durability, Journal, Options, Plan, Storage},
    record::{Header, MessageEntry, Verbatim},
};

/// A payload of 200 bytes.
pub const SAID: &[u8; 200] = br#"{"role":"user","content":[{"type":"text","text":"Is the greenhouse warm enough, and is the soil moist? If not, open the vent a little, wait for an hour, and tell me a."}],"timestamp_ms":1767225600000}"#;

/// Bytes lent for reading.
pub type Window = [u8; 256];

const OPTIONS: Options = Options {
    durability: Durability::Entry,
    triggers: sessionlog_core::compaction::Triggers {
        threshold: None,
        window: None,
    },
    limits: sessionlog_core::record::Limits {
        depth: sessionlog_core::json::scan::DEFAULT_DEPTH,
        record_bytes: u64::MAX,
    },
};

/// Finds the log.
#[inline(never)]
pub fn mount(place: &mut Option<FlashLog<Nor>>) -> Option<&mut FlashLog<Nor>> {
    let geometry = Geometry::new::<Nor>(0..SIZE, BLOCK).ok()?;
    FlashLog::mount_in(place, Nor, geometry, flash::Options::default()).ok()
}

/// A message's record into the log, without a journal: encode, program, sync.
#[inline(never)]
pub fn append_record(log: &mut FlashLog<Nor>, n: u64) -> Option<()> {
    let mut id = EntryId::empty();
    id.set_own(IdKind::Message, n);
    let entry = MessageEntry {
        id: &id,
        parent_id: None,
        timestamp: Timestamp::from_unix_ms(black_box(1_767_225_600_000)),
        message: &Verbatim(black_box(SAID)),
    };
    entry.encode(log).ok()?;
    log.sync().ok()
}

/// Begins a session.
#[inline(never)]
pub fn create(place: &mut Option<Log>, flash: &'static mut Option<FlashLog<Nor>>) -> Option<()> {
    let header = Header {
        id: "d",
        timestamp: Timestamp::from_unix_ms(black_box(0)),
        cwd: "",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    };
    // As in firmware with more than these few uses, the compiler does not build addresses into the library's code.
    let (place, flash) = black_box((place, flash));
    Journal::create_in(place, mount(flash)?, Ticks(0), &header, OPTIONS).ok()?;
    Some(())
}

/// Goes on with a session.
#[inline(never)]
pub fn resume(
    place: &mut Option<Log>,
    flash: &'static mut Option<FlashLog<Nor>>,
    window: &mut Window,
) -> Option<()> {
    let (place, flash) = black_box((place, flash));
    Journal::open_in(place, mount(flash)?, Ticks(0), OPTIONS, window).ok()?;
    Some(())
}

/// A message, durable.
#[inline(never)]
pub fn append(log: &mut Log) -> Option<()> {
    append_of(log, black_box(SAID))
}

/// A message of any length, durable.
pub fn append_of(log: &mut Log, payload: &[u8]) -> Option<()> {
    log.append(&Verbatim(payload)).ok()?;
    Some(())
}

/// A turn's end, durable.
#[inline(never)]
pub fn end_turn(log: &mut Log) -> Option<()> {
    log.end_turn().ok()?;
    Some(())
}

/// A compaction, durable.
#[inline(never)]
pub fn compact(log: &mut Log, window: &mut Window) -> Option<()> {
    // Looked at where it is: it holds an id, and to move it takes as much again.
    let plan = &log.plan(Reason::Manual, Keep::LastMessages(2), window);
    commit(log, plan.as_ref().ok()?)
}

/// Between the two somebody would write the summary.
#[inline(never)]
fn commit(log: &mut Log, plan: &Plan) -> Option<()> {
    log.commit(plan, black_box("All was well.")).ok()?;
    Some(())
}

/// Blocks back.
#[inline(never)]
pub fn reclaim(log: &mut Log, window: &mut Window) -> Option<()> {
    let keep_from = log.keep_from(window).ok()?;
    log.storage().reclaim(keep_from).ok()?;
    Some(())
}
