//! The `sessionlog` command: joins arguments, library and terminal.
//!
//! Exit codes: 0 fine, 1 failed or found something wrong, 2 wrong usage. Whoever closes our output early wants no more
//! of it: that is fine too.

mod args;
mod cmd;
mod failure;
mod output;
mod panics;
mod render;
mod signals;

use args::Cli;
use clap::Parser as _;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    panics::report();
    signals::outlive_the_limit_of_a_file();
    // A panic is a bug of ours, and still a failure like others to the program that called us.
    std::panic::catch_unwind(run).unwrap_or(ExitCode::from(failure::FAILED))
}

fn run() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(answer) => return output::answer_of_clap(&answer, &words, args::color_wish(&words)),
    };
    let mut out = Output::new(cli.global.color, cli.global.json);
    let result = cmd::run(cli.command, &cli.global, &mut out);
    out.finish(result)
}
