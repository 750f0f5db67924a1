//! The core and the library from outside, in one binary.

/// The fuzz targets' properties on their checked-in seeds.
mod corpus;
/// The example programs and the session that is kept beside them.
mod examples;
/// The flash log without accidents: a journal lives on it.
mod flash;
/// What the flash log costs.
mod flash_costs;
/// Damaged regions of flash.
mod flash_damage;
/// A journal on the flash log: compaction, reclaiming, sessions, and losses of power.
mod flash_journal;
/// The flash log through losses of power at every step.
mod flash_power;
/// Repair, copy and check of damaged files, against the reference reader.
mod repair;
/// What a session records of itself, against the reference reader.
mod sums;
/// The framer on every conformance vector.
mod vectors;
