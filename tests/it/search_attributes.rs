//! Attributes by which instances are found in lists: through hosts and clients, on each store.

use crate::kit::{HOUR, guard, id, on_the_tests_runtime, options, store, until_parked};
use reenact::codec::{Compression, Encryption, Keys};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{
    AttributeError, AttributeValue, Attributes, Encoded, Error, ErrorKind, InstanceFilter,
    PageRequest,
};

/// Sets the attribute that each event names; without a value it clears it.
#[orchestration]
pub(crate) async fn order(
    ctx: OrchestrationContext,
    generation: u32,
) -> Result<String, OrchestrationError> {
    let mut changes = ctx.events::<(String, Option<i64>)>("Set");
    loop {
        match changes.next().await? {
            (name, _) if name == "end" => return Ok(ctx.attributes().to_string()),
            (name, _) if name == "renew" => return ctx.continue_as_new(order, generation + 1),
            (name, _) if name == "park" => ctx.call_activity_by_name("unregistered", &()).await?,
            (name, Some(value)) => ctx.set_attribute(name, value)?,
            (name, None) => ctx.clear_attribute(name),
        }
    }
}

/// Starts an order and waits for another one, which is its child, both of them with attributes.
#[orchestration]
async fn orders(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let of_ada = |id: &str| ChildOptions::new().id(id).attribute("customer", "ada");
    ctx.start_orchestration(order.with(of_ada("detached").timeout(HOUR)), 0).await?;
    Ok(ctx.call_orchestration(order.with(of_ada("child").attribute("total", 7)), 0).await?)
}

async fn host(provider: impl Provider) -> Host {
    host_with(provider, options()).await
}

async fn host_with(provider: impl Provider, options: HostOptions) -> Host {
    let host = Host::builder()
        .provider(provider)
        .options(options)
        .orchestration(order)
        .orchestration(orders);
    host.start().await.unwrap()
}

async fn begun(client: &Client, id: &str) -> InstanceHandle<String> {
    let start = client.start_new(order, 0).id(id);
    guard(start.attribute("customer", "ada").attribute("total", 5)).await.unwrap()
}

async fn set(instance: &InstanceHandle<String>, name: &str, value: Option<i64>) {
    guard(instance.raise_event("Set", (name, value))).await.unwrap();
}

async fn found(client: &Client, filter: InstanceFilter) -> Vec<String> {
    let page = guard(client.list(&filter, &PageRequest::new())).await.unwrap();
    let count = guard(client.count(&filter)).await.unwrap();
    assert_eq!(count, page.instances.len() as u64);
    page.instances.iter().map(|summary| summary.instance.to_string()).collect()
}

fn of_ada() -> InstanceFilter {
    InstanceFilter::new().attribute("customer", "ada")
}

fn from(total: i64) -> InstanceFilter {
    InstanceFilter::new().attribute_within("total", total..)
}

async fn attributes(client: &Client, id: &str) -> Attributes {
    let filter = InstanceFilter::new().id_prefix(id);
    let page = guard(client.list(&filter, &PageRequest::new())).await.unwrap();
    page.instances[0].attributes.clone()
}

/// From the start on, through changes, an end and a restart.
async fn goes_through_its_life<P: Provider>(open: impl AsyncFn() -> P) {
    let host = host(open().await).await;
    let (a, b) = (begun(&host, "a").await, begun(&host, "b").await);
    assert_eq!(found(&host, of_ada()).await, ["a", "b"]);
    set(&a, "total", Some(7)).await;
    assert_eq!(found(&host, from(6)).await, ["a"]);
    set(&b, "customer", None).await;
    assert_eq!(found(&host, of_ada()).await, ["a"]);
    set(&a, "renew", None).await;
    set(&a, "open", Some(1)).await;
    set(&a, "end", None).await;
    let expected = "customer=\"ada\", open=1, total=7";
    assert_eq!(guard(a.result()).await.unwrap(), expected);
    guard(host.shutdown()).await.unwrap();

    let host = host_with(open().await, options()).await;
    assert_eq!(found(&host, of_ada()).await, ["a"]);
    assert_eq!(found(&host, from(5)).await, ["a", "b"]);
    assert_eq!(attributes(&host, "a").await.to_string(), expected);
    let b = host.instance::<String>(&id("b"));
    set(&b, "customer", Some(3)).await;
    assert_eq!(attributes(&host, "b").await.to_string(), "customer=3, total=5");
    guard(host.purge("a")).await.unwrap();
    assert_eq!(found(&host, from(0)).await, ["b"]);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn instances_are_found_by_them_in_memory() {
    let (memory, _) = store();
    goes_through_its_life(async || memory.clone()).await;
}

#[tokio::test]
async fn instances_are_found_by_them_in_a_directory() {
    let name = format!("reenact-search-attributes-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&directory);
    goes_through_its_life(async || reenact::Local::open(&directory).unwrap()).await;
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn a_start_through_the_queue_of_another_host_takes_them_along() {
    let hub = store().0.shared();
    let host = host(hub.clone()).await;
    let client = Client::connect(hub).unwrap();
    begun(&client, "a").await;
    assert_eq!(found(&client, of_ada()).await, ["a"]);
    assert_eq!(attributes(&client, "a").await.get("total"), Some(&AttributeValue::from(5)));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_set_starts_nothing() {
    let host = host(store().0).await;
    let start = || host.start_new(order, 0).id("a");
    let long = "x".repeat(257);
    let too_many = (0..17).fold(start(), |start, n| start.attribute(n.to_string(), n));
    for refused in [
        start().attribute("", 1),
        start().attribute("v", 1).attribute("v", "1"),
        start().attribute("v", long),
        start().attribute("v", f64::NAN),
        too_many,
    ] {
        let refused = guard(refused).await.err().unwrap();
        assert!(matches!(refused, Error::InvalidAttribute(_)), "{refused}");
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(crate::kit::stored(&host).await, 0);
    let filter = InstanceFilter::new().attribute("a\nb", 1);
    let refused = guard(host.count(&filter)).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidName(_)), "{refused}");
}

#[tokio::test]
async fn a_value_of_another_kind_is_an_error_for_the_code() {
    async fn other(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
        let refused = ctx.set_attribute("total", 1.5);
        assert!(matches!(refused, Err(AttributeError::OtherKind { .. })));
        Ok(ctx.set_attribute("total", "5").unwrap_err().to_string())
    }
    let host = Host::builder().provider(store().0).options(options());
    let host = host.register_orchestration("other", other).start().await.unwrap();
    let start = host.start_new_by_name::<String>("other", &()).attribute("total", 5);
    let instance = guard(start).await.unwrap();
    let said = guard(instance.result()).await.unwrap();
    assert_eq!(said, "attribute `total` is an integer, and cannot become a text; clear it first");
    assert_eq!(found(&host, from(5)).await.len(), 1);
}

#[tokio::test]
async fn a_parked_and_a_rewound_instance_are_found() {
    let host = host_with(store().0, on_the_tests_runtime()).await;
    let a = begun(&host, "a").await;
    set(&a, "total", Some(6)).await;
    set(&a, "total", Some(7)).await;
    set(&a, "park", None).await;
    until_parked(&host, &id("a")).await;
    assert_eq!(found(&host, from(7)).await, ["a"]);
    // To before the second change.
    let history = guard(a.history()).await.unwrap();
    let raised = |event: &reenact::Event| matches!(event, reenact::Event::ExternalRaised { .. });
    let positions: Vec<_> =
        history.events().filter(|e| raised(e.event)).map(|e| e.position).collect();
    guard(host.terminate("a", "enough")).await.unwrap();
    guard(host.rewind("a", positions[0], "again")).await.unwrap();
    assert_eq!(attributes(&host, "a").await.get("customer"), Some(&"ada".into()));
}

#[tokio::test]
async fn a_store_that_is_encrypted_shows_none_unless_it_is_to() {
    let (memory, _) = store();
    let keys = || Encryption::new(Keys::new("2026-11", [7; 32]).unwrap());
    let hidden = host(Encoded::new(memory.clone(), keys())).await;
    begun(&hidden, "a").await;
    assert!(attributes(&hidden, "a").await.is_empty());
    let refused = guard(hidden.list(&of_ada(), &PageRequest::new())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Setup);
    assert!(refused.to_string().contains("showing_attributes"), "{refused}");
    for refused in [
        guard(hidden.count(&of_ada())).await.map(drop),
        guard(hidden.counts(&of_ada())).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Setup);
    }
    let view = guard(hidden.view("a")).await.unwrap();
    assert_eq!(view.execution.attributes.len(), 2, "who may decode it sees them");
    guard(hidden.shutdown()).await.unwrap();

    let shown = host(Encoded::new(memory.clone(), keys()).showing_attributes()).await;
    assert_eq!(found(&shown, of_ada()).await, [""; 0]);
    set(&shown.instance(&id("a")), "total", Some(6)).await;
    assert_eq!(found(&shown, of_ada()).await, ["a"], "from its next turn on");
    guard(shown.shutdown()).await.unwrap();

    let compressed = host(Encoded::new(store().0, Compression::new())).await;
    begun(&compressed, "b").await;
    assert_eq!(found(&compressed, of_ada()).await, ["b"], "compression hides nothing");
}

#[tokio::test]
async fn children_begin_with_those_that_their_caller_gives() {
    let (memory, _) = store();
    let first = host(memory.clone()).await;
    guard(first.start_new(orders, ()).id("p")).await.unwrap();
    guard(async {
        while first.count(&of_ada()).await.unwrap() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(found(&first, of_ada()).await, ["child", "detached"]);
    guard(first.shutdown()).await.unwrap();

    let host = host(memory).await;
    assert_eq!(found(&host, from(7)).await, ["child"]);
    set(&host.instance::<String>(&id("child")), "end", None).await;
    let ended = guard(host.instance::<String>(&id("p")).result()).await.unwrap();
    assert_eq!(ended, "customer=\"ada\", total=7");
    guard(host.shutdown()).await.unwrap();
}
