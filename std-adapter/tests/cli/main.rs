//! The `sessionlog` command, run as its users run it.

/// `leaf`, `fork`, `compact`, `repair`, `delete`.
mod change;
/// `verify`, damaged files, and that reading writes nothing.
mod damage;
/// `export`, and what came from another agent going back to it.
mod export;
/// Images of a device's flash.
mod flash;
/// Sessions of other agents, read and imported.
mod foreign;
/// The examples in FORMAT.md.
mod format;
/// Text that would like to run in the reader's terminal; pipes that close.
mod hostile;
/// Deep records, and ids that cannot be named: refusals.
mod limits;
mod live;
/// `list` of directories and of other agents' places; `prune`.
mod places;
/// Modes of files and directories.
mod private;
/// `list`, `show`, `context`, `tree`, `usage`.
mod read;
/// `new`, `append`, and what is left after a kill.
mod record;
/// Running the command.
mod run;
/// `usage` of many sessions.
mod spending;
/// The conformance vectors.
mod vectors;
