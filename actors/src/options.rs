//! The options of a host.

mod retention;
mod threads;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

pub use self::retention::Retention;
pub use self::threads::{
    ActivityThreads, MAX_BLOCKING_THREADS, MAX_REPLACED_THREADS, MAX_SHARD_THREADS, ShardThreads,
};

/// [`HostOptions::max_blocking_activities`] where nothing else is said.
const DEFAULT_MAX_BLOCKING_ACTIVITIES: usize = 512;

/// [`HostOptions::cancellation_grace`] where nothing else is said.
const DEFAULT_CANCELLATION_GRACE: Duration = Duration::from_secs(10);

/// [`HostOptions::stalls_after`] where nothing else is said.
const DEFAULT_STALLS_AFTER: Duration = Duration::from_secs(1);

/// [`HostOptions::replace_threads_after`] where nothing else is said.
const DEFAULT_REPLACE_THREADS_AFTER: Duration = Duration::from_secs(10);

/// [`HostOptions::max_host_deaths`] where nothing else is said.
const DEFAULT_MAX_HOST_DEATHS: u32 = 5;

/// [`HostOptions::max_instance_bytes`] where nothing else is said: for a small machine.
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
    pub(crate) retention: Retention,
    pub(crate) stalls_after: Duration,
    pub(crate) replace_threads_after: Duration,
    pub(crate) max_host_deaths: u32,
}

/// What happens when so much is in flight that nothing more is let in.
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

    /// Most activities that run at a time on this host.
    pub const fn max_activities(mut self, max_activities: usize) -> Self {
        self.max_activities = max_activities;
        self
    }

    /// Most activities of one name that run at a time on this host; for names that are not here,
    /// `max_activities` alone counts.
    pub fn max_activities_of(mut self, name: impl Into<String>, most: usize) -> Self {
        self.max_activities_of.insert(name.into(), most);
        self
    }

    /// Where activities run that do not block: on the thread of their shard, by default.
    pub fn activity_threads(mut self, activity_threads: ActivityThreads) -> Self {
        self.activity_threads = activity_threads;
        self
    }

    /// The names of activities that block their thread: they wait without `await`, or compute for long. These
    /// run on threads that they have for themselves, and hold up nothing else. For code that others wrote and for
    /// closures; your own says so by `#[activity(blocking)]`. A name that is not registered is an
    /// [error](crate::Error::UnknownActivity).
    ///
    /// Such an activity is like any other, but for what it does when nobody waits for it any more (it is
    /// cancelled, takes too long, or the host ends): it is dropped at its next await, as others are, and while
    /// it blocks nothing can drop it. It keeps its thread then until it returns, and its place of
    /// `max_activities` goes to another. What it returns does not count.
    ///
    /// On its thread `tokio::time`, I/O and `tokio::spawn` work, on a runtime of the host that only these
    /// activities have; and so does code that blocks on a runtime of its own. A test whose time is paused does not
    /// wait for it: tokio lets that time jump when the runtime of the test has nothing to do. A shutdown does not wait for
    /// threads that are blocked at its deadline, nor does a host that is dropped: they go on until they return, or
    /// the process ends.
    pub fn blocking_activities(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.blocking_activities = names.into_iter().map(Into::into).collect();
        self
    }

    /// Most activities that block at a time on this host: each has a thread. A thread of one that was cut off
    /// counts until it returns. The next one waits until a thread is free, and takes a place of
    /// `max_activities` only then: so others do not wait for threads that are blocked. Its time limits for an
    /// attempt begin when it starts. One that came with a [tag](Self::tags) and waits for a thread keeps this
    /// host from taking others with tags, as one does that waits for a place.
    ///
    /// 512 by default, and no more than [`MAX_BLOCKING_THREADS`]. When the system gives no more threads, they
    /// wait for one of those that are there.
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

    /// An instance that has been idle for so long, by the provider's clock, goes from memory. Not
    /// while it has activities under way.
    pub const fn passivate_after(mut self, passivate_after: Duration) -> Self {
        self.passivate_after = passivate_after;
        self
    }

    /// Most instances in memory. Starts by clients beyond it wait or are refused. An instance that comes
    /// back into memory, or is started by another, waits for a place: because a timer is due, because its
    /// log says so as the host starts, or for a message. At most 256 of a shard come at a time for messages,
    /// and 128 that are due. Idle instances go for those who wait.
    ///
    /// Where all places belong to instances that have something under way, such an instance may itself need
    /// one of the instances that wait. Therefore 16 messages of a shard are let in beyond the bound every
    /// 20 ms, and after a second without a place one instance whose timer is due. These leave memory as soon
    /// as they are idle.
    pub const fn max_instances(mut self, max_instances: usize) -> Self {
        self.max_instances = max_instances;
        self
    }

    /// Most bytes that instances in memory hold: what they have scheduled and not taken, their inputs,
    /// events and messages that wait, and about 4 KiB for each. Of what their code holds by itself, the
    /// results of calls that were made together are counted, and nothing else is known. Over it, instances that are idle go from
    /// memory, the largest first; those that are not go as soon as they are. What is due, or is recovered
    /// as the host starts, waits meanwhile, for a second at most. So the bound can be passed by what is
    /// under way, and no start is refused for it. `usize::MAX` is no bound.
    pub const fn max_instance_bytes(mut self, max_instance_bytes: usize) -> Self {
        self.max_instance_bytes = max_instance_bytes;
        self
    }

    /// Most messages from clients in flight, in units of one message plus one for each KiB.
    pub const fn max_messages(mut self, max_messages: u32) -> Self {
        self.max_messages = max_messages;
        self
    }

    /// What happens to a client when one of these is used up.
    pub const fn when_busy(mut self, when_busy: WhenBusy) -> Self {
        self.when_busy = when_busy;
        self
    }

    /// What a running activity has, by the provider's clock, from when nobody waits for it any more
    /// (its future was dropped, its instance was cancelled, has ended or continued as new) until it is
    /// dropped at its next await. Its token tells it; its result no longer counts. One that does not
    /// await cannot be dropped. A shutdown has
    /// [a deadline](Self::shutdown_deadline) of its own.
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

    /// How long a shutdown waits: for running activities first, then, for what is left of it and at
    /// least a second, until what has come is durable.
    pub const fn shutdown_deadline(mut self, shutdown_deadline: Duration) -> Self {
        self.shutdown_deadline = shutdown_deadline;
        self
    }

    /// How long the start of a host waits for shards that another host still holds, or that the store
    /// cannot give for now. A shard that is lost later is tried for as long as the host lives. Of no
    /// meaning where hosts share the store: a start does not wait for shards then.
    pub const fn lease_patience(mut self, lease_patience: Duration) -> Self {
        self.lease_patience = lease_patience;
        self
    }

    /// How long the first turn that comes while a shard has no append under way waits for others,
    /// so that they share one: for a store where an append is slow, or paid for by the piece. By the
    /// host's own clock, not by the provider's. Zero, the default, appends at once.
    ///
    /// Every step of an instance takes so much longer on a host that has little to do; on a busy one
    /// turns gather while an append is under way, and those wait for no more than the next
    /// few milliseconds, where the append was slow and has let others go on. Nor does what only
    /// asks whether everything is durable: an instance that comes into memory, a start under the
    /// caller's own id, a shutdown. It takes along what has gathered.
    pub const fn commit_linger(mut self, commit_linger: Duration) -> Self {
        self.commit_linger = commit_linger;
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
    /// [runtime of the caller's](ActivityThreads::On) hold up no shard, and are not looked at.
    pub const fn stalls_after(mut self, stalls_after: Duration) -> Self {
        self.stalls_after = stalls_after;
        self
    }

    /// Code that holds a thread of the host's own for longer than this, by the time of the machine, loses it:
    /// another thread takes over the shards that are on it, which start again from their logs, here or, where
    /// they are to move, on another host. Ten seconds by default; less than 100 ms counts as 100 ms, and
    /// `Duration::MAX` means never.
    ///
    /// - The instance whose orchestration holds the thread is parked
    ///   ([`ParkReason::Stalled`](crate::ParkReason::Stalled)), and its code does not run on this host before
    ///   somebody resumes it, or the host starts again. It can be terminated. Another host that takes over
    ///   the shard tries its code when something comes for the instance, and parks it in the same way.
    /// - An activity that holds the thread goes on. It is not started a second time by this host, and its
    ///   result counts when it comes.
    /// - Other activities that had begun on the thread are cancelled, what they return no
    ///   longer counts, and they run again. Calls of clients that wait for an instance there get
    ///   [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// What the code holds stays in memory until it returns. At most [`MAX_REPLACED_THREADS`] threads are held
    /// so at a time; an error in the log says so when there are more, and the shards wait then. A runtime that
    /// is not the host's own ([`ShardThreads::OnCallersRuntime`]) cannot be replaced: only a shard that is to
    /// move to another host does so in spite of such code.
    pub const fn replace_threads_after(mut self, replace_threads_after: Duration) -> Self {
        self.replace_threads_after = replace_threads_after;
        self
    }

    /// What takes down host after host is stopped. An activity fails for good, with
    /// [`ActivityErrorKind::HostDied`](reenact_core::ActivityErrorKind::HostDied), once that many hosts are
    /// known to have died while it ran: by itself, or by what ran beside it. Five by default.
    ///
    /// An activity that was open when a host died is started again by the next. From then on each start
    /// is recorded before it runs, and one without an end counts as a failed attempt: by the
    /// [policy](reenact_core::RetryPolicy) of the call, or, where it has none, up to this bound. The
    /// first start of all is not recorded, and does not count; nor does a shutdown, or one that only
    /// waited for its place. One with its last chance runs when no other such one does: so the one that
    /// kills its host is distinguished from its neighbours.
    ///
    /// The same holds for the code of an orchestration. When a host starts and loads an instance, it first
    /// records that the code is about to run, until the code has made a step. When that many hosts died
    /// of it, the instance is parked, with [`ParkReason::HostDied`](crate::ParkReason::HostDied). Its code
    /// does not run before somebody resumes it.
    pub const fn max_host_deaths(mut self, max_host_deaths: u32) -> Self {
        self.max_host_deaths = max_host_deaths;
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
            retention: Retention::default(),
            stalls_after: DEFAULT_STALLS_AFTER,
            replace_threads_after: DEFAULT_REPLACE_THREADS_AFTER,
            max_host_deaths: DEFAULT_MAX_HOST_DEATHS,
        }
    }
}
