//! The instance that answers the update of another.

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
        all.extend(returns(std::slice::from_ref(&message)));
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
