//! Runs a call that was received from the queue of a tag. It is hidden from other hosts while it runs
//! here, and its results and heartbeats go to the owner of the instance.

use std::fmt;
use std::sync::Arc;

use dashmap::mapref::entry::Entry;
use reenact_core::{
    ActivityError, ActivityErrorKind, Name, Payload, RemoteActivity, RemoteCommand, Timestamp,
    codec,
};
use reenact_providers::{Delivery, DeliveryId, Message, ProviderError, Quarantined, QueueOf};
use tokio::sync::mpsc;

use super::receiver::Receiver;
use crate::activity::{ActivityCall, Attempt, Report};
use crate::patience::Patience;
use crate::trace::RunTrace;

/// How often a call may be delivered to hosts that declare its tag but do not have its activity, until
/// it goes into quarantine. Hosts of different versions may declare the same tag; the call is delivered
/// to one after the other, once in each
/// [visibility time](reenact_providers::Sharing::visibility_time).
pub(super) const MAX_DELIVERIES_WITHOUT_CODE: u32 = 100;

/// How often the time for which a message is hidden is extended within one visibility time, while its
/// call runs.
const EXTENSIONS: u32 = 3;

/// A call that runs here.
struct ReceivedCall {
    receiver: Arc<Receiver>,
    tag: Name,
    call: ActivityCall,
    attempt: u32,
    /// The number of the next heartbeat message. It makes the message's key unique: each is sent once, and
    /// again only when that failed.
    beats: u64,
}

/// How the run of a received call has ended on this host.
enum End {
    /// The result is durable, or is not needed any more.
    SeenTo(Option<Box<dyn fmt::Debug + Send + Sync>>),
    /// The call is delivered again, to this host or another, when its message is visible again.
    Left,
}

impl Receiver {
    /// Handles one delivery.
    pub(super) async fn run(self: Arc<Self>, tag: Name, delivery: Delivery) {
        let activity = match codec::decode_activity(&delivery.message.bytes) {
            Ok(activity) => activity,
            Err(error) => return self.quarantine(tag, delivery, error.to_string()).await,
        };
        if activity.deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
            // The execution that called it has ended.
            return self.acknowledge(&tag, delivery.id).await;
        }
        if !self.workers.can_run(&activity.name) {
            return self.leave(tag, delivery, &activity.name).await;
        }
        let (run, instance) = (activity.run.into(), delivery.message.to);
        let call = ActivityCall { instance, run, id: activity.id };
        if self.workers_of(&call).attempt(&call).is_some_and(|newest| newest > activity.attempt) {
            return self.acknowledge(&tag, delivery.id).await;
        }
        match self.running.entry((call.clone(), activity.attempt)) {
            Entry::Occupied(mut running) => return running.get_mut().push(delivery.id),
            Entry::Vacant(vacant) => drop(vacant.insert(vec![delivery.id])),
        }
        let attempt = activity.attempt;
        ReceivedCall { receiver: self, tag, call, attempt, beats: 0 }.run(activity).await;
    }

    /// Another host may have the activity. When no host had it for long, a person has to look.
    async fn leave(&self, tag: Name, delivery: Delivery, activity: &Name) {
        let attempts = delivery.attempt;
        if attempts < MAX_DELIVERIES_WITHOUT_CODE {
            tracing::warn!(target: "reenact::tag", parent: None, %tag, %activity, attempts, "a call was received for an activity that is not registered here; it is left to other hosts");
            return;
        }
        let reason = format!(
            "activity `{activity}` is not registered on a host that declares tag `{tag}`; the call \
             was delivered {attempts} times"
        );
        self.quarantine(tag, delivery, reason).await;
    }

    async fn quarantine(&self, tag: Name, delivery: Delivery, reason: String) {
        tracing::error!(target: "reenact::tag", parent: None, %tag, to = %delivery.message.to, reason, "a call can never be taken; it goes into quarantine: look at it with `Client::quarantined`, and requeue or discard it");
        let what = Quarantined {
            queue: QueueOf::Tag(tag.clone()),
            message: Some(delivery.message),
            raw: Vec::new(),
            reason,
            details: String::new(),
            attempts: delivery.attempt,
            at: self.clock.now(),
        };
        let mut patience = Patience::new();
        while let Err(error) = self.sharing.quarantine(what.clone()).await {
            if let Err(error) = patience.wait_after(error, &*self.clock).await {
                // It is still in its queue, and comes again.
                tracing::warn!(target: "reenact::tag", parent: None, %tag, %error, "a call could not be put into quarantine");
                return;
            }
        }
        self.acknowledge(&tag, delivery.id).await;
    }
}

impl ReceivedCall {
    async fn run(mut self, activity: RemoteActivity) {
        let RemoteActivity { name, input, attempt, terms, deadline, trace, .. } = activity;
        let (sender, mut reports) = mpsc::unbounded_channel();
        let attempt = Attempt {
            name,
            number: attempt,
            terms,
            reports: Some(sender),
            local_input: None,
            trace: RunTrace::of_call(trace),
        };
        let receiver = self.receiver.clone();
        receiver.workers_of(&self.call).submit(self.call.clone(), attempt, input);
        let (tag, key) = (self.tag.clone(), (self.call.clone(), self.attempt));
        let end = tokio::select! {
            biased;
            end = self.follow(&mut reports) => end,
            () = receiver.keep(&tag, &key, deadline) => End::Left,
        };
        let deliveries = receiver.running.remove(&key).map(|(_, deliveries)| deliveries);
        if let End::SeenTo(known) = end {
            for delivery in deliveries.unwrap_or_default() {
                receiver.acknowledge(&tag, delivery).await;
            }
            // Released only now: the same attempt must not begin again here before.
            drop(known);
        }
    }

    /// Sends the reports of the attempt to the owner of the instance, until the attempt ends.
    async fn follow(&mut self, reports: &mut mpsc::UnboundedReceiver<Report>) -> End {
        loop {
            match reports.recv().await {
                Some(Report::Heartbeat(details)) => self.beat(details).await,
                Some(Report::Ended { result, details, known }) => {
                    return self.end(result, details, known).await;
                }
                Some(Report::Unwanted) => return End::SeenTo(None),
                Some(Report::Left) | None => return End::Left,
            }
        }
    }

    /// A heartbeat that cannot be sent is lost; the next one says more.
    async fn beat(&mut self, details: Payload) {
        self.beats += 1;
        let (run, id, attempt) = (self.call.run.into(), self.call.id, self.attempt);
        let command = RemoteCommand::RecordHeartbeat { run, id, attempt, details };
        let key =
            format!("{}/beat-{}-{}", self.key(), self.receiver.clock.now().as_micros(), self.beats);
        if let Err(error) = self.send(key, &command).await {
            tracing::debug!(target: "reenact::tag", parent: None, call = ?self.call, %error, "a heartbeat could not be sent, and is lost; the next one says more");
        }
    }

    async fn end(
        &mut self,
        result: Result<Payload, ActivityError>,
        details: Option<Payload>,
        known: Box<dyn fmt::Debug + Send + Sync>,
    ) -> End {
        if let Some(details) = details {
            self.beat(details).await;
        }
        let mut command = self.completion(result);
        let mut patience = Patience::new();
        loop {
            match self.send(format!("{}/end", self.key()), &command).await {
                Ok(()) => return End::SeenTo(Some(known)),
                Err(error @ ProviderError::TooLarge { .. }) => {
                    let why = format!("what it ended with cannot be sent: {error}");
                    let error = ActivityError::of_kind(ActivityErrorKind::InvalidOutput, why);
                    command = self.completion(Err(error));
                }
                Err(error) => patience.wait(&error, &*self.receiver.clock).await,
            }
        }
    }

    fn completion(&self, result: Result<Payload, ActivityError>) -> RemoteCommand {
        let (run, id, attempt) = (self.call.run.into(), self.call.id, self.attempt);
        RemoteCommand::CompleteTask { run, id, attempt, result }
    }

    /// Sends a command to the queue of the instance's shard.
    async fn send(&self, key: String, command: &RemoteCommand) -> Result<(), ProviderError> {
        let bytes = codec::encode_command(command).map_err(|_| ProviderError::TooLarge {
            what: "the end of an activity",
            size: usize::MAX,
            limit: codec::MAX_TURN_BYTES,
        })?;
        let message = Message { key, to: self.call.instance.clone(), bytes: bytes.into() };
        self.receiver.router.send(self.receiver.shard_of(&self.call), message).await
    }

    /// The name of the attempt in the keys of its messages.
    fn key(&self) -> String {
        let ActivityCall { instance, run, id } = &self.call;
        format!("{instance}/{run}/{}/{}", id.0, self.attempt)
    }
}

impl Receiver {
    /// Hides the messages of a call from other hosts until it is dropped, and cancels the call at its
    /// deadline.
    async fn keep(&self, tag: &Name, key: &(ActivityCall, u32), deadline: Option<Timestamp>) {
        let deadline = async {
            match deadline {
                Some(deadline) => self.clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
            // The execution that called it has ended, or does so now.
            self.workers_of(&key.0).cancel(&key.0);
            std::future::pending::<()>().await;
        };
        let pause = self.sharing.visibility_time() / EXTENSIONS;
        let extended = async {
            loop {
                self.clock.sleep_until(self.clock.now() + pause).await;
                let deliveries =
                    self.running.get(key).map(|deliveries| deliveries.clone()).unwrap_or_default();
                for delivery in deliveries {
                    self.extend(tag, key, delivery).await;
                }
            }
        };
        tokio::select! {
            biased;
            () = deadline => {}
            () = extended => {}
        }
    }

    async fn extend(&self, tag: &Name, key: &(ActivityCall, u32), delivery: DeliveryId) {
        match self.sharing.extend(tag, delivery).await {
            Ok(()) => {}
            Err(ProviderError::Conflict { .. }) => {
                // It may run on another host too by now. It goes on here: the first end counts.
                tracing::warn!(target: "reenact::tag", parent: None, %tag, call = ?key.0, "the message of a call became visible to other hosts while it runs here; it may run twice");
                if let Some(mut deliveries) = self.running.get_mut(key) {
                    deliveries.retain(|other| *other != delivery);
                }
            }
            Err(error) => {
                tracing::warn!(target: "reenact::tag", parent: None, %tag, %error, "the message of a call could not be kept hidden; trying again")
            }
        }
    }
}
