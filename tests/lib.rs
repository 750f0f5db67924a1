//! Shared test support.

pub mod generate;
pub mod model;
pub mod vectors;
