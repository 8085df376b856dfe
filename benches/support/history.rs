//! What a step costs along one long history.

use std::mem;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reenact::prelude::*;
use reenact::{HostOptions, ShardThreads};

/// When each activity of the instance under way ran.
static MARKS: Mutex<Vec<Instant>> = Mutex::new(Vec::new());

#[activity]
async fn mark(_ctx: ActivityContext, n: u64) -> Result<u64, ActivityError> {
    MARKS.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    Ok(n + 1)
}

#[orchestration]
async fn marked_history(ctx: OrchestrationContext, length: u64) -> Result<u64, OrchestrationError> {
    let mut n = 0;
    while n < length {
        n = ctx.call_activity(mark, n).await?;
    }
    Ok(n)
}

/// For each window of steps the median time from one activity to the next, over several instances
/// that run one after the other. One thread: nothing counts but the work.
///
/// # Panics
/// When an instance does not do the work.
pub(crate) fn cost_along_the_history(
    length: u64,
    instances: u32,
    windows: &[Range<usize>],
) -> reenact::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime of one thread").block_on(async {
        let threads = ShardThreads::OnCallersRuntime;
        let host = Host::builder()
            .options(HostOptions::new().threads(threads))
            .provider(InMemory::new())
            .orchestration(marked_history)
            .activity(mark)
            .start()
            .await?;
        let mut costs = vec![Vec::new(); windows.len()];
        for _ in 0..instances {
            let output = host.start_new(marked_history, length).await?.result().await?;
            assert_eq!(output, length, "the long history returned something else");
            let marks = mem::take(&mut *MARKS.lock().unwrap_or_else(PoisonError::into_inner));
            assert_eq!(marks.len() as u64, length, "another number of activities has run");
            for (costs, window) in costs.iter_mut().zip(windows) {
                costs.extend(marks[window.clone()].windows(2).map(|pair| pair[1] - pair[0]));
            }
        }
        host.shutdown().await?;
        Ok(costs.into_iter().map(median).collect())
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
