//! Entities, for clients: calls, signals, states, and what there is of a type.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use reenact_actors::entities::{DELETE, STATE};
use reenact_actors::{EntityError, EntityId, Error, ExternalEvent, Result, StartRequest};
use reenact_core::{InstanceId, InvalidName, Timestamp};
use reenact_providers::{InstanceFilter, PageRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Client;
use crate::entities::{
    Entity, EntityCaller, EntityHandle, EntitySignaller, EntityTarget, Signals, event_of, typed,
};

/// A call of an entity on its way: await it to send it and to wait for its answer; nothing happens before. The answer
/// is durable. The entity is made if it is not there.
///
/// It waits for as long as the entity takes. Dropped, only the wait ends: put a time limit around it.
///
/// # Errors
/// - [`EntityError::Refused`]: the operation returned this error.
/// - [`EntityError::Failed`]: it could not be done, for example because it panicked. In both cases the state is as
///   it was before.
/// - [`EntityError::Call`] with [`Error::InvalidName`]: no entity can have the key; with [`Error::InvalidPayload`]: the
///   arguments do not encode, or the answer is of another type; with [`Error::NoAnswer`], [`Error::Finished`]: the
///   entity was terminated; with [`Error::UnknownOrchestration`]: this host does not have the entity. Otherwise as
///   [`UpdateInstance`](super::UpdateInstance) and [`StartNew`](super::StartNew).
///
/// [`Error::Busy`], [`Error::ShuttingDown`], [`Error::Interrupted`] and [`Error::Store`] do not say whether it counted:
/// call again with the same [key](Self::key).
#[must_use = "nothing is sent until it is awaited"]
pub struct CallEntity<A, E> {
    request: Result<StartRequest>,
    client: Client,
    types: PhantomData<fn() -> Result<A, E>>,
}

/// A signal to an entity on its way: await it to send it; nothing happens before. Durable when the await returns. The
/// entity is made if it is not there.
///
/// # Errors
/// [`Error::InvalidName`], [`Error::InvalidPayload`], [`Error::Finished`], [`Error::TooManyEvents`], and those of
/// [`RaiseEvent`](super::RaiseEvent) and [`StartNew`](super::StartNew).
#[must_use = "nothing is sent until it is awaited"]
pub struct SignalEntity {
    request: Result<StartRequest>,
    client: Client,
}

/// A page of the entities of a type: see [`Client::entities`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityPage {
    /// The entities, in the order of their keys.
    pub entities: Vec<EntitySummary>,
    /// After which instance the next page begins; `None` on the last page.
    pub next: Option<InstanceId>,
}

/// An entity in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntitySummary {
    /// Its key.
    pub key: String,
    /// The instance that it is.
    pub instance: InstanceId,
    /// When its first operation came.
    pub created_at: Timestamp,
    /// When something happened to it last.
    pub updated_at: Timestamp,
}

impl Client {
    /// An entity, by its type and its key. Its operations are methods of what this gives.
    ///
    /// ```
    /// use reenact::prelude::*;
    ///
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// struct Account {
    ///     cents: u64,
    /// }
    ///
    /// #[entity]
    /// impl Account {
    ///     fn deposit(&mut self, cents: u64) -> u64 {
    ///         self.cents += cents;
    ///         self.cents
    ///     }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder().provider(InMemory::new()).entity::<Account>().start().await?;
    /// let account = host.entity::<Account>("ada");
    /// assert_eq!(account.deposit(5).await?, 5);
    /// account.signal().deposit(2).await?;
    /// assert_eq!(account.deposit(1).await?, 8);
    /// assert_eq!(account.state().await?.unwrap().cents, 8);
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn entity<T: Entity>(&self, key: impl AsRef<str>) -> EntityHandle<T, Self> {
        EntityHandle::new(self.clone(), key)
    }

    /// The same, for programs that know the type only as they run: operations are called by their names.
    pub fn entity_by_name(&self, entity_type: &str, key: &str) -> EntityTarget<Self> {
        EntityTarget::new(self.clone(), entity_type.to_owned().into(), key.to_owned())
    }

    /// The entities of a type, in the order of their keys, a page at a time. Also those whose state was deleted, until
    /// they are [purged](EntityHandle::purge).
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn entities<T: Entity>(&self, page: &PageRequest) -> Result<EntityPage> {
        let filter = InstanceFilter::new().name(EntityId::orchestration_of(T::NAME));
        let page = self.list(&filter, page).await?;
        let entities = page.instances.into_iter().filter_map(|found| {
            let key = EntityId::of(&found.instance)?.key().to_owned();
            let (created_at, updated_at) = (found.created_at, found.updated_at);
            Some(EntitySummary { key, instance: found.instance, created_at, updated_at })
        });
        Ok(EntityPage { entities: entities.collect(), next: page.next })
    }
}

impl<T: Entity> EntityHandle<T, Client> {
    /// The state, as it is durable; `None` when there is none: no operation has changed it yet, or it was deleted.
    ///
    /// It is read from memory or from the log: no code of the entity runs, no lock is waited for, and an entity
    /// that waits for something answers as well. What an operation has answered is in it.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::InvalidPayload`] when it is of another type; [`Error::Unreadable`],
    /// [`Error::Store`].
    ///
    /// Cancelling it is harmless.
    pub async fn state(&self) -> Result<Option<T>> {
        self.target().state().await
    }

    /// Deletes the state, in its turn among the operations: the next one begins with the default. The
    /// instance stays, with a short log; [`purge`](Self::purge) removes it.
    pub fn delete(&self) -> CallEntity<(), reenact_actors::NoRefusal> {
        self.target().call(DELETE, &())
    }

    /// Removes the entity, with its state and its history, at once: an operation that runs is cut off, and those who
    /// wait get [`Error::NoAnswer`]. What comes meanwhile may get [`Error::Finished`]. The next operation
    /// after that makes a new entity.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; otherwise as [`Client::terminate`] and [`Client::purge`].
    pub async fn purge(&self) -> Result<()> {
        self.target().purge().await
    }
}

impl EntityTarget<Client> {
    /// The state: see [`EntityHandle::state`].
    ///
    /// # Errors
    /// As there.
    pub async fn state<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        match self.caller().query(self.instance()?, STATE).await {
            Err(Error::NotFound { .. }) => Ok(None),
            state => state,
        }
    }

    /// Removes the entity: see [`EntityHandle::purge`].
    ///
    /// # Errors
    /// As there.
    pub async fn purge(&self) -> Result<()> {
        self.caller().access().purge_entity(self.instance()?).await
    }
}

impl EntityCaller for Client {
    type Call<A: DeserializeOwned, E: DeserializeOwned> = CallEntity<A, E>;

    fn call<I: Serialize, A: DeserializeOwned, E: DeserializeOwned>(
        target: &EntityTarget<Self>,
        operation: &str,
        arguments: &I,
    ) -> CallEntity<A, E> {
        let event = event_of(operation, arguments, None);
        let request = request(target.entity_type(), target.instance(), event);
        CallEntity { request, client: target.caller().clone(), types: PhantomData }
    }
}

impl EntitySignaller for Client {
    type Signal = SignalEntity;

    fn signal<I: Serialize>(
        target: &EntityTarget<Signals<Self>>,
        operation: &str,
        arguments: &I,
    ) -> SignalEntity {
        let client = target.caller().caller().clone();
        let at = target.caller().when().at(client.access().now());
        let event = event_of(operation, arguments, at);
        SignalEntity { request: request(target.entity_type(), target.instance(), event), client }
    }
}

fn request(
    entity_type: &str,
    instance: Result<&InstanceId, InvalidName>,
    event: Result<ExternalEvent>,
) -> Result<StartRequest> {
    StartRequest::for_entity(entity_type, instance?, event?)
}

fn with_key(request: Result<StartRequest>, key: &str) -> Result<StartRequest> {
    let mut request = request?;
    request.event = request.event.map(|event| event.with_key(key)).transpose()?;
    Ok(request)
}

impl<A, E> CallEntity<A, E> {
    /// An idempotency key: sent again with the same key, it is done once and has the same answer. See
    /// [`UpdateInstance::key`](super::UpdateInstance::key) for how long.
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        self.request = with_key(self.request, key.as_ref());
        self
    }
}

impl SignalEntity {
    /// An idempotency key: sent again with the same key, it is done once.
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        self.request = with_key(self.request, key.as_ref());
        self
    }
}

impl<A, E> IntoFuture for CallEntity<A, E>
where
    A: DeserializeOwned + 'static,
    E: DeserializeOwned + 'static,
{
    type Output = Result<A, EntityError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { request, client, .. } = self;
        Box::pin(async move {
            let request = request?;
            let instance = request.instance.clone();
            let answer = client.access().update_or_start(request).await?;
            typed(&instance.unwrap_or_else(InstanceId::of_no_instance), answer)
        })
    }
}

impl IntoFuture for SignalEntity {
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { request, client } = self;
        Box::pin(async move { client.access().raise_or_start(request?).await })
    }
}
