//! Session log for LLM agents on files.
//!
//! - [`Session`]: a session open for writing.
//! - [`SessionStore`]: a directory of sessions, and what a list of them shows.
//! - [`open_for_writing`], [`WriterLock`]: one writer at a time, any number of readers.
//! - [`FileStorage`], [`SystemClock`]: what `sessionlog_core`'s journal needs of the world.
//! - [`pricing`]: what a model costs.
//! - [`sanitize`]: text from a session made safe to show.

pub mod clock;
mod error;
mod files;
pub mod header;
pub mod io;
pub mod lock;
pub mod pricing;
pub mod sanitize;
pub mod session;
pub mod store;

pub use clock::SystemClock;
pub use error::Error;
pub use header::{HeaderFault, HeaderInfo};
pub use io::FileStorage;
pub use lock::{LockError, WriterLock, open_for_writing};
pub use session::{ContextBody, ContextEntry, NewSession, Session};
pub use store::{CreatedFile, SessionInfo, SessionStore};
