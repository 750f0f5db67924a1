//! The table.

use std::fmt::Write;

/// When a goal is met.
#[derive(Clone, Copy, Debug)]
pub enum Want {
    /// The ratio is this or more.
    AtLeast(f64),
    /// The ratio is this or less.
    AtMost(f64),
    /// There is no goal: a number to compare with.
    Nothing,
}

/// A comparison.
pub struct Row {
    /// The number of the goal.
    pub goal: u8,
    /// What is compared.
    pub what: String,
    /// What was measured here, and at the peer.
    pub ours: String,
    pub peer: String,
    /// What is judged; `None` if it could not be measured, and `peer` says why.
    pub ratio: Option<f64>,
    pub want: Want,
}

impl Row {
    /// Whether the goal is met, as far as there is one and it was measured.
    pub fn is_met(&self) -> Option<bool> {
        match (self.want, self.ratio?) {
            (Want::AtLeast(least), ratio) => Some(ratio >= least),
            (Want::AtMost(most), ratio) => Some(ratio <= most),
            (Want::Nothing, _) => None,
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.is_met(), self.want, self.ratio) {
            (Some(true), ..) => "met",
            (Some(false), ..) => "**missed**",
            (None, Want::Nothing, _) => "–",
            (None, _, _) => "not measured",
        }
    }
}

/// The page: the machine, the command, the table.
pub fn page(rows: &[Row], machine: &[(&str, String)], words: &[String], bytes: u64) -> String {
    let mut page = String::from("# Measured\n\n");
    let command = words
        .iter()
        .filter(|word| !word.starts_with('/') && !matches!(word.as_str(), "--dir" | "--out"))
        .fold("ci/bench-compare".to_owned(), |line, word| {
            line + " " + word
        });
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "By one command, `{command}`, whose largest session has {} MB. Peers and we run in turn, each measurement in a \
         process of its own, the best of several rounds counts, files are in the page cache unless it says cold. \
         `tests/bench-compare` holds the program, which also judges what is met.\n",
        bytes / 1_000_000
    );
    for (name, value) in machine {
        let _ = writeln!(page, "- {name}: {value}");
    }
    page.push_str(
        "\n| goal | what | ours | peer | ratio | wanted | |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let ratio = row.ratio.map_or_else(|| "–".into(), number);
        let wanted = match row.want {
            Want::AtLeast(least) => format!("≥ {}", number(least)),
            Want::AtMost(most) => format!("≤ {}", number(most)),
            Want::Nothing => String::new(),
        };
        let (what, ours, peer) = (&row.what, &row.ours, &row.peer);
        let _ = writeln!(
            page,
            "| {} | {what} | {ours} | {peer} | {ratio} | {wanted} | {} |",
            row.goal,
            row.verdict()
        );
    }
    let met = rows.iter().filter(|row| row.is_met() == Some(true)).count();
    let judged = rows.iter().filter(|row| row.is_met().is_some()).count();
    let _ = writeln!(page, "\n{met} of {judged} goals met.");
    page
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value {
        v if v >= 99.5 => format!("{v:.0}"),
        v if v >= 9.95 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A time as a person writes it.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{} s", number(s)),
        s if s >= 1e-3 => format!("{} ms", number(s * 1e3)),
        s => format!("{} µs", number(s * 1e6)),
    }
}

/// Kilobytes as megabytes.
pub fn megabytes(kb: u64) -> String {
    format!("{} MB", number(kb as f64 / 1024.0))
}

/// A speed.
pub fn per_second(bytes: u64, seconds: f64) -> String {
    format!("{} MB/s", number(bytes as f64 / seconds / 1e6))
}
