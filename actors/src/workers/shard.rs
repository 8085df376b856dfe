//! The activity workers of one shard: here calls are submitted, queued and cancelled.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use reenact_core::{InstanceId, Payload, Timestamp};

use super::run::report_end;
use super::shared::{OfShard, ShardLink, ShardWorkers, Task};
use crate::activity::{
    ActivityCall, ActivityCode, ActivityContext, Attempt, HeartbeatSink, Report, Taken,
};
use crate::metrics::Label;
use crate::suspects::SuspectTable;

impl ShardWorkers {
    /// Runs an activity as soon as there is a place.
    pub(crate) fn submit(&self, call: ActivityCall, attempt: Attempt, input: Payload) {
        let OfShard { shared, calls, link, states, .. } = &*self.own;
        let number = attempt.number;
        let code = shared.registry.activity(&attempt.name).cloned();
        let label = code.as_ref().map_or(Label::OTHER, ActivityCode::label);
        let context = |call| {
            let sink: Weak<dyn HeartbeatSink> = Arc::<ShardLink>::downgrade(link);
            ActivityContext::new(call, attempt, Some(sink), states.clone(), label)
        };
        let context = match calls.take(call, number, context) {
            Taken::Known(context) => {
                // The thread on which its end was reported may have been given up.
                let is_ours = !context.is_remote();
                if let Some(error) = is_ours.then(|| context.take_late()).flatten() {
                    report_end(self, &context, Err(error));
                }
                return;
            }
            Taken::New(context, before) => {
                // The attempt before this one has failed, and may still be running: its grace is over.
                before.iter().for_each(ActivityContext::cut_off);
                context
            }
        };
        let blocks = code.as_ref().is_some_and(ActivityCode::is_blocking);
        if context.is_remote() {
            // It comes from the queue of a tag, and nobody has read the clock for it.
            self.own.recorder.set_now(link.clock.now());
        }
        let task = Task { workers: self.clone(), context, input, code, waits_since: None };
        match !blocks && shared.places.take_at_once() {
            true => task.start(),
            false => self.queue(task),
        }
    }

    /// Runs an activity when its turn comes, which may be at once.
    pub(super) fn queue(&self, mut task: Task) {
        task.waits_since = Some(self.own.link.clock.now());
        let mut places = self.own.shared.places.lock();
        let context = task.context.clone();
        if places.closed {
            drop(places);
            self.own.calls.remove(context.call());
            context.report(Report::Left);
            return;
        }
        let (name, instance) = (context.activity_name(), context.instance_id());
        let task = places.queue.push(name, instance, context.call().key(), task);
        places.remote += usize::from(task.is_none() && context.is_remote());
        drop(places);
        task.into_iter().for_each(Task::start);
    }

    /// Cancels a call. If it has not started, it never does; otherwise its context says so, and its grace
    /// begins. Returns the context, if the call was known.
    pub(crate) fn cancel(&self, call: &ActivityCall) -> Option<ActivityContext> {
        let context = self.own.calls.get(call)?;
        context.cancel_until(self.end_of_grace());
        let (name, instance) = (context.activity_name(), context.instance_id());
        let mut places = self.own.shared.places.lock();
        let waited = places.queue.forget(name, instance, call.key());
        if context.is_remote() {
            places.remote -= waited;
        }
        drop(places);
        if waited > 0 {
            self.own.calls.remove(call);
        }
        if context.is_remote() {
            context.report(Report::Unwanted);
            self.own.shared.room.notify_waiters();
        }
        Some(context)
    }

    /// Cancels a call because its log says so, and counts that unless its end is in the metrics.
    pub(crate) fn cancel_and_count(&self, call: &ActivityCall) {
        if let Some(context) = self.cancel(call)
            && !context.is_counted()
        {
            self.own.recorder.call_is_cancelled(context.label());
        }
    }

    /// The end of a call is in the metrics: what is cancelled of it does not count.
    pub(crate) fn is_counted(&self, call: &ActivityCall) {
        if let Some(context) = self.own.calls.get(call) {
            context.is_counted();
        }
    }

    pub(super) fn finished(&self, context: &ActivityContext) {
        let shared = &self.own.shared;
        if shared.places.give_back_at_once() {
            return;
        }
        let mut places = shared.places.lock();
        let next = places.queue.finished(context.activity_name());
        shared.changed(places, next);
    }

    /// An attempt that had a place has ended, or no longer counts.
    pub(super) fn leave(&self, context: &ActivityContext) {
        if !context.may_leave() {
            return;
        }
        // A call that was cut off stays scheduled in the log and runs again, unless its end was reported.
        if context.may_report() {
            context.report(Report::Left);
            self.own.calls.let_go(context);
        }
        self.own.calls.let_go(context);
        self.own.recorder.attempt_leaves(context.label());
        self.finished(context);
        self.own.shared.blocked.has_left(context);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.own.shared.is_ending.load(Ordering::Acquire)
    }

    /// The attempts whose start is recorded before they run.
    pub(crate) fn suspects(&self) -> &SuspectTable {
        &self.own.shared.suspects
    }

    /// The attempt of a call that is queued or running, or has ended and is not released.
    pub(crate) fn attempt(&self, call: &ActivityCall) -> Option<u32> {
        self.own.calls.attempt(call)
    }

    /// Cancels all calls of an instance.
    pub(crate) fn cancel_all(&self, instance: &InstanceId) {
        self.own.calls.of(instance).iter().for_each(|call| self.cancel_and_count(call));
    }

    /// When a grace ends that begins now.
    pub(super) fn end_of_grace(&self) -> Timestamp {
        self.own.link.clock.now() + self.own.shared.grace
    }
}
