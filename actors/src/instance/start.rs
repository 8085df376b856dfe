//! Starts an instance, or answers a start of one that exists.

use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::{
    ApplyError, Attributes, Command, EventKey, ExecutionId, Machine, Name, OrchestrationCode,
    RecordedTurn, Start, TraceContext, Turn, Version, key_of_start,
};
use reenact_providers::{InstanceState as State, InstanceSummary, ProviderError};

use super::live::unreadable;
use super::phase::{Live, Phase};
use super::state::InstanceState;
use crate::entity_id::check_start;
use crate::error::{Error, ParkReason};
use crate::message::{Begin, ExternalEvent, InstanceMessage, Internal, Reply, StartMessage};
use crate::persistence::Entry;
use crate::reuse::ReusePolicy;
use crate::store::unreadable as unreadable_log;

impl InstanceState {
    pub(super) async fn start(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: Box<StartMessage>,
    ) -> Result<(), ActorProcessingErr> {
        match self.phase {
            Phase::Fresh => match message.fork.as_deref().cloned() {
                Some(fork) => Box::pin(self.fork(myself, *message, fork)).await?,
                None => self.begin(myself, *message),
            },
            // The start was refused: there is no instance here.
            Phase::Absent => self.leave_to_the_next(message),
            // This actor came into memory for another message; since it looked, the id may have become free.
            Phase::Finished
                if matches!(self.begin, Begin::Activate | Begin::Recover | Begin::Resume) =>
            {
                self.leave_to_the_next(message);
            }
            Phase::Finished | Phase::Live(_) | Phase::Closing(_) | Phase::Parked(_) => {
                Box::pin(self.start_again(myself, *message)).await?;
            }
        }
        Ok(())
    }

    /// Leaves a start to the next actor of the instance: this one is about to end.
    pub(super) fn leave_to_the_next(&self, message: Box<StartMessage>) {
        self.shard.host.routes.deliver_in_order(&self.instance, Internal::Start(message).into());
    }

    /// Answers a start of an instance that exists.
    async fn start_again(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        mut message: StartMessage,
    ) -> Result<(), ActorProcessingErr> {
        if !message.reuse.is_none() {
            let Some(refused) = self.reuse(myself, message).await? else { return Ok(()) };
            message = refused;
        }
        if let Some(event) = message.event.take() {
            self.raise_instead(event, message.reply).await?;
            return Ok(());
        }
        let taken = Error::AlreadyExists { instance: self.instance.clone() };
        let Some(origin) = message.start.origin.take() else {
            self.answer(message.reply.no(taken));
            return Ok(());
        };
        match self.own_origin().await {
            Ok(Ok(Some(own))) if own == *origin => self.has_begun(*origin, message.reply).await,
            // The asker may be its own parent, so the answer must not be that the id is taken. It asks again.
            Ok(Err(reason)) => {
                self.answer(message.reply.no(unreadable_log(&self.instance, &reason)));
            }
            Ok(Ok(own)) => {
                let mut undone = message.instead_of.iter().copied();
                let superseded = own
                    .and_then(|own| undone.find(|call| call.has_started(&own, &origin.instance)));
                match superseded {
                    Some(call) => return self.replace(myself, message, *origin, call).await,
                    None => self.answer(message.reply.no(taken)),
                }
            }
            // The instance was purged since this actor looked: the id is free.
            Err(ProviderError::NotFound { .. }) if matches!(self.phase, Phase::Finished) => {
                message.start.origin = Some(origin);
                self.leave_to_the_next(Box::new(message));
            }
            Err(error) => {
                let error = Error::from(Arc::new(error));
                self.answer(message.reply.no(error));
            }
        }
        Ok(())
    }

    /// Raises the event that comes with a start, on an instance that exists.
    async fn raise_instead(
        &mut self,
        event: ExternalEvent,
        reply: Reply,
    ) -> Result<(), ActorProcessingErr> {
        let instance = self.instance.clone();
        match &self.phase {
            Phase::Live(_) => {
                self.raise_known(event, reply);
            }
            Phase::Parked(parked) if self.is_kept_out() => {
                let reason = parked.reason();
                self.answer(reply.no(Error::Parked { instance, reason }));
            }
            Phase::Parked(_) => self.keep_event(event, Some(reply)).await?,
            Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Closing(_) => {
                // It may have come before: then its answer was lost, and is given again.
                let is_known = match &event.key {
                    Some(key) => self.has_had(key).await?,
                    None => Ok(false),
                };
                self.answer(match is_known {
                    Ok(true) => reply.yes(),
                    Ok(false) => reply.no(Error::Finished { instance }),
                    Err(reason) => reply.no(unreadable_log(&instance, &reason)),
                });
            }
        }
        Ok(())
    }

    fn begin(&mut self, myself: &ActorRef<InstanceMessage>, message: StartMessage) {
        let StartMessage { name, version, mut start, not_before, event, reuse, reply, .. } =
            message;
        if let Err(reserved) = check_start(&self.instance, &name) {
            self.phase = Phase::Absent;
            return reply.refuse(reserved);
        }
        let is_dormant = self.shard.host.options.dormant;
        let code = if is_dormant {
            stand_in(&name, version)
        } else {
            self.shard.host.registry.code(&name, version.as_ref()).map_err(Error::from)
        };
        let code = match code {
            Ok(code) => code,
            Err(error) => {
                self.phase = Phase::Absent;
                return reply.refuse(error);
            }
        };
        if let Some(time) = not_before {
            let delay = time.since(self.shard.now());
            start.delay = (!delay.is_zero()).then_some(delay);
        }
        let more = More { key: key_of(reuse, start.seed), event };
        if !more.is_nothing() || is_dormant {
            // It is recorded before the code runs, and the code may be on another host.
            start.delay = start.delay.or(Some(Duration::ZERO));
        }
        let by_another = start.origin.is_some();
        let mut started = self.begin_with(&code, myself, start.clone());
        if by_another
            && matches!(started, Err(ref error) if !matches!(error, ApplyError::Rejected(_)))
        {
            // The start is stored so that people see the instance: it is parked in a turn of its own.
            let delay = start.delay.or(Some(Duration::ZERO));
            started = self.begin_with(&code, myself, Start { delay, ..start });
        }
        match started {
            Ok((machine, turn)) => {
                let summary = self.new_summary(name, machine.execution_id(), &turn.recorded);
                let has_drawn_id = self.begin == Begin::Fresh;
                let label = self.shard.host.recorder.orchestration(&summary.name);
                let live = Live { has_drawn_id, ..Live::new(machine, summary, label) };
                self.phase = Phase::Live(Box::new(live));
                if more.is_nothing() {
                    self.submit(turn, Some(reply), None);
                } else {
                    self.submit_with(turn, more, reply);
                }
                if is_dormant {
                    self.park(ParkReason::Dormant);
                }
            }
            Err(error) => {
                // Nothing was stored: there is no instance, and nothing to park.
                self.phase = Phase::Absent;
                reply.refuse(match self.refusal(error) {
                    Error::Parked { reason, .. } => Error::NotStarted { reason },
                    other => other,
                });
            }
        }
    }

    fn begin_with(
        &self,
        code: &OrchestrationCode,
        myself: &ActorRef<InstanceMessage>,
        start: Start,
    ) -> Result<(Machine, Turn), ApplyError> {
        let config = self.machine_config(myself);
        let (instance, now) = (self.instance.clone(), self.shard.now());
        self.shard.host.routes.stalls.watch(&self.instance, code.name(), || {
            Machine::start(code, instance, ExecutionId::FIRST, config, start, now)
        })
    }

    /// Submits a start and what comes with it together: all of it is stored, or nothing.
    fn submit_with(&mut self, start: Turn, more: More, reply: Reply) {
        let Phase::Live(live) = &mut self.phase else { return };
        let at = start.recorded.at;
        let mut turns = Vec::new();
        for (command, trace) in more.commands() {
            match live.apply_traced(&self.shard.host.routes.stalls, command, trace, at) {
                Ok(turn) => turns.push(turn),
                Err(ApplyError::Rejected(rejected)) => {
                    let refusal = self.refusal(ApplyError::Rejected(rejected));
                    self.phase = Phase::Absent;
                    return reply.refuse(refusal);
                }
                Err(error) => {
                    let reason = unreadable(error);
                    self.phase = Phase::Absent;
                    return reply.refuse(Error::NotStarted { reason });
                }
            }
        }
        let pending = live.pending(start).and_then(|mut pending| {
            let after = turns.into_iter().map(|turn| live.pending(turn));
            pending.successor = after.collect::<Result<_, _>>()?;
            Ok(pending)
        });
        match pending {
            Ok(mut pending) => {
                pending.answer = Some(reply.yes());
                self.pass_on(Entry::Turn(Box::new(pending)));
            }
            Err(reason) => {
                self.phase = Phase::Absent;
                reply.refuse(Error::NotStarted { reason });
            }
        }
    }

    fn new_summary(
        &self,
        name: reenact_core::Name,
        execution: ExecutionId,
        first: &RecordedTurn,
    ) -> InstanceSummary {
        InstanceSummary {
            instance: self.instance.clone(),
            execution,
            name,
            state: State::Running,
            created_at: first.at,
            updated_at: first.at,
            turns: 0,
            events: 0,
            wake_at: None,
            attributes: Attributes::default(),
        }
    }
}

/// What is stored with a start.
struct More {
    /// By which the start is known when it comes again.
    key: Option<EventKey>,
    event: Option<ExternalEvent>,
}

impl More {
    const fn is_nothing(&self) -> bool {
        self.key.is_none() && self.event.is_none()
    }

    fn commands(self) -> impl Iterator<Item = (Command, Option<Box<TraceContext>>)> {
        let known = self.key.map(|key| (Command::KnowCommand { key }, None));
        let raised = self.event.map(ExternalEvent::into_command);
        known.into_iter().chain(raised)
    }
}

/// The key of a start that would replace what it has started itself, if it came again.
fn key_of(reuse: ReusePolicy, seed: u64) -> Option<EventKey> {
    if reuse.may_replace() { key_of_start(seed) } else { None }
}

/// What stands in for the code that a dormant host does not have. A start with a delay polls no code, and the
/// instance is parked before the delay can end.
fn stand_in(name: &Name, version: Option<Version>) -> Result<OrchestrationCode, Error> {
    let code = OrchestrationCode::new(name.as_str(), |_, ()| async { Ok(()) })?;
    Ok(code.of_version(version.unwrap_or(Version::NONE)))
}
