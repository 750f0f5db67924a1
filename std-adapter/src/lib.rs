//! Session log for LLM agents on files.
//!
//! - [`SessionCoordinator`]: a session with its compaction policy and its prices.
//! - [`Session`]: a session open for writing.
//! - [`SessionStore`]: a directory of sessions, and what a list of them shows.
//! - [`open_for_writing`], [`WriterLock`]: one writer at a time, any number of readers.
//! - [`FileStorage`], [`SystemClock`]: what `sessionlog_core`'s journal needs of the world.
//! - [`SessionLog`]: a session, read whole: its tip, branch, context, sums and damage.
//! - [`Follower`]: its entries as they are written.
//! - [`SessionTree`]: its branches. [`UsageReport`]: what it used and what that cost.
//! - [`spending`]: the same of many sessions, by day, model, project and the like.
//! - [`verify()`]: is a session whole? [`repair()`]: makes it so. [`fork()`]: a branch as a session of its own.
//! - [`flash`]: images of a device's flash. [`interchange`]: sessions of other agents.
//! - [`prune`]: old sessions put away.
//! - [`pricing`]: what a model costs.
//! - [`redact`]: secrets masked.
//! - [`sanitize`]: text from a session made safe to show.

mod authors;
pub mod clock;
pub mod coordinator;
mod copy;
mod error;
mod files;
pub mod flash;
pub mod follow;
pub mod fork;
pub mod header;
pub mod interchange;
pub mod io;
pub mod lock;
pub mod pricing;
pub mod prune;
pub mod reader;
pub mod redact;
pub mod repair;
pub mod sanitize;
mod scan;
pub mod session;
pub mod spending;
pub mod store;
#[cfg(test)]
mod testing;
pub mod tree;
pub mod usage;
pub mod verify;

pub use clock::SystemClock;
pub use coordinator::SessionCoordinator;
pub use error::Error;
pub use flash::FlashImage;
pub use follow::Follower;
pub use fork::fork;
pub use header::{HeaderFault, HeaderInfo};
pub use io::FileStorage;
pub use lock::{LockError, WriterLock, open_for_writing};
pub use reader::SessionLog;
pub use repair::repair;
pub use session::{ContextBody, ContextEntry, NewSession, Session};
pub use store::{CreatedFile, SessionInfo, SessionStore};
pub use tree::SessionTree;
pub use usage::UsageReport;
pub use verify::{Verification, verify};

/// The README's programs, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
