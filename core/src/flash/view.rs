//! A session's stream, read at any offset.
//!
//! The stream of a session that has lost its first blocks keeps its offsets: it begins with the copy of its header, and
//! what lies between that and the first whole record that is left reads as a blank line (F1). Bytes that damage has
//! taken read as NUL, which no record contains, so the record that they belonged to counts as corrupt and no other.
//!
//! Costs: a read within a block starts at one of [`MARKS`] remembered frames, so that reading backwards through a
//! window passes over at most an eighth of the block again; the next block costs one header, a far one a binary search.

use super::{
    device::{Device, Frame, Walk},
    layout::Content,
};
use crate::bytes::{copy, fill, find};
use embedded_storage::nor_flash::ReadNorFlash;
use heapless::Vec;

/// Frames of the present block that are remembered, beside the last one.
const MARKS: usize = 8;

/// A frame that a walk can begin with.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Where it stands in the block; 0 when nothing is remembered.
    pos: u32,
    /// Where its payload begins in the block's part of the stream.
    ahead: u32,
}

/// A block's part of the stream.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: u64,
    /// Where it ends, and the block that goes on from there.
    limit: u64,
    next: u32,
}

/// The block that was read last, and of what: one of these serves all views, so that a view is small.
pub(super) struct Present {
    part: Part,
    /// Length of the session as it was seen then; the session.
    len: u64,
    session: u32,
    seq: u32,
    known: bool,
    marks: Vec<Mark, MARKS>,
    /// The frame that was read last.
    last: Mark,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Length of the stream as far as it has been programmed.
    pub(super) len: u64,
    /// Where the first whole record begins that is left; 0 when nothing was lost. Beyond `len` when all that is left
    /// is the rest of a record, and the end of that has not been programmed anew yet. To be trusted once the view is
    /// open.
    pub(super) base: u64,
    /// Length of the header's copy; 0 when there is none. To be trusted as `base`.
    copy_len: u32,
    /// The session's first block.
    pub(super) session: u32,
    /// The first block that is left of it, and the last.
    pub(super) low: u32,
    pub(super) last: u32,
    /// The block with the header's copy.
    copy: Option<u32>,
    open: bool,
}

impl View {
    /// A session that is whole, or that is still to come.
    #[inline(always)]
    pub(super) fn whole(session: u32, last: u32, len: u64) -> Self {
        // As for the log's zeros.
        let none = core::hint::black_box(0_u32);
        View {
            len,
            base: none.into(),
            copy_len: none,
            session,
            low: session,
            last,
            copy: None,
            open: true,
        }
    }

    /// What lies before block `tail` may be gone; then `copy` is the block with the header's copy. Nothing is read: the
    /// view is to be opened before it is asked for anything but its length.
    pub(super) fn lose(&mut self, tail: u32, copy: Option<u32>) {
        if tail > self.session {
            (self.low, self.copy, self.open) = (tail, copy, false);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Finds out where the session begins.
    pub(super) fn open<F: ReadNorFlash>(&mut self, device: &mut Device<F>) -> Result<(), F::Error> {
        if self.open {
            return Ok(());
        }
        self.base = self.first_record(device, self.low)?;
        let len = match self.copy {
            Some(copy) => device.copy_len(copy)?,
            None => 0,
        };
        self.copy_len = if u64::from(len) <= self.base { len } else { 0 };
        self.open = true;
        Ok(())
    }

    /// Where the first record begins that is whole when nothing is left before block `low`.
    pub(super) fn first_record<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        low: u32,
    ) -> Result<u64, F::Error> {
        for seq in low..self.last.saturating_add(1) {
            if !self.part(device, seq)? {
                continue;
            }
            let Part { start, limit, .. } = device.present.part;
            let mut walk = device.walk(Content::Stream, seq, start);
            while device.next(&mut walk)? {
                let frame = walk.frame;
                if frame.offset >= limit {
                    break;
                }
                if frame.header.first() {
                    return Ok(frame.offset);
                }
                if let Some(index) = find(b'\n', device.payload(&walk, frame.offset)) {
                    let after = frame.offset.wrapping_add(index as u64).wrapping_add(1);
                    if after <= limit {
                        return Ok(after);
                    }
                }
            }
        }
        Ok(self.len)
    }

    /// Something was written, or cut off.
    pub(super) fn grow(&mut self, last: u32, len: u64) {
        (self.last, self.len) = (last, len);
    }

    /// Reads from offset `at` on: some bytes, or none at the end.
    #[inline(never)]
    pub(super) fn read<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        at: u64,
        out: &mut [u8],
    ) -> Result<usize, F::Error> {
        let out = up_to(out, at, self.len.max(self.base));
        if out.is_empty() {
            return Ok(0);
        }
        let streamed = at >= self.base.max(self.copy_len.into());
        if streamed && !self.enter(device, at)? {
            return Ok(fill(up_to(out, at, self.len), 0));
        }
        self.walk(device, at, out)
    }

    /// Reads what `at` lies in, which has been entered: a function of its own, so that a search for a far block has no
    /// walk's stack above it.
    #[inline(never)]
    fn walk<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        at: u64,
        out: &mut [u8],
    ) -> Result<usize, F::Error> {
        let limit;
        let mut walk;
        if at < self.copy_len.into() {
            limit = self.copy_len.into();
            walk = device.walk(Content::Copy, self.copy.unwrap_or(0), 0);
        } else if at < self.base {
            // The blocks that are gone, as a blank line.
            let out = up_to(out, at, self.base);
            let count = fill(out, b' ');
            if at.wrapping_add(count as u64) == self.base
                && let Some(last) = out.last_mut()
            {
                *last = b'\n';
            }
            return Ok(count);
        } else {
            let present = &device.present;
            limit = present.part.limit;
            let start = present.start(at, device.geometry.header_len());
            let offset = present.part.start.wrapping_add(start.ahead.into());
            walk = Walk::new(Content::Stream, present.seq, start.pos, offset);
        }
        while device.next(&mut walk)? {
            if walk.content == Content::Stream {
                let stride = device.geometry.block_size().div_ceil(MARKS as u32);
                device.present.remember(&walk.frame, stride);
            }
            let payload = device.payload(&walk, at);
            if !payload.is_empty() {
                return Ok(copy(up_to(out, at, limit), payload));
            }
            if at < walk.frame.offset {
                return Ok(fill(up_to(out, at, limit.min(walk.frame.offset)), 0));
            }
        }
        // Damage has taken what lies before that.
        Ok(fill(up_to(out, at, limit), 0))
    }

    /// Finds the block that holds offset `at`; `false` when no block of the session can be read.
    #[inline(never)]
    fn enter<F: ReadNorFlash>(&self, device: &mut Device<F>, at: u64) -> Result<bool, F::Error> {
        let near = u64::from(device.geometry.block_size()).wrapping_mul(2);
        let present = &device.present;
        let (seq, Part { start, limit, next }) = (present.seq, present.part);
        let mut known = None;
        if present.known && present.session == self.session && present.len == self.len {
            if at >= limit {
                known = (at.wrapping_sub(limit) < near).then_some(next);
            } else if at >= start {
                return Ok(true);
            } else if start.wrapping_sub(at) < near {
                known = self.before(device, seq, at)?;
            }
        }
        let mut seq = match known {
            Some(seq) => seq,
            None => {
                if !self.find_low(device)? {
                    return Ok(false);
                }
                device.last_before(self.last.saturating_add(1), at)?;
                device.head.seq
            }
        };
        loop {
            if !self.part(device, seq)? {
                return Ok(false);
            }
            let Part { limit, next, .. } = device.present.part;
            if at < limit || next <= seq {
                device.present.begin(self, seq);
                return Ok(true);
            }
            seq = next;
        }
    }

    /// Reads the header of the session's first block that can be read.
    fn find_low<F: ReadNorFlash>(&self, device: &mut Device<F>) -> Result<bool, F::Error> {
        for seq in self.low..self.last.saturating_add(1) {
            if self.has(device, seq)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the header of one of the session's blocks, if it can be read.
    #[inline(never)]
    fn has<F: ReadNorFlash>(&self, device: &mut Device<F>, seq: u32) -> Result<bool, F::Error> {
        Ok(device.header(seq)? && device.head.session == self.session)
    }

    /// The nearest block before `seq` that begins at offset `at` or before it.
    fn before<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        mut seq: u32,
        at: u64,
    ) -> Result<Option<u32>, F::Error> {
        while seq > self.low {
            seq = seq.wrapping_sub(1);
            if self.has(device, seq)? && device.head.start() <= at {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    /// Finds out which part of the stream block `seq` holds, [`Present::part`]: it ends where the next block that can be
    /// read begins.
    #[inline(never)]
    fn part<F: ReadNorFlash>(&self, device: &mut Device<F>, seq: u32) -> Result<bool, F::Error> {
        device.present.known = false;
        if !self.has(device, seq)? {
            return Ok(false);
        }
        device.present.part = Part {
            start: device.head.start(),
            limit: self.len,
            next: seq,
        };
        let mut following = seq;
        while following < self.last {
            following = following.wrapping_add(1);
            if self.has(device, following)? {
                device.present.part.limit = device.head.start().min(self.len);
                device.present.part.next = following;
                break;
            }
        }
        Ok(true)
    }

    /// The block that holds offset `at`.
    pub(super) fn block_of<F: ReadNorFlash>(
        &self,
        device: &mut Device<F>,
        at: u64,
    ) -> Result<u32, F::Error> {
        Ok(if at < self.base {
            self.low
        } else if at >= self.len {
            self.last
        } else if self.enter(device, at)? {
            device.present.seq
        } else {
            self.low
        })
    }
}

impl Present {
    #[inline(always)]
    pub(super) fn none() -> Self {
        // As for the log's zeros.
        let none = core::hint::black_box(0_u32);
        Present {
            part: Part {
                start: none.into(),
                limit: none.into(),
                next: none,
            },
            len: none.into(),
            session: none,
            seq: none,
            known: false,
            marks: Vec::new(),
            last: Mark {
                pos: none,
                ahead: none,
            },
        }
    }

    /// Something is written to the flash: what is known of a block's end may no longer hold.
    pub(super) fn forget(&mut self) {
        self.known = false;
    }

    /// The block whose part was found out, of which nothing has been read.
    fn begin(&mut self, view: &View, seq: u32) {
        (self.session, self.len) = (view.session, view.len);
        (self.seq, self.known) = (seq, true);
        self.marks.clear();
        self.last.pos = 0;
    }

    /// The best place to begin a walk to offset `at`.
    fn start(&self, at: u64, header_len: u32) -> Mark {
        let ahead = at.saturating_sub(self.part.start);
        let mut best = Mark {
            pos: header_len,
            ahead: 0,
        };
        for mark in self.marks.iter().chain([&self.last]) {
            if mark.pos > best.pos && u64::from(mark.ahead) <= ahead {
                best = *mark;
            }
        }
        best
    }

    fn remember(&mut self, frame: &Frame, stride: u32) {
        let mark = Mark {
            pos: frame.pos,
            // At most what a block of a MiB can skip.
            ahead: frame.offset.saturating_sub(self.part.start) as u32,
        };
        self.last = mark;
        let from = self.marks.last();
        let from = from.map_or(0, |mark| mark.ahead.wrapping_add(stride));
        if mark.ahead >= from {
            // Eight are enough for a whole block, or those behind them are not remembered.
            let _ = self.marks.push(mark);
        }
    }
}

/// As much of `out` as lies from `at` to `end`.
#[inline(never)]
fn up_to(out: &mut [u8], at: u64, end: u64) -> &mut [u8] {
    match usize::try_from(end.saturating_sub(at)) {
        Ok(most) if most < out.len() => out.get_mut(..most).unwrap_or(&mut []),
        _ => out,
    }
}
