//! Simulated storage.

pub mod memory;
