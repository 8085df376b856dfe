//! The threads that the shards and the activities of a host run on.

use tokio::runtime::Handle;

#[cfg(doc)]
use super::HostOptions;

/// The threads that the shards of a host run on. A shard stays on its thread with all that belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardThreads {
    /// The default: as many threads as the machine has cores, and no more than shards. All of a shard stays on
    /// one thread, its activities included; what crosses threads are the commands of clients and their answers.
    /// So an activity that blocks holds up its shard, unless it
    /// [says so](HostOptions::blocking_activities). Work of the
    /// program on its own runtime does not hold up the host, and the other way round. A client that waits for
    /// one instance at a time waits longer for each: its thread has to be woken.
    #[default]
    PerCore,
    /// This number of threads, from 1 to [`MAX_SHARD_THREADS`], and no more than shards.
    Exactly(usize),
    /// None: the host runs on the runtime that it is started on, and stands still while that does. For tests
    /// whose time is paused: tokio lets that time jump as soon as the runtime of the test has nothing to do,
    /// whatever other threads are doing, so a host on threads of its own would be late for every time limit of
    /// the test. Where clients wait for one instance at a time, it is the faster way.
    OnCallersRuntime,
}

/// Where the activities of a host run that do not block ([`HostOptions::blocking_activities`]).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ActivityThreads {
    /// On the thread of their shard, with all else of it. There an activity costs no change of threads.
    #[default]
    WithTheirShard,
    /// On this runtime of yours: for activities that need what belongs to it (a `LocalSet` is none of that),
    /// and for those that are to have threads of a number and a name of your own. That they do not hold up
    /// the host is their own business there; the watchdog does not look at them.
    ///
    /// Where a test's time is paused, this is the runtime of that test, or its time jumps meanwhile. It has to have what
    /// they need (`enable_all()`), and to run: on one that is driven by `block_on` alone
    /// they stand still while nobody is in it. A host does not start with a runtime that has ended
    /// ([`Error::ActivityRuntimeEnded`](crate::Error::ActivityRuntimeEnded)). When it ends later, an error in
    /// the log says so, activities on it are dropped, and these and all others wait: they run when a host
    /// starts again. All else of the host goes on, and it shuts down as ever.
    On(Handle),
}

/// Most threads that the shards of a host can have.
pub const MAX_SHARD_THREADS: usize = 1_024;

/// Most activities that block at a time, however high [`HostOptions::max_blocking_activities`] is.
pub const MAX_BLOCKING_THREADS: usize = 16_384;

/// Most threads of a host at a time that are held by code for longer than
/// [`HostOptions::replace_threads_after`] and were replaced. Those beyond are not replaced before one of these
/// ends: each of them takes memory, and may take a core.
pub const MAX_REPLACED_THREADS: usize = 8;
