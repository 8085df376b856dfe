//! Code that does not do what its history says: found at once, with the place and both sides.

use std::time::Duration;

use crate::support::instance::{self, Instance, code, divergence, start, task};
use reenact_core::{
    CorrelationId, EventKind, MachineConfig, Nondeterminism, OrchestrationCode,
    OrchestrationContext, OrchestrationError, Step,
};

/// What the orchestrations here are made of.
#[derive(Clone, Copy)]
enum Do {
    Call(&'static str),
    Timer(u64),
    Wait(&'static str),
    Compute,
}

use Do::{Call, Compute, Timer, Wait};

const ORIGINAL: [Do; 5] = [Call("reserve"), Timer(60), Wait("Paid"), Compute, Call("ship")];

fn one_after_the_other(steps: &[Do]) -> OrchestrationCode {
    let steps = steps.to_vec();
    code(move |ctx, ()| {
        let steps = steps.clone();
        async move {
            for step in steps {
                run(&ctx, step).await?;
            }
            Ok(())
        }
    })
}

async fn run(ctx: &OrchestrationContext, step: Do) -> Result<(), OrchestrationError> {
    match step {
        Call(name) => drop(task(ctx, name).await?),
        Timer(seconds) => ctx.timer(Duration::from_secs(seconds)).await,
        Wait(name) => ctx.wait_external(name).await?,
        Compute => drop(ctx.side_effect(|| 1_u32).await),
    }
    Ok(())
}

/// The whole history of the original.
fn original() -> Instance {
    let mut instance = Instance::start(one_after_the_other(&ORIGINAL), ());
    instance.complete(1, 1);
    instance.fire(2);
    instance.raise("Paid", ());
    instance.complete(5, 5);
    instance.output::<()>();
    instance
}

fn replayed_with(history: &Instance, code: &OrchestrationCode) -> Nondeterminism {
    divergence(Instance::try_replay(code, &history.config, history.turns()))
}

#[test]
fn the_history_of_the_original_is_what_the_places_below_refer_to() {
    let expected = [
        "ExecutionStarted `orchestration`",
        "TaskScheduled #1 `reserve`",
        "TaskCompleted #1",
        "TimerCreated #2 for 1970-01-01T00:17:41.000000Z",
        "TimerFired #2",
        "ExternalSubscribed #3 `Paid`",
        "ExternalRaised `Paid`",
        "SideEffectRecorded #4",
        "TaskScheduled #5 `ship`",
        "TaskCompleted #5",
        "ExecutionCompleted",
    ];
    assert_eq!(original().log(), expected);
    original().assert_replays_from_every_point();
}

#[test]
fn every_changed_step_is_found_where_it_is() {
    let [reserve, timer, paid, compute, ship] = ORIGINAL;
    let new = Call("new");
    type Case = (&'static str, Vec<Do>, u64, &'static str, &'static str);
    #[rustfmt::skip]
    let cases: Vec<Case> = vec![
        ("another activity, at the start", vec![Call("book"), timer, paid, compute, ship],
            1, "TaskScheduled #1 `reserve`", "TaskScheduled #1 `book`"),
        ("another event, in the middle", vec![reserve, timer, Wait("Payed"), compute, ship],
            5, "ExternalSubscribed #3 `Paid`", "ExternalSubscribed #3 `Payed`"),
        ("another activity, at the end", vec![reserve, timer, paid, compute, Call("send")],
            8, "TaskScheduled #5 `ship`", "TaskScheduled #5 `send`"),
        ("another kind, at the start", vec![Timer(1), timer, paid, compute, ship],
            1, "TaskScheduled #1 `reserve`", "TimerCreated #1"),
        ("another kind, in the middle", vec![reserve, Compute, paid, compute, ship],
            3, "TimerCreated #2", "SideEffectRecorded #2"),
        ("an activity for a side effect", vec![reserve, timer, paid, new, ship],
            7, "SideEffectRecorded #4", "TaskScheduled #4 `new`"),
        ("another kind, at the end", vec![reserve, timer, paid, compute, Wait("ship")],
            8, "TaskScheduled #5 `ship`", "ExternalSubscribed #5 `ship`"),
        ("one more, at the start", vec![new, reserve, timer, paid, compute, ship],
            1, "TaskScheduled #1 `reserve`", "TaskScheduled #1 `new`"),
        ("one more, in the middle", vec![reserve, timer, new, paid, compute, ship],
            5, "ExternalSubscribed #3 `Paid`", "TaskScheduled #3 `new`"),
        ("one more, at the end", vec![reserve, timer, paid, compute, ship, new],
            10, "ExecutionCompleted", "TaskScheduled #6 `new`"),
        ("a side effect more, at the end", vec![reserve, timer, paid, compute, ship, compute],
            10, "ExecutionCompleted", "SideEffectRecorded #6"),
        ("one less, at the start", vec![timer, paid, compute, ship],
            1, "TaskScheduled #1 `reserve`", "TimerCreated #1"),
        ("one less, in the middle", vec![reserve, paid, compute, ship],
            3, "TimerCreated #2", "ExternalSubscribed #2 `Paid`"),
        ("a side effect less", vec![reserve, timer, paid, ship],
            7, "SideEffectRecorded #4", "TaskScheduled #4 `ship`"),
        ("one less, at the end", vec![reserve, timer, paid, compute],
            8, "TaskScheduled #5 `ship`", "ExecutionCompleted"),
        ("nothing at all", vec![],
            1, "TaskScheduled #1 `reserve`", "ExecutionCompleted"),
        ("exchanged at the start", vec![timer, reserve, paid, compute, ship],
            1, "TaskScheduled #1 `reserve`", "TimerCreated #1"),
        ("exchanged in the middle", vec![reserve, paid, timer, compute, ship],
            3, "TimerCreated #2", "ExternalSubscribed #2 `Paid`"),
        ("exchanged at the end", vec![reserve, timer, paid, ship, compute],
            7, "SideEffectRecorded #4", "TaskScheduled #4 `ship`"),
    ];
    let history = original();
    for (change, steps, position, expected, found) in cases {
        let divergence = replayed_with(&history, &one_after_the_other(&steps));
        assert_eq!(divergence.position, position, "{change}: {divergence}");
        assert_eq!(divergence.expected.to_string(), expected, "{change}");
        assert_eq!(divergence.found.to_string(), found, "{change}");
    }
}

#[test]
fn the_error_has_its_parts_as_fields_and_reads_as_a_sentence() {
    let divergence = replayed_with(&original(), &one_after_the_other(&[Call("book")]));
    let step = |name| Step::Event {
        kind: EventKind::TaskScheduled,
        id: Some(CorrelationId(1)),
        name: Some(instance::name(name)),
        detail: None,
    };
    assert_eq!(divergence.position, 1);
    assert_eq!((&*divergence.expected, &*divergence.found), (&step("reserve"), &step("book")));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 1: expected TaskScheduled #1 `reserve`, \
         found TaskScheduled #1 `book`"
    );
}

#[test]
fn a_step_that_is_added_beside_another_is_found_in_its_turn() {
    let before = code(async |ctx, ()| Ok(task(&ctx, "a").await?));
    let after = code(async |ctx, ()| {
        let (a, _added) = (task(&ctx, "a"), task(&ctx, "added"));
        Ok(a.await?)
    });
    let history = Instance::start(before.clone(), ());
    let divergence = replayed_with(&history, &after);
    assert_eq!((divergence.position, &*divergence.expected), (2, &Step::Nothing));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 2: expected no further step in this turn, \
         found TaskScheduled #2 `added`"
    );

    let history = Instance::start(after, ());
    let divergence = replayed_with(&history, &before);
    assert_eq!((divergence.position, &*divergence.found), (2, &Step::Nothing));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 2: expected TaskScheduled #2 `added`, \
         found no further step in this turn"
    );
}

#[test]
fn steps_that_are_exchanged_within_a_turn_are_found() {
    let order = |first: &'static str, second: &'static str| {
        code(move |ctx, ()| async move {
            let (one, other) = (task(&ctx, first), task(&ctx, second));
            Ok((one.await?, other.await?))
        })
    };
    let history = Instance::start(order("a", "b"), ());
    let divergence = replayed_with(&history, &order("b", "a"));
    assert_eq!(divergence.position, 1);
    assert_eq!(divergence.found.to_string(), "TaskScheduled #1 `b`");
}

#[test]
fn a_changed_branch_is_found() {
    let limit = |limit: u64| {
        code(move |ctx, ()| async move {
            let price = task(&ctx, "price").await?;
            let next = if price > limit { "approve" } else { "pay" };
            Ok(task(&ctx, next).await?)
        })
    };
    let mut history = Instance::start(limit(100), ());
    history.complete(1, 70);
    let divergence = replayed_with(&history, &limit(50));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 3: expected TaskScheduled #2 `pay`, \
         found TaskScheduled #2 `approve`"
    );
    Instance::try_replay(&limit(90), &history.config, history.turns()).expect("the same branch");
}

#[test]
fn a_branch_on_state_outside_of_the_history_is_found() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static SECOND_RUN: AtomicBool = AtomicBool::new(false);
    let forgetful = code(async |ctx, ()| {
        let again = SECOND_RUN.swap(true, Ordering::Relaxed);
        Ok(task(&ctx, if again { "again" } else { "first" }).await?)
    });
    let history = Instance::start(forgetful.clone(), ());
    let divergence = replayed_with(&history, &forgetful);
    assert_eq!(divergence.found.to_string(), "TaskScheduled #1 `again`");
}

#[test]
fn dropping_what_was_awaited_and_awaiting_what_was_dropped_are_found() {
    let awaits = code(async |ctx, ()| Ok(task(&ctx, "a").await?));
    let drops = code(async |ctx, ()| {
        drop(task(&ctx, "a"));
        ctx.wait_external::<u64>("Go").await.map_err(Into::into)
    });
    let divergence = replayed_with(&Instance::start(awaits.clone(), ()), &drops);
    assert_eq!((divergence.position, &*divergence.expected), (2, &Step::Nothing));
    assert_eq!(divergence.found.to_string(), "TaskCancelRequested #1");
    let divergence = replayed_with(&Instance::start(drops, ()), &awaits);
    assert_eq!((divergence.position, &*divergence.found), (2, &Step::Nothing));
    assert_eq!(divergence.expected.to_string(), "TaskCancelRequested #1");
}

#[test]
fn dropping_in_another_order_is_found() {
    let drops = |first_timer_first: bool| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let timer = |seconds| ctx.timer(Duration::from_secs(seconds));
            let (one, other) = (timer(1), timer(2));
            drop(if first_timer_first { (one, other) } else { (other, one) });
            Ok(task(&ctx, "a").await?)
        })
    };
    let divergence = replayed_with(&Instance::start(drops(true), ()), &drops(false));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 3: expected TimerCancelled #1, found TimerCancelled #2"
    );
}

#[test]
fn another_end_is_found() {
    let ends = |well: bool| {
        code(
            move |_, ()| async move { if well { Ok(()) } else { Err(OrchestrationError::new("no")) } },
        )
    };
    let divergence = replayed_with(&Instance::start(ends(true), ()), &ends(false));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 1: expected ExecutionCompleted, found ExecutionFailed with error: no"
    );
    let divergence = replayed_with(&Instance::start(ends(false), ()), &ends(true));
    assert_eq!(divergence.found.to_string(), "ExecutionCompleted");
}

#[test]
fn code_that_passes_a_limit_where_its_history_goes_on_is_found() {
    let timer = |seconds: u64| {
        code(move |ctx, ()| async move {
            ctx.timer(Duration::from_secs(seconds)).await;
            Ok(())
        })
    };
    let divergence = replayed_with(&Instance::start(timer(1), ()), &timer(u64::MAX));
    assert_eq!(divergence.position, 1);
    assert_eq!(divergence.expected.to_string(), "TimerCreated #1");
    let found = divergence.found.to_string();
    assert!(found.starts_with("ExecutionFailed with error: a timer of 184467440"), "{found}");
}

#[test]
fn a_side_effect_of_another_type_is_found() {
    let number = code(async |ctx, ()| {
        ctx.side_effect(|| 5_u32).await;
        Ok(task(&ctx, "a").await?)
    });
    let text = code(async |ctx, ()| {
        ctx.side_effect(|| "five".to_string()).await;
        Ok(task(&ctx, "a").await?)
    });
    let divergence = replayed_with(&Instance::start(number, ()), &text);
    assert_eq!(divergence.position, 1);
    assert_eq!(divergence.expected.to_string(), "SideEffectRecorded #1");
    assert!(matches!(&*divergence.found, Step::OtherType(why) if why.contains("string")));
    assert!(divergence.to_string().contains("found a recorded value of another type ("));
}

#[test]
fn every_prefix_of_a_history_that_reaches_the_change_finds_it() {
    let history = original();
    let changed = one_after_the_other(&[ORIGINAL[0], Call("new")]);
    for turns in 0..=history.turns().len() {
        let replayed = Instance::try_replay(&changed, &history.config, &history.turns()[..turns]);
        // The first turn ends with the reservation; the second has the timer.
        assert_eq!(replayed.is_ok(), turns <= 1, "{turns} turns");
    }
}

#[test]
fn code_may_change_after_what_has_happened() {
    let mut history = Instance::start(one_after_the_other(&ORIGINAL), ());
    history.complete(1, 1);
    let longer = one_after_the_other(&[ORIGINAL[0], ORIGINAL[1], Call("new")]);
    let machine = Instance::try_replay(&longer, &history.config, history.turns()).expect("same");
    let mut resumed = Instance::resumed(longer, history.config.clone(), machine, history.now);
    assert_eq!(resumed.fire(2).outputs(), ["TaskScheduled #3 `new`"]);
    resumed.complete(3, 3);
    resumed.assert_replays();
}

/// An activity, a timer and an output, from three numbers.
fn numbers(input: u64, seconds: u64, output: u64) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let _: u64 = ctx.call_activity_by_name("a", &input).await?;
        ctx.timer(Duration::from_secs(seconds)).await;
        if output == 0 { Err(OrchestrationError::new("zero")) } else { Ok(output) }
    })
}

fn numbers_history(output: u64) -> Instance {
    let mut history = Instance::start(numbers(1, 60, output), ());
    history.complete(1, 1);
    history.fire(2);
    history
}

#[test]
fn replay_compares_inputs_and_timers_and_a_strict_one_outputs_too() {
    let (normal, strict) =
        (MachineConfig::default(), MachineConfig { strict: true, ..MachineConfig::default() });
    let start_time = "1970-01-01T00:1";
    #[rustfmt::skip]
    let cases = [
        (numbers(2, 60, 9), &normal, 1,
            "TaskScheduled #1 `a` with input 1".to_string(), "TaskScheduled #1 `a` with input 2".to_string()),
        (numbers(1, 61, 9), &normal, 3,
            format!("TimerCreated #2 for {start_time}7:41.000000Z"), format!("TimerCreated #2 for {start_time}7:42.000000Z")),
        (numbers(1, 60, 8), &strict, 5,
            "ExecutionCompleted with output 9".to_string(), "ExecutionCompleted with output 8".to_string()),
    ];
    let history = numbers_history(9);
    for (changed, config, position, expected, found) in cases {
        let divergence = divergence(Instance::try_replay(&changed, config, history.turns()));
        assert_eq!(divergence.position, position);
        assert_eq!(divergence.expected.to_string(), expected);
        assert_eq!(divergence.found.to_string(), found);
    }
    Instance::try_replay(&numbers(1, 60, 8), &normal, history.turns()).expect("not strict");
    Instance::try_replay(&numbers(1, 60, 9), &strict, history.turns()).expect("the same code");
}

#[test]
fn strict_replay_compares_errors() {
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    let fails = |why: &'static str| {
        code(move |_, ()| async move { Err::<(), _>(OrchestrationError::new(why)) })
    };
    let history = Instance::start(fails("no funds"), ());
    Instance::try_replay(&fails("broke"), &history.config, history.turns()).expect("not strict");
    let divergence = divergence(Instance::try_replay(&fails("broke"), &strict, history.turns()));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 1: expected ExecutionFailed with error: no funds, \
         found ExecutionFailed with error: broke"
    );
}

#[test]
fn strict_replay_takes_recorded_side_effects_for_granted() {
    let computes =
        |value: u32| code(move |ctx, ()| async move { Ok(ctx.side_effect(|| value).await) });
    let config = MachineConfig { strict: true, ..MachineConfig::default() };
    let history = Instance::start_with(computes(1), config.clone(), start(()));
    let machine = Instance::try_replay(&computes(2), &config, history.turns()).expect("the same");
    assert_eq!(machine.outcome(), history.machine.outcome());
}

#[test]
fn a_history_of_another_orchestration_is_reported() {
    let other = OrchestrationCode::new("other", |_ctx, (): ()| async { Ok(()) }).unwrap();
    let found = replayed_with(&original(), &other);
    assert_eq!(
        found.to_string(),
        "nondeterministic at event 0: expected ExecutionStarted `orchestration`, found \
         ExecutionStarted `other`"
    );
}
