//! Simulated storage.

pub mod disk;
pub mod memory;
