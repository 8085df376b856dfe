//! The code of all entities: takes operations in the order in which they come, does one after the other, and
//! answers them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use reenact_actors::entities::{DELETE, EntityLock, EntityRequest, LOCK, STATE};
use reenact_actors::{Caught, EntityFailureKind, EntityId};
use reenact_core::limits::{
    ENTITY_SNAPSHOT_BYTES, ENTITY_SNAPSHOT_OPERATIONS, MAX_ENTITY_STATE_BYTES,
    MAX_LATER_SIGNAL_BYTES, MAX_LATER_SIGNALS, MAX_LOCKS_GIVEN_BACK, MAX_TIMER,
};
use reenact_core::{
    DeclaredUpdate, DurableFuture, EventError, InvalidName, Name, NextRawUpdate, OrchestrationCode,
    OrchestrationContext, OrchestrationError, Payload, RawUpdate, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::message::{HELD, OPERATIONS};
use super::operation::{Operation, Outcome};
use super::{Entity, EntityContext};

/// What an entity takes.
const UPDATES: &[DeclaredUpdate] = &[OPERATIONS.declared(), HELD.declared()];

/// The orchestration of all entities of a type.
pub(crate) fn code_of<E: Entity>() -> Result<OrchestrationCode, InvalidName> {
    let name = EntityId::orchestration_of(E::NAME);
    Ok(OrchestrationCode::new(&name, run::<E>)?.with_updates(UPDATES))
}

/// The orchestration of all entities of a type that is known only by the name of that orchestration.
pub(crate) fn dynamic_code_of<E: Entity>(name: &Name) -> Result<OrchestrationCode, InvalidName> {
    Ok(OrchestrationCode::new(name.as_str(), run_any::<E>)?.with_updates(UPDATES))
}

/// What goes along when an entity continues as new. Its state is a published value, and its queue is that of the
/// core; both come along by themselves.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Carried {
    /// The id of the lock that is held.
    lock: Option<String>,
    /// Locks that were given back before their requests were taken.
    given_back: Vec<String>,
}

async fn run<E: Entity>(
    ctx: OrchestrationContext,
    carried: Option<Carried>,
) -> Result<(), OrchestrationError> {
    let id = ctx.instance_id();
    let Some(entity) = EntityId::of(&id).filter(|entity| entity.entity_type() == E::NAME) else {
        let why = format!("`{id}` is not the id of an entity `{}`", E::NAME);
        return Err(OrchestrationError::new(why));
    };
    run_under::<E>(ctx, entity.key(), carried).await
}

async fn run_any<E: Entity>(
    ctx: OrchestrationContext,
    carried: Option<Carried>,
) -> Result<(), OrchestrationError> {
    let id = ctx.instance_id();
    let Some(entity) = EntityId::of(&id) else {
        return Err(OrchestrationError::new(format!("`{id}` is not the id of an entity")));
    };
    run_under::<E>(ctx, entity.key(), carried).await
}

async fn run_under<E: Entity>(
    ctx: OrchestrationContext,
    key: &str,
    carried: Option<Carried>,
) -> Result<(), OrchestrationError> {
    // A cancel is for code that decides what to do about it. An entity can be deleted or terminated.
    let ctx = ctx.shielded();
    let mut entity = Running::<E>::new(ctx, key, carried.unwrap_or_default())?;
    while !entity.is_to_continue_as_new() {
        entity.step().await?;
    }
    let Running { ctx, carried, .. } = &entity;
    ctx.continue_as_new_untyped(&Some(carried))
}

/// An entity in memory.
struct Running<E> {
    ctx: OrchestrationContext,
    key: Arc<str>,
    operations: Name,
    held: Name,
    carried: Carried,
    /// As it is published. `None`: it has to be read from there.
    state: Option<E>,
    /// Signals for later, by their times, and in the order in which they came.
    later: BTreeMap<(Timestamp, usize), Later>,
    later_bytes: usize,
    /// Number of those that have come.
    kept: usize,
    /// For the first of them.
    timer: Option<(Timestamp, DurableFuture<()>)>,
    next_held: Option<NextRawUpdate>,
    next_operation: Option<NextRawUpdate>,
    /// Since it began or continued as new.
    taken: usize,
    bytes: usize,
    entity: PhantomData<fn() -> E>,
}

struct Later {
    update: RawUpdate,
    operation: String,
}

/// What is to be done next.
enum Next {
    /// From the owner of the lock.
    Held(RawUpdate),
    /// From anybody.
    Operation(RawUpdate),
    /// The time of a signal has come.
    Due,
}

impl<E: Entity> Running<E> {
    fn new(
        ctx: OrchestrationContext,
        key: &str,
        carried: Carried,
    ) -> Result<Self, OrchestrationError> {
        let name = |name: &str| Name::new(name).map_err(OrchestrationError::new);
        Ok(Self {
            operations: name(OPERATIONS.as_str())?,
            held: name(HELD.as_str())?,
            ctx,
            key: key.into(),
            carried,
            state: None,
            later: BTreeMap::new(),
            later_bytes: 0,
            kept: 0,
            timer: None,
            next_held: None,
            next_operation: None,
            taken: 0,
            bytes: 0,
            entity: PhantomData,
        })
    }

    fn is_to_continue_as_new(&self) -> bool {
        // The signals for later are taken again by each execution.
        let operations = ENTITY_SNAPSHOT_OPERATIONS.max(self.later.len());
        self.taken >= operations || self.bytes >= ENTITY_SNAPSHOT_BYTES
    }

    async fn step(&mut self) -> Result<(), OrchestrationError> {
        match self.next().await? {
            Next::Held(update) => self.take_held(update).await,
            Next::Operation(update) => self.take(update).await,
            Next::Due => {
                self.timer = None;
                if let Some((_, Later { update, operation })) = self.later.pop_first() {
                    self.later_bytes -= update.data().len();
                    self.operate(update, operation).await;
                }
            }
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Next, EventError> {
        self.set_timer();
        let (ctx, held) = (&self.ctx, &self.held);
        self.next_held.get_or_insert_with(|| ctx.next_raw_update(held));
        if self.carried.lock.is_none() {
            let operations = &self.operations;
            self.next_operation.get_or_insert_with(|| ctx.next_raw_update(operations));
        }
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, EventError>> {
        if let Poll::Ready(held) = poll(&mut self.next_held, cx) {
            return Poll::Ready(held.map(Next::Held));
        }
        if self.carried.lock.is_some() {
            return Poll::Pending;
        }
        if let Some((_, timer)) = &mut self.timer
            && Pin::new(timer).poll(cx).is_ready()
        {
            return Poll::Ready(Ok(Next::Due));
        }
        poll(&mut self.next_operation, cx).map(|operation| operation.map(Next::Operation))
    }

    /// There is a timer for the first of the signals for later.
    fn set_timer(&mut self) {
        let first = self.later.keys().next().map(|(at, _)| *at);
        if self.timer.as_ref().map(|(at, _)| *at) != first {
            let timer = first.map(|at| (at, self.ctx.timer(at.since(self.ctx.now()))));
            self.timer = timer;
        }
    }

    async fn take_held(&mut self, update: RawUpdate) {
        let head = head_of(&update);
        let is_held = head.by.is_some() && head.by == self.carried.lock;
        match (head.op, head.by) {
            (_, Some(_)) if head.unlock && is_held => {
                self.carried.lock = None;
                self.ctx.unpublish(LOCK);
                self.answer(update, Outcome::done(&()));
            }
            (_, Some(by)) if head.unlock => {
                // The request is still in the queue.
                self.carried.given_back.push(by);
                if self.carried.given_back.len() > MAX_LOCKS_GIVEN_BACK {
                    self.carried.given_back.remove(0);
                }
                self.answer(update, Outcome::done(&()));
            }
            (Some(operation), _) if is_held => self.operate(update, operation).await,
            _ => {
                let why = "the lock under which it came is not held";
                self.answer(update, Outcome::failed(EntityFailureKind::NotLocked, why));
            }
        }
    }

    async fn take(&mut self, update: RawUpdate) {
        let head = head_of(&update);
        match (head.op, head.lock, head.at) {
            (Some(operation), _, Some(at)) if at > self.ctx.now() => {
                self.keep(update, operation, at);
            }
            (Some(operation), ..) => self.operate(update, operation).await,
            (None, Some(lock), _) => self.lock(update, lock, head.owner),
            (None, None, _) => {
                let why = "nothing is asked for";
                self.answer(update, Outcome::failed(EntityFailureKind::UnknownOperation, why));
            }
        }
    }

    fn lock(&mut self, update: RawUpdate, lock: String, owner: Option<String>) {
        let given_back = &mut self.carried.given_back;
        if let Some(at) = given_back.iter().position(|given_back| *given_back == lock) {
            given_back.remove(at);
            self.taken += 1;
            drop(update);
            return;
        }
        self.carried.lock = Some(lock);
        // For those who look: it changes nothing here.
        self.ctx.publish(LOCK, &EntityLock { owner, since: self.ctx.now() });
        self.answer(update, Outcome::done(&()));
    }

    /// Keeps a signal until its time comes. It is an update without an answer, so it comes along when the entity
    /// continues as new.
    fn keep(&mut self, update: RawUpdate, operation: String, at: Timestamp) {
        let bytes = update.data().len();
        if self.later.len() >= MAX_LATER_SIGNALS
            || self.later_bytes + bytes > MAX_LATER_SIGNAL_BYTES
            || at.since(self.ctx.now()) > MAX_TIMER
        {
            let why = format!(
                "the signal `{operation}` for {at} is not kept: there are {} for later, or it is too far ahead",
                self.later.len()
            );
            self.ctx.trace(&why);
            self.answer(update, Outcome::failed(EntityFailureKind::TooManySignals, why));
            return;
        }
        // It does not count: it is taken again by the next execution.
        self.later_bytes += bytes;
        self.kept += 1;
        self.later.insert((at, self.kept), Later { update, operation });
    }

    async fn operate(&mut self, update: RawUpdate, operation: String) {
        // Drawn whether or not the operation runs, so that the numbers after it are the same.
        let seed = self.ctx.random();
        self.bytes += update.data().len();
        let update = match update.repeat() {
            Ok(bytes) => {
                self.state = None;
                return self.count(bytes);
            }
            Err(update) => update,
        };
        let is_delete = operation == DELETE;
        let outcome = if is_delete {
            self.state = None;
            self.ctx.unpublish(STATE);
            Outcome::done(&())
        } else {
            self.run_operation(Operation::new(operation, update.data().clone()), seed).await
        };
        if self.ctx.is_replaying() {
            // What is recorded counts.
            self.state = None;
        }
        let bytes = update.answer(outcome.into_answer());
        self.count(bytes);
    }

    /// Runs the code of an operation. What it leaves is published, or forgotten.
    async fn run_operation(&mut self, operation: Operation, seed: u64) -> Outcome {
        let ctx = EntityContext::new(self.ctx.clone(), self.key.clone(), seed);
        let (before, published) = (self.state.take(), self.ctx.published_payload(STATE));
        let work = Box::pin(work_on::<E>(before, published, operation, ctx.clone()));
        match Caught::new(work).await {
            Ok(Done { outcome, state, left }) => {
                if ctx.is_deleted() && outcome.counts() {
                    self.ctx.unpublish(STATE);
                    return outcome;
                }
                if let Some(left) = left {
                    match Name::new(STATE) {
                        Ok(name) => self.ctx.publish_payload(&name, left),
                        Err(why) => {
                            return Outcome::failed(
                                EntityFailureKind::InvalidState,
                                why.to_string(),
                            );
                        }
                    }
                }
                self.state = state;
                outcome
            }
            Err(panic) => {
                let why = format!("it panicked: {panic}");
                Outcome::failed(EntityFailureKind::Panicked, why)
            }
        }
    }

    fn answer(&mut self, update: RawUpdate, outcome: Outcome) {
        self.bytes += update.data().len();
        let bytes = update.answer(outcome.into_answer());
        self.count(bytes);
    }

    fn count(&mut self, answer_bytes: usize) {
        let state = self.ctx.published_payload(STATE).map_or(0, |state| state.len());
        self.taken += 1;
        self.bytes += answer_bytes + state;
    }
}

/// What an operation leaves.
struct Done<E> {
    outcome: Outcome,
    /// The state, where it is as it is published after this.
    state: Option<E>,
    /// What is to be published.
    left: Option<Payload>,
}

/// Everything that is code of the user's: what it panics with is caught.
async fn work_on<E: Entity>(
    before: Option<E>,
    published: Option<Payload>,
    operation: Operation,
    ctx: EntityContext,
) -> Done<E> {
    let nothing = |outcome| Done { outcome, state: None, left: None };
    let mut state = match (before, published) {
        (Some(state), _) => state,
        (None, None) => E::default(),
        (None, Some(published)) => match published.decode() {
            Ok(state) => state,
            Err(why) => {
                let why = format!("the stored state is not of the entity's type: {why}");
                return nothing(Outcome::failed(EntityFailureKind::UnreadableState, why));
            }
        },
    };
    let reads = E::OPERATIONS.iter().any(|(name, reads)| *reads && *name == operation.name());
    let outcome = state.operate(operation, ctx).await;
    if !outcome.counts() {
        return nothing(outcome);
    }
    if reads {
        return Done { outcome, state: Some(state), left: None };
    }
    match Payload::encode_checked(&state) {
        Ok((left, _)) if left.len() > MAX_ENTITY_STATE_BYTES => {
            let why = format!(
                "the state would have {} bytes; at most {MAX_ENTITY_STATE_BYTES} are allowed",
                left.len()
            );
            nothing(Outcome::failed(EntityFailureKind::StateTooLarge, why))
        }
        // What was read again, so that it is what a replay reads.
        Ok((left, state)) => Done { outcome, state: Some(state), left: Some(left) },
        Err(why) => {
            let why = format!("the state cannot be stored: {why}");
            nothing(Outcome::failed(EntityFailureKind::InvalidState, why))
        }
    }
}

/// An update that was polled to its end is taken out.
fn poll(
    next: &mut Option<NextRawUpdate>,
    cx: &mut Context<'_>,
) -> Poll<Result<RawUpdate, EventError>> {
    let Some(waiting) = next else { return Poll::Pending };
    let polled = Pin::new(waiting).poll(cx);
    if polled.is_ready() {
        *next = None;
    }
    polled
}

/// What does not decode was refused before it was stored.
fn head_of(update: &RawUpdate) -> EntityRequest {
    update.data().decode().unwrap_or_default()
}
