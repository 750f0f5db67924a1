//! Mounting: the newest block by binary search, then the end of the newest session's last whole record.

use super::{
    device::{Device, Frame, Slot},
    layout::{BlockHeader, Content},
};
use crate::bytes::find_last;
use embedded_storage::nor_flash::ReadNorFlash;

/// Where a session ends. [`Device::head`] is the header of the block in which it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Length of the stream: after the last whole record.
    pub(super) len: u64,
    /// The last frame of that block: it may be weak.
    pub(super) newest: Frame,
}

impl<F: ReadNorFlash> Device<F> {
    /// The block with the highest sequence number, as far as headers can be read: [`Device::head`] is its header.
    /// `false` when there is none.
    ///
    /// Blocks are opened one after the other around the ring, and a block's sequence number tells its place. So from
    /// any block on, numbers rise by one as far as the newest block; behind it lie older ones or erased ones. The first
    /// place may be just being opened, then the last place holds the newest block.
    pub(super) fn newest(&mut self) -> Result<bool, F::Error> {
        let blocks = self.geometry.blocks();
        let mut place = 0;
        while self.slot(place)? != Slot::Valid {
            if place == 0 {
                place = blocks;
            }
            place = place.wrapping_sub(1);
            if place == 0 {
                return Ok(false);
            }
        }
        let lap_end = self.head.seq.saturating_add(blocks);
        self.last_before(lap_end, u64::MAX)?;
        Ok(true)
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
            match known {
                Some(known) if known.seq == seq => self.head = *known,
                _ if self.header(seq)? => {}
                _ => continue,
            }
            let of = self.head.session;
            if session.is_some_and(|session| session != of) {
                limit = u64::MAX;
            }
            session = Some(of);
            let until = until.filter(|(of, _)| *of == seq);
            let until = until.map_or(u32::MAX, |(_, pos)| pos);
            if let Some(end) = self.scan(limit, until)? {
                return Ok(Some(end));
            }
            if of == seq && limit != u64::MAX {
                // It says where the session before it ends; but not to a mount, for which it does not count.
                (session, limit) = (None, self.head.offset);
            }
        }
        Ok(None)
    }

    /// Where the stream ends in the block whose header was read last, if it does there.
    fn scan(&mut self, limit: u64, until: u32) -> Result<Option<End>, F::Error> {
        let start = self.head.start();
        // A block that has moved the tail is not gone back upon, once it holds a frame.
        let mut len = self.head.moved.then_some(start);
        let mut newest = None;
        let mut walk = self.walk(Content::Stream, self.head.seq, start);
        while self.next(&mut walk)? && walk.frame.pos < until {
            let frame = walk.frame;
            let payload = self.payload(&walk, frame.offset);
            let counts = limit.saturating_sub(frame.offset).min(payload.len() as u64);
            let payload = payload.get(..counts as usize).unwrap_or(&[]);
            if let Some(index) = find_last(b'\n', payload) {
                len = Some(frame.offset.wrapping_add(index as u64).wrapping_add(1));
            }
            newest = Some(frame);
        }
        Ok(match (len, newest) {
            (Some(len), Some(newest)) => Some(End { len, newest }),
            _ => None,
        })
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
