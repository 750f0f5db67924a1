//! `list`: a line for each session.

use super::Styles;
use super::format::{self, Times};
use super::table::{Cell, Side, Table};
use sessionlog::sanitize;
use sessionlog_core::Timestamp;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Ids are cut no shorter than this, in bytes: the time in a UUIDv7 then still tells minutes apart.
const MIN_ID: usize = 8;
/// Columns that a directory may take.
const CWD_WIDTH: usize = 28;
/// Columns left for the title at least.
const TITLE_WIDTH: usize = 16;

/// What is known of a session without reading it.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) id: &'a str,
    pub(crate) modified: Option<Timestamp>,
    pub(crate) cwd: &'a str,
    pub(crate) bytes: u64,
    /// Its name, or else what the user said first.
    pub(crate) title: &'a str,
}

/// How wide, and when.
pub(crate) struct View<'v> {
    pub(crate) styles: &'v Styles,
    pub(crate) times: &'v Times,
    /// Columns of the terminal; `None` shows ids and titles whole.
    pub(crate) width: Option<usize>,
    /// The home directory, shown as `~`.
    pub(crate) home: Option<&'v str>,
}

/// Writes the rows in the order given.
pub(crate) fn write(out: &mut dyn Write, rows: &[Row<'_>], view: &View<'_>) -> io::Result<()> {
    let s = view.styles;
    let ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
    let lengths = match view.width {
        Some(_) => unique_prefixes(&ids),
        None => ids.iter().map(|id| id.len()).collect(),
    };
    let longest = lengths.iter().max().map_or(0, |length| *length);
    let facts: Vec<[String; 3]> = rows.iter().map(|row| facts(row, view)).collect();
    let widest = |at: usize, head: &str| {
        let widths = facts.iter().map(|facts| facts[at].width());
        widths.max().unwrap_or(0).max(head.len())
    };
    let columns: usize = ["CHANGED", "SIZE", "DIRECTORY"]
        .into_iter()
        .enumerate()
        .map(|(at, head)| widest(at, head))
        .sum();
    let title_width = match view.width {
        Some(width) => width
            .saturating_sub(longest + columns + 4 * 2)
            .max(TITLE_WIDTH),
        None => usize::MAX,
    };
    let mut table = Table::new(&[Side::Left, Side::Left, Side::Right, Side::Left, Side::Left]);
    table.row(["ID", "CHANGED", "SIZE", "DIRECTORY", "TITLE"].map(|t| Cell::new(t, s.dim)));
    for ((row, length), facts) in rows.iter().zip(lengths).zip(facts) {
        let title = match view.width {
            Some(_) => sanitize::single_line(row.title, title_width),
            None => sanitize::field(row.title),
        };
        let [age, size, directory] = facts.map(|fact| Cell::new(fact, s.plain));
        let id = Cell::new(sanitize::field(&row.id[..length]), s.heading);
        table.row([id, age, size, directory, Cell::new(title, s.plain)]);
    }
    table.write(out)
}

/// When it changed, its size, and its directory.
fn facts(row: &Row<'_>, view: &View<'_>) -> [String; 3] {
    let age = row.modified.map(|time| view.times.age(time));
    [
        age.unwrap_or_else(|| "?".to_owned()),
        format::bytes(row.bytes),
        directory(row.cwd, view),
    ]
}

/// The end of a path tells more than its beginning.
fn directory(cwd: &str, view: &View<'_>) -> String {
    let short = view
        .home
        .filter(|home| !home.is_empty())
        .and_then(|home| cwd.strip_prefix(home))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let clean = match short {
        Some(rest) => format!("~{}", sanitize::field(rest)),
        None => sanitize::field(cwd).into_owned(),
    };
    let length = clean.chars().count();
    if view.width.is_none() || length <= CWD_WIDTH {
        return clean;
    }
    let rest = clean.chars().skip(length + 1 - CWD_WIDTH);
    let tail: String = std::iter::once('…').chain(rest).collect();
    // Cut again: some characters are two columns wide, or joined to what is gone.
    sanitize::truncate(&sanitize::field(&tail), CWD_WIDTH).into_owned()
}

/// For each id the length of its shortest beginning, [`MIN_ID`] bytes or more, that no other id here begins with.
/// Linear but for one sort.
fn unique_prefixes(ids: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|at| ids[*at]);
    let mut lengths: Vec<usize> = ids.iter().map(|id| id.len().min(MIN_ID)).collect();
    for pair in order.windows(2) {
        let (a, b) = (ids[pair[0]], ids[pair[1]]);
        let shared = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        for at in pair {
            lengths[*at] = lengths[*at].max(shared + 1);
        }
    }
    let whole = |(id, length): (&&str, usize)| {
        (length..id.len())
            .find(|at| id.is_char_boundary(*at))
            .unwrap_or(id.len())
    };
    ids.iter().zip(lengths).map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn times() -> Times {
        Times::new(
            Timestamp::parse("2026-05-22T12:00:00Z").unwrap(),
            TimeZone::UTC,
        )
    }

    fn shown(rows: &[Row<'_>], width: Option<usize>) -> String {
        let (styles, times) = (Styles::new(false), times());
        let view = View {
            styles: &styles,
            times: &times,
            width,
            home: Some("/home/me"),
        };
        let mut out = Vec::new();
        write(&mut out, rows, &view).unwrap();
        String::from_utf8(out).unwrap()
    }

    const ROW: Row<'_> = Row {
        id: "0196f0c1-aaaa-7000-8000-000000000001",
        modified: None,
        cwd: "/home/me/work",
        bytes: 12_345,
        title: "Fix the parser",
    };

    #[test]
    fn a_line_each() {
        let rows = [
            Row {
                modified: Timestamp::parse("2026-05-22T11:00:00Z"),
                ..ROW
            },
            Row {
                id: "0196f0c1-aaab-7000-8000-000000000001",
                cwd: "/very/long/path/to/some/place/far/away",
                title: "evil\x1b]0;x\x07\nand more than fits in here, which is cut",
                ..ROW
            },
        ];
        assert_eq!(
            shown(&rows, Some(100)),
            "\
ID             CHANGED    SIZE  DIRECTORY                     TITLE
0196f0c1-aaaa  1 h ago  12 KiB  ~/work                        Fix the parser
0196f0c1-aaab  ?        12 KiB  …path/to/some/place/far/away  evil␛]0;x␇ and more than fits in here…
"
        );
    }

    #[test]
    fn pipes_get_everything() {
        let long = "word ".repeat(40);
        let text = shown(
            &[Row {
                title: &long,
                ..ROW
            }],
            None,
        );
        assert!(text.contains(ROW.id) && text.contains(long.trim_end()));
    }

    #[test]
    fn homes_of_others_stay() {
        let text = shown(
            &[Row {
                cwd: "/home/meg/x",
                ..ROW
            }],
            Some(100),
        );
        assert!(text.contains("/home/meg/x"));
        assert!(
            shown(
                &[Row {
                    cwd: "/home/me",
                    ..ROW
                }],
                Some(100)
            )
            .contains(" ~ ")
        );
    }

    #[test]
    fn ids_are_as_short_as_they_can_be() {
        let ids = ["0196f0c1-aa", "0196f0c1-ab", "f", "0296", "", "0196f0c1-ab"];
        assert_eq!(unique_prefixes(&ids), [11, 11, 1, 4, 0, 11]);
        assert!(unique_prefixes(&[]).is_empty());
        assert_eq!(unique_prefixes(&["0196f0cé"]), [9]);
    }

    proptest! {
        #[test]
        fn prefixes_are_unique(ids in proptest::collection::hash_set("[ab漢]{0,12}", 0..20)) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            for (id, length) in ids.iter().zip(unique_prefixes(&ids)) {
                let prefix = &id[..length];
                let bearers = ids.iter().filter(|other| other.starts_with(prefix)).count();
                // An id that others begin with has nothing shorter than itself.
                prop_assert!(bearers == 1 || prefix == *id);
            }
        }
    }
}
