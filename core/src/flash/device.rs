//! The flash with its geometry: block headers by sequence number, frames through a window, and the walk over a block.

use super::{
    Error, Geometry, GeometryError,
    layout::{BlockHeader, Content, FRAME_HEADER, FrameHeader, MAX_FRAME},
};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// Bad headers in a row that a search passes over.
const PASSED: u32 = 8;

/// What stands in a block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A header, of a block that lies where its sequence number says.
    Valid(BlockHeader),
    /// Nothing: the block is erased, or looks so.
    Erased,
    /// Anything else.
    Bad,
}

/// A part of a block in RAM: as much as a frame may need.
pub(super) struct Window {
    pub(super) bytes: [u8; MAX_FRAME as usize],
    seq: u32,
    pos: u32,
    len: u32,
}

impl Window {
    pub(super) fn new() -> Self {
        Window {
            bytes: [0; MAX_FRAME as usize],
            seq: 0,
            pos: 0,
            len: 0,
        }
    }

    /// Forgets what it holds: the flash is about to change.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// The bytes of block `seq` from `pos` on, as far as they are held.
    fn from(&self, seq: u32, pos: u32) -> &[u8] {
        let held = self.bytes.get(..self.len as usize).unwrap_or(&[]);
        match pos.checked_sub(self.pos) {
            Some(skip) if seq == self.seq => held.get(skip as usize..).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// The payload of a frame that [`Device::next`] has just told.
    pub(super) fn payload(&self, frame: &Frame) -> &[u8] {
        let start = frame.pos.saturating_add(FRAME_HEADER);
        let bytes = self.from(frame.seq, start);
        bytes.get(..frame.len as usize).unwrap_or(&[])
    }
}

/// A whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) seq: u32,
    pub(super) pos: u32,
    pub(super) content: Content,
    /// Where its payload begins in the stream, or in the copy.
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Frame {
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }
}

/// Goes over a block's frames of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) content: Content,
    pub(super) seq: u32,
    /// Where the next frame stands.
    pub(super) pos: u32,
    /// Where its payload begins, if nothing is lost.
    pub(super) offset: u64,
}

pub(super) struct Device<F> {
    pub(super) flash: F,
    pub(super) geometry: Geometry,
}

impl<F: ReadNorFlash> Device<F> {
    pub(super) fn new(flash: F, geometry: Geometry) -> Result<Self, Error<F::Error>> {
        let fits = usize::try_from(geometry.end()).is_ok_and(|end| end <= flash.capacity());
        if !fits {
            return Err(Error::Geometry(GeometryError::Capacity));
        }
        if !(geometry.unit() as usize).is_multiple_of(F::READ_SIZE) {
            return Err(Error::Geometry(GeometryError::Unit));
        }
        Ok(Device { flash, geometry })
    }

    /// The header in the place where the block with this sequence number lies, whichever block that is now.
    pub(super) fn slot(&mut self, seq: u32) -> Result<Slot, F::Error> {
        let mut bytes = [0; MAX_FRAME as usize];
        let len = self.geometry.header_len() as usize;
        let bytes = bytes.get_mut(..len).unwrap_or(&mut []);
        let address = self.geometry.address(seq);
        self.flash.read(address, bytes)?;
        Ok(match BlockHeader::decode(bytes, &self.geometry) {
            Some(header) if self.geometry.address(header.seq) == address => Slot::Valid(header),
            None if bytes.iter().all(|byte| *byte == 0xff) => Slot::Erased,
            _ => Slot::Bad,
        })
    }

    /// The header of block `seq`, if it can be read.
    pub(super) fn header(&mut self, seq: u32) -> Result<Option<BlockHeader>, F::Error> {
        Ok(match self.slot(seq)? {
            Slot::Valid(header) if header.seq == seq => Some(header),
            _ => None,
        })
    }

    /// The last block from `low` to before `end` for which `test` holds, where it holds for `low` and fails for all
    /// after the first for which it fails. Headers that cannot be read are passed over for the next one that can: up to
    /// [`PASSED`] bad ones, or one that looks erased, since erased blocks are what the search meets in a new region. The
    /// header is the one that the search has seen: a weak one might read differently a second time.
    pub(super) fn last_where(
        &mut self,
        mut low: BlockHeader,
        mut end: u32,
        test: impl Fn(&BlockHeader) -> bool,
    ) -> Result<BlockHeader, F::Error> {
        while end.saturating_sub(low.seq) > 1 {
            let middle = low.seq.saturating_add(end.saturating_sub(low.seq) / 2);
            let mut probe = middle;
            let mut slot = self.slot(probe)?;
            let patience = if slot == Slot::Bad { PASSED } else { 1 };
            while matches!(slot, Slot::Bad | Slot::Erased)
                && probe.saturating_sub(middle) < patience
                && probe.saturating_add(1) < end
            {
                probe = probe.saturating_add(1);
                slot = self.slot(probe)?;
            }
            match slot {
                Slot::Valid(header) if header.seq == probe && test(&header) => low = header,
                _ => end = middle,
            }
        }
        Ok(low)
    }

    /// A walk over what block `seq` holds, from that offset of the stream or the copy on.
    pub(super) fn walk(&self, content: Content, seq: u32, offset: u64) -> Walk {
        Walk {
            content,
            seq,
            pos: self.geometry.header_len(),
            offset,
        }
    }

    /// The next whole frame of the walk's kind; the window then holds its payload. What is no frame is passed over,
    /// unit by unit, since its length is not to be trusted.
    pub(super) fn next(
        &mut self,
        window: &mut Window,
        walk: &mut Walk,
    ) -> Result<Option<Frame>, F::Error> {
        let mut lost = false;
        while self.geometry.payload_room(walk.pos) > 0 {
            let header = self.frame_at(window, walk.seq, walk.pos)?;
            let Some(header) = header else {
                if !lost && FrameHeader::is_erased(window.from(walk.seq, walk.pos)) {
                    return Ok(None);
                }
                lost = true;
                walk.pos = walk.pos.saturating_add(self.geometry.unit());
                continue;
            };
            let pos = walk.pos;
            let size = header.len.saturating_add(FRAME_HEADER);
            walk.pos = pos.saturating_add(self.geometry.padded(size));
            if header.content != walk.content {
                continue;
            }
            let frame = Frame {
                seq: walk.seq,
                pos,
                content: header.content,
                offset: header.offset(walk.offset),
                len: header.len,
                first: header.first,
                last: header.last,
            };
            walk.offset = frame.end();
            return Ok(Some(frame));
        }
        Ok(None)
    }

    /// Reads a frame once more, from the flash, into `out`; `false` when it is no longer what it was.
    pub(super) fn load(
        &mut self,
        window: &mut Window,
        frame: &Frame,
        out: &mut [u8; MAX_FRAME as usize],
    ) -> Result<bool, F::Error> {
        window.clear();
        let mut walk = Walk {
            content: frame.content,
            seq: frame.seq,
            pos: frame.pos,
            offset: frame.offset,
        };
        let same = self.next(window, &mut walk)? == Some(*frame);
        // The window begins with the frame, since it held nothing.
        *out = window.bytes;
        window.clear();
        Ok(same)
    }

    /// Reads the frame at `pos`, through the window.
    fn frame_at(
        &mut self,
        window: &mut Window,
        seq: u32,
        pos: u32,
    ) -> Result<Option<FrameHeader>, F::Error> {
        let rest = self.geometry.block_size().saturating_sub(pos);
        let held = window.from(seq, pos);
        let needed = match held.first() {
            Some(len) if held.len() >= FRAME_HEADER as usize => {
                u32::from(*len).saturating_add(FRAME_HEADER).min(rest)
            }
            _ => u32::MAX,
        };
        if (held.len() as u64) < u64::from(needed.min(self.geometry.frame_max())) {
            let len = rest.min(self.geometry.frame_max());
            window.len = 0;
            let bytes = window.bytes.get_mut(..len as usize).unwrap_or(&mut []);
            let address = self.geometry.address(seq).saturating_add(pos);
            self.flash.read(address, bytes)?;
            (window.seq, window.pos, window.len) = (seq, pos, len);
        }
        Ok(FrameHeader::decode(window.from(seq, pos), seq, pos))
    }
}

impl<F: NorFlash> Device<F> {
    /// Erases the block's place.
    pub(super) fn erase(&mut self, seq: u32) -> Result<(), F::Error> {
        let from = self.geometry.address(seq);
        let to = from.saturating_add(self.geometry.block_size());
        self.flash.erase(from, to)
    }

    /// Programs `bytes`, a whole number of units, at `pos` of block `seq`.
    pub(super) fn program(&mut self, seq: u32, pos: u32, bytes: &[u8]) -> Result<(), F::Error> {
        let address = self.geometry.address(seq).saturating_add(pos);
        self.flash.write(address, bytes)
    }

    /// Erases the place of a block and gives it its header.
    pub(super) fn begin_block(&mut self, header: &BlockHeader) -> Result<(), F::Error> {
        self.erase(header.seq)?;
        let mut bytes = [0; MAX_FRAME as usize];
        if let Some((place, _)) = bytes.split_first_chunk_mut() {
            *place = header.encode(&self.geometry);
        }
        let len = self.geometry.header_len() as usize;
        let bytes = bytes.get(..len).unwrap_or(&[]);
        self.program(header.seq, 0, bytes)
    }
}
