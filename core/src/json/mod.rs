//! Streaming JSON: writing over [`embedded_io::Write`] and bounded scanning.

pub mod scan;
mod text;
