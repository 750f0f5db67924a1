//! Goals 1 and 2.

use super::{faster, same, slower};
use crate::{
    child::Asked,
    plan::Plan,
    table::{Row, Want, megabytes, seconds},
};
use sessionlog_bench::{Error, foreign::Parents};
use std::path::PathBuf;

/// A session that we wrote.
pub fn own(plan: &Plan, rows: &mut Vec<Row>) -> Result<(), Error> {
    let largest = plan.session(plan.bytes)?;
    let [ours, sqlite, opi] = plan.best([
        Asked::new(&[&"resume-ours", &largest.display()]),
        Asked::new(&[&"resume-sqlite", &plan.table()?.display()]),
        Asked::new(&[&"resume-opi", &largest.display()]),
    ])?;
    same("context", &[ours.count, sqlite.count, opi.count])?;
    same("tokens", &[ours.extra as u64, sqlite.extra as u64])?;
    // opi's buckets wrap at 2^32, as they do in a session of this length.
    same(
        "tokens",
        &[ours.extra, opi.extra].map(|sum| sum as u64 % (1 << 32)),
    )?;
    let what = format!(
        "resume of {} MB, {} entries live",
        plan.bytes / 1_000_000,
        ours.count
    );
    // The goal is for 1 GB; opi's time grows with the file, ours does not.
    let want = 500.0 * plan.bytes as f64 / 1e9;
    rows.push(faster(
        1,
        &format!("{what}: opi"),
        &ours,
        &opi,
        Want::AtLeast(want),
    ));
    let sql = format!("{what}: SQLite, live branch");
    rows.push(slower(1, &sql, &ours, &sqlite, Want::AtMost(1.5)));
    rows.push(Row {
        goal: 1,
        what: format!("{what}: peak memory; SQLite {}", megabytes(sqlite.peak_kb)),
        ours: megabytes(ours.peak_kb),
        peer: format!("opi {}", megabytes(opi.peak_kb)),
        ratio: Some(ours.peak_kb as f64 / 1024.0),
        want: Want::AtMost(12.0),
    });
    let asked = |path: PathBuf| Asked::new(&[&"resume-ours", &path.display()]);
    let small = plan.session(1_000_000)?;
    let [small, large] = plan.best([asked(small), asked(largest)])?;
    same("context", &[small.count, large.count])?;
    rows.push(Row {
        goal: 1,
        what: format!(
            "the same live context: 1 MB and {} MB",
            plan.bytes / 1_000_000
        ),
        ours: seconds(large.seconds),
        peer: format!("1 MB: {}", seconds(small.seconds)),
        ratio: Some(large.seconds / small.seconds),
        want: Want::AtMost(2.0),
    });
    Ok(())
}

/// A session in opi's form.
pub fn foreign(plan: &Plan, rows: &mut Vec<Row>) -> Result<(), Error> {
    for (parents, kind) in [
        (Parents::Null, "no parents, as opi 0.5 writes"),
        (Parents::Kept, "parents and leaves, no totals"),
    ] {
        let path = plan.foreign(parents, false)?;
        let asked = |what| Asked::new(&[what as &dyn ToString, &path.display()]);
        let [ours, opi] = plan.best([asked(&"resume-ours"), asked(&"resume-opi")])?;
        same("context", &[ours.count, opi.count])?;
        let megabyte = std::fs::metadata(&path)?.len() / 1_000_000;
        let what = format!("resume of a foreign file of {megabyte} MB ({kind})");
        rows.push(faster(2, &what, &ours, &opi, Want::AtLeast(4.0)));
        let tenth = plan.foreign(parents, true)?;
        let [small] = plan.best([Asked::new(&[&"resume-ours", &tenth.display()])])?;
        rows.push(Row {
            goal: 2,
            what: format!(
                "its peak memory, and a file of a tenth; opi {}",
                megabytes(opi.peak_kb)
            ),
            ours: megabytes(ours.peak_kb),
            peer: format!("a tenth: {}", megabytes(small.peak_kb)),
            ratio: Some(ours.peak_kb as f64 / small.peak_kb as f64),
            want: Want::AtMost(1.2),
        });
        std::fs::remove_file(path)?;
        std::fs::remove_file(tenth)?;
    }
    Ok(())
}
