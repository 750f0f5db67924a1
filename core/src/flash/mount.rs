//! Mounting: the newest block by binary search, then the end of the newest session's last whole record.

use super::{
    device::{Device, Frame, Slot, Window},
    layout::{BlockHeader, Content},
};
use crate::bytes::find_last;
use embedded_storage::nor_flash::ReadNorFlash;

/// Where a session ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The header of the block in which the stream ends.
    pub(super) block: BlockHeader,
    /// Length of the stream: after the last whole record.
    pub(super) len: u64,
    /// The last frame of that block: it may be weak.
    pub(super) newest: Option<Frame>,
}

/// What a block's frames tell of where a session ends.
struct Scan {
    /// After the block's last record end.
    end: Option<u64>,
    last: Option<Frame>,
}

impl<F: ReadNorFlash> Device<F> {
    /// The block with the highest sequence number, as far as headers can be read.
    ///
    /// Blocks are opened one after the other around the ring, and a block's sequence number tells its place. So from
    /// any block on, numbers rise by one as far as the newest block; behind it lie older ones or erased ones. The first
    /// place may be just being opened, then the last place holds the newest block.
    pub(super) fn newest(&mut self) -> Result<Option<BlockHeader>, F::Error> {
        let blocks = self.geometry.blocks();
        for place in core::iter::once(0).chain((1..blocks).rev()) {
            if let Slot::Valid(some) = self.slot(place)? {
                let lap_end = some.seq.saturating_add(blocks);
                return self.last_where(some, lap_end, |_| true).map(Some);
            }
        }
        Ok(None)
    }

    /// Finds the end of the newest session that ends in block `newest` or before it, but not before block `low`.
    ///
    /// Blocks behind it that hold no record's end are as if they had never been opened: what they hold is not whole.
    /// But a block that has moved the tail and holds a frame is not gone back upon, since what it gave up may be gone:
    /// the stream ends where it begins. Nothing counts from offset `limit` of the first session that is met on, nor, in
    /// the block of `until`, from that frame on. `known` is a header that need not be read again.
    pub(super) fn find_end(
        &mut self,
        window: &mut Window,
        newest: u32,
        low: u32,
        known: Option<&BlockHeader>,
        mut limit: u64,
        until: Option<Frame>,
    ) -> Result<Option<End>, F::Error> {
        let mut session = None;
        for seq in (low..=newest).rev() {
            let known = known.filter(|known| known.seq == seq);
            let block = match known {
                Some(known) => Some(*known),
                None => self.header(seq)?,
            };
            let Some(block) = block else {
                continue;
            };
            if session.is_some_and(|session| session != block.session) {
                limit = u64::MAX;
            }
            session = Some(block.session);
            let scan = self.scan(window, &block, limit, until)?;
            let moved = block.moved && scan.last.is_some();
            let end = scan.end.or(moved.then_some(block.start()));
            if let Some(len) = end {
                let newest = scan.last;
                return Ok(Some(End { block, len, newest }));
            }
            if block.session == seq && limit != u64::MAX {
                // It says where the session before it ends; but not to a mount, for which it does not count.
                (session, limit) = (None, block.offset);
            }
        }
        Ok(None)
    }

    fn scan(
        &mut self,
        window: &mut Window,
        header: &BlockHeader,
        limit: u64,
        until: Option<Frame>,
    ) -> Result<Scan, F::Error> {
        let mut scan = Scan {
            end: None,
            last: None,
        };
        let mut walk = self.walk(Content::Stream, header.seq, header.start());
        while let Some(frame) = self.next(window, &mut walk)? {
            if until.is_some_and(|until| until.seq == frame.seq && until.pos <= frame.pos) {
                break;
            }
            let counts = limit.saturating_sub(frame.offset).min(u64::from(frame.len));
            let payload = window.payload(&frame);
            let payload = payload.get(..counts as usize).unwrap_or(&[]);
            if let Some(index) = find_last(b'\n', payload) {
                let end = frame.offset.saturating_add(index as u64);
                scan.end = Some(end.saturating_add(1));
            }
            scan.last = Some(frame);
        }
        Ok(scan)
    }

    /// Length of the header copy that block `seq` begins with; `None` when it is not whole.
    pub(super) fn copy_len(
        &mut self,
        window: &mut Window,
        seq: u32,
    ) -> Result<Option<u64>, F::Error> {
        let mut walk = self.walk(Content::Copy, seq, 0);
        let mut end = 0;
        while let Some(frame) = self.next(window, &mut walk)? {
            if frame.offset != end {
                break;
            }
            end = frame.end();
            if frame.last {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }
}
