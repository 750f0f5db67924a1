//! `tree`: branches as lines, each below the one it forks from.

use super::Styles;
use super::format::{self, Times};
use sessionlog::{reader::Counts, sanitize};
use sessionlog_core::Timestamp;
use std::collections::HashMap;
use std::io::{self, Write};

/// Forks of forks are indented this many times; beyond that their level is told in numbers, so that the drawing of a
/// million nested forks grows with their number only.
const MAX_LEVELS: usize = 16;
/// Where fewer columns are left, no summary is shown.
const SUMMARY_WIDTH: usize = 12;

/// A stretch of entries without a fork: from a root or behind a fork point to the next fork point or the end.
#[derive(Clone, Debug)]
pub(crate) struct Branch<'a> {
    /// The id of its last entry.
    pub(crate) tip: &'a str,
    /// The tip of the branch that it goes on from; `None` for a root.
    pub(crate) fork_point: Option<&'a str>,
    /// Its entries.
    pub(crate) entries: Counts,
    /// The session's tip is on it.
    pub(crate) active: bool,
    /// What its last message says.
    pub(crate) summary: &'a str,
    /// When its tip was written.
    pub(crate) timestamp: Option<Timestamp>,
}

/// Draws the branches. One whose fork point is no tip of an earlier branch stands as a root.
pub(crate) fn write(
    out: &mut dyn Write,
    branches: &[Branch<'_>],
    styles: &Styles,
    times: &Times,
    width: usize,
) -> io::Result<()> {
    let (roots, children) = family(branches);
    // What is still to be drawn, the next one on top. A drawn level is open while a sibling follows below.
    let mut waiting: Vec<(usize, usize, bool)> = Vec::new();
    let mut open: Vec<bool> = Vec::new();
    let push = |waiting: &mut Vec<_>, of: &[usize], level| {
        let last = of.len().saturating_sub(1);
        let siblings = of.iter().enumerate().rev();
        waiting.extend(siblings.map(|(at, branch)| (*branch, level, at == last)));
    };
    push(&mut waiting, &roots, 0);
    while let Some((at, level, last)) = waiting.pop() {
        let branch = &branches[at];
        let lines = lines(&mut open, level, last);
        one(out, branch, &lines, styles, times, width)?;
        push(&mut waiting, &children[at], level + 1);
    }
    Ok(())
}

/// The roots, and each branch's children, in the order given. A repeated tip means its nearest earlier bearer.
fn family(branches: &[Branch<'_>]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut roots = Vec::new();
    let mut children = vec![Vec::new(); branches.len()];
    let mut by_tip: HashMap<&str, usize> = HashMap::with_capacity(branches.len());
    for (at, branch) in branches.iter().enumerate() {
        match branch.fork_point.and_then(|tip| by_tip.get(tip)) {
            Some(parent) => children[*parent].push(at),
            None => roots.push(at),
        }
        by_tip.insert(branch.tip, at);
    }
    (roots, children)
}

/// The lines that lead to a branch.
fn lines(open: &mut Vec<bool>, level: usize, last: bool) -> String {
    let Some(above) = level.checked_sub(1) else {
        open.clear();
        return String::new();
    };
    open.truncate(above);
    let mut lines = String::new();
    // From the first level on: roots are not joined to each other.
    for open in open.iter().take(MAX_LEVELS) {
        lines.push_str(if *open { "│  " } else { "   " });
    }
    if above > MAX_LEVELS {
        lines.push_str(&format!("(level {level}) "));
    }
    lines.push_str(if last { "└─ " } else { "├─ " });
    open.push(!last);
    lines
}

fn one(
    out: &mut dyn Write,
    branch: &Branch<'_>,
    lines: &str,
    styles: &Styles,
    times: &Times,
    width: usize,
) -> io::Result<()> {
    let Styles {
        plain,
        dim,
        ok,
        heading,
        ..
    } = styles;
    let tip = sanitize::field(branch.tip);
    let entries = format::entries(&branch.entries);
    let time = branch
        .timestamp
        .map_or("?".to_owned(), |time| times.age(time));
    let (mark, mark_style, name, active) = if branch.active {
        ("*", ok, ok, " (active)")
    } else {
        (" ", plain, heading, "")
    };
    let facts = format!("{entries}, {time}");
    write!(
        out,
        "{mark_style}{mark}{mark_style:#} {dim}{lines}{dim:#}{name}{tip}{active}{name:#}  {dim}{facts}{dim:#}"
    )?;
    let used = [lines, &tip, active, &facts]
        .map(|text| text.chars().count())
        .iter()
        .sum::<usize>()
        + 6;
    let room = Some(width.saturating_sub(used)).filter(|room| *room >= SUMMARY_WIDTH);
    let summary = sanitize::single_line(branch.summary, room.unwrap_or(0));
    if summary.is_empty() {
        writeln!(out)
    } else {
        writeln!(out, "  {summary}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn branch<'a>(tip: &'a str, fork_point: Option<&'a str>) -> Branch<'a> {
        Branch {
            tip,
            fork_point,
            entries: Counts {
                messages: 2,
                ..Counts::default()
            },
            active: false,
            summary: "",
            timestamp: Timestamp::parse("2026-05-22T11:55:00Z"),
        }
    }

    fn drawn(branches: &[Branch<'_>]) -> String {
        let times = Times::new(
            Timestamp::parse("2026-05-22T12:00:00Z").unwrap(),
            TimeZone::UTC,
        );
        let mut out = Vec::new();
        write(&mut out, branches, &Styles::new(false), &times, 60).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Only the lines and the names.
    fn shape(branches: &[Branch<'_>]) -> String {
        let text = drawn(branches);
        let names = text
            .lines()
            .filter_map(|line| line.split("  2 messages").next());
        names.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_branch_is_a_line() {
        let branches = [
            Branch {
                entries: Counts {
                    messages: 1,
                    compactions: 1,
                    ..Counts::default()
                },
                timestamp: None,
                ..branch("msg-1", None)
            },
            Branch {
                active: true,
                summary: "Use a\nbigger\x1b[1m hammer, please",
                ..branch("msg-3", Some("msg-1"))
            },
        ];
        assert_eq!(
            drawn(&branches),
            "  msg-1  1 message, 1 compaction, ?\n\
             * └─ msg-3 (active)  2 messages, 5 min ago  Use a bigger␛[1…\n"
        );
    }

    #[test]
    fn a_summary_has_the_room_that_is_left() {
        let long = "word ".repeat(30);
        for (tip, shown) in [("m", true), ("a-name-that-leaves-little", false)] {
            let one = Branch {
                summary: &long,
                ..branch(tip, None)
            };
            let text = drawn(&[one]);
            assert_eq!(text.contains("  word"), shown, "{text}");
            assert!(text.trim_end().chars().count() <= 60, "{text}");
        }
    }

    #[test]
    fn forks_hang_below_their_fork_point() {
        let branches = [
            branch("r", None),
            branch("a", Some("r")),
            branch("a1", Some("a")),
            branch("a2", Some("a")),
            branch("b", Some("r")),
            branch("b1", Some("b")),
            branch("c", Some("r")),
            branch("other", None),
            branch("o1", Some("other")),
        ];
        assert_eq!(
            shape(&branches),
            "  r\n  ├─ a\n  │  ├─ a1\n  │  └─ a2\n  ├─ b\n  │  └─ b1\n  └─ c\n  other\n  └─ o1"
        );
        // In file order, a branch's children may come after its siblings.
        let mut mixed = branches.clone();
        mixed.swap(3, 6);
        assert_eq!(
            shape(&mixed),
            "  r\n  ├─ a\n  │  ├─ a1\n  │  └─ a2\n  ├─ c\n  └─ b\n     └─ b1\n  other\n  └─ o1"
        );
    }

    #[test]
    fn strange_fork_points_lose_no_branch() {
        let branches = [
            branch("a", Some("later")),
            branch("later", None),
            branch("x", None),
            branch("x", Some("x")),
            branch("y", Some("x")),
            branch("self", Some("self")),
        ];
        assert_eq!(
            shape(&branches),
            "  a\n  later\n  x\n  └─ x\n     └─ y\n  self"
        );
    }

    #[test]
    fn a_drawing_grows_with_the_number_of_branches_only() {
        let ids: Vec<String> = (0..20_000).map(|n| format!("m{n}")).collect();
        let branches: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(n, id)| branch(id, n.checked_sub(1).map(|n| ids[n].as_str())))
            .collect();
        let text = drawn(&branches);
        assert_eq!(text.lines().count(), branches.len());
        assert!(
            text.lines()
                .all(|line| line.chars().count() < 3 * MAX_LEVELS + 80)
        );
        assert!(text.contains("(level 19999) └─ m19999"));
    }
}
