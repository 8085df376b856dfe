//! Updates from one instance to another: sent once, answered once, and never met with silence.

mod the_one_that_is_asked;

use crate::support::instance::{
    Answer, Instance, cancel, code, divergence, instance_id, payload, start, terminate,
};
use crate::support::messages::{delivered, sent};
use reenact_core::{
    CallUpdateError, Command, CorrelationId, Event, EventKey, InstanceId, MachineConfig, Message,
    MessageBody, MessageKind, Name, NotTaken, OrchestrationCode, OrchestrationContext,
    ParkedExecution, Recipient, RecordedTurn, RequestEvent, Requester, Rewind, Start, UpdateAnswer,
    UpdateName, UpdateReturn,
};
use std::time::Duration;

const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

type Sum = Result<u64, CallUpdateError<String>>;

/// Asks another instance, and says what it got.
fn asking() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, number: u64| {
        let sum: Sum = ctx.call_update("sum", ADD, &number).await;
        Ok(match sum {
            Ok(sum) => format!("it is {sum}"),
            Err(CallUpdateError::Cancelled(cancelled)) => return Err(cancelled.into()),
            Err(error) => format!("{error}{}", reason(&error)),
        })
    })
}

fn reason(error: &CallUpdateError<String>) -> String {
    if let CallUpdateError::Refused(reason) = error { format!(": {reason}") } else { String::new() }
}

fn other() -> InstanceId {
    InstanceId::new("sum").expect("an id")
}

/// What comes back for an update that this message has sent.
fn returned(sent: &Message, answer: UpdateReturn) -> Command {
    let (lineage, id) = (sent.id.lineage, sent.id.id);
    Command::ReturnUpdate { lineage, id, from: sent.to.clone(), answer }
}

fn replied(sum: u64) -> UpdateReturn {
    UpdateReturn::Answered(UpdateAnswer::Replied(payload(sum)))
}

fn refused(message: &Message, why: NotTaken) -> Command {
    Command::RefuseMessage { message: message.id, why }
}

mod the_one_that_asks {
    use super::*;

    #[test]
    fn sends_its_request_once_and_has_its_answer_once() {
        let mut instance = Instance::start(asking(), 5);
        let update = instance.only_message();
        assert_eq!((update.to.as_str(), update.id.kind), ("sum", MessageKind::Update));
        let MessageBody::Request(request) = &update.body else { panic!("{update:?}") };
        assert_eq!((request.name.as_str(), &request.data), ("add", &payload(5)));
        assert!(request.is_update && request.or_start.is_none());
        let answer = instance.apply(returned(&update, replied(12)));
        assert_eq!(answer.log()[0], "Request #1: answered");
        assert!(instance.apply(returned(&update, replied(13))).is_empty(), "it counts once");
        assert_eq!(instance.output::<String>(), "it is 12");
        assert!(instance.machine.outbox().is_empty(), "what came back says that it has arrived");
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn may_know_that_the_request_has_arrived_before_there_is_an_answer() {
        let mut instance = Instance::start(asking(), 5);
        let update = instance.only_message();
        assert!(!instance.machine.awaits_delivery(update.id), "that can be left to the answer");
        instance.apply(delivered(&update));
        assert!(instance.machine.outcome().is_none());
        assert_eq!(instance.machine.wake_at(), None, "it need not be in memory");
        instance.apply(returned(&update, replied(12)));
        assert_eq!(instance.output::<String>(), "it is 12");
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn gets_a_typed_error_whatever_becomes_of_the_request() {
        let answered = |answer| UpdateReturn::Answered(answer);
        let came_back = [
            (
                answered(UpdateAnswer::Refused(payload("too much"))),
                "the update was refused: too much",
            ),
            (
                answered(UpdateAnswer::Invalid("no number".into())),
                "update `add` was not taken: its request is not what instance `sum` takes: no number",
            ),
            (
                answered(UpdateAnswer::Dropped),
                "instance `sum` has dropped update `add` without an answer",
            ),
            (UpdateReturn::Ended, "instance `sum` has ended without an answer to update `add`"),
            (
                answered(UpdateAnswer::Replied(payload("x"))),
                "the answer to the update is not of the wanted type",
            ),
        ];
        for (answer, text) in came_back {
            let mut instance = Instance::start(asking(), 5);
            let update = instance.only_message();
            instance.apply(returned(&update, answer));
            let output = instance.output::<String>();
            assert!(output.starts_with(text), "{output}");
            instance.assert_replays_from_every_point();
        }
        let not_taken = [
            (NotTaken::NotFound, "update `add` was not taken: instance `sum` does not exist"),
            (NotTaken::Finished, "update `add` was not taken: instance `sum` has finished"),
            (NotTaken::UnknownEvent, "update `add` was not taken: instance `sum` does not declare"),
            (NotTaken::InvalidEventData, "update `add` was not taken: its request is not what"),
            (NotTaken::Refused(payload("no")), "the update was refused: no"),
            (NotTaken::Full, "update `add` was not taken: too much waits for instance `sum`"),
        ];
        for (why, text) in not_taken {
            let mut instance = Instance::start(asking(), 5);
            let update = instance.only_message();
            instance.apply(refused(&update, why));
            let output = instance.output::<String>();
            assert!(output.starts_with(text), "{output}");
            instance.assert_replays_from_every_point();
        }
    }

    #[test]
    fn is_given_no_answer_of_another_call_run_or_instance() {
        let mut instance = Instance::start(asking(), 5);
        let update = instance.only_message();
        let mut wrong = [update.clone(), update.clone(), update];
        wrong[0].id.lineage += 1;
        wrong[1].id.id = CorrelationId(9);
        wrong[2].to = InstanceId::new("product").expect("an id");
        for wrong in wrong {
            assert!(instance.apply(returned(&wrong, replied(1))).is_empty());
        }
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn does_not_undo_a_request_whose_future_it_drops() {
        let code = code(async |ctx: OrchestrationContext, ()| {
            drop(ctx.call_update::<_, u64, String>("sum", "add", &5));
            Ok(ctx.wait_external::<u64>("Go").await?)
        });
        let mut instance = Instance::start(code, ());
        let update = instance.only_message();
        assert!(instance.apply(returned(&update, replied(1))).is_empty());
        instance.apply(delivered(&update));
        instance.raise("Go", 3);
        assert_eq!(instance.output::<u64>(), 3);
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn waits_no_longer_when_it_is_cancelled() {
        let mut instance = Instance::start(asking(), 5);
        let update = instance.only_message();
        instance.apply(cancel("no stock"));
        assert_eq!(instance.log().last().expect("an end"), "ExecutionCancelled: no stock");
        assert_eq!(
            instance.machine.outbox().under_way(),
            std::slice::from_ref(&update),
            "it goes on its way"
        );
        assert!(instance.apply(returned(&update, replied(1))).is_empty());
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn records_nothing_of_a_request_that_cannot_be() {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let no_id: Sum = ctx.call_update("", ADD, &1).await;
            let no_name: Sum = ctx.call_update("sum", "", &1).await;
            let recipient = Recipient::new("sum").or_start_by_name("", &());
            let no_orchestration: Sum = ctx.call_update(&recipient, ADD, &1).await;
            let large = "x".repeat(reenact_core::limits::MAX_PAYLOAD_BYTES);
            let too_large: Sum = ctx.call_update("sum", "add", &large).await;
            let all = [no_id, no_name, no_orchestration, too_large];
            Ok(all.map(|error| error.expect_err("it is not sent").to_string()))
        });
        let instance = Instance::start(code, ());
        assert_eq!(instance.log().len(), 2, "{:?}", instance.log());
        let [no_id, no_name, no_orchestration, too_large] = instance.output::<[String; 4]>();
        assert_eq!(
            no_id,
            "the update cannot be sent: the instance id is empty; give it at least one character"
        );
        assert_eq!(
            no_name,
            "the update cannot be sent: the name is empty; give it at least one character"
        );
        assert_eq!(
            no_orchestration,
            "the update cannot be sent: the name is empty; give it at least one character"
        );
        assert!(too_large.starts_with("the request is not valid: the payload has"), "{too_large}");
        instance.assert_replays();
    }

    #[test]
    fn differs_when_its_code_asks_for_something_else() {
        let mut instance = Instance::start(asking(), 5);
        instance.apply(cancel("x"));
        let replaced = |to: &'static str, name: &'static str, number: u64| {
            code(move |ctx: OrchestrationContext, _: u64| async move {
                let sum: Sum = ctx.call_update(to, name, &number).await;
                Ok(sum.is_ok())
            })
        };
        let starting = code(async |ctx: OrchestrationContext, number: u64| {
            let to = Recipient::new("sum").or_start_by_name("adder", &1);
            let sum: Sum = ctx.call_update(to, ADD, &number).await;
            Ok(sum.is_ok())
        });
        for (code, text) in [
            (replaced("product", "add", 5), "found Request #1 `add` to `product`"),
            (replaced("sum", "sub", 5), "found Request #1 `sub`"),
            (replaced("sum", "add", 6), "found Request #1 `add` with the request 6"),
            (starting, "found Request #1 `add` that starts"),
        ] {
            let differs =
                divergence(Instance::try_replay(&code, &instance.config, instance.turns()));
            assert!(differs.to_string().contains(text), "{differs}");
        }
    }

    #[test]
    fn has_an_answer_again_that_came_after_the_place_to_which_it_is_rewound() {
        let code = code(async |ctx: OrchestrationContext, number: u64| {
            let first = ctx.call_update::<_, u64, String>("sum", "add", &number);
            ctx.wait_external::<u64>("Go").await?;
            let second: Sum = ctx.call_update("sum", ADD, &(number + 1)).await;
            let (first, second) = (first.await.map_err(|e| e.to_string()), second);
            Ok((first.ok(), second.ok()))
        });
        let mut instance = Instance::start(code, 5);
        let first = instance.only_message();
        instance.raise("Go", 1);
        instance.apply(returned(&first, replied(12)));
        let second = instance.only_message();
        instance.apply(returned(&second, replied(20)));
        assert_eq!(instance.output::<(Option<u64>, Option<u64>)>(), (Some(12), Some(20)));

        // To before the event: the first request is kept, and its answer; the second is undone.
        let mut rewound = rewound(&instance, 3);
        assert_eq!(rewound.machine.outbox().under_way(), []);
        rewound.fire(0);
        let again = rewound.only_message();
        assert_ne!(again.id, second.id, "another run asks");
        let late = returned(&second, replied(21));
        assert!(rewound.apply(late).is_empty(), "the answer to the earlier run");
        rewound.apply(returned(&again, replied(30)));
        assert_eq!(rewound.output::<(Option<u64>, Option<u64>)>(), (Some(12), Some(30)));
        rewound.assert_replays();
    }
}

#[test]
fn a_log_says_who_waits_only_directly_after_an_event_with_a_key() {
    let asked = Event::Request(RequestEvent::Asked {
        key: EventKey::new("k").expect("a key"),
        by: Requester { instance: other(), lineage: 1, id: CorrelationId(1) },
    });
    let mut instance = Instance::start(asking(), 5);
    instance.apply(crate::support::instance::raise("x", 1));
    let mut turns = instance.turns().to_vec();
    let last = turns.pop().expect("a turn");
    let events: Vec<_> = last.events.iter().cloned().chain([asked]).collect();
    turns.push(RecordedTurn { events: events.into(), ..last });
    let refused = reenact_core::check_history(&turns).expect_err("the event has no key");
    assert!(refused.expected.starts_with("who waits for an answer directly after"), "{refused}");
}

/// The instance as it goes on after a rewind to before a place.
fn rewound(instance: &Instance, position: u64) -> Instance {
    let rewind = Rewind { position, reason: "again".into(), seed: 9 };
    let id = instance_id();
    let rewound = instance.machine.history().rewound(&id, rewind, instance.now).expect("a place");
    let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
    let machine =
        Instance::try_replay(&instance.code, &instance.config, &turns).expect("it replays");
    Instance::resumed(instance.code.clone(), instance.config.clone(), machine, instance.now)
}
