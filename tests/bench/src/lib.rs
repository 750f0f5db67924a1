//! Sessions to measure with, and how to read a file's records.
//!
//! - [`session`]: a realistic session of any size, in our format. The same seed gives the same bytes on every machine.
//! - [`foreign`]: the same content in opi's form.
//! - [`shapes`]: trees of many branches, forks or entries; a torn tail.
//! - [`lines`]: the lines of a file, streamed. [`work`]: our own paths.

pub mod foreign;
pub mod lines;
pub mod rng;
pub mod session;
pub mod shapes;
pub mod text;
pub mod work;

/// What can go wrong while a file is made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The time of the first entry of every session made here: 2026-01-05T08:00:00.000Z.
pub const START_MS: i64 = 1_767_600_000_000;
