//! `usage` of many sessions, as a table.

use super::Styles;
use super::format::{count, thousands};
use super::table::{Cell, Side, Table};
use super::usage::{amount, count as number, usd};
use sessionlog::sanitize;
use sessionlog::spending::Spending;
use sessionlog::usage::UsageSection;
use std::io::{self, Write};

/// Columns of a name at least.
const LEAST_NAME: usize = 12;

/// Writes the rows, the total, and what the figures leave out.
pub(crate) fn write(
    out: &mut dyn Write,
    by: &str,
    found: &Spending,
    styles: &Styles,
    width: Option<usize>,
) -> io::Result<()> {
    let told = found.total.told.told > 0;
    let mut sides = [Side::Right; 9];
    sides[0] = Side::Left;
    let columns = if told { 9 } else { 8 };
    let mut table = Table::new(&sides[..columns]);
    let heads = [
        by,
        "sessions",
        "turns",
        "input",
        "output",
        "cache read",
        "cache write",
        "USD",
        "told USD",
    ];
    let heads = heads.iter().take(columns);
    table.row(heads.map(|head| Cell::new((*head).to_owned(), styles.heading)));
    for row in &found.rows {
        let name = match row.key.as_str() {
            "" => "(none)".into(),
            key => sanitize::field(key),
        };
        table.row(cells(
            name.into_owned(),
            row.sessions,
            &row.section,
            told,
            styles,
            styles.plain,
        ));
    }
    if found.rows.len() != 1 {
        let total = cells(
            "total".into(),
            found.sessions,
            &found.total,
            told,
            styles,
            styles.heading,
        );
        table.row(total);
    }
    if let Some(width) = width {
        table.fit(width, LEAST_NAME);
    }
    table.write(out)?;
    let unknown = found.total.unknown_models();
    if !unknown.is_empty() {
        let names: Vec<_> = unknown.iter().map(|name| sanitize::field(name)).collect();
        writeln!(
            out,
            "cost unknown, in whole or in part: {}",
            names.join(", ")
        )?;
    }
    if told {
        let untold = found.total.told.untold;
        let silent = match count(untold, "answer does", "answers do") {
            some if untold > 0 => format!("; {some} not tell"),
            _ => String::new(),
        };
        writeln!(
            out,
            "told USD: what the logs themselves say that it cost{silent}"
        )?;
    }
    if found.duplicates > 0 {
        let copies = count(found.duplicates, "message is", "messages are");
        writeln!(out, "{copies} in several files and counted once")?;
    }
    Ok(())
}

fn cells(
    name: String,
    sessions: u64,
    section: &UsageSection,
    told: bool,
    styles: &Styles,
    style: anstyle::Style,
) -> Vec<Cell<'static>> {
    let usage = &section.totals.usage;
    let mut cells = vec![
        Cell::new(name, style),
        Cell::new(thousands(sessions), styles.plain),
        Cell::new(thousands(section.totals.turns), styles.plain),
    ];
    let tiers = [
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
    ];
    let whole = !section.incomplete && section.totals.is_complete();
    cells.extend(tiers.map(|tier| Cell::new(number(amount(tier, whole, whole)), styles.plain)));
    let complete = section.cost.is_some();
    let exact = complete && !section.is_lower_bound();
    let cost = amount(section.known.total(), exact, complete);
    cells.push(Cell::new(usd(cost), styles.plain));
    if told {
        let cost = super::usage::told(&section.told);
        cells.push(Cell::new(usd(cost), styles.dim));
    }
    cells
}
