//! `DurableFuture`: the one future type of everything that an orchestration awaits.

use alloc::format;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::correlation_buffer::{Dropped, Scheduled};
use crate::error::{ActivityError, EventError};
use crate::ids::CorrelationId;
use crate::output::DurableOutput;
use crate::payload::PayloadError;
use crate::state::Shared;

/// Something that was scheduled, and will have a `T`.
///
/// It was scheduled when it was made, whether anybody awaits it or not. Its output waits in the
/// instance's correlation buffer until it is taken: by an await, whenever that is.
///
/// **Dropping it** before then cancels what it stands for, if the code goes on: if it makes another step,
/// or awaits something that is not complete. That is recorded. What is called and dropped before its
/// turn is over is not started at all. What the code drops as the execution ends (by a return, by `?`,
/// by a panic, for a limit, by continuing as new) ends with the execution: activities and timers are
/// called off, and children follow their [`ParentClose`](crate::ParentClose). A host that stops, or
/// lets the instance go from memory, drops nothing.
///
/// It keeps its waker and is woken in the order of the history, so that it works in every
/// combinator of std, `futures` or `tokio` that is itself deterministic.
#[must_use = "dropping a durable future cancels it"]
pub struct DurableFuture<T> {
    source: Source,
    decode: fn(DurableOutput) -> T,
    name: Option<fn(T, &Called) -> T>,
}

/// What an output is the output of: for errors to say.
pub(crate) struct Called {
    pub(crate) id: CorrelationId,
    pub(crate) scheduled: Scheduled,
}

enum Source {
    Slot {
        shared: Shared,
        id: CorrelationId,
    },
    /// Refused before anything was recorded; the place in the log where that was.
    Refused {
        position: u64,
        output: DurableOutput,
    },
    Taken,
}

impl<T> DurableFuture<T> {
    pub(crate) const fn scheduled(
        shared: Shared,
        id: CorrelationId,
        decode: fn(DurableOutput) -> T,
    ) -> Self {
        Self { source: Source::Slot { shared, id }, decode, name: None }
    }

    /// The same future, whose errors say what they are of.
    pub(crate) fn naming(self, name: fn(T, &Called) -> T) -> Self {
        // Not by a struct update: that would move out of what has a `Drop`.
        let mut named = self;
        named.name = Some(name);
        named
    }

    pub(crate) const fn refused(
        position: u64,
        output: DurableOutput,
        decode: fn(DurableOutput) -> T,
    ) -> Self {
        Self { source: Source::Refused { position, output }, decode, name: None }
    }

    /// The same future with its output not decoded, so that futures of different kinds can stand
    /// in one `Vec` for [`when_any`](crate::OrchestrationContext::when_any).
    pub fn into_output(mut self) -> DurableFuture<DurableOutput> {
        let source = core::mem::replace(&mut self.source, Source::Taken);
        DurableFuture { source, decode: |output| output, name: Some(Called::name_output) }
    }

    /// The correlation id in the history; `None` when nothing was scheduled.
    pub fn id(&self) -> Option<CorrelationId> {
        match self.source {
            Source::Slot { id, .. } => Some(id).filter(|id| id.is_recorded()),
            Source::Refused { .. } | Source::Taken => None,
        }
    }

    /// The place in the log of what completed it, when that is there.
    pub(crate) fn ready(&self) -> Option<u64> {
        match &self.source {
            Source::Slot { shared, id } => {
                let state = shared.lock();
                // See `poll_output`.
                if state.halt.is_some() { None } else { state.buffer.ready(*id) }
            }
            Source::Refused { position, .. } => Some(*position),
            Source::Taken => None,
        }
    }

    /// Ready when the output is there to be taken.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.ready() {
            Some(_) => Poll::Ready(()),
            // Pending, as was just seen; this leaves the waker.
            None => Pin::new(self).poll(cx).map(drop),
        }
    }

    fn poll_output(&mut self, waker: &Waker) -> Poll<(DurableOutput, Option<Called>)> {
        match core::mem::replace(&mut self.source, Source::Taken) {
            Source::Refused { output, .. } => Poll::Ready((output, None)),
            Source::Taken => Poll::Pending,
            Source::Slot { shared, id } => {
                let mut state = shared.lock();
                if state.halt.is_some() {
                    // What the code does from here on counts for nothing, so it takes nothing: what
                    // has come is for the next execution.
                    drop(state);
                    self.source = Source::Slot { shared, id };
                    return Poll::Pending;
                }
                if let Some((output, scheduled, stale)) = state.buffer.take(id) {
                    state.note_taken(id, &output);
                    drop(state);
                    drop(stale);
                    return Poll::Ready((output, Some(Called { id, scheduled })));
                }
                if state.buffer.must_keep(id, waker) {
                    // It may be code of the user's, as is every waker that a combinator makes.
                    drop(state);
                    let waker = waker.clone();
                    let replaced = shared.lock().buffer.await_slot(id, waker);
                    drop(replaced);
                } else {
                    drop(state);
                }
                self.source = Source::Slot { shared, id };
                Poll::Pending
            }
        }
    }
}

/// Polled again after it is complete, it stays pending.
impl<T> Future for DurableFuture<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.poll_output(cx.waker()).map(|(output, called)| {
            let output = (self.decode)(output);
            match (self.name, called) {
                (Some(name), Some(called)) => name(output, &called),
                _ => output,
            }
        })
    }
}

impl<T> Drop for DurableFuture<T> {
    fn drop(&mut self) {
        let Source::Slot { shared, id } = &self.source else {
            return;
        };
        let mut state = shared.lock();
        if state.is_closed() {
            return;
        }
        if let Dropped::Open { scheduled, wake, stale } = state.buffer.drop_slot(*id) {
            state.drop_open(*id, scheduled);
            drop(state);
            drop(stale);
            wake.into_iter().for_each(Waker::wake);
        }
    }
}

impl<T> core::fmt::Debug for DurableFuture<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DurableFuture").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Called {
    /// Of a call of an activity.
    pub(crate) fn name_task<T>(
        output: Result<T, ActivityError>,
        called: &Self,
    ) -> Result<T, ActivityError> {
        output.map_err(|error| match &called.scheduled {
            Scheduled::Task { name, attempts, .. } => {
                let attempts = attempts.as_ref().map_or(1, |attempts| attempts.attempt());
                error.of_call(name.clone(), Some(called.id), attempts)
            }
            Scheduled::Timer { .. }
            | Scheduled::Wait { .. }
            | Scheduled::AnyWait
            | Scheduled::Child { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Command { .. }
            | Scheduled::Update { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => error,
        })
    }

    /// Of a wait for an event.
    pub(crate) fn name_event<T>(
        output: Result<T, EventError>,
        called: &Self,
    ) -> Result<T, EventError> {
        output.map_err(|error| match (&called.scheduled, error) {
            (Scheduled::Wait { name }, EventError::InvalidData(PayloadError::Decode(why))) => {
                let why = format!("event `{name}` {}: {why}", called.id);
                EventError::InvalidData(PayloadError::Decode(why))
            }
            (_, error) => error,
        })
    }

    fn name_output(output: DurableOutput, called: &Self) -> DurableOutput {
        match output {
            DurableOutput::Task(result) => DurableOutput::Task(Self::name_task(result, called)),
            DurableOutput::Timer
            | DurableOutput::External(_)
            | DurableOutput::AnyExternal(_)
            | DurableOutput::Child(_)
            | DurableOutput::Started(_)
            | DurableOutput::Sent(_)
            | DurableOutput::Commanded(_)
            | DurableOutput::Updated(_)
            | DurableOutput::Cancelled => output,
        }
    }
}
