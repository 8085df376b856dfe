//! Updates: requests to instances, with an answer.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use reenact_actors::{Error, ExternalEvent, Result, UpdateError};
use reenact_core::{InstanceId, NamesUpdate, PayloadError, ToInstanceId, UpdateAnswer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, InstanceHandle, StartNew};

/// An update on its way: await it to send it and to wait for its answer; nothing happens before. The answer
/// is durable.
///
/// It waits for as long as the instance takes, also while that is suspended or parked. Dropped, only the wait
/// ends: put a time limit around it.
///
/// # Errors
/// - [`UpdateError::Refused`]: the code refused it, or its declaration did.
/// - [`UpdateError::Dropped`]: the code took it, and dropped it.
/// - [`Error::NoAnswer`]: the instance has ended without an answer: it completed, failed, or was cancelled or
///   terminated.
/// - [`Error::InvalidName`], [`Error::InvalidPayload`]: the id, the name, the key or the request cannot be, or the
///   request is not of the type that the instance takes. Also when the answer is not of the type that is asked
///   for.
/// - [`Error::UnknownEvent`]: the code declares its updates, and none of that name.
/// - [`Error::NotFound`], [`Error::Finished`], [`Error::TooManyEvents`], [`Error::OverLimit`]: the instance does
///   not take it.
/// - [`Error::AnswerForgotten`]: with the key of an update that was answered too long ago.
/// - [`Error::Quarantined`]: another host has the instance, and does not take it. What a declared check refuses there
///   has the error that it has here; if that is longer than
///   [`MAX_QUARANTINE_DETAILS_BYTES`](crate::providers::limits::MAX_QUARANTINE_DETAILS_BYTES), it is this one.
/// - [`Error::Parked`]: the instance is parked, and its log cannot be read.
/// - [`Error::Busy`], [`Error::ShuttingDown`], [`Error::Interrupted`], [`Error::Store`]: whether it counted may not be
///   known; send it again with the same key.
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateInstance<A, E> {
    client: Client,
    id: Result<InstanceId>,
    update: Result<ExternalEvent>,
    types: PhantomData<fn() -> Result<A, E>>,
}

/// A start with an update. Await it for both; nothing happens before. See [`StartNew::and_update`].
#[must_use = "nothing is started until it is awaited"]
pub struct StartWithUpdate<T, A, E> {
    start: StartNew<T>,
    update: Result<ExternalEvent>,
    types: PhantomData<fn() -> Result<A, E>>,
}

impl Client {
    /// Sends an update to an instance, and waits for its answer: see [`UpdateInstance`] for its options and
    /// errors, and [`updates`](reenact_core::OrchestrationContext::updates) for how an instance takes them.
    ///
    /// The name is a text, or an [`UpdateName`](crate::UpdateName) that knows the types: then a request of
    /// another type does not compile.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// use reenact::{UpdateError, UpdateName};
    ///
    /// const ADD: UpdateName<u32, u32, String> = UpdateName::new("add");
    ///
    /// #[orchestration(updates(ADD))]
    /// async fn total(ctx: OrchestrationContext, most: u32) -> Result<u32, OrchestrationError> {
    ///     let (mut adds, mut sum) = (ctx.updates(ADD), 0);
    ///     while sum < most {
    ///         let add = adds.next().await?;
    ///         match *add.request() {
    ///             0 => add.refuse(&"nothing to add".to_string()),
    ///             cents => {
    ///                 sum += cents;
    ///                 add.reply(&sum);
    ///             }
    ///         }
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder().provider(InMemory::new()).orchestration(total).start().await?;
    /// host.start_new(total, 10).id("sum-7").await?;
    ///
    /// assert_eq!(host.update("sum-7", ADD, 4).await.unwrap(), 4);
    /// let refused = host.update("sum-7", ADD, 0).await.unwrap_err();
    /// assert!(matches!(refused, UpdateError::Refused(why) if why == "nothing to add"));
    /// // With a key, it can be sent again: it counts once, and has the same answer.
    /// assert_eq!(host.update("sum-7", ADD, 5).key("order-9").await.unwrap(), 9);
    /// assert_eq!(host.update("sum-7", ADD, 5).key("order-9").await.unwrap(), 9);
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn update<Q: Serialize, A, E>(
        &self,
        id: impl ToInstanceId,
        name: impl NamesUpdate<Q, A, E>,
        request: Q,
    ) -> UpdateInstance<A, E> {
        self.update_on(id.to_instance_id().map_err(Error::from), name, request)
    }

    pub(crate) fn update_on<Q: Serialize, A, E>(
        &self,
        id: Result<InstanceId>,
        name: impl NamesUpdate<Q, A, E>,
        request: Q,
    ) -> UpdateInstance<A, E> {
        let update = ExternalEvent::new(name.update_name(), &request);
        UpdateInstance { client: self.clone(), id, update, types: PhantomData }
    }
}

impl<O> InstanceHandle<O> {
    /// Sends an update to the instance, and waits for its answer; see [`Client::update`].
    pub fn update<Q: Serialize, A, E>(
        &self,
        name: impl NamesUpdate<Q, A, E>,
        request: Q,
    ) -> UpdateInstance<A, E> {
        self.client().update_on(self.checked_id().cloned(), name, request)
    }
}

impl<A, E> UpdateInstance<A, E> {
    /// An idempotency key: sent again with the same key, it counts once and has the same answer. The instance
    /// knows the keys of one execution, and after it continues as new the newest
    /// [`CARRIED_EVENT_KEYS`](crate::limits::CARRIED_EVENT_KEYS), with the newest
    /// [`MAX_KEPT_ANSWERS`](crate::limits::MAX_KEPT_ANSWERS) answers. Events and updates share the keys.
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        self.update = self.update.and_then(|update| update.with_key(key.as_ref()));
        self
    }
}

impl<A, E> IntoFuture for UpdateInstance<A, E>
where
    A: DeserializeOwned + 'static,
    E: DeserializeOwned + 'static,
{
    type Output = Result<A, UpdateError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, id, update, .. } = self;
        Box::pin(async move {
            let (instance, update) = (id?, update?);
            let answer = client.access().update(&instance, update).await;
            typed(&instance, answer)
        })
    }
}

impl<T> StartNew<T> {
    /// Sends an update with the start, both or none, as [`and_raise`](Self::and_raise) does with an event, and
    /// waits for its answer: where there is no instance of the id, it is started; where there is one that
    /// runs, it gets the update. Needs an [id](Self::id) of your own. A key is given with
    /// [`StartWithUpdate::key`].
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # use reenact::{UpdateError, UpdateName};
    /// # const ADD: UpdateName<u32, u32, String> = UpdateName::new("add");
    /// # #[orchestration]
    /// # async fn total(ctx: OrchestrationContext, most: u32) -> Result<u32, OrchestrationError> {
    /// #     Ok(most)
    /// # }
    /// # async fn add(host: &Host) -> Result<(), UpdateError<String>> {
    /// let (instance, sum) = host.start_new(total, 10).id("sum-7").and_update(ADD, 4).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn and_update<Q: Serialize, A, E>(
        self,
        name: impl NamesUpdate<Q, A, E>,
        request: Q,
    ) -> StartWithUpdate<T, A, E> {
        let update = ExternalEvent::new(name.update_name(), &request);
        StartWithUpdate { start: self, update, types: PhantomData }
    }
}

impl<T, A, E> StartWithUpdate<T, A, E> {
    /// An idempotency key of the update: see [`UpdateInstance::key`].
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        self.update = self.update.and_then(|update| update.with_key(key.as_ref()));
        self
    }
}

impl<T, A, E> IntoFuture for StartWithUpdate<T, A, E>
where
    T: DeserializeOwned + 'static,
    A: DeserializeOwned + 'static,
    E: DeserializeOwned + 'static,
{
    type Output = Result<(InstanceHandle<T>, A), UpdateError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { start, update, .. } = self;
        Box::pin(async move {
            let (client, request, trace) = start.with_event(update?).request()?;
            let id = request.instance.clone().unwrap_or_else(InstanceId::of_no_instance);
            let answer = client.access().start_with_update(request, trace).await;
            let answer = typed(&id, answer)?;
            Ok((InstanceHandle::new(client, id), answer))
        })
    }
}

/// An answer as its type.
fn typed<A: DeserializeOwned, E: DeserializeOwned>(
    instance: &InstanceId,
    answer: Result<UpdateAnswer>,
) -> Result<A, UpdateError<E>> {
    let invalid = |what: &str, source: PayloadError| {
        let what = format!("{what} of instance `{instance}` to an update");
        UpdateError::Failed(Error::InvalidPayload { what, source })
    };
    match answer {
        Ok(UpdateAnswer::Replied(answer)) => {
            answer.decode().map_err(|why| invalid("the answer", why))
        }
        Ok(UpdateAnswer::Refused(reason)) | Err(Error::UpdateRefused { reason, .. }) => {
            let reason = reason.decode().map_err(|why| invalid("the refusal", why))?;
            Err(UpdateError::Refused(reason))
        }
        Ok(UpdateAnswer::Invalid(why)) => {
            let source = PayloadError::Decode(why);
            let what = format!("an update of instance `{instance}`");
            Err(UpdateError::Failed(Error::InvalidPayload { what, source }))
        }
        Ok(UpdateAnswer::Dropped) => Err(UpdateError::Dropped { instance: instance.clone() }),
        Ok(other) => {
            let reason = format!("an update is answered as {other:?}");
            Err(UpdateError::Failed(Error::Unreadable { instance: instance.clone(), reason }))
        }
        Err(error) => Err(UpdateError::Failed(error)),
    }
}
