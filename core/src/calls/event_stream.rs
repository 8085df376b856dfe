//! The external events of one name, one after the other.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::error::EventError;
use crate::event_name::NamesEvent;

/// External events of one name, as they come. See [`OrchestrationContext::events`].
#[must_use = "it takes no event until `next` is awaited"]
pub struct Events<T> {
    ctx: OrchestrationContext,
    name: String,
    data: PhantomData<fn() -> T>,
}

impl OrchestrationContext {
    /// The external events of a name, one after the other, in the order in which they come.
    ///
    /// Nothing is recorded until the first [`next`](Events::next). Events that come between two of
    /// them, or before the first, are kept for the next. Whatever was not taken when this is dropped
    /// stays for other waits for the name.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn basket(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    ///     let mut items = ctx.events::<Option<u64>>("Item");
    ///     let mut cents = 0;
    ///     while let Some(price) = items.next().await? {
    ///         cents += price;
    ///     }
    ///     Ok(cents)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("basket", basket).unwrap())
    ///     .event("Item", &Some(250))
    ///     .event("Item", &Some(120))
    ///     .event("Item", &None::<u64>)
    ///     .drive_to_completion(&())
    ///     .unwrap();
    /// assert_eq!(run.output::<u64>(), Some(370));
    /// ```
    pub fn events<T: DeserializeOwned>(&self, name: impl NamesEvent<T>) -> Events<T> {
        Events { ctx: self.clone(), name: name.event_name().into(), data: PhantomData }
    }
}

impl<T: DeserializeOwned> Events<T> {
    /// Waits for the next event. Dropped before it has one, it leaves the event to the next call, so
    /// that it can stand in a race or under a [`timeout`](OrchestrationContext::timeout). Each wait
    /// that is dropped so costs two events of the history.
    ///
    /// # Errors
    /// [`EventError::InvalidData`] when the event's data is not a `T`: it is taken, and the next call
    /// gives the next one. [`EventError::Cancelled`] when a
    /// [cancel](OrchestrationContext::shielded) comes. [`EventError::InvalidName`] when no event can have the name, at every
    /// call.
    pub async fn next(&mut self) -> Result<T, EventError> {
        self.ctx.wait_external(&self.name).await
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("name", &self.name).finish_non_exhaustive()
    }
}
