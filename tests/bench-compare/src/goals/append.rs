//! Goal 5.

use super::unmeasured;
use crate::{
    child::{Asked, Measured},
    plan::Plan,
    table::{Row, Want},
};
use sessionlog_bench::Error;
use std::{collections::BTreeMap, fs, process::Stdio};

/// Turns of six that are timed with syncs, and without.
const SYNCED: u64 = 100;
const UNSYNCED: u64 = 2_000;

pub fn all(plan: &Plan, rows: &mut Vec<Row>) -> Result<(), Error> {
    let from = plan.session(10_000_000)?;
    let dir = plan.file("append");
    fs::create_dir(&dir)?;
    let synced = |what: &str, turns| Asked::new(&[&what, &from.display(), &dir.display(), &turns]);
    let [ours, opi] = plan.best([synced("append-ours", SYNCED), synced("append-opi", SYNCED)])?;
    rows.push(rate(
        "entries a second, turns of six, synced: opi",
        &ours,
        &opi,
        Want::AtLeast(4.0),
    ));
    rows.push(Row {
        goal: 5,
        what: "allocations a turn, in the steady state".into(),
        ours: format!("{:.2}", ours.extra),
        peer: format!("opi {:.0}", opi.extra),
        ratio: Some(ours.extra),
        want: Want::AtMost(0.0),
    });
    for want in [("ours", Want::AtMost(2.0)), ("opi", Want::Nothing)] {
        let what = format!("append-{}", want.0);
        rows.push(syscalls(&what, |turns| synced(&what, turns), want.1));
    }
    let (small, large) = (plan.session(1_000_000)?, plan.session(plan.bytes)?);
    let unsynced = |path: &std::path::Path| {
        Asked::new(&[
            &"append-unsynced",
            &from.display(),
            &path.display(),
            &UNSYNCED,
        ])
    };
    let raw = |how: &str| {
        Asked::new(&[
            &"append-raw",
            &how,
            &from.display(),
            &small.display(),
            &UNSYNCED,
        ])
    };
    let [ours, far, by_turn, by_entry] = plan.best([
        unsynced(&small),
        unsynced(&large),
        raw("turn"),
        raw("entry"),
    ])?;
    let raw = "entries a second without sync: raw `write` of the same bytes, one";
    rows.push(times(
        &format!("{raw} a turn"),
        &ours,
        &by_turn,
        Want::AtMost(1.5),
    ));
    rows.push(times(
        &format!("{raw} an entry"),
        &ours,
        &by_entry,
        Want::Nothing,
    ));
    let what = format!(
        "entries a second behind {} MB and behind 1 MB",
        plan.bytes / 1_000_000
    );
    rows.push(times(&what, &far, &ours, Want::AtMost(1.5)));
    Ok(())
}

fn a_second(measured: &Measured) -> f64 {
    measured.count as f64 / measured.seconds
}

/// How many times the entries a second.
fn rate(what: &str, ours: &Measured, peer: &Measured, want: Want) -> Row {
    Row {
        goal: 5,
        what: what.into(),
        ours: format!("{:.0}", a_second(ours)),
        peer: format!("{:.0}", a_second(peer)),
        ratio: Some(a_second(ours) / a_second(peer)),
        want,
    }
}

/// How many times the time an entry.
fn times(what: &str, ours: &Measured, peer: &Measured, want: Want) -> Row {
    let row = rate(what, ours, peer, want);
    Row {
        ratio: Some(a_second(peer) / a_second(ours)),
        ..row
    }
}

/// System calls a turn: of two runs of different length, so that what comes before and after drops out.
fn syscalls(what: &str, asked: impl Fn(u64) -> Asked, want: Want) -> Row {
    let title = format!("system calls a turn of six (`{what}`, counted by strace)");
    let counted = || -> Result<BTreeMap<String, f64>, Error> {
        let (few, many) = (strace(&asked(20))?, strace(&asked(120))?);
        let a_turn = |(name, count): (String, u64)| {
            let before = few.get(&name).copied().unwrap_or(0);
            (name, count.saturating_sub(before) as f64 / 100.0)
        };
        let counts = many.into_iter().map(a_turn);
        Ok(counts.filter(|(_, count)| *count > 0.0).collect())
    };
    match counted() {
        Err(error) => unmeasured(5, &title, error, want),
        Ok(counts) => {
            let names: Vec<String> = counts
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            Row {
                goal: 5,
                what: title,
                ours: names.join(", "),
                peer: String::new(),
                ratio: Some(counts.values().sum()),
                want,
            }
        }
    }
}

/// The system calls of a measurement, by name.
fn strace(asked: &Asked) -> Result<BTreeMap<String, u64>, Error> {
    let measured = asked.command()?;
    let mut strace = std::process::Command::new("strace");
    // Wall time sorts nothing out here; only the columns of calls and names are read.
    strace.args(["-f", "-c", "-U", "calls,name"]);
    strace.arg(measured.get_program()).args(measured.get_args());
    let output = strace.stdout(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!("strace: {}", output.status).into());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let count = words.next()?.parse().ok()?;
        let name = words.next().filter(|name| *name != "total")?;
        Some((name.to_owned(), count))
    };
    Ok(text.lines().filter_map(row).collect())
}
