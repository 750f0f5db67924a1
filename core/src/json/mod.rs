//! Streaming JSON: writing over [`embedded_io::Write`] and bounded scanning.

pub mod scan;
mod text;
pub mod ser;
pub mod write;

pub use ser::{JsonSerializer, to_writer};
pub use write::{JsonWriteError, JsonWriter, WriteError};
