//! Session log for LLM agents on files.

pub mod pricing;
pub mod sanitize;
