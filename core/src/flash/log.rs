//! The log's state, and how it comes from the flash.

use super::{
    Error, Geometry,
    device::{Device, Frame, Window},
    view::View,
};
use embedded_storage::nor_flash::ReadNorFlash;

/// What happens when no block is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Policy {
    /// Writing fails with [`Error::Full`] until something is reclaimed.
    #[default]
    StopWhenFull,
    /// The oldest block is given up, whatever it holds: at first those of older sessions, then the beginning of the
    /// newest one (its header is kept).
    OverwriteOldest,
}

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
    /// What is to be programmed, after room for its frame's header; otherwise a window for reading.
    pub(super) window: Window,
    /// Bytes to be programmed.
    pub(super) fill: usize,
    /// The bytes to be programmed begin with a record's first byte.
    pub(super) starts: bool,
    /// What has been programmed of the newest session.
    pub(super) view: View,
    /// The newest session has no block yet.
    pub(super) new_session: bool,
    /// How much the session's first line may still grow, until it has ended.
    pub(super) header_left: Option<u32>,
    /// Where reading goes on.
    pub(super) position: u64,
    /// The next block to be opened.
    pub(super) next: u32,
    /// Where the next frame goes in the block before it; the block's size when it is closed.
    pub(super) pos: u32,
    /// The oldest block that is not free, and what it is to be when the next block is opened.
    pub(super) tail: u32,
    pub(super) wish: u32,
    /// The block with the copy of the header of the session at the tail, if that is needed.
    pub(super) copy: Option<u32>,
    /// The block in which the record begins that is being written.
    pub(super) record_block: u32,
    /// Blocks from the next one up to here may still hold what is not to count any more.
    pub(super) stale: u32,
    /// The frame that was newest when the log was mounted: it may be weak.
    pub(super) suspect: Option<Frame>,
}

impl<F: ReadNorFlash> FlashLog<F> {
    /// Finds the log in a region, without writing: the newest block by binary search, then the end of the newest
    /// session's last whole record. A region in which no block header can be read holds an empty log.
    ///
    /// Errors: [`Error::Flash`] from reading, [`Error::Geometry`]. Damage is no error: see [`FlashLog::survey`].
    pub fn mount(
        flash: F,
        geometry: Geometry,
        options: Options,
    ) -> Result<Self, Error<F::Error>> {
        let mut device = Device::new(flash, geometry)?;
        let mut window = Window::new();
        let newest = device.newest()?;
        let end = match &newest {
            Some(newest) => device.find_end(&mut window, newest.seq, newest.tail)?,
            None => None,
        };
        let first_free = newest.map_or(0, |newest| newest.seq.saturating_add(1));
        let mut log = FlashLog {
            device,
            options,
            window,
            fill: 0,
            starts: true,
            view: View::whole(first_free, first_free, 0),
            new_session: true,
            header_left: Some(geometry.max_header()),
            position: 0,
            next: first_free,
            pos: geometry.block_size(),
            tail: first_free,
            wish: newest.map_or(0, |newest| newest.tail),
            stale: first_free,
            copy: None,
            record_block: first_free,
            suspect: None,
        };
        if let Some(end) = end {
            let last = end.last.seq;
            log.next = last.saturating_add(1);
            log.record_block = last;
            log.tail = end.last.tail;
            log.copy = end.last.copy;
            log.suspect = end.newest;
            log.new_session = false;
            if end.len > 0 {
                log.header_left = None;
            }
            log.view = View::whole(end.session, last, end.len);
            log.refresh_view()?;
        }
        Ok(log)
    }

    /// Finds out anew where the newest session begins.
    fn refresh_view(&mut self) -> Result<(), F::Error> {
        let FlashLog {
            device,
            window,
            view,
            ..
        } = self;
        *view = View::open(device, window, *view, self.tail, self.copy)?;
        Ok(())
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
        let rest = geometry.block_size().saturating_sub(self.pos);
        let bytes = u64::from(free)
            .saturating_mul(u64::from(block))
            .saturating_add(u64::from(rest));
        // A frame of 64 bytes of payload takes at most this much.
        let frame = u64::from(geometry.padded(64 + super::layout::FRAME_HEADER));
        let frames = bytes.checked_div(frame).unwrap_or(0);
        frames.saturating_mul(64).saturating_sub(self.fill as u64)
    }
}
