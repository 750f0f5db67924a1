//! `prune`: old sessions into an archive.

use crate::args::Global;
use crate::args::prune::Prune;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{bytes, count};
use serde::Serialize;
use sessionlog::clock::timestamp_of;
use sessionlog::prune::{ARCHIVE, Rules, choose, compacted, going_with, put_away, split_off};
use sessionlog::{Error, sanitize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A line of `prune --json`.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    path: String,
    bytes: u64,
    modified: String,
    reason: &'static str,
    archived: Option<String>,
    error: Option<String>,
}

pub(crate) fn run(args: &Prune, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let mut sum = Sum::default();
    let store = match args.sessions.is_empty() {
        true => Some(super::existing_store(global)?),
        false => None,
    };
    let mut compacted = Vec::new();
    if let Some(store) = &store {
        let rules = Rules {
            older_than: args.older_than,
            keep: args.keep,
            max_bytes: args.max_size,
        };
        let archive = archive(args, store.dir());
        let sessions = store.list()?;
        if args.compacted {
            compacted.extend(sessions.iter().map(|session| session.path.clone()));
        }
        let mut gone = HashSet::new();
        for (session, reason) in choose(sessions, &rules, SystemTime::now()) {
            compacted.retain(|path| *path != session.path);
            if gone.contains(&session.path) {
                continue;
            }
            let histories = going_with(&session.path, &archive);
            let lens = histories.iter().filter_map(|path| path.metadata().ok());
            let what = Away {
                id: &session.id,
                path: &session.path,
                bytes: session.bytes + lens.map(|there| there.len()).sum::<u64>(),
                modified: session.modified,
                reason: reason.name(),
                histories: histories.len(),
            };
            compacted.retain(|path| !histories.contains(path));
            gone.extend(histories);
            let moved = args.apply.then(|| put_away(&session.path, &archive));
            sum.add(&what, moved, out)?;
        }
    }
    for spec in &args.sessions {
        compacted.push(super::find(spec, global)?);
    }
    let progress = out.progress("Reading", None);
    for path in compacted {
        split(args, &path, &mut sum, out)?;
    }
    drop(progress);
    if !out.json {
        let things = count(sum.done, "session", "sessions");
        let size = bytes(sum.bytes);
        let dir = match (&store, &args.archive) {
            (_, Some(dir)) => dir.display().to_string(),
            (Some(store), None) => store.dir().join(ARCHIVE).display().to_string(),
            (None, None) => format!("'{ARCHIVE}' beside it"),
        };
        let of = if args.compacted { "of " } else { "in " };
        match (sum.done, args.apply) {
            (0, _) if !sum.failed => out.note(format_args!("Nothing is to be put away.")),
            (_, true) => out.note(format_args!("{size} {of}{things}, moved to {dir}")),
            (_, false) => out.note(format_args!(
                "{size} {of}{things}, would be moved to {dir}; --apply does it"
            )),
        }
    }
    match sum.failed {
        true => Err(Failure::Found),
        false => Ok(()),
    }
}

fn archive(args: &Prune, dir: &Path) -> PathBuf {
    match &args.archive {
        Some(archive) => archive.clone(),
        None => dir.join(ARCHIVE),
    }
}

/// What is compacted of a session.
fn split(args: &Prune, path: &Path, sum: &mut Sum, out: &mut Output) -> Result<(), Failure> {
    let found = match compacted(path) {
        Ok(Ok(found)) => found,
        Ok(Err(whole)) => {
            if !args.sessions.is_empty() {
                out.note(format_args!("{}: {}", path.display(), whole.words()));
            }
            return Ok(());
        }
        Err(error) => {
            sum.failed = true;
            out.error(format_args!("{error}"));
            return Ok(());
        }
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let archive = archive(args, dir.unwrap_or(Path::new(".")));
    let modified = path.metadata().and_then(|there| there.modified());
    let what = Away {
        id: &found.id,
        path,
        bytes: found.bytes,
        modified: modified.unwrap_or(SystemTime::UNIX_EPOCH),
        reason: "compacted",
        histories: 0,
    };
    sum.add(&what, args.apply.then(|| split_off(path, &archive)), out)
}

/// What is put away.
struct Away<'a> {
    id: &'a str,
    path: &'a Path,
    bytes: u64,
    modified: SystemTime,
    reason: &'static str,
    /// Files of its history that go with it.
    histories: usize,
}

#[derive(Default)]
struct Sum {
    done: u64,
    bytes: u64,
    failed: bool,
}

impl Sum {
    /// Tells of it; `moved` is what came of it, if it was to be done.
    fn add(
        &mut self,
        what: &Away<'_>,
        moved: Option<Result<PathBuf, Error>>,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let error = match &moved {
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        };
        self.failed |= error.is_some();
        if error.is_none() {
            self.done += 1;
            self.bytes += what.bytes;
        }
        let modified = timestamp_of(what.modified);
        if out.json {
            return out.json(&Line {
                id: what.id,
                path: super::path_text(what.path),
                bytes: what.bytes,
                modified: modified.to_string(),
                reason: what.reason,
                archived: moved
                    .and_then(Result::ok)
                    .map(|path| super::path_text(&path)),
                error,
            });
        }
        match error {
            Some(error) => {
                out.error(format_args!("{error}"));
                Ok(())
            }
            None => {
                let with = match what.histories {
                    0 => String::new(),
                    some => format!(
                        "  with {} of its history",
                        count(some as u64, "file", "files")
                    ),
                };
                let age = super::times(out).age(modified);
                out.line(format_args!(
                    "{}  {age}  {}  {}{with}",
                    sanitize::field(what.id),
                    bytes(what.bytes),
                    what.reason
                ))
            }
        }
    }
}
