//! What a drop, a cancel and an end may do, whatever the program is.

use std::collections::BTreeSet;

use proptest::prelude::*;
use reenact_core::{Action, CorrelationId, Event, MessageKind, ParentClose};

use super::course::{Course, Move};
use super::program::{End, Seen, SharedLog, Step, ending};
use super::strategies::{courses, programs};
use crate::support::instance::{Answer, Instance};

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Return), Just(End::Fail), Just(End::Limit), Just(End::Continue)]
}

/// Runs a program that holds one of each kind as it ends; what it saw goes into the log as well.
fn ended(program: Vec<Step>, end: End, log: SharedLog, moves: &[Move]) -> Course {
    let mut course = Course::new(Instance::start(ending(program, end, log), ()));
    course.go(moves);
    course.come_to_an_end();
    course
}

/// What was scheduled in a turn, and is over when the turn is. Abandoned children that are left at the
/// end are not.
fn never_started(answer: &Answer) -> BTreeSet<CorrelationId> {
    let events = &answer.recorded.events;
    let mut scheduled = BTreeSet::new();
    for event in &**events {
        match event {
            // A wait may have taken its event within the turn.
            Event::TaskScheduled { id, .. } | Event::TimerCreated { id, .. } => {
                scheduled.insert((*id, false));
            }
            Event::ChildScheduled { id, parent_close, .. } => {
                scheduled.insert((*id, *parent_close == ParentClose::Abandon));
            }
            _ => {}
        }
    }
    let has_ended = events.last().is_some_and(Event::is_terminal);
    let over = scheduled.into_iter().filter(|(id, is_abandoned)| {
        let dropped = |event: &Event| is_drop(event) && event.correlation() == Some(*id);
        events.iter().any(dropped) || (has_ended && !is_abandoned)
    });
    over.map(|(id, _)| id).collect()
}

fn is_drop(event: &Event) -> bool {
    matches!(
        event,
        Event::TaskCancelRequested { .. }
            | Event::TimerCancelled { .. }
            | Event::ExternalUnsubscribed { .. }
            | Event::ChildCancelRequested { .. }
    )
}

/// What an action is about, where that is something that was scheduled.
fn about(action: &Action) -> Option<CorrelationId> {
    match action {
        Action::CallActivity { id, .. }
        | Action::CancelActivity { id }
        | Action::CreateTimer { id, .. }
        | Action::CancelTimer { id, .. } => Some(*id),
        Action::Send(message)
            if matches!(message.id.kind, MessageKind::Start | MessageKind::Cancel) =>
        {
            Some(message.id.id)
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(super::cases(256))]

    #[test]
    fn what_is_over_in_the_turn_of_its_call_is_never_started(
        program in programs(),
        end in ends(),
        moves in courses(),
    ) {
        let course = ended(program, end, SharedLog::default(), &moves);
        for answer in course.instance.answers() {
            let over = never_started(answer);
            let about_it = answer.actions.iter().find(|action| {
                about(action).is_some_and(|id| over.contains(&id))
            });
            prop_assert_eq!(about_it, None);
        }
    }

    #[test]
    fn only_children_that_were_dropped_or_are_closed_with_their_parent_are_cancelled(
        program in programs(),
        end in ends(),
        moves in courses(),
    ) {
        let mut course = ended(program, end, SharedLog::default(), &moves);
        course.tell_all();
        let history = course.instance.machine.history();
        let of = |wanted: CorrelationId, kind: &str| {
            history.events().any(|event| {
                event.event.kind().name() == kind && event.event.correlation() == Some(wanted)
            })
        };
        let sent = |wanted: CorrelationId, kind: MessageKind| {
            course.settled.iter().any(|m| m.id.id == wanted && m.id.kind == kind)
        };
        for event in history.events() {
            let Event::ChildScheduled { id, parent_close, .. } = event.event else { continue };
            if *parent_close == ParentClose::Abandon && !of(*id, "ChildCancelRequested") {
                prop_assert!(!sent(*id, MessageKind::Cancel), "{} was cancelled", id);
                let has_ended = of(*id, "ChildCompleted") || of(*id, "ChildFailed");
                prop_assert!(has_ended || sent(*id, MessageKind::Start), "{} never began", id);
            }
        }
    }

    #[test]
    fn no_timer_is_seen_that_has_not_fired(
        program in programs(),
        end in ends(),
        moves in courses(),
    ) {
        let log = SharedLog::default();
        let course = ended(program, end, log.clone(), &moves);
        let fired: BTreeSet<_> = course.instance.machine.history().events()
            .filter_map(|event| match event.event {
                Event::TimerFired { id } => Some(id.0),
                _ => None,
            })
            .collect();
        for seen in &*log.lock().expect("no panic") {
            if let Seen::Fired { timer } = seen {
                prop_assert!(fired.contains(timer), "#{} has not fired", timer);
            }
        }
    }

    #[test]
    fn every_end_replays(program in programs(), end in ends(), moves in courses()) {
        let course = ended(program, end, SharedLog::default(), &moves);
        course.instance.assert_replays();
    }
}
