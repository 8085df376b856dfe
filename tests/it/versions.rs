//! Versions of an orchestration side by side: new instances take the newest, running ones stay on
//! theirs, and one whose version is missing waits for a host that has it.

use crate::kit::{events, guard, id, options, store, stored, until_parked};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{
    Error, ExecutionId, HostBuilder, InvalidVersion, Named, OrchestrationByName, ParkReason,
    Version,
};

#[orchestration(name = "greeting", version = "1.0.0")]
async fn greeting_1(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let () = ctx.wait_external("Go").await?;
    Ok(format!("Hello, {name}!"))
}

#[orchestration(name = "greeting", version = "1.10.0")]
async fn greeting_1_10(
    ctx: OrchestrationContext,
    name: String,
) -> Result<String, OrchestrationError> {
    let mark: String = ctx.wait_external("Mark").await?;
    Ok(format!("Hello, {name}{mark}"))
}

#[orchestration(name = "greeting", version = "2.0.0-beta.1")]
async fn greeting_2(_ctx: OrchestrationContext, names: u64) -> Result<u64, OrchestrationError> {
    Ok(names)
}

/// Goes on as new at each "Next", and ends at a "Stop" with the versions that it has been.
#[orchestration(name = "eternal", version = "1.0.0")]
async fn eternal_1(
    ctx: OrchestrationContext,
    seen: Vec<String>,
) -> Result<Vec<String>, OrchestrationError> {
    step(ctx, seen, "1").await
}

#[orchestration(name = "eternal", version = "2.0.0")]
async fn eternal_2(
    ctx: OrchestrationContext,
    seen: Vec<String>,
) -> Result<Vec<String>, OrchestrationError> {
    step(ctx, seen, "2").await
}

async fn step(
    ctx: OrchestrationContext,
    mut seen: Vec<String>,
    version: &str,
) -> Result<Vec<String>, OrchestrationError> {
    seen.push(version.into());
    match ctx.wait_external::<String>("Next").await?.as_str() {
        "stop" => Ok(seen),
        "pinned" => ctx.pinned().continue_as_new(eternal_1, seen),
        _ => ctx.continue_as_new(eternal_1, seen),
    }
}

fn builder(provider: impl Provider) -> HostBuilder {
    Host::builder().provider(provider).options(options())
}

fn version(text: &str) -> Version {
    Version::new(text).unwrap()
}

#[tokio::test]
async fn new_instances_take_the_newest_and_running_ones_stay_on_theirs() {
    let (memory, _) = store();
    let old = builder(memory.clone()).orchestration(greeting_1).start().await.unwrap();
    guard(old.start_new(greeting_1, "Ada".into()).id("old")).await.unwrap();
    guard(old.shutdown()).await.unwrap();

    // The order in which they are registered is of no account; 1.10 is newer than 1.9 would be.
    let both = builder(memory).orchestration(greeting_1_10).orchestration(greeting_1);
    let both = both.start().await.unwrap();
    let new = guard(both.start_new(greeting_1_10, "Grace".into()).id("new")).await.unwrap();
    assert_eq!(
        events(&both, new.id()).await,
        ["ExecutionStarted `greeting`", "VersionSelected 1.10.0", "ExternalSubscribed #1 `Mark`"]
    );
    // The type stands for the name.
    let newest = guard(both.start_new(greeting_1, "Alan".into()).id("newest")).await.unwrap();
    for (instance, expected) in [("old", "1.0.0"), ("new", "1.10.0"), ("newest", "1.10.0")] {
        let status = guard(both.get_status(&id(instance))).await.unwrap();
        assert_eq!(status.version, Some(version(expected)), "{instance}");
    }
    let old = both.instance::<String>(&id("old"));
    guard(old.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(old.result()).await.unwrap(), "Hello, Ada!");
    for (instance, expected) in [(new, "Hello, Grace?"), (newest, "Hello, Alan?")] {
        guard(instance.raise_event("Mark", "?")).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), expected);
    }
    let ended = guard(both.get_status(&id("old"))).await.unwrap();
    assert_eq!(ended.version, Some(version("1.0.0")), "known after the end, too");
    guard(both.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_version_can_be_asked_for() {
    let (memory, _) = store();
    let host = builder(memory)
        .orchestration(greeting_1)
        .orchestration(greeting_1_10)
        .orchestration(greeting_2);
    let host = host.start().await.unwrap();
    let older = guard(host.start_new(greeting_1, "Ada".into()).version("1.0.0")).await.unwrap();
    guard(older.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(older.result()).await.unwrap(), "Hello, Ada!");
    let by_name = host.start_new_by_name::<u64>("greeting", 3).version("2.0.0-beta.1");
    assert_eq!(guard(guard(by_name).await.unwrap().result()).await.unwrap(), 3);

    let none = guard(host.start_new(greeting_1, "Ada".into()).version("1.0")).await.unwrap_err();
    assert!(matches!(&none, Error::InvalidVersion(InvalidVersion::NotSemantic { .. })), "{none}");
    let missing = guard(host.start_new(greeting_1, "Ada".into()).version("3.0.0")).await;
    assert_eq!(
        missing.unwrap_err().to_string(),
        "orchestration `greeting` is not registered in version 3.0.0 on this host, which has 1.0.0, \
         1.10.0, 2.0.0-beta.1"
    );
    // The newest takes a number.
    let other_type = guard(host.start_new(greeting_1, "Ada".into())).await.unwrap_err();
    assert!(matches!(&other_type, Error::InvalidPayload { .. }), "{other_type}");
    assert_eq!(stored(&host).await, 2, "nothing is stored of those that were refused");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn versions_by_name() {
    let (memory, _) = store();
    let versioned = |text: &'static str| {
        move |_ctx: OrchestrationContext, ()| async move { Ok::<_, OrchestrationError>(text) }
    };
    let host = builder(memory)
        .register_orchestration("order", versioned("none"))
        .register_orchestration(Named::new("order").version("1.0.0"), versioned("one"))
        .start()
        .await
        .unwrap();
    let of = async |version: Option<&str>| {
        let start = host.start_new_by_name::<String>("order", ());
        let start = match version {
            Some(version) => start.version(version),
            None => start,
        };
        let instance = guard(start).await.unwrap();
        let status = guard(instance.status()).await.unwrap();
        (guard(instance.result()).await.unwrap(), status.version)
    };
    assert_eq!(of(None).await, ("one".into(), Some(version("1.0.0"))));
    assert_eq!(of(Some("1.0.0")).await, ("one".into(), Some(version("1.0.0"))));
    assert_eq!(of(Some("0.0.0")).await, ("none".into(), None));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused() {
    let refused = async |builder: HostBuilder| guard(builder.start()).await.unwrap_err();
    let twice = builder(store().0).orchestration(greeting_1).orchestration(greeting_1);
    let twice = refused(twice).await;
    assert!(matches!(&twice, Error::RegisteredTwice { version: Some(_), .. }), "{twice}");
    assert_eq!(
        twice.to_string(),
        "`greeting` 1.0.0 is registered twice; give one of them another name or version"
    );
    let code = |_ctx: OrchestrationContext, ()| async { Ok::<_, OrchestrationError>(()) };
    let twice = builder(store().0)
        .register_orchestration("order", code)
        .register_orchestration(Named::new("order").version("0.0.0"), code);
    let twice = refused(twice).await;
    assert_eq!(twice.to_string(), "`order` is registered twice; give one of them another name");
    let none = builder(store().0).register_orchestration(Named::new("order").version("one"), code);
    let none = refused(none).await;
    assert!(matches!(&none, Error::InvalidVersion(_)), "{none}");
    let long = format!("1.0.0-{}", "x".repeat(reenact::limits::MAX_VERSION_BYTES));
    let long = builder(store().0).register_orchestration(Named::new("order").version(&long), code);
    let long = refused(long).await;
    assert!(matches!(&long, Error::InvalidVersion(InvalidVersion::TooLong { .. })), "{long}");
}

#[tokio::test]
async fn an_instance_whose_version_is_missing_is_parked_and_says_what_is_there() {
    let (memory, _) = store();
    let old = builder(memory.clone()).orchestration(greeting_1).start().await.unwrap();
    guard(old.start_new(greeting_1, "Ada".into()).id("i")).await.unwrap();
    guard(old.shutdown()).await.unwrap();

    let new = builder(memory.clone()).orchestration(greeting_1_10).orchestration(greeting_2);
    let unfit = guard(new.verify_histories()).await.unwrap();
    assert_eq!(unfit.len(), 1);
    let expected = "orchestration `greeting` is not registered in version 1.0.0 on this host, which \
                    has 1.10.0, 2.0.0-beta.1; start one that has it";
    assert_eq!(unfit[0].to_string(), format!("instance `i` of `greeting`: {expected}"));
    let new = new.start().await.unwrap();
    let refused = guard(new.cancel(&id("i"), "why")).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("instance `i` is parked: {expected}"));
    let status = until_parked(&new, &id("i")).await;
    assert_eq!(status.version, Some(version("1.0.0")));
    assert_eq!(
        status.parked,
        Some(ParkReason::UnknownVersion {
            name: "greeting".try_into().unwrap(),
            version: version("1.0.0"),
            registered: vec![version("1.10.0"), version("2.0.0-beta.1")],
        })
    );
    guard(new.shutdown()).await.unwrap();

    let both = builder(memory).orchestration(greeting_1).orchestration(greeting_1_10);
    assert_eq!(guard(both.verify_histories()).await.unwrap(), []);
    let both = both.start().await.unwrap();
    guard(both.raise_event(&id("i"), "Go", ())).await.unwrap();
    assert_eq!(guard(both.instance::<String>(&id("i")).result()).await.unwrap(), "Hello, Ada!");
    guard(both.shutdown()).await.unwrap();
}

#[tokio::test]
async fn continuing_as_new_moves_to_the_newest_version_unless_pinned() {
    let (memory, _) = store();
    let old = builder(memory.clone()).orchestration(eternal_1).start().await.unwrap();
    let instance = guard(old.start_new(eternal_1, Vec::new()).id("i")).await.unwrap();
    guard(instance.raise_event("Next", "newest")).await.unwrap();
    guard(old.shutdown()).await.unwrap();

    let both = builder(memory).orchestration(eternal_1).orchestration(eternal_2);
    let both = both.start().await.unwrap();
    let instance = both.instance::<Vec<String>>(&id("i"));
    for next in ["pinned", "newest", "pinned", "stop"] {
        guard(instance.raise_event("Next", next)).await.unwrap();
    }
    assert_eq!(guard(instance.result()).await.unwrap(), ["1", "1", "1", "2", "2"]);
    let status = guard(instance.status()).await.unwrap();
    assert_eq!((status.execution, status.version), (ExecutionId(5), Some(version("2.0.0"))));
    guard(both.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_client_that_waits_for_a_status_sees_the_version_of_each_execution() {
    let status_of = |number: u64| {
        move |ctx: OrchestrationContext, ()| async move {
            ctx.set_status(&number);
            ctx.wait_external::<()>("Next").await?;
            ctx.continue_as_new_untyped::<_, ()>(&())
        }
    };
    let (memory, _) = store();
    let host = builder(memory)
        .register_orchestration(Named::new("o").version("1.0.0"), status_of(1))
        .register_orchestration(Named::new("o").version("2.0.0"), status_of(2))
        .start()
        .await
        .unwrap();
    let start = host.start_new_by_name::<()>("o", ()).id("i").version("1.0.0");
    let instance = guard(start).await.unwrap();
    let waiting = tokio::spawn({
        let instance = instance.clone();
        async move {
            let is_two = |status: &InstanceStatus| status.custom_status_as::<u64>() == Some(2);
            instance.wait_for_status(is_two).await
        }
    });
    guard(instance.wait_for_status(|status| status.custom_status.is_some())).await.unwrap();
    guard(instance.raise_event("Next", ())).await.unwrap();
    assert_eq!(guard(waiting).await.unwrap().unwrap().version, Some(version("2.0.0")));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn children_are_of_the_newest_version_or_of_the_one_that_is_asked_for() {
    let greets = |ctx: OrchestrationContext, child: Option<String>| async move {
        let options = child.map_or_else(ChildOptions::new, |of| ChildOptions::new().version(of));
        let call = OrchestrationByName::new("greeting", options.id("child"));
        let greeted = ctx.call_orchestration_by_name::<_, String>(call, "Ada").await;
        Ok(greeted.map_err(|error| error.to_string()))
    };
    let host = || builder(store().0).orchestration(greeting_1).orchestration(greeting_1_10);
    let host = || host().register_orchestration("greets", greets);

    for (asked, expected) in [(None, "1.10.0"), (Some("1.0.0"), "1.0.0")] {
        let host = host().start().await.unwrap();
        let asked = asked.map(String::from);
        guard(host.start_new_by_name::<()>("greets", asked).id("p")).await.unwrap();
        let child = guard(async {
            loop {
                match host.get_status(&id("child")).await {
                    Ok(status) => return status,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        assert_eq!(child.await.version, Some(version(expected)));
        guard(host.shutdown()).await.unwrap();
    }

    let host = host().start().await.unwrap();
    type Greeted = Result<String, String>;
    let bad = host.start_new_by_name::<Greeted>("greets", Some("one")).id("p");
    let refused = guard(guard(bad).await.unwrap().result()).await.unwrap().unwrap_err();
    assert!(
        refused.starts_with("`greeting` was not called: its options are not valid"),
        "{refused}"
    );
    assert_eq!(events(&host, &id("p")).await.len(), 2, "nothing of it was recorded");

    let missing = guard(host.start_new_by_name::<Greeted>("greets", Some("3.0.0")).id("q")).await;
    let Err(Error::NotStarted {
        reason: ParkReason::UnknownVersion { name, version: of, registered },
    }) = missing
    else {
        panic!("{missing:?}")
    };
    assert_eq!((name.as_str(), of), ("greeting", version("3.0.0")));
    assert_eq!(registered, [version("1.0.0"), version("1.10.0")]);
    guard(host.shutdown()).await.unwrap();
}
