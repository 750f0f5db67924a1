//! Goal 7.

use super::same;
use crate::{
    child::Asked,
    plan::Plan,
    table::{Row, Want, megabytes, seconds},
};
use sessionlog_bench::{Error, shapes::Tree};
use std::time::Duration;

/// A time that grows with the square would give 4, one that grows as n log n 2.1 or so.
const LINEAR: f64 = 2.6;

pub fn all(plan: &Plan, rows: &mut Vec<Row>) -> Result<(), Error> {
    for (tree, full, what) in [
        (Tree::Branches, 100_000, "branches of one entry"),
        (Tree::Forks, 200_000, "entries of forks within forks"),
        (Tree::Chain, 1_000_000, "entries in a chain"),
    ] {
        let count = plan.scaled(full);
        let (half, whole) = (plan.tree(tree, count / 2)?, plan.tree(tree, count)?);
        let asked = |path: &std::path::Path| Asked::new(&[&"tree-ours", &path.display()]);
        let [before, after] = plan.best([asked(&half), asked(&whole)])?;
        let ends = match tree {
            Tree::Branches => count - 1,
            Tree::Forks => count / 2,
            Tree::Chain => 1,
        };
        same("branches", &[after.count, ends])?;
        rows.push(Row {
            goal: 7,
            what: format!(
                "tree of {count} {what}, and of half; {}",
                megabytes(after.peak_kb)
            ),
            ours: seconds(after.seconds),
            peer: format!("half: {}", seconds(before.seconds)),
            ratio: Some(after.seconds / before.seconds),
            want: Want::AtMost(LINEAR),
        });
        let opi = Asked::new(&[&"tree-opi", &whole.display()]);
        let opi = opi.within(Duration::from_secs(60)).measure();
        rows.push(Row {
            goal: 7,
            what: format!("tree of {count} {what}: opi"),
            ours: seconds(after.seconds),
            ratio: opi.as_ref().ok().map(|opi| opi.seconds / after.seconds),
            peer: opi.map_or_else(|error| short(&error), |opi| seconds(opi.seconds)),
            want: Want::Nothing,
        });
        std::fs::remove_file(half)?;
        std::fs::remove_file(whole)?;
    }
    Ok(())
}

/// The end of what went wrong, without paths.
fn short(error: &Error) -> String {
    let text = error.to_string();
    text.rsplit(": ").next().unwrap_or_default().to_owned()
}
