//! Columns that line up, by display width.

use super::format::middle;
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

    /// Cuts texts of the first column in their middle, so that the table takes `width` columns. What is wider without
    /// them stays so: the other columns are never cut, and of a name `least` columns stay.
    pub(crate) fn fit(&mut self, width: usize, least: usize) {
        let others: usize = (1..self.sides.len()).map(|at| self.width(at) + GAP).sum();
        let room = width.saturating_sub(others).max(least);
        for cell in self.rows.iter_mut().filter_map(|row| row.first_mut()) {
            if cell.text.width() > room {
                cell.text = middle(&cell.text, room).into_owned().into();
            }
        }
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.text.width()).max().unwrap_or(0)
    }

    /// No line ends in white space.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.sides.len()).map(|at| self.width(at)).collect();
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
    fn names_are_cut_and_numbers_are_not() {
        let mut table = Table::new(&[Side::Left, Side::Right]);
        table.row([
            Cell::new("a-name-that-is-long", Style::new()),
            Cell::new("12,345", Style::new()),
        ]);
        table.row([Cell::new("b", Style::new()), Cell::new("1", Style::new())]);
        let shown = |table: &Table<'_>| {
            let mut out = Vec::new();
            table.write(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let whole = shown(&table);
        table.fit(27, 4);
        assert_eq!(shown(&table), whole);
        table.fit(20, 4);
        assert_eq!(
            shown(&table),
            "a-name…-long  12,345\nb                  1\n"
        );
        table.fit(3, 4);
        assert_eq!(shown(&table), "a-…g  12,345\nb          1\n");
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
