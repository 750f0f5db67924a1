//! Goal 4.

use super::{faster, same, unmeasured};
use crate::{
    child::Asked,
    plan::Plan,
    table::{Row, Want},
};
use sessionlog_bench::Error;
use std::fs;

pub fn all(plan: &Plan, rows: &mut Vec<Row>) -> Result<(), Error> {
    let (dir, count) = plan.listed()?;
    let asked = |what| Asked::new(&[what as &dyn ToString, &dir.display()]);
    let [ours, opi] = plan.best([asked(&"list-ours"), asked(&"list-opi")])?;
    same("sessions", &[count, ours.count, opi.count])?;
    let what = format!("list of {count} sessions");
    rows.push(faster(
        4,
        &format!("{what}, warm"),
        &ours,
        &opi,
        Want::AtLeast(5.0),
    ));
    let (cold, want) = (format!("{what}, cold"), Want::AtLeast(10.0));
    rows.push(match drop_caches() {
        Ok(()) => {
            let cold_plan = [asked(&"list-ours"), asked(&"list-opi")];
            let [ours, opi] = plan.best_after(cold_plan, drop_caches)?;
            faster(4, &cold, &ours, &opi, want)
        }
        Err(error) => unmeasured(
            4,
            &cold,
            format!("{error} (only root may empty the cache)"),
            want,
        ),
    });
    // Broken in three ways: empty, no header, a byte that is no UTF-8 behind a good header.
    fs::write(dir.join("empty.jsonl"), "")?;
    fs::write(dir.join("torn.jsonl"), r#"{"type":"session","versi"#)?;
    let header = r#"{"type":"session","version":1,"id":"bad","timestamp":"2026-01-05T08:00:00Z","cwd":"/w","parent_session":null}"#;
    fs::write(
        dir.join("bad.jsonl"),
        [header.as_bytes(), b"\n\xff\xfe\n"].concat(),
    )?;
    let [ours, opi] = plan.best([asked(&"list-ours"), asked(&"list-opi")])?;
    rows.push(Row {
        goal: 4,
        what: format!("listed of {} files, 3 of them broken", count + 3),
        ours: format!("{}, {} as broken", ours.count, ours.extra),
        peer: format!("opi {}", opi.count),
        ratio: Some(ours.count as f64 / (count + 3) as f64),
        want: Want::AtLeast(1.0),
    });
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// Empties the page cache.
fn drop_caches() -> Result<(), Error> {
    // SAFETY: `sync` takes nothing and cannot fail.
    unsafe { libc::sync() };
    Ok(fs::write("/proc/sys/vm/drop_caches", "3")?)
}
