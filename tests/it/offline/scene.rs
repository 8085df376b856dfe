//! A directory that is removed in the end, and orders that a host has left in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::providers::Provider;

use crate::kit::options;

/// A directory that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("offline-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Charges, waits for "Go", and returns what was charged and what came.
#[orchestration]
pub(crate) async fn order(
    ctx: OrchestrationContext,
    cents: u64,
) -> Result<String, OrchestrationError> {
    let charged: u64 = ctx.call_activity_by_name("charge", &cents).await?;
    let go: String = ctx.wait_external("Go").await?;
    Ok(format!("{charged} {go}"))
}

/// A host that has the code.
pub(crate) fn host(provider: impl Provider) -> HostBuilder {
    Host::builder()
        .provider(provider)
        .options(options())
        .orchestration(order)
        .register_activity("charge", |_ctx, cents: u64| async move { Ok(cents + 1) })
}
