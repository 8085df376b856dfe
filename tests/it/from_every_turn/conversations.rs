//! What entities, locks, updates, streams, attributes, time limits, completions from outside and start policies do is
//! the same wherever a host dies: nothing is answered twice, nothing is answered that is not durable, and nobody
//! waits for ever.

use crate::call_update::{self, ADD, DO, asks, asks_or_starts, raises_or_starts};
use crate::entities::Account;
use crate::kit::{HOUR, events, guard, id, until_parked};
use crate::locks::{code as locks_code, locks};
use crate::reuse::adds;
use crate::search_attributes::order;
use crate::time_limits::waits;
use futures::StreamExt;
use reenact::prelude::*;
use reenact::{Emitted, Error, HostBuilder, InstanceFilter, InstanceState, PageRequest};

use super::conversation::{Caller, Conversation};

fn with_accounts(host: HostBuilder) -> HostBuilder {
    let allow = |_: ActivityContext, cents: u64| async move {
        if cents > 100 { Err(ActivityError::fatal("too much")) } else { Ok(()) }
    };
    let host = host.entity::<Account>().register_activity("allow", allow);
    host.orchestration(errands).orchestration(audits)
}

/// Calls, signals and locks entities.
#[orchestration]
async fn errands(ctx: OrchestrationContext) -> Result<Vec<u64>, OrchestrationError> {
    let (ada, grace) = (ctx.entity::<Account>("ada"), ctx.entity::<Account>("grace"));
    let mut seen = vec![ada.deposit(50).await?];
    ada.signal().deposit(7).await?;
    ada.signal().after(HOUR).deposit(1_000).await?;
    seen.push(u64::from(ada.withdraw(90).await.is_err()));
    seen.push(grace.charge(20).await?);
    let lock = ctx.lock([ada.recipient(), grace.recipient()]).await?;
    ctx.set_status("locked");
    seen.push(ada.withdraw(30).await?);
    let more: u64 = ctx.wait_external("More").await?;
    seen.push(grace.deposit(more).await?);
    lock.release();
    seen.push(grace.close().await?);
    Ok(seen)
}

/// Has the lock after somebody else.
#[orchestration]
async fn audits(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let (ada, grace) = (ctx.entity::<Account>("ada"), ctx.entity::<Account>("grace"));
    let _lock = ctx.lock([grace.recipient(), ada.recipient()]).await?;
    Ok(ada.balance().await?)
}

#[tokio::test]
async fn operations_and_signals_of_clients() {
    let conversation = Conversation::new(with_accounts);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            let account = caller.host.entity::<Account>("ada");
            caller.ask(account.deposit(5).key("1")).await;
            caller.ask(account.withdraw(50).key("2")).await;
            caller.ask(account.charge(20).key("3")).await;
            caller.ask(account.charge(101).key("4")).await;
            caller.once("now", account.signal().deposit(7).key("5")).await;
            caller.once("later", account.signal().after(HOUR).deposit(100).key("6")).await;
            caller.ask(account.withdraw(1).key("7")).await;
            caller.pass_until(HOUR);
            let cents = async || account.state().await.unwrap().unwrap_or_default().cents;
            caller.once("done later", caller.until(async || cents().await == 131)).await;
            caller.ask(account.close().key("8")).await;
            caller.ask(account.deposit(9).key("9")).await;
            caller.ask(cents()).await;
        })
        .await;
    assert_eq!(answers[4..], ["Ok(31)", "Ok(131)", "Ok(9)", "9"]);
}

#[tokio::test]
async fn entities_that_orchestrations_call_signal_lock_and_delete() {
    let conversation = Conversation::new(with_accounts);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            let errand = caller.start(errands, (), "errand").await;
            caller.once("locked", caller.until_status("errand", "locked")).await;
            let audit = caller.start(audits, (), "audit").await;
            caller.once("more", errand.raise_event("More", 3).key("more")).await;
            caller.ask(errand.result()).await;
            caller.ask(audit.result()).await;
            caller.pass_until(HOUR);
            let ada = caller.host.entity::<Account>("ada");
            let cents = async || ada.state().await.unwrap().unwrap_or_default().cents;
            caller.once("done later", caller.until(async || cents().await == 1_027)).await;
            let grace = caller.host.entity::<Account>("grace");
            caller.ask(grace.state()).await;
        })
        .await;
    assert_eq!(answers, ["Ok([50, 1, 20, 27, 23, 23])", "Ok(27)", "Ok(None)"]);
}

/// One holds the locks, the next one waits for them, and has them whatever becomes of the first.
async fn the_next_one_has_the_locks(how: &'static str) {
    let conversation = Conversation::new(locks_code);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            let first = caller.start(locks, how.into(), "first").await;
            match how {
                "completes" | "fails" => {}
                "parks later" => {
                    caller.once("held", caller.until_status("first", "holds")).await;
                    caller.once("park", first.raise_event("Go", 3).key("park")).await;
                    until_parked(caller.host, &id("first")).await;
                }
                _ => caller.once("held", caller.until_status("first", "")).await,
            }
            let second = caller.start(locks, "waits".into(), "second").await;
            match how {
                "cancel" => caller.once("end", first.cancel("enough")).await,
                "terminate" => caller.once("end", first.terminate("enough")).await,
                "waits" => caller.once("end", first.raise_event("Go", 4).key("go")).await,
                _ => {}
            }
            caller.once("second", caller.until_status("second", "holds")).await;
            if !["parks later", "releases"].contains(&how) {
                caller.ask(first.result()).await;
            }
            caller.once("go", second.raise_event("Go", 5).key("go")).await;
            caller.ask(second.result()).await;
            let third = caller.start(locks, "completes".into(), "third").await;
            caller.ask(third.result()).await;
        })
        .await;
    assert_eq!(answers[answers.len() - 2..], ["Ok(5)", "Ok(1)"], "{how}");
}

#[tokio::test]
async fn locks_of_one_that_completes_or_fails() {
    for how in ["completes", "fails", "waits"] {
        the_next_one_has_the_locks(how).await;
    }
}

#[tokio::test]
async fn locks_of_one_that_gives_them_back_or_is_parked() {
    for how in ["releases", "parks later"] {
        the_next_one_has_the_locks(how).await;
    }
}

#[tokio::test]
async fn locks_of_one_that_is_cancelled_or_terminated() {
    for how in ["cancel", "terminate"] {
        the_next_one_has_the_locks(how).await;
    }
}

#[tokio::test]
async fn one_that_ends_while_it_waits_for_a_lock_never_gets_it() {
    let conversation = Conversation::new(locks_code);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            let first = caller.start(locks, "waits".into(), "first").await;
            caller.once("held", caller.until_status("first", "holds")).await;
            let second = caller.start(locks, "waits".into(), "second").await;
            let asked = async || {
                let events = events(caller.host, &id("a")).await;
                events.iter().filter(|event| event.starts_with("ExternalRaised")).count() > 1
            };
            caller.once("asked", caller.until(asked)).await;
            caller.once("end", second.terminate("enough")).await;
            caller.once("go", first.raise_event("Go", 4).key("go")).await;
            caller.ask(first.result()).await;
            let third = caller.start(locks, "completes".into(), "third").await;
            caller.ask(third.result()).await;
        })
        .await;
    assert_eq!(answers, ["Ok(4)", "Ok(1)"]);
}

#[tokio::test]
async fn updates_between_instances_that_are_answered_refused_and_ended() {
    let conversation = Conversation::new(call_update::code);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            let numbers = |numbers: &[u64]| ("sum".to_string(), numbers.to_vec());
            let nobody = caller.start(asks, numbers(&[1]), "nobody").await;
            caller.once("nobody", nobody.result()).await;
            let starts = caller.start(asks_or_starts, numbers(&[1, 2]), "starts").await;
            caller.ask(starts.result()).await;
            let refused = caller.start(asks, numbers(&[95, 2_000, 7]), "refused").await;
            caller.ask(refused.result()).await;
            caller.ask(caller.host.update("sum", ADD, 10).key("client")).await;
            let held = caller.start(asks, numbers(&[0]), "held").await;
            let asked = async || {
                let events = events(caller.host, &id("held")).await;
                events.iter().any(|event| event.starts_with("Request"))
            };
            caller.once("asked", caller.until(asked)).await;
            // What is held does not hold up what is asked later.
            let later = caller.start(asks, numbers(&[1]), "later").await;
            caller.ask(later.result()).await;
            let end = caller.host.update("sum", DO, "end".to_string()).key("end");
            caller.once("end", end).await;
            caller.ask(held.result()).await;
            let late = caller.start(asks_or_starts, numbers(&[1]), "late").await;
            caller.ask(async { late.result().await.is_err() }).await;
        })
        .await;
    assert_eq!(answers[0], "Ok([11, 13])");
    assert!(answers[1].contains("87 are left"), "{answers:?}");
}

#[tokio::test]
async fn events_for_instances_that_they_start() {
    let conversation = Conversation::new(call_update::code);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            for by in ["one", "two"] {
                let raises = caller.start(raises_or_starts, format!("takes-{by}"), by).await;
                caller.ask(raises.result()).await;
                let takes = caller.host.instance::<u64>(format!("takes-{by}").as_str());
                caller.ask(takes.result()).await;
            }
        })
        .await;
    assert_eq!(answers, ["Ok(())", "Ok(7)", "Ok(())", "Ok(7)"]);
}

/// Emits as many items as it is given.
#[activity]
async fn emits(ctx: ActivityContext, items: u64) -> Result<u64, ActivityError> {
    for item in 0..items {
        ctx.emit("items", &item).await?;
        ctx.flush_emitted().await?;
    }
    Ok(items)
}

/// Passes on its token, and is completed by others.
#[activity]
async fn approves(ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    ctx.emit(format!("token-{number}"), &ctx.token().to_string()).await?;
    Err(ActivityError::later())
}

#[orchestration]
async fn streams(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    ctx.emit("items", &100_u64);
    let emitted = ctx.call_activity(emits, 3).await?;
    let more: u64 = ctx.wait_external("More").await?;
    (0..more).for_each(|item| ctx.emit("items", &(200 + item)));
    let again = ctx.call_activity(emits, 2).await?;
    Ok(emitted + again + ctx.next_offset("items"))
}

#[orchestration]
async fn calls_for_approval(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let approved = ctx.call_activity(approves, 1).await?;
    let rejected = ctx.call_activity(approves, 2).await.is_err();
    Ok(approved + u64::from(rejected))
}

fn with_streams(host: HostBuilder) -> HostBuilder {
    let host = host.orchestration(streams).orchestration(calls_for_approval);
    host.activity(emits).activity(approves)
}

#[tokio::test]
async fn streams_of_code_and_of_activities() {
    let conversation = Conversation::new(with_streams);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            let instance = caller.start(streams, (), "i").await;
            let mut items = caller.host.stream::<u64>("i", "items").unwrap();
            for _ in 0..4 {
                let Emitted { offset, value, .. } = guard(items.next()).await.unwrap().unwrap();
                caller.ask(async { (offset, value) }).await;
            }
            caller.once("more", instance.raise_event("More", 2).key("more")).await;
            caller.ask(instance.result()).await;
            let rest = items.map(|item| item.unwrap().value);
            caller.ask(rest.collect::<Vec<_>>()).await;
        })
        .await;
    assert_eq!(answers[..4], ["(0, 100)", "(1, 0)", "(2, 1)", "(3, 2)"]);
    assert_eq!(answers[4..], ["Ok(13)", "[200, 201, 0, 1]"]);
}

/// The token that an activity has passed on, once it has returned.
async fn token(caller: &Caller<'_>, number: u64) -> String {
    let mut tokens = caller.host.stream::<String>("i", format!("token-{number}")).unwrap();
    let token = guard(tokens.next()).await.unwrap().unwrap().value;
    caller
        .until(async || {
            let open = caller.host.get_status("i").await.unwrap().activities;
            open.iter().all(|open| open.deferred)
        })
        .await;
    token
}

#[tokio::test]
async fn activities_that_are_completed_from_outside() {
    let conversation = Conversation::new(with_streams);
    let answers = conversation
        .is_the_same_from_every_append(async |caller| {
            let instance = caller.start(calls_for_approval, (), "i").await;
            let first = token(caller, 1).await;
            caller.once("first", caller.host.complete_activity(&first, &41)).await;
            let second = token(caller, 2).await;
            let no = ActivityError::fatal("no");
            caller.once("second", caller.host.fail_activity(&second, no)).await;
            caller.ask(instance.result()).await;
            for token in [first, second] {
                let again = guard(caller.host.complete_activity(&token, &1)).await;
                caller.ask(async { matches!(again, Err(Error::TokenUsed { .. })) }).await;
            }
        })
        .await;
    assert_eq!(answers, ["Ok(42)", "true", "true"]);
}

#[tokio::test]
async fn time_limits_of_an_execution_and_of_all() {
    let code = |host: HostBuilder| host.orchestration(waits);
    let answers = Conversation::new(code)
        .is_the_same_from_every_append(async |caller| {
            let start = |id| caller.host.start_new(waits, 0).id(id).or_attach();
            let each = guard(start("each").timeout(2 * HOUR)).await.unwrap();
            let all = guard(start("all").total_timeout(2 * HOUR)).await.unwrap();
            for round in 1..=2 {
                caller.pass_until(HOUR * round);
                for (name, instance) in [("each", &each), ("all", &all)] {
                    let key = format!("{name}-{round}");
                    // The second one is too late for one of them.
                    let raised = instance.raise_event("Go", 1).key(&key);
                    caller.once(&key, raised).await;
                }
            }
            caller.ask(async { all.result().await.unwrap_err().to_string() }).await;
            caller.once("end", each.raise_event("Go", 0).key("end")).await;
            caller.ask(each.result()).await;
        })
        .await;
    assert_eq!(answers[1], "Ok(7)");
    assert!(answers[0].contains("time"), "{answers:?}");
}

#[tokio::test]
async fn attributes_of_starts_and_of_code() {
    let code = |host: HostBuilder| host.orchestration(order);
    let answers = Conversation::new(code)
        .is_the_same_from_every_append(async |caller| {
            let found = async |filter: InstanceFilter| {
                let page = caller.host.list(&filter, &PageRequest::new()).await.unwrap();
                let count = caller.host.count(&filter).await.unwrap();
                (page.instances.len(), count)
            };
            let start = caller.host.start_new(order, 0).id("a").or_attach();
            let instance = guard(start.attribute("total", 5)).await.unwrap();
            let ways = [("total", Some(7)), ("open", Some(1)), ("open", None), ("renew", None)];
            for (name, value) in ways.into_iter().chain([("total", Some(9)), ("end", None)]) {
                let key = format!("{name} {value:?}");
                let set = instance.raise_event("Set", (name, value)).key(&key);
                caller.once(&key, set).await;
            }
            caller.ask(instance.result()).await;
            caller.ask(found(InstanceFilter::new().attribute("total", 9))).await;
            caller.ask(found(InstanceFilter::new().attribute("total", 5))).await;
            caller.ask(found(InstanceFilter::new().attribute("open", 1))).await;
        })
        .await;
    assert_eq!(answers, ["Ok(\"total=9\")", "(1, 1)", "(0, 0)", "(0, 0)"]);
}

#[tokio::test]
async fn starts_that_attach_replace_or_are_refused() {
    let code = |host: HostBuilder| host.orchestration(adds);
    let answers = Conversation::new(code)
        .is_the_same_from_every_append(async |caller| {
            let start = |number| caller.host.start_new(adds, number).id("a");
            caller.once("first", start(1).or_attach()).await;
            let instance = caller.host.instance::<u64>("a");
            caller.once("add", instance.raise_event("Add", 2).key("add")).await;
            caller.once("ended", instance.result()).await;
            // Who is not sure asks again: the one that runs is taken then.
            let ended = start(10).replacing([InstanceState::Completed]).or_attach();
            caller.once("second", ended).await;
            let running = start(20).replacing([InstanceState::Running]);
            caller.once("third", running).await;
            caller.once("refused", async { start(30).await.unwrap_err() }).await;
            caller.once("more", instance.raise_event("Add", 5).key("add")).await;
            caller.ask(instance.result()).await;
            let refused = guard(start(40)).await;
            caller.ask(async { matches!(refused, Err(Error::AlreadyExists { .. })) }).await;
        })
        .await;
    assert_eq!(answers, ["Ok(25)", "true"]);
}
