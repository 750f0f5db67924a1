//! A journal that only records: mount, create, append, end a turn.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use sessionlog_footprint::uses;

#[entry]
fn main() -> ! {
    black_box(run());
    loop {}
}

fn run() -> Option<()> {
    let log = uses::create()?;
    uses::append(log)?;
    uses::end_turn(log)
}
