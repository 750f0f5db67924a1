//! A journal that only records: mount, create, append, end a turn.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use sessionlog_footprint::{Log, uses};

static mut LOG: Option<Log> = None;

#[entry]
fn main() -> ! {
    // SAFETY: only this function, which runs once, uses it.
    let place = unsafe { &mut *core::ptr::addr_of_mut!(LOG) };
    black_box(run(place));
    loop {}
}

fn run(place: &mut Option<Log>) -> Option<()> {
    uses::create(place)?;
    let log = place.as_mut()?;
    uses::append(log)?;
    uses::end_turn(log)
}
