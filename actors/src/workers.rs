//! Runs activities: so many at a time, fairly, each in a task of its own.

mod queue;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use reenact_core::{ActivityError, ActivityErrorKind, Name, Payload};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

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
    state: Mutex<State>,
    /// Told when the last running activity has ended.
    idle: Notify,
}

struct State {
    queue: FairQueue<Task>,
    /// What is queued or running.
    calls: HashMap<ActivityCall, Known>,
    /// Nothing starts any more.
    closed: bool,
}

struct Task {
    call: ActivityCall,
    name: Name,
    input: Payload,
}

enum Known {
    Queued(Name),
    Running { context: ActivityContext, abort: Option<AbortHandle> },
}

impl Workers {
    pub(crate) fn new(
        registry: Arc<Registry>,
        routes: Routes,
        limit: usize,
        limits: HashMap<Name, usize>,
    ) -> Self {
        let queue = FairQueue::new(limit, limits);
        let state = Mutex::new(State { queue, calls: HashMap::new(), closed: false });
        Self { shared: Arc::new(Shared { registry, routes, state, idle: Notify::new() }) }
    }

    /// Runs an activity as soon as there is a place.
    pub(crate) fn submit(&self, call: ActivityCall, name: Name, input: Payload) {
        let mut state = self.shared.lock();
        if state.closed || state.calls.contains_key(&call) {
            return;
        }
        let instance = call.instance.clone();
        let task = Task { call, name: name.clone(), input };
        let known = task.call.clone();
        match state.queue.push(&name, &instance, task) {
            Some(task) => self.start(&mut state, task),
            None => {
                state.calls.insert(known, Known::Queued(name));
            }
        }
    }

    /// Nobody waits for the call any more: it does not start, or its context says so.
    pub(crate) fn cancel(&self, call: &ActivityCall) {
        let mut state = self.shared.lock();
        match state.calls.get(call) {
            Some(Known::Running { context, .. }) => context.cancel(),
            Some(Known::Queued(name)) => {
                let name = name.clone();
                state.calls.remove(call);
                state.queue.forget(&name, &call.instance, |task| task.call == *call);
            }
            None => {}
        }
    }

    fn start(&self, state: &mut State, task: Task) {
        let Task { call, name, input } = task;
        let context = ActivityContext::new(call.clone(), name);
        // Known before it runs: it may end at once.
        let running = Known::Running { context: context.clone(), abort: None };
        state.calls.insert(call.clone(), running);
        let spawned = tokio::spawn(run(self.clone(), context, input));
        if let Some(Known::Running { abort, .. }) = state.calls.get_mut(&call) {
            *abort = Some(spawned.abort_handle());
        }
    }

    fn finished(&self, context: &ActivityContext) {
        let mut state = self.shared.lock();
        state.calls.remove(context.call());
        state.queue.finished(context.activity_name());
        if !state.closed
            && let Some(task) = state.queue.next()
        {
            self.start(&mut state, task);
        }
        if state.queue.running() == 0 {
            self.shared.idle.notify_waiters();
        }
    }

    /// Starts nothing any more; what waits stays scheduled in the log.
    pub(crate) fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.queue.clear();
        state.calls.retain(|_, known| matches!(known, Known::Running { .. }));
    }

    /// Returns when nothing runs.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.lock().queue.running() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Tells every running activity that nobody waits for it, and drops it at its next await.
    pub(crate) fn abort(&self) {
        self.close();
        for known in self.shared.lock().calls.values() {
            if let Known::Running { context, abort } = known {
                context.cancel();
                if let Some(abort) = abort {
                    abort.abort();
                }
            }
        }
    }
}

impl Shared {
    /// Every change under the lock is whole, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(workers: Workers, context: ActivityContext, input: Payload) {
    let name = context.activity_name();
    let result = match workers.shared.registry.activity(name) {
        Some(code) => {
            let running = AssertUnwindSafe(async { code.run(context.clone(), input).await });
            running.catch_unwind().await.unwrap_or_else(|panic| {
                let message = panic_message(panic);
                Err(ActivityError::of_kind(ActivityErrorKind::Panicked, message))
            })
        }
        // Scheduled when it was registered, by a host that had it.
        None => Err(ActivityError::retryable(format!("activity `{name}` is not registered here"))),
    };
    // Its place is free before its completion is on the way: the completion may want the place.
    workers.finished(&context);
    let call = context.call();
    let message = Internal::CompleteTask { run: call.run, id: call.id, result };
    workers.shared.routes.deliver(&call.instance, message.into());
}
