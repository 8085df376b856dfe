//! Entities, for the code of orchestrations, and the signals of entities to each other.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use reenact_actors::entities::{EntityRefusal, OperationRequest};
use reenact_actors::{EntityCallError, EntityId};
use reenact_core::{
    CallUpdateError, DurableFuture, HeldLock, InstanceId, OrchestrationContext, Recipient,
    SendError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::handle::signals;
use super::message::{HELD, OPERATIONS};
use super::{
    Entity, EntityCaller, EntityContext, EntityHandle, EntitySignaller, EntityTarget, Signals,
};

/// Entities, as the code of an orchestration calls them.
pub trait CallEntities {
    /// An entity, by its type and its key. Its operations are methods of what this gives, as for a client: a call gives
    /// its answer, and [`signal`](EntityHandle::signal) sends without one. The entity is made if it is not there.
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
    /// #[orchestration]
    /// async fn salary(ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> {
    ///     ctx.entity::<Account>("state").signal().deposit(cents / 2).await?;
    ///     Ok(ctx.entity::<Account>("ada").deposit(cents - cents / 2).await?)
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder().provider(InMemory::new()).entity::<Account>().orchestration(salary);
    /// let host = host.start().await?;
    /// assert_eq!(host.start_new(salary, 500).await?.result().await?, 250);
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// Where this code holds the [lock](OrchestrationContext::lock) of the entity, the call goes ahead of those that
    /// wait for it; a signal waits with them.
    ///
    /// A host that has no such entity parks the orchestration.
    fn entity<T: Entity>(&self, key: impl AsRef<str>) -> EntityHandle<T, OrchestrationContext>;

    /// The same, for programs that know the type only as they run: operations are called by their names.
    fn entity_by_name(&self, entity_type: &str, key: &str) -> EntityTarget<OrchestrationContext>;
}

impl CallEntities for OrchestrationContext {
    fn entity<T: Entity>(&self, key: impl AsRef<str>) -> EntityHandle<T, Self> {
        EntityHandle::new(self.clone(), key)
    }

    fn entity_by_name(&self, entity_type: &str, key: &str) -> EntityTarget<Self> {
        EntityTarget::new(self.clone(), entity_type.to_owned().into(), key.to_owned())
    }
}

impl EntityContext {
    /// Another entity, for programs that know the type only as they run. See [`signal`](Self::signal).
    pub fn entity_by_name(&self, entity_type: &str, key: &str) -> EntityTarget<Self> {
        EntityTarget::new(self.clone(), entity_type.to_owned().into(), key.to_owned())
    }

    /// Another entity, or this one, for signals: operations that are sent without waiting for an answer. They leave
    /// when this operation's turn is durable, also if it is refused after that.
    pub fn signal<T: Entity>(&self, key: impl AsRef<str>) -> EntityHandle<T, Signals<Self>> {
        signals(self.clone(), key)
    }
}

/// The answer of an entity, which an orchestration waits for. It was sent when the operation was called; dropping this
/// does not undo it.
#[must_use = "the answer is there once it is awaited"]
pub struct EntityAnswer<A, E> {
    answer: Sent<A, E>,
}

enum Sent<A, E> {
    Not(Option<EntityCallError<E>>),
    Yes(DurableFuture<Result<A, CallUpdateError<EntityRefusal<E>>>>),
}

impl<A, E> Unpin for EntityAnswer<A, E> {}

impl<A, E> Future for EntityAnswer<A, E> {
    type Output = Result<A, EntityCallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.answer {
            Sent::Yes(answer) => Pin::new(answer).poll(cx).map_err(untangled),
            // Polled again after its end, it waits for ever, as other futures do.
            Sent::Not(error) => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
        }
    }
}

impl<A, E> fmt::Debug for EntityAnswer<A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityAnswer").finish_non_exhaustive()
    }
}

impl EntityCaller for OrchestrationContext {
    type Call<A: DeserializeOwned, E: DeserializeOwned> = EntityAnswer<A, E>;

    fn call<I: Serialize, A: DeserializeOwned, E: DeserializeOwned>(
        target: &EntityTarget<Self>,
        operation: &str,
        arguments: &I,
    ) -> EntityAnswer<A, E> {
        let not_sent = |error| EntityAnswer { answer: Sent::Not(Some(error)) };
        let ctx = target.caller();
        let entity = match target.instance() {
            Ok(entity) => entity,
            Err(why) => return not_sent(EntityCallError::Call(why.into())),
        };
        let mut request = OperationRequest { op: operation, input: arguments, at: None, by: None };
        let answer = match ctx.held_lock(entity) {
            HeldLock::NotHeld => {
                let to = recipient(target.entity_type(), entity);
                ctx.call_update(&to, OPERATIONS.as_str(), &request)
            }
            HeldLock::Held(lock) => {
                request.by = Some(lock);
                ctx.call_update(entity, HELD.as_str(), &request)
            }
            HeldLock::Lost => {
                return not_sent(EntityCallError::LockLost { entity: entity.clone() });
            }
        };
        EntityAnswer { answer: Sent::Yes(answer) }
    }
}

impl EntitySignaller for OrchestrationContext {
    type Signal = DurableFuture<Result<(), SendError>>;

    fn signal<I: Serialize>(
        target: &EntityTarget<Signals<Self>>,
        operation: &str,
        arguments: &I,
    ) -> Self::Signal {
        send(target.caller().caller(), target, operation, arguments)
    }
}

impl EntitySignaller for EntityContext {
    type Signal = DurableFuture<Result<(), SendError>>;

    fn signal<I: Serialize>(
        target: &EntityTarget<Signals<Self>>,
        operation: &str,
        arguments: &I,
    ) -> Self::Signal {
        send(target.caller().caller().ctx(), target, operation, arguments)
    }
}

fn send<C, I: Serialize>(
    ctx: &OrchestrationContext,
    target: &EntityTarget<Signals<C>>,
    operation: &str,
    arguments: &I,
) -> DurableFuture<Result<(), SendError>> {
    let at = target.caller().when().at(ctx.now());
    let request = OperationRequest { op: operation, input: arguments, at, by: None };
    let name = OPERATIONS.as_str();
    match target.instance() {
        Ok(entity) => ctx.raise_event(recipient(target.entity_type(), entity), name, &request),
        // It is refused with the same words as every invalid id.
        Err(_) => ctx.raise_event(target.invalid_id(), name, &request),
    }
}

fn recipient(entity_type: &str, entity: &InstanceId) -> Recipient {
    Recipient::new(entity).or_start_by_name(EntityId::orchestration_of(entity_type), &())
}

impl<T: Entity> EntityHandle<T, OrchestrationContext> {
    /// The entity, for [`lock`](OrchestrationContext::lock), which may be given entities of several types. One that does
    /// not exist is made when it is asked for its lock.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Account {
    /// #     cents: u64,
    /// # }
    /// # #[entity]
    /// # impl Account {
    /// #     fn deposit(&mut self, cents: u64) -> u64 {
    /// #         self.cents += cents;
    /// #         self.cents
    /// #     }
    /// # }
    /// # async fn example(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    /// let (ada, grace) = (ctx.entity::<Account>("ada"), ctx.entity::<Account>("grace"));
    /// let lock = ctx.lock([ada.recipient(), grace.recipient()]).await?;
    /// ada.deposit(1).await?; // all other calls of the two wait
    /// grace.deposit(1).await?;
    /// lock.release();
    /// # Ok(())
    /// # }
    /// # let _ = example;
    /// ```
    pub fn recipient(&self) -> Recipient {
        self.target().recipient()
    }
}

impl EntityTarget<OrchestrationContext> {
    /// The entity, for [`lock`](OrchestrationContext::lock).
    pub fn recipient(&self) -> Recipient {
        match self.instance() {
            Ok(entity) => recipient(self.entity_type(), entity),
            // No entity can have the key, and no instance this id: whatever is sent to it is refused.
            Err(_) => Recipient::new(""),
        }
    }
}

/// What an entity refuses with says whether the operation did.
fn untangled<E>(error: CallUpdateError<EntityRefusal<E>>) -> EntityCallError<E> {
    match error.into_refusal() {
        Ok(EntityRefusal::Refused(error)) => EntityCallError::Refused(error),
        Ok(EntityRefusal::Failed(failure)) => EntityCallError::Failed(failure),
        Err(other) => EntityCallError::Call(other),
    }
}
