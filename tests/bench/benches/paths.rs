//! Our own paths, timed: `cargo bench --manifest-path tests/bench/Cargo.toml`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sessionlog_bench::work::{self, Place};

fn paths(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut group = criterion.benchmark_group("paths");
    for work in work::ALL {
        let place = Place {
            dir: dir.path(),
            size: work.sizes[1],
        };
        (work.make)(&place).expect("files are made");
        let mut task = (work.task)(&place).expect("files are there");
        group.throughput(match work.unit {
            "byte" => Throughput::Bytes(place.size),
            _ => Throughput::Elements(place.size),
        });
        group.bench_function(work.name, |bencher| {
            bencher.iter(|| task().expect("the work is done"));
        });
    }
    group.finish();
}

criterion_group!(benches, paths);
criterion_main!(benches);
