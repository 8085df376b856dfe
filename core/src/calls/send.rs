//! The call that raises an external event on another instance.

use alloc::boxed::Box;

use serde::Serialize;

use super::recipient::{Addressed, Requested, ToRecipient, Unstartable};
use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::error::SendError;
use crate::event::{Event, RequestEvent};
use crate::event_name::NamesEvent;
use crate::future::DurableFuture;
use crate::ids::{CorrelationId, Name};
use crate::message::Request;
use crate::output::DurableOutput;
use crate::payload::{Payload, PayloadError};
use crate::state::State;

impl OrchestrationContext {
    /// Raises an external event on another instance. The future is complete when it is durable
    /// there, or refused; dropping the future only forgets that.
    ///
    /// It leaves when the event of its sending is durable, and counts exactly once. What one instance
    /// sends to another arrives in the order in which it was sent. While the other one is parked, or
    /// has too many events waiting, it is tried again for as long as it takes. A
    /// [`Recipient`](crate::Recipient) can be started where it is absent, in one step with the event.
    ///
    /// ```
    /// # use reenact_core::{
    /// #     Executor, OrchestrationCode, OrchestrationContext, OrchestrationError,
    /// # };
    /// async fn notify(ctx: OrchestrationContext, cart: String) -> Result<(), OrchestrationError> {
    ///     Ok(ctx.raise_event(cart, "Paid", &12).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("notify", notify).unwrap())
    ///     .drive_to_completion("cart-7")
    ///     .unwrap();
    /// assert_eq!(run.sent::<u32>("Paid"), [("cart-7".into(), 12)]);
    /// ```
    ///
    /// # Errors
    /// The future gives [`SendError`].
    pub fn raise_event<T: Serialize + ?Sized>(
        &self,
        to: impl ToRecipient,
        name: impl NamesEvent<T>,
        data: &T,
    ) -> DurableFuture<Result<(), SendError>> {
        let to = to.addressed();
        // Without the lock: a `Serialize` may be code of the user's.
        let data = Payload::write_large(data);
        let refusal = self.refusal_to_start(&to);
        let mut state = self.shared().lock();
        match state.send_event((to, refusal), name.event_name(), data, self.is_shielded()) {
            Ok(id) => {
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, DurableOutput::into_sent)
            }
            Err(error) => {
                let output = DurableOutput::Sent(Err(Box::new(error)));
                DurableFuture::refused(state.next_position(), output, DurableOutput::into_sent)
            }
        }
    }
}

impl State {
    /// The code sends an event. An error: nothing is recorded.
    fn send_event(
        &mut self,
        (to, refusal): (Addressed, Option<Unstartable>),
        name: &str,
        data: Result<Payload, PayloadError>,
        shielded: bool,
    ) -> Result<CorrelationId, SendError> {
        if let Some(cancelled) = self.refuses(shielded) {
            return Err(cancelled.into());
        }
        let or_start = to.or_start;
        let to = to.instance?;
        let or_start =
            or_start.transpose()?.map(|start| start.within_limit_of(self)).transpose()?;
        let name = Name::new(name)?;
        let data = self.within_limit(data?)?;
        let is_sent = |event: &Event| {
            matches!(event, Event::EventSent { .. } | Event::Request(RequestEvent::Sent { .. }))
        };
        if !self.log_has(is_sent) {
            data.check_depth()?;
            or_start.iter().try_for_each(|start| start.input.check_depth())?;
        }
        let id = self.next_id();
        let event = name.clone();
        let requested = if or_start.is_some() {
            let request = Request { name, data, is_update: false, or_start };
            let sent = RequestEvent::Sent { id, to: to.clone(), request };
            self.record_request(id, sent, refusal)
        } else if self.record(Event::EventSent { id, to: to.clone(), name, data }).counts() {
            Requested::Recorded
        } else {
            Requested::Halted
        };
        match requested {
            Requested::Halted => {}
            Requested::Recorded => self.buffer_slot(id, Scheduled::Send { to, event }, shielded),
            Requested::Refused(why) => {
                let error = SendError::InvalidInput(why);
                self.refuse_request(id, DurableOutput::Sent(Err(Box::new(error))));
            }
        }
        Ok(id)
    }
}
