//! What memory and disk say stays the same, whatever happens.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};

use super::*;
use crate::limits::{MAX_QUEUED_MESSAGES, VISIBILITY_TIME};
use crate::{ManualClock, OpenError};

const JOURNAL: JournalId = JournalId(*b"the test journal");
const SHARD: ShardId = ShardId(1);

/// A file in a directory that is removed in the end.
struct Scratch {
    directory: PathBuf,
    clock: ManualClock,
}

impl Scratch {
    fn new(label: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("reenact-messages-{}-{label}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self { directory, clock: ManualClock::default() }
    }

    fn path(&self) -> PathBuf {
        self.directory.join("messages.db")
    }

    fn create(&self) -> Messages {
        Messages::create(&self.path(), JOURNAL, 2, Arc::new(self.clock.clone())).unwrap()
    }

    fn open(&self) -> Messages {
        Messages::open(&self.path(), JOURNAL, 2, Arc::new(self.clock.clone())).unwrap()
    }

    /// Makes each insertion, or each deletion, fail.
    fn break_file(&self, event: &str) {
        let sql = format!(
            "CREATE TRIGGER broken BEFORE {event} ON messages
             BEGIN SELECT RAISE(ABORT, 'broken'); END"
        );
        self.change(&sql);
    }

    fn change(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    /// As if so many messages had been sent, from `k1` on.
    fn fill(&self, count: usize) {
        let mut connection = Connection::open(self.path()).unwrap();
        let transaction = connection.transaction().unwrap();
        for number in (1..).take(count) {
            let message = message(&format!("k{number}"));
            let checksum = checksum(number, SHARD, &message);
            let Message { key, to, bytes } = message;
            let mut add =
                transaction.prepare_cached("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)");
            let values = (number, SHARD.0, key, to.as_str(), &bytes[..], checksum);
            add.as_mut().unwrap().execute(values).unwrap();
        }
        transaction.commit().unwrap();
    }

    fn repair_file(&self) {
        self.change("DROP TRIGGER broken");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn message(key: &str) -> Message {
    let to = InstanceId::new("to").unwrap();
    Message { key: key.to_owned(), to, bytes: Arc::from(key.as_bytes()) }
}

async fn receive(messages: &Messages) -> Vec<Delivery> {
    messages.receive(SHARD, 100).await.unwrap()
}

fn keys(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.message.key.as_str()).collect()
}

#[tokio::test]
async fn messages_and_their_order_survive_reopening() {
    let scratch = Scratch::new("reopen");
    let messages = scratch.create();
    for key in ["c", "gone", "a", "b"] {
        messages.send(SHARD, message(key)).await.unwrap();
    }
    messages.send(ShardId(0), message("c")).await.unwrap();
    let gone = &receive(&messages).await[1];
    messages.acknowledge(SHARD, gone.id).await.unwrap();
    drop(messages);
    let files = std::fs::read_dir(&scratch.directory).unwrap().count();
    assert_eq!(files, 1, "the file is closed");

    let messages = scratch.open();
    messages.send(SHARD, message("a")).await.unwrap();
    messages.send(SHARD, message("d")).await.unwrap();
    let deliveries = receive(&messages).await;
    assert_eq!(keys(&deliveries), ["c", "a", "b", "d"]);
    assert_eq!(deliveries[0].message, message("c"));
    assert_eq!(messages.receive(ShardId(0), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_send_that_nobody_waits_for_any_more_is_made_all_the_same() {
    let scratch = Scratch::new("dropped");
    let messages = scratch.create();
    {
        let mut sending = pin!(messages.send(SHARD, message("dropped")));
        let _ = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    messages.send(SHARD, message("next")).await.unwrap();
    assert_eq!(keys(&receive(&messages).await), ["dropped", "next"]);
    drop(messages);
    assert_eq!(keys(&receive(&scratch.open()).await), ["dropped", "next"]);
}

#[tokio::test]
async fn a_message_that_cannot_be_written_is_not_delivered_and_can_be_sent_again() {
    let scratch = Scratch::new("refused");
    let messages = scratch.create();
    scratch.break_file("INSERT");
    let refused = messages.send(SHARD, message("m")).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Unavailable { .. }), "{refused}");
    scratch.repair_file();
    messages.send(SHARD, message("first")).await.unwrap();
    messages.send(SHARD, message("m")).await.unwrap();
    assert_eq!(keys(&receive(&messages).await), ["first", "m"]);
}

#[tokio::test]
async fn a_message_whose_removal_fails_is_delivered_again() {
    let scratch = Scratch::new("unremoved");
    let messages = scratch.create();
    messages.send(SHARD, message("1")).await.unwrap();
    messages.send(SHARD, message("2")).await.unwrap();
    let first = messages.receive(SHARD, 1).await.unwrap().remove(0);
    scratch.break_file("DELETE");
    messages.acknowledge(SHARD, first.id).await.unwrap_err();
    scratch.repair_file();
    let again = receive(&messages).await;
    assert_eq!(keys(&again), ["1", "2"], "in its old place");
    assert_eq!(again[0].attempt, 2);
    messages.acknowledge(SHARD, again[0].id).await.unwrap();
    drop(messages);
    assert_eq!(keys(&receive(&scratch.open()).await), ["2"]);
}

#[tokio::test]
async fn what_is_ordered_together_is_as_if_ordered_one_by_one() {
    let scratch = Scratch::new("together");
    let messages = scratch.create();
    messages.send(SHARD, message("old")).await.unwrap();
    let old = receive(&messages).await.remove(0);
    {
        let again = messages.send(SHARD, message("new"));
        let (acknowledged, sent, twice, other) = tokio::join!(
            messages.acknowledge(SHARD, old.id),
            messages.send(SHARD, message("old")),
            messages.send(SHARD, message("new")),
            again,
        );
        for outcome in [acknowledged, sent, twice, other] {
            outcome.unwrap();
        }
    }
    let deliveries = receive(&messages).await;
    assert_eq!(keys(&deliveries), ["old", "new"]);
    assert_eq!(deliveries[0].attempt, 1, "it is a new message");
    drop(messages);
    assert_eq!(keys(&receive(&scratch.open()).await), ["old", "new"]);
}

#[tokio::test]
async fn a_delivery_that_ran_out_comes_again_and_its_acknowledgement_changes_nothing() {
    let scratch = Scratch::new("late");
    let messages = scratch.create();
    messages.send(SHARD, message("m")).await.unwrap();
    let late = receive(&messages).await.remove(0);
    scratch.clock.advance(VISIBILITY_TIME);
    let again = receive(&messages).await.remove(0);
    messages.acknowledge(SHARD, late.id).await.unwrap();
    drop(messages);
    let messages = scratch.open();
    assert_eq!(keys(&receive(&messages).await), ["m"]);
    assert_eq!(again.attempt, 2);
}

#[tokio::test]
async fn a_full_queue_stays_full_when_it_is_opened_again() {
    let scratch = Scratch::new("full");
    drop(scratch.create());
    scratch.fill(MAX_QUEUED_MESSAGES);
    let messages = scratch.open();
    let refused = messages.send(SHARD, message("m")).await;
    assert!(matches!(refused, Err(ProviderError::Throttled { .. })));
    messages.send(SHARD, message("k7")).await.expect("it is in the queue already");
    messages.send(ShardId(0), message("m")).await.expect("the other queue is empty");
    let first = messages.receive(SHARD, 1).await.unwrap().remove(0);
    let (acknowledged, sent) =
        tokio::join!(messages.acknowledge(SHARD, first.id), messages.send(SHARD, message("m")),);
    acknowledged.unwrap();
    sent.expect("there is room again");
}

#[tokio::test]
async fn what_is_no_file_of_messages_is_told() {
    let scratch = Scratch::new("wrong");
    let clock = || Arc::new(scratch.clock.clone());
    let missing = Messages::open(&scratch.path(), JOURNAL, 2, clock());
    assert!(matches!(missing, Err(ArchiveError::Missing { .. })));
    drop(super::super::SqliteArchive::create(&scratch.path(), JOURNAL).unwrap());
    let archive = Messages::open(&scratch.path(), JOURNAL, 2, clock());
    assert!(matches!(archive, Err(ArchiveError::NotAnArchive { .. })));
    std::fs::remove_file(scratch.path()).unwrap();
    let messages = scratch.create();
    messages.send(SHARD, message("m")).await.unwrap();
    drop(messages);
    let fewer = Messages::open(&scratch.path(), JOURNAL, 1, clock());
    assert!(matches!(fewer, Err(ArchiveError::NotAnArchive { .. })), "a message has no shard");
}

/// It is not left out either: whoever sent it was told that it is stored.
#[tokio::test]
async fn a_message_of_which_anything_has_rotted_is_told() {
    for (change, place) in [
        ("arrival = 9", 9),
        ("shard = 0", 2),
        ("shard = -1", 2),
        ("key = 'y'", 2),
        ("key = CAST(x'ff' AS TEXT)", 2),
        ("recipient = 'ti'", 2),
        ("recipient = ''", 2),
        ("bytes = CAST('y' AS BLOB)", 2),
        ("bytes = x''", 2),
        ("checksum = checksum + 1", 2),
    ] {
        let scratch = Scratch::new("rot");
        let messages = scratch.create();
        messages.send(SHARD, message("whole")).await.unwrap();
        messages.send(SHARD, message("x")).await.unwrap();
        drop(messages);
        scratch.change(&format!("UPDATE messages SET {change} WHERE key = 'x'"));
        let clock = Arc::new(scratch.clock.clone());
        let Err(error) = Messages::open(&scratch.path(), JOURNAL, 2, clock) else {
            panic!("{change} is not told");
        };
        assert!(error.to_string().contains(&format!("in the message {place},")), "{error}");
        let error = OpenError::from(error);
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
}
