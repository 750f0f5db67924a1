//! The flash with its geometry: block headers by sequence number, frames through a window, and the walk over a block.

use super::{
    Geometry, GeometryError,
    layout::{BlockHeader, Content, FRAME_HEADER, FrameHeader, HEADER, MAX_FRAME, is_erased},
    view::Present,
};
use crate::bytes::fill;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use heapless::Vec;

/// Bad headers in a row that a search passes over.
const PASSED: u32 = 8;

/// What stands in a block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A header, of a block that lies where its sequence number says: [`Device::head`] tells it.
    Valid,
    /// Nothing: the block is erased, or looks so.
    Erased,
    /// Anything else.
    Bad,
}

/// A whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Where its payload begins in the stream, or in the copy.
    pub(super) offset: u64,
    /// Where it stands in its block.
    pub(super) pos: u32,
    pub(super) header: FrameHeader,
}

impl Frame {
    pub(super) fn end(&self) -> u64 {
        self.offset.wrapping_add(u64::from(self.header.len()))
    }
}

/// Room for a frame. It takes its size when it is first used, so that a log can be built in its place, without being
/// copied there.
pub(super) struct Buffer(Vec<u8, { MAX_FRAME as usize }>);

impl Buffer {
    pub(super) const fn new() -> Self {
        Buffer(Vec::new())
    }

    #[inline(never)]
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        while self.0.push(0).is_ok() {}
        &mut self.0
    }
}

impl core::ops::Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
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
    /// The frame that was met last.
    pub(super) frame: Frame,
}

impl Walk {
    pub(super) fn new(content: Content, seq: u32, pos: u32, offset: u64) -> Self {
        Walk {
            content,
            seq,
            pos,
            offset,
            frame: Frame {
                offset,
                pos,
                header: FrameHeader::new(content, offset, false, false),
            },
        }
    }
}

// What is small first, as in a log.
#[repr(C)]
pub(super) struct Device<F> {
    pub(super) geometry: Geometry,
    /// The flash's address of the first byte in the window, and how many it holds.
    at: u32,
    held: u32,
    /// The block header that was read last.
    pub(super) head: BlockHeader,
    /// For the views of streams.
    pub(super) present: Present,
    pub(super) flash: F,
    /// The window: what was read last, as much as a frame or a block header may need.
    bytes: Buffer,
}

impl<F: ReadNorFlash> Device<F> {
    /// Errors: [`GeometryError::Capacity`], [`GeometryError::Unit`].
    #[inline(always)]
    pub(super) fn check(flash: &F, geometry: &Geometry) -> Result<(), GeometryError> {
        let fits = usize::try_from(geometry.end()).is_ok_and(|end| end <= flash.capacity());
        if !fits {
            return Err(GeometryError::Capacity);
        }
        if !(geometry.unit() as usize).is_multiple_of(F::READ_SIZE) {
            return Err(GeometryError::Unit);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn new(flash: F, geometry: Geometry) -> Self {
        Device {
            flash,
            geometry,
            bytes: Buffer::new(),
            at: 0,
            held: 0,
            head: BlockHeader::none(),
            present: Present::none(),
        }
    }

    /// What the window holds from this address on.
    fn window(&self, address: u32) -> &[u8] {
        let skip = address.wrapping_sub(self.at) as usize;
        self.bytes.get(skip..self.held as usize).unwrap_or(&[])
    }

    /// Reads `len` bytes into the window.
    #[inline(never)]
    fn fetch(&mut self, address: u32, len: u32) -> Result<(), F::Error> {
        self.held = 0;
        let bytes = self
            .bytes
            .bytes()
            .get_mut(..len as usize)
            .unwrap_or(&mut []);
        self.flash.read(address, bytes)?;
        (self.at, self.held) = (address, len);
        Ok(())
    }

    /// The header in the place where the block with this sequence number lies, whichever block that is now.
    #[inline(never)]
    pub(super) fn slot(&mut self, seq: u32) -> Result<Slot, F::Error> {
        let address = self.geometry.address(seq);
        self.fetch(address, self.geometry.header_len())?;
        let bytes = self.bytes.get(..self.held as usize).unwrap_or(&[]);
        let valid = self.head.read(bytes, &self.geometry)
            && self.geometry.address(self.head.seq) == address;
        Ok(match valid {
            true => Slot::Valid,
            false if is_erased(bytes) => Slot::Erased,
            false => Slot::Bad,
        })
    }

    /// Whether the header of block `seq` can be read: [`Device::head`] tells it.
    #[inline(never)]
    pub(super) fn header(&mut self, seq: u32) -> Result<bool, F::Error> {
        Ok(self.slot(seq)? == Slot::Valid && self.head.seq == seq)
    }

    /// From the block whose header was read last to before `end`: the last block that begins at offset `at` or before
    /// it, where that one does and none does after the first that does not. Its header is then the one that was read
    /// last: a weak one might read differently a second time.
    ///
    /// Headers that cannot be read are passed over for the next one that can: up to [`PASSED`] bad ones, or one that
    /// looks erased, since erased blocks are what the search meets in a new region.
    #[inline(never)]
    pub(super) fn last_before(&mut self, mut end: u32, at: u64) -> Result<(), F::Error> {
        let mut low = self.head;
        loop {
            // Sequence numbers below a block's own never lie above it, so nothing wraps here.
            let middle = low.seq.wrapping_add(end.saturating_sub(low.seq) / 2);
            if middle == low.seq {
                self.head = low;
                return Ok(());
            }
            let mut probe = middle;
            let mut patience = None;
            let found = loop {
                let most = match self.slot(probe)? {
                    Slot::Valid => break self.head.seq == probe && self.head.start() <= at,
                    Slot::Bad => PASSED,
                    Slot::Erased => 1,
                };
                let last = *patience.get_or_insert(middle.wrapping_add(most));
                if probe >= last || probe.wrapping_add(1) >= end {
                    break false;
                }
                probe = probe.wrapping_add(1);
            };
            match found {
                true => low = self.head,
                false => end = middle,
            }
        }
    }

    /// A walk over what block `seq` holds, from that offset of the stream or the copy on.
    pub(super) fn walk(&self, content: Content, seq: u32, offset: u64) -> Walk {
        Walk::new(content, seq, self.geometry.header_len(), offset)
    }

    /// Goes on to the next whole frame of the walk's kind: the walk tells it, [`Device::payload`] gives what it holds. What
    /// is no frame is passed over, unit by unit, since its length is not to be trusted.
    #[inline(never)]
    pub(super) fn next(&mut self, walk: &mut Walk) -> Result<bool, F::Error> {
        let mut lost = false;
        while self.geometry.payload_room(walk.pos) > 0 {
            let pos = walk.pos;
            let address = self.geometry.address(walk.seq).wrapping_add(pos);
            let Some(header) = self.frame_at(address, walk.seq, pos)? else {
                if !lost && FrameHeader::is_erased(self.window(address)) {
                    break;
                }
                lost = true;
                walk.pos = pos.wrapping_add(self.geometry.unit());
                continue;
            };
            let size = header.len().wrapping_add(FRAME_HEADER);
            walk.pos = pos.wrapping_add(self.geometry.padded(size));
            if header.content == walk.content {
                walk.frame = Frame {
                    offset: header.offset(walk.offset),
                    pos,
                    header,
                };
                walk.offset = walk.frame.end();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The payload of the frame that a walk has just met, from offset `at` on.
    #[inline(never)]
    pub(super) fn payload(&self, walk: &Walk, at: u64) -> &[u8] {
        let skip = at.wrapping_sub(walk.frame.offset);
        let len = walk.frame.header.len();
        if skip >= len.into() {
            return &[];
        }
        // Less than a frame's length.
        let skip = skip as u32;
        let pos = walk.frame.pos.wrapping_add(FRAME_HEADER);
        let address = self.geometry.address(walk.seq).wrapping_add(pos);
        let payload = self.window(address.wrapping_add(skip));
        payload
            .get(..len.wrapping_sub(skip) as usize)
            .unwrap_or(&[])
    }

    /// Reads a frame once more, from the flash; `false` when it is no longer what it was.
    pub(super) fn again(&mut self, seq: u32, frame: &Frame) -> Result<bool, F::Error> {
        self.held = 0;
        let address = self.geometry.address(seq).wrapping_add(frame.pos);
        Ok(self.frame_at(address, seq, frame.pos)? == Some(frame.header))
    }

    /// The window, which begins with what was read again.
    pub(super) fn read_again(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the frame at `pos`, through the window.
    fn frame_at(
        &mut self,
        address: u32,
        seq: u32,
        pos: u32,
    ) -> Result<Option<FrameHeader>, F::Error> {
        let rest = self.geometry.block_size().wrapping_sub(pos);
        let most = rest.min(self.geometry.frame_max());
        let held = self.window(address);
        let needed = match held.first() {
            Some(len) if held.len() >= FRAME_HEADER as usize => {
                u32::from(*len).wrapping_add(FRAME_HEADER).min(most)
            }
            _ => most,
        };
        if (held.len() as u32) < needed {
            self.fetch(address, most)?;
        }
        Ok(FrameHeader::decode(self.window(address), seq, pos))
    }
}

impl<F: NorFlash> Device<F> {
    /// Erases the block's place.
    pub(super) fn erase(&mut self, seq: u32) -> Result<(), F::Error> {
        self.held = 0;
        self.present.forget();
        let from = self.geometry.address(seq);
        let to = from.wrapping_add(self.geometry.block_size());
        self.flash.erase(from, to)
    }

    /// Programs `bytes`, a whole number of units, at `pos` of block `seq`.
    pub(super) fn program(&mut self, seq: u32, pos: u32, bytes: &[u8]) -> Result<(), F::Error> {
        self.held = 0;
        self.present.forget();
        let address = self.geometry.address(seq).wrapping_add(pos);
        self.flash.write(address, bytes)
    }

    /// Erases the place of a block and gives it its header.
    pub(super) fn begin_block(&mut self, header: &BlockHeader) -> Result<(), F::Error> {
        self.erase(header.seq)?;
        // The window holds nothing now.
        let len = self.geometry.header_len() as usize;
        let bytes = self.bytes.bytes().get_mut(..len).unwrap_or(&mut []);
        if let Some((place, padding)) = bytes.split_first_chunk_mut::<HEADER>() {
            header.encode(&self.geometry, place);
            fill(padding, 0);
        }
        self.flash.write(self.geometry.address(header.seq), bytes)
    }
}
