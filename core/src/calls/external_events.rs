//! Waits for external events.

use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::error::EventError;
use crate::event_name::NamesEvent;
use crate::future::{Called, DurableFuture};
use crate::ids::Name;
use crate::output::DurableOutput;

impl OrchestrationContext {
    /// Begins to wait for the next external event of that name, which may have come already. The name
    /// is a text, or an [`EventName`](crate::EventName) that knows the type.
    ///
    /// Events of a name go to waits for it in order, each to one. A wait that is dropped leaves its
    /// event to the next.
    ///
    /// # Errors
    /// The future gives [`EventError`] when the data is not a `T`, when no event can have the name, or
    /// when a [cancel](Self::shielded) comes.
    pub fn schedule_wait<T: DeserializeOwned>(
        &self,
        name: impl NamesEvent<T>,
    ) -> DurableFuture<Result<T, EventError>> {
        let checked = Name::new(name.event_name());
        let mut state = self.shared().lock();
        if let Some(cancelled) = state.refuses(self.is_shielded()) {
            let output = DurableOutput::External(Err(cancelled.into()));
            return DurableFuture::refused(
                state.next_position(),
                output,
                DurableOutput::into_external,
            );
        }
        match checked {
            Ok(name) => {
                let id = state.schedule_wait(name, self.is_shielded());
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, DurableOutput::into_external)
                    .naming(Called::name_event)
            }
            Err(invalid) => {
                let output = DurableOutput::External(Err(invalid.into()));
                DurableFuture::refused(state.next_position(), output, DurableOutput::into_external)
            }
        }
    }

    /// As [`schedule_wait`](Self::schedule_wait); reads naturally for a single await.
    pub fn wait_external<T: DeserializeOwned>(
        &self,
        name: impl NamesEvent<T>,
    ) -> DurableFuture<Result<T, EventError>> {
        self.schedule_wait(name)
    }
}
