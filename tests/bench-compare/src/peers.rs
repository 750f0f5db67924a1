//! What others do with the same content.

pub mod opi;
pub mod sqlite;
