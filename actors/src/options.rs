//! What a host can be told about itself.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::runtime::Handle;

/// Most threads that the shards of a host can have.
pub const MAX_SHARD_THREADS: usize = 1_024;

/// Most activities that block at a time, however high [`HostOptions::max_blocking_activities`] is.
pub const MAX_BLOCKING_THREADS: usize = 16_384;

/// [`HostOptions::max_blocking_activities`] where nothing else is said.
const DEFAULT_MAX_BLOCKING_ACTIVITIES: usize = 512;

/// [`HostOptions::cancellation_grace`] where nothing else is said.
const DEFAULT_CANCELLATION_GRACE: Duration = Duration::from_secs(10);

/// [`HostOptions::stalls_after`] where nothing else is said.
const DEFAULT_STALLS_AFTER: Duration = Duration::from_secs(1);

/// [`HostOptions::replace_threads_after`] where nothing else is said.
const DEFAULT_REPLACE_THREADS_AFTER: Duration = Duration::from_secs(10);

/// Most threads of a host at a time that are held by code for longer than
/// [`HostOptions::replace_threads_after`] and were replaced. Those beyond are not replaced before one of these
/// ends: each of them takes memory, and may take a core.
pub const MAX_REPLACED_THREADS: usize = 8;

/// [`HostOptions::max_host_deaths`] where nothing else is said.
const DEFAULT_MAX_HOST_DEATHS: u32 = 5;

/// [`HostOptions::max_instance_bytes`] where nothing else is said: for a small machine.
const DEFAULT_INSTANCE_BYTES: usize = 256 * 1024 * 1024;

/// How a host behaves. The default suits most programs; take over what you do not set with
/// `..HostOptions::default()`. A limit of 0 counts as 1.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The name of the host, for leases and logs.
    pub host_name: String,
    /// The threads that the shards of the host run on, with their instances, timers and activities. By
    /// default they have threads of their own, one for each core of the machine
    /// ([`ShardThreads::PerCore`]). A test whose time is paused (`#[tokio::test(start_paused = true)]`)
    /// needs [`ShardThreads::OnCallersRuntime`].
    pub threads: ShardThreads,
    /// Most activities that run at a time on this host.
    pub max_activities: usize,
    /// Most activities of one name that run at a time on this host; for names that are not here,
    /// `max_activities` alone counts.
    pub max_activities_of: HashMap<String, usize>,
    /// Where activities run that do not block: on the thread of their shard, by default.
    pub activity_threads: ActivityThreads,
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
    pub blocking_activities: BTreeSet<String>,
    /// Most activities that block at a time on this host: each has a thread. A thread of one that was cut off
    /// counts until it returns. The next one waits until a thread is free, and takes a place of
    /// `max_activities` only then: so others do not wait for threads that are blocked. Its time limits for an
    /// attempt begin when it starts. One that came with a [tag](Self::tags) and waits for a thread keeps this
    /// host from taking others with tags, as one does that waits for a place.
    ///
    /// 512 by default, and no more than [`MAX_BLOCKING_THREADS`]. When the system gives no more threads, they
    /// wait for one of those that are there.
    pub max_blocking_activities: usize,
    /// The tags that this host declares: it runs activities that are called
    /// [with one of them](reenact_core::ActivityOptions::tag), whichever host has their instances. They
    /// take places of `max_activities` like all others. On a store that the host has alone they mean
    /// nothing: it runs everything.
    pub tags: BTreeSet<String>,
    /// An instance that has been idle for so long, by the provider's clock, goes from memory. Not
    /// while it has activities under way.
    pub passivate_after: Duration,
    /// Most instances in memory. Starts by clients beyond it wait or are refused. An instance that comes
    /// back into memory, or is started by another, waits for a place: because a timer is due, because its
    /// log says so as the host starts, or for a message. At most 256 of a shard come at a time for messages,
    /// and 128 that are due. Idle instances go for those who wait.
    ///
    /// Where all places are those of instances that have something under way, it may wait for what waits:
    /// so 16 messages of a shard are let in beyond the bound every 20 ms, and after a second without a place
    /// one instance whose timer is due. Those go as soon as they are idle.
    pub max_instances: usize,
    /// Most bytes that instances in memory hold: what they have scheduled and not taken, their inputs,
    /// events and messages that wait, and about 4 KiB for each. Of what their code holds by itself, the
    /// results of calls that were made together are counted, and nothing else is known. Over it, instances that are idle go from
    /// memory, the largest first; those that are not go as soon as they are. What is due, or is recovered
    /// as the host starts, waits meanwhile, for a second at most. So the bound can be passed by what is
    /// under way, and no start is refused for it. `usize::MAX` is no bound.
    pub max_instance_bytes: usize,
    /// Most messages from clients in flight, in units of one message plus one for each KiB.
    pub max_messages: u32,
    /// What happens to a client when one of these is used up.
    pub when_busy: WhenBusy,
    /// What a running activity has, by the provider's clock, from when nobody waits for it any more
    /// (its future was dropped, its instance was cancelled, has ended or continued as new) until it is
    /// dropped at its next await. Its token tells it; its result no longer counts. One that does not
    /// await cannot be dropped. A shutdown has
    /// [a deadline](Self::shutdown_deadline) of its own.
    pub cancellation_grace: Duration,
    /// At replay, compare also what is only told or was settled when it was recorded: statuses, how
    /// children are called (what becomes of them with their parent, and their retry policies), and
    /// what the code ends with. What the code asks for is always compared: activities, children and
    /// their inputs, lengths of timers, events, their recipients and data, the input of the next
    /// execution.
    pub strict_replay: bool,
    /// How long a shutdown waits: for running activities first, then, for what is left of it and at
    /// least a second, until what has come is durable.
    pub shutdown_deadline: Duration,
    /// How long the start of a host waits for shards that another host still holds, or that the store
    /// cannot give for now. A shard that is lost later is tried for as long as the host lives. Of no
    /// meaning where hosts share the store: a start does not wait for shards then.
    pub lease_patience: Duration,
    /// How long the first turn that comes while a shard has no append under way waits for others,
    /// so that they share one: for a store where an append is slow, or paid for by the piece. By the
    /// host's own clock, not by the provider's. Zero, the default, appends at once.
    ///
    /// Every step of an instance takes so much longer on a host that has little to do; on a busy one
    /// turns gather while an append is under way, and those wait for no more than the next
    /// few milliseconds, where the append was slow and has let others go on. Nor does what only
    /// asks whether everything is durable: an instance that comes into memory, a start under the
    /// caller's own id, a shutdown. It takes along what has gathered.
    pub commit_linger: Duration,
    /// Which finished instances are kept. By default all are, for ever.
    pub retention: Retention,
    /// Code of an orchestration or an activity that does not give its thread back for longer than this,
    /// by the time of the machine, has stalled: an endless loop, or work that blocks. It is named in an
    /// error of the log once, in the status of its instance for as long as it lasts, and by
    /// [`Access::stalled`](crate::Access::stalled). It is not stopped: nothing can do that from outside.
    /// A second by default. Activities that [block](Self::blocking_activities) or run on a
    /// [runtime of the caller's](ActivityThreads::On) hold up no shard, and are not looked at.
    pub stalls_after: Duration,
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
    /// - Other activities that had begun on the thread are told that they are cancelled, what they return no
    ///   longer counts, and they run again. Calls of clients that wait for an instance there get
    ///   [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// What the code holds stays in memory until it returns. At most [`MAX_REPLACED_THREADS`] threads are held
    /// so at a time; an error in the log says so when there are more, and the shards wait then. A runtime that
    /// is not the host's own ([`ShardThreads::OnCallersRuntime`]) cannot be replaced: only a shard that is to
    /// move to another host does so in spite of such code.
    pub replace_threads_after: Duration,
    /// What takes down host after host is stopped. An activity fails for good, with
    /// [`ActivityErrorKind::HostDied`](reenact_core::ActivityErrorKind::HostDied), once so many hosts are
    /// known to have died while it ran: by itself, or by what ran beside it. Five by default.
    ///
    /// An activity that was open when a host died is started again by the next. From then on each start
    /// is recorded before it runs, and one without an end counts as a failed attempt: by the
    /// [policy](reenact_core::RetryPolicy) of the call, or, where it has none, up to this bound. The
    /// first start of all is not recorded, and does not count; nor does a shutdown, or one that only
    /// waited for its place. One with its last chance runs when no other such one does: so the one that
    /// kills its host is told from its neighbours.
    ///
    /// The same holds for the code of an orchestration. Of an instance that a host takes up as it starts it
    /// is recorded that its code is about to run, until that has made a step. With so many hosts that died
    /// of it, the instance is parked, with [`ParkReason::HostDied`](crate::ParkReason::HostDied). Its code
    /// does not run before somebody resumes it.
    pub max_host_deaths: u32,
}

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
    /// So many threads, from 1 to [`MAX_SHARD_THREADS`], and no more than shards.
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

/// Which finished instances are kept. Those that are not are purged in the background, with their
/// histories, for good; whoever asks for one then gets [`Error::NotFound`](crate::Error::NotFound),
/// and its id is free. An instance has to be kept by each rule that is set; the default sets none,
/// and keeps all. What has not finished is never touched.
///
/// A host purges in rounds, at its start and then once a minute by the provider's clock, in the
/// shards that it holds. Until its round comes, an instance is there longer than it has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Keep those that finished no longer ago than this, by the provider's clock.
    pub finished_for: Option<Duration>,
    /// Of each orchestration that is registered on the host, keep so many: those that finished
    /// last. They are counted over the whole store. Instances of other orchestrations are kept.
    pub finished_per_orchestration: Option<u64>,
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
