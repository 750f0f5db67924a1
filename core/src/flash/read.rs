//! Reading the newest session, buffered bytes included.

use super::{Error, FlashLog, layout::FRAME_HEADER};
use crate::bytes::copy;
use embedded_io::{ErrorType, Read, Seek, SeekFrom};
use embedded_storage::nor_flash::ReadNorFlash;

impl<F: ReadNorFlash> ErrorType for FlashLog<F> {
    type Error = Error<F::Error>;
}

impl<F: ReadNorFlash> FlashLog<F> {
    fn read_at(&mut self, at: u64, out: &mut [u8]) -> Result<usize, F::Error> {
        self.open_view()?;
        if at >= self.view.base
            && let Some(skip) = at.checked_sub(self.view.len)
        {
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let pending = self.payload().get(skip..).unwrap_or(&[]);
            return Ok(copy(out, pending));
        }
        self.view.read(&mut self.device, at, out)
    }

    /// What is to be programmed.
    pub(super) fn payload(&self) -> &[u8] {
        let payload = self.frame.get(FRAME_HEADER as usize..).unwrap_or(&[]);
        payload.get(..self.fill).unwrap_or(&[])
    }

    /// A record begins at offset `at`.
    pub(super) fn is_boundary(&mut self, at: u64) -> Result<bool, F::Error> {
        let mut byte = [b'\n'];
        if let Some(before) = at.checked_sub(1) {
            self.read_at(before, &mut byte)?;
        }
        Ok(byte == *b"\n")
    }
}

impl<F: ReadNorFlash> Read for FlashLog<F> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let count = self.read_at(self.position, buf)?;
        self.position = self.position.wrapping_add(count as u64);
        Ok(count)
    }
}

impl<F: ReadNorFlash> Seek for FlashLog<F> {
    fn seek(&mut self, pos: SeekFrom) -> Result<u64, Self::Error> {
        self.position = target(pos, self.position, self.len()).ok_or(Error::InvalidSeek)?;
        Ok(self.position)
    }
}

/// Where a seek leads.
pub(super) fn target(pos: SeekFrom, position: u64, len: u64) -> Option<u64> {
    match pos {
        SeekFrom::Start(at) => Some(at),
        SeekFrom::End(by) => len.checked_add_signed(by),
        SeekFrom::Current(by) => position.checked_add_signed(by),
    }
}
