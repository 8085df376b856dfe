//! The contract, on the service in memory and on the emulator by way of each pair of crates.

use std::sync::Arc;
use std::time::Duration;

use reenact_providers::ManualClock;
use reenact_providers::azure::fake::FakeStorage;
use reenact_providers::azure::port::StoragePort;
use reenact_providers::azure::{Azure, AzureOptions};
use reenact_providers::conformance::Hub;

use crate::stage;

/// More than is needed for the shards to have anything in memory.
const NEVER: usize = usize::MAX / 2;

/// One hub, in whatever carries out the operations.
struct Account {
    port: Arc<dyn StoragePort>,
    name: String,
    clock: ManualClock,
    flush_bytes: usize,
    /// Of the service, where that has a clock of its own.
    visibility_time: Option<Duration>,
}

impl Account {
    fn in_memory(clock: ManualClock, flush_bytes: usize) -> Self {
        let port = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
        Self { port, name: "the-hub".to_owned(), clock, flush_bytes, visibility_time: None }
    }

    fn on(
        (port, name): (Arc<dyn StoragePort>, String),
        clock: ManualClock,
        flush_bytes: usize,
    ) -> Self {
        let visibility_time = Some(Duration::from_secs(1));
        Self { port, name, clock, flush_bytes, visibility_time }
    }
}

impl Hub for Account {
    type Provider = Azure;

    async fn open(&self) -> Azure {
        let mut options = AzureOptions {
            shards: 2,
            clock: Arc::new(self.clock.clone()),
            ..AzureOptions::default()
        };
        options.visibility_time = self.visibility_time.unwrap_or(options.visibility_time);
        options.journaled.flush_bytes = self.flush_bytes;
        options.open(Arc::clone(&self.port), &self.name).await.unwrap()
    }

    async fn outwait(&self, clock: &ManualClock) {
        clock.advance(Duration::from_secs(60 * 60));
        if let Some(visibility_time) = self.visibility_time {
            // The service's own clock: nothing but time passes it.
            tokio::time::sleep(visibility_time + visibility_time / 4).await;
        }
    }
}

mod in_memory {
    use super::{Account, NEVER};

    mod before_it_is_archived {
        reenact_providers::conformance_tests!(|clock| async move {
            super::Account::in_memory(clock, super::NEVER)
        });
    }

    mod once_it_is_archived {
        reenact_providers::conformance_tests!(|clock| async move {
            super::Account::in_memory(clock, 1)
        });
    }
}

#[cfg(feature = "azure")]
mod on_the_emulator {
    use super::{Account, NEVER, stage};

    mod before_it_is_archived {
        reenact_providers::conformance_tests!(|clock| async move {
            super::Account::on(super::stage::azure().await, clock, super::NEVER)
        });
    }

    mod once_it_is_archived {
        reenact_providers::conformance_tests!(|clock| async move {
            super::Account::on(super::stage::azure().await, clock, 1)
        });
    }
}

#[cfg(feature = "azure-legacy")]
mod on_the_emulator_by_the_legacy_crates {
    use super::{Account, stage};

    reenact_providers::conformance_tests!(|clock| async move {
        Account::on(stage::azure_legacy().await, clock, 1)
    });
}
