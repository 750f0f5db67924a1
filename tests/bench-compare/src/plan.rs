//! The files that are measured, and rounds of measurements.

use crate::{
    child::{Asked, Measured},
    peers,
};
use sessionlog_bench::{
    Error,
    foreign::{self, Parents},
    session::{self, Shape},
    shapes::{self, Tree},
    text::Corpus,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Largest file in opi's form.
const FOREIGN_BYTES: u64 = 100_000_000;
/// What each session of a list is long.
const LISTED_BYTES: u64 = 100_000;
/// The largest session, for which everything has its full size.
const FULL_BYTES: u64 = 1_000_000_000;

/// Where everything is and how often it is measured.
pub struct Plan {
    dir: PathBuf,
    pub bytes: u64,
    pub rounds: usize,
    pub corpus: Corpus,
}

impl Plan {
    /// With its files in `dir`, which is empty.
    pub fn new(dir: &Path, bytes: u64, rounds: usize) -> Self {
        Self {
            dir: dir.to_owned(),
            bytes,
            rounds,
            corpus: Corpus::default(),
        }
    }

    /// The session of so many bytes, made when it is first asked for.
    pub fn session(&self, bytes: u64) -> Result<PathBuf, Error> {
        let path = self.file(&format!("{bytes}.jsonl"));
        if !path.exists() {
            say(&format!("making a session of {bytes} bytes"));
            session::write(&path, &Shape::of(bytes), &self.corpus)?;
        }
        Ok(path)
    }

    /// The table with the largest session's content, made when it is first asked for.
    pub fn table(&self) -> Result<PathBuf, Error> {
        let path = self.file("table.sqlite");
        if !path.exists() {
            peers::sqlite::import(&self.session(self.bytes)?, &path)?;
        }
        Ok(path)
    }

    /// A file or directory among what is measured.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// `count`, scaled as this run is.
    pub fn scaled(&self, count: u64) -> u64 {
        let scaled = u128::from(count) * u128::from(self.bytes) / u128::from(FULL_BYTES);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Makes a session in opi's form, of a tenth of the largest that is measured so, or of that length.
    pub fn foreign(&self, parents: Parents, small: bool) -> Result<PathBuf, Error> {
        let bytes = self.bytes.min(FOREIGN_BYTES) / if small { 10 } else { 1 };
        let ours = self.session(bytes)?;
        let path = self.file(&format!("foreign-{parents:?}-{bytes}.jsonl"));
        foreign::copy(&ours, &path, parents)?;
        Ok(path)
    }

    /// Makes a directory of sessions, and says how many.
    pub fn listed(&self) -> Result<(PathBuf, u64), Error> {
        let dir = self.file("list");
        fs::create_dir(&dir)?;
        let count = self.bytes / LISTED_BYTES;
        for seed in 0..count {
            let shape = Shape {
                seed,
                bytes: LISTED_BYTES,
                id: format!("019b8d4c-9a00-7000-8000-{seed:012x}"),
            };
            let path = dir.join(format!("{}.jsonl", shape.id));
            session::write(&path, &shape, &self.corpus)?;
        }
        Ok((dir, count))
    }

    /// Makes a session of this shape.
    pub fn tree(&self, tree: Tree, entries: u64) -> Result<PathBuf, Error> {
        let path = self.file(&format!("tree-{tree:?}-{entries}.jsonl"));
        shapes::write(&path, tree, entries)?;
        Ok(path)
    }

    /// The best of several rounds of each, in turn; the largest peak of memory.
    ///
    /// # Errors
    /// When any of them fails.
    pub fn best<const N: usize>(&self, asked: [Asked; N]) -> Result<[Measured; N], Error> {
        self.best_after(asked, || Ok(()))
    }

    /// As [`best`](Self::best), with `before` done before each measurement.
    pub fn best_after<const N: usize>(
        &self,
        asked: [Asked; N],
        mut before: impl FnMut() -> Result<(), Error>,
    ) -> Result<[Measured; N], Error> {
        let mut best: [Option<Measured>; N] = [const { None }; N];
        let started = Instant::now();
        for _ in 0..self.rounds {
            for (asked, best) in asked.iter().zip(&mut best) {
                before()?;
                let measured = asked.measure()?;
                match best {
                    Some(best) => {
                        best.seconds = best.seconds.min(measured.seconds);
                        best.peak_kb = best.peak_kb.max(measured.peak_kb);
                        best.extra = best.extra.min(measured.extra);
                    }
                    None => *best = Some(measured),
                }
            }
        }
        let names: Vec<&str> = asked.iter().map(|asked| asked.words[0].as_str()).collect();
        let seconds = started.elapsed().as_secs_f64();
        say(&format!("{} in {seconds:.1} s", names.join(", ")));
        Ok(best.map(Option::unwrap_or_default))
    }
}

/// Tells how far it is.
pub fn say(words: &str) {
    eprintln!("bench-compare: {words}");
}
