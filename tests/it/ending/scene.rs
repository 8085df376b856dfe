//! A directory, and a host on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use reenact::prelude::*;

use crate::kit::{Gate, options};

/// A directory that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ending-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(crate) fn open(&self) -> Result<Local, reenact::OpenError> {
        Local::open(self.store())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[orchestration]
pub(crate) async fn echo(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n)
}

#[orchestration]
pub(crate) async fn waits(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

#[orchestration]
pub(crate) async fn works(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity_by_name("work", &()).await?)
}

#[orchestration]
pub(crate) async fn has_children(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let children: Vec<_> = (0..20).map(|n| ctx.call_orchestration(echo, n)).collect();
    Ok(ctx.when_all(children).await.into_iter().filter_map(Result::ok).sum())
}

/// A host whose activities pass a gate.
pub(crate) fn host(
    provider: impl reenact::providers::Provider,
    gate: &Gate,
) -> reenact::HostBuilder {
    let gate = gate.clone();
    Host::builder()
        .provider(provider)
        .options(options())
        .orchestration(echo)
        .orchestration(waits)
        .orchestration(works)
        .orchestration(has_children)
        .register_activity("work", move |_: ActivityContext, (): ()| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok::<_, ActivityError>(7_u64)
            }
        })
}
