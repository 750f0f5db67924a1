//! The obvious reader of a session, generated sessions and damage, and what the core makes of them in the same shape.
//!
//! A crate of its own, on the core alone, so that a change to the core is tried within seconds.

pub mod generate;
pub mod model;
pub mod outcome;
pub mod seen;
