//! `repair SESSION`: a sound file in place of a damaged one.

use super::verify::Fault;
use crate::args::{Global, Repair};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{bytes, count};
use serde::Serialize;
use sessionlog::repair::{Repaired, repair};
use sessionlog::sanitize;
use std::path::Path;

/// The answer of `--json`.
#[derive(Serialize)]
struct Report {
    path: String,
    /// `None` if there was nothing to repair.
    original: Option<String>,
    entries: u64,
    corrupt: u64,
    salvaged: u64,
    torn_bytes: u64,
    relinked: u64,
    unlinked: u64,
    dropped_leaves: u64,
    header_made: bool,
    unmarked_tip: bool,
    remaining: Vec<Fault>,
}

pub(crate) fn run(args: &Repair, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let path = super::find(&args.session.session, global)?;
    let done = repair(&path)?;
    if out.json {
        out.json(&report(&path, &done))?;
    } else {
        text(&path, &done, out)?;
    }
    if done.remaining.is_empty() {
        Ok(())
    } else {
        Err(Failure::Found)
    }
}

fn report(path: &Path, done: &Repaired) -> Report {
    Report {
        path: super::path_text(path),
        original: done.original.as_deref().map(super::path_text),
        entries: done.entries,
        corrupt: done.corrupt,
        salvaged: done.salvaged,
        torn_bytes: done.torn_bytes,
        relinked: done.relinked,
        unlinked: done.unlinked,
        dropped_leaves: done.dropped_leaves,
        header_made: done.header_made,
        unmarked_tip: done.unmarked_tip,
        remaining: done.remaining.iter().map(Fault::of).collect(),
    }
}

fn text(path: &Path, done: &Repaired, out: &mut Output) -> Result<(), Failure> {
    let path = super::path_text(path);
    let path = sanitize::field(&path);
    let Some(original) = &done.original else {
        let found = match done.remaining.is_empty() {
            true => "nothing to repair",
            false => "nothing that can be repaired",
        };
        out.line(format_args!("{path}: {found}"))?;
        return remaining(done, out);
    };
    let original = super::path_text(original);
    let entries = count(done.entries, "entry", "entries");
    out.line(format_args!("{path}: repaired, {entries}"))?;
    out.line(format_args!(
        "original kept as {}",
        sanitize::field(&original)
    ))?;
    if done.header_made {
        out.line(format_args!("- the header was lost: a new one is made"))?;
    }
    for (number, one, many) in [
        (done.corrupt, "damaged line is", "damaged lines are"),
        (
            done.dropped_leaves,
            "leaf that named nothing is",
            "leaves that named nothing are",
        ),
    ] {
        if number > 0 {
            out.line(format_args!("- {} left out", count(number, one, many)))?;
        }
    }
    if done.salvaged > 0 {
        let salvaged = count(done.salvaged, "entry is", "entries are");
        out.line(format_args!("- {salvaged} salvaged from damaged lines"))?;
    }
    if done.torn_bytes > 0 {
        let torn = bytes(done.torn_bytes);
        out.line(format_args!(
            "- an unfinished record at the end is left out: {torn}"
        ))?;
    }
    if done.relinked > 0 {
        let relinked = count(done.relinked, "entry is", "entries are");
        out.line(format_args!(
            "- {relinked} linked to the entry before, as the one between is lost"
        ))?;
    }
    if done.unlinked > 0 {
        let unlinked = count(done.unlinked, "entry begins", "entries begin");
        out.line(format_args!(
            "- {unlinked} a branch, as the one before is nowhere"
        ))?;
    }
    remaining(done, out)
}

fn remaining(done: &Repaired, out: &mut Output) -> Result<(), Failure> {
    if done.unmarked_tip {
        out.line(format_args!(
            "- the last leaf does not name the tip: readers that go by leaves alone see another branch until the next turn ends"
        ))?;
    }
    for problem in &done.remaining {
        let words = problem.to_string();
        let words = sanitize::field(&words);
        out.render(|data, styles| {
            let style = styles.error;
            writeln!(data, "{style}cannot be repaired{style:#}: {words}")
        })?;
    }
    Ok(())
}
