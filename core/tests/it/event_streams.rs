//! `events`: one after the other, none lost, none taken that nobody asked for.

use std::time::Duration;

use crate::support::instance::{Instance, code, task};
use reenact_core::{EventError, OrchestrationContext, OrchestrationError};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn events_come_in_their_order_and_none_is_lost_between_two() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut events = ctx.events::<u64>("N");
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(events.next().await?);
            task(&ctx, "slow").await?;
        }
        Ok(taken)
    });
    let mut instance = Instance::start(code, ());
    instance.raise("N", 1);
    // While the activity runs.
    instance.raise("N", 2);
    instance.raise("N", 3);
    for id in [2, 4, 6] {
        instance.complete(id, 0);
    }
    assert_eq!(instance.output::<Vec<u64>>(), [1, 2, 3]);
    instance.assert_replays_from_every_point();
}

#[test]
fn nothing_is_recorded_before_somebody_asks() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(ctx.events::<u64>("N"));
        Ok(())
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.log()[1..], ["ExecutionCompleted"]);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_was_not_taken_stays_for_others() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = {
            let mut events = ctx.events::<u64>("N");
            task(&ctx, "slow").await?;
            events.next().await?
        };
        let second = ctx.wait_external::<u64>("N").await?;
        Ok((first, second, ctx.events::<u64>("N").next().await?))
    });
    let mut instance = Instance::start(code, ());
    (1..=3).for_each(|number| drop(instance.raise("N", number)));
    instance.complete(1, 0);
    assert_eq!(instance.output::<(u64, u64, u64)>(), (1, 2, 3));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_wait_that_is_given_up_leaves_its_event_to_the_next() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut events = ctx.events::<u64>("N");
        let late = ctx.timeout(MINUTE, events.next()).await.is_err();
        let first = tokio::select! {
            biased;
            event = events.next() => event?,
            _ = task(&ctx, "slow") => 0,
        };
        Ok((late, first, events.next().await?))
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.fire(1).outputs()[0], "ExternalUnsubscribed #2");
    assert_eq!(instance.complete(3, 0).outputs()[0], "ExternalUnsubscribed #4");
    instance.raise("N", 7);
    assert_eq!(instance.output::<(bool, u64, u64)>(), (true, 0, 7));
    instance.assert_replays_from_every_point();
}

#[test]
fn data_of_another_type_is_an_error_and_the_next_event_is_after_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut events = ctx.events::<u64>("N");
        let odd = matches!(events.next().await, Err(EventError::InvalidData(_)));
        Ok::<_, OrchestrationError>((odd, events.next().await?))
    });
    let mut instance = Instance::start(code, ());
    instance.raise("N", "no number");
    instance.raise("N", 5);
    assert_eq!(instance.output::<(bool, u64)>(), (true, 5));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_name_that_no_event_can_have_is_an_error_at_every_call() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut events = ctx.events::<u64>("");
        let refused = [events.next().await, events.next().await];
        Ok(refused.iter().all(|refused| matches!(refused, Err(EventError::InvalidName(_)))))
    });
    let instance = Instance::start(code, ());
    assert!(instance.output::<bool>());
    assert_eq!(instance.log().len(), 2, "nothing was recorded");
    instance.assert_replays_from_every_point();
}
