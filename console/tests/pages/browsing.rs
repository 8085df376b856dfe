//! A host with a few instances, and somebody who opens pages and sends their forms.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use reenact_actors::entities::EntityRefusal;
use reenact_actors::{
    Access, ActivityContext, EntityFailure, EntityFailureKind, HostOptions, Registry, ReusePolicy,
    Runtime, StartRequest,
};
use reenact_console::{ConsoleOptions, router};
use reenact_core::{
    ActivityError, InstanceId, Name, OrchestrationCode, OrchestrationContext, OrchestrationError,
    Payload,
};
use reenact_providers::InMemory;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A host with its console.
pub(crate) struct Site {
    /// Ends with the site.
    _runtime: Option<Runtime>,
    pub(crate) access: Access,
    pub(crate) console: Router,
}

/// A page that was opened.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Shown {
    /// Whether a text stands on it.
    #[track_caller]
    pub(crate) fn has(&self, text: &str) -> &Self {
        assert!(self.html.contains(text), "`{text}` is missing ({}):\n{}", self.status, self.html);
        self
    }

    /// Whether a text is absent.
    #[track_caller]
    pub(crate) fn lacks(&self, text: &str) -> &Self {
        assert!(!self.html.contains(text), "`{text}` is there ({}):\n{}", self.status, self.html);
        self
    }

    /// Whether its status is this one.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.html);
        self
    }

    /// Where it leads, if it leads to another page.
    pub(crate) fn leads_to(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.html);
        self.headers[header::LOCATION].to_str().expect("an address")
    }

    /// The values of an attribute, unescaped.
    pub(crate) fn attributes(&self, name: &str) -> Vec<String> {
        let start = format!(" {name}=\"");
        let found = self.html.split(&start).skip(1);
        found.map(|rest| unescaped(rest.split('"').next().unwrap_or_default())).collect()
    }

    /// The token of its forms.
    pub(crate) fn form_token(&self) -> String {
        let rest = self.html.split("name=\"form_token\" value=\"").nth(1).expect("a form");
        rest.split('"').next().expect("a value").to_owned()
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// The orchestrations of the tests: `echo` returns its input; `wait` waits for the event `Go`; `pay` calls an
/// activity that fails for good; `order` calls `pay` as a child. The entities `box` are made by hand.
fn registry() -> Registry {
    let mut registry = Registry::default();
    let echo = |_: OrchestrationContext, input: Value| async move { Ok(input) };
    registry.register_orchestration("echo".into(), echo).expect("it is new");
    let wait = |ctx: OrchestrationContext, _: Value| async move {
        ctx.set_status(&json!({"step": "waiting"}));
        Ok(ctx.wait_external::<Value>("Go").await?)
    };
    registry.register_orchestration("wait".into(), wait).expect("it is new");
    let pay = |ctx: OrchestrationContext, cents: Value| async move {
        Ok(ctx.call_activity_by_name::<_, Value>("charge", &cents).await?)
    };
    registry.register_orchestration("pay".into(), pay).expect("it is new");
    let order = |ctx: OrchestrationContext, cents: Value| async move {
        Ok(ctx.call_orchestration_by_name::<_, Value>("pay", &cents).await?)
    };
    registry.register_orchestration("order".into(), order).expect("it is new");
    let charge = |_: ActivityContext, text: Value| async move {
        let text = text.as_str().unwrap_or("declined").to_owned();
        Err::<Value, _>(ActivityError::fatal(text))
    };
    registry.register_activity("charge", charge).expect("it is new");
    let code = OrchestrationCode::new("@box", keeping).expect("a name");
    registry.add_entity("box", code).expect("it is new");
    registry
}

/// What the code of an entity does, as far as it is seen from outside: `put` sets the state, `refuse` refuses, `hold`
/// is as if an instance had the lock for ever.
async fn keeping(ctx: OrchestrationContext, _: Value) -> Result<(), OrchestrationError> {
    let mut asked = ctx.updates::<Value, Value, EntityRefusal<Value>>("@op");
    loop {
        let ask = asked.next().await?;
        let first = ask.request()["input"][0].clone();
        match ask.request()["op"].as_str() {
            Some("put") => {
                ctx.publish("@state", &first);
                ask.reply(&json!("it is put"));
            }
            Some("refuse") => ask.refuse(&EntityRefusal::Refused(first)),
            Some("@delete") => {
                ctx.unpublish("@state");
                ask.reply(&Value::Null);
            }
            Some("hold") => {
                ctx.publish("@lock", &json!({"owner": first, "since": ctx.now()}));
                ask.reply(&Value::Null);
                ctx.wait_external::<Value>("@held").await?;
            }
            _ => {
                let kind = EntityFailureKind::UnknownOperation;
                let failure = EntityFailure::new(kind, "the entity has no such operation");
                ask.refuse(&EntityRefusal::Failed(failure));
            }
        }
    }
}

/// The id of an instance.
pub(crate) fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("an id")
}

/// The address of a page with that id in its query.
pub(crate) fn with_id(page: &str, id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let mark = if page.contains('?') { '&' } else { '?' };
    format!("/{page}{mark}id={id}")
}

impl Site {
    /// A host on a store in memory, with a console that lets everybody in.
    pub(crate) async fn open() -> Self {
        Self::open_with(ConsoleOptions::new().guarded_by_layer()).await
    }

    /// The same, with these options.
    pub(crate) async fn open_with(options: ConsoleOptions) -> Self {
        Self::of(HostOptions::default(), options).await
    }

    /// A host that runs no code.
    pub(crate) async fn dormant() -> Self {
        let options = ConsoleOptions::new().guarded_by_layer();
        Self::of(HostOptions::new().dormant(), options).await
    }

    async fn of(host: HostOptions, options: ConsoleOptions) -> Self {
        let runtime = Runtime::start(&InMemory::new(), registry(), host).await.expect("it starts");
        let access = runtime.access();
        let console = router(access.clone(), options);
        Self { _runtime: Some(runtime), access, console }
    }

    /// A console that reaches a shared store without a host.
    pub(crate) fn over(store: &InMemory) -> Self {
        let access = Access::connect(store).expect("hosts share it");
        let console = router(access.clone(), ConsoleOptions::new().guarded_by_layer());
        Self { _runtime: None, access, console }
    }

    /// Starts an instance.
    pub(crate) async fn begin(&self, name: &str, instance: &str, input: Value) {
        let request = StartRequest {
            name: Name::new(name).expect("a name"),
            version: None,
            input: Payload::encode(&input).expect("a payload"),
            instance: Some(id(instance)),
            delay: None,
            event: None,
            reuse: ReusePolicy::new(),
            limits: Default::default(),
            attributes: reenact_core::Attributes::default(),
        };
        self.access.start_instance(request).await.expect("it starts");
    }

    /// Starts an instance of a customer.
    pub(crate) async fn begin_with(
        &self,
        name: &str,
        instance: &str,
        input: Value,
        customer: &str,
    ) {
        let mut attributes = reenact_core::Attributes::default();
        attributes.set("customer", customer).expect("it can be set");
        let request = StartRequest {
            name: Name::new(name).expect("a name"),
            version: None,
            input: Payload::encode(&input).expect("a payload"),
            instance: Some(id(instance)),
            delay: None,
            event: None,
            reuse: ReusePolicy::new(),
            limits: Default::default(),
            attributes,
        };
        self.access.start_instance(request).await.expect("it starts");
    }

    /// Starts an instance and waits for its end.
    pub(crate) async fn run(&self, name: &str, instance: &str, input: Value) {
        self.begin(name, instance, input).await;
        self.access.outcome(&id(instance)).await.expect("it ends");
    }

    /// Opens a page.
    pub(crate) async fn get(&self, address: &str) -> Shown {
        show(&self.console, request(Method::GET, address, None)).await
    }

    /// Sends a form, with a token of this console.
    pub(crate) async fn send(&self, address: &str, fields: &[(&str, &str)]) -> Shown {
        let token = self.get("/instances").await.form_token();
        self.send_with(address, &token, fields).await
    }

    /// Sends a form with that token.
    pub(crate) async fn send_with(
        &self,
        address: &str,
        token: &str,
        fields: &[(&str, &str)],
    ) -> Shown {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("form_token", token).extend_pairs(fields);
        show(&self.console, request(Method::POST, address, Some(body.finish()))).await
    }
}

/// A request of a browser.
pub(crate) fn request(method: Method, address: &str, form: Option<String>) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(address)
        .header(header::HOST, "localhost")
        .header(header::ACCEPT, "text/html");
    match form {
        Some(form) => request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, "http://localhost")
            .body(Body::from(form)),
        None => request.body(Body::empty()),
    }
    .expect("a request")
}

/// Sends a request, and reads all of the answer.
pub(crate) async fn show(console: &Router, request: Request<Body>) -> Shown {
    let response = console.clone().oneshot(request).await.expect("a router answers");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole body").to_vec();
    let html = String::from_utf8(body).expect("text");
    Shown { status: parts.status, headers: parts.headers, html }
}
