//! What stands in a block: its header and its frames. `docs/flash.md` has the rules, cited as L1 and so on.

use super::Geometry;
use crate::{bytes::fill, crc::Crc32};

/// A block header's size in bytes, without padding (L2).
pub(super) const HEADER: usize = 28;

/// A frame header's size in bytes (L4).
pub(super) const FRAME_HEADER: u32 = 7;

/// The longest frame in bytes, header and padding included. One frame is one program operation, and fits the one
/// buffer that there is.
pub(super) const MAX_FRAME: u32 = 256;

const MAGIC: [u8; 2] = *b"SL";
const VERSION: u8 = 1;

/// In the version's byte: the block has moved the tail.
const MOVED: u8 = 0x80;

/// No header copy is needed.
const NO_COPY: u16 = u16::MAX;

const OFFSET_BITS: u16 = 0x3fff;
const FIRST: u16 = 0x4000;
const LAST: u16 = 0x8000;

/// What a block says of itself (L2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    /// Where in the session's stream the block begins; in a session's first block, where the stream of the session
    /// before it ends.
    pub(super) offset: u64,
    /// Counts the blocks as they are opened; its place in the ring is the remainder by the number of blocks.
    pub(super) seq: u32,
    /// Sequence number of the session's first block.
    pub(super) session: u32,
    /// The oldest block that is not free.
    pub(super) tail: u32,
    /// The block has moved the tail: what stands before it is whole, and cannot be gone back upon.
    pub(super) moved: bool,
    /// The block that holds the copy of the header of the session at the tail, where that has lost its first block.
    pub(super) copy: Option<u32>,
}

impl BlockHeader {
    /// Where in the session's stream the block begins.
    pub(super) fn start(&self) -> u64 {
        if self.session == self.seq {
            0
        } else {
            self.offset
        }
    }

    pub(super) fn encode(&self, geometry: &Geometry, out: &mut [u8; HEADER]) {
        let back = |seq: u32| u16::try_from(self.seq.wrapping_sub(seq)).unwrap_or(NO_COPY);
        let moved = if self.moved { MOVED } else { 0 };
        let mut put = Put(out);
        put.array(MAGIC);
        put.array([VERSION | moved]);
        put.array(geometry_bytes(geometry));
        put.array(self.seq.to_le_bytes());
        put.array(self.session.to_le_bytes());
        put.array((self.offset as u32).to_le_bytes());
        put.array(((self.offset >> 32) as u16).to_le_bytes());
        put.array(back(self.tail).to_le_bytes());
        put.array(self.copy.map_or(NO_COPY, back).to_le_bytes());
        let crc = header_crc(out, geometry);
        if let Some(place) = out.last_chunk_mut::<4>() {
            *place = crc.to_le_bytes();
        }
    }

    /// What a log begins with.
    #[inline(always)]
    pub(super) fn none() -> Self {
        // As for the log's zeros.
        let none = core::hint::black_box(0_u32);
        BlockHeader {
            offset: none.into(),
            seq: none,
            session: none,
            tail: none,
            copy: None,
            moved: false,
        }
    }

    /// Reads a header that was written with this geometry.
    pub(super) fn decode(bytes: &[u8], geometry: &Geometry) -> Option<Self> {
        let mut header = Self::none();
        header.read(bytes, geometry).then_some(header)
    }

    /// As [`decode`](Self::decode), in its place; `false` when there is none, and then nothing is to be trusted.
    pub(super) fn read(&mut self, bytes: &[u8], geometry: &Geometry) -> bool {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            return false;
        };
        let mut take = Take(bytes);
        let magic = take.array();
        let [version] = take.array();
        let of = take.array();
        let seq = u32::from_le_bytes(take.array());
        self.seq = seq;
        self.session = u32::from_le_bytes(take.array());
        let low = u32::from_le_bytes(take.array());
        let high = u16::from_le_bytes(take.array());
        self.offset = u64::from(low) | u64::from(high) << 32;
        let tail = u16::from_le_bytes(take.array());
        let copy = u16::from_le_bytes(take.array());
        let crc = u32::from_le_bytes(take.array());
        self.tail = seq.wrapping_sub(tail.into());
        self.copy = (copy != NO_COPY).then(|| seq.wrapping_sub(copy.into()));
        self.moved = version & MOVED != 0;
        u16::from_le_bytes(magic) == u16::from_le_bytes(MAGIC)
            && version & !MOVED == VERSION
            && u32::from_le_bytes(word(of)) == u32::from_le_bytes(word(geometry_bytes(geometry)))
            // Neither lies before the first block that there ever was.
            && self.tail <= seq
            && self.copy.is_none_or(|copy| copy <= seq)
            && crc == header_crc(bytes, geometry)
    }

    /// The size of a block and the unit that what may be a header speaks of.
    pub(super) fn geometry_in(bytes: &[u8]) -> Option<(u32, u16)> {
        let mut take = Take(bytes.first_chunk::<HEADER>()?);
        let [m, n, version, unit] = take.array();
        if [m, n] != MAGIC || version & !MOVED != VERSION {
            return None;
        }
        let block = u32::from(u16::from_le_bytes(take.array()));
        let block = block.saturating_add(1).saturating_mul(16);
        Some((block, u16::from(unit).saturating_add(1)))
    }
}

/// What a header says of the geometry: the unit and the size of a block.
fn geometry_bytes(geometry: &Geometry) -> [u8; 3] {
    let block = (geometry.block_size() / 16).wrapping_sub(1);
    let [low, high] = (block as u16).to_le_bytes();
    [geometry.unit().wrapping_sub(1) as u8, low, high]
}

/// For comparing: as one number.
fn word([a, b, c]: [u8; 3]) -> [u8; 4] {
    [a, b, c, 0]
}

/// The number of blocks is no member of the header, but part of what its checksum covers.
fn header_crc(bytes: &[u8; HEADER], geometry: &Geometry) -> u32 {
    let mut crc = Crc32::new();
    crc.update(&geometry.blocks().to_le_bytes());
    crc.update(bytes.get(..HEADER - 4).unwrap_or(&[]));
    crc.value()
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Bytes of the session's stream.
    Stream,
    /// Bytes of a copy of a session's header.
    Copy,
}

/// What a frame says of itself (L4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The low 14 bits of where its payload lies in the stream or in the copy, and whether records begin and end there.
    word: u16,
    /// Bytes of payload.
    len: u8,
    pub(super) content: Content,
}

impl FrameHeader {
    pub(super) fn new(content: Content, offset: u64, first: bool, last: bool) -> Self {
        let mut word = offset as u16 & OFFSET_BITS;
        word |= if first { FIRST } else { 0 };
        word |= if last { LAST } else { 0 };
        FrameHeader {
            word,
            len: 0,
            content,
        }
    }

    /// Bytes of payload.
    pub(super) fn len(self) -> u32 {
        u32::from(self.len)
    }

    /// The payload begins with a record's first byte.
    pub(super) fn first(self) -> bool {
        self.word & FIRST != 0
    }

    /// The payload ends with a record's last byte.
    pub(super) fn last(self) -> bool {
        self.word & LAST != 0
    }

    /// The least offset from `expected` on that this frame can have.
    pub(super) fn offset(self, expected: u64) -> u64 {
        let ahead = self.word.wrapping_sub(expected as u16) & OFFSET_BITS;
        // Damage aside, an offset has 48 bits.
        expected.wrapping_add(u64::from(ahead))
    }

    /// Makes a frame of the `len` bytes of payload that stand after the room for its header; gives it with its padding.
    #[inline(never)]
    pub(super) fn seal<'b>(
        mut self,
        buf: &'b mut [u8],
        len: usize,
        geometry: &Geometry,
        seq: u32,
        pos: u32,
    ) -> &'b [u8] {
        self.len = len as u8;
        let end = len.saturating_add(FRAME_HEADER as usize);
        let total = geometry.padded(end as u32) as usize;
        let bytes = buf.get_mut(..total).unwrap_or(&mut []);
        fill(bytes.get_mut(end..).unwrap_or(&mut []), 0);
        let start = self.start();
        let payload = bytes.get(FRAME_HEADER as usize..end).unwrap_or(&[]);
        let crc = frame_crc(self.content, start, payload, seq, pos);
        let mut put = Put(bytes);
        put.array(start);
        put.array(crc.to_le_bytes());
        bytes
    }

    /// The first bytes of a frame.
    fn start(self) -> [u8; 3] {
        let [low, high] = self.word.to_le_bytes();
        [self.len, low, high]
    }

    /// Reads the frame at the beginning of `bytes`, which stands at `pos` of block `seq`.
    pub(super) fn decode(bytes: &[u8], seq: u32, pos: u32) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<{ FRAME_HEADER as usize }>()?;
        let [len, low, high, crc @ ..] = *header;
        let payload = rest.get(..usize::from(len)).filter(|p| !p.is_empty())?;
        let expected = frame_crc(Content::Stream, [len, low, high], payload, seq, pos);
        let content = match u32::from_le_bytes(crc) ^ expected {
            0 => Content::Stream,
            u32::MAX => Content::Copy,
            _ => return None,
        };
        Some(FrameHeader {
            word: u16::from_le_bytes([low, high]),
            len,
            content,
        })
    }

    /// A frame's place that has never been programmed.
    pub(super) fn is_erased(bytes: &[u8]) -> bool {
        is_erased(bytes.get(..FRAME_HEADER as usize).unwrap_or(bytes))
    }
}

/// Nothing has been programmed there.
pub(super) fn is_erased(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0xff)
}

/// The place goes in, so that what was written elsewhere or in an earlier life of the block never passes; what a copy
/// holds goes in inverted, so that it never passes for a part of the stream.
fn frame_crc(content: Content, start: [u8; 3], payload: &[u8], seq: u32, pos: u32) -> u32 {
    let mut place = [0; 11];
    let mut put = Put(&mut place);
    put.array(seq.to_le_bytes());
    put.array(pos.to_le_bytes());
    put.array(start);
    let mut crc = Crc32::new();
    crc.update(&place);
    crc.update(payload);
    match content {
        Content::Stream => crc.value(),
        Content::Copy => !crc.value(),
    }
}

/// Writes one field after the other.
struct Put<'b>(&'b mut [u8]);

impl Put<'_> {
    fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some((place, rest)) = core::mem::take(&mut self.0).split_first_chunk_mut() {
            *place = bytes;
            self.0 = rest;
        }
    }
}

/// Reads one field after the other; zeros after the end.
struct Take<'b>(&'b [u8]);

impl Take<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((array, rest)) => {
                self.0 = rest;
                *array
            }
            None => [0; N],
        }
    }
}

#[cfg(test)]
mod tests;
