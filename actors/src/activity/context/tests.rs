//! What an activity knows, and how it is cut off.

use std::future::pending;
use std::time::Duration;

use reenact_providers::ManualClock;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready, assert_ready_eq};

use super::*;
use crate::run::Run;

fn context() -> ActivityContext {
    context_of(None)
}

fn context_of(local_input: Option<Payload>) -> ActivityContext {
    let code = reenact_core::OrchestrationCode::new("o", |_ctx, (): ()| async { Ok(()) });
    let input = Payload::encode(&()).unwrap();
    let (machine, _) = reenact_core::Machine::start(
        &code.unwrap(),
        InstanceId::new("order-7").unwrap(),
        reenact_core::ExecutionId::FIRST,
        reenact_core::MachineConfig::default(),
        reenact_core::Start {
            input,
            seed: 11,
            delay: None,
            origin: None,
            trace: None,
            limits: Default::default(),
            attributes: reenact_core::Attributes::default(),
        },
        reenact_core::Timestamp::EPOCH,
    )
    .unwrap();
    let key = ActivityCall {
        instance: machine.instance_id(),
        run: Run::of(&machine),
        id: CorrelationId(3),
    };
    let attempt = Attempt {
        name: Name::new("charge").unwrap(),
        number: 1,
        terms: None,
        reports: None,
        trace: RunTrace::default(),
        local_input,
    };
    ActivityContext::new(key, attempt, None, States::default(), Label::OTHER)
}

#[test]
fn the_idempotency_key_names_instance_run_and_call() {
    assert_eq!(context().idempotency_key(), "order-7/1-000000000000000b/3");
}

#[test]
fn the_idempotency_key_of_a_local_call_depends_on_its_input() {
    let key = |input: &str| context_of(Some(Payload::encode(input).unwrap())).idempotency_key();
    assert_eq!(key("a"), "order-7/1-000000000000000b/3-e182eb503441cc3c");
    assert_ne!(key("a"), key("b"));
    assert_eq!(fnv1a(&[b"foo", b"bar"]), 0x8594_4171_f739_67e8, "as FNV-1a is published");
}

#[test]
fn a_task_that_awaits_the_cancellation_is_woken_by_it() {
    let context = context();
    let mut cancelled = spawn(context.cancelled());
    assert_pending!(cancelled.poll());
    context.cancel();
    assert!(cancelled.is_woken());
    assert_ready!(cancelled.poll());
    assert!(context.is_cancelled());
}

#[test]
fn what_is_cut_off_is_woken_and_ends_without_an_output() {
    let context = context();
    let clock: Arc<dyn TimerScheduler> = Arc::new(ManualClock::default());
    let mut running = spawn(context.until_cut_off(pending::<()>(), &clock));
    assert_pending!(running.poll());
    context.cut_off();
    assert!(running.is_woken());
    assert_ready_eq!(running.poll(), None);
    assert!(context.is_cancelled());
}

#[test]
fn what_it_returns_while_it_is_cut_off_does_not_count() {
    let context = context();
    let clock: Arc<dyn TimerScheduler> = Arc::new(ManualClock::default());
    let returns = poll_fn(|_| {
        // As another thread may do meanwhile.
        context.cut_off();
        Poll::Ready(7)
    });
    let mut running = spawn(context.until_cut_off(returns, &clock));
    assert_ready_eq!(running.poll(), None);
}

#[test]
fn what_is_cancelled_ends_without_an_output_when_its_grace_is_over() {
    let (context, manual) = (context(), ManualClock::default());
    let clock: Arc<dyn TimerScheduler> = Arc::new(manual.clone());
    let mut running = spawn(context.until_cut_off(pending::<()>(), &clock));
    assert_pending!(running.poll());
    context.cancel_until(manual.now() + Duration::from_secs(10));
    assert!(running.is_woken());
    assert_pending!(running.poll());
    // The first time counts.
    context.cancel_until(manual.now() + Duration::from_secs(20));
    manual.advance(Duration::from_secs(10));
    assert_ready_eq!(running.poll(), None);
}
