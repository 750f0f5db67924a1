//! Is a session whole? Everything that is wrong, with its place.

use crate::{
    Error, SessionLog, interchange,
    reader::{Counts, Nodes, Problem, ProblemKind, Problems, problem},
};
use sessionlog_core::{
    UsageTotals,
    record::{AtFork, Kind, Totals},
    recovery::{Found, Health},
    replay::{Forward, Table},
};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// What [`verify`] finds.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The file.
    pub path: PathBuf,
    /// Corrupt records and torn tail (F24).
    pub health: Health,
    /// Number of entries.
    pub entries: u64,
    /// How many of which kind.
    pub counts: Counts,
    /// What is wrong, in file order; of each sort the first [`MAX_LISTED`](crate::reader::MAX_LISTED).
    pub problems: Vec<Problem>,
    /// How many problems there are, listed or not; notes are not counted.
    pub problem_count: u64,
}

impl Verification {
    /// Nothing is wrong. There may be notes ([`ProblemKind::is_note`]).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }
}

/// Checks every byte of the session in the file at `path`: records and their CRCs, links, and the totals that compactions
/// and leaves carry (F19).
///
/// Totals are compared up to the first corrupt record only: what was in it, nobody can count. A sum that is wrong is
/// told once; what later totals add to it is compared on.
///
/// # Errors
/// As for [`SessionLog::open`].
pub fn verify(path: &Path) -> Result<Verification, Error> {
    let input = interchange::input(path)?;
    let (_, mut verification) = audited(path, input.file, input.bytes, |_, _| {})?;
    if let Some(findings) = &input.findings {
        findings.adopt_verified(&mut verification);
    }
    Ok(verification)
}

/// Reads a session and checks it; `take` sees each record after it has been taken.
pub(crate) fn audited(
    path: &Path,
    file: File,
    bytes: u64,
    mut take: impl FnMut(&Forward<Nodes>, &Found<'_>) + Send,
) -> Result<(SessionLog, Verification), Error> {
    let mut audit = Audit::default();
    let log = SessionLog::read(path.into(), file, bytes, |forward, found| {
        audit.take(forward, found);
        take(forward, found);
    })?;
    let header = log.header();
    let noted = header.is_some_and(|header| header.repaired.is_some() || header.reclaimed);
    let sums = audit.problems;
    let wrong_sums = if noted { 0 } else { sums.count };
    let problem_count = log.problem_count() + log.warning_count() + wrong_sums;
    let mut problems = sums.listed;
    for problem in &mut problems {
        if let ProblemKind::TotalsMismatch { noted: of_it, .. } = &mut problem.kind {
            *of_it = noted;
        }
    }
    problems.extend_from_slice(log.problems());
    problems.extend_from_slice(log.warnings());
    problems.sort_by_key(|problem| (problem.line, problem.byte));
    if log.is_unended() {
        problems.push(Problem {
            line: audit.last_line,
            byte: log.bytes(),
            id: None,
            kind: ProblemKind::NoLineEnd,
        });
    }
    let verification = Verification {
        path: path.into(),
        health: log.health(),
        entries: log.entry_count(),
        counts: log.counts(),
        problems,
        problem_count,
    };
    Ok((log, verification))
}

/// What was recorded and what was counted when a sum was last found wrong: from there on, counting goes on.
#[derive(Clone, Copy, Default)]
struct Anchor {
    recorded: UsageTotals,
    counted: UsageTotals,
    /// There is one.
    is_set: bool,
}

impl Anchor {
    /// What totals should say when `counted` has been counted.
    fn expect(&self, counted: &UsageTotals) -> UsageTotals {
        let mut expected = self.recorded;
        expected.merge(&counted.saturating_sub(&self.counted));
        expected
    }
}

/// What the branch that ends in each node used. Most nodes use nothing, and share their parent's sum.
#[derive(Default)]
struct Branches {
    /// Of each node, the number of its sum.
    of: Vec<u32>,
    /// Each with whether it is counted on from one that was recorded.
    sums: Vec<(UsageTotals, bool)>,
}

/// The sum of a node without a parent that used nothing.
const NOTHING: u32 = u32::MAX;

impl Branches {
    fn number(&self, node: Option<u32>) -> u32 {
        let number = node.and_then(|node| self.of.get(node as usize));
        number.copied().unwrap_or(NOTHING)
    }

    fn sum(&self, node: Option<u32>) -> (UsageTotals, bool) {
        let sum = self.sums.get(self.number(node) as usize);
        sum.copied().unwrap_or_default()
    }

    /// The next node, under this parent.
    fn push(&mut self, parent: Option<u32>, add: impl FnOnce(&mut UsageTotals)) {
        self.of.push(self.number(parent));
        let (mut sum, counted_on) = self.sum(parent);
        add(&mut sum);
        self.set(self.of.len() as u32 - 1, sum, counted_on);
    }

    fn set(&mut self, node: u32, sum: UsageTotals, counted_on: bool) {
        if self.sum(Some(node)).0 == sum {
            return;
        }
        if let Some(number) = self.of.get_mut(node as usize) {
            *number = self.sums.len() as u32;
            self.sums.push((sum, counted_on));
        }
    }
}

/// Compares totals with a count, while the file is read.
#[derive(Default)]
struct Audit {
    problems: Problems,
    branches: Branches,
    spent: Anchor,
    /// As totals should say.
    watermark: u64,
    /// The fork point has come: what follows is this session's own (F11).
    past_fork_point: bool,
    last_line: u64,
}

impl Audit {
    /// Takes a record that `forward` has just taken.
    fn take(&mut self, forward: &Forward<Nodes>, found: &Found<'_>) {
        let record = found.record;
        self.last_line = found.line;
        let index = self.branches.of.len() as u32;
        let node = forward.table.get(index);
        if let Some(node) = &node {
            self.branches
                .push(node.parent, |sum| record.add_usage_to(sum));
        }
        // Up to and including the fork point, sums other than the branch's are those of the session that was copied.
        let fork_point = &forward.head().fork_point;
        let at_fork = fork_point.as_ref().map(|id| record.at_fork(id));
        self.past_fork_point |= matches!(at_fork, None | Some(AtFork::Own));
        let own = self.past_fork_point;
        self.past_fork_point |= at_fork == Some(AtFork::Last);
        let spent = self.spent.expect(&forward.spent());
        if own && record.kind == Kind::Compaction {
            self.watermark = spent.usage.total_tokens();
        }
        let Some(totals) = &record.totals else { return };
        let least = forward.sequence().peek();
        if own && totals.next_seq < least {
            self.mismatch(found, "next_seq", totals.next_seq, least, false);
        }
        if forward.health().corrupt > 0 {
            return;
        }
        let target = record.reference.as_ref();
        let target = target.filter(|_| record.kind == Kind::Leaf);
        let end = node.map(|_| index).or_else(|| forward.table.find(target?));
        if let Some(end) = end {
            self.compare_branch(found, totals, end);
        }
        if own {
            self.compare_spent(found, totals, &spent, &forward.spent());
        }
    }

    fn compare_branch(&mut self, found: &Found<'_>, totals: &Totals, end: u32) {
        let (counted, on) = self.branches.sum(Some(end));
        self.branches.set(end, totals.branch, true);
        if no_turns(&counted) != no_turns(&totals.branch) {
            let (recorded, counted) = (text(&totals.branch), text(&counted));
            self.mismatch(found, "branch", recorded, counted, on);
        }
        if counted.turns != totals.branch.turns {
            self.mismatch(found, "turns", totals.branch.turns, counted.turns, on);
        }
    }

    fn compare_spent(
        &mut self,
        found: &Found<'_>,
        totals: &Totals,
        expected: &UsageTotals,
        counted: &UsageTotals,
    ) {
        if no_turns(expected) != no_turns(&totals.spent) {
            let on = self.spent.is_set;
            self.mismatch(found, "spent", text(&totals.spent), text(expected), on);
            self.spent = Anchor {
                recorded: totals.spent,
                counted: *counted,
                is_set: true,
            };
            if found.record.kind == Kind::Compaction {
                self.watermark = totals.spent.usage.total_tokens();
            }
        }
        if totals.watermark != self.watermark {
            let (recorded, expected) = (totals.watermark, self.watermark);
            self.mismatch(found, "watermark", recorded, expected, self.spent.is_set);
            self.watermark = totals.watermark;
        }
    }

    fn mismatch(
        &mut self,
        found: &Found<'_>,
        sum: &'static str,
        recorded: impl ToString,
        counted: impl ToString,
        counted_on: bool,
    ) {
        self.problems.add(|| {
            let kind = ProblemKind::TotalsMismatch {
                sum,
                recorded: recorded.to_string(),
                counted: counted.to_string(),
                counted_on,
                noted: false,
            };
            problem(found, kind)
        });
    }
}

/// Turns are compared apart; those of `spent` are not recorded.
fn no_turns(totals: &UsageTotals) -> UsageTotals {
    UsageTotals {
        turns: 0,
        ..*totals
    }
}

fn text(totals: &UsageTotals) -> String {
    let usage = &totals.usage;
    let mut text = format!(
        "input {}, output {}, cache read {}, cache write {}",
        usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens
    );
    let parts = [
        ("for an hour", usage.cache_write_1h_tokens),
        ("reasoning", usage.reasoning_tokens),
        ("unreported", Some(totals.unreported).filter(|n| *n > 0)),
    ];
    for (name, count) in parts {
        if let Some(count) = count {
            text += &format!(", {name} {count}");
        }
    }
    text
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
