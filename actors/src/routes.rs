//! The routing tables: from an instance to its actor, or to the supervisor of its shard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use dashmap::DashMap;
use foldhash::HashMap;
use ractor::{ActorRef, MessagingErr};
use reenact_core::{InstanceId, ShardId};
use reenact_providers::ProviderError;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::error::{Error, ParkReason};
use crate::message::{InstanceMessage, ShardMessage};
use crate::stalls::Stalls;
use crate::threads::Threads;

/// The routing tables of a host, one for each shard: straight to the actor of an instance that is in memory, otherwise
/// to its shard's supervisor, who brings it there.
#[derive(Clone)]
pub(crate) struct Routes {
    shared: Arc<Shared>,
    /// What runs on the threads of the host.
    pub(crate) stalls: Stalls,
    threads: Threads,
}

struct Shared {
    shards: Vec<Slot>,
    parked: DashMap<InstanceId, ParkReason>,
    /// How many are parked: mostly nothing is, and the look costs nothing then.
    number_parked: AtomicUsize,
    /// The instances whose code has blocked a thread that was given up, until they are resumed. Unlike the
    /// table of parked instances, this outlives the supervisors of shards: the code must not run again.
    stalled: DashMap<InstanceId, ParkReason>,
    number_stalled: AtomicUsize,
    /// Notified when a shard has come or gone. Unlike a `watch`, it wakes in the order of the waits.
    moved: Notify,
}

/// The ways to one shard.
struct Slot {
    supervisor: RwLock<Shard>,
    /// Those of its instances that are in memory. Apart from those of other shards: these are on other
    /// threads.
    actors: Mutex<Actors>,
}

type Actors = HashMap<InstanceId, ActorRef<InstanceMessage>>;

/// Where messages for a shard go.
enum Shard {
    Up(ActorRef<ShardMessage>),
    /// Nowhere for now; and why the shard could not be started again, once that was tried.
    Down(Option<Arc<ProviderError>>),
}

impl Routes {
    pub(crate) fn new(shards: u32, threads: Threads) -> Self {
        let slot =
            |_| Slot { supervisor: RwLock::new(Shard::Down(None)), actors: Mutex::default() };
        let (parked, number_parked) = (DashMap::new(), AtomicUsize::new(0));
        let (shards, moved) = ((0..shards).map(slot).collect(), Notify::new());
        let (stalled, number_stalled) = (DashMap::new(), AtomicUsize::new(0));
        let shared = Shared { shards, parked, number_parked, stalled, number_stalled, moved };
        let shared = Arc::new(shared);
        Self { shared, stalls: Stalls::new(), threads }
    }

    pub(crate) fn shards(&self) -> u32 {
        self.shared.shards.len() as u32
    }

    pub(crate) fn shard_of(&self, instance: &InstanceId) -> ShardId {
        ShardId::of(instance, self.shards())
    }

    /// Sends a message to an instance. When its shard is down, the message is refused where it is
    /// known why; otherwise it is dropped, and with it the port that would have answered.
    pub(crate) fn deliver(&self, instance: &InstanceId, message: InstanceMessage) {
        if let Err(message) = self.deliver_or_return(instance, message) {
            self.refuse(self.shard_of(instance), *message);
        }
    }

    /// Sends a message to an instance. Gives it back when the shard is not up on this host.
    pub(crate) fn deliver_or_return(
        &self,
        instance: &InstanceId,
        message: InstanceMessage,
    ) -> Result<(), Box<InstanceMessage>> {
        let shard = self.shard_of(instance);
        let Err(message) = self.try_deliver_in(shard, instance, message) else { return Ok(()) };
        let message = ShardMessage::Deliver { instance: instance.clone(), message: *message };
        match self.try_send_to_supervisor(shard, message).map_err(|given_back| *given_back) {
            Err(ShardMessage::Deliver { message, .. }) => Err(Box::new(message)),
            _ => Ok(()),
        }
    }

    /// Refuses a message for a shard that is down, where it is known why it is; otherwise drops it.
    pub(crate) fn refuse(&self, shard: ShardId, message: InstanceMessage) {
        if let Some(source) = self.why_down(shard) {
            message.refuse(|| Error::Store { source });
        }
    }

    /// Sends a message to an instance by way of its shard's supervisor: what one sender sends so
    /// keeps its order, also while the instance comes into memory.
    pub(crate) fn deliver_in_order(&self, instance: &InstanceId, message: InstanceMessage) {
        let instance = instance.clone();
        let shard = self.shard_of(&instance);
        self.send_to_supervisor(shard, ShardMessage::Deliver { instance, message });
    }

    /// Sends a message to an instance that is in memory; otherwise gives it back.
    pub(crate) fn try_deliver(
        &self,
        instance: &InstanceId,
        message: InstanceMessage,
    ) -> Result<(), Box<InstanceMessage>> {
        self.try_deliver_in(self.shard_of(instance), instance, message)
    }

    fn try_deliver_in(
        &self,
        shard: ShardId,
        instance: &InstanceId,
        message: InstanceMessage,
    ) -> Result<(), Box<InstanceMessage>> {
        let Some(actor) = self.actor_in(shard, instance) else { return Err(Box::new(message)) };
        match actor.cast(message) {
            Err(MessagingErr::SendErr(message)) => Err(Box::new(message)),
            _ => Ok(()),
        }
    }

    /// Sends a message to the supervisor of a shard; refused or dropped when the shard is down.
    pub(crate) fn send_to_supervisor(&self, shard: ShardId, message: ShardMessage) {
        if let Err(message) = self.try_send_to_supervisor(shard, message) {
            self.refuse_for(shard, *message);
        }
    }

    /// As [`refuse`](Self::refuse), of what is for the supervisor.
    pub(crate) fn refuse_for(&self, shard: ShardId, message: ShardMessage) {
        if let Some(why) = self.why_down(shard) {
            message.refuse(why);
        }
    }

    /// Sends a message to the supervisor of a shard; gives it back when the shard is down.
    pub(crate) fn try_send_to_supervisor(
        &self,
        shard: ShardId,
        message: ShardMessage,
    ) -> Result<(), Box<ShardMessage>> {
        let Some(supervisor) = self.supervisor(shard) else { return Err(Box::new(message)) };
        match supervisor.cast(message) {
            Err(MessagingErr::SendErr(message)) => Err(Box::new(message)),
            _ => Ok(()),
        }
    }

    /// Whether a shard is up on this host.
    pub(crate) fn holds(&self, shard: ShardId) -> bool {
        self.supervisor(shard).is_some()
    }

    /// Returns when the actor of an instance answers nothing for now, since user code holds its thread.
    pub(crate) async fn until_stalled(&self, instance: &InstanceId) {
        let thread = self.threads.id_of(self.shard_of(instance));
        self.stalls.until_stalled(instance, thread).await;
    }

    /// The thread of what belongs to no shard.
    pub(crate) const fn thread_of_host(&self) -> &Handle {
        self.threads.of_host()
    }

    /// The thread of a shard.
    pub(crate) fn thread_of(&self, shard: ShardId) -> Handle {
        self.threads.of_shard(shard)
    }

    /// Returns when the thread was given up that an instance is on as this is called, or its host has ended:
    /// nothing there answers any more.
    pub(crate) fn until_given_up(&self, instance: &InstanceId) -> Notified<'_> {
        self.threads.given_up(self.shard_of(instance))
    }

    /// Returns when a shard is up on this host.
    pub(crate) async fn until_up(&self, shard: ShardId) {
        self.until(|| self.holds(shard)).await;
    }

    /// Returns when a shard is not up on this host.
    pub(crate) async fn until_away(&self, shard: ShardId) {
        self.until(|| !self.holds(shard)).await;
    }

    /// Returns when something is so that changes only as shards come and go.
    async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let moved = self.shared.moved.notified();
            tokio::pin!(moved);
            // Enlisted before the look, so that no change is missed in between.
            moved.as_mut().enable();
            if is_so() {
                return;
            }
            moved.await;
        }
    }

    pub(crate) fn supervisor(&self, shard: ShardId) -> Option<ActorRef<ShardMessage>> {
        let slot = self.shared.shards.get(shard.0 as usize)?;
        match &*slot.supervisor.read().unwrap_or_else(PoisonError::into_inner) {
            Shard::Up(supervisor) => Some(supervisor.clone()),
            Shard::Down(_) => None,
        }
    }

    /// Why a shard could not be started again, if that is why it is down.
    pub(crate) fn why_down(&self, shard: ShardId) -> Option<Arc<ProviderError>> {
        let slot = self.shared.shards.get(shard.0 as usize)?;
        match &*slot.supervisor.read().unwrap_or_else(PoisonError::into_inner) {
            Shard::Up(_) => None,
            Shard::Down(why) => why.clone(),
        }
    }

    /// A shard is up, under a new supervisor: nothing of the old one counts.
    pub(crate) fn set_supervisor(&self, shard: ShardId, supervisor: ActorRef<ShardMessage>) {
        self.clear(shard);
        self.set(shard, Shard::Up(supervisor));
    }

    /// A shard could not be started again.
    pub(crate) fn set_down(&self, shard: ShardId, why: Arc<ProviderError>) {
        self.set(shard, Shard::Down(Some(why)));
    }

    /// What is for a shard goes to its next owner from now on. Its actors are still there.
    pub(crate) fn set_leaving(&self, shard: ShardId) {
        self.set(shard, Shard::Down(None));
    }

    fn set(&self, shard: ShardId, state: Shard) {
        if let Some(slot) = self.shared.shards.get(shard.0 as usize) {
            *slot.supervisor.write().unwrap_or_else(PoisonError::into_inner) = state;
        }
        self.shared.moved.notify_waiters();
    }

    /// A shard is down.
    pub(crate) fn clear(&self, shard: ShardId) {
        self.set(shard, Shard::Down(None));
        if let Some(mut actors) = self.actors(shard) {
            let gone = std::mem::take(&mut *actors);
            drop(actors);
            drop(gone);
        }
        if self.is_anything_parked() {
            let parked = self.shared.parked.iter().map(|parked| parked.key().clone());
            let parked: Vec<_> = parked.filter(|id| self.shard_of(id) == shard).collect();
            parked.iter().for_each(|instance| self.unpark(instance));
        }
    }

    pub(crate) fn actor(&self, instance: &InstanceId) -> Option<ActorRef<InstanceMessage>> {
        self.actor_in(self.shard_of(instance), instance)
    }

    fn actor_in(&self, shard: ShardId, instance: &InstanceId) -> Option<ActorRef<InstanceMessage>> {
        self.actors(shard)?.get(instance).cloned()
    }

    pub(crate) fn insert(&self, instance: InstanceId, actor: ActorRef<InstanceMessage>) {
        if let Some(mut actors) = self.actors(self.shard_of(&instance)) {
            actors.insert(instance, actor);
        }
    }

    /// Forgets an actor, unless another has taken its place.
    pub(crate) fn remove(&self, instance: &InstanceId, actor: ractor::ActorId) {
        let Some(mut actors) = self.actors(self.shard_of(instance)) else { return };
        if actors.get(instance).is_some_and(|current| current.get_id() == actor) {
            actors.remove(instance);
        }
    }

    /// Number of instances in memory.
    pub(crate) fn in_memory(&self) -> usize {
        let shards = (0..self.shards()).filter_map(|shard| self.actors(ShardId(shard)));
        shards.map(|actors| actors.len()).sum()
    }

    /// The actors of all instances in memory, in the order of their ids.
    pub(crate) fn all_actors(&self) -> Vec<ActorRef<InstanceMessage>> {
        let mut all = BTreeMap::new();
        for shard in 0..self.shards() {
            let actors = self.actors(ShardId(shard));
            all.extend(
                actors
                    .iter()
                    .flat_map(|actors| actors.iter())
                    .map(|(id, actor)| (id.clone(), actor.clone())),
            );
        }
        all.into_values().collect()
    }

    /// Number of instances of a shard in memory.
    pub(crate) fn in_memory_of(&self, shard: ShardId) -> usize {
        self.actors(shard).map_or(0, |actors| actors.len())
    }

    /// The actors of a shard that there is.
    fn actors(&self, shard: ShardId) -> Option<MutexGuard<'_, Actors>> {
        let slot = self.shared.shards.get(shard.0 as usize)?;
        Some(slot.actors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn park(&self, instance: InstanceId, reason: ParkReason) {
        // Counted first: a caller that sees the number does not find the table empty.
        self.shared.number_parked.fetch_add(1, Ordering::AcqRel);
        if self.shared.parked.insert(instance, reason).is_some() {
            self.shared.number_parked.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn unpark(&self, instance: &InstanceId) {
        if self.is_anything_parked() && self.shared.parked.remove(instance).is_some() {
            self.shared.number_parked.fetch_sub(1, Ordering::AcqRel);
        }
        if self.is_anything_stalled() && self.shared.stalled.remove(instance).is_some() {
            self.shared.number_stalled.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// The code of an instance has blocked a thread that is given up now.
    pub(crate) fn park_stalled(&self, instance: InstanceId, reason: ParkReason) {
        if self.shared.stalled.insert(instance, reason).is_none() {
            self.shared.number_stalled.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Why the code of an instance does not run again on this host, if it has held a thread that was given up.
    pub(crate) fn why_stalled(&self, instance: &InstanceId) -> Option<ParkReason> {
        if !self.is_anything_stalled() {
            return None;
        }
        self.shared.stalled.get(instance).map(|reason| reason.clone())
    }

    /// The instances of a shard of which that is so.
    pub(crate) fn stalled_in(&self, shard: ShardId) -> Vec<InstanceId> {
        let stalled = self.shared.stalled.iter().map(|stalled| stalled.key().clone());
        stalled.filter(|instance| self.shard_of(instance) == shard).collect()
    }

    fn is_anything_stalled(&self) -> bool {
        self.shared.number_stalled.load(Ordering::Acquire) > 0
    }

    fn is_anything_parked(&self) -> bool {
        self.shared.number_parked.load(Ordering::Acquire) > 0
    }

    /// The number of parked instances of each kind of reason that there is, by its text.
    pub(crate) fn parked_by_kind(&self) -> BTreeMap<&'static str, u64> {
        let mut numbers = BTreeMap::new();
        if self.is_anything_parked() {
            for parked in &self.shared.parked {
                *numbers.entry(parked.value().kind().text()).or_default() += 1;
            }
        }
        numbers
    }

    /// Why an instance is parked, if it is.
    pub(crate) fn parked(&self, instance: &InstanceId) -> Option<ParkReason> {
        if !self.is_anything_parked() {
            return None;
        }
        self.shared.parked.get(instance).map(|reason| reason.clone())
    }
}
