//! Requests with an unknown outcome: a provider never says that something was not done which may have been done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reenact_core::{InstanceId, ShardId, Timestamp};
use reenact_providers::azure::Azure;
use reenact_providers::azure::port::{Metadata, Only, PortErrorKind, StoragePort};
use reenact_providers::{
    ExternalEventRouter, ManualClock, Message, ProviderError, Quarantined, QueueOf, Sharing,
};
use reenact_testkit::azure::storage::FakeStorage;

use crate::faulty::{FaultyPort, Wrong};
use crate::scenario::Ground;

/// A message that has no room in a queue.
fn large() -> Message {
    Message { bytes: Arc::from(vec![7; 100 * 1024]), ..message() }
}

async fn open() -> (FaultyPort, Azure) {
    open_at(ManualClock::default()).await
}

async fn open_at(clock: ManualClock) -> (FaultyPort, Azure) {
    let port = FaultyPort::new(Arc::new(FakeStorage::new(Arc::new(clock.clone()))));
    let ground = Ground::new(Arc::new(port.clone()), "the-hub", clock);
    let provider = ground.open().await;
    (port, provider)
}

/// The next requests for something go wrong, one after the other.
fn go_wrong(port: &FaultyPort, about: &'static str, wrongs: Vec<Wrong>) {
    let mut wrongs = wrongs.into_iter();
    port.plan(move |seen| if seen.target.starts_with(about) { wrongs.next() } else { None });
}

fn rotten() -> Quarantined {
    Quarantined {
        queue: QueueOf::Shard(ShardId(0)),
        message: None,
        raw: b"rotten".to_vec(),
        reason: "it smells".to_owned(),
        details: String::new(),
        attempts: 1,
        at: Timestamp::from_micros(1),
    }
}

fn message() -> Message {
    let to = InstanceId::new("to").unwrap();
    Message { key: "key".to_owned(), to, bytes: Arc::from(*b"bytes") }
}

#[track_caller]
fn assert_unknown<T: std::fmt::Debug>(outcome: Result<T, ProviderError>) {
    assert!(matches!(outcome, Err(ProviderError::Unknown { .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_may_come_yet_is_in_doubt_when_nobody_can_look() {
    let (port, provider) = open().await;
    go_wrong(&port, "quarantine/", vec![Wrong::Late, Wrong::denied()]);
    assert_unknown(provider.quarantine(rotten()).await);
    port.heal();
    assert_eq!(provider.quarantined(None, 10).await.unwrap().len(), 1, "it has come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_may_come_yet_is_in_doubt_when_another_try_is_refused() {
    let (port, provider) = open().await;
    let mut held = false;
    port.plan(move |seen| {
        if seen.operation != "put" || !seen.target.starts_with("quarantine/") {
            return None;
        }
        Some(if std::mem::replace(&mut held, true) { Wrong::denied() } else { Wrong::Held })
    });
    assert_unknown(provider.quarantine(rotten()).await);
    port.heal();
    port.let_go().await;
    assert_eq!(provider.quarantined(None, 10).await.unwrap().len(), 1, "it has come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_may_be_done_is_in_doubt_when_another_try_is_refused() {
    let (port, provider) = open().await;
    provider.quarantine(rotten()).await.unwrap();
    let (id, _) = provider.quarantined(None, 10).await.unwrap().remove(0);
    go_wrong(&port, "quarantine/", vec![Wrong::Lost, Wrong::denied()]);
    assert_unknown(provider.discard(&id).await);
    port.heal();
    assert_eq!(provider.quarantined(None, 10).await.unwrap(), [], "it was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_may_be_sent_is_in_doubt_whatever_is_said_of_another_try() {
    let unmet = PortErrorKind::Unmet { code: "ConditionNotMet".to_owned() };
    for then in [Wrong::denied(), Wrong::Refused(unmet)] {
        let (port, provider) = open().await;
        go_wrong(&port, "the-hub-", vec![Wrong::Lost, then]);
        assert_unknown(provider.send(ShardId(0), message()).await);
        port.heal();
        let came = provider.receive(ShardId(0), 1).await.unwrap();
        assert_eq!(came[0].message, message(), "it was sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_is_never_in_doubt() {
    let (port, provider) = open().await;
    port.plan(|_| Some(Wrong::Lost));
    let kept = provider.quarantined(None, 10).await;
    assert!(matches!(kept, Err(ProviderError::Unavailable { .. })), "{kept:?}");
    let received = provider.receive(ShardId(0), 1).await;
    assert!(matches!(received, Err(ProviderError::Unavailable { .. })), "{received:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_that_may_be_sent_twice_is_whole_both_times() {
    let (port, provider) = open().await;
    go_wrong(&port, "the-hub-", vec![Wrong::Lost]);
    provider.send(ShardId(0), large()).await.unwrap();
    for _ in 0..2 {
        let came = provider.receive(ShardId(0), 1).await.unwrap().remove(0);
        assert_eq!(came.message, large());
        provider.acknowledge(ShardId(0), came.id).await.unwrap();
    }
    assert_eq!(provider.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_read_now_holds_up_no_other() {
    let (port, provider) = open().await;
    provider.send(ShardId(0), large()).await.unwrap();
    provider.send(ShardId(0), Message { key: "small".to_owned(), ..message() }).await.unwrap();
    port.plan(|seen| seen.target.starts_with("payload/").then(Wrong::denied));
    let came = provider.receive(ShardId(0), 8).await.unwrap();
    let keys: Vec<&str> = came.iter().map(|delivery| delivery.message.key.as_str()).collect();
    assert_eq!(keys, ["small"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_that_is_sent_long_after_it_was_stored_is_sent_again() {
    let clock = ManualClock::default();
    let (port, provider) = open_at(clock.clone()).await;
    port.plan(|seen| seen.target.starts_with("the-hub-").then_some(Wrong::Waits));
    let meanwhile = async {
        while port.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        // Others may have swept its payload by now.
        clock.advance(Duration::from_secs(60 * 60));
        port.heal();
        port.go_on();
    };
    let (sent, ()) = tokio::join!(provider.send(ShardId(0), large()), meanwhile);
    // Tried again, with a payload of its own: that one is new.
    sent.unwrap();
    let came = provider.receive(ShardId(0), 8).await.unwrap();
    assert_eq!(came.len(), 2, "and another for the one in doubt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_that_does_not_decode_is_kept_as_it_was() {
    let (port, provider) = open().await;
    provider.send(ShardId(0), large()).await.unwrap();
    let payload = port.list("payload/", None).await.unwrap().blobs.remove(0).name;
    let newer = b"\xfa of a later reenact".to_vec();
    port.put(&payload, newer.clone(), &Metadata::new(), &Only::Always).await.unwrap();
    provider.send(ShardId(0), message()).await.unwrap();

    let came = provider.receive(ShardId(0), 8).await.unwrap();
    assert_eq!(came.len(), 1);
    let kept = provider.quarantined(None, 10).await.unwrap();
    assert_eq!(kept[0].1.raw, newer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_ends_after_a_message_lets_others_receive_it() {
    let (port, provider) = open().await;
    let notices = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&notices);
    port.plan(move |seen| {
        let is_notice = seen.operation == "put" && seen.target.starts_with("live/bell");
        counted.fetch_add(usize::from(is_notice), Ordering::SeqCst);
        None
    });
    provider.send(ShardId(0), message()).await.unwrap();
    while notices.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // So soon after the first one, its notice has to wait.
    provider.send(ShardId(0), message()).await.unwrap();
    drop(provider);
    assert_eq!(notices.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_whose_envelope_was_refused_is_removed() {
    let (port, provider) = open().await;
    go_wrong(&port, "the-hub-", vec![Wrong::denied()]);
    provider.send(ShardId(0), large()).await.unwrap_err();
    assert_eq!(port.list("payload/", None).await.unwrap().blobs, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_service_asks_for_much_patience_nothing_is_tried_again() {
    let (port, provider) = open().await;
    let retry_after = Duration::from_secs(30);
    let throttled = PortErrorKind::Throttled { after: Some(retry_after) };
    // A second try would succeed, and too soon.
    go_wrong(&port, "quarantine/", vec![Wrong::Refused(throttled)]);
    let refused = provider.quarantine(rotten()).await;
    let asked = |error: &ProviderError| matches!(error, ProviderError::Throttled { retry_after: asked } if *asked == retry_after);
    assert!(refused.as_ref().is_err_and(asked), "{refused:?}");
}
