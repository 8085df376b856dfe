//! What instances ask of each other, in random programs: each is answered once, and no lock stays.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use proptest::prelude::*;
use reenact_core::{
    Command, CorrelationId, DurableFuture, DurableOutput, Event, EventKey, History, InstanceId,
    Message, MessageBody, MessageKind, Name, OrchestrationContext, RequestEvent, Requester,
    UpdateAnswer, UpdateReturn,
};

use super::program::{ASK, SharedLog, note};
use super::strategies::{answering, asking, courses, locking};
use super::{begun, cases};
use crate::support::instance::{payload, terminate};

/// The instances that programs ask, for answers and for their locks.
pub(crate) const ASKED: [&str; 2] = ["asked-a", "asked-b"];

/// Sends an update.
pub(super) fn ask(ctx: &OrchestrationContext, number: u8) -> DurableFuture<DurableOutput> {
    let to = ASKED[usize::from(number) % ASKED.len()];
    ctx.call_update::<u64, u64, String>(to, "Add", &number.into()).into_output()
}

/// Does something under the locks of the first of the two, the second, or both.
pub(super) async fn locked(
    ctx: &OrchestrationContext,
    which: u8,
    steps: BoxFuture<'static, ()>,
    log: &SharedLog,
) {
    let of = match which % 3 {
        0 => &ASKED[..1],
        1 => &ASKED[1..],
        _ => &ASKED[..],
    };
    let held = || of.iter().map(|of| ctx.held_lock(&instance(of))).collect::<Vec<_>>();
    match ctx.lock(of.iter().copied()).await {
        Ok(guard) => {
            note(log, format!("holds {:?}", held()));
            steps.await;
            note(log, format!("still holds {:?}", held()));
            drop(guard);
            note(log, format!("held {:?}", held()));
        }
        Err(error) => note(log, format!("not locked: {error}")),
    }
}

/// A request of another instance with that number.
pub(super) fn asked_by_another(number: u64) -> Command {
    let key = EventKey::new(format!("by-{number}")).expect("a key");
    let by = Requester { instance: instance("asker"), lineage: 77, id: CorrelationId(number) };
    let name = Name::new(ASK).expect("a name");
    Command::TakeUpdate { name, data: payload(number), key, by: Box::new(by) }
}

/// What comes back for an update.
pub(super) fn returned(how: u8, id: CorrelationId) -> UpdateReturn {
    match how % 3 {
        0 => UpdateReturn::Answered(UpdateAnswer::Replied(payload(id.0 * 10))),
        1 => UpdateReturn::Answered(UpdateAnswer::Refused(payload("no"))),
        _ => UpdateReturn::Ended,
    }
}

/// The updates and the requests for locks that have no answer, and whom they went to.
pub(super) fn open_updates(history: &History) -> Vec<(CorrelationId, InstanceId)> {
    let mut open = BTreeMap::new();
    for event in history.events() {
        match event.event {
            Event::Request(
                RequestEvent::Sent { id, to, .. } | RequestEvent::LockAsked { id, to, .. },
            ) => drop(open.insert(*id, to.clone())),
            Event::Request(RequestEvent::Returned { id, .. }) => drop(open.remove(id)),
            _ => {}
        }
    }
    open.into_iter().collect()
}

fn instance(id: &str) -> InstanceId {
    InstanceId::new(id).expect("an id")
}

/// The requests for locks in the log.
fn locks_asked(history: &History) -> Vec<(CorrelationId, InstanceId)> {
    let asked = history.events().filter_map(|event| match event.event {
        Event::Request(RequestEvent::LockAsked { id, to, .. }) => Some((*id, to.clone())),
        _ => None,
    });
    asked.collect()
}

fn gives_back(message: &Message) -> bool {
    matches!(&message.body, MessageBody::Event { name, .. } if name.as_str() == "@held")
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn every_lock_is_given_back_once_and_after_it_was_asked_for(
        program in locking(),
        moves in courses(),
        is_terminated in any::<bool>(),
    ) {
        let mut course = begun(program, &moves);
        if is_terminated && !course.is_over() {
            course.instance.apply(terminate("enough"));
        }
        course.come_to_an_end();
        course.instance.assert_replays_from_every_point();
        course.tell_all();
        for (id, to) in locks_asked(course.instance.machine.history()) {
            let of_it = course.settled.iter().filter(|sent| sent.id.id == id && sent.to == to);
            let mut of_it: Vec<_> = of_it.collect();
            prop_assert!(of_it.pop().is_some_and(gives_back), "{} stays locked", id);
            // Where an answer came back, it says that the request had arrived.
            let only_request = of_it.iter().all(|sent| sent.id.kind == MessageKind::Update);
            prop_assert!(only_request && of_it.len() <= 1, "before it: {:?}", of_it);
        }
    }

    #[test]
    fn every_update_of_another_instance_is_answered_once_at_the_latest_by_the_end(
        program in answering(),
        moves in asking(),
        is_terminated in any::<bool>(),
    ) {
        let mut course = begun(program, &moves);
        if is_terminated && !course.is_over() {
            course.instance.apply(terminate("enough"));
        }
        course.come_to_an_end();
        course.instance.assert_replays_from_every_point();
        course.tell_all();
        let history = course.instance.machine.history();
        let answered: BTreeMap<_, _> = history.events().filter_map(|event| match event.event {
            Event::UpdateAnswered { key, answer } => Some((key, answer)),
            _ => None,
        }).collect();
        for event in history.events() {
            let Event::Request(RequestEvent::Asked { key, by }) = event.event else { continue };
            let expected = answered.get(key).map_or(UpdateReturn::Ended, |answer| {
                UpdateReturn::Answered((*answer).clone())
            });
            let returns = course.settled.iter().filter_map(|sent| match &sent.body {
                MessageBody::Return { id, answer, .. } if *id == by.id => Some((&sent.to, answer)),
                _ => None,
            });
            let returns: Vec<_> = returns.collect();
            prop_assert_eq!(returns, [(&by.instance, &expected)], "of {}", key);
        }
    }
}
