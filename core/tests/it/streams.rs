//! `emit`: streams of items that everybody can read.

use std::collections::BTreeMap;

use crate::support::instance::{
    Instance, code, divergence, instance_id, name, payload, task, turn,
};
use reenact_core::limits::{
    MAX_ALL_STREAMS_KEPT_BYTES, MAX_STREAM_ITEM_BYTES, MAX_STREAM_KEPT_BYTES,
    MAX_STREAM_KEPT_ITEMS, MAX_STREAMS, STREAM_ITEM_BYTES, STREAM_KEPT_ITEMS,
};
use reenact_core::{
    Action, ActivityError, ApplyError, Event, MachineConfig, OrchestrationCode,
    OrchestrationContext, OrchestrationErrorKind, RecordedTurn, Rejected, RetryPolicy, Rewind,
    StreamBounds, StreamEvent, StreamWindow, check_history,
};

/// Emits the items of each turn, with an activity after each.
fn emitting(turns: &'static [&'static [(&'static str, u64)]]) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        for items in turns {
            items.iter().for_each(|(stream, item)| ctx.emit(stream, item));
            task(&ctx, "a").await?;
        }
        Ok(())
    })
}

/// Emits an item after each activity, for ever.
fn emitting_for_ever() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        loop {
            let item = task(&ctx, "a").await?;
            ctx.emit("s", &item);
            if item > 1_000 {
                return Ok(());
            }
        }
    })
}

fn through(code: OrchestrationCode, steps: u64) -> Instance {
    let mut instance = Instance::start(code, ());
    (1..=steps).for_each(|id| drop(instance.complete(id, id)));
    instance
}

/// The items of a stream, as a reader of the log finds them.
fn items(turns: &[RecordedTurn], stream: &str) -> Vec<(u64, u64)> {
    let items = turns.iter().flat_map(|turn| turn.stream_items(&name(stream)));
    items.map(|item| (item.offset, item.value.decode().expect("a number"))).collect()
}

fn bounds(instance: &Instance) -> Vec<(String, u64, u64)> {
    let bounds = |StreamBounds { name, first, next, .. }| (name.to_string(), first, next);
    instance.machine.streams().into_iter().map(bounds).collect()
}

/// The next execution, with what it was given.
fn next_of(instance: &Instance) -> (Instance, Vec<RecordedTurn>) {
    let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
    let turns = next.turns.iter().map(|turn| turn.recorded.clone()).collect();
    let config = MachineConfig::default();
    let next = Instance::resumed(instance.code.clone(), config, next.machine, instance.now);
    (next, turns)
}

#[test]
fn items_that_are_emitted_one_after_the_other_are_one_event_and_offsets_are_of_a_stream() {
    let turns: &[&[(&str, u64)]] =
        &[&[("s", 1), ("s", 2), ("t", 3), ("s", 4)], &[("s", 5)], &[("t", 6), ("t", 7)]];
    let instance = through(emitting(turns), 2);
    let expected = [
        "Streamed `s`: 2 items from 0",
        "Streamed `t`: 1 items from 0",
        "Streamed `s`: 1 items from 2",
        "TaskScheduled #1 `a`",
    ];
    assert_eq!(instance.log()[1..5], expected);
    assert_eq!(items(instance.turns(), "s"), [(0, 1), (1, 2), (2, 4), (3, 5)]);
    assert_eq!(items(instance.turns(), "t"), [(0, 3), (1, 6), (2, 7)]);
    assert_eq!(bounds(&instance), [("s".into(), 0, 4), ("t".into(), 0, 3)]);
    let announced = instance.answers().map(|answer| {
        answer.actions.iter().filter(|action| matches!(action, Action::AnnounceStatus)).count()
    });
    assert_eq!(announced.collect::<Vec<_>>(), [3, 1, 1], "once for each event");
    instance.assert_replays_from_every_point();
}

#[test]
fn the_code_sees_the_next_offset_live_and_at_replay() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut seen = vec![ctx.next_offset("s"), ctx.next_offset("")];
        for item in 0..3 {
            ctx.emit("s", &item);
            seen.push(ctx.next_offset("s"));
        }
        ctx.emit("t", &0);
        seen.push(ctx.next_offset("s"));
        task(&ctx, "a").await?;
        seen.push(ctx.next_offset("s"));
        Ok(seen)
    });
    let mut instance = Instance::start(code, ());
    instance.emit(1, "s", 0, &[8, 9]).expect("it is under way");
    instance.complete(1, 0);
    assert_eq!(instance.output::<Vec<u64>>(), [0, 0, 1, 2, 3, 3, 5]);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_drop_between_two_items_is_a_step_between_them() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let future = task(&ctx, "dropped");
        ctx.emit("s", &1);
        drop(future);
        ctx.emit("s", &2);
        ctx.emit("s", &3);
        Ok(task(&ctx, "a").await?)
    });
    let instance = Instance::start(code, ());
    let log = instance.log();
    assert_eq!(
        log[2..5],
        ["Streamed `s`: 1 items from 0", "TaskCancelRequested #1", "Streamed `s`: 2 items from 1"]
    );
    instance.assert_replays_from_every_point();
}

#[test]
fn code_that_emits_other_items_goes_on_and_what_is_recorded_counts() {
    let instance = through(emitting(&[&[("s", 1), ("s", 2)]]), 0);
    let other = emitting(&[&[("s", 8), ("s", 9)]]);
    let lenient = MachineConfig::default();
    let replayed = Instance::try_replay(&other, &lenient, instance.turns()).expect("it replays");
    assert_eq!(items(replayed.history().turns(), "s"), [(0, 1), (1, 2)]);
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    for (other, expected) in [
        (emitting(&[&[("s", 8), ("s", 2)]]), "as 1"),
        (emitting(&[&[("s", 1), ("s", 9)]]), "with 2 items, after 1"),
    ] {
        let differs = divergence(Instance::try_replay(&other, &strict, instance.turns()));
        assert!(differs.to_string().contains(expected.trim_start_matches("as ")), "{differs}");
    }
}

#[test]
fn code_that_emits_more_fewer_or_to_another_stream_is_a_difference() {
    let instance = through(emitting(&[&[("s", 1), ("s", 2)]]), 1);
    for (other, expected) in [
        (emitting(&[&[]]), "1: expected Streamed `s`, found TaskScheduled #1 `a`"),
        (emitting(&[&[("t", 1)]]), "1: expected Streamed `s`, found Streamed `t`"),
        (
            emitting(&[&[("s", 1)]]),
            "2: expected Streamed `s` with 2 items, after 1, found TaskScheduled #1 `a`",
        ),
        (
            emitting(&[&[("s", 1), ("s", 2), ("s", 3)]]),
            "2: expected TaskScheduled #1 `a`, found Streamed `s`",
        ),
        (
            emitting(&[&[("s", 1), ("t", 2), ("s", 2)]]),
            "2: expected Streamed `s` with 2 items, after 1, found Streamed `t`",
        ),
    ] {
        let lenient = MachineConfig::default();
        let differs = divergence(Instance::try_replay(&other, &lenient, instance.turns()));
        assert_eq!(differs.to_string(), format!("nondeterministic at event {expected}"));
    }
}

#[test]
fn a_log_with_items_that_the_code_does_not_emit_at_the_end_of_a_turn_is_a_difference() {
    let waits = |items: u64| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let wait = ctx.schedule_wait::<u64>("Go");
            (0..items).for_each(|item| ctx.emit("s", &item));
            Ok(wait.await?)
        })
    };
    let instance = Instance::start(waits(3), ());
    let lenient = MachineConfig::default();
    let differs = divergence(Instance::try_replay(&waits(2), &lenient, instance.turns()));
    let expected = "expected Streamed `s` with 3 items, after 2, found no further step";
    assert!(differs.to_string().contains(expected), "{differs}");
}

#[test]
fn an_activity_emits_and_the_same_items_of_an_attempt_count_once() {
    let mut instance = Instance::start(emitting_for_ever(), ());
    let answer = instance.emit(1, "s", 0, &[10, 11]).expect("it is under way");
    assert_eq!(answer.log(), ["Streamed #1 `s`: 2 items from 0"], "the code does not run");
    assert_eq!(answer.actions, [Action::AnnounceStatus]);
    let again = instance.emit(1, "s", 0, &[10, 11]).expect("it is under way");
    assert!(again.is_empty(), "the answer was lost, and the batch comes again");
    instance.emit(1, "s", 1, &[11, 12]).expect("it is under way");
    assert_eq!(items(instance.turns(), "s"), [(0, 10), (1, 11), (2, 12)]);
    instance.emit(1, "t", 0, &[20]).expect("each stream has numbers of its own");
    let missing = instance.emit(1, "s", 4, &[14]);
    assert_eq!(missing, Err(ApplyError::Rejected(Rejected::ItemsMissing { recorded: 3 })));
    instance.complete(1, 30);
    let late = instance.emit(1, "s", 3, &[13]);
    assert!(matches!(late, Err(ApplyError::Rejected(Rejected::AttemptOver { .. }))), "{late:?}");
    assert_eq!(items(instance.turns(), "s"), [(0, 10), (1, 11), (2, 12), (3, 30)]);
    instance.assert_replays_from_every_point();
}

#[test]
fn another_attempt_emits_again_and_its_items_say_so() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let retried = reenact_core::NamedActivity::new("a")
            .with(reenact_core::ActivityOptions::new().retry(RetryPolicy::new(3)));
        Ok(ctx.schedule_activity_by_name::<_, u64>(retried, &()).await?)
    });
    let mut instance = Instance::start(code, ());
    instance.emit(1, "s", 0, &[10, 11]).expect("it is under way");
    instance.fail(1, ActivityError::retryable("no"));
    instance.pass(60);
    instance.emit(1, "s", 0, &[10]).expect("it is under way");
    let items = instance.turns().iter().flat_map(|turn| turn.stream_items(&name("s")));
    let attempts = items.map(|item| item.emitted_by.map(|by| (by.id.0, by.attempt)));
    assert_eq!(attempts.collect::<Vec<_>>(), [Some((1, 1)), Some((1, 1)), Some((1, 2))]);
    instance.complete(1, 0);
    instance.assert_replays_from_every_point();
}

#[test]
fn nobody_emits_to_an_instance_that_has_ended() {
    let mut instance = through(emitting(&[&[("s", 1)]]), 1);
    let late = instance.emit(1, "s", 0, &[1]);
    assert!(matches!(late, Err(ApplyError::Rejected(Rejected::AttemptOver { .. }))), "{late:?}");
}

fn fails(run: impl Fn(&OrchestrationContext) + Clone + Send + Sync + 'static) -> Instance {
    let code = code(move |ctx: OrchestrationContext, ()| {
        let run = run.clone();
        async move {
            run(&ctx);
            Ok(task(&ctx, "a").await?)
        }
    });
    let instance = Instance::start(code, ());
    instance.assert_replays_from_every_point();
    instance
}

#[test]
fn what_is_over_a_limit_fails_the_instance_and_nothing_of_it_is_recorded() {
    let text = "x".repeat(MAX_STREAM_ITEM_BYTES - 1);
    let large = fails(move |ctx| {
        ctx.emit("s", &1);
        ctx.emit("s", &text);
    });
    assert_eq!(large.failure().kind(), OrchestrationErrorKind::LimitExceeded);
    let expected = "an item of 131073 bytes for the stream `s` is over 131072";
    assert_eq!(large.failure().message(), expected);
    assert_eq!(large.log().len(), 3, "start, what was emitted before, failure");

    let many = fails(|ctx| (0..=MAX_STREAMS).for_each(|n| ctx.emit(n.to_string(), &n)));
    assert_eq!(many.failure().message(), "more than 100 streams");
    assert_eq!(many.machine.streams().len(), MAX_STREAMS);

    let text = "x".repeat(MAX_STREAM_ITEM_BYTES - 2);
    let heavy = fails(move |ctx| (0..300).for_each(|_| ctx.emit("s", &text)));
    assert_eq!(heavy.failure().message(), "one turn would pass 33554432 bytes");
    assert!(heavy.machine.streams()[0].next < 256, "what an item takes itself counts");
}

#[test]
fn an_item_or_a_name_that_is_none_fails_the_instance() {
    let invalid_map = BTreeMap::from([(vec![1_u8], 1_u8)]);
    let map = fails(move |ctx| ctx.emit("s", &invalid_map));
    for instance in [map, fails(|ctx| ctx.emit("", &1)), fails(|ctx| ctx.emit("a\nb", &1))] {
        assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidValue);
        assert!(instance.failure().message().starts_with("an item cannot be emitted"));
    }
    let window = fails(|ctx| ctx.keep_stream("x".repeat(129), StreamWindow::default()));
    assert_eq!(window.failure().kind(), OrchestrationErrorKind::InvalidValue);
}

#[test]
fn items_of_an_activity_over_a_limit_are_refused_and_nothing_is_recorded() {
    let mut instance = Instance::start(emitting_for_ever(), ());
    for stream in 0..MAX_STREAMS {
        instance.emit(1, &stream.to_string(), 0, &[0]).expect("it is under way");
    }
    let events = instance.machine.events();
    let refused = instance.emit(1, "one more", 0, &[0]);
    let over = ApplyError::Rejected(Rejected::OverLimit("more than 100 streams".into()));
    assert_eq!(refused, Err(over));
    assert_eq!(instance.machine.events(), events);
}

/// Emits so many items to a stream in each execution, and continues as new.
fn continuing(window: Option<StreamWindow>, each: u64) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, generation: u64| async move {
        if let Some(window) = window.filter(|_| generation == 0) {
            ctx.keep_stream("s", window);
        }
        assert_eq!(ctx.next_offset("s"), generation * each);
        (0..each).for_each(|item| ctx.emit("s", &(generation * each + item)));
        task(&ctx, "a").await?;
        ctx.continue_as_new_untyped::<_, ()>(&(generation + 1))
    })
}

#[test]
fn the_next_execution_has_the_newest_items_and_offsets_go_on() {
    let window = StreamWindow::default().items(3);
    let mut instance = Instance::start(continuing(Some(window), 2), 0);
    let mut first = Vec::new();
    for _ in 0..3 {
        instance.complete(1, 0);
        let (next, given) = next_of(&instance);
        instance.assert_replays();
        first.push(items(&given, "s").first().expect("some are kept").0);
        instance = next;
        instance.fire(0);
        instance.assert_replays();
    }
    assert_eq!(first, [0, 1, 3]);
    assert_eq!(bounds(&instance), [("s".into(), 3, 8)]);
    let kept = [(3, 3), (4, 4), (5, 5), (6, 6), (7, 7)];
    assert_eq!(items(instance.turns(), "s"), kept);
    check_history(instance.turns()).expect("some code can have written it");
}

#[test]
fn a_window_is_a_step_only_where_it_is_new_and_zero_keeps_nothing() {
    let none = StreamWindow::default().items(0);
    let code = code(move |ctx: OrchestrationContext, generation: u64| async move {
        ctx.keep_stream("s", none);
        ctx.keep_stream("s", none);
        ctx.emit("s", &generation);
        task(&ctx, "a").await?;
        ctx.continue_as_new_untyped::<_, ()>(&(generation + 1))
    });
    let mut instance = Instance::start(code, 0);
    assert_eq!(instance.log()[1..3], ["Streamed `s`", "Streamed `s`: 1 items from 0"]);
    instance.complete(1, 0);
    instance.assert_replays_from_every_point();
    let (mut next, given) = next_of(&instance);
    assert_eq!(items(&given, "s"), []);
    assert_eq!(given.iter().find_map(|turn| turn.carried_stream(&name("s"))), Some((1, 1)));
    next.fire(0);
    assert!(!next.log().contains(&"Streamed `s`".to_string()), "the window was carried over");
    assert_eq!(bounds(&next), [("s".into(), 1, 2)]);
    next.assert_replays();
}

#[test]
fn the_default_window_and_the_largest_one_are_limits() {
    let mut many = Instance::start(continuing(None, 3_000), 0);
    many.complete(1, 0);
    let (_, given) = next_of(&many);
    let kept = items(&given, "s");
    assert_eq!((kept.len(), kept[0].0), (STREAM_KEPT_ITEMS as usize, 2_000));

    let widest = StreamWindow::default().items(u32::MAX).bytes(u32::MAX);
    let limits = (MAX_STREAM_KEPT_ITEMS, MAX_STREAM_KEPT_BYTES);
    assert_eq!((widest.most_items(), widest.most_bytes()), limits);
    let code = code(move |ctx: OrchestrationContext, ()| async move {
        let text = "x".repeat(100_000);
        for stream in 0..8 {
            ctx.keep_stream(stream.to_string(), widest);
            (0..12).for_each(|_| ctx.emit(stream.to_string(), &text));
        }
        task(&ctx, "a").await?;
        ctx.continue_as_new_untyped::<_, ()>(&())
    });
    let mut heavy = Instance::start(code, ());
    heavy.complete(1, 0);
    let next = heavy.machine.successor(None).expect("nothing runs").expect("it continues");
    let carried = next.turns.iter().flat_map(|turn| turn.recorded.events.iter());
    let streams = carried.filter_map(|event| match event {
        Event::Streamed(StreamEvent::Carried { streams }) => Some(streams),
        _ => None,
    });
    let streams: Vec<_> = streams.flatten().collect();
    let bytes = streams.iter().flat_map(|stream| &stream.items);
    let bytes: usize = bytes.map(|item| item.value.len() + STREAM_ITEM_BYTES).sum();
    assert!(bytes <= MAX_ALL_STREAMS_KEPT_BYTES && bytes > MAX_ALL_STREAMS_KEPT_BYTES - 101_000);
    assert!(streams.iter().all(|stream| stream.next == 12));
    assert_eq!(streams[0].items.len(), 10, "its window has room for ten");
}

#[test]
fn a_long_window_is_not_copied_at_each_continuation() {
    // Two items for each execution, and a window of hundreds.
    let mut instance = Instance::start(continuing(Some(StreamWindow::default().items(500)), 2), 0);
    let mut logs = 1;
    for _ in 0..1_000 {
        let id = instance.machine.last_scheduled();
        instance.complete(id.0, 0);
        if instance.machine.outcome().is_some() {
            instance = next_of(&instance).0;
            logs += 1;
        }
        instance.fire(0);
    }
    assert!(logs < 125, "{logs} logs: each begins with a copy");
    assert_eq!(bounds(&instance)[0].2, 2_002, "offsets go on where it goes on in the same log");
    instance.assert_replays();
}

#[test]
fn a_rewind_does_not_give_the_offsets_again_that_are_undone() {
    let mut instance = through(emitting_for_ever(), 3);
    instance.emit(4, "t", 0, &[1, 2]).expect("it is under way");
    assert_eq!(items(instance.turns(), "s"), [(0, 1), (1, 2), (2, 3)]);
    // To before the second item.
    let position = instance.log().iter().position(|event| event.ends_with("1 items from 1"));
    let position = position.expect("it is in the log") as u64;
    let rewind = Rewind { position, reason: "again".into(), seed: 9 };
    let history = instance.machine.history();
    let rewound = history.rewound(&instance_id(), rewind, instance.now).expect("it is there");
    let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
    check_history(&turns).expect("some code can have written it");
    let replayed = Instance::try_replay(&instance.code, &instance.config, &turns);
    let config = instance.config.clone();
    let mut instance = Instance::resumed(
        instance.code.clone(),
        config,
        replayed.expect("it replays"),
        instance.now,
    );
    assert_eq!(bounds(&instance), [("s".into(), 0, 3), ("t".into(), 0, 2)]);
    instance.fire(0);
    instance.complete(2, 7);
    assert_eq!(items(instance.turns(), "s"), [(0, 1), (3, 7)], "a reader at 3 misses nothing");
    instance.assert_replays();
}

#[test]
fn a_rewind_to_the_beginning_keeps_what_was_carried_over() {
    let window = StreamWindow::default().items(2);
    let mut instance = Instance::start(continuing(Some(window), 3), 0);
    instance.complete(1, 0);
    let (mut instance, _) = next_of(&instance);
    instance.fire(0);
    let rewind = Rewind { position: 1 + 1, reason: "again".into(), seed: 9 };
    let history = instance.machine.history();
    let rewound = history.rewound(&instance_id(), rewind, instance.now).expect("it is there");
    let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
    check_history(&turns).expect("some code can have written it");
    assert_eq!(items(&turns, "s"), [(1, 1), (2, 2)]);
    let replayed =
        Instance::try_replay(&instance.code, &instance.config, &turns).expect("it replays");
    assert_eq!(replayed.streams()[0].next, 6);
}

#[test]
fn a_log_with_items_out_of_place_is_malformed() {
    let instance = through(emitting(&[&[("s", 1), ("s", 2)]]), 0);
    let emitted = |first, count| {
        let values = vec![payload(1); count];
        Event::Streamed(StreamEvent::Emitted { stream: name("s"), first, values })
    };
    let raised = Event::ExternalRaised { name: name("E"), data: payload(1), key: None };
    for wrong in [emitted(1, 1), emitted(3, 1), emitted(2, 0), emitted(u64::MAX, 1)] {
        let more = turn(2_000, [raised.clone(), wrong]);
        let turns = [instance.turns(), &[more]].concat();
        let malformed = check_history(&turns).expect_err("nobody can have written it");
        assert!(malformed.to_string().contains("items of `s` from offset 2"), "{malformed}");
    }
    let right = turn(2_000, [raised, emitted(2, 1)]);
    check_history(&[instance.turns(), &[right]].concat()).expect("it follows");
}
