//! opi 0.5: its reader, its context, its coordinator.

use opi_agent::{
    compaction::CompactionConfig,
    message::AgentMessage,
    session::{SessionEntry, SessionHeader, SessionReader},
};
use opi_coding_agent::{session_cli::reconstruct_context, session_coordinator::SessionCoordinator};
use sessionlog_bench::Error;
use std::path::Path;

/// It never compacts by itself here.
pub const CONFIG: CompactionConfig = CompactionConfig {
    enabled: false,
    threshold_tokens: u64::MAX,
};

/// Header and entries.
pub fn read(path: &Path) -> Result<(SessionHeader, Vec<SessionEntry>), Error> {
    let (header, entries, _) = SessionReader::read_with_recovery(path)?;
    Ok((header, entries))
}

/// Reads the session, makes the context, and opens it for writing.
pub fn resume(path: &Path) -> Result<(Vec<AgentMessage>, SessionCoordinator), Error> {
    let (header, entries) = read(path)?;
    let context = reconstruct_context(&entries);
    let coordinator = SessionCoordinator::open_existing(
        path.to_owned(),
        header.id,
        &entries,
        context.len(),
        CONFIG,
        "claude-sonnet-4-5",
    )?;
    Ok((context, coordinator))
}
