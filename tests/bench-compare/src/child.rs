//! A measurement in a process of its own: this program again, with a subcommand.

use crate::measure;
use serde::{Deserialize, Serialize};
use sessionlog_bench::Error;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The subcommand by which a measurement is asked for.
pub const SUBCOMMAND: &str = "measure";

/// What a measurement found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// How long it took.
    pub seconds: f64,
    /// The process's largest resident set in kilobytes.
    pub peak_kb: u64,
    /// What was counted, so that it can be seen that peers did the same.
    pub count: u64,
    /// Something else that was counted.
    pub extra: f64,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The measurement and its arguments.
    pub words: Vec<String>,
    /// On one CPU only.
    pub one_cpu: bool,
    /// How long it may take.
    pub limit: Duration,
}

impl Asked {
    /// The measurement with these words.
    pub fn new(words: &[&dyn ToString]) -> Self {
        Self {
            words: words.iter().map(|word| word.to_string()).collect(),
            one_cpu: false,
            limit: Duration::from_secs(600),
        }
    }

    /// The same on one CPU.
    pub fn on_one_cpu(mut self) -> Self {
        self.one_cpu = true;
        self
    }

    /// The same within this time.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The command that measures this.
    pub fn command(&self) -> Result<Command, Error> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SUBCOMMAND);
        if self.one_cpu {
            command.arg("--one-cpu");
        }
        command.args(&self.words);
        Ok(command)
    }

    /// Measures it once.
    ///
    /// # Errors
    /// When the process fails, or takes too long.
    pub fn measure(&self) -> Result<Measured, Error> {
        let mut child = self.command()?.stdout(Stdio::piped()).spawn()?;
        let started = Instant::now();
        while child.try_wait()?.is_none() {
            if started.elapsed() > self.limit {
                child.kill()?;
                child.wait()?;
                return Err(format!("stopped after {} s", self.limit.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{}: {}", self.words.join(" "), output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Carries out a measurement and tells what was found.
pub fn run(words: &[String]) -> Result<(), Error> {
    let words = match words.split_first() {
        Some((first, rest)) if first == "--one-cpu" => {
            pin()?;
            rest
        }
        _ => words,
    };
    let mut measured = measure::dispatch(words)?;
    measured.peak_kb = peak_kb()?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// Keeps this process to the CPU that it runs on.
fn pin() -> Result<(), Error> {
    // SAFETY: both calls take what they are given; the set is plain bits, and zero is the empty set.
    let done = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu().max(0) as usize, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    if done == 0 {
        return Ok(());
    }
    Err(std::io::Error::last_os_error().into())
}

fn peak_kb() -> Result<u64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM in /proc/self/status")?.parse()?)
}

/// The system's allocator, which counts when it is told to.
pub struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Begins to count allocations.
pub fn count_allocations() {
    COUNTS.store(true, Ordering::Relaxed);
}

/// Allocations since.
pub fn allocations() -> u64 {
    COUNTS.store(false, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed)
}

fn count() {
    if COUNTS.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}
