//! The integration tests, one binary.

/// Forward and reverse replay against each other and against the reference reader.
mod replay;
