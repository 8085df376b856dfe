//! The threads that the shards and the activities of a host run on.

use tokio::runtime::Handle;

#[cfg(doc)]
use super::HostOptions;

/// The threads that the shards of a host run on. A shard and everything in it stays on one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardThreads {
    /// The default: as many threads as the machine has cores, and no more than shards. Everything of a
    /// shard stays on one thread, its activities included; only the commands of clients and their answers
    /// cross threads. So an activity that blocks also blocks its shard, unless it is
    /// [marked](HostOptions::blocking_activities). The program's own work on its runtime does not delay the
    /// host, and the host does not delay it. A client that waits for one instance at a time waits longer
    /// for each, because its thread has to be woken.
    #[default]
    PerCore,
    /// This number of threads, from 1 to [`MAX_SHARD_THREADS`], and no more than shards.
    Exactly(usize),
    /// No threads of its own: the host runs on the runtime on which it is started, and stands still while
    /// that does. Use it for tests whose time is paused: tokio lets that time jump as soon as the runtime
    /// of the test has nothing to do, so a host on other threads would be late for every time limit of the
    /// test. It is also faster where clients wait for one instance at a time.
    OnCallersRuntime,
}

/// Where the activities of a host run that do not block ([`HostOptions::blocking_activities`]).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ActivityThreads {
    /// On the thread of their shard. There an activity needs no change of threads.
    #[default]
    WithTheirShard,
    /// On this runtime of yours. Use it for activities that need something of that runtime (but not a
    /// `LocalSet`), and for a number and a name of threads of your choice. Code that blocks there does not
    /// block the host, and the watchdog does not look at it.
    ///
    /// In a test whose time is paused, pass the runtime of the test; otherwise time jumps while activities
    /// run. The runtime needs what the activities use (`enable_all()`), and it must be running: on one that
    /// only `block_on` drives, activities stand still outside of such a call. A host does not start with a
    /// runtime that has ended
    /// ([`Error::ActivityRuntimeEnded`](crate::Error::ActivityRuntimeEnded)).
    /// If it ends later, an error is logged, its activities are dropped, and these and all others wait:
    /// they run when a host starts again. The rest of the host goes on, and it shuts down as usual.
    On(Handle),
}

/// The maximum number of threads that the shards of a host can have.
pub const MAX_SHARD_THREADS: usize = 1_024;

/// The maximum number of activities that block at a time, whatever
/// [`HostOptions::max_blocking_activities`] says.
pub const MAX_BLOCKING_THREADS: usize = 16_384;

/// The maximum number of replaced threads of a host that are still blocked by code that took longer
/// than [`HostOptions::replace_threads_after`]. At this number no thread is replaced before one of
/// these ends: each takes memory, and may take a core.
pub const MAX_REPLACED_THREADS: usize = 8;
