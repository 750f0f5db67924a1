//! sessionlog against its peers, in one run on one machine: prints the table of `docs/benchmarks.md`.
//!
//! `bench-compare [SIZE] [--full] [--rounds N] [--goal N]... [--dir DIR] [--out FILE]`; SIZE is the length of the largest session,
//! such as `200M` (the default) or `1G` (`--full`), and everything else scales with it.
//!
//! Each measurement runs in a process of its own, so that none warms memory for another and each has its own peak of
//! memory. What is compared runs in turn, several rounds, and the best of each counts. Whether a goal is met is computed
//! from what was measured, never written down.

mod child;
mod goals;
mod machine;
mod measure;
mod peers;
mod plan;
mod table;

use sessionlog_bench::Error;
use std::{path::PathBuf, process::ExitCode};

#[global_allocator]
static ALLOCATOR: child::Counting = child::Counting;

/// What was asked for.
struct Args {
    bytes: u64,
    rounds: usize,
    goals: Vec<u8>,
    dir: Option<PathBuf>,
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.split_first() {
        Some((first, rest)) if first == child::SUBCOMMAND => child::run(rest),
        _ => parse(&args).and_then(|parsed| compare(&parsed, &args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[String]) -> Result<Args, Error> {
    let mut parsed = Args {
        bytes: 200_000_000,
        rounds: 5,
        goals: vec![],
        dir: None,
        out: None,
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{arg}: a value is missing"));
        match arg.as_str() {
            "--full" => parsed.bytes = 1_000_000_000,
            "--rounds" => parsed.rounds = value()?.parse()?,
            "--goal" => parsed.goals.push(value()?.parse()?),
            "--dir" => parsed.dir = Some(value()?.into()),
            "--out" => parsed.out = Some(value()?.into()),
            size => parsed.bytes = bytes(size)?,
        }
    }
    if parsed.bytes < 10_000_000 || parsed.rounds == 0 {
        return Err("at least 10M and one round".into());
    }
    Ok(parsed)
}

/// Reads `500000`, `20M` or `1G`.
fn bytes(size: &str) -> Result<u64, Error> {
    let (digits, unit) = match size.as_bytes().last() {
        Some(b'M') => (&size[..size.len() - 1], 1_000_000),
        Some(b'G') => (&size[..size.len() - 1], 1_000_000_000),
        _ => (size, 1),
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| format!("{size:?} is no size: 200M, for example"))?;
    Ok(count.saturating_mul(unit))
}

fn compare(args: &Args, words: &[String]) -> Result<(), Error> {
    let mut scratch = tempfile::Builder::new();
    let scratch = scratch.prefix("bench-compare-");
    let scratch = match &args.dir {
        Some(dir) => scratch.tempdir_in(dir)?,
        None => scratch.tempdir()?,
    };
    let plan = plan::Plan::new(scratch.path(), args.bytes, args.rounds);
    let rows = goals::all(&plan, &args.goals)?;
    let page = table::page(&rows, &machine::describe(), words, args.bytes);
    print!("{page}");
    if let Some(out) = &args.out {
        std::fs::write(out, page)?;
    }
    Ok(())
}
