//! The implementations of the port that the cases run on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reenact_providers::SystemClock;
use reenact_providers::azure::connection::{Connection, InvalidConnection, Options};
use reenact_providers::azure::emulator::Emulator;
use reenact_providers::azure::port::{LeaseId, PortErrorKind, StoragePort};
use reenact_testkit::azure::storage::FakeStorage;
use tokio::sync::OnceCell;

/// How the adapters are connected.
pub(crate) type Connect =
    fn(&Connection, &str, Options) -> Result<Arc<dyn StoragePort>, InvalidConnection>;

/// The adapters that are compiled in, with their names.
pub(crate) const ADAPTERS: &[(&str, Connect)] = &[
    #[cfg(feature = "azure")]
    ("azure", reenact_providers::azure::sdk::connect),
    #[cfg(feature = "azure-legacy")]
    ("azure-legacy", reenact_providers::azure::legacy::connect),
];

/// A service with a container of the case's own, empty, and a name for its queues.
pub(crate) struct Stage {
    /// The container is there.
    pub(crate) port: Arc<dyn StoragePort>,
    /// The same service, with a container that is not there.
    pub(crate) nowhere: Arc<dyn StoragePort>,
    /// A queue that is there.
    pub(crate) queue: String,
}

pub(crate) async fn in_memory() -> Stage {
    let fake = || Arc::new(FakeStorage::new(Arc::new(SystemClock)));
    Stage::new(fake(), fake()).await
}

#[cfg(feature = "azure")]
pub(crate) async fn azure() -> Stage {
    on_emulator(reenact_providers::azure::sdk::connect).await
}

#[cfg(feature = "azure-legacy")]
pub(crate) async fn azure_legacy() -> Stage {
    on_emulator(reenact_providers::azure::legacy::connect).await
}

async fn on_emulator(connect: Connect) -> Stage {
    let connection = Connection::parse(&emulator().await.connection_string()).unwrap();
    // As many on a page as in memory.
    let port = |container: &str| {
        let options = Options { blobs_per_page: 100, ..Options::default() };
        connect(&connection, container, options).unwrap()
    };
    Stage::new(port(&unique("container")), port(&unique("nowhere"))).await
}

impl Stage {
    async fn new(port: Arc<dyn StoragePort>, nowhere: Arc<dyn StoragePort>) -> Self {
        let queue = unique("queue");
        port.create_container().await.unwrap();
        port.create_queue(&queue).await.unwrap();
        Self { port, nowhere, queue }
    }
}

/// The emulator that all tests of this program share.
pub(crate) async fn emulator() -> &'static Emulator {
    static EMULATOR: OnceCell<Emulator> = OnceCell::const_new();
    match EMULATOR.get_or_try_init(Emulator::start).await {
        Ok(emulator) => emulator,
        Err(error) => panic!("{error}"),
    }
}

/// A name that no other case has.
pub(crate) fn unique(name: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The id of a lease that differs from those of other numbers.
pub(crate) fn lease(number: u32) -> LeaseId {
    LeaseId(format!("00000000-0000-4000-8000-{number:012}"))
}

/// What a failure is, apart from its code.
pub(crate) fn name_of(kind: &PortErrorKind) -> &'static str {
    match kind {
        PortErrorKind::NotFound { .. } => "not found",
        PortErrorKind::Exists { .. } => "exists",
        PortErrorKind::Unmet { .. } => "unmet",
        PortErrorKind::TooLarge { .. } => "too large",
        PortErrorKind::Throttled { .. } => "throttled",
        PortErrorKind::Denied { .. } => "denied",
        PortErrorKind::Unreachable { .. } => "unreachable",
        PortErrorKind::Unknown { .. } => "unknown",
        PortErrorKind::Refused { .. } => "refused",
    }
}

/// What the failure of a call is that must fail.
#[track_caller]
pub(crate) fn failure<T: std::fmt::Debug>(
    result: Result<T, reenact_providers::azure::port::PortError>,
) -> &'static str {
    name_of(&result.unwrap_err().kind)
}

/// The service's code of a condition that does not hold.
#[track_caller]
pub(crate) fn unmet<T: std::fmt::Debug>(
    result: Result<T, reenact_providers::azure::port::PortError>,
) -> String {
    match result.unwrap_err().kind {
        PortErrorKind::Unmet { code } => code,
        kind => panic!("{kind:?}"),
    }
}
