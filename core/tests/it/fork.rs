//! A history that is forked: the copy replays under the id that it had, and the rest happens under the new one.

use crate::support::instance::{
    Instance, code, instance_id, payload, raise_once, start, task, terminate,
};
use crate::support::messages::{ended, sent};
use reenact_core::{
    Action, ActivityError, ChildOptions, Command, ExecutionId, Fork, HeldLock, History, InstanceId,
    Machine, MachineConfig, MessageBody, NotForkable, OrchestrationByName, OrchestrationCode,
    OrchestrationContext, Outbox, RecordedTurn, ReplayError, Rewind, Rewound, Timestamp,
    UpdateName, Viewer, check_history, knows_start,
};
use std::time::Duration;

const SEED: u64 = 77;

fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("an id")
}

fn fork(before: Option<u64>) -> Fork {
    let (from, instance) = (instance_id(), id("fork"));
    Fork {
        from,
        execution: ExecutionId::FIRST,
        instance,
        before,
        reason: "a test".into(),
        seed: SEED,
    }
}

fn forked_turns(history: &History, how: Fork, at: Timestamp) -> Vec<RecordedTurn> {
    let Rewound { kept, turns } = history.forked(how, at).expect("it can be forked");
    let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
    check_history(&turns).expect("it is well-formed");
    turns
}

fn replayed(
    code: &OrchestrationCode,
    of: InstanceId,
    turns: Vec<RecordedTurn>,
) -> Result<Machine, ReplayError> {
    let config = MachineConfig { strict: true, keep_history: true, ..MachineConfig::default() };
    Machine::replay(code, of, ExecutionId::FIRST, config, turns)
}

/// The fork of an instance, by the same code.
fn forked(instance: &Instance, before: Option<u64>) -> Instance {
    let turns = forked_turns(instance.machine.history(), fork(before), instance.now);
    let machine = replayed(&instance.code, id("fork"), turns).expect("the copy replays");
    Instance::resumed(instance.code.clone(), instance.config.clone(), machine, instance.now)
}

fn not_forkable(instance: &Instance, before: Option<u64>) -> (u64, Vec<String>) {
    let refused = instance.machine.history().forked(fork(before), instance.now);
    match refused.expect_err("it cannot be forked there") {
        NotForkable::WaitsForOthers { position, instances } => {
            (position, instances.iter().map(ToString::to_string).collect())
        }
        other => panic!("{other}"),
    }
}

fn position_of(instance: &Instance, text: &str) -> u64 {
    let place = instance.log().iter().position(|event| event.starts_with(text));
    place.unwrap_or_else(|| panic!("no {text} in {:#?}", instance.log())) as u64
}

/// What the fork is, out of its log alone.
fn assert_replays(fork: &Instance) {
    let turns = fork.machine.history().turns().to_vec();
    let again = replayed(&fork.code, id("fork"), turns).expect("it replays");
    assert_eq!(again.outcome(), fork.machine.outcome());
    assert_eq!(again.open_actions(), fork.machine.open_actions());
    assert_eq!(again.instance_id(), fork.machine.instance_id());
}

/// An activity whose input is the id and a random number, a wait, and the same again.
fn order() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let who = |ctx: &OrchestrationContext| format!("{} {}", ctx.instance_id(), ctx.random());
        let first: String = ctx.call_activity_by_name("note", &who(&ctx)).await?;
        let () = ctx.wait_external("Go").await?;
        let second: String = ctx.call_activity_by_name("note", &who(&ctx)).await?;
        Ok(vec![first, second])
    })
}

fn called(actions: &[Action]) -> String {
    let mut calls = actions.iter().filter_map(|action| match action {
        Action::CallActivity { input, .. } => Some(input.to_string()),
        _ => None,
    });
    calls.next().expect("an activity is called")
}

#[test]
fn the_code_sees_the_old_id_in_the_copy_and_its_own_after_it() {
    let mut before = Instance::start(order(), ());
    assert!(called(&before.actions()).starts_with(&format!("\"{} ", instance_id())));
    before.complete(1, "a");
    let raised = before.raise("Go", ());
    let drawn_before = called(&raised.actions);
    before.complete(3, "b");

    let mut fork = forked(&before, Some(position_of(&before, "ExternalRaised")));
    assert_eq!(
        fork.log()[4..],
        [
            "ExecutionForked from `instance`",
            "CommandsReceived",
            "ExecutionRewound by 4 events: a test",
            "TimerCreated #0 for 1970-01-01T00:16:43.000000Z",
        ]
    );
    fork.fire(0);
    assert_eq!(fork.machine.outcome(), None, "what came later to the other one is not here");
    let raised = fork.raise("Go", ());
    let drawn = called(&raised.actions);
    assert!(drawn.starts_with("\"fork "), "{drawn}");
    assert_ne!(drawn.split(' ').nth(1), drawn_before.split(' ').nth(1), "other random numbers");
    assert_replays(&fork);
    fork.complete(3, "c");
    assert_eq!(fork.output::<Vec<String>>(), ["a", "c"]);
    assert_replays(&fork);
}

#[test]
fn what_has_ended_is_forked_without_its_end_and_anything_else_as_a_whole() {
    let mut instance = Instance::start(order(), ());
    let waiting = forked(&instance, None);
    assert!(waiting.log()[2].starts_with("ExecutionForked"), "{:#?}", waiting.log());
    instance.complete(1, "a");
    instance.raise("Go", ());
    instance.fail(3, ActivityError::fatal("no"));
    assert!(instance.machine.outcome().is_some());
    let mut fork = forked(&instance, None);
    assert_eq!(fork.log()[4], "ExternalRaised `Go`", "only the turn of the end is left out");
    fork.fire(0);
    fork.complete(3, "c");
    assert_eq!(fork.output::<Vec<String>>(), ["a", "c"]);

    instance = Instance::start(order(), ());
    instance.apply(terminate("no more"));
    assert_eq!(forked(&instance, None).machine.outcome(), None);
}

#[test]
fn any_place_but_that_of_the_first_turn_leads_to_the_same_end() {
    let mut instance = Instance::start(order(), ());
    instance.complete(1, "a");
    instance.raise("Go", ());
    instance.complete(3, "b");
    let length = instance.machine.history().len();
    for before in 0..length + 2 {
        if before < 2 || before >= length {
            let refused = instance.machine.history().forked(fork(Some(before)), instance.now);
            assert!(matches!(refused, Err(NotForkable::NoSuchPosition(_))), "{before}");
            continue;
        }
        let mut fork = forked(&instance, Some(before));
        fork.fire(0);
        if before < 4 {
            fork.complete(1, "a");
        }
        if before < 6 {
            fork.raise("Go", ());
        }
        fork.complete(3, "c");
        assert_eq!(fork.output::<Vec<String>>(), ["a", "c"], "{before}");
        assert_replays(&fork);
    }
}

#[test]
fn a_fork_of_a_fork_knows_all_of_its_ids_and_none_goes_back_into_a_copy() {
    let mut first = Instance::start(order(), ());
    first.complete(1, "a");
    let mut second = forked(&first, None);
    second.fire(0);
    let raised = second.raise("Go", ());
    assert!(called(&raised.actions).starts_with("\"fork "));

    let history = second.machine.history();
    let how = Fork { from: id("fork"), instance: id("third"), seed: 78, ..fork(None) };
    let turns = forked_turns(history, how.clone(), second.now);
    let third = replayed(&second.code, id("third"), turns).expect("both copies replay");
    assert_eq!(third.instance_id(), id("third"));
    let mut third =
        Instance::resumed(second.code.clone(), MachineConfig::default(), third, second.now);
    third.fire(0);
    third.complete(3, "c");
    assert_eq!(third.output::<Vec<String>>(), ["a", "c"]);

    let end_of_copy = position_of(&second, "ExecutionRewound");
    for position in 0..=end_of_copy + 1 {
        let rewind = Rewind { position, reason: String::new(), seed: 1 };
        history.rewound(&id("fork"), rewind, second.now).expect_err("the copy must stay");
        let how = Fork { before: Some(position), ..how.clone() };
        history.forked(how, second.now).expect_err("and is forked from the other one");
    }
    let (position, reason) = (position_of(&second, "TimerFired"), String::new());
    let rewind = Rewind { position, reason, seed: 1 };
    let Rewound { kept, turns } =
        history.rewound(&id("fork"), rewind, second.now).expect("what came after it is its own");
    let turns = history.turns()[..kept].iter().cloned().chain(turns).collect();
    replayed(&second.code, id("fork"), turns).expect("it replays");
}

#[test]
fn without_the_id_of_the_copy_its_code_would_diverge() {
    let mut before = Instance::start(order(), ());
    before.complete(1, "a");
    let turns = forked_turns(before.machine.history(), fork(None), before.now);
    let mut replay = reenact_core::Replay::new(
        &before.code,
        id("fork"),
        ExecutionId::FIRST,
        MachineConfig { strict: true, ..MachineConfig::default() },
    );
    let diverged = turns.iter().try_for_each(|turn| replay.apply(turn));
    assert!(matches!(diverged, Err(ReplayError::Nondeterministic(_))), "{diverged:?}");
}

#[test]
fn the_same_fork_is_known_by_its_seed() {
    let before = Instance::start(order(), ());
    let turns = forked_turns(before.machine.history(), fork(None), before.now);
    assert!(knows_start(&turns, SEED));
    assert!(!knows_start(&turns, SEED + 1));
    assert!(turns[1].at > turns[0].at, "so the first turn is older than the fork");
}

#[test]
fn a_timer_keeps_its_time_and_a_time_limit_begins_anew() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.timer(Duration::from_secs(100)).await;
        Ok(())
    });
    let limits =
        reenact_core::TimeLimits { execution: None, total: Some(Duration::from_secs(500)) };
    let how = reenact_core::Start { limits, ..start(()) };
    let mut before = Instance::start_with(code, MachineConfig::default(), how);
    before.pass(50);
    let fork = forked(&before, None);
    let timers = fork.machine.open_actions().into_iter().filter_map(|action| match action {
        Action::CreateTimer { fire_at, .. } => Some(fire_at),
        _ => None,
    });
    let timers: Vec<_> = timers.collect();
    let began = Timestamp::EPOCH + Duration::from_secs(1_000);
    assert!(timers.contains(&(began + Duration::from_secs(100))), "{timers:?}");
    let mut viewer = Viewer::new(id("fork"));
    fork.machine.history().turns().iter().for_each(|turn| viewer.apply(turn));
    let view = viewer.view(9);
    assert_eq!(view.forked_from, Some(instance_id()));
    assert!(view.total_ends_at > Some(began + Duration::from_secs(500)));
}

fn named(child: &str) -> OrchestrationByName {
    OrchestrationByName::new("ship", ChildOptions::new().id(child))
}

mod other_instances {
    use super::*;

    const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

    #[test]
    fn an_open_child_is_named_with_the_event_before_which_there_is_none() {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let () = ctx.wait_external("Go").await?;
            let one = ctx.schedule_orchestration_by_name::<_, u64>(named("one"), &1);
            let two = ctx.schedule_orchestration_by_name::<_, u64>(named("two"), &2);
            Ok(one.await? + two.await?)
        });
        let mut parent = Instance::start(code, ());
        parent.raise("Go", ());
        let one = sent(&parent.actions()).into_iter().find(|message| message.to == id("one"));
        let called = position_of(&parent, "ChildScheduled");
        assert_eq!(not_forkable(&parent, None), (called, vec!["one".into(), "two".into()]));
        parent.apply(ended(&one.expect("it was called"), Ok(payload(1))));
        assert_eq!(not_forkable(&parent, None), (called + 1, vec!["two".into()]));
        let mut fork = forked(&parent, Some(called));
        fork.fire(0);
        let raised = fork.raise("Go", ());
        let starts = sent(&raised.actions);
        assert_eq!(starts.len(), 2, "it calls children of its own");
        let origin = starts[0].body.origin().expect("a start");
        assert_eq!((&origin.instance, origin.lineage), (&id("fork"), SEED));
    }

    #[test]
    fn a_child_that_has_ended_in_the_copy_is_not_called_again_under_its_made_up_id() {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let made_up = OrchestrationByName::new("ship", ChildOptions::new());
            let first: u64 = ctx.call_orchestration_by_name(made_up.clone(), &1).await?;
            let () = ctx.wait_external("Go").await?;
            let second: u64 = ctx.call_orchestration_by_name(made_up, &2).await?;
            Ok(first + second)
        });
        let mut parent = Instance::start(code, ());
        let first = sent(&parent.actions()).remove(0);
        parent.apply(ended(&first, Ok(payload(1))));
        let mut fork = forked(&parent, None);
        assert_eq!(sent(&fork.machine.open_actions()), []);
        fork.fire(0);
        let raised = fork.raise("Go", ());
        let second = sent(&raised.actions).remove(0);
        assert!(second.to.as_str().starts_with("fork/"), "{}", second.to);
        fork.apply(ended(&second, Ok(payload(2))));
        assert_eq!(fork.output::<u64>(), 3);
        assert_replays(&fork);
    }

    #[test]
    fn an_update_without_an_answer_and_a_lock_are_named() {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let guard = ctx.lock(["a"]).await;
            let () = ctx.wait_external("Go").await?;
            let was_held = matches!(ctx.held_lock(&id("a")), HeldLock::Held(_));
            drop(guard);
            let sum: Result<u64, _> = ctx.call_update("sum", ADD, &1).await;
            Ok((was_held, sum.is_ok()))
        });
        let mut instance = Instance::start(code, ());
        let asked = sent(&instance.actions()).remove(0);
        let place = position_of(&instance, "Request");
        assert_eq!(not_forkable(&instance, None), (place, vec!["a".into()]));
        let answer = |asked: &reenact_core::Message, output| Command::ReturnUpdate {
            lineage: asked.id.lineage,
            id: asked.id.id,
            from: asked.to.clone(),
            answer: reenact_core::UpdateReturn::Answered(reenact_core::UpdateAnswer::Replied(
                output,
            )),
        };
        instance.apply(answer(&asked, payload(())));
        assert_eq!(not_forkable(&instance, None), (place, vec!["a".into()]), "it holds it");
        let released = instance.raise("Go", ());
        let (waits_for, others) = not_forkable(&instance, None);
        assert_eq!((waits_for > place, others), (true, vec!["sum".into()]));
        let asked = sent(&released.actions);
        let asked = asked.iter().find(|message| message.to == id("sum")).expect("it was asked");
        instance.apply(answer(asked, payload(3)));
        assert_eq!(instance.output::<(bool, bool)>(), (true, true));
    }

    /// Sends an event, starts another instance, and waits for what becomes of both.
    fn teller() -> OrchestrationCode {
        code(async |ctx: OrchestrationContext, ()| {
            let raised = ctx.raise_event(&id("other"), "Hello", &1).await;
            let started = ctx.start_orchestration_by_name(named("detached"), &1).await;
            let () = ctx.wait_external("Go").await?;
            Ok((raised.is_ok(), started.is_ok()))
        })
    }

    #[test]
    fn no_message_of_the_copy_is_sent_by_the_fork_and_the_code_goes_on() {
        let instance = Instance::start(teller(), ());
        assert_eq!(sent(&instance.actions()).len(), 1);
        let mut fork = forked(&instance, None);
        assert!(fork.log().iter().any(|event| event == "MessagesDelivered"));
        assert_eq!(sent(&fork.machine.open_actions()), []);
        let fired = fork.fire(0);
        let started = sent(&fired.actions);
        assert_eq!(started[0].to, id("detached"), "what comes after it is its own");
        assert_replays(&fork);
    }

    #[test]
    fn nobody_has_started_it_and_it_tells_no_parent() {
        let origin = reenact_core::Origin {
            instance: id("parent"),
            lineage: 5,
            id: reenact_core::CorrelationId(1),
            attempt: 1,
            depth: 3,
            relation: reenact_core::Relation::Child,
        };
        let how = reenact_core::Start { origin: Some(Box::new(origin)), ..start(()) };
        let mut child = Instance::start_with(order(), MachineConfig::default(), how);
        child.complete(1, "a");
        let mut fork = forked(&child, None);
        assert_eq!(fork.machine.origin(), None);
        fork.fire(0);
        fork.raise("Go", ());
        let end = fork.complete(3, "b");
        assert_eq!(sent(&end.actions), []);
        let history = fork.machine.history().turns();
        assert!(Outbox::of(id("fork"), history).is_empty());
    }

    #[test]
    fn an_update_in_the_copy_is_answered_to_nobody() {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let () = ctx.wait_external("Go").await?;
            let mut updates = ctx.updates(ADD);
            let update = updates.next().await?;
            let number = *update.request();
            update.reply(&number);
            let () = ctx.wait_external("End").await?;
            Ok(number)
        });
        let mut instance = Instance::start(code, ());
        let by = reenact_core::Requester {
            instance: id("asker"),
            lineage: 9,
            id: reenact_core::CorrelationId(4),
        };
        let Command::RaiseEvent { name, data, key } = raise_once("add", 3, "k") else { return };
        let key = key.expect("a key");
        instance.apply(Command::TakeUpdate { name, data, key, by: Box::new(by) });
        let mut fork = forked(&instance, None);
        fork.fire(0);
        let answered = fork.raise("Go", ());
        assert_eq!(sent(&answered.actions), [], "who asked waits for the other one");
        assert_replays(&fork);
        fork.raise("End", ());
        assert_eq!(fork.output::<u64>(), 3);
        let returned = instance.raise("Go", ());
        let returned = sent(&returned.actions);
        assert!(matches!(returned[0].body, MessageBody::Return { .. }), "which does answer it");
    }
}

#[test]
fn activities_run_again_with_their_first_attempt() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "charge").await?));
    let instance = Instance::start(code, ());
    let mut fork = forked(&instance, None);
    let open = fork.machine.open_activities(9);
    assert_eq!((open.len(), open[0].attempt), (1, 1));
    fork.fire(0);
    fork.complete(1, 5);
    assert_eq!(fork.output::<u64>(), 5);
    assert_replays(&fork);
}
