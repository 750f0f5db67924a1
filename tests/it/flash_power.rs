//! Power goes at every step of every workload, and again while the log recovers: nothing acknowledged is lost, nothing
//! else is half there, and the log goes on.

use sessionlog_core::flash::Policy;
use sessionlog_tests::sim::flashlog::{Bench, Op, PowerLost};
use sessionlog_tests::{load::Rng, sim::flash::Tearing};
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
        workload(
            "turns",
            8,
            stop,
            repeat(&[Write(60), Write(150), Write(20), Sync], 5),
        ),
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
            repeat(
                &[
                    Write(200),
                    Sync,
                    Write(120),
                    Sync,
                    Write(150),
                    Sync,
                    Reclaim(2),
                ],
                6,
            ),
        ),
        workload(
            "full",
            4,
            stop,
            [
                repeat(&[Write(180), Sync], 9),
                vec![Reclaim(1)],
                repeat(&[Write(180), Sync], 5),
            ]
            .concat(),
        ),
        workload(
            "a long record that is full",
            5,
            stop,
            vec![
                Write(300),
                Sync,
                Write(200),
                Sync,
                Write(5000),
                Reclaim(1),
                Write(400),
                Sync,
                Write(600),
                Sync,
            ],
        ),
        workload(
            "remounts",
            7,
            stop,
            repeat(&[Write(70), Sync, Remount, Write(400), Sync, Remount], 4),
        ),
        workload(
            "taken back",
            8,
            stop,
            repeat(
                &[
                    Write(70),
                    Sync,
                    Abandon(900),
                    Write(300),
                    Write(260),
                    Undo,
                    Write(40),
                    Sync,
                ],
                3,
            ),
        ),
        workload(
            "failures",
            8,
            stop,
            repeat(
                &[Write(110), Sync, Fail(2), Write(500), Sync, Write(90), Sync],
                4,
            ),
        ),
        workload(
            "sessions",
            8,
            stop,
            [
                vec![
                    Write(100),
                    Sync,
                    Begin,
                    Write(300),
                    Sync,
                    Write(50),
                    Sync,
                    Begin,
                    Write(700),
                    Sync,
                ],
                vec![
                    Forget,
                    Begin,
                    Write(80),
                    Sync,
                    Begin,
                    Reclaim(3),
                    Write(600),
                    Sync,
                    Reclaim(1),
                ],
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
            12,
            Policy::OverwriteOldest,
            [
                repeat(&[Write(900), Sync, Write(30), Sync], 5),
                vec![Begin],
                repeat(&[Write(900), Sync], 4),
            ]
            .concat(),
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
    let mut random = Rng::new(at ^ 0xc0ffee);
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

/// Cuts at every `stride`-th step of each workload; how many there were.
fn every_cut<const R: usize, const W: usize, const E: usize>(
    block: u32,
    tearing: Tearing,
    stride: u64,
) -> u64 {
    let cuts = AtomicU64::new(0);
    for workload in workloads() {
        let mut at = 0;
        loop {
            let name = workload.name;
            let what = format!("{name}, {tearing:?}, blocks of {block}, words of {W}, after {at}");
            let went_on = told(&what, || {
                cut::<R, W, E>(&workload, block, at, tearing, &cuts)
            });
            if !went_on {
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
fn at_every_step_nothing_acknowledged_is_lost() {
    // Each size of word; those that are read at once, erased at once, and make a block differ too.
    let runs: [fn() -> u64; 6] = [
        || every_cut::<1, 4, 512>(512, Tearing::Prefix, 1),
        || every_cut::<1, 4, 512>(512, Tearing::Irregular, 1),
        || every_cut::<1, 1, 256>(512, Tearing::Unseen, 1),
        || every_cut::<8, 8, 512>(512, Tearing::Unseen, 3),
        || every_cut::<4, 32, 1024>(1024, Tearing::Unseen, 7),
        || every_cut::<1, 256, 2048>(2048, Tearing::Irregular, 13),
    ];
    let threads = runs.map(std::thread::spawn);
    let cuts: u64 = threads
        .into_iter()
        .map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .sum();
    println!("{cuts} cuts");
    assert!(cuts >= 100_000, "{cuts} cuts");
}

#[test]
fn long_runs_of_anything() {
    for seed in 0..3000 {
        told(&format!("seed {seed}"), || any_run::<1, 4, 512>(seed, 512));
        told(&format!("seed {seed}, large words"), || {
            any_run::<4, 64, 512>(seed, 1024)
        });
        told(&format!("seed {seed}, odd words"), || {
            any_run::<3, 2, 48>(seed, 528)
        });
    }
}

/// Operations, failures and losses of power in any order.
fn any_run<const R: usize, const W: usize, const E: usize>(seed: u64, block: u32) {
    let mut random = Rng::new(seed);
    let policy = match random.below(3) {
        0 => Policy::OverwriteOldest,
        _ => Policy::StopWhenFull,
    };
    let blocks = 4 + random.below(9) as u32;
    let mut bench = Bench::<R, W, E>::new(blocks, block, policy, seed);
    for _ in 0..250 {
        bench.flash.chip_mut().tearing = match random.below(3) {
            0 => Tearing::Prefix,
            1 => Tearing::Irregular,
            _ => Tearing::Unseen,
        };
        if random.below(6) == 0 {
            bench.flash.chip_mut().cut_after(random.below(3000));
        }
        let len = match random.below(8) {
            0 => 8 + random.below(u64::from(block) * 4),
            1 => 249,
            _ => 8 + random.below(300),
        } as usize;
        let op = match random.below(40) {
            0..16 => Op::Write(len),
            16..27 => Op::Sync,
            27..29 => Op::Abandon(len),
            29 => Op::Undo,
            30..33 => Op::Reclaim(random.below(4) as usize),
            33 => Op::Begin,
            34 => Op::Forget,
            35..38 => Op::Remount,
            _ => Op::Fail(random.below(6)),
        };
        if bench.apply(op).is_err() {
            bench.recover();
        }
    }
    bench.flash.chip_mut().fail = None;
    bench.recover();
    assert_eq!(bench.goes_on(60), Ok(()), "power is back");
}

/// A checker that cannot fail checks nothing: a lost record.
#[test]
fn a_chip_that_drops_a_program_is_found_out() {
    let ops = [Op::Write(90), Op::Sync].repeat(9);
    let bench = || Bench::<1, 4, 512>::new(8, 512, Policy::StopWhenFull, 0);
    let mut sound = bench();
    assert!(run(&mut sound, &ops));
    let programs = sound.flash.chip().counts.programs;
    assert!(programs > 9, "{programs} programs");
    for dropped in 0..programs {
        let mut broken = bench();
        broken.flash.chip_mut().drop_program = Some(dropped);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&mut broken, &ops);
            broken.recover();
        }));
        assert!(
            broken.flash.chip().drop_program.is_none(),
            "none was dropped"
        );
        assert!(outcome.is_err(), "program {dropped} was dropped unnoticed");
    }
}

/// And a record that is half there.
#[test]
fn half_a_record_is_found_out() {
    use embedded_io::Write;
    use sessionlog_core::journal::Storage;
    for half in [1, 80, 249] {
        let mut bench = Bench::<1, 4, 512>::new(8, 512, Policy::StopWhenFull, 0);
        assert!(run(&mut bench, &[Op::Write(90), Op::Sync]));
        let start = bench.log().len();
        assert!(run(&mut bench, &[Op::Write(400)]));
        // The log is led to show a part of the record as if it were one.
        let log = bench.log();
        assert_eq!(log.truncate(start), Ok(true));
        log.write_all(&vec![b'3'; half]).expect("room");
        log.write_all(b"\n").expect("room");
        log.sync().expect("a chip that works");
        let checked = std::panic::AssertUnwindSafe(|| bench.recover());
        assert!(
            std::panic::catch_unwind(checked).is_err(),
            "{half} bytes unnoticed"
        );
    }
}
