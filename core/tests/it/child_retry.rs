//! Children that are tried again: each attempt is an instance of its own, the history has the last
//! failure only, and whatever ends the call reaches the attempt under way.

use std::time::Duration;

use crate::support::instance::{
    Instance, SEED, cancel, code, instance_id, name, payload, seconds, suspend, turn,
};
use crate::support::messages::{self, ended, sent};
use reenact_core::{
    ChildError, ChildOptions, Command, CorrelationId, DurableFuture, Event, Executor, InstanceId,
    MachineConfig, Message, MessageBody, MessageKind, NotTaken, OrchestrationByName,
    OrchestrationCode, OrchestrationContext, OrchestrationError, OrchestrationErrorKind,
    ReplayError, RetryPolicy, Rewind, Rewound, Timestamp,
};

/// Four attempts, 10 s, 20 s and 40 s apart.
const POLICY: RetryPolicy = RetryPolicy::new(4).first_delay(Duration::from_secs(10));

fn options(policy: RetryPolicy) -> ChildOptions {
    ChildOptions::new().id("ship-7").retry(policy)
}

fn ship(
    ctx: &OrchestrationContext,
    options: ChildOptions,
) -> DurableFuture<Result<u64, ChildError>> {
    ctx.schedule_orchestration_by_name(OrchestrationByName::new("ship", options), &7)
}

/// Calls a child, and gives what it returned.
fn caller(options: ChildOptions) -> OrchestrationCode {
    code(move |ctx, ()| {
        let options = options.clone();
        async move { Ok(ship(&ctx, options).await?) }
    })
}

fn patient() -> OrchestrationCode {
    caller(options(POLICY))
}

/// Gives what the call ended with, as a text.
fn teller(options: ChildOptions) -> OrchestrationCode {
    code(move |ctx, ()| {
        let options = options.clone();
        async move { Ok(ship(&ctx, options).await.map_err(|error| error.to_string())) }
    })
}

fn failed_of_kind(child: &InstanceId, kind: OrchestrationErrorKind, why: &str) -> ChildError {
    let error = OrchestrationError::of_kind(kind, why);
    ChildError::Failed { child: child.clone(), error }
}

/// The attempt that a message starts has failed.
fn fail(parent: &mut Instance, start: &Message, why: &str) -> Vec<Message> {
    let error = failed_of_kind(&start.to, OrchestrationErrorKind::Failed, why);
    sent(&parent.apply(ended(start, Err(error))).actions)
}

/// As [`fail`]; gives the start of the next attempt.
fn fail_and_go_on(parent: &mut Instance, start: &Message, why: &str) -> Message {
    let started = fail(parent, start, why);
    let [next] = &started[..] else { panic!("one start: {started:?}") };
    next.clone()
}

fn not_before(start: &Message) -> Option<Timestamp> {
    match &start.body {
        MessageBody::Start { not_before, .. } => *not_before,
        other => panic!("a start: {other:?}"),
    }
}

/// Retries until the last attempt, which is under way then.
fn on_its_last_attempt() -> (Instance, Message) {
    let mut parent = Instance::start(patient(), ());
    let mut start = parent.only_message();
    for why in ["no stock", "no truck", "no driver"] {
        start = fail_and_go_on(&mut parent, &start, why);
        parent.pass(100);
    }
    (parent, start)
}

/// What a rewind of this instance to before an event makes of it.
fn rewound(parent: &Instance, event: &str, seed: u64) -> Instance {
    let (history, at) = (parent.machine.history(), parent.now);
    // What was superseded keeps its place.
    let mut events = history.events();
    let before = events.find(|recorded| recorded.event.to_string().starts_with(event));
    let position = before.expect("there is one").position;
    let rewind = Rewind { position, reason: "a test".into(), seed };
    let Rewound { kept, turns } = history.rewound(&instance_id(), rewind, at).expect("it is there");
    let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
    let machine = Instance::try_replay(&parent.code, &parent.config, &turns).expect("it fits");
    Instance::resumed(parent.code.clone(), parent.config.clone(), machine, at)
}

#[test]
fn each_attempt_is_an_instance_of_its_own_that_is_started_at_once_and_waits_for_its_time() {
    let mut parent = Instance::start(patient(), ());
    let mut start = parent.only_message();
    assert_eq!((start.to.as_str(), not_before(&start)), ("ship-7", None));
    let mut seeds = Vec::new();
    for (attempt, delay) in [(1, 10), (2, 20), (3, 40)] {
        let MessageBody::Start { origin, .. } = &start.body else { panic!("a start") };
        assert_eq!((origin.attempt, origin.lineage), (attempt, SEED));
        seeds.push(origin.seed());
        let next = fail_and_go_on(&mut parent, &start, "no stock");
        assert_eq!(next.to.as_str(), format!("ship-7~{}", attempt + 1));
        let retry_at = parent.now + Duration::from_secs(delay);
        assert_eq!(not_before(&next), Some(retry_at));
        assert_ne!(next.id, start.id, "what is said of one start is not taken for the other");
        let (MessageBody::Start { input: one, .. }, MessageBody::Start { input: two, .. }) =
            (&start.body, &next.body)
        else {
            panic!("two starts")
        };
        assert_eq!(one, two);

        let open = parent.machine.open_children(9);
        let [child] = &open[..] else { panic!("one child: {open:?}") };
        assert_eq!((child.id, &child.name), (CorrelationId(1), &name("ship")));
        assert_eq!((&child.instance, child.attempt), (&next.to, attempt + 1));
        assert_eq!(child.retry_at, Some(retry_at));
        let error = child.last_error.as_ref().expect("it failed").to_string();
        assert_eq!(error, format!("child `{}` failed: no stock", start.to));
        parent.pass(100);
        start = next;
    }
    seeds.dedup();
    assert_eq!(seeds.len(), 3, "each has random numbers of its own");
    parent.apply(ended(&start, Ok(payload(30))));
    assert_eq!(parent.output::<u64>(), 30);
    assert!(parent.machine.open_children(9).is_empty());
    parent.assert_replays_from_every_point();
}

#[test]
fn the_history_has_the_call_the_last_failure_and_the_outcome() {
    let (mut parent, start) = on_its_last_attempt();
    assert!(fail(&mut parent, &start, "no road").is_empty(), "there is no fifth");
    assert_eq!(parent.failure().message(), "child `ship-7~4` failed: no road");
    let log = parent.log();
    assert_eq!(log.len(), 5, "{log:#?}");
    assert_eq!(log[1], "ChildScheduled #1 `ship` as `ship-7`");
    assert!(log[2].starts_with("ChildAttemptFailed #1, attempt 3, the next at "), "{}", log[2]);
    assert!(log[2].ends_with(": child `ship-7~3` failed: no driver"), "{}", log[2]);
    assert_eq!(log[3], "ChildFailed #1: child `ship-7~4` failed: no road");
    assert_eq!(parent.machine.history().len(), 5);
    parent.assert_replays();
    parent.assert_replays_from_every_point();
}

#[test]
fn that_an_attempt_had_begun_is_superseded_by_its_failure() {
    let mut parent = Instance::start(patient(), ());
    let mut start = parent.only_message();
    for why in ["no stock", "no truck", "no driver"] {
        // As it goes from memory.
        parent.apply(messages::delivered(&start));
        start = fail_and_go_on(&mut parent, &start, why);
        assert_eq!(parent.machine.history().len(), 3, "{:#?}", parent.log());
    }
    parent.apply(messages::delivered(&start));
    parent.apply(ended(&start, Ok(payload(4))));
    parent.assert_replays();
    parent.assert_replays_from_every_point();
}

#[test]
fn only_the_attempt_under_way_can_end_the_call() {
    let mut parent = Instance::start(patient(), ());
    let first = parent.only_message();
    let second = fail_and_go_on(&mut parent, &first, "no stock");
    assert!(fail(&mut parent, &first, "sent twice").is_empty());
    assert!(parent.apply(ended(&first, Ok(payload(1)))).is_empty());
    assert!(parent.apply(messages::delivered(&first)).is_empty(), "its start is no longer here");
    assert_eq!(parent.only_message(), second, "the other one is");
    parent.apply(ended(&second, Ok(payload(2))));
    assert_eq!(parent.output::<u64>(), 2);
    parent.assert_replays_from_every_point();
}

#[test]
fn errors_and_panics_are_retried_and_nothing_else() {
    use OrchestrationErrorKind::{
        Cancelled, Failed, InvalidInput, InvalidOutput, LimitExceeded, Panicked,
    };
    let of_kind = |kind| move |child: &InstanceId| failed_of_kind(child, kind, "no");
    for kind in [Failed, Panicked] {
        let mut parent = Instance::start(patient(), ());
        let start = parent.only_message();
        let answer = parent.apply(ended(&start, Err(of_kind(kind)(&start.to))));
        assert_eq!(sent(&answer.actions).len(), 1, "{kind:?}");
    }
    let terminated =
        |child: &InstanceId| ChildError::Terminated { child: child.clone(), reason: "no".into() };
    let cancelled =
        |child: &InstanceId| ChildError::Cancelled { child: child.clone(), reason: "no".into() };
    let others = [Cancelled, InvalidInput, InvalidOutput, LimitExceeded].map(of_kind);
    let others = others.iter().map(|error| error as &dyn Fn(&InstanceId) -> ChildError);
    for error in others.chain([&terminated as &dyn Fn(&InstanceId) -> ChildError, &cancelled]) {
        let mut parent = Instance::start(patient(), ());
        let start = parent.only_message();
        parent.apply(ended(&start, Err(error(&start.to))));
        assert!(parent.machine.outcome().is_some(), "{}", error(&start.to));
        parent.assert_replays();
    }
}

#[test]
fn an_id_that_is_taken_is_not_retried_whichever_attempt_it_is_of() {
    let mut parent = Instance::start(patient(), ());
    let first = parent.only_message();
    let second = fail_and_go_on(&mut parent, &first, "no stock");
    parent.apply(Command::RefuseMessage { message: second.id, why: NotTaken::AlreadyExists });
    let why =
        "instance `ship-7~2` exists already, and is not a child of this call; choose another id";
    assert_eq!(parent.failure().message(), why);
    parent.assert_replays_from_every_point();
}

#[test]
fn a_condition_chooses_among_what_may_pass() {
    let some = options(POLICY).retry_if(|error| error.to_string().ends_with("no stock"));
    let mut parent = Instance::start(caller(some), ());
    let first = parent.only_message();
    let second = fail_and_go_on(&mut parent, &first, "no stock");
    assert!(fail(&mut parent, &second, "no such customer").is_empty());
    assert_eq!(parent.failure().message(), "child `ship-7~2` failed: no such customer");
    parent.assert_replays_from_every_point();
}

#[test]
fn a_retry_that_would_begin_past_the_deadline_fails_the_call_with_the_last_error() {
    let hurried = options(POLICY.deadline(Duration::from_secs(40)));
    let mut parent = Instance::start(caller(hurried), ());
    let first = parent.only_message();
    let second = fail_and_go_on(&mut parent, &first, "no stock");
    parent.pass(25);
    assert!(fail(&mut parent, &second, "no truck").is_empty(), "20 s more are too many");
    assert_eq!(parent.failure().message(), "child `ship-7~2` failed: no truck");
    parent.assert_replays_from_every_point();
}

#[test]
fn an_attempt_that_runs_past_the_deadline_may_end_well() {
    let hurried = options(POLICY.deadline(Duration::from_secs(40)));
    let mut parent = Instance::start(caller(hurried), ());
    let first = parent.only_message();
    parent.pass(1_000);
    parent.apply(ended(&first, Ok(payload(3))));
    assert_eq!(parent.output::<u64>(), 3);
}

#[test]
fn the_jitter_is_the_same_whenever_the_history_is_re_enacted() {
    let mut parent = Instance::start(caller(options(POLICY.jitter(1.0))), ());
    let start = parent.only_message();
    let next = fail_and_go_on(&mut parent, &start, "no stock");
    let delay = not_before(&next).expect("a time").since(parent.now);
    assert!(delay < Duration::from_secs(10), "{delay:?}");
    parent.assert_replays_from_every_point();
}

#[test]
fn options_that_cannot_be_are_an_error_and_nothing_is_recorded() {
    let of_activities = POLICY.retry_if(|_| true);
    for (policy, why) in [
        (RetryPolicy::new(0), "a retry policy needs at least one attempt"),
        (of_activities, "the condition of a retry policy is for activities; a child has its own"),
    ] {
        let parent = Instance::start(teller(options(policy)), ());
        let error: Result<u64, String> = parent.output();
        let expected = format!("`ship` was not called: its options are not valid: {why}");
        assert_eq!(error, Err(expected));
        assert_eq!(parent.log().len(), 2, "the start and the end");
        parent.assert_replays_from_every_point();
    }
}

#[test]
fn the_recorded_policy_counts_and_not_the_one_that_the_code_gives_at_replay() {
    let mut parent = Instance::start(patient(), ());
    let start = parent.only_message();
    fail_and_go_on(&mut parent, &start, "no stock");
    let other = caller(options(RetryPolicy::new(1)));
    let turns = parent.turns().to_vec();
    let machine = Instance::try_replay(&other, &parent.config, &turns).expect("it is the same");
    let mut parent = Instance::resumed(other, MachineConfig::default(), machine, parent.now);
    let second = parent.only_message();
    fail_and_go_on(&mut parent, &second, "still none");
}

#[test]
fn a_cancel_in_a_back_off_reaches_the_attempt_that_waits() {
    let mut parent = Instance::start(teller(options(POLICY)), ());
    let first = parent.only_message();
    let second = fail_and_go_on(&mut parent, &first, "no stock");
    parent.apply(messages::delivered(&second));
    let answer = parent.apply(cancel("fraud"));
    let output: Result<u64, String> = parent.output();
    assert_eq!(output, Err("child `ship-7~2` was cancelled: fraud".into()));
    let [cancel] = &sent(&answer.actions)[..] else { panic!("one message") };
    assert_eq!((cancel.id.kind, &cancel.to), (MessageKind::Cancel, &second.to));
    let MessageBody::Start { origin, .. } = &second.body else { panic!("a start") };
    assert!(origin.is(&instance_id(), cancel.id), "it is of the one that started it");
    assert!(!origin.is(&instance_id(), first.id));
    parent.assert_replays_from_every_point();
}

#[test]
fn a_dropped_call_and_a_parent_that_ends_cancel_the_attempt_under_way() {
    let code = code(|ctx: OrchestrationContext, drops: bool| async move {
        let call = ship(&ctx, options(POLICY));
        ctx.wait_external::<()>("Go").await?;
        if drops {
            drop(call);
            ctx.wait_external::<()>("End").await?;
        }
        Ok(())
    });
    for drops in [true, false] {
        let mut parent = Instance::start(code.clone(), drops);
        let first = parent.only_message();
        let second = fail_and_go_on(&mut parent, &first, "no stock");
        parent.raise("Go", ());
        assert_eq!(parent.machine.outcome().is_none(), drops);
        assert!(parent.machine.open_children(9).is_empty());
        // After its start.
        assert_eq!(parent.only_message(), second);
        let mut outbox = parent.machine.outbox();
        let end = parent.turns().len() as u64 - 1;
        let (_, released) = outbox.settle(&[second.id], end, parent.now).expect("it is new");
        assert_eq!(released.len(), 1);
        assert_eq!((released[0].id.kind, &released[0].to), (MessageKind::Cancel, &second.to));
        parent.assert_replays_from_every_point();
    }
}

#[test]
fn while_it_is_suspended_attempts_go_on() {
    let mut parent = Instance::start(patient(), ());
    let first = parent.only_message();
    parent.apply(suspend("audit"));
    let second = fail_and_go_on(&mut parent, &first, "no stock");
    parent.apply(ended(&second, Ok(payload(2))));
    parent.apply(Command::Resume);
    assert_eq!(parent.output::<u64>(), 2);
    parent.assert_replays_from_every_point();
}

#[test]
fn a_generated_id_and_one_that_is_long_have_further_attempts_too() {
    let mut parent = Instance::start(caller(ChildOptions::new().retry(POLICY)), ());
    let start = parent.only_message();
    let next = fail_and_go_on(&mut parent, &start, "no stock");
    assert_eq!(next.to.as_str(), format!("instance/1-{SEED:08x}~2"));

    let long = "x".repeat(reenact_core::limits::MAX_INSTANCE_ID_BYTES);
    let mut parent = Instance::start(caller(ChildOptions::new().id(long).retry(POLICY)), ());
    let first = parent.only_message();
    let second = fail_and_go_on(&mut parent, &first, "no stock");
    let third = fail_and_go_on(&mut parent, &second, "no stock");
    assert_eq!((second.to.as_str().len(), third.to.as_str().len()), (36, 36));
    assert_ne!(second.to, third.to);
    parent.assert_replays_from_every_point();
}

#[test]
fn a_rewind_keeps_the_attempt_under_way_and_counts_anew() {
    let (parent, start) = on_its_last_attempt();
    let mut parent = parent;
    fail(&mut parent, &start, "no road");
    let mut again = rewound(&parent, "ChildFailed", 99);
    again.assert_replays();
    let open = again.machine.open_children(9);
    assert_eq!((open[0].instance.as_str(), open[0].attempt), ("ship-7~4", 1));
    assert_eq!((&open[0].last_error, open[0].retry_at), (&None, None));
    again.fire(0);
    let mut start = again.only_message();
    assert_eq!(start.to.as_str(), "ship-7~4", "it is asked again how it ended");
    for attempt in [2, 3, 4] {
        start = fail_and_go_on(&mut again, &start, "still no road");
        assert_eq!(start.to.as_str(), format!("ship-7~{attempt}-00000063"));
        again.assert_replays();
        assert_eq!(again.machine.history().events().count() as u64, again.machine.history().len());
    }
    assert!(fail(&mut again, &start, "no road at all").is_empty(), "that were four again");
    assert_eq!(again.failure().message(), "child `ship-7~4-00000063` failed: no road at all");
    again.assert_replays();
}

#[test]
fn a_rewind_to_before_a_failure_cancels_the_attempt_that_it_led_to() {
    let (parent, start) = on_its_last_attempt();
    let mut again = rewound(&parent, "ChildAttemptFailed", 99);
    again.assert_replays();
    let open = again.machine.open_children(9);
    assert_eq!((open[0].instance.as_str(), open[0].attempt), ("ship-7", 1));
    let under_way = sent(&again.machine.open_actions());
    let to: Vec<_> = under_way.iter().map(|message| message.to.as_str()).collect();
    assert_eq!(to, ["ship-7", "ship-7~4"]);
    let answer = again.apply(messages::delivered(&under_way[1]));
    let [undone] = &sent(&answer.actions)[..] else { panic!("one message") };
    assert_eq!((undone.id.kind, &undone.to), (MessageKind::Cancel, &start.to));
    // The first says again how it ended. Its second attempt is not among those that are undone.
    let second = fail_and_go_on(&mut again, &under_way[0], "no stock");
    assert_eq!(second.to.as_str(), "ship-7~2-00000063");
    again.fire(0);
    let answer = again.apply(ended(&second, Ok(payload(2))));
    assert_eq!(again.output::<u64>(), 2, "{answer:?}");
    again.assert_replays();
}

#[test]
fn a_deadline_begins_anew_with_a_rewind() {
    let mut parent = Instance::start(caller(options(POLICY.deadline(Duration::from_secs(40)))), ());
    let start = parent.only_message();
    parent.pass(1_000);
    fail(&mut parent, &start, "no stock");
    let mut again = rewound(&parent, "ChildFailed", 99);
    again.fire(0);
    fail_and_go_on(&mut again, &start, "still no stock");
    again.assert_replays();
}

#[test]
fn attempts_out_of_order_are_malformed() {
    let (parent, _) = on_its_last_attempt();
    let (mut turns, code) = (parent.turns().to_vec(), patient());
    let last = turns.last().expect("some").clone();
    let replay = |turns: &[_]| Instance::try_replay(&code, &MachineConfig::default(), turns);
    turns.push(last);
    let twice = replay(&turns);
    assert!(matches!(twice, Err(ReplayError::Malformed(_))), "{twice:?}");

    let plain = caller(ChildOptions::new());
    let once = Instance::start(plain.clone(), ());
    let child = InstanceId::new("c").expect("an id");
    let error = Box::new(failed_of_kind(&child, OrchestrationErrorKind::Failed, "no"));
    let id = CorrelationId(1);
    let failed = Event::ChildAttemptFailed { id, attempt: 1, error, retry_at: seconds(3_000) };
    let turns = [once.turns(), &[turn(2_000, [failed])]].concat();
    let unforeseen = Instance::try_replay(&plain, &MachineConfig::default(), &turns);
    assert!(matches!(unforeseen, Err(ReplayError::Malformed(_))), "{unforeseen:?}");
}

#[test]
fn an_executor_tries_a_scripted_child_again_when_its_time_has_come() {
    let code = code(|ctx, ()| async move {
        let began = ctx.now();
        let shipped = ship(&ctx, options(POLICY)).await?;
        Ok((shipped, ctx.now().since(began).as_secs()))
    });
    let mut left = 3;
    let run = Executor::new(code)
        .orchestration("ship", move |number: u64| {
            left -= 1;
            if left == 0 { Ok(number) } else { Err(OrchestrationError::new("no stock")) }
        })
        .drive_to_completion(&())
        .expect("it ends");
    assert_eq!(run.output::<(u64, u64)>(), Some((7, 30)));
}

#[test]
fn an_executor_takes_what_is_due_before_a_retry_first() {
    let code = code(|ctx, ()| async move {
        let call = ship(&ctx, options(POLICY));
        ctx.timer(Duration::from_secs(5)).await;
        let slept = ctx.now();
        let shipped: u64 = call.await?;
        Ok((shipped, ctx.now().since(slept).as_secs()))
    });
    let mut fails = true;
    let run = Executor::new(code)
        .orchestration("ship", move |number: u64| match std::mem::take(&mut fails) {
            true => Err(OrchestrationError::new("no stock")),
            false => Ok(number),
        })
        .drive_to_completion(&())
        .expect("it ends");
    assert_eq!(run.output::<(u64, u64)>(), Some((7, 5)));
}

#[test]
fn after_a_crash_in_a_back_off_the_same_attempt_is_under_way_for_the_same_time() {
    let mut parent = Instance::start(patient(), ());
    let start = parent.only_message();
    let next = fail_and_go_on(&mut parent, &start, "no stock");
    let replayed = parent.assert_replays();
    assert_eq!(sent(&replayed.open_actions()), [next]);
}
