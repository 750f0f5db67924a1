//! How results look: pure functions from values to text, for people.
//!
//! Every text from a session goes through [`sessionlog::sanitize`] here.

mod content;
mod conversation;
mod format;
mod list;
mod styles;
mod table;
mod tree;
mod usage;

pub(crate) use styles::Styles;
