//! A journal that only records: mount, create, append, end a turn.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use sessionlog_core::flash::FlashLog;
use sessionlog_footprint::{Log, Nor, uses};

static mut LOG: Option<Log> = None;
static mut FLASH: Option<FlashLog<Nor>> = None;

#[entry]
fn main() -> ! {
    // SAFETY: only this function, which runs once, uses them.
    let (place, flash) = unsafe {
        (
            &mut *core::ptr::addr_of_mut!(LOG),
            &mut *core::ptr::addr_of_mut!(FLASH),
        )
    };
    black_box(run(place, flash));
    loop {}
}

fn run(place: &mut Option<Log>, flash: &'static mut Option<FlashLog<Nor>>) -> Option<()> {
    uses::create(place, flash)?;
    let log = place.as_mut()?;
    uses::append(log)?;
    uses::end_turn(log)
}
