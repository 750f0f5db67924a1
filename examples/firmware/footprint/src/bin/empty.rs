//! Nothing but the vector table and the reset handler: what is taken off the other images' weight.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use sessionlog_footprint as _;

#[entry]
fn main() -> ! {
    loop {}
}
