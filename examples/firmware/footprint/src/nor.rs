//! Flash that can be read like memory: RAM that nothing else uses. A real driver is no smaller, but is not weighed here.
//! Volatile, and programmed by words, as a controller's registers are: it links no copying routine.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// The second of the machine's four MiB of RAM; `memory.x` gives none of it to the linker.
const BASE: usize = 0x2010_0000;

/// Bytes of flash.
pub const SIZE: u32 = 64 * 1024;

/// Bytes that are erased at once.
pub const BLOCK: u32 = 4096;

/// The flash.
pub struct Nor;

/// An address beyond its end.
#[derive(Clone, Copy, Debug)]
pub struct OutOfBounds;

impl NorFlashError for OutOfBounds {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl ErrorType for Nor {
    type Error = OutOfBounds;
}

fn place(offset: u32, len: usize) -> Result<*mut u8, OutOfBounds> {
    let end = (offset as usize).checked_add(len);
    match end {
        Some(end) if end <= SIZE as usize => Ok(core::ptr::without_provenance_mut(
            BASE.wrapping_add(offset as usize),
        )),
        _ => Err(OutOfBounds),
    }
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    #[inline(never)]
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        let from = place(offset, bytes.len())?;
        for (index, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: nothing else uses this memory, and the range has been checked.
            *byte = unsafe { from.wrapping_add(index).read_volatile() };
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        SIZE as usize
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = BLOCK as usize;

    #[inline(never)]
    fn erase(&mut self, from: u32, to: u32) -> Result<(), OutOfBounds> {
        let len = to.saturating_sub(from) as usize;
        let at = place(from, len)?;
        let at = at.cast::<u32>();
        for index in 0..len / 4 {
            // SAFETY: as above; blocks begin at a word's border.
            unsafe { at.wrapping_add(index).write_volatile(u32::MAX) };
        }
        Ok(())
    }

    #[inline(never)]
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let to = place(offset, bytes.len())?;
        let to = to.cast::<u32>();
        let (words, _) = bytes.as_chunks::<{ Nor::WRITE_SIZE }>();
        for (index, word) in words.iter().enumerate() {
            // SAFETY: as above; what is programmed begins at a word's border.
            unsafe {
                to.wrapping_add(index)
                    .write_volatile(u32::from_ne_bytes(*word))
            };
        }
        Ok(())
    }
}
