//! What is acknowledged before it is durable is found, also where the store may have what it did not confirm.

use std::sync::Arc;
use std::time::Duration;

use reenact::core::codec::encode_turn;
use reenact::core::{Event, Payload, RecordedTurn, ShardId};
use reenact::providers::{Batch, Epoch, TurnRecord};
use reenact::testing::simulation::Witnessed;
use reenact::{Attributes, ExecutionId, InstanceState, InstanceSummary, Timestamp};
use reenact_simulation::Store;
use reenact_simulation::durable::{Ask, Durable};

/// A turn alone; in the second one of the instance somebody cancels it.
fn batch(number: u64, epoch: u64) -> Arc<Batch> {
    let event = if number == 0 { Event::ExecutionUnparked } else { cancel() };
    of_execution(ExecutionId::FIRST, number, epoch, vec![event])
}

/// The first turn of an execution.
fn begun(execution: u32, events: Vec<Event>) -> Witnessed {
    Witnessed::Appended(of_execution(ExecutionId(execution), 0, 1, events))
}

fn of_execution(execution: ExecutionId, number: u64, epoch: u64, events: Vec<Event>) -> Arc<Batch> {
    let at = Timestamp::from_micros(1_000_000);
    let summary = InstanceSummary {
        instance: "order".parse().expect("an id"),
        execution,
        name: "order".parse().expect("a name"),
        state: InstanceState::Running,
        created_at: at,
        updated_at: at,
        turns: number + 1,
        events: number + 1,
        wake_at: None,
        attributes: Attributes::default(),
    };
    let bytes = encode_turn(&RecordedTurn { at, events: events.into() });
    let bytes = bytes.expect("it encodes").into();
    let turn = TurnRecord { number, bytes, summary, has_drawn_id: false, keep: 0 };
    Arc::new(Batch { shard: ShardId(0), epoch: Epoch(epoch), turns: vec![turn] })
}

fn cancel() -> Event {
    Event::CancelRequested { reason: "called off".into() }
}

fn after(store: Store, seen: impl IntoIterator<Item = Witnessed>) -> Result<Durable, String> {
    let mut durable = Durable::of_store(store);
    seen.into_iter().try_for_each(|witnessed| durable.take(witnessed)).map(|()| durable)
}

#[test]
fn what_the_store_is_at_is_not_durable_yet_and_may_be_when_the_store_has_given_up() {
    let (first, second) = (batch(0, 1), batch(1, 1));
    let before = [first, second.clone()].map(Witnessed::Begun);
    let mut durable = after(Store::Directory, before).expect("nothing is wrong");
    durable.check_asked("order", Ask::Cancel).expect_err("the store is at it");
    durable.take(Witnessed::InDoubt(second.clone())).expect("nothing is wrong");
    durable.check_asked("order", Ask::Cancel).expect("the store may have it");
    durable.check_asked("order", Ask::Start).expect_err("nobody has asked for it");
    durable.take(Witnessed::Appended(second)).expect("the turn before was begun");
}

#[test]
fn on_a_hub_others_see_what_its_writer_has_no_answer_for() {
    let before = [batch(0, 1), batch(1, 1)].map(Witnessed::Begun);
    let mut durable = after(Store::Hub, before).expect("nothing is wrong");
    durable.check_asked("order", Ask::Cancel).expect("somebody may have seen it");
    durable.check_asked("order", Ask::Start).expect_err("nobody has asked for it");
}

#[test]
fn a_turn_before_a_durable_one_was_at_least_in_doubt() {
    for store in [Store::Directory, Store::Hub] {
        let lost = after(store, [Witnessed::Appended(batch(1, 1))]);
        assert!(lost.is_err_and(|why| why.contains("turn 1 came for 0")));
        let back = after(store, [batch(0, 2), batch(1, 1)].map(Witnessed::Appended));
        assert_eq!(back.err().as_deref(), Some("shard 0 was written under epoch 1 after 2"));
    }
    let in_memory = [Witnessed::Begun(batch(0, 1)), Witnessed::Appended(batch(1, 1))];
    assert!(after(Store::Memory, in_memory).is_err());
}

fn start() -> Event {
    let (name, input) = ("order".parse().expect("a name"), Payload::default());
    Event::ExecutionStarted { name, input, seed: 7, delay: Some(Duration::ZERO) }
}

#[test]
fn an_execution_that_goes_on_for_an_earlier_one_is_no_beginning_and_any_other_is_one() {
    let goes_on = Event::ExecutionContinued { input: Payload::default() };
    let rewound = Event::ExecutionRewound { reason: String::new(), dropped: 1, seed: 7 };
    let seen = [begun(1, vec![start(), goes_on]), begun(2, vec![start()])];
    let seen = seen.into_iter().chain([begun(3, vec![start(), rewound])]);
    let mut durable = after(Store::Memory, seen).expect("nothing is wrong");
    durable.check_begun("order", 1).expect("it has gone on, and was rewound");
    durable.check_begun("orders", 1).expect_err("it has not begun");
    durable.take(begun(4, vec![start()])).expect("nothing else is wrong");
    durable.check_begun("order", 1).expect_err("it has begun again");
}

#[test]
fn a_resumption_may_be_overtaken_by_a_suspension_and_nothing_else_makes_it_void() {
    let suspended = Event::ExecutionSuspended { reason: "for a while".into() };
    let first = ExecutionId::FIRST;
    let turn = |number, event| Witnessed::Appended(of_execution(first, number, 1, vec![event]));
    let mut durable = after(Store::Hub, [batch(0, 1)].map(Witnessed::Appended)).expect("nothing");
    let running = durable.before("order", Ask::Resume);
    durable.check_asked_again("order", Ask::Resume, running).expect("it is not suspended");
    durable.take(turn(1, suspended)).expect("nothing is wrong");
    durable.check_asked_again("order", Ask::Resume, running).expect("it was not suspended");
    let before = durable.before("order", Ask::Resume);
    durable.check_asked_again("order", Ask::Resume, before).expect_err("it stays suspended");
    durable.take(turn(2, Event::ExecutionResumed)).expect("it is");
    durable.check_asked_again("order", Ask::Resume, before).expect("it was resumed");
}
