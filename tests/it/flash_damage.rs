//! Damaged regions: mounting never fails, what lies outside of the damage is there, and the damage is counted.

use crate::flash::{all, chip, geometry, mounted};
use embedded_io::{Read, Seek, SeekFrom, Write};
use sessionlog_core::flash::{BlockState, Damage, FlashLog, Geometry, Options};
use sessionlog_core::journal::Storage;
use sessionlog_tests::{
    load::Rng,
    sim::flash::{Chip, Flash},
};

type Nor = Flash<1, 4, 512>;

const BLOCK: u32 = 512;
const BLOCKS: u32 = 8;

fn record(n: usize) -> Vec<u8> {
    let mut line = format!("{n:04}").into_bytes();
    line.resize(20 + n * 37 % 170, b'a' + (n % 26) as u8);
    line.push(b'\n');
    line
}

/// A log of several blocks, and its records.
fn sound() -> (Vec<u8>, Vec<Vec<u8>>) {
    let flash: Nor = chip(BLOCKS, BLOCK);
    let mut log = mounted(&flash, BLOCK);
    let records: Vec<_> = (0..24).map(record).collect();
    for record in &records {
        log.write_all(record).expect("room");
        log.sync().expect("a chip that works");
    }
    assert!(
        log.sessions()
            .next()
            .expect("read")
            .is_some_and(|info| info.blocks >= 5)
    );
    let image = flash.chip().image().to_vec();
    (image, records)
}

fn mount(image: &[u8]) -> FlashLog<Nor> {
    mounted(&Flash::new(Chip::holding(image)), BLOCK)
}

/// Where frames lie in an image, each with its block, and whether it ends the block: headers' and frames' lengths.
fn frames(image: &[u8]) -> Vec<(usize, usize)> {
    let mut frames = Vec::new();
    for block in (0..image.len()).step_by(BLOCK as usize) {
        let mut at = block + 28;
        while at + 7 < block + BLOCK as usize && image[at] != 0xff {
            let end = (at + 7 + usize::from(image[at])).next_multiple_of(4);
            frames.push((at, end));
            at = end;
        }
    }
    frames
}

/// Records of the image as offsets in the stream.
fn extents(records: &[Vec<u8>]) -> Vec<(usize, usize)> {
    let mut at = 0;
    let place = |r: &Vec<u8>| {
        let start = at;
        at += r.len();
        (start, at)
    };
    records.iter().map(place).collect()
}

/// Reads backwards as well, for the sake of what a walk to a mark does with damage.
fn both_ways(log: &mut FlashLog<Nor>) -> Vec<u8> {
    let bytes = all(log);
    let mut end = bytes.len();
    while end > 0 {
        let start = end.saturating_sub(61);
        log.seek(SeekFrom::Start(start as u64)).expect("seek");
        let mut at = start;
        while at < end {
            let mut buf = [0; 61];
            let count = log.read(&mut buf[..end - at]).expect("read");
            assert_eq!(buf[..count], bytes[at..at + count], "at {at}");
            at += count;
        }
        end = start;
    }
    bytes
}

#[test]
fn a_flipped_bit_costs_the_frame_that_it_hit() {
    let (image, records) = sound();
    let frames = frames(&image);
    let extents = extents(&records);
    let total: usize = records.iter().map(Vec::len).sum();
    let last_block = frames.last().expect("frames").0 / BLOCK as usize;
    let mut counted = 0;
    for bit in 0..image.len() * 8 {
        let at = bit / 8;
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (bit % 8);
        let mut log = mount(&damaged);
        let bytes = both_ways(&mut log);
        let damage = log.survey().expect("read");
        let block = at / BLOCK as usize;
        // The stream's bytes that the damage may take.
        let mut offset = 0;
        let mut lost = None;
        for (start, end) in &frames {
            let next = offset + usize::from(image[*start]);
            let whole_block = at % (BLOCK as usize) < 28 && start / BLOCK as usize == block;
            if whole_block || (*start..*end).contains(&at) {
                let from = lost.map_or(offset, |(from, _)| from);
                lost = Some((from, next));
            }
            offset = next;
        }
        let Some((from, to)) = lost else {
            // Where nothing is written yet, or in padding that nothing covers.
            assert_eq!(bytes, records.concat(), "bit {bit}");
            continue;
        };
        for (record, (start, end)) in records.iter().zip(&extents) {
            // A newest block whose end is damaged ends with the last record that is whole.
            let cut = block == last_block && *start >= bytes.len();
            if (*end <= from || *start >= to) && !cut {
                assert_eq!(
                    bytes.get(*start..*end),
                    Some(record.as_slice()),
                    "bit {bit}"
                );
            }
        }
        if bytes.len() == total && bytes != records.concat() {
            assert_ne!(damage, Damage::default(), "bit {bit}");
            counted += 1;
        }
    }
    assert!(counted > image.len(), "{counted} times damage was counted");
}

#[test]
fn the_log_goes_on_after_any_flipped_bit() {
    let (image, _) = sound();
    for at in 0..image.len() {
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (at % 8);
        let mut log = mount(&damaged);
        let len = log.len() as usize;
        let before = all(&mut log);
        log.write_all(b"and on\n").expect("room");
        log.sync().expect("a chip that works");
        let flash = log.release();
        let mut log = mounted(&flash, BLOCK);
        let after = all(&mut log);
        assert_eq!(after[..len], before, "at {at}");
        assert_eq!(after[len..], *b"and on\n", "at {at}");
    }
}

#[test]
fn a_block_that_is_gone_costs_that_block() {
    let (image, records) = sound();
    let extents = extents(&records);
    let offset_of = |block: usize| -> usize {
        let before = frames(&image)
            .into_iter()
            .filter(|(at, _)| at / BLOCK as usize <= block);
        before.map(|(at, _)| usize::from(image[at])).sum()
    };
    let used = frames(&image).last().expect("frames").0 / BLOCK as usize + 1;
    let mut random = Rng::new(7);
    for block in 0..used {
        let from = if block == 0 { 0 } else { offset_of(block - 1) };
        for filling in 0..6 {
            let mut damaged = image.clone();
            for byte in &mut damaged[block * BLOCK as usize..][..BLOCK as usize] {
                let any = random.number() as u8;
                *byte = match filling {
                    0 => 0xff,
                    1 => 0,
                    // An erase that was cut short.
                    2 => *byte | any,
                    _ => any,
                };
            }
            let mut log = mount(&damaged);
            let bytes = both_ways(&mut log);
            for (record, (start, end)) in records.iter().zip(&extents) {
                let outside = *end <= from || *start >= offset_of(block) && block + 1 < used;
                if outside {
                    assert_eq!(
                        bytes.get(*start..*end),
                        Some(record.as_slice()),
                        "block {block}"
                    );
                }
            }
            if block + 1 < used {
                let damage = log.survey().expect("read");
                assert_eq!(
                    damage.bad_headers, 1,
                    "block {block}, {filling}: {damage:?}"
                );
                let there = log
                    .block(block as u32)
                    .expect("read")
                    .expect("in the region");
                let state = if filling == 0 {
                    BlockState::Erased
                } else {
                    BlockState::Bad
                };
                assert_eq!(there.state, state);
            }
        }
    }
}

#[test]
fn anything_can_be_mounted() {
    let (image, _) = sound();
    for seed in 0..3000 {
        let mut random = Rng::new(seed);
        let mut damaged = image.clone();
        for _ in 0..1 + random.below(40) {
            let at = random.below(damaged.len() as u64) as usize;
            let len = 1 + random.below(if seed % 2 == 0 { 4 } else { 700 }) as usize;
            let end = damaged.len().min(at + len);
            let from = random.below(damaged.len() as u64 - 700) as usize;
            match random.below(4) {
                0 => damaged[at..end].fill(0xff),
                1 => damaged[at..end].fill(0),
                // Blocks that lie where they do not belong.
                2 => damaged.copy_within(from..from + (end - at), at),
                _ => damaged[at..end]
                    .iter_mut()
                    .for_each(|b| *b = random.number() as u8),
            }
        }
        let mut log = mount(&damaged);
        both_ways(&mut log);
        log.survey().expect("read");
        let mut ids = Vec::new();
        let mut sessions = log.sessions();
        while let Some(info) = sessions.next().expect("read") {
            ids.push(info.id);
        }
        for id in ids {
            all(&mut log.session(id).expect("listed"));
        }
        for n in 0..6 {
            // It may be full, and nothing else.
            let written = log.write_all(&record(n)).and_then(|()| log.sync());
            assert!(
                matches!(written, Ok(()) | Err(sessionlog_core::flash::Error::Full)),
                "{written:?}"
            );
        }
    }
    let mut noise = Rng::new(1);
    let bytes: Vec<u8> = image.iter().map(|_| noise.number() as u8).collect();
    assert!(mount(&bytes).is_empty());
}

#[test]
fn the_geometry_is_found_in_an_image() {
    let (image, records) = sound();
    let mut flash: Nor = Flash::new(Chip::holding(&image));
    let found = Geometry::detect(&mut flash, 0..BLOCK * BLOCKS).expect("read");
    assert_eq!(found, Some(geometry(&flash, BLOCK)));
    let mut log =
        FlashLog::mount(flash, found.expect("found"), Options::default()).expect("mounts");
    assert_eq!(all(&mut log), records.concat());
    let mut empty: Nor = chip(BLOCKS, BLOCK);
    assert_eq!(Geometry::detect(&mut empty, 0..BLOCK * BLOCKS), Ok(None));
}

#[test]
fn formatting_erases_and_counts_the_wear_on() {
    let (image, _) = sound();
    let flash: Nor = Flash::new(Chip::holding(&image));
    let geometry = geometry(&flash, BLOCK);
    let mut log = FlashLog::format(flash, geometry, Options::default()).expect("a chip that works");
    assert!(log.is_empty());
    log.write_all(b"{}\n").expect("room");
    log.sync().expect("a chip that works");
    let mut log = mounted(&log.release(), BLOCK);
    assert_eq!(all(&mut log), b"{}\n");
    assert_eq!(log.wear().most, 2);
}
