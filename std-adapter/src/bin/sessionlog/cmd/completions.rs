//! `completions SHELL`: a completion script.

use crate::args::{Cli, Completions};
use crate::failure::Failure;
use crate::output::Output;
use clap::CommandFactory as _;

pub(crate) fn run(args: &Completions, out: &mut Output) -> Result<(), Failure> {
    // clap_complete panics when its writer fails, so it writes to memory.
    let mut script = Vec::new();
    let mut command = Cli::command();
    clap_complete::generate(args.shell, &mut command, "sessionlog", &mut script);
    out.render(|data, _| data.write_all(&script))
}
