//! Flash that can be read like memory: RAM that nothing else uses. A real driver is no smaller, but is not weighed here.

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
        // SAFETY: nothing else uses this memory, and the range has been checked.
        unsafe { core::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
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
        // SAFETY: as above.
        unsafe { core::ptr::write_bytes(at, 0xff, len) };
        Ok(())
    }

    #[inline(never)]
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let to = place(offset, bytes.len())?;
        // SAFETY: as above.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok(())
    }
}
