//! Measures itself in QEMU: the stack below each use, by painting it, and the instructions of an append.
//!
//! With `-icount shift=0` each instruction takes a nanosecond of the machine's time, and SysTick counts 25 MHz: a tick
//! is 40 instructions, the same number every run.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::entry;
use semihosting::{println, process};
use sessionlog_core::flash::FlashLog;
use sessionlog_footprint::{
    Log, Nor,
    uses::{self, Window},
};

static mut LOG: Option<Log> = None;
static mut FLASH: Option<FlashLog<Nor>> = None;
static mut WINDOW: Window = [0; 256];

/// Bytes below the measuring function that are painted.
const DEPTH: usize = 24 * 1024;

/// A log's frame and window, through which payloads go.
const FRAME_BUFFERS: usize = 2 * 256;

/// Painted bytes that the painting itself may be using.
const MARGIN: usize = 128;

const PAINT: u32 = 0xa5c3_3c5a;

const INSTRUCTIONS_PER_TICK: u32 = 40;

/// Bytes of stack that `run` uses.
#[inline(never)]
fn stack(run: &mut dyn FnMut() -> Option<()>) -> usize {
    let top = cortex_m::register::msp::read() as usize - MARGIN;
    let words = || (top - DEPTH..top).step_by(4).map(|at| at as *mut u32);
    for word in words() {
        // SAFETY: below the stack pointer, within RAM, nothing is kept.
        unsafe { word.write_volatile(PAINT) };
    }
    if run().is_none() {
        println!("a use failed");
        process::exit(1);
    }
    // SAFETY: as above.
    let free = words()
        .take_while(|word| unsafe { word.read_volatile() } == PAINT)
        .count();
    DEPTH + MARGIN - free * 4
}

/// Instructions that `run` takes, to the next 40.
fn instructions(syst: &mut SYST, run: &mut dyn FnMut() -> Option<()>) -> u32 {
    syst.clear_current();
    let before = SYST::get_current();
    let done = black_box(run());
    let after = SYST::get_current();
    if done.is_none() {
        println!("a use failed");
        process::exit(1);
    }
    before.wrapping_sub(after) % (1 << 24) * INSTRUCTIONS_PER_TICK
}

#[entry]
fn main() -> ! {
    let mut core = cortex_m::Peripherals::take().unwrap_or_else(|| process::exit(1));
    core.SYST.set_clock_source(SystClkSource::Core);
    core.SYST.set_reload((1 << 24) - 1);
    core.SYST.enable_counter();
    // SAFETY: only this function, which runs once, uses them.
    let (place, window) = unsafe {
        (
            &mut *core::ptr::addr_of_mut!(LOG),
            &mut *core::ptr::addr_of_mut!(WINDOW),
        )
    };

    erase();
    let ram = size_of::<Log>() + size_of::<FlashLog<Nor>>();
    println!("ram journal {}", ram - FRAME_BUFFERS);
    // SAFETY: whatever used it is gone when it is lent anew.
    let flash = || unsafe { &mut *core::ptr::addr_of_mut!(FLASH) };
    let mut log = uses::mount(flash());
    let mut n = 0;
    let mut put = || {
        n += 1;
        uses::append_record(log.as_mut()?, n)
    };
    println!("stack record {}", stack(&mut || many(&mut put)));
    report("record", &mut core.SYST, &mut put);

    println!(
        "stack mount {}",
        stack(&mut || uses::mount(flash()).map(|log| {
            black_box(log);
        }))
    );
    erase();
    println!(
        "stack create {}",
        stack(&mut || uses::create(place, flash()))
    );
    let log = place.as_mut().unwrap_or_else(|| process::exit(1));
    println!(
        "stack append {}",
        stack(&mut || many(&mut || uses::append(log)))
    );
    report("append", &mut core.SYST, &mut || uses::append(log));
    println!("stack end_turn {}", stack(&mut || uses::end_turn(log)));
    // A record over four blocks: whoever reads it has far blocks to find, with all that reads it on the stack.
    if uses::append_of(log, &long()).is_none() {
        println!("no room for a long record");
        process::exit(1);
    }
    println!(
        "stack compact {}",
        stack(&mut || uses::compact(log, window))
    );
    println!(
        "stack reclaim {}",
        stack(&mut || uses::reclaim(log, window))
    );
    *place = None;
    println!(
        "stack resume {}",
        stack(&mut || uses::resume(place, flash(), window))
    );
    process::exit(0)
}

/// A message of 14 KiB.
#[inline(never)]
fn long() -> [u8; 14 * 1024] {
    const BEFORE: &[u8] = br#"{"role":"user","content":""#;
    const AFTER: &[u8] = br#""}"#;
    let mut payload = [b'.'; 14 * 1024];
    payload[..BEFORE.len()].copy_from_slice(BEFORE);
    let end = payload.len() - AFTER.len();
    payload[end..].copy_from_slice(AFTER);
    payload
}

/// Often enough to open blocks, which goes deepest.
fn many(run: &mut dyn FnMut() -> Option<()>) -> Option<()> {
    (0..64).try_for_each(|_| run())
}

/// The mean and the most of 64 appends; the most is one that opens a block.
fn report(name: &str, syst: &mut SYST, run: &mut dyn FnMut() -> Option<()>) {
    let (mut sum, mut most) = (0, 0);
    for _ in 0..64 {
        let count = instructions(syst, run);
        sum += count;
        most = most.max(count);
    }
    println!("instructions {name} {}", sum / 64);
    println!("instructions {name}_most {most}");
}

fn erase() {
    use embedded_storage::nor_flash::NorFlash;
    if sessionlog_footprint::Nor
        .erase(0, sessionlog_footprint::SIZE)
        .is_err()
    {
        process::exit(1);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::exit(101)
}
