//! How entities are called: in one shape by every caller.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use reenact_actors::EntityId;
use reenact_core::{InstanceId, InvalidName, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Entity;

/// Who calls entities, and waits for their answers: a client, or the code of an orchestration.
pub trait EntityCaller: Sized {
    /// A call on its way: it gives an `A`, or the operation's error `E`.
    type Call<A: DeserializeOwned, E: DeserializeOwned>;

    /// Calls an operation.
    fn call<I: Serialize, A: DeserializeOwned, E: DeserializeOwned>(
        target: &EntityTarget<Self>,
        operation: &str,
        arguments: &I,
    ) -> Self::Call<A, E>;
}

/// Who sends entities signals: operations without an answer.
pub trait EntitySignaller: Clone {
    /// A signal on its way.
    type Signal;

    /// Sends an operation.
    fn signal<I: Serialize>(
        target: &EntityTarget<Signals<Self>>,
        operation: &str,
        arguments: &I,
    ) -> Self::Signal;
}

/// The operations of an entity, as methods: `#[entity]` writes such a type.
pub trait EntityOperations<C> {
    /// Those of this entity.
    fn of(target: EntityTarget<C>) -> Self;

    /// The entity.
    fn target(&self) -> &EntityTarget<C>;
}

/// An entity, and who calls it.
#[derive(Clone, Debug)]
pub struct EntityTarget<C> {
    caller: C,
    entity_type: Cow<'static, str>,
    key: String,
    instance: Result<InstanceId, InvalidName>,
}

/// An entity, for one who calls it: its operations are methods, and so is what every entity has. Whether the key is
/// valid shows when it is called.
#[must_use = "it does nothing until an operation is called"]
pub struct EntityHandle<T: Entity, C: EntityCaller> {
    operations: T::Operations<C>,
}

/// One who calls entities without waiting for answers: see [`EntityHandle::signal`].
#[derive(Clone, Debug)]
pub struct Signals<C> {
    caller: C,
    when: When,
}

/// When an operation is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When it comes.
    Now,
    /// After this time, from when it is sent.
    After(Duration),
    /// At this time.
    At(Timestamp),
}

impl<T: Entity, C: EntityCaller> EntityHandle<T, C> {
    pub(crate) fn new(caller: C, key: impl AsRef<str>) -> Self {
        let key = key.as_ref().to_owned();
        Self { operations: T::Operations::of(EntityTarget::new(caller, T::NAME.into(), key)) }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.target().key
    }

    /// The id of the instance that the entity is, `@type@key`.
    ///
    /// # Errors
    /// [`InvalidName`] when the key is empty, is too long, or has control characters.
    pub fn id(&self) -> Result<&InstanceId, InvalidName> {
        self.target().instance()
    }

    pub(crate) fn target(&self) -> &EntityTarget<C> {
        self.operations.target()
    }
}

impl<T: Entity, C: EntityCaller + EntitySignaller> EntityHandle<T, C> {
    /// The same entity, for signals: operations that are sent without waiting for an answer. They come after what was
    /// sent before, and count once. What they return, or are refused with, nobody sees.
    pub fn signal(&self) -> EntityHandle<T, Signals<C>> {
        signals(self.target().caller.clone(), self.target().key.clone())
    }
}

pub(super) fn signals<T: Entity, C: EntitySignaller>(
    caller: C,
    key: impl AsRef<str>,
) -> EntityHandle<T, Signals<C>> {
    EntityHandle::new(Signals { caller, when: When::Now }, key)
}

impl<T: Entity, C: EntitySignaller> EntityHandle<T, Signals<C>> {
    /// Later: after this time, from now on. The entity keeps it until then, and does other operations meanwhile.
    /// See [`MAX_LATER_SIGNALS`](crate::limits::MAX_LATER_SIGNALS).
    pub fn after(self, after: Duration) -> Self {
        self.when(When::After(after))
    }

    /// Later: at this time. One that has passed is now.
    pub fn at(self, at: Timestamp) -> Self {
        self.when(When::At(at))
    }

    fn when(self, when: When) -> Self {
        let target = self.target();
        let caller = Signals { caller: target.caller.caller.clone(), when };
        Self::new(caller, &target.key)
    }
}

impl<C> EntityTarget<C> {
    pub(crate) fn new(caller: C, entity_type: Cow<'static, str>, key: String) -> Self {
        let instance = EntityId::instance_of(&entity_type, &key);
        Self { caller, entity_type, key, instance }
    }

    /// Who calls.
    pub const fn caller(&self) -> &C {
        &self.caller
    }

    /// The name of the entity's type.
    pub fn entity_type(&self) -> &str {
        &self.entity_type
    }

    /// The id of the entity's instance.
    ///
    /// # Errors
    /// [`InvalidName`]: no entity can have the key.
    pub fn instance(&self) -> Result<&InstanceId, InvalidName> {
        self.instance.as_ref().map_err(Clone::clone)
    }

    /// A text that is no id, for the same reason as the key is none.
    pub(super) fn invalid_id(&self) -> String {
        match self.key.is_empty() {
            true => String::new(),
            false => format!("@{}@{}", self.entity_type, self.key),
        }
    }
}

impl<C: EntityCaller> EntityTarget<C> {
    /// Calls an operation.
    pub fn call<I: Serialize, A: DeserializeOwned, E: DeserializeOwned>(
        &self,
        operation: &str,
        arguments: &I,
    ) -> C::Call<A, E> {
        C::call(self, operation, arguments)
    }
}

impl<C: EntitySignaller> EntityTarget<C> {
    /// Sends an operation as a signal.
    pub fn signal<I: Serialize>(&self, operation: &str, arguments: &I, when: When) -> C::Signal {
        let caller = Signals { caller: self.caller.clone(), when };
        let (entity_type, key) = (self.entity_type.clone(), self.key.clone());
        C::signal(&EntityTarget::new(caller, entity_type, key), operation, arguments)
    }
}

impl<C> Signals<C> {
    /// Who sends them.
    pub const fn caller(&self) -> &C {
        &self.caller
    }

    /// When they are to be done.
    pub const fn when(&self) -> When {
        self.when
    }
}

impl When {
    /// The time, of now; `None` for now.
    pub(crate) fn at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Now => None,
            Self::At(at) => Some(at),
            Self::After(after) => {
                let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
                Some(Timestamp::from_micros(now.as_micros().saturating_add(micros)))
            }
        }
    }
}

impl<C: EntitySignaller> EntityCaller for Signals<C> {
    type Call<A: DeserializeOwned, E: DeserializeOwned> = C::Signal;

    fn call<I: Serialize, A: DeserializeOwned, E: DeserializeOwned>(
        target: &EntityTarget<Self>,
        operation: &str,
        arguments: &I,
    ) -> C::Signal {
        C::signal(target, operation, arguments)
    }
}

impl<T: Entity, C: EntityCaller> Deref for EntityHandle<T, C> {
    type Target = T::Operations<C>;

    fn deref(&self) -> &Self::Target {
        &self.operations
    }
}

impl<T: Entity, C: EntityCaller> fmt::Debug for EntityHandle<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityHandle")
            .field("type", &T::NAME)
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}
