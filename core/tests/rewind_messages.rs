//! Histories that are rewound while there is something to tell others: nothing is sent twice, nothing
//! is lost, and nobody waits for ever.

#[path = "support/instance.rs"]
mod instance;
#[path = "support/messages.rs"]
mod messages;

use instance::{Instance, code, instance_id, payload};
use messages::{delivered, sent};
use reenact_core::{
    ChildOptions, Command, InstanceId, Machine, MachineConfig, NotTaken, OrchestrationByName,
    OrchestrationCode, OrchestrationContext, Outcome, Rewind, Rewound,
};

/// What a rewind of this instance to before the first event of a kind makes of it.
fn rewound(instance: &Instance, kind: &str) -> Instance {
    let history = instance.machine.history();
    let place = history.events().find(|event| event.event.to_string().starts_with(kind));
    let position = place.unwrap_or_else(|| panic!("no {kind} in {history}")).position;
    let rewind = Rewind { position, reason: "a test".into(), seed: 1 };
    let Rewound { kept, turns } =
        history.rewound(&instance_id(), rewind, instance.now).expect("there is the position");
    let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
    let (code, config) = (instance.code.clone(), MachineConfig::default());
    let next = instance.machine.execution_id().next().expect("few");
    let machine = Machine::replay(&code, instance_id(), next, config.clone(), turns);
    Instance::resumed(code, config, machine.expect("it fits"), instance.now)
}

fn other() -> InstanceId {
    InstanceId::new("other").expect("an id")
}

fn named(id: &str) -> OrchestrationByName {
    OrchestrationByName::new("ship", ChildOptions::new().id(id))
}

/// Starts an orchestration that goes on by itself, tells another instance, and waits for both.
fn teller() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let started = ctx.start_orchestration_by_name(named("ship-7"), &1).await;
        let told = ctx.raise_event(&other(), "Hello", &1).await;
        let () = ctx.wait_external("Go").await?;
        Ok((started.is_ok(), told.is_ok()))
    })
}

#[test]
fn a_start_and_an_event_that_were_not_answered_are_awaited_on() {
    let mut before = Instance::start(teller(), ());
    before.raise("Early", ());
    let mut again = rewound(&before, "ExternalRaised");
    again.fire(0);
    for _ in 0..2 {
        let message = again.only_message();
        again.apply(delivered(&message));
    }
    again.raise("Go", ());
    assert_eq!(again.output::<(bool, bool)>(), (true, true));
}

#[test]
fn what_has_arrived_is_not_told_again() {
    let mut before = Instance::start(teller(), ());
    let start = before.only_message();
    before.apply(delivered(&start));
    let mut again = rewound(&before, "MessagesDelivered");
    assert_eq!(sent(&again.machine.open_actions()), [], "what it started may be long gone");
    let told = again.fire(0);
    let event = sent(&told.actions);
    assert!(matches!(&event[..], [event] if event.to == other()), "{event:?}");
}

#[test]
fn a_child_whose_id_is_taken_is_refused_again() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let child = ctx.call_orchestration_by_name::<_, u64>(named("ship-7"), &1);
        Ok(child.await.is_ok())
    });
    let mut before = Instance::start(code, ());
    let start = before.only_message();
    let refused = Command::RefuseMessage { message: start.id, why: NotTaken::AlreadyExists };
    before.apply(refused.clone());
    assert!(!before.output::<bool>());
    let mut again = rewound(&before, "ChildFailed");
    assert_eq!(again.only_message(), start);
    again.fire(0);
    again.apply(refused);
    assert!(!again.output::<bool>(), "it does not wait for a child of somebody else");
}

#[test]
fn what_an_execution_before_has_to_tell_is_not_undone() {
    let code = code(async |ctx: OrchestrationContext, again: bool| {
        if again {
            return Ok(ctx.wait_external::<u64>("Go").await?);
        }
        drop(ctx.raise_event(&other(), "Hello", &1));
        drop(ctx.start_orchestration_by_name(named("ship-7"), &1));
        ctx.continue_as_new_untyped(&true)
    });
    let first = Instance::start(code.clone(), false);
    let under_way = sent(&first.actions());
    let next = first.machine.successor().expect("nothing runs").expect("it continues");
    let second = Instance::resumed(code, MachineConfig::default(), next.machine, first.now);
    let again = rewound(&second, "OutboxCarried");
    assert_eq!(sent(&again.machine.open_actions()), under_way);
}

#[test]
fn what_stands_behind_the_end_belongs_to_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(ctx.raise_event(&other(), "Hello", &1));
        Ok(ctx.wait_external::<u64>("Go").await?)
    });
    let mut ended = Instance::start(code, ());
    let event = ended.only_message();
    ended.raise("Go", 7);
    let end = ended.turns().len() as u64 - 1;
    let mut outbox = ended.machine.outbox();
    let (settled, _) = outbox.settle(&[event.id], end, ended.now).expect("it is new");
    let turns = ended.turns().iter().cloned().chain([settled]).collect::<Vec<_>>();
    ended.machine = Instance::try_replay(&ended.code, &ended.config, &turns).expect("it replays");

    let mut again = rewound(&ended, "MessagesDelivered");
    assert_eq!(again.machine.outcome(), None);
    again.fire(0);
    assert_eq!(again.machine.outcome(), Some(&Outcome::Completed(payload(7))));
    assert_eq!(again.machine.outbox_len(), 0, "that has arrived");
}
