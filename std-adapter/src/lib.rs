//! Session log for LLM agents on files.
