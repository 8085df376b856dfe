//! Events whose names know what they carry, and orchestrations that declare which they take.

use crate::kit::{events, guard, id, options, store, stored};
use reenact::actor::ExternalEvent;
use reenact::prelude::*;
use reenact::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Packed {
    parcels: u32,
}

const PACKED: EventName<Packed> = EventName::new("packed");
const SENT: EventName<String> = EventName::new("sent");

/// Declares what it takes.
#[orchestration(events(PACKED, SENT))]
async fn order(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let packed = ctx.wait_external(PACKED).await?;
    let sent = ctx.events(SENT).next().await?;
    Ok(format!("{} {sent}", packed.parcels))
}

/// Declares nothing, and takes all.
#[orchestration]
async fn open(ctx: OrchestrationContext) -> Result<u32, OrchestrationError> {
    Ok(ctx.wait_external(PACKED).await?.parcels)
}

/// Tells an order of an event by its plain name.
#[orchestration]
async fn teller(
    ctx: OrchestrationContext,
    (to, event): (String, String),
) -> Result<String, OrchestrationError> {
    let raised = ctx.raise_event(&to, &event, &7).await;
    Ok(raised.map_or_else(|error| error.to_string(), |()| "raised".to_string()))
}

/// Tells an order of an event by its typed name.
#[orchestration]
async fn typed_teller(ctx: OrchestrationContext, to: String) -> Result<(), OrchestrationError> {
    Ok(ctx.raise_event(&to, PACKED, &Packed { parcels: 5 }).await?)
}

async fn host() -> Host {
    let host = Host::builder().provider(store().0).options(options());
    let host = host.orchestration(order).orchestration(open).orchestration(teller);
    host.orchestration(typed_teller).start().await.unwrap()
}

#[tokio::test]
async fn a_typed_event_is_raised_and_awaited_without_another_word_about_its_type() {
    let host = host().await;
    let instance = host.start_new(order, ()).id("order-7").await.unwrap();
    host.raise_event("order-7", PACKED, Packed { parcels: 2 }).await.unwrap();
    instance.raise_event(SENT, "today".to_string()).key("1").await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "2 today");
    assert!(events(&host, &id("order-7")).await.contains(&"ExternalRaised `packed`".to_string()));
}

#[tokio::test]
async fn the_plain_name_is_the_same_event() {
    let host = host().await;
    let instance = host.start_new(order, ()).await.unwrap();
    instance.raise_event("packed", Packed { parcels: 2 }).await.unwrap();
    instance.raise_event("sent".to_string(), "today").await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "2 today");
}

#[tokio::test]
async fn an_event_that_is_not_declared_is_refused_and_not_stored() {
    let host = host().await;
    let instance = host.start_new(order, ()).id("order-7").await.unwrap();
    let before = events(&host, instance.id()).await;
    let refused = instance.raise_event("Packed", Packed { parcels: 2 }).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    let shown = "instance `order-7` takes no event `Packed`; it declares packed, sent";
    assert_eq!(refused.to_string(), shown);
    let Error::UnknownEvent { declared, .. } = refused else { panic!("{refused}") };
    assert_eq!(declared, ["packed", "sent"]);
    assert_eq!(events(&host, instance.id()).await, before);
}

#[tokio::test]
async fn data_that_is_not_what_is_declared_is_refused_and_not_stored() {
    let host = host().await;
    let instance = host.start_new(order, ()).await.unwrap();
    let before = events(&host, instance.id()).await;
    let refused = instance.raise_event("packed", "two").await.unwrap_err();
    assert!(matches!(refused, Error::InvalidPayload { .. }), "{refused}");
    assert!(refused.to_string().contains("the data of event `packed`"), "{refused}");
    assert_eq!(events(&host, instance.id()).await, before);
}

#[tokio::test]
async fn an_orchestration_that_declares_nothing_takes_every_event() {
    let host = host().await;
    let instance = host.start_new(open, ()).await.unwrap();
    instance.raise_event("something", 7).await.unwrap();
    instance.raise_event(PACKED, Packed { parcels: 3 }).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_start_with_an_event_that_is_not_declared_starts_nothing() {
    let host = host().await;
    let start = host.start_new(order, ()).id("order-7");
    let refused = start.and_raise("Packed", 7).await.unwrap_err();
    assert!(matches!(refused, Error::UnknownEvent { .. }), "{refused}");
    assert_eq!(stored(&host).await, 0);
    let start = host.start_new(order, ()).id("order-7");
    let instance = start.and_raise(PACKED, Packed { parcels: 2 }).await.unwrap();
    instance.raise_event(SENT, "today".to_string()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "2 today");
}

#[tokio::test]
async fn another_instance_hears_of_what_is_not_declared() {
    let host = host().await;
    host.start_new(order, ()).id("order-7").await.unwrap();
    for (event, wanted) in [
        (
            "Packed",
            "external event `Packed` was not delivered: instance `order-7` does not declare it",
        ),
        (
            "packed",
            "external event `packed` was not delivered: its data is not of the type that instance `order-7` declares",
        ),
    ] {
        let input = ("order-7".to_string(), event.to_string());
        let instance = host.start_new(teller, input).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), wanted);
    }
    let instance = host.start_new(typed_teller, "order-7".to_string()).await.unwrap();
    guard(instance.result()).await.unwrap();
    host.raise_event("order-7", SENT, "today".to_string()).await.unwrap();
    assert_eq!(guard(host.instance::<String>("order-7").result()).await.unwrap(), "5 today");
}

#[tokio::test]
async fn a_type_that_panics_when_it_is_read_refuses_the_event_and_harms_nothing() {
    #[derive(Debug, Serialize)]
    struct Spiteful;

    impl<'de> Deserialize<'de> for Spiteful {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("not today")
        }
    }

    const SPITE: EventName<Spiteful> = EventName::new("spite");

    #[orchestration(events(SPITE, SENT))]
    async fn spiteful(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
        Ok(ctx.wait_external(SENT).await?)
    }

    let host = Host::builder().provider(store().0).options(options()).orchestration(spiteful);
    let host = host.start().await.unwrap();
    let instance = host.start_new(spiteful, ()).await.unwrap();
    let refused = instance.raise_event(SPITE, Spiteful).await.unwrap_err();
    assert!(refused.to_string().contains("not today"), "{refused}");
    instance.raise_event(SENT, "fine".to_string()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "fine");
}

#[test]
fn a_message_to_an_actor_is_made_of_a_typed_event_as_well() {
    assert!(ExternalEvent::new(PACKED, &Packed { parcels: 1 }).is_ok());
}
