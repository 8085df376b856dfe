//! Questions: the values that orchestrations publish, seen when they are durable, and sent to those who follow.

use crate::kit::{
    AppendFault, Faulty, guard, id, on_the_tests_runtime, options, store, until_parked,
};
use futures::StreamExt;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, InstanceState};

/// Publishes under the name and the value that each event brings; without a value it clears the name.
#[orchestration]
pub(crate) async fn publishes(
    ctx: OrchestrationContext,
    generation: u32,
) -> Result<(), OrchestrationError> {
    if generation == 0 {
        ctx.publish("v", "begun");
    }
    let mut changes = ctx.events::<(String, Option<String>)>("Publish");
    loop {
        let (name, value) = changes.next().await?;
        match (name.as_str(), value) {
            ("end", _) => return Ok(()),
            ("renew", _) => return ctx.continue_as_new(publishes, generation + 1),
            ("park", _) => ctx.call_activity_by_name("unregistered", &()).await?,
            (name, Some(value)) => ctx.publish(name, &value),
            (name, None) => ctx.unpublish(name),
        }
    }
}

async fn host_on(provider: impl Provider) -> Host {
    host_with(provider, options()).await
}

async fn host_with(provider: impl Provider, options: HostOptions) -> Host {
    let host = Host::builder().provider(provider).options(options).orchestration(publishes);
    host.start().await.unwrap()
}

async fn begun(client: &Client) -> InstanceHandle<()> {
    guard(client.start_new(publishes, 0).id("i")).await.unwrap()
}

async fn tell(
    instance: &InstanceHandle<()>,
    name: &str,
    value: Option<&str>,
) -> reenact::Result<()> {
    guard(instance.raise_event("Publish", (name, value))).await
}

async fn asked(instance: &InstanceHandle<()>, name: &str) -> Option<String> {
    guard(instance.query(name)).await.unwrap()
}

async fn names(instance: &InstanceHandle<()>) -> Vec<String> {
    let published = guard(instance.published()).await.unwrap();
    published.names().map(ToString::to_string).collect()
}

#[tokio::test]
async fn values_are_read_while_the_instance_runs_and_when_it_has_ended() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("begun"));
    tell(&instance, "v", Some("more")).await.unwrap();
    tell(&instance, "w", Some("too")).await.unwrap();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("more"));
    assert_eq!(names(&instance).await, ["v", "w"]);
    tell(&instance, "v", None).await.unwrap();
    assert_eq!(asked(&instance, "v").await, None);
    assert_eq!(asked(&instance, "never").await, None);
    tell(&instance, "end", None).await.unwrap();
    guard(instance.result()).await.unwrap();
    assert_eq!(names(&instance).await, ["w"]);
}

#[tokio::test]
async fn a_question_that_has_no_answer_is_an_error_that_says_so() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let wrong = guard(instance.query::<u64>("v")).await.unwrap_err();
    assert!(matches!(wrong, Error::InvalidPayload { .. }), "{wrong}");
    assert!(wrong.to_string().contains("the value `v` that instance `i` has published"), "{wrong}");
    let nobody = guard(host.query::<u64>("nobody", "v")).await.unwrap_err();
    assert!(matches!(nobody, Error::NotFound { .. }), "{nobody}");
    let nobody = guard(host.published("nobody")).await.unwrap_err();
    assert!(matches!(nobody, Error::NotFound { .. }), "{nobody}");
    for (id, name) in [("", "v"), ("i", ""), ("i", "a\nb")] {
        let invalid = guard(host.query::<u64>(id, name)).await.unwrap_err();
        assert!(matches!(invalid, Error::InvalidName { .. }), "{invalid}");
        assert!(host.watch_value::<u64>(id, name).is_err());
    }
    let mut nothing = host.watch_value::<String>("nobody", "v").unwrap();
    assert!(matches!(guard(nothing.next()).await, Some(Err(Error::NotFound { .. }))));
    assert!(guard(nothing.next()).await.is_none());
}

#[tokio::test]
async fn nobody_reads_a_value_before_it_is_durable() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    let mut values = instance.watch_value::<String>("v").unwrap();
    assert_eq!(guard(values.next()).await.unwrap().unwrap().as_deref(), Some("begun"));
    faulty.appends.close();
    let came = faulty.appends.came();
    let teller = instance.clone();
    let telling = tokio::spawn(async move { tell(&teller, "v", Some("more")).await });
    let followed = tokio::spawn(async move { values.next().await });
    faulty.appends.until_came(came + 1).await;
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("begun"));
    assert!(!telling.is_finished() && !followed.is_finished());
    faulty.appends.let_all_through();
    assert_eq!(guard(followed).await.unwrap().unwrap().unwrap().as_deref(), Some("more"));
    guard(telling).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_follows_a_value_sees_each_change_once_and_the_end() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let mut values = instance.watch_value::<String>("v").unwrap();
    let mut seen = vec![guard(values.next()).await.unwrap().unwrap()];
    // Another name and the same value again are no change of it.
    for change in [("w", Some("x")), ("v", Some("begun")), ("v", Some("one")), ("v", None)] {
        tell(&instance, change.0, change.1).await.unwrap();
        if change.0 == "v" && change.1 != Some("begun") {
            seen.push(guard(values.next()).await.unwrap().unwrap());
        }
    }
    tell(&instance, "v", Some("last")).await.unwrap();
    tell(&instance, "end", None).await.unwrap();
    let rest: Vec<_> = guard(values.map(Result::unwrap).collect()).await;
    assert_eq!(rest, [Some("last".to_string())]);
    assert_eq!(seen, [Some("begun".to_string()), Some("one".to_string()), None]);
}

#[tokio::test]
async fn a_value_of_another_type_is_an_item_and_the_next_one_comes() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let mut numbers = instance.watch_value::<u64>("v").unwrap();
    assert!(matches!(guard(numbers.next()).await, Some(Err(Error::InvalidPayload { .. }))));
    tell(&instance, "v", None).await.unwrap();
    assert_eq!(guard(numbers.next()).await.unwrap().unwrap(), None);
}

#[tokio::test]
async fn values_survive_a_crash_and_continue_as_new_and_nobody_needs_to_wake_the_instance() {
    let memory = store().0;
    let crashing = host_on(memory.clone()).await;
    let instance = begun(&crashing).await;
    tell(&instance, "kept", Some("a")).await.unwrap();
    tell(&instance, "v", None).await.unwrap();
    tell(&instance, "renew", None).await.unwrap();
    tell(&instance, "new", Some("b")).await.unwrap();
    assert_eq!(instance.status().await.unwrap().execution.0, 2);
    guard(crashing.abort()).await;
    let host = host_on(memory).await;
    let instance = host.instance::<()>(&id("i"));
    assert_eq!(names(&instance).await, ["kept", "new"]);
    assert_eq!(host.in_memory(), 0);
    tell(&instance, "kept", Some("c")).await.unwrap();
    assert_eq!(asked(&instance, "kept").await.as_deref(), Some("c"));
}

#[tokio::test]
async fn a_rewind_takes_values_back_and_those_who_follow_see_it() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    tell(&instance, "w", Some("x")).await.unwrap();
    let length = instance.status().await.unwrap().history_length;
    tell(&instance, "v", Some("wrong")).await.unwrap();
    let mut values = instance.watch_value::<String>("v").unwrap();
    assert_eq!(guard(values.next()).await.unwrap().unwrap().as_deref(), Some("wrong"));
    // The event that was raised since is raised again, so the value comes back after its code has run.
    guard(instance.rewind(length, "again")).await.unwrap();
    tell(&instance, "v", Some("right")).await.unwrap();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("right"));
    while guard(values.next()).await.unwrap().unwrap().as_deref() != Some("right") {}
    assert_eq!(asked(&instance, "w").await.as_deref(), Some("x"));
}

#[tokio::test]
async fn a_parked_a_suspended_and_a_terminated_instance_answer() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    instance.suspend("wait").await.unwrap();
    tell(&instance, "v", Some("later")).await.unwrap();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("begun"), "its code does not run");
    instance.resume().await.unwrap();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("later"));
    // Refused, or not: it is parked for it.
    let _ = tell(&instance, "park", None).await;
    assert!(until_parked(&host, &id("i")).await.parked.is_some());
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("later"));
    let mut values = instance.watch_value::<String>("v").unwrap();
    assert_eq!(guard(values.next()).await.unwrap().unwrap().as_deref(), Some("later"));
    assert!(matches!(guard(values.next()).await, Some(Err(Error::Parked { .. }))));
    instance.terminate("enough").await.unwrap();
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Terminated);
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("later"));
    guard(host.purge("i")).await.unwrap();
    assert!(matches!(host.query::<String>("i", "v").await, Err(Error::NotFound { .. })));
    // Another instance under the id has values of its own.
    let instance = begun(&host).await;
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("begun"));
}

#[tokio::test(start_paused = true)]
async fn a_value_whose_append_failed_was_never_there() {
    let faulty = Faulty::new(store().0);
    let host = host_with(faulty.clone(), on_the_tests_runtime()).await;
    let instance = begun(&host).await;
    let mut values = instance.watch_value::<String>("v").unwrap();
    assert_eq!(guard(values.next()).await.unwrap().unwrap().as_deref(), Some("begun"));
    faulty.fail_appends([AppendFault::Fatal]);
    tell(&instance, "v", Some("lost")).await.unwrap_err();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("begun"));
    while tell(&instance, "v", Some("kept")).await.is_err() {
        tokio::time::advance(Duration::from_millis(50)).await;
    }
    assert_eq!(guard(values.next()).await.unwrap().unwrap().as_deref(), Some("kept"));
}

#[tokio::test]
async fn those_who_follow_are_notified_when_the_host_shuts_down() {
    let host = host_on(store().0).await;
    let mut values = begun(&host).await.watch_value::<String>("v").unwrap();
    guard(values.next()).await.unwrap().unwrap();
    let followed = tokio::spawn(async move { values.next().await });
    guard(host.shutdown()).await.unwrap();
    assert!(matches!(guard(followed).await.unwrap(), Some(Err(Error::ShuttingDown))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_again_reads_only_what_has_come_since() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    for _ in 0..300 {
        tell(&instance, "v", Some("more")).await.unwrap();
    }
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("more"));
    let before = faulty.turns_read();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("more"));
    assert_eq!(faulty.turns_read(), before, "nothing has come since");
    tell(&instance, "v", Some("most")).await.unwrap();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("most"));
    assert_eq!(faulty.turns_read() - before, 1);
}

#[cfg(feature = "local")]
#[tokio::test]
async fn values_in_a_directory_are_read_by_the_host_and_without_one() {
    let name = format!("published-{}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    let host = host_on(Local::open(&path).unwrap()).await;
    let instance = begun(&host).await;
    tell(&instance, "v", Some("more")).await.unwrap();
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("more"));
    guard(host.shutdown()).await.unwrap();
    let reader = Client::read_only(Local::open_read_only(&path).unwrap());
    let value: Option<String> = guard(reader.query("i", "v")).await.unwrap();
    assert_eq!(value.as_deref(), Some("more"));
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test]
async fn values_of_instances_on_other_hosts_are_read_and_followed() {
    let shared = store().0.shared();
    let host = host_on(shared.clone()).await;
    let outside = Client::connect(shared).unwrap();
    let instance = begun(&outside).await;
    assert_eq!(asked(&instance, "v").await.as_deref(), Some("begun"));
    let mut values = instance.watch_value::<String>("v").unwrap();
    assert_eq!(guard(values.next()).await.unwrap().unwrap().as_deref(), Some("begun"));
    tell(&host.instance(&id("i")), "v", Some("more")).await.unwrap();
    assert_eq!(guard(values.next()).await.unwrap().unwrap().as_deref(), Some("more"));
    tell(&instance, "end", None).await.unwrap();
    assert!(guard(values.next()).await.is_none());
}
