//! How results look: pure functions from values to text, for people.
//!
//! Every text from a session goes through [`sessionlog::sanitize`] here.

mod content;
pub(crate) mod conversation;
pub(crate) mod format;
pub(crate) mod heading;
pub(crate) mod list;
pub(crate) mod spending;
pub(crate) mod spent;
mod styles;
pub(crate) mod table;
pub(crate) mod tree;
pub(crate) mod usage;
mod wrap;

pub(crate) use format::Times;
pub(crate) use styles::Styles;
