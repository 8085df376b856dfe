//! The contract, on the service in memory.

use std::sync::Arc;
use std::time::Duration;

use reenact_providers::ManualClock;
use reenact_providers::azure::fake::FakeStorage;
use reenact_providers::azure::{Azure, AzureOptions};
use reenact_providers::conformance::Hub;

struct Account {
    storage: FakeStorage,
    clock: ManualClock,
    flush_bytes: usize,
}

impl Account {
    fn new(clock: ManualClock, flush_bytes: usize) -> Self {
        Self { storage: FakeStorage::new(Arc::new(clock.clone())), clock, flush_bytes }
    }
}

impl Hub for Account {
    type Provider = Azure;

    async fn open(&self) -> Azure {
        let mut options = AzureOptions {
            shards: 2,
            clock: Arc::new(self.clock.clone()),
            lease_time: Duration::from_secs(10),
            ..AzureOptions::default()
        };
        options.journaled.flush_bytes = self.flush_bytes;
        options.open(Arc::new(self.storage.clone()), "the-hub").await.unwrap()
    }
}

mod before_it_is_archived {
    reenact_providers::conformance_tests!(|clock| async move {
        super::Account::new(clock, usize::MAX / 2)
    });
}

mod once_it_is_archived {
    reenact_providers::conformance_tests!(|clock| async move { super::Account::new(clock, 1) });
}
