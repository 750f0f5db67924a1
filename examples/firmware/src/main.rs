//! An agent on a Cortex-M4 that keeps its session in NOR flash, and goes on with it after a reset.
//!
//! Runs in QEMU (mps2-an386). The argument is the number of turns to record in this life, or `forever`.
//! `README.md` tells how to run it; `ci/qemu` does so, and cuts the power while it writes.
#![no_std]
#![no_main]

mod agent;
mod flash;
mod host;
mod witness;

use agent::{Agent, Failure};
use cortex_m as _; // Critical sections.
use cortex_m_rt::entry;
use defmt_semihosting as _; // What `defmt` writes goes to the host.
use flash::{FileFlash, SIZE};
use semihosting::process::ExitCode;
use sessionlog_core::flash::{FlashLog, Geometry, Options};
use witness::Witness;

#[entry]
fn main() -> ! {
    let turns = host::turns();
    match run(turns) {
        Ok(()) => ExitCode::SUCCESS.exit_process(),
        Err(failure) => {
            defmt::error!("{}", failure);
            ExitCode::FAILURE.exit_process()
        }
    }
}

/// One life of the device: from power-on until `turns` turns are recorded.
fn run(turns: u32) -> Result<(), Failure> {
    let geometry = Geometry::new::<FileFlash>(0..SIZE, flash::BLOCK).map_err(Failure::Geometry)?;
    let flash = FileFlash::open(host::IMAGE)?;
    let log = FlashLog::mount(flash, geometry, Options::default())?;
    defmt::info!(
        "mounted: {} blocks of {} bytes, a session of {} bytes",
        geometry.blocks(),
        geometry.block_size(),
        log.len()
    );
    let log = Witness::new(log, host::ACKS)?;
    let mut window = [0; agent::WINDOW];
    let mut agent = Agent::start(log, &mut window)?;
    for _ in 0..turns {
        agent.turn()?;
    }
    agent.report()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    ExitCode::from(101).exit_process()
}

#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    ExitCode::from(102).exit_process()
}
