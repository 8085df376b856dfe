//! What the core costs by itself: a step, a replayed event, a stored turn, a branch of a fan-out.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use reenact_core::{
    Command, CorrelationId, ExecutionId, Executor, InstanceId, Machine, MachineConfig,
    OrchestrationCode, OrchestrationContext, OrchestrationError, Payload, RecordedTurn, Start,
    Timestamp, codec,
};

/// Steps in the histories of these benches.
const STEPS: u64 = 1_000;

async fn one_after_the_other(
    ctx: OrchestrationContext,
    steps: u64,
) -> Result<u64, OrchestrationError> {
    let mut n = 0;
    while n < steps {
        n = ctx.call_activity_by_name("next", &n).await?;
    }
    Ok(n)
}

async fn joined(ctx: OrchestrationContext, branches: u64) -> Result<u64, OrchestrationError> {
    let calls = (0..branches).map(|n| ctx.schedule_activity_by_name::<_, u64>("next", &n));
    join_all(calls).await.into_iter().try_fold(0, |sum, n| Ok(sum + n?))
}

async fn all(ctx: OrchestrationContext, branches: u64) -> Result<u64, OrchestrationError> {
    let calls = (0..branches).map(|n| ctx.schedule_activity_by_name::<_, u64>("next", &n));
    ctx.when_all(calls).await.into_iter().try_fold(0, |sum, n| Ok(sum + n?))
}

fn code() -> OrchestrationCode {
    OrchestrationCode::new("steps", one_after_the_other).expect("a good name")
}

fn start(code: &OrchestrationCode) -> Machine {
    let input = Payload::encode(&u64::MAX).expect("a number");
    let start = Start {
        input,
        seed: 1,
        delay: None,
        origin: None,
        trace: None,
        limits: Default::default(),
        attributes: reenact_core::Attributes::default(),
    };
    let config = MachineConfig::default();
    Machine::start(code, id(), ExecutionId::FIRST, config, start, Timestamp::EPOCH)
        .expect("a turn")
        .0
}

fn id() -> InstanceId {
    InstanceId::new("0199c2d4-0000-7000-8000-000000000000").expect("a good id")
}

fn complete(machine: &mut Machine, step: u64) {
    let result = Ok(Payload::encode(&step).expect("a number"));
    let command = Command::CompleteTask { id: CorrelationId(step), attempt: 1, result };
    black_box(machine.apply(command, Timestamp::EPOCH).expect("a turn"));
}

fn history() -> Vec<RecordedTurn> {
    let mut machine = start(&code());
    (1..=STEPS).for_each(|step| complete(&mut machine, step));
    machine.history().turns().to_vec()
}

fn live(criterion: &mut Criterion) {
    let code = code();
    criterion.bench_function("start an instance", |bencher| bencher.iter(|| start(&code)));
    let mut group = criterion.benchmark_group("live");
    group.throughput(Throughput::Elements(STEPS));
    group.bench_function("step", |bencher| {
        let steps = |mut machine| (1..=STEPS).for_each(|step| complete(&mut machine, step));
        bencher.iter_batched(|| start(&code), steps, BatchSize::SmallInput);
    });
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let (code, turns) = (code(), history());
    let events = turns.iter().map(|turn| turn.events.len() as u64).sum();
    let stored: Vec<_> = turns.iter().map(|t| codec::encode_turn(t).expect("small")).collect();
    let replay = |turns: Vec<RecordedTurn>| {
        let config = MachineConfig::default();
        Machine::replay(&code, id(), ExecutionId::FIRST, config, turns).expect("the same steps")
    };
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(events));
    group.bench_function("an event", |bencher| {
        bencher.iter_batched(|| turns.clone(), replay, BatchSize::SmallInput);
    });
    group.bench_function("an event from its stored form", |bencher| {
        let read = |bytes: &Vec<u8>| codec::decode_turn(bytes).expect("a turn");
        bencher.iter(|| replay(stored.iter().map(read).collect()));
    });
    group.finish();
}

fn stored(criterion: &mut Criterion) {
    let turn = history().pop().expect("there are turns");
    let bytes = codec::encode_turn(&turn).expect("small");
    let mut group = criterion.benchmark_group("turn");
    group.bench_function("encode", |bencher| bencher.iter(|| codec::encode_turn(black_box(&turn))));
    group
        .bench_function("decode", |bencher| bencher.iter(|| codec::decode_turn(black_box(&bytes))));
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    let codes = [
        OrchestrationCode::new("join_all", joined).expect("a good name"),
        OrchestrationCode::new("when_all", all).expect("a good name"),
    ];
    let mut group = criterion.benchmark_group("fan-out");
    group.sample_size(10);
    for branches in [1_000_u64, 10_000] {
        group.throughput(Throughput::Elements(branches));
        for code in &codes {
            let bench = BenchmarkId::new(code.name().as_str(), branches);
            group.bench_function(bench, |bencher| {
                bencher.iter(|| {
                    let executor = Executor::new(code.clone());
                    let run =
                        executor.activity("next", |n: u64| Ok(n)).drive_to_completion(&branches);
                    let sum = run.expect("it ends").output::<u64>();
                    assert_eq!(sum, Some(branches * (branches - 1) / 2));
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, live, replay, stored, fan_out);
criterion_main!(benches);
