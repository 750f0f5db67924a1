//! What the images share: a flash, a clock, and the uses of the log that are weighed. No reporting, no formatting.
#![no_std]

mod nor;
pub mod uses;

pub use nor::{Nor, SIZE};

use sessionlog_core::{Clock, Timestamp, flash::FlashLog, journal::Journal, record::IdHash};

/// The journal as a device would have it: bounds as the defaults are, ids as hashes, the flash log in a place of its own.
pub type Log = Journal<&'static mut FlashLog<Nor>, Ticks, 16, IdHash>;

/// A clock that goes on by a second whenever it is looked at.
pub struct Ticks(pub i64);

impl Clock for Ticks {
    fn now(&mut self) -> Timestamp {
        self.0 = self.0.wrapping_add(1000);
        Timestamp::from_unix_ms(self.0)
    }
}

/// Where a panic would end: `ci/size` sees to it that no image links one.
#[cfg(not(feature = "measure"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
