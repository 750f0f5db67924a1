//! Everything that a device does: mount, create or resume, append, end a turn, compact, reclaim.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use sessionlog_core::flash::FlashLog;
use sessionlog_footprint::{
    Log, Nor,
    uses::{self, Window},
};

static mut LOG: Option<Log> = None;
static mut FLASH: Option<FlashLog<Nor>> = None;
static mut WINDOW: Window = [0; 256];

#[entry]
fn main() -> ! {
    // SAFETY: only this function, which runs once, uses them.
    let (place, window) = unsafe {
        (
            &mut *core::ptr::addr_of_mut!(LOG),
            &mut *core::ptr::addr_of_mut!(WINDOW),
        )
    };
    black_box(run(place, window));
    loop {}
}

fn run(place: &mut Option<Log>, window: &mut Window) -> Option<()> {
    // SAFETY: the journal that used it is gone when it is lent anew.
    let flash = || unsafe { &mut *core::ptr::addr_of_mut!(FLASH) };
    if uses::resume(place, flash(), window).is_none() {
        uses::create(place, flash())?;
    }
    let log = place.as_mut()?;
    uses::append(log)?;
    uses::end_turn(log)?;
    uses::compact(log, window)?;
    uses::reclaim(log, window)
}
