//! `ctx.patched`: what began before goes on as it began, what comes later does what is new, and the
//! log knows which.

use crate::support::instance::{self, Instance, code, divergence, live_divergence, raise, task};
use reenact_core::{
    ApplyError, MachineConfig, OrchestrationCode, OrchestrationContext, OrchestrationErrorKind,
};

/// As it was before: `a`, a wait for "Go", `b`.
fn original() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let a = task(&ctx, "a").await?;
        let () = ctx.wait_external("Go").await?;
        Ok(a + task(&ctx, "b").await?)
    })
}

/// With `c` in the place of `b`, since the patch.
fn patched() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let a = task(&ctx, "a").await?;
        let () = ctx.wait_external("Go").await?;
        let name = if ctx.patched("c for b") { "c" } else { "b" };
        Ok(a + task(&ctx, name).await?)
    })
}

/// When what is old has gone; `asks` still.
fn without_the_old(asks: bool) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let a = task(&ctx, "a").await?;
        let () = ctx.wait_external("Go").await?;
        if asks {
            ctx.patched("c for b");
        }
        Ok(a + task(&ctx, "c").await?)
    })
}

/// Runs to the end with `a` = 1, and 10 for what comes after it.
fn run_to_end(code: OrchestrationCode) -> Instance {
    let mut instance = Instance::start(code, ());
    instance.complete(1, 1);
    instance.raise("Go", ());
    instance.complete(3, 10);
    instance
}

/// The same instance, by other code from here on.
fn goes_on_with(instance: &Instance, code: OrchestrationCode, turns: usize) -> Instance {
    let (config, turns) = (MachineConfig::default(), &instance.turns()[..turns]);
    let machine = Instance::try_replay(&code, &config, turns).expect("it fits");
    Instance::resumed(code, config, machine, instance.now)
}

#[test]
fn what_comes_to_the_call_does_what_is_new_and_says_so() {
    let instance = run_to_end(patched());
    assert_eq!(
        instance.log()[4..],
        [
            "ExternalRaised `Go`",
            "PatchMarked `c for b`",
            "TaskScheduled #3 `c`",
            "TaskCompleted #3",
            "ExecutionCompleted",
        ]
    );
    assert_eq!(instance.output::<u64>(), 11);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_had_passed_the_place_before_goes_on_as_it_began() {
    let before = run_to_end(original());
    for turns in 3..=before.turns().len() {
        let mut after = goes_on_with(&before, patched(), turns);
        if turns == 3 {
            after.complete(3, 10);
        }
        assert_eq!(after.log(), before.log(), "no mark, and what is old");
        after.assert_replays();
    }
}

#[test]
fn what_had_not_come_to_the_place_does_what_is_new() {
    let before = run_to_end(original());
    for turns in 1..=2 {
        let mut after = goes_on_with(&before, patched(), turns);
        if turns == 1 {
            after.complete(1, 1);
        }
        after.raise("Go", ());
        after.complete(3, 10);
        assert_eq!(after.log(), run_to_end(patched()).log());
        after.assert_replays();
    }
}

#[test]
fn when_what_is_old_has_gone_marks_are_taken_or_passed_over() {
    let marked = run_to_end(patched());
    for asks in [true, false] {
        for turns in 0..=marked.turns().len() {
            let config = MachineConfig::default();
            let replayed =
                Instance::try_replay(&without_the_old(asks), &config, &marked.turns()[..turns]);
            assert_eq!(replayed.expect("it fits").history().turns(), &marked.turns()[..turns]);
        }
    }
    let mut last = goes_on_with(&marked, without_the_old(false), 3);
    last.complete(3, 10);
    assert_eq!(last.log(), marked.log());
}

#[test]
fn what_is_old_and_has_gone_is_found_where_it_is_needed() {
    let before = run_to_end(original());
    let config = MachineConfig::default();
    for asks in [true, false] {
        let found =
            divergence(Instance::try_replay(&without_the_old(asks), &config, before.turns()));
        assert_eq!(
            found.to_string(),
            "nondeterministic at event 5: expected TaskScheduled #3 `b`, found TaskScheduled #3 `c`"
        );
    }
}

#[test]
fn a_name_is_answered_once_for_the_whole_execution() {
    let twice = || {
        code(async |ctx: OrchestrationContext, ()| {
            let mut answers = vec![ctx.patched("p"), ctx.patched("p")];
            for _ in 0..2 {
                task(&ctx, "a").await?;
                answers.push(ctx.patched("p"));
            }
            Ok(answers)
        })
    };
    let mut instance = Instance::start(twice(), ());
    instance.complete(1, 0);
    instance.complete(2, 0);
    assert_eq!(instance.output::<Vec<bool>>(), [true; 4]);
    let marks = instance.log().iter().filter(|line| line.starts_with("PatchMarked")).count();
    assert_eq!(marks, 1);
    instance.assert_replays_from_every_point();

    // In the middle of a loop that began before, it stays with what is old.
    let before = code(async |ctx: OrchestrationContext, ()| {
        for _ in 0..2 {
            task(&ctx, "a").await?;
        }
        Ok(Vec::<bool>::new())
    });
    let before = Instance::start(before, ());
    let mut after = goes_on_with(&before, twice(), 1);
    after.complete(1, 0);
    after.complete(2, 0);
    assert_eq!(after.output::<Vec<bool>>(), [false; 4]);
    after.assert_replays();
}

#[test]
fn several_patches_in_one_place_can_go_one_by_one() {
    let asking = |names: &'static [&'static str]| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let answers: Vec<bool> = names.iter().map(|name| ctx.patched(name)).collect();
            task(&ctx, "a").await?;
            Ok(answers.into_iter().all(|patched| patched))
        })
    };
    let all = Instance::start(asking(&["one", "two", "three"]), ());
    for left in [&["two", "three"][..], &["one", "three"], &["one", "two"], &["three"], &[]] {
        let mut after = goes_on_with(&all, asking(left), 1);
        after.complete(1, 0);
        assert!(after.output::<bool>(), "{left:?}");
        after.assert_replays();
    }
    // In another order, each is still found.
    let mut after = goes_on_with(&all, asking(&["three", "one", "two"]), 1);
    after.complete(1, 0);
    assert!(after.output::<bool>());
}

/// Before the last event of a turn, before the end, and where a turn has nothing else.
#[test]
fn a_mark_that_is_not_asked_for_is_passed_over_wherever_it_stands() {
    let asking = |asks: bool| {
        code(move |ctx: OrchestrationContext, ()| async move {
            for _ in 0..2 {
                let () = ctx.wait_external("Go").await?;
            }
            if asks {
                ctx.patched("last");
            }
            let more = ctx.schedule_wait::<()>("More");
            let both = ctx.schedule_wait::<()>("Go");
            if asks {
                ctx.patched("after the last step");
            }
            both.await?;
            more.await?;
            if asks {
                ctx.patched("at the end");
            }
            ctx.continue_as_new_untyped::<_, ()>(&())
        })
    };
    let mut marked = Instance::start(asking(true), ());
    for event in ["Go", "Go", "Go", "More"] {
        marked.apply(raise(event, ()));
    }
    let marks = marked.log().iter().filter(|line| line.starts_with("PatchMarked")).count();
    assert_eq!(marks, 3);
    let config = MachineConfig::default();
    let replayed = Instance::try_replay(&asking(false), &config, marked.turns()).expect("it fits");
    assert_eq!(replayed.outcome(), marked.machine.outcome());
    assert_eq!(replayed.history(), marked.machine.history());
}

#[test]
fn a_strict_replay_passes_over_marks_too() {
    let marked = run_to_end(patched());
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    Instance::try_replay(&without_the_old(false), &strict, marked.turns()).expect("it fits");
}

#[test]
fn the_next_execution_is_asked_anew() {
    let old = code(async |ctx: OrchestrationContext, n: u64| {
        task(&ctx, "a").await?;
        ctx.continue_as_new_untyped::<_, bool>(&(n + 1))
    });
    let new = code(async |ctx: OrchestrationContext, n: u64| {
        let patched = ctx.patched("p");
        task(&ctx, "a").await?;
        if n == 1 { Ok(patched) } else { ctx.continue_as_new_untyped(&(n + 1)) }
    });
    let before = Instance::start(old, 0_u64);
    let mut first = goes_on_with(&before, new.clone(), 1);
    first.complete(1, 0);
    assert!(!first.log().iter().any(|line| line.starts_with("PatchMarked")));
    let next = first.machine.successor(None).expect("nothing runs").expect("it continues");
    let config = MachineConfig::default();
    let mut next = Instance::resumed(new, config, next.machine, first.now);
    next.fire(0);
    next.complete(1, 0);
    assert!(next.output::<bool>());
}

#[test]
fn a_patch_whose_name_is_invalid_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(ctx.patched("")));
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::LimitExceeded);
    assert_eq!(
        instance.failure().message(),
        "a patch cannot be marked: the name is empty; give it at least one character"
    );
    instance.assert_replays_from_every_point();
}

#[test]
fn asking_from_outside_a_turn_is_found() {
    let (hand_over, handed_over) = std::sync::mpsc::channel();
    let code = code(move |ctx: OrchestrationContext, ()| {
        let hand_over = hand_over.clone();
        async move {
            hand_over.send(ctx.clone()).expect("somebody takes it");
            Ok(task(&ctx, "a").await?)
        }
    });
    let mut instance = Instance::start(code, ());
    let ctx = handed_over.recv().expect("it ran");
    assert!(!ctx.patched("p"));
    let answer = instance.try_apply(instance::complete(1, 1));
    assert!(matches!(answer, Err(ApplyError::Nondeterministic(_))), "{answer:?}");
    let found = live_divergence(answer.map(drop));
    assert_eq!(found.position, 2);
}
