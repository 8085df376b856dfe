//! Completes activities from outside.

use reenact_actors::{Error, Result};
use reenact_core::{ActivityError, Payload, ToActivityToken};
use serde::Serialize;

use super::Client;

impl Client {
    /// Completes an activity that has returned [`ActivityError::later`], or is about to. The token is that of
    /// [`ActivityContext::token`](reenact_actors::ActivityContext::token), or its text. Durable when it returns.
    /// Any client of the store can do this, after any time, and each token counts once.
    ///
    /// The output has to be what the activity returns: the orchestration gets
    /// [`InvalidOutput`](reenact_core::ActivityErrorKind::InvalidOutput) when it does not decode.
    ///
    /// ```
    /// use reenact::prelude::*;
    ///
    /// #[activity]
    /// async fn approve(ctx: ActivityContext, number: u32) -> Result<bool, ActivityError> {
    ///     ask_for(number, ctx.token().to_string()).await?;
    ///     Err(ActivityError::later())
    /// }
    /// # static SENT: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);
    /// # async fn ask_for(_number: u32, token: String) -> Result<(), ActivityError> {
    /// #     *SENT.lock().unwrap() = Some(token);
    /// #     Ok(())
    /// # }
    ///
    /// #[orchestration]
    /// async fn order(ctx: OrchestrationContext, number: u32) -> Result<bool, OrchestrationError> {
    ///     Ok(ctx.call_activity(approve, number).await?)
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder().provider(InMemory::new());
    /// let host = host.orchestration(order).activity(approve).start().await?;
    /// let instance = host.start_new(order, 7).await?;
    /// # let token = loop {
    /// #     if let Some(token) = SENT.lock().unwrap().take() { break token; }
    /// #     tokio::task::yield_now().await;
    /// # };
    /// // Days later, with the token:
    /// host.complete_activity(&token, &true).await?;
    /// assert!(instance.result().await?);
    /// let again = host.complete_activity(&token, &false).await.unwrap_err();
    /// assert!(matches!(again, reenact::Error::TokenUsed { .. }));
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a text that is no token. [`Error::TokenUsed`] when the attempt was completed
    /// before, by this token or by itself. [`Error::TooLate`] when its time is over, or nobody waits for it any
    /// more. [`Error::NotFound`] when there is no such instance. [`Error::InvalidPayload`],
    /// [`Error::Parked`], [`Error::Busy`], [`Error::ShuttingDown`]: nothing was stored.
    /// [`Error::Interrupted`], [`Error::Store`]: whether it counted may not be known; complete it again.
    ///
    /// Through another host's shard, `Ok` says that it survives. Of two that come there at the same time, the first
    /// counts, and a refusal that comes later is in [quarantine](Self::quarantined).
    pub async fn complete_activity<T: Serialize + ?Sized>(
        &self,
        token: impl ToActivityToken,
        output: &T,
    ) -> Result<()> {
        let token = token.to_activity_token()?;
        let output = Payload::encode_large(output).map_err(|source| Error::InvalidPayload {
            what: format!("the output of activity {}", token.id()),
            source,
        })?;
        self.access.complete_activity(&token, Ok(output)).await
    }

    /// Lets an attempt of an activity fail that has returned [`ActivityError::later`], or is about to. When the
    /// failure may pass, the call's policy decides about another attempt: that runs the activity again, with
    /// another token. Durable when it returns.
    ///
    /// # Errors
    /// As of [`complete_activity`](Self::complete_activity).
    pub async fn fail_activity(
        &self,
        token: impl ToActivityToken,
        error: ActivityError,
    ) -> Result<()> {
        self.access.complete_activity(&token.to_activity_token()?, Err(error)).await
    }

    /// Reports from outside that an attempt of an activity is alive, and how far it is, as
    /// [`ActivityContext::heartbeat`](reenact_actors::ActivityContext::heartbeat) does while it runs. Each one is
    /// recorded before this returns: send them as often as the heartbeat limit asks, and not more.
    ///
    /// # Errors
    /// As of [`complete_activity`](Self::complete_activity); [`Error::OverLimit`] when the details are over
    /// [`MAX_HEARTBEAT_BYTES`](reenact_core::limits::MAX_HEARTBEAT_BYTES).
    pub async fn heartbeat_activity<T: Serialize + ?Sized>(
        &self,
        token: impl ToActivityToken,
        details: &T,
    ) -> Result<()> {
        let token = token.to_activity_token()?;
        let details = Payload::encode(details).map_err(|source| Error::InvalidPayload {
            what: format!("the details of a heartbeat of activity {}", token.id()),
            source,
        })?;
        self.access.record_heartbeat(&token, details).await
    }
}
