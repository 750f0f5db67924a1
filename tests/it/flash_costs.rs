//! What the flash log costs: reads to mount and to append, bytes programmed for a byte of record. `docs/flash.md` has
//! the numbers that this prints with `--nocapture`.

use crate::flash::{chip, geometry, mounted};
use embedded_io::Write;
use sessionlog_core::flash::FlashLog;
use sessionlog_core::journal::Storage;
use sessionlog_tests::sim::flash::{Counts, Flash};

fn put<const R: usize, const W: usize, const E: usize>(
    log: &mut FlashLog<Flash<R, W, E>>,
    len: usize,
) {
    let mut line = vec![b'x'; len];
    line[len - 1] = b'\n';
    log.write_all(&line).expect("room");
    log.sync().expect("a chip that works");
}

fn counted<const R: usize, const W: usize, const E: usize>(
    flash: &Flash<R, W, E>,
    run: impl FnOnce(),
) -> Counts {
    let before = flash.chip().counts;
    run();
    let after = flash.chip().counts;
    Counts {
        reads: after.reads - before.reads,
        bytes_read: after.bytes_read - before.bytes_read,
        programs: after.programs - before.programs,
        bytes_programmed: after.bytes_programmed - before.bytes_programmed,
        erases: after.erases - before.erases,
        header_reads: after.header_reads - before.header_reads,
    }
}

/// Mounts with this many blocks written, all of them kept or all but the newest few given up.
fn mount_cost(blocks: u32, written: u32, reclaim: bool) -> Counts {
    const BLOCK: u32 = 512;
    let flash: Flash<1, 4, 512> = chip(blocks, BLOCK);
    let mut log = mounted(&flash, BLOCK);
    while flash.chip().counts.erases < u64::from(written) {
        // Two make a block; the first is the session's header.
        let len = if log.is_empty() { 150 } else { 230 };
        put(&mut log, len);
        if reclaim {
            let keep = log.len().saturating_sub(600);
            if log.room() < 2048 {
                log.reclaim(keep).expect("a chip that works");
            }
        }
    }
    let len = log.len();
    drop(log);
    let mut found = 0;
    let counts = counted(&flash, || found = mounted(&flash, BLOCK).len());
    assert_eq!(found, len);
    counts
}

#[test]
fn mounting_reads_few_headers_and_one_block() {
    let mut blocks = 8_u32;
    while blocks <= 4096 {
        let most = u64::from(2 * blocks.ilog2() + 2);
        let mut worst = Counts::default();
        let mut see = |counts: Counts, what: String| {
            assert!(
                counts.header_reads <= most,
                "{what}: {counts:?}, at most {most}"
            );
            worst.header_reads = worst.header_reads.max(counts.header_reads);
            worst.reads = worst.reads.max(counts.reads);
            worst.bytes_read = worst.bytes_read.max(counts.bytes_read);
        };
        for written in [1, 2, 3, blocks / 3, blocks / 2, blocks - 2, blocks - 1] {
            let counts = mount_cost(blocks, written, false);
            see(counts, format!("{written} of {blocks} blocks"));
            // The last one is looked at again and again, it may be weak.
            let rest = counts.reads - counts.header_reads;
            assert!(rest <= 3 + 4, "{written} of {blocks} blocks: {counts:?}");
        }
        if blocks <= 512 {
            for written in [blocks + 1, 2 * blocks - 1, 2 * blocks, 2 * blocks + 3] {
                let counts = mount_cost(blocks, written, true);
                see(counts, format!("{written} blocks in turn on {blocks}"));
                // What was given up leaves a header's copy, and the block of the first record that is left.
                let rest = counts.reads - counts.header_reads;
                assert!(
                    rest <= 3 + 4 + 3,
                    "{written} on {blocks} blocks: {counts:?}"
                );
            }
        }
        println!(
            "mount, {blocks} blocks: at most {} header reads (bound {most}), {} reads, {} bytes",
            worst.header_reads, worst.reads, worst.bytes_read
        );
        blocks *= 2;
    }
}

/// Appends records of `len` bytes, each synced.
fn append_cost<const W: usize>(len: usize) -> f64 {
    const BLOCK: u32 = 4096;
    let flash: Flash<1, W, 4096> = chip(128, BLOCK);
    let mut log = mounted(&flash, BLOCK);
    let records = 60 * 4096 / len / 11 * 10;
    let counts = counted(&flash, || (0..records).for_each(|_| put(&mut log, len)));
    assert_eq!(counts.reads, 0, "appending reads nothing");
    let amplification = counts.bytes_programmed as f64 / (records * len) as f64;
    let each = |count: u64| count as f64 / records as f64;
    println!(
        "append, {len} bytes, words of {W}: {:.3} programs, {:.4} erases, no reads, {amplification:.4} bytes for a byte",
        each(counts.programs),
        each(counts.erases)
    );
    amplification
}

#[test]
fn appending_reads_nothing_and_programs_little_more_than_the_records() {
    for amplification in [
        append_cost::<1>(200),
        append_cost::<4>(200),
        append_cost::<1>(2048),
        append_cost::<4>(2048),
    ] {
        assert!(amplification <= 1.05, "{amplification}");
    }
    append_cost::<32>(200);
    append_cost::<256>(200);
    append_cost::<256>(2048);
}

#[test]
fn wear_is_level() {
    let flash: Flash<1, 4, 512> = chip(8, 512);
    let mut log = mounted(&flash, 512);
    for n in 0..500 {
        put(&mut log, 100 + n % 300);
        let keep = log.len().saturating_sub(500);
        log.reclaim(keep).expect("a chip that works");
    }
    let wear = log.wear();
    assert!(wear.most - wear.least <= 1 && wear.least > 20, "{wear:?}");
    assert_eq!(geometry(&flash, 512).blocks(), 8);
    let erases = flash.chip().counts.erases;
    assert!(
        (u64::from(wear.least) * 8..=u64::from(wear.most) * 8).contains(&erases),
        "{erases}"
    );
}
