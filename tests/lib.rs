//! Shared test support.

pub use sessionlog_reference::{generate, model, outcome, seen};

pub mod load;
pub mod program;
pub mod properties;
pub mod sim;
pub mod vectors;
