//! The calls by which code learns of a cancel, and shields what a cancel must not end.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;

use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::error::Cancelled;
use crate::future::DurableFuture;
use crate::output::DurableOutput;

/// # Cancellation
/// A cancel asks; the code decides. When one comes, everything that is open ends at once:
///
/// | what is open | ends with |
/// |---|---|
/// | an activity | an error of kind [`ActivityErrorKind::Cancelled`](crate::ActivityErrorKind::Cancelled); it is informed, and its result no longer counts |
/// | a wait for an event | [`EventError::Cancelled`](crate::EventError::Cancelled); the event goes to the next wait |
/// | a child | [`ChildError::Cancelled`](crate::ChildError::Cancelled); it is cancelled too, with the reason, unless it is [abandoned](crate::ParentClose::Abandon): then it goes on, and its parent no longer waits for it |
/// | a start or an event on its way to another instance | an error that says so; it goes on its way |
/// | a timer | nothing: it never completes, so that nobody can take a cancel for the passing of time |
///
/// What was complete before stays complete. From then on every new call ends at once in the same
/// way, and leaves no trace in the history; a timer that is set then never completes. So code that hands
/// errors on by `?` ends at its next call. Code that awaits nothing any more but such timers (and the
/// limits of a [`timeout`](Self::timeout) around them) cannot go on: the instance ends as cancelled right
/// there. [`until_cancelled`](Self::until_cancelled) gives such code a place to clean up. An orchestration whose error is of kind
/// [`Cancelled`](crate::OrchestrationErrorKind::Cancelled) then ends as cancelled. One that returns a
/// value has completed, and one that returns another error has failed: a cancel does not change what
/// the code says. More than [`MAX_CANCELLED_CALLS`](crate::limits::MAX_CANCELLED_CALLS) of such calls in one turn end the instance as
/// cancelled.
///
/// Not touched are what a [shielded](Self::shielded) context does, the time limits of
/// [`timeout`](Self::timeout), [`side_effect`](Self::side_effect), [`set_status`](Self::set_status),
/// [`trace`](Self::trace), and [`continue_as_new`](Self::continue_as_new): the next execution is
/// cancelled from its beginning. A second cancel changes nothing.
impl OrchestrationContext {
    /// The same context with a shield: what is called or scheduled on it is not touched by a
    /// cancel, whether that comes before or after. For clean-up and compensation, and for steps that
    /// must not be cut.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// # use reenact_core::Outcome;
    /// async fn trip(ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> {
    ///     let () = ctx.call_activity_by_name("book", "flight").await?;
    ///     let paid: Result<(), _> = ctx.wait_external("Paid").await;
    ///     if paid.is_err() {
    ///         let () = ctx.shielded().call_activity_by_name("undo", "flight").await?;
    ///     }
    ///     Ok(paid?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("trip", trip).unwrap())
    ///     .activity("book", |_: String| Ok(()))
    ///     .activity("undo", |_: String| Ok(()))
    ///     .cancel_at("Paid", "they stay at home")
    ///     .drive_to_completion(&())
    ///     .unwrap();
    /// assert_eq!(run.outcome, Outcome::Cancelled { reason: "they stay at home".into() });
    /// ```
    ///
    /// Whether a call is shielded is no part of the history. Code that changes it where instances
    /// have been cancelled may no longer fit their histories.
    #[must_use]
    pub fn shielded(&self) -> Self {
        self.with_shield()
    }

    /// Whether a cancel has come. A shielded context gives the same answer.
    pub fn is_cancelled(&self) -> bool {
        self.shared().lock().cancellation.is_some()
    }

    /// Goes on when no cancel has come; for code between steps that are shielded.
    /// A shielded context gives the same answer.
    ///
    /// # Errors
    /// [`Cancelled`] when one has come, with its reason.
    pub fn check_cancelled(&self) -> Result<(), Cancelled> {
        match &self.shared().lock().cancellation {
            Some(cancellation) => Err(cancellation.cancelled.clone()),
            None => Ok(()),
        }
    }

    /// Awaits a future, but no longer than until a cancel comes. For what a cancel does not end by
    /// itself, timers above all: they never complete after one, and the instance would end without a
    /// word.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn trial(ctx: OrchestrationContext, user: String) -> Result<(), OrchestrationError> {
    ///     let month = Duration::from_secs(30 * 24 * 60 * 60);
    ///     if let Err(cancelled) = ctx.until_cancelled(ctx.timer(month)).await {
    ///         let () = ctx.shielded().call_activity_by_name("close", &user).await?;
    ///         return Err(cancelled.into());
    ///     }
    ///     Ok(ctx.call_activity_by_name("charge", &user).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("trial", trial).unwrap())
    ///     .activity("charge", |_: String| Ok(()))
    ///     .drive_to_completion("Ada")
    ///     .unwrap();
    /// assert_eq!(run.output::<()>(), Some(()));
    /// ```
    ///
    /// The future is polled first: what was complete before the cancel counts, and so does what a cancel
    /// completes with an error, such as an activity. Otherwise the future is dropped, with whatever it
    /// was about to do after the cancel. A shielded context gives the same answer.
    ///
    /// # Errors
    /// The await gives [`Cancelled`] when a cancel has come and the future is not complete.
    pub fn until_cancelled<F: Future>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Cancelled>> + use<F> {
        let ctx = self.clone();
        async move {
            let mut future = pin!(future);
            let mut cancel = ctx.cancelled();
            poll_fn(|cx| match future.as_mut().poll(cx) {
                Poll::Ready(output) => Poll::Ready(Ok(output)),
                Poll::Pending => match (Pin::new(&mut cancel).poll(cx), ctx.check_cancelled()) {
                    (Poll::Ready(()), Err(cancelled)) => Poll::Ready(Err(cancelled)),
                    _ => Poll::Pending,
                },
            })
            .await
        }
    }

    /// A future that is complete when a cancel has come; for races with what is shielded. It is no
    /// event of the history. A shielded context gives the same answer.
    ///
    /// It counts among the durable futures that are
    /// [outstanding](crate::limits::MAX_OUTSTANDING).
    pub fn cancelled(&self) -> DurableFuture<()> {
        let mut state = self.shared().lock();
        if state.refuses(false).is_some() {
            return DurableFuture::refused(state.next_position(), DurableOutput::Cancelled, |_| ());
        }
        let id = state.schedule_unrecorded(Scheduled::Cancellation);
        drop(state);
        DurableFuture::scheduled(self.shared().clone(), id, |_| ())
    }
}
