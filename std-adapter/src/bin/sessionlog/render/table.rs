//! Columns that line up, by display width.

use anstyle::Style;
use std::borrow::Cow;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr as _;

const GAP: usize = 2;

/// Which side of its column a cell keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Clean text and its style.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'t> {
    text: Cow<'t, str>,
    style: Style,
}

impl<'t> Cell<'t> {
    /// The text must be sanitised.
    pub(crate) fn new(text: impl Into<Cow<'t, str>>, style: Style) -> Self {
        let text = text.into();
        Self { text, style }
    }
}

/// Rows of cells. Every row is held until the table is written.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    sides: Vec<Side>,
    rows: Vec<Vec<Cell<'t>>>,
}

impl<'t> Table<'t> {
    /// A table with one side for each column.
    pub(crate) fn new(sides: &[Side]) -> Self {
        let (sides, rows) = (sides.to_vec(), Vec::new());
        Self { sides, rows }
    }

    /// Cells beyond the columns are not shown; missing ones are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell<'t>>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// No line ends in white space.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths = vec![0; self.sides.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.text.width().max(*width);
            }
        }
        for row in &self.rows {
            let mut owed = 0;
            for ((cell, width), side) in row.iter().zip(&widths).zip(&self.sides) {
                let room = width - cell.text.width();
                if !cell.text.is_empty() {
                    let before = if *side == Side::Right { room } else { 0 };
                    let Cell { text, style } = cell;
                    write!(out, "{:1$}{style}{text}{style:#}", "", owed + before)?;
                    owed = room - before;
                } else {
                    owed += room;
                }
                owed += GAP;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[Side::Left, Side::Right, Side::Left]);
        for row in [
            ["a", "1", "x"],
            ["漢字", "1,000", ""],
            ["", "", "y"],
            ["b", "", ""],
        ] {
            table.row(row.map(|text| Cell::new(text, Style::new())));
        }
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "a         1  x\n漢字  1,000\n             y\nb\n");
    }

    #[test]
    fn colour_takes_no_room() {
        let bold = Style::new().bold();
        let mut table = Table::new(&[Side::Left, Side::Left]);
        table.row([Cell::new("ab", bold), Cell::new("c", Style::new())]);
        table.row([Cell::new("abc", Style::new()), Cell::new("d", Style::new())]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\x1b[1mab\x1b[0m   c\nabc  d\n"
        );
    }
}
