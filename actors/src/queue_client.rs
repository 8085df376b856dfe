//! The queue client: sends commands into the queues of shards that other hosts have.

use std::sync::Arc;

use reenact_core::{
    EventKey, InstanceId, MessageId, NotTaken, RemoteCommand, RemoteEvent, RemoteStart, ShardId,
    StartOption, Timestamp, TraceContext, codec,
};
use reenact_providers::{
    ExternalEventRouter, Message, ProviderError, QuarantineId, Quarantined, QueueOf, Sharing,
    TimerScheduler,
};

use crate::error::{Error, Result};
use crate::message::{ExternalEvent, InstanceMessage, Internal, RuntimeMessage, StartMessage};
use crate::metrics::QueueRecorder;
use crate::patience::Patience;
use crate::seeds::Seeds;

/// The number of messages in quarantine that are read at a time.
const LOOKED_AT_ONCE: usize = 100;

/// The maximum number of messages in quarantine that a waiting start looks through.
const MOST_LOOKED_AT: usize = 1_000;

/// The queues of a store that several hosts share.
pub(crate) struct QueueClient {
    pub(crate) shards: u32,
    pub(crate) router: Arc<dyn ExternalEventRouter>,
    pub(crate) sharing: Arc<dyn Sharing>,
    pub(crate) clock: Arc<dyn TimerScheduler>,
    pub(crate) seeds: Arc<Seeds>,
    /// Counts the messages that are requeued.
    pub(crate) recorder: Arc<QueueRecorder>,
}

/// A command with a key that stays the same however often the command is sent.
pub(crate) struct KeyedCommand {
    pub(crate) key: String,
    pub(crate) command: RemoteCommand,
}

impl QueueClient {
    /// Sends a command to the queue of an instance's shard. It is durable when this returns.
    pub(crate) async fn send(&self, to: &InstanceId, keyed_command: &KeyedCommand) -> Result<()> {
        let bytes = codec::encode_command(&keyed_command.command)
            .map_err(|error| Error::OverLimit { what: error.to_string() })?;
        let (key, to, bytes) = (keyed_command.key.clone(), to.clone(), Arc::from(bytes));
        let message = Message { key, to, bytes };
        let shard = ShardId::of(&message.to, self.shards);
        let mut patience = Patience::new();
        loop {
            match self.router.send(shard, message.clone()).await {
                Ok(()) => return Ok(()),
                Err(error @ ProviderError::TooLarge { .. }) => {
                    return Err(Error::OverLimit { what: error.to_string() });
                }
                Err(error) => patience.wait_after(error, &*self.clock).await?,
            }
        }
    }

    /// A start in the form that goes into a queue.
    fn start(&self, start: RemoteStart, options: Vec<StartOption>) -> KeyedCommand {
        let start = Box::new(start);
        // As hosts of earlier versions know it.
        let command = match options.is_empty() {
            true => RemoteCommand::Start(start),
            false => RemoteCommand::StartWith { start, options },
        };
        self.once("start", command)
    }

    /// An event in the form that goes into a queue: always with a key, so that it counts once.
    pub(crate) fn event(&self, event: ExternalEvent) -> Result<RemoteEvent> {
        let ExternalEvent { name, data, key, .. } = event;
        let made = || EventKey::new(format!("raised {}", self.seeds.unique()));
        let key = key.map_or_else(made, Ok)?;
        Ok(RemoteEvent { name, data, key })
    }

    /// The key of the message with an event. Two instances may get events with the same key.
    #[allow(clippy::unused_self, reason = "it is a form of this queue")]
    pub(crate) fn key_of_event(&self, to: &InstanceId, key: &EventKey) -> String {
        format!("event/{to}/{key}")
    }

    /// A message of a client in the form that goes into a queue; `None` for messages that only come from
    /// within a host.
    pub(crate) fn keyed_command(
        &self,
        to: &InstanceId,
        message: InstanceMessage,
        created_at: Option<Timestamp>,
    ) -> Result<Option<KeyedCommand>> {
        let (kind, trace, command) = match message {
            InstanceMessage::RaiseEvent { event, .. } => {
                let trace = event.trace.clone();
                let event = self.event(event)?;
                let key = self.key_of_event(to, &event.key);
                let command = traced(RemoteCommand::RaiseEvent(event), trace);
                return Ok(Some(KeyedCommand { key, command }));
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::Start(start))) => {
                let received = start.start.trace.as_deref();
                let trace = received.map(|received| Box::new(received.context.clone()));
                let options = options_of(&start);
                let KeyedCommand { key, command } = self.start(self.start_of(*start)?, options);
                return Ok(Some(KeyedCommand { key, command: traced(command, trace) }));
            }
            InstanceMessage::Cancel { reason, trace, .. } => {
                ("cancel", trace, RemoteCommand::Cancel { reason })
            }
            InstanceMessage::Terminate { reason, trace, .. } => {
                ("terminate", trace, RemoteCommand::Terminate { reason })
            }
            InstanceMessage::Suspend { reason, trace, .. } => {
                ("suspend", trace, RemoteCommand::Suspend { reason })
            }
            InstanceMessage::Resume { trace, .. } => ("resume", trace, RemoteCommand::Resume),
            InstanceMessage::Runtime(RuntimeMessage(Internal::Rewind(message))) => {
                let rewind = message.rewind;
                let (position, reason, seed) = (rewind.position, rewind.reason, rewind.seed);
                ("rewind", None, RemoteCommand::Rewind { position, reason, seed })
            }
            // Its run is in it.
            InstanceMessage::Runtime(RuntimeMessage(Internal::FromOutside(message))) => {
                let (kind, command) = message.into_remote();
                return Ok(Some(self.once(kind, command)));
            }
            InstanceMessage::Runtime(_) => return Ok(None),
        };
        let command = match created_at {
            Some(created_at) => {
                RemoteCommand::ToInstanceOf { created_at, command: Box::new(command) }
            }
            None => command,
        };
        Ok(Some(self.once(kind, traced(command, trace))))
    }

    /// A command that is sent once.
    pub(crate) fn once(&self, kind: &str, command: RemoteCommand) -> KeyedCommand {
        KeyedCommand { key: format!("{kind}/{}", self.seeds.unique()), command }
    }

    fn start_of(&self, message: StartMessage) -> Result<RemoteStart> {
        let StartMessage { name, version, start, not_before, event, .. } = message;
        let delayed = start.delay.map(|delay| self.clock.now() + delay);
        let event = event.map(|event| self.event(event)).transpose()?;
        let (input, seed, not_before) = (start.input, start.seed, not_before.or(delayed));
        Ok(RemoteStart { name, version, input, seed, not_before, event })
    }

    /// Why the message with this key for an instance is in quarantine, if it is there: the error with which the
    /// instance refused it, where that is kept, or [`Error::Quarantined`].
    pub(crate) async fn why_quarantined(
        &self,
        instance: &InstanceId,
        key: &str,
    ) -> Result<Option<Error>> {
        let (mut after, mut seen) = (None, 0);
        while seen < MOST_LOOKED_AT {
            let page = match self.sharing.quarantined(after.as_ref(), LOOKED_AT_ONCE).await {
                // What waits for this message must not end for an entry of another.
                Err(error @ ProviderError::Corrupt { .. }) => {
                    tracing::error!(target: "reenact::queue", parent: None, %error, "an entry of the quarantine is not readable: discard it by its id");
                    return Ok(None);
                }
                page => page?,
            };
            let is_it = |what: &Quarantined| what.message.as_ref().is_some_and(|m| m.key == key);
            if let Some((_, what)) = page.iter().find(|(_, what)| is_it(what)) {
                let Quarantined { reason, details, .. } = what;
                return Ok(Some(Error::of_refusal(instance, reason.clone(), details)));
            }
            seen += page.len();
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => break,
            }
        }
        Ok(None)
    }

    /// Sends a message in quarantine again, and takes it out; returns whether it was there.
    pub(crate) async fn requeue(&self, id: &QuarantineId) -> Result<bool> {
        let Some(Quarantined { queue, message: Some(message), .. }) = self.find(id).await? else {
            return Ok(false);
        };
        match queue {
            QueueOf::Shard(shard) => self.router.send(shard, message).await?,
            QueueOf::Tag(tag) => self.sharing.send_to(&tag, message).await?,
        }
        // Removed only now: a message that is lost in between would be lost for good.
        self.sharing.discard(id).await?;
        self.recorder.requeued.count();
        Ok(true)
    }

    async fn find(&self, id: &QuarantineId) -> Result<Option<Quarantined>> {
        let mut after = None;
        loop {
            let page = self.sharing.quarantined(after.as_ref(), LOOKED_AT_ONCE).await?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            after = Some(last.clone());
            if let Some((_, what)) = page.into_iter().find(|(found, _)| found == id) {
                return Ok(Some(what));
            }
        }
    }
}

impl KeyedCommand {
    /// A message of an instance to another. The key is the same for the same message.
    pub(crate) fn to_instance(from: &InstanceId, message: reenact_core::Message) -> Self {
        let key = format!("tell/{from}/{}", key_of(message.id));
        let (from, message) = (from.clone(), Box::new(message));
        Self { key, command: RemoteCommand::Tell { from, message } }
    }

    /// The answer to such a message. It goes to the sender, so the key need not name that.
    pub(crate) fn answer(message: MessageId, taken: Result<(), NotTaken>) -> Self {
        let key = format!("answer/{}", key_of(message));
        Self { key, command: RemoteCommand::Answer { message, taken } }
    }
}

/// A command with the trace in which it was asked for, if there is one.
fn traced(command: RemoteCommand, trace: Option<Box<TraceContext>>) -> RemoteCommand {
    match trace {
        Some(context) => RemoteCommand::Traced { context, command: Box::new(command) },
        None => command,
    }
}

/// What a start says that an earlier version could not.
fn options_of(start: &StartMessage) -> Vec<StartOption> {
    let reuse = (!start.reuse.is_none()).then(|| StartOption::Reuse(start.reuse.into()));
    let limits = start.start.limits;
    let limits = (!limits.is_none()).then_some(StartOption::Limits(limits));
    let attributes = &start.start.attributes;
    let attributes = (!attributes.is_empty()).then(|| StartOption::Attributes(attributes.clone()));
    let fork = start.fork.clone().map(StartOption::Fork);
    reuse.into_iter().chain(limits).chain(attributes).chain(fork).collect()
}

fn key_of(MessageId { lineage, id, attempt, kind }: MessageId) -> String {
    format!("{lineage:016x}-{}-{attempt}-{kind:?}", id.0)
}
