//! The hops of a step, each alone in a loop: nanoseconds for one.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use dashmap::DashMap;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use reenact::core::{Command, Machine, MachineConfig, RecordedTurn, ShardId, Start, Turn, codec};
use reenact::providers::{
    Batch, HistoryStore, Lease, ShardLease, SystemClock, TimerScheduler, TurnRecord,
};
use reenact::testing::OrchestrationCode;
use reenact::{
    CorrelationId, ExecutionId, InMemory, InstanceId, InstanceState, InstanceSummary, Name,
    Payload, Timestamp,
};
use tokio::sync::{mpsc, oneshot};

use crate::workloads::long_history;

/// The median of this many rounds counts.
const ROUNDS: usize = 9;

/// This many of a kind are under way together: instances, actors, tasks.
const TOGETHER: usize = 64;

/// Nanoseconds for one of the `times` that a round does.
fn median_of_rounds(times: u64, mut round: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed()
    });
    let mut rounds: Vec<_> = rounds.collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2].as_nanos() as f64 / times as f64
}

async fn median_of_async_rounds(times: u64, round: impl AsyncFn()) -> f64 {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round().await;
        rounds.push(start.elapsed());
    }
    rounds.sort_unstable();
    rounds[ROUNDS / 2].as_nanos() as f64 / times as f64
}

fn id(number: usize) -> InstanceId {
    // As long as the ids that hosts make.
    InstanceId::new(format!("0199c2d4-0000-7000-8000-{number:012}")).expect("a good id")
}

pub(crate) fn dashmap_get() -> f64 {
    let ids: Vec<_> = (0..TOGETHER).map(id).collect();
    let map: DashMap<_, _> = ids.iter().cloned().zip(0_u64..).collect();
    median_of_rounds(100_000, || {
        for at in 0..100_000 {
            black_box(map.get(&ids[at % TOGETHER]).map(|found| *found));
        }
    })
}

pub(crate) fn clock() -> f64 {
    median_of_rounds(100_000, || {
        for _ in 0..100_000 {
            black_box(SystemClock.now());
        }
    })
}

pub(crate) fn json() -> f64 {
    let input = Payload::encode(&1_234_567_u64).expect("a number encodes");
    median_of_rounds(100_000, || {
        for _ in 0..100_000 {
            let n: u64 = black_box(&input).decode().expect("a number decodes");
            black_box(Payload::encode(&(n + 1)).expect("a number encodes"));
        }
    })
}

/// Activities that a machine completes before it is dropped.
const STEPS: u64 = 10_000;

fn machine() -> Machine {
    let code = OrchestrationCode::of::<long_history>().expect("a good name");
    let start = Start {
        input: Payload::encode(&u64::MAX).expect("a number encodes"),
        seed: 0,
        delay: None,
        origin: None,
        trace: None,
        limits: Default::default(),
        attributes: reenact_core::Attributes::default(),
    };
    let (config, first) = (MachineConfig::default(), ExecutionId::FIRST);
    let started = Machine::start(&code, id(0), first, config, start, Timestamp::EPOCH);
    started.expect("the code starts").0
}

fn complete(machine: &mut Machine, step: u64, output: &Payload) -> Turn {
    let command =
        Command::CompleteTask { id: CorrelationId(step), attempt: 1, result: Ok(output.clone()) };
    machine.apply(command, Timestamp::EPOCH).expect("the code goes on")
}

pub(crate) fn machine_step() -> f64 {
    let output = Payload::encode(&1_u64).expect("a number encodes");
    let mut machines = (0..ROUNDS).map(|_| machine()).collect::<Vec<_>>().into_iter();
    median_of_rounds(STEPS, || {
        let mut machine = machines.next().expect("a machine for each round");
        for step in 1..=STEPS {
            black_box(complete(&mut machine, step, &output));
        }
        // Taken along: a long history has to be let go, too.
        drop(machine);
    })
}

pub(crate) fn machine_start() -> f64 {
    median_of_rounds(10_000, || {
        for _ in 0..10_000 {
            black_box(machine());
        }
    })
}

/// What a step of a sequence records: a completion, and the next activity.
fn turn() -> RecordedTurn {
    let output = Payload::encode(&1_u64).expect("a number encodes");
    complete(&mut machine(), 1, &output).recorded
}

pub(crate) fn encode_turn() -> f64 {
    let turn = turn();
    median_of_rounds(100_000, || {
        for _ in 0..100_000 {
            let bytes: Arc<[u8]> = codec::encode_turn(black_box(&turn)).expect("encodes").into();
            black_box(bytes);
        }
    })
}

/// Appends in batches, each turn of another instance; per turn.
pub(crate) async fn append(in_a_batch: usize) -> f64 {
    let store = InMemory::new().with_shards(1);
    let lease = store.acquire(ShardId(0), "hops").await.expect("the shard is free");
    let bytes: Arc<[u8]> = codec::encode_turn(&turn()).expect("encodes").into();
    let instances = in_a_batch.max(TOGETHER);
    let appends = (16_384 / instances) * instances / in_a_batch;
    let mut costs = Vec::with_capacity(ROUNDS);
    let mut number = 0;
    for _ in 0..ROUNDS {
        let turns = (0..appends * in_a_batch).map(|at| {
            let number = number + (at / instances) as u64;
            TurnRecord {
                number,
                bytes: bytes.clone(),
                summary: summary(at % instances, number),
                has_drawn_id: false,
                keep: 0,
            }
        });
        let turns: Vec<_> = turns.collect();
        number += (turns.len() / instances) as u64;
        costs.push(append_all(&store, &lease, turns, in_a_batch).await);
    }
    costs.sort_unstable_by(f64::total_cmp);
    costs[ROUNDS / 2]
}

async fn append_all(
    store: &dyn HistoryStore,
    lease: &Lease,
    turns: Vec<TurnRecord>,
    in_a_batch: usize,
) -> f64 {
    let count = turns.len() as f64;
    let batch = |turns: &[TurnRecord]| Batch {
        shard: lease.shard,
        epoch: lease.epoch,
        turns: turns.to_vec(),
    };
    let batches: Vec<_> = turns.chunks(in_a_batch).map(batch).collect();
    drop(turns);
    let start = Instant::now();
    for batch in batches {
        let receipt = store.append(batch.into()).await.expect("the turns follow on");
        assert_eq!(receipt.shard(), lease.shard);
    }
    start.elapsed().as_nanos() as f64 / count
}

fn summary(instance: usize, number: u64) -> InstanceSummary {
    InstanceSummary {
        instance: id(instance),
        execution: ExecutionId::FIRST,
        name: Name::new("long_history").expect("a good name"),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: number + 1,
        events: 2 * number + 2,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    }
}

struct Sink;

enum SinkMessage {
    /// As large as what instances are sent.
    Take([u64; 12]),
    Answer(oneshot::Sender<()>),
}

#[cfg(feature = "cluster")]
impl ractor::Message for SinkMessage {}

impl Actor for Sink {
    type Msg = SinkMessage;
    type State = u64;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<SinkMessage>,
        (): (),
    ) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _myself: ActorRef<SinkMessage>,
        message: SinkMessage,
        sum: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SinkMessage::Take(data) => *sum += data[0],
            SinkMessage::Answer(reply) => reply.send(()).map_err(|()| "nobody waits")?,
        }
        Ok(())
    }
}

async fn sink() -> ActorRef<SinkMessage> {
    Actor::spawn(None, Sink, ()).await.expect("the actor starts").0
}

async fn answer(actor: &ActorRef<SinkMessage>) {
    let (reply, answered) = oneshot::channel();
    actor.cast(SinkMessage::Answer(reply)).expect("the actor lives");
    answered.await.expect("the actor answers");
}

/// One message to each of several actors at a time, so that each has to be woken for it.
pub(crate) async fn cast_and_handle() -> f64 {
    let mut actors = Vec::with_capacity(TOGETHER);
    for _ in 0..TOGETHER {
        actors.push(sink().await);
    }
    let cost = median_of_async_rounds(200 * TOGETHER as u64, async || {
        for _ in 0..200 {
            for actor in &actors {
                actor.cast(SinkMessage::Take([1; 12])).expect("the actor lives");
            }
            // The last one is woken last.
            answer(&actors[TOGETHER - 1]).await;
        }
    })
    .await;
    actors.iter().for_each(|actor| actor.stop(None));
    cost
}

/// The same through a plain channel: what is left of a message without an actor around it.
pub(crate) async fn send_and_receive() -> f64 {
    let receivers: Vec<_> = (0..TOGETHER).map(|_| receiver()).collect();
    median_of_async_rounds(200 * TOGETHER as u64, async || {
        for _ in 0..200 {
            for receiver in &receivers {
                assert!(receiver.send(SinkMessage::Take([1; 12])).is_ok(), "the receiver lives");
            }
            let (reply, answered) = oneshot::channel();
            assert!(receivers[TOGETHER - 1].send(SinkMessage::Answer(reply)).is_ok());
            answered.await.expect("the receiver answers");
        }
    })
    .await
}

fn receiver() -> mpsc::UnboundedSender<SinkMessage> {
    let (send, mut receive) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut sum = 0_u64;
        while let Some(message) = receive.recv().await {
            match message {
                SinkMessage::Take(data) => sum += data[0],
                SinkMessage::Answer(reply) => reply.send(()).expect("somebody waits"),
            }
        }
        sum
    });
    send
}

pub(crate) async fn call() -> f64 {
    let actor = sink().await;
    let cost = median_of_async_rounds(10_000, async || {
        for _ in 0..10_000 {
            answer(&actor).await;
        }
    })
    .await;
    actor.stop(None);
    cost
}

pub(crate) async fn spawn_and_stop() -> f64 {
    median_of_async_rounds(16 * TOGETHER as u64, async || {
        for _ in 0..16 {
            let mut actors = Vec::with_capacity(TOGETHER);
            for _ in 0..TOGETHER {
                actors.push(Actor::spawn(None, Sink, ()).await.expect("the actor starts"));
            }
            for (actor, _) in &actors {
                actor.stop(None);
            }
            for (_, ended) in actors {
                ended.await.expect("the actor ends");
            }
        }
    })
    .await
}

pub(crate) async fn spawn_tasks() -> f64 {
    median_of_async_rounds(200 * TOGETHER as u64, async || {
        for _ in 0..200 {
            let tasks: Vec<_> =
                (0..TOGETHER).map(|_| tokio::spawn(async {}).abort_handle()).collect();
            while !tasks.iter().all(|task| task.is_finished()) {
                tokio::task::yield_now().await;
            }
        }
    })
    .await
}

pub(crate) async fn spawn_and_join() -> f64 {
    median_of_async_rounds(10_000, async || {
        for _ in 0..10_000 {
            tokio::spawn(async {}).await.expect("the task ends");
        }
    })
    .await
}

pub(crate) async fn oneshot() -> f64 {
    median_of_async_rounds(10_000, async || {
        for _ in 0..10_000 {
            let (send, receive) = oneshot::channel();
            send.send(1_u64).expect("it is received");
            black_box(receive.await.expect("it was sent"));
        }
    })
    .await
}
