//! One journal, what it has acknowledged, and what must hold after each operation.

mod payload;

use crate::model::{self, Kind, Model, Sum};
use crate::sim::memory::{Cutting, Fault, Memory};
use embedded_io::ErrorKind;
use payload::{Streamed, Tools};
use sessionlog_core::compaction::{Keep, Reason};
use sessionlog_core::journal::{Durability, Journal, JournalError, Options, Plan, PlanError};
use sessionlog_core::record::{Header, Payload, Totals, Verbatim};
use sessionlog_core::replay::ReplayError;
use sessionlog_core::usage::UsageTotals;
use sessionlog_core::{Clock, EntryId, Timestamp};
use std::collections::HashMap;

/// A clock that ticks when it is read.
struct Ticks(i64);

impl Clock for Ticks {
    fn now(&mut self) -> Timestamp {
        self.0 += 1;
        Timestamp::from_unix_ms(self.0)
    }
}

/// Messages that a compaction can choose its cut from: few, so that they run out.
const WINDOW: usize = 6;

type Log = Journal<Memory, Ticks, WINDOW>;
type Done<T> = Result<T, JournalError<ErrorKind>>;

/// A message that was appended.
struct Message {
    id: String,
    payload: Vec<u8>,
    /// The log's length with it.
    end: usize,
}

/// What can be seen of a journal.
#[derive(Debug, PartialEq)]
struct Face {
    tip: Option<EntryId>,
    totals: Totals,
    messages: u64,
    tokens: u64,
}

pub(super) struct Run {
    memory: Memory,
    options: Options,
    /// `None` only while it is opened again.
    journal: Option<Log>,
    /// Corrupt lines that were there before.
    damage: usize,
    /// Messages that were there when the journal was opened, but for those that are acknowledged.
    found: usize,
    acknowledged: Vec<Message>,
    pending: Vec<Message>,
    plan: Option<Plan>,
    tools: HashMap<String, Tools>,
    /// Something failed where the storage cannot be cut: whole entries may have stayed behind that were never
    /// acknowledged, and that no sum counts.
    strays: bool,
    /// Something failed: numbers may have been passed over.
    failed: bool,
}

impl Run {
    /// A journal on what the storage holds, whose last whole record ends at the given place; or a new one.
    pub(super) fn begin(
        base: Option<(Vec<u8>, usize)>,
        durability: Durability,
        cutting: Cutting,
        step: usize,
    ) -> Self {
        let (bytes, whole) = base.unwrap_or_default();
        let damage = model::read(&bytes).corrupt.len();
        let fresh = bytes.is_empty();
        let memory = Memory::holding(bytes);
        memory.medium_mut().cutting = cutting;
        memory.medium_mut().step = step;
        memory.medium_mut().keep(whole);
        let options = Options {
            durability,
            ..Options::default()
        };
        let mut run = Run {
            memory: memory.clone(),
            options,
            journal: None,
            damage,
            found: 0,
            acknowledged: vec![],
            pending: vec![],
            plan: None,
            tools: HashMap::new(),
            strays: false,
            failed: false,
        };
        if fresh {
            let header = Header {
                id: "s",
                timestamp: Timestamp::from_unix_ms(0),
                cwd: "/w",
                parent_session: None,
                branch_name: None,
                fork_point: None,
            };
            let created = Journal::create(memory, Ticks(0), &header, options);
            run.journal = Some(created.expect("nothing fails yet"));
            run.all_durable();
        } else {
            run.open(64);
        }
        run.check();
        run
    }

    fn open(&mut self, window: usize) {
        let clock = Ticks(1000);
        let opened = Journal::open(
            self.memory.clone(),
            clock,
            self.options,
            &mut vec![0; window],
        );
        self.journal = Some(opened.expect("nothing fails yet").0);
        let there = messages_of(&model::read(&self.bytes()));
        let lost = "an acknowledged message is gone";
        self.found = there.checked_sub(self.acknowledged.len()).expect(lost);
        // Entries that it found are entries like any other, acknowledged or not.
        let length = self.length();
        self.memory.medium_mut().keep(length);
    }

    fn log(&mut self) -> &mut Log {
        self.journal.as_mut().expect("it is open")
    }

    fn length(&mut self) -> usize {
        usize::try_from(self.log().len()).expect("small")
    }

    fn bytes(&self) -> Vec<u8> {
        self.memory.medium().bytes().to_vec()
    }

    fn face(&mut self) -> Face {
        let log = self.log();
        Face {
            tip: log.tip(),
            totals: log.totals(),
            messages: log.context_messages(),
            tokens: log.context_tokens(),
        }
    }

    pub(super) fn say(&mut self, len: usize) {
        self.append_own(payload::user(len), Tools::default());
    }

    pub(super) fn answer(&mut self, tokens: u64) {
        self.append_own(payload::answer(tokens), Tools::default());
    }

    pub(super) fn call(&mut self, first: u8, count: u8) {
        let calls: Vec<u8> = (first..first.saturating_add(count)).collect();
        let payload = payload::call(&calls);
        self.append_own(
            payload,
            Tools {
                calls,
                answers: None,
            },
        );
    }

    pub(super) fn result(&mut self, n: u8) {
        let tools = Tools {
            calls: vec![],
            answers: Some(n),
        };
        self.append_own(payload::result(n), tools);
    }

    fn append_own(&mut self, payload: String, tools: Tools) {
        let id = self.append(payload.as_bytes(), &Verbatim(payload.as_bytes()));
        assert!(
            !matches!(
                id,
                Err(JournalError::NotAMessage(_) | JournalError::Payload(_))
            ),
            "{payload}: {id:?}"
        );
        if let Ok(id) = id {
            self.tools.insert(id, tools);
        }
    }

    pub(super) fn verbatim(&mut self, payload: &[u8]) {
        let _ = self.append(payload, &Verbatim(payload));
    }

    pub(super) fn streamed(&mut self, payload: &[u8]) {
        let _ = self.append(payload, &Streamed(payload));
    }

    fn append<P: Payload>(&mut self, bytes: &[u8], payload: &P) -> Done<String> {
        let appended = self.act(|log| log.append(payload));
        if appended.is_err() {
            self.check();
        }
        let id = appended?.to_string();
        self.tools.remove(&id);
        let shown = bytes.escape_ascii();
        assert_eq!(self.bytes().len(), self.length(), "{shown}");
        match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(value) => assert!(value.is_object(), "{shown}"),
            Err(error) => assert!(error.to_string().contains("out of range"), "{shown}"),
        }
        let end = self.length();
        self.pending.push(Message {
            id: id.clone(),
            payload: bytes.to_vec(),
            end,
        });
        if self.options.durability == Durability::Entry {
            self.all_durable();
        }
        Ok(id)
    }

    pub(super) fn end_turn(&mut self) {
        let done = self.act(Log::end_turn);
        if done.is_ok() && self.options.durability != Durability::Manual {
            self.all_durable();
        }
        self.check();
    }

    pub(super) fn sync(&mut self) {
        if self.act(Log::sync).is_ok() {
            self.all_durable();
        }
        self.check();
    }

    pub(super) fn abandon(&mut self) {
        self.strays |= self.memory.medium().cutting != Cutting::Anywhere;
        self.failed = true;
        self.log().abandon_turn();
        self.forget();
        self.check();
    }

    pub(super) fn plan(&mut self, keep: Keep, window: usize) {
        let failures = self.memory.medium().failures();
        let length = self.length();
        let planned = self.log().plan(Reason::Manual, keep, &mut vec![0; window]);
        assert_eq!(self.length(), length, "a plan writes nothing");
        let failed = self.memory.medium().failures() > failures;
        match planned {
            Ok(plan) => self.plan = Some(plan),
            Err(PlanError::NoCut(_)) => {}
            Err(PlanError::Read(ReplayError::Io(_))) if failed => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Commits the plan that was made last, however old it is.
    pub(super) fn commit(&mut self) {
        let Some(plan) = self.plan.clone() else {
            return;
        };
        let length = self.length();
        let before = model::read(&self.bytes()[..length]);
        let committed = self.act(|log| log.commit(&plan, "what was said"));
        if committed.is_ok() {
            if self.options.durability != Durability::Manual {
                self.all_durable();
            }
            let after = model::read(&self.bytes());
            let kept = after.context.get(1..).unwrap_or_default();
            assert_eq!(
                kept.len(),
                plan.cut.kept,
                "kept {plan:?} {}",
                self.bytes().escape_ascii()
            );
            if !self.strays {
                assert!(before.context.ends_with(kept), "another context was cut");
                self.check_tools(&before, &after);
            }
        }
        self.check();
    }

    /// No tool result is first, and none has lost its call.
    fn check_tools(&self, before: &Model, after: &Model) {
        let tools = |i: &usize| self.tools.get(after.entries[*i].id.as_ref()?);
        let calls = |i: &usize, n: u8| tools(i).is_some_and(|t| t.calls.contains(&n));
        let entries = |m: &Model| m.context.iter().map(|c| c.entry).collect::<Vec<_>>();
        let (had, kept) = (entries(before), &entries(after)[1..]);
        let first = &after.entries[kept[0]];
        assert_ne!(first.role.as_deref(), Some("tool_result"), "{:?}", first.id);
        for (place, entry) in kept.iter().enumerate() {
            let Some(n) = tools(entry).and_then(|t| t.answers) else {
                continue;
            };
            let mut earlier = had.iter().take_while(|i| *i != entry);
            let called = earlier.any(|i| calls(i, n));
            let still = kept[..place].iter().any(|i| calls(i, n));
            let id = &after.entries[*entry].id;
            assert!(still || !called, "{id:?} lost its call");
        }
    }

    pub(super) fn move_to_known(&mut self, n: usize, window: usize) {
        let m = model::read(&self.bytes());
        let nodes = m.entries.iter().filter(|e| e.kind != Kind::Leaf);
        let ids: Vec<&String> = nodes.filter_map(|e| e.id.as_ref()).collect();
        if let Some(id) = ids.get(n % ids.len().max(1))
            && let Ok(id) = EntryId::try_from(id.as_str())
        {
            self.move_to(&id, window);
        }
    }

    pub(super) fn move_to(&mut self, target: &EntryId, window: usize) {
        let bears =
            |e: &model::Entry| e.kind != Kind::Leaf && e.id.as_deref() == Some(target.as_str());
        let moved = self.act(|log| log.move_tip(target, &mut vec![0; window]));
        match moved {
            Ok(_) => {
                assert_eq!(self.log().tip().as_ref(), Some(target));
                self.all_durable();
            }
            Err(JournalError::NoSuchEntry) => {
                let there = model::read(&self.bytes()).entries.iter().any(bears);
                assert!(!there, "{target} is there");
            }
            Err(_) => {}
        }
        self.check();
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.memory.medium_mut().set_fault(Some(fault));
    }

    /// The power goes, and with it what the medium did not keep; then the log is opened again.
    pub(super) fn reopen(&mut self, keep: usize, window: usize) {
        let face = self.face();
        let length = self.length();
        let settled = {
            let medium = self.memory.medium();
            let whole = medium.bytes().len() == length && medium.durable() == length;
            whole && self.pending.is_empty() && !self.strays
        };
        self.journal = None;
        self.plan = None;
        self.memory.medium_mut().lose_power(keep);
        self.open(window);
        if settled {
            let mut again = self.face();
            if self.failed {
                assert!(again.totals.next_seq <= face.totals.next_seq);
                again.totals.next_seq = face.totals.next_seq;
            }
            assert_eq!(again, face, "opened again");
        }
        // What was not acknowledged is there or not: nobody was promised anything.
        self.pending.clear();
        self.failed = false;
        self.check();
        self.check_acknowledged();
    }

    /// Calls the journal, and holds a failure against what it promises.
    fn act<T>(&mut self, call: impl FnOnce(&mut Log) -> Done<T>) -> Done<T> {
        let failures = self.memory.medium().failures();
        let (before, length) = (self.face(), self.length());
        let done = call(self.log());
        let failed = self.memory.medium().failures() > failures;
        match &done {
            Ok(_) => {}
            Err(JournalError::Io(_) | JournalError::WriteZero) => {
                assert!(failed, "the storage did not fail");
                self.failed = true;
                self.strays |= self.memory.medium().cutting != Cutting::Anywhere;
                self.forget();
            }
            Err(
                JournalError::NotAMessage(_) | JournalError::Payload(_) | JournalError::StalePlan,
            ) => {
                let mut now = self.face();
                if self.memory.medium().cutting != Cutting::Anywhere {
                    // What was refused may not be cut off: its number is not given again.
                    self.failed = true;
                    assert!(now.totals.next_seq >= before.totals.next_seq);
                    now.totals.next_seq = before.totals.next_seq;
                }
                assert_eq!(now, before, "nothing was appended");
                // A torn tail may have been closed before.
                assert!(self.length() >= length, "nothing was taken away");
            }
            Err(JournalError::NoSuchEntry) => self.all_durable(),
            Err(error) => panic!("{error}"),
        }
        done
    }

    /// After a failure: only what has become durable is left.
    fn forget(&mut self) {
        let length = self.length();
        let durable = self.memory.medium().durable();
        for message in self.pending.drain(..) {
            // An operation of several steps may have acknowledged it before it failed.
            if message.end <= length {
                let id = &message.id;
                assert!(message.end <= durable, "{id} is neither gone nor durable");
                self.memory.medium_mut().keep(message.end);
                self.acknowledged.push(message);
            }
        }
    }

    /// Everything has been acknowledged.
    fn all_durable(&mut self) {
        let length = self.length();
        self.memory.medium_mut().keep(length);
        self.acknowledged.append(&mut self.pending);
    }

    /// The journal against the reference reader on its bytes.
    fn check(&mut self) {
        let bytes = self.bytes();
        if bytes.len() != self.length() {
            // Something unfinished stands at the end: it goes before the next append.
            return;
        }
        let m = model::read(&bytes);
        let id = |i: usize| m.entries[i].id.clone();
        let tip = self.log().tip().map(|tip| tip.to_string());
        if self.strays && tip != m.tip.and_then(id) {
            // An entry that was never acknowledged passes for the tip until the next one is appended.
            return;
        }
        assert_eq!(tip, m.tip.and_then(id), "tip {}", bytes.escape_ascii());
        let expected: Vec<_> = m.context.iter().map(|c| (id(c.entry), c.summary)).collect();
        if let Some(context) = self.context() {
            assert_eq!(context, expected, "context");
        }
        let messages = m.context.iter().filter(|c| !c.summary).count() as u64;
        assert_eq!(self.log().context_messages(), messages, "messages");
        assert_eq!(self.log().branch_usage(), totals(&m.branch_usage), "branch");
        if self.memory.medium().cutting == Cutting::Anywhere {
            assert_eq!(
                (m.corrupt.len(), m.torn),
                (self.damage, None),
                "damage {}",
                bytes.escape_ascii()
            );
        }
        if !self.strays {
            let known = self.found + self.acknowledged.len() + self.pending.len();
            assert_eq!(
                messages_of(&m),
                known,
                "messages in the file {}",
                bytes.escape_ascii()
            );
            let mut spent = totals(&m.spent_usage);
            spent.turns = 0;
            assert_eq!(self.log().spent(), spent, "spent");
            let sums = self.face().totals;
            assert_eq!(sums.watermark, m.watermark, "watermark");
            assert!(sums.next_seq >= m.next_seq, "{sums:?}, {}", m.next_seq);
            assert!(self.failed || sums.next_seq == m.next_seq, "{sums:?}");
        }
    }

    /// The context as the journal reads it, oldest first; `None` when the storage fails.
    fn context(&mut self) -> Option<Vec<(Option<String>, bool)>> {
        let failures = self.memory.medium().failures();
        let read = read_context(self.log());
        let failed = self.memory.medium().failures() > failures;
        read.map_err(|error| assert!(failed, "{error}")).ok()
    }

    /// Whatever was acknowledged is there, once and byte for byte.
    fn check_acknowledged(&self) {
        let bytes = self.bytes();
        let m = model::read(&bytes);
        let ids = m.entries.iter().filter_map(|e| e.id.as_deref());
        let numbers = ids.filter_map(model::number_of);
        assert!(numbers.is_sorted_by(|a, b| a < b), "F25");
        for message in &self.acknowledged {
            let bearers = m
                .entries
                .iter()
                .filter(|e| e.id.as_ref() == Some(&message.id));
            let payloads = bearers.filter_map(|e| e.payload);
            let there: Vec<&[u8]> = payloads.map(|(at, len)| &bytes[at..at + len]).collect();
            let expected = message.payload.trim_ascii_start();
            assert_eq!(there, [expected], "{}", message.id);
        }
    }

    pub(super) fn finish(mut self) {
        self.memory.medium_mut().set_fault(None);
        self.say(3);
        self.end_turn();
        self.sync();
        assert!(self.pending.is_empty());
        self.reopen(0, 64);
    }
}

fn read_context(log: &mut Log) -> Result<Vec<(Option<String>, bool)>, ReplayError<ErrorKind>> {
    let mut window = [0; 512];
    let mut items = vec![];
    let mut replay = log.context(&mut window)?;
    while let Some(item) = replay.next()? {
        let id = replay.record().id.as_ref().map(ToString::to_string);
        items.push((id, item.summary));
    }
    items.reverse();
    Ok(items)
}

fn messages_of(m: &Model) -> usize {
    let all = m.entries.iter().filter(|e| e.kind == Kind::Message);
    all.count()
}

fn totals(sum: &Sum) -> UsageTotals {
    let u = &sum.usage;
    UsageTotals {
        usage: sessionlog_core::Usage {
            input_tokens: u.input,
            output_tokens: u.output,
            cache_read_tokens: u.cache_read,
            cache_write_tokens: u.cache_write,
            cache_write_1h_tokens: u.cache_write_1h,
            reasoning_tokens: u.reasoning,
        },
        turns: sum.turns,
        unreported: sum.unreported,
    }
}
