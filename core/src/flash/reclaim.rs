//! Giving blocks back, and keeping the header of a session that loses its first ones.
//!
//! Reclaiming writes nothing: it sets what the tail is to be when the next block is opened, and that block's header says
//! so. If power goes before, the blocks are still there, and can be reclaimed again. When the session at the tail has
//! lost its first block, the new block begins with a copy of its header; its old place, or the older copy's, is erased
//! for a later block only. The copy carries the member `"reclaimed":true` (F9) and a checksum of its own.

use super::{
    Error, FlashLog, SessionId,
    device::{Device, Window},
    layout::{Content, FRAME_HEADER, FrameHeader, MAX_FRAME},
    view::View,
};
use crate::bytes::find;
use crate::crc::Crc32;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// What the copy of a header says, before its checksum.
pub(super) const MARK: &[u8] = br#","reclaimed":true"#;

const CRC_KEY: &[u8] = br#","crc":""#;

/// What follows a checksummed record's other members, line end included: `,"crc":"xxxxxxxx"}`.
const CLOSING: usize = CRC_KEY.len() + 8 + CLOSE.len() + 1;

const CLOSE: &[u8] = br#""}"#;

/// What becomes of the header copy when a block is opened.
pub(super) struct CopyPlan {
    /// The block that will hold it; `None` when the session at the tail has its first block.
    pub(super) block: Option<u32>,
    /// What is to be written into the new block.
    pub(super) line: Option<HeaderLine>,
}

/// A session's header, to be copied.
pub(super) struct HeaderLine {
    source: View,
    /// Length, line end included.
    len: u64,
    /// Where the mark goes, and whether a checksum follows.
    mark: Option<(u64, bool)>,
}

impl<F: ReadNorFlash> FlashLog<F> {
    /// Gives up what lies before offset `keep_from` of the newest session, in whole blocks, older sessions included;
    /// [`Journal::keep_from`](crate::journal::Journal::keep_from) tells the offset that the journal needs. Gives the
    /// number of blocks that this frees. What is left of the session keeps its offsets.
    ///
    /// Nothing is written: the next block to be opened makes it lasting. If power goes before, nothing is freed, and
    /// nothing is lost.
    ///
    /// Errors: [`Error::Flash`] from reading.
    pub fn reclaim(&mut self, keep_from: u64) -> Result<u32, Error<F::Error>> {
        let block = if self.new_session {
            self.next
        } else {
            self.view.block_of(&mut self.device, keep_from)?
        };
        Ok(self.raise_tail(block))
    }

    /// Gives up the sessions older than this one, or all but the newest one's blocks if it has no block yet. Gives the
    /// number of blocks that this frees; as [`reclaim`](Self::reclaim), it becomes lasting with the next block.
    pub fn forget_before(&mut self, session: SessionId) -> u32 {
        self.raise_tail(session.0.min(self.next))
    }

    fn raise_tail(&mut self, block: u32) -> u32 {
        let before = self.wish.max(self.tail);
        self.wish = before.max(block);
        self.wish.saturating_sub(before)
    }

    /// What the next block needs to hold, the tail being moved to `tail`.
    pub(super) fn plan_copy(&mut self, tail: u32) -> Result<CopyPlan, Error<F::Error>> {
        let keep = |block| CopyPlan { block, line: None };
        if tail == self.tail {
            return Ok(keep(self.copy));
        }
        let Some(session) = self.session_at(tail)?.filter(|session| *session < tail) else {
            return Ok(keep(None));
        };
        if let Some(copy) = self.copy.filter(|copy| *copy >= tail)
            && self.session_at(self.tail)? == Some(session)
        {
            return Ok(keep(Some(copy)));
        }
        let (device, window) = (&mut self.device, &mut self.window);
        let source = if session == self.view.session && !self.new_session {
            self.view
        } else {
            let last = self.next.saturating_sub(1);
            let whole = View::whole(session, last, u64::MAX);
            View::open(device, window, whole, self.tail, self.copy)?
        };
        let base = View::open(device, window, source.entire(), tail, None)?.base;
        let line = HeaderLine::find(source, device, window, base)?;
        Ok(CopyPlan {
            block: line.as_ref().map(|_| self.next),
            line,
        })
    }

    /// The session that block `seq` or, where it cannot be read, the next one belongs to.
    fn session_at(&mut self, seq: u32) -> Result<Option<u32>, F::Error> {
        for seq in seq..self.next {
            if let Some(header) = self.device.header(seq)? {
                return Ok(Some(header.session));
            }
        }
        Ok(None)
    }
}

impl HeaderLine {
    /// Looks at the first line of `source`. `None` when it is damaged or longer than can be copied; `room` is what
    /// the copy may take.
    fn find<F: ReadNorFlash>(
        mut source: View,
        device: &mut Device<F>,
        window: &mut Window,
        room: u64,
    ) -> Result<Option<Self>, F::Error> {
        let most = device
            .geometry
            .max_header()
            .saturating_add(MARK.len() as u32);
        let mut bytes = [0; 64];
        let mut at = 0;
        let len = loop {
            let count = source.read(device, window, at, &mut bytes)?;
            let read = bytes.get(..count).unwrap_or(&[]);
            if let Some(end) = find(b'\n', read) {
                break at.saturating_add(end as u64).saturating_add(1);
            }
            at = at.saturating_add(count as u64);
            if count == 0 || at > u64::from(most) || find(0, read).is_some() {
                return Ok(None);
            }
        };
        if len > room.min(u64::from(most)) {
            return Ok(None);
        }
        let mut ending = [0; MARK.len() + CLOSING];
        let start = len.saturating_sub(ending.len() as u64);
        let count = usize::try_from(len.saturating_sub(start)).unwrap_or(0);
        let ending = ending.get_mut(..count).unwrap_or(&mut []);
        read_exact(&mut source, device, window, start, ending)?;
        let line = HeaderLine {
            source,
            len,
            mark: mark_place(ending, len),
        };
        let marked = len.saturating_add(MARK.len() as u64) <= room;
        Ok(Some(HeaderLine {
            mark: line.mark.filter(|_| marked),
            ..line
        }))
    }

    /// Programs the copy in block `seq`, from `pos` on; gives where it ends.
    pub(super) fn write<F: NorFlash>(
        mut self,
        device: &mut Device<F>,
        window: &mut Window,
        seq: u32,
        pos: u32,
    ) -> Result<u32, F::Error> {
        let mut out = CopyFrames {
            seq,
            pos,
            buf: [0; MAX_FRAME as usize],
            fill: 0,
            offset: 0,
        };
        let (verbatim, sealed) = self.mark.unwrap_or((self.len, false));
        let mut crc = Crc32::new();
        let mut bytes = [0; 64];
        let mut at = 0;
        while at < self.len {
            let end = if at < verbatim { verbatim } else { self.len };
            let most = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let most = most.min(bytes.len());
            let piece = bytes.get_mut(..most).unwrap_or(&mut []);
            let count = self.source.read(device, window, at, piece)?;
            if count == 0 {
                break;
            }
            let piece = piece.get(..count).unwrap_or(&[]);
            crc.update(piece);
            out.put(device, piece)?;
            at = at.saturating_add(count as u64);
            if at == verbatim && self.mark.is_some() {
                crc.update(MARK);
                out.put(device, MARK)?;
                if sealed {
                    out.put(device, CRC_KEY)?;
                    out.put(device, &Crc32::hex(crc.value()))?;
                    out.put(device, CLOSE)?;
                    at = self.len.saturating_sub(1);
                }
            }
        }
        out.program(device, true)?;
        Ok(out.pos)
    }
}

/// Where the mark goes in a line of `len` bytes that ends with `ending`, and whether a checksum follows; `None` when the
/// line has the mark, or is no JSON object.
fn mark_place(ending: &[u8], len: u64) -> Option<(u64, bool)> {
    let object = ending.strip_suffix(b"}\n")?;
    let closing = ending.len().checked_sub(CLOSING);
    let closing = closing.filter(|at| ending.get(*at..).is_some_and(|c| c.starts_with(CRC_KEY)));
    let (before, behind) = match closing {
        Some(at) => (ending.get(..at).unwrap_or(&[]), CLOSING),
        None => (object, 2),
    };
    let place = len.saturating_sub(behind as u64);
    (!before.ends_with(MARK)).then_some((place, closing.is_some()))
}

fn read_exact<F: ReadNorFlash>(
    source: &mut View,
    device: &mut Device<F>,
    window: &mut Window,
    mut at: u64,
    mut out: &mut [u8],
) -> Result<(), F::Error> {
    while !out.is_empty() {
        let count = source.read(device, window, at, out)?;
        if count == 0 {
            break;
        }
        at = at.saturating_add(count as u64);
        out = out.get_mut(count..).unwrap_or(&mut []);
    }
    Ok(())
}

/// The frames of a header copy.
struct CopyFrames {
    seq: u32,
    pos: u32,
    buf: [u8; MAX_FRAME as usize],
    fill: usize,
    offset: u64,
}

impl CopyFrames {
    fn put<F: NorFlash>(&mut self, device: &mut Device<F>, bytes: &[u8]) -> Result<(), F::Error> {
        for byte in bytes {
            if self.fill >= device.geometry.payload_room(self.pos) as usize {
                self.program(device, false)?;
            }
            let at = self.fill.saturating_add(FRAME_HEADER as usize);
            if let Some(place) = self.buf.get_mut(at) {
                *place = *byte;
            }
            self.fill = self.fill.saturating_add(1);
        }
        Ok(())
    }

    fn program<F: NorFlash>(&mut self, device: &mut Device<F>, last: bool) -> Result<(), F::Error> {
        if self.fill == 0 {
            return Ok(());
        }
        let header = FrameHeader::new(Content::Copy, self.offset, self.offset == 0, last);
        let geometry = device.geometry;
        let size = header.seal(&mut self.buf, self.fill, &geometry, self.seq, self.pos);
        let bytes = self.buf.get(..size).unwrap_or(&[]);
        device.program(self.seq, self.pos, bytes)?;
        self.pos = self.pos.saturating_add(size as u32);
        self.offset = self.offset.saturating_add(self.fill as u64);
        self.fill = 0;
        Ok(())
    }
}
