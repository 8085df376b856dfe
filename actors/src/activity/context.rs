//! What an activity knows of its call.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Poll;

use reenact_core::zoo::{self, Bug};
use reenact_core::{
    ActivityError, ActivityErrorKind, ActivityToken, AttemptTerms, CorrelationId, InstanceId, Name,
    Payload, Timestamp, TraceContext,
};
use reenact_providers::TimerScheduler;
use serde::de::DeserializeOwned;
use tokio::runtime::Id as RuntimeId;

use super::call::{ActivityCall, Attempt};
use super::cancellation::Cancellation;
use super::emissions::Emissions;
use super::pulse::{HeartbeatSink, Pulse};
use super::report::{Report, ReportSender};
use crate::metrics::Label;
use crate::panic::catch;
use crate::state::States;
use crate::trace::{RunTrace, SpanOf};

/// What an activity knows of its call. Cheap to clone.
#[derive(Clone)]
pub struct ActivityContext {
    call: Arc<Call>,
}

struct Call {
    key: ActivityCall,
    name: Name,
    attempt: u32,
    terms: Option<Box<AttemptTerms>>,
    /// The input of a local call.
    local_input: Option<Payload>,
    /// The trace of the run.
    trace: RunTrace,
    pulse: Pulse,
    /// What it emits: most emit nothing.
    emissions: OnceLock<Emissions>,
    states: States,
    /// Where its reports go, if it came through the queue of a tag.
    reports: Option<ReportSender>,
    /// Whether its end was reported.
    is_reported: AtomicBool,
    /// Its end, if it took too long: the attempt may still run when the report of that is lost.
    late: OnceLock<ActivityError>,
    /// Whether one of its two holders has released it: its run, and its reported end.
    let_go: AtomicBool,
    /// The runtime on which its task runs, once it has begun.
    thread: OnceLock<RuntimeId>,
    /// Whether its place was given back.
    has_left: AtomicBool,
    label: Label,
    /// When it began, in microseconds; 0 before.
    began: AtomicU64,
    /// Whether the end of its call is in the metrics.
    is_counted: AtomicBool,
    cancellation: Cancellation,
}

impl ActivityContext {
    pub(crate) fn new(
        key: ActivityCall,
        attempt: Attempt,
        sink: Option<Weak<dyn HeartbeatSink>>,
        states: States,
        label: Label,
    ) -> Self {
        let Attempt { name, number, terms, reports, local_input, trace } = attempt;
        let (pulse, is_reported, let_go) =
            (Pulse::new(sink), AtomicBool::new(false), AtomicBool::new(false));
        let cancellation = Cancellation::default();
        let attempt = number;
        let call = Call {
            key,
            name,
            attempt,
            terms,
            local_input,
            trace,
            pulse,
            emissions: OnceLock::new(),
            states,
            reports,
            is_reported,
            late: OnceLock::new(),
            let_go,
            thread: OnceLock::new(),
            has_left: AtomicBool::new(false),
            label,
            began: AtomicU64::new(0),
            is_counted: AtomicBool::new(false),
            cancellation,
        };
        Self { call: Arc::new(call) }
    }

    /// The same for every run and every attempt of this call, and no other call's: pass it to the services that you
    /// call, so that they do the work once.
    ///
    /// The key of a [local](reenact_core::OrchestrationContext::call_local) call ends with a hash of its
    /// name and input: after a crash that the history does not show, the orchestration may take another
    /// way, and another call may have its number.
    pub fn idempotency_key(&self) -> String {
        let ActivityCall { instance, run, id } = &self.call.key;
        match &self.call.local_input {
            None if zoo::planted(Bug::KeyOfAttempt) => {
                format!("{instance}/{run}/{}/{}", id.0, self.attempt())
            }
            None => format!("{instance}/{run}/{}", id.0),
            Some(input) => {
                let hash = fnv1a(&[self.call.name.as_str().as_bytes(), &[0], input.as_bytes()]);
                format!("{instance}/{run}/{}-{hash:016x}", id.0)
            }
        }
    }

    /// The token by which this attempt is completed from outside: pass it on, and return
    /// [`ActivityError::later`]. Those who have it call `Client::complete_activity` or `fail_activity`, from any
    /// process, even before the activity has returned. Another attempt has another token, and so has this one
    /// after a rewind. A [local](reenact_core::OrchestrationContext::call_local) activity cannot be completed from
    /// outside.
    pub fn token(&self) -> ActivityToken {
        let ActivityCall { instance, run, id } = &self.call.key;
        ActivityToken::new(instance.clone(), (*run).into(), *id, self.call.attempt)
    }

    /// How the attempt has ended: one that is completed from outside says since when its time counts.
    pub(crate) fn timed(&self, error: ActivityError) -> ActivityError {
        if error.kind() != ActivityErrorKind::Later {
            return error;
        }
        error.since(self.began(), self.pulse().last().unwrap_or_else(|| self.began()))
    }

    /// The instance that called.
    pub fn instance_id(&self) -> &InstanceId {
        &self.call.key.instance
    }

    /// The correlation id of the call in the instance's history.
    pub fn correlation_id(&self) -> CorrelationId {
        self.call.key.id
    }

    /// The activity's name.
    pub fn activity_name(&self) -> &Name {
        &self.call.name
    }

    /// Which attempt this is, by the call's [policy](reenact_core::RetryPolicy); the first is 1. An
    /// attempt that a shutdown or the first death of its host cut off runs again under the same number; each
    /// further death [counts as an attempt](crate::HostOptions::max_host_deaths).
    pub fn attempt(&self) -> u32 {
        self.call.attempt
    }

    /// The span of this attempt in the trace of its instance: pass it to the services that you call, as the headers
    /// `traceparent` and `tracestate`. It is the same when the attempt runs again after a crash. The trace is that of
    /// the caller that started the instance, if it gave one; otherwise one of the instance's own.
    pub fn trace_context(&self) -> TraceContext {
        let ActivityCall { instance, run, id } = &self.call.key;
        let trace = self.call.trace.of(instance, *run);
        trace.span(SpanOf::Activity, *id, self.call.attempt)
    }

    /// The details of the newest [heartbeat](Self::heartbeat) that is recorded, when there are any and
    /// they are a `T`: of an attempt before this one, or of this one before a crash.
    pub fn heartbeat_details<T: DeserializeOwned>(&self) -> Option<T> {
        self.terms()?.details.as_ref()?.decode().ok()
    }

    /// Whether the result is not wanted any more: the orchestration dropped the future, the instance was
    /// cancelled or has ended, the attempt took too long, or the host's shutdown deadline has passed. Clean
    /// up and return then: after
    /// [`HostOptions::cancellation_grace`](crate::HostOptions::cancellation_grace) the activity is
    /// dropped, and at once when its next attempt begins.
    pub fn is_cancelled(&self) -> bool {
        self.call.cancellation.requested.load(Ordering::Acquire)
    }

    /// Returns when [`is_cancelled`](Self::is_cancelled). Cancelling this await is harmless.
    pub async fn cancelled(&self) {
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let changed = self.call.cancellation.changed.notified();
            if self.is_cancelled() {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn call(&self) -> &ActivityCall {
        &self.call.key
    }

    pub(crate) fn states(&self) -> &States {
        &self.call.states
    }

    pub(crate) fn terms(&self) -> Option<&AttemptTerms> {
        self.call.terms.as_deref()
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.call.pulse
    }

    /// What it emits, once it does.
    pub(super) fn emissions_cell(&self) -> &OnceLock<Emissions> {
        &self.call.emissions
    }

    /// Whether it runs where its instance is, after what scheduled it is durable.
    pub(crate) fn may_emit(&self) -> bool {
        !self.is_remote() && self.call.local_input.is_none()
    }

    /// Where the reports of the attempt go, if it came through the queue of a tag.
    pub(crate) fn report_sender(&self) -> Option<&ReportSender> {
        self.call.reports.as_ref()
    }

    pub(crate) fn is_remote(&self) -> bool {
        self.call.reports.is_some()
    }

    /// Reports to the task that received the call from the queue of a tag, if it came through one.
    pub(crate) fn report(&self, report: Report) {
        if let Some(to) = self.report_sender() {
            // A task that has ended needs no report.
            let _ = to.send(report);
        }
    }

    /// Whether it is the same attempt, and not only the same call.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.call, &other.call)
    }

    /// Whether the caller is the first to ask, and is to report the end of the attempt.
    pub(crate) fn may_report(&self) -> bool {
        !self.call.is_reported.swap(true, Ordering::AcqRel)
    }

    /// Records that the attempt has taken too long.
    pub(crate) fn is_late(&self, error: ActivityError) {
        // The first time counts.
        let _ = self.call.late.set(error);
    }

    /// Its end, if it took too long and is to be reported again.
    pub(crate) fn take_late(&self) -> Option<ActivityError> {
        let late = self.call.late.get()?;
        self.call.is_reported.store(false, Ordering::Release);
        Some(late.clone())
    }

    /// Releases one of its two holders; returns whether the other one was released before.
    pub(crate) fn let_go(&self) -> bool {
        self.call.let_go.swap(true, Ordering::AcqRel)
    }

    /// The label of the activity, for the metrics.
    pub(crate) fn label(&self) -> Label {
        self.call.label
    }

    /// When it began.
    pub(crate) fn began(&self) -> Timestamp {
        Timestamp::from_micros(self.call.began.load(Ordering::Relaxed))
    }

    /// Records that the end of its call is in the metrics; returns whether it was so before.
    pub(crate) fn is_counted(&self) -> bool {
        let before = self.call.is_counted.load(Ordering::Relaxed);
        self.call.is_counted.store(true, Ordering::Relaxed);
        before
    }

    /// Records when its time limits begin to count.
    pub(crate) fn limits_count_from(&self, now: Timestamp) {
        self.call.began.store(now.as_micros(), Ordering::Relaxed);
    }

    /// Records when, and on which runtime, its task begins.
    pub(crate) fn begins_on(&self, thread: RuntimeId, now: Timestamp) {
        self.call.began.store(now.as_micros(), Ordering::Relaxed);
        // It begins once.
        let _ = self.call.thread.set(thread);
    }

    /// Whether its task has begun on a thread.
    pub(crate) fn has_begun_on(&self, thread: RuntimeId) -> bool {
        self.call.thread.get() == Some(&thread)
    }

    /// Whether the caller is the first to ask, and is to give its place back.
    pub(crate) fn may_leave(&self) -> bool {
        !self.call.has_left.swap(true, Ordering::AcqRel)
    }

    /// Whether its place was given back.
    pub(crate) fn has_left(&self) -> bool {
        self.call.has_left.load(Ordering::Acquire)
    }

    /// Drops the activity at its next await.
    pub(crate) fn cut_off(&self) {
        // Set first: what it returns because of the cancellation does not count.
        self.call.cancellation.cut_off.store(true, Ordering::Release);
        self.cancel();
        self.call.cancellation.task.wake();
    }

    /// Runs a future to its end; `None` when it was cut off, or its grace is over.
    pub(crate) async fn until_cut_off<F: Future>(
        &self,
        future: F,
        clock: &Arc<dyn TimerScheduler>,
    ) -> Option<F::Output> {
        let cancellation = &self.call.cancellation;
        let is_cut_off = || cancellation.cut_off.load(Ordering::Acquire);
        let mut future = pin!(future);
        let mut grace = None;
        poll_fn(|cx| {
            if is_cut_off() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                // It may have been cut off meanwhile, from another thread.
                return Poll::Ready((!is_cut_off()).then_some(output));
            }
            // Enlisted before the last look, so that no change is missed in between.
            cancellation.task.register(cx.waker());
            if let Some(end) = cancellation.grace_ends() {
                let grace = grace.get_or_insert_with(|| {
                    let clock = clock.clone();
                    Box::pin(async move { clock.sleep_until(end).await })
                });
                if grace.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
            }
            if is_cut_off() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// Cancels the activity; at the time `end` it is dropped at its next await. The first call counts.
    pub(crate) fn cancel_until(&self, end: Timestamp) {
        let ends = &self.call.cancellation.grace_ends;
        // 0 means that there is no end; every end is later than the epoch.
        let end = end.as_micros().max(1);
        let _ = ends.compare_exchange(0, end, Ordering::AcqRel, Ordering::Acquire);
        self.cancel();
        self.call.cancellation.task.wake();
    }

    pub(super) fn cancel(&self) {
        self.call.cancellation.requested.store(true, Ordering::Release);
        let woken = catch(|| self.call.cancellation.changed.notify_waiters());
        if let Err(panic) = woken {
            // The waker belongs to something that this activity alone has polled.
            tracing::warn!(target: "reenact::activity", parent: None, activity = %self.call.name, panic, "a waker of an activity panicked");
        }
    }
}

/// The 64-bit FNV-1a hash of parts, one after the other. Idempotency keys contain it, so it never
/// changes.
fn fnv1a(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().copied().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl fmt::Debug for ActivityContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityContext")
            .field("name", &self.call.name)
            .field("call", &self.idempotency_key())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
