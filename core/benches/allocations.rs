//! What a step of an execution allocates: a completion comes in, the code goes on and calls the next
//! activity, the turn is encoded. Counts do not depend on the machine or on what else runs on it.
//!
//! `cargo bench -p reenact-core --bench allocations`, or with `--profile dev`: the counts are the same.

use std::hint::black_box;

use allocation_counter::measure;
use reenact_core::{
    ActivityDefinition, Command, CorrelationId, ExecutionId, InstanceId, Machine, MachineConfig,
    OrchestrationCode, OrchestrationContext, OrchestrationError, Payload, Receipt, Replay, ShardId,
    Start, Timestamp, Turn, codec,
};

/// Steps that are counted.
const STEPS: u64 = 10_000;

/// Before these, vectors and buffers have not reached their size.
const WARM_UP: u64 = 100;

/// Bytes of a large payload.
const LARGE: usize = 1024 * 1024;

struct Next;

impl ActivityDefinition for Next {
    type Input = u64;
    type Output = u64;
    const NAME: &'static str = "next";
}

async fn one_after_the_other(
    ctx: OrchestrationContext,
    steps: u64,
) -> Result<u64, OrchestrationError> {
    let mut n = 0;
    while n < steps {
        n = ctx.call_activity(Next, n).await?;
    }
    Ok(n)
}

async fn large(ctx: OrchestrationContext, steps: u64) -> Result<u64, OrchestrationError> {
    let mut bytes = 0;
    for step in 0..steps {
        bytes += ctx.call_activity_by_name::<_, String>("large", &step).await?.len() as u64;
    }
    Ok(bytes)
}

fn config() -> MachineConfig {
    MachineConfig { keep_history: false, ..MachineConfig::default() }
}

fn id() -> InstanceId {
    InstanceId::new("0199c2d4-0000-7000-8000-000000000000").expect("a good id")
}

fn started(code: &OrchestrationCode) -> (Machine, Turn) {
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
    Machine::start(code, id(), ExecutionId::FIRST, config(), start, Timestamp::EPOCH)
        .expect("a turn")
}

fn complete(machine: &mut Machine, step: u64, output: Payload) -> Turn {
    let (id, result) = (CorrelationId(step), Ok(output));
    let command = Command::CompleteTask { id, attempt: 1, result };
    machine.apply(command, Timestamp::EPOCH).expect("a turn")
}

fn number(step: u64) -> Payload {
    Payload::encode(&step).expect("a number")
}

/// A turn goes to the store, and its actions are carried out.
fn hand_on(turn: Turn, bytes: Vec<u8>) {
    let mut actions = turn.actions;
    actions.go_into(ShardId(0), turn.number);
    let actions = actions.release(&Receipt::issue(ShardId(0), turn.number + 1));
    black_box((bytes, actions));
}

fn report(what: &str, count: u64, bytes: u64, times: u64) {
    let each = |all: u64| all as f64 / times as f64;
    println!("{what:<40} {:>8.2} allocations {:>12.1} bytes", each(count), each(bytes));
}

fn counted(what: &str, times: u64, run: impl FnOnce()) {
    let counted = measure(run);
    report(what, counted.count_total, counted.bytes_total, times);
}

fn main() {
    let code = OrchestrationCode::new("steps", one_after_the_other).expect("a good name");
    let mut machine = started(&code).0;
    let outputs: Vec<_> = (1..=WARM_UP + STEPS).map(number).collect();
    let mut steps = outputs.iter().zip(1..).map(|(output, step)| (step, output.clone()));
    for (step, output) in steps.by_ref().take(WARM_UP as usize) {
        complete(&mut machine, step, output);
    }
    counted("a step of the machine, and its actions", STEPS, || {
        for (step, output) in steps {
            hand_on(complete(&mut machine, step, output), Vec::new());
        }
    });

    let (mut machine, first) = started(&code);
    let mut turns = vec![first.recorded];
    turns.extend((1..=STEPS).map(|step| complete(&mut machine, step, number(step)).recorded));
    let mut stored = Vec::new();
    counted("encoding a turn", STEPS, || {
        stored.extend(turns.iter().map(|turn| codec::encode_turn(turn).expect("small")));
    });
    counted("encoding a number as a payload", STEPS, || {
        (0..STEPS).for_each(|n| drop(black_box(number(n))));
    });
    counted("decoding and replaying a turn", STEPS, || {
        let mut replay = Replay::new(&code, id(), ExecutionId::FIRST, config());
        for turn in &stored {
            let turn = codec::decode_turn(turn).expect("a turn");
            replay.apply(&turn).expect("the same steps");
        }
        black_box(replay.finish().expect("a log"));
    });

    let code = OrchestrationCode::new("large", large).expect("a good name");
    let mut machine = started(&code).0;
    let text = "x".repeat(LARGE - 2);
    println!("copies of a payload of 1 MiB, by the bytes that are allocated:");
    let mut output = Payload::default();
    counted("encoding the result", LARGE as u64, || {
        output = Payload::encode(&text).expect("it fits");
    });
    let mut turn = None;
    counted("the step, and the code's own copy", LARGE as u64, || {
        turn = Some(complete(&mut machine, 1, output));
    });
    let turn = turn.expect("a turn");
    let mut stored = Vec::new();
    counted("encoding the turn", LARGE as u64, || {
        stored = codec::encode_turn(&turn.recorded).expect("it fits");
    });
    counted("decoding the turn", LARGE as u64, || {
        black_box(codec::decode_turn(&stored).expect("a turn"));
    });
}
