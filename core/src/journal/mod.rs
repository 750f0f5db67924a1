//! The journal: the log's coordinator, generic over storage and clock.

mod storage;

pub use storage::Storage;
