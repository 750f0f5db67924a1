//! The command lines of `import` and `export`.

use super::Session;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Make sessions in the store of what other agents have written
///
/// A format is recognised by what is in a file: Claude Code, Codex (also .zst), claw-code, pi, opi, and sessions of our own.
/// An imported session keeps its id; importing it again brings it up to date with its source, also one that was put away,
/// and adds nothing twice. One that was gone on with here is left as it is.
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object a line, one for each file: source, format, id, path, archived (it had been put away), outcome (new, grown, unchanged, continued, differs, skipped or failed), entries (what the source has), added, corrupt and torn (lines of the source that are damaged, which are kept as unknown entries), error (null unless it failed)."
)]
pub(crate) struct Import {
    /// Files, and directories for all that is in them, up to 16 directories deep; what lies deeper is told, and fails
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where a session with the same id says something else or was gone on with, import under another id (ID-2, ID-3 …)
    #[arg(long)]
    pub(crate) anew: bool,
}

/// Write a session as another agent writes its own, or as a page to read
///
/// What came from claw-code or pi goes back to it as it came. jsonl, opi and pi get the whole tree; claw and markdown, which
/// know no branches, the active one.
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: with -o, one object: path, entries, left_out (entries that the format has no place for); otherwise the session all the same."
)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) session: Session,
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: Wish,
    /// The file to be written, which must not exist [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) redact: super::Redact,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wish {
    /// opi's format, version 1, and nothing that it would refuse
    Opi,
    /// claw-code's JSON Lines
    Claw,
    /// pi's format, version 3
    Pi,
    /// Our own format: a session's file as it is
    Jsonl,
    /// A page to read; nothing in it runs
    Markdown,
}
