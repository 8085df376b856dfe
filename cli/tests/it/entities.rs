//! `entities`: what there is, one of them, and calls of their operations.

use reenact::console::{Console, ConsoleOptions};
use serde_json::json;

use crate::support::{Scratch, host, on, until_free};

#[tokio::test(flavor = "multi_thread")]
async fn entities_are_called_and_their_states_are_shown() {
    let scratch = Scratch::new();
    let directory = scratch.path("accounts");
    let host = host(&directory).await;
    let options = ConsoleOptions::new().announce_in(&directory);
    let console = Console::serve(host.client(), "127.0.0.1:0", options).await.unwrap();
    let entities = async |arguments: &[&str]| {
        let all: Vec<_> = std::iter::once("entities").chain(arguments.iter().copied()).collect();
        on(&directory, &all).await
    };
    assert_eq!(entities(&[]).await.fine(), "");

    for _ in 0..2 {
        let deposit = ["call", "account", "ada", "deposit", "500", "\"salary\"", "--key", "k-1"];
        assert_eq!(entities(&deposit).await.fine(), "\"500 salary\"\n");
    }
    let balance = ["call", "account", "ada", "balance", "--json"];
    assert_eq!(entities(&balance).await.json()["value"], json!(500));
    let refused = entities(&["call", "account", "ada", "withdraw", "900"]).await.refused(1);
    assert!(refused.contains("too little"), "{refused}");
    for (operation, why) in [("explode", "no operation"), ("withdraw", "other types")] {
        let failed = entities(&["call", "account", "ada", operation]).await.refused(1);
        assert!(failed.contains("was not done") && failed.contains(why), "{failed}");
    }
    // Not even a type that nobody has makes an instance.
    entities(&["call", "nothing", "ada", "deposit"]).await.refused(3);
    entities(&["signal", "account", "bo", "deposit", "7", "null"]).await.fine();
    assert_eq!(entities(&["call", "account", "bo", "balance"]).await.fine(), "7\n");

    let types = entities(&["types", "--json"]).await.json();
    assert_eq!(types["types"], json!([{"name": "account", "entities": 2}]));
    let listed = entities(&["list", "account"]).await.fine();
    let rows: Vec<_> = listed.lines().collect();
    assert!(rows[1].starts_with("ada") && rows[1].contains(r#"{"cents":500}"#), "{listed}");
    assert!(rows[2].starts_with("bo") && rows[2].contains(r#"{"cents":7}"#), "{listed}");
    let shown = entities(&["show", "account", "ada"]).await.fine();
    assert!(shown.contains("\"cents\": 500") && shown.contains("free"), "{shown}");

    // What comes while an instance holds the lock waits.
    on(&directory, &["start", "audit", "\"ada\"", "--id", "audit-1"]).await.fine();
    let client = host.client();
    client.wait_for_status("audit-1", |status| status.custom_status.is_some()).await.unwrap();
    entities(&["signal", "account", "ada", "deposit", "1", "null"]).await.fine();
    let one = entities(&["show", "account", "ada", "--json"]).await.json();
    assert_eq!(one["lock"]["owner"], "audit-1");
    assert_eq!((&one["waiting"]["total"], &one["value"]), (&json!(1), &json!({"cents": 500})));
    assert_eq!(one["waiting"]["items"][0]["operation"], "deposit");
    let shown = entities(&["show", "account", "ada"]).await.fine();
    assert!(shown.contains("held by audit-1") && shown.contains("operation deposit"), "{shown}");
    let holds = on(&directory, &["show", "audit-1"]).await.fine();
    assert!(holds.contains("It holds the lock of @account@ada"), "{holds}");
    on(&directory, &["raise", "audit-1", "Go"]).await.fine();
    let audited: u64 = client.instance("audit-1").result().await.unwrap();
    assert_eq!(audited, 500, "nothing came in between");
    assert_eq!(entities(&["call", "account", "ada", "balance"]).await.fine(), "501\n");
    let free = entities(&["show", "account", "ada", "--json"]).await.json();
    assert_eq!(free.get("lock"), None);

    let asks = entities(&["delete", "account", "ada"]).await.refused(4);
    assert!(asks.contains("--yes"), "{asks}");
    entities(&["delete", "account", "ada", "--yes"]).await.fine();
    assert_eq!(entities(&["show", "account", "ada", "--json"]).await.json().get("value"), None);
    entities(&["purge", "account", "ada", "--yes"]).await.fine();
    entities(&["show", "account", "ada"]).await.refused(3);
    console.shutdown().await;
    host.shutdown().await.unwrap();

    // Without a host they are read, and a signal waits for one.
    until_free(&directory).await;
    let read = entities(&["show", "account", "bo", "--json"]).await.json();
    assert_eq!(read["value"], json!({"cents": 7}));
    let error = entities(&["call", "account", "bo", "balance"]).await.refused(4);
    assert!(error.contains("no host runs"), "{error}");
}
