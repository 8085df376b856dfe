//! A store that hosts share, seen without a host: its quarantine, and what pages say that need a host.

use std::sync::Arc;

use reenact_core::codec::encode_command;
use reenact_core::{RemoteCommand, ShardId, Timestamp};
use reenact_providers::{InMemory, Message, Provider, Quarantined, QueueOf};

use super::browsing::{Site, id};

/// A store with a message in quarantine that no host could accept, and with something that is no message.
async fn store() -> InMemory {
    let store = InMemory::new().shared();
    let sharing = store.sharing().expect("it is shared");
    let cancel = RemoteCommand::Cancel { reason: "<b>late</b>".to_owned() };
    let message = Message {
        key: "key".to_owned(),
        to: id("order-7"),
        bytes: Arc::from(encode_command(&cancel).expect("a command")),
    };
    let held = |message, reason: &str| Quarantined {
        queue: QueueOf::Shard(ShardId(1)),
        message,
        raw: b"<script>".to_vec(),
        reason: reason.to_owned(),
        details: String::new(),
        attempts: 5,
        at: Timestamp::from_micros(1_795_993_200_000_000),
    };
    sharing.quarantine(held(Some(message), "no such <instance>")).await.expect("it is kept");
    sharing.quarantine(held(None, "it is no message")).await.expect("it is kept");
    store
}

#[tokio::test]
async fn messages_in_quarantine_are_listed_with_their_reasons() {
    let site = Site::over(&store().await);
    let page = site.get("/quarantine").await;
    page.is(200)
        .has("no such &lt;instance&gt;")
        .has("href=\"instance?id=order-7\"")
        .has("<b>cancel</b>");
    page.has("from </span>a client");
    page.has("5 deliveries").has("it is no message").lacks("<script>").lacks("<b>late</b>");
    assert_eq!(
        page.html.matches("data-action=\"requeue\"").count(),
        1,
        "only a message is sent again"
    );
    assert_eq!(page.html.matches("data-action=\"discard\"").count(), 2);
    site.get("/quarantine?after=zzzz").await.is(200).has("after the last message");
}

#[tokio::test]
async fn a_message_is_sent_again_and_another_discarded_after_a_question() {
    let site = Site::over(&store().await);
    let ids = site.get("/quarantine").await.attributes("data-row");
    let [message, other] = &ids[..] else { panic!("{ids:?}") };
    let ask = site.get(&format!("/quarantine-act?do=requeue&id={message}")).await;
    ask.is(200).has("Send again?").has("id=\"ask-form\"");
    let done = site.send("/quarantine-act", &[("do", "requeue"), ("id", message)]).await;
    assert_eq!(done.leads_to(), "quarantine?did=requeue");
    site.send("/quarantine-act", &[("do", "requeue"), ("id", message)]).await.is(404);
    site.get(&format!("/quarantine-act?do=discard&id={other}")).await.is(200).has("for good");
    site.send("/quarantine-act", &[("do", "discard"), ("id", other)]).await.leads_to();
    site.get("/quarantine?did=discard").await.has("Nothing is in quarantine").has("is discarded");
    site.get("/quarantine-act?do=eat&id=1").await.is(400);
}

#[tokio::test]
async fn without_a_host_the_overview_says_why_there_are_no_plots() {
    let site = Site::over(&store().await);
    site.get("/overview")
        .await
        .is(200)
        .has("id=\"no-metrics\"")
        .lacks("<figure")
        .has("Nothing is running");
    site.get("/shards").await.is(200).has("No host is known here");
}
