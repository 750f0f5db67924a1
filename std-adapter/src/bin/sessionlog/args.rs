//! The command line.

pub(crate) mod flash;
pub(crate) mod interchange;
pub(crate) mod prune;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

const SESSIONS: &str = "\
A SESSION is a path, an id, the beginning of an id that no other session shares, or 'latest'.
An entry is anything in a session but its header: a message, a compaction, a leaf, or a record of another kind.

Environment:
  SESSIONLOG_DIR  where sessions are kept, unless --dir says so
  NO_COLOR        no colours, unless --color says so

Exit codes: 0 fine, 1 failed or found something wrong, 2 wrong usage.";

/// Record, read, branch, compact, price and repair the session logs of LLM agents
#[derive(Debug, Parser)]
#[command(name = "sessionlog", version, after_help = SESSIONS)]
#[command(
    max_term_width = 100,
    arg_required_else_help = true,
    infer_long_args = false
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for every command")]
pub(crate) struct Global {
    /// Answer in JSON, for programs; each command's help says in which shape
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use colours; 'auto' does on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorWish,
    /// Keep sessions in DIR [default: $SESSIONLOG_DIR, else the platform's data directory]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWish {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(New),
    Append(Append),
    List(List),
    Show(Show),
    Context(Context),
    Tree(Tree),
    Usage(Usage),
    Leaf(Leaf),
    Fork(Fork),
    Compact(Compact),
    Verify(Verify),
    Repair(Repair),
    Delete(Delete),
    Import(interchange::Import),
    Export(interchange::Export),
    Prune(prune::Prune),
    Flash(flash::Flash),
    Completions(Completions),
}

/// Start a session and print its id
#[derive(Debug, Args)]
#[command(after_help = "With --json: one object: id, path.")]
pub(crate) struct New {
    /// The directory that the session works in [default: the current one]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cwd: Option<PathBuf>,
    /// The id of the session that this one continues, its beginning, or 'latest'; it may be kept elsewhere
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
}

/// Append messages from standard input and print the id of each once it is safe
///
/// Each line of standard input is one message payload: a JSON object such as
/// {"role":"user","content":[{"type":"text","text":"hi"}],"timestamp_ms":0}.
/// A turn ends at a blank line and at the end of input.
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object a line, one for each message once it is durable: id."
)]
pub(crate) struct Append {
    #[command(flatten)]
    pub(crate) session: Session,
    /// When messages are made durable: from then on they outlast a crash and a loss of power
    #[arg(long, value_name = "WHEN", default_value = "turn")]
    pub(crate) sync: SyncWish,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncWish {
    /// After each message: slowest, an id is printed at once
    Entry,
    /// After each turn: ids are printed at the turn's end
    #[default]
    Turn,
    /// Seldom: at the end of input, and after very many turns
    Manual,
}

/// List the sessions, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object a line, one for each session: id, path, timestamp, modified, cwd, parent_session, bytes, name; format where another agent wrote it, and error where the header is of no use."
)]
pub(crate) struct List {
    /// List these files, and what is in these directories, up to 16 deep, of every format that is known [default: the store]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dirs: Vec<PathBuf>,
    /// List the store and the usual places of Claude Code, Codex, pi, opi and claw-code: ~/.claude/projects ($CLAUDE_CONFIG_DIR),
    /// ~/.codex/sessions ($CODEX_HOME), ~/.pi/agent/sessions ($PI_CODING_AGENT_DIR), ~/.local/share/opi/sessions
    /// ($OPI_SESSIONS_DIR), .claw/sessions ($CLAW_CONFIG_HOME)
    #[arg(long, conflicts_with = "dirs")]
    pub(crate) all: bool,
}

/// Show the conversation
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object a line, one for each entry: id, type, compacted (a summary stands for it), record (as it stands in the file)."
)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) session: Session,
    /// Show long tool arguments and results whole, as is done when the output is no terminal
    #[arg(long)]
    pub(crate) full: bool,
    /// Go on with the entries that are written from now on, on any branch, until interrupted
    #[arg(short, long, conflicts_with = "redact")]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) redact: Redact,
}

/// Show what the model is sent: the active branch, with compacted messages replaced by their summary
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object: session (the header), tip, messages (a compaction_summary first, if there is one), usage, recovery (status, corrupt_entries, unknown_entries, warnings)."
)]
pub(crate) struct Context {
    #[command(flatten)]
    pub(crate) session: Session,
    #[command(flatten)]
    pub(crate) redact: Redact,
}

/// Show the branches
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object: tip, and branches, a list with tip, fork_point, depth, entries (those from root to tip; leaves stand on no branch), active, summary, timestamp."
)]
pub(crate) struct Tree {
    #[command(flatten)]
    pub(crate) session: Session,
}

/// Show tokens and cost: of one session by branch, of many by day, model, project and the like
///
/// Of one session, what its active branch used and what its whole file did. Of several, of a directory (with what is
/// below it), with --all or with --by, a row for each day, model and so on; what a fork has inherited counts for its
/// parent, and a message that several files hold counts once.
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object: of one session, branch and file, each with usage, unreported, cost (null if it is not known of all models), known_cost, lower_bound, unknown_models, told_cost (usd: what the answers that tell it say that they cost, null if none does; answers: how many tell, untold: how many do not) and models. Of many, by, rows (each with key, sessions and the same), total, sessions, duplicates, failed (each with path, error), damaged (paths of files with damaged lines), missing (paths of what was put away and cannot be read). Amounts are USD as decimal strings, exact."
)]
pub(crate) struct Usage {
    /// Paths, ids, beginnings of ids, 'latest', or directories
    #[arg(value_name = "SESSION", value_hint = ValueHint::AnyPath, required_unless_present = "all")]
    pub(crate) sessions: Vec<OsString>,
    #[command(flatten)]
    pub(crate) many: Many,
    /// Your own prices, which go before the built-in ones: a JSON list of objects with "model", perhaps "provider",
    /// and "input", "output", "cache_read", "cache_write", "cache_write_1h" in USD per million tokens; one with "above" is for requests with more
    /// input tokens than that; a regular file of at most 1 MiB
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) prices: Option<PathBuf>,
}

/// How many sessions are added up.
#[derive(Debug, Args)]
pub(crate) struct Many {
    /// All sessions there are, those of other agents in their usual places included
    #[arg(long)]
    pub(crate) all: bool,
    /// What a row stands for [default: day]
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    /// From this day or time on, such as 2026-05-22 or 2026-05-22T14:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Up to the end of this day, or to this time
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Where days begin and end, such as Europe/Paris or UTC [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Answer in CSV, for spreadsheets: a line a row
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

impl Many {
    /// It is asked for, even of a single session.
    pub(crate) fn wanted(&self) -> bool {
        let times = self.since.is_some() || self.until.is_some() || self.timezone.is_some();
        self.all || self.by.is_some() || times || self.csv
    }
}

/// What a row of many sessions' usage stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    #[default]
    Day,
    Week,
    Month,
    Session,
    Model,
    Project,
    Agent,
}

impl By {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Session => "session",
            Self::Model => "model",
            Self::Project => "project",
            Self::Agent => "agent",
        }
    }
}

/// Go on from another entry: it becomes the tip, and nothing is lost
#[derive(Debug, Args)]
#[command(after_help = "With --json: one object: id (of the leaf), tip.")]
pub(crate) struct Leaf {
    #[command(flatten)]
    pub(crate) session: Session,
    /// The id of the entry, as 'show' and 'tree' print it
    #[arg(value_name = "ENTRY")]
    pub(crate) entry: String,
}

/// Copy a branch to a session of its own and print its id
#[derive(Debug, Args)]
#[command(after_help = "With --json: one object: id, path.")]
pub(crate) struct Fork {
    #[command(flatten)]
    pub(crate) session: Session,
    /// The last entry to copy [default: the tip]
    #[arg(long, value_name = "ENTRY")]
    pub(crate) at: Option<String>,
    /// A name for the new branch
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) redact: Redact,
}

/// Replace the older part of the context by a summary; the log keeps all of it
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object: id, first_kept_entry_id, tokens_before, tokens_after."
)]
pub(crate) struct Compact {
    #[command(flatten)]
    pub(crate) session: Session,
    /// The summary [default: an extract of what is replaced: the earlier summary, the user's messages, the last answers]
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Option<String>,
    /// What to keep as it is: 'quarter' (the last quarter of the entries), 'tokens:N' or 'messages:N' (the last N).
    /// A tool call is never parted from its result, nor the newest answer's calls from results to come
    #[arg(long, value_name = "KEEP", default_value = "quarter")]
    pub(crate) keep: Keep,
}

/// Check sessions byte for byte and report each problem with its line
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object a line, one for each session: path, status (clean, truncated, corrupt, corrupt_and_truncated or unreadable), entries (all but the header), problems (each with severity (problem, or note for what is remarkable and not wrong), line, byte, kind, detail)."
)]
pub(crate) struct Verify {
    /// Session files, and directories for the sessions in them, up to 16 directories deep (what lies deeper is told, and
    /// counts as not sound); also ids and 'latest'
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<OsString>,
    /// Name what is in a directory and is no session's file
    #[arg(long)]
    pub(crate) skipped: bool,
}

/// Write a session anew without its damage; the original is kept beside it
#[derive(Debug, Args)]
#[command(
    after_help = "With --json: one object: path, original (null if there was nothing to repair), entries (all but the header), corrupt, salvaged, torn_bytes, relinked, unlinked, dropped_leaves, header_made, unmarked_tip, remaining (problems, as of verify)."
)]
pub(crate) struct Repair {
    #[command(flatten)]
    pub(crate) session: Session,
}

/// Delete a session, after asking
#[derive(Debug, Args)]
#[command(after_help = "With --json: one object: id, path.")]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) session: Session,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "With --json: the script all the same.")]
pub(crate) struct Completions {
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// Whether secrets are masked.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Redact {
    /// Mask what looks like a key, a token or a password; the session itself stays as it is
    #[arg(long)]
    pub(crate) redact: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Session {
    /// A path, an id, the beginning of an id, or 'latest'
    #[arg(value_name = "SESSION", value_hint = ValueHint::FilePath)]
    pub(crate) session: OsString,
}

/// What a compaction keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The last quarter of the entries.
    Quarter,
    /// The last so many tokens, at least 1.
    Tokens(u64),
    /// The last so many messages, at least 1.
    Messages(u64),
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, number) = match text.split_once(':') {
            None if text == "quarter" => return Ok(Self::Quarter),
            None if matches!(text, "tokens" | "messages") => {
                return Err(format!("say how many: {text}:N"));
            }
            Some((kind @ ("tokens" | "messages"), number)) => (kind, number),
            _ => return Err("expected quarter, tokens:N or messages:N".to_owned()),
        };
        // `parse` would take a plus sign.
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let count = match number.parse::<u64>() {
            Ok(0) => return Err(format!("at least one of the {kind} is kept: {kind}:1")),
            Ok(count) if digits => count,
            Err(_) if digits => return Err(format!("{number} is more than {}", u64::MAX)),
            _ => return Err(format!("'{number}' is no number of {kind}")),
        };
        Ok(match kind {
            "tokens" => Self::Tokens(count),
            _ => Self::Messages(count),
        })
    }
}

/// What a command line that cannot be parsed says about colour: clap's answer should respect it.
pub(crate) fn color_wish(words: &[OsString]) -> ColorWish {
    let mut wish = ColorWish::Auto;
    let mut words = words.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let value = match word {
            "--" => break,
            "--color" => words.next(),
            word => word.strip_prefix("--color="),
        };
        if let Some(given) = value.and_then(|value| ColorWish::from_str(value, false).ok()) {
            wish = given;
        }
    }
    wish
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
