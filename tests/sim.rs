//! Simulated storage.

pub mod flash;
pub mod flashlog;
pub mod memory;
