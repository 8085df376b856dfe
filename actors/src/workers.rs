//! Runs activities: so many at a time, fairly, each in a task of its own.

pub(crate) mod pool;
mod queue;
pub(crate) mod runs_on;

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use reenact_core::{
    ActivityError, ActivityErrorKind, CorrelationId, InstanceId, Name, Payload, Timestamp,
};
use reenact_providers::TimerScheduler;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::activity::{ActivityCall, ActivityCode, ActivityContext, Attempt};
use crate::heartbeat::Line;
use crate::message::Internal;
use crate::panic::Caught;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::run::Run;
use crate::suspects::SuspectTable;
use crate::tags::News;
use crate::task::Task as Background;
use queue::FairQueue;
use runs_on::{ActivityRuntimes, RunsOn};

/// The activity workers of a host. A call that is queued or running is not taken a second time, so
/// that an instance that comes back into memory can ask for all that is open.
#[derive(Clone)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Arc<Registry>,
    line: Arc<Line>,
    /// Where they run.
    runtimes: ActivityRuntimes,
    /// Some of them block: otherwise none is looked up for that.
    some_block: bool,
    /// How long an activity may go on that nobody waits for.
    grace: Duration,
    /// What is queued or running: of each call the newest attempt.
    calls: DashMap<ActivityCall, ActivityContext>,
    /// Those whose start is recorded before they run.
    suspects: SuspectTable,
    /// Held for a few instructions at a time: all activities of the host pass here.
    places: Mutex<Places>,
    /// Told when the last running activity has ended.
    idle: Notify,
    /// Told when there may be room for more from the queues of tags.
    room: Notify,
}

struct Places {
    /// By the run and the id of the call.
    queue: FairQueue<(Run, CorrelationId), Task>,
    /// Number of those that wait and came through the queues of tags.
    from_elsewhere: usize,
    /// Somebody waits until there is room.
    room_wanted: bool,
    /// Nothing starts any more.
    closed: bool,
    /// The host has begun to shut down.
    is_ending: bool,
}

/// An activity that is to run.
struct Task {
    context: ActivityContext,
    input: Payload,
    /// Where: on the thread of its shard. `None` outside of a runtime: the host has gone then.
    runtime: Option<Handle>,
}

impl Workers {
    pub(crate) fn new(
        registry: Arc<Registry>,
        routes: Routes,
        clock: Arc<dyn TimerScheduler>,
        grace: Duration,
        limits: Limits,
        runtimes: ActivityRuntimes,
    ) -> Self {
        let queue = FairQueue::new(limits.at_a_time, limits.of_names)
            .with_threads_for(registry.blocking().cloned(), limits.blocking);
        let some_block = registry.blocking().next().is_some();
        let places = Mutex::new(Places {
            queue,
            from_elsewhere: 0,
            room_wanted: false,
            closed: false,
            is_ending: false,
        });
        let (calls, idle, room) = (DashMap::new(), Notify::new(), Notify::new());
        let line = Arc::new(Line { routes, clock });
        let suspects = SuspectTable::default();
        let shared = Shared {
            registry,
            line,
            runtimes,
            some_block,
            grace,
            calls,
            suspects,
            places,
            idle,
            room,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Runs an activity as soon as there is a place.
    pub(crate) fn submit(&self, call: ActivityCall, attempt: Attempt, input: Payload) {
        let line = Arc::downgrade(&self.shared.line);
        let states = self.shared.registry.states().clone();
        let context = match self.shared.calls.entry(call) {
            Entry::Occupied(known) if known.get().attempt() == attempt.number => return,
            // The one before has failed, and may still be on its way out: its grace is over.
            Entry::Occupied(mut known) => {
                let context = ActivityContext::new(known.key().clone(), attempt, line, states);
                let before = known.insert(context.clone());
                drop(known);
                // This wakes code of the user's: not while the entry is locked.
                before.cut_off();
                context
            }
            Entry::Vacant(vacant) => {
                let context = ActivityContext::new(vacant.key().clone(), attempt, line, states);
                vacant.insert(context.clone());
                context
            }
        };
        let mut places = self.shared.places();
        if places.closed {
            drop(places);
            self.shared.calls.remove(context.call());
            context.tell(News::Left);
            return;
        }
        let runtime = Handle::try_current().ok();
        let task = Task { context: context.clone(), input, runtime };
        let (name, instance) = (context.activity_name(), context.instance_id());
        let task = places.queue.push(name, instance, context.call().key(), task);
        places.from_elsewhere += usize::from(task.is_none() && context.is_from_elsewhere());
        drop(places);
        task.into_iter().for_each(|task| self.start(task));
    }

    fn start(&self, Task { context, input, runtime }: Task) {
        let blocks = self.shared.some_block && self.blocks(&context);
        let thread = blocks.then(|| BlockingThread { workers: Arc::downgrade(&self.shared) });
        let place = Place { workers: self.clone(), context };
        if let Some(runtime) = runtime {
            // One that has ended drops it, and so the place goes to the next.
            runtime.spawn(run(place, thread, input));
        }
    }

    /// Whether the code of an activity blocks its thread.
    fn blocks(&self, context: &ActivityContext) -> bool {
        let code = self.shared.registry.activity(context.activity_name());
        code.is_some_and(ActivityCode::is_blocking)
    }

    /// Nobody waits for the call any more: it does not start, or its context says so, and it has its
    /// grace to end.
    pub(crate) fn cancel(&self, call: &ActivityCall) {
        let Some(context) = self.shared.calls.get(call).map(|context| context.clone()) else {
            return;
        };
        context.cancel_until(self.shared.end_of_grace());
        let (name, instance) = (context.activity_name(), context.instance_id());
        let mut places = self.shared.places();
        let waited = places.queue.forget(name, instance, call.key());
        if context.is_from_elsewhere() {
            places.from_elsewhere -= waited;
        }
        drop(places);
        if waited > 0 {
            self.shared.calls.remove(call);
        }
        if context.is_from_elsewhere() {
            context.tell(News::Unwanted);
            self.shared.room.notify_waiters();
        }
    }

    fn finished(&self, context: &ActivityContext) {
        let mut places = self.shared.places();
        let next = places.queue.finished(context.activity_name());
        self.changed(places, next);
    }

    /// A place or a thread is free, and goes to `next`.
    fn changed(&self, mut places: MutexGuard<'_, Places>, next: Option<Task>) {
        let idle = places.queue.running() == 0;
        let from_elsewhere = next.as_ref().is_some_and(|task| task.context.is_from_elsewhere());
        places.from_elsewhere -= usize::from(from_elsewhere);
        let room_wanted = std::mem::take(&mut places.room_wanted);
        drop(places);
        if room_wanted {
            self.shared.room.notify_waiters();
        }
        if idle {
            self.shared.idle.notify_waiters();
        }
        next.into_iter().for_each(|task| self.start(task));
    }

    /// Forgets an attempt that has ended, and whose end is durable where it was told.
    fn let_go(&self, context: &ActivityContext) {
        if context.let_go() {
            // Another attempt may have its place.
            self.shared.calls.remove_if(context.call(), |_, known| known.is(context));
        }
    }

    /// The host has begun to shut down: what fails from now on is taken for broken off.
    pub(crate) fn begin_shutdown(&self) {
        self.shared.places().is_ending = true;
    }

    fn is_ending(&self) -> bool {
        self.shared.places().is_ending
    }

    /// Starts nothing any more; what waits stays scheduled in the log.
    pub(crate) fn close(&self) {
        let mut places = self.shared.places();
        places.closed = true;
        let waiting = places.queue.clear();
        places.from_elsewhere = 0;
        drop(places);
        for Task { context, .. } in waiting {
            self.shared.calls.remove(context.call());
            context.tell(News::Left);
        }
    }

    /// Waits until more can run, and none that came through a queue waits for a place; how many can.
    /// None of them can be kept: others may have them by then.
    pub(crate) async fn room(&self) -> usize {
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let changed = self.shared.room.notified();
            if let Some(free) = self.shared.places().room() {
                return free;
            }
            changed.await;
        }
    }

    /// Whether the host has the code of an activity.
    pub(crate) fn can_run(&self, name: &Name) -> bool {
        self.shared.registry.activity(name).is_some()
    }

    /// Those whose start is recorded before they run.
    pub(crate) fn suspects(&self) -> &SuspectTable {
        &self.shared.suspects
    }

    /// The attempt of a call that is queued or running, or has ended and is not let go.
    pub(crate) fn attempt(&self, call: &ActivityCall) -> Option<u32> {
        self.shared.calls.get(call).map(|context| context.attempt())
    }

    /// Nobody waits for anything of the instance any more.
    pub(crate) fn cancel_all(&self, instance: &InstanceId) {
        let of_instance = self.shared.calls.iter().filter(|c| c.instance_id() == instance);
        let calls: Vec<_> = of_instance.map(|context| context.call().clone()).collect();
        calls.iter().for_each(|call| self.cancel(call));
    }

    /// Returns when nothing runs.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.places().queue.running() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Tells every running activity that nobody waits for it, and drops it at its next await.
    pub(crate) fn abort(&self) {
        self.close();
        let calls: Vec<_> = self.shared.calls.iter().map(|context| context.clone()).collect();
        // This wakes code of the user's: not while an entry is locked.
        calls.iter().for_each(ActivityContext::cut_off);
        self.shared.runtimes.end();
    }
}

impl Places {
    /// How many more can run, if none that came through the queue of a tag waits. Otherwise whoever asks
    /// is told when to ask again.
    fn room(&mut self) -> Option<usize> {
        let free = self.queue.free();
        let room = (free > 0 && self.from_elsewhere == 0).then_some(free);
        self.room_wanted |= room.is_none();
        room
    }
}

impl Shared {
    /// When the grace ends that begins now.
    fn end_of_grace(&self) -> Timestamp {
        self.line.clock.now() + self.grace
    }

    /// Every change under the lock is whole, so a panic elsewhere does not spoil it.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(place: Place, thread: Option<BlockingThread>, input: Payload) {
    // The place goes to the next after the completion: who waits until nothing runs finds it on the way.
    let Place { workers, context } = &place;
    let line = &workers.shared.line;
    let suspects = &workers.shared.suspects;
    let _recorded = match suspects.suspect(context.call()) {
        Some(suspect) => {
            let recorded = suspects.record_start(suspect, context, &line.routes);
            // Without a record it does not run.
            let Some(Some(recorded)) = context.until_cut_off(recorded, &line.clock).await else {
                return;
            };
            Some(recorded)
        }
        None => None,
    };
    // Beside it, so that one that blocks its thread is found out too.
    let _watch = watch(workers, context);
    let result = match workers.shared.registry.activity(context.activity_name()) {
        Some(code) => {
            let running = Caught::new(code.run(context.clone(), input));
            let ended = run_code(workers, context, workers.shared.runtimes.of(thread), running);
            match context.until_cut_off(ended, &line.clock).await {
                // It stays scheduled in the log, as what is cut off.
                Some(None) => return,
                result => result.flatten(),
            }
        }
        // Scheduled when it was registered, by a host that had it.
        None => {
            let why = format!("activity `{}` is not registered here", context.activity_name());
            Some(Ok(Err(ActivityError::retryable(why))))
        }
    };
    if let Some(result) = result {
        let panicked = |message| Err(ActivityError::of_kind(ActivityErrorKind::Panicked, message));
        let result = result.unwrap_or_else(panicked);
        // What it needed may have ended first, a client of this host for one: it runs again later.
        if result.is_ok() || !workers.is_ending() {
            tell_end(workers, context, result);
        }
    }
}

/// Runs the code of an activity where it is to run. `None` when that has ended before.
async fn run_code<F>(
    workers: &Workers,
    context: &ActivityContext,
    runs_on: RunsOn,
    mut code: Caught<F>,
) -> Option<Result<F::Output, String>>
where
    F: Future<Output: Send> + Send + 'static,
{
    if !matches!(runs_on, RunsOn::ItsShard) {
        let callers = matches!(runs_on, RunsOn::Callers(_));
        let output = runs_on.run(code).await;
        if output.is_none() && callers {
            workers.shared.runtimes.callers_has_ended();
        }
        return output;
    }
    let (instance, name) = (context.instance_id(), context.activity_name());
    let stalls = &workers.shared.line.routes.stalls;
    let watched = poll_fn(|cx| {
        let poll = || Pin::new(&mut code).poll(cx);
        stalls.watch_activity(instance, name, poll)
    });
    Some(watched.await)
}

/// How many activities run at a time.
pub(crate) struct Limits {
    pub(crate) at_a_time: usize,
    pub(crate) of_names: HashMap<Name, usize>,
    /// Threads for those that block.
    pub(crate) blocking: usize,
}

/// The thread of an activity that blocks, from before it starts until it has returned. It may have lost its
/// place long before: what was cut off cannot be dropped in the middle of a call that blocks.
pub(crate) struct BlockingThread {
    /// Gone with the host: code that never returns holds nothing of it.
    workers: Weak<Shared>,
}

impl Drop for BlockingThread {
    fn drop(&mut self) {
        let Some(shared) = self.workers.upgrade() else { return };
        let workers = Workers { shared };
        let mut places = workers.shared.places();
        let next = places.queue.thread_is_free();
        workers.changed(places, next);
    }
}

/// The place of an activity that runs. However it ends, this goes to the next.
struct Place {
    workers: Workers,
    context: ActivityContext,
}

impl Drop for Place {
    fn drop(&mut self) {
        // What was cut off stays scheduled in the log, and runs again; unless its end was told.
        if self.context.may_tell() {
            self.context.tell(News::Left);
            self.workers.let_go(&self.context);
        }
        self.workers.let_go(&self.context);
        self.workers.finished(&self.context);
    }
}

/// Ends an attempt that takes too long: it is told so, its failure is on its way at once, and it has
/// its grace to end.
fn watch(workers: &Workers, context: &ActivityContext) -> Option<Background> {
    context.terms().filter(|terms| terms.start_to_close.or(terms.heartbeat).is_some())?;
    let (workers, context) = (workers.clone(), context.clone());
    let start = workers.shared.line.clock.now();
    Some(Background::spawn(async move {
        let Some(terms) = context.terms() else { return };
        let error = context.until_too_late(terms, start, &*workers.shared.line.clock).await;
        tell_end(&workers, &context, Err(error));
        context.cancel_until(workers.shared.end_of_grace());
    }))
}

/// Tells the instance how an attempt ended, unless that was told.
fn tell_end(workers: &Workers, context: &ActivityContext, result: Result<Payload, ActivityError>) {
    if !context.may_tell() {
        return;
    }
    let call = context.call();
    let known = KnownCall::new(workers, context);
    if context.is_from_elsewhere() {
        return context.tell(News::Ended { result, known });
    }
    let message = Internal::CompleteTask { run: call.run, id: call.id, result, known };
    workers.shared.line.routes.deliver(&call.instance, message.into());
}

/// Of an attempt whose end was told: it is known, and so not run again, until that is durable; and
/// until it has ended in fact, so that it can still be cut off.
pub(crate) struct KnownCall {
    workers: Workers,
    context: ActivityContext,
}

impl KnownCall {
    fn new(workers: &Workers, context: &ActivityContext) -> Self {
        Self { workers: workers.clone(), context: context.clone() }
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.context.attempt()
    }

    /// The details of the last heartbeat, where they are not on their way already.
    pub(crate) fn take_details(&self) -> Option<Payload> {
        self.context.pulse().take_kept()
    }
}

impl Drop for KnownCall {
    fn drop(&mut self) {
        self.workers.let_go(&self.context);
    }
}

impl fmt::Debug for KnownCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(f)
    }
}
