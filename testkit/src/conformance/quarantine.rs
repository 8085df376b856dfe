//! Quarantine: messages that no host can process are kept, for people.

use std::sync::Arc;

use reenact_core::{ShardId, Timestamp};
use reenact_providers::{Message, Provider, QuarantineId, Quarantined, QueueOf, Sharing};

use super::kit::{id, name};
use super::{Hub, Stage};

fn sharing(provider: &impl Provider) -> Arc<dyn Sharing> {
    provider.sharing().expect("the store is one that several hosts share")
}

/// A message of a shard. With an odd number, bytes of a tag that are not a message.
fn poison(number: u32) -> Quarantined {
    let bytes = Arc::from(format!("bytes {number}").into_bytes());
    let message = Message { key: format!("key {number}"), to: id("to"), bytes };
    let is_unreadable = number % 2 == 1;
    Quarantined {
        queue: if is_unreadable { QueueOf::Tag(name("tag")) } else { QueueOf::Shard(ShardId(1)) },
        message: (!is_unreadable).then_some(message),
        raw: if is_unreadable { vec![0, 255, 7] } else { Vec::new() },
        reason: format!("it cannot be taken, for reason {number}"),
        details: if is_unreadable { String::new() } else { "{\"100%\": \"of it\"}".to_owned() },
        attempts: number + 1,
        at: Timestamp::from_micros(1_000_000 + u64::from(number)),
    }
}

async fn put(sharing: &Arc<dyn Sharing>, what: Quarantined) {
    sharing.quarantine(what).await.expect("anything can be put into quarantine");
}

async fn page(
    sharing: &Arc<dyn Sharing>,
    after: Option<&QuarantineId>,
    limit: usize,
) -> Vec<(QuarantineId, Quarantined)> {
    sharing.quarantined(after, limit).await.expect("quarantine can be read")
}

fn sorted(found: Vec<(QuarantineId, Quarantined)>) -> Vec<Quarantined> {
    let mut found: Vec<_> = found.into_iter().map(|(_, what)| what).collect();
    found.sort_by_key(|what| what.at);
    found
}

/// Everything that is known of a message is read from quarantine as it was put there.
pub async fn what_is_in_quarantine_is_as_it_was_put_there<H: Hub>(stage: &Stage<H>) {
    let sharing = sharing(&stage.open().await);
    assert_eq!(page(&sharing, None, 10).await, [], "an empty quarantine has nothing");
    for number in 0..2 {
        put(&sharing, poison(number)).await;
    }
    assert_eq!(sorted(page(&sharing, None, 10).await), [poison(0), poison(1)]);
}

/// Quarantine is read in the order of its ids, each entry once, in pages of any size.
pub async fn quarantine_is_read_in_pages_of_every_size<H: Hub>(stage: &Stage<H>) {
    let sharing = sharing(&stage.open().await);
    for number in 0..7 {
        put(&sharing, poison(number)).await;
    }
    let all = page(&sharing, None, 100).await;
    assert!(all.is_sorted_by(|a, b| a.0 < b.0), "quarantine is ordered by the ids: {all:?}");
    assert_eq!(sorted(all.clone()), (0..7).map(poison).collect::<Vec<_>>());
    for size in 1..=8 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let next = page(&sharing, after.as_ref(), size).await;
            assert!(next.len() <= size, "no page is larger than asked for");
            let Some((last, _)) = next.last() else { break };
            after = Some(last.clone());
            found.extend(next);
        }
        assert_eq!(found, all, "in pages of {size}");
    }
}

/// Putting the same message into quarantine again is no error: a host may do it after a crash.
pub async fn the_same_may_be_in_quarantine_twice<H: Hub>(stage: &Stage<H>) {
    let sharing = sharing(&stage.open().await);
    put(&sharing, poison(0)).await;
    put(&sharing, poison(0)).await;
    let found = page(&sharing, None, 10).await;
    assert!(matches!(found.len(), 1 | 2), "it is there: {found:?}");
    assert!(found.iter().all(|(_, what)| *what == poison(0)));
}

/// A discarded entry is gone, and no other is. Discarding it again is no error.
pub async fn what_is_discarded_is_gone<H: Hub>(stage: &Stage<H>) {
    let sharing = sharing(&stage.open().await);
    for number in 0..3 {
        put(&sharing, poison(number)).await;
    }
    let found = page(&sharing, None, 10).await;
    let (gone, what) = &found[1];
    for _ in 0..2 {
        sharing.discard(gone).await.expect("discarding is no error, however often");
    }
    let left = page(&sharing, None, 10).await;
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|(_, other)| other != what), "what is discarded is gone");
    let after = page(&sharing, Some(gone), 10).await;
    assert_eq!(after, found[2..], "a page may begin after a discarded entry");
}

/// An entry is durable when it has been put into quarantine.
pub async fn quarantine_survives_reopening<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    put(&sharing(&provider), poison(0)).await;
    let sharing = sharing(&stage.reopen(provider).await);
    assert_eq!(sorted(page(&sharing, None, 10).await), [poison(0)]);
}
