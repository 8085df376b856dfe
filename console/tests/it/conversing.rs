//! Talking to instances: published values, updates, activities that are completed from outside.

use reenact_console::ConsoleOptions;
use serde_json::{Value, json};

use super::asking::{Program, get, post};

#[tokio::test]
async fn an_update_is_answered_and_what_it_published_is_shown() {
    let program = Program::start().await;
    let console = program.console();
    program.begin("shelf", "cart-7", json!(2)).await;
    assert_eq!(get(&console, "/api/published?id=cart-7").await.ok()["values"], json!([]));

    let tea = json!({"name": "add", "data": "tea", "key": "click-1"});
    for _ in 0..2 {
        let answer = post(&console, "/api/update?id=cart-7", tea.clone()).await.ok();
        assert_eq!(answer, json!({"answer": "replied", "value": 1, "key": "click-1"}));
    }
    let cart = json!({"values": [{"name": "cart", "value": ["tea"]}]});
    assert_eq!(get(&console, "/api/published?id=cart-7").await.ok(), cart);
    assert_eq!(get(&console, "/api/published?id=cart-7&name=cart").await.ok(), cart);
    let detail = get(&console, "/api/instance?id=cart-7").await.ok();
    assert_eq!(detail["view"]["published"], json!({"cart": ["tea"]}));
    let page = get(&console, "/instance?id=cart-7").await;
    let page = String::from_utf8_lossy(&page.body);
    assert!(page.contains("Published values") && page.contains("tea"), "{page}");
    let none = get(&console, "/api/published?id=cart-7&name=none").await.problem(404);
    assert!(none["detail"].as_str().unwrap().contains("`none`"), "{none}");
    get(&console, "/api/published?id=nobody").await.problem(404);
}

#[tokio::test]
async fn what_the_code_does_not_do_is_an_answer_as_well() {
    let program = Program::start().await;
    let console = program.console();
    program.begin("shelf", "cart-7", json!(1)).await;
    let add = async |data: Value| {
        post(&console, "/api/update?id=cart-7", json!({"name": "add", "data": data})).await.ok()
    };
    let refused = add(json!("gold")).await;
    assert_eq!(
        (&refused["answer"], &refused["value"]),
        (&json!("refused"), &json!("out of stock"))
    );
    let invalid = add(json!(7)).await;
    assert_eq!((&invalid["answer"], &invalid["value"]), (&json!("invalid"), &Value::Null));
    assert!(invalid["why"].as_str().unwrap().contains("string"), "{invalid}");
    assert_eq!(add(json!("nothing")).await["answer"], "dropped");
}

#[tokio::test]
async fn an_update_that_nobody_answers_in_time_says_how_to_ask_again() {
    let program = Program::start().await;
    let console = program.console();
    program.begin("wait", "order-7", json!(1)).await;
    let update = json!({"name": "add", "data": 1, "key": "click-1", "wait_ms": 20});
    let problem = post(&console, "/api/update?id=order-7", update).await.problem(504);
    assert_eq!(problem["kind"], "uncertain");
    assert!(problem["detail"].as_str().unwrap().contains("click-1"), "{problem}");
    for update in [json!({"name": "add", "wait_ms": 60_000}), json!({"name": ""})] {
        post(&console, "/api/update?id=order-7", update).await.problem(400);
    }
    post(&console, "/api/update?id=nobody", json!({"name": "add"})).await.problem(404);
    program.raise("order-7", "Go", json!(1)).await;
    program.ended("order-7").await;
    let late = json!({"name": "add"});
    let problem = post(&console, "/api/update?id=order-7", late).await.problem(409);
    assert_eq!(problem["kind"], "finished");
}

/// The token of the activity that an instance waits for.
async fn token(console: &axum::Router, id: &str) -> String {
    loop {
        let detail = get(console, &format!("/api/instance?id={id}")).await.ok();
        if let Some(token) = detail["view"]["activities"]["items"][0]["heartbeat"].as_str() {
            return token.to_owned();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_activity_is_completed_from_outside_once() {
    let program = Program::start().await;
    let console = program.console();
    program.begin("signed", "a", json!(1)).await;
    let token = token(&console, "a").await;
    let heartbeat = json!({"token": token, "details": {"asked": 2}});
    post(&console, "/api/activity/heartbeat", heartbeat).await.ok();
    let detail = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(detail["view"]["activities"]["items"][0]["heartbeat"], json!({"asked": 2}));

    let yes = json!({"token": token, "output": {"approved": true}});
    post(&console, "/api/activity/complete", yes.clone()).await.ok();
    assert_eq!(program.ended("a").await, json!({"approved": true}));
    let again = post(&console, "/api/activity/complete", yes).await;
    assert_eq!(again.problem(409)["instance"], "instance?id=a");
    let cut = json!({"token": &token[..token.len() - 3]});
    post(&console, "/api/activity/complete", cut).await.problem(400);
}

#[tokio::test]
async fn an_activity_fails_from_outside() {
    let program = Program::start().await;
    let console = program.console();
    program.begin("signed", "a", json!(1)).await;
    let token = token(&console, "a").await;
    let no = json!({"token": token, "message": "not this one", "fatal": true, "details": [1]});
    post(&console, "/api/activity/fail", no).await.ok();
    program.over("a").await;
    let chain = get(&console, "/api/failure?id=a").await.ok();
    assert!(chain.to_string().contains("not this one"), "{chain}");
}

#[tokio::test]
async fn published_values_and_answers_are_redacted() {
    let program = Program::start().await;
    let hidden = ConsoleOptions::new().guarded_by_layer().redact(|_, _| json!("hidden"));
    let console = program.console_with(hidden);
    program.begin("shelf", "cart-7", json!(2)).await;
    let tea = json!({"name": "add", "data": "tea"});
    assert_eq!(post(&console, "/api/update?id=cart-7", tea).await.ok()["value"], "hidden");
    let gold = json!({"name": "add", "data": "gold"});
    assert_eq!(post(&console, "/api/update?id=cart-7", gold).await.ok()["value"], "hidden");
    let history = get(&console, "/api/history?id=cart-7").await.ok().to_string();
    for said in [r#"{"replied":"hidden"}"#, r#"{"refused":"hidden"}"#] {
        assert!(history.contains(said) && !history.contains("out of stock"), "{history}");
    }
    let published = get(&console, "/api/published?id=cart-7").await.ok();
    assert_eq!(published["values"][0], json!({"name": "cart", "value": "hidden"}));
    let detail = get(&console, "/api/instance?id=cart-7").await.ok();
    assert_eq!(detail["view"]["published"], json!({"cart": "hidden"}));
    for page in ["/instance?id=cart-7", "/instance?id=cart-7&after=3"] {
        let page = get(&console, page).await;
        assert!(!String::from_utf8_lossy(&page.body).contains("tea"), "{page:?}");
    }
}

#[tokio::test]
async fn what_an_instance_asks_of_others_is_shown_with_a_way_to_them() {
    let program = Program::start().await;
    let console = program.console();
    program.begin("wait", "order <7>", json!(null)).await;
    program.begin("requests", "a", json!("order <7>")).await;
    for address in ["/api/instance?id=a", "/api/state?id=a&after=2"] {
        let view = &get(&console, address).await.ok()["view"];
        let update = &view["updates"]["items"][0];
        assert_eq!((&update["name"], &update["to"]), (&json!("add"), &json!("order <7>")));
        assert_eq!(update["data"], json!({"card": "1234-secret"}), "{address}");
        assert_eq!(update.get("operation"), None, "it is no entity");
        let lock = &view["locks"]["items"][0];
        assert_eq!((&lock["of"], lock.get("given_at")), (&json!("order <7>"), None));
    }
    let hidden = ConsoleOptions::new().guarded_by_layer().redact(|_, _| json!("hidden"));
    let hiding = program.console_with(hidden);
    for page in ["/instance?id=a", "/instance?id=a&after=2"] {
        let shown = get(&console, page).await;
        let shown = String::from_utf8_lossy(&shown.body);
        for part in [
            "data-open=\"update\"",
            "data-open=\"lock\"",
            "href=\"instance?id=order%20%3C7%3E\"",
            "1234-secret",
        ] {
            assert!(shown.contains(part), "{page}: no {part} in {shown}");
        }
        assert!(!shown.contains("order <7>"), "{page}");
        let shown = get(&hiding, page).await;
        assert!(!String::from_utf8_lossy(&shown.body).contains("1234-secret"), "{page}");
    }
    let page = get(&console, "/instance?id=a").await;
    let page = String::from_utf8_lossy(&page.body);
    assert!(page.contains("the lock of ") && page.contains("to the update <b>add</b>"), "{page}");
    let answer = get(&hiding, "/api/instance?id=a").await.ok();
    assert_eq!(answer["view"]["updates"]["items"][0]["data"], "hidden");
}
