//! Views of a log without its code: what is open, awaited and buffered after each event; timelines; whom an
//! execution started; and what it failed of.

mod requests;

use std::time::Duration;

use crate::support::instance::{
    Instance, cancel, code, instance_id, name, payload, seconds, suspend, task, turn,
};
use crate::support::messages::ended;
use reenact_core::{
    ActivityError, ActivityOptions, CauseFinder, ChildEnd, Command, Event, ExecutionView,
    FailedCall, Family, NamedActivity, OrchestrationCode, OrchestrationError, RecordedTurn,
    RetryPolicy, Span, SpanEnd, SpanKind, TimelineBuilder, Viewer,
};

fn viewed<'a>(turns: impl IntoIterator<Item = &'a RecordedTurn>) -> ExecutionView {
    let mut viewer = Viewer::new(instance_id());
    turns.into_iter().for_each(|turn| viewer.apply(turn));
    viewer.view(100)
}

/// As they were stored: what later turns supersede is there.
fn stored(instance: &Instance) -> Vec<RecordedTurn> {
    let answers = instance.answers().filter(|answer| !answer.recorded.events.is_empty());
    answers.map(|answer| answer.recorded.clone()).collect()
}

fn timeline(instance: &Instance) -> reenact_core::Timeline {
    let mut timeline = TimelineBuilder::new(instance_id(), 0, 100);
    stored(instance).iter().for_each(|turn| timeline.apply(turn));
    timeline.finish()
}

fn one_of(instance: &Instance, kind: SpanKind) -> Span {
    let spans = timeline(instance).spans;
    let mut of_kind = spans.into_iter().filter(|span| span.kind == kind);
    let span = of_kind.next().expect("a span of the kind");
    assert_eq!(of_kind.next(), None, "one only");
    span
}

/// Waits for events of one name, one after the other.
fn listening() -> OrchestrationCode {
    code(|ctx, ()| async move {
        loop {
            ctx.wait_external::<u64>("Go").await?;
        }
        #[allow(unreachable_code)]
        Ok(())
    })
}

/// Pays with up to three attempts, a minute and more apart.
fn paying() -> OrchestrationCode {
    code(|ctx, ()| async move {
        let policy = RetryPolicy::new(3).first_delay(Duration::from_secs(60)).jitter(0.0);
        let pay = NamedActivity::new("pay").with(ActivityOptions::new().retry(policy));
        Ok(ctx.call_activity_by_name::<_, u64>(pay, &()).await?)
    })
}

#[test]
fn an_event_goes_to_the_oldest_wait_and_what_nobody_awaits_is_buffered() {
    let mut instance = Instance::start(listening(), ());
    instance.raise("Other", 1);
    instance.raise("Go", 2);
    let view = viewed(&stored(&instance));
    assert_eq!(view.waits.items[0].position, 4, "the first wait has its event");
    let buffered = &view.buffered.items;
    assert_eq!((buffered.len(), buffered[0].position, buffered[0].bytes), (1, 2, 1));
    assert_eq!(buffered[0].data, Some(payload(1)));
}

#[test]
fn what_comes_while_the_code_cannot_run_is_there_for_its_wait_until_it_can() {
    let mut instance = Instance::start(listening(), ());
    instance.apply(suspend("audit"));
    instance.raise("Go", 2);
    instance.raise("Go", 3);
    let view = viewed(&stored(&instance));
    let awaited: Vec<_> = view.buffered.items.iter().map(|event| event.awaited_by).collect();
    assert!(awaited[0].is_some() && awaited[1].is_none(), "{awaited:?}");
    assert_eq!(view.suspended.expect("it is").at, instance.turns()[1].at);
    instance.apply(Command::Resume);
    let view = viewed(&stored(&instance));
    assert_eq!((view.buffered.total, view.waits.total), (0, 1), "two waits took them");
}

#[test]
fn an_event_whose_wait_was_dropped_is_buffered_again_without_its_data() {
    let at = |at, event| turn(at, [event]);
    let id = reenact_core::CorrelationId;
    let raised = Event::ExternalRaised { name: name("Go"), data: payload(7), key: None };
    let turns = [
        at(1, Event::ExternalSubscribed { id: id(1), name: name("Go") }),
        at(2, raised),
        at(3, Event::ExternalUnsubscribed { id: id(1) }),
    ];
    assert_eq!(viewed(&turns[..2]).buffered.total, 0, "its wait has it");
    let buffered = viewed(&turns).buffered.items;
    assert_eq!((buffered[0].position, &buffered[0].data), (1, &None));
}

#[test]
fn what_a_renewal_says_was_taken_is_not_buffered_any_more() {
    let raised =
        |at| turn(at, [Event::ExternalRaised { name: name("Go"), data: payload(at), key: None }]);
    let renewed = Event::ExecutionRenewed { input: payload(()), taken: vec![1] };
    let id = reenact_core::CorrelationId(1);
    let turns = [
        turn(1, [Event::ExternalSubscribed { id, name: name("Go") }]),
        raised(2),
        raised(3),
        turn(4, [renewed]),
    ];
    let view = viewed(&turns);
    let positions: Vec<_> = view.buffered.items.iter().map(|event| event.position).collect();
    assert_eq!((positions, view.renewals, view.waits.total), (vec![2], 1, 0));
}

#[test]
fn what_a_cancel_may_have_ended_is_in_doubt_until_it_goes_on() {
    let both = code(|ctx, ()| async move {
        let kept = ctx.shielded();
        let shielded = ctx.clone();
        let (one, other) = (task(&kept, "kept"), task(&shielded, "lost"));
        ctx.shielded().wait_external::<u64>("Go").await?;
        Ok(one.await? + other.await?)
    });
    let mut instance = Instance::start(both, ());
    instance.apply(cancel("no stock"));
    let view = viewed(&stored(&instance));
    assert_eq!(&*view.cancel_requested.expect("it is").reason, "no stock");
    let in_doubt: Vec<_> = view.activities.items.iter().map(|one| one.in_doubt).collect();
    assert_eq!(in_doubt, [true, true]);
    assert!(view.waits.items[0].in_doubt);
    let kept = view.activities.items[0].id;
    instance.heartbeat(kept.0, "half");
    let view = viewed(&stored(&instance));
    let in_doubt: Vec<_> = view.activities.items.iter().map(|one| one.in_doubt).collect();
    assert_eq!(in_doubt, [false, true], "the one that says how far it is goes on");
}

#[test]
fn lists_are_cut_with_their_total() {
    let many = code(|ctx, ()| async move {
        let tasks: Vec<_> = (0..5).map(|_| task(&ctx, "step")).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    });
    let instance = Instance::start(many, ());
    let mut viewer = Viewer::new(instance_id());
    stored(&instance).iter().for_each(|turn| viewer.apply(turn));
    let view = viewer.view(2);
    assert_eq!((view.activities.items.len(), view.activities.total), (2, 5));
}

#[test]
fn a_view_stops_in_the_middle_of_a_turn() {
    let instance = Instance::start(listening(), ());
    let turns = stored(&instance);
    let mut viewer = Viewer::new(instance_id());
    assert!(viewer.apply_up_to(&turns[0], 0));
    assert_eq!((viewer.position(), viewer.view(9).waits.total), (1, 0));
    let mut viewer = Viewer::new(instance_id());
    assert!(!viewer.apply_up_to(&turns[0], 2), "it is past the turn");
    assert_eq!((viewer.position(), viewer.view(9).waits.total), (2, 1));
}

#[test]
fn a_timeline_has_each_attempt_and_its_waiting_does_not_count_as_running() {
    let mut instance = Instance::start(paying(), ());
    instance.fail(1, ActivityError::retryable("busy"));
    instance.pass(60);
    instance.apply(Command::FireTimer { id: reenact_core::CorrelationId(1) });
    instance.pass(3);
    instance.complete(1, 7);
    let span = one_of(&instance, SpanKind::Activity);
    assert_eq!((span.outcome, span.attempts.len()), (SpanEnd::Completed, 2));
    let (first, second) = (&span.attempts[0], &span.attempts[1]);
    assert!(first.failed && first.error.as_deref().expect("one").contains("busy"));
    assert_eq!((first.begin, first.end), (seconds(1_000), Some(seconds(1_001))));
    assert_eq!((second.begin, second.end), (seconds(1_061), span.end));
    let waited = span.end.expect("it ended").since(span.begin) - span.running;
    assert_eq!(waited, Duration::from_secs(60));
    let all = timeline(&instance);
    assert_eq!(all.running, span.running, "nothing else ran");
    assert_eq!(all.ended_at, span.end);
}

#[test]
fn a_timeline_shows_waits_with_their_events_and_stretches_with_their_reasons() {
    let mut instance = Instance::start(listening(), ());
    instance.apply(suspend("audit"));
    instance.raise("Go", 1);
    instance.apply(Command::Resume);
    let spans = timeline(&instance).spans;
    let wait = spans.iter().find(|span| span.kind == SpanKind::Wait).expect("a wait");
    let event = spans.iter().find(|span| span.kind == SpanKind::Event).expect("an event");
    assert_eq!((wait.event, wait.end), (Some(event.position), Some(event.begin)));
    let held = one_of(&instance, SpanKind::Suspended);
    assert_eq!((held.reason.as_deref(), held.outcome), (Some("audit"), SpanEnd::Completed));
    assert!(held.end > Some(held.begin));
}

#[test]
fn a_timeline_is_read_in_parts() {
    let mut instance = Instance::start(listening(), ());
    (0..5).for_each(|number| drop(instance.raise("Go", number)));
    let whole = timeline(&instance);
    let (mut parts, mut from) = (Vec::new(), Some(0));
    while let Some(position) = from {
        let mut part = TimelineBuilder::new(instance_id(), position, 2);
        stored(&instance).iter().for_each(|turn| part.apply(turn));
        let part = part.finish();
        assert_eq!((part.total, part.before), (whole.total, parts.len() as u64));
        assert_eq!(part.running, whole.running);
        from = part.next;
        parts.extend(part.spans);
    }
    assert_eq!(parts, whole.spans);
}

#[test]
fn a_family_has_all_that_are_open_and_the_newest_of_the_others() {
    let parent = code(|ctx, ()| async move {
        let open = ctx.schedule_orchestration_by_name::<_, u64>("open", &());
        for _ in 0..4 {
            ctx.call_orchestration_by_name::<_, u64>("ship", &()).await?;
        }
        Ok(open.await?)
    });
    let mut instance = Instance::start(parent, ());
    for _ in 0..3 {
        let starts = crate::support::messages::sent(&instance.machine.open_actions());
        let start = starts.into_iter().next_back().expect("the newest");
        instance.apply(ended(&start, Ok(payload(7))));
    }
    let mut family = Family::new(instance_id(), 3);
    stored(&instance).iter().for_each(|turn| family.apply(turn));
    let family = family.finish();
    assert_eq!((family.children.total, family.open, family.completed), (5, 2, 3));
    let ends: Vec<_> = family.children.items.iter().map(|child| child.end).collect();
    assert_eq!(ends, [ChildEnd::Open, ChildEnd::Completed, ChildEnd::Open]);
}

fn cause_of(instance: &Instance) -> Option<reenact_core::FailureCause> {
    let mut finder = CauseFinder::default();
    stored(instance).iter().for_each(|turn| finder.apply(turn));
    assert!(finder.ended().is_some(), "{:?}", instance.log());
    finder.cause()
}

#[test]
fn a_failure_that_the_code_passes_on_is_named_as_the_cause() {
    let mut instance = Instance::start(paying(), ());
    instance.fail(1, ActivityError::fatal("the card was declined"));
    let cause = cause_of(&instance).expect("a cause");
    assert!(cause.is_named);
    let FailedCall::Activity { name, attempts, error, .. } = cause.what else {
        panic!("an activity")
    };
    assert_eq!((name.as_str(), attempts, error.message()), ("pay", 1, "the card was declined"));
}

#[test]
fn of_several_failures_the_one_that_the_error_names_is_the_cause() {
    let code = code(|ctx, ()| async move {
        let first = task(&ctx, "first").await;
        let _ = task(&ctx, "second").await;
        first.map_err(OrchestrationError::from)
    });
    let mut instance = Instance::start(code, ());
    instance.fail(1, ActivityError::fatal("no stock"));
    instance.fail(2, ActivityError::fatal("no truck"));
    let cause = cause_of(&instance).expect("a cause");
    let FailedCall::Activity { name, .. } = cause.what else { panic!("an activity") };
    assert_eq!((cause.is_named, name.as_str()), (true, "first"));
}

#[test]
fn a_failure_of_the_codes_own_has_no_named_cause() {
    let code = code(|ctx, ()| async move {
        if task(&ctx, "step").await.is_err() {
            return Err(OrchestrationError::new("it cannot be"));
        }
        Ok(())
    });
    let mut instance = Instance::start(code.clone(), ());
    instance.fail(1, ActivityError::fatal("no stock"));
    assert!(!cause_of(&instance).expect("what it failed at").is_named);
    let mut instance = Instance::start(code, ());
    instance.complete(1, 1);
    assert_eq!(cause_of(&instance), None, "it has not failed");
}
