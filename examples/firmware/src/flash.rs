//! A NOR flash chip whose content is a file of the host, so that it outlives the machine.
//!
//! It behaves as a chip does that loses power: words are programmed one after the other, so what a cut leaves of a
//! program is a prefix; an erase goes page by page, so a cut leaves a block half erased. A word that is programmed twice
//! without an erase in between is an error, as on chips that keep a checksum of each word.

use core::ffi::CStr;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use semihosting::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
};

/// Bytes of flash.
pub(crate) const SIZE: u32 = 64 * 1024;

/// Bytes that are erased at once: a block of the log.
pub(crate) const BLOCK: u32 = 4096;

const WORD: usize = 4;
const PAGE: usize = 256;

/// Why the flash failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, defmt::Format)]
pub(crate) enum Fault {
    /// The host's file cannot be opened, read or written, or its size is not the chip's.
    File,
    /// A word is to be programmed that has not been erased.
    NotErased,
    /// An address beyond the chip, or within a word or block.
    Address,
}

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Fault::File | Fault::NotErased => NorFlashErrorKind::Other,
            Fault::Address => NorFlashErrorKind::NotAligned,
        }
    }
}

impl From<semihosting::io::Error> for Fault {
    fn from(_: semihosting::io::Error) -> Self {
        Fault::File
    }
}

/// The chip.
pub(crate) struct FileFlash(File);

impl FileFlash {
    pub(crate) fn open(path: &CStr) -> Result<Self, Fault> {
        let file = File::options().read(true).write(true).open(path)?;
        match file.metadata()?.len() == u64::from(SIZE) {
            true => Ok(FileFlash(file)),
            false => Err(Fault::File),
        }
    }

    fn seek(&mut self, address: u32) -> Result<(), Fault> {
        self.0.seek(SeekFrom::Start(u64::from(address)))?;
        Ok(())
    }
}

/// Whether `address` and `len` are whole units, within the chip.
fn check(address: u32, len: usize, unit: usize) -> Result<(), Fault> {
    let whole = (address as usize).is_multiple_of(unit) && len.is_multiple_of(unit);
    let end = u32::try_from(len)
        .ok()
        .and_then(|len| address.checked_add(len));
    match whole && end.is_some_and(|end| end <= SIZE) {
        true => Ok(()),
        false => Err(Fault::Address),
    }
}

impl ErrorType for FileFlash {
    type Error = Fault;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        check(address, bytes.len(), Self::READ_SIZE)?;
        self.seek(address)?;
        Ok(self.0.read_exact(bytes)?)
    }

    fn capacity(&self) -> usize {
        SIZE as usize
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = BLOCK as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        let len = to.checked_sub(from).ok_or(Fault::Address)? as usize;
        check(from, len, Self::ERASE_SIZE)?;
        self.seek(from)?;
        for _ in 0..len / PAGE {
            self.0.write_all(&[0xff; PAGE])?;
        }
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Fault> {
        check(address, bytes.len(), Self::WRITE_SIZE)?;
        self.seek(address)?;
        for _ in bytes.chunks_exact(WORD) {
            let mut now = [0; WORD];
            self.0.read_exact(&mut now)?;
            if now != [0xff; WORD] {
                return Err(Fault::NotErased);
            }
        }
        self.seek(address)?;
        for word in bytes.chunks_exact(WORD) {
            self.0.write_all(word)?;
        }
        Ok(())
    }
}
