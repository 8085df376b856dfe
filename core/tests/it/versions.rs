//! Versions of an orchestration: the log tells which one an execution is of, and only that one goes on
//! with it. As what an execution continues is found out once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::instance::{
    self, Answer, Instance, code, divergence, instance_id, name, payload, seconds, start, task,
    turn,
};
use reenact_core::{
    CodeCatalog, CorrelationId, Event, InstanceId, Machine, MachineConfig, Name, Orchestration,
    OrchestrationCode, OrchestrationContext, OrchestrationError, OrchestrationErrorKind, Origin,
    Relation, ReplayError, Start, Successor, Version,
};

fn version(text: &str) -> Version {
    Version::new(text).expect("a version")
}

/// Counts down, an execution for each number.
fn countdown(text: &str) -> OrchestrationCode {
    let code = code(async |ctx: OrchestrationContext, left: u64| match left {
        0 => Ok(()),
        left => ctx.continue_as_new_untyped(&(left - 1)),
    });
    code.of_version(version(text))
}

/// As [`countdown`], and stays on its version.
fn pinned_countdown(text: &str) -> OrchestrationCode {
    let code = code(async |ctx: OrchestrationContext, left: u64| match left {
        0 => Ok(()),
        left => ctx.pinned().continue_as_new_untyped(&(left - 1)),
    });
    code.of_version(version(text))
}

/// A host with this as the newest version.
struct Newest {
    newest: OrchestrationCode,
    asked: Mutex<Vec<Name>>,
}

impl CodeCatalog for Newest {
    fn newest(&self, orchestration: &Name) -> Option<OrchestrationCode> {
        self.asked.lock().expect("no panic").push(orchestration.clone());
        Some(self.newest.clone())
    }
}

fn with_newest(newest: OrchestrationCode) -> (MachineConfig, Arc<Newest>) {
    let catalog = Arc::new(Newest { newest, asked: Mutex::default() });
    (MachineConfig { versions: Some(catalog.clone()), ..MachineConfig::default() }, catalog)
}

fn successor(machine: &Machine) -> (Machine, Vec<Answer>) {
    let begun = machine.successor(None).expect("nothing runs");
    let Successor { machine, turns } = begun.expect("it has continued as new");
    (machine, turns.into_iter().map(Answer::of).collect())
}

#[test]
fn the_version_stands_directly_after_the_start() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let mut instance = Instance::start(code.of_version(version("1.2.0")), ());
    instance.complete(1, 7);
    assert_eq!(
        instance.log(),
        [
            "ExecutionStarted `orchestration`",
            "VersionSelected 1.2.0",
            "TaskScheduled #1 `a`",
            "TaskCompleted #1",
            "ExecutionCompleted",
        ]
    );
    assert_eq!(instance.turns()[0].version(), version("1.2.0"));
    assert_eq!(*instance.machine.version(), version("1.2.0"));
    instance.assert_replays_from_every_point();
}

#[test]
fn code_without_a_version_writes_none() {
    let code = code(async |_: OrchestrationContext, ()| Ok(()));
    for code in [code.clone(), code.of_version(Version::NONE)] {
        let instance = Instance::start(code, ());
        assert_eq!(instance.log(), ["ExecutionStarted `orchestration`", "ExecutionCompleted"]);
        assert_eq!(instance.turns()[0].version(), Version::NONE);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn a_delayed_start_tells_its_version_at_once() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let how = Start { delay: Some(Duration::from_secs(60)), ..start(()) };
    let (code, config) = (code.of_version(version("3.0.0")), MachineConfig::default());
    let mut instance = Instance::start_with(code, config, how);
    assert_eq!(
        instance.log(),
        [
            "ExecutionStarted `orchestration`",
            "VersionSelected 3.0.0",
            "TimerCreated #0 for 1970-01-01T00:17:40.000000Z"
        ]
    );
    instance.fire(0);
    instance.complete(1, 7);
    assert_eq!(instance.output::<u64>(), 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn the_code_of_another_version_does_not_fit() {
    let code = || code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let (one, two) = (code().of_version(version("1.0.0")), code().of_version(version("2.0.0")));
    let found = |log: &OrchestrationCode, code: &OrchestrationCode| {
        let instance = Instance::start(log.clone(), ());
        let replayed = Instance::try_replay(code, &MachineConfig::default(), instance.turns());
        divergence(replayed).to_string()
    };
    assert_eq!(
        found(&one, &two),
        "nondeterministic at event 1: expected VersionSelected 1.0.0, found VersionSelected 2.0.0"
    );
    assert_eq!(
        found(&code(), &two),
        "nondeterministic at event 1: expected TaskScheduled #1 `a`, found VersionSelected"
    );
    assert_eq!(
        found(&one, &code()),
        "nondeterministic at event 1: expected VersionSelected, found TaskScheduled #1 `a`"
    );
}

#[test]
fn a_version_in_another_place_is_malformed() {
    let started = Event::ExecutionStarted {
        name: name("orchestration"),
        input: payload(()),
        seed: 7,
        delay: None,
    };
    let selected = || Event::VersionSelected { version: version("1.0.0") };
    let status = Event::StatusSet { status: payload(1) };
    let code = code(async |_: OrchestrationContext, ()| Ok(())).of_version(version("1.0.0"));
    for turns in [
        vec![turn(1, [started.clone(), selected(), selected()])],
        vec![turn(1, [started, status, selected()])],
    ] {
        let replayed = Instance::try_replay(&code, &MachineConfig::default(), &turns);
        match replayed {
            Err(ReplayError::Malformed(why)) => {
                assert_eq!(why.expected, "a version directly after the start only");
                assert_eq!(why.position, 2);
            }
            Err(ReplayError::Nondeterministic(why)) => assert_eq!(why.position, 2),
            other => panic!("not found: {other:?}"),
        }
    }
}

#[test]
fn an_execution_continues_as_the_newest_version() {
    let (config, catalog) = with_newest(countdown("2.0.0"));
    let first = Instance::start_with(countdown("1.0.0"), config.clone(), start(2_u64));
    let (mut second, begun) = successor(&first.machine);
    assert_eq!(
        begun.iter().flat_map(Answer::log).collect::<Vec<_>>(),
        [
            "ExecutionStarted `orchestration`",
            "VersionSelected 2.0.0",
            "TimerCreated #0 for 1970-01-01T00:16:40.000000Z"
        ]
    );
    assert_eq!(*second.version(), version("2.0.0"));
    let fire = instance::fire(0);
    let turn = Answer::of(second.apply(fire, seconds(2_000)).expect("it runs"));
    assert_eq!(turn.outputs(), ["ExecutionContinued"]);
    let (third, _) = successor(&second);
    assert_eq!(*third.version(), version("2.0.0"), "it is the newest already");
    assert_eq!(*catalog.asked.lock().expect("no panic"), vec![name("orchestration"); 2]);

    // The log of each is enough.
    let turns = second.history().turns().to_vec();
    let replayed =
        Machine::replay(&countdown("2.0.0"), instance_id(), second.execution_id(), config, turns);
    assert_eq!(replayed.expect("it replays").outcome(), second.outcome());
    assert_eq!(catalog.asked.lock().expect("no panic").len(), 2, "replay does not ask");
}

#[test]
fn a_pinned_execution_stays_on_its_version() {
    let (config, catalog) = with_newest(pinned_countdown("2.0.0"));
    let first = Instance::start_with(pinned_countdown("1.0.0"), config, start(2_u64));
    let (second, _) = successor(&first.machine);
    assert_eq!(*second.version(), version("1.0.0"));
    assert!(catalog.asked.lock().expect("no panic").is_empty());
    first.assert_replays_from_every_point();
}

#[test]
fn without_a_catalog_an_execution_stays_on_its_version() {
    let first = Instance::start(countdown("1.0.0"), 2_u64);
    assert_eq!(*successor(&first.machine).0.version(), version("1.0.0"));
}

#[test]
fn a_typed_orchestration_can_be_pinned_as_well() {
    struct Counter;
    impl Orchestration for Counter {
        type Input = u64;
        type Output = ();
        const NAME: &'static str = "orchestration";
        const VERSION: &'static str = "1.0.0";
        async fn run(ctx: OrchestrationContext, n: u64) -> Result<(), OrchestrationError> {
            match n % 2 {
                0 => ctx.pinned().continue_as_new(Counter, n + 1),
                _ => ctx.continue_as_new(Counter, n + 1),
            }
        }
    }
    let of = |n: u64| {
        let (config, _) = with_newest(countdown("2.0.0"));
        let code = OrchestrationCode::of::<Counter>().expect("a good definition");
        let instance = Instance::start_with(code, config, start(n));
        successor(&instance.machine).0.version().clone()
    };
    assert_eq!((of(0), of(1)), (version("1.0.0"), version("2.0.0")));
}

/// Found out while the history that led to it is still there.
#[test]
fn an_input_that_the_newest_version_does_not_take_fails_the_execution() {
    let texts = code(async |_: OrchestrationContext, _: String| Ok(()));
    let (config, _) = with_newest(texts.of_version(version("2.0.0")));
    let instance = Instance::start_with(countdown("1.0.0"), config, start(2_u64));
    let failure = instance.failure();
    assert_eq!(failure.kind(), OrchestrationErrorKind::InvalidInput);
    let message = failure.message();
    assert!(
        message.starts_with("the next execution's input is not valid for version 2.0.0: "),
        "{message}"
    );
    instance.assert_replays();
}

#[test]
fn a_version_that_is_invalid_is_no_definition() {
    struct Bad;
    impl Orchestration for Bad {
        type Input = ();
        type Output = ();
        const NAME: &'static str = "bad";
        const VERSION: &'static str = "1.0";
        async fn run(_: OrchestrationContext, (): ()) -> Result<(), OrchestrationError> {
            Ok(())
        }
    }
    let refused = OrchestrationCode::of::<Bad>().expect_err("no version");
    assert!(refused.to_string().starts_with("`1.0` is not a version: "), "{refused}");
}

#[test]
fn a_child_of_a_version_says_which_one() {
    let (instance, id) = (InstanceId::new("parent").expect("an id"), CorrelationId(1));
    let origin =
        Origin { instance, lineage: 9, id, attempt: 1, depth: 1, relation: Relation::Child };
    let how = Start { origin: Some(Box::new(origin)), ..start(0) };
    let child = Instance::start_with(countdown("1.0.0"), MachineConfig::default(), how);
    assert_eq!(child.turns()[0].version(), version("1.0.0"));
    child.assert_replays();
}
