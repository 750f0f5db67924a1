//! Everything that a device does: mount, create or resume, append, end a turn, compact, reclaim.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use sessionlog_footprint::uses::{self, Window};

static mut WINDOW: Window = [0; 256];

#[entry]
fn main() -> ! {
    // SAFETY: only this function, which runs once, uses it.
    let window = unsafe { &mut *core::ptr::addr_of_mut!(WINDOW) };
    black_box(run(window));
    loop {}
}

fn run(window: &mut Window) -> Option<()> {
    let log = match uses::resume(window) {
        Some(log) => log,
        None => uses::create()?,
    };
    uses::append(log)?;
    uses::end_turn(log)?;
    uses::compact(log, window)?;
    uses::reclaim(log, window)
}
