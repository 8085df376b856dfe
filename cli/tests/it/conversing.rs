//! `query`, `update`, `complete` and `fail`.

use reenact::console::{Console, ConsoleOptions};
use serde_json::json;

use crate::support::{Scratch, host, on, until_free};

#[tokio::test(flavor = "multi_thread")]
async fn updates_are_sent_and_published_values_are_read() {
    let scratch = Scratch::new();
    let directory = scratch.path("carts");
    let host = host(&directory).await;
    let options = ConsoleOptions::new().announce_in(&directory);
    let console = Console::serve(host.client(), "127.0.0.1:0", options).await.unwrap();
    on(&directory, &["start", "cart", "2", "--id", "cart-7"]).await.fine();
    assert_eq!(on(&directory, &["query", "cart-7", "--json"]).await.json(), json!({"values": []}));

    for _ in 0..2 {
        let tea = ["update", "cart-7", "add", "\"tea\"", "--key", "click-1"];
        assert_eq!(on(&directory, &tea).await.fine(), "1\n");
    }
    let error = on(&directory, &["update", "cart-7", "add", "\"gold\""]).await.refused(1);
    assert!(error.contains("out of stock"), "{error}");
    let error = on(&directory, &["update", "cart-7", "add", "7"]).await.refused(1);
    assert!(error.contains("string"), "{error}");
    let error = on(&directory, &["update", "cart-7", "add", "--wait", "2h"]).await.refused(2);
    assert!(error.contains("50000"), "{error}");
    on(&directory, &["update", "nobody", "add"]).await.refused(3);

    let milk = on(&directory, &["update", "cart-7", "add", "\"milk\"", "--json"]).await.json();
    assert_eq!((&milk["answer"], &milk["value"]), (&json!("replied"), &json!(2)));
    let shown = on(&directory, &["show", "cart-7"]).await.fine();
    assert!(shown.contains(r#"{"cart":["tea","milk"]}"#), "{shown}");
    console.shutdown().await;
    host.shutdown().await.unwrap();

    // What is published is read without a host; an answer needs one.
    until_free(&directory).await;
    let cart = on(&directory, &["query", "cart-7", "cart", "--json"]).await.json();
    assert_eq!(cart, json!(["tea", "milk"]));
    on(&directory, &["query", "cart-7", "none"]).await.refused(3);
    let error = on(&directory, &["update", "cart-7", "add", "1"]).await.refused(4);
    assert!(error.contains("no host runs"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_is_completed_with_its_token() {
    let scratch = Scratch::new();
    let directory = scratch.path("contracts");
    let host = host(&directory).await;
    let options = ConsoleOptions::new().announce_in(&directory);
    let console = Console::serve(host.client(), "127.0.0.1:0", options).await.unwrap();
    for id in ["house", "car"] {
        on(&directory, &["start", "contract", "\"all\"", "--id", id]).await.fine();
    }
    let token = async |id| {
        loop {
            let shown = on(&directory, &["show", id, "--json"]).await.json();
            if let Some(token) = shown["view"]["activities"]["items"][0]["heartbeat"].as_str() {
                return token.to_owned();
            }
        }
    };
    let house = token("house").await;
    on(&directory, &["complete", &house, "\"signed\""]).await.fine();
    let result: String = host.client().instance("house").result().await.unwrap();
    assert_eq!(result, "signed");
    on(&directory, &["complete", &house, "\"signed\""]).await.refused(4);
    on(&directory, &["complete", "at1-none"]).await.refused(2);
    let car = token("car").await;
    on(&directory, &["fail", &car, "no money", "--fatal"]).await.fine();
    let failed = host.client().instance::<String>("car").result().await.unwrap_err();
    assert!(failed.to_string().contains("no money"), "{failed}");
    console.shutdown().await;
    host.shutdown().await.unwrap();
}
