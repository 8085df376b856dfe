//! Locks of other instances: taken in order, and given back at whatever end.

use crate::support::instance::{
    Answer, Instance, cancel, code, divergence, instance_id, payload, start, terminate,
};
use crate::support::messages::{delivered, sent};
use reenact_core::{
    Command, Event, Executor, HeldLock, InstanceId, LockError, MachineConfig, Message, MessageBody,
    MessageKind, NotTaken, OrchestrationCode, OrchestrationContext, Outbox, Recipient,
    RecordedTurn, Rewind, Start, UpdateAnswer, UpdateReturn,
};
use std::time::Duration;

/// Locks two accounts, says what it holds, and holds it until "Go"; then it goes on.
async fn locking(
    ctx: OrchestrationContext,
    how: String,
) -> Result<Vec<String>, reenact_core::OrchestrationError> {
    let guard = ctx.lock(["b", "a", "b"]).await?;
    let mut seen = vec![held(&ctx, "a"), held(&ctx, "b"), held(&ctx, "c")];
    let go: String = ctx.wait_external("Go").await?;
    seen.push(held(&ctx, "a"));
    if how == "ends" || go == "end" {
        return Ok(seen);
    }
    if how == "renews" {
        return ctx.continue_as_new_untyped(&"ends");
    }
    guard.release();
    seen.push(held(&ctx, "a"));
    let _: String = ctx.wait_external("Go").await?;
    Ok(seen)
}

fn held(ctx: &OrchestrationContext, of: &str) -> String {
    match ctx.held_lock(&id(of)) {
        HeldLock::NotHeld => "not held".into(),
        HeldLock::Held(text) => text,
        HeldLock::Lost => "lost".into(),
    }
}

fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("an id")
}

fn text(instance: &Instance) -> String {
    let data = requests(&sent(&instance.actions()))[0].1.clone();
    let owner = format!(r#"","owner":"{}"}}"#, instance_id());
    data.strip_prefix(r#"{"lock":""#).and_then(|rest| rest.strip_suffix(&owner)).expect("it").into()
}

/// To whom, and the data, of requests for locks.
fn requests(messages: &[Message]) -> Vec<(String, String)> {
    let requests = messages.iter().filter_map(|message| match &message.body {
        MessageBody::Request(request) if request.name.as_str() == "@op" => {
            Some((message.to.to_string(), request.data.to_string()))
        }
        _ => None,
    });
    requests.collect()
}

/// To whom, of those that give back locks.
fn given_back(messages: &[Message]) -> Vec<String> {
    let given = messages.iter().filter_map(|message| match &message.body {
        MessageBody::Event { name, data } if name.as_str() == "@held" => {
            assert!(data.to_string().ends_with(r#""unlock":true}"#), "{data}");
            Some(message.to.to_string())
        }
        _ => None,
    });
    given.collect()
}

fn granted(asked: &Message) -> Command {
    let (lineage, id) = (asked.id.lineage, asked.id.id);
    let answer = UpdateReturn::Answered(UpdateAnswer::Replied(payload(())));
    Command::ReturnUpdate { lineage, id, from: asked.to.clone(), answer }
}

/// An instance that holds both locks.
fn holding(how: &str) -> Instance {
    let mut instance = Instance::start(code(locking), how);
    for _ in 0..2 {
        let asked = instance.only_message();
        instance.apply(granted(&asked));
    }
    instance
}

fn outbox_of(turns: &[RecordedTurn]) -> Vec<String> {
    given_back(&Outbox::of(instance_id(), turns).under_way())
}

#[test]
fn locks_are_asked_for_one_after_the_other_in_the_order_of_ids_each_once() {
    let mut instance = Instance::start(code(locking), "ends");
    let first = instance.only_message();
    assert_eq!((first.to.as_str(), first.id.kind), ("a", MessageKind::Update));
    let answer = instance.apply(granted(&first));
    assert_eq!(answer.log(), ["Request #1: answered", "Request #2: lock #1 of `b` asked for"]);
    let second = instance.only_message();
    assert_eq!(
        requests(&[first])[0].1,
        requests(std::slice::from_ref(&second))[0].1,
        "one lock for both"
    );
    instance.apply(granted(&second));
    let answer = instance.raise("Go", "go");
    assert_eq!(given_back(&sent(&answer.actions)), ["a", "b"]);
    let text = text(&instance);
    assert_eq!(
        instance.output::<Vec<String>>(),
        [text.clone(), text.clone(), "not held".into(), text]
    );
    instance.assert_replays_from_every_point();
}

#[test]
fn a_guard_that_is_released_gives_the_locks_back_in_a_step_of_its_own() {
    let mut instance = holding("releases");
    let answer = instance.raise("Go", "go");
    assert_eq!(
        answer.log(),
        ["ExternalRaised `Go`", "Request #1: lock released", "ExternalSubscribed #4 `Go`"]
    );
    let messages = sent(&answer.actions);
    assert_eq!(given_back(&messages), ["a", "b"]);
    let keys: Vec<_> = messages.iter().map(|m| m.id.event_key(&instance_id()).unwrap()).collect();
    let asked = sent(&instance.actions())[0].id.event_key(&instance_id()).unwrap();
    assert!(!keys.contains(&asked), "it is not taken for the request: {keys:?}");
    messages.iter().for_each(|message| drop(instance.apply(delivered(message))));
    instance.raise("Go", "go");
    assert_eq!(instance.output::<Vec<String>>().last().expect("one"), "not held");
    assert!(instance.machine.outbox().is_empty(), "nothing is given back twice");
    instance.assert_replays_from_every_point();
}

#[test]
fn every_end_gives_back_what_is_held_and_what_is_asked_for() {
    let ends: [fn(&mut Instance) -> Answer; 3] = [
        |instance| instance.apply(terminate("enough")),
        |instance| instance.apply(cancel("enough")),
        |instance| instance.raise("Go", 7),
    ];
    for end in ends {
        let mut instance = holding("ends");
        assert_eq!(given_back(&sent(&end(&mut instance).actions)), ["a", "b"]);
        assert!(instance.machine.outcome().is_some());
        instance.assert_replays_from_every_point();
    }
    // Asked for, and not given yet.
    let mut instance = Instance::start(code(locking), "ends");
    let first = instance.only_message();
    instance.apply(granted(&first));
    let asked = instance.only_message();
    let answer = instance.apply(terminate("enough"));
    assert_eq!(given_back(&sent(&answer.actions)), ["a"], "the other one goes after the request");
    let mut outbox = instance.machine.outbox();
    let (_, next) = outbox.settle(&[asked.id], 2, instance.now).expect("it is new");
    assert_eq!(given_back(&next), ["b"]);
    instance.assert_replays_from_every_point();

    let mut instance = holding("renews");
    let answer = instance.raise("Go", "go");
    assert_eq!(given_back(&sent(&answer.actions)), ["a", "b"], "it continues as new");
    instance.assert_replays_from_every_point();
}

#[test]
fn code_that_goes_on_as_new_in_its_log_holds_nothing_and_can_lock_again() {
    let start = Start { delay: Some(Duration::ZERO), ..start("renews") };
    let mut instance = Instance::start_with(code(locking), MachineConfig::default(), start);
    (0..200_u64).for_each(|number| drop(instance.raise("other", number)));
    instance.fire(0);
    for _ in 0..2 {
        let asked = instance.only_message();
        instance.apply(granted(&asked));
    }
    let turn = instance.raise("Go", "go");
    assert!(turn.log().iter().any(|event| event.starts_with("ExecutionRenewed")), "{turn:?}");
    let messages = sent(&turn.actions);
    assert_eq!(given_back(&messages), ["a", "b"]);
    messages.iter().for_each(|message| drop(instance.apply(delivered(message))));
    let again = instance.fire(0);
    let requests = requests(&sent(&again.actions));
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].1.contains(&text(&instance)), "another lock: {requests:?}");
    instance.assert_replays();
}

#[test]
fn a_lock_that_is_not_given_is_a_typed_error_and_the_others_are_given_back() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let error = ctx.lock(["a", "b"]).await.expect_err("b is not there");
        let LockError::NotLocked { of, .. } = &error else { panic!("{error}") };
        assert_eq!(of.as_str(), "b");
        let text = error.to_string();
        Ok(ctx.wait_external::<String>("Go").await? + &text)
    });
    let mut instance = Instance::start(code, ());
    let first = instance.only_message();
    instance.apply(granted(&first));
    let second = instance.only_message();
    let refused = Command::RefuseMessage { message: second.id, why: NotTaken::NotFound };
    let answer = instance.apply(refused);
    assert_eq!(given_back(&sent(&answer.actions)), ["a", "b"]);
    // That nobody takes back what it never gave says nothing.
    for message in sent(&answer.actions) {
        instance.apply(Command::RefuseMessage { message: message.id, why: NotTaken::NotFound });
    }
    instance.raise("Go", "");
    let text = instance.output::<String>();
    assert!(text.starts_with("instance `b` was not locked: update `@op` was not taken"), "{text}");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_lock_inside_a_lock_and_what_cannot_be_are_refused_and_nothing_is_recorded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let no_id = ctx.lock([""]).await.expect_err("it is no id");
        let recipient = Recipient::new("a").or_start_by_name("", &());
        let no_name = ctx.lock([recipient]).await.expect_err("it is no name");
        let nothing = ctx.lock([""; 0]).await?;
        let guard = ctx.lock(["a"]).await?;
        let nested = ctx.lock(["b"]).await.expect_err("a lock inside a lock");
        assert_eq!(nested, LockError::Nested);
        drop((nothing, guard));
        drop(ctx.lock(["b"]).await?);
        Ok([no_id, no_name, nested].map(|error| error.to_string()))
    });
    let run = Executor::new(code).drive_to_completion(&()).expect("it ends");
    let log: Vec<_> = run.history.events().map(|event| event.event.to_string()).collect();
    let steps = log.iter().filter(|event| event.starts_with("Request"));
    let steps: Vec<_> = steps.map(|event| event.split(": ").nth(1).expect("one")).collect();
    assert_eq!(
        steps,
        [
            "lock #1 of `a` asked for",
            "answered",
            "lock released",
            "lock #2 of `b` asked for",
            "answered"
        ],
        "the last one is given back by the end"
    );
    let [no_id, no_name, _] = run.output::<[String; 3]>().expect("texts");
    assert!(no_id.starts_with("the lock cannot be asked for"), "{no_id}");
    assert!(no_name.starts_with("the lock cannot be asked for"), "{no_name}");
}

#[test]
fn an_instance_that_is_parked_gives_back_its_locks_and_finds_them_lost() {
    let instance = holding("releases");
    let parked = [instance.turns(), &[RecordedTurn::parked(instance.now, "no code")]].concat();
    assert_eq!(outbox_of(&parked), ["a", "b"], "without the code");
    assert_eq!(given_back(&Outbox::of(instance_id(), &parked).giving_back_locks()), ["a", "b"]);
    let machine =
        Instance::try_replay(&instance.code, &instance.config, &parked).expect("it replays");
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let mut instance = Instance::resumed(code, config, machine, instance.now);
    instance.apply(Command::Unpark);
    let under_way = sent(&instance.machine.open_actions());
    assert_eq!(given_back(&under_way), ["a", "b"]);
    instance.raise("Go", "go");
    under_way.iter().for_each(|message| drop(instance.apply(delivered(message))));
    instance.raise("Go", "go");
    let seen = instance.output::<Vec<String>>();
    assert_eq!(seen[3..], ["lost", "not held"]);
    assert!(instance.machine.outbox().is_empty(), "nothing is given back twice");
    instance.assert_replays();
}

#[test]
fn an_instance_that_is_parked_while_it_waits_for_a_lock_asks_for_all_of_them_anew() {
    let mut instance = Instance::start(code(locking), "ends");
    let first = instance.only_message();
    instance.apply(granted(&first));
    let (second, lost) = (instance.only_message(), text(&instance));
    let parked = [instance.turns(), &[RecordedTurn::parked(instance.now, "no code")]].concat();
    let machine =
        Instance::try_replay(&instance.code, &instance.config, &parked).expect("it replays");
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let mut instance = Instance::resumed(code, config, machine, instance.now);
    instance.apply(Command::Unpark);
    // What was asked for is given back, and so its answer is of no use, whatever it is.
    let answer = instance.apply(granted(&second));
    assert_eq!(
        answer.log(),
        [
            "Request #2: answered",
            "Request #1: lock released",
            "Request #3: lock #3 of `a` asked for"
        ]
    );
    for of in ["a", "b"] {
        let asked = loop {
            let under_way = sent(&instance.machine.open_actions());
            let is_new = |message: &&Message| message.id.id > second.id.id;
            if let Some(asked) = under_way.iter().find(is_new) {
                break asked.clone();
            }
            // What gives back the lost lock goes first.
            under_way.iter().for_each(|message| drop(instance.apply(delivered(message))));
        };
        assert_eq!(requests(std::slice::from_ref(&asked))[0].0, of);
        instance.apply(granted(&asked));
    }
    instance.raise("Go", "go");
    let seen = instance.output::<Vec<String>>();
    assert!(!seen[..2].contains(&"lost".to_string()) && seen[0] == seen[3], "{seen:?}");
    assert_ne!(seen[0], lost, "it is another lock");
    instance.assert_replays();
}

#[test]
fn a_rewind_gives_back_what_was_locked_before_it_and_after_it() {
    let mut instance = holding("releases");
    let messages = sent(&instance.raise("Go", "go").actions);
    messages.iter().for_each(|message| drop(instance.apply(delivered(message))));
    let rewound = |position| {
        let rewind = Rewind { position, reason: "again".into(), seed: 9 };
        let rewound = instance.machine.history().rewound(&instance_id(), rewind, instance.now);
        let rewound = rewound.expect("a place");
        let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
        let (code, config) = (instance.code.clone(), instance.config.clone());
        let machine = Instance::try_replay(&code, &config, &turns).expect("it replays");
        (outbox_of(&turns), Instance::resumed(code, config, machine, instance.now))
    };
    let place = |of: &str| instance.log().iter().position(|event| event.starts_with(of));
    // To before "Go": the lock is kept, and the instance cannot know whether others had it since.
    let (given_back_again, mut kept) = rewound(place("ExternalRaised").expect("it") as u64);
    assert_eq!(given_back_again, ["a", "b"]);
    kept.fire(0);
    assert!(kept.log().contains(&"Request #1: lock released".to_string()), "{:?}", kept.log());
    kept.assert_replays();
    // To before the second lock was asked for, when both were held.
    let held = holding("releases");
    let rewind = Rewind { position: 3, reason: "again".into(), seed: 9 };
    let undone = held.machine.history().rewound(&instance_id(), rewind, held.now).expect("a place");
    let turns = [&held.turns()[..undone.kept], &undone.turns].concat();
    assert_eq!(outbox_of(&turns), ["a", "b"], "{:?}", held.log());
}

#[test]
fn code_that_locks_something_else_is_a_difference() {
    let instance = holding("ends");
    for (other, text) in
        [(["a", "c"], "found Request #2 of `c`"), (["0", "a"], "found Request #1 of `0`")]
    {
        let code: OrchestrationCode =
            code(move |ctx: OrchestrationContext, _: String| async move {
                let _guard = ctx.lock(other).await?;
                Ok(ctx.wait_external::<String>("Go").await?)
            });
        let differs = divergence(Instance::try_replay(&code, &instance.config, instance.turns()));
        assert!(differs.to_string().contains(text), "{differs}");
    }
    let is_lock = |event: &Event| matches!(event, Event::Request(_));
    assert!(instance.machine.history().events().any(|event| is_lock(event.event)));
}
