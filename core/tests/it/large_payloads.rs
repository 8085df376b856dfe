//! Payloads over a mebibyte: taken where the store takes large ones, refused where not, and at replay as the log says.

use crate::support::instance::{Instance, code, name, rejection, start, task};
use reenact_core::limits::{
    MAX_LARGE_BUFFERED_EVENT_BYTES, MAX_LARGE_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES,
};
use reenact_core::{
    Command, CorrelationId, Event, EventKey, MachineConfig, OrchestrationCode,
    OrchestrationContext, ParkedExecution, Payload, PayloadError, Rejected,
};

/// A text that no store takes which takes no large payloads.
fn large() -> String {
    "x".repeat(MAX_PAYLOAD_BYTES)
}

fn payload(text: &str) -> Payload {
    Payload::encode_large(text).expect("within the limit of large ones")
}

fn config(large_payloads: bool) -> MachineConfig {
    MachineConfig { large_payloads, ..MachineConfig::default() }
}

/// Gives large payloads to all that takes one. What is refused is not tried again.
fn generous() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let text = large();
        let called = ctx.call_activity_by_name::<_, String>("a", &text).await;
        let child = ctx.call_orchestration_by_name::<_, String>("c", &text).await;
        let sent = ctx.raise_event("other", "Go", &text).await;
        ctx.side_effect(|| 7_u64).await;
        Ok([called.is_ok(), child.is_ok(), sent.is_ok()])
    })
}

#[test]
fn a_payload_is_within_the_limit_that_counts_or_says_which_that_is() {
    assert_eq!(payload(&large()).len(), MAX_PAYLOAD_BYTES + 2);
    let refused = payload(&large()).within(MAX_PAYLOAD_BYTES);
    let (bytes, limit) = (MAX_PAYLOAD_BYTES + 2, MAX_PAYLOAD_BYTES);
    assert_eq!(refused, Err(PayloadError::TooLarge { bytes, limit }));
    let over = "x".repeat(MAX_LARGE_PAYLOAD_BYTES - 1);
    let (bytes, limit) = (MAX_LARGE_PAYLOAD_BYTES + 1, MAX_LARGE_PAYLOAD_BYTES);
    assert_eq!(Payload::encode_large(&over), Err(PayloadError::TooLarge { bytes, limit }));
}

#[test]
fn what_was_taken_replays_also_where_no_more_is_taken() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let text: String = task_of(&ctx, &large()).await;
        let made = ctx.side_effect(|| text.clone()).await;
        Ok(made)
    });
    let mut instance = Instance::start_with(code, config(true), start(()));
    let (id, result) = (CorrelationId(1), Ok(payload(&large())));
    instance.apply(Command::CompleteTask { id, attempt: 1, result });
    assert_eq!(instance.output::<String>(), large());
    instance.assert_replays_from_every_point();
    instance.config = config(false);
    instance.assert_replays();
}

async fn task_of(ctx: &OrchestrationContext, input: &str) -> String {
    ctx.call_activity_by_name("a", input).await.expect("it is taken")
}

#[test]
fn what_was_refused_stays_refused_also_where_it_would_be_taken() {
    let mut instance = Instance::start_with(generous(), config(false), start(()));
    assert_eq!(instance.output::<[bool; 3]>(), [false; 3]);
    instance.assert_replays_from_every_point();
    instance.config = config(true);
    instance.assert_replays();
}

#[test]
fn an_output_is_taken_where_the_store_takes_it() {
    let code = || code(async |_: OrchestrationContext, ()| Ok(large()));
    let mut instance = Instance::start_with(code(), config(true), start(()));
    assert_eq!(instance.output::<String>(), large());
    instance.config = config(false);
    instance.assert_replays();
    let mut instance = Instance::start_with(code(), config(false), start(()));
    assert!(instance.failure().message().contains("at most 1048576 are allowed"));
    instance.config = config(true);
    instance.assert_replays();
}

#[test]
fn an_event_is_refused_that_the_store_does_not_take() {
    let waits = || code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let event = || Command::RaiseEvent { name: name("Go"), data: payload(&large()), key: None };
    let mut instance = Instance::start_with(waits(), config(false), start(()));
    let refused = rejection(instance.try_apply(event()));
    let expected = "the payload has 1048578 bytes; at most 1048576 are allowed";
    assert_eq!(refused, Rejected::OverLimit(expected.to_owned()));
    let mut instance = Instance::start_with(waits(), config(true), start(()));
    let taken = instance.apply(event());
    assert!(matches!(taken.recorded.events[0], Event::ExternalRaised { .. }));
}

#[test]
fn a_parked_execution_has_the_limits_of_its_store() {
    let now = reenact_core::Timestamp::EPOCH;
    let event = |parked: &mut ParkedExecution, number: usize| {
        let key = EventKey::new(format!("{number}")).expect("a key");
        parked.raise(name("Go"), payload(&large()), Some(key), None, now)
    };
    let refused = event(&mut ParkedExecution::in_store(false), 0);
    assert!(matches!(refused, Err(Rejected::OverLimit(_))), "{refused:?}");
    let mut parked = ParkedExecution::in_store(true);
    let fitting = MAX_LARGE_BUFFERED_EVENT_BYTES / (MAX_PAYLOAD_BYTES + 2);
    for number in 0..fitting {
        event(&mut parked, number).expect("there is room");
    }
    let limit = MAX_LARGE_BUFFERED_EVENT_BYTES;
    let full = event(&mut parked, fitting);
    assert_eq!(full, Err(Rejected::TooManyEventBytes { limit }));
}
