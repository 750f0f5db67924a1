//! A session's stream, read at any offset.
//!
//! The stream of a session that has lost its first blocks keeps its offsets: it begins with the copy of its header, and
//! what lies between that and the first whole record that is left reads as a blank line (F1). Bytes that damage has
//! taken read as NUL, which no record contains, so the record that they belonged to counts as corrupt and no other.
//!
//! Costs: a read within a block starts at one of [`MARKS`] remembered frames, so that reading backwards through a
//! window passes over at most an eighth of the block again; the next block costs one header, a far one a binary search.

use super::{
    device::{Device, Frame, Walk, Window},
    layout::{BlockHeader, Content},
};
use crate::bytes::{copy, find};
use embedded_storage::nor_flash::ReadNorFlash;

/// Frames of the present block that are remembered.
const MARKS: usize = 8;

/// A frame that a walk can begin with.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    pos: u32,
    offset: u64,
}

/// The block that was read last.
#[derive(Clone, Copy, Debug)]
struct Present {
    header: BlockHeader,
    /// Where its part of the stream ends, and the block that goes on from there.
    limit: u64,
    next: u32,
    marks: [Mark; MARKS],
    marked: usize,
    /// The frame after the one that was read last.
    last: Mark,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// The session's first block.
    pub(super) session: u32,
    /// The first block that is left of it, and the last.
    pub(super) low: u32,
    pub(super) last: u32,
    /// Length of the stream as far as it has been programmed.
    pub(super) len: u64,
    /// Where the first whole record begins that is left; 0 when nothing was lost. Beyond `len` when all that is left
    /// is the rest of a record, and the end of that has not been programmed anew yet.
    pub(super) base: u64,
    /// The block with the header's copy, and its length; 0 when there is none.
    copy: u32,
    copy_len: u64,
    present: Option<Present>,
}

impl View {
    /// A session that is whole, or that is still to come.
    pub(super) fn whole(session: u32, last: u32, len: u64) -> Self {
        View {
            session,
            low: session,
            last,
            len,
            base: 0,
            copy: 0,
            copy_len: 0,
            present: None,
        }
    }

    /// The same session as if nothing of it were gone.
    pub(super) fn entire(&self) -> Self {
        View::whole(self.session, self.last, self.len)
    }

    /// A session of which what lies before block `tail` may be gone; then `copy` is the block with its header's copy.
    pub(super) fn open<F: ReadNorFlash>(
        device: &mut Device<F>,
        window: &mut Window,
        whole: View,
        tail: u32,
        copy: Option<u32>,
    ) -> Result<Self, F::Error> {
        let mut view = whole;
        view.present = None;
        if tail <= view.session {
            return Ok(view);
        }
        view.low = tail;
        view.base = view.first_record(device, window)?;
        view.copy_len = 0;
        if let Some(copy) = copy {
            let len = device.copy_len(window, copy)?.unwrap_or(0);
            view.copy = copy;
            view.copy_len = if len <= view.base { len } else { 0 };
        }
        Ok(view)
    }

    /// Where the first record begins that is left whole.
    fn first_record<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        window: &mut Window,
    ) -> Result<u64, F::Error> {
        for seq in self.low..=self.last {
            let Some(Present { header, limit, .. }) = self.present_at(device, seq)? else {
                continue;
            };
            let mut walk = device.walk(Content::Stream, seq, header.start());
            while let Some(frame) = device.next(window, &mut walk)? {
                if frame.offset >= limit {
                    break;
                }
                if frame.first {
                    return Ok(frame.offset);
                }
                if let Some(index) = find(b'\n', window.payload(&frame)) {
                    let after = frame.offset.saturating_add(index as u64).saturating_add(1);
                    if after <= limit {
                        return Ok(after);
                    }
                }
            }
        }
        Ok(self.len)
    }

    /// Something was written: what is known of the last block's end no longer holds.
    pub(super) fn grow(&mut self, last: u32, len: u64) {
        (self.last, self.len) = (last, len);
        self.present = None;
    }

    /// Reads from offset `at` on: some bytes, or none at the end.
    pub(super) fn read<F: ReadNorFlash>(
        &mut self,
        device: &mut Device<F>,
        window: &mut Window,
        at: u64,
        out: &mut [u8],
    ) -> Result<usize, F::Error> {
        let left = self.len.max(self.base).saturating_sub(at);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        let out = out.get_mut(..most).unwrap_or(&mut []);
        if out.is_empty() {
            return Ok(0);
        }
        if at < self.base {
            return self.read_start(device, window, at, out);
        }
        let Some(mut present) = self.enter(device, at)? else {
            return Ok(lost(out, at, self.len));
        };
        let mut walk = Walk {
            content: Content::Stream,
            seq: present.header.seq,
            pos: 0,
            offset: 0,
        };
        let start = present.start(at, device.geometry.header_len());
        (walk.pos, walk.offset) = (start.pos, start.offset);
        let stride = u64::from(device.geometry.block_size()).div_ceil(MARKS as u64);
        let read = loop {
            let Some(frame) = device.next(window, &mut walk)? else {
                break lost(out, at, present.limit);
            };
            present.remember(&frame, stride);
            if at < frame.offset {
                break lost(out, at, frame.offset.min(present.limit));
            }
            if at < frame.end() {
                let skip = at.saturating_sub(frame.offset) as usize;
                let payload = window.payload(&frame).get(skip..).unwrap_or(&[]);
                let most = present.limit.saturating_sub(at);
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                break copy(out, payload.get(..most).unwrap_or(payload));
            }
        };
        self.present = Some(present);
        Ok(read)
    }

    /// Reads from what stands in for the blocks that are gone.
    fn read_start<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        window: &mut Window,
        at: u64,
        out: &mut [u8],
    ) -> Result<usize, F::Error> {
        if at < self.copy_len {
            let mut walk = device.walk(Content::Copy, self.copy, 0);
            while let Some(frame) = device.next(window, &mut walk)? {
                if (frame.offset..frame.end()).contains(&at) {
                    let skip = at.saturating_sub(frame.offset) as usize;
                    let payload = window.payload(&frame).get(skip..).unwrap_or(&[]);
                    return Ok(copy(out, payload));
                }
            }
        }
        let rest = self.base.saturating_sub(at.max(self.copy_len));
        let count = usize::try_from(rest).unwrap_or(usize::MAX).min(out.len());
        let out = out.get_mut(..count).unwrap_or(&mut []);
        out.fill(b' ');
        if count as u64 == rest
            && let Some(last) = out.last_mut()
        {
            *last = b'\n';
        }
        Ok(count)
    }

    /// Finds the block that holds offset `at`; `None` when no block of the session can be read.
    fn enter<F: ReadNorFlash>(
        &mut self,
        device: &mut Device<F>,
        at: u64,
    ) -> Result<Option<Present>, F::Error> {
        let near = u64::from(device.geometry.block_size()).saturating_mul(2);
        let known = match self.present {
            Some(present) if (present.header.start()..present.limit).contains(&at) => {
                return Ok(Some(present));
            }
            Some(p) if at >= p.limit && at.saturating_sub(p.limit) < near => Some(p.next),
            Some(p) if at < p.header.start() && p.header.start().saturating_sub(at) < near => {
                self.before(device, p.header.seq, at)?
            }
            _ => None,
        };
        let mut seq = match known {
            Some(seq) => seq,
            None => {
                let Some(low) = self.low_header(device)? else {
                    return Ok(None);
                };
                let end = self.last.saturating_add(1);
                device
                    .last_where(low, end, |header| header.start() <= at)?
                    .seq
            }
        };
        loop {
            let present = self.present_at(device, seq)?;
            match present {
                Some(present) if at >= present.limit && present.next > seq => seq = present.next,
                _ => return Ok(present),
            }
        }
    }

    /// The session's first block that can be read.
    fn low_header<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
    ) -> Result<Option<BlockHeader>, F::Error> {
        for seq in self.low..=self.last {
            if let Some(header) = self.header(device, seq)? {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// The header of one of the session's blocks, if it can be read.
    fn header<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        seq: u32,
    ) -> Result<Option<BlockHeader>, F::Error> {
        let header = device.header(seq)?;
        Ok(header.filter(|header| header.session == self.session))
    }

    /// The nearest block before `seq` that begins at offset `at` or before it.
    fn before<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        seq: u32,
        at: u64,
    ) -> Result<Option<u32>, F::Error> {
        for seq in (self.low..seq).rev() {
            let header = self.header(device, seq)?;
            if header.is_some_and(|header| header.start() <= at) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    /// Block `seq`, and where its part of the stream ends: where the next block that can be read begins.
    fn present_at<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        seq: u32,
    ) -> Result<Option<Present>, F::Error> {
        let Some(header) = self.header(device, seq)? else {
            return Ok(None);
        };
        let (mut limit, mut next) = (self.len, seq);
        for following in seq.saturating_add(1)..=self.last {
            if let Some(header) = self.header(device, following)? {
                (limit, next) = (header.start().min(limit), following);
                break;
            }
        }
        Ok(Some(Present {
            header,
            limit,
            next,
            marks: [Mark::default(); MARKS],
            marked: 0,
            last: Mark::default(),
        }))
    }

    /// The block that holds offset `at`.
    pub(super) fn block_of<F: ReadNorFlash>(
        &mut self,
        device: &mut Device<F>,
        at: u64,
    ) -> Result<u32, F::Error> {
        if at < self.base {
            return Ok(self.low);
        }
        if at >= self.len {
            return Ok(self.last);
        }
        let present = self.enter(device, at)?;
        Ok(present.map_or(self.low, |present| present.header.seq))
    }
}

impl Present {
    /// The best place to begin a walk to offset `at`.
    fn start(&self, at: u64, header_len: u32) -> Mark {
        let begin = Mark {
            pos: header_len,
            offset: self.header.start(),
        };
        let marks = self.marks.get(..self.marked).unwrap_or(&[]);
        let known = marks.iter().chain([&self.last]);
        let before = known.filter(|mark| mark.pos > 0 && mark.offset <= at);
        before
            .max_by_key(|mark| mark.offset)
            .copied()
            .unwrap_or(begin)
    }

    fn remember(&mut self, frame: &Frame, stride: u64) {
        let mark = Mark {
            pos: frame.pos,
            offset: frame.offset,
        };
        self.last = mark;
        let newest = self.marked.checked_sub(1).and_then(|n| self.marks.get(n));
        let from = newest.map_or(0, |mark| mark.offset.saturating_add(stride));
        if frame.offset >= from
            && let Some(free) = self.marks.get_mut(self.marked)
        {
            *free = mark;
            self.marked = self.marked.saturating_add(1);
        }
    }
}

/// Bytes that damage has taken, from `at` to `to`.
fn lost(out: &mut [u8], at: u64, to: u64) -> usize {
    let count = usize::try_from(to.saturating_sub(at)).unwrap_or(usize::MAX);
    let count = count.min(out.len());
    if let Some(out) = out.get_mut(..count) {
        out.fill(0);
    }
    count
}
