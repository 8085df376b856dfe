//! Handles one message from a queue, until it is durable, comes again, or is in quarantine.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact_core::{
    Command, EventKey, InstanceId, Message, MessageId, NotTaken, PayloadError, RemoteCommand,
    RemoteEvent, RemoteStart, Rewind, ShardId, Start, Timestamp, codec,
};
use reenact_providers::{
    Batch, Delivery, InstanceState, Lease, ProviderError, Quarantined, QueueOf,
};
use tokio::sync::oneshot;

use super::seen_keys::SeenKeys;
use super::verdict::Verdict;
use crate::context::HostRef;
use crate::error::{Error, Result};
use crate::local_delivery::{addressed, fate_of};
use crate::message::{
    ExternalEvent, FromWorker, InstanceMessage, Internal, OnceMessage, Reply, RewindMessage,
    ShardMessage, StartMessage,
};
use crate::panic::catch;
use crate::run::Run;

/// A message that was delivered more often than this, and is still refused for a reason of its
/// instance's own, goes into quarantine.
const MAX_DELIVERIES: u32 = 10;

/// Settles the messages of one shard.
pub(super) struct MessageHandler {
    host: HostRef,
    shard: ShardId,
    /// Of starts.
    begun: Mutex<SeenKeys>,
    /// Of commands; apart, so that many of the one make nobody forget the others.
    done: Mutex<SeenKeys>,
}

impl MessageHandler {
    pub(super) fn new(host: HostRef, shard: ShardId) -> Self {
        Self { host, shard, begun: Mutex::default(), done: Mutex::default() }
    }

    pub(super) const fn shard(&self) -> ShardId {
        self.shard
    }

    pub(super) async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        match &self.host.store.queue_client {
            Some(remote) => remote.router.receive(self.shard, limit).await,
            None => std::future::pending().await,
        }
    }

    /// Sees to a message until it is durable, or in quarantine; then it leaves the queue.
    pub(super) async fn settle(&self, delivery: Delivery) -> (InstanceId, Verdict) {
        let mut verdict = self.take(&delivery).await;
        if let Verdict::Refused(reason) = &verdict {
            let instance = &delivery.message.to;
            tracing::error!(%instance, reason, "a message can never be taken; it goes into quarantine");
            if let Err(error) = self.quarantine(&delivery, reason).await {
                tracing::warn!(%instance, %error, "the quarantine could not be written; the message comes again");
                verdict = Verdict::Again;
            }
        }
        if verdict != Verdict::Again {
            self.acknowledge(&delivery).await;
        }
        (delivery.message.to, verdict)
    }

    async fn take(&self, delivery: &Delivery) -> Verdict {
        let to = &delivery.message.to;
        let shard = self.host.routes.shard_of(to);
        if shard != self.shard {
            return refused(format_args!("instance `{to}` is of shard {shard}"));
        }
        match codec::decode_command(&delivery.message.bytes) {
            Ok(command) => self.carry_out(delivery, command).await,
            Err(error) => refused(error),
        }
    }

    async fn carry_out(&self, delivery: &Delivery, command: RemoteCommand) -> Verdict {
        let to = &delivery.message.to;
        match command {
            RemoteCommand::Start(start) => self.start(delivery, *start).await,
            RemoteCommand::RaiseEvent(event) => self.raise(delivery, event).await,
            RemoteCommand::Purge { created_at } => self.purge(delivery, created_at).await,
            RemoteCommand::Tell { from, message } => {
                self.pass_message(delivery, from, *message).await
            }
            RemoteCommand::Answer { message, taken } => self.answer(to, message, taken).await,
            RemoteCommand::CompleteTask { run, id, attempt, result } => {
                let command = Command::CompleteTask { id, attempt, result };
                self.of_an_activity(delivery, run.into(), command).await
            }
            RemoteCommand::RecordHeartbeat { run, id, attempt, details } => {
                let command = Command::RecordHeartbeat { id, attempt, details };
                self.of_an_activity(delivery, run.into(), command).await
            }
            RemoteCommand::ToInstanceOf { created_at, command } => {
                match self.is_of(to, created_at).await {
                    Ok(true) => self.once(delivery, *command).await,
                    Ok(false) => Verdict::Done,
                    Err(error) => verdict_of(delivery, Err(error)),
                }
            }
            once @ (RemoteCommand::Cancel { .. }
            | RemoteCommand::Terminate { .. }
            | RemoteCommand::Suspend { .. }
            | RemoteCommand::Resume
            | RemoteCommand::Rewind { .. }) => self.once(delivery, once).await,
        }
    }

    /// An instance that began with it may be purged by now: it does not begin again.
    async fn start(&self, delivery: &Delivery, start: RemoteStart) -> Verdict {
        let key = &delivery.message.key;
        if keys(&self.begun).contains(key) {
            return Verdict::Done;
        }
        let verdict = self.begin(delivery, start).await;
        if verdict == Verdict::Done {
            keys(&self.begun).remember(key);
        }
        verdict
    }

    async fn begin(&self, delivery: &Delivery, start: RemoteStart) -> Verdict {
        let RemoteStart { name, version, input, seed, not_before, event } = start;
        let code = match self.host.registry.orchestration(&name, version.as_ref()) {
            Ok(code) => code,
            Err(unknown) => return refused(unknown),
        };
        let checked = catch(|| code.check_input(&input))
            .unwrap_or_else(|panic| Err(PayloadError::Decode(format!("it panicked: {panic}"))));
        if let Err(source) = checked {
            let what = format!("the input of orchestration `{name}`");
            return refused(Error::InvalidPayload { what, source });
        }
        let key = event.as_ref().map(|event| event.key.clone());
        let event = event.map(external);
        let start = Start { input, seed, delay: None, origin: None };
        // It may be here already, by an earlier delivery of the same: so the id is never taken for free.
        let (own_id, place) = (true, None);
        let message = |reply| {
            let message = StartMessage {
                name,
                version,
                start,
                not_before,
                own_id,
                place,
                event,
                instead_of: Vec::new(),
                reply,
            };
            Internal::Start(Box::new(message)).into()
        };
        match (self.ask(&delivery.message.to, message).await, key) {
            // The sender finds out whose start has the id.
            (Err(Error::AlreadyExists { .. }), _) => Verdict::Done,
            (answer, Some(key)) => self.of_an_event(delivery, answer, &key).await,
            (answer, None) => verdict_of(delivery, answer),
        }
    }

    async fn raise(&self, delivery: &Delivery, event: RemoteEvent) -> Verdict {
        let (key, event) = (event.key.clone(), external(event));
        let message = |reply| InstanceMessage::RaiseEvent { event, reply: Some(reply) };
        let answer = self.ask(&delivery.message.to, message).await;
        self.of_an_event(delivery, answer, &key).await
    }

    /// An instance that has finished may have had the event before: then that was its first delivery.
    async fn of_an_event(
        &self,
        delivery: &Delivery,
        answer: Result<()>,
        key: &EventKey,
    ) -> Verdict {
        if !matches!(answer, Err(Error::Finished { .. })) {
            return verdict_of(delivery, answer);
        }
        match self.host.store.has_event(&delivery.message.to, key).await {
            Ok(true) => Verdict::Done,
            Ok(false) => verdict_of(delivery, answer),
            Err(error) => verdict_of(delivery, Err(error)),
        }
    }

    /// What the end of an instance has made pointless is no refusal.
    async fn of_an_activity(&self, delivery: &Delivery, run: Run, command: Command) -> Verdict {
        let message =
            |reply| Internal::FromWorker(Box::new(FromWorker { run, command, reply })).into();
        match self.ask(&delivery.message.to, message).await {
            Err(Error::NotFound { .. } | Error::Finished { .. }) => Verdict::Done,
            answer => verdict_of(delivery, answer),
        }
    }

    async fn purge(&self, delivery: &Delivery, created_at: Timestamp) -> Verdict {
        let instance = delivery.message.to.clone();
        match self.is_of(&instance, created_at).await {
            Ok(true) => {}
            Ok(false) => return Verdict::Done,
            Err(error) => return verdict_of(delivery, Err(error)),
        }
        let (reply, answer) = oneshot::channel();
        let message = ShardMessage::Purge { instance, reply };
        if self.host.routes.try_send_to_supervisor(self.shard, message).is_err() {
            return Verdict::Again;
        }
        match answer.await {
            Ok(Err(Error::NotFound { .. })) => Verdict::Done,
            Ok(answer) => verdict_of(delivery, answer),
            Err(_) => Verdict::Again,
        }
    }

    /// Whether the instance of that id is the one that began then. Otherwise that is gone, and another
    /// one may have its id. An error when what is known here is not all there is.
    async fn is_of(&self, instance: &InstanceId, created_at: Timestamp) -> Result<bool> {
        let lease = self.host.leases_held.get(&self.shard).map(|lease| lease.clone());
        match self.host.store.find(instance).await? {
            Some(summary) if summary.created_at == created_at => Ok(true),
            // Unless that is what another host's instance looks like from here.
            _ if self.has_still(lease).await => Ok(false),
            _ => Err(Error::Interrupted { instance: instance.clone() }),
        }
    }

    /// Whether nobody else has had the shard under another lease since: only then is what was known of it
    /// here all there is.
    async fn has_still(&self, lease: Option<Lease>) -> bool {
        let Some(Lease { shard, epoch, .. }) = lease else { return false };
        let nothing = Batch { shard, epoch, turns: Vec::new() };
        self.host.store.histories.append(nothing.into()).await.is_ok()
    }

    /// A message of another instance to one of this shard. Its answer is durable before this is done.
    async fn pass_message(
        &self,
        delivery: &Delivery,
        from: InstanceId,
        message: Message,
    ) -> Verdict {
        let (port, answer) = oneshot::channel();
        let (id, to) = (message.id, &delivery.message.to);
        let Ok(message) = addressed(&from, id, message.body, Reply::to_instance(port)) else {
            return refused("no key can be made for it");
        };
        if self.host.routes.deliver_or_return(to, message).is_err() {
            return Verdict::Again;
        }
        let Ok(answer) = answer.await else { return Verdict::Again };
        let reason = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
        match fate_of(id.kind, answer).answer() {
            Some(taken) => match self.host.local_delivery.answer(&from, id, taken).await {
                Ok(()) => Verdict::Done,
                Err(_) => Verdict::Again,
            },
            None if delivery.attempt > MAX_DELIVERIES => {
                // Its sender has it, and sends it again: nothing is lost.
                tracing::warn!(%from, %to, reason, "a message was refused at each delivery; its sender will send it again");
                Verdict::Done
            }
            None => Verdict::Again,
        }
    }

    async fn answer(
        &self,
        to: &InstanceId,
        message: MessageId,
        taken: std::result::Result<(), NotTaken>,
    ) -> Verdict {
        // First: what the answer makes the sender send must not be taken for this one.
        self.host.local_delivery.is_answered(to, message);
        let answered =
            |reply| Internal::Answered { message, taken, sent_by: None, reply: Some(reply) }.into();
        match self.ask(to, answered).await {
            Err(Error::Interrupted { .. } | Error::Store { .. }) => Verdict::Again,
            // Nobody waits for it any more; or it is asked for again.
            _ => Verdict::Done,
        }
    }

    /// A command that counts once. A second delivery is recognised by the key in the instance's log, and where
    /// it has left none, as on a parked one, by this queue_consumer.
    async fn once(&self, delivery: &Delivery, command: RemoteCommand) -> Verdict {
        if keys(&self.done).contains(&delivery.message.key) {
            return Verdict::Done;
        }
        let (to, state) = (&delivery.message.to, ends_as(&command));
        if let RemoteCommand::Rewind { seed, .. } = &command {
            match self.was_rewound_with(to, *seed).await {
                Ok(true) => return Verdict::Done,
                Err(error) if error.is_of_a_store_that_is_away() => return Verdict::Again,
                // Whatever it is, the instance says so.
                Ok(false) | Err(_) => {}
            }
        }
        let Some(message) = as_message(command, &delivery.message.key) else {
            return refused("this host does not know such a command");
        };
        let verdict = match self.ask(to, message).await {
            // That end may be of an earlier delivery.
            Err(Error::Finished { .. }) if delivery.attempt > 1 => Verdict::Done,
            Err(finished @ Error::Finished { .. }) if state.is_some() => {
                match self.host.store.find(to).await {
                    Ok(found) if found.as_ref().map(|found| found.state) == state => Verdict::Done,
                    Ok(_) => verdict_of(delivery, Err(finished)),
                    Err(error) => verdict_of(delivery, Err(error)),
                }
            }
            answer => verdict_of(delivery, answer),
        };
        if verdict == Verdict::Done {
            keys(&self.done).remember(&delivery.message.key);
        }
        verdict
    }

    async fn was_rewound_with(&self, instance: &InstanceId, seed: u64) -> Result<bool> {
        Ok(self.host.store.history(instance).await?.was_rewound_with(seed))
    }

    /// Sends a message to an instance, and waits until its answer is durable.
    async fn ask(
        &self,
        instance: &InstanceId,
        message: impl FnOnce(Reply) -> InstanceMessage,
    ) -> Result<()> {
        let (port, answer) = oneshot::channel();
        let message = message(Reply::to_instance(port));
        let interrupted = || Error::Interrupted { instance: instance.clone() };
        self.host.routes.deliver_or_return(instance, message).map_err(|_| interrupted())?;
        answer.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn quarantine(&self, delivery: &Delivery, reason: &str) -> Result<(), ProviderError> {
        let Some(remote) = &self.host.store.queue_client else { return Ok(()) };
        let what = Quarantined {
            queue: QueueOf::Shard(self.shard),
            message: Some(delivery.message.clone()),
            raw: Vec::new(),
            reason: reason.to_owned(),
            attempts: delivery.attempt,
            at: self.host.store.clock.now(),
        };
        remote.sharing.quarantine(what).await
    }

    async fn acknowledge(&self, delivery: &Delivery) {
        let Some(remote) = &self.host.store.queue_client else { return };
        if let Err(error) = remote.router.acknowledge(self.shard, delivery.id).await {
            let instance = &delivery.message.to;
            tracing::warn!(%instance, %error, "a message could not be acknowledged after it was handled; it comes again, and counts once");
        }
    }
}

/// Every change under the lock is whole.
fn keys(known: &Mutex<SeenKeys>) -> MutexGuard<'_, SeenKeys> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(reason: impl Display) -> Verdict {
    Verdict::Refused(reason.to_string())
}

/// What an answer means to the message that was answered.
fn verdict_of(delivery: &Delivery, answer: Result<()>) -> Verdict {
    let error = match answer {
        Ok(()) => return Verdict::Done,
        Err(error) => error,
    };
    match error {
        // Of this host or of the store: no fault of the message.
        Error::Interrupted { .. }
        | Error::ShuttingDown
        | Error::Store { .. }
        | Error::Busy { .. } => Verdict::Again,
        // Of the instance, and may pass.
        Error::Parked { .. }
        | Error::TooManyEvents { .. }
        | Error::OverLimit { .. }
        | Error::NotTold { .. }
            if delivery.attempt <= MAX_DELIVERIES =>
        {
            Verdict::Again
        }
        error => refused(error),
    }
}

fn external(RemoteEvent { name, data, key }: RemoteEvent) -> ExternalEvent {
    ExternalEvent { name, data, key: Some(key) }
}

/// The state of an instance that a command has ended.
fn ends_as(command: &RemoteCommand) -> Option<InstanceState> {
    match command {
        RemoteCommand::Cancel { .. } => Some(InstanceState::Cancelled),
        RemoteCommand::Terminate { .. } => Some(InstanceState::Terminated),
        _ => None,
    }
}

/// A command that counts once, as an instance understands it; `None` for any other.
fn as_message(command: RemoteCommand, key: &str) -> Option<impl FnOnce(Reply) -> InstanceMessage> {
    let command = match command {
        RemoteCommand::Cancel { reason } => Command::Cancel { reason },
        RemoteCommand::Terminate { reason } => Command::Terminate { reason },
        RemoteCommand::Suspend { reason } => Command::Suspend { reason },
        RemoteCommand::Resume => Command::Resume,
        RemoteCommand::Rewind { position, reason, seed } => {
            let rewind = move |reply| {
                let rewind = Rewind { position, reason, seed };
                Internal::Rewind(Box::new(RewindMessage { rewind, reply })).into()
            };
            return Some(Box::new(rewind) as Box<dyn FnOnce(Reply) -> InstanceMessage + Send>);
        }
        RemoteCommand::Start(_)
        | RemoteCommand::RaiseEvent(_)
        | RemoteCommand::Purge { .. }
        | RemoteCommand::Tell { .. }
        | RemoteCommand::Answer { .. }
        | RemoteCommand::CompleteTask { .. }
        | RemoteCommand::RecordHeartbeat { .. }
        | RemoteCommand::ToInstanceOf { .. } => return None,
    };
    // The senders of this crate make none that is no key of an event as well.
    let key = EventKey::new(key).ok()?;
    Some(Box::new(move |reply| {
        Internal::Once(Box::new(OnceMessage { key, command, reply })).into()
    }))
}
