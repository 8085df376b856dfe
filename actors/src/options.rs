//! The options of a host.

mod retention;
mod threads;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

pub use self::retention::Retention;
pub use self::threads::{
    ActivityThreads, MAX_BLOCKING_THREADS, MAX_REPLACED_THREADS, MAX_SHARD_THREADS, ShardThreads,
};

/// The default of [`HostOptions::max_blocking_activities`].
const DEFAULT_MAX_BLOCKING_ACTIVITIES: usize = 512;

/// The default of [`HostOptions::cancellation_grace`].
const DEFAULT_CANCELLATION_GRACE: Duration = Duration::from_secs(10);

/// The default of [`HostOptions::stalls_after`].
const DEFAULT_STALLS_AFTER: Duration = Duration::from_secs(1);

/// The default of [`HostOptions::replace_threads_after`].
const DEFAULT_REPLACE_THREADS_AFTER: Duration = Duration::from_secs(10);

/// The default of [`HostOptions::max_host_deaths`].
const DEFAULT_MAX_HOST_DEATHS: u32 = 5;

/// The default of [`HostOptions::max_instance_bytes`], chosen for a small machine.
const DEFAULT_INSTANCE_BYTES: usize = 256 * 1024 * 1024;

/// How a host behaves. The default suits most programs. A limit of 0 counts as 1.
///
/// ```
/// use std::time::Duration;
/// use reenact_actors::HostOptions;
///
/// let options = HostOptions::new()
///     .max_activities(64)
///     .max_activities_of("send", 4)
///     .passivate_after(Duration::from_secs(10));
/// # drop(options);
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a host gets them"]
pub struct HostOptions {
    pub(crate) host_name: String,
    pub(crate) threads: ShardThreads,
    pub(crate) max_activities: usize,
    pub(crate) max_activities_of: HashMap<String, usize>,
    pub(crate) activity_threads: ActivityThreads,
    pub(crate) blocking_activities: BTreeSet<String>,
    pub(crate) max_blocking_activities: usize,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) passivate_after: Duration,
    pub(crate) max_instances: usize,
    pub(crate) max_instance_bytes: usize,
    pub(crate) max_messages: u32,
    pub(crate) when_busy: WhenBusy,
    pub(crate) cancellation_grace: Duration,
    pub(crate) strict_replay: bool,
    pub(crate) shutdown_deadline: Duration,
    pub(crate) lease_patience: Duration,
    pub(crate) commit_linger: Duration,
    pub(crate) keep_executions: u32,
    pub(crate) retention: Retention,
    pub(crate) stalls_after: Duration,
    pub(crate) replace_threads_after: Duration,
    pub(crate) max_host_deaths: u32,
    pub(crate) dormant: bool,
    /// What the host draws follows from it, and the host uses no thread but the one of its runtime.
    pub(crate) reproducible: Option<u64>,
    pub(crate) renews_leases: bool,
}

/// What happens when the host is at a limit and accepts nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenBusy {
    /// The caller waits. Cancelling the wait is harmless.
    #[default]
    Wait,
    /// The caller gets [`Error::Busy`](crate::Error::Busy).
    Refuse,
}

impl HostOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the host, for leases and logs.
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.host_name = name.into();
        self
    }

    /// The threads that the shards of the host run on, with their instances, timers and activities. By
    /// default they have threads of their own, one for each core of the machine
    /// ([`ShardThreads::PerCore`]). A test whose time is paused (`#[tokio::test(start_paused = true)]`)
    /// needs [`ShardThreads::OnCallersRuntime`].
    pub const fn threads(mut self, threads: ShardThreads) -> Self {
        self.threads = threads;
        self
    }

    /// The maximum number of activities that run at a time on this host.
    pub const fn max_activities(mut self, max_activities: usize) -> Self {
        self.max_activities = max_activities;
        self
    }

    /// The maximum number of activities of one name that run at a time on this host. For other names
    /// `max_activities` alone counts.
    pub fn max_activities_of(mut self, name: impl Into<String>, most: usize) -> Self {
        self.max_activities_of.insert(name.into(), most);
        self
    }

    /// Where activities run that do not block. By default they run on the thread of their shard.
    pub fn activity_threads(mut self, activity_threads: ActivityThreads) -> Self {
        self.activity_threads = activity_threads;
        self
    }

    /// The names of activities that block their thread: they wait without `await`, or compute for long.
    /// They run on threads of their own, so nothing else waits for them. Use this for code that others
    /// wrote and for closures; mark your own functions with `#[activity(blocking)]`. A name that is not
    /// registered is an [error](crate::Error::UnknownActivity).
    ///
    /// A blocking activity is like any other until its call is cancelled, it takes too long, or the host
    /// ends. Like others it is then dropped at its next await, but nothing can drop it while it blocks. It
    /// keeps its thread until it returns, its place of `max_activities` goes to another activity, and its
    /// result does not count.
    ///
    /// On such a thread `tokio::time`, I/O and `tokio::spawn` work, on a runtime that only the host's
    /// blocking activities use. Code that blocks on a runtime of its own works too. A test whose time is
    /// paused does not wait for a blocking activity: tokio lets that time jump when the runtime of the test
    /// has nothing to do. A shutdown does not wait for threads that are blocked at its deadline, nor does a
    /// host that is dropped: they go on until they return, or the process ends.
    pub fn blocking_activities(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.blocking_activities = names.into_iter().map(Into::into).collect();
        self
    }

    /// The maximum number of blocking activities at a time on this host. Each has a thread. The thread of
    /// an activity that was cut off counts until the activity returns. The next activity waits until a
    /// thread is free, and takes a place of `max_activities` only then, so that others do not wait for
    /// blocked threads. Its time limits for an attempt begin when it starts. A call that came with a
    /// [tag](Self::tags) and waits for a thread keeps this host from taking others with tags, like a call
    /// that waits for a place.
    ///
    /// The default is 512, and the limit is [`MAX_BLOCKING_THREADS`]. When the system gives no more
    /// threads, activities wait for one of the existing threads.
    pub const fn max_blocking_activities(mut self, max_blocking_activities: usize) -> Self {
        self.max_blocking_activities = max_blocking_activities;
        self
    }

    /// The tags that this host declares: it runs activities that are called
    /// [with one of them](reenact_core::ActivityOptions::tag), whichever host has their instances. They
    /// take places of `max_activities` like all others. On a store that the host has alone they mean
    /// nothing: it runs everything.
    pub fn tags(mut self, tags: impl IntoIterator<Item: Into<String>>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// How long an instance must be idle, by the provider's clock, before it leaves memory. An instance
    /// that has activities under way stays.
    pub const fn passivate_after(mut self, passivate_after: Duration) -> Self {
        self.passivate_after = passivate_after;
        self
    }

    /// The maximum number of instances in memory. At the limit, starts by clients wait or are refused.
    /// Other instances wait for a place too: those that another instance starts, and those that come back
    /// because a timer is due, because their log says so as the host starts, or for a message. A shard
    /// loads at most 256 instances at a time for messages, and 128 that are due. Idle instances leave
    /// memory for those that wait.
    ///
    /// When every instance in memory has something under way, it may wait for an instance that has no
    /// place. So each shard lets in 16 instances with messages beyond the limit every 20 ms, and, after a
    /// second without a place, one instance whose timer is due. These leave memory as soon as they are
    /// idle.
    pub const fn max_instances(mut self, max_instances: usize) -> Self {
        self.max_instances = max_instances;
        self
    }

    /// The maximum number of bytes that instances in memory hold: what they have scheduled and not taken,
    /// their inputs, events and messages that wait, and about 4 KiB for each instance. Of the values that
    /// their code holds, only the results of calls that were made together count. Above the limit, idle
    /// instances leave memory, the largest first, and others do so as soon as they are idle. Instances that
    /// are due, or are recovered as the host starts, wait meanwhile, for a second at most. So work that is
    /// under way can pass the limit, and no start is refused for it. `usize::MAX` means no limit.
    pub const fn max_instance_bytes(mut self, max_instance_bytes: usize) -> Self {
        self.max_instance_bytes = max_instance_bytes;
        self
    }

    /// The maximum of messages from clients in flight, in units: one for each message, plus one for each
    /// KiB.
    pub const fn max_messages(mut self, max_messages: u32) -> Self {
        self.max_messages = max_messages;
        self
    }

    /// What happens to a call of a client at one of these limits.
    pub const fn when_busy(mut self, when_busy: WhenBusy) -> Self {
        self.when_busy = when_busy;
        self
    }

    /// How long an activity may go on, by the provider's clock, after its call has ended: its future was
    /// dropped, or its instance was cancelled, has ended or continued as new. Its cancellation token says
    /// so at once, and its result no longer counts. At the end of the grace it is dropped at its next
    /// await; code that does not await cannot be dropped. A shutdown has [a
    /// deadline](Self::shutdown_deadline) of its own.
    pub const fn cancellation_grace(mut self, cancellation_grace: Duration) -> Self {
        self.cancellation_grace = cancellation_grace;
        self
    }

    /// At replay, compare also what is only reported or was settled when it was recorded: statuses, how
    /// children are called (what becomes of them with their parent, and their retry policies), and
    /// what the code ends with. What the code asks for is always compared: activities, children and
    /// their inputs, lengths of timers, events, their recipients and data, the input of the next
    /// execution.
    pub const fn strict_replay(mut self, strict_replay: bool) -> Self {
        self.strict_replay = strict_replay;
        self
    }

    /// How long a shutdown waits: first for running activities, then, for the rest of the time and at least
    /// a second, until all commands that have come are durable.
    pub const fn shutdown_deadline(mut self, shutdown_deadline: Duration) -> Self {
        self.shutdown_deadline = shutdown_deadline;
        self
    }

    /// How long the start of a host waits for shards that another host still holds, or that the store
    /// cannot give for now. A shard that is lost later is tried for as long as the host lives. It has no
    /// effect where hosts share the store: a start does not wait for shards there.
    pub const fn lease_patience(mut self, lease_patience: Duration) -> Self {
        self.lease_patience = lease_patience;
        self
    }

    /// How long the first turn that comes while a shard has no append under way waits for other turns, so
    /// that they share one append. Use it for a store where an append is slow, or is paid for each time.
    /// The time is that of the host's own clock, not the provider's. The default, zero, appends at once.
    ///
    /// It makes every step of an instance slower by this time on a host that has little to do. On a busy
    /// host turns gather while an append is under way; they wait no more than the next few milliseconds,
    /// and only after an append that was slow. What only asks whether everything is durable does not wait,
    /// and takes along the turns that have gathered: an instance that comes into memory, a start under the
    /// caller's own id, a shutdown.
    pub const fn commit_linger(mut self, commit_linger: Duration) -> Self {
        self.commit_linger = commit_linger;
        self
    }

    /// How many executions of an instance before its newest one stay readable: those that continued as new, and what a
    /// rewind or a start under the same id has taken the place of. `Client::executions` lists them. It counts when
    /// the next execution begins, on the host that has the instance then, and goes for all of its instances. A host
    /// that asks for fewer, or for none, lets go of what is more at that moment; what is kept of an instance that
    /// does not go on stays. A purge removes all of it with the instance. More than [`MAX_KEPT_EXECUTIONS`] count as
    /// that.
    ///
    /// Each takes the room that its history took. A step costs nothing more, and a continuation costs nothing that
    /// depends on how long the execution was: its history stays where it is. An older version of reenact does not
    /// read what a host has written that keeps executions.
    ///
    /// The default, 0, keeps the newest one only.
    ///
    /// [`MAX_KEPT_EXECUTIONS`]: reenact_providers::limits::MAX_KEPT_EXECUTIONS
    pub const fn keep_executions(mut self, executions: u32) -> Self {
        self.keep_executions = executions;
        self
    }

    /// A host that runs no code, and on which no instance comes into memory by itself: no timer fires, no
    /// activity starts, nothing is sent to other instances, nothing is purged because of its age. What is registered
    /// on it is not used. For tools that change a store in which no host works; not for a store that hosts share,
    /// where [`Access::connect`](crate::Access::connect) does the same.
    ///
    /// An instance for which a command comes is [parked](crate::ParkReason::Dormant), and takes it durably: an
    /// event, a cancel, a suspension and its end, termination, a rewind, a purge. It goes on by itself when a host
    /// with its code starts, and sees what has come; then a cancel reaches its children, too. A start is recorded, and
    /// its code begins on that host, too. Nobody checks the input before: an instance whose input the code
    /// does not take fails then. A start without a version is one of code that has none; where a host has no such
    /// code, the instance stays parked.
    ///
    /// ```
    /// # use reenact_actors::{ErrorKind, HostOptions, Registry, Runtime};
    /// # use reenact_core::InstanceId;
    /// # use reenact_providers::InMemory;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = HostOptions::new().dormant();
    /// let host = Runtime::start(&InMemory::new(), Registry::default(), options).await?;
    /// let order = InstanceId::new("order-7")?;
    /// let missing = host.access().terminate(&order, "not wanted").await.unwrap_err();
    /// assert_eq!(missing.kind(), ErrorKind::NotFound);
    /// host.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn dormant(mut self) -> Self {
        self.dormant = true;
        self
    }

    /// Which finished instances are kept. By default all are, for ever.
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Code of an orchestration or an activity that does not give its thread back for longer than this,
    /// by the time of the machine, has stalled: an endless loop, or work that blocks. It is named in an
    /// error of the log once, in the status of its instance for as long as it lasts, and by
    /// [`Access::stalled`](crate::Access::stalled). It is not stopped: nothing can do that from outside.
    /// A second by default. Activities that [block](Self::blocking_activities) or run on a
    /// [runtime of the caller's](ActivityThreads::On) block no shard, and are not watched.
    pub const fn stalls_after(mut self, stalls_after: Duration) -> Self {
        self.stalls_after = stalls_after;
        self
    }

    /// Code that blocks a thread of the host's own for longer than this, by the time of the machine, loses
    /// the thread. Another thread takes over the shards on it, which start again from their logs: here or,
    /// if they are to move, on another host. The default is ten seconds; less than 100 ms counts as 100 ms,
    /// and `Duration::MAX` means never.
    ///
    /// - The instance whose orchestration blocks the thread is parked
    ///   ([`ParkReason::Stalled`](crate::ParkReason::Stalled)), and its code does not run on this host before
    ///   somebody resumes it, or the host starts again. It can be terminated. Another host that takes over
    ///   the shard tries its code when something comes for the instance, and parks it in the same way.
    /// - An activity that blocks the thread goes on. This host does not start it a second time, and its
    ///   result counts when it comes.
    /// - Other activities that had begun on the thread are cancelled; their results no longer count, and they
    ///   run again. Calls of clients that wait for an instance there get
    ///   [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// The memory of such code is free again only when the code returns. At most [`MAX_REPLACED_THREADS`]
    /// replaced threads may be blocked at a time; beyond that an error is logged, and the shards wait. A
    /// runtime that is not the host's own ([`ShardThreads::OnCallersRuntime`]) cannot be replaced: a shard
    /// leaves such code only when it moves to another host.
    pub const fn replace_threads_after(mut self, replace_threads_after: Duration) -> Self {
        self.replace_threads_after = replace_threads_after;
        self
    }

    /// How many hosts may die of an activity or of an orchestration's code before it is stopped. The
    /// default is five. At this number an activity fails for good, with
    /// [`ActivityErrorKind::HostDied`](reenact_core::ActivityErrorKind::HostDied), whether it killed the
    /// hosts itself or only ran when they died.
    ///
    /// An activity that was open when a host died is started again by the next host. From then on each
    /// start is recorded before the activity runs, and a start without an end counts as a failed attempt.
    /// The [policy](reenact_core::RetryPolicy) of the call limits these attempts or, if it has none, this
    /// number. The very first start is not recorded and does not count; nor does a shutdown, or an activity
    /// that only waited for a place. Activities on their last chance run one at a time, so that the one
    /// that kills its host is distinguished from those that run beside it.
    ///
    /// The same holds for the code of an orchestration. When a host loads an instance at its start, it first
    /// records that the code is about to run, until the code has made a step. When this number of hosts
    /// have died of it, the instance is parked with [`ParkReason::HostDied`](crate::ParkReason::HostDied).
    /// Its code does not run before somebody resumes it.
    pub const fn max_host_deaths(mut self, max_host_deaths: u32) -> Self {
        self.max_host_deaths = max_host_deaths;
        self
    }

    /// For tests in virtual time, which are to do the same each time: the ids, keys and seeds that the host draws follow
    /// from `seed`, and nothing of it is on another thread than the runtime on which it is started: no watchdog, and no
    /// threads for activities that block. That runtime must be of tokio's kind `current_thread`. Two hosts with one seed
    /// draw the same ids, so hosts of one store, also one after the other, need different seeds.
    #[doc(hidden)]
    pub const fn reproducible(mut self, seed: u64) -> Self {
        self.reproducible = Some(seed);
        self.threads = ShardThreads::OnCallersRuntime;
        self
    }

    /// For tests in virtual time: a host that has its store for itself need not wake every few seconds of a year to renew
    /// its leases. Another host can take its shards as soon as they have run out.
    #[doc(hidden)]
    pub const fn without_renewals(mut self) -> Self {
        self.renews_leases = false;
        self
    }
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            host_name: format!("process {}", std::process::id()),
            threads: ShardThreads::default(),
            max_activities: 1_024,
            max_activities_of: HashMap::new(),
            activity_threads: ActivityThreads::default(),
            blocking_activities: BTreeSet::new(),
            max_blocking_activities: DEFAULT_MAX_BLOCKING_ACTIVITIES,
            tags: BTreeSet::new(),
            passivate_after: Duration::from_secs(30),
            max_instances: 50_000,
            max_instance_bytes: DEFAULT_INSTANCE_BYTES,
            max_messages: 64 * 1_024,
            when_busy: WhenBusy::Wait,
            cancellation_grace: DEFAULT_CANCELLATION_GRACE,
            strict_replay: false,
            shutdown_deadline: Duration::from_secs(30),
            lease_patience: Duration::from_secs(60),
            commit_linger: Duration::ZERO,
            keep_executions: 0,
            retention: Retention::default(),
            stalls_after: DEFAULT_STALLS_AFTER,
            replace_threads_after: DEFAULT_REPLACE_THREADS_AFTER,
            max_host_deaths: DEFAULT_MAX_HOST_DEATHS,
            dormant: false,
            reproducible: None,
            renews_leases: true,
        }
    }
}
