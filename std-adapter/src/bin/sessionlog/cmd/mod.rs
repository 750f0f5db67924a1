//! One file a subcommand: each joins arguments, library and output.

mod completions;

use crate::args::{Command, Global};
use crate::failure::Failure;
use crate::output::Output;

/// Does what the command line says.
pub(crate) fn run(command: Command, _global: &Global, out: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Completions(args) => completions::run(&args, out),
        _ => Err(Failure::Usage(
            "this build does not have this command".to_owned(),
        )),
    }
}
