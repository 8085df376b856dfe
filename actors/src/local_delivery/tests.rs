//! Messages of one instance to another whose shard is on another thread.

use reenact_core::{CorrelationId, ExecutionId};
use reenact_providers::{InMemory, ManualClock};
use tokio::sync::mpsc;

use super::*;
use crate::message::{RuntimeMessage, ShardMessage};
use crate::options::ShardThreads;
use crate::shard::testing::supervisor_that_forwards;
use crate::threads::Threads;

/// Two shards without instances in memory.
async fn delivery_of_test(
    clock: &ManualClock,
) -> (LocalDelivery, Routes, mpsc::UnboundedReceiver<ShardMessage>) {
    let memory = InMemory::new().with_shards(2).with_clock(clock.clone());
    let threads = Threads::begin(ShardThreads::OnCallersRuntime, 2, &Handle::current()).unwrap();
    let routes = Routes::new(2, threads);
    let (sender, receiver) = mpsc::unbounded_channel();
    for shard in [ShardId(0), ShardId(1)] {
        routes.set_supervisor(shard, supervisor_that_forwards(sender.clone()).await);
    }
    let local_delivery =
        LocalDelivery::new(routes.clone(), Arc::new(Store::of(&memory, None)), Tasks::new(), false);
    (local_delivery, routes, receiver)
}

fn one_of(shard: u32, routes: &Routes) -> InstanceId {
    let mut ids = (0..).map(|n: u32| InstanceId::new(n.to_string()).unwrap());
    ids.find(|id| routes.shard_of(id) == ShardId(shard)).unwrap()
}

fn cancel(to: &InstanceId) -> Message {
    let kind = MessageKind::Cancel;
    let id = MessageId { lineage: 7, id: CorrelationId(1), attempt: 1, kind };
    Message { id, to: to.clone(), body: MessageBody::Cancel { reason: "enough".into() } }
}

fn event(to: &InstanceId) -> Message {
    let kind = MessageKind::Event;
    let id = MessageId { lineage: 7, id: CorrelationId(1), attempt: 1, kind };
    let (name, data) = (Name::new("Go").unwrap(), Payload::encode(&()).unwrap());
    Message { id, to: to.clone(), body: MessageBody::Event { name, data } }
}

async fn next_message(
    receiver: &mut mpsc::UnboundedReceiver<ShardMessage>,
) -> (InstanceId, Internal) {
    match receiver.recv().await {
        Some(ShardMessage::Deliver {
            instance,
            message: InstanceMessage::Runtime(RuntimeMessage(message)),
        }) => (instance, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_sent_to_a_thread_that_is_given_up_is_sent_again_and_a_late_answer_says_nothing() {
    let clock = ManualClock::default();
    let (local_delivery, routes, mut receiver) = delivery_of_test(&clock).await;
    let (from, to) = (one_of(0, &routes), one_of(1, &routes));
    let run = Run::of_test(ExecutionId::FIRST);

    local_delivery.send(&from, run, event(&to), 0);
    local_delivery.send(&from, run, event(&to), 0);
    let (instance, first) = next_message(&mut receiver).await;
    assert_eq!(instance, to);
    local_delivery.give_up(&[ShardId(1)]);
    let (instance, again) = next_message(&mut receiver).await;
    assert_eq!(instance, from);
    assert!(matches!(again, Internal::SendAgain { tries: 0, .. }), "{again:?}");

    local_delivery.send(&from, run, event(&to), 0);
    let (instance, second) = next_message(&mut receiver).await;
    assert_eq!(instance, to);
    InstanceMessage::from(first).refuse(|| Error::NotFound { instance: to.clone() });
    InstanceMessage::from(second).refuse(|| Error::Finished { instance: to.clone() });
    let (instance, answered) = next_message(&mut receiver).await;
    assert_eq!(instance, from);
    let Internal::Answered { taken, .. } = answered else { panic!("{answered:?}") };
    assert_eq!(taken, Err(NotTaken::Finished), "the answer to the first is ignored");
}

#[tokio::test]
async fn what_nobody_answers_is_not_sent_twice_at_a_time_and_comes_again_after_a_pause() {
    let clock = ManualClock::default();
    let (local_delivery, routes, mut receiver) = delivery_of_test(&clock).await;
    let (from, to) = (one_of(0, &routes), one_of(1, &routes));
    let run = Run::of_test(ExecutionId::FIRST);
    local_delivery.send(&from, run, cancel(&to), 3);
    drop(next_message(&mut receiver).await);
    local_delivery.send(&from, run, cancel(&to), 3);
    while receiver.is_empty() {
        clock.advance(SENT_AGAIN.first);
        tokio::task::yield_now().await;
    }
    let (instance, again) = next_message(&mut receiver).await;
    assert_eq!(instance, from);
    assert!(matches!(again, Internal::SendAgain { tries: 4, .. }), "{again:?}");
}
