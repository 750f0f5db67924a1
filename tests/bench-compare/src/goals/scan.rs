//! Goal 3.

use super::same;
use crate::{
    child::{Asked, Measured},
    plan::Plan,
    table::{Row, Want, megabytes, per_second, seconds},
};
use sessionlog_bench::Error;

/// What is measured on one CPU, in this order.
const SCANS: [&str; 8] = [
    "verify",
    "usage",
    "core",
    "serde_json",
    "simd-json",
    "sonic-rs",
    "memchr",
    "opi",
];

/// Length of a session that is smaller than the largest.
const SMALLER: u64 = 10_000_000;

pub fn all(plan: &Plan, rows: &mut Vec<Row>) -> Result<(), Error> {
    let path = plan.session(plan.bytes)?;
    let asked = |what: &&str| Asked::new(&[&"scan", what, &path.display()]);
    let found = plan.best(SCANS.each_ref().map(|what| asked(what).on_one_cpu()))?;
    let [verify, usage, core, serde, simd, sonic, memchr, opi] = found;
    same(
        "records",
        &[
            verify.count,
            core.count,
            serde.count,
            simd.count,
            sonic.count,
            memchr.count,
            opi.count,
        ],
    )?;
    let mut row = |what: String, ours: &Measured, peer: &Measured, want| {
        rows.push(Row {
            goal: 3,
            what,
            ours: per_second(plan.bytes, ours.seconds),
            peer: per_second(plan.bytes, peer.seconds),
            ratio: Some(peer.seconds / ours.seconds),
            want,
        });
    };
    for (name, ours) in [("`verify`", &verify), ("`usage`", &usage)] {
        let more = Want::AtLeast(1.0);
        row(
            format!("{name}, one core: serde_json, skipping"),
            ours,
            &serde,
            more,
        );
        row(
            format!("{name}, one core: simd-json, tape"),
            ours,
            &simd,
            more,
        );
        row(
            format!("{name}, one core: opi's reader"),
            ours,
            &opi,
            Want::AtLeast(6.0),
        );
    }
    let none = Want::Nothing;
    row(
        "core's framer alone, one core: serde_json, skipping".into(),
        &core,
        &serde,
        none,
    );
    row(
        "core's framer alone, one core: sonic-rs, skipping (built without `-C target-cpu=native`)"
            .into(),
        &core,
        &sonic,
        none,
    );
    row(
        "core's framer alone, one core: counting lines with memchr".into(),
        &core,
        &memchr,
        none,
    );
    let [table, usage_all, verify_all] = plan.best([
        Asked::new(&[&"scan", &"sqlite-sum", &plan.table()?.display()]),
        asked(&"usage"),
        asked(&"verify"),
    ])?;
    same("tokens", &[usage.count, table.count])?;
    row(
        "`usage`: SQLite, summing with json_extract".into(),
        &usage_all,
        &table,
        none,
    );
    for (name, one, all) in [
        ("`verify`", &verify, &verify_all),
        ("`usage`", &usage, &usage_all),
    ] {
        rows.push(Row {
            goal: 3,
            what: format!("{name}: all cores and one"),
            ours: seconds(all.seconds),
            peer: format!("one: {}", seconds(one.seconds)),
            ratio: Some(one.seconds / all.seconds),
            want: Want::AtLeast(1.5),
        });
    }
    let small = plan.session(SMALLER)?;
    let [small] = plan.best([Asked::new(&[&"scan", &"verify", &small.display()])])?;
    rows.push(Row {
        goal: 3,
        what: format!(
            "`verify`: peak memory of {} and {} MB; opi {}",
            plan.bytes / 1_000_000,
            SMALLER / 1_000_000,
            megabytes(opi.peak_kb)
        ),
        ours: megabytes(verify_all.peak_kb),
        peer: format!("the smaller: {}", megabytes(small.peak_kb)),
        ratio: Some(verify_all.peak_kb as f64 / small.peak_kb as f64),
        want: Want::Nothing,
    });
    Ok(())
}
