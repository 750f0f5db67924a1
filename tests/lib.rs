//! Shared test support.

pub mod generate;
pub mod load;
pub mod model;
pub mod outcome;
pub mod program;
pub mod properties;
pub mod seen;
pub mod sim;
pub mod vectors;
