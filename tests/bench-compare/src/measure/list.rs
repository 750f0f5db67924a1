//! A list of sessions.

use super::time;
use crate::child::Measured;
use sessionlog::SessionStore;
use sessionlog_bench::Error;
use std::path::Path;

pub fn ours(dir: &Path) -> Result<Measured, Error> {
    let (mut measured, sessions) = time(|| Ok(SessionStore::at(dir).list()?))?;
    measured.count = sessions.len() as u64;
    measured.extra = sessions.iter().filter(|s| s.header.is_err()).count() as f64;
    Ok(measured)
}

pub fn opi(dir: &Path) -> Result<Measured, Error> {
    let list = opi_coding_agent::session_cli::list_sessions;
    let (mut measured, sessions) = time(|| Ok(list(dir)?))?;
    measured.count = sessions.len() as u64;
    Ok(measured)
}
