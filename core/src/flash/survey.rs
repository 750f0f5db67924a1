//! Looking at a whole region: its blocks, their wear, and what is damaged.

use super::{Error, FlashLog, SessionId, device::Slot, layout::Content};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// How often blocks have been erased, as their headers tell: blocks are used in turn, so that a block's number tells in
/// which lap of the ring it was opened. Erases that were repeated after a loss of power are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Wear {
    /// Erases of the block that was erased least.
    pub least: u32,
    /// Erases of the block that was erased most: at most one more, since wear is level by construction.
    pub most: u32,
}

/// What cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Damage {
    /// Blocks in use whose header cannot be read.
    pub bad_headers: u32,
    /// Places in the blocks in use where frames are lost: what lies behind or around them is whole.
    pub bad_frames: u32,
}

/// The state of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BlockState {
    /// Nothing in it.
    Erased,
    /// No header can be read: damaged, or being erased when power went.
    Bad,
    /// It belongs to a session, or is about to.
    InUse(SessionId),
    /// What it holds has been reclaimed or was never whole.
    Free,
}

/// A block of the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Block {
    /// What it holds.
    pub state: BlockState,
    /// How often it has been erased, if its header can be read.
    pub erases: Option<u32>,
}

impl<F: ReadNorFlash> FlashLog<F> {
    /// The block at place `index` of the region; `None` behind its end.
    pub fn block(&mut self, index: u32) -> Result<Option<Block>, Error<F::Error>> {
        let blocks = self.device.geometry.blocks();
        if index >= blocks {
            return Ok(None);
        }
        let used = self.tail..self.next;
        Ok(Some(match self.device.slot(index)? {
            Slot::Erased => Block {
                state: BlockState::Erased,
                erases: None,
            },
            Slot::Bad => Block {
                state: BlockState::Bad,
                erases: None,
            },
            Slot::Valid => Block {
                state: match used.contains(&self.device.head.seq) {
                    true => BlockState::InUse(SessionId(self.device.head.session)),
                    false => BlockState::Free,
                },
                erases: Some(erases(self.device.head.seq, blocks)),
            },
        }))
    }

    /// How evenly the region is worn, from one header.
    pub fn wear(&self) -> Wear {
        let blocks = self.device.geometry.blocks();
        let most = self
            .next
            .checked_sub(1)
            .map_or(0, |seq| erases(seq, blocks));
        let least = match self.next.checked_rem(blocks) {
            Some(0) => most,
            _ => most.saturating_sub(1),
        };
        Wear { least, most }
    }

    /// Reads every block in use and counts what is damaged in it.
    pub fn survey(&mut self) -> Result<Damage, Error<F::Error>> {
        let mut damage = Damage::default();
        for seq in self.tail..self.next {
            if !self.device.header(seq)? {
                damage.bad_headers = damage.bad_headers.saturating_add(1);
                continue;
            }
            let header = self.device.head;
            let next = seq.saturating_add(1);
            let goes_on = self.device.header(next)?
                && self.device.head.session == header.session
                && next < self.next;
            let following = goes_on.then_some(self.device.head);
            let newest = seq.saturating_add(1) == self.next;
            let limit = match following {
                Some(next) => next.start(),
                None if newest => self.view.len,
                None => 0,
            };
            let mut walk = self.device.walk(Content::Stream, seq, header.start());
            let mut expected = header.start();
            while self.device.next(&mut walk)? {
                let frame = walk.frame;
                let lost = u32::from(frame.offset > expected && expected < limit);
                damage.bad_frames = damage.bad_frames.saturating_add(lost);
                expected = frame.end();
            }
            let lost = u32::from(expected < limit);
            damage.bad_frames = damage.bad_frames.saturating_add(lost);
        }
        Ok(damage)
    }
}

impl<F: NorFlash> FlashLog<F> {
    /// Erases a region and makes an empty log in it. Where there was a log with the same geometry, its wear is counted
    /// on.
    ///
    /// Errors: [`Error::Flash`], [`Error::Geometry`].
    pub fn format(
        flash: F,
        geometry: super::Geometry,
        options: super::Options,
    ) -> Result<Self, Error<F::Error>> {
        super::device::Device::check(&flash, &geometry).map_err(Error::Geometry)?;
        let mut device = super::device::Device::new(flash, geometry);
        let blocks = geometry.blocks();
        let mut lap = 0;
        for place in 0..blocks {
            if device.slot(place)? == Slot::Valid {
                lap = lap.max(erases(device.head.seq, blocks));
            }
        }
        for place in (0..blocks).rev() {
            device.erase(place)?;
        }
        let seq = lap.saturating_mul(blocks);
        device.begin_block(&super::layout::BlockHeader {
            seq,
            session: seq,
            offset: 0,
            tail: seq,
            moved: false,
            copy: None,
        })?;
        Self::mount(device.flash, geometry, options)
    }
}

/// How often a block had been erased when it was opened.
fn erases(seq: u32, blocks: u32) -> u32 {
    let laps = seq.checked_div(blocks).unwrap_or(0);
    laps.saturating_add(1)
}
