//! Writing: bytes to frames, frames to blocks.

use super::{
    Error, FlashLog,
    device::Device,
    layout::{BlockHeader, Content, FRAME_HEADER, FrameHeader},
    reclaim::Opened,
    view::View,
};
use crate::{
    bytes::{copy, find},
    journal::Storage,
};
use embedded_io::Write;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

type Outcome<T, F> = Result<T, Error<<F as embedded_storage::nor_flash::ErrorType>::Error>>;

impl<F: NorFlash> FlashLog<F> {
    /// Begins a new session: what is written next is its first line. Durable with the first record that is synced;
    /// until then a mount finds the session before, or, if the tail was moved, an empty one.
    ///
    /// Errors: what [`Storage::sync`] gives, which comes first.
    pub fn begin_session(&mut self) -> Outcome<(), F> {
        self.program()?;
        if !self.new_session {
            self.ended = self.view.len;
        }
        self.view = View::whole(self.next, self.next, 0);
        self.new_session = true;
        self.durable = 0;
        self.in_header = true;
        self.starts = true;
        self.position = 0;
        self.close_block();
        Ok(())
    }

    /// Nothing more goes into the present block.
    fn close_block(&mut self) {
        self.pos = self.device.geometry.block_size();
    }

    /// How many bytes the present frame can hold.
    fn frame_room(&self) -> usize {
        let geometry = &self.device.geometry;
        let room = match geometry.payload_room(self.pos) {
            // In the next block.
            0 => geometry.frame_max().saturating_sub(FRAME_HEADER),
            room => room,
        };
        room as usize
    }

    /// Programs what is to be programmed.
    ///
    /// A block counts from its first frame on, here as in a mount. If power goes or the flash fails before that, the
    /// block is opened anew, and all that it was to give up is still there.
    #[inline(never)]
    fn program(&mut self) -> Outcome<(), F> {
        if self.fill == 0 {
            return Ok(());
        }
        let (mut seq, mut pos, mut opened) = (self.next.wrapping_sub(1), self.pos, None);
        if self.device.geometry.payload_room(pos) == 0 {
            let block = self.open_block()?;
            (seq, pos) = (self.next, block.pos);
            opened = Some(block);
        }
        let ends = self.payload().last() == Some(&b'\n');
        let header = FrameHeader::new(Content::Stream, self.view.len, self.starts, ends);
        let geometry = &self.device.geometry;
        let bytes = header.seal(self.frame.bytes(), self.fill, geometry, seq, pos);
        // Should this fail, nobody knows what the place holds.
        self.pos = geometry.block_size();
        self.device.program(seq, pos, bytes)?;
        self.pos = pos.wrapping_add(bytes.len() as u32);
        if let Some(block) = opened {
            if self.new_session {
                self.view.session = seq;
                self.new_session = false;
            }
            if block.tail != self.tail {
                self.view.lose(block.tail, block.copy);
            }
            (self.tail, self.copy) = (block.tail, block.copy);
            self.next = seq.wrapping_add(1);
        }
        let len = self.len();
        self.view.grow(seq, len);
        self.fill = 0;
        self.starts = ends;
        Ok(())
    }

    /// Erases the next block's place and gives it its header.
    #[inline(never)]
    fn open_block(&mut self) -> Outcome<Opened, F> {
        // What is not durable may be gone back upon; but never behind a block that has moved the tail.
        let tail = match &self.mover {
            Some(mover) if self.view.len <= self.durable => (mover().wanted)(self),
            _ => self.tail,
        };
        // One block stays free.
        if tail < self.tail_for(1) || self.next == u32::MAX {
            return Err(Error::Full);
        }
        if tail != self.tail
            && let Some(mover) = &self.mover
        {
            return (mover().open)(self, tail, Self::begin_block, Device::program);
        }
        self.begin_block(tail, self.copy)?;
        Ok(Opened {
            pos: self.device.geometry.header_len(),
            tail,
            copy: self.copy,
        })
    }

    fn begin_block(&mut self, tail: u32, copy: Option<u32>) -> Result<(), F::Error> {
        self.erase_stale()?;
        let seq = self.next;
        // Should this fail, it holds what does not count.
        self.stale = seq.wrapping_add(1);
        let (session, offset) = match self.new_session {
            true => (seq, self.ended),
            false => (self.view.session, self.view.len),
        };
        self.device.begin_block(&BlockHeader {
            seq,
            session,
            offset,
            tail,
            moved: tail != self.tail,
            copy,
        })
    }

    /// Erases the blocks from behind the next one on that no longer count, the last first: what is found by a mount in
    /// between is as before, or a shorter piece of it.
    fn erase_stale(&mut self) -> Result<(), F::Error> {
        while self.stale > self.next.wrapping_add(1) {
            let last = self.stale.wrapping_sub(1);
            self.device.erase(last)?;
            self.stale = last;
        }
        Ok(())
    }
}

impl<F: ReadNorFlash> FlashLog<F> {
    /// Where the tail must be for so many blocks to be free when the next one is open.
    pub(super) fn tail_for(&self, free: u32) -> u32 {
        let end = self.next.saturating_add(1).saturating_add(free);
        end.saturating_sub(self.device.geometry.blocks())
    }
}

impl<F: NorFlash> Write for FlashLog<F> {
    /// Takes bytes into the frame to come, and programs the frames that are full.
    ///
    /// Errors: [`Error::Full`], [`Error::HeaderTooLong`], [`Error::Flash`].
    #[inline(never)]
    fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        if let Some(mover) = &self.mover
            && self.fill == 0
            && self.view.len <= self.durable
            && (mover().wanted)(self) > self.tail
        {
            // The record that is begun may need more than one block.
            self.close_block();
        }
        if self.fill >= self.frame_room() {
            self.program()?;
        }
        let room = self.frame_room().saturating_sub(self.fill);
        let bytes = buf.get(..room).unwrap_or(buf);
        if self.in_header {
            let end = find(b'\n', bytes);
            let taken = end.map_or(bytes.len(), |end| end.wrapping_add(1));
            let len = self.len().wrapping_add(taken as u64);
            if len > u64::from(self.device.geometry.max_header()) {
                return Err(Error::HeaderTooLong);
            }
            self.in_header = end.is_none();
        }
        let start = self.fill.wrapping_add(FRAME_HEADER as usize);
        copy(
            self.frame.bytes().get_mut(start..).unwrap_or(&mut []),
            bytes,
        );
        self.fill = self.fill.wrapping_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.program()
    }
}

impl<F: NorFlash> Storage for FlashLog<F> {
    fn sync(&mut self) -> Result<(), Self::Error> {
        self.program()?;
        if self.starts {
            self.durable = self.view.len;
        }
        Ok(())
    }

    /// Cuts the newest session to its first `len` bytes. What is cut off is gone for good with the next record that is
    /// synced; whole records of it may still be there after a loss of power before that.
    ///
    /// What was synced before the tail was moved, or before a mount, cannot always be cut off: then `Ok(false)`.
    fn truncate(&mut self, len: u64) -> Result<bool, Self::Error> {
        if len >= self.len() {
            return Ok(true);
        }
        if let Some(keep) = len.checked_sub(self.view.len) {
            self.fill = usize::try_from(keep).unwrap_or(0);
        } else {
            self.open_view()?;
            let starts = self.is_boundary(len)?;
            let last = self.view.block_of(&mut self.device, len)?;
            if len < self.view.base || self.copy.is_some_and(|copy| copy > last) {
                return Ok(false);
            }
            self.fill = 0;
            self.starts = starts;
            self.close_block();
            self.next = last.saturating_add(1);
            self.view.grow(last, len);
        }
        if len == 0 {
            self.in_header = true;
        }
        self.durable = self.durable.min(len);
        Ok(true)
    }
}
