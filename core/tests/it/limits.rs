//! Every limit of an execution: over it, a typed error, nothing half done, and the same at replay.

use std::time::Duration;

use crate::support::instance::{
    Answer, Instance, SEED, code, complete, fire, name, payload, raise, raise_once, rejection,
    seconds, start, suspend, task, terminate, turn,
};
use reenact_core::limits::{
    MAX_BUFFERED_EVENT_BYTES, MAX_BUFFERED_EVENTS, MAX_EVENT_KEY_BYTES, MAX_HISTORY_BYTES,
    MAX_HISTORY_EVENTS, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_OUTSTANDING, MAX_PAYLOAD_BYTES,
    MAX_TIMER, MAX_TURN_PAYLOAD_BYTES,
};
use reenact_core::{
    ApplyError, Command, CorrelationId, Event, EventKey, InvalidName, MachineConfig, Name,
    OrchestrationCode, OrchestrationContext, OrchestrationErrorKind, Outcome, Payload,
    PayloadError, RecordedTurn, Rejected, Start, codec,
};

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// A text whose JSON has this number of bytes.
fn json_text(bytes: usize) -> String {
    text(bytes - 2)
}

fn assert_limit(outcome: Option<&Outcome>, message: &str) {
    match outcome {
        Some(Outcome::Failed(error)) => {
            assert_eq!(error.kind(), OrchestrationErrorKind::LimitExceeded);
            assert_eq!(error.message(), message);
        }
        other => panic!("no limit: {other:?}"),
    }
}

#[test]
fn payloads_hold_a_megabyte() {
    assert!(Payload::encode(&json_text(MAX_PAYLOAD_BYTES)).is_ok());
    let over = MAX_PAYLOAD_BYTES + 1;
    let too_large = Err(PayloadError::TooLarge { bytes: over, limit: MAX_PAYLOAD_BYTES });
    assert_eq!(Payload::encode(&json_text(over)), too_large);
    assert_eq!(Payload::from_bytes(vec![b'1'; over]), too_large);
    assert_eq!(
        PayloadError::TooLarge { bytes: over, limit: MAX_PAYLOAD_BYTES }.to_string(),
        "the payload has 1048577 bytes; at most 1048576 are allowed"
    );
}

#[test]
fn an_input_that_is_too_large_is_an_error_for_the_code() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let input = json_text(MAX_PAYLOAD_BYTES + 1);
        Ok(ctx.call_activity_by_name::<_, u64>("a", &input).await?)
    });
    let instance = Instance::start(code, ());
    assert_eq!(
        instance.failure().message(),
        "activity `a` failed: the activity's input is not valid: the payload has 1048577 bytes; at \
         most 1048576 are allowed"
    );
    assert_eq!(instance.log().len(), 2, "nothing was scheduled");
    instance.assert_replays_from_every_point();
}

#[test]
fn an_output_that_is_too_large_fails_the_instance() {
    let code = code(async |_: OrchestrationContext, ()| Ok(json_text(MAX_PAYLOAD_BYTES + 1)));
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidOutput);
    assert!(instance.failure().message().contains("1048577 bytes"));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_side_effect_that_is_too_large_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.side_effect(|| 1).await;
        ctx.side_effect(|| json_text(MAX_PAYLOAD_BYTES + 1)).await;
        Ok(task(&ctx, "never").await?)
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.log().len(), 3);
    assert_limit(
        instance.machine.outcome(),
        "a side effect's value cannot be recorded: the payload has 1048577 bytes; at most 1048576 \
         are allowed",
    );
    instance.assert_replays_from_every_point();
}

#[test]
fn names_and_keys_have_their_lengths() {
    assert!(Name::new(text(MAX_NAME_BYTES)).is_ok());
    assert!(EventKey::new(text(MAX_EVENT_KEY_BYTES)).is_ok());
    let over = EventKey::new(text(MAX_EVENT_KEY_BYTES + 1));
    assert!(matches!(over, Err(InvalidName::TooLong { bytes: 257, limit: 256, .. })));

    let code = code(async |ctx: OrchestrationContext, ()| {
        let long = text(MAX_NAME_BYTES + 1);
        let task = task(&ctx, &long).await.expect_err("too long").message().to_string();
        let wait = ctx.wait_external::<()>(&long).await.expect_err("too long").to_string();
        Ok([task, wait])
    });
    let instance = Instance::start(code, ());
    let [task, wait] = instance.output::<[String; 2]>();
    assert_eq!(task, "the name has 129 bytes; at most 128 are allowed");
    assert!(wait.ends_with(&task), "{wait}");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_timer_lasts_a_century() {
    let timer = |after: Duration| {
        code(move |ctx: OrchestrationContext, ()| async move {
            ctx.timer(after).await;
            Ok(())
        })
    };
    assert_eq!(Instance::start(timer(MAX_TIMER), ()).log().len(), 2);
    let over = Instance::start(timer(MAX_TIMER + Duration::from_secs(1)), ());
    assert_limit(over.machine.outcome(), "a timer of 3162240001s is longer than 3162240000s");
    assert_eq!(over.log().len(), 2, "the timer is not set");
    over.assert_replays_from_every_point();
}

#[test]
fn a_start_is_delayed_by_a_century_at_most() {
    let code = code(async |_: OrchestrationContext, ()| Ok(()));
    let started = |delay| {
        let how = Start { delay: Some(delay), ..start(()) };
        Instance::try_start(code.clone(), MachineConfig::default(), how).map(drop)
    };
    assert_eq!(started(MAX_TIMER), Ok(()));
    let why = "the start delay is longer than 3162240000s".into();
    let refused = Err(ApplyError::Rejected(Rejected::OverLimit(why)));
    assert_eq!(started(MAX_TIMER + Duration::from_secs(1)), refused);
}

#[test]
fn a_reason_that_is_too_long_is_cut() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let mut instance = Instance::start(code, ());
    instance.apply(terminate(&text(MAX_MESSAGE_BYTES + 1)));
    match instance.machine.outcome() {
        Some(Outcome::Terminated { reason }) => {
            assert!(reason.len() <= MAX_MESSAGE_BYTES && reason.ends_with("… (cut)"));
        }
        other => panic!("not terminated: {other:?}"),
    }
    instance.assert_replays_from_every_point();
}

#[test]
fn a_limited_number_of_events_are_buffered() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        task(&ctx, "a").await?;
        ctx.wait_external::<u64>("N").await?;
        ctx.wait_external::<()>("Never").await?;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    (0..MAX_BUFFERED_EVENTS).for_each(|n| drop(instance.apply(raise_once("N", n, &n.to_string()))));
    let too_many = Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS };
    let one_more = || raise_once("N", 0, "one more");
    assert_eq!(rejection(instance.try_apply(one_more())), too_many);
    assert!(instance.apply(raise_once("N", 0, "0")).is_empty(), "it was taken in before");
    instance.complete(1, 1);
    assert!(!instance.apply(one_more()).is_empty(), "there is a place again, and the key is free");
    assert_eq!(rejection(instance.try_apply(raise("N", 0))), too_many);
    instance.assert_replays();
}

#[test]
fn a_limited_number_of_bytes_of_events_are_buffered() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        task(&ctx, "a").await?;
        ctx.wait_external::<String>("N").await?;
        ctx.wait_external::<()>("Never").await?;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    let large = json_text(MAX_PAYLOAD_BYTES);
    let fitting = MAX_BUFFERED_EVENT_BYTES / MAX_PAYLOAD_BYTES;
    (0..fitting).for_each(|_| drop(instance.raise("N", &large)));
    let too_many = Rejected::TooManyEventBytes { limit: MAX_BUFFERED_EVENT_BYTES };
    assert_eq!(rejection(instance.try_apply(raise("N", 0))), too_many);
    instance.complete(1, 1);
    assert!(!instance.raise("N", &large).is_empty(), "there is room again");
    assert_eq!(rejection(instance.try_apply(raise("N", 0))), too_many);
}

/// The buffer is full of what nobody waits for; the event that the code waits for is not buffered.
#[test]
fn an_event_that_the_code_waits_for_is_taken_although_the_buffer_is_full() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let go: u64 = ctx.wait_external("Go").await?;
        let stop: u64 = ctx.wait_external("Stop").await?;
        Ok(go + stop)
    });
    let mut instance = Instance::start(code, ());
    fill_buffer(&mut instance);
    let too_many = Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS };
    assert_eq!(rejection(instance.try_apply(raise("Stop", 0))), too_many, "not waited for yet");
    assert!(!instance.apply(raise_once("Go", 1, "key")).is_empty());
    assert!(instance.apply(raise_once("Go", 1, "key")).is_empty(), "its key is known");
    assert_eq!(rejection(instance.try_apply(raise("Go", 1))), too_many, "waited for no longer");
    instance.raise("Stop", 2);
    assert_eq!(instance.output::<u64>(), 3);
    instance.assert_replays();
}

#[test]
fn bytes_that_nobody_waits_for_do_not_keep_out_the_event_that_the_code_waits_for() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        Ok(ctx.wait_external::<String>("Go").await?.len())
    });
    let mut instance = Instance::start(code, ());
    let large = json_text(MAX_PAYLOAD_BYTES);
    let fitting = MAX_BUFFERED_EVENT_BYTES / MAX_PAYLOAD_BYTES;
    (0..fitting).for_each(|_| drop(instance.raise("Noise", &large)));
    let too_many = Rejected::TooManyEventBytes { limit: MAX_BUFFERED_EVENT_BYTES };
    assert_eq!(rejection(instance.try_apply(raise("Noise", 0))), too_many);
    instance.raise("Go", &large);
    assert_eq!(instance.output::<usize>(), large.len());
}

/// Each open wait has room for one event, whether the code can take it at once or not.
#[test]
fn a_full_buffer_leaves_room_for_one_event_of_each_open_wait() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let waits = ["A", "B", "B"].map(|name| ctx.schedule_wait::<u64>(name));
        let race = ctx.when_any(waits).await;
        drop(race);
        Ok(task(&ctx, "a").await?)
    });
    let mut instance = Instance::start(code, ());
    fill_buffer(&mut instance);
    let too_many = Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS };
    instance.apply(Command::Suspend { reason: "a pause".into() });
    for name in ["B", "A", "B"] {
        assert!(!instance.raise(name, 0).is_empty(), "{name}");
    }
    for name in ["A", "B"] {
        assert_eq!(rejection(instance.try_apply(raise(name, 0))), too_many, "{name}");
    }
    // One of the three is taken; the others stay, over the limit, for nobody waits for them now.
    instance.apply(Command::Resume);
    assert_eq!(rejection(instance.try_apply(raise("A", 0))), too_many);
    instance.assert_replays();
}

/// A wait that is dropped gives its room back, and one that is new takes from what is there.
#[test]
fn room_in_the_buffer_follows_the_waits() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        task(&ctx, "a").await?;
        let first = ctx.schedule_wait::<u64>("N");
        task(&ctx, "b").await?;
        drop(first);
        Ok(task(&ctx, "c").await?)
    });
    let mut instance = Instance::start(code, ());
    let too_many = Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS };
    (0..MAX_BUFFERED_EVENTS).for_each(|_| drop(instance.raise("N", 0)));
    assert_eq!(rejection(instance.try_apply(raise("N", 0))), too_many);
    instance.complete(1, 0);
    assert!(!instance.raise("Other", 0).is_empty(), "one of those that are there is waited for");
    assert_eq!(rejection(instance.try_apply(raise("N", 0))), too_many);
    instance.complete(3, 0);
    assert_eq!(rejection(instance.try_apply(raise("N", 0))), too_many, "it is not any more");
    instance.assert_replays();
}

fn fill_buffer(instance: &mut Instance) {
    (0..MAX_BUFFERED_EVENTS).for_each(|_| drop(instance.raise("Noise", ())));
}

#[test]
fn a_limited_number_of_durable_futures_are_outstanding() {
    let wide = |width: usize| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let timers = (0..width).map(|_| ctx.timer(Duration::from_secs(1)));
            ctx.when_all(timers).await;
            Ok(())
        })
    };
    let at_the_limit = Instance::start(wide(MAX_OUTSTANDING), ());
    assert_eq!(at_the_limit.machine.outcome(), None);
    assert_eq!(at_the_limit.machine.open_actions().len(), MAX_OUTSTANDING);
    drop(at_the_limit);
    let over = Instance::start(wide(MAX_OUTSTANDING + 1), ());
    assert_limit(over.machine.outcome(), "more than 100000 durable futures are outstanding");
    assert!(over.machine.open_actions().is_empty());
    over.assert_replays();
}

#[test]
fn a_turn_holds_a_limited_number_of_bytes() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let input = json_text(MAX_PAYLOAD_BYTES);
        let calls = (0..100).map(|_| ctx.schedule_activity_by_name::<_, ()>("a", &input));
        ctx.when_all(calls).await;
        Ok(())
    });
    let instance = Instance::start(code, ());
    assert_limit(instance.machine.outcome(), "one turn would pass 33554432 bytes");
    let fitting = MAX_TURN_PAYLOAD_BYTES / MAX_PAYLOAD_BYTES as u64 - 1;
    assert_eq!(instance.machine.history().len(), 1 + fitting + 1, "the start and the end");
    assert!(instance.machine.open_actions().is_empty());
    instance.assert_replays();
}

#[test]
fn names_count_so_that_a_turn_that_is_within_its_limit_can_be_stored() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let long = text(MAX_NAME_BYTES);
        let fitting = MAX_TURN_PAYLOAD_BYTES as usize / MAX_NAME_BYTES;
        (0..fitting).for_each(|_| drop(ctx.wait_external::<()>(&long)));
        Ok(())
    });
    let instance = Instance::start(code, ());
    assert_limit(instance.machine.outcome(), "one turn would pass 33554432 bytes");
    assert!(codec::encode_turn(&instance.turns()[0]).is_ok());
}

/// A history of this many events, most of them events that nobody waits for. Open are an activity,
/// #1, and a timer, #2.
fn long_history(events: u64, noise: Payload) -> Vec<RecordedTurn> {
    let started = Event::ExecutionStarted {
        name: name("orchestration"),
        input: payload(()),
        seed: SEED,
        delay: None,
    };
    let activity =
        Event::TaskScheduled { id: CorrelationId(1), name: name("a"), input: payload(()) };
    let timer = Event::TimerCreated { id: CorrelationId(2), fire_at: seconds(61) };
    let noise = Event::ExternalRaised { name: name("Noise"), data: noise, key: None };
    let noise = turn(1, [noise]);
    let noises = (3..events).map(|_| noise.clone());
    std::iter::once(turn(1, [started, activity, timer])).chain(noises).collect()
}

/// What a command does to a history that is nearly full, checked by a replay of the result.
fn at_the_brim(code: &OrchestrationCode, turns: &[RecordedTurn], command: Command) -> Answer {
    let config = MachineConfig::default();
    let mut machine = Instance::try_replay(code, &config, turns).expect("it replays");
    let answer = machine.apply(command, seconds(2)).map(Answer::of).expect("a turn");
    let again = Instance::try_replay(code, &config, machine.history().turns());
    assert_eq!(again.expect("it replays").outcome(), machine.outcome());
    answer
}

#[test]
fn a_history_holds_a_limited_number_of_events() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (activity, _timer) = (task(&ctx, "a"), ctx.timer(Duration::from_secs(60)));
        activity.await?;
        for _ in 0..10 {
            ctx.side_effect(|| 1).await;
        }
        Ok(())
    });
    let message = "the history would pass 1000000 events";
    let turns = long_history(MAX_HISTORY_EVENTS - 2, payload(()));

    let by_what_comes_in = at_the_brim(&code, &turns, fire(2));
    assert_limit(by_what_comes_in.outcome.as_ref(), message);
    assert_eq!(by_what_comes_in.recorded.events.len(), 2, "to the very limit");

    let turns = &turns[..turns.len() - 5];
    let by_the_code = at_the_brim(&code, turns, complete(1, 1));
    assert_limit(by_the_code.outcome.as_ref(), message);
    assert_eq!(by_the_code.recorded.events.len(), 6, "what came in, four of ten, and the end");
}

#[test]
fn a_trace_for_which_a_history_has_no_room_is_left_out() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (activity, _timer) = (task(&ctx, "a"), ctx.timer(Duration::from_secs(60)));
        Ok(activity.await?)
    });
    let full = long_history(MAX_HISTORY_EVENTS - 2, payload(()));
    for (missing, kinds) in
        [(2, &["ExecutionSuspended", "TraceContextReceived"][..]), (1, &["ExecutionSuspended"])]
    {
        let turns = &full[..full.len() - missing];
        let config = MachineConfig::default();
        let machine = Instance::try_replay(&code, &config, turns).expect("it replays");
        let mut instance = Instance::resumed(code.clone(), config, machine, seconds(2));
        let trace = crate::trace_context::context();
        let suspended = instance.apply_in(&trace, suspend("a pause")).recorded;
        assert_eq!(
            suspended.events.iter().map(|event| event.kind().name()).collect::<Vec<_>>(),
            kinds
        );
        assert_eq!(suspended.outcome(), None);
        let turns = instance.machine.history().turns();
        assert!(Instance::try_replay(&code, &instance.config, turns).is_ok());
    }
}

#[test]
fn a_history_holds_a_limited_number_of_bytes() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (activity, _timer) = (task(&ctx, "a"), ctx.timer(Duration::from_secs(60)));
        activity.await?;
        let input = json_text(MAX_PAYLOAD_BYTES);
        Ok(ctx.call_activity_by_name::<_, u64>("a", &input).await?)
    });
    let message = "the history would pass 268435456 bytes";
    let megabyte = Payload::from_bytes(vec![b'1'; MAX_PAYLOAD_BYTES]).expect("at the limit");
    let fitting = MAX_HISTORY_BYTES / MAX_PAYLOAD_BYTES as u64 - 1;
    let turns = long_history(3 + fitting, megabyte.clone());
    let large = Command::CompleteTask { id: CorrelationId(1), attempt: 1, result: Ok(megabyte) };
    // By what the code does, and by what comes in.
    for command in [complete(1, 1), large] {
        let answer = at_the_brim(&code, &turns, command);
        assert_limit(answer.outcome.as_ref(), message);
        assert_eq!(answer.recorded.events.len(), 2, "what came in, and the end");
    }
}
