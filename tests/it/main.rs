//! The core and the library from outside, in one binary.

/// The example programs and the session that is kept beside them.
mod examples;
/// The framer and the reference reader on generated files.
mod framing;
/// Forward and reverse replay against each other and against the reference reader.
mod replay;
/// What the framer tells of a file, and what the reference reader does, in the same words.
mod seen;
/// What a session records of itself, against the reference reader.
mod sums;
/// The framer on every conformance vector.
mod vectors;
