//! The flash log without accidents: a journal lives on it.

use embedded_io::{Read, Seek, SeekFrom};
use sessionlog_core::compaction::{Keep, Reason};
use sessionlog_core::flash::{FlashLog, Geometry, Options};
use sessionlog_core::journal::{self, Journal};
use sessionlog_core::record::{Header, Verbatim};
use sessionlog_core::{Clock, Timestamp};
use sessionlog_tests::sim::flash::{Chip, Flash};

const BLOCK: u32 = 4096;

type Nor = Flash<1, 4, 4096>;

pub(crate) fn chip<const R: usize, const W: usize, const E: usize>(
    blocks: u32,
    block: u32,
) -> Flash<R, W, E> {
    Flash::new(Chip::new((blocks * block) as usize, 0))
}

pub(crate) fn geometry<const R: usize, const W: usize, const E: usize>(
    flash: &Flash<R, W, E>,
    block: u32,
) -> Geometry {
    let size = flash.chip().image().len() as u32;
    Geometry::new::<Flash<R, W, E>>(0..size, block).expect("a geometry that suits")
}

pub(crate) fn mounted<const R: usize, const W: usize, const E: usize>(
    flash: &Flash<R, W, E>,
    block: u32,
) -> FlashLog<Flash<R, W, E>> {
    let options = Options::default();
    FlashLog::mount(flash.clone(), geometry(flash, block), options).expect("a chip that works")
}

pub(crate) fn all(log: &mut (impl Read + Seek)) -> Vec<u8> {
    log.seek(SeekFrom::Start(0)).expect("seek");
    let mut bytes = Vec::new();
    let mut buf = [0; 113];
    loop {
        let count = log.read(&mut buf).expect("read");
        bytes.extend_from_slice(&buf[..count]);
        if count == 0 {
            return bytes;
        }
    }
}

pub(crate) fn header() -> Header<'static> {
    Header {
        id: "s",
        timestamp: Timestamp::from_unix_ms(0),
        cwd: "/",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    }
}

pub(crate) fn say(n: usize) -> String {
    format!(
        r#"{{"role":"user","content":[{{"type":"text","text":"question {n}, and what follows from it"}}]}}"#
    )
}

#[derive(Default)]
pub(crate) struct Ticks(i64);

impl Clock for Ticks {
    fn now(&mut self) -> Timestamp {
        self.0 += 1;
        Timestamp::from_unix_ms(self.0)
    }
}

type Log<F> = Journal<F, Ticks, 8>;

#[test]
fn a_journal_lives_on_flash() {
    let flash: Nor = chip(8, BLOCK);
    let mut window = [0; 256];
    let options = journal::Options::default();
    let storage = mounted(&flash, BLOCK);
    let mut log: Log<_> =
        Journal::create(storage, Ticks::default(), &header(), options).expect("created");
    let mut reclaimed = 0;
    for n in 0..600 {
        if log.storage().room() < 4096 {
            let plan = log
                .plan(Reason::Manual, Keep::LastMessages(3), &mut window)
                .expect("a plan");
            log.commit(&plan, "what was said before")
                .expect("room is left");
            let keep = log.keep_from(&mut window).expect("read");
            reclaimed += log.storage().reclaim(keep).expect("read");
        }
        log.append(&Verbatim(say(n).as_bytes()))
            .expect("room is left");
        log.end_turn().expect("room is left");
        if n % 50 == 7 {
            let before = (log.tip(), log.context_messages(), log.totals(), log.len());
            drop(log);
            let storage = mounted(&flash, BLOCK);
            let (opened, resumed) =
                Journal::open(storage, Ticks::default(), options, &mut window).expect("resumed");
            log = opened;
            assert!(!resumed.headless && resumed.notes.health.is_clean());
            let after = (log.tip(), log.context_messages(), log.totals(), log.len());
            assert_eq!(before, after);
            // What was reclaimed becomes lasting with the next block only.
            let keep = log.keep_from(&mut window).expect("read");
            log.storage().reclaim(keep).expect("read");
        }
    }
    assert!(reclaimed > 8, "{reclaimed} blocks reclaimed");
    let text = String::from_utf8(all(log.storage())).expect("text");
    let first = text.lines().next().expect("a header");
    assert!(first.contains(r#","reclaimed":true,"crc":""#), "{first}");
    sessionlog_core::record::RecordScanner::scan(first.as_bytes(), Default::default())
        .expect("valid");
}
