//! Append-only, crash-safe, branchable, compactable session log for LLM agents: the core.
//!
//! `no_std`, no alloc, no `unsafe`, no floats in what it decides, no recursion on input, no clock and no I/O but through
//! `embedded-io`'s traits. The same code runs on a microcontroller that logs to flash and on a desktop's disk; the
//! `sessionlog` crate adds files, locks and a command. The format is `FORMAT.md`; its rules are cited as F1 to F30, those of
//! `docs/flash.md` as L1 to L11.
//!
//! - [`journal`]: the coordinator. Begin here: [`journal::Journal`] over your [`journal::Storage`] and [`Clock`].
//! - [`replay`]: from bytes to the branch and its context, backwards in constant memory or forwards in one pass.
//! - [`record`], [`payload`]: what is written and read. [`recovery`]: finding records in damaged bytes.
//! - [`compaction`]: when to compact, and where to cut. [`usage`], [`cost`]: what was spent, in integers.
//! - `flash` (with the feature of that name): a storage on NOR flash.
//! - [`json`]: streaming JSON, written and scanned. [`id`], [`time`], [`crc`]: small things.
//!
//! # Features
//! - `fast`: SIMD checksums and byte search, chosen at run time, for hosts with an operating system.
//! - `defmt`: `defmt::Format` on the public types.
//! - `flash`: a log on NOR flash, over `embedded-storage`'s traits.
//! - `serde-json-core`: typed decoding of a payload into the caller's own types.
//!
//! # Memory
//! A [`journal::Journal`] holds about 2.3 KiB, its scanner included, or 1.8 KiB with ids as [`record::IdHash`]; so reading
//! the log back takes 0.5 KiB of stack besides the calls', and the window that the caller lends (at least 64 bytes);
//! planning a compaction another 0.25 KiB and 16 bytes for each of the `N` messages that it chooses from. Nothing depends on
//! the size of a record or of the log. `docs/footprint.md` has what a Cortex-M4 takes.
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

mod bytes;
pub mod compaction;
pub mod cost;
pub mod crc;
#[cfg(feature = "serde-json-core")]
pub mod decode;
#[cfg(feature = "flash")]
pub mod flash;
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
