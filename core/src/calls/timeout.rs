//! A time limit for anything that an orchestration awaits.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::context::OrchestrationContext;
use crate::error::TimedOut;
use crate::future::DurableFuture;
use crate::state::Shared;

impl OrchestrationContext {
    /// Awaits a future for at most so long: a durable future, or any other that is built from
    /// durable ones, an `async` block for instance. The time counts from this call, by a durable
    /// timer.
    ///
    /// When the time is over, the future is dropped, which cancels what it stands for. When the
    /// future is complete in time, the timer is cancelled. To keep a future that was late, pass
    /// `&mut future`.
    ///
    /// **The order of the history decides**, even when both were complete before anybody asked. If
    /// the timer has fired when this is polled, the future is polled once more, and sees nothing of
    /// what completed after that: neither results, nor external events, in whatever combinators it
    /// awaits them. So it is complete if what came before the end of the time was enough for it, and
    /// late otherwise, at replay as it was live. (This does not hold for what it is handed past the
    /// history, by a channel from another branch of the code: that it has whenever it looks. It is
    /// the same at replay all the same.)
    ///
    /// What was due first happens first, also when no host was there: where the time was over while
    /// all hosts were down, what comes after the next start is late.
    ///
    /// A [cancel](Self::shielded) reaches what the future awaits, and not the limit: that goes on
    /// holding for what the future does about it, shielded clean-up for instance.
    ///
    /// A duration of zero gives the future what is there already: its timer fires after the turn
    /// that sets it. A duration over [`MAX_TIMER`](crate::limits::MAX_TIMER) fails the instance.
    ///
    /// An external event that comes after the time stays buffered for the next wait for its name:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn order(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    ///     let day = Duration::from_secs(24 * 60 * 60);
    ///     for reminder in 1..=3 {
    ///         match ctx.timeout(day, ctx.wait_external::<String>("Paid")).await {
    ///             Ok(paid) => return Ok(format!("{} after {} reminders", paid?, reminder - 1)),
    ///             Err(_) => ctx.call_activity_by_name("remind", &reminder).await?,
    ///         }
    ///     }
    ///     Ok("not paid".into())
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .activity("remind", |_: u32| Ok(()))
    ///     .drive_to_completion(&())
    ///     .unwrap();
    /// assert_eq!(run.output::<String>(), Some("not paid".into()));
    /// ```
    ///
    /// # Errors
    /// The await gives [`TimedOut`] when the future was not complete in time.
    pub fn timeout<F: Future>(
        &self,
        after: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, TimedOut>> + use<F> {
        let shared = self.shared().clone();
        // Dropped in this order, polled or not: that is a part of the history.
        let parts = (future, self.schedule_limit(after));
        async move {
            let (future, mut timer) = parts;
            let mut future = pin!(future);
            poll_fn(|cx| match timer.ready() {
                Some(fired) => {
                    let output = poll_as_of(&shared, fired, |cx| future.as_mut().poll(cx), cx);
                    Poll::Ready(match output {
                        Poll::Ready(output) => Ok(output),
                        Poll::Pending => Err(TimedOut { after }),
                    })
                }
                None => match future.as_mut().poll(cx) {
                    Poll::Ready(output) => Poll::Ready(Ok(output)),
                    Poll::Pending => timer.poll_ready(cx).map(|()| Err(TimedOut { after })),
                },
            })
            .await
        }
    }

    /// The timer of a time limit: shielded, and nothing that cancelled code can go on by.
    fn schedule_limit(&self, after: Duration) -> DurableFuture<()> {
        let mut state = self.shared().lock();
        let fire_at = state.time_of_timer(after);
        let id = state.schedule_limit(fire_at);
        drop(state);
        DurableFuture::scheduled(self.shared().clone(), id, |_| ())
    }
}

/// Polls with nothing to be seen of what completed at a place in the log or after it.
fn poll_as_of<T>(
    shared: &Shared,
    position: u64,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    cx: &mut Context<'_>,
) -> Poll<T> {
    let before = shared.lock().buffer.hide_from(position);
    let _hidden = Hidden { shared, before };
    poll(cx)
}

/// While it lives, the latest completions are not to be seen. A guard: the poll may panic, and the
/// code may catch that.
struct Hidden<'a> {
    shared: &'a Shared,
    before: Option<u64>,
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let in_vain = self.shared.lock().buffer.hide_as_before(self.before);
        in_vain.into_iter().for_each(Waker::wake);
    }
}
