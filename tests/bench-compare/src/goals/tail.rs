//! Goal 6.

use super::{faster, same, slower};
use crate::{
    child::Asked,
    plan::Plan,
    table::{Row, Want},
};
use sessionlog_bench::{Error, session, shapes};

/// Bytes of the tail, whatever else is scaled.
const TAIL: usize = 10_000_000;

pub fn all(plan: &Plan, rows: &mut Vec<Row>) -> Result<(), Error> {
    let path = plan.file("torn.jsonl");
    session::write(&path, &session::Shape::of(1_000_000), &plan.corpus)?;
    shapes::tear(&path, TAIL, &plan.corpus)?;
    let asked = |what| Asked::new(&[what as &dyn ToString, &path.display()]);
    let [ours, read] = plan.best([asked(&"tail-ours"), asked(&"tail-backwards")])?;
    // opi takes seconds each time, so once must do.
    let opi = asked(&"tail-opi").measure()?;
    same("context", &[ours.count, opi.count])?;
    let what = "torn tail of 10 MB";
    let once = format!("{what}: reading it once backwards");
    rows.push(slower(6, &once, &ours, &read, Want::AtMost(1.5)));
    rows.push(faster(
        6,
        &format!("{what}: opi"),
        &ours,
        &opi,
        Want::Nothing,
    ));
    Ok(())
}
