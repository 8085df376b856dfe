//! The workloads of the load test at a small size, for criterion to compare from change to change.

#[path = "support/workloads.rs"]
mod workloads;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::try_join_all;
use workloads::{Workload, host};

/// A workload, and how many instances of it are outstanding.
const ROWS: [(Workload, u64); 12] = [
    (Workload::Noop, 1),
    (Workload::Noop, 64),
    (Workload::OwnId, 1),
    (Workload::OwnId, 64),
    (Workload::Sequence, 1),
    (Workload::Sequence, 64),
    (Workload::Local, 1),
    (Workload::FanOut(100), 1),
    (Workload::FanOut(1_000), 1),
    (Workload::Event, 1),
    (Workload::Event, 64),
    (Workload::LongHistory(10_000), 1),
];

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instances");
    group.sample_size(20);
    for (workload, outstanding) in ROWS {
        group.throughput(Throughput::Elements(outstanding * workload.activities().max(1)));
        let id = BenchmarkId::new(workload.label(), outstanding);
        group.bench_function(id, |bencher| {
            let tokio = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_time()
                .build()
                .expect("the system gives threads");
            let host = tokio.block_on(host()).expect("a host");
            // Ids of the caller's own are made of these numbers: none comes twice.
            let mut first = 0;
            bencher.iter(|| {
                let numbers = first..first + outstanding;
                first = numbers.end;
                let instances = numbers.map(|n| workload.run(black_box(&host), n));
                tokio.block_on(try_join_all(instances)).expect("the right results")
            });
            tokio.block_on(host.shutdown()).expect("an orderly end");
        });
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
