//! The conformance suite on the service in memory, and on the emulator through each pair of Azure crates.

use std::sync::Arc;
use std::time::Duration;

use reenact_providers::ManualClock;
use reenact_providers::azure::port::StoragePort;
use reenact_providers::azure::{Azure, AzureOptions};
use reenact_providers::limits::SHORTEST_LEASE_TIME;
use reenact_testkit::azure::storage::FakeStorage;
use reenact_testkit::conformance::Hub;

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
    /// After which a host is taken for dead. No clock that a test can move decides that.
    lease_time: Option<Duration>,
    large_payloads: bool,
}

impl Account {
    fn in_memory(clock: ManualClock, flush_bytes: usize) -> Self {
        let port = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
        Self {
            port,
            name: "the-hub".to_owned(),
            clock,
            flush_bytes,
            visibility_time: None,
            lease_time: None,
            large_payloads: false,
        }
    }

    fn on(
        (port, name): (Arc<dyn StoragePort>, String),
        clock: ManualClock,
        flush_bytes: usize,
    ) -> Self {
        let visibility_time = Some(Duration::from_secs(1));
        Self {
            port,
            name,
            clock,
            flush_bytes,
            visibility_time,
            lease_time: None,
            large_payloads: false,
        }
    }
}

impl Account {
    /// For cases in which hosts die.
    fn shared(self) -> Self {
        Self { lease_time: Some(SHORTEST_LEASE_TIME), ..self }
    }

    fn with_large_payloads(self) -> Self {
        Self { large_payloads: true, ..self }
    }
}

impl Hub for Account {
    type Provider = Azure;

    const TAKES_A_KEY_ONCE: bool = false;

    // The end of a provider gives its shards back.
    const FREES_SHARDS_WHEN_DROPPED: bool = true;

    async fn open(&self) -> Azure {
        let mut options = AzureOptions::new().shards(2).clock(self.clock.clone());
        if let Some(time) = self.visibility_time {
            options = options.visibility_time(time);
        }
        if let Some(time) = self.lease_time {
            options = options.lease_time(time);
        }
        options = options.flush_bytes(self.flush_bytes).large_payloads(self.large_payloads);
        options.open(Arc::clone(&self.port), &self.name).await.unwrap()
    }

    async fn outwait(&self, clock: &ManualClock) {
        clock.advance(Duration::from_secs(60 * 60));
        // The service's own clock, and that by which a host is taken for dead: nothing but time passes
        // them.
        if let Some(time) = self.visibility_time.max(self.lease_time) {
            tokio::time::sleep(time + time / 4).await;
        }
    }
}

mod in_memory {
    use super::{Account, NEVER};

    mod before_it_is_archived {
        reenact_testkit::conformance_tests!(|clock| async move {
            super::Account::in_memory(clock, super::NEVER)
        });
    }

    mod once_it_is_archived {
        reenact_testkit::conformance_tests!(
            |clock| async move { super::Account::in_memory(clock, 1) }
        );
    }
}

mod with_large_payloads {
    reenact_testkit::large_payload_conformance_tests!(
        shared: |clock| async move { super::Account::in_memory(clock, 1).with_large_payloads() }
    );
}

#[cfg(feature = "azure")]
mod with_large_payloads_on_the_emulator {
    reenact_testkit::large_payload_conformance_tests!(|clock| async move {
        super::Account::on(super::stage::azure().await, clock, 1).with_large_payloads()
    });
}

mod shared_in_memory {
    reenact_testkit::sharing_conformance_tests!(|clock| async move {
        super::Account::in_memory(clock, super::NEVER).shared()
    });
}

#[cfg(feature = "azure")]
mod shared_on_the_emulator {
    reenact_testkit::sharing_conformance_tests!(|clock| async move {
        super::Account::on(super::stage::azure().await, clock, super::NEVER).shared()
    });
}

#[cfg(feature = "azure-legacy")]
mod shared_on_the_emulator_by_the_legacy_crates {
    reenact_testkit::sharing_conformance_tests!(|clock| async move {
        super::Account::on(super::stage::azure_legacy().await, clock, super::NEVER).shared()
    });
}

#[cfg(feature = "azure")]
mod on_the_emulator {
    use super::{Account, NEVER, stage};

    mod before_it_is_archived {
        reenact_testkit::conformance_tests!(|clock| async move {
            super::Account::on(super::stage::azure().await, clock, super::NEVER)
        });
    }

    mod once_it_is_archived {
        reenact_testkit::conformance_tests!(|clock| async move {
            super::Account::on(super::stage::azure().await, clock, 1)
        });
    }
}

#[cfg(feature = "azure-legacy")]
mod on_the_emulator_by_the_legacy_crates {
    use super::{Account, stage};

    reenact_testkit::conformance_tests!(|clock| async move {
        Account::on(stage::azure_legacy().await, clock, 1)
    });
}
