//! Session log for LLM agents on files.
//!
//! - [`SessionStore`]: a directory of sessions, and what a list of them shows.
//! - [`open_for_writing`], [`WriterLock`]: one writer at a time, any number of readers.
//! - [`FileStorage`], [`SystemClock`]: what `sessionlog_core`'s journal needs of the world.
//! - [`SessionLog`]: a session, read whole: its tip, branch, context, sums and damage.
//! - [`pricing`]: what a model costs.
//! - [`sanitize`]: text from a session made safe to show.

pub mod clock;
mod error;
mod files;
pub mod header;
pub mod io;
pub mod lock;
pub mod pricing;
pub mod reader;
pub mod sanitize;
mod scan;
pub mod store;

pub use clock::SystemClock;
pub use error::Error;
pub use header::{HeaderFault, HeaderInfo};
pub use io::FileStorage;
pub use lock::{LockError, WriterLock, open_for_writing};
pub use reader::SessionLog;
pub use store::{CreatedFile, SessionInfo, SessionStore};
