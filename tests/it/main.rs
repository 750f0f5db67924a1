//! The core and the library from outside, in one binary.

/// The fuzz targets' properties on their checked-in seeds.
mod corpus;
/// The example programs and the session that is kept beside them.
mod examples;
/// The flash log: costs, and the journal on it.
mod flash;
/// The flash log through losses of power at every step.
mod flash_power;
/// The framer and the reference reader on generated files.
mod framing;
/// Repair, copy and check of damaged files, against the reference reader.
mod repair;
/// Forward and reverse replay against each other and against the reference reader.
mod replay;
/// What a session records of itself, against the reference reader.
mod sums;
/// The framer on every conformance vector.
mod vectors;
