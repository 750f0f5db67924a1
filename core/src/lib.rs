//! Append-only, crash-safe, branchable, compactable session log for LLM agents.
#![no_std]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::std_instead_of_core,
        clippy::std_instead_of_alloc
    )
)]

#[cfg(test)]
extern crate std;

pub mod compaction;
pub mod cost;
pub mod crc;
#[cfg(feature = "serde-json-core")]
pub mod decode;
pub mod id;
pub mod journal;
pub mod json;
pub mod payload;
pub mod record;
pub mod recovery;
pub mod replay;
pub mod time;
pub mod usage;

pub use cost::{Cost, PicoUsd, Price};
pub use id::{EntryId, IdKind, IdTooLong, MAX_ID_LEN, Sequence};
pub use time::{Clock, Timestamp};
pub use usage::{Usage, UsageTotals};
