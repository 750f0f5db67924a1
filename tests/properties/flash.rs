//! A flash log under any sequence of operations, failures and losses of power.

use crate::sim::flash::Tearing;
use crate::sim::flashlog::{Bench, Op};
use sessionlog_core::flash::Policy;

/// Operations of an input at most: a run must stay short.
const MOST: usize = 200;

/// Input: a byte for the words and the policy, one for the number of blocks, one for the chip's arbitrary choices, then
/// operations of two bytes each.
///
/// The log is what the model says: after each mount every acknowledged record is there, and nothing is half there; and
/// in the end it goes on.
///
/// # Panics
/// When not.
pub fn flash(input: &[u8]) {
    let Some(([kind, blocks, seed], ops)) = input.split_first_chunk::<3>() else {
        return;
    };
    let policy = match kind >> 4 & 1 {
        0 => Policy::StopWhenFull,
        _ => Policy::OverwriteOldest,
    };
    let blocks = 4 + u32::from(blocks % 12);
    match kind & 3 {
        0 => run::<1, 4, 512>(512, blocks, policy, *seed, ops),
        1 => run::<1, 1, 256>(512, blocks, policy, *seed, ops),
        2 => run::<4, 32, 1024>(1024, blocks, policy, *seed, ops),
        _ => run::<1, 256, 1024>(1024, blocks, policy, *seed, ops),
    }
}

fn run<const R: usize, const W: usize, const E: usize>(
    block: u32,
    blocks: u32,
    policy: Policy,
    seed: u8,
    ops: &[u8],
) {
    let mut bench = Bench::<R, W, E>::new(blocks, block, policy, u64::from(seed));
    for op in ops.chunks_exact(2).take(MOST) {
        let (what, size) = (op[0], usize::from(op[1]));
        let op = match what % 16 {
            0..4 => Op::Write(8 + size),
            4 => Op::Write(8 + size * 16),
            5..8 => Op::Sync,
            8 => Op::Abandon(8 + size * 8),
            9 => Op::Undo,
            10 => Op::Reclaim(size % 8),
            11 if size % 2 == 0 => Op::Begin,
            11 => Op::Forget,
            12 => Op::Remount,
            13 => Op::Fail(size as u64 % 16),
            _ => {
                let mut chip = bench.flash.chip_mut();
                chip.tearing = match what >> 4 & 3 {
                    0 => Tearing::Prefix,
                    1 => Tearing::Irregular,
                    _ => Tearing::Unseen,
                };
                chip.cut_after(size as u64 * if what & 1 == 0 { 1 } else { 9 });
                continue;
            }
        };
        if bench.apply(op).is_err() {
            bench.recover();
        }
    }
    bench.flash.chip_mut().fail = None;
    bench.recover();
    assert_eq!(bench.goes_on(60), Ok(()), "power is back");
}
