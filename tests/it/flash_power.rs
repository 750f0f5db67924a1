//! Power goes at every step of every workload, and again while the log recovers: nothing acknowledged is lost, nothing
//! else is half there, and the log goes on.

use sessionlog_core::flash::Policy;
use sessionlog_tests::sim::flash::{Random, Tearing};
use sessionlog_tests::sim::flashlog::{Bench, Op, PowerLost};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is done, on how many blocks.
struct Workload {
    name: &'static str,
    blocks: u32,
    policy: Policy,
    ops: Vec<Op>,
}

fn workloads() -> Vec<Workload> {
    use Op::{Abandon, Begin, Fail, Forget, Reclaim, Remount, Sync, Undo, Write};
    let stop = Policy::StopWhenFull;
    let workload = |name, blocks, policy, ops: Vec<Op>| Workload {
        name,
        blocks,
        policy,
        ops,
    };
    let repeat = |ops: &[Op], times: usize| ops.repeat(times);
    vec![
        workload("append", 8, stop, repeat(&[Write(90), Sync], 9)),
        workload("turns", 8, stop, repeat(&[Write(60), Write(150), Write(20), Sync], 5)),
        workload(
            "records of every length",
            10,
            stop,
            [3, 700, 249, 250, 12, 1500, 484, 243]
                .iter()
                .flat_map(|len| [Write(*len), Sync])
                .collect(),
        ),
        workload(
            "reclaim and wrap around",
            5,
            stop,
            repeat(&[Write(200), Sync, Write(120), Sync, Write(150), Sync, Reclaim(2)], 6),
        ),
        workload(
            "full",
            4,
            stop,
            [repeat(&[Write(180), Sync], 9), vec![Reclaim(1)], repeat(&[Write(180), Sync], 5)].concat(),
        ),
        workload(
            "a long record that is full",
            5,
            stop,
            vec![Write(300), Sync, Write(200), Sync, Write(5000), Reclaim(1), Write(400), Sync, Write(600), Sync],
        ),
        workload("remounts", 7, stop, repeat(&[Write(70), Sync, Remount, Write(400), Sync, Remount], 4)),
        workload(
            "taken back",
            8,
            stop,
            repeat(&[Write(70), Sync, Abandon(900), Write(300), Write(260), Undo, Write(40), Sync], 3),
        ),
        workload(
            "failures",
            8,
            stop,
            repeat(&[Write(110), Sync, Fail(2), Write(500), Sync, Write(90), Sync], 4),
        ),
        workload(
            "sessions",
            8,
            stop,
            [
                vec![Write(100), Sync, Begin, Write(300), Sync, Write(50), Sync, Begin, Write(700), Sync],
                vec![Forget, Begin, Write(80), Sync, Begin, Reclaim(3), Write(600), Sync, Reclaim(1)],
                repeat(&[Write(222), Sync], 5),
            ]
            .concat(),
        ),
        workload(
            "overwriting",
            4,
            Policy::OverwriteOldest,
            repeat(&[Write(200), Sync, Write(33), Write(140), Sync], 9),
        ),
        workload(
            "overwriting with long records",
            6,
            Policy::OverwriteOldest,
            [repeat(&[Write(900), Sync, Write(30), Sync], 5), vec![Begin], repeat(&[Write(900), Sync], 4)].concat(),
        ),
    ]
}

/// Runs the operations until power goes; `true` when it does not.
fn run<const R: usize, const W: usize, const E: usize>(
    bench: &mut Bench<R, W, E>,
    ops: &[Op],
) -> bool {
    ops.iter().all(|op| bench.apply(*op).is_ok())
}

/// One cut, and one while the log recovers from it; `false` when the workload was over before.
fn cut<const R: usize, const W: usize, const E: usize>(
    workload: &Workload,
    block: u32,
    at: u64,
    tearing: Tearing,
    cuts: &AtomicU64,
) -> bool {
    let mut bench = Bench::<R, W, E>::new(workload.blocks, block, workload.policy, at);
    {
        let mut chip = bench.flash.chip_mut();
        chip.tearing = tearing;
        chip.cut_after(at);
    }
    if run(&mut bench, &workload.ops) {
        return false;
    }
    bench.flash.chip_mut().fail = None;
    cuts.fetch_add(1, Ordering::Relaxed);
    bench.recover();
    let mut random = Random::new(at ^ 0xc0ffee);
    for _ in 0..random.below(3) {
        bench.flash.chip_mut().cut_after(random.below(700));
        if bench.goes_on(40 + random.below(300) as usize) == Err(PowerLost) {
            cuts.fetch_add(1, Ordering::Relaxed);
            bench.recover();
        }
        bench.flash.chip_mut().power_on();
    }
    assert_eq!(bench.goes_on(55), Ok(()), "power is back");
    true
}

/// A panic that says where it came from.
fn told<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    outcome.unwrap_or_else(|panic| {
        println!("{what}");
        std::panic::resume_unwind(panic)
    })
}

fn every_cut<const R: usize, const W: usize, const E: usize>(block: u32, tearing: Tearing, stride: u64) -> u64 {
    let cuts = AtomicU64::new(0);
    for workload in workloads() {
        let mut at = 0;
        loop {
            let what = format!("{}, {tearing:?}, blocks of {block}, words of {W}, cut after {at}", workload.name);
            if !told(&what, || cut::<R, W, E>(&workload, block, at, tearing, &cuts)) {
                break;
            }
            at += stride;
        }
        assert!(at > 500, "{}: {at} steps", workload.name);
    }
    let cuts = cuts.into_inner();
    println!("{cuts} cuts: {tearing:?}, blocks of {block}, words of {W}, every {stride} steps");
    cuts
}

#[test]
fn prefixes() {
    let cuts = every_cut::<1, 4, 512>(512, Tearing::Prefix, 1);
    assert!(cuts > 30_000, "{cuts} cuts");
}

#[test]
fn irregular_programs() {
    let cuts = every_cut::<1, 4, 512>(512, Tearing::Irregular, 1);
    assert!(cuts > 30_000, "{cuts} cuts");
}

#[test]
fn programs_that_seem_whole_or_not_begun() {
    let cuts = every_cut::<1, 1, 256>(512, Tearing::Unseen, 1);
    assert!(cuts > 30_000, "{cuts} cuts");
}

#[test]
fn dbg_one() {
    let cuts = AtomicU64::new(0);
    let w = workloads().into_iter().find(|w| w.name == "append").unwrap();
    cut::<1, 1, 256>(&w, 512, 421, Tearing::Unseen, &cuts);
}
#[test]
fn dbg_two() {
    let cuts = AtomicU64::new(0);
    let w = workloads().into_iter().find(|w| w.name == "remounts").unwrap();
    cut::<1, 4, 512>(&w, 512, 920, Tearing::Prefix, &cuts);
}
