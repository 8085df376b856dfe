//! Server-sent events.

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::asking::{Program, get, request};

/// A stream of events that is read one by one.
struct Events {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Events {
    async fn open(console: &Router, address: &str, last: Option<&str>) -> Self {
        let mut request = request(Method::GET, address, None);
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.parse().unwrap());
        }
        let response = console.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: Body::into_data_stream(response.into_body()), text: String::new() }
    }

    /// The name, the id and the data of the next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
                };
                let (name, id, data) = (field("event:"), field("id:"), field("data:"));
                let read = (!name.is_empty()).then(|| {
                    (name.to_string(), id.to_string(), serde_json::from_str(data).expect("JSON"))
                });
                self.text = rest.to_string();
                if read.is_some() {
                    return read;
                }
                continue;
            }
            let bytes = self.body.next().await?.expect("a whole body");
            self.text.push_str(std::str::from_utf8(&bytes).expect("a text"));
        }
    }
}

#[tokio::test]
async fn a_list_says_what_has_changed_on_it() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let console = program.console();
    let mut events = Events::open(&console, "/api/watch?state=running", None).await;
    let (name, _, list) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &list["instances"][0]["id"]), ("list", &json!("a")));
    program.begin("wait", "b", json!(null)).await;
    let (name, _, change) = events.next().await.unwrap();
    assert_eq!(name, "change");
    assert_eq!(change["changed"][0]["id"], "b");
    assert_eq!(change["gone"], json!([]));
    program.raise("a", "Go", json!(1)).await;
    let (_, id, change) = events.next().await.unwrap();
    assert_eq!(change["gone"], json!(["a"]));
    drop(events);
    // One who comes again with what is still true hears of what is new only.
    let mut again = Events::open(&console, "/api/watch?state=running", Some(&id)).await;
    program.raise("b", "Go", json!(1)).await;
    let (name, _, change) = again.next().await.unwrap();
    assert_eq!((name.as_str(), &change["gone"]), ("change", &json!(["b"])));
}

#[tokio::test]
async fn an_instance_is_seen_while_it_goes_on_and_until_it_is_gone() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let console = program.console();
    let mut events = Events::open(&console, "/api/watch/instance?id=a", None).await;
    let (_, _, detail) = events.next().await.unwrap();
    assert_eq!(detail["view"]["waits"]["items"][0]["name"], "Go");
    program.raise("a", "Go", json!(1)).await;
    let (_, id, detail) = events.next().await.unwrap();
    assert_eq!(detail["state"], "completed");
    let mut again = Events::open(&console, "/api/watch/instance?id=a", Some(&id)).await;
    program.purge("a").await;
    assert_eq!(events.next().await.unwrap().0, "gone");
    assert_eq!(events.next().await, None);
    assert_eq!(again.next().await.unwrap().0, "gone", "what was seen before does not come again");
}

#[tokio::test]
async fn a_stream_is_read_by_pages_and_sent_as_it_grows_until_the_instance_ends() {
    let program = Program::start().await;
    program.begin("speak", "a", json!(3)).await;
    let console = program.console();
    let page = get(&console, "/api/stream?id=a&stream=tokens&limit=2").await.ok();
    assert_eq!(page["items"][1], json!({"offset": 1, "value": {"word": 1}}));
    assert_eq!((&page["next"], &page["has_more"]), (&json!(2), &json!(true)));
    let rest = get(&console, "/api/stream?id=a&stream=tokens&from=2").await.ok();
    assert_eq!(rest["items"][0]["value"], json!({"word": 2}));
    let detail = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(detail["view"]["streams"], json!([{"name": "tokens", "first": 0, "next": 3}]));

    let address = "/api/watch/stream?id=a&stream=tokens";
    let mut events = Events::open(&console, &format!("{address}&from=1"), None).await;
    let (name, id, item) = events.next().await.unwrap();
    assert_eq!((name.as_str(), id.as_str(), &item["offset"]), ("item", "1", &json!(1)));
    let mut again = Events::open(&console, address, Some(&id)).await;
    assert_eq!(again.next().await.unwrap().1, "2", "what was seen before does not come again");
    assert_eq!(events.next().await.unwrap().1, "2");
    program.raise("a", "Go", json!(1)).await;
    assert_eq!(events.next().await.unwrap().2["value"], "end");
    assert_eq!(events.next().await.unwrap().0, "end");
    assert_eq!(events.next().await, None);

    for (address, status) in [
        ("/api/stream?id=none&stream=s", 404),
        ("/api/stream?id=a", 400),
        ("/api/stream?id=a&stream=a%0Ab", 400),
        ("/api/stream?id=a&stream=s&from=-1", 400),
        ("/api/watch/stream?id=none&stream=s", 404),
    ] {
        get(&console, address).await.problem(status);
    }
}

#[tokio::test]
async fn streams_are_bounded_and_what_is_unknown_has_none() {
    let program = Program::start().await;
    let console = program.console();
    get(&console, "/api/watch/instance?id=none").await.problem(404);
    get(&console, "/api/watch?state=asleep").await.problem(400);
    let mut open = Vec::new();
    for _ in 0..reenact_console::limits::MAX_STREAMS {
        open.push(Events::open(&console, "/api/watch", None).await);
    }
    assert_eq!(get(&console, "/api/watch").await.problem(503)["kind"], "busy");
    open.pop();
    open.push(Events::open(&console, "/api/watch", None).await);
}

#[tokio::test]
async fn streams_end_with_the_host() {
    let program = Program::start().await;
    let console = program.console();
    let mut events = Events::open(&console, "/api/watch", None).await;
    events.next().await.unwrap();
    program.access.begin_shutdown();
    assert_eq!(events.next().await, None);
}
