//! Runs activities: so many at a time, fairly, each in a task of its own.

mod calls;
mod held;
mod places;
pub(crate) mod pool;
mod queue;
pub(crate) mod runs_on;

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use reenact_core::{
    ActivityError, ActivityErrorKind, InstanceId, Name, Payload, ShardId, Timestamp,
};
use reenact_providers::TimerScheduler;
use tokio::sync::Notify;

use crate::activity::{ActivityCall, ActivityCode, ActivityContext, ActivityFuture, Attempt};
use crate::heartbeat::Line;
use crate::message::Internal;
use crate::panic::Caught;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::state::States;
use crate::suspects::SuspectTable;
use crate::tags::News;
use crate::task::Task as Background;
use calls::{Calls, Taken};
use held::HeldRuntimes;
use places::{Locked, Places};
use queue::FairQueue;
use runs_on::{ActivityRuntimes, RunsOn};

/// The activity workers of a host.
#[derive(Clone)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
    shards: Arc<[ShardWorkers]>,
}

/// The activity workers of a host for the instances of one shard, which are on one thread mostly. A call that
/// is queued or running is not taken a second time, so that an instance that comes back into memory can ask
/// for all that is open.
#[derive(Clone)]
pub(crate) struct ShardWorkers {
    own: Arc<OfShard>,
}

/// What the activities of all shards share.
struct Shared {
    registry: Arc<Registry>,
    /// Where they run.
    runtimes: ActivityRuntimes,
    /// How long an activity may go on that nobody waits for.
    grace: Duration,
    /// Those whose start is recorded before they run.
    suspects: SuspectTable,
    places: Places<Task>,
    /// The host has begun to shut down.
    is_ending: AtomicBool,
    /// Told when the last running activity has ended.
    idle: Notify,
    /// Told when there may be room for more from the queues of tags.
    room: Notify,
    /// Threads that were given up and that an activity holds.
    held: HeldRuntimes,
}

/// What the activities of a shard share. Their handles are those of the shard: to count the clones of one that
/// all threads share would cost each of them more than what it is for.
struct OfShard {
    shard: ShardId,
    shared: Arc<Shared>,
    /// What is queued or running.
    calls: Calls,
    line: Arc<Line>,
    states: States,
}

/// An activity that is to run.
struct Task {
    workers: ShardWorkers,
    context: ActivityContext,
    input: Payload,
    /// `None` where it is not registered here.
    code: Option<ActivityCode>,
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
        let states = registry.states().clone();
        let (idle, room) = (Notify::new(), Notify::new());
        let (suspects, is_ending) = (SuspectTable::default(), AtomicBool::new(false));
        let places = Places::new(queue);
        let held = HeldRuntimes::default();
        let shared =
            Shared { registry, runtimes, grace, suspects, places, is_ending, idle, room, held };
        let shared = Arc::new(shared);
        let of_shard = |shard| {
            let line = Line { routes: routes.clone(), clock: clock.clone() };
            let (line, states) = (Arc::new(line), states.apart());
            let (shard, shared, calls) = (ShardId(shard), shared.clone(), Calls::default());
            let own = OfShard { shard, shared, calls, line, states };
            ShardWorkers { own: Arc::new(own) }
        };
        let shards = (0..routes.shards().max(1)).map(of_shard).collect();
        Self { shared, shards }
    }

    /// Those for the instances of a shard.
    pub(crate) fn of_shard(&self, shard: ShardId) -> &ShardWorkers {
        &self.shards[shard.0 as usize % self.shards.len()]
    }

    /// The host has begun to shut down: what fails from now on is taken for broken off.
    pub(crate) fn begin_shutdown(&self) {
        self.shared.is_ending.store(true, Ordering::Release);
    }

    /// Starts nothing any more; what waits stays scheduled in the log.
    pub(crate) fn close(&self) {
        let mut places = self.shared.places.lock();
        places.closed = true;
        let waiting = places.queue.clear();
        places.from_elsewhere = 0;
        drop(places);
        for Task { workers, context, .. } in waiting {
            workers.own.calls.remove(context.call());
            context.tell(News::Left);
        }
    }

    /// Waits until more can run, and none that came through a queue waits for a place; how many can.
    /// None of them can be kept: others may have them by then.
    pub(crate) async fn room(&self) -> usize {
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let changed = self.shared.room.notified();
            if let Some(free) = self.shared.places.lock().room() {
                return free;
            }
            changed.await;
        }
    }

    /// Whether the host has the code of an activity.
    pub(crate) fn can_run(&self, name: &Name) -> bool {
        self.shared.registry.activity(name).is_some()
    }

    /// Returns when nothing runs.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.places.lock().is_idle() {
                return;
            }
            idle.await;
        }
    }

    /// Tells every running activity that nobody waits for it, and drops it at its next await.
    pub(crate) fn abort(&self) {
        self.close();
        let calls = self.shards.iter().flat_map(|workers| workers.own.calls.all());
        // This wakes code of the user's: not while a table is locked.
        calls.for_each(|context| context.cut_off());
        self.shared.runtimes.end();
        self.shared.held.end();
    }
}

impl Shared {
    /// A place or a thread is free, and goes to `next`.
    fn changed(&self, mut places: Locked<'_, Task>, next: Option<Task>) {
        let idle = places.queue.running() == 0;
        let from_elsewhere = next.as_ref().is_some_and(|task| task.context.is_from_elsewhere());
        places.from_elsewhere -= usize::from(from_elsewhere);
        let room_wanted = std::mem::take(&mut places.room_wanted);
        if idle {
            // Who still waits says so again.
            places.idle_wanted = false;
        }
        drop(places);
        if room_wanted {
            self.room.notify_waiters();
        }
        if idle {
            self.idle.notify_waiters();
        }
        next.into_iter().for_each(Task::start);
    }
}

impl ShardWorkers {
    /// Runs an activity as soon as there is a place.
    pub(crate) fn submit(&self, call: ActivityCall, attempt: Attempt, input: Payload) {
        let OfShard { shared, calls, line, states, .. } = &*self.own;
        let number = attempt.number;
        let context =
            |call| ActivityContext::new(call, attempt, Arc::downgrade(line), states.clone());
        let context = match calls.take(call, number, context) {
            Taken::Known(context) => {
                // The thread on which its end was told may have been given up.
                let is_ours = !context.is_from_elsewhere();
                if let Some(error) = is_ours.then(|| context.take_late()).flatten() {
                    tell_end(self, &context, Err(error));
                }
                return;
            }
            Taken::New(context, before) => {
                // The one before has failed, and may still be on its way out: its grace is over.
                before.iter().for_each(ActivityContext::cut_off);
                context
            }
        };
        let code = shared.registry.activity(context.activity_name()).cloned();
        let blocks = code.as_ref().is_some_and(ActivityCode::is_blocking);
        let task = Task { workers: self.clone(), context, input, code };
        match !blocks && shared.places.take_at_once() {
            true => task.start(),
            false => self.queue(task),
        }
    }

    /// Runs an activity when it is its turn, which may be now.
    fn queue(&self, task: Task) {
        let mut places = self.own.shared.places.lock();
        let context = task.context.clone();
        if places.closed {
            drop(places);
            self.own.calls.remove(context.call());
            context.tell(News::Left);
            return;
        }
        let (name, instance) = (context.activity_name(), context.instance_id());
        let task = places.queue.push(name, instance, context.call().key(), task);
        places.from_elsewhere += usize::from(task.is_none() && context.is_from_elsewhere());
        drop(places);
        task.into_iter().for_each(Task::start);
    }

    /// Nobody waits for the call any more: it does not start, or its context says so, and it has its
    /// grace to end.
    pub(crate) fn cancel(&self, call: &ActivityCall) {
        let Some(context) = self.own.calls.get(call) else { return };
        context.cancel_until(self.end_of_grace());
        let (name, instance) = (context.activity_name(), context.instance_id());
        let mut places = self.own.shared.places.lock();
        let waited = places.queue.forget(name, instance, call.key());
        if context.is_from_elsewhere() {
            places.from_elsewhere -= waited;
        }
        drop(places);
        if waited > 0 {
            self.own.calls.remove(call);
        }
        if context.is_from_elsewhere() {
            context.tell(News::Unwanted);
            self.own.shared.room.notify_waiters();
        }
    }

    fn finished(&self, context: &ActivityContext) {
        let shared = &self.own.shared;
        if shared.places.give_back_at_once() {
            return;
        }
        let mut places = shared.places.lock();
        let next = places.queue.finished(context.activity_name());
        shared.changed(places, next);
    }

    /// An attempt that had a place runs no more, or does not count any more.
    fn leave(&self, context: &ActivityContext) {
        if !context.may_leave() {
            return;
        }
        // What was cut off stays scheduled in the log, and runs again; unless its end was told.
        if context.may_tell() {
            context.tell(News::Left);
            self.let_go(context);
        }
        self.let_go(context);
        self.finished(context);
        self.own.shared.held.has_left(context);
    }

    /// Forgets an attempt that has ended, and whose end is durable where it was told.
    fn let_go(&self, context: &ActivityContext) {
        if context.let_go() {
            self.own.calls.remove_attempt(context);
        }
    }

    fn is_ending(&self) -> bool {
        self.own.shared.is_ending.load(Ordering::Acquire)
    }

    /// Those whose start is recorded before they run.
    pub(crate) fn suspects(&self) -> &SuspectTable {
        &self.own.shared.suspects
    }

    /// The attempt of a call that is queued or running, or has ended and is not let go.
    pub(crate) fn attempt(&self, call: &ActivityCall) -> Option<u32> {
        self.own.calls.attempt(call)
    }

    /// Nobody waits for anything of the instance any more.
    pub(crate) fn cancel_all(&self, instance: &InstanceId) {
        self.own.calls.of(instance).iter().for_each(|call| self.cancel(call));
    }

    /// When the grace ends that begins now.
    fn end_of_grace(&self) -> Timestamp {
        self.own.line.clock.now() + self.own.shared.grace
    }
}

impl Task {
    /// It has a place, and runs on the thread that its shard has now.
    fn start(self) {
        let Self { workers, context, input, code } = self;
        let blocks = code.as_ref().is_some_and(ActivityCode::is_blocking);
        let shared = &workers.own.shared;
        let thread = blocks.then(|| BlockingThread { workers: Arc::downgrade(shared) });
        let runtime = workers.own.line.routes.thread_of(workers.own.shard);
        context.begins_on(runtime.id());
        // Nothing of it runs before it is polled.
        let code = code.map(|code| Caught::new(code.run(context.clone(), input)));
        let place = Place { workers, context };
        // One that has ended drops it, and so the place goes to the next.
        runtime.spawn(run(place, thread, code));
    }
}

async fn run(place: Place, thread: Option<BlockingThread>, code: Option<Caught<ActivityFuture>>) {
    // The place goes to the next after the completion: who waits until nothing runs finds it on the way.
    let Place { workers, context } = &place;
    let OfShard { shared, line, .. } = &*workers.own;
    let suspects = &shared.suspects;
    let _recorded = match suspects.suspect(context.call()) {
        Some(suspect) => {
            // Boxed: the task of every activity would have to have room for it.
            let recorded = Box::pin(suspects.record_start(suspect, context, &line.routes));
            // Without a record it does not run.
            let Some(Some(recorded)) = context.until_cut_off(recorded, &line.clock).await else {
                return;
            };
            Some(recorded)
        }
        None => None,
    };
    // Apart from it, so that one that blocks its thread is found out too.
    let _watch = watch(workers, context);
    let result = match code {
        Some(code) => {
            // Pinned here: each future that it went through by value would keep room for it.
            let ended = pin!(run_code(workers, context, shared.runtimes.of(thread), code));
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
    workers: &ShardWorkers,
    context: &ActivityContext,
    runs_on: RunsOn,
    mut code: Caught<F>,
) -> Option<Result<F::Output, String>>
where
    F: Future<Output: Send> + Unpin + Send + 'static,
{
    if !matches!(runs_on, RunsOn::ItsShard) {
        let callers = matches!(runs_on, RunsOn::Callers(_));
        let output = runs_on.run(code).await;
        if output.is_none() && callers {
            workers.own.shared.runtimes.callers_has_ended();
        }
        return output;
    }
    let (call, name) = (context.call(), context.activity_name());
    let stalls = &workers.own.line.routes.stalls;
    let watched = poll_fn(|cx| {
        let poll = || Pin::new(&mut code).poll(cx);
        stalls.watch_activity(call, name, poll)
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
        let mut places = shared.places.lock();
        let next = places.queue.thread_is_free();
        shared.changed(places, next);
    }
}

/// The place of an activity that runs. However it ends, this goes to the next.
struct Place {
    workers: ShardWorkers,
    context: ActivityContext,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.workers.leave(&self.context);
    }
}

/// Ends an attempt that takes too long: it is told so, its failure is on its way at once, and it has
/// its grace to end.
fn watch(workers: &ShardWorkers, context: &ActivityContext) -> Option<Background> {
    context.terms().filter(|terms| terms.start_to_close.or(terms.heartbeat).is_some())?;
    let (workers, context) = (workers.clone(), context.clone());
    let start = workers.own.line.clock.now();
    // Not on the thread of the shard: the activity may hold it.
    let apart = workers.own.line.routes.thread_of_host().clone();
    Some(Background::spawn_on(&apart, async move {
        let Some(terms) = context.terms() else { return };
        let error = context.until_too_late(terms, start, &*workers.own.line.clock).await;
        context.is_late(error.clone());
        tell_end(&workers, &context, Err(error));
        context.cancel_until(workers.end_of_grace());
    }))
}

/// Tells the instance how an attempt ended, unless that was told.
fn tell_end(
    workers: &ShardWorkers,
    context: &ActivityContext,
    result: Result<Payload, ActivityError>,
) {
    if !context.may_tell() {
        return;
    }
    let call = context.call();
    let known = KnownCall::new(workers, context);
    if context.is_from_elsewhere() {
        return context.tell(News::Ended { result, known });
    }
    let message = Internal::CompleteTask { run: call.run, id: call.id, result, known };
    workers.own.line.routes.deliver(&call.instance, message.into());
}

/// Of an attempt whose end was told: it is known, and so not run again, until that is durable; and
/// until it has ended in fact, so that it can still be cut off.
pub(crate) struct KnownCall {
    workers: ShardWorkers,
    context: ActivityContext,
}

impl KnownCall {
    fn new(workers: &ShardWorkers, context: &ActivityContext) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the future of a function.
    fn size<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_an_activity_has_room_for_little_besides_the_activity() {
        assert!(size(run) <= 448, "{} bytes", size(run));
    }
}
