//! A log without a journal: mount, encode a message, program, sync.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use sessionlog_footprint::uses;

fn run() -> Option<()> {
    let mut log = uses::mount()?;
    uses::append_record(&mut log, black_box(1))
}

#[entry]
fn main() -> ! {
    black_box(run());
    loop {}
}
