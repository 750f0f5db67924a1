//! The sessions of a region, newest first, and reading one of them.

use super::{Error, FlashLog, device::Device, mount::End, read, view::View};
use embedded_io::{ErrorType, Read, Seek, SeekFrom};
use embedded_storage::nor_flash::{self as flash, ReadNorFlash};

/// A session of a region: later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SessionId(pub(super) u32);

impl SessionId {
    /// The sequence number of the session's first block.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// What there is of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SessionInfo {
    /// Which one.
    pub id: SessionId,
    /// Length of its stream in bytes, what has been reclaimed of it included.
    pub len: u64,
    /// Its first blocks have been reclaimed.
    pub partial: bool,
    /// Blocks that it occupies.
    pub blocks: u32,
    last: u32,
}

/// Goes over a region's sessions.
pub struct Sessions<'l, F: flash::ErrorType> {
    log: &'l mut FlashLog<F>,
    /// The next older session ends in the block before this one.
    before: u32,
}

impl<F: ReadNorFlash> FlashLog<F> {
    /// The sessions with a whole record on the flash, newest first.
    pub fn sessions(&mut self) -> Sessions<'_, F> {
        let before = self.next;
        Sessions { before, log: self }
    }

    /// A session, for reading.
    ///
    /// Errors: [`Error::NoSuchSession`], [`Error::Flash`].
    pub fn session(&mut self, id: SessionId) -> Result<SessionReader<'_, F>, Error<F::Error>> {
        let mut sessions = self.sessions();
        let info = loop {
            match sessions.next()? {
                Some(info) if info.id == id => break info,
                Some(info) if info.id > id => {}
                _ => return Err(Error::NoSuchSession),
            }
        };
        let device = &mut self.device;
        let mut view = View::whole(info.id.0, info.last, info.len);
        view.lose(self.tail, self.copy);
        view.open(device)?;
        Ok(SessionReader {
            device,
            view,
            position: 0,
        })
    }
}

impl<F: ReadNorFlash> Sessions<'_, F> {
    /// The next older session; `None` after the oldest.
    #[allow(clippy::should_implement_trait)] // An iterator cannot fail.
    pub fn next(&mut self) -> Result<Option<SessionInfo>, Error<F::Error>> {
        let log = &mut *self.log;
        while let Some(newest) = self.before.checked_sub(1).filter(|seq| *seq >= log.tail) {
            // A session's first block tells where the session before it ends.
            let mut limit = u64::MAX;
            if self.before < log.next && log.device.header(self.before)? {
                let following = &log.device.head;
                if following.session == following.seq {
                    limit = following.offset;
                }
            }
            let end = log.device.find_end(newest, log.tail, None, limit, None)?;
            let Some(End { len, .. }) = end else {
                break;
            };
            let block = log.device.head;
            let low = block.session.max(log.tail);
            self.before = low;
            if len > 0 {
                return Ok(Some(SessionInfo {
                    id: SessionId(block.session),
                    len,
                    partial: block.session < log.tail,
                    blocks: newest.saturating_sub(low).saturating_add(1),
                    last: block.seq,
                }));
            }
        }
        self.before = log.tail;
        Ok(None)
    }
}

/// A session's stream, for reading only: as the newest one's, but for what may be weak.
pub struct SessionReader<'l, F> {
    device: &'l mut Device<F>,
    view: View,
    position: u64,
}

impl<F> SessionReader<'_, F> {
    /// Length of the stream in bytes.
    pub fn len(&self) -> u64 {
        self.view.len
    }

    /// There are no bytes.
    pub fn is_empty(&self) -> bool {
        self.view.len == 0
    }

    /// Where the first whole record begins after the header, when older ones have been reclaimed; 0 otherwise. What
    /// lies between is a blank line.
    pub fn base(&self) -> u64 {
        self.view.base
    }
}

impl<F: ReadNorFlash> ErrorType for SessionReader<'_, F> {
    type Error = Error<F::Error>;
}

impl<F: ReadNorFlash> Read for SessionReader<'_, F> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let SessionReader {
            device,
            view,
            position,
        } = self;
        let count = view.read(device, *position, buf)?;
        *position = position.saturating_add(count as u64);
        Ok(count)
    }
}

impl<F: ReadNorFlash> Seek for SessionReader<'_, F> {
    fn seek(&mut self, pos: SeekFrom) -> Result<u64, Self::Error> {
        let to = read::target(pos, self.position, self.view.len);
        self.position = to.ok_or(Error::InvalidSeek)?;
        Ok(self.position)
    }
}
