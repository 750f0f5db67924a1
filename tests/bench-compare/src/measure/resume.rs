//! Resume: open for writing, with the context's payloads and the totals at hand.

use super::time;
use crate::{child::Measured, peers};
use sessionlog::Session;
use sessionlog_bench::Error;
use sessionlog_core::journal::Options;
use std::path::Path;

pub fn ours(path: &Path) -> Result<Measured, Error> {
    let (mut measured, (context, tokens, _session)) = time(|| {
        let mut session = Session::open(path, Options::default())?;
        let context = session.context()?;
        let tokens = session.branch_usage().usage.total_tokens();
        Ok((context, tokens, session))
    })?;
    measured.count = context.len() as u64;
    measured.extra = tokens as f64;
    Ok(measured)
}

pub fn opi(path: &Path) -> Result<Measured, Error> {
    let (mut measured, (context, coordinator)) = time(|| peers::opi::resume(path))?;
    measured.count = context.len() as u64;
    measured.extra = coordinator.usage().as_usage().total_tokens() as f64;
    Ok(measured)
}

pub fn sqlite(path: &Path) -> Result<Measured, Error> {
    let (mut measured, (context, tokens, _connection)) = time(|| peers::sqlite::resume(path))?;
    measured.count = context.len() as u64;
    measured.extra = tokens as f64;
    Ok(measured)
}
