//! How many activities of a host run at a time, and on what.

use tokio::runtime::Handle;

use crate::error::{Error, Result};
use crate::options::{ActivityThreads, HostOptions, MAX_BLOCKING_THREADS};
use crate::registry::Registry;
use crate::workers::Limits;
use crate::workers::pool::BlockingPool;
use crate::workers::runs_on::ActivityRuntimes;

/// The limits on how many activities run at a time; those that block are counted separately.
pub(super) fn limits(
    registry: &mut Registry,
    options: &HostOptions,
    payload_bytes: usize,
) -> Result<Limits> {
    registry.set_blocking(&options.blocking_activities)?;
    if options.reproducible.is_some() {
        registry.set_none_blocking();
    }
    Ok(Limits {
        at_a_time: options.max_activities.max(1),
        grace: options.cancellation_grace,
        of_names: registry.activity_limits(&options.max_activities_of)?,
        blocking: options.max_blocking_activities.clamp(1, MAX_BLOCKING_THREADS),
        payload_bytes,
    })
}

/// The runtimes for activities: the caller's, and threads for activities that block, if there are any.
pub(super) fn activity_runtimes(
    registry: &Registry,
    options: &HostOptions,
    blocking: usize,
) -> Result<ActivityRuntimes> {
    let callers = match &options.activity_threads {
        ActivityThreads::On(runtime) if has_ended(runtime) => {
            return Err(Error::ActivityRuntimeEnded);
        }
        ActivityThreads::On(runtime) => Some(runtime.clone()),
        ActivityThreads::WithTheirShard => None,
    };
    let blocks = registry.blocking().next().is_some();
    let pool = blocks.then(|| BlockingPool::begin(blocking)).transpose()?;
    Ok(ActivityRuntimes::new(callers, pool))
}

/// Whether a runtime takes no tasks any more.
fn has_ended(runtime: &Handle) -> bool {
    // There is no other way to ask. A runtime that has ended drops a task at once; one that runs may do so
    // only after the task was aborted.
    let probe = runtime.spawn(std::future::pending::<()>());
    let has_ended = probe.is_finished();
    probe.abort();
    has_ended
}
