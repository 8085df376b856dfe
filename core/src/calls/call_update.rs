//! The call that sends an update to another instance, and waits for its answer.

use alloc::boxed::Box;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::recipient::{Addressed, Requested, ToRecipient, Unstartable};
use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::error::CallUpdateError;
use crate::event::{Event, RequestEvent};
use crate::future::DurableFuture;
use crate::ids::{CorrelationId, Name};
use crate::message::Request;
use crate::output::DurableOutput;
use crate::payload::{Payload, PayloadError};
use crate::state::State;
use crate::update_name::NamesUpdate;

impl OrchestrationContext {
    /// Sends an update to another instance. The future has its answer, exactly once, whatever crashes in between.
    ///
    /// The update leaves when the event of its sending is durable, and the answer when that is durable in the log
    /// of the other instance. What one instance sends to another arrives in the order in which it was sent. An
    /// instance that is suspended or parked takes the update, and answers it when it goes on; one that
    /// continues as new takes it along. Dropping the future does not undo the update; its answer changes
    /// nothing then.
    ///
    /// The name is a text, or an [`UpdateName`](crate::UpdateName) that knows the types. The other instance is
    /// known by its id, or is a [`Recipient`](crate::Recipient) that is started where it is absent.
    ///
    /// ```
    /// # use reenact_core::{
    /// #     Executor, OrchestrationCode, OrchestrationContext, OrchestrationError, UpdateName,
    /// # };
    /// const RESERVE: UpdateName<u32, String, String> = UpdateName::new("reserve");
    ///
    /// async fn order(ctx: OrchestrationContext, items: u32) -> Result<String, OrchestrationError> {
    ///     Ok(ctx.call_update("stock", RESERVE, &items).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .update("reserve", |items: u32| Ok::<_, String>(format!("{items} reserved")))
    ///     .drive_to_completion(&3)
    ///     .unwrap();
    /// assert_eq!(run.output::<String>(), Some("3 reserved".into()));
    /// ```
    ///
    /// # Errors
    /// The future gives a [`CallUpdateError`]: what the other instance refused it with, why it has no answer, or
    /// why it was not sent. An orchestration to be started that is not registered parks this instance, with nothing
    /// recorded.
    pub fn call_update<Q, A, E>(
        &self,
        to: impl ToRecipient,
        name: impl NamesUpdate<Q, A, E>,
        request: &Q,
    ) -> DurableFuture<Result<A, CallUpdateError<E>>>
    where
        Q: Serialize + ?Sized,
        A: DeserializeOwned,
        E: DeserializeOwned,
    {
        let to = to.addressed();
        // Without the lock: a `Serialize` may be code of the user's.
        let data = Payload::write_large(request);
        let refusal = self.refusal_to_start(&to);
        let mut state = self.shared().lock();
        match state.send_update((to, refusal), name.update_name(), data, self.is_shielded()) {
            Ok(id) => {
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, DurableOutput::into_updated)
            }
            Err(error) => {
                let output = DurableOutput::Updated(Err(Box::new(error)));
                DurableFuture::refused(state.next_position(), output, DurableOutput::into_updated)
            }
        }
    }
}

impl State {
    /// The code sends an update. An error: nothing is recorded.
    fn send_update(
        &mut self,
        (to, refusal): (Addressed, Option<Unstartable>),
        name: &str,
        data: Result<Payload, PayloadError>,
        shielded: bool,
    ) -> Result<CorrelationId, CallUpdateError<Payload>> {
        if let Some(cancelled) = self.refuses(shielded) {
            return Err(cancelled.into());
        }
        let to_instance = to.instance?;
        let or_start =
            to.or_start.transpose()?.map(|start| start.within_limit_of(self)).transpose()?;
        let name = Name::new(name)?;
        let data = self.within_limit(data?)?;
        if !self.log_has(|event| matches!(event, Event::Request(RequestEvent::Sent { .. }))) {
            data.check_depth()?;
            or_start.iter().try_for_each(|start| start.input.check_depth())?;
        }
        let (id, update, to) = (self.next_id(), name.clone(), to_instance);
        let request = Request { name, data, is_update: true, or_start };
        let sent = RequestEvent::Sent { id, to: to.clone(), request };
        match self.record_request(id, sent, refusal) {
            Requested::Halted => {}
            Requested::Recorded => {
                let lineage = self.lineage();
                self.buffer_slot(id, Scheduled::Update { to, update, lineage }, shielded);
            }
            Requested::Refused(why) => {
                let error = CallUpdateError::InvalidInput(why);
                self.refuse_request(id, DurableOutput::Updated(Err(Box::new(error))));
            }
        }
        Ok(id)
    }
}
