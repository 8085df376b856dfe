//! A host with a few instances, and a way to ask its console.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use reenact_actors::{
    Access, ExternalEvent, HostOptions, Registry, ReusePolicy, Runtime, StartRequest,
};
use reenact_console::{ConsoleOptions, router};
use reenact_core::{ActivityError, InstanceId, Name, OrchestrationContext, Outcome, Payload};
use reenact_providers::InMemory;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A host, and what it is made of.
pub(crate) struct Program {
    /// It ends when this is dropped.
    _runtime: Runtime,
    pub(crate) access: Access,
}

/// What a console has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body, read as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}: {}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The kind of a problem with that status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem
    }
}

/// The orchestrations of the tests: `echo` returns its input, `wait` waits for the event `Go` and returns its data,
/// `pay` calls an activity that fails for good, `shop` calls `pay`.
/// `speak` emits items, waits for the event `Go`, and emits another one.
/// `requests` sends another instance an update, and asks it for its lock.
/// `shelf` answers updates `add` and publishes `cart`, `signed` calls an activity that is completed from outside.
fn registry() -> Registry {
    let mut registry = Registry::default();
    let echo = |_: OrchestrationContext, input: Value| async move { Ok(input) };
    registry.register_orchestration("echo".into(), echo).expect("it is new");
    let wait = |ctx: OrchestrationContext, _: Value| async move {
        ctx.set_status(&json!({"step": "waiting", "secret": 51}));
        Ok(ctx.wait_external::<Value>("Go").await?)
    };
    registry.register_orchestration("wait".into(), wait).expect("it is new");
    let pay = |ctx: OrchestrationContext, cents: u64| async move {
        Ok(ctx.call_activity_by_name::<_, Value>("charge", &cents).await?)
    };
    registry.register_orchestration("pay".into(), pay).expect("it is new");
    let shop = |ctx: OrchestrationContext, cents: u64| async move {
        Ok(ctx.call_orchestration_by_name::<_, Value>("pay", &cents).await?)
    };
    registry.register_orchestration("shop".into(), shop).expect("it is new");
    let cart = |ctx: OrchestrationContext, most: usize| async move {
        let mut items = Vec::new();
        let mut adds = ctx.updates::<String, usize, String>("add");
        while items.len() < most {
            let add = adds.next().await?;
            match add.request().as_str() {
                "gold" => add.refuse(&"out of stock".to_owned()),
                "nothing" => drop(add),
                item => {
                    items.push(item.to_owned());
                    ctx.publish("cart", &items);
                    add.reply(&items.len());
                }
            }
        }
        Ok(items)
    };
    registry.register_orchestration("shelf".into(), cart).expect("it is new");
    let requests = |ctx: OrchestrationContext, of: String| async move {
        let card = json!({"card": "1234-secret"});
        let added = ctx.call_update::<_, Value, Value>(&of, "add", &card);
        let _guard = ctx.lock([&of]).await?;
        Ok(added.await.is_ok())
    };
    registry.register_orchestration("requests".into(), requests).expect("it is new");
    let speak = |ctx: OrchestrationContext, words: u64| async move {
        (0..words).for_each(|word| ctx.emit("tokens", &json!({"word": word})));
        ctx.wait_external::<Value>("Go").await?;
        ctx.emit("tokens", "end");
        Ok(())
    };
    registry.register_orchestration("speak".into(), speak).expect("it is new");
    let approval = |ctx: OrchestrationContext, _: Value| async move {
        Ok(ctx.call_activity_by_name::<_, Value>("ask", &()).await?)
    };
    registry.register_orchestration("signed".into(), approval).expect("it is new");
    let ask = |ctx: reenact_actors::ActivityContext, (): ()| async move {
        ctx.heartbeat(&ctx.token().to_string())?;
        Err::<Value, _>(ActivityError::later())
    };
    registry.register_activity("ask", ask).expect("it is new");
    let charge = |_: reenact_actors::ActivityContext, cents: u64| async move {
        let declined = ActivityError::fatal("declined").with_details(&json!({"card": cents}));
        Err::<Value, _>(declined)
    };
    registry.register_activity("charge", charge).expect("it is new");
    registry
}

impl Program {
    /// A host on a store in memory.
    pub(crate) async fn start() -> Self {
        Self::on(&InMemory::new()).await
    }

    /// A host on that store.
    pub(crate) async fn on(store: &InMemory) -> Self {
        let options = HostOptions::default();
        let runtime = Runtime::start(store, registry(), options).await.expect("it starts");
        let access = runtime.access();
        Self { _runtime: runtime, access }
    }

    /// Starts an instance.
    pub(crate) async fn begin(&self, name: &str, id: &str, input: Value) {
        self.access.start_instance(start(name, id, input)).await.expect("it starts");
    }

    /// Starts an instance and waits for its end.
    pub(crate) async fn run(&self, name: &str, id: &str, input: Value) {
        self.begin(name, id, input).await;
        self.access.outcome(&InstanceId::new(id).expect("an id")).await.expect("it ends");
    }

    /// Waits for the end of an instance that completes; what it returned.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        let id = InstanceId::new(id).expect("an id");
        match self.access.outcome(&id).await.expect("it ends") {
            Outcome::Completed(output) => output.decode().expect("JSON"),
            other => panic!("it ended otherwise: {other:?}"),
        }
    }

    /// Waits until an instance is over, so that it can be purged.
    pub(crate) async fn over(&self, id: &str) {
        let id = InstanceId::new(id).expect("an id");
        self.access.outcome(&id).await.expect("it ends");
        while !self.access.summary(&id).await.expect("it is there").is_over() {
            tokio::task::yield_now().await;
        }
    }

    /// Removes an instance that is over.
    pub(crate) async fn purge(&self, id: &str) {
        self.over(id).await;
        self.access.purge(&InstanceId::new(id).expect("an id")).await.expect("it goes");
    }

    /// Raises an event.
    pub(crate) async fn raise(&self, id: &str, name: &str, data: Value) {
        let event = ExternalEvent::new(name, &data).expect("an event");
        let id = InstanceId::new(id).expect("an id");
        self.access.raise_event(&id, event).await.expect("it is raised");
    }

    /// A console that the tests may use as they like.
    pub(crate) fn console(&self) -> Router {
        self.console_with(ConsoleOptions::new().guarded_by_layer())
    }

    /// A console with these options.
    pub(crate) fn console_with(&self, options: ConsoleOptions) -> Router {
        router(self.access.clone(), options)
    }
}

/// How an instance is to begin.
pub(crate) fn start(name: &str, id: &str, input: Value) -> StartRequest {
    StartRequest {
        name: Name::new(name).expect("a name"),
        version: None,
        input: Payload::encode(&input).expect("a payload"),
        instance: Some(InstanceId::new(id).expect("an id")),
        delay: None,
        event: None,
        reuse: ReusePolicy::new(),
        limits: Default::default(),
        attributes: reenact_core::Attributes::default(),
    }
}

/// The address with that id in its query.
pub(crate) fn with_id(path: &str, id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{path}?id={id}")
}

/// Asks for an address.
pub(crate) async fn get(console: &Router, address: &str) -> Answer {
    ask(console, request(Method::GET, address, None)).await
}

/// Posts JSON to an address.
pub(crate) async fn post(console: &Router, address: &str, body: Value) -> Answer {
    ask(console, request(Method::POST, address, Some(body))).await
}

/// A request, with JSON as its body.
pub(crate) fn request(method: Method, address: &str, body: Option<Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(address).header(header::HOST, "localhost");
    match body {
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .expect("a request")
}

/// Sends a request, and reads all of the answer.
pub(crate) async fn ask(console: &Router, request: Request<Body>) -> Answer {
    let response = console.clone().oneshot(request).await.expect("a router answers");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole body").to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}
