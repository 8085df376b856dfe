//! Runs activities: so many at a time, fairly, each in a task of its own.

mod queue;

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use futures_util::FutureExt;
use reenact_core::{ActivityError, ActivityErrorKind, InstanceId, Name, Payload, Timestamp};
use reenact_providers::TimerScheduler;
use tokio::sync::Notify;

use crate::activity::{ActivityCall, ActivityContext};
use crate::message::Internal;
use crate::panic::panic_message;
use crate::registry::Registry;
use crate::routes::Routes;
use queue::FairQueue;

/// The activity workers of a host. A call that is queued or running is not taken a second time, so
/// that an instance that comes back into memory can ask for all that is open.
#[derive(Clone)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Arc<Registry>,
    routes: Routes,
    grace: Grace,
    /// What is queued or running.
    calls: DashMap<ActivityCall, ActivityContext>,
    /// Held for a few instructions at a time: all activities of the host pass here.
    places: Mutex<Places>,
    /// Told when the last running activity has ended.
    idle: Notify,
}

/// How long an activity may go on that nobody waits for.
pub(crate) struct Grace {
    pub(crate) time: Duration,
    pub(crate) clock: Arc<dyn TimerScheduler>,
}

struct Places {
    queue: FairQueue<Task>,
    /// Nothing starts any more.
    closed: bool,
}

/// An activity that is to run.
struct Task {
    context: ActivityContext,
    input: Payload,
}

impl Workers {
    pub(crate) fn new(
        registry: Arc<Registry>,
        routes: Routes,
        grace: Grace,
        limit: usize,
        limits: HashMap<Name, usize>,
    ) -> Self {
        let places = Mutex::new(Places { queue: FairQueue::new(limit, limits), closed: false });
        let (calls, idle) = (DashMap::new(), Notify::new());
        Self { shared: Arc::new(Shared { registry, routes, grace, calls, places, idle }) }
    }

    /// Runs an activity as soon as there is a place.
    pub(crate) fn submit(&self, call: ActivityCall, name: Name, input: Payload) {
        let context = match self.shared.calls.entry(call) {
            Entry::Occupied(_) => return,
            Entry::Vacant(vacant) => {
                let context = ActivityContext::new(vacant.key().clone(), name);
                vacant.insert(context.clone());
                context
            }
        };
        let mut places = self.shared.places();
        if places.closed {
            drop(places);
            self.shared.calls.remove(context.call());
            return;
        }
        let task = Task { context: context.clone(), input };
        let task = places.queue.push(context.activity_name(), context.instance_id(), task);
        drop(places);
        task.into_iter().for_each(|task| self.start(task));
    }

    fn start(&self, task: Task) {
        tokio::spawn(run(self.clone(), task));
    }

    /// Nobody waits for the call any more: it does not start, or its context says so, and it has its
    /// grace to end.
    pub(crate) fn cancel(&self, call: &ActivityCall) {
        let Some(context) = self.shared.calls.get(call).map(|context| context.clone()) else {
            return;
        };
        context.cancel_until(self.shared.grace.end());
        let mut waited = false;
        let (name, instance) = (context.activity_name(), context.instance_id());
        self.shared.places().queue.forget(name, instance, |task| {
            let found = task.context.call() == call;
            waited |= found;
            found
        });
        if waited {
            self.shared.calls.remove(call);
        }
    }

    fn finished(&self, context: &ActivityContext) {
        let mut places = self.shared.places();
        let next = places.queue.finished(context.activity_name());
        let idle = places.queue.running() == 0;
        drop(places);
        if idle {
            self.shared.idle.notify_waiters();
        }
        next.into_iter().for_each(|task| self.start(task));
    }

    /// Starts nothing any more; what waits stays scheduled in the log.
    pub(crate) fn close(&self) {
        let mut places = self.shared.places();
        places.closed = true;
        let waiting = places.queue.clear();
        drop(places);
        waiting.iter().for_each(|task| drop(self.shared.calls.remove(task.context.call())));
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
        self.shared.calls.iter().for_each(|context| context.cut_off());
    }
}

impl Grace {
    /// When it ends that begins now.
    fn end(&self) -> Timestamp {
        self.clock.now() + self.time
    }
}

impl Shared {
    /// Every change under the lock is whole, so a panic elsewhere does not spoil it.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(workers: Workers, Task { context, input }: Task) {
    let result = match workers.shared.registry.activity(context.activity_name()) {
        Some(code) => {
            let running = AssertUnwindSafe(async { code.run(context.clone(), input).await });
            let clock = &workers.shared.grace.clock;
            context.until_cut_off(running.catch_unwind(), clock).await
        }
        // Scheduled when it was registered, by a host that had it.
        None => {
            let why = format!("activity `{}` is not registered here", context.activity_name());
            Some(Ok(Err(ActivityError::retryable(why))))
        }
    };
    let known = KnownCall { workers: workers.clone(), context: context.clone() };
    // What a shutdown cut off stays scheduled in the log, and runs again.
    if let Some(result) = result {
        let result = result.unwrap_or_else(|panic| {
            Err(ActivityError::of_kind(ActivityErrorKind::Panicked, panic_message(panic)))
        });
        let call = context.call();
        let message = Internal::CompleteTask { run: call.run, id: call.id, result, known };
        workers.shared.routes.deliver(&call.instance, message.into());
    }
    // Behind its completion: who waits until nothing runs finds it on the way.
    workers.finished(&context);
}

/// Of a call that has run: it is known, and so not run again, until its completion is handled.
pub(crate) struct KnownCall {
    workers: Workers,
    context: ActivityContext,
}

impl Drop for KnownCall {
    fn drop(&mut self) {
        self.workers.shared.calls.remove(self.context.call());
    }
}

impl fmt::Debug for KnownCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(f)
    }
}
