//! A session's branches.

use super::time;
use crate::{child::Measured, peers};
use sessionlog::{SessionLog, SessionTree};
use sessionlog_bench::Error;
use std::path::Path;

pub fn ours(path: &Path) -> Result<Measured, Error> {
    let (mut measured, (tree, _log)) = time(|| {
        let log = SessionLog::open(path)?;
        let tree = SessionTree::of(&log)?;
        Ok((tree, log))
    })?;
    measured.count = tree.branches().len() as u64;
    Ok(measured)
}

pub fn opi(path: &Path) -> Result<Measured, Error> {
    let (mut measured, (tree, _entries)) = time(|| {
        let (_, entries) = peers::opi::read(path)?;
        let tree = opi_agent::session_branch::SessionTree::from_entries(&entries);
        Ok((tree, entries))
    })?;
    measured.count = tree.branches().len() as u64;
    Ok(measured)
}
