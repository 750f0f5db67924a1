//! Simulated storage.

pub mod disk;
pub mod flash;
pub mod flashlog;
pub mod memory;
