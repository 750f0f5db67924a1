//! The goals, each a ratio against a peer. Which number belongs to which goal: see `docs/benchmarks.md`.

mod append;
mod list;
mod resume;
mod scan;
mod tail;
mod tree;

use crate::{
    child::Measured,
    plan::Plan,
    table::{Row, Want, seconds},
};
use sessionlog_bench::Error;

/// Measures the goals with these numbers; all of them when there are none.
pub fn all(plan: &Plan, numbers: &[u8]) -> Result<Vec<Row>, Error> {
    type Goal = fn(&Plan, &mut Vec<Row>) -> Result<(), Error>;
    let goals: [(u8, Goal); 7] = [
        (1, resume::own),
        (2, resume::foreign),
        (3, scan::all),
        (4, list::all),
        (5, append::all),
        (6, tail::all),
        (7, tree::all),
    ];
    let mut rows = vec![];
    for (number, goal) in goals {
        if numbers.is_empty() || numbers.contains(&number) {
            goal(plan, &mut rows)?;
        }
    }
    Ok(rows)
}

/// How many times as fast we are.
fn faster(goal: u8, what: &str, ours: &Measured, peer: &Measured, want: Want) -> Row {
    Row {
        goal,
        what: what.into(),
        ours: seconds(ours.seconds),
        peer: seconds(peer.seconds),
        ratio: Some(peer.seconds / ours.seconds),
        want,
    }
}

/// How many times the peer's time we take.
fn slower(goal: u8, what: &str, ours: &Measured, peer: &Measured, want: Want) -> Row {
    Row {
        ratio: Some(ours.seconds / peer.seconds),
        ..faster(goal, what, ours, peer, want)
    }
}

/// A goal that could not be measured here.
fn unmeasured(goal: u8, what: &str, why: impl std::fmt::Display, want: Want) -> Row {
    Row {
        goal,
        what: what.into(),
        ours: String::new(),
        peer: format!("not measured: {why}"),
        ratio: None,
        want,
    }
}

/// Peers that do the same count the same.
fn same(what: &str, counts: &[u64]) -> Result<(), Error> {
    match counts.windows(2).all(|pair| pair[0] == pair[1]) {
        true => Ok(()),
        false => Err(format!("{what}: the counts differ: {counts:?}").into()),
    }
}
