//! Handles one message from a queue until it is durable, is to be delivered again, or is in quarantine.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact_core::zoo::{self, Bug};
use reenact_core::{
    Command, EventKey, InstanceId, Message, MessageId, NotTaken, RemoteCommand, RemoteEvent,
    Rewind, ShardId, Timestamp, TraceContext, codec,
};
use reenact_providers::{
    Batch, Delivery, InstanceState, Lease, ProviderError, Quarantined, QueueOf,
};
use tokio::sync::oneshot;

use super::seen_keys::SeenKeys;
use super::verdict::{Refusal, Verdict};
use crate::context::HostRef;
use crate::error::{Error, Result};
use crate::local_delivery::{addressed, fate_of};
use crate::message::{
    ExternalEvent, FromWorker, InstanceMessage, Internal, OnceMessage, Reply, RewindMessage,
    ShardMessage,
};
use crate::run::Run;

/// A message goes into quarantine when it was delivered more often than this, and the instance still
/// refuses it.
const MAX_DELIVERIES: u32 = 10;

/// Settles the messages of one shard.
pub(super) struct MessageHandler {
    pub(super) host: HostRef,
    shard: ShardId,
    /// The keys of starts.
    pub(super) begun: Mutex<SeenKeys>,
    /// The keys of commands. They are kept apart from starts, so that many of one kind do not push out the
    /// other.
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

    /// Handles a message until it is durable, or in quarantine; then it leaves the queue.
    pub(super) async fn settle(&self, delivery: Delivery) -> (InstanceId, Verdict) {
        if zoo::planted(Bug::QueueMessageAcknowledgedEarly) {
            self.acknowledge(&delivery).await;
        }
        let mut verdict = self.take(&delivery).await;
        if let Verdict::Refused(refusal) = &verdict {
            let reason = &refusal.reason;
            let instance = &delivery.message.to;
            tracing::error!(target: "reenact::queue", parent: None, %instance, reason, "a message can never be taken; it goes into quarantine: look at it with `Client::quarantined`, and requeue or discard it");
            if let Err(error) = self.quarantine(&delivery, refusal).await {
                tracing::warn!(target: "reenact::queue", parent: None, %instance, %error, "the quarantine could not be written; the message comes again");
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
            Err(_) if zoo::planted(Bug::PoisonForEver) => Verdict::Again,
            Err(error) => refused(error),
        }
    }

    async fn carry_out(&self, delivery: &Delivery, command: RemoteCommand) -> Verdict {
        let to = &delivery.message.to;
        let (command, trace) = untraced(command);
        match command {
            RemoteCommand::Start(start) => self.start(delivery, *start, &[], trace).await,
            RemoteCommand::StartWith { start, options } => {
                self.start(delivery, *start, &options, trace).await
            }
            RemoteCommand::RaiseEvent(event) => self.raise(delivery, event, trace).await,
            RemoteCommand::Traced { .. } => refused("a command in two traces"),
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
                    Ok(true) => self.once(delivery, *command, trace).await,
                    Ok(false) => Verdict::Done,
                    Err(error) => verdict_of(delivery, Err(error)),
                }
            }
            once @ (RemoteCommand::Cancel { .. }
            | RemoteCommand::Terminate { .. }
            | RemoteCommand::Suspend { .. }
            | RemoteCommand::Resume
            | RemoteCommand::Rewind { .. }) => self.once(delivery, once, trace).await,
        }
    }

    async fn raise(&self, delivery: &Delivery, event: RemoteEvent, trace: Trace) -> Verdict {
        let (key, event) = (event.key.clone(), external(event, trace));
        let message = |reply| InstanceMessage::RaiseEvent { event, reply: Some(reply) };
        let answer = self.ask(&delivery.message.to, message).await;
        self.of_an_event(delivery, answer, &key).await
    }

    /// An instance that has finished may have received the event before: then that was its first delivery.
    pub(super) async fn of_an_event(
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

    /// A command that is pointless because the instance has ended is not refused.
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

    /// Whether the instance of this id is the one that was created at this time. Otherwise that one is
    /// gone, and another may have its id. An error means that this host does not know everything about it.
    async fn is_of(&self, instance: &InstanceId, created_at: Timestamp) -> Result<bool> {
        let lease = self.host.leases_held.get(&self.shard).map(|lease| lease.clone());
        match self.host.store.find(instance).await? {
            Some(summary) if summary.created_at == created_at => Ok(true),
            // If the lease has changed meanwhile, an instance of another host may look like this from here.
            _ if self.has_still(lease).await => Ok(false),
            _ => Err(Error::Interrupted { instance: instance.clone() }),
        }
    }

    /// Whether this host has had the shard without a break since then: only then does it know everything
    /// about it.
    async fn has_still(&self, lease: Option<Lease>) -> bool {
        let Some(Lease { shard, epoch, .. }) = lease else { return false };
        let nothing = Batch { shard, epoch, turns: Vec::new() };
        self.host.store.histories.append(nothing.into()).await.is_ok()
    }

    /// Passes a message of another instance to one of this shard. The answer is durable when this returns.
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
                // Its sender still has it, and sends it again: nothing is lost.
                tracing::warn!(target: "reenact::queue", parent: None, %from, %to, reason, "a message was refused at each delivery; its sender will send it again");
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
        // Ended first: what the sender sends because of the answer must not be taken for this message.
        self.host.local_delivery.is_answered(to, message);
        let answered =
            |reply| Internal::Answered { message, taken, sent_by: None, reply: Some(reply) }.into();
        match self.ask(to, answered).await {
            Err(Error::Interrupted { .. } | Error::Store { .. }) => Verdict::Again,
            // The answer is not needed any more, or the message will be sent again.
            _ => Verdict::Done,
        }
    }

    /// Handles a command that counts once. The key in the instance's log shows a second delivery. Where the
    /// first has left none, as on a parked instance, this queue consumer remembers the key.
    async fn once(&self, delivery: &Delivery, command: RemoteCommand, trace: Trace) -> Verdict {
        if keys(&self.done).contains(&delivery.message.key) {
            return Verdict::Done;
        }
        let (to, state) = (&delivery.message.to, ends_as(&command));
        if let RemoteCommand::Rewind { seed, .. } = &command {
            match self.was_rewound_with(to, *seed).await {
                Ok(true) => return Verdict::Done,
                Err(error) if error.is_of_a_store_that_is_away() => return Verdict::Again,
                // The instance reports what is wrong.
                Ok(false) | Err(_) => {}
            }
        }
        let Some(message) = as_message(command, trace, &delivery.message.key) else {
            return refused("this host does not know such a command");
        };
        let verdict = match self.ask(to, message).await {
            // An earlier delivery may have ended the instance.
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
        Ok(self.host.store.history(instance, None).await?.was_rewound_with(seed))
    }

    /// Sends a message to an instance, and waits until its answer is durable.
    pub(super) async fn ask(
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

    async fn quarantine(
        &self,
        delivery: &Delivery,
        refusal: &Refusal,
    ) -> Result<(), ProviderError> {
        let Some(remote) = &self.host.store.queue_client else { return Ok(()) };
        let what = Quarantined {
            queue: QueueOf::Shard(self.shard),
            message: Some(delivery.message.clone()),
            raw: Vec::new(),
            reason: refusal.reason.clone(),
            details: refusal.details.clone(),
            attempts: delivery.attempt,
            at: self.host.store.clock.now(),
        };
        remote.sharing.quarantine(what).await
    }

    async fn acknowledge(&self, delivery: &Delivery) {
        let Some(remote) = &self.host.store.queue_client else { return };
        if let Err(error) = remote.router.acknowledge(self.shard, delivery.id).await {
            let instance = &delivery.message.to;
            tracing::warn!(target: "reenact::queue", parent: None, %instance, %error, "a message could not be acknowledged after it was handled; it comes again, and counts once");
        }
    }
}

/// Every change under the lock is whole.
pub(super) fn keys(known: &Mutex<SeenKeys>) -> MutexGuard<'_, SeenKeys> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn refused(reason: impl Display) -> Verdict {
    Verdict::Refused(Refusal { reason: reason.to_string(), details: String::new() })
}

/// With an error that the sender can have as it is.
pub(super) fn refused_with(error: &Error) -> Verdict {
    Verdict::Refused(Refusal { reason: error.to_string(), details: error.refusal_details() })
}

/// What the answer of an instance means for the message.
pub(super) fn verdict_of(delivery: &Delivery, answer: Result<()>) -> Verdict {
    let error = match answer {
        Ok(()) => return Verdict::Done,
        Err(error) => error,
    };
    match error {
        // The reason is in this host or in the store, not in the message.
        Error::Interrupted { .. }
        | Error::ShuttingDown
        | Error::Store { .. }
        | Error::Busy { .. } => Verdict::Again,
        // The reason is in the instance, and may pass.
        Error::Parked { .. }
        | Error::TooManyEvents { .. }
        | Error::OverLimit { .. }
        | Error::Unreadable { .. }
        | Error::NotTold { .. }
            if delivery.attempt <= MAX_DELIVERIES =>
        {
            Verdict::Again
        }
        error => refused_with(&error),
    }
}

/// The trace in which a command was asked for.
pub(super) type Trace = Option<Box<TraceContext>>;

/// A command without the trace in which it was asked for, and that.
fn untraced(command: RemoteCommand) -> (RemoteCommand, Trace) {
    match command {
        RemoteCommand::Traced { context, command } => (*command, Some(context)),
        command => (command, None),
    }
}

pub(super) fn external(
    RemoteEvent { name, data, key }: RemoteEvent,
    trace: Trace,
) -> ExternalEvent {
    ExternalEvent { name, data, key: Some(key), trace, by: None }
}

/// The state of an instance that a command has ended.
fn ends_as(command: &RemoteCommand) -> Option<InstanceState> {
    match command {
        RemoteCommand::Cancel { .. } => Some(InstanceState::Cancelled),
        RemoteCommand::Terminate { .. } => Some(InstanceState::Terminated),
        _ => None,
    }
}

/// A command that counts once, in the form that an instance understands; `None` for any other.
fn as_message(
    command: RemoteCommand,
    trace: Trace,
    key: &str,
) -> Option<impl FnOnce(Reply) -> InstanceMessage> {
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
        | RemoteCommand::StartWith { .. }
        | RemoteCommand::Traced { .. }
        | RemoteCommand::RaiseEvent(_)
        | RemoteCommand::Purge { .. }
        | RemoteCommand::Tell { .. }
        | RemoteCommand::Answer { .. }
        | RemoteCommand::CompleteTask { .. }
        | RemoteCommand::RecordHeartbeat { .. }
        | RemoteCommand::ToInstanceOf { .. } => return None,
    };
    // The senders of this crate use only keys that an event may have too.
    let key = EventKey::new(key).ok()?;
    Some(Box::new(move |reply| {
        Internal::Once(Box::new(OnceMessage { key, command, trace, reply })).into()
    }))
}

#[cfg(test)]
mod tests {
    use reenact_providers::{DeliveryId, Message};

    use super::*;

    #[test]
    fn a_message_for_an_instance_that_is_not_readable_for_now_is_delivered_again() {
        let instance = InstanceId::new("i").unwrap();
        let verdict = |attempt| {
            let message = Message { key: "k".into(), to: instance.clone(), bytes: [].into() };
            let delivery = Delivery { id: DeliveryId(1), attempt, message };
            let error = Error::Unreadable { instance: instance.clone(), reason: "rot".into() };
            verdict_of(&delivery, Err(error))
        };
        assert_eq!(verdict(MAX_DELIVERIES), Verdict::Again);
        assert!(matches!(verdict(MAX_DELIVERIES + 1), Verdict::Refused(_)));
    }
}
