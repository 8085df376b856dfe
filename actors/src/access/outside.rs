//! Completes activities from outside, by the tokens of their attempts.

use reenact_core::limits::MAX_HEARTBEAT_BYTES;
use reenact_core::{
    ActivityError, ActivityErrorKind, ActivityToken, Event, History, Payload, PayloadError,
};

use super::Access;
use crate::error::{Error, Result};
use crate::message::{FromOutside, Internal, Outside};

impl Access {
    /// Completes the attempt of an activity, or lets it fail, on whatever host it ran. Durable when it returns: in the log
    /// of the instance, or in the queue of the host that has it. Of a failure that may pass there is another
    /// attempt, by the policy of the call.
    ///
    /// # Errors
    /// [`Error::TokenUsed`], [`Error::TooLate`], [`Error::NotFound`]; [`Error::InvalidPayload`] for
    /// [`ActivityError::later`]; [`Error::Parked`], [`Error::Busy`], [`Error::ShuttingDown`],
    /// [`Error::Interrupted`], [`Error::Unreadable`], [`Error::Store`]. Through a queue, two that come at the same
    /// time are both durable there, and the first counts.
    ///
    /// Cancelled, it may or may not have completed the attempt: another call with the same token says.
    pub async fn complete_activity(
        &self,
        token: &ActivityToken,
        result: Result<Payload, ActivityError>,
    ) -> Result<()> {
        if matches!(&result, Err(error) if error.kind() == ActivityErrorKind::Later) {
            let what = format!("the failure of activity {}", token.id());
            let source = PayloadError::Decode("`later` is no failure".into());
            return Err(Error::InvalidPayload { what, source });
        }
        if let Ok(output) = &result {
            self.check_payload(output, || format!("the output of activity {}", token.id()))?;
        }
        let bytes = result.as_ref().map_or_else(|error| error.message().len(), Payload::len);
        self.ask_about(token, bytes, Outside::Ended(result)).await
    }

    /// Reports a heartbeat of the attempt of an activity. Durable when it returns.
    ///
    /// # Errors
    /// As of [`complete_activity`](Self::complete_activity); [`Error::OverLimit`] when the details are over
    /// [`MAX_HEARTBEAT_BYTES`].
    pub async fn record_heartbeat(&self, token: &ActivityToken, details: Payload) -> Result<()> {
        let bytes = details.len();
        if bytes > MAX_HEARTBEAT_BYTES {
            let what = format!(
                "the heartbeat of activity {} has {bytes} bytes of details; at most \
                 {MAX_HEARTBEAT_BYTES} are allowed",
                token.id()
            );
            return Err(Error::OverLimit { what });
        }
        self.ask_about(token, bytes, Outside::Heartbeat(details)).await
    }

    async fn ask_about(&self, token: &ActivityToken, bytes: usize, what: Outside) -> Result<()> {
        let message = FromOutside { token: token.clone(), what, reply: None };
        let asked = self.ask(token.instance(), bytes, |reply| {
            Internal::FromOutside(Box::new(FromOutside { reply: Some(reply), ..message })).into()
        });
        match asked.await {
            // The log says more.
            Err(Error::TooLate { .. } | Error::Finished { .. }) => {
                self.is_awaited(token).await?;
                Err(too_late(token, "the instance has gone on since"))
            }
            answer => answer,
        }
    }

    /// Whether an attempt is under way, by what is durable; otherwise why it is not.
    pub(super) async fn is_awaited(&self, token: &ActivityToken) -> Result<()> {
        let summary = self.store().summary(token.instance()).await?;
        let history = self.store().history(token.instance(), None).await?;
        if summary.execution != token.run().execution || seed_of(&history) != Some(token.run().seed)
        {
            return Err(too_late(token, "it was of an execution that is over"));
        }
        check(&history, token)
    }
}

/// Where the random numbers of an execution begin.
fn seed_of(history: &History) -> Option<u64> {
    let first = history.events().next()?;
    let Event::ExecutionStarted { seed, .. } = first.event else { return None };
    Some(*seed)
}

/// Whether the attempt of a token is under way after a history of its run.
fn check(history: &History, token: &ActivityToken) -> Result<()> {
    let used = || Error::TokenUsed { instance: token.instance().clone(), id: token.id() };
    let mut found = Err(too_late(token, "there is no such call"));
    for recorded in history.events() {
        match recorded.event {
            Event::TaskScheduled { id, .. } if *id == token.id() => {
                found = match token.attempt() {
                    1 => Ok(()),
                    _ => Err(too_late(token, "the attempt has not begun")),
                };
            }
            Event::TaskCompleted { id, .. } if *id == token.id() => found = Err(used()),
            Event::TaskFailed { id, error } if *id == token.id() => {
                found = Err(ended_with(token, error, used));
            }
            Event::TaskAttemptFailed { id, attempt, error, .. } if *id == token.id() => {
                found = match *attempt {
                    before if before.checked_add(1) == Some(token.attempt()) => Ok(()),
                    same if same == token.attempt() => Err(ended_with(token, error, used)),
                    _ => Err(too_late(token, "another attempt has begun since")),
                };
            }
            Event::TaskCancelRequested { id } if *id == token.id() => {
                found = Err(too_late(token, "the orchestration no longer waits for it"));
            }
            Event::ExecutionRenewed { .. } if found.is_ok() => {
                found = Err(too_late(token, "the orchestration has gone on as new"));
            }
            event if event.is_terminal() && found.is_ok() => {
                found = Err(too_late(token, "the instance has finished"));
            }
            _ => {}
        }
    }
    found
}

fn ended_with(token: &ActivityToken, error: &ActivityError, used: impl Fn() -> Error) -> Error {
    match error.kind() {
        ActivityErrorKind::TimedOut
        | ActivityErrorKind::HostDied
        | ActivityErrorKind::Cancelled => too_late(token, error),
        _ => used(),
    }
}

fn too_late(token: &ActivityToken, why: impl std::fmt::Display) -> Error {
    let (instance, id) = (token.instance().clone(), token.id());
    Error::TooLate { instance, id, why: why.to_string() }
}
