//! Updates from one instance to another, through a host: sent once, answered once, whatever crashes.

mod hosts;

use crate::kit::{Faulty, events, guard, id, options, store, until_parked};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder, LockError, PublishedValues, Recipient, UpdateError, UpdateName};

/// Adds a number; the sum, or why not. 0 holds the request.
pub(crate) const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

/// What the orchestration is to do next.
pub(crate) const DO: UpdateName<String, String, String> = UpdateName::new("do");

/// Adds numbers up to 100.
#[orchestration(updates(ADD if is_small, DO))]
pub(crate) async fn sums(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
    let (mut adds, mut orders, mut sum) = (ctx.updates(ADD), ctx.updates(DO), sum);
    let mut held = Vec::new();
    loop {
        let order = tokio::select! {
            biased;
            add = adds.next() => {
                let add = add?;
                match *add.request() {
                    0 => held.push(add),
                    more if sum + more > 100 => add.refuse(&format!("{} are left", 100 - sum)),
                    more => {
                        sum += more;
                        add.reply(&sum);
                    }
                }
                continue;
            }
            order = orders.next() => order?,
        };
        match order.request().as_str() {
            "end" => return Ok(sum),
            "fail" => return Err(OrchestrationError::new("ordered")),
            "renew" => return ctx.continue_as_new(sums, sum),
            "drop" => held.clear(),
            "answer" => held.drain(..).for_each(|add| add.reply(&sum)),
            _ => ctx.call_activity_by_name("unregistered", &()).await?,
        }
        order.reply(&"done".to_string());
    }
}

fn is_small(number: &u64, _published: &PublishedValues) -> Result<(), String> {
    if *number > 1_000 { Err(format!("{number} is too much")) } else { Ok(()) }
}

/// Adds numbers to the sum of another instance, one after the other; what became of each.
#[orchestration]
pub(crate) async fn asks(
    ctx: OrchestrationContext,
    (to, numbers): (String, Vec<u64>),
) -> Result<Vec<String>, OrchestrationError> {
    let mut answers = Vec::new();
    for number in numbers {
        answers.push(match ctx.call_update(&to, ADD, &number).await {
            Ok(sum) => sum.to_string(),
            Err(CallUpdateError::Refused(reason)) => reason,
            Err(error) => error.to_string(),
        });
    }
    Ok(answers)
}

/// The same, where the other one is started if it is absent.
#[orchestration]
pub(crate) async fn asks_or_starts(
    ctx: OrchestrationContext,
    (to, numbers): (String, Vec<u64>),
) -> Result<Vec<u64>, OrchestrationError> {
    let to = Recipient::new(&to).or_start(sums, &10);
    let mut answers = Vec::new();
    for number in numbers {
        answers.push(ctx.call_update(&to, ADD, &number).await?);
    }
    Ok(answers)
}

/// Raises "Number" on another instance, which is started if it is absent.
#[orchestration]
pub(crate) async fn raises_or_starts(
    ctx: OrchestrationContext,
    to: String,
) -> Result<(), OrchestrationError> {
    let to = Recipient::new(&to).or_start(takes, &());
    Ok(ctx.raise_event(to, "Number", &7).await?)
}

/// Takes a number.
#[orchestration]
pub(crate) async fn takes(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Number").await?)
}

pub(crate) fn host(provider: impl Provider) -> HostBuilder {
    code(Host::builder().provider(provider).options(options()))
}

/// Would start another one with an input that it does not take; what it gets of each request.
#[orchestration]
async fn starts_wrongly(ctx: OrchestrationContext) -> Result<Vec<String>, OrchestrationError> {
    let wrong = || Recipient::new("sum").or_start_by_name("sums", &"ten");
    let mut seen = Vec::new();
    match ctx.call_update(wrong(), ADD, &1).await {
        Err(CallUpdateError::InvalidInput(why)) => seen.push(why.orchestration),
        other => seen.push(format!("{other:?}")),
    }
    match ctx.raise_event(wrong(), "Number", &7).await {
        Err(SendError::InvalidInput(why)) => seen.push(why.orchestration),
        other => seen.push(format!("{other:?}")),
    }
    match ctx.lock([wrong()]).await {
        Err(LockError::NotLocked { why, .. }) => seen.push(why.to_string()),
        other => seen.push(format!("{other:?}")),
    }
    let _: u64 = ctx.wait_external("Number").await?;
    Ok(seen)
}

/// With the code of these tests.
pub(crate) fn code(host: HostBuilder) -> HostBuilder {
    let host = host
        .orchestration(starts_wrongly)
        .orchestration(sums)
        .orchestration(asks)
        .orchestration(asks_or_starts);
    host.orchestration(raises_or_starts).orchestration(takes)
}

async fn ask(host: &Host, numbers: &[u64]) -> Vec<String> {
    let asking = guard(host.start_new(asks, ("sum".into(), numbers.to_vec()))).await.unwrap();
    guard(asking.result()).await.unwrap()
}

/// One that waits for the answer to a request that is held.
async fn waiting(host: &Host) -> InstanceHandle<Vec<String>> {
    let held = count(host, "sum", "Request: ").await;
    let asking = guard(host.start_new(asks, ("sum".into(), vec![0]))).await.unwrap();
    guard(async {
        while count(host, "sum", "Request: ").await == held {
            tokio::task::yield_now().await;
        }
    })
    .await;
    asking
}

async fn order(host: &Host, what: &str) {
    // It may have ended of it.
    let _ = guard(host.update("sum", DO, what.to_string()).into_future()).await;
}

/// How often an event is in the log of an instance.
async fn count(host: &Host, of: &str, event: &str) -> usize {
    let events = events(host, &id(of)).await;
    events.iter().filter(|known| known.starts_with(event)).count()
}

#[tokio::test]
async fn code_has_the_answers_of_another_instance_and_its_refusals_as_they_are() {
    let host = host(store().0).start().await.unwrap();
    guard(host.start_new(sums, 0).id("sum")).await.unwrap();
    assert_eq!(
        ask(&host, &[40, 50, 20, 2_000, 10]).await,
        ["40", "90", "10 are left", "2000 is too much", "100"]
    );
}

#[tokio::test]
async fn whatever_ends_the_other_instance_is_a_typed_error_for_those_who_wait() {
    for end in ["end", "fail", "drop", "cancel", "terminate", "unregistered"] {
        let host = host(store().0).start().await.unwrap();
        let sum = guard(host.start_new(sums, 0).id("sum")).await.unwrap();
        let (one, other) = (waiting(&host).await, waiting(&host).await);
        match end {
            "cancel" => guard(sum.cancel("enough")).await.unwrap(),
            "terminate" => guard(sum.terminate("enough")).await.unwrap(),
            "unregistered" => {
                guard(sum.raise_event("do", "park")).await.unwrap();
                until_parked(&host, sum.id()).await;
                guard(sum.terminate("no code")).await.unwrap();
            }
            end => order(&host, end).await,
        }
        let text = if end == "drop" {
            "instance `sum` has dropped update `add` without an answer"
        } else {
            "instance `sum` has ended without an answer to update `add`"
        };
        for waiting in [one, other] {
            assert_eq!(guard(waiting.result()).await.unwrap(), [text], "{end}");
        }
        if end != "drop" {
            assert_eq!(
                ask(&host, &[1]).await,
                ["update `add` was not taken: instance `sum` has finished"]
            );
            guard(async {
                // What it has to say to others is said first.
                while matches!(host.purge("sum").await, Err(Error::NotFinished { .. })) {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            let gone = ask(&host, &[1]).await;
            assert!(gone[0].contains("instance `sum` does not exist"), "{gone:?}");
        }
    }
}

#[tokio::test]
async fn what_has_ended_without_an_answer_says_so_while_it_still_delivers_to_others() {
    let faulty = Faulty::new(store().0);
    let host = host(faulty.clone()).start().await.unwrap();
    guard(host.start_new(sums, 0).id("sum")).await.unwrap();
    let waiting = waiting(&host).await;
    faulty.appends.close();
    let (came, looks) = (faulty.appends.came(), faulty.executions.came());
    let end = tokio::spawn(host.update("sum", DO, "end".into()).key("end").into_future());
    faulty.appends.until_came(came + 1).await;
    faulty.executions.close();
    faulty.appends.let_one_through();
    // It has been seen to have ended. Before it is looked at once more, its log grows.
    faulty.executions.until_came(looks + 1).await;
    let turns = async || guard(host.history("sum")).await.unwrap().turns().len();
    let before = turns().await;
    faulty.appends.let_all_through();
    guard(waiting.result()).await.unwrap();
    guard(async {
        while turns().await == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    faulty.executions.let_all_through();
    let ended = guard(end).await.unwrap();
    assert!(matches!(ended, Err(UpdateError::Failed(Error::NoAnswer { .. }))), "{ended:?}");
}

#[tokio::test]
async fn an_answer_that_is_owed_goes_along_when_the_other_one_continues_as_new() {
    let host = host(store().0).start().await.unwrap();
    guard(host.start_new(sums, 5).id("sum")).await.unwrap();
    let waiting = waiting(&host).await;
    guard(host.raise_event("sum", "do", "renew")).await.unwrap();
    guard(async {
        while host.get_status("sum").await.unwrap().execution < reenact::ExecutionId(2) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    order(&host, "answer").await;
    assert_eq!(guard(waiting.result()).await.unwrap(), ["5"]);
}

#[tokio::test]
async fn a_request_to_a_parked_instance_is_answered_when_that_goes_on() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    guard(first.start_new(sums, 5).id("sum")).await.unwrap();
    guard(first.abort()).await;
    let second = Host::builder().provider(memory.clone()).options(options()).orchestration(asks);
    let second = second.start().await.unwrap();
    until_parked(&second, &id("sum")).await;
    let asking = guard(second.start_new(asks, ("sum".into(), vec![1]))).await.unwrap();
    guard(async {
        while count(&second, "sum", "Request: ").await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(second.abort()).await;
    let third = host(memory).start().await.unwrap();
    let answer = guard(third.instance::<Vec<String>>(asking.id()).result()).await.unwrap();
    assert_eq!(answer, ["6"]);
}

#[tokio::test]
async fn a_request_starts_the_other_instance_where_it_is_absent_and_only_there() {
    let host = host(store().0).start().await.unwrap();
    let numbers = (String::from("sum"), vec![1, 2]);
    let asking = guard(host.start_new(asks_or_starts, numbers.clone())).await.unwrap();
    assert_eq!(guard(asking.result()).await.unwrap(), [11, 13]);
    let asking = guard(host.start_new(asks_or_starts, numbers)).await.unwrap();
    assert_eq!(guard(asking.result()).await.unwrap(), [14, 16]);
    assert_eq!(count(&host, "sum", "ExecutionStarted").await, 1);

    let raising = guard(host.start_new(raises_or_starts, "taker".into())).await.unwrap();
    guard(raising.result()).await.unwrap();
    assert_eq!(guard(host.instance::<u64>(&id("taker")).result()).await.unwrap(), 7);
    let late = guard(host.start_new(raises_or_starts, "taker".into())).await.unwrap();
    let late = guard(late.result()).await.unwrap_err();
    assert!(late.to_string().contains("instance `taker` has finished"), "{late}");
    guard(host.purge("taker")).await.unwrap();
    let anew = guard(host.start_new(raises_or_starts, "taker".into())).await.unwrap();
    guard(anew.result()).await.unwrap();
}

#[tokio::test]
async fn a_start_whose_request_the_declared_check_refuses_leaves_no_instance() {
    let host = host(store().0).start().await.unwrap();
    let asking = guard(host.start_new(asks_or_starts, ("sum".into(), vec![2_000]))).await.unwrap();
    let refused = guard(asking.result()).await.unwrap_err();
    assert!(refused.to_string().contains("2000 is too much"), "{refused}");
    assert!(matches!(host.get_status("sum").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_start_with_an_input_that_is_not_taken_is_a_typed_error_and_nothing_is_sent() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    guard(first.start_new(starts_wrongly, ()).id("starts")).await.unwrap();
    guard(async {
        while count(&first, "starts", "ExternalSubscribed").await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(count(&first, "starts", "CallRefused").await, 3);
    assert_eq!(count(&first, "starts", "Request").await, 0, "nothing is sent");
    guard(first.abort()).await;
    let second = host(memory).start().await.unwrap();
    let starts = second.instance::<Vec<String>>("starts");
    guard(starts.raise_event("Number", 7)).await.unwrap();
    let seen = guard(starts.result()).await.unwrap();
    assert_eq!(seen[..2], ["sums", "sums"]);
    let refused = "the update was not sent: the input of orchestration `sums` is not what it takes";
    assert!(seen[2].starts_with(refused), "{seen:?}");
    assert!(matches!(second.get_status("sum").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_crash_before_each_append_changes_nothing() {
    for appends in 0..12 {
        let faulty = Faulty::new(store().0);
        let first = host(faulty.clone()).start().await.unwrap();
        let before = faulty.appends.came();
        faulty.appends.close();
        (0..=appends).for_each(|_| faulty.appends.let_one_through());
        let numbers = ("sum".to_string(), vec![1, 2]);
        guard(first.start_new(asks_or_starts, numbers).id("asks")).await.unwrap();
        // The next one waits at the gate, or nothing is left.
        for _ in 0..10_000 {
            if faulty.appends.came() > before + 1 + appends {
                break;
            }
            tokio::task::yield_now().await;
        }
        guard(first.abort()).await;
        faulty.appends.let_all_through();
        let second = host(faulty).start().await.unwrap();
        let answers = guard(second.instance::<Vec<u64>>(&id("asks")).result()).await.unwrap();
        assert_eq!(answers, [11, 13], "after {appends}");
        assert_eq!(count(&second, "sum", "ExternalRaised").await, 2, "after {appends}");
        assert_eq!(count(&second, "sum", "UpdateAnswered").await, 2, "after {appends}");
    }
}
