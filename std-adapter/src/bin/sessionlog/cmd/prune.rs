//! `prune`: old sessions into an archive.

use crate::args::Global;
use crate::args::prune::Prune;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{bytes, count};
use serde::Serialize;
use sessionlog::clock::timestamp_of;
use sessionlog::prune::{ARCHIVE, Rules, choose, put_away};
use sessionlog::sanitize;
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
    let store = super::existing_store(global)?;
    let rules = Rules {
        older_than: args.older_than,
        keep: args.keep,
        max_bytes: args.max_size,
    };
    let archive = match &args.archive {
        Some(dir) => dir.clone(),
        None => store.dir().join(ARCHIVE),
    };
    let chosen = choose(store.list()?, &rules, SystemTime::now());
    let times = super::times();
    let (mut done, mut total, mut failed) = (0, 0, false);
    for (session, reason) in chosen {
        let moved = args.apply.then(|| put_away(&session.path, &archive));
        let error = match &moved {
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        };
        failed |= error.is_some();
        if error.is_none() {
            done += 1;
            total += session.bytes;
        }
        if out.json {
            out.json(&Line {
                id: &session.id,
                path: super::path_text(&session.path),
                bytes: session.bytes,
                modified: timestamp_of(session.modified).to_string(),
                reason: reason.name(),
                archived: moved
                    .and_then(Result::ok)
                    .map(|path| super::path_text(&path)),
                error,
            })?;
            continue;
        }
        match error {
            Some(error) => out.error(format_args!("{error}")),
            None => out.line(format_args!(
                "{}  {}  {}  {}",
                sanitize::field(&session.id),
                times.age(timestamp_of(session.modified)),
                bytes(session.bytes),
                reason.name()
            ))?,
        }
    }
    if !out.json {
        let sessions = count(done, "session", "sessions");
        let (size, dir) = (bytes(total), archive.display());
        match (done, args.apply) {
            (0, _) if !failed => out.note(format_args!("Nothing is to be put away.")),
            (_, true) => out.note(format_args!("{sessions}, {size}, moved to {dir}")),
            (_, false) => out.note(format_args!(
                "{sessions}, {size}, would be moved to {dir}; --apply does it"
            )),
        }
    }
    match failed {
        true => Err(Failure::Found),
        false => Ok(()),
    }
}
