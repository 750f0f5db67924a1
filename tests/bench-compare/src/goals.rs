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

/// Measures everything.
pub fn all(plan: &Plan) -> Result<Vec<Row>, Error> {
    let mut rows = vec![];
    resume::own(plan, &mut rows)?;
    resume::foreign(plan, &mut rows)?;
    scan::all(plan, &mut rows)?;
    list::all(plan, &mut rows)?;
    append::all(plan, &mut rows)?;
    tail::all(plan, &mut rows)?;
    tree::all(plan, &mut rows)?;
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
