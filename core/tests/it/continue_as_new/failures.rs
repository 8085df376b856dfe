//! Continuations that cannot be made fail the instance.

use super::*;

#[track_caller]
fn assert_fails(instance: &Instance, kind: OrchestrationErrorKind, message: &str) {
    assert_eq!(instance.failure().kind(), kind);
    assert!(instance.failure().message().starts_with(message), "{}", instance.failure());
    assert!(instance.machine.successor(None).expect("nothing runs").is_none());
    instance.assert_replays();
}

#[test]
fn an_input_that_is_too_large_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.continue_as_new_untyped::<_, ()>(&"x".repeat(MAX_PAYLOAD_BYTES))
    });
    let message = "the next execution's input is not valid: the payload has";
    assert_fails(&Instance::start(code, ()), OrchestrationErrorKind::LimitExceeded, message);
}

#[test]
fn an_input_of_another_type_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, _: u64| {
        ctx.continue_as_new_untyped::<_, ()>("text")
    });
    let message = "the next execution's input is not valid: the payload does not decode";
    assert_fails(&Instance::start(code, 0), OrchestrationErrorKind::InvalidInput, message);
}

#[test]
fn it_cannot_go_on_as_another_orchestration() {
    let run = async |ctx: OrchestrationContext, n: u64| ctx.continue_as_new(Counter, n);
    let code = OrchestrationCode::new("other", run).expect("a name");
    let message = "`other` cannot go on as another orchestration, `orchestration`";
    assert_fails(&Instance::start(code, 0), OrchestrationErrorKind::Failed, message);
}

/// It must be stored as one with the turn that continued.
#[test]
fn more_than_a_turn_can_carry_fails_the_instance() {
    let megabyte = "x".repeat(MAX_PAYLOAD_BYTES - 2);
    let code = |activities: u64| {
        code(move |ctx: OrchestrationContext, n: u64| async move {
            ctx.wait_external::<()>("Next").await?;
            let input = "x".repeat(MAX_PAYLOAD_BYTES - 2);
            let call = |_| ctx.schedule_activity_by_name::<_, ()>("a", &input);
            let _calls: Vec<_> = (0..activities).map(call).collect();
            ctx.continue_as_new_untyped::<_, ()>(&n)
        })
    };
    let carried = MAX_BUFFERED_EVENT_BYTES / MAX_PAYLOAD_BYTES - 1;
    let fitting = MAX_TURN_PAYLOAD_BYTES / MAX_PAYLOAD_BYTES as u64 - carried as u64 - 1;
    for (activities, fits) in [(fitting, true), (fitting + 1, false)] {
        let mut instance = Instance::start(code(activities), 1);
        (0..carried).for_each(|_| drop(instance.raise("Data", &megabyte)));
        instance.raise("Next", ());
        if fits {
            assert_eq!(successor(&instance).1.len(), 1 + carried);
        } else {
            let message = "one turn would pass 33554432 bytes";
            assert_fails(&instance, OrchestrationErrorKind::LimitExceeded, message);
        }
    }
}

#[test]
fn the_last_execution_that_there_can_be_does_not_continue() {
    let last = ExecutionId(u32::MAX);
    let events = [
        Event::ExecutionStarted {
            name: instance::name("orchestration"),
            input: payload(1),
            seed: 1,
            delay: None,
        },
        Event::ExternalSubscribed { id: CorrelationId(1), name: instance::name("Add") },
    ];
    let config = MachineConfig::default();
    let history = [turn(1, events)];
    let machine = Machine::replay(&counter(), instance_id(), last, config.clone(), history);
    let machine = machine.expect("it replays");
    let mut instance = Instance::resumed(counter(), config, machine, seconds(1));
    instance.raise("Add", 5);
    assert_eq!(instance.failure().message(), "an instance cannot have more executions");
    replayed(&instance);
}

#[test]
fn an_end_by_a_limit_is_not_undone_by_a_continuation_afterwards() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(ctx.timer(Duration::MAX));
        ctx.continue_as_new_untyped::<_, ()>(&())
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::LimitExceeded);
    instance.assert_replays();
}
