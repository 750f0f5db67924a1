//! What stands in a block: its header and its frames. `docs/flash.md` has the rules, cited as L1 and so on.

use super::Geometry;
use crate::crc::Crc32;

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
    /// Counts the blocks as they are opened; its place in the ring is the remainder by the number of blocks.
    pub(super) seq: u32,
    /// Sequence number of the session's first block.
    pub(super) session: u32,
    /// Where in the session's stream the block begins; in a session's first block, where the stream of the session
    /// before it ends.
    pub(super) offset: u64,
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

    pub(super) fn encode(&self, geometry: &Geometry) -> [u8; HEADER] {
        let back = |seq: u32| u16::try_from(self.seq.saturating_sub(seq)).unwrap_or(NO_COPY);
        let block = (geometry.block_size() / 16).saturating_sub(1);
        let mut out = [0; HEADER];
        let mut put = Put(&mut out);
        put.bytes(&MAGIC);
        let moved = if self.moved { MOVED } else { 0 };
        put.bytes(&[VERSION | moved, geometry.unit().saturating_sub(1) as u8]);
        put.bytes(&(block as u16).to_le_bytes());
        put.bytes(&self.seq.to_le_bytes());
        put.bytes(&self.session.to_le_bytes());
        put.bytes(
            self.offset
                .to_le_bytes()
                .first_chunk::<6>()
                .unwrap_or(&[0; 6]),
        );
        put.bytes(&back(self.tail).to_le_bytes());
        put.bytes(&self.copy.map_or(NO_COPY, back).to_le_bytes());
        let crc = header_crc(&out, geometry);
        if let Some(place) = out.last_chunk_mut::<4>() {
            *place = crc.to_le_bytes();
        }
        out
    }

    /// Reads a header that was written with this geometry.
    pub(super) fn decode(bytes: &[u8], geometry: &Geometry) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER>()?;
        let mut take = Take(bytes);
        let [_, _, version, _, _, _]: [u8; 6] = take.array();
        let seq = u32::from_le_bytes(take.array());
        let session = u32::from_le_bytes(take.array());
        let [a, b, c, d, e, f] = take.array();
        let offset = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        let tail = u16::from_le_bytes(take.array());
        let copy = u16::from_le_bytes(take.array());
        if u32::from_le_bytes(take.array()) != header_crc(bytes, geometry)
            || Self::geometry_in(bytes)
                != Some((geometry.block_size(), u16::try_from(geometry.unit()).ok()?))
        {
            return None;
        }
        Some(BlockHeader {
            seq,
            session,
            offset,
            tail: seq.checked_sub(u32::from(tail))?,
            moved: version & MOVED != 0,
            copy: match copy {
                NO_COPY => None,
                back => Some(seq.checked_sub(u32::from(back))?),
            },
        })
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
    pub(super) content: Content,
    /// Where its payload lies in the stream or in the copy: the low 14 bits.
    offset: u16,
    /// Bytes of payload.
    pub(super) len: u32,
    /// The payload begins with a record's first byte.
    pub(super) first: bool,
    /// The payload ends with a record's last byte.
    pub(super) last: bool,
}

impl FrameHeader {
    pub(super) fn new(content: Content, offset: u64, first: bool, last: bool) -> Self {
        FrameHeader {
            content,
            offset: offset as u16 & OFFSET_BITS,
            len: 0,
            first,
            last,
        }
    }

    /// The least offset from `expected` on that this frame can have.
    pub(super) fn offset(&self, expected: u64) -> u64 {
        let ahead = self.offset.wrapping_sub(expected as u16) & OFFSET_BITS;
        expected.saturating_add(u64::from(ahead))
    }

    /// Makes a frame of the `len` bytes of payload that stand after the room for its header; gives its size with
    /// padding.
    pub(super) fn seal(
        self,
        buf: &mut [u8],
        len: usize,
        geometry: &Geometry,
        seq: u32,
        pos: u32,
    ) -> usize {
        let mut word = self.offset;
        word |= if self.first { FIRST } else { 0 };
        word |= if self.last { LAST } else { 0 };
        let [low, high] = word.to_le_bytes();
        let end = len.saturating_add(FRAME_HEADER as usize);
        let total = geometry.padded(end as u32) as usize;
        if let Some(padding) = buf.get_mut(end..total) {
            padding.fill(0);
        }
        let Some((header, payload)) = buf.split_first_chunk_mut::<{ FRAME_HEADER as usize }>()
        else {
            return 0;
        };
        let start = [len as u8, low, high];
        let payload = payload.get(..len).unwrap_or(&[]);
        let crc = frame_crc(self.content, start, payload, seq, pos);
        let mut put = Put(header);
        put.bytes(&start);
        put.bytes(&crc.to_le_bytes());
        total
    }

    /// Reads the frame at the beginning of `bytes`, which stands at `pos` of block `seq`.
    pub(super) fn decode(bytes: &[u8], seq: u32, pos: u32) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<{ FRAME_HEADER as usize }>()?;
        let mut take = Take(header);
        let start: [u8; 3] = take.array();
        let crc = u32::from_le_bytes(take.array());
        let [len, low, high] = start;
        let payload = rest.get(..usize::from(len)).filter(|p| !p.is_empty())?;
        let expected = frame_crc(Content::Stream, start, payload, seq, pos);
        let content = match crc {
            crc if crc == expected => Content::Stream,
            crc if crc == !expected => Content::Copy,
            _ => return None,
        };
        let word = u16::from_le_bytes([low, high]);
        Some(FrameHeader {
            content,
            offset: word & OFFSET_BITS,
            len: u32::from(len),
            first: word & FIRST != 0,
            last: word & LAST != 0,
        })
    }

    /// A frame's place that has never been programmed.
    pub(super) fn is_erased(bytes: &[u8]) -> bool {
        let header = bytes.get(..FRAME_HEADER as usize).unwrap_or(bytes);
        header.iter().all(|byte| *byte == 0xff)
    }
}

/// The place goes in, so that what was written elsewhere or in an earlier life of the block never passes; what a copy
/// holds goes in inverted, so that it never passes for a part of the stream.
fn frame_crc(content: Content, start: [u8; 3], payload: &[u8], seq: u32, pos: u32) -> u32 {
    let mut crc = Crc32::new();
    crc.update(&seq.to_le_bytes());
    crc.update(&pos.to_le_bytes());
    crc.update(&start);
    crc.update(payload);
    match content {
        Content::Stream => crc.value(),
        Content::Copy => !crc.value(),
    }
}

/// Writes one field after the other.
struct Put<'b>(&'b mut [u8]);

impl Put<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some((place, rest)) = core::mem::take(&mut self.0).split_at_mut_checked(bytes.len())
        {
            crate::bytes::copy(place, bytes);
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
