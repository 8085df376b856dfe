//! Updates from one instance to another: sent once, answered once, and never met with silence.

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
        let mut wrong = [update.clone(), update.clone(), update.clone()];
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
        assert_eq!(instance.machine.outbox().under_way(), [update.clone()], "it goes on its way");
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

mod the_one_that_is_asked {
    use super::*;

    /// Adds what comes; 0 ends it, 8 continues as new, 9 is dropped, 10 is held.
    async fn adder(
        ctx: OrchestrationContext,
        mut sum: u64,
    ) -> Result<u64, reenact_core::OrchestrationError> {
        let mut adds = ctx.updates(ADD);
        let mut held = Vec::new();
        loop {
            let add = adds.next().await?;
            match *add.request() {
                0 => return Ok(sum),
                8 => return ctx.continue_as_new_untyped(&(sum + 8)),
                9 => drop(add),
                10 => held.push(add),
                request => {
                    sum += request;
                    add.reply(&sum);
                }
            }
        }
    }

    fn asked(number: u64, of: u64) -> Command {
        let data = payload(number);
        Command::TakeUpdate { name: name(), data, key: key(of), by: Box::new(asker(of)) }
    }

    fn name() -> Name {
        Name::new("add").expect("a name")
    }

    fn key(of: u64) -> EventKey {
        EventKey::new(format!("from asker {of}")).expect("a key")
    }

    fn asker(of: u64) -> Requester {
        let instance = InstanceId::new("asker").expect("an id");
        Requester { instance, lineage: 77, id: CorrelationId(of) }
    }

    /// The answers among messages: of which call, and what.
    fn returns(messages: &[Message]) -> Vec<(u64, UpdateReturn)> {
        let answers = messages.iter().filter_map(|message| match &message.body {
            MessageBody::Return { lineage: 77, id, answer } => Some((id.0, answer.clone())),
            _ => None,
        });
        answers.collect()
    }

    fn all_left(instance: &Instance) -> Vec<(u64, UpdateReturn)> {
        let (mut outbox, mut all) = (instance.machine.outbox(), Vec::new());
        while let Some(message) = outbox.under_way().pop() {
            all.extend(returns(&[message.clone()]));
            outbox.settle(&[message.id], 1, instance.now).expect("it is new");
        }
        all
    }

    fn answers(answer: &Answer) -> Vec<(u64, UpdateReturn)> {
        returns(&sent(&answer.actions))
    }

    #[test]
    fn answers_by_a_message_once_and_not_again_when_it_is_asked_again() {
        let mut instance = Instance::start(code(adder), 0);
        let answer = instance.apply(asked(5, 1));
        assert_eq!(
            answer.log(),
            [
                "ExternalRaised `add`",
                "Request: `asker` #1 waits",
                "UpdateAnswered",
                "ExternalSubscribed #2 `add`"
            ]
        );
        assert_eq!(answers(&answer), [(1, replied(5))]);
        assert_eq!(answers(&instance.apply(asked(5, 1))), [], "the outbox has it");
        let message = instance.only_message();
        instance.apply(delivered(&message));
        assert!(instance.machine.outbox().is_empty());
        assert_eq!(answers(&instance.apply(asked(6, 2))), [(2, replied(11))]);
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn says_that_it_has_dropped_a_request() {
        let mut instance = Instance::start(code(adder), 0);
        let dropped = UpdateReturn::Answered(UpdateAnswer::Dropped);
        assert_eq!(answers(&instance.apply(asked(9, 1))), [(1, dropped)]);
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn says_so_when_a_request_is_taken_as_a_mere_event() {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let by_name: u64 = ctx.wait_external("add").await?;
            let any: u64 = ctx.any_event().await?.decode()?;
            Ok(by_name + any + ctx.wait_external::<u64>("Go").await?)
        });
        let mut instance = Instance::start(code, ());
        let dropped = UpdateReturn::Answered(UpdateAnswer::Dropped);
        assert_eq!(answers(&instance.apply(asked(1, 1))), [(1, dropped.clone())]);
        instance.apply(asked(2, 2));
        assert_eq!(all_left(&instance), [(1, dropped.clone()), (2, dropped)]);
        instance.raise("Go", 4);
        assert_eq!(instance.output::<u64>(), 7);
        instance.assert_replays_from_every_point();
    }

    #[test]
    fn leaves_nobody_without_an_answer_at_its_end() {
        let ends: [fn(&mut Instance); 4] = [
            |instance| drop(instance.apply(asked(0, 3))),
            |instance| drop(instance.apply(terminate("enough"))),
            |instance| drop(instance.apply(cancel("enough"))),
            |instance| drop(instance.raise("add", "no number")),
        ];
        for (number, end) in ends.into_iter().enumerate() {
            let mut instance = Instance::start(failing_adder(), 0);
            assert_eq!(answers(&instance.apply(asked(10, 1))), [], "it holds it");
            // It answers in its own order.
            assert_eq!(answers(&instance.apply(asked(10, 2))), []);
            end(&mut instance);
            assert!(instance.machine.outcome().is_some(), "{number}");
            let left: Vec<_> = all_left(&instance)
                .into_iter()
                .map(|(of, answer)| {
                    assert_eq!(answer, UpdateReturn::Ended);
                    of
                })
                .collect();
            let asked = if number == 0 { vec![1, 2, 3] } else { vec![1, 2] };
            assert_eq!(left, asked, "{number}");
            instance.assert_replays_from_every_point();
        }
    }

    /// As the other one, but for a wrong request, of which it fails.
    fn failing_adder() -> OrchestrationCode {
        code(async |ctx: OrchestrationContext, _: u64| {
            let mut held = Vec::new();
            loop {
                let next = ctx.updates::<serde_json::Value, u64, String>("add").next().await?;
                match next.request().as_u64() {
                    None => return Err(reenact_core::OrchestrationError::new("no number")),
                    Some(0) => return Ok(0),
                    Some(_) => held.push(next),
                }
            }
        })
    }

    #[test]
    fn answers_the_request_in_the_next_execution_and_in_the_one_after_that() {
        let mut instance = Instance::start(code(adder), 0);
        instance.apply(asked(10, 1));
        instance.apply(asked(8, 2));
        assert_eq!(all_left(&instance), [], "nothing has ended for those who wait");
        let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
        let log = |turns: &[reenact_core::Turn]| {
            let events = turns.iter().flat_map(|turn| turn.recorded.events.iter());
            events.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            log(&next.turns)[2..],
            [
                "EventKeysCarried",
                "ExternalRaised `add`",
                "Request: `asker` #1 waits",
                "ExternalRaised `add`",
                "Request: `asker` #2 waits"
            ]
        );
        let config = MachineConfig::default();
        let mut next = Instance::resumed(instance.code, config, next.machine, instance.now);
        assert!(next.apply(asked(10, 1)).is_empty(), "its key is known");
        next.fire(0);
        assert!(next.machine.outcome().is_some(), "it took 10 and 8, and continues again");
        let next = next.machine.successor(None).expect("nothing runs").expect("it continues");
        let config = MachineConfig::default();
        let code = code(async |ctx: OrchestrationContext, _: u64| {
            let mut adds = ctx.updates(ADD);
            adds.next().await?.reply(&1);
            adds.next().await?.reply(&2);
            Ok(())
        });
        let turns: Vec<_> = next.turns.iter().map(|turn| turn.recorded.clone()).collect();
        let machine = Instance::try_replay(&code, &config, &turns).expect("it replays");
        let mut last = Instance::resumed(code, config, machine, next.machine_time(&turns));
        last.fire(0);
        assert_eq!(all_left(&last), [(1, replied(1)), (2, replied(2))]);
    }

    trait Time {
        fn machine_time(&self, turns: &[RecordedTurn]) -> reenact_core::Timestamp;
    }

    impl Time for reenact_core::Successor {
        fn machine_time(&self, turns: &[RecordedTurn]) -> reenact_core::Timestamp {
            turns.last().expect("a turn").at
        }
    }

    #[test]
    fn answers_a_request_that_it_takes_again_in_the_same_log() {
        let code = code(async |ctx: OrchestrationContext, round: u64| {
            let mut adds = ctx.updates(ADD);
            let (one, other) = (adds.next().await?, adds.next().await?);
            if round == 0 {
                return ctx.continue_as_new_untyped::<_, ()>(&1);
            }
            one.reply(&1);
            other.reply(&2);
            Ok(())
        });
        let start = Start { delay: Some(Duration::ZERO), ..start(0) };
        let mut instance = Instance::start_with(code, MachineConfig::default(), start);
        (0..200_u64).for_each(|number| drop(instance.raise("other", number)));
        instance.fire(0);
        instance.apply(asked(5, 1));
        let turn = instance.apply(asked(6, 2));
        assert!(turn.log().iter().any(|event| event.starts_with("ExecutionRenewed")), "{turn:?}");
        instance.assert_replays();
        instance.fire(0);
        assert_eq!(all_left(&instance), [(1, replied(1)), (2, replied(2))]);
        instance.assert_replays();
    }

    #[test]
    fn answers_anew_what_a_rewind_has_undone() {
        let mut instance = Instance::start(code(adder), 0);
        instance.apply(asked(5, 1));
        instance.apply(asked(6, 2));
        assert_eq!(all_left(&instance), [(1, replied(5)), (2, replied(11))]);
        // To before the second: the first answer is kept, and is still to be sent.
        let mut rewound = rewound(&instance, 6);
        assert_eq!(all_left(&rewound), [(1, replied(5))]);
        rewound.fire(0);
        assert_eq!(all_left(&rewound), [(1, replied(5)), (2, replied(11))]);
        rewound.assert_replays();
    }

    #[test]
    fn records_who_waits_also_while_it_is_parked_or_suspended_or_full() {
        let mut instance = Instance::start(code(adder), 0);
        let mut parked = ParkedExecution::default();
        instance.turns().iter().for_each(|turn| parked.apply(turn));
        let by = (key(1), asker(1));
        let at = instance.now;
        parked.apply(&RecordedTurn::parked(at, "no code"));
        let turns = parked.take_update(name(), payload(5), by.clone(), None, at);
        let turns = turns.expect("it is taken");
        let again = parked.take_update(name(), payload(5), by, None, instance.now);
        assert_eq!(again.expect("it is known"), []);
        let turns = [instance.turns(), &[RecordedTurn::parked(at, "no code")], &turns].concat();
        let machine =
            Instance::try_replay(&instance.code, &instance.config, &turns).expect("it replays");
        let (code, config) = (instance.code.clone(), instance.config.clone());
        let mut resumed = Instance::resumed(code, config, machine, instance.now);
        assert_eq!(all_left(&resumed), []);
        resumed.apply(Command::Unpark);
        assert_eq!(all_left(&resumed), [(1, replied(5))]);

        instance.apply(crate::support::instance::suspend("audit"));
        let answer = instance.apply(asked(5, 2));
        assert_eq!(answer.log(), ["ExternalRaised `add`", "Request: `asker` #2 waits"]);
        instance.apply(Command::Resume);
        assert_eq!(all_left(&instance), [(2, replied(5))]);
        instance.assert_replays_from_every_point();
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
