//! A client that starts and raises, and remembers what was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reenact::prelude::*;
use reenact::{Error, InstanceState};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::worker::{self, STEPS, event, id, name_of_event, order};

/// Instances at a time.
const AT_ONCE: u64 = 6;

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(180);

/// How long to wait before a client tries again what the store has refused.
const AGAIN: Duration = Duration::from_millis(100);

/// What was acknowledged: the results of all instances that were started, by their numbers.
pub(crate) type Record = BTreeMap<u64, String>;

pub(crate) struct Load {
    drivers: JoinSet<Record>,
    ended: watch::Receiver<u64>,
    is_enough: Arc<AtomicBool>,
}

impl Load {
    pub(crate) async fn begin(connection: &str) -> Self {
        let client = Client::connect(worker::open(connection).await).unwrap();
        let client = Arc::new(client);
        let (count, ended) = watch::channel(0);
        let count = Arc::new(count);
        let is_enough = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU64::new(0));
        let mut drivers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (client, count, next) = (client.clone(), count.clone(), next.clone());
            let is_enough = is_enough.clone();
            drivers.spawn(async move {
                let mut record = Record::new();
                while !is_enough.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    record.insert(number, drive(&client, number).await);
                    count.send_modify(|count| *count += 1);
                }
                record
            });
        }
        Self { drivers, ended, is_enough }
    }

    /// Whatever happens to hosts, instances end.
    pub(crate) async fn until_more_have_ended(&self, many: u64) {
        let mut ended = self.ended.clone();
        let enough = *ended.borrow() + many;
        let waited = tokio::time::timeout(HANGS, ended.wait_for(|ended| *ended >= enough)).await;
        assert!(waited.is_ok(), "instances do not end any more");
    }

    pub(crate) async fn end(self) -> Record {
        self.is_enough.store(true, Ordering::Relaxed);
        let ended = tokio::time::timeout(HANGS, self.drivers.join_all()).await;
        ended.expect("all that was started ends").into_iter().flatten().collect()
    }
}

/// Starts an instance, raises its events, and tells how it ended. What is refused is tried again.
async fn drive(client: &Client, number: u64) -> String {
    loop {
        match client.start_new(order, number).id(id(number).as_str()).await {
            Ok(_) => break,
            // An earlier try was not acknowledged, and is there all the same.
            Err(Error::AlreadyExists { .. }) => break,
            Err(error) => again(&error).await,
        }
    }
    for which in 0..STEPS {
        let said = event(number, which);
        loop {
            let raised = client.raise_event(&id(number), &name_of_event(which), &said).key(&said);
            match raised.await {
                Ok(()) => break,
                Err(error) => again(&error).await,
            }
        }
    }
    let instance = client.instance::<String>(&id(number));
    loop {
        match instance.result().await {
            Ok(result) => return result,
            Err(error) => {
                let status = instance.status().await;
                let is_over = status.is_ok_and(|status| status.state == InstanceState::Failed);
                assert!(!is_over, "{error}");
                again(&error).await;
            }
        }
    }
}

async fn again(error: &Error) {
    let passes =
        matches!(error, Error::Store { .. } | Error::Interrupted { .. } | Error::Unanswered { .. });
    assert!(passes, "only the store may refuse: {error:?}");
    tokio::time::sleep(AGAIN).await;
}
