//! Updates: requests of clients that instances answer, each once, when the answer is durable.

mod hosts;
mod random;

use crate::kit::{
    AppendFault, Faulty, events, guard, id, on_the_tests_runtime, options, store, until_parked,
};
use reenact::core::PublishedValues;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, InstanceState, UpdateError, UpdateName};

/// Adds a number; the sum, or why not.
pub(crate) const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

/// What the orchestration is to do next.
const DO: UpdateName<String, String, String> = UpdateName::new("do");

/// Adds numbers up to 100. A `do` is held without an answer, until the next one comes.
#[orchestration(updates(ADD if is_small, DO))]
pub(crate) async fn counter(
    ctx: OrchestrationContext,
    sum: u64,
) -> Result<u64, OrchestrationError> {
    let (mut adds, mut orders, mut sum) = (ctx.updates(ADD), ctx.updates(DO), sum);
    let mut held = Vec::new();
    loop {
        ctx.publish("sum", &sum);
        let order = tokio::select! {
            biased;
            add = adds.next() => {
                let add = add?;
                if sum + add.request() > 100 {
                    add.refuse(&format!("{} are left", 100 - sum));
                } else {
                    sum += add.request();
                    add.reply(&sum);
                }
                continue;
            }
            order = orders.next() => order?,
        };
        match order.request().as_str() {
            "drop" => drop(order),
            "renew" => {
                order.reply(&"renewed".to_string());
                return ctx.continue_as_new(counter, sum);
            }
            "end" => return Ok(sum),
            "fail" => return Err(OrchestrationError::new("ordered")),
            "later" => {
                let () = ctx.call_activity_by_name("work", &()).await?;
                order.reply(&format!("later, {sum}"));
            }
            "park" => ctx.call_activity_by_name("unregistered", &()).await?,
            "answer" => {
                for order in held.drain(..) {
                    let order: reenact::Update<String, String, String> = order;
                    let answer = format!("{}, {sum}", order.request());
                    order.reply(&answer);
                }
                order.reply(&"done".to_string());
            }
            _ => held.push(order),
        }
    }
}

fn is_small(number: &u64, published: &PublishedValues) -> Result<(), String> {
    let sum: u64 = published.value("sum").ok().flatten().unwrap_or_default();
    if *number > 1_000 { Err(format!("{number} after {sum}")) } else { Ok(()) }
}

async fn host_on(provider: impl Provider) -> Host {
    host_with(provider, options()).await
}

async fn host_with(provider: impl Provider, options: HostOptions) -> Host {
    let host = Host::builder().provider(provider).options(options).orchestration(counter);
    host.start().await.unwrap()
}

async fn begun(client: &Client) -> InstanceHandle<u64> {
    guard(client.start_new(counter, 0).id("i")).await.unwrap()
}

async fn order(instance: &InstanceHandle<u64>, what: &str) -> Result<String, UpdateError<String>> {
    guard(instance.update(DO, what.to_string()).into_future()).await
}

/// An order that is held, and is in the log.
async fn held(
    instance: &InstanceHandle<u64>,
    what: &str,
) -> tokio::task::JoinHandle<Result<String, UpdateError<String>>> {
    let before = instance.status().await.unwrap().history_length;
    let update = instance.update(DO, what.to_string()).key(what).into_future();
    let waiting = tokio::spawn(update);
    guard(async {
        while instance.status().await.unwrap().history_length == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!waiting.is_finished());
    waiting
}

fn failed<T: std::fmt::Debug>(result: Result<T, UpdateError<String>>) -> Error {
    match result {
        Err(UpdateError::Failed(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_update_is_answered_and_may_be_refused() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    assert_eq!(guard(instance.update(ADD, 40)).await.unwrap(), 40);
    assert_eq!(guard(host.update("i", ADD, 50)).await.unwrap(), 90);
    let refused = guard(host.update("i", ADD, 20)).await.unwrap_err();
    assert!(matches!(refused, UpdateError::Refused(why) if why == "10 are left"));
    let by_name: Result<u64, UpdateError<String>> = guard(host.update("i", "add", 10)).await;
    assert_eq!(by_name.unwrap(), 100);
    assert_eq!(host.query::<u64>("i", "sum").await.unwrap(), Some(100));
}

#[tokio::test]
async fn sent_again_with_its_key_it_counts_once_and_has_the_same_answer() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    for _ in 0..3 {
        assert_eq!(guard(instance.update(ADD, 7).key("k")).await.unwrap(), 7);
    }
    assert_eq!(guard(instance.update(ADD, 1).key("other")).await.unwrap(), 8);
    let raised = events(&host, &id("i")).await;
    assert_eq!(raised.iter().filter(|event| event.starts_with("ExternalRaised")).count(), 2);
    let _ = order(&instance, "end").await;
    guard(instance.result()).await.unwrap();
    assert_eq!(guard(instance.update(ADD, 7).key("k")).await.unwrap(), 7, "also after the end");
    let late = failed(guard(instance.update(ADD, 7).key("late")).await);
    assert!(matches!(late, Error::Finished { .. }), "{late}");
    let late = failed(guard(instance.update(ADD, 7)).await);
    assert!(matches!(late, Error::Finished { .. }), "{late}");
}

#[tokio::test]
async fn of_many_with_one_key_at_the_same_time_one_counts_and_all_have_its_answer() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let updates = (0..20).map(|_| instance.update(ADD, 5).key("k").into_future());
    for answer in guard(futures::future::join_all(updates)).await {
        assert_eq!(answer.unwrap(), 5);
    }
    let updates = (0..20).map(|_| instance.update(ADD, 1).into_future());
    let mut sums: Vec<_> =
        guard(futures::future::try_join_all(updates)).await.unwrap().into_iter().collect();
    sums.sort_unstable();
    assert_eq!(sums, (6..=25).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_answer_leaves_when_it_is_durable() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    faulty.appends.close();
    let came = faulty.appends.came();
    let update = tokio::spawn(instance.update(ADD, 5).into_future());
    faulty.appends.until_came(came + 1).await;
    assert!(!update.is_finished());
    faulty.appends.let_all_through();
    assert_eq!(guard(update).await.unwrap().unwrap(), 5);
}

#[tokio::test]
async fn what_the_declaration_does_not_allow_is_refused_and_not_stored() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    guard(instance.update(ADD, 3)).await.unwrap();
    let before = events(&host, &id("i")).await;
    let refused = guard(instance.update(ADD, 2_000)).await.unwrap_err();
    assert!(matches!(refused, UpdateError::Refused(why) if why == "2000 after 3"));
    let invalid: Result<u64, UpdateError<String>> = guard(instance.update("add", "five")).await;
    let invalid = failed(invalid);
    assert!(matches!(invalid, Error::InvalidPayload { .. }), "{invalid}");
    let unknown: Result<u64, UpdateError<String>> = guard(instance.update("pay", 1)).await;
    let unknown = failed(unknown);
    assert!(matches!(unknown, Error::UnknownEvent { .. }), "{unknown}");
    let nobody = failed(guard(host.update("nobody", ADD, 1)).await);
    assert!(matches!(nobody, Error::NotFound { .. }), "{nobody}");
    for (id, key) in [("", "k"), ("i", "")] {
        let invalid = failed(guard(host.update(id, ADD, 1).key(key)).await);
        assert!(matches!(invalid, Error::InvalidName { .. }), "{invalid}");
    }
    assert_eq!(events(&host, &id("i")).await, before);
    // The answer is there; it is not what the caller asks for.
    let wrong: Result<String, UpdateError<String>> = guard(instance.update("add", 1)).await;
    let wrong = failed(wrong);
    assert!(wrong.to_string().contains("the answer of instance `i` to an update"), "{wrong}");
}

#[tokio::test]
async fn an_answer_may_come_later_and_a_caller_that_has_gone_changes_nothing() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let waiting = held(&instance, "one").await;
    let gone = held(&instance, "two").await;
    gone.abort();
    assert_eq!(order(&instance, "answer").await.unwrap(), "done");
    assert_eq!(guard(waiting).await.unwrap().unwrap(), "one, 0");
    let again = guard(instance.update(DO, "two".to_string()).key("two")).await;
    assert_eq!(again.unwrap(), "two, 0");
}

#[tokio::test]
async fn what_the_code_drops_is_answered_as_dropped() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let dropped = order(&instance, "drop").await.unwrap_err();
    assert!(matches!(dropped, UpdateError::Dropped { .. }), "{dropped}");
}

#[tokio::test]
async fn at_every_kind_of_end_those_who_wait_get_an_error_at_once() {
    let host = host_on(store().0).await;
    for (number, how) in
        ["end", "fail", "cancel", "terminate", "terminate parked"].into_iter().enumerate()
    {
        let name = format!("i-{number}");
        let instance = guard(host.start_new(counter, 0).id(&*name)).await.unwrap();
        let waiting = held(&instance, "one").await;
        match how {
            "cancel" => instance.cancel("enough").await.unwrap(),
            "terminate" => instance.terminate("enough").await.unwrap(),
            "terminate parked" => {
                let parking = tokio::spawn(instance.update(DO, "park".to_string()).into_future());
                until_parked(&host, &id(&name)).await;
                assert!(!waiting.is_finished() && !parking.is_finished(), "they wait for a person");
                instance.terminate("enough").await.unwrap();
                let parking = failed(guard(parking).await.unwrap());
                assert!(matches!(parking, Error::NoAnswer { .. }), "{parking}");
            }
            how => {
                let ended = failed(order(&instance, how).await);
                assert!(matches!(ended, Error::NoAnswer { .. }), "{ended}");
            }
        }
        let ended = failed(guard(waiting).await.unwrap());
        assert!(matches!(&ended, Error::NoAnswer { key, .. } if key.as_str() == "one"), "{ended}");
        let again = failed(guard(instance.update(DO, "one".to_string()).key("one")).await);
        assert!(matches!(again, Error::NoAnswer { .. } | Error::Finished { .. }), "{again}");
    }
}

#[tokio::test]
async fn while_an_instance_is_suspended_or_parked_requests_are_recorded_and_wait() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    instance.suspend("wait").await.unwrap();
    let length = instance.status().await.unwrap().history_length;
    let waiting = tokio::spawn(instance.update(ADD, 5).into_future());
    guard(async {
        while instance.status().await.unwrap().history_length == length {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!waiting.is_finished());
    instance.resume().await.unwrap();
    assert_eq!(guard(waiting).await.unwrap().unwrap(), 5);
}

#[tokio::test]
async fn those_who_wait_move_to_the_next_execution_with_what_was_answered() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    assert_eq!(guard(instance.update(ADD, 5).key("five")).await.unwrap(), 5);
    let waiting = held(&instance, "one").await;
    assert_eq!(order(&instance, "renew").await.unwrap(), "renewed");
    assert_eq!(instance.status().await.unwrap().execution.0, 2);
    assert_eq!(guard(instance.update(ADD, 5).key("five")).await.unwrap(), 5);
    assert!(!waiting.is_finished());
    assert_eq!(order(&instance, "answer").await.unwrap(), "done");
    assert_eq!(guard(waiting).await.unwrap().unwrap(), "one, 5");
}

#[tokio::test]
async fn after_a_crash_the_same_key_has_the_same_answer_and_what_waits_is_answered() {
    let memory = store().0;
    let crashing = host_on(memory.clone()).await;
    let instance = begun(&crashing).await;
    assert_eq!(guard(instance.update(ADD, 5).key("five")).await.unwrap(), 5);
    let waiting = held(&instance, "one").await;
    guard(crashing.abort()).await;
    assert!(guard(waiting).await.unwrap().is_err(), "it ends with its host");
    let host = host_on(memory).await;
    let instance = host.instance::<u64>("i");
    assert_eq!(guard(instance.update(ADD, 5).key("five")).await.unwrap(), 5);
    let again = instance.update(DO, "one".to_string()).key("one").into_future();
    let (again, answered) = tokio::join!(guard(again), order(&instance, "answer"));
    assert_eq!(answered.unwrap(), "done");
    assert_eq!(again.unwrap(), "one, 5");
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_append_failed_was_never_given() {
    let faulty = Faulty::new(store().0);
    let host = host_with(faulty.clone(), on_the_tests_runtime()).await;
    let instance = begun(&host).await;
    faulty.fail_appends([AppendFault::Fatal]);
    let lost = failed(guard(instance.update(ADD, 5).key("k")).await);
    assert!(matches!(lost, Error::Interrupted { .. } | Error::Store { .. }), "{lost}");
    let answer = loop {
        match guard(instance.update(ADD, 5).key("k")).await {
            Ok(answer) => break answer,
            Err(_) => tokio::time::advance(Duration::from_millis(50)).await,
        }
    };
    assert_eq!(answer, 5);
    assert_eq!(host.query::<u64>("i", "sum").await.unwrap(), Some(5));
}

#[tokio::test]
async fn a_start_with_an_update_starts_or_finds_the_instance_and_has_the_answer() {
    let host = host_on(store().0).await;
    let (first, sum) = guard(host.start_new(counter, 1).id("i").and_update(ADD, 4)).await.unwrap();
    assert_eq!((first.id().as_str(), sum), ("i", 5));
    let (_, sum) =
        guard(host.start_new(counter, 1).id("i").and_update(ADD, 4).key("k")).await.unwrap();
    assert_eq!(sum, 9);
    let (_, sum) =
        guard(host.start_new(counter, 1).id("i").and_update(ADD, 4).key("k")).await.unwrap();
    assert_eq!(sum, 9, "it counts once");
    let anonymous = guard(host.start_new(counter, 1).and_update(ADD, 4)).await;
    assert!(matches!(failed(anonymous), Error::NoId { .. }));
    assert_eq!(host.get_status("i").await.unwrap().state, InstanceState::Running);
}

#[tokio::test]
async fn an_update_reads_nothing_of_the_log_for_its_answer_nor_does_one_with_a_start() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    guard(instance.update(ADD, 1)).await.unwrap();
    let read = faulty.turns_read();
    for sum in 2..=10 {
        assert_eq!(guard(instance.update(ADD, 1)).await.unwrap(), sum);
    }
    for sum in 11..=20 {
        let started = guard(host.start_new(counter, 0).id("i").and_update(ADD, 1)).await;
        assert_eq!(started.unwrap().1, sum);
    }
    for new in 0..10 {
        let id = format!("new-{new}");
        let started = guard(host.start_new(counter, 7).id(&*id).and_update(ADD, 1)).await;
        assert_eq!(started.unwrap().1, 8);
    }
    assert_eq!(faulty.turns_read(), read);
}

#[tokio::test]
async fn a_start_with_an_update_that_is_refused_or_cannot_be_answered_has_the_error_at_once() {
    let host = host_on(store().0).await;
    let start = |id: &str, add| host.start_new(counter, 0).id(id).and_update(ADD, add);
    let refused = guard(start("i", 200)).await;
    assert!(matches!(&refused, Err(UpdateError::Refused(why)) if why == "100 are left"));
    let refused = guard(start("i", 2_000)).await;
    assert!(matches!(&refused, Err(UpdateError::Refused(why)) if why == "2000 after 0"));
    for how in ["end", "fail"] {
        let start = host.start_new(counter, 0).id(how).and_update(DO, how.to_string());
        let ended = failed(guard(start).await.map(|(_, answer)| answer));
        assert!(matches!(ended, Error::NoAnswer { .. }), "{ended}");
        let start = host.start_new(counter, 0).id(how).and_update(DO, how.to_string());
        let ended = failed(guard(start).await.map(|(_, answer)| answer));
        assert!(matches!(ended, Error::Finished { .. }), "{ended}");
    }
}

#[tokio::test]
async fn a_rewind_takes_answers_back_and_the_code_answers_anew() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    guard(instance.update(ADD, 5)).await.unwrap();
    let length = instance.status().await.unwrap().history_length;
    assert_eq!(guard(instance.update(ADD, 6).key("six")).await.unwrap(), 11);
    guard(instance.rewind(length, "again")).await.unwrap();
    assert_eq!(guard(instance.update(ADD, 6).key("six")).await.unwrap(), 11);
    assert_eq!(guard(instance.update(ADD, 1)).await.unwrap(), 12, "it counted once");
}

#[tokio::test]
async fn those_who_wait_are_notified_when_the_host_shuts_down() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let waiting = held(&instance, "one").await;
    guard(host.shutdown()).await.unwrap();
    assert!(matches!(failed(guard(waiting).await.unwrap()), Error::ShuttingDown));
}

#[cfg(feature = "local")]
#[tokio::test]
async fn answers_in_a_directory_are_known_to_the_next_host() {
    let name = format!("updates-{}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    for _ in 0..2 {
        let host = host_on(Local::open(&path).unwrap()).await;
        let started = guard(host.start_new(counter, 0).id("i").and_update(ADD, 4).key("k")).await;
        assert_eq!(started.unwrap().1, 4);
        guard(host.shutdown()).await.unwrap();
    }
    std::fs::remove_dir_all(path).unwrap();
}
