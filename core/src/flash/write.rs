//! Writing: bytes to frames, frames to blocks.

use super::{
    Error, FlashLog, Policy,
    layout::{BlockHeader, Content, FRAME_HEADER, FrameHeader},
    reclaim::CopyPlan,
    view::View,
};
use crate::journal::Storage;
use embedded_io::Write;
use embedded_storage::nor_flash::NorFlash;

type Outcome<T, F> = Result<T, Error<<F as embedded_storage::nor_flash::ErrorType>::Error>>;

impl<F: NorFlash> FlashLog<F> {
    /// Begins a new session: what is written next is its first line. Durable with the first record that is synced;
    /// until then a mount finds the session before.
    ///
    /// Errors: what [`Storage::sync`] gives, which comes first.
    pub fn begin_session(&mut self) -> Outcome<(), F> {
        self.program()?;
        self.void_blocks()?;
        self.view = View::whole(self.next, self.next, 0);
        self.new_session = true;
        self.header_left = Some(self.device.geometry.max_header());
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
    fn program(&mut self) -> Outcome<(), F> {
        if self.fill == 0 {
            return Ok(());
        }
        if self.device.geometry.payload_room(self.pos) == 0 {
            self.open_block()?;
        }
        let (seq, pos) = (self.next.saturating_sub(1), self.pos);
        let payload = self.payload();
        let ends = payload.last() == Some(&b'\n');
        let begins_record = memchr::memrchr(b'\n', payload).is_some();
        let header = FrameHeader::new(Content::Stream, self.view.len, self.starts, ends);
        let geometry = self.device.geometry;
        let size = header.seal(&mut self.frame, self.fill, &geometry, seq, pos);
        let bytes = self.frame.get(..size).unwrap_or(&[]);
        // Should this fail, nobody knows what the place holds.
        self.pos = geometry.block_size();
        self.device.program(seq, pos, bytes)?;
        self.pos = pos.saturating_add(size as u32);
        let len = self.len();
        self.view.grow(seq, len);
        self.fill = 0;
        self.starts = ends;
        if begins_record {
            self.record_block = seq;
        }
        Ok(())
    }

    /// Opens the next block. When this fails it can be tried again.
    fn open_block(&mut self) -> Outcome<(), F> {
        let seq = self.next;
        let tail = self.next_tail()?;
        let CopyPlan { block: copy, line } = self.plan_copy(tail)?;
        self.erase_stale()?;
        self.void_blocks()?;
        self.stale = seq.saturating_add(1);
        self.device.begin_block(&BlockHeader {
            seq,
            session: if self.new_session { seq } else { self.view.session },
            offset: self.view.len,
            tail,
            copy,
        })?;
        let mut pos = self.device.geometry.header_len();
        if let Some(line) = line {
            pos = line.write(&mut self.device, &mut self.window, seq, pos)?;
        }
        if self.new_session {
            self.view = View::whole(seq, seq, self.view.len);
            self.new_session = false;
            self.record_block = seq;
        }
        self.next = seq.saturating_add(1);
        self.void_from = self.next;
        self.pos = pos;
        self.view.grow(seq, self.view.len);
        if tail != self.tail {
            (self.tail, self.copy) = (tail, copy);
            self.open_view()?;
        }
        Ok(())
    }

    /// Erases the blocks from behind the next one on that no longer count, the last first: what is found by a mount in
    /// between is as before, or a shorter piece of it.
    fn erase_stale(&mut self) -> Outcome<(), F> {
        while self.stale > self.next.saturating_add(1) {
            let last = self.stale.saturating_sub(1);
            self.device.erase(last)?;
            self.stale = last;
        }
        Ok(())
    }

    /// Where a block with a header copy stays though the record in it does not count, the blocks before it that hold
    /// that record are made to hold nothing: so they begin where the stream ends, and offsets never fall but after a
    /// block with a header copy.
    fn void_blocks(&mut self) -> Outcome<(), F> {
        let last = self.next.saturating_sub(1);
        while self.void_from < last {
            let (seq, offset) = (self.void_from, self.view.len);
            let header = self.device.header(seq)?;
            if header.is_none_or(|header| header.offset > offset) {
                self.device.begin_block(&BlockHeader {
                    seq,
                    session: self.view.session,
                    offset,
                    tail: self.tail.min(seq),
                    copy: None,
                })?;
            }
            self.void_from = seq.saturating_add(1);
        }
        Ok(())
    }

    /// The tail when the next block is opened: the block after that must be free then.
    fn next_tail(&self) -> Outcome<u32, F> {
        let blocks = self.device.geometry.blocks();
        let needed = self.next.saturating_add(2).saturating_sub(blocks);
        let tail = self.tail.max(self.wish).min(self.next);
        if self.next == u32::MAX {
            return Err(Error::Full);
        }
        match self.options.policy {
            _ if tail >= needed => Ok(tail),
            // A record must not overwrite its own beginning.
            Policy::OverwriteOldest if needed <= self.record_block || self.new_session => Ok(needed),
            _ => Err(Error::Full),
        }
    }
}

impl<F: NorFlash> Write for FlashLog<F> {
    /// Takes bytes into the frame to come, and programs the frames that are full.
    ///
    /// Errors: [`Error::Full`], [`Error::HeaderTooLong`], [`Error::Flash`].
    fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.fill >= self.frame_room() {
            self.program()?;
        }
        let room = self.frame_room().saturating_sub(self.fill);
        let bytes = buf.get(..room).unwrap_or(buf);
        if let Some(left) = self.header_left {
            let line = memchr::memchr(b'\n', bytes).map(|end| end.saturating_add(1));
            let taken = line.unwrap_or(bytes.len()) as u64;
            let left = u64::from(left).checked_sub(taken);
            let left = left.ok_or(Error::HeaderTooLong)?;
            self.header_left = match line {
                Some(_) => None,
                None => Some(u32::try_from(left).unwrap_or(0)),
            };
        }
        let start = self.fill.saturating_add(FRAME_HEADER as usize);
        let end = start.saturating_add(bytes.len());
        if let Some(place) = self.frame.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        self.fill = self.fill.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.program()
    }
}

impl<F: NorFlash> Storage for FlashLog<F> {
    fn sync(&mut self) -> Result<(), Self::Error> {
        self.program()
    }

    /// Cuts the newest session to its first `len` bytes: always `Ok(true)`. What is cut off is gone for good with the
    /// next record that is synced; whole records of it may still be there after a loss of power before that.
    fn truncate(&mut self, len: u64) -> Result<bool, Self::Error> {
        if len >= self.len() {
            return Ok(true);
        }
        if len == 0 {
            self.header_left = Some(self.device.geometry.max_header());
        }
        if let Some(keep) = len.checked_sub(self.view.len) {
            self.fill = usize::try_from(keep).unwrap_or(0);
            return Ok(true);
        }
        self.fill = 0;
        let starts = self.is_boundary(len)?;
        let block = self.view.block_of(&mut self.device, len)?;
        // What has been built upon a copied header stays.
        let last = block.max(self.copy.unwrap_or(0));
        self.close_block();
        self.starts = starts;
        self.next = last.saturating_add(1);
        self.void_from = block.saturating_add(1);
        self.record_block = block;
        self.view.grow(last, len);
        Ok(true)
    }
}
