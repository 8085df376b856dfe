//! Ids of instances are given as text wherever one is wanted, and checked before anything is stored.

use crate::kit::{guard, id, options, store, stored};
use reenact::prelude::*;
use reenact::{Error, Guid, InstanceFilter, InstanceState, PageRequest, limits};

/// Ends with the number that comes.
#[orchestration]
async fn number(ctx: OrchestrationContext) -> Result<u32, OrchestrationError> {
    Ok(ctx.wait_external("Number").await?)
}

/// Tells a number to the instance of an id that is given as text.
#[orchestration]
async fn teller(ctx: OrchestrationContext, to: String) -> Result<(), OrchestrationError> {
    Ok(ctx.raise_event(to.as_str(), "Number", &7).await?)
}

async fn host() -> Host {
    let host = Host::builder().provider(store().0).options(options());
    host.orchestration(number).orchestration(teller).start().await.unwrap()
}

#[tokio::test]
async fn a_text_names_an_instance_in_every_call() {
    let host = host().await;
    host.start_new(number, ()).id("order-7").await.unwrap();
    host.suspend("order-7", "a pause").await.unwrap();
    host.resume("order-7").await.unwrap();
    host.raise_event("order-7", "Number", 3).await.unwrap();
    let order = host.instance::<u32>("order-7");
    assert_eq!(guard(order.result()).await.unwrap(), 3);
    assert!(host.get_status("order-7").await.unwrap().outcome.is_some());
    assert!(host.wait_for_status("order-7", |_| true).await.unwrap().outcome.is_some());
    let end = host.history("order-7").await.unwrap().events().last().unwrap().position;
    host.rewind("order-7", end, "once more").await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 3);
    host.purge("order-7").await.unwrap();
    assert!(matches!(host.get_status("order-7").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn what_ends_an_instance_takes_a_text_of_any_kind() {
    let host = host().await;
    for text in ["a", "b"] {
        host.start_new(number, ()).id(text).await.unwrap();
    }
    host.cancel(String::from("a"), "not wanted").await.unwrap();
    host.terminate(&String::from("b"), "not wanted").await.unwrap();
    assert!(matches!(
        guard(host.instance::<u32>("a").result()).await,
        Err(Error::Cancelled { .. })
    ));
    assert!(matches!(
        guard(host.instance::<u32>("b").result()).await,
        Err(Error::Terminated { .. })
    ));
}

#[tokio::test]
async fn an_id_is_taken_by_value_and_by_reference() {
    let host = host().await;
    let order = id("order-7");
    host.start_new(number, ()).id(&order).await.unwrap();
    host.raise_event(&order, "Number", 3).await.unwrap();
    assert_eq!(guard(host.instance::<u32>(order.clone()).result()).await.unwrap(), 3);
    assert!(host.get_status(&&order).await.unwrap().outcome.is_some());
}

#[tokio::test]
async fn an_orchestration_raises_an_event_by_the_text_of_an_id() {
    let host = host().await;
    let order = host.start_new(number, ()).id("order-7").await.unwrap();
    guard(host.run_to_completion("teller", teller, "order-7".into())).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 7);
    let failed = guard(host.run_to_completion("another", teller, "a\nb".into())).await.unwrap_err();
    assert!(failed.to_string().contains("control character"), "{failed}");
}

#[tokio::test]
async fn an_invalid_id_is_refused_by_every_call_and_nothing_is_stored() {
    let host = host().await;
    let too_long = "x".repeat(limits::MAX_INSTANCE_ID_BYTES + 1);
    for text in ["", "a\nb", &too_long] {
        let handle = host.instance::<u32>(text);
        assert!(handle.id().as_str().is_empty());
        let refused = [
            host.start_new(number, ()).id(text).await.map(drop),
            host.run_to_completion(text, number, ()).await.map(drop),
            host.start_new(number, ()).id(text).and_raise("Number", 1).await.map(drop),
            host.raise_event(text, "Number", 1).await,
            host.get_status(text).await.map(drop),
            host.wait_for_status(text, |_| true).await.map(drop),
            host.history(text).await.map(drop),
            host.cancel(text, "no").await,
            host.suspend(text, "no").await,
            host.resume(text).await,
            host.terminate(text, "no").await,
            host.rewind(text, 1, "no").await,
            host.purge(text).await,
            host.actor(text).await.map(drop),
            handle.result().await.map(drop),
            handle.raise_event("Number", 1).await,
            handle.clone().status().await.map(drop),
            host.get_status(handle.id()).await.map(drop),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(Error::InvalidName(_))), "{text:?}: {refused:?}");
        }
    }
    assert_eq!(stored(&host).await, 0);
}

#[tokio::test]
async fn a_list_is_refused_by_a_name_or_an_id_that_nothing_can_have() {
    let host = host().await;
    let (filter, page) = (InstanceFilter::new(), PageRequest::new());
    let refused = [
        host.list(&filter.clone().name("a\nb"), &page).await.map(drop),
        host.list(&filter, &page.after("")).await.map(drop),
        host.count(&filter.name("")).await.map(drop),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::InvalidName(_))), "{refused:?}");
    }
}

/// Calls a child under an id that it draws.
#[orchestration]
async fn parent(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let drawn = ctx.new_guid();
    let options = ChildOptions::new().id(drawn);
    let child = teller.with(options);
    Ok(format!("{drawn} {:?}", ctx.call_orchestration(child, "a\nb".into()).await.is_err()))
}

#[tokio::test]
async fn an_id_is_drawn_by_an_orchestration_and_given_as_it_is() {
    let host = Host::builder().provider(store().0).options(options());
    let host = host.orchestration(parent).orchestration(teller).start().await.unwrap();
    let output = guard(host.run_to_completion("parent", parent, ())).await.unwrap();
    let (drawn, failed) = output.split_once(' ').unwrap();
    assert_eq!(failed, "true");
    let child: Guid = drawn.parse().unwrap();
    assert_eq!(host.get_status(child).await.unwrap().state, InstanceState::Failed);
}
