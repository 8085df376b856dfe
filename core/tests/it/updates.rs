//! Updates: requests that the code answers, each once.

use crate::support::instance::{
    Answer, Instance, code, divergence, payload, raise_once, rejection, start, task, terminate,
};
use reenact_core::{
    Action, Event, EventError, EventKey, MachineConfig, Name, OrchestrationCode,
    OrchestrationContext, OrchestrationError, Payload, PublishedValues, Rejected, Rewind, Start,
    UpdateAnswer, UpdateFate, UpdateFinder, UpdateName,
};
use std::time::Duration;

const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

/// Adds what comes, refuses what is over 100, and ends at 0.
async fn adder(ctx: OrchestrationContext, mut sum: u64) -> Result<u64, OrchestrationError> {
    let mut adds = ctx.updates(ADD);
    loop {
        let add = adds.next().await?;
        match *add.request() {
            0 => {
                add.reply(&sum);
                return Ok(sum);
            }
            7 => drop(task(&ctx, "seven").await?),
            8 => return ctx.continue_as_new_untyped(&(sum + 8)),
            9 => drop(add),
            request if request > 100 => add.refuse(&format!("{request} is too much")),
            request => {
                sum += request;
                add.reply(&sum);
            }
        }
    }
}

fn begun() -> Instance {
    Instance::start(code(adder), 0)
}

fn key(text: &str) -> EventKey {
    EventKey::new(text).expect("a key")
}

fn request(instance: &mut Instance, key: &str, request: u64) -> Answer {
    instance.apply(raise_once("add", request, key))
}

fn answers(answer: &Answer) -> Vec<(String, UpdateAnswer)> {
    let answers = answer.actions.iter().filter_map(|action| match action {
        Action::AnswerUpdate { key, answer } => Some((key.to_string(), answer.clone())),
        _ => None,
    });
    answers.collect()
}

fn replied(key: &str, value: u64) -> Vec<(String, UpdateAnswer)> {
    vec![(key.into(), UpdateAnswer::Replied(payload(value)))]
}

fn fate(instance: &Instance, of: &str) -> UpdateFate {
    let mut finder = UpdateFinder::new(key(of));
    instance.turns().iter().for_each(|turn| finder.apply(turn));
    finder.fate()
}

#[test]
fn requests_are_answered_in_the_turn_in_which_they_come_each_once() {
    let mut instance = begun();
    let first = request(&mut instance, "a", 5);
    assert_eq!(
        first.log(),
        ["ExternalRaised `add`", "UpdateAnswered", "ExternalSubscribed #2 `add`"]
    );
    assert_eq!(answers(&first), replied("a", 5));
    assert_eq!(answers(&request(&mut instance, "b", 6)), replied("b", 11));
    let refused = UpdateAnswer::Refused(payload("101 is too much"));
    assert_eq!(answers(&request(&mut instance, "c", 101)), [("c".to_string(), refused)]);
    assert_eq!(answers(&request(&mut instance, "d", 0)), replied("d", 11));
    assert_eq!(instance.output::<u64>(), 11);
    instance.assert_replays_from_every_point();
}

#[test]
fn the_same_key_again_gets_the_same_answer_and_is_no_event() {
    let mut instance = begun();
    request(&mut instance, "a", 5);
    request(&mut instance, "b", 6);
    let again = request(&mut instance, "a", 70);
    assert!(again.recorded.events.is_empty());
    assert_eq!(answers(&again), replied("a", 5));
    request(&mut instance, "c", 0);
    assert_eq!(answers(&request(&mut instance, "b", 1)), replied("b", 11), "also after the end");
    instance.assert_replays_from_every_point();
}

#[test]
fn an_answer_may_take_an_activity_and_its_copy_waits_with_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut adds = ctx.updates::<u64, u64, String>("add");
        let (one, other) = (adds.next().await?, adds.next().await?);
        let output: u64 = ctx.call_activity_by_name("a", one.request()).await?;
        other.reply(&2);
        one.reply(&output);
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(answers(&request(&mut instance, "a", 5)), []);
    assert!(request(&mut instance, "a", 5).is_empty(), "it waits");
    request(&mut instance, "b", 6);
    assert_eq!(fate(&instance, "a"), UpdateFate::Open);
    let answer = instance.complete(3, 50);
    assert_eq!(answers(&answer), [replied("b", 2), replied("a", 50)].concat());
    assert_eq!(fate(&instance, "a"), UpdateFate::Answered(UpdateAnswer::Replied(payload(50))));
    assert_eq!(fate(&instance, "c"), UpdateFate::Unknown);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_request_that_is_dropped_is_answered_as_dropped_if_the_code_goes_on() {
    let mut instance = begun();
    assert_eq!(
        answers(&request(&mut instance, "a", 9)),
        [("a".to_string(), UpdateAnswer::Dropped)]
    );
    // It is answered by the end where the code does not go on.
    let code = code(async |ctx: OrchestrationContext, ()| {
        let _held = ctx.updates::<u64, u64, String>("add").next().await?;
        Ok(task(&ctx, "a").await?)
    });
    let mut ending = Instance::start(code, ());
    request(&mut ending, "a", 1);
    let end = ending.complete(2, 0);
    assert_eq!(answers(&end), []);
    assert_eq!(end.log(), ["TaskCompleted #2", "ExecutionCompleted"]);
    assert_eq!(fate(&ending, "a"), UpdateFate::Open);
    instance.assert_replays_from_every_point();
    ending.assert_replays_from_every_point();
}

#[test]
fn a_request_of_another_type_is_answered_and_the_code_does_not_see_it() {
    let mut instance = begun();
    let answer = instance.apply(raise_once("add", "five", "a"));
    let [(of, UpdateAnswer::Invalid(why))] = &answers(&answer)[..] else { panic!("{answer:?}") };
    assert_eq!(of, "a");
    assert!(why.contains("invalid type"), "{why}");
    assert_eq!(answers(&request(&mut instance, "b", 5)), replied("b", 5));
    instance.assert_replays_from_every_point();
}

#[test]
fn an_event_without_a_key_is_taken_and_its_answer_is_no_step() {
    let mut instance = begun();
    let answer = instance.raise("add", 5);
    assert_eq!(answer.log(), ["ExternalRaised `add`", "ExternalSubscribed #2 `add`"]);
    assert_eq!(answers(&request(&mut instance, "b", 0)), replied("b", 5));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_wait_for_a_request_stands_in_a_race_and_ends_with_a_cancel() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut adds = ctx.updates::<u64, u64, String>("add");
        let late = ctx.timeout(Duration::from_secs(5), adds.next()).await.is_err();
        assert!(late);
        adds.next().await?.reply(&1);
        let cancelled = adds.next().await.map(drop);
        assert!(matches!(cancelled, Err(EventError::Cancelled(_))));
        Err::<(), _>(cancelled.expect_err("it was").into())
    });
    let mut instance = Instance::start(code, ());
    instance.pass(5);
    instance.fire(1);
    assert_eq!(answers(&request(&mut instance, "a", 5)), replied("a", 1));
    instance.apply(crate::support::instance::cancel("enough"));
    assert!(instance.machine.outcome().is_some());
    instance.assert_replays_from_every_point();
}

#[test]
fn an_invalid_name_is_an_error_and_no_step() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut none = ctx.updates::<u64, u64, String>("");
        assert!(matches!(none.next().await.map(drop), Err(EventError::InvalidName(_))));
        Ok(())
    });
    assert_eq!(Instance::start(code, ()).log().len(), 2);
}

#[test]
fn an_answer_that_does_not_encode_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let next = ctx.updates::<u64, f64, String>("add").next().await?;
        next.reply(&f64::NAN);
        Ok(task(&ctx, "a").await?)
    });
    let mut instance = Instance::start(code, ());
    request(&mut instance, "a", 1);
    let message = instance.failure().message();
    assert!(message.starts_with("the answer to an update cannot be recorded"), "{message}");
}

#[test]
fn code_that_answers_in_another_way_is_a_difference() {
    let mut instance = begun();
    request(&mut instance, "a", 5);
    let other = code(async |ctx: OrchestrationContext, _: u64| {
        ctx.updates(ADD).next().await?.refuse(&"no".to_string());
        Ok(task(&ctx, "a").await?)
    });
    let differs = divergence(Instance::try_replay(&other, &instance.config, instance.turns()));
    assert!(
        differs.to_string().contains("expected UpdateAnswered with the answer Replied"),
        "{differs}"
    );
}

/// The machine of the next execution, with what it was given.
fn next(instance: &Instance) -> (Instance, Vec<String>) {
    let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
    let events = next.turns.iter().flat_map(|turn| turn.recorded.events.iter());
    let events = events.map(ToString::to_string).collect();
    let config = MachineConfig::default();
    (Instance::resumed(instance.code.clone(), config, next.machine, instance.now), events)
}

#[test]
fn the_next_execution_has_the_answers_and_the_requests_without_one() {
    let mut instance = begun();
    request(&mut instance, "a", 5);
    request(&mut instance, "b", 8);
    let (mut instance, events) = next(&instance);
    assert_eq!(
        events[2..],
        ["EventKeysCarried", "UpdateAnswersCarried", "ExternalRaised `add`"],
        "it took the request, and did not answer it"
    );
    assert_eq!(answers(&request(&mut instance, "a", 1)), replied("a", 5));
    // It is 8 again: the code continues again with it, and so on; the one that follows waits meanwhile.
    instance.fire(0);
    let (mut instance, _) = next(&instance);
    assert_eq!(answers(&request(&mut instance, "a", 1)), replied("a", 5));
    instance.apply(terminate("enough"));
    instance.assert_replays();
}

/// Takes requests and holds them, until one is 1: then it goes on as new, and answers all.
fn holder() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, round: u64| {
        let mut adds = ctx.updates(ADD);
        let mut held = Vec::new();
        loop {
            let add = adds.next().await?;
            match add.request() {
                1 if round == 0 => return ctx.continue_as_new_untyped::<_, ()>(&1),
                request if round == 0 && request % 2 == 0 => held.push(add),
                request => {
                    let answer = request * 10;
                    add.reply(&answer);
                }
            }
        }
    })
}

#[test]
fn code_that_goes_on_as_new_in_its_log_takes_the_requests_without_an_answer_again() {
    let start = Start { delay: Some(Duration::ZERO), ..start(0) };
    let mut instance = Instance::start_with(holder(), MachineConfig::default(), start);
    for number in 0..200_u64 {
        instance.raise("other", number);
    }
    instance.fire(0);
    for number in [2, 3, 4, 5, 6] {
        request(&mut instance, &number.to_string(), number);
    }
    let turn = request(&mut instance, "1", 1);
    assert!(turn.log().iter().any(|event| event.starts_with("ExecutionRenewed")), "{turn:?}");
    instance.assert_replays();
    let answered = instance.fire(0);
    let expected = [("2", 20), ("4", 40), ("6", 60), ("1", 10)];
    let expected: Vec<_> = expected.iter().flat_map(|(key, value)| replied(key, *value)).collect();
    assert_eq!(answers(&answered), expected, "in the order in which they came");
    assert_eq!(answers(&request(&mut instance, "3", 1)), replied("3", 30), "it knows the answers");
    instance.assert_replays();
}

#[test]
fn a_rewind_undoes_answers_and_the_requests_are_answered_anew() {
    let mut instance = begun();
    request(&mut instance, "a", 5);
    request(&mut instance, "b", 6);
    let rewind = Rewind { position: 5, reason: "again".into(), seed: 9 };
    let id = instance.machine.instance_id();
    let rewound = instance.machine.history().rewound(&id, rewind, instance.now).expect("a place");
    let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
    let machine =
        Instance::try_replay(&instance.code, &instance.config, &turns).expect("it replays");
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let mut rewound = Instance::resumed(code, config, machine, instance.now);
    assert_eq!(answers(&request(&mut rewound, "a", 1)), replied("a", 5), "that is kept");
    assert_eq!(answers(&rewound.fire(0)), replied("b", 11));
}

const PAY: UpdateName<u64, u64, String> = UpdateName::new("pay");

fn catching() -> MachineConfig {
    let catch_panic: reenact_core::CatchPanic = |run| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        caught.map_err(|_| "it was ordered".into())
    };
    MachineConfig { catch_panic, ..MachineConfig::default() }
}

fn can_pay(cents: &u64, published: &PublishedValues) -> Result<(), String> {
    let open: u64 = published.value("open").ok().flatten().unwrap_or_default();
    if *cents == 13 {
        panic!("thirteen");
    }
    if *cents > open { Err(format!("{open} are open")) } else { Ok(()) }
}

#[test]
fn what_a_declaration_does_not_allow_is_refused_before_anything_is_recorded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.publish("open", &100);
        let paid = ctx.updates(PAY).next().await?;
        paid.reply(&1);
        Ok(())
    });
    let updates = Box::leak(Box::new([
        ADD.declared(),
        PAY.declared_with(|request, published| PAY.check(request, published, can_pay)),
    ]));
    let config = catching();
    let start = start(());
    let mut instance = Instance::start_with(code.with_updates(updates), config, start);
    let length = instance.log().len();
    let mut refused = |name: &str, data: Payload| {
        rejection(instance.try_apply(reenact_core::Command::RaiseEvent {
            name: Name::new(name).expect("a name"),
            data,
            key: Some(key("k")),
        }))
    };
    let Rejected::Refused { event, reason } = refused("pay", payload(101)) else {
        panic!("accepted")
    };
    assert_eq!((event.as_str(), reason), ("pay", payload("100 are open")));
    assert!(matches!(refused("pay", payload("x")), Rejected::InvalidEventData { .. }));
    assert!(
        matches!(refused("pay", payload(13)), Rejected::InvalidEventData { .. }),
        "it panicked"
    );
    assert!(matches!(refused("add", payload("x")), Rejected::InvalidEventData { .. }));
    let Rejected::UnknownEvent { declared, .. } = refused("other", payload(1)) else {
        panic!("accepted")
    };
    assert_eq!(declared, ["add", "pay"]);
    assert_eq!(instance.log().len(), length);
    let paid = instance.apply(raise_once("pay", 100, "k"));
    assert_eq!(answers(&paid), replied("k", 1), "the key is free: nothing was stored under it");
}

#[test]
fn an_answer_that_is_not_kept_any_more_is_known_as_forgotten() {
    let known = Event::EventKeysCarried { keys: vec![key("a"), key("b")] };
    let answers = vec![(key("b"), UpdateAnswer::Dropped)];
    let carried = Event::UpdateAnswersCarried { answers };
    let turns = [known, carried].map(|event| crate::support::instance::turn(1, [event]));
    let fate = |of| {
        let mut finder = UpdateFinder::new(key(of));
        turns.iter().for_each(|turn| finder.apply(turn));
        finder.fate()
    };
    assert_eq!(fate("a"), UpdateFate::Forgotten);
    assert_eq!(fate("b"), UpdateFate::Answered(UpdateAnswer::Dropped));
    assert_eq!(fate("c"), UpdateFate::Unknown);
}
