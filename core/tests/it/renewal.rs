//! Many events, one for each execution: an execution goes on as new in the same log where a log of its own
//! would begin with a copy that is larger than what was written since the one before.

use std::collections::BTreeSet;

use crate::support::instance::{
    Answer, Instance, cancel, code, instance_id, name, payload, raise, raise_once, rejection,
    seconds, start, suspend, task, terminate, turn,
};
use crate::support::messages::{delivered, ended, sent};
use reenact_core::limits::{COPIED_EVENT_BYTES, COPIED_EVENTS, MAX_BUFFERED_EVENTS};
use reenact_core::{
    Action, ActivityOptions, ChildOptions, Command, CorrelationId, Event, ExecutionId, Machine,
    MachineConfig, NamedActivity, OrchestrationByName, OrchestrationCode, OrchestrationContext,
    Outcome, RecordedTurn, Rejected, ReplayError, Rewind, Start, Successor, codec,
};

/// Adds numbers, each in an execution of its own, until a 0 comes.
fn adder() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, sum: u64| {
        match ctx.wait_external::<u64>("Job").await? {
            0 => Ok(sum),
            more => ctx.continue_as_new_untyped(&(sum + more)),
        }
    })
}

/// An instance whose events wait, before its code has run.
fn with_backlog(code: OrchestrationCode, events: usize) -> Instance {
    let how = Start { delay: Some(std::time::Duration::from_secs(60)), ..start(0_u64) };
    let mut instance = Instance::start_with(code, MachineConfig::default(), how);
    (0..events).for_each(|_| drop(instance.raise("Job", 1)));
    instance
}

/// What was written, from one execution to the next.
#[derive(Default)]
struct Written {
    bytes: usize,
    turns: usize,
    logs: usize,
    renewals: usize,
}

impl Written {
    fn add(&mut self, turn: &RecordedTurn) {
        self.bytes += codec::encode_turn(turn).expect("a turn encodes").len();
        self.turns += 1;
        self.renewals += renewals(turn);
    }
}

fn renewals(turn: &RecordedTurn) -> usize {
    turn.events.iter().filter(|event| matches!(event, Event::ExecutionRenewed { .. })).count()
}

/// The next execution, if it has a log of its own; otherwise the instance as it is.
fn next_log(mut instance: Instance, written: &mut Written) -> Instance {
    let successor = instance.machine.successor(None).expect("nothing runs");
    if let Some(Successor { machine, turns }) = successor {
        turns.into_iter().for_each(|turn| written.add(&turn.recorded));
        written.logs += 1;
        let (code, config) = (instance.code.clone(), instance.config.clone());
        instance = Instance::resumed(code, config, machine, instance.now);
    }
    instance
}

/// Lets the code run until it has ended, with what there is.
fn drive(mut instance: Instance, mut written: Written) -> (Instance, Written) {
    loop {
        let answer = instance.fire(0);
        written.add(&answer.recorded);
        instance = next_log(instance, &mut written);
        if instance.machine.outcome().is_some() {
            return (instance, written);
        }
    }
}

fn written_for(code: OrchestrationCode, jobs: usize) -> Written {
    let mut instance = with_backlog(code, jobs);
    instance.raise("Job", 0);
    let mut written = Written::default();
    instance.turns().iter().for_each(|turn| written.add(turn));
    let (instance, written) = drive(instance, written);
    assert_eq!(instance.output::<u64>(), jobs as u64);
    written
}

#[test]
fn what_a_backlog_costs_grows_as_it_does() {
    let (few, many) = (written_for(adder(), 500), written_for(adder(), 2_000));
    assert!(many.bytes < 5 * few.bytes, "{} bytes, and {} for four times", few.bytes, many.bytes);
    assert!(many.turns < 5 * few.turns, "{} turns, and {} for four times", few.turns, many.turns);
    assert!(many.bytes < 2_000 * 400, "{} bytes", many.bytes);
    assert!(many.renewals > 1_500, "{} of them", many.renewals);
    assert!((3..200).contains(&many.logs), "a new log where it costs no more: {}", many.logs);
}

#[test]
fn few_events_are_copied_to_a_log_of_the_next_execution() {
    for (jobs, copied) in [(COPIED_EVENTS, true), (COPIED_EVENTS + 1, false)] {
        // The one that is taken does not count.
        let mut instance = with_backlog(adder(), jobs + 1);
        instance.fire(0);
        assert_eq!(
            instance.machine.successor(None).expect("nothing runs").is_some(),
            copied,
            "{jobs}"
        );
        assert_eq!(instance.machine.outcome().is_some(), copied);
        assert_eq!(instance.machine.execution_id(), ExecutionId::FIRST);
    }
    let large = "x".repeat(COPIED_EVENT_BYTES);
    let how = Start { delay: Some(std::time::Duration::ZERO), ..start(0_u64) };
    let mut instance = Instance::start_with(adder(), MachineConfig::default(), how);
    instance.raise("Other", &large);
    instance.raise("Job", 1);
    instance.fire(0);
    assert_eq!(instance.machine.outcome(), None, "two of them, but large");
}

/// In the first log the events are what was written, so that a copy of them costs no more.
#[test]
fn what_has_come_while_the_code_ran_may_be_copied_once() {
    let mut instance = Instance::start(adder(), 0);
    instance.apply(suspend("gather"));
    (0..300).for_each(|_| drop(instance.raise("Job", 1)));
    instance.apply(Command::Resume);
    assert!(matches!(instance.machine.outcome(), Some(Outcome::Continued { .. })));
    let mut next = next_log(instance, &mut Written::default());
    next.fire(0);
    assert_eq!(next.machine.outcome(), None, "the second copy would");
}

#[test]
fn code_that_is_renewed_goes_on_from_every_point() {
    let mut instance = with_backlog(adder(), 70);
    for answer in [instance.fire(0), instance.fire(0)] {
        let log =
            ["TimerFired #0", "ExternalSubscribed `Job`", "ExecutionRenewed", "TimerCreated #0"];
        for (event, expected) in answer.log().iter().zip(log) {
            let expected = expected.split(' ').next().expect("a kind");
            assert!(event.starts_with(expected), "{event}");
        }
        assert_eq!(answer.log().len(), 4);
        assert!(answer.actions.iter().any(|action| matches!(action, Action::CreateTimer { .. })));
    }
    instance.apply(cancel("enough"));
    instance.apply(suspend("a pause"));
    instance.fire(0);
    instance.raise("Job", 7);
    instance.apply(Command::Resume);
    assert_eq!(instance.machine.outcome(), Some(&Outcome::Cancelled { reason: "enough".into() }));
    instance.assert_replays_from_every_point();
}

/// Activities, timers, children, patches and random numbers; the status is what comes along.
#[test]
fn events_keep_their_traces_through_a_renewal_and_into_the_next_log() {
    let how = Start { delay: Some(std::time::Duration::ZERO), ..start(0_u64) };
    let mut instance = Instance::start_with(adder(), MachineConfig::default(), how);
    let trace = crate::trace_context::context();
    for _ in 0..COPIED_EVENTS + 2 {
        instance.apply_in(&trace, raise("Job", 1));
    }
    instance.fire(0);
    assert_eq!(instance.machine.outcome(), None, "it is renewed in its log");
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let mut again = Instance::resumed(code, config, instance.assert_replays(), instance.now);
    again.fire(0);
    let next = again.machine.successor(None).expect("nothing runs").expect("it continues");
    let raised = next.turns.iter().map(|turn| &turn.recorded.events);
    let raised: Vec<_> = raised.filter(|turn| turn[0].kind().name() == "ExternalRaised").collect();
    assert_eq!(raised.len(), COPIED_EVENTS);
    let is_traced = |events: &[Event]| match &events[1] {
        Event::TraceContextReceived { received } => received.context == trace,
        _ => false,
    };
    assert!(raised.iter().all(|events| is_traced(events)));
}

#[test]
fn nothing_of_the_code_before_is_left_but_what_comes_along() {
    let code = code(async |ctx: OrchestrationContext, run: u64| {
        let patched = ctx.patched("p");
        let drawn = (ctx.random(), ctx.new_guid());
        let _ = ctx.wait_external::<u64>("Job").await?;
        if run == 2 {
            return Ok((run, patched, ctx.is_cancelled(), drawn));
        }
        ctx.set_status(&run);
        let with_id = OrchestrationByName::new("child", ChildOptions::new().id("child"));
        let _open = (
            task(&ctx, "a"),
            ctx.timer(std::time::Duration::from_secs(5)),
            ctx.schedule_wait::<u64>("Later"),
            ctx.schedule_orchestration_by_name::<_, u64>(with_id, &()),
        );
        ctx.wait_external::<()>("Next").await?;
        ctx.continue_as_new_untyped(&(run + 1))
    });
    let mut instance = with_backlog(code, 80);
    instance.fire(0);
    let start = instance.only_message();
    instance.apply(delivered(&start));
    let status_turn = instance.machine.status_turn();
    assert!(status_turn.is_some());
    let answer = instance.raise("Next", ());
    assert_eq!(instance.machine.status_turn(), status_turn, "the status comes along");
    let off = |answer: &Answer| {
        let called_off = answer.actions.iter().filter(|action| {
            matches!(action, Action::CancelActivity { .. } | Action::CancelTimer { .. })
        });
        called_off.count()
    };
    assert_eq!(off(&answer), 2);
    assert!(!instance.machine.has_open_tasks(seconds(1 << 40)));
    assert_eq!(instance.machine.open_children(9), []);
    assert_eq!(instance.assert_replays().status_turn(), status_turn);
    // The child is cancelled, and what it says afterwards has no effect.
    let goes_on = sent(&instance.machine.open_actions());
    assert!(format!("{:?}", goes_on[0].body).contains("its parent goes on"), "{goes_on:?}");
    assert!(instance.apply(ended(&start, Ok(payload(1)))).is_empty());
    assert!(instance.complete(2, 5).is_empty(), "the activity that was open");
    instance.fire(0);
    instance.raise("Next", ());
    instance.fire(0);
    instance.assert_replays();
    let (run, _, cancelled, _) = instance.output::<(u64, bool, bool, (u64, String))>();
    assert_eq!((run, cancelled), (2, false));
}

#[test]
fn random_numbers_are_others_each_time() {
    let code = code(async |ctx: OrchestrationContext, mut drawn: Vec<u64>| {
        ctx.wait_external::<u64>("Job").await?;
        drawn.push(ctx.random());
        if drawn.len() < 100 { ctx.continue_as_new_untyped(&drawn) } else { Ok(drawn) }
    });
    let how = Start { delay: Some(std::time::Duration::ZERO), ..start(Vec::<u64>::new()) };
    let mut instance = Instance::start_with(code, MachineConfig::default(), how);
    (0..100).for_each(|_| drop(instance.raise("Job", 1)));
    let (instance, written) = drive(instance, Written::default());
    let drawn: BTreeSet<u64> = instance.output::<Vec<u64>>().into_iter().collect();
    assert_eq!(drawn.len(), 100);
    assert!(written.renewals > 0 && written.logs > 0, "by both ways");
}

/// As it could not tell from a log of its own either.
#[test]
fn code_that_has_changed_need_not_fit_what_it_did_before() {
    let mut instance = with_backlog(adder(), 100);
    (0..5).for_each(|_| drop(instance.fire(0)));
    let changed = code(async |ctx: OrchestrationContext, sum: u64| {
        let _ = task(&ctx, "check").await?;
        Ok(sum + ctx.wait_external::<u64>("Job").await?)
    });
    let config = MachineConfig::default();
    let machine = Instance::try_replay(&changed, &config, instance.turns());
    let mut next = Instance::resumed(changed, config, machine.expect("it fits"), instance.now);
    let answer = next.fire(0);
    let scheduled = answer.outputs();
    assert!(scheduled[0].starts_with("TaskScheduled #6 `check`"), "ids go on: {scheduled:?}");
    next.complete(6, 0);
    assert_eq!(next.output::<u64>(), 6);
}

/// Some are taken out of turn, some by other names, some under keys.
#[test]
fn each_event_is_taken_once_and_in_its_order() {
    let code = code(async |ctx: OrchestrationContext, mut seen: Vec<u64>| {
        let names = ["A", "B", "A"];
        let [first, other, second] = names.map(|name| ctx.schedule_wait::<u64>(name));
        if seen.len().is_multiple_of(3) {
            seen.push(other.await?);
        } else {
            seen.push(second.await?);
        }
        drop(first);
        if seen.len() < 60 { ctx.continue_as_new_untyped(&seen) } else { Ok(seen) }
    });
    let how = Start { delay: Some(std::time::Duration::ZERO), ..start(Vec::<u64>::new()) };
    let mut instance = Instance::start_with(code.clone(), MachineConfig::default(), how);
    for number in 0..200_u64 {
        let event = if number % 2 == 0 { "A" } else { "B" };
        instance.apply(raise_once(event, number, &number.to_string()));
    }
    let mut crashing =
        Instance::resumed(code, MachineConfig::default(), instance.assert_replays(), instance.now);
    let (calm, written) = drive(instance, Written::default());
    assert!(written.renewals > 30, "{}", written.renewals);
    // The same, with a crash after each turn.
    while crashing.machine.outcome().is_none() {
        crashing.fire(0);
        crashing = next_log(crashing, &mut Written::default());
        let turns = crashing.turns().iter().cloned();
        let (code, execution) = (crashing.code.clone(), crashing.machine.execution_id());
        let config = MachineConfig::default();
        let replayed = Machine::replay(&code, instance_id(), execution, config, turns);
        crashing.machine = replayed.expect("it replays");
        assert!(crashing.apply(raise_once("A", 0, "0")).is_empty(), "its key is known");
    }
    let seen = calm.output::<Vec<u64>>();
    assert_eq!(crashing.output::<Vec<u64>>(), seen);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 60, "none twice");
    let (a, b): (Vec<u64>, Vec<u64>) = seen.iter().partition(|number| *number % 2 == 0);
    assert_eq!(b, (0..20).map(|n| 2 * n + 1).collect::<Vec<_>>());
    // The first of "A" is never taken.
    assert_eq!(a, (1..=40).map(|n| 2 * n).collect::<Vec<_>>());
}

#[test]
fn a_rewind_to_before_a_renewal_gives_the_events_back() {
    let mut instance = with_backlog(adder(), 100);
    (0..5).for_each(|_| drop(instance.fire(0)));
    let history = instance.machine.history();
    let is_renewal = |event: &Event| matches!(event, Event::ExecutionRenewed { .. });
    let third = history.events().filter(|event| is_renewal(event.event)).nth(2).expect("five");
    let rewind = Rewind { position: third.position, reason: "a test".into(), seed: 3 };
    let rewound = history.rewound(&instance_id(), rewind, instance.now).expect("it is there");
    let turns = history.turns()[..rewound.kept].iter().cloned().chain(rewound.turns);
    let (execution, config) = (ExecutionId(2), MachineConfig::default());
    let machine = Machine::replay(&instance.code, instance_id(), execution, config.clone(), turns);
    let mut again =
        Instance::resumed(instance.code.clone(), config, machine.expect("it fits"), instance.now);
    again.raise("Job", 0);
    let (again, _) = drive(again, Written::default());
    assert_eq!(again.output::<u64>(), 100);
}

#[test]
fn a_full_buffer_is_full_after_a_renewal() {
    let mut instance = with_backlog(adder(), MAX_BUFFERED_EVENTS);
    let too_many = Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS };
    let one_more = || raise_once("Job", 0, "one more");
    assert_eq!(rejection(instance.try_apply(one_more())), too_many);
    instance.fire(0);
    assert!(!instance.apply(one_more()).is_empty());
    assert_eq!(rejection(instance.try_apply(raise_once("Job", 0, "two"))), too_many);
    let replayed = instance.assert_replays();
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let mut replayed = Instance::resumed(code, config, replayed, instance.now);
    assert_eq!(rejection(replayed.try_apply(raise_once("Job", 0, "two"))), too_many);
    replayed.apply(terminate("enough"));
}

#[test]
fn what_was_not_raised_cannot_have_been_taken() {
    let events = |taken: Vec<u64>| {
        let started = Event::ExecutionStarted {
            name: name("orchestration"),
            input: payload(0),
            seed: 1,
            delay: None,
        };
        let raised = Event::ExternalRaised { name: name("Job"), data: payload(1), key: None };
        let (start, now) = (CorrelationId::START, seconds(2));
        let renewed = [
            raised,
            Event::ExecutionRenewed { input: payload(1), taken },
            Event::TimerCreated { id: start, fire_at: now },
        ];
        let wait = Event::ExternalSubscribed { id: CorrelationId(1), name: name("Job") };
        [turn(1, [started, wait]), turn(2, renewed)]
    };
    let replay = |taken| Instance::try_replay(&adder(), &MachineConfig::default(), &events(taken));
    assert!(replay(vec![2]).is_ok());
    for taken in [vec![1], vec![2, 2], vec![9]] {
        let refused = replay(taken).expect_err("nobody wrote that");
        assert!(matches!(refused, ReplayError::Malformed(_)), "{refused}");
    }
}

#[test]
fn a_call_that_the_code_has_left_is_never_overdue() {
    let code = code(async |ctx: OrchestrationContext, (): ()| {
        let options = ActivityOptions::new().schedule_to_close(std::time::Duration::from_secs(5));
        let slow = NamedActivity::new("slow").with(options);
        let _left_open = ctx.schedule_activity_by_name::<(), ()>(slow, &());
        ctx.wait_external::<u64>("Job").await?;
        // It goes on as new with the call in its hands.
        ctx.continue_as_new_untyped::<_, ()>(&()).or(std::future::pending().await)
    });
    let how = Start { delay: Some(std::time::Duration::from_secs(60)), ..start(()) };
    let mut instance = Instance::start_with(code, MachineConfig::default(), how);
    (0..2 * COPIED_EVENTS).for_each(|_| drop(instance.raise("Job", 1)));
    let renewed = instance.fire(0);
    assert_eq!(renewals(&renewed.recorded), 1, "{:?}", renewed.log());
    // The time of the call is over before the code begins again.
    instance.pass(1_000);
    instance.fire(0);
    let begins = Some(Command::FireTimer { id: CorrelationId::START });
    assert_eq!(instance.machine.overdue(seconds(1_000_000)), begins);
}
