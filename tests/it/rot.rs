//! What cannot be read is said to be unreadable: it is never taken for an answer.

use std::time::Duration;

use crate::kit::{Faulty, events, guard, id, options, pass_time_until, store, until, until_parked};
use reenact::prelude::*;
use reenact::testing::ManualClock;
use reenact::{Error, HostBuilder, InstanceState, ParkReason};

/// What the event "Go" carries.
#[orchestration]
async fn waits(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

/// Waits for one child under this id.
#[orchestration]
async fn parent_of(ctx: OrchestrationContext, child: String) -> Result<u64, OrchestrationError> {
    let own_id = ChildOptions::new().id(child);
    Ok(ctx.call_orchestration(waits.with(own_id), ()).await?)
}

/// Tells another instance.
#[orchestration]
async fn tells(ctx: OrchestrationContext, to: String) -> Result<(), OrchestrationError> {
    let to = InstanceId::new(to).map_err(OrchestrationError::new)?;
    ctx.raise_event(&to, "Go", &1_u64).await.map_err(OrchestrationError::new)
}

fn host(faulty: &Faulty) -> HostBuilder {
    let builder = Host::builder().provider(faulty.clone()).options(options());
    builder.orchestration(waits).orchestration(parent_of).orchestration(tells)
}

/// A parent with a child that has begun, on a host that has crashed since.
async fn crashed_family() -> (Faulty, ManualClock, InstanceId, InstanceId) {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    let first = host(&faulty).start().await.unwrap();
    let parent = guard(first.start_new(parent_of, "child".into()).id("parent")).await.unwrap();
    let (parent, child) = (parent.id().clone(), id("child"));
    guard(async {
        while first.get_status(&child).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(first.abort()).await;
    (faulty, clock, parent, child)
}

fn is_unreadable(reason: &Option<ParkReason>) -> bool {
    matches!(reason, Some(ParkReason::Unreadable { .. }))
}

#[tokio::test]
async fn a_parent_is_not_notified_that_the_id_of_its_own_child_is_taken_while_that_is_rotten() {
    let (faulty, clock, parent, child) = crashed_family().await;
    faulty.rot_first_turn_of(&child);
    let second = host(&faulty).start().await.unwrap();
    assert!(is_unreadable(&until_parked(&second, &child).await.parked));
    let reads = faulty.turns_read();
    // It is asked again whether it is the parent's, and its log is read for that.
    let asked = until(|| faulty.turns_read() > reads);
    pass_time_until(&clock, Duration::from_secs(1), asked).await;
    faulty.mend_first_turn_of(&child);
    guard(second.instance::<u64>(&child).resume()).await.unwrap();
    guard(second.instance::<u64>(&child).raise_event("Go", 7)).await.unwrap();
    let result = guard(second.instance::<u64>(&parent).result()).await;
    assert_eq!(result.unwrap(), 7, "{:?}", events(&second, &parent).await);
}

#[tokio::test]
async fn a_child_that_has_ended_and_is_rotten_is_not_said_to_be_taken() {
    let (faulty, _, parent, child) = crashed_family().await;
    let second = host(&faulty).start().await.unwrap();
    guard(second.instance::<u64>(&child).terminate("for the test")).await.unwrap();
    let failed = guard(second.instance::<u64>(&parent).result()).await;
    assert!(matches!(failed, Err(Error::Failed { .. })));
    faulty.rot_first_turn_of(&child);
    let history = guard(second.history(&child)).await;
    let Err(Error::Unreadable { instance, reason }) = history else { panic!("{history:?}") };
    assert_eq!(instance, child);
    assert!(reason.starts_with("turn 0: "), "{reason}");
}

#[tokio::test]
async fn a_sender_is_not_notified_that_a_rotten_recipient_has_finished() {
    let faulty = Faulty::new(store().0);
    let host = host(&faulty).start().await.unwrap();
    let ended = guard(host.start_new(waits, ()).id("ended")).await.unwrap();
    guard(ended.raise_event("Go", 1)).await.unwrap();
    guard(ended.result()).await.unwrap();
    faulty.rot_first_turn_of(ended.id());
    let reads = faulty.turns_read();
    let sender = guard(host.start_new(tells, "ended".into())).await.unwrap();
    until(|| faulty.turns_read() > reads).await;
    let status = guard(host.get_status(sender.id())).await.unwrap();
    assert_eq!(status.state, InstanceState::Running);
    faulty.mend_first_turn_of(ended.id());
}

#[tokio::test]
async fn what_an_unreadable_instance_was_parked_for_is_said() {
    let faulty = Faulty::new(store().0);
    let first = host(&faulty).start().await.unwrap();
    let rotten = guard(first.start_new(waits, ()).id("rotten")).await.unwrap().id().clone();
    guard(first.shutdown()).await.unwrap();
    faulty.rot_first_turn_of(&rotten);
    let second = host(&faulty).start().await.unwrap();
    // It comes into memory for this, and is parked.
    let refused = guard(second.instance::<u64>(&rotten).raise_event("Go", 1)).await;
    assert!(matches!(refused, Err(Error::Parked { .. })), "{refused:?}");
    assert!(is_unreadable(&until_parked(&second, &rotten).await.parked));
}
