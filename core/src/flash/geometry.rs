//! Where a log lies and how it is divided.

use core::{
    num::{NonZeroU16, NonZeroU32},
    ops::Range,
};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use super::layout::{BlockHeader, FRAME_HEADER, HEADER, MAX_FRAME};

/// The smallest block, in bytes: its header, one header copy and one frame must fit.
pub const MIN_BLOCK: u32 = 512;

/// The largest block, in bytes.
pub const MAX_BLOCK: u32 = 1 << 20;

/// The fewest blocks of a region: one is written, one is kept free, and something must lie between.
pub const MIN_BLOCKS: u32 = 4;

/// A region of flash, divided into blocks that are erased as wholes. Part of the format: a region is read with the
/// geometry that it was written with (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Geometry {
    start: u32,
    block: u32,
    blocks: NonZeroU16,
    unit: NonZeroU16,
    /// A block header's size, padding included.
    header: u16,
    /// The longest frame, padding included.
    frame: u16,
    /// The longest line that a session may begin with.
    line: u32,
}

/// Why a region cannot hold a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GeometryError {
    /// The range is no whole number of blocks, or does not begin at the beginning of an erase unit.
    Range,
    /// The block is smaller than [`MIN_BLOCK`], larger than [`MAX_BLOCK`], smaller than four units, or no multiple of
    /// 16 bytes, of the unit and of the size that the flash erases.
    Block,
    /// There are fewer than [`MIN_BLOCKS`] blocks, or more than 65,534.
    Blocks,
    /// No unit of at most 256 bytes is a multiple of what the flash reads and of what it writes at once.
    Unit,
    /// The region goes beyond the flash's end.
    Capacity,
}

impl core::fmt::Display for GeometryError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Range => "the region does not begin and end at a block's border",
            Self::Block => "the block's size does not suit",
            Self::Blocks => "too few blocks, or too many",
            Self::Unit => "the flash's words do not suit",
            Self::Capacity => "the region goes beyond the flash's end",
        })
    }
}

impl core::error::Error for GeometryError {}

impl Geometry {
    /// The addresses `range` of a flash `F`, in blocks of `block` bytes: the flash's erase size, or a multiple of it.
    pub fn new<F: NorFlash>(range: Range<u32>, block: u32) -> Result<Self, GeometryError> {
        let erase = u32::try_from(F::ERASE_SIZE).map_err(|_| GeometryError::Block)?;
        let unit = const { least_common_multiple(F::READ_SIZE, F::WRITE_SIZE) };
        let unit = unit.ok_or(GeometryError::Unit)?;
        let geometry = Self::with_unit(range, block, unit)?;
        if !block.is_multiple_of(erase) {
            return Err(GeometryError::Block);
        }
        if !geometry.start.is_multiple_of(erase) {
            return Err(GeometryError::Range);
        }
        Ok(geometry)
    }

    /// As [`new`](Self::new), for a region that is only read: `unit` is what everything in it is aligned to, the
    /// smallest multiple of the writing flash's read and write sizes.
    pub fn with_unit(range: Range<u32>, block: u32, unit: u16) -> Result<Self, GeometryError> {
        let size = u32::from(unit);
        if !(1..=256).contains(&unit) {
            return Err(GeometryError::Unit);
        }
        let fits = (MIN_BLOCK..=MAX_BLOCK).contains(&block) && block >= size.saturating_mul(4);
        if !fits || !block.is_multiple_of(16) || !block.is_multiple_of(size) {
            return Err(GeometryError::Block);
        }
        let len = range.end.checked_sub(range.start);
        let len = len.ok_or(GeometryError::Range)?;
        if !len.is_multiple_of(block) || !range.start.is_multiple_of(size) {
            return Err(GeometryError::Range);
        }
        let blocks = len.checked_div(block).unwrap_or(0);
        let fits = (MIN_BLOCKS..u32::from(u16::MAX)).contains(&blocks);
        // No more than 16 bits then.
        let blocks = NonZeroU16::new(blocks as u16).filter(|_| fits);
        let blocks = blocks.ok_or(GeometryError::Blocks)?;
        let header = (HEADER as u16)
            .checked_next_multiple_of(unit)
            .unwrap_or(unit);
        let over = (MAX_FRAME as u16).checked_rem(unit).unwrap_or(0);
        let frame = (MAX_FRAME as u16).saturating_sub(over);
        Ok(Geometry {
            start: range.start,
            block,
            blocks,
            unit: NonZeroU16::new(unit).ok_or(GeometryError::Unit)?,
            header,
            frame,
            line: longest_line(block, header.into(), frame.into()),
        })
    }

    /// Finds the geometry of a log that fills the addresses `range`: for reading an image of which nothing else is
    /// known. `None` when no block header is found.
    ///
    /// Reads on until it meets one, at worst everything.
    pub fn detect<F: ReadNorFlash>(
        flash: &mut F,
        range: Range<u32>,
    ) -> Result<Option<Self>, F::Error> {
        let size = usize::try_from(MAX_FRAME).unwrap_or(0);
        let step = least_common_multiple(F::READ_SIZE, 16).map_or(MAX_FRAME, u32::from);
        let mut bytes = [0; MAX_FRAME as usize];
        let want = HEADER.next_multiple_of(F::READ_SIZE.max(1)).min(size);
        let bytes = bytes.get_mut(..want).unwrap_or(&mut []);
        let mut at = range.start;
        while at < range.end && range.end.saturating_sub(at) as usize >= want {
            flash.read(at, bytes)?;
            if let Some((block, unit)) = BlockHeader::geometry_in(bytes)
                && let Ok(geometry) = Self::with_unit(range.clone(), block, unit)
                && let Some(header) = BlockHeader::decode(bytes, &geometry)
                && geometry.address(header.seq) == at
            {
                return Ok(Some(geometry));
            }
            at = at.saturating_add(step);
        }
        Ok(None)
    }

    /// The region's first address.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The size of a block in bytes.
    pub fn block_size(&self) -> u32 {
        self.block
    }

    /// The number of blocks.
    pub fn blocks(&self) -> u32 {
        u32::from(self.blocks.get())
    }

    /// What everything is aligned to, in bytes.
    pub fn unit(&self) -> u32 {
        u32::from(self.unit.get())
    }

    /// The address after the region.
    pub fn end(&self) -> u32 {
        self.start
            .saturating_add(self.block.saturating_mul(self.blocks()))
    }

    /// The longest line that a session may begin with: its header, with its line end. A copy of it and what reclaiming
    /// adds to it must fit a block, beside a frame.
    pub fn max_header(&self) -> u32 {
        self.line
    }

    /// Where the block with this sequence number lies.
    #[inline(never)]
    pub(super) fn address(&self, seq: u32) -> u32 {
        let index = seq % NonZeroU32::from(self.blocks);
        // Within the region.
        self.start.wrapping_add(index.wrapping_mul(self.block))
    }

    /// A block header's size, padding included.
    pub(super) fn header_len(&self) -> u32 {
        u32::from(self.header)
    }

    /// The longest frame, padding included.
    pub(super) fn frame_max(&self) -> u32 {
        u32::from(self.frame)
    }

    /// The size up to the next border of a unit.
    pub(super) fn padded(&self, len: u32) -> u32 {
        match len % NonZeroU32::from(self.unit) {
            0 => len,
            over => len.wrapping_add(self.unit()).wrapping_sub(over),
        }
    }

    /// How many bytes of payload a frame at `pos` of a block can hold; 0 when the block is full.
    #[inline(never)]
    pub(super) fn payload_room(&self, pos: u32) -> u32 {
        let room = self.block.saturating_sub(pos).min(self.frame_max());
        room.saturating_sub(FRAME_HEADER)
    }
}

/// The longest line that fits a block beside a frame, with what reclaiming adds to it. All of these are whole units.
fn longest_line(block: u32, header: u32, frame: u32) -> u32 {
    let room = block.saturating_sub(header).saturating_sub(frame);
    let whole = room.checked_div(frame).unwrap_or(0);
    let rest = room.saturating_sub(whole.saturating_mul(frame));
    whole
        .saturating_mul(frame.saturating_sub(FRAME_HEADER))
        .saturating_add(rest.saturating_sub(FRAME_HEADER))
        .saturating_sub(super::reclaim::MARK.len() as u32)
}

/// For sizes of at most 256.
const fn least_common_multiple(a: usize, b: usize) -> Option<u16> {
    let step = if a > b { a } else { b };
    let mut multiple = step;
    while multiple <= 256 && multiple > 0 {
        if multiple.is_multiple_of(a) && multiple.is_multiple_of(b) {
            return Some(multiple as u16);
        }
        multiple = multiple.saturating_add(step);
    }
    None
}
