//! The log's state, and how it comes from the flash.

use super::{
    Error, Geometry,
    device::{Device, Window},
    layout::{BlockHeader, MAX_FRAME},
    mount::End,
    view::View,
};
use crate::bytes::find;
use embedded_storage::nor_flash::ReadNorFlash;

/// What happens when no block is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Policy {
    /// Writing fails with [`Error::Full`] until something is reclaimed.
    #[default]
    StopWhenFull,
    /// Before a record is begun for which less than a quarter of the blocks is free, the oldest ones are given up,
    /// whatever they hold: at first those of older sessions, then the beginning of the newest one (its header is
    /// kept). A record that does not fit a quarter of the blocks, or what was not synced before it, may still find no
    /// room.
    OverwriteOldest,
}

/// How often a mount looks at the last frame: if its program was cut short, it may not read the same each time.
const LOOKS: usize = 4;

/// How a log works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Options {
    /// What happens when no block is free.
    pub policy: Policy,
}

/// A log in a region of flash. It reads and writes the newest session; older ones are read through
/// [`FlashLog::session`].
pub struct FlashLog<F> {
    pub(super) device: Device<F>,
    pub(super) options: Options,
    /// For reading.
    pub(super) window: Window,
    /// What is to be programmed: a frame, with room for its header.
    pub(super) frame: [u8; MAX_FRAME as usize],
    /// Bytes of payload in it.
    pub(super) fill: usize,
    /// The bytes to be programmed begin with a record's first byte.
    pub(super) starts: bool,
    /// What has been programmed of the newest session.
    pub(super) view: View,
    /// The newest session has no block yet.
    pub(super) new_session: bool,
    /// Length of the session before it, until it has one.
    pub(super) ended: u64,
    /// Length of the newest session as it was last made durable, if a record ended there.
    pub(super) durable: u64,
    /// How much the session's first line may still grow, until it has ended.
    pub(super) header_left: Option<u32>,
    /// Where reading goes on.
    pub(super) position: u64,
    /// The next block to be opened.
    pub(super) next: u32,
    /// Where the next frame goes in the block before it; the block's size when it is closed.
    pub(super) pos: u32,
    /// The oldest block that is not free, and what it is to be when the tail is moved next.
    pub(super) tail: u32,
    pub(super) wish: u32,
    /// The block with the copy of the header of the session at the tail, if that is needed.
    pub(super) copy: Option<u32>,
    /// Blocks behind the next one, up to before this one, hold what does not count any more.
    pub(super) stale: u32,
}

impl<F: ReadNorFlash> FlashLog<F> {
    /// Finds the log in a region, without writing: the newest block by binary search, then the end of the newest
    /// session's last whole record. A region in which no block header can be read holds an empty log.
    ///
    /// Errors: [`Error::Flash`] from reading, [`Error::Geometry`]. Damage is no error: see [`FlashLog::survey`].
    pub fn mount(flash: F, geometry: Geometry, options: Options) -> Result<Self, Error<F::Error>> {
        let mut device = Device::new(flash, geometry)?;
        let mut window = Window::new();
        let mut frame = [0; MAX_FRAME as usize];
        let newest = device.newest()?;
        let (mut end, mut weak) = (None, None);
        while let Some(newest) = &newest {
            let low = newest
                .seq
                .saturating_add(2)
                .saturating_sub(geometry.blocks());
            end = device.find_end(&mut window, newest.seq, low, Some(newest), u64::MAX, weak)?;
            // The program of the last frame may have been cut short: its bytes stay in RAM until they are programmed
            // anew. If they read differently now, they were never acknowledged.
            let Some(last) = end.and_then(|end| end.newest) else {
                break;
            };
            let mut same = true;
            for _ in 0..LOOKS {
                same &= device.load(&mut window, &last, &mut frame)?;
            }
            if same {
                break;
            }
            weak = Some(last);
        }
        // Where no record was ever whole, the log begins anew where it began.
        let next = newest.map_or(0, |newest| newest.tail);
        // Of the blocks that do not count, the last may have been in the middle of being erased, and its header may read
        // as one again.
        let stale = newest.map_or(0, |newest| newest.seq.saturating_add(2));
        let mut log = FlashLog {
            device,
            options,
            window,
            frame,
            fill: 0,
            starts: true,
            view: View::whole(next, next, 0),
            new_session: true,
            ended: 0,
            durable: 0,
            header_left: Some(geometry.max_header()),
            position: 0,
            next,
            pos: geometry.block_size(),
            tail: next,
            wish: 0,
            copy: None,
            stale,
        };
        if let (Some(end), Some(newest)) = (end, newest) {
            log.resume(&end, &newest)?;
        }
        Ok(log)
    }

    /// Goes on where a session ends.
    fn resume(&mut self, end: &End, newest: &BlockHeader) -> Result<(), F::Error> {
        let (block, mut len) = (&end.block, end.len);
        self.durable = len;
        if len > 0 {
            self.header_left = None;
        }
        if let Some(newest) = end.newest.filter(|newest| newest.offset < len) {
            self.fill = usize::try_from(len.saturating_sub(newest.offset)).unwrap_or(0);
            self.starts = newest.first;
            len = newest.offset;
        }
        self.next = block.seq.saturating_add(1);
        (self.tail, self.copy) = (block.tail, block.copy);
        self.new_session = false;
        if block.seq == newest.seq || block.tail != newest.tail {
            self.stale = newest.seq.saturating_add(1);
        }
        let view = View::whole(block.session, block.seq, len);
        self.view = self.open_view(view, self.tail, self.copy)?;
        Ok(())
    }

    /// Finds out where the newest session begins when the tail is there.
    pub(super) fn open_view(
        &mut self,
        whole: View,
        tail: u32,
        copy: Option<u32>,
    ) -> Result<View, F::Error> {
        let (device, window) = (&mut self.device, &mut self.window);
        let mut view = View::open(device, window, whole, tail, copy)?;
        if view.low > view.session && view.base == view.len && !self.starts {
            // All that has been programmed of what is left is a part of the record whose end is to be programmed.
            let end = find(b'\n', self.payload());
            let rest = end.map_or(self.fill, |end| end.saturating_add(1));
            view.base = view.base.saturating_add(rest as u64);
        }
        Ok(view)
    }

    /// The flash, for what the log does not do.
    pub fn flash(&mut self) -> &mut F {
        &mut self.device.flash
    }

    /// Gives the flash back. What has been written and not synced is dropped.
    pub fn release(self) -> F {
        self.device.flash
    }

    /// Where the log lies.
    pub fn geometry(&self) -> Geometry {
        self.device.geometry
    }

    /// The newest session's length in bytes, with what is not yet synced.
    pub fn len(&self) -> u64 {
        self.view.len.saturating_add(self.fill as u64)
    }

    /// The newest session has no bytes: nothing was ever written, or a session has been begun.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// At least so many bytes can still be written before [`Error::Full`], in records of any length, if each is
    /// synced by itself and none is shorter than 64 bytes.
    pub fn room(&self) -> u64 {
        let geometry = &self.device.geometry;
        let used = self.next.saturating_sub(self.tail.max(self.wish));
        // One block stays free.
        let free = geometry.blocks().saturating_sub(used).saturating_sub(1);
        let block = geometry.block_size().saturating_sub(geometry.header_len());
        let rest = match self.wish > self.tail {
            true => 0, // The tail is moved in a new block.
            false => geometry.block_size().saturating_sub(self.pos),
        };
        let bytes = u64::from(free)
            .saturating_mul(u64::from(block))
            .saturating_add(u64::from(rest));
        // A frame of 64 bytes of payload takes at most this much.
        let frame = u64::from(geometry.padded(64 + super::layout::FRAME_HEADER));
        let frames = bytes.checked_div(frame).unwrap_or(0);
        frames.saturating_mul(64).saturating_sub(self.fill as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_takes_less_than_a_kibibyte() {
        let size = size_of::<FlashLog<()>>();
        std::println!("{size} bytes");
        assert!(size <= 1024, "{size} bytes");
    }
}
