//! Delivers the messages of one instance to another.

mod remote;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use reenact_core::{
    Attributes, InstanceId, Message, MessageBody, MessageId, MessageKind, Name, NotTaken, OrStart,
    Origin, Payload, ReceivedTrace, Request, Requester, ShardId, Start, SupersededCall, TimeLimits,
    Timestamp, TraceContext, Version,
};
use reenact_providers::Backoff;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::error::{Error, Result};
use crate::message::{
    Content, ExternalEvent, FromAnother, InstanceMessage, Internal, Reply, StartMessage,
    TakesAnswer,
};
use crate::reuse::ReusePolicy;
use crate::routes::Routes;
use crate::run::Run;
use crate::store::Store;
use crate::task::Tasks;

/// The pauses before a message is sent again that was not answered, or that its recipient cannot accept
/// for now.
const SENT_AGAIN: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(30));

/// The messages of a host's instances that are under way. If the recipient is on the same host, the
/// message carries the address of its sender. The answer, that the message is durable there or never
/// will be, goes back directly. If the recipient is on another host, the message goes through the queue
/// of its shard, and the answer comes through the queue of the sender's shard, while a task waits for
/// it.
///
/// Nothing depends on this state: a message that is lost here is still in the outbox of its sender, and
/// is sent again when the sender comes into memory.
#[derive(Clone)]
pub(crate) struct LocalDelivery {
    shared: Arc<Shared>,
}

struct Shared {
    routes: Routes,
    store: Arc<Store>,
    tasks: Tasks,
    /// By the sender. A message that is here is not sent a second time, so that no copy of it is still
    /// under way long after its recipient has ended.
    under_way: DashMap<(InstanceId, MessageId), UnderWay>,
    /// The number of messages that were ever sent on this host.
    sent: AtomicU64,
    closed: watch::Sender<bool>,
    /// Whether nothing is sent: what is in an outbox is sent by the next host.
    is_quiet: bool,
}

/// Where a message goes.
enum UnderWay {
    /// To an instance of this host.
    Local {
        /// The number of this sending: an answer to an earlier one is ignored.
        number: u64,
        to: ShardId,
        tries: u32,
    },
    /// To another host. The sender is dropped when the answer has come.
    Remote { _answered: oneshot::Sender<()> },
}

impl UnderWay {
    fn is(&self, sent: u64) -> bool {
        matches!(self, Self::Local { number, .. } if *number == sent)
    }
}

/// What became of a message.
pub(crate) enum Fate {
    /// It is durable at the recipient, or is not needed any more.
    Taken,
    /// The recipient will never accept it.
    NotTaken(NotTaken),
    /// The recipient does not accept it now, but may later.
    NotYet,
}

impl LocalDelivery {
    pub(crate) fn new(routes: Routes, store: Arc<Store>, tasks: Tasks, is_quiet: bool) -> Self {
        let closed = watch::Sender::new(false);
        let (under_way, sent) = (DashMap::new(), AtomicU64::new(0));
        Self {
            shared: Arc::new(Shared { routes, store, tasks, under_way, sent, closed, is_quiet }),
        }
    }

    /// Sends a message that is durable in its sender, for one run of the sender. It was sent `tries` times
    /// before.
    pub(crate) fn send(&self, from: &InstanceId, run: Run, message: Message, tries: u32) {
        if self.shared.is_quiet {
            return;
        }
        let key = (from.clone(), message.id);
        let Entry::Vacant(vacant) = self.shared.under_way.entry(key.clone()) else { return };
        if self.is_remote(&message.to) {
            let (_answered, answer) = oneshot::channel();
            drop(vacant.insert(UnderWay::Remote { _answered }));
            return self.post(key, message, tries, answer);
        }
        let (shared, number) =
            (self.shared.clone(), self.shared.sent.fetch_add(1, Ordering::Relaxed));
        let to = shared.routes.shard_of(&message.to);
        // The lock is released first: a shard that is down answers at once.
        drop(vacant.insert(UnderWay::Local { number, to, tries }));
        Unanswered { shared, key, number, run, tries, is_answered: false }.carry(to, message);
    }

    fn post(
        &self,
        key: (InstanceId, MessageId),
        message: Message,
        tries: u32,
        answer: oneshot::Receiver<()>,
    ) {
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                biased;
                // The answer has come.
                _ = answer => {}
                posted = shared.post(&key.0, message, tries) => {
                    // An error means that the host ends.
                    if posted.is_ok() {
                        // Removed first, so that sending it again is not taken for a second copy.
                        shared.under_way.remove(&key);
                        shared.send_again(&key, tries.saturating_add(1));
                    }
                }
            }
        });
    }

    /// The thread of these shards was given up, and no route leads there any more. Messages that their
    /// instances have sent are sent again when these come into memory. Messages to their instances are sent
    /// again now, because the old actors cannot answer any more.
    pub(crate) fn give_up(&self, shards: &[ShardId]) {
        let Shared { routes, under_way, .. } = &*self.shared;
        let mut again = Vec::new();
        under_way.retain(|(from, message), under_way| match under_way {
            _ if shards.contains(&routes.shard_of(from)) => false,
            UnderWay::Local { to, tries, .. } if shards.contains(to) => {
                again.push(((from.clone(), *message), *tries));
                false
            }
            _ => true,
        });
        again.into_iter().for_each(|(key, tries)| self.shared.send_again(&key, tries));
    }

    /// Stops all sending again.
    pub(crate) fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

/// A message that is under way on this host, until its recipient has answered. The answer goes to its
/// sender. A message that is dropped without an answer is sent again after a while.
pub(crate) struct Unanswered {
    shared: Arc<Shared>,
    /// The sender, and the id of the message there.
    key: (InstanceId, MessageId),
    number: u64,
    run: Run,
    tries: u32,
    is_answered: bool,
}

impl Unanswered {
    fn carry(self, shard: ShardId, message: Message) {
        let Message { id, to, body } = message;
        let needs_key =
            matches!(id.kind, MessageKind::Event | MessageKind::Update | MessageKind::Command);
        if needs_key && id.event_key(&self.key.0).is_err() {
            // Without a key it cannot be distinguished from others.
            return self.settle(Fate::NotTaken(NotTaken::NotFound));
        }
        let (shared, key, number) = (self.shared.clone(), self.key.clone(), self.number);
        let Ok(message) = addressed(&key.0, id, body, Reply::to_sender(self)) else { return };
        // Where the store is shared, another host may have the shard by now.
        if shared.store.queue_client.is_some() || shared.routes.holds(shard) {
            return shared.routes.deliver(&to, message);
        }
        // Shards start one by one, each on its thread.
        shared.clone().tasks.spawn(async move {
            if shared.until_up(shard).await.is_ok() && shared.is_under_way(&key, number) {
                shared.routes.deliver(&to, message);
            }
        });
    }

    fn settle(mut self, fate: Fate) {
        let Some(taken) = fate.answer() else { return };
        self.is_answered = true;
        let Self { shared, key, number, run, .. } = &self;
        // Removed first: what the sender sends because of the answer must not be taken for this message.
        if shared.ends(key, *number) {
            let (message, sent_by) = (key.1, Some(*run));
            let answered = Internal::Answered { message, taken, sent_by, reply: None };
            shared.routes.deliver(&key.0, answered.into());
        }
    }
}

impl TakesAnswer for Unanswered {
    fn answer(self: Box<Self>, answer: Result<()>) {
        let fate = fate_of(self.key.1.kind, answer);
        self.settle(fate);
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        let Self { shared, key, number, tries, .. } = self;
        let (from, message) = (&key.0, key.1);
        tracing::debug!(target: "reenact::message", parent: None, %from, ?message, "a message was not taken; trying again");
        // Outside of a runtime, the host has gone.
        let Ok(runtime) = Handle::try_current() else { return };
        let (shared, key, number, tries) = (shared.clone(), key.clone(), *number, *tries);
        // It is not among the tasks of the host: when they are dropped, one of them may drop this message.
        // It ends with the host all the same.
        runtime.spawn(async move {
            if shared.pause(tries).await.is_ok() && shared.ends(&key, number) {
                shared.send_again(&key, tries.saturating_add(1));
            }
        });
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: (from, message), tries, .. } = self;
        let mut text = f.debug_struct("Unanswered");
        text.field("from", from).field("message", message).field("tries", tries).finish()
    }
}

impl Shared {
    fn is_under_way(&self, key: &(InstanceId, MessageId), number: u64) -> bool {
        self.under_way.get(key).is_some_and(|under_way| under_way.is(number))
    }

    /// Ends the delivery of a message; returns whether it was still under way.
    fn ends(&self, key: &(InstanceId, MessageId), number: u64) -> bool {
        self.under_way.remove_if(key, |_, under_way| under_way.is(number)).is_some()
    }

    /// Lets the sender of a message send it again, if that is still needed.
    fn send_again(&self, (from, message): &(InstanceId, MessageId), tries: u32) {
        let again = Internal::SendAgain { message: *message, tries };
        self.routes.deliver(from, again.into());
    }

    /// Returns when a shard is up on this host; an error means that the host ends first.
    async fn until_up(&self, shard: ShardId) -> std::result::Result<(), ()> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(()),
            () = self.routes.until_up(shard) => Ok(()),
        }
    }

    /// Returns when it is time for another try; an error means that there will be none.
    async fn pause(&self, tries: u32) -> std::result::Result<(), ()> {
        self.wait(SENT_AGAIN.after(tries)).await
    }

    async fn wait(&self, pause: Duration) -> std::result::Result<(), ()> {
        let (mut closed, clock) = (self.closed.subscribe(), &self.store.clock);
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(()),
            () = clock.sleep_until(clock.now() + pause) => Ok(()),
        }
    }
}

/// What the answer to a message of this kind means for its sender.
pub(crate) fn fate_of(kind: MessageKind, answer: Result<()>) -> Fate {
    let (is_start, is_update) = (kind == MessageKind::Start, kind == MessageKind::Update);
    let is_event = is_update || kind == MessageKind::Event;
    // Somebody waits to know.
    let is_asked = is_event || kind == MessageKind::Command;
    match answer {
        Ok(()) => Fate::Taken,
        Err(Error::AlreadyExists { .. } | Error::Reserved { .. }) if is_start => {
            Fate::NotTaken(NotTaken::AlreadyExists)
        }
        Err(Error::NotFound { .. }) if is_asked => Fate::NotTaken(NotTaken::NotFound),
        Err(Error::Finished { .. }) if is_asked => Fate::NotTaken(NotTaken::Finished),
        Err(Error::UnknownEvent { .. }) if is_event => Fate::NotTaken(NotTaken::UnknownEvent),
        Err(Error::UpdateRefused { reason, .. }) if is_update => {
            Fate::NotTaken(NotTaken::Refused(reason))
        }
        // Who waits for an answer gets one now, and decides by itself when to ask again.
        Err(Error::TooManyEvents { .. } | Error::OverLimit { .. }) if is_update => {
            Fate::NotTaken(NotTaken::Full)
        }
        Err(Error::InvalidPayload { .. } | Error::UpdateRefused { .. }) if is_event => {
            Fate::NotTaken(NotTaken::InvalidEventData)
        }
        // A cancellation or a result for an instance that has ended needs nothing more.
        Err(Error::NotFound { .. } | Error::Finished { .. }) if !is_start => Fate::Taken,
        Err(_) => Fate::NotYet,
    }
}

/// The message in the form that the recipient's actor understands.
pub(crate) fn addressed(
    from: &InstanceId,
    id: MessageId,
    body: MessageBody,
    reply: Reply,
) -> Result<InstanceMessage> {
    let (body, trace) = body.untraced();
    let (body, limits) = body.unlimited();
    let (body, attributes) = body.unattributed();
    let content = match body {
        MessageBody::Start { name, version, input, origin, not_before } => {
            let start = (name, version, input, not_before);
            return Ok(start_of(start, (origin, trace, limits, attributes), Vec::new(), reply));
        }
        MessageBody::Replace { name, version, input, origin, not_before, instead_of } => {
            let start = (name, version, input, not_before);
            return Ok(start_of(start, (origin, trace, limits, attributes), instead_of, reply));
        }
        MessageBody::Event { name, data } => {
            let key = Some(id.event_key(from)?);
            Content::Event(ExternalEvent { name, data, key, trace, by: None })
        }
        MessageBody::Request(request) => {
            let Request { name, data, is_update, or_start } = *request;
            let key = Some(id.event_key(from)?);
            let (instance, lineage) = (from.clone(), id.lineage);
            let by = is_update.then(|| Box::new(Requester { instance, lineage, id: id.id }));
            let event = ExternalEvent { name, data, key, trace, by };
            match or_start {
                None => Content::Event(event),
                Some(start) => return Ok(start_with(*start, id, event, reply)),
            }
        }
        MessageBody::Return { lineage, id, answer } => Content::Return { lineage, id, answer },
        MessageBody::Command { command } => {
            Content::Command { command, key: id.event_key(from)?, trace }
        }
        MessageBody::Cancel { reason } => Content::Cancel { call: id, reason },
        MessageBody::Result { lineage, id, result } => Content::Result { lineage, id, result },
        // It was taken out of its trace.
        MessageBody::Traced { .. }
        | MessageBody::Limited { .. }
        | MessageBody::Attributed { .. } => {
            return Err(Error::OverLimit { what: "a message in two traces".into() });
        }
    };
    let from = from.clone();
    Ok(Internal::FromAnother(Box::new(FromAnother { from, content, reply })).into())
}

fn start_of(
    (name, version, input, not_before): (Name, Option<Version>, Payload, Option<Timestamp>),
    (origin, trace, limits, attributes): (
        Box<Origin>,
        Option<Box<TraceContext>>,
        TimeLimits,
        Attributes,
    ),
    instead_of: Vec<SupersededCall>,
    reply: Reply,
) -> InstanceMessage {
    let trace = trace.map(|context| Box::new(ReceivedTrace::of_caller(*context)));
    let seed = origin.seed();
    let start = Start { input, seed, delay: None, origin: Some(origin), trace, limits, attributes };
    let start = StartMessage {
        name,
        version,
        start,
        not_before,
        own_id: true,
        place: None,
        event: None,
        reuse: ReusePolicy::new(),
        fork: None,
        instead_of,
        reply,
    };
    Internal::Start(Box::new(start)).into()
}

/// A start with the event that comes with it, or that event alone where the instance is there.
fn start_with(
    start: OrStart,
    id: MessageId,
    event: ExternalEvent,
    reply: Reply,
) -> InstanceMessage {
    let OrStart { name, version, input } = start;
    let trace = event.trace.as_deref().cloned().map(ReceivedTrace::of_caller).map(Box::new);
    let seed = id.seed_of_started();
    let attributes = Attributes::default();
    let limits = TimeLimits::NONE;
    let start = Start { input, seed, delay: None, origin: None, trace, limits, attributes };
    let start = StartMessage {
        name,
        version,
        start,
        not_before: None,
        own_id: true,
        place: None,
        event: Some(event),
        reuse: ReusePolicy::new(),
        fork: None,
        instead_of: Vec::new(),
        reply,
    };
    Internal::Start(Box::new(start)).into()
}
