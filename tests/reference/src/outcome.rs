//! What forward replay, reverse replay and the reference reader make of a file, in one shape that can be compared.

use crate::model::{self, Header, Kind, Model, Sum};
use sessionlog_core::{
    EntryId, Timestamp,
    journal::{Journal, JournalError, Options, Storage},
    record::{IdForm, IdHash, Limits, Record},
    recovery::Event,
    replay::{
        Branch, Forward, Full, Node, Note, Records, ReplayError, Reverse, SliceTable, Slot, Table,
        context_start,
    },
    usage::UsageTotals,
};
use std::{collections::HashMap, convert::Infallible};

/// Bytes in memory, read a few at a time.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
    step: usize,
}

impl embedded_io::ErrorType for Bytes<'_> {
    type Error = Infallible;
}

impl embedded_io::Read for Bytes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let rest = self.all.get(self.at..).unwrap_or(&[]);
        let n = buf.len().min(self.step).min(rest.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

impl embedded_io::Seek for Bytes<'_> {
    fn seek(&mut self, pos: embedded_io::SeekFrom) -> Result<u64, Infallible> {
        self.at = match pos {
            embedded_io::SeekFrom::Start(n) => n as usize,
            embedded_io::SeekFrom::End(n) => (self.all.len() as i64 + n) as usize,
            embedded_io::SeekFrom::Current(n) => (self.at as i64 + n) as usize,
        };
        Ok(self.at as u64)
    }
}

/// A journal that is only read.
impl embedded_io::Write for Bytes<'_> {
    fn write(&mut self, _: &[u8]) -> Result<usize, Infallible> {
        unreachable!("resuming writes nothing")
    }
    fn flush(&mut self) -> Result<(), Infallible> {
        unreachable!("resuming writes nothing")
    }
}

impl Storage for Bytes<'_> {
    fn sync(&mut self) -> Result<(), Infallible> {
        unreachable!("resuming writes nothing")
    }
    fn truncate(&mut self, _: u64) -> Result<bool, Infallible> {
        unreachable!("resuming writes nothing")
    }
}

/// A table that grows.
#[derive(Default)]
struct Grown {
    nodes: Vec<Node>,
    by_id: HashMap<String, u32>,
    records: Vec<Record>,
}

impl Table for Grown {
    fn push(&mut self, record: &Record, node: Node) -> Result<u32, Full> {
        let index = self.nodes.len() as u32;
        if let Some(id) = &record.id {
            self.by_id.insert(id.as_str().to_owned(), index);
        }
        self.nodes.push(node);
        self.records.push(record.clone());
        Ok(index)
    }
    fn find(&self, id: &sessionlog_core::EntryId) -> Option<u32> {
        self.by_id.get(id.as_str()).copied()
    }
    fn get(&self, index: u32) -> Option<Node> {
        self.nodes.get(index as usize).copied()
    }
}

/// What every reader must agree on; places are byte offsets.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Outcome {
    state: &'static str,
    corrupt: u64,
    tip: Option<u64>,
    branch: Vec<u64>,
    context: Vec<(u64, bool)>,
    bridges: u64,
    missing_parents: u64,
    branch_usage: Counts,
    spent: Counts,
    watermark: u64,
    next_seq: u64,
}

impl Outcome {
    /// Without what a reader does not see, or takes on trust, when it stops at recorded totals (F19).
    fn without_sums(&self) -> Outcome {
        Outcome {
            state: "",
            corrupt: 0,
            branch_usage: Counts::default(),
            spent: Counts::default(),
            watermark: 0,
            next_seq: 0,
            ..self.clone()
        }
    }
}

/// The four buckets, the two parts, turns and unreported answers.
type Counts = ([u64; 4], [Option<u64>; 2], u64, u64);

fn counts(totals: &UsageTotals) -> Counts {
    let u = &totals.usage;
    (
        [
            u.input_tokens,
            u.output_tokens,
            u.cache_read_tokens,
            u.cache_write_tokens,
        ],
        [u.cache_write_1h_tokens, u.reasoning_tokens],
        totals.turns,
        totals.unreported,
    )
}

fn model_counts(sum: &Sum) -> Counts {
    let u = &sum.usage;
    (
        [u.input, u.output, u.cache_read, u.cache_write],
        [u.cache_write_1h, u.reasoning],
        sum.turns,
        sum.unreported,
    )
}

fn by_model(bytes: &[u8]) -> (Outcome, Model) {
    let model = model::read(bytes);
    let start = |i: usize| model.entries[i].start as u64;
    let on_branch =
        |list: &[usize]| list.iter().filter(|i| model.branch.contains(i)).count() as u64;
    let outcome = Outcome {
        state: model.state.name(),
        corrupt: model.corrupt.len() as u64,
        tip: model.tip.map(start),
        branch: model.branch.iter().map(|i| start(*i)).collect(),
        context: model
            .context
            .iter()
            .map(|item| (start(item.entry), item.summary))
            .collect(),
        bridges: on_branch(&model.bridged),
        missing_parents: on_branch(&model.missing_parents),
        branch_usage: model_counts(&model.branch_usage),
        spent: model_counts(&model.spent_usage),
        watermark: model.watermark,
        next_seq: model.next_seq,
    };
    (outcome, model)
}

/// What a forward pass gives.
struct Passed {
    outcome: Outcome,
    /// How many entries there are, and how many of them are unknown.
    entries: (u64, u64),
    nodes: Vec<Node>,
    /// A record has totals.
    totals: bool,
}

fn by_forward(bytes: &[u8], window: usize, step: usize) -> Passed {
    let source = Bytes {
        all: bytes,
        at: 0,
        step,
    };
    let mut window = vec![0; window];
    let mut records = Records::new(source, &mut window, Limits::default(), 0, 1).unwrap();
    let mut forward = Forward::new(Grown::default());
    let mut notes = HashMap::new();
    let mut totals = false;
    while let Some(event) = records.next().unwrap() {
        if let Event::Record(found) = &event {
            totals |= found.record.totals.is_some();
        }
        let nodes = forward.table.nodes.len() as u32;
        if let Some(note) = forward.take(&event).unwrap() {
            notes.insert(nodes, note);
        }
    }
    let table = &forward.table;
    let mut branch = vec![];
    let mut next = forward.tip();
    while let Some(index) = next {
        branch.push(index);
        next = table.nodes[index as usize].parent;
    }
    branch.reverse();
    let start = |index: u32| table.nodes[index as usize].extent.start;
    let found = context_start(table, &branch);
    let mut context: Vec<_> = found
        .summary
        .map(|position| (start(branch[position]), true))
        .into_iter()
        .collect();
    let messages = branch[found.first..]
        .iter()
        .filter(|i| table.nodes[**i as usize].kind == sessionlog_core::record::Kind::Message);
    context.extend(messages.map(|i| (start(*i), false)));
    let mut usage = UsageTotals::default();
    for index in &branch {
        table.records[*index as usize].add_usage_to(&mut usage);
    }
    let noted = |wanted: fn(&Note) -> bool| {
        branch
            .iter()
            .filter(|i| notes.get(i).is_some_and(wanted))
            .count() as u64
    };
    let outcome = Outcome {
        state: forward.health().name(),
        corrupt: forward.health().corrupt,
        tip: forward.tip().map(start),
        branch: branch.iter().map(|i| start(*i)).collect(),
        context,
        bridges: noted(|n| matches!(n, Note::Bridge { .. })),
        missing_parents: noted(|n| *n == Note::MissingParent),
        branch_usage: counts(&usage),
        spent: counts(&forward.spent()),
        watermark: forward.watermark(),
        next_seq: forward.sequence().peek(),
    };
    Passed {
        outcome,
        entries: (forward.entries(), forward.unknown()),
        nodes: forward.table.nodes,
        totals,
    }
}

/// A forward pass with a table that is lent finds the same nodes, and says so when it has no room for the last.
fn in_slots(bytes: &[u8], expected: &[Node]) -> Result<(), String> {
    for missing in 0..=expected.len().min(1) {
        let mut slots = vec![Slot::default(); expected.len() - missing];
        let mut forward = Forward::new(SliceTable::new(&mut slots));
        let source = Bytes {
            all: bytes,
            at: 0,
            step: bytes.len(),
        };
        let mut window = vec![0; 4096];
        let mut records = Records::new(source, &mut window, Limits::default(), 0, 1).unwrap();
        let mut taken = Ok(None);
        while let Some(event) = records.next().unwrap() {
            taken = forward.take(&event);
            if taken.is_err() {
                break;
            }
        }
        let nodes: Vec<Node> = (0..).map_while(|index| forward.table.get(index)).collect();
        let full = (missing == 1).then_some(Full);
        if taken.err() != full || nodes != expected[..expected.len() - missing] {
            return Err(format!(
                "with {missing} slots too few: {full:?}\n  {nodes:?}\nexpected:\n  {expected:?}"
            ));
        }
    }
    Ok(())
}

fn by_reverse(
    bytes: &[u8],
    window: usize,
    step: usize,
) -> Result<Outcome, ReplayError<Infallible>> {
    let source = Bytes {
        all: bytes,
        at: 0,
        step,
    };
    let mut buf = vec![0; window];
    let mut walk = Branch::new(source, &mut buf, Limits::default())?;
    let mut branch = vec![];
    while let Some(link) = walk.next()? {
        branch.push(link.extent.start);
    }
    let notes = *walk.notes();
    branch.reverse();

    let mut buf = vec![0; window];
    let mut reverse = Reverse::new(source, &mut buf, Limits::default())?;
    let mut context = vec![];
    while let Some(item) = reverse.next()? {
        let text = &bytes[item.extent.start as usize..item.extent.end() as usize];
        assert_eq!(
            sessionlog_core::record::RecordScanner::scan(text, Limits::default()).as_ref(),
            Ok(reverse.record())
        );
        context.push((item.extent.start, item.summary));
    }
    context.reverse();
    let tip = reverse.tip().map(|extent| extent.start);
    let tally = *reverse.tally()?;
    // Everything was read back to the beginning if no record has totals.
    let health = reverse.notes().health;
    Ok(Outcome {
        state: health.name(),
        corrupt: health.corrupt,
        tip,
        branch,
        context,
        bridges: notes.bridges,
        missing_parents: notes.missing_parents,
        branch_usage: counts(&tally.branch),
        spent: counts(tally.spent()),
        watermark: tally.watermark(),
        next_seq: tally.sequence().peek(),
    })
}

/// What a journal that resumes has to have in common with reverse replay.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resumed {
    context: Vec<(u64, bool)>,
    branch_usage: Counts,
    spent: Counts,
    watermark: u64,
    next_seq: u64,
}

impl Outcome {
    fn resumed(&self) -> Resumed {
        Resumed {
            context: self.context.clone(),
            branch_usage: self.branch_usage,
            // A journal does not count the turns of what was spent.
            spent: (self.spent.0, self.spent.1, 0, self.spent.3),
            watermark: self.watermark,
            next_seq: self.next_seq,
        }
    }
}

/// Opens a log in a place, with ids in the form `I`. `None` when it cannot be continued.
fn by_journal<I: IdForm>(
    bytes: &[u8],
    window: usize,
    step: usize,
) -> Option<(Resumed, Option<EntryId>)> {
    let source = Bytes {
        all: bytes,
        at: 0,
        step,
    };
    let clock = || Timestamp::from_unix_ms(0);
    let mut buf = vec![0; window];
    let mut place: Option<Journal<_, _, 4, I>> = None;
    let opened = Journal::open_in(&mut place, source, clock, Options::default(), &mut buf);
    let journal = match opened {
        Ok((journal, _)) => journal,
        Err(JournalError::Empty | JournalError::NotASession | JournalError::TipShadowed(_)) => {
            return None;
        }
        Err(error) => panic!("{error:?}"),
    };
    let mut context = vec![];
    let mut replay = journal.context(&mut buf).expect("readable");
    while let Some(item) = replay.next().expect("readable") {
        context.push((item.extent.start, item.summary));
    }
    context.reverse();
    let totals = journal.totals();
    let resumed = Resumed {
        context,
        branch_usage: counts(&totals.branch),
        spent: counts(&totals.spent),
        watermark: totals.watermark,
        next_seq: totals.next_seq,
    };
    Some((resumed, journal.tip()))
}

/// Compares the three readers, and a journal that resumes, through windows of `window` bytes, `step` bytes a read; tells the first difference.
///
/// The reference reader counts everything, the reverse one trusts recorded totals, which need not be true: what
/// depends on them is then compared between the forward pass and the reference alone.
///
/// # Errors
/// What is not the same, in words.
///
/// # Panics
/// When `window` is less than [`sessionlog_core::replay::MIN_WINDOW`], or a reader fails.
pub fn agree(bytes: &[u8], window: usize, step: usize) -> Result<(), String> {
    let (expected, model) = by_model(bytes);
    if let Header::Unsupported { .. } = model.header {
        // Refused, not read (F9); the caller sees the version.
        let mut window = vec![0; window];
        let source = Bytes {
            all: bytes,
            at: 0,
            step,
        };
        let walk = Branch::new(source, &mut window, Limits::default()).expect("readable");
        return match walk.head().version {
            Some(1) => Err("a session of another version is taken for version 1".to_owned()),
            _ => Ok(()),
        };
    }
    let forward = by_forward(bytes, window, step);
    same("forward", &forward.outcome, &expected)?;
    let unknown = model.entries.iter().filter(|e| e.kind == Kind::Unknown);
    let entries = (model.entries.len() as u64, unknown.count() as u64);
    if forward.entries != entries {
        return Err(format!("{:?} entries, not {entries:?}", forward.entries));
    }
    in_slots(bytes, &forward.nodes)?;
    let reverse = by_reverse(bytes, window, step).expect("readable");
    let resumed = by_journal::<EntryId>(bytes, window, step);
    let hashed = by_journal::<IdHash>(bytes, window, step);
    if hashed != resumed {
        return Err(format!(
            "with ids as hashes:\n  {hashed:?}\nas text:\n  {resumed:?}"
        ));
    }
    let resumed = resumed.map(|(resumed, _)| resumed);
    if resumed.as_ref().is_some_and(|it| *it != reverse.resumed()) {
        return Err(format!(
            "resumed:\n  {resumed:?}\nreverse replay:\n  {reverse:?}"
        ));
    }
    if forward.totals {
        same("reverse", &reverse.without_sums(), &expected.without_sums())
    } else {
        same("reverse", &reverse, &expected)
    }
}

fn same(reader: &str, got: &Outcome, expected: &Outcome) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!(
        "{reader} replay:\n  {got:?}\nexpected:\n  {expected:?}"
    ))
}
