//! Waits for external events of any name.

use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::error::EventError;
use crate::future::DurableFuture;
use crate::ids::Name;
use crate::output::DurableOutput;
use crate::payload::{Payload, PayloadError};

/// An external event, of whichever name. See [`OrchestrationContext::any_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyEvent {
    name: Name,
    data: Payload,
}

/// External events of all names, as they come. See [`OrchestrationContext::any_events`].
#[must_use = "it takes no event until `next` is awaited"]
#[derive(Debug)]
pub struct AnyEvents {
    ctx: OrchestrationContext,
}

impl OrchestrationContext {
    /// Waits for the next external event of any name, which may have come already: for programs that do not know
    /// the names beforehand. The events come in the order in which they were raised, whatever their names.
    ///
    /// An event goes to the oldest wait that takes it: a wait for its name that is older goes first, and one that
    /// is newer does not. A wait that is dropped leaves its event to the others.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn log(ctx: OrchestrationContext, _: ()) -> Result<Vec<String>, OrchestrationError> {
    ///     let mut lines = Vec::new();
    ///     let mut events = ctx.any_events();
    ///     loop {
    ///         let event = events.next().await?;
    ///         match event.name().as_str() {
    ///             "Close" => return Ok(lines),
    ///             name => lines.push(format!("{name} {}", event.decode::<u64>()?)),
    ///         }
    ///     }
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("log", log).unwrap())
    ///     .event("Packed", &2)
    ///     .event("Sent", &1)
    ///     .event("Close", &())
    ///     .drive_to_completion(&())
    ///     .unwrap();
    /// assert_eq!(run.output::<Vec<String>>().unwrap(), ["Packed 2", "Sent 1"]);
    /// ```
    ///
    /// # Errors
    /// The future gives [`EventError::Cancelled`] when a [cancel](Self::shielded) comes.
    pub fn any_event(&self) -> DurableFuture<Result<AnyEvent, EventError>> {
        let event = |output: DurableOutput| {
            let (name, data) = output.into_any_event()?;
            Ok(AnyEvent { name, data })
        };
        let mut state = self.shared().lock();
        if let Some(cancelled) = state.refuses(self.is_shielded()) {
            let output = DurableOutput::AnyExternal(Err(cancelled.into()));
            return DurableFuture::refused(state.next_position(), output, event);
        }
        let id = state.schedule_any_wait(self.is_shielded());
        drop(state);
        DurableFuture::scheduled(self.shared().clone(), id, event)
    }

    /// The external events of all names, one after the other: see [`any_event`](Self::any_event). What was not
    /// taken when this is dropped stays for other waits.
    pub fn any_events(&self) -> AnyEvents {
        AnyEvents { ctx: self.clone() }
    }
}

impl AnyEvents {
    /// Waits for the next event. Dropped before it has one, it leaves the event to the next call, so that it can
    /// stand in a race or under a [`timeout`](OrchestrationContext::timeout).
    ///
    /// # Errors
    /// [`EventError::Cancelled`] when a [cancel](OrchestrationContext::shielded) comes.
    pub async fn next(&mut self) -> Result<AnyEvent, EventError> {
        self.ctx.any_event().await
    }
}

impl AnyEvent {
    /// Its name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What it carries, as it is stored.
    pub const fn data(&self) -> &Payload {
        &self.data
    }

    /// What it carries, as a type.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when it is not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        self.data.decode()
    }
}
