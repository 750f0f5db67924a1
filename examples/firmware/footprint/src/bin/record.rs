//! A log without a journal: mount, encode a message, program, sync.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use sessionlog_core::flash::FlashLog;
use sessionlog_footprint::{Nor, uses};

static mut FLASH: Option<FlashLog<Nor>> = None;

fn run() -> Option<()> {
    // SAFETY: only this function, which runs once, uses it.
    let place = unsafe { &mut *core::ptr::addr_of_mut!(FLASH) };
    uses::append_record(uses::mount(place)?, black_box(1))
}

#[entry]
fn main() -> ! {
    black_box(run());
    loop {}
}
