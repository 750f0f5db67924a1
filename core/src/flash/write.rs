//! Writing: bytes to frames, frames to blocks.

use super::{
    Error, FlashLog, Policy,
    layout::{BlockHeader, Content, FRAME_HEADER, FrameHeader},
    reclaim::CopyPlan,
    view::View,
};
use crate::bytes::find;
use crate::journal::Storage;
use embedded_io::Write;
use embedded_storage::nor_flash::NorFlash;

type Outcome<T, F> = Result<T, Error<<F as embedded_storage::nor_flash::ErrorType>::Error>>;

/// A block that has its header, and counts from its first frame on.
struct Opened {
    /// Where that frame goes.
    pos: u32,
    tail: u32,
    copy: Option<u32>,
    view: View,
}

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
    ///
    /// A block counts from its first frame on, here as in a mount. If power goes or the flash fails before that, the
    /// block is opened anew, and all that it was to give up is still there.
    fn program(&mut self) -> Outcome<(), F> {
        if self.fill == 0 {
            return Ok(());
        }
        let geometry = self.device.geometry;
        let (mut seq, mut pos, mut opened) = (self.next.saturating_sub(1), self.pos, None);
        if geometry.payload_room(pos) == 0 {
            let block = self.open_block()?;
            (seq, pos) = (self.next, block.pos);
            opened = Some(block);
        }
        let ends = self.payload().last() == Some(&b'\n');
        let header = FrameHeader::new(Content::Stream, self.view.len, self.starts, ends);
        let size = header.seal(&mut self.frame, self.fill, &geometry, seq, pos);
        let bytes = self.frame.get(..size).unwrap_or(&[]);
        // Should this fail, nobody knows what the place holds.
        self.pos = geometry.block_size();
        self.device.program(seq, pos, bytes)?;
        self.window.clear();
        if let Some(block) = opened {
            (self.tail, self.copy, self.view) = (block.tail, block.copy, block.view);
            self.next = seq.saturating_add(1);
            self.new_session = false;
        }
        self.pos = pos.saturating_add(size as u32);
        let len = self.len();
        self.view.grow(seq, len);
        self.fill = 0;
        self.starts = ends;
        Ok(())
    }

    /// Erases the next block's place and gives it its header.
    #[inline(never)]
    fn open_block(&mut self) -> Outcome<Opened, F> {
        let seq = self.next;
        // What is not durable may be gone back upon; but never behind a block that has moved the tail.
        let tail = match self.view.len <= self.durable {
            true => self.wanted_tail(),
            false => self.tail,
        };
        // One block stays free.
        let least = self.tail_for(1);
        if tail < least || seq == u32::MAX {
            return Err(Error::Full);
        }
        let CopyPlan { block: copy, line } = self.plan_copy(tail)?;
        self.erase_stale()?;
        let mut view = self.view;
        let mut offset = view.len;
        if self.new_session {
            (view.session, offset) = (seq, self.ended);
        }
        self.window.clear();
        // Should this fail, it holds what does not count.
        self.stale = seq.saturating_add(1);
        self.device.begin_block(&BlockHeader {
            seq,
            session: view.session,
            offset,
            tail,
            moved: tail != self.tail,
            copy,
        })?;
        let mut pos = self.device.geometry.header_len();
        if let Some(line) = line {
            pos = line.write(&mut self.device, &mut self.window, seq, pos)?;
        }
        if tail != self.tail {
            view = self.open_view(view, tail, copy)?;
        }
        Ok(Opened {
            pos,
            tail,
            copy,
            view,
        })
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

    /// Where the tail must be for so many blocks to be free when the next one is open.
    fn tail_for(&self, free: u32) -> u32 {
        let end = self.next.saturating_add(1).saturating_add(free);
        end.saturating_sub(self.device.geometry.blocks())
    }

    /// Where the tail is to be when the next block is opened, if it can be moved then.
    fn wanted_tail(&self) -> u32 {
        let tail = self.tail.max(self.wish).min(self.next);
        // So many blocks are there for a record, and one more stays free; the tail is moved by some at a time, since
        // each move begins a block.
        let spare = self.device.geometry.blocks() / 4;
        match self.options.policy {
            Policy::OverwriteOldest if tail < self.tail_for(spare) => {
                let some = spare.div_ceil(2);
                self.tail_for(spare.saturating_add(some)).min(self.next)
            }
            _ => tail,
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
        if self.fill == 0 && self.view.len <= self.durable && self.wanted_tail() > self.tail {
            // The record that is begun may need more than one block.
            self.close_block();
        }
        if self.fill >= self.frame_room() {
            self.program()?;
        }
        let room = self.frame_room().saturating_sub(self.fill);
        let bytes = buf.get(..room).unwrap_or(buf);
        if let Some(left) = self.header_left {
            let line = find(b'\n', bytes).map(|end| end.saturating_add(1));
            let taken = line.unwrap_or(bytes.len()) as u64;
            let left = u64::from(left).checked_sub(taken);
            let left = left.ok_or(Error::HeaderTooLong)?;
            self.header_left = match line {
                Some(_) => None,
                None => Some(u32::try_from(left).unwrap_or(0)),
            };
        }
        let start = self.fill.saturating_add(FRAME_HEADER as usize);
        let place = self.frame.get_mut(start..).unwrap_or(&mut []);
        if let Some(place) = place.get_mut(..bytes.len()) {
            crate::bytes::copy(place, bytes);
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
            self.header_left = Some(self.device.geometry.max_header());
        }
        self.durable = self.durable.min(len);
        Ok(true)
    }
}
