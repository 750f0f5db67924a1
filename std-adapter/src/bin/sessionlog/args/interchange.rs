//! The command lines of `import` and `export`.

use clap::{Args, ValueHint};
use std::path::PathBuf;

/// Make sessions in the store of what other agents have written
///
/// A format is recognised by what is in a file: Claude Code, Codex (also .zst), claw-code, pi, opi, and sessions of our own.
/// An imported session keeps its id; importing it again adds what its source has more by then, and nothing twice.
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object a line, one for each file: source, format, id, path, outcome (new, grown, unchanged, differs, skipped or failed), entries (what the source has), added, corrupt and torn (lines of the source that are damaged, which are kept as unknown entries), error (null unless it failed)."
)]
pub(crate) struct Import {
    /// Files, and directories for all that is in them, however deep
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where a session with the same id says something else, import under a new id
    #[arg(long)]
    pub(crate) anew: bool,
}
