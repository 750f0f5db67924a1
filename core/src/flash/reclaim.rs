//! Giving blocks back, and keeping the header of a session that loses its first ones.
//!
//! Reclaiming writes nothing: it sets what the tail is to be when the next block is opened, and that block's header says
//! so. If power goes before, the blocks are still there, and can be reclaimed again. When the session at the tail has
//! lost its first block, the new block begins with a copy of its header; its old place, or the older copy's, is erased
//! for a later block only. The copy carries the member `"reclaimed":true` (F9) and a checksum of its own.

use super::{
    Error, FlashLog, Policy, SessionId,
    device::{Buffer, Device},
    layout::{Content, FRAME_HEADER, FrameHeader},
    view::View,
};
use crate::crc::Crc32;
use embedded_storage::nor_flash::{ErrorType, ReadNorFlash};

/// What the copy of a header says, before its checksum.
pub(super) const MARK: &[u8] = br#","reclaimed":true"#;

const CRC_KEY: &[u8] = br#","crc":""#;

/// What follows a checksummed record's other members, line end included: `,"crc":"xxxxxxxx"}`.
const CLOSING: usize = CRC_KEY.len() + 8 + CLOSE.len() + 1;

const CLOSE: &[u8] = br#""}"#;

/// How the tail is moved. A log comes by it when something is given up for the first time, so that a device that never
/// does so need not link what it takes.
pub(super) struct Mover<F: ErrorType> {
    /// Where the tail is to be when the next block is opened, if it can be moved then.
    pub(super) wanted: fn(&FlashLog<F>) -> u32,
    /// Opens a block that moves the tail.
    pub(super) open: Open<F>,
}

type Open<F> = fn(
    &mut FlashLog<F>,
    u32,
    Begin<F>,
    Program<F>,
) -> Result<Opened, Error<<F as ErrorType>::Error>>;

/// Erases the next block's place and gives it its header: with this tail and this header copy.
pub(super) type Begin<F> =
    fn(&mut FlashLog<F>, u32, Option<u32>) -> Result<(), <F as ErrorType>::Error>;

/// Programs bytes at a position of a block.
pub(super) type Program<F> =
    fn(&mut Device<F>, u32, u32, &[u8]) -> Result<(), <F as ErrorType>::Error>;

/// A block that has its header, and counts from its first frame on.
pub(super) struct Opened {
    /// Where that frame goes.
    pub(super) pos: u32,
    pub(super) tail: u32,
    pub(super) copy: Option<u32>,
}

/// A session's header, to be copied.
#[derive(Clone, Copy)]
struct HeaderLine {
    /// Length, line end included.
    len: u32,
    /// Where the mark goes, and whether a checksum follows.
    mark: Option<(u32, bool)>,
}

/// A stream's beginning, byte by byte: so the code is small, and a header is copied seldom.
struct Bytes {
    view: View,
    /// What was read last, from this offset on.
    some: [u8; 32],
    at: u32,
    held: u32,
}

impl<F: ReadNorFlash> FlashLog<F> {
    pub(super) fn mover() -> Mover<F> {
        Mover {
            wanted: Self::wanted_tail,
            open: Self::move_tail,
        }
    }

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
            self.open_view()?;
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
        self.mover = Some(Self::mover);
        let before = self.wish.max(self.tail);
        self.wish = before.max(block);
        self.wish.saturating_sub(before)
    }

    fn wanted_tail(&self) -> u32 {
        let tail = self.tail.max(self.wish).min(self.next);
        // So many blocks are there for a record, and one more stays free; the tail is moved by some at a time, since
        // each move begins a block.
        let spare = self.device.geometry.blocks() / 4;
        match self.options.policy {
            Policy::OverwriteOldest if tail < self.tail_for(spare) => {
                let some = spare.div_ceil(2);
                self.tail_for(spare.saturating_add(some)).min(self.next)
            }
            _ => tail,
        }
    }

    /// Opens a block that moves the tail, and writes into it what it has to hold of a session that loses its first one.
    fn move_tail(
        &mut self,
        tail: u32,
        begin: Begin<F>,
        program: Program<F>,
    ) -> Result<Opened, Error<F::Error>> {
        let mut opened = Opened {
            pos: self.device.geometry.header_len(),
            tail,
            copy: None,
        };
        let mut line = None;
        let mut source = Bytes {
            view: self.view,
            some: [0; 32],
            at: 0,
            held: 0,
        };
        let session = self.session_at(tail)?.filter(|session| *session < tail);
        if let Some(session) = session {
            let kept = self.copy.filter(|copy| *copy >= tail);
            if kept.is_some() && self.session_at(self.tail)? == Some(session) {
                opened.copy = kept;
            } else {
                line = self.header_line(session, tail, &mut source)?;
                opened.copy = line.map(|_| self.next);
            }
        }
        begin(self, tail, opened.copy)?;
        if let Some(line) = line {
            let device = &mut self.device;
            opened.pos = line.write(source, device, self.next, opened.pos, program)?;
        }
        Ok(opened)
    }

    /// The header of a session that loses what lies before block `tail`.
    fn header_line(
        &mut self,
        session: u32,
        tail: u32,
        source: &mut Bytes,
    ) -> Result<Option<HeaderLine>, F::Error> {
        if session == self.view.session && !self.new_session {
            self.open_view()?;
            source.view = self.view;
        } else {
            let last = self.next.saturating_sub(1);
            source.view = View::whole(session, last, u64::MAX);
            source.view.lose(self.tail, self.copy);
            source.view.open(&mut self.device)?;
        }
        let room = source.view.first_record(&mut self.device, tail)?;
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        HeaderLine::find(source, &mut self.device, room)
    }

    /// The session that block `seq` or, where it cannot be read, the next one belongs to.
    fn session_at(&mut self, seq: u32) -> Result<Option<u32>, F::Error> {
        for seq in seq..self.next {
            if self.device.header(seq)? {
                return Ok(Some(self.device.head.session));
            }
        }
        Ok(None)
    }
}

impl Bytes {
    /// The byte at an offset; 0, which no record contains, when it cannot be read.
    fn get<F: ReadNorFlash>(&mut self, device: &mut Device<F>, at: u32) -> Result<u8, F::Error> {
        if at.wrapping_sub(self.at) >= self.held {
            self.held = 0;
            let count = self.view.read(device, at.into(), &mut self.some)?;
            (self.at, self.held) = (at, count as u32);
        }
        let byte = self.some.get(at.wrapping_sub(self.at) as usize);
        Ok(byte.copied().filter(|_| self.held > 0).unwrap_or(0))
    }

    /// Whether `text` stands before `end`.
    fn ends<F: ReadNorFlash>(
        &mut self,
        device: &mut Device<F>,
        end: u32,
        text: &[u8],
    ) -> Result<bool, F::Error> {
        let Some(mut at) = end.checked_sub(text.len() as u32) else {
            return Ok(false);
        };
        for byte in text {
            if self.get(device, at)? != *byte {
                return Ok(false);
            }
            at = at.wrapping_add(1);
        }
        Ok(true)
    }
}

impl HeaderLine {
    /// Looks at the first line of `source`. `None` when it is damaged or longer than can be copied; `room` is what
    /// the copy may take.
    fn find<F: ReadNorFlash>(
        source: &mut Bytes,
        device: &mut Device<F>,
        room: u32,
    ) -> Result<Option<Self>, F::Error> {
        let most = device.geometry.max_header();
        let most = most.saturating_add(MARK.len() as u32).min(room);
        let mut len = 0_u32;
        let mut byte = 0;
        while byte != b'\n' {
            if len >= most {
                return Ok(None);
            }
            byte = source.get(device, len)?;
            if byte == 0 {
                return Ok(None);
            }
            len = len.wrapping_add(1);
        }
        // Where the mark goes, when the line is a JSON object and has none: before its checksum, if there is one.
        let mut mark = None;
        if source.ends(device, len, b"}\n")? && len.saturating_add(MARK.len() as u32) <= room {
            let key = len.wrapping_sub(CLOSING.wrapping_sub(CRC_KEY.len()) as u32);
            let sealed = len >= CLOSING as u32 && source.ends(device, key, CRC_KEY)?;
            let behind = if sealed { CLOSING as u32 } else { 2 };
            let place = len.wrapping_sub(behind);
            if !source.ends(device, place, MARK)? {
                mark = Some((place, sealed));
            }
        }
        Ok(Some(HeaderLine { len, mark }))
    }

    /// Programs the copy in block `seq`, from `pos` on; gives where it ends.
    fn write<F: ReadNorFlash>(
        self,
        source: Bytes,
        device: &mut Device<F>,
        seq: u32,
        pos: u32,
        program: Program<F>,
    ) -> Result<u32, F::Error> {
        let mut out = CopyFrames {
            source,
            seq,
            pos,
            program,
            fill: 0,
            offset: 0,
            crc: Crc32::new(),
            buf: Buffer::new(),
        };
        let (verbatim, sealed) = self.mark.unwrap_or((self.len, false));
        out.copy(device, 0, verbatim)?;
        if self.mark.is_some() {
            out.put(device, MARK)?;
            let mut rest = verbatim;
            if sealed {
                let crc = Crc32::hex(out.crc.value());
                out.put(device, CRC_KEY)?;
                out.put(device, &crc)?;
                out.put(device, CLOSE)?;
                rest = self.len.wrapping_sub(1);
            }
            out.copy(device, rest, self.len)?;
        }
        out.program(device, true)?;
        Ok(out.pos)
    }
}

/// The frames of a header copy.
struct CopyFrames<F: ErrorType> {
    source: Bytes,
    seq: u32,
    pos: u32,
    program: Program<F>,
    fill: usize,
    offset: u64,
    crc: Crc32,
    buf: Buffer,
}

impl<F: ReadNorFlash> CopyFrames<F> {
    fn put(&mut self, device: &mut Device<F>, bytes: &[u8]) -> Result<(), F::Error> {
        self.crc.update(bytes);
        for byte in bytes {
            if self.fill >= device.geometry.payload_room(self.pos) as usize {
                self.program(device, false)?;
            }
            let at = self.fill.wrapping_add(FRAME_HEADER as usize);
            if let Some(place) = self.buf.bytes().get_mut(at) {
                *place = *byte;
            }
            self.fill = self.fill.wrapping_add(1);
        }
        Ok(())
    }

    /// What the source holds from `at` to `end`.
    fn copy(&mut self, device: &mut Device<F>, mut at: u32, end: u32) -> Result<(), F::Error> {
        while at < end {
            let byte = self.source.get(device, at)?;
            self.put(device, &[byte])?;
            at = at.wrapping_add(1);
        }
        Ok(())
    }

    fn program(&mut self, device: &mut Device<F>, last: bool) -> Result<(), F::Error> {
        if self.fill == 0 {
            return Ok(());
        }
        let header = FrameHeader::new(Content::Copy, self.offset, self.offset == 0, last);
        let (seq, pos) = (self.seq, self.pos);
        let bytes = header.seal(self.buf.bytes(), self.fill, &device.geometry, seq, pos);
        (self.program)(device, seq, pos, bytes)?;
        self.pos = pos.wrapping_add(bytes.len() as u32);
        self.offset = self.offset.wrapping_add(self.fill as u64);
        self.fill = 0;
        Ok(())
    }
}
