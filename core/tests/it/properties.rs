//! Random programs under random courses of events: what holds for all of them.

mod change;
mod course;
mod downtime;
mod endings;
mod program;
mod requests;
mod strategies;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use reenact_core::limits::COPIED_EVENT_BYTES;
use reenact_core::{
    Action, Event, History, InstanceId, MachineConfig, MessageId, MessageKind, Outcome,
    ReplayError, RequestEvent, Rewind, Rewound, Start,
};

use crate::support::instance::{Instance, SEED, instance_id, start, terminate};
use change::{Change, change, change_policies};
use course::{Course, Move};
use program::{EVENTS, OTHERS, Seen, Step, continuing, orchestration};
use requests::ASKED;
use strategies::{answering, asking, changes, courses, programs};

/// The same cases in each run, unless others are asked for by `PROPTEST_RNG_SEED`. Found failures are
/// turned into tests by name, not into files of seeds.
fn cases(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    match config.rng_seed {
        RngSeed::Random => ProptestConfig { rng_seed: RngSeed::Fixed(SEED), ..config },
        RngSeed::Fixed(_) => config,
    }
}

fn begun(program: Vec<Step>, moves: &[Move]) -> Course {
    let mut course = Course::new(Instance::start(orchestration(program), ()));
    course.go(moves);
    course
}

fn finished(program: Vec<Step>, moves: &[Move]) -> Course {
    let mut course = begun(program, moves);
    course.come_to_an_end();
    course
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn a_crash_at_any_point_changes_nothing(program in programs(), moves in courses()) {
        finished(program, &moves).instance.assert_replays_from_every_point();
    }

    #[test]
    fn termination_at_any_point_replays(program in programs(), moves in courses()) {
        let mut course = begun(program, &moves);
        if course.instance.machine.outcome().is_none() {
            course.instance.apply(terminate("enough"));
        }
        let left = course.instance.machine.open_actions();
        prop_assert!(left.iter().all(|action| matches!(action, Action::Send(_))));
        course.instance.assert_replays_from_every_point();
    }
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn everything_completes_at_most_once(program in programs(), moves in courses()) {
        let course = finished(program, &moves);
        let mut opened = BTreeMap::new();
        for event in course.instance.machine.history().events() {
            let Some(id) = event.event.correlation().filter(|_| !goes_on(event.event)) else {
                continue;
            };
            if opens(event.event) {
                prop_assert_eq!(opened.insert(id, 0), None, "{} twice", id);
            } else {
                let closed = opened.get_mut(&id).expect("it was opened before");
                *closed += 1;
                prop_assert_eq!(*closed, 1, "{} closed twice", id);
            }
        }
    }

    #[test]
    fn every_update_that_was_taken_is_answered_at_most_once(
        program in answering(),
        moves in asking(),
    ) {
        let course = finished(program, &moves);
        course.instance.assert_replays_from_every_point();
        let mut answers = BTreeMap::new();
        for event in course.instance.machine.history().events() {
            if let Event::UpdateAnswered { key, answer } = event.event {
                prop_assert_eq!(answers.insert(key.clone(), answer.clone()), None, "{} twice", key);
            }
        }
        prop_assert!(answers.len() as u64 <= course.asked + course.asked_by_others);
        // Those who have the answer have that which is in the log, however often they ask.
        for answer in course.instance.answers() {
            for action in &answer.actions {
                if let Action::AnswerUpdate { key, answer } = action {
                    prop_assert_eq!(answers.get(key), Some(answer));
                }
            }
        }
    }

    #[test]
    fn every_message_arrives_once_and_in_order_and_then_nothing_is_left(
        program in programs(),
        moves in courses(),
    ) {
        let mut course = finished(program, &moves);
        course.tell_all();
        let mut arrived: BTreeMap<InstanceId, Vec<MessageId>> = BTreeMap::new();
        for message in &course.settled {
            let of_one = arrived.entry(message.to.clone()).or_default();
            prop_assert!(!of_one.contains(&message.id), "twice: {:?}", message);
            of_one.push(message.id);
        }
        let mut written: BTreeMap<InstanceId, Vec<MessageId>> = BTreeMap::new();
        for (to, id) in events_sent(&course.instance) {
            written.entry(to).or_default().push(id);
        }
        for other in OTHERS.map(|other| InstanceId::new(other).expect("an id")) {
            prop_assert_eq!(arrived.get(&other), written.get(&other));
        }
        // A start comes before its cancel; each child and each detached instance had one message.
        for (to, ids) in arrived {
            if !OTHERS.contains(&to.as_str()) && !ASKED.contains(&to.as_str()) {
                let kinds: Vec<_> = ids.iter().map(|id| id.kind).collect();
                let start_first = kinds == [MessageKind::Start];
                let known = kinds == [MessageKind::Start, MessageKind::Cancel];
                prop_assert!(start_first || known, "{:?}", kinds);
            }
        }
    }

    #[test]
    fn external_events_are_taken_in_order_and_none_is_lost_or_taken_twice(
        program in programs(),
        moves in courses(),
    ) {
        let course = finished(program, &moves);
        if was_cancelled(&course) {
            return Ok(());
        }
        let seen: Vec<Seen> = course.instance.output();
        for (event, raised) in EVENTS.iter().zip(course.raised) {
            // By the age of the wait.
            let taken: BTreeMap<u64, u64> = taken(&seen, event).collect();
            let mut numbers: Vec<_> = taken.values().copied().collect();
            if waits_were_dropped(&course.instance, event) {
                // Then an older wait can have left its event to a younger one.
                numbers.sort_unstable();
            }
            prop_assert_eq!(numbers, (0..raised).collect::<Vec<_>>(), "of {}", event);
        }
    }

    #[test]
    fn what_continues_as_new_loses_no_event_takes_none_twice_and_tells_all_it_had_to(
        program in programs(),
        before in courses(),
        after in courses(),
    ) {
        let code = continuing(program);
        let mut first = Course::new(Instance::start(code.clone(), None::<Vec<Seen>>));
        first.go(&before);
        first.come_to_an_end();
        first.instance.assert_replays_from_every_point();
        if was_cancelled(&first) {
            return Ok(());
        }
        let successor = first.instance.machine.successor(None).expect("no code runs");
        let next = successor.expect("it continues").machine;
        let (config, now) = (MachineConfig::default(), first.instance.now);
        prop_assert_eq!(next.outbox_len(), first.instance.machine.outbox_len());
        let instance = Instance::resumed(code, config, next, now);
        let (raised, asked) = (first.raised, first.asked);
        let mut course = Course { raised, asked, ..Course::new(instance) };
        course.go(&after);
        course.come_to_an_end();
        assert_each_taken_once(&course);
    }

    /// A large event that nobody takes keeps it in one log.
    #[test]
    fn what_continues_as_new_in_the_same_log_does_the_same(
        program in programs(),
        moves in courses(),
        place in any::<Index>(),
        after in courses(),
    ) {
        let code = continuing(program);
        let how = Start { delay: Some(Duration::ZERO), ..start(None::<Vec<Seen>>) };
        let config = MachineConfig::default();
        let mut instance = Instance::start_with(code.clone(), config.clone(), how);
        instance.raise("Large", "x".repeat(2 * COPIED_EVENT_BYTES));
        instance.fire(0);
        let mut course = Course::new(instance);
        course.go(&moves);
        let is_renewal = |event: &Event| matches!(event, Event::ExecutionRenewed { .. });
        let renewed = |instance: &Instance| {
            instance.turns().iter().position(|turn| turn.events.iter().any(is_renewal))
        };
        course.go_on_until(|instance| {
            renewed(instance).is_some() || instance.machine.outcome().is_some()
        });
        if was_cancelled(&course) {
            return Ok(());
        }
        let last = renewed(&course.instance).expect("it was");
        let history: History = course.instance.turns()[..=last].iter().cloned().collect();
        let raised = EVENTS.map(|name| {
            let is_it = |event: &Event| matches!(event, Event::ExternalRaised { name: of, .. } if of.as_str() == name);
            history.events().filter(|event| is_it(event.event)).count() as u64
        });
        let now = course.instance.now;
        course.come_to_an_end();
        course.instance.assert_replays_from_every_point();
        if !was_cancelled(&course) {
            assert_each_taken_once(&course);
        }

        // Rewound to anywhere before the renewal. No end, as below.
        let places: Vec<_> = history.events().map(|event| event.position).collect();
        let rewind = Rewind { position: *place.get(&places), reason: "again".into(), seed: 77 };
        if let Ok(Rewound { kept, turns }) = history.rewound(&instance_id(), rewind, now) {
            let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
            let machine = Instance::try_replay(&code, &config, &turns).expect("it fits");
            let instance = Instance::resumed(code, config, machine, now);
            let asked = course.asked;
            let mut again = Course { raised, asked, ..Course::new(instance) };
            again.go(&after);
            again.come_to_an_end();
            again.instance.assert_replays_with_and_without_superseded();
            if let Some(Outcome::Completed(_)) = again.instance.machine.outcome() {
                assert_each_taken_once(&again);
            }
        }
    }

    #[test]
    fn what_is_rewound_anywhere_loses_no_event_and_comes_to_an_end(
        program in programs(),
        moves in courses(),
        place in any::<Index>(),
        after in courses(),
    ) {
        // No end: the marks there would come again, in front of what comes later.
        let old = begun(program.clone(), &moves);
        let (history, now) = (old.instance.machine.history(), old.instance.now);
        let events: Vec<_> = history.events().map(|event| event.position).collect();
        let rewind = Rewind { position: *place.get(&events), reason: "again".into(), seed: 77 };
        // Without its first turn nothing is left.
        let Ok(Rewound { kept, turns }) = history.rewound(&instance_id(), rewind, now) else {
            return Ok(());
        };
        let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
        let (code, config) = (orchestration(program), MachineConfig::default());
        let machine = Instance::try_replay(&code, &config, &turns).expect("it fits");
        let instance = Instance::resumed(code, config, machine, now);
        let (raised, asked) = (old.raised, old.asked);
        let mut course = Course { raised, asked, ..Course::new(instance) };
        course.go(&after);
        course.come_to_an_end();
        course.instance.assert_replays_with_and_without_superseded();
        if !was_cancelled(&course) {
            assert_each_taken_once(&course);
        }
    }

    #[test]
    fn changed_code_is_detected_or_makes_no_difference(
        program in programs(),
        moves in courses(),
        place in any::<Index>(),
        how in changes(),
    ) {
        let old = finished(program.clone(), &moves).instance;
        let changed = changed(program, place, &how);
        match Instance::try_replay(&orchestration(changed), &old.config, old.turns()) {
            Ok(machine) => {
                prop_assert_eq!(machine.history(), old.machine.history());
                prop_assert_eq!(machine.outcome(), old.machine.outcome());
            }
            Err(ReplayError::Nondeterministic(_)) => {}
            Err(other) => panic!("a history that was written is not malformed: {other}"),
        }
    }

    #[test]
    fn other_policies_make_no_difference_to_what_has_happened(
        mut program in programs(),
        moves in courses(),
    ) {
        let old = begun(program.clone(), &moves).instance;
        change_policies(&mut program);
        let machine = Instance::try_replay(&orchestration(program), &old.config, old.turns());
        let machine = machine.expect("the recorded ones count");
        prop_assert_eq!(machine.history(), old.machine.history());
        prop_assert_eq!(machine.outcome(), old.machine.outcome());
        prop_assert_eq!(machine.open_actions(), old.machine.open_actions());
    }

    #[test]
    fn the_history_has_one_failed_attempt_and_one_heartbeat_of_a_call_at_most(
        program in programs(),
        moves in courses(),
    ) {
        let course = begun(program, &moves);
        let history = course.instance.machine.history();
        let mut seen = BTreeSet::new();
        for event in history.events().filter(|event| event.event.is_superseded_by_the_next()) {
            let (id, kind) = (event.event.correlation(), event.event.kind().name());
            prop_assert!(seen.insert((id, kind)), "{:?} {} twice", id, kind);
        }
        prop_assert_eq!(history.len(), history.events().count() as u64);
    }

    #[test]
    fn a_running_instance_that_accepts_changed_code_goes_on_with_it(
        program in programs(),
        moves in courses(),
        place in any::<Index>(),
        how in changes(),
    ) {
        let old = begun(program.clone(), &moves);
        let (config, raised) = (MachineConfig::default(), old.raised);
        let code = orchestration(changed(program, place, &how));
        if let Ok(machine) = Instance::try_replay(&code, &config, old.instance.turns()) {
            let instance = Instance::resumed(code, config, machine, old.instance.now);
            let asked = old.asked;
            let mut course = Course { raised, asked, ..Course::new(instance) };
            course.come_to_an_end();
            course.instance.assert_replays_with_and_without_superseded();
        }
    }
}

fn changed(mut program: Vec<Step>, place: Index, how: &Change) -> Vec<Step> {
    // Most programs have fewer steps; then it is the last one that changes.
    let place = place.index(8);
    if let Err(beyond) = change(&mut program, place, how) {
        let last = (place - beyond).saturating_sub(1);
        let _ = change(&mut program, last, how);
    }
    program
}

/// Whether it has ended as cancelled, where it waited for time only: then it tells nothing.
fn was_cancelled(course: &Course) -> bool {
    matches!(course.instance.machine.outcome(), Some(Outcome::Cancelled { .. }))
}

/// Neither opens nor closes anything.
fn goes_on(event: &Event) -> bool {
    matches!(
        event,
        Event::TaskConfigured { .. }
            | Event::TaskTagged { .. }
            | Event::TaskLocal { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::TaskDeferred { .. }
            | Event::Streamed(_)
            | Event::ChildAttemptFailed { .. }
            | Event::Request(RequestEvent::LockReleased { .. })
    )
}

/// The events and the commands for others in the log, and the messages that they are.
fn events_sent(instance: &Instance) -> Vec<(InstanceId, MessageId)> {
    let message = |id: &reenact_core::CorrelationId, kind| MessageId {
        lineage: SEED,
        id: *id,
        attempt: 1,
        kind,
    };
    let sent = instance.machine.history().events().filter_map(|event| match event.event {
        Event::EventSent { id, to, .. } => Some((to.clone(), message(id, MessageKind::Event))),
        Event::CommandSent { id, to, .. } => Some((to.clone(), message(id, MessageKind::Command))),
        _ => None,
    });
    sent.collect()
}

fn opens(event: &Event) -> bool {
    matches!(
        event,
        Event::TaskScheduled { .. }
            | Event::TimerCreated { .. }
            | Event::ExternalSubscribed { .. }
            | Event::SideEffectRecorded { .. }
            | Event::ChildScheduled { .. }
            | Event::StartRequested { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::Request(RequestEvent::Sent { .. } | RequestEvent::LockAsked { .. })
    )
}

/// Whether each event that was raised was taken, and once.
fn assert_each_taken_once(course: &Course) {
    let seen: Vec<Seen> = course.instance.output();
    for (event, raised) in EVENTS.iter().zip(course.raised) {
        let mut numbers: Vec<u64> = taken(&seen, event).map(|(_, number)| number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..raised).collect::<Vec<_>>(), "of {event}");
    }
}

fn taken(seen: &[Seen], event: &str) -> impl Iterator<Item = (u64, u64)> {
    seen.iter().filter_map(move |seen| match seen {
        Seen::Took { wait, name, number } if name == event => Some((*wait, *number)),
        _ => None,
    })
}

fn waits_were_dropped(instance: &Instance, event: &str) -> bool {
    let mut waits = Vec::new();
    instance.machine.history().events().any(|recorded| match recorded.event {
        Event::ExternalSubscribed { id, name } if name.as_str() == event => {
            waits.push(*id);
            false
        }
        Event::ExternalUnsubscribed { id } => waits.contains(id),
        _ => false,
    })
}
