//! Streaming JSON: writing over [`embedded_io::Write`] and bounded scanning.

mod number;
pub(crate) mod pen;
pub mod scan;
pub mod ser;
mod text;
pub mod write;

pub use ser::{JsonSerializer, to_writer};
pub use write::{JsonWriteError, JsonWriter, WriteError};
