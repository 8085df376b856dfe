//! A parked execution: its log goes on without its code, which sees what has come once it fits.

use std::time::Duration;

use crate::support::instance::{self, Instance, cancel, code, name, payload, raise_once, seconds};
use crate::support::messages::{ended, sent};
use reenact_core::limits::{MAX_BUFFERED_EVENT_BYTES, MAX_BUFFERED_EVENTS, MAX_PAYLOAD_BYTES};
use reenact_core::{
    ActivityOptions, ChildOptions, Command, Event, EventKey, MachineConfig, NamedActivity,
    OrchestrationByName, OrchestrationCode, OrchestrationContext, ParentClose, ParkedExecution,
    Payload, RecordedTurn, Rejected, Timestamp,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The first of "Go" within a minute, or "late"; and what an activity that has two minutes gives.
fn races() -> OrchestrationCode {
    code(|ctx: OrchestrationContext, ()| async move {
        let options = ActivityOptions::new().schedule_to_close(MINUTE * 2);
        let call = NamedActivity::new("a").with(options);
        let call = ctx.schedule_activity_by_name::<_, u64>(call, &());
        let go = match ctx.timeout(MINUTE, ctx.wait_external::<String>("Go")).await {
            Ok(go) => go?,
            Err(_) => "late".to_owned(),
        };
        Ok((go, call.await.is_ok()))
    })
}

/// The log of an execution, without its code.
struct Log {
    turns: Vec<RecordedTurn>,
    parked: ParkedExecution,
}

impl Log {
    /// Of an execution that is parked at a time.
    fn parked(instance: &Instance, at: u64) -> Self {
        let mut turns = instance.turns().to_vec();
        turns.push(RecordedTurn::parked(seconds(at), "no code"));
        let mut parked = ParkedExecution::default();
        turns.iter().for_each(|turn| parked.apply(turn));
        Self { turns, parked }
    }

    fn raise(&mut self, event: &str, data: Payload, at: Timestamp) -> Vec<String> {
        let turns = self.parked.raise(name(event), data, None, None, at).expect("it is taken");
        self.turns.extend(turns.clone());
        turns.iter().flat_map(|turn| &*turn.events).map(ToString::to_string).collect()
    }

    /// The execution as its code takes it up.
    fn taken_up(&self, code: &OrchestrationCode, at: u64) -> Instance {
        let config = MachineConfig::default();
        let machine = Instance::try_replay(code, &config, &self.turns).expect("it replays");
        assert!(machine.is_parked());
        let mut instance = Instance::resumed(code.clone(), config, machine, seconds(at));
        while let Some(command) = instance.machine.overdue(instance.now) {
            instance.apply(command);
        }
        instance.apply(Command::Unpark);
        assert!(!instance.machine.is_parked());
        instance
    }
}

#[test]
fn an_event_that_comes_while_it_is_parked_is_seen_when_it_goes_on() {
    let code = races();
    let mut log = Log::parked(&Instance::start(code.clone(), ()), 1_010);
    assert_eq!(log.raise("Go", payload("go"), seconds(1_020)), ["ExternalRaised `Go`"]);
    let mut instance = log.taken_up(&code, 1_030);
    instance.complete(1, 7_u64);
    assert_eq!(instance.output::<(String, bool)>(), ("go".into(), true));
    instance.assert_replays();
}

#[test]
fn the_code_does_not_run_before_it_goes_on() {
    let code = races();
    let mut log = Log::parked(&Instance::start(code.clone(), ()), 1_010);
    log.raise("Go", payload("go"), seconds(1_020));
    let machine = Instance::try_replay(&code, &MachineConfig::default(), &log.turns);
    let mut machine = machine.expect("it replays");
    let turn = machine.apply(Command::Unpark, seconds(1_030)).expect("it goes on");
    let events: Vec<_> = turn.recorded.events.iter().map(ToString::to_string).collect();
    assert_eq!(events, ["ExecutionUnparked", "TimerCancelled #3"]);
    let again = machine.apply(Command::Unpark, seconds(1_040)).expect("it is applied");
    assert!(again.recorded.events.is_empty(), "it is not parked");
}

#[test]
fn what_was_due_before_an_event_stands_before_it() {
    let code = races();
    let mut log = Log::parked(&Instance::start(code.clone(), ()), 1_010);
    let events = log.raise("Go", payload("go"), seconds(5_000));
    assert_eq!(events[0], "TimerFired #3");
    assert!(events[1].starts_with("TaskFailed #1"), "{events:?}");
    assert_eq!(events[2], "ExternalRaised `Go`");
    let instance = log.taken_up(&code, 6_000);
    assert_eq!(instance.output::<(String, bool)>(), ("late".into(), false));
    instance.assert_replays();
}

#[test]
fn what_is_due_after_an_event_comes_after_it() {
    let code = races();
    let mut log = Log::parked(&Instance::start(code.clone(), ()), 1_010);
    log.raise("Go", payload("go"), seconds(1_020));
    let instance = log.taken_up(&code, 6_000);
    assert_eq!(instance.output::<(String, bool)>(), ("go".into(), false));
    instance.assert_replays();
}

#[test]
fn an_event_with_a_known_key_is_not_recorded_again() {
    let code = races();
    let mut instance = Instance::start(code, ());
    instance.apply(raise_once("Note", 1, "before"));
    let mut log = Log::parked(&instance, 1_010);
    let mut raise = |key: &str| {
        let key = Some(EventKey::new(key).expect("a key"));
        log.parked.raise(name("Note"), payload(1), key, None, seconds(1_020)).expect("taken").len()
    };
    assert_eq!([raise("before"), raise("now"), raise("now")], [0, 1, 0]);
}

#[test]
fn as_many_events_are_kept_as_by_an_execution_that_runs() {
    let mut log = Log::parked(&Instance::start(races(), ()), 1_010);
    for _ in 0..MAX_BUFFERED_EVENTS {
        log.raise("Note", payload(1), seconds(1_020));
    }
    let mut raise =
        |event: &str| log.parked.raise(name(event), payload("go"), None, None, seconds(1_020));
    let limit = MAX_BUFFERED_EVENTS;
    assert_eq!(raise("Note"), Err(Rejected::TooManyEvents { limit }));
    assert_eq!(raise("Go").expect("a wait is open for it").len(), 1);
    assert_eq!(raise("Go"), Err(Rejected::TooManyEvents { limit }));
}

#[test]
fn as_many_bytes_are_kept_as_by_an_execution_that_runs() {
    let mut log = Log::parked(&Instance::start(races(), ()), 1_010);
    let large = payload("x".repeat(MAX_PAYLOAD_BYTES - 2));
    for _ in 0..MAX_BUFFERED_EVENT_BYTES / MAX_PAYLOAD_BYTES {
        log.raise("Note", large.clone(), seconds(1_020));
    }
    let refused = log.parked.raise(name("Note"), payload(1), None, None, seconds(1_020));
    let limit = MAX_BUFFERED_EVENT_BYTES;
    assert_eq!(refused, Err(Rejected::TooManyEventBytes { limit }));
}

#[test]
fn the_timers_that_a_cancel_has_left_are_not_guessed() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        let timer = ctx.schedule_timer(MINUTE);
        let shielded = ctx.shielded().schedule_timer(MINUTE);
        let _ = ctx.shielded().wait_external::<u64>("Go").await;
        shielded.await;
        drop(timer);
        Ok(())
    });
    let mut instance = Instance::start(code.clone(), ());
    instance.apply(cancel("enough"));
    let mut log = Log::parked(&instance, 1_010);
    assert_eq!(log.raise("Go", payload(1), seconds(5_000)), ["ExternalRaised `Go`"]);
    log.taken_up(&code, 6_000).assert_replays();
}

#[test]
fn a_suspended_execution_that_was_parked_stays_suspended() {
    let code = races();
    let mut instance = Instance::start(code.clone(), ());
    instance.apply(Command::Suspend { reason: "audit".into() });
    let mut log = Log::parked(&instance, 1_010);
    log.raise("Go", payload("go"), seconds(1_020));
    let mut instance = log.taken_up(&code, 1_030);
    assert!(instance.machine.is_suspended());
    instance.apply(Command::Resume);
    instance.complete(1, 7_u64);
    assert_eq!(instance.output::<(String, bool)>(), ("go".into(), true));
    instance.assert_replays();
}

#[test]
fn a_rewind_keeps_what_was_raised_while_it_was_parked() {
    let code = races();
    let instance = Instance::start(code, ());
    let mut log = Log::parked(&instance, 1_010);
    log.raise("Go", payload("go"), seconds(1_020));
    let position = instance.machine.history().len();
    let history: reenact_core::History = log.turns.iter().cloned().collect();
    let rewind = reenact_core::Rewind { position, reason: "why".into(), seed: 3 };
    let rewound = history.rewound(&instance::instance_id(), rewind, seconds(1_030));
    let rewound = rewound.expect("there is such a place");
    let kept = history.turns().iter().take(rewound.kept).chain(&rewound.turns);
    let raised = |turn: &&RecordedTurn| matches!(turn.events[0], Event::ExternalRaised { .. });
    assert_eq!(kept.filter(raised).count(), 1);
}

/// Three children, one of which is shielded, and one that is left alone; then what a cancel leaves to be done.
fn calls_three() -> OrchestrationCode {
    code(|ctx: OrchestrationContext, ()| async move {
        let child = |id: &str, close: ParentClose| {
            OrchestrationByName::new("ship", ChildOptions::new().id(id).parent_close(close))
        };
        let one = child("one", ParentClose::Cancel);
        let one = ctx.schedule_orchestration_by_name::<_, u64>(one, &());
        let two = child("two", ParentClose::Cancel);
        let two = ctx.shielded().schedule_orchestration_by_name::<_, u64>(two, &());
        let three = child("three", ParentClose::Abandon);
        let three = ctx.schedule_orchestration_by_name::<_, u64>(three, &());
        let ended = [one.await.is_ok(), three.await.is_ok()];
        Ok((ended, two.await?))
    })
}

#[test]
fn a_cancel_reaches_the_children_when_the_code_goes_on() {
    let code = calls_three();
    let before = Instance::start(code.clone(), ());
    let [_, start_of_two, _] = <[_; 3]>::try_from(sent(&before.actions())).expect("three starts");
    let mut log = Log::parked(&before, 1_010);
    let turns = log.parked.cancel("enough".into(), None, seconds(1_020)).expect("it is taken");
    assert_eq!(turns.len(), 1);
    log.turns.extend(turns);
    assert_eq!(log.parked.cancel("again".into(), None, seconds(1_030)), Ok(Vec::new()));
    let mut instance = log.taken_up(&code, 1_040);
    // Only the one that is neither shielded nor left alone.
    let events = instance.log();
    let cancels: Vec<_> =
        events.iter().filter(|event| event.starts_with("ChildCancelRequested")).collect();
    assert_eq!(cancels, ["ChildCancelRequested #1"], "{events:?}");
    instance.apply(ended(&start_of_two, Ok(payload(7))));
    assert_eq!(instance.output::<([bool; 2], u64)>(), ([false, false], 7));
    instance.assert_replays();
}

#[test]
fn a_cancel_of_a_machine_that_is_parked_is_the_same_as_one_of_its_log() {
    let code = calls_three();
    let log = Log::parked(&Instance::start(code.clone(), ()), 1_010);
    let config = MachineConfig::default();
    let machine = Instance::try_replay(&code, &config, &log.turns).expect("it replays");
    let mut instance = Instance::resumed(code, config, machine, seconds(1_020));
    let cancelled = instance.apply(cancel("enough"));
    assert!(cancelled.outputs().is_empty(), "a parked execution takes no step");
    let unparked = instance.apply(Command::Unpark);
    assert_eq!(unparked.outputs(), ["ChildCancelRequested #1"]);
    instance.assert_replays();
}
