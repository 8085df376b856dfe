//! Carries messages from one instance to another.

mod elsewhere;

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use reenact_core::{
    InstanceId, Message, MessageBody, MessageId, MessageKind, Name, NotTaken, Origin, Payload,
    ShardId, Start, SupersededCall, Timestamp, Version,
};
use tokio::sync::{oneshot, watch};

use crate::error::{Error, Result};
use crate::message::{FromAnother, InstanceMessage, Internal, Reply, StartMessage, Tell};
use crate::routes::Routes;
use crate::run::Run;
use crate::store::Store;
use crate::task::Tasks;

/// The time before a message is sent again that was not answered, or that its recipient does not
/// take for now. Each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest time before a message is sent again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The messages of a host's instances that are under way. Each has a task that waits until the
/// recipient says that it is durable there, or that it will never be, and tells the sender. Where the
/// recipient is on another host, the message goes by the queue of its shard, and the answer comes by
/// that of the sender's.
///
/// Nothing depends on it: what is lost here is still in the outbox of its sender, and is sent again
/// when that comes into memory.
#[derive(Clone)]
pub(crate) struct Mail {
    shared: Arc<Shared>,
}

struct Shared {
    routes: Routes,
    store: Arc<Store>,
    tasks: Tasks,
    /// By sender. What is here is not sent a second time meanwhile, so that no copy of a message is
    /// still under way when its recipient is long gone. Of one that went to another host, what is
    /// dropped when the answer has come.
    under_way: DashMap<(InstanceId, MessageId), Option<oneshot::Sender<()>>>,
    closed: watch::Sender<bool>,
}

/// What became of a message.
pub(crate) enum Fate {
    /// It is durable there, or nobody needs it any more.
    Taken,
    /// It will never be taken.
    NotTaken(NotTaken),
    /// Another try may help.
    NotYet,
    /// Nobody is left who could say. It is sent again at once.
    Unknown,
}

impl Mail {
    pub(crate) fn new(routes: Routes, store: Arc<Store>, tasks: Tasks) -> Self {
        let closed = watch::Sender::new(false);
        let under_way = DashMap::new();
        Self { shared: Arc::new(Shared { routes, store, tasks, under_way, closed }) }
    }

    /// Sends a message of an instance, in which it is durable, for a run of it. It was sent so many times
    /// before.
    pub(crate) fn send(&self, from: &InstanceId, run: Run, message: Message, tries: u32) {
        let key = (from.clone(), message.id);
        let Entry::Vacant(vacant) = self.shared.under_way.entry(key.clone()) else { return };
        let is_elsewhere = self.is_elsewhere(&message.to);
        let (answered, answer) = is_elsewhere.then(oneshot::channel).unzip();
        vacant.insert(answered);
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move {
            let fate = match answer {
                None => shared.carry(&key.0, message).await,
                Some(answer) => tokio::select! {
                    biased;
                    // It has come by itself.
                    _ = answer => return,
                    posted = shared.post(&key.0, message, tries) => match posted {
                        Ok(()) => Fate::NotYet,
                        // The host ends.
                        Err(()) => return,
                    },
                },
            };
            let (message, sent_by) = (key.1, Some(run));
            let answered = |taken| Internal::Answered { message, taken, sent_by, reply: None };
            let answer = match fate {
                Fate::Taken => answered(Ok(())),
                Fate::NotTaken(why) => answered(Err(why)),
                Fate::Unknown => Internal::SendAgain { message, tries },
                Fate::NotYet => {
                    if !is_elsewhere && shared.pause(tries).await.is_err() {
                        return;
                    }
                    Internal::SendAgain { message, tries: tries.saturating_add(1) }
                }
            };
            // First: what the answer makes the sender send must not be taken for this one.
            shared.under_way.remove(&key);
            shared.routes.deliver(&key.0, answer.into());
        });
    }

    /// The thread of these shards was given up, and what carried the messages of their instances with it.
    /// These are sent anew when they come into memory.
    pub(crate) fn give_up(&self, shards: &[ShardId]) {
        let Shared { routes, under_way, .. } = &*self.shared;
        under_way.retain(|(from, _), _| !shards.contains(&routes.shard_of(from)));
    }

    /// Nothing is sent again any more.
    pub(crate) fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

impl Shared {
    async fn carry(&self, from: &InstanceId, message: Message) -> Fate {
        let (port, answer) = oneshot::channel();
        let Message { id, to, body } = message;
        let kind = id.kind;
        let Ok(message) = addressed(from, id, body, Reply::to_instance(port)) else {
            // No key can be made: then the event can neither be told from others.
            return Fate::NotTaken(NotTaken::NotFound);
        };
        // Shards come up one by one, each on its thread.
        if self.until_up(&to).await.is_err() {
            return Fate::NotYet;
        }
        let given_up = self.routes.until_given_up(&to);
        self.routes.deliver(&to, message);
        let fate = tokio::select! {
            biased;
            answer = answer => answer.map_or(Fate::NotYet, |answer| fate_of(kind, answer)),
            () = given_up => Fate::Unknown,
        };
        if matches!(fate, Fate::NotYet) {
            tracing::debug!(%from, %to, "a message was not taken; trying again");
        }
        fate
    }

    /// Returns when the shard of an instance is up on this host; an error when the host ends before.
    async fn until_up(&self, instance: &InstanceId) -> std::result::Result<(), ()> {
        let shard = self.routes.shard_of(instance);
        // Of a shared store another host may have it by now.
        if self.store.remote.is_some() || self.routes.holds(shard) {
            return Ok(());
        }
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(()),
            () = self.routes.until_up(shard) => Ok(()),
        }
    }

    /// Returns when it is time for another try; an error when there will be none.
    async fn pause(&self, tries: u32) -> std::result::Result<(), ()> {
        let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
        self.wait(pause).await
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

/// What an answer to a message of this kind means to its sender.
pub(crate) fn fate_of(kind: MessageKind, answer: Result<()>) -> Fate {
    let (is_start, is_event) = (kind == MessageKind::Start, kind == MessageKind::Event);
    match answer {
        Ok(()) => Fate::Taken,
        Err(Error::AlreadyExists { .. }) if is_start => Fate::NotTaken(NotTaken::AlreadyExists),
        Err(Error::NotFound { .. }) if is_event => Fate::NotTaken(NotTaken::NotFound),
        Err(Error::Finished { .. }) if is_event => Fate::NotTaken(NotTaken::Finished),
        Err(Error::UnknownEvent { .. }) if is_event => Fate::NotTaken(NotTaken::UnknownEvent),
        Err(Error::InvalidPayload { .. }) if is_event => Fate::NotTaken(NotTaken::InvalidEventData),
        // To cancel what is gone, or to tell it a result, there is nothing to do.
        Err(Error::NotFound { .. } | Error::Finished { .. }) if !is_start => Fate::Taken,
        Err(_) => Fate::NotYet,
    }
}

/// A message as its recipient's actor understands it.
pub(crate) fn addressed(
    from: &InstanceId,
    id: MessageId,
    body: MessageBody,
    reply: Reply,
) -> Result<InstanceMessage> {
    let tell = match body {
        MessageBody::Start { name, version, input, origin, not_before } => {
            let start = (name, version, input, not_before);
            return Ok(start_of(start, origin, Vec::new(), reply));
        }
        MessageBody::Replace { name, version, input, origin, not_before, instead_of } => {
            return Ok(start_of((name, version, input, not_before), origin, instead_of, reply));
        }
        MessageBody::Event { name, data } => Tell::Event { name, data, key: id.event_key(from)? },
        MessageBody::Cancel { reason } => Tell::Cancel { call: id, reason },
        MessageBody::Result { lineage, id, result } => Tell::Result { lineage, id, result },
    };
    let from = from.clone();
    Ok(Internal::FromAnother(Box::new(FromAnother { from, tell, reply })).into())
}

fn start_of(
    (name, version, input, not_before): (Name, Option<Version>, Payload, Option<Timestamp>),
    origin: Box<Origin>,
    instead_of: Vec<SupersededCall>,
    reply: Reply,
) -> InstanceMessage {
    let start = Start { input, seed: origin.seed(), delay: None, origin: Some(origin) };
    let start = StartMessage {
        name,
        version,
        start,
        not_before,
        own_id: true,
        place: None,
        event: None,
        instead_of,
        reply,
    };
    Internal::Start(Box::new(start)).into()
}
