//! Mounting: the newest block by binary search, then the end of the newest session's last whole record.

use super::{
    device::{Device, Frame, Slot, Window},
    layout::{BlockHeader, Content},
};
use embedded_storage::nor_flash::ReadNorFlash;

/// Where a session ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The session, by its first block.
    pub(super) session: u32,
    /// The block in which the stream ends.
    pub(super) block: u32,
    /// The header of the block that the next one follows: that block, or a later one with a header copy.
    pub(super) last: BlockHeader,
    /// Length of the stream: after the last whole record.
    pub(super) len: u64,
    /// The frame in which the stream ends, if its block holds none after it: it may be weak.
    pub(super) newest: Option<Frame>,
}

/// What a block's frames tell of where a session ends.
struct Scan {
    /// After the block's last record end.
    end: Option<u64>,
    last: Option<Frame>,
    /// There is a whole header copy, and a frame after it.
    pinned: bool,
}

impl<F: ReadNorFlash> Device<F> {
    /// The block with the highest sequence number, as far as headers can be read.
    ///
    /// Blocks are opened one after the other around the ring, and a block's sequence number tells its place. So from
    /// the first place on, numbers rise by one as far as the newest block; behind it lie older ones or erased ones.
    pub(super) fn newest(&mut self) -> Result<Option<BlockHeader>, F::Error> {
        let blocks = self.geometry.blocks();
        for place in 0..blocks {
            if let Slot::Valid(first) = self.slot(place)? {
                let lap_end = first.seq.saturating_sub(place).saturating_add(blocks);
                return self.last_where(first, lap_end, |_| true).map(Some);
            }
        }
        Ok(None)
    }

    /// Finds the end of the newest session that ends in block `newest` or before it, but not before block `low`.
    ///
    /// Blocks behind it that hold no record's end are as if they had never been opened: what they hold is not whole.
    /// Only a block with a header copy that has been built upon stays; then what lies before it ends where it begins,
    /// or earlier. Of the block of `until`, that frame and later ones do not count.
    pub(super) fn find_end(
        &mut self,
        window: &mut Window,
        newest: u32,
        low: u32,
        until: Option<Frame>,
    ) -> Result<Option<End>, F::Error> {
        let mut pinned: Option<BlockHeader> = None;
        let mut seq = newest;
        loop {
            if let Some(header) = self.header(seq)? {
                if let Some(pinned) = pinned.filter(|pinned| pinned.session != header.session) {
                    return Ok(Some(End::empty(pinned)));
                }
                let limit = pinned.map_or(u64::MAX, |pinned| pinned.offset);
                let scan = self.scan(window, &header, limit, until)?;
                if let Some(len) = scan.end {
                    return Ok(Some(End {
                        session: header.session,
                        block: seq,
                        last: pinned.unwrap_or(header),
                        len,
                        newest: scan.last.filter(|frame| frame.offset < len),
                    }));
                }
                if scan.pinned && pinned.is_none() {
                    pinned = Some(header);
                }
            }
            if seq <= low {
                return Ok(pinned.map(End::empty));
            }
            seq = seq.saturating_sub(1);
        }
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
            pinned: false,
        };
        let mut walk = self.walk(Content::Stream, header);
        while let Some(frame) = self.next(window, &mut walk)? {
            if until.is_some_and(|until| until.seq == frame.seq && until.pos <= frame.pos) {
                break;
            }
            let counts = limit.saturating_sub(frame.offset).min(u64::from(frame.len));
            let payload = window.payload(&frame);
            let payload = payload.get(..counts as usize).unwrap_or(&[]);
            if let Some(index) = memchr::memrchr(b'\n', payload) {
                let end = frame.offset.saturating_add(index as u64);
                scan.end = Some(end.saturating_add(1));
            }
            scan.last = Some(frame);
        }
        if header.has_copy() && scan.last.is_some() {
            scan.pinned = self.copy_len(window, header)?.is_some();
        }
        Ok(scan)
    }

    /// Length of the header copy that the block begins with; `None` when it is not whole.
    pub(super) fn copy_len(
        &mut self,
        window: &mut Window,
        header: &BlockHeader,
    ) -> Result<Option<u64>, F::Error> {
        let mut walk = self.walk(Content::Copy, header);
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

impl End {
    /// A session without a whole record.
    fn empty(last: BlockHeader) -> Self {
        End {
            session: last.session,
            block: last.seq,
            last,
            len: 0,
            newest: None,
        }
    }
}

