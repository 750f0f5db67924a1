//! What stands above a session: which one it is.

use super::Styles;
use super::format::Times;
use sessionlog::sanitize;
use sessionlog_core::Timestamp;
use std::io::{self, Write};

/// What the header says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heading<'a> {
    pub(crate) id: &'a str,
    /// The name of a fork.
    pub(crate) name: Option<&'a str>,
    pub(crate) cwd: &'a str,
    pub(crate) begun: Option<Timestamp>,
    /// The session that it was copied from.
    pub(crate) parent: Option<&'a str>,
}

/// Writes the session's id and name, then what else is known on a line of its own, then an empty line.
pub(crate) fn write(
    out: &mut dyn Write,
    heading: &Heading<'_>,
    styles: &Styles,
    times: &Times,
) -> io::Result<()> {
    let (bold, dim) = (styles.heading, styles.dim);
    let id = sanitize::field(heading.id);
    let name = heading
        .name
        .map_or(String::new(), |name| format!("  {}", sanitize::field(name)));
    writeln!(out, "{bold}session {id}{name}{bold:#}")?;
    let mut facts = Vec::new();
    facts.extend(heading.begun.map(|time| times.date_time(time)));
    if !heading.cwd.is_empty() {
        facts.push(sanitize::field(heading.cwd).into_owned());
    }
    let parent = heading.parent.map(sanitize::field);
    facts.extend(parent.map(|parent| format!("continues {parent}")));
    if !facts.is_empty() {
        writeln!(out, "{dim}{}{dim:#}", facts.join("  "))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn shown(heading: &Heading<'_>) -> String {
        let now = Timestamp::parse("2026-05-22T12:00:00Z").unwrap();
        let mut out = Vec::new();
        let times = Times::new(now, TimeZone::UTC);
        write(&mut out, heading, &Styles::new(false), &times).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_known_is_told() {
        let bare = Heading {
            id: "s-1",
            ..Heading::default()
        };
        assert_eq!(shown(&bare), "session s-1\n\n");
        let full = Heading {
            id: "s\x1b[1m",
            name: Some("try\n2"),
            cwd: "/w\u{202e}",
            begun: Timestamp::parse("2026-05-22T11:00:00Z"),
            parent: Some("s-0"),
        };
        assert_eq!(
            shown(&full),
            "session s␛[1m  try␊2\n2026-05-22 11:00  /w\\u{202e}  continues s-0\n\n"
        );
    }
}
