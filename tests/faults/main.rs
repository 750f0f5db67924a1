//! The fault campaign: what `docs/durability.md` promises, tried with the real faults. `docs/reliability.md` tells the outcome.
//!
//! Short by default, long with `SESSIONLOG_FAULTS=long`; `ci/faults` and `ci/faults --long` run it and show what each test counted.

#![cfg(unix)]

/// No space, limits, I/O errors.
mod full;
/// Sessions that hung, crashed or silently shortened other readers.
mod hard;
/// SIGKILL at random moments.
mod kill;
/// Loss of power while files come and go.
mod names;
/// Loss of power, on a simulated disk.
mod power;
/// Processes, seeds, counts: what the others share.
mod support;
/// Every torn length, every damaged byte.
mod torn;
/// Races, readers, followers, crowds.
mod writers;
