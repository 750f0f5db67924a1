//! Mounting: the newest block by binary search, then the end of the newest session's last whole record.

use super::{
    device::{Device, Frame, Slot},
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
    pub(super) newest: Frame,
}

/// What a block's frames tell of where a session ends.
struct Scan {
    /// After the block's last record end; 0 when none ends there.
    end: u64,
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
        let mut place = 0;
        loop {
            if self.slot(place)? == Slot::Valid {
                let mut some = self.head;
                let lap_end = some.seq.saturating_add(blocks);
                self.last_before(&mut some, lap_end, u64::MAX)?;
                return Ok(Some(some));
            }
            if place == 0 {
                place = blocks;
            }
            place = place.wrapping_sub(1);
            if place == 0 {
                return Ok(None);
            }
        }
    }

    /// Finds the end of the newest session that ends in block `newest` or before it, but not before block `low`.
    ///
    /// Blocks behind it that hold no record's end are as if they had never been opened: what they hold is not whole.
    /// But a block that has moved the tail and holds a frame is not gone back upon, since what it gave up may be gone:
    /// the stream ends where it begins. Nothing counts from offset `limit` of the first session that is met on, nor, in
    /// the block of `until`, from that frame on. `known` is a header that need not be read again.
    pub(super) fn find_end(
        &mut self,
        newest: u32,
        low: u32,
        known: Option<&BlockHeader>,
        mut limit: u64,
        until: Option<(u32, u32)>,
    ) -> Result<Option<End>, F::Error> {
        let mut session = None;
        let mut seq = newest.wrapping_add(1);
        while seq > low {
            seq = seq.wrapping_sub(1);
            let block = match known {
                Some(known) if known.seq == seq => *known,
                _ if self.header(seq)? => self.head,
                _ => continue,
            };
            if session.is_some_and(|session| session != block.session) {
                limit = u64::MAX;
            }
            session = Some(block.session);
            let until = until.filter(|(of, _)| *of == seq);
            let until = until.map_or(u32::MAX, |(_, pos)| pos);
            let scan = self.scan(&block, limit, until)?;
            if let Some(newest) = scan.last {
                let len = match scan.end {
                    // No record ends there.
                    0 if block.moved => Some(block.start()),
                    0 => None,
                    end => Some(end),
                };
                if let Some(len) = len {
                    return Ok(Some(End { block, len, newest }));
                }
            }
            if block.session == seq && limit != u64::MAX {
                // It says where the session before it ends; but not to a mount, for which it does not count.
                (session, limit) = (None, block.offset);
            }
        }
        Ok(None)
    }

    fn scan(&mut self, header: &BlockHeader, limit: u64, until: u32) -> Result<Scan, F::Error> {
        let mut scan = Scan { end: 0, last: None };
        let mut walk = self.walk(Content::Stream, header.seq, header.start());
        while self.next(&mut walk)? && walk.frame.pos < until {
            let frame = walk.frame;
            let payload = self.payload(&walk, frame.offset);
            let counts = limit.saturating_sub(frame.offset).min(payload.len() as u64);
            let payload = payload.get(..counts as usize).unwrap_or(&[]);
            if let Some(index) = find_last(b'\n', payload) {
                scan.end = frame.offset.wrapping_add(index as u64).wrapping_add(1);
            }
            scan.last = Some(frame);
        }
        Ok(scan)
    }

    /// Length of the header copy that block `seq` begins with; 0 when it is not whole.
    pub(super) fn copy_len(&mut self, seq: u32) -> Result<u32, F::Error> {
        let mut walk = self.walk(Content::Copy, seq, 0);
        let mut end = 0;
        while self.next(&mut walk)? && walk.frame.offset == end {
            end = walk.frame.end();
            if walk.frame.header.last() {
                // It fits a block.
                return Ok(end as u32);
            }
        }
        Ok(0)
    }
}
