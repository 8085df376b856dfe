//! A directory that is removed in the end, and orders that a host has left in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::transfer::{self, ExportOptions, Exported, ImportOptions, Imported, TransferError};
use reenact::{Access, HostBuilder, InstanceFilter};

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
        .orchestration(long_order)
        .orchestration(countdown)
        .register_activity("charge", |_ctx, cents: u64| async move { Ok(cents + 1) })
}

/// An order that charges, starts a child, waits for a day and for "Go", and returns all of it.
#[orchestration]
pub(crate) async fn long_order(
    ctx: OrchestrationContext,
    cents: u64,
) -> Result<String, OrchestrationError> {
    let charged: u64 = ctx.call_activity_by_name("charge", &cents).await?;
    ctx.set_status(&"charged");
    let shipped: String =
        ctx.call_orchestration(order.with(ChildOptions::new().id("shipping")), charged).await?;
    ctx.timer(24 * crate::kit::HOUR).await;
    let go: String = ctx.wait_external("Go").await?;
    Ok(format!("{shipped}, {go}"))
}

/// Counts down, each number in an execution of its own, and waits for "Go" at the end.
#[orchestration]
pub(crate) async fn countdown(
    ctx: OrchestrationContext,
    left: u64,
) -> Result<String, OrchestrationError> {
    if left > 0 {
        return ctx.continue_as_new(countdown, left - 1);
    }
    Ok(ctx.wait_external("Go").await?)
}

/// All of a store as an export, which is at rest.
pub(crate) async fn exported(from: &impl Provider) -> (Vec<u8>, Exported) {
    let access = Access::read_only(from);
    let (mut file, options) = (Vec::new(), ExportOptions::new().at_rest());
    let everything = InstanceFilter::new();
    let exported = transfer::export(&access, &everything, options, &mut file, |_| {}).await;
    (file, exported.unwrap())
}

/// Brings an export into a store.
pub(crate) async fn imported(file: &[u8], into: &impl Provider) -> Result<Imported, TransferError> {
    transfer::import(file, into, ImportOptions::new(), |_| {}).await
}
