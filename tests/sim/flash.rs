//! NOR flash that is as bad as NOR flash can be.
//!
//! A word is programmed once per erase, everything is aligned, and nothing lies outside: a breach is a panic, since
//! it is the caller's fault. Power can go after any step, a step being a byte of a program or a quarter of an erase.
//! A program that is cut short leaves a prefix, or anything between what was there and what was to be there; some of
//! its bits then read differently each time, those that seem untouched included. An erase that is cut short leaves
//! anything at all. Only a whole erase makes such bits sound again.

use crate::load::Rng;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;

/// Steps that an erase takes.
pub const ERASE_STEPS: u64 = 4;

/// How an interrupted program leaves its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tearing {
    /// As many whole bytes as steps were left; the rest untouched.
    #[default]
    Prefix,
    /// Each bit as it was or as it was to be, and some of them unsound.
    Irregular,
    /// As it was to be, or as it was: it cannot be seen that the program was cut short, but bits of it are unsound.
    Unseen,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `read`, and their bytes.
    pub reads: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Calls of `write`.
    pub programs: u64,
    /// Bytes programmed.
    pub bytes_programmed: u64,
    /// Erase units erased.
    pub erases: u64,
    /// Reads of what may be a block header: the first bytes of an erase unit.
    pub header_reads: u64,
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no power.
    NoPower,
    /// It was told to.
    Told,
}

impl NorFlashError for Failure {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// The chip.
#[derive(Clone, Debug)]
pub struct Chip {
    bytes: Vec<u8>,
    /// Bytes that must not be programmed before they are erased.
    used: Vec<bool>,
    /// Bits that read differently each time.
    unsound: Vec<u8>,
    any_unsound: bool,
    random: Rng,
    /// Steps until power goes.
    left: Option<u64>,
    powered: bool,
    /// How a program is torn.
    pub tearing: Tearing,
    /// What was done so far.
    pub counts: Counts,
    /// Programs to come until one is left out although it is said to have worked: a broken chip, for testing tests.
    pub drop_program: Option<u64>,
    /// Programs and erases to come until one fails, leaving anything, without power going.
    pub fail: Option<u64>,
}

impl Chip {
    /// An erased chip.
    pub fn new(size: usize, seed: u64) -> Self {
        Chip {
            bytes: vec![0xff; size],
            used: vec![false; size],
            unsound: vec![0; size],
            any_unsound: false,
            random: Rng::new(seed),
            left: None,
            powered: true,
            tearing: Tearing::default(),
            counts: Counts::default(),
            drop_program: None,
            fail: None,
        }
    }

    /// A chip that holds an image.
    pub fn holding(image: &[u8]) -> Self {
        let mut chip = Self::new(image.len(), 0);
        chip.bytes.copy_from_slice(image);
        chip.used.fill(true);
        chip
    }

    /// What it holds; unsound bits as they read at worst.
    pub fn image(&self) -> &[u8] {
        &self.bytes
    }

    /// What it holds, for meddling.
    pub fn image_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Power goes after so many steps.
    pub fn cut_after(&mut self, steps: u64) {
        self.left = Some(steps);
    }

    /// Steps that are left; `None` when power does not go.
    pub fn steps_left(&self) -> Option<u64> {
        self.left
    }

    /// Power is back, for good.
    pub fn power_on(&mut self) {
        self.left = None;
        self.powered = true;
    }

    /// Power has gone.
    pub fn is_off(&self) -> bool {
        !self.powered
    }

    /// Starts the arbitrary choices anew.
    pub fn reseed(&mut self, seed: u64) {
        self.random = Rng::new(seed);
    }

    /// Takes the steps of an operation; the number that could be done when power goes in between.
    fn step(&mut self, steps: u64) -> Option<u64> {
        let left = self.left.as_mut()?;
        if *left >= steps {
            *left -= steps;
            return None;
        }
        let done = *left;
        *left = 0;
        self.powered = false;
        Some(done)
    }

    fn fails(&mut self) -> bool {
        match &mut self.fail {
            Some(0) => {
                self.fail = None;
                true
            }
            Some(n) => {
                *n -= 1;
                false
            }
            None => false,
        }
    }

    fn upset(&mut self, at: usize, mask: u8) {
        self.unsound[at] |= mask;
        self.any_unsound |= mask != 0;
    }

    fn tear(&mut self, at: usize, bytes: &[u8], done: usize) {
        let whole = self.tearing == Tearing::Prefix;
        let seen = self.random.below(2) == 0;
        for (n, byte) in bytes.iter().enumerate() {
            let place = at + n;
            match self.tearing {
                Tearing::Prefix if n < done => self.bytes[place] &= byte,
                Tearing::Prefix => {}
                Tearing::Irregular => {
                    let [which, a, b, ..] = self.random.number().to_le_bytes();
                    self.bytes[place] &= byte | which;
                    self.upset(place, a & b & which);
                }
                Tearing::Unseen => {
                    if seen {
                        self.bytes[place] &= byte;
                    }
                    let rare = self.random.below(8) == 0;
                    let mask = if rare { 1 << self.random.below(8) } else { 0 };
                    self.upset(place, mask);
                }
            }
            if !whole || n < done {
                self.used[place] = true;
            }
        }
    }

    fn tear_erase(&mut self, from: usize, to: usize) {
        let kind = self.random.below(4);
        for at in from..to {
            let old = self.bytes[at];
            let [a, b, c, d, ..] = self.random.number().to_le_bytes();
            match kind {
                // Hardly begun.
                0 => self.bytes[at] = if a < 4 { old | b } else { old },
                // Half way, unevenly.
                1 => self.bytes[at] = old | a,
                // Hardly anything left of it.
                2 => self.bytes[at] = old | a | b | c,
                // Any state.
                _ => self.bytes[at] = a,
            }
            self.used[at] = true;
            let mask = if d < 16 { 1 << (c % 8) } else { 0 };
            self.upset(at, mask);
        }
    }
}

/// A driver of the chip; clones share it. `R`, `W` and `E` are the sizes that it reads, programs and erases.
#[derive(Clone, Debug)]
pub struct Flash<const R: usize, const W: usize, const E: usize>(Rc<RefCell<Chip>>);

impl<const R: usize, const W: usize, const E: usize> Flash<R, W, E> {
    /// A driver of this chip.
    pub fn new(chip: Chip) -> Self {
        Flash(Rc::new(RefCell::new(chip)))
    }

    /// The chip, for looking.
    pub fn chip(&self) -> Ref<'_, Chip> {
        self.0.borrow()
    }

    /// The chip, for meddling.
    pub fn chip_mut(&self) -> RefMut<'_, Chip> {
        self.0.borrow_mut()
    }
}

impl<const R: usize, const W: usize, const E: usize> ErrorType for Flash<R, W, E> {
    type Error = Failure;
}

impl<const R: usize, const W: usize, const E: usize> ReadNorFlash for Flash<R, W, E> {
    const READ_SIZE: usize = R;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        let at = offset as usize;
        assert!(
            at.is_multiple_of(R) && bytes.len().is_multiple_of(R),
            "read of {} bytes at {at}, in words of {R}",
            bytes.len()
        );
        let mut chip = self.0.borrow_mut();
        assert!(at + bytes.len() <= chip.bytes.len(), "read beyond the end");
        if !chip.powered {
            return Err(Failure::NoPower);
        }
        chip.counts.reads += 1;
        chip.counts.bytes_read += bytes.len() as u64;
        chip.counts.header_reads += u64::from(at.is_multiple_of(E));
        bytes.copy_from_slice(&chip.bytes[at..at + bytes.len()]);
        if chip.any_unsound {
            for (n, byte) in bytes.iter_mut().enumerate() {
                let mask = chip.unsound[at + n];
                if mask != 0 {
                    *byte ^= mask & chip.random.number() as u8;
                }
            }
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.borrow().bytes.len()
    }
}

impl<const R: usize, const W: usize, const E: usize> NorFlash for Flash<R, W, E> {
    const WRITE_SIZE: usize = W;
    const ERASE_SIZE: usize = E;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        let (from, to) = (from as usize, to as usize);
        assert!(
            from.is_multiple_of(E) && to.is_multiple_of(E) && from <= to,
            "erase of {from}..{to}, in units of {E}"
        );
        let mut chip = self.0.borrow_mut();
        assert!(to <= chip.bytes.len(), "erase beyond the end");
        if !chip.powered {
            return Err(Failure::NoPower);
        }
        if chip.step(ERASE_STEPS).is_some() {
            chip.tear_erase(from, to);
            return Err(Failure::NoPower);
        }
        if chip.fails() {
            chip.tear_erase(from, to);
            return Err(Failure::Told);
        }
        chip.counts.erases += ((to - from) / E) as u64;
        chip.bytes[from..to].fill(0xff);
        chip.used[from..to].fill(false);
        chip.unsound[from..to].fill(0);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        let at = offset as usize;
        assert!(
            at.is_multiple_of(W) && bytes.len().is_multiple_of(W),
            "program of {} bytes at {at}, in words of {W}",
            bytes.len()
        );
        let mut chip = self.0.borrow_mut();
        let to = at + bytes.len();
        assert!(to <= chip.bytes.len(), "program beyond the end");
        if !chip.powered {
            return Err(Failure::NoPower);
        }
        let first = chip.used[at..to].iter().position(|used| *used);
        assert!(
            first.is_none(),
            "byte {:?} programmed twice",
            first.map(|n| at + n)
        );
        if let Some(done) = chip.step(bytes.len() as u64) {
            chip.tear(at, bytes, done as usize);
            return Err(Failure::NoPower);
        }
        if chip.fails() {
            let done = chip.random.below(bytes.len() as u64 + 1);
            chip.tear(at, bytes, done as usize);
            return Err(Failure::Told);
        }
        chip.counts.programs += 1;
        chip.counts.bytes_programmed += bytes.len() as u64;
        let dropped = match &mut chip.drop_program {
            Some(0) => true,
            Some(n) => {
                *n -= 1;
                false
            }
            None => false,
        };
        if dropped {
            chip.drop_program = None;
        } else {
            chip.bytes[at..to].copy_from_slice(bytes);
        }
        chip.used[at..to].fill(true);
        Ok(())
    }
}
