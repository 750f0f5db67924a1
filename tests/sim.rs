//! Simulated storage.

pub mod flash;
pub mod memory;
