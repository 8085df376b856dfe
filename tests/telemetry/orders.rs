//! Five orders, three of which fail in different ways: with `RUST_LOG=debug` each is followed from its start to its
//! end.

use reenact::InMemory;
use reenact::prelude::*;

use crate::listener::Listener;

#[activity]
async fn charge(ctx: ActivityContext, id: String) -> Result<u32, ActivityError> {
    match id.as_str() {
        "declined" => Err(ActivityError::fatal("the card is declined")),
        "down" => Err(ActivityError::retryable(format!("no answer at attempt {}", ctx.attempt()))),
        _ => Ok(1),
    }
}

#[orchestration]
async fn ship(_ctx: OrchestrationContext, id: String) -> Result<(), OrchestrationError> {
    if id == "lost" { Err("the parcel is lost".into()) } else { Ok(()) }
}

#[orchestration]
async fn order(ctx: OrchestrationContext, id: String) -> Result<String, OrchestrationError> {
    let twice = RetryPolicy::new(2).first_delay(Duration::from_millis(1));
    let twice = ActivityOptions::new().retry(twice);
    ctx.call_activity(charge.with(twice), id.clone()).await?;
    if id == "approved" {
        ctx.timer(Duration::from_millis(1)).await;
        ctx.wait_external::<String>("Approved").await?;
    }
    let parcel = ChildOptions::new().id(format!("parcel of {id}"));
    ctx.call_orchestration(ship.with(parcel), id).await?;
    Ok("sent".into())
}

/// The begin that all orders have.
const BEGIN: &[&str] = &[
    "DEBUG an instance has started",
    "DEBUG an activity is scheduled",
    "DEBUG an attempt of an activity begins",
];

#[tokio::test]
async fn five_orders_are_followed_from_start_to_end() {
    let listener = Listener::begin();
    let host = Host::builder().provider(InMemory::new()).activity(charge);
    let host = host.orchestration(order).orchestration(ship).start().await.unwrap();
    for id in ["plain", "declined", "down", "lost"] {
        let started = host.start_new(order, id.to_owned()).id(id).await.unwrap();
        assert_eq!(started.result().await.is_ok(), id == "plain", "{id}");
    }
    let approved = host.start_new(order, "approved".to_owned()).id("approved");
    let approved = approved.await.unwrap();
    approved.raise_event("Approved", "by Ada").await.unwrap();
    approved.result().await.unwrap();
    host.shutdown().await.unwrap();

    let expect = |id: &str, rest: &[&str]| {
        let expected: Vec<_> = BEGIN.iter().chain(rest).map(ToString::to_string).collect();
        assert_eq!(listener.of(id), expected, "{id}");
    };
    let sent = [
        "DEBUG a child is called",
        "DEBUG a child has completed",
        "DEBUG an instance has completed",
    ];
    let charged = ["DEBUG an activity has completed"];
    expect("plain", &[&charged[..], &sent].concat());
    expect("declined", &["DEBUG an activity has failed", "WARN an instance has failed"]);
    expect(
        "down",
        &[
            "DEBUG an attempt of an activity has failed; another one follows",
            "DEBUG an attempt of an activity begins",
            "DEBUG an activity has failed",
            "WARN an instance has failed",
        ],
    );
    expect(
        "lost",
        &[
            "DEBUG an activity has completed",
            "DEBUG a child is called",
            "DEBUG a child has failed",
            "WARN an instance has failed",
        ],
    );
    // The event may come at any time, so its lines are looked for by themselves.
    let said = listener.of("approved");
    for line in [
        "DEBUG a timer is armed",
        "DEBUG a timer has fired",
        "DEBUG an instance waits for an event",
        "DEBUG an event was raised",
        "DEBUG a wait has its event",
        "DEBUG a child has completed",
        "DEBUG an instance has completed",
    ] {
        assert_eq!(said.iter().filter(|one| *one == line).count(), 1, "{line}: {said:#?}");
    }
    assert_eq!(
        listener.of("parcel of lost"),
        ["DEBUG an instance has started", "WARN an instance has failed"]
    );
}

#[tokio::test]
async fn the_fields_name_the_activity_its_attempt_and_its_error() {
    let listener = Listener::begin();
    let host = Host::builder().provider(InMemory::new()).activity(charge);
    let host = host.orchestration(order).orchestration(ship).start().await.unwrap();
    host.start_new(order, "down".to_owned())
        .id("fields")
        .await
        .unwrap()
        .result()
        .await
        .unwrap_err();
    host.shutdown().await.unwrap();
    let failed = listener.all().into_iter().find(|line| line.message == "an activity has failed");
    let failed = failed.unwrap();
    let field = |name| failed.fields.get(name).map(String::as_str);
    assert_eq!(failed.target, "reenact::activity");
    assert_eq!(field("instance"), Some("fields"));
    assert_eq!(field("activity"), Some("charge"));
    assert_eq!((field("attempt"), field("execution")), (Some("2"), Some("1")));
    assert!(field("error").unwrap().contains("no answer at attempt 2"), "{failed:?}");
    let parcels = listener.all().into_iter().filter(|line| line.fields.contains_key("parent"));
    assert_eq!(parcels.count(), 0, "the child was not called");
}

#[tokio::test]
async fn a_replay_says_nothing_again() {
    let listener = Listener::begin();
    let store = InMemory::new();
    let build = || {
        let host = Host::builder().provider(store.clone()).activity(charge);
        host.options(HostOptions::new().lease_patience(Duration::ZERO))
            .orchestration(order)
            .orchestration(ship)
            .start()
    };
    let host = build().await.unwrap();
    let waits = host.start_new(order, "approved".to_owned()).id("twice").await.unwrap();
    while !listener.of("twice").contains(&"DEBUG an instance waits for an event".to_owned()) {
        tokio::task::yield_now().await;
    }
    drop(waits);
    host.abort().await;
    let before = listener.of("twice");
    let host = build().await.unwrap();
    let waits = host.instance::<String>("twice");
    waits.raise_event("Approved", "by Ada").await.unwrap();
    assert_eq!(waits.result().await.unwrap(), "sent");
    host.shutdown().await.unwrap();
    let said = listener.of("twice");
    assert_eq!(said[..before.len()], before);
    let after = [
        "DEBUG an event was raised",
        "DEBUG a wait has its event",
        "DEBUG a child is called",
        "DEBUG a child has completed",
        "DEBUG an instance has completed",
    ];
    assert_eq!(said[before.len()..], after);
    // What was scheduled before the crash has its name all the same.
    let lines = listener.all();
    let taken = lines.iter().find(|line| line.message == "a wait has its event").unwrap();
    assert_eq!(taken.fields.get("event").map(String::as_str), Some("Approved"));
}

/// Begins to wait for "Go", and waits anew after "Skip".
#[orchestration]
async fn changes_its_mind(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let early = ctx.schedule_wait::<String>("Go");
    ctx.wait_external::<()>("Skip").await?;
    drop(early);
    Ok(ctx.wait_external::<String>("Go").await?)
}

#[tokio::test]
async fn a_wait_that_is_dropped_before_it_takes_its_event_never_has_it() {
    let listener = Listener::begin();
    let host = Host::builder().provider(InMemory::new()).orchestration(changes_its_mind);
    let host = host.start().await.unwrap();
    let started = host.start_new(changes_its_mind, ()).id("mind").await.unwrap();
    started.raise_event("Go", "now").await.unwrap();
    started.raise_event("Skip", ()).await.unwrap();
    assert_eq!(started.result().await.unwrap(), "now");
    host.shutdown().await.unwrap();
    let of = |line: &str| {
        let lines = listener.all();
        let lines = lines.iter().filter(|one| one.message == line);
        lines.map(|line| (line.fields["event"].clone(), line.fields["id"].clone())).collect()
    };
    let (go, skip) = ("Go".to_owned(), "Skip".to_owned());
    let dropped: Vec<_> = of("an instance no longer waits for an event");
    assert_eq!(dropped, [(go.clone(), "1".into())]);
    let taken: Vec<_> = of("a wait has its event");
    assert_eq!(taken, [(skip, "2".into()), (go, "3".into())]);
}
