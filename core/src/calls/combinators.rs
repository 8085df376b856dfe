//! `when_any` and `when_all`: by the order of the history, never by the order of polling.

use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::context::OrchestrationContext;
use crate::future::DurableFuture;
use crate::zoo::{self, Bug};

/// The first of several durable futures, and the others.
#[derive(Debug)]
pub struct Winner<T> {
    /// Its place among those that were given.
    pub index: usize,
    /// Its output.
    pub output: T,
    /// The others, in the order in which they were given. Await them later, or drop them: that
    /// cancels what is still open.
    pub rest: Vec<DurableFuture<T>>,
}

/// See [`OrchestrationContext::when_any`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct WhenAny<T> {
    futures: Vec<DurableFuture<T>>,
}

impl OrchestrationContext {
    /// The future that completed first, **by the order of the history**, even when several were
    /// complete before anybody asked. Costs the number of futures for each call.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reenact_core::{DurableOutput, OrchestrationContext, OrchestrationError};
    /// async fn race(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    ///     let go = ctx.schedule_wait::<String>("Go").into_output();
    ///     let deadline = ctx.schedule_timer(Duration::from_secs(60)).into_output();
    ///     let first = ctx.when_any([go, deadline]).await;
    ///     match first.output {
    ///         DurableOutput::Timer => Ok("too late".into()),
    ///         event => Ok(event.into_external()?),
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// When there are no futures: none would ever be the first.
    pub fn when_any<T>(&self, futures: impl IntoIterator<Item = DurableFuture<T>>) -> WhenAny<T> {
        let futures = Vec::from_iter(futures);
        assert!(!futures.is_empty(), "when_any needs at least one future");
        WhenAny { futures }
    }

    /// The outputs of all futures, in the order in which the futures were given. Costs the number
    /// of futures, however wide.
    pub async fn when_all<T>(&self, futures: impl IntoIterator<Item = DurableFuture<T>>) -> Vec<T> {
        let mut futures = Vec::from_iter(futures);
        // Nothing is taken before all is there: dropped in between, it leaves its events to others.
        for future in &mut futures {
            poll_fn(|cx| future.poll_ready(cx)).await;
        }
        let mut outputs = Vec::with_capacity(futures.len());
        for future in futures {
            outputs.push(future.await);
        }
        outputs
    }
}

impl<T> Future for WhenAny<T> {
    type Output = Winner<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Winner<T>> {
        let ready = self.futures.iter().enumerate();
        let mut ready = ready.filter_map(|(index, f)| Some((f.ready()?, index)));
        let first = match zoo::planted(Bug::CompletionOrderByPoll) {
            true => ready.next(),
            false => ready.min(),
        };
        let Some((_, index)) = first else {
            for future in &mut self.futures {
                // Pending, as was just seen; this leaves the waker.
                let _ = Pin::new(future).poll(cx);
            }
            return Poll::Pending;
        };
        let mut rest = core::mem::take(&mut self.futures);
        let mut winner = rest.remove(index);
        match Pin::new(&mut winner).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Winner { index, output, rest }),
            Poll::Pending => {
                rest.insert(index, winner);
                self.futures = rest;
                Poll::Pending
            }
        }
    }
}
