//! Runs one attempt of an activity, from the moment it has a place to its end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};

use reenact_core::{ActivityError, ActivityErrorKind, Payload};

use super::runs_on::RunsOn;
use super::shared::{OfShard, ShardWorkers, Shared, Task};
use crate::activity::{ActivityCode, ActivityContext, ActivityFuture, EndedCall, Report};
use crate::message::Internal;
use crate::panic::Caught;
use crate::task::Task as Background;
use crate::telemetry::{attempt_begins, in_span};

impl Task {
    /// Starts the attempt, which has a place, on the present thread of its shard.
    pub(super) fn start(self) {
        let Self { workers, context, input, code, waits_since } = self;
        let blocks = code.as_ref().is_some_and(ActivityCode::is_blocking);
        let shared = &workers.own.shared;
        let thread = blocks.then(|| BlockingThread { workers: Arc::downgrade(shared) });
        let runtime = workers.own.link.routes.thread_of(workers.own.shard);
        let recorder = &workers.own.recorder;
        let now = match waits_since {
            None => recorder.now(),
            Some(since) => {
                let now = workers.own.link.clock.now();
                recorder.attempt_waited(context.label(), now.since(since));
                now
            }
        };
        recorder.attempt_begins(context.label());
        context.begins_on(runtime.id(), now);
        // The code does not begin before it is polled.
        let code =
            code.map(|code| Caught::new(in_span(&context, code.run(context.clone(), input))));
        let place = Place { workers, context };
        // A runtime that has ended drops the task, and so the place goes to the next activity.
        runtime.spawn(run(place, thread, code));
    }
}

pub(super) async fn run(
    place: Place,
    thread: Option<BlockingThread>,
    code: Option<Caught<ActivityFuture>>,
) {
    // The place is given back after the completion is sent: when nothing runs any more, all completions
    // are on their way.
    let Place { workers, context } = &place;
    let OfShard { shared, link, .. } = &*workers.own;
    let suspects = &shared.suspects;
    let is_remote =
        || shared.registry.activity(context.activity_name()).is_some_and(ActivityCode::is_remote);
    let _recorded = match suspects.suspect(context.call()).filter(|_| !is_remote()) {
        Some(suspect) => {
            // Boxed, so that the task of an ordinary activity has no room for it.
            let recorded = Box::pin(suspects.record_start(suspect, context, &link.routes));
            // Without a record the attempt does not run.
            let Some(Some(recorded)) = context.until_cut_off(recorded, &link.clock).await else {
                return;
            };
            Some(recorded)
        }
        None => None,
    };
    attempt_begins(context);
    // The watch runs apart from the code, so that it also works when the code blocks its thread.
    let _watch = watch(workers, context);
    let result = match code {
        Some(code) => {
            // Pinned here: each function that took it by value would need room for it in its own future.
            let ended = pin!(run_code(workers, context, shared.runtimes.of(thread), code));
            match context.until_cut_off(ended, &link.clock).await {
                // The call stays scheduled in the log, as if it was cut off.
                Some(None) => return,
                result => result.flatten(),
            }
        }
        // The call was scheduled while the activity was registered, or by a host that has it.
        None => {
            let why = format!("activity `{}` is not registered here", context.activity_name());
            Some(Ok(Err(ActivityError::retryable(why))))
        }
    };
    let panicked = |message| Err(ActivityError::of_kind(ActivityErrorKind::Panicked, message));
    let result = result.map(|result| result.unwrap_or_else(panicked));
    let result = result.map(|result| within(link.payload_bytes, result));
    let result = match context.has_emitted() {
        // Boxed, and given the whole result, so that the task of an ordinary activity has no room for it.
        true => Box::pin(flushed(workers, context, result)).await,
        false => result,
    };
    if let Some(result) = result {
        // Something that it needed, such as a client of this host, may have ended first. It runs again
        // later.
        if result.is_ok() || !workers.is_ending() {
            report_end(workers, context, result);
        }
    }
}

/// An output that the store does not take is a failure.
fn within(
    payload_bytes: usize,
    result: Result<Payload, ActivityError>,
) -> Result<Payload, ActivityError> {
    let too_large = |why| ActivityError::of_kind(ActivityErrorKind::InvalidOutput, why);
    result.and_then(|output| output.within(payload_bytes).map_err(too_large))
}

/// How an activity has ended, once all that it has emitted is durable. `None` when it was cut off before.
async fn flushed(
    workers: &ShardWorkers,
    context: &ActivityContext,
    result: Option<Result<Payload, ActivityError>>,
) -> Option<Result<Payload, ActivityError>> {
    let result = result?;
    let flushed = context.until_cut_off(context.flush_emitted(), &workers.own.link.clock).await?;
    Some(result.and_then(|output| flushed.map(|()| output).map_err(ActivityError::from)))
}

/// Runs the code of an activity on the runtime meant for it. `None` when that runtime has ended before.
pub(super) async fn run_code<F>(
    workers: &ShardWorkers,
    context: &ActivityContext,
    runs_on: RunsOn<BlockingThread>,
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
    let stalls = &workers.own.link.routes.stalls;
    let watched = poll_fn(|cx| {
        let poll = || Pin::new(&mut code).poll(cx);
        stalls.watch_activity(call, name, poll)
    });
    Some(watched.await)
}

/// The thread of an activity that blocks, from before it starts until it has returned. Its place may be
/// lost long before: an activity that was cut off cannot be dropped in the middle of a call that
/// blocks.
pub(crate) struct BlockingThread {
    /// Weak, so that code that never returns does not keep the host in memory.
    pub(super) workers: Weak<Shared>,
}

impl Drop for BlockingThread {
    fn drop(&mut self) {
        let Some(shared) = self.workers.upgrade() else { return };
        let mut places = shared.places.lock();
        let next = places.queue.thread_is_free();
        shared.changed(places, next);
    }
}

/// The place of a running activity. However the activity ends, the place goes to the next one.
pub(super) struct Place {
    pub(super) workers: ShardWorkers,
    pub(super) context: ActivityContext,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.workers.leave(&self.context);
    }
}

/// Ends an attempt that takes too long: its failure is reported at once, it is cancelled, and its grace
/// begins.
pub(super) fn watch(workers: &ShardWorkers, context: &ActivityContext) -> Option<Background> {
    context.terms().filter(|terms| terms.start_to_close.or(terms.heartbeat).is_some())?;
    let (workers, context) = (workers.clone(), context.clone());
    let start = workers.own.link.clock.now();
    context.limits_count_from(start);
    // It does not run on the thread of the shard, because the activity may block that.
    let apart = workers.own.link.routes.thread_of_host().clone();
    Some(Background::spawn_on(&apart, async move {
        let Some(terms) = context.terms() else { return };
        let error = context.until_too_late(terms, start, &*workers.own.link.clock).await;
        context.is_late(error.clone());
        report_end(&workers, &context, Err(error));
        context.cancel_until(workers.end_of_grace());
    }))
}

/// Reports to the instance how an attempt ended, unless that was reported before.
pub(super) fn report_end(
    workers: &ShardWorkers,
    context: &ActivityContext,
    result: Result<Payload, ActivityError>,
) {
    if !context.may_report() {
        return;
    }
    let result = result.map_err(|error| context.timed(error));
    let call = context.call();
    let known = EndedCall::new(&workers.own.calls, context);
    if context.is_remote() {
        // Only a retry can use the details of the last heartbeat.
        let details = result.as_ref().err().and_then(|_| known.take_details());
        let (label, began) = known.counted();
        workers.own.recorder.attempt_took(label, workers.own.link.clock.now().since(began));
        return context.report(Report::Ended { result, details, known: Box::new(known) });
    }
    let message = Internal::CompleteTask { run: call.run, id: call.id, result, known };
    workers.own.link.routes.deliver(&call.instance, message.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function returns.
    fn size<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_an_activity_has_room_for_little_besides_the_activity() {
        assert!(size(run) <= 448, "{} bytes", size(run));
    }
}
