//! A disk with a volatile cache: what programs see, and everything that a loss of power may leave of it.
//!
//! Nothing is assumed of what was not synced: of each write anything may be there (nothing, a beginning, its length
//! with NULs in place of bytes, an end without its beginning), each cut may have happened or not, in any order. What was
//! synced is there. After a sync that failed, what it should have written may be missing for good, although programs
//! still see it and later syncs succeed: that is what systems do.

use crate::load::Rng;
use sessionlog::io::RawFile;
use std::cell::{Ref, RefCell, RefMut};
use std::collections::HashSet;
use std::io;
use std::rc::Rc;

/// Unsynced changes whose every order is tried.
const MAX_ORDERED: usize = 3;

/// A change of a file.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// What is known of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It was synced.
    Settled,
    /// It waits for a sync.
    Pending,
    /// The sync that it waited for failed: it may be there or not, whatever later syncs say.
    Doomed,
}

/// What a loss of power leaves of a change.
#[derive(Clone, Copy, Debug)]
enum Left {
    Nothing,
    /// The first bytes.
    Head(usize),
    /// The first bytes, and NULs to the write's end.
    HeadAndNuls(usize),
    /// NULs, and the bytes from here on.
    NulsAndTail(usize),
}

/// How many places a write is torn at when every image is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// At its beginning, in its middle, before and after its last byte.
    Few,
    /// At every byte, when it is the only change that waits.
    EveryByte,
}

/// A file's content, as programs see it and as a loss of power may leave it.
#[derive(Clone, Debug, Default)]
pub struct Content {
    live: Vec<u8>,
    base: Vec<u8>,
    changes: Vec<(Change, Fate)>,
}

impl Content {
    /// A file that durably holds these bytes.
    pub fn holding(bytes: Vec<u8>) -> Self {
        Content {
            live: bytes.clone(),
            base: bytes,
            changes: vec![],
        }
    }

    /// What programs see.
    pub fn live(&self) -> &[u8] {
        &self.live
    }

    /// Writes.
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.live, at, bytes);
        let bytes = bytes.to_vec();
        self.changes
            .push((Change::Write { at, bytes }, Fate::Pending));
    }

    /// Cuts, or extends with NULs.
    pub fn cut(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.changes.push((Change::Cut(len), Fate::Pending));
    }

    /// A sync that succeeds.
    pub fn sync(&mut self) {
        self.settle(Fate::Settled);
        if self.changes.iter().all(|(_, fate)| *fate == Fate::Settled) {
            self.changes.clear();
            self.base.clone_from(&self.live);
        }
    }

    /// A sync that fails.
    pub fn fail_sync(&mut self) {
        self.settle(Fate::Doomed);
    }

    fn settle(&mut self, fate: Fate) {
        let pending = self.changes.iter_mut().filter(|(_, f)| *f == Fate::Pending);
        pending.for_each(|(_, f)| *f = fate);
    }

    /// Everything that a loss of power may leave, but for places inside of writes that `detail` passes over.
    pub fn images(&self, detail: Detail) -> HashSet<Vec<u8>> {
        let open = |(_, fate): &&(Change, Fate)| *fate != Fate::Settled;
        let many = detail == Detail::EveryByte && self.changes.iter().filter(open).count() == 1;
        let mut images = HashSet::from([self.base.clone()]);
        let pending = self.changes.iter().take_while(|(_, f)| *f != Fate::Pending);
        let settled = pending.count();
        for (change, fate) in &self.changes[..settled] {
            images = match fate {
                Fate::Settled => apply_all(&images, change, &[Left::Head(usize::MAX)]),
                _ => apply_all(&images, change, &lefts(change, many)),
            };
        }
        let waiting: Vec<&Change> = self.changes[settled..].iter().map(|(c, _)| c).collect();
        let mut all = HashSet::new();
        for order in orders(waiting.len()) {
            let mut these = images.clone();
            for place in order {
                these = apply_all(&these, waiting[place], &lefts(waiting[place], many));
            }
            all.extend(these);
        }
        all
    }

    /// One of them, by chance; all places inside of writes can occur.
    pub fn image(&self, rng: &mut Rng) -> Vec<u8> {
        let mut image = self.base.clone();
        let mut waiting = vec![];
        for (change, fate) in &self.changes {
            match fate {
                Fate::Settled => apply(&mut image, change, Left::Head(usize::MAX)),
                Fate::Doomed => apply(&mut image, change, left(change, rng)),
                Fate::Pending => waiting.push(change),
            }
        }
        while !waiting.is_empty() {
            // In their order as a rule, as systems mostly do.
            let at = if rng.one_in(3) {
                rng.below(waiting.len() as u64)
            } else {
                0
            };
            let change = waiting.remove(at as usize);
            apply(&mut image, change, left(change, rng));
        }
        image
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

fn apply(image: &mut Vec<u8>, change: &Change, left: Left) {
    match (change, left) {
        (_, Left::Nothing) => {}
        (Change::Cut(len), _) => image.resize(*len, 0),
        (Change::Write { at, bytes }, Left::Head(n)) => {
            put(image, *at, &bytes[..n.min(bytes.len())]);
        }
        (Change::Write { at, bytes }, Left::HeadAndNuls(n)) => {
            let end = at + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            put(image, *at, &bytes[..n.min(bytes.len())]);
        }
        (Change::Write { at, bytes }, Left::NulsAndTail(n)) => {
            put(image, at + n, &bytes[n.min(bytes.len())..]);
        }
    }
}

fn apply_all(images: &HashSet<Vec<u8>>, change: &Change, lefts: &[Left]) -> HashSet<Vec<u8>> {
    let mut all = HashSet::new();
    for image in images {
        for left in lefts {
            let mut image = image.clone();
            apply(&mut image, change, *left);
            all.insert(image);
        }
    }
    all
}

fn lefts(change: &Change, every_byte: bool) -> Vec<Left> {
    let Change::Write { bytes, .. } = change else {
        return vec![Left::Nothing, Left::Head(0)];
    };
    let len = bytes.len();
    let places: Vec<usize> = match every_byte {
        true => (0..=len).collect(),
        false => vec![0, 1, len / 2, len.saturating_sub(1), len],
    };
    let mut lefts = vec![Left::Nothing];
    for n in places {
        lefts.extend([Left::Head(n), Left::HeadAndNuls(n), Left::NulsAndTail(n)]);
    }
    lefts
}

fn left(change: &Change, rng: &mut Rng) -> Left {
    let len = match change {
        Change::Write { bytes, .. } => bytes.len(),
        Change::Cut(_) => 0,
    };
    let n = usize::try_from(rng.below(len as u64 + 1)).unwrap_or(len);
    match rng.below(6) {
        0 => Left::Nothing,
        1 => Left::Head(n),
        2 => Left::HeadAndNuls(n),
        3 => Left::NulsAndTail(n),
        _ => Left::Head(len),
    }
}

/// Every order of so many changes; of more than [`MAX_ORDERED`], forwards and backwards.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let forwards: Vec<usize> = (0..count).collect();
    if count > MAX_ORDERED {
        let backwards = forwards.iter().rev().copied().collect();
        return vec![forwards, backwards];
    }
    let mut orders = vec![vec![]];
    for next in 0..count {
        let longer = orders.iter().flat_map(|order: &Vec<usize>| {
            (0..=order.len()).map(move |at| {
                let mut order = order.clone();
                order.insert(at, next);
                order
            })
        });
        orders = longer.collect();
    }
    orders
}

/// What goes wrong with a call that reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes: the call may have had its effect, and nothing works any more.
    Power,
    /// The call fails; of a write so many bytes get through first, and the next call fails too.
    Error(usize),
}

/// A disk with one file.
#[derive(Debug, Default)]
pub struct Disk {
    /// The file.
    pub content: Content,
    /// A sync says that all is well and does nothing: for seeing that the checks notice.
    pub lies: bool,
    /// Calls that reached the disk.
    pub calls: u64,
    /// The call that goes wrong, counted from now.
    fault: Option<(u64, Fault)>,
    dead: bool,
    failed: u64,
}

impl Disk {
    /// The call after so many others goes wrong.
    pub fn set_fault(&mut self, after: u64, fault: Fault) {
        self.fault = Some((after, fault));
    }

    /// Whether the power has gone.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// How many calls have failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    fn call(&mut self) -> Option<Fault> {
        self.calls += 1;
        if self.dead {
            return Some(Fault::Error(0));
        }
        let (after, fault) = self.fault.as_mut()?;
        if *after > 0 {
            *after -= 1;
            return None;
        }
        let fault = *fault;
        self.fault = None;
        self.failed += 1;
        self.dead = fault == Fault::Power;
        Some(fault)
    }
}

/// The file, as a program holds it open: what `FileStorage` writes to. Clones are the same file.
#[derive(Clone, Debug, Default)]
pub struct DiskFile(Rc<RefCell<Disk>>);

impl DiskFile {
    /// The file on a disk that durably holds these bytes.
    pub fn holding(bytes: Vec<u8>) -> Self {
        DiskFile(Rc::new(RefCell::new(Disk {
            content: Content::holding(bytes),
            ..Disk::default()
        })))
    }

    /// The disk, for looking.
    pub fn disk(&self) -> Ref<'_, Disk> {
        self.0.borrow()
    }

    /// The disk, for meddling.
    pub fn disk_mut(&self) -> RefMut<'_, Disk> {
        self.0.borrow_mut()
    }
}

fn failure() -> io::Error {
    io::Error::other("the simulated disk fails")
}

impl RawFile for DiskFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk().content.live().len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let disk = self.disk();
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let there = disk.content.live().get(at..).unwrap_or_default();
        let len = buf.len().min(there.len());
        buf[..len].copy_from_slice(&there[..len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut disk = self.disk_mut();
        let at = usize::try_from(at).map_err(io::Error::other)?;
        match disk.call() {
            Some(Fault::Error(through)) if through > 0 => {
                let taken = through.min(bytes.len());
                disk.content.write(at, &bytes[..taken]);
                // A short write; the reason is told to who writes the rest.
                disk.set_fault(0, Fault::Error(0));
                Ok(taken)
            }
            Some(Fault::Error(_)) => Err(failure()),
            Some(Fault::Power) => {
                disk.content.write(at, bytes);
                Err(failure())
            }
            None => {
                disk.content.write(at, bytes);
                Ok(bytes.len())
            }
        }
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk_mut();
        let fault = disk.call();
        if !matches!(fault, Some(Fault::Error(_))) {
            disk.content
                .cut(usize::try_from(len).map_err(io::Error::other)?);
        }
        fault.map_or(Ok(()), |_| Err(failure()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk_mut();
        match disk.call() {
            // It may have done any part of its work, which is what an image makes of it.
            Some(Fault::Power) => Err(failure()),
            Some(Fault::Error(_)) => {
                disk.content.fail_sync();
                Err(failure())
            }
            None => {
                if !disk.lies {
                    disk.content.sync();
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(content: &Content, detail: Detail) -> Vec<Vec<u8>> {
        let mut images: Vec<_> = content.images(detail).into_iter().collect();
        images.sort();
        images
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let mut content = Content::holding(b"ab".to_vec());
        content.write(2, b"cd");
        let left = |bytes: &[u8]| images(&content, Detail::EveryByte).contains(&bytes.to_vec());
        for bytes in [&b"ab"[..], b"abc", b"abcd", b"abc\0", b"ab\0\0", b"ab\0d"] {
            assert!(left(bytes), "{bytes:?}");
        }
        assert_eq!(images(&content, Detail::EveryByte).len(), 6);
        content.sync();
        assert_eq!(images(&content, Detail::EveryByte), [b"abcd"]);
        // A later write without the earlier one, and a cut that was lost.
        content.cut(3);
        content.write(3, b"X");
        let all = images(&content, Detail::Few);
        for bytes in [&b"abcd"[..], b"abc", b"abcX"] {
            assert!(all.contains(&bytes.to_vec()), "{bytes:?}");
        }
    }

    #[test]
    fn a_failed_sync_may_lose_for_good_what_programs_see() {
        let mut content = Content::holding(vec![]);
        content.write(0, b"a");
        content.fail_sync();
        content.sync();
        assert_eq!(content.live(), b"a");
        assert!(images(&content, Detail::Few).contains(&vec![]));
        content.write(0, b"a");
        content.sync();
        assert_eq!(images(&content, Detail::Few), [b"a"]);
    }

    #[test]
    fn chance_makes_nothing_that_is_not_among_all() {
        let mut content = Content::holding(b"ab".to_vec());
        content.write(2, b"cde");
        content.cut(3);
        let all = content.images(Detail::EveryByte);
        let mut rng = Rng::new(1);
        for _ in 0..200 {
            assert!(all.len() < 40 && content.image(&mut rng).starts_with(b"ab"));
        }
        assert_eq!(orders(3).len(), 6);
    }
}
