//! Both sides of the queues of tags, without the instances that call and the queue consumers that answer.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reenact_core::{
    ActivityError, CorrelationId, ExecutionId, InstanceId, Name, Payload, RemoteActivity,
    RemoteCommand, RemoteRun, ShardId, Tagged, codec,
};
use reenact_providers::limits::VISIBILITY_TIME;
use reenact_providers::{
    Delivery, ExternalEventRouter, InMemory, ManualClock, Message, Provider, Quarantined, QueueOf,
    Sharing, TimerScheduler,
};
use tokio::sync::Notify;

use super::received_call::MAX_DELIVERIES_WITHOUT_CODE;
use super::{TagReceiver, TagSender};
use crate::activity::{ActivityCall, ActivityContext, Attempt};
use crate::metrics::HostRecorder;
use crate::options::ShardThreads;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::threads::Threads;
use crate::trace::RunTrace;
use crate::workers::runs_on::ActivityRuntimes;
use crate::workers::{Limits, Workers};

/// Longer than any test takes; a test that waits longer hangs.
const HANGS: Duration = Duration::from_secs(30);

const RUN: RemoteRun = RemoteRun { execution: ExecutionId::FIRST, seed: 7 };

async fn guard<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, what).await.expect("it hangs")
}

fn gpu() -> Name {
    Name::new("gpu").unwrap()
}

fn instance() -> InstanceId {
    InstanceId::new("i").unwrap()
}

/// A store that hosts share, and its time.
struct Stage {
    sharing: Arc<dyn Sharing>,
    router: Arc<dyn ExternalEventRouter>,
    clock: ManualClock,
}

/// A host that declares `gpu`, as far as it takes calls.
struct Taking {
    workers: Workers,
    tag_receiver: TagReceiver,
}

impl Stage {
    fn new() -> Self {
        let clock = ManualClock::default();
        let store = InMemory::new().with_shards(1).with_clock(clock.clone()).shared();
        let sharing = store.sharing().unwrap();
        Self { router: sharing.router(), sharing, clock }
    }

    fn clock(&self) -> Arc<dyn TimerScheduler> {
        Arc::new(self.clock.clone())
    }

    /// With at most `activities` at a time.
    fn host(&self, limit: usize, registry: Registry) -> Taking {
        let grace = Duration::from_secs(10);
        let limits = Limits {
            at_a_time: limit,
            grace,
            of_names: HashMap::new(),
            blocking: 1,
            payload_bytes: reenact_core::limits::MAX_PAYLOAD_BYTES,
        };
        let runtimes = ActivityRuntimes::new(None, None);
        let (registry, routes) = (Arc::new(registry), routes());
        let recorder = HostRecorder::of_test();
        let workers = Workers::new(registry, &recorder, routes, self.clock(), limits, runtimes);
        let (sharing, router) = (self.sharing.clone(), self.router.clone());
        let tag_receiver =
            TagReceiver::begin(vec![gpu()], sharing, router, self.clock(), workers.clone(), 1);
        Taking { workers, tag_receiver }
    }

    /// Puts a call of `train` into the queue, as its owner does.
    async fn call(&self, id: u64, input: &str) {
        self.put(&id.to_string(), &train(id, input)).await;
    }

    async fn put(&self, key: &str, call: &RemoteActivity) {
        self.put_bytes(key, codec::encode_activity(call).unwrap()).await;
    }

    async fn put_bytes(&self, key: &str, bytes: Vec<u8>) {
        let message = Message { key: key.into(), to: instance(), bytes: bytes.into() };
        self.sharing.send_to(&gpu(), message).await.unwrap();
    }

    /// What the owner of the instance is sent next.
    async fn next_command(&self) -> RemoteCommand {
        let delivery = guard(self.router.receive(ShardId(0), 1)).await.unwrap().remove(0);
        self.router.acknowledge(ShardId(0), delivery.id).await.unwrap();
        assert_eq!(delivery.message.to, instance());
        codec::decode_command(&delivery.message.bytes).unwrap()
    }

    /// The next call in the queue that is not hidden.
    async fn taken(&self) -> Delivery {
        guard(self.sharing.receive_from(&gpu(), 1)).await.unwrap().remove(0)
    }

    /// Whether nothing is in the queue that others could take.
    async fn is_nothing_visible(&self) -> bool {
        let tag = gpu();
        let nothing = self.sharing.receive_from(&tag, 1);
        tokio::select! {
            biased;
            _ = nothing => false,
            () = settle() => true,
        }
    }

    async fn quarantined(&self) -> Vec<Quarantined> {
        let all = self.sharing.quarantined(None, 9).await.unwrap();
        all.into_iter().map(|(_, what)| what).collect()
    }

    /// Lets time pass, in steps in which everybody has done what there was to do.
    async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.clock.advance(Duration::from_secs(1));
            settle().await;
        }
    }
}

/// On one thread: each task that can go on does.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn train(id: u64, input: &str) -> RemoteActivity {
    let (id, name) = (CorrelationId(id), Name::new("train").unwrap());
    let (input, terms, deadline) = (Payload::encode(input).unwrap(), None, None);
    RemoteActivity { run: RUN, id, name, input, attempt: 1, terms, deadline, trace: None }
}

fn completed(id: u64, output: &str) -> RemoteCommand {
    let (id, result) = (CorrelationId(id), Ok(Payload::encode(output).unwrap()));
    RemoteCommand::CompleteTask { run: RUN, id, attempt: 1, result }
}

/// With one activity, `train`.
fn trains<F, R>(code: F) -> Registry
where
    F: Fn(ActivityContext, String) -> R + Send + Sync + 'static,
    R: Future<Output = Result<String, ActivityError>> + Send + 'static,
{
    let mut registry = Registry::default();
    registry.register_activity("train", code).unwrap();
    registry
}

/// An activity that goes on until it is let go, and counts how often it began.
fn waiting() -> (Registry, Arc<Notify>, Arc<AtomicU32>) {
    let (go, begun) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (may_go, count) = (go.clone(), begun.clone());
    let registry = trains(move |_ctx, input| {
        let (may_go, count) = (may_go.clone(), count.clone());
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            may_go.notified().await;
            Ok(input)
        }
    });
    (registry, go, begun)
}

#[tokio::test]
async fn a_host_runs_what_is_called_with_its_tag_and_reports_to_the_owner() {
    let stage = Stage::new();
    let host = stage.host(
        9,
        trains(|ctx, input| async move {
            assert_eq!(ctx.idempotency_key(), "i/1-0000000000000007/3");
            Ok(format!("{input} {}", ctx.attempt()))
        }),
    );
    stage.call(3, "cats").await;
    assert_eq!(stage.next_command().await, completed(3, "cats 1"));
    stage.pass(VISIBILITY_TIME * 2).await;
    assert!(stage.is_nothing_visible().await, "it was acknowledged");
    host.tag_receiver.close();
    guard(host.tag_receiver.settled()).await;
}

#[tokio::test]
async fn a_failure_and_the_last_heartbeat_go_back_too() {
    let stage = Stage::new();
    let _host = stage.host(
        9,
        trains(|ctx, _| async move {
            ctx.heartbeat("a third")?;
            ctx.heartbeat("half")?;
            Err(ActivityError::retryable("no memory"))
        }),
    );
    stage.call(3, "cats").await;
    let beat = |details: &str| RemoteCommand::RecordHeartbeat {
        run: RUN,
        id: CorrelationId(3),
        attempt: 1,
        details: Payload::encode(details).unwrap(),
    };
    assert_eq!(stage.next_command().await, beat("a third"));
    assert_eq!(stage.next_command().await, beat("half"), "the last one goes with the failure");
    let RemoteCommand::CompleteTask { result: Err(error), .. } = stage.next_command().await else {
        panic!("not failed");
    };
    assert!(error.is_retryable() && error.to_string().contains("no memory"), "{error}");
}

#[tokio::test]
async fn a_long_one_is_hidden_from_others_while_it_runs() {
    let stage = Stage::new();
    let (registry, go, begun) = waiting();
    // It has no room to take the same again.
    let _host = stage.host(1, registry);
    stage.call(3, "cats").await;
    stage.pass(VISIBILITY_TIME * 3).await;
    assert!(stage.is_nothing_visible().await);
    go.notify_one();
    assert_eq!(stage.next_command().await, completed(3, "cats"));
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn another_host_takes_what_one_had_that_died() {
    let stage = Stage::new();
    let first = stage.host(9, waiting().0);
    stage.call(3, "cats").await;
    settle().await;
    first.workers.abort();
    first.tag_receiver.abort().await;
    let _second = stage.host(9, trains(|_ctx, input| async move { Ok(input) }));
    stage.pass(VISIBILITY_TIME).await;
    assert_eq!(stage.next_command().await, completed(3, "cats"));
}

#[tokio::test]
async fn no_more_is_taken_than_can_run() {
    let stage = Stage::new();
    let (registry, go, begun) = waiting();
    let _host = stage.host(1, registry);
    stage.call(1, "cats").await;
    settle().await;
    stage.call(2, "dogs").await;
    settle().await;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    go.notify_one();
    assert_eq!(stage.next_command().await, completed(1, "cats"));
    go.notify_one();
    assert_eq!(stage.next_command().await, completed(2, "dogs"), "there is room for it now");
}

#[tokio::test]
async fn what_is_delivered_twice_meanwhile_runs_once() {
    let stage = Stage::new();
    let (registry, go, begun) = waiting();
    let _host = stage.host(9, registry);
    stage.call(3, "cats").await;
    settle().await;
    stage.put("another key", &train(3, "cats")).await;
    settle().await;
    go.notify_one();
    assert_eq!(stage.next_command().await, completed(3, "cats"));
    stage.pass(VISIBILITY_TIME * 2).await;
    assert!(stage.is_nothing_visible().await, "both are acknowledged");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_past_its_time_ends_and_is_not_begun() {
    let stage = Stage::new();
    let (registry, _go, begun) = waiting();
    let host = stage.host(9, registry);
    let late = |id| {
        let deadline = Some(stage.clock.now() + Duration::from_secs(5));
        RemoteActivity { deadline, ..train(id, "cats") }
    };
    let (first, second) = (late(1), late(2));
    stage.put("first", &first).await;
    stage.pass(Duration::from_secs(15)).await;
    guard(host.workers.idle()).await;
    stage.put("second", &second).await;
    stage.pass(VISIBILITY_TIME * 2).await;
    assert!(stage.is_nothing_visible().await, "nobody waits for either");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_not_registered_is_left_to_others_until_nobody_had_it_for_long() {
    let stage = Stage::new();
    let _host = stage.host(9, Registry::default());
    stage.call(3, "cats").await;
    for _ in 1..MAX_DELIVERIES_WITHOUT_CODE {
        settle().await;
        assert_eq!(stage.quarantined().await, []);
        stage.clock.advance(VISIBILITY_TIME);
    }
    settle().await;
    let quarantined = stage.quarantined().await.remove(0);
    assert_eq!(quarantined.queue, QueueOf::Tag(gpu()));
    assert_eq!(
        quarantined.reason,
        "activity `train` is not registered on a host that declares tag `gpu`; the call was \
         delivered 100 times"
    );
    stage.pass(VISIBILITY_TIME * 2).await;
    assert!(stage.is_nothing_visible().await);
}

#[tokio::test]
async fn what_is_no_call_goes_into_quarantine_at_once() {
    let stage = Stage::new();
    let _host = stage.host(9, Registry::default());
    stage.put_bytes("of a newer version", vec![99, 1, 2]).await;
    settle().await;
    let quarantined = stage.quarantined().await.remove(0);
    assert!(quarantined.reason.contains("format version 99"), "{}", quarantined.reason);
    assert_eq!(quarantined.message.unwrap().bytes[..], [99, 1, 2]);
}

#[tokio::test]
async fn a_host_that_ends_leaves_what_it_cannot_end_to_others() {
    let stage = Stage::new();
    let host = stage.host(1, trains(|_ctx, _| pending()));
    stage.call(3, "cats").await;
    settle().await;
    host.tag_receiver.close();
    host.workers.close();
    host.workers.abort();
    guard(host.tag_receiver.settled()).await;
    stage.pass(VISIBILITY_TIME).await;
    assert!(!stage.is_nothing_visible().await);
}

#[tokio::test]
async fn a_call_is_sent_once_for_each_attempt_while_it_is_under_way() {
    let stage = Stage::new();
    let tag_sender = TagSender::new(stage.sharing.clone(), routes(), stage.clock());
    let call = ActivityCall { instance: instance(), run: RUN.into(), id: CorrelationId(3) };
    let send = |number: u32| {
        let name = Name::new("train").unwrap();
        let attempt = Attempt {
            name,
            number,
            terms: None,
            reports: None,
            local_input: None,
            trace: RunTrace::default(),
        };
        let tagged = Tagged { tag: gpu(), deadline: None };
        tag_sender.send(call.clone(), attempt, tagged, Payload::encode("cats").unwrap(), false);
    };
    let next = || async {
        let delivery = stage.taken().await;
        stage.sharing.acknowledge_from(&gpu(), delivery.id).await.unwrap();
        codec::decode_activity(&delivery.message.bytes).unwrap()
    };
    send(1);
    send(1);
    assert_eq!(next().await.attempt, 1);
    send(1);
    assert!(stage.is_nothing_visible().await);
    send(2);
    assert_eq!(next().await.attempt, 2);
    tag_sender.forget_attempt(&call, 1);
    send(2);
    assert!(stage.is_nothing_visible().await, "that was another one");
    tag_sender.forget(&call);
    send(2);
    let sent = next().await;
    assert_eq!((sent.run, sent.id, sent.attempt), (RUN, CorrelationId(3), 2));
}

/// Of a host that runs on the runtime of the test.
fn routes() -> Routes {
    let here = tokio::runtime::Handle::current();
    Routes::new(1, Threads::begin(ShardThreads::OnCallersRuntime, 1, &here).unwrap())
}
