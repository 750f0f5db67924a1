//! A file as flash: programming clears bits, erasing sets them.

use crate::io::{read_at, write_at};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use std::{fmt, fs::File, io};

/// Bytes that are read from the file at once.
const WINDOW: usize = 64 * 1024;

/// What the file's system said.
#[derive(Debug)]
pub(super) struct FileError(pub(super) io::Error);

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl NorFlashError for FileError {
    fn kind(&self) -> NorFlashErrorKind {
        match self.0.kind() {
            io::ErrorKind::UnexpectedEof => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// A file, addressed by its bytes. Nothing is aligned: the device's own words are the geometry's concern.
pub(super) struct FileFlash {
    file: File,
    len: u32,
    window: Vec<u8>,
    /// Where in the file the window lies.
    at: u32,
}

impl FileFlash {
    /// The first `len` bytes of `file`.
    pub(super) fn new(file: File, len: u32) -> Self {
        FileFlash {
            file,
            len,
            window: Vec::new(),
            at: 0,
        }
    }

    fn held(&self, offset: u32, len: usize) -> Option<&[u8]> {
        let skip = offset.checked_sub(self.at)? as usize;
        self.window.get(skip..skip.checked_add(len)?)
    }

    fn fill(&mut self, offset: u32, len: usize) -> io::Result<()> {
        self.window.resize(WINDOW.max(len), 0);
        let mut filled = 0;
        while filled < self.window.len() {
            let at = u64::from(offset) + filled as u64;
            match read_at(&self.file, &mut self.window[filled..], at)? {
                0 => break,
                read => filled += read,
            }
        }
        self.window.truncate(filled);
        self.at = offset;
        Ok(())
    }

    fn put(&mut self, offset: u32, mut bytes: &[u8]) -> io::Result<()> {
        self.window.clear();
        let mut at = u64::from(offset);
        while !bytes.is_empty() {
            match write_at(&self.file, bytes, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    at += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl ErrorType for FileFlash {
    type Error = FileError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FileError> {
        if self.held(offset, bytes.len()).is_none() {
            self.fill(offset, bytes.len()).map_err(FileError)?;
        }
        let held = self.held(offset, bytes.len());
        let held = held.ok_or_else(|| FileError(io::ErrorKind::UnexpectedEof.into()))?;
        bytes.copy_from_slice(held);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.len as usize
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FileError> {
        let erased = vec![0xff; to.saturating_sub(from) as usize];
        self.put(from, &erased).map_err(FileError)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FileError> {
        let mut now = vec![0; bytes.len()];
        self.read(offset, &mut now)?;
        for (bits, wanted) in now.iter_mut().zip(bytes) {
            *bits &= wanted;
        }
        self.put(offset, &now).map_err(FileError)
    }
}
