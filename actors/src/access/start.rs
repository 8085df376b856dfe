//! Starts instances, on this host or through a queue.

use std::time::Duration;

use reenact_core::limits::MAX_TIMER;
use reenact_core::{
    Attributes, InstanceId, Name, Payload, ReceivedTrace, RemoteFork, Start, TimeLimits,
    TraceContext, Version,
};
use reenact_providers::InstanceSummary;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Access;
use super::wait::Looks;
use crate::entity_id::check_start;
use crate::error::{Error, Result};
use crate::message::{
    ExternalEvent, InstanceMessage, Internal, Reply, RuntimeMessage, StartMessage,
};
use crate::queue_client::{KeyedCommand, QueueClient};
use crate::reuse::{Reuse, ReusePolicy};
use crate::trace::current;

/// How long a start waits for a host to take it out of the queue.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How an instance is to begin.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// The orchestration.
    pub name: Name,
    /// Its version; otherwise the newest that the host has which takes it. On a dormant host it has no version
    /// then.
    pub version: Option<Version>,
    /// Its input.
    pub input: Payload,
    /// The caller's own id; otherwise one is made.
    pub instance: Option<InstanceId>,
    /// Run the code only after this time.
    pub delay: Option<Duration>,
    /// Raise this on the instance; where it is there already, it is not started but gets the event.
    /// Needs an id of the caller's own.
    pub event: Option<ExternalEvent>,
    /// What happens where there is an instance of the id.
    pub reuse: ReusePolicy,
    /// How long it may take.
    pub limits: TimeLimits,
    /// The attributes with which it begins.
    pub attributes: Attributes,
}

/// What is to begin, besides its id.
pub(super) struct Wanted {
    pub(super) name: Name,
    pub(super) version: Option<Version>,
    pub(super) start: Start,
    pub(super) own_id: bool,
    pub(super) event: Option<ExternalEvent>,
    pub(super) reuse: ReusePolicy,
    pub(super) fork: Option<Box<RemoteFork>>,
}

impl StartRequest {
    /// The instance, and the event that it is to get in any case.
    pub(super) fn instance_and_event(&self) -> Result<(InstanceId, ExternalEvent)> {
        match (&self.instance, &self.event) {
            (Some(instance), Some(event)) => Ok((instance.clone(), event.clone())),
            (_, event) => {
                let name = event.as_ref().map_or(&self.name, |event| &event.name);
                Err(Error::NoId { event: name.clone() })
            }
        }
    }
}

impl Access {
    /// Starts an instance. Durable when it returns. One that belongs to another host is sent there, and
    /// waited for until it is in the store.
    ///
    /// On a [dormant](crate::HostOptions::dormant) host it begins when a host with its code starts. Until then
    /// nobody knows whether there is such an orchestration, and whether it takes the input.
    ///
    /// # Errors
    /// [`Error::UnknownOrchestration`], [`Error::UnknownVersion`], [`Error::AlreadyExists`],
    /// [`Error::Busy`], [`Error::ShuttingDown`], [`Error::OverLimit`], [`Error::Interrupted`],
    /// [`Error::Store`], [`Error::InvalidOptions`], [`Error::InvalidPayload`]; [`Error::NotStarted`] when the code cannot do its first turn: then nothing was
    /// stored. With an event also [`Error::NoId`], [`Error::Finished`], [`Error::Parked`] and
    /// [`Error::TooManyEvents`], of the instance that is there. By way of another host:
    /// [`Error::Quarantined`] when that cannot take it; [`Error::Unanswered`] when none has taken it for
    /// half a minute.
    ///
    /// Cancelled, it may or may not have started the instance.
    pub async fn start_instance(&self, request: StartRequest) -> Result<InstanceId> {
        self.start_in_trace(request, None).await
    }

    /// As [`start_instance`](Self::start_instance), with the trace in which it is started. That goes into the log. When
    /// it is not given, it is that of the current span, with the feature `otel`.
    ///
    /// # Errors
    /// As [`start_instance`](Self::start_instance).
    ///
    /// Cancelled, it may or may not have started the instance.
    pub async fn start_in_trace(
        &self,
        request: StartRequest,
        trace: Option<TraceContext>,
    ) -> Result<InstanceId> {
        self.may_change()?;
        let trace = trace.or_else(current);
        let StartRequest {
            name,
            version,
            input,
            instance,
            delay,
            event,
            reuse,
            limits,
            attributes,
        } = request;
        limits.check()?;
        self.check_payload(&input, || format!("the input of orchestration `{name}`"))?;
        event.iter().try_for_each(|event| self.check_event(event))?;
        let event = event.map(|event| event.with_trace_of(trace.as_ref()));
        self.orchestration(&name, version.as_ref())?;
        if let Some(event) = event.as_ref().filter(|_| instance.is_none()) {
            return Err(Error::NoId { event: event.name.clone() });
        }
        if let Some(instance) = &instance {
            check_start(instance, &name)?;
        }
        let own_id = instance.is_some();
        let instance = match instance {
            Some(instance) => instance,
            None => self.store().seeds.instance_id(self.store().clock.now())?,
        };
        let seed = self.store().seeds.next();
        let trace = trace.map(|context| Box::new(ReceivedTrace::of_caller(context)));
        let start = Start { input, seed, delay, origin: None, trace, limits, attributes };
        let wanted = Wanted { name, version, start, own_id, event, reuse, fork: None };
        self.begin(&instance, wanted).await?;
        Ok(instance)
    }

    /// Lets an instance begin, on this host or by way of another.
    pub(super) async fn begin(&self, instance: &InstanceId, wanted: Wanted) -> Result<()> {
        // In this order: a start that waits for a place does not delay the messages that may free one.
        let mut place = match self.here() {
            Some(host) if self.is_here(instance) => {
                Some(host.admission.instance(|| host.make_room()).await?)
            }
            _ => None,
        };
        if let (Some(place), Some(host)) = (&mut place, self.here()) {
            place.move_in(&host.threads.tenants_of(self.store().shard_of(instance)));
        }
        let Wanted { name, version, start, own_id, event, reuse, fork } = wanted;
        let bytes = start.input.len()
            + start.attributes.bytes()
            + event.as_ref().map_or(0, ExternalEvent::bytes);
        let permit = self.let_in(bytes).await?;
        let (reply, answer) = oneshot::channel();
        let answer = self.answer(instance, answer);
        let reply = Reply::admitted(reply, permit, self.client());
        let message = StartMessage {
            name,
            version,
            start,
            not_before: None,
            own_id,
            place,
            event,
            reuse,
            fork,
            instead_of: Vec::new(),
            reply,
        };
        match self.deliver_or_return(instance, Internal::Start(Box::new(message)).into()) {
            Ok(()) => answer.await,
            Err(message) => match &self.store().queue_client {
                Some(remote) => self.start_remote(remote, instance, *message).await,
                None => self.send(instance, *message, answer).await,
            },
        }
    }

    /// Whether the instance is for this host, as far as it is known now.
    fn is_here(&self, instance: &InstanceId) -> bool {
        let holds = || self.routes().is_some_and(|r| r.holds(self.store().shard_of(instance)));
        self.store().queue_client.is_none() || holds()
    }

    /// Sends a start to the queue of the instance's shard, and waits until a host has taken it.
    async fn start_remote(
        &self,
        remote: &QueueClient,
        instance: &InstanceId,
        message: InstanceMessage,
    ) -> Result<()> {
        let InstanceMessage::Runtime(RuntimeMessage(Internal::Start(start))) = message else {
            return Err(self.interrupted(instance));
        };
        self.may_go_on(instance)?;
        check_delay(start.start.delay)?;
        let (seed, raises) = (start.start.seed, start.event.is_some());
        let reuse = start.reuse;
        let found =
            if start.own_id { self.found_by_start(instance, reuse, raises).await? } else { None };
        match found.as_ref().map(|summary| (reuse.of(summary.state), summary)) {
            Some((Reuse::Replace, _)) | None => {}
            Some((Reuse::Attach, _)) if !raises => return Ok(()),
            Some((_, summary)) if raises && summary.state.is_finished() => {
                return Err(Error::Finished { instance: instance.clone() });
            }
            Some(_) if !raises => {
                return Err(Error::AlreadyExists { instance: instance.clone() });
            }
            Some(_) => {}
        }
        let gets_the_event = found.is_some_and(|found| reuse.of(found.state) != Reuse::Replace);
        let Some(keyed_command) =
            remote.keyed_command(instance, Internal::Start(start).into(), None)?
        else {
            return Err(self.interrupted(instance));
        };
        remote.send(instance, &keyed_command).await?;
        if gets_the_event {
            // It gets the event, which is durable.
            return Ok(());
        }
        let is_ours = self.until_begun(remote, instance, (seed, reuse), &keyed_command).await?;
        if is_ours || raises {
            return Ok(());
        }
        Err(Error::AlreadyExists { instance: instance.clone() })
    }

    /// The instance that is there already. A start is neither refused nor answered for what others may have changed since
    /// it was seen.
    async fn found_by_start(
        &self,
        instance: &InstanceId,
        reuse: ReusePolicy,
        raises: bool,
    ) -> Result<Option<InstanceSummary>> {
        let seen = self.store().find(instance).await?;
        let is_sent = |seen: &InstanceSummary| {
            let is_taken = raises && !seen.state.is_finished();
            is_taken || reuse.of(seen.state) == Reuse::Replace
        };
        if seen.as_ref().is_none_or(is_sent) {
            return Ok(seen);
        }
        self.store().find_now(instance).await
    }

    /// Returns when there is an instance that the start does not replace; whether it is the one that is wanted: it
    /// began with the start of that seed, or is taken for it.
    async fn until_begun(
        &self,
        remote: &QueueClient,
        instance: &InstanceId,
        start: (u64, ReusePolicy),
        keyed_command: &KeyedCommand,
    ) -> Result<bool> {
        let deadline = Instant::now() + START_PATIENCE;
        let mut looks = Looks::default();
        loop {
            match self.look_for_start(remote, instance, start, keyed_command).await {
                Ok(Some(is_ours)) => return Ok(is_ours),
                Ok(None) => {}
                // It is in the queue all the same.
                Err(error) if error.is_of_a_store_that_is_away() => {}
                Err(error) => return Err(error),
            }
            if self.here().is_some_and(|host| host.admission.is_closed()) {
                return Err(Error::ShuttingDown);
            }
            if Instant::now() >= deadline {
                return Err(Error::Unanswered { instance: instance.clone() });
            }
            looks.pause(&self.store().seeds).await;
        }
    }

    async fn look_for_start(
        &self,
        remote: &QueueClient,
        instance: &InstanceId,
        start: (u64, ReusePolicy),
        keyed_command: &KeyedCommand,
    ) -> Result<Option<bool>> {
        let (seed, reuse) = start;
        match self.store().began_with(instance, seed, reuse).await? {
            None | Some((false, Reuse::Replace)) => {}
            Some((is_ours, reuse)) => return Ok(Some(is_ours || reuse == Reuse::Attach)),
        }
        remote.why_quarantined(instance, &keyed_command.key).await?.map_or(Ok(None), Err)
    }
}

/// A delay that no timer takes would be found out far away.
fn check_delay(delay: Option<Duration>) -> Result<()> {
    match delay.filter(|delay| *delay > MAX_TIMER) {
        Some(delay) => {
            let what = format!("a delay of {delay:?} is over {MAX_TIMER:?}");
            Err(Error::OverLimit { what })
        }
        None => Ok(()),
    }
}
