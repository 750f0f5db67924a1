//! The measurements, one after the other in processes of their own.

mod append;
mod list;
mod resume;
mod scan;
mod tail;
mod tree;

use crate::child::Measured;
use sessionlog_bench::Error;
use std::{path::Path, time::Instant};

/// Carries out the measurement that `words` name.
pub fn dispatch(words: &[String]) -> Result<Measured, Error> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["resume-ours", path] => resume::ours(Path::new(path)),
        ["resume-opi", path] => resume::opi(Path::new(path)),
        ["resume-sqlite", path] => resume::sqlite(Path::new(path)),
        ["scan", what, path] => scan::run(what, Path::new(path)),
        ["list-ours", dir] => list::ours(Path::new(dir)),
        ["list-opi", dir] => list::opi(Path::new(dir)),
        ["append-ours", from, dir, turns] => {
            append::ours(Path::new(from), Path::new(dir), turns.parse()?)
        }
        ["append-opi", from, dir, turns] => {
            append::opi(Path::new(from), Path::new(dir), turns.parse()?)
        }
        ["append-unsynced", from, path, turns] => {
            append::unsynced(Path::new(from), Path::new(path), turns.parse()?)
        }
        ["append-raw", how, from, path, turns] => {
            append::raw(how, Path::new(from), Path::new(path), turns.parse()?)
        }
        ["tail-ours", path] => tail::ours(Path::new(path)),
        ["tail-backwards", path] => tail::backwards(Path::new(path)),
        ["tail-opi", path] => tail::opi(Path::new(path)),
        ["tree-ours", path] => tree::ours(Path::new(path)),
        ["tree-opi", path] => tree::opi(Path::new(path)),
        _ => Err(format!("no such measurement: {}", words.join(" ")).into()),
    }
}

/// How long `work` takes, and what it gives: dropping that is not counted.
fn time<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<(Measured, T), Error> {
    let started = Instant::now();
    let done = work()?;
    let seconds = started.elapsed().as_secs_f64();
    let measured = Measured {
        seconds,
        ..Measured::default()
    };
    Ok((measured, done))
}
