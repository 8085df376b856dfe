//! What is asked of other instances: updates without an answer, and locks that are waited for, held or lost.

use super::{stored, viewed};
use crate::support::instance::{Instance, cancel, code, payload};
use reenact_core::{
    CallUpdateError, Command, ExecutionView, Message, NotTaken, OrchestrationCode,
    OrchestrationContext, RecordedTurn, UpdateAnswer, UpdateReturn,
};

/// Asks one instance with a shield and another one without, and waits for both.
fn asking() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, (): ()| {
        type Sum = Result<u64, CallUpdateError<String>>;
        let shielded = ctx.shielded().call_update::<_, u64, String>("shielded", "add", &1);
        let other: Sum = ctx.call_update("other", "add", &2).await;
        let shielded: Sum = shielded.await;
        Ok(shielded.is_ok() && other.is_ok())
    })
}

/// Locks two, and holds the lock until "Go".
fn locking() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, (): ()| {
        let guard = ctx.lock(["b", "a"]).await?;
        ctx.wait_external::<u64>("Go").await?;
        guard.release();
        Ok(ctx.wait_external::<u64>("Go").await?)
    })
}

fn now(instance: &Instance) -> ExecutionView {
    viewed(&stored(instance))
}

/// To whom the updates are that have no answer, and whether each is in doubt.
fn updates(instance: &Instance) -> Vec<(String, bool)> {
    let updates = now(instance).updates;
    assert_eq!(updates.total, updates.items.len() as u64);
    updates.items.iter().map(|one| (one.to.to_string(), one.in_doubt)).collect()
}

/// Whose locks there are, and how each of them is.
fn locks(instance: &Instance) -> Vec<(String, &'static str)> {
    let locks = now(instance).locks;
    let how = locks.items.iter().map(|one| {
        let how = match (one.lost, one.given_at) {
            (true, _) => "lost",
            (false, Some(_)) => "held",
            (false, None) => "awaited",
        };
        (one.of.to_string(), how)
    });
    how.collect()
}

fn answered(asked: &Message, answer: UpdateAnswer) -> Command {
    let (lineage, id) = (asked.id.lineage, asked.id.id);
    let answer = UpdateReturn::Answered(answer);
    Command::ReturnUpdate { lineage, id, from: asked.to.clone(), answer }
}

fn message_to(instance: &Instance, to: &str) -> Message {
    let all = instance.machine.outbox().under_way();
    all.into_iter().find(|message| message.to.as_str() == to).expect("the message")
}

fn of(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
    expected.iter().map(|(to, in_doubt)| ((*to).to_string(), *in_doubt)).collect()
}

#[test]
fn an_update_is_open_until_its_answer_and_in_doubt_after_a_cancel() {
    let mut instance = Instance::start(asking(), ());
    let view = now(&instance);
    let one = &view.updates.items[0];
    assert_eq!((one.name.as_str(), &one.data, one.position), ("add", &payload(1), 1));
    assert_eq!(one.since, instance.turns()[0].at);
    assert_eq!(updates(&instance), of(&[("shielded", false), ("other", false)]));
    instance.apply(cancel("enough"));
    assert_eq!(updates(&instance), of(&[("shielded", true), ("other", true)]));
    let asked = message_to(&instance, "shielded");
    instance.apply(answered(&asked, UpdateAnswer::Replied(payload(7))));
    assert_eq!(updates(&instance), [], "it has ended");
    instance.assert_replays_from_every_point();
}

#[test]
fn an_update_that_is_refused_or_never_answered_is_not_open_any_more() {
    let mut instance = Instance::start(asking(), ());
    let refused = message_to(&instance, "other").id;
    instance.apply(Command::RefuseMessage { message: refused, why: NotTaken::NotFound });
    assert_eq!(updates(&instance), of(&[("shielded", false)]));
    let asked = message_to(&instance, "shielded");
    let (lineage, id, from) = (asked.id.lineage, asked.id.id, asked.to);
    instance.apply(Command::ReturnUpdate { lineage, id, from, answer: UpdateReturn::Ended });
    assert_eq!(updates(&instance), []);
}

#[test]
fn a_lock_is_awaited_then_held_and_gone_when_it_is_given_back() {
    let mut instance = Instance::start(locking(), ());
    assert_eq!(locks(&instance), [("a".to_string(), "awaited")]);
    instance.apply(answered(&message_to(&instance, "a"), UpdateAnswer::Replied(payload(()))));
    let second = [("a".to_string(), "held"), ("b".to_string(), "awaited")];
    assert_eq!(locks(&instance), second);
    instance.apply(answered(&message_to(&instance, "b"), UpdateAnswer::Replied(payload(()))));
    let view = now(&instance);
    let (a, b) = (&view.locks.items[0], &view.locks.items[1]);
    assert_eq!((a.lock, b.lock, a.id, view.updates.total), (a.id, a.id, a.id, 0));
    assert_eq!(b.given_at, Some(instance.turns()[2].at));
    instance.raise("Go", 1);
    assert_eq!(locks(&instance), []);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_lock_that_was_given_back_while_the_instance_was_parked_is_lost() {
    let mut instance = Instance::start(locking(), ());
    for of in ["a", "b"] {
        let asked = message_to(&instance, of);
        instance.apply(answered(&asked, UpdateAnswer::Replied(payload(()))));
    }
    let parked = RecordedTurn::parked(instance.now, "no code");
    let view = viewed(stored(&instance).iter().chain([&parked]));
    assert_eq!(view.locks.total, 2);
    assert!(view.locks.items.iter().all(|one| one.lost), "{:?}", view.locks);
}
