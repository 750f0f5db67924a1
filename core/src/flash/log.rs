//! The log's state, and how it comes from the flash.

use super::{
    Error, Geometry,
    device::{Buffer, Device},
    mount::End,
    reclaim::Mover,
    view::View,
};
use crate::bytes::{copy, find};
use embedded_storage::nor_flash::{ErrorType, ReadNorFlash};

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
// In this order, what is small first: a processor of 32 bits has shorter instructions for what lies near.
#[repr(C)]
pub struct FlashLog<F: ErrorType> {
    /// Bytes of payload in the frame to be programmed.
    pub(super) fill: usize,
    /// The next block to be opened.
    pub(super) next: u32,
    /// Where the next frame goes in the block before it; the block's size when it is closed.
    pub(super) pos: u32,
    /// The oldest block that is not free, and what it is to be when the tail is moved next.
    pub(super) tail: u32,
    pub(super) wish: u32,
    /// Blocks behind the next one, up to before this one, hold what does not count any more.
    pub(super) stale: u32,
    /// The block with the copy of the header of the session at the tail, if that is needed.
    pub(super) copy: Option<u32>,
    /// How the tail is moved, once anything is to be given up.
    pub(super) mover: Option<fn() -> Mover<F>>,
    /// The bytes to be programmed begin with a record's first byte.
    pub(super) starts: bool,
    /// The newest session has no block yet.
    pub(super) new_session: bool,
    /// Its first line has not ended.
    pub(super) in_header: bool,
    pub(super) options: Options,
    /// What has been programmed of the newest session.
    pub(super) view: View,
    /// Length of the newest session as it was last made durable, if a record ended there.
    pub(super) durable: u64,
    /// Length of the session before it, until it has a block.
    pub(super) ended: u64,
    /// Where reading goes on.
    pub(super) position: u64,
    pub(super) device: Device<F>,
    /// What is to be programmed: a frame, with room for its header.
    pub(super) frame: Buffer,
}

impl<F: ReadNorFlash> FlashLog<F> {
    /// Finds the log in a region, without writing: the newest block by binary search, then the end of the newest
    /// session's last whole record. A region in which no block header can be read holds an empty log.
    ///
    /// Errors: [`Error::Flash`] from reading, [`Error::Geometry`]. Damage is no error: see [`FlashLog::survey`].
    pub fn mount(flash: F, geometry: Geometry, options: Options) -> Result<Self, Error<F::Error>> {
        Device::check(&flash, &geometry).map_err(Error::Geometry)?;
        let mut log = Self::unread(flash, geometry, options);
        log.find()?;
        Ok(log)
    }

    /// As [`mount`](Self::mount), in a place that outlives the caller, such as a `static`: the log stays there, and no
    /// copy of it is ever on the stack of what reads the flash. A journal takes `&'static mut FlashLog` for a storage.
    /// After an error the place is empty.
    pub fn mount_in(
        place: &mut Option<Self>,
        flash: F,
        geometry: Geometry,
        options: Options,
    ) -> Result<&mut Self, Error<F::Error>> {
        Device::check(&flash, &geometry).map_err(Error::Geometry)?;
        *place = Some(Self::unread(flash, geometry, options));
        if let Some(log) = place
            && let Err(error) = log.find()
        {
            *place = None;
            return Err(error.into());
        }
        // It is there.
        place.as_mut().ok_or(Error::NoSuchSession)
    }

    /// A log of which nothing has been read.
    #[inline(always)]
    fn unread(flash: F, geometry: Geometry, options: Options) -> Self {
        // A zero that the compiler does not know: many that it knows it clears by a routine of 170 bytes.
        let none = core::hint::black_box(0_u32);
        FlashLog {
            device: Device::new(flash, geometry),
            options,
            frame: Buffer::new(),
            fill: 0,
            starts: true,
            new_session: true,
            in_header: true,
            view: View::whole(none, none, none.into()),
            ended: none.into(),
            durable: none.into(),
            position: none.into(),
            next: none,
            pos: geometry.block_size(),
            tail: none,
            wish: none,
            copy: None,
            stale: none,
            mover: match options.policy {
                Policy::StopWhenFull => None,
                Policy::OverwriteOldest => Some(Self::mover),
            },
        }
    }

    /// Reads where the log ends.
    #[inline(never)]
    fn find(&mut self) -> Result<(), F::Error> {
        if !self.device.newest()? {
            return Ok(());
        }
        let newest = self.device.head;
        // Where no record was ever whole, the log begins anew where it began.
        (self.next, self.tail) = (newest.tail, newest.tail);
        self.view = View::whole(newest.tail, newest.tail, 0);
        // Of the blocks that do not count, the last may have been in the middle of being erased, and its header may read
        // as one again.
        self.stale = newest.seq.saturating_add(2);
        let low = self.stale.saturating_sub(self.device.geometry.blocks());
        let mut weak = None;
        loop {
            let known = Some(&newest);
            let end = self
                .device
                .find_end(newest.seq, low, known, u64::MAX, weak)?;
            let Some(end) = end else {
                return Ok(());
            };
            // The program of the last frame may have been cut short: its bytes stay in RAM until they are programmed
            // anew. If they read differently now, they were never acknowledged.
            let seq = self.device.head.seq;
            let mut same = true;
            for _ in 0..LOOKS {
                same &= self.device.again(seq, &end.newest)?;
            }
            if same {
                copy(self.frame.bytes(), self.device.read_again());
                self.go_on(&end);
                if seq == newest.seq || self.tail != newest.tail {
                    self.stale = newest.seq.saturating_add(1);
                }
                return Ok(());
            }
            weak = Some((seq, end.newest.pos));
        }
    }

    /// Goes on where a session ends.
    fn go_on(&mut self, end: &End) {
        let (block, mut len) = (&self.device.head, end.len);
        self.durable = len;
        self.in_header = len == 0;
        if end.newest.offset < len {
            self.fill = len.wrapping_sub(end.newest.offset) as usize;
            self.starts = end.newest.header.first();
            len = end.newest.offset;
        }
        self.next = block.seq.saturating_add(1);
        (self.tail, self.copy) = (block.tail, block.copy);
        self.new_session = false;
        self.view = View::whole(block.session, block.seq, len);
        self.view.lose(self.tail, self.copy);
    }

    /// Finds out where the newest session begins, if its beginning may be gone and nobody has asked yet.
    pub(super) fn open_view(&mut self) -> Result<(), F::Error> {
        if self.view.is_open() {
            return Ok(());
        }
        self.view.open(&mut self.device)?;
        if self.view.low > self.view.session && self.view.base == self.view.len && !self.starts {
            // All that has been programmed of what is left is a part of the record whose end is to be programmed.
            let end = find(b'\n', self.payload());
            let rest = end.map_or(self.fill, |end| end.wrapping_add(1));
            self.view.base = self.view.base.wrapping_add(rest as u64);
        }
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
        // Offsets have 48 bits.
        self.view.len.wrapping_add(self.fill as u64)
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
        struct None;
        impl ErrorType for None {
            type Error = core::convert::Infallible;
        }
        let size = size_of::<FlashLog<None>>();
        std::println!("{size} bytes");
        assert!(size <= 1024, "{size} bytes");
    }
}
