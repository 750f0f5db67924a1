//! A journal on the flash log: what a device does, space that comes back through compaction, and power that goes at
//! every step of it.

use crate::flash::{Ticks, all, geometry, header, say};
use sessionlog_core::compaction::{Keep, Reason};
use sessionlog_core::flash::{Error, FlashLog, Geometry, Options, Policy};
use sessionlog_core::journal::{self, Journal, JournalError, Storage};
use sessionlog_core::record::Verbatim;
use sessionlog_tests::{
    load::Rng,
    sim::flash::{Chip, Failure, Flash, Tearing},
};

type Nor = Flash<1, 4, 1024>;
type Log = Journal<FlashLog<Nor>, Ticks, 8>;
type Outcome<T> = Result<T, JournalError<Error<Failure>>>;

const BLOCK: u32 = 1024;

fn chip(blocks: u32) -> Nor {
    Flash::new(Chip::new((blocks * BLOCK) as usize, 0))
}

fn mount(flash: &Nor, policy: Policy) -> FlashLog<Nor> {
    let options = Options { policy };
    FlashLog::mount(flash.clone(), geometry(flash, BLOCK), options).expect("a chip that works")
}

fn create(log: FlashLog<Nor>) -> Outcome<Log> {
    Journal::create(
        log,
        Ticks::default(),
        &header(),
        journal::Options::default(),
    )
}

fn open(log: FlashLog<Nor>) -> (Log, journal::Resumed) {
    let options = journal::Options::default();
    Journal::open(log, Ticks::default(), options, &mut [0; 256]).expect("a log")
}

/// What must be the same after a resume: tip, messages of the context, totals, length.
type State = (Option<String>, u64, String, u64);

fn state(log: &Log) -> State {
    let tip = log.tip().map(|tip| format!("{tip:?}"));
    (
        tip,
        log.context_messages(),
        format!("{:?}", log.totals()),
        log.len(),
    )
}

/// One turn: a question, a call, its result, an answer; some of them longer than a frame, or than a block.
fn turn(log: &mut Log, n: usize) -> Outcome<()> {
    log.append(&Verbatim(say(n).as_bytes()))?;
    let long = "x".repeat([3, 140, 700, 1500][n % 4]);
    let call = format!(
        r#"{{"role":"assistant","content":[{{"type":"tool_call","id":"t{n}","name":"read","arguments":{{"at":{n}}}}}]}}"#
    );
    let result = format!(
        r#"{{"role":"tool_result","tool_call_id":"t{n}","tool_name":"read","content":[{{"type":"text","text":"{long}"}}],"is_error":false}}"#
    );
    let answer = r#"{"role":"assistant","content":[{"type":"text","text":"so it is"}],"stop_reason":"stop"}"#;
    for message in [call.as_str(), result.as_str(), answer] {
        log.append(&Verbatim(message.as_bytes()))?;
    }
    log.end_turn().map(|_| ())
}

/// Compacts, and gives back what lies before the context.
fn compact(log: &mut Log, reclaim: bool) -> Outcome<()> {
    let mut window = [0; 256];
    let plan = log.plan(Reason::Manual, Keep::LastMessages(4), &mut window);
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => panic!("{error:?}"),
    };
    log.commit(&plan, "what was said before")?;
    if reclaim {
        give_back(log);
    }
    Ok(())
}

fn give_back(log: &mut Log) {
    let keep = log.keep_from(&mut [0; 256]).expect("a chip that works");
    log.storage().reclaim(keep).expect("a chip that works");
}

/// Turns with a compaction after each second; each acknowledgement is told.
fn life(flash: &Nor, reclaim: bool, told: &mut Vec<State>) -> Outcome<()> {
    let mut log = create(mount(flash, Policy::StopWhenFull))?;
    told.push(state(&log));
    for n in 0..8 {
        turn(&mut log, n)?;
        told.push(state(&log));
        if n % 2 == 1 {
            compact(&mut log, reclaim)?;
            told.push(state(&log));
        }
    }
    Ok(())
}

#[test]
fn a_journal_survives_a_loss_of_power_at_every_step() {
    // The same life where nothing is short.
    let large = chip(32);
    let mut told = Vec::new();
    life(&large, false, &mut told).expect("nothing goes wrong");
    let stream = all(&mut mount(&large, Policy::StopWhenFull));
    let (told, stream) = (&told, &stream);
    let cuts: u64 = std::thread::scope(|scope| {
        let halves = [0, 1].map(|from| {
            let steps = (from..).step_by(2);
            scope.spawn(move || steps.take_while(|at| cut(*at, told, stream)).count())
        });
        halves
            .into_iter()
            .map(|half| half.join().expect("no panic") as u64)
            .sum()
    });
    println!("{cuts} cuts in the life of a journal");
    assert!(cuts > 8000, "{cuts} cuts");
}

/// Power goes after so many steps; `false` when all was done before.
fn cut(at: u64, told: &[State], stream: &[u8]) -> bool {
    let flash = chip(16);
    {
        let mut chip = flash.chip_mut();
        let tearings = [Tearing::Prefix, Tearing::Irregular, Tearing::Unseen];
        chip.tearing = tearings[(at % 3) as usize];
        chip.reseed(at);
        chip.cut_after(at);
    }
    let mut acked = Vec::new();
    if life(&flash, true, &mut acked).is_ok() {
        return false;
    }
    assert_eq!(acked, told[..acked.len()], "the same life");
    for _ in 0..2 {
        flash.chip_mut().power_on();
        resumes(&flash, stream, told, acked.len());
        // And once more, while the first record is written.
        let steps = Rng::new(at).below(400);
        let mut log = mount(&flash, Policy::StopWhenFull);
        if log.is_empty() {
            break;
        }
        flash.chip_mut().cut_after(steps);
        log.sync().ok();
    }
    flash.chip_mut().power_on();
    let log = mount(&flash, Policy::StopWhenFull);
    let mut log = match log.is_empty() {
        true => create(log).expect("power is back"),
        false => open(log).0,
    };
    // What had been given up may be there again.
    give_back(&mut log);
    if turn(&mut log, 1).is_err() {
        compact(&mut log, true).expect("room is left for that");
        turn(&mut log, 1).expect("there is room again");
    }
    let before = state(&log);
    drop(log);
    assert_eq!(state(&open(mount(&flash, Policy::StopWhenFull)).0), before);
    true
}

/// What was acknowledged is there, byte for byte, and perhaps some records of what came next.
fn resumes(flash: &Nor, stream: &[u8], told: &[State], acked: usize) {
    let mut log = mount(flash, Policy::StopWhenFull);
    let bytes = all(&mut log);
    let least = acked.checked_sub(1).map_or(0, |last| told[last].3);
    let most = told[acked].3;
    let len = bytes.len() as u64;
    assert!(
        (least..=most).contains(&len),
        "{len} bytes, {least} to {most}"
    );
    if len == 0 {
        return;
    }
    let same = bytes
        .iter()
        .zip(stream)
        .rev()
        .take_while(|(a, b)| a == b)
        .count();
    let base = bytes.len() - same;
    let (mut log, resumed) = open(log);
    assert!(
        !resumed.headless && resumed.notes.health.is_clean(),
        "{resumed:?}"
    );
    let keep = log.keep_from(&mut [0; 256]).expect("a chip that works");
    assert!(
        base as u64 <= keep,
        "differs before {base}, {keep} is needed"
    );
    if let Some(then) = told.iter().find(|then| then.3 == len) {
        assert_eq!(state(&log), *then);
    }
}

/// Blocks of the newest session.
fn used(log: &mut FlashLog<Nor>) -> u32 {
    let info = log.sessions().next().expect("a chip that works");
    info.map_or(0, |info| info.blocks)
}

#[test]
fn reclaiming_frees_the_blocks_before_the_context_and_no_other() {
    let flash = chip(64);
    let mut log = create(mount(&flash, Policy::StopWhenFull)).expect("created");
    for n in 0..8 {
        turn(&mut log, n).expect("room");
    }
    compact(&mut log, false).expect("room");
    let mut window = [0; 256];
    let keep = log.keep_from(&mut window).expect("read");
    let context = texts(&mut log);
    let before = all(log.storage());
    let blocks = used(log.storage());
    // A frame holds at most 249 bytes: where the first that is kept lies, to a block.
    let freed = log.storage().reclaim(keep).expect("read");
    assert_eq!(log.storage().reclaim(keep), Ok(0), "once is enough");
    assert!(freed > 4 && freed < blocks, "{freed} of {blocks}");
    let programs = flash.chip().counts.programs;
    log.append(&Verbatim(say(99).as_bytes())).expect("room");
    log.end_turn().expect("room");
    assert!(flash.chip().counts.programs > programs);
    assert_eq!(
        used(log.storage()),
        blocks - freed + 1,
        "and the block that says so"
    );
    let len = log.len();
    drop(log);
    let (mut log, resumed) = open(mount(&flash, Policy::StopWhenFull));
    assert!(!resumed.headless && resumed.notes.health.is_clean());
    assert_eq!(log.len(), len);
    let after = texts(&mut log);
    assert_eq!(after[1..], context, "the context is as before");
    let bytes = all(log.storage());
    assert_eq!(bytes[keep as usize..before.len()], before[keep as usize..]);
    // Exactly: the block with the first byte that is kept is there from its first whole record on, none before it is.
    let blank = bytes.iter().position(|b| *b == b' ').expect("a blank line");
    let base = blank
        + bytes[blank..]
            .iter()
            .position(|b| *b == b'\n')
            .expect("its end")
        + 1;
    assert!(
        base as u64 <= keep && keep - (base as u64) < u64::from(BLOCK),
        "{base}, {keep}"
    );
    assert_eq!(bytes[base..before.len()], before[base..]);
}

/// The context's records, newest first.
fn texts(log: &mut Log) -> Vec<Vec<u8>> {
    let mut extents = Vec::new();
    let mut window = [0; 256];
    let mut context = log.context(&mut window).expect("read");
    while let Some(item) = context.next().expect("read") {
        extents.push(item.extent);
    }
    let bytes = all(log.storage());
    let text = |e: &sessionlog_core::record::Extent| {
        bytes[e.start as usize..(e.start + e.len) as usize].to_vec()
    };
    extents.iter().map(text).collect()
}

#[test]
fn a_full_region_loses_nothing() {
    let flash = chip(6);
    let mut log = create(mount(&flash, Policy::StopWhenFull)).expect("created");
    let mut done = Vec::new();
    let error = loop {
        match turn(&mut log, done.len() % 2) {
            Ok(()) => done.push(state(&log)),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Io(Error::Full)), "{error:?}");
    assert_eq!(
        done.last(),
        Some(&state(&log)),
        "the turn is gone from memory"
    );
    let bytes = all(log.storage());
    drop(log);
    let (mut log, _) = open(mount(&flash, Policy::StopWhenFull));
    // And from the flash, whole records aside that were programmed already.
    assert!(all(log.storage()).starts_with(&bytes));
    assert!(done.last().is_some_and(|done| done.3 <= log.len()));
    // Nothing to reclaim without a compaction, for which room must be left: here the oldest turns are given up by name.
    drop(log);
    let (mut log, _) = open(mount(&flash, Policy::OverwriteOldest));
    for n in 0..40 {
        turn(&mut log, n % 2).expect("the oldest go");
    }
    let after = all(log.storage());
    let first = after.split(|b| *b == b'\n').next().expect("a header");
    assert!(String::from_utf8_lossy(first).contains(r#""reclaimed":true"#));
    let kept = after.iter().filter(|b| **b == b'\n').count();
    assert!(kept > 6, "{kept} lines are left");
    let before = state(&log);
    drop(log);
    let after = state(&open(mount(&flash, Policy::OverwriteOldest)).0);
    assert_eq!((after.0, after.2, after.3), (before.0, before.2, before.3));
}

#[test]
fn sessions_follow_each_other_in_one_region() {
    let flash = chip(24);
    let mut streams = Vec::new();
    for session in 0..4 {
        let mut log = mount(&flash, Policy::StopWhenFull);
        log.begin_session().expect("room");
        assert!(log.is_empty());
        let mut log = create(log).expect("created");
        for n in 0..session + 1 {
            turn(&mut log, n).expect("room");
        }
        streams.push(all(log.storage()));
    }
    let mut log = mount(&flash, Policy::StopWhenFull);
    assert_eq!(all(&mut log), streams[3], "the newest is found");
    let mut infos = Vec::new();
    let mut sessions = log.sessions();
    while let Some(info) = sessions.next().expect("read") {
        infos.push(info);
    }
    assert_eq!(infos.len(), 4);
    for (info, stream) in infos.iter().rev().zip(&streams) {
        assert_eq!(all(&mut log.session(info.id).expect("listed")), *stream);
        assert_eq!(info.len, stream.len() as u64);
        assert!(!info.partial);
    }
    // Older ones are given up by name, and stay readable until their blocks are gone.
    let blocks = infos[3].blocks + infos[2].blocks;
    assert_eq!(log.forget_before(infos[1].id), blocks);
    assert_eq!(
        all(&mut log.session(infos[3].id).expect("still there")),
        streams[0]
    );
    let (mut journal, _) = open(log);
    turn(&mut journal, 1).expect("room");
    let mut log = mount(&flash, Policy::StopWhenFull);
    assert!(matches!(
        log.session(infos[2].id),
        Err(Error::NoSuchSession)
    ));
    assert_eq!(
        all(&mut log.session(infos[1].id).expect("kept")),
        streams[2]
    );
}

#[test]
fn what_was_taken_back_is_no_part_of_an_older_session() {
    use embedded_io::Write;
    let flash = chip(8);
    let mut log = mount(&flash, Policy::StopWhenFull);
    log.write_all(b"{\"first\":1}\n").expect("room");
    log.sync().expect("room");
    let len = log.len();
    log.write_all(&[b"{\"second\":\"", [b'x'; 600].as_slice(), b"\"}\n"].concat())
        .expect("room");
    log.flush().expect("room");
    assert_eq!(log.truncate(len), Ok(true));
    log.begin_session().expect("room");
    log.write_all(b"{\"third\":3}\n").expect("room");
    log.sync().expect("room");
    let mut log = mount(&flash, Policy::StopWhenFull);
    let mut sessions = log.sessions();
    sessions.next().expect("read");
    let older = sessions.next().expect("read").expect("there are two");
    assert_eq!(
        all(&mut log.session(older.id).expect("listed")),
        b"{\"first\":1}\n"
    );
}

#[test]
fn a_region_that_does_not_suit_is_refused() {
    use sessionlog_core::flash::GeometryError as E;
    let new = |start, end, block| Geometry::new::<Nor>(start..end, block).err();
    assert_eq!(new(0, 8192, 1024), None);
    assert_eq!(new(512, 8704, 1024), Some(E::Range));
    assert_eq!(new(0, 8000, 1024), Some(E::Range));
    assert_eq!(new(0, 9216, 1536), Some(E::Block));
    assert_eq!(new(0, 8192, 256), Some(E::Block));
    assert_eq!(new(0, 3072, 1024), Some(E::Blocks));
    let beyond = Geometry::new::<Nor>(0..16384, 1024).expect("suits");
    let mounted = FlashLog::mount(chip(8), beyond, Options::default());
    assert!(matches!(mounted, Err(Error::Geometry(E::Capacity))));
}
