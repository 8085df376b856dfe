//! Activities with a tag: which hosts may run one is recorded with the call, and goes with each of its
//! attempts.

use std::sync::Arc;
use std::time::Duration;

use crate::support::instance::{Instance, code, instance_id, name, payload, seconds, start};
use reenact_core::limits::MAX_NAME_BYTES;
use reenact_core::{
    Action, ActivityCatalog, ActivityDefinition, ActivityError, ActivityErrorKind, ActivityOptions,
    ApplyError, AttemptTerms, CorrelationId, Machine, MachineConfig, Name, NamedActivity,
    OrchestrationCode, OrchestrationContext, Payload, Refusal, RetryPolicy, Rewind, Rewound,
    Tagged, Timestamp,
};

const ID: CorrelationId = CorrelationId(1);

fn gpu() -> ActivityOptions {
    ActivityOptions::new().tag("gpu")
}

/// Calls one activity with these options; gives what it returned, or the kind of its failure.
fn calls(options: ActivityOptions) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let train = NamedActivity::new("train").with(options);
        let result: Result<u64, _> = ctx.call_activity_by_name(train, &7).await;
        Ok(result.map_err(|error| error.to_string()))
    })
}

fn tagged(tag: &str) -> Option<Box<Tagged>> {
    tagged_until(tag, None)
}

fn tagged_until(tag: &str, deadline: Option<Timestamp>) -> Option<Box<Tagged>> {
    Some(Box::new(Tagged { tag: name(tag), deadline }))
}

fn attempt(number: u32, tagged: Option<Box<Tagged>>) -> Action {
    let (name, input) = (name("train"), payload(7));
    Action::CallActivity { id: ID, name, input, attempt: number, terms: None, tagged, local: false }
}

#[test]
fn the_tag_is_recorded_after_the_call_and_goes_with_it() {
    let mut instance = Instance::start(calls(gpu()), ());
    assert_eq!(instance.log()[1..], ["TaskScheduled #1 `train`", "TaskTagged #1 for `gpu`"]);
    assert_eq!(instance.actions(), [attempt(1, tagged("gpu"))]);
    assert_eq!(instance.assert_replays().open_actions(), instance.actions());
    instance.complete(1, 9);
    assert_eq!(instance.output::<Result<u64, String>>(), Ok(9));
    instance.assert_replays_from_every_point();
}

#[test]
fn an_activity_without_one_leaves_nothing_of_it() {
    let instance = Instance::start(calls(ActivityOptions::new()), ());
    assert_eq!(instance.log()[1..], ["TaskScheduled #1 `train`"]);
    assert_eq!(instance.actions(), [attempt(1, None)]);
    assert_eq!(instance.machine.open_activities(1)[0].tag, None);
}

#[test]
fn every_attempt_has_it_and_so_has_the_first_after_a_rewind() {
    let retried = gpu().retry(RetryPolicy::new(3));
    let mut instance = Instance::start(calls(retried), ());
    assert_eq!(
        instance.log()[1..],
        ["TaskScheduled #1 `train`", "TaskConfigured #1", "TaskTagged #1 for `gpu`"]
    );
    instance.fail(1, ActivityError::retryable("no memory"));
    assert_eq!(instance.fire(1).actions, [attempt(2, tagged("gpu"))]);
    let open = &instance.machine.open_activities(1)[0];
    assert_eq!((&open.tag, open.attempt), (&Some(name("gpu")), 2));
    instance.assert_replays_from_every_point();

    let rewind = Rewind { position: 4, reason: "a test".into(), seed: 1 };
    let history = instance.machine.history();
    let Rewound { kept, turns } =
        history.rewound(&instance_id(), rewind, instance.now).expect("there is the position");
    let turns = history.turns()[..kept].iter().cloned().chain(turns);
    let next = instance.machine.execution_id().next().expect("the second");
    let config = MachineConfig::default();
    let machine = Machine::replay(&instance.code, instance_id(), next, config, turns);
    let open = machine.expect("it replays").open_actions();
    assert!(open.contains(&attempt(1, tagged("gpu"))), "{open:?}");
}

#[test]
fn the_recorded_tag_counts_whatever_the_code_gives_now() {
    for (then, now) in [
        (gpu(), ActivityOptions::new()),
        (gpu(), ActivityOptions::new().tag("eu")),
        (gpu(), gpu().retry(RetryPolicy::new(3))),
        (ActivityOptions::new(), gpu()),
    ] {
        let before = Instance::start(calls(then), ());
        let config = MachineConfig { strict: true, ..MachineConfig::default() };
        let after = Instance::try_replay(&calls(now), &config, before.turns()).expect("it fits");
        assert_eq!(after.open_actions(), before.actions());
    }
}

#[test]
fn a_program_that_runs_it_is_notified_when_all_of_it_must_be_over() {
    let options = gpu().schedule_to_close(Duration::from_secs(60));
    let mut instance = Instance::start(calls(options), ());
    let by = Some(seconds(1_060));
    assert_eq!(instance.actions()[1..], [attempt(1, tagged_until("gpu", by))]);
    instance.pass(60);
    let late = instance.fire(1);
    assert!(late.actions.contains(&Action::CancelActivity { id: ID }), "{:?}", late.actions);
    assert!(instance.output::<Result<u64, String>>().is_err());
    instance.assert_replays_from_every_point();
}

#[test]
fn heartbeats_go_to_the_next_attempt() {
    let mut instance = Instance::start(calls(gpu()), ());
    instance.heartbeat(1, "half");
    let terms = AttemptTerms { details: Some(payload("half")), ..AttemptTerms::default() };
    let open = instance.assert_replays().open_actions();
    let [Action::CallActivity { terms: given, tagged: of, .. }] = &open[..] else {
        panic!("one call: {open:?}");
    };
    assert_eq!((given, of), (&Some(Box::new(terms)), &tagged("gpu")));
    assert_eq!(instance.machine.open_activities(1)[0].tag, Some(name("gpu")));
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_no_name_is_no_tag_and_nothing_is_recorded() {
    let long: &'static str = "x".repeat(MAX_NAME_BYTES + 1).leak();
    for tag in ["", "g\npu", long] {
        let code = code(move |ctx: OrchestrationContext, ()| async move {
            let train = NamedActivity::new("train").with(ActivityOptions::new().tag(tag));
            let result: Result<u64, _> = ctx.call_activity_by_name(train, &7).await;
            Ok(result.expect_err("no tag").kind() == ActivityErrorKind::InvalidOptions)
        });
        let instance = Instance::start(code, ());
        assert!(instance.output::<bool>());
        assert_eq!(instance.log(), ["ExecutionStarted `orchestration`", "ExecutionCompleted"]);
    }
}

/// Has one activity, whose input is a number; the store may be shared with other hosts.
struct Catalog {
    shared: bool,
}

impl ActivityCatalog for Catalog {
    fn check(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        if name.as_str() != "double" {
            return Err(Refusal::Unregistered);
        }
        let checked = input.map_or(Ok(0), Payload::decode::<u64>);
        let invalid = |why| ActivityError::of_kind(ActivityErrorKind::InvalidInput, why);
        checked.map(drop).map_err(|why| Refusal::InvalidInput(invalid(why)))
    }

    fn check_tagged(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        match self.check(name, input) {
            Err(Refusal::Unregistered) if self.shared => Ok(()),
            checked => checked,
        }
    }
}

fn among(shared: bool) -> MachineConfig {
    let activities = Some(Arc::new(Catalog { shared }) as Arc<dyn ActivityCatalog>);
    MachineConfig { activities, ..MachineConfig::default() }
}

struct Train;

impl ActivityDefinition for Train {
    type Input = u64;
    type Output = u64;
    const NAME: &'static str = "train";
}

#[test]
fn an_activity_that_other_hosts_have_need_not_be_registered_here() {
    let typed = code(|ctx: OrchestrationContext, ()| async move {
        Ok(ctx.call_activity(Train.with(gpu()), 7).await?)
    });
    for code in [calls(gpu()), typed] {
        let instance = Instance::start_with(code.clone(), among(true), start(()));
        assert_eq!(instance.actions(), [attempt(1, tagged("gpu"))]);
        let refused = Instance::try_start(code, among(false), start(()));
        assert!(matches!(refused, Err(ApplyError::UnregisteredActivity { .. })));
    }
    let without = Instance::try_start(calls(ActivityOptions::new()), among(true), start(()));
    assert!(matches!(without, Err(ApplyError::UnregisteredActivity { .. })), "no tag: no host");
}

#[test]
fn where_it_is_registered_its_input_is_checked() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        let double = NamedActivity::new("double").with(gpu());
        let refused: Result<u64, _> = ctx.call_activity_by_name(double, "text").await;
        Ok(refused.expect_err("no number").kind() == ActivityErrorKind::InvalidInput)
    });
    let instance = Instance::start_with(code, among(true), start(()));
    assert!(instance.output::<bool>());
    assert_eq!(instance.log()[1..2], ["TaskRefused #1 `double`"]);
    instance.assert_replays_from_every_point();
}
