//! What operations use in place of a clock, randomness and I/O.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reenact_core::{
    ActivityDefinition, ActivityError, ChildError, DurableFuture, Guid, InstanceId, NamedActivity,
    NamesEvent, OrchestrationByName, OrchestrationContext, SendError, Timestamp, ToInstanceId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The way of an operation to everything that is not its own arithmetic: activities, timers, the time, random
/// numbers. An operation takes it as its first argument, `ctx: EntityContext`. Cheap to clone.
///
/// While an operation waits for something, no other one of the entity runs. It cannot call other entities, as two
/// that call each other would wait for ever; it can send them [signals](Self::signal).
///
/// What is scheduled is recorded, and an operation that has scheduled something is run again when the entity comes
/// into memory: such an operation must be deterministic, as an orchestration must. See
/// [`OrchestrationContext`].
#[derive(Clone)]
pub struct EntityContext {
    ctx: OrchestrationContext,
    key: Arc<str>,
    random: Arc<AtomicU64>,
    deleted: Arc<AtomicBool>,
}

impl EntityContext {
    pub(super) fn new(ctx: OrchestrationContext, key: Arc<str>, seed: u64) -> Self {
        let (random, deleted) = (Arc::new(AtomicU64::new(seed)), Arc::new(AtomicBool::new(false)));
        Self { ctx, key, random, deleted }
    }

    pub(super) const fn ctx(&self) -> &OrchestrationContext {
        &self.ctx
    }

    /// The key of the entity.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The id of the entity's instance.
    pub fn instance_id(&self) -> InstanceId {
        self.ctx.instance_id()
    }

    /// The time: the same at every replay. It stands still while nothing is awaited.
    pub fn now(&self) -> Timestamp {
        self.ctx.now()
    }

    /// A random number, the same at every replay.
    pub fn random(&self) -> u64 {
        // SplitMix64, a step for each number.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.random.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random (version 4) UUID, the same at every replay.
    pub fn new_guid(&self) -> Guid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.random().to_be_bytes());
        bytes[8..].copy_from_slice(&self.random().to_be_bytes());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Guid::from_bytes(bytes)
    }

    /// Says something to the host's log, once.
    pub fn trace(&self, message: impl fmt::Display) {
        self.ctx.trace(message);
    }

    /// Deletes the entity's state when this operation has been done: the next operation begins with the default.
    /// If the operation is refused or fails, nothing is deleted.
    pub fn delete(&self) {
        self.deleted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Relaxed)
    }

    /// Calls an activity: see [`OrchestrationContext::call_activity`].
    pub fn call_activity<A: ActivityDefinition>(
        &self,
        activity: A,
        input: A::Input,
    ) -> DurableFuture<Result<A::Output, ActivityError>> {
        self.ctx.call_activity(activity, input)
    }

    /// Calls an activity that is known by its name only: see [`OrchestrationContext::call_activity_by_name`].
    pub fn call_activity_by_name<'a, I, O>(
        &self,
        name: impl Into<NamedActivity<'a>>,
        input: &I,
    ) -> DurableFuture<Result<O, ActivityError>>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        self.ctx.call_activity_by_name(name, input)
    }

    /// Sets a durable timer: see [`OrchestrationContext::timer`]. The entity does nothing else meanwhile; a
    /// [signal for later](super::EntityHandle::after) to itself leaves it free.
    pub fn timer(&self, after: Duration) -> DurableFuture<()> {
        self.ctx.timer(after)
    }

    /// Starts an orchestration that goes on by itself: see [`OrchestrationContext::start_orchestration_by_name`]. It can be
    /// started without an await: then it leaves together with what the operation leaves. Give it an id: one that follows
    /// from the entity's is that of an entity, which nothing else may have.
    pub fn start_orchestration_by_name<I: Serialize + ?Sized>(
        &self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> DurableFuture<Result<InstanceId, ChildError>> {
        self.ctx.start_orchestration_by_name(orchestration, input)
    }

    /// Raises an event on an instance: see [`OrchestrationContext::raise_event`]. It can be sent without an await.
    pub fn raise_event<T: Serialize + ?Sized>(
        &self,
        to: impl ToInstanceId,
        name: impl NamesEvent<T>,
        data: &T,
    ) -> DurableFuture<Result<(), SendError>> {
        self.ctx.raise_event(to, name, data)
    }
}

impl fmt::Debug for EntityContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityContext").field("key", &self.key).finish_non_exhaustive()
    }
}
