//! The power goes: what was acknowledged is there, whatever the disk makes of the rest.

use crate::support::{report, rounds, seed};
use sessionlog::FileStorage;
use sessionlog_core::{
    Clock, EntryId, Timestamp,
    compaction::{Keep, Reason},
    journal::{Durability, Journal, JournalError, Options, Storage as _},
    record::{Header, Verbatim},
};
use sessionlog_tests::{
    load::{Rng, sized_payload},
    model::{self, Kind},
    sim::disk::{Detail, DiskFile, Fault},
};
use std::collections::HashSet;

const MODES: [Durability; 3] = [Durability::Entry, Durability::Turn, Durability::Manual];

struct Still;

impl Clock for Still {
    fn now(&mut self) -> Timestamp {
        Timestamp::from_unix_ms(1_779_451_200_000)
    }
}

type Log = Journal<FileStorage<DiskFile>, Still, 32>;

/// What is done to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Append,
    EndTurn,
    Sync,
    Compact,
    MoveTip,
    Abandon,
    /// The next call to the disk fails, after half of a write.
    Fail,
}

const STEPS: [Step; 7] = [
    Step::Append,
    Step::EndTurn,
    Step::Sync,
    Step::Compact,
    Step::MoveTip,
    Step::Abandon,
    Step::Fail,
];

/// A message's id and payload.
type Message = (String, String);

/// A log on a disk, and what was promised of it.
struct Run {
    file: DiskFile,
    log: Option<Log>,
    mode: Durability,
    /// Promised: the messages, and the file up to their end.
    acknowledged: Vec<Message>,
    whole: Vec<u8>,
    waiting: Vec<Message>,
    /// Everything that was ever to be written.
    submitted: HashSet<Message>,
    n: u64,
}

fn options(durability: Durability) -> Options {
    Options {
        durability,
        ..Options::default()
    }
}

fn storage(file: &DiskFile) -> FileStorage<DiskFile> {
    FileStorage::new(file.clone()).unwrap()
}

fn open(file: &DiskFile, mode: Durability) -> Result<Log, JournalError<std::io::Error>> {
    let mut window = [0; 512];
    Journal::open(storage(file), Still, options(mode), &mut window).map(|(log, _)| log)
}

impl Run {
    fn begin(mode: Durability, lies: bool) -> Self {
        let file = DiskFile::holding(vec![]);
        let header = Header {
            id: "s",
            timestamp: Still.now(),
            cwd: "/w",
            parent_session: None,
            branch_name: None,
            fork_point: None,
        };
        let log = Journal::create(storage(&file), Still, &header, options(mode)).unwrap();
        file.disk_mut().lies = lies;
        let mut run = Run {
            file,
            log: Some(log),
            mode,
            acknowledged: vec![],
            whole: vec![],
            waiting: vec![],
            submitted: HashSet::new(),
            n: 0,
        };
        run.promised();
        run
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    /// Everything so far has been acknowledged.
    fn promised(&mut self) {
        self.acknowledged.append(&mut self.waiting);
        self.keep_whole();
    }

    fn keep_whole(&mut self) {
        let end = usize::try_from(self.log().len()).unwrap();
        let held = self.file.disk().content.live()[..end].to_vec();
        // A last record whose line end a loss of power took is promised by nobody until the next sync.
        let lines = held.iter().rposition(|byte| *byte == b'\n');
        self.whole = held[..lines.map_or(0, |at| at + 1)].to_vec();
    }

    /// Does it, and notes what was promised with it.
    fn step(&mut self, step: Step, len: u64) {
        let mode = self.mode;
        let done = match step {
            Step::Append => {
                let payload = sized_payload(self.n, len, &mut Rng::new(self.n));
                self.n += 1;
                // Where it fails, a part may be on the disk under this name.
                let id = format!("msg-{}", self.log().totals().next_seq);
                self.submitted.insert((id.clone(), payload.clone()));
                let appended = self.log().append(&Verbatim(payload.as_bytes()));
                if appended.is_ok() {
                    self.waiting.push((id, payload));
                }
                appended.map(|_| mode == Durability::Entry)
            }
            Step::EndTurn => self.log().end_turn().map(|_| mode != Durability::Manual),
            Step::Sync => self.log().sync().map(|()| true),
            Step::Compact => {
                let planned = self
                    .log()
                    .plan(Reason::Manual, Keep::LastQuarter, &mut [0; 512]);
                let Ok(plan) = planned else { return };
                let committed = self.log().commit(&plan, "what was said");
                committed.map(|_| mode != Durability::Manual)
            }
            Step::MoveTip => match self.acknowledged.first() {
                Some((id, _)) => {
                    let target = EntryId::try_from(id.as_str()).unwrap();
                    self.log().move_tip(&target, &mut [0; 512]).map(|_| true)
                }
                None => return,
            },
            Step::Abandon => {
                self.log().abandon_turn();
                self.waiting.clear();
                return;
            }
            Step::Fail => {
                self.file.disk_mut().set_fault(0, Fault::Error(40));
                return;
            }
        };
        match done {
            Ok(true) => self.promised(),
            Ok(false) => {}
            Err(JournalError::Io(_)) => {
                // It may have acknowledged a part before it failed: what is left in the log is that.
                self.keep_whole();
                // Not by its id alone: an earlier message that nobody was promised may bear it too.
                let there: HashSet<Message> = messages(&self.whole).collect();
                self.waiting.retain(|message| there.contains(message));
                self.acknowledged.append(&mut self.waiting);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Holds what a loss of power has left against what was promised. Gives what is wrong.
    fn check(&self, image: &[u8]) -> Result<(), String> {
        let shown = || image.escape_ascii().to_string();
        let promised = &self.acknowledged;
        has(image, promised, &self.whole, &self.submitted)?;
        // It can be gone on with, and that is durable.
        let file = DiskFile::holding(image.to_vec());
        let mut log = open(&file, Durability::Turn).map_err(|e| format!("{e}: {}", shown()))?;
        let tip = log.tip();
        let payload = sized_payload(9, 0, &mut Rng::new(9));
        let id = log.append(&Verbatim(payload.as_bytes()));
        let id = id.map_err(|e| e.to_string())?.to_string();
        log.end_turn().map_err(|e| e.to_string())?;
        let images = file.disk().content.images(Detail::Few);
        if images.len() != 1 {
            return Err("what was appended afterwards is not durable".to_owned());
        }
        let after = images.into_iter().next().unwrap_or_default();
        let mut all = promised.clone();
        all.push((id.clone(), payload.clone()));
        let mut submitted = self.submitted.clone();
        submitted.insert((id.clone(), payload));
        has(&after, &all, &self.whole, &submitted)?;
        let m = model::read(&after);
        // The last of that name: where a failed sync was followed by a loss of the cut that took back what it left, an earlier
        // one that nobody was promised may bear it too, and what names it means the nearest (F13).
        let new = m.entries.iter().rposition(|e| e.id.as_deref() == Some(&id));
        let parent = new.and_then(|new| m.parents[new]);
        let parent = parent.and_then(|parent| m.entries[parent].id.as_deref());
        if parent != tip.as_ref().map(EntryId::as_str) {
            return Err(format!("{id} follows {parent:?}: {}", after.escape_ascii()));
        }
        Ok(())
    }

    /// The power goes, and this is what the disk holds when it comes back.
    fn restart(&mut self, image: Vec<u8>) {
        let lies = self.file.disk().lies;
        // A whole record that nobody was promised is one like any other once it was read; until a sync it may go again,
        // which it cannot here, as what is there now is on the disk.
        self.file = DiskFile::holding(image);
        self.file.disk_mut().lies = lies;
        self.waiting.clear();
        self.log = Some(open(&self.file, self.mode).unwrap());
    }
}

/// The messages in a file.
fn messages(image: &[u8]) -> impl Iterator<Item = Message> {
    let entries = model::read(image).entries.into_iter();
    entries
        .filter(|entry| entry.kind == Kind::Message)
        .map(|entry| {
            let (at, len) = entry.payload.unwrap_or_default();
            let payload = String::from_utf8_lossy(&image[at..at + len]).into_owned();
            (entry.id.clone().unwrap_or_default(), payload)
        })
}

/// All of these messages, once and as they were, and no message that nobody wrote.
fn has(
    image: &[u8],
    promised: &[Message],
    whole: &[u8],
    submitted: &HashSet<Message>,
) -> Result<(), String> {
    let shown = || image.escape_ascii().to_string().replace("\\n", "\n");
    let there: HashSet<Message> = messages(image).collect();
    if let Some(message) = there.difference(submitted).next() {
        return Err(format!("nobody wrote {message:?}: {}", shown()));
    }
    if let Some(message) = promised.iter().find(|message| !there.contains(message)) {
        return Err(format!("{message:?} was promised and is lost: {}", shown()));
    }
    match image.starts_with(whole) {
        true => Ok(()),
        false => Err(format!("what was whole is not: {}", shown())),
    }
}

/// What a campaign has tried.
#[derive(Default)]
struct Tried {
    histories: u64,
    losses: u64,
    images: u64,
}

/// Every history of this length, every call of its last step as the moment, everything that may be left.
/// Gives what it found wrong first.
fn every_history(
    len: usize,
    mode: Durability,
    lies: bool,
    tried: &mut Tried,
) -> Result<(), String> {
    for history in 0..STEPS.len().pow(len as u32) {
        let steps: Vec<Step> = (0..len)
            .map(|at| STEPS[history / STEPS.len().pow(at as u32) % STEPS.len()])
            .collect();
        tried.histories += 1;
        for moment in 0.. {
            let mut run = Run::begin(mode, lies);
            let (last, earlier) = steps.split_last().ok_or("no step")?;
            earlier.iter().for_each(|step| run.step(*step, 5));
            // A fault that is waiting comes first.
            if *last != Step::Fail && earlier.last() != Some(&Step::Fail) {
                run.file.disk_mut().set_fault(moment, Fault::Power);
            }
            run.step(*last, 5);
            let died = run.file.disk().is_dead();
            tried.losses += 1;
            let detail = if len <= 2 {
                Detail::EveryByte
            } else {
                Detail::Few
            };
            let images = run.file.disk().content.images(detail);
            for image in images {
                tried.images += 1;
                let checked = run.check(&image);
                checked.map_err(|wrong| format!("{mode:?}, {steps:?}, call {moment}: {wrong}"))?;
            }
            if !died {
                break;
            }
        }
    }
    Ok(())
}

#[test]
fn whatever_a_loss_of_power_leaves_nothing_promised_is_lost_short_histories() {
    let mut tried = Tried::default();
    for len in 1..=rounds(3, 4) as usize {
        for mode in MODES {
            every_history(len, mode, false, &mut tried).unwrap();
        }
    }
    report(
        "power, every short history",
        &format!(
            "{} histories, {} losses of power, {} images of the disk, 0 lost",
            tried.histories, tried.losses, tried.images
        ),
    );
}

/// The control: on a disk whose sync does nothing the same check finds a loss.
#[test]
fn a_disk_that_lies_is_noticed() {
    for mode in MODES {
        let found =
            (1..=2).find_map(|len| every_history(len, mode, true, &mut Tried::default()).err());
        let found = found.expect("a loss");
        assert!(
            found.contains("is lost") || found.contains("was whole"),
            "{found}"
        );
    }
    report(
        "power, control",
        "a sync that does nothing is noticed in all 3 modes",
    );
}

/// Long lives: hundreds of steps, failures and losses of power among them, each time going on with what was left.
fn life(seed: u64, tried: &mut Tried) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let mut run = Run::begin(*rng.pick(&MODES), false);
    for _ in 0..60 {
        let step = match rng.below(10) {
            0..=3 => Step::Append,
            4 | 5 => Step::EndTurn,
            _ => *rng.pick(&STEPS),
        };
        if rng.one_in(12) {
            run.file
                .disk_mut()
                .set_fault(rng.below(4), Fault::Error(rng.below(300) as usize));
        } else if rng.one_in(10) {
            run.file.disk_mut().set_fault(rng.below(4), Fault::Power);
        }
        run.step(step, rng.clone().below(400));
        if run.file.disk().is_dead() || rng.one_in(20) {
            for _ in 0..4 {
                let image = run.file.disk().content.image(&mut rng);
                tried.images += 1;
                run.check(&image)?;
            }
            tried.losses += 1;
            let image = run.file.disk().content.image(&mut rng);
            run.check(&image)?;
            run.restart(image);
        }
    }
    // After a sync nothing is missing, and nothing hangs in the air.
    run.file.disk_mut().set_fault(u64::MAX, Fault::Power);
    run.step(Step::Append, 10);
    run.step(Step::Sync, 0);
    // By chance: after many failed syncs there are more images than fit into memory.
    for _ in 0..32 {
        let image = run.file.disk().content.image(&mut rng);
        run.check(&image)?;
    }
    Ok(())
}

#[test]
fn whatever_a_loss_of_power_leaves_nothing_promised_is_lost_long_lives() {
    let (lives, first) = (rounds(150, 10_000), seed());
    let mut tried = Tried::default();
    for n in 0..lives {
        let seed = first.wrapping_add(n);
        life(seed, &mut tried).unwrap_or_else(|wrong| panic!("SESSIONLOG_SEED={seed}: {wrong}"));
    }
    report(
        "power, long lives",
        &format!(
            "{lives} lives of 60 steps, {} losses of power, {} images of the disk, 0 lost; seed {first}",
            tried.losses, tried.images
        ),
    );
}

/// A sync that failed, and one that succeeds after it without anything new: nothing may be promised by it.
#[test]
fn a_failed_sync_is_never_followed_by_a_silent_success() {
    for mode in MODES {
        let mut run = Run::begin(mode, false);
        run.step(Step::Append, 5);
        run.step(Step::Sync, 0);
        let before = run.acknowledged.len();
        // The write goes through, the sync fails.
        run.file.disk_mut().set_fault(1, Fault::Error(0));
        run.step(Step::Append, 5);
        if mode != Durability::Entry {
            run.step(Step::Sync, 0);
        }
        assert_eq!(run.file.disk().failed(), 1);
        run.log().storage().sync().unwrap();
        run.step(Step::Sync, 0);
        assert_eq!(run.acknowledged.len(), before, "{mode:?}");
        assert!(run.waiting.is_empty(), "{mode:?}: forgotten, not waiting");
        for image in run.file.disk().content.images(Detail::EveryByte) {
            run.check(&image).unwrap();
        }
        // Appended anew, it is written anew.
        run.step(Step::Append, 5);
        run.step(Step::Sync, 0);
        assert_eq!(run.acknowledged.len(), before + 1);
        for image in run.file.disk().content.images(Detail::EveryByte) {
            run.check(&image).unwrap();
        }
    }
}
