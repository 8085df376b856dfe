//! Applies commands to an instance, and passes the turns on to the persistence actor.

use ractor::{ActorProcessingErr, ActorRef, MessagingErr};
use reenact_core::zoo::{self, Bug};
use reenact_core::{
    Action, ActivityError, ApplyError, Command, CorrelationId, Outbox, Payload, Receipt,
    RecordedTurn, Rejected, Sealed, ShardId, TraceContext, Turn, codec,
};
use reenact_providers::{InstanceSummary, TurnRecord};

use super::closing::Closing;
use super::phase::{Phase, Subject};
use super::state::InstanceState;
use super::summary::{follow, state_of, wake_at};
use crate::activity::{ActivityCall, Batch, EndedCall};
use crate::error::{Error, ParkReason};
use crate::message::{
    Answer, EmitItems, ExternalEvent, FromOutside, FromWorker, InstanceMessage, OnceMessage,
    Outside, Reply,
};
use crate::metrics::{ExecutionEnd, Tally};
use crate::persistence::{Entry, PendingTurn};
use crate::run::Run;
use crate::telemetry::Story;
use crate::trace::RunTrace;

impl InstanceState {
    /// Raises an event. If the code cannot go on with it, the instance is parked, and the event is kept, as
    /// for every parked instance.
    pub(super) fn raise(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        event: ExternalEvent,
        reply: Option<Reply>,
    ) {
        let Phase::Live(live) = &mut self.phase else { return };
        self.last_used = self.now;
        let (command, trace) = event.clone().into_command();
        match live.apply_traced(&self.shard.host.routes.stalls, command, trace, self.now) {
            Ok(turn) => self.submit(turn, reply, None),
            Err(error) => match self.refusal(error) {
                Error::Parked { reason, .. } => {
                    self.park(reason);
                    let again = myself.cast(InstanceMessage::RaiseEvent { event, reply });
                    if let Err(MessagingErr::SendErr(message)) = again {
                        self.shard.host.routes.deliver_in_order(&self.instance, message);
                    }
                }
                refusal => {
                    if let Some(reply) = reply {
                        self.answer(reply.no(refusal));
                    }
                }
            },
        }
    }

    pub(super) fn apply(&mut self, command: Command, reply: Option<Reply>) {
        self.apply_in(None, command, reply);
    }

    /// Applies what somebody asks for in a trace.
    pub(super) fn apply_in(
        &mut self,
        trace: Option<Box<TraceContext>>,
        command: Command,
        reply: Option<Reply>,
    ) {
        self.apply_of(command, trace, reply, None);
    }

    /// Records the end of an attempt of an activity. The workers remember the attempt until that is
    /// durable.
    pub(super) fn complete_task(
        &mut self,
        id: CorrelationId,
        result: Result<Payload, ActivityError>,
        known: EndedCall,
    ) {
        let attempt = known.attempt();
        // Only a retry can use the details of the last heartbeat.
        if let Some(details) = result.as_ref().err().and_then(|_| known.take_details()) {
            self.apply(Command::RecordHeartbeat { id, attempt, details }, None);
        }
        self.apply_of(Command::CompleteTask { id, attempt, result }, None, None, Some(known));
    }

    /// Records items that an attempt of an activity emits, if that is under way.
    pub(super) fn emit_items(&mut self, items: EmitItems) {
        let EmitItems { run, by, batch: Batch { stream, number, items }, reply } = items;
        if self.is_current(run) {
            return self.apply(Command::EmitItems { by, stream, number, items }, Some(reply));
        }
        let over = self.refusal(ApplyError::Rejected(Rejected::AttemptOver { id: by.id }));
        self.answer(reply.no(over));
    }

    /// Applies what another host reports of an activity that runs there.
    pub(super) fn handle_worker_message(&mut self, message: FromWorker) {
        let FromWorker { run, command, reply } = message;
        if let Command::CompleteTask { id, attempt, .. } = &command {
            let call = ActivityCall { instance: self.instance.clone(), run, id: *id };
            self.shard.has_ended(&call, *attempt);
        }
        self.apply(command, Some(reply));
    }

    /// Applies what somebody outside says of an attempt of an activity, if that is under way. It may still run.
    pub(super) fn handle_outside(&mut self, message: FromOutside) {
        let Phase::Live(live) = &self.phase else { return };
        let (run, id, attempt) =
            (message.token.run().into(), message.token.id(), message.token.attempt());
        if run != live.run || !live.machine.is_attempt(id, attempt) {
            let why = "it is not under way".to_owned();
            let error = Error::TooLate { instance: self.instance.clone(), id, why };
            return message
                .reply
                .into_iter()
                .for_each(|reply| self.answer(reply.no(error.clone())));
        }
        if matches!(message.what, Outside::Ended(_)) {
            let call = ActivityCall { instance: self.instance.clone(), run, id };
            self.shard.has_ended(&call, attempt);
        }
        let (command, reply) = message.into_command();
        self.apply(command, reply);
    }

    /// Raises an event that comes with a start, on an instance that is there.
    pub(super) fn raise_known(&mut self, event: ExternalEvent, reply: Reply) {
        let Phase::Live(live) = &mut self.phase else { return };
        self.last_used = self.now;
        let (command, trace) = event.into_command();
        match live.apply_traced(&self.shard.host.routes.stalls, command, trace, self.now) {
            Ok(turn) => self.submit(turn, Some(reply), None),
            Err(error) => self.refuse_command(error, Some(reply)),
        }
    }

    fn apply_of(
        &mut self,
        command: Command,
        trace: Option<Box<TraceContext>>,
        reply: Option<Reply>,
        known: Option<EndedCall>,
    ) {
        let Phase::Live(live) = &mut self.phase else { return };
        self.last_used = self.now;
        // Of an attempt that ended on this host, what is known of it says more.
        live.subject = match known {
            Some(_) => Subject::Nothing,
            None => live.subject_of(&command),
        };
        match live.apply_traced(&self.shard.host.routes.stalls, command, trace, self.now) {
            Ok(turn) => self.submit(turn, reply, known),
            Err(error) => self.refuse_command(error, reply),
        }
    }

    /// Applies a command that may be delivered again. The command and its key go into one append: both
    /// count, or neither.
    pub(super) fn apply_once(&mut self, message: OnceMessage) {
        let OnceMessage { key, command, trace, reply } = message;
        let Phase::Live(live) = &mut self.phase else { return };
        let now = self.shard.now();
        self.last_used = now;
        let before = live.summary.clone();
        let known = match live.machine.apply(Command::KnowCommand { key }, now) {
            // It was applied before, or the history has no room for it.
            Ok(turn) if turn.recorded.events.is_empty() || turn.outcome.is_some() => {
                return self.submit(turn, Some(reply), None);
            }
            Ok(turn) => turn,
            Err(error) => return self.refuse_command(error, Some(reply)),
        };
        let done = match live.apply_traced(&self.shard.host.routes.stalls, command, trace, now) {
            Ok(turn) => turn,
            Err(error) => return self.refuse_command(error, Some(reply)),
        };
        let pending = live.pending(known).and_then(|mut first| {
            if !done.recorded.events.is_empty() {
                let mut done = live.pending(done)?;
                let next = live.continue_as_new(&mut done)?;
                first.successor.push(done);
                first.successor.extend(next);
            }
            Ok(first)
        });
        match pending {
            Ok(mut pending) => {
                pending.answer = Some(reply.yes());
                self.pass_on(Entry::Turn(Box::new(pending)));
                self.close_if_ended();
            }
            Err(reason) => {
                live.summary = before;
                self.refuse_turn(reason, Some(reply));
            }
        }
    }

    fn refuse_command(&mut self, error: ApplyError, reply: Option<Reply>) {
        let refusal = self.refusal(error);
        if let Error::Parked { reason, .. } = &refusal {
            self.park(reason.clone());
        }
        if let Some(reply) = reply {
            self.answer(reply.no(refusal));
        }
    }

    pub(super) fn refusal(&self, error: ApplyError) -> Error {
        let instance = self.instance.clone();
        match error {
            ApplyError::Rejected(Rejected::TooManyEvents { limit }) => {
                Error::TooManyEvents { instance, limit }
            }
            ApplyError::Rejected(Rejected::UnknownEvent { event, declared }) => {
                let declared = declared.into_iter().map(str::to_owned).collect();
                Error::UnknownEvent { instance, event, declared }
            }
            ApplyError::Rejected(Rejected::Refused { event: update, reason }) => {
                Error::UpdateRefused { instance, update, reason }
            }
            ApplyError::Rejected(Rejected::InvalidEventData { event, why: source }) => {
                let what = format!("the data of event `{event}` for instance `{instance}`");
                Error::InvalidPayload { what, source }
            }
            ApplyError::Rejected(Rejected::AttemptOver { id }) => {
                let why = "the attempt is over, and what it emits is not wanted any more".into();
                Error::TooLate { instance, id, why }
            }
            ApplyError::Rejected(Rejected::Finished) => Error::Finished { instance },
            ApplyError::Rejected(Rejected::AlreadyStarted) => Error::AlreadyExists { instance },
            ApplyError::Rejected(Rejected::NotStarted) => Error::NotFound { instance },
            ApplyError::Rejected(
                over @ (Rejected::TooManyEventBytes { .. }
                | Rejected::OverLimit(_)
                | Rejected::ItemsMissing { .. }),
            ) => Error::OverLimit { what: format!("instance `{instance}`: {over}") },
            ApplyError::Nondeterministic(nondeterminism) => {
                let reason = ParkReason::Nondeterministic(nondeterminism);
                Error::Parked { instance, reason }
            }
            ApplyError::UnregisteredActivity { activity } => {
                let reason = ParkReason::UnknownActivity { name: activity };
                Error::Parked { instance, reason }
            }
            ApplyError::UnregisteredOrchestration { orchestration, version } => {
                // The registry knows whether the name or the version is missing.
                let code = self.shard.host.registry.code(&orchestration, version.as_ref());
                let unknown = ParkReason::UnknownOrchestration { name: orchestration };
                Error::Parked { instance, reason: code.err().map_or(unknown, ParkReason::from) }
            }
        }
    }

    /// Passes a turn to the persistence actor, and goes on without waiting for it.
    pub(super) fn submit(&mut self, turn: Turn, reply: Option<Reply>, known: Option<EndedCall>) {
        let Phase::Live(live) = &mut self.phase else { return };
        if turn.recorded.events.is_empty() {
            // Nothing is recorded: the actions and the answer wait for the turns before them.
            live.wanted.add(live.run, turn.local, turn.can_wait);
            let pending =
                (!turn.actions.is_empty()).then(|| live.pending_without_record(turn.actions));
            self.take_up_in_place();
            if let Some(pending) = pending {
                self.pass_on_now(Entry::Turn(Box::new(pending)));
            }
            return reply.into_iter().for_each(|reply| self.answer(reply.yes()));
        }
        // Only a turn that ends an execution can be refused after it has changed the summary.
        let before = turn.outcome.is_some().then(|| live.summary.clone());
        let pending = live.pending(turn).and_then(|mut pending| {
            pending.successor = live.continue_as_new(&mut pending)?;
            Ok(pending)
        });
        match pending {
            Ok(mut pending) => {
                pending.answer = reply.map(Reply::yes);
                if zoo::planted(Bug::AnswerBeforeDurable) {
                    let forged = Receipt::issue(ShardId(0), 0);
                    pending.answer.take().into_iter().for_each(|answer| answer.give(&forged));
                }
                pending.known = known;
                self.pass_on(Entry::Turn(Box::new(pending)));
                self.close_if_ended();
            }
            Err(reason) => {
                // The turn is not passed on, and leaves no trace in the summary.
                if let Some(before) = before {
                    live.summary = before;
                }
                self.refuse_turn(reason, reply);
            }
        }
    }

    fn refuse_turn(&mut self, reason: ParkReason, reply: Option<Reply>) {
        self.park(reason.clone());
        if let Some(reply) = reply {
            let instance = self.instance.clone();
            self.answer(reply.no(Error::Parked { instance, reason }));
        }
    }

    /// Answers after the turns that are under way, because the answer may depend on them.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.pass_on_now(Entry::Answer(Box::new(answer)));
    }

    /// Ends a parked instance without its code, which may not fit its log. Its children and its parent are
    /// informed as its log says; of a log that does not decode they are not known.
    pub(super) async fn terminate_without_code(
        &mut self,
        mut summary: InstanceSummary,
        (reason, trace): (String, Option<Box<TraceContext>>),
        reply: Option<Reply>,
    ) -> Result<(), ActorProcessingErr> {
        let (number, execution) = (summary.turns, summary.execution);
        let at = self.shard.now().max(summary.updated_at);
        let recorded = RecordedTurn::terminated(at, reason).in_trace(trace.as_deref());
        let bytes = match codec::encode_turn(&recorded) {
            Ok(bytes) => bytes.into(),
            Err(error) => {
                reply.into_iter().for_each(|reply| {
                    reply.refuse(Error::OverLimit { what: error.to_string() });
                });
                return Ok(());
            }
        };
        let outcome = recorded.outcome();
        // Turns from before it was parked may still be under way.
        self.shard.everything_is_durable(&self.instance).await?;
        let turns = match self.shard.log().history(&summary).await? {
            Ok(turns) => turns,
            Err(reason) => {
                let instance = &self.instance;
                tracing::error!(
                    target: "reenact::instance", parent: None,
                    %instance, %reason,
                    "terminated although its log cannot be read: its parent and its children are not known, \
                     and get no message; find them, and end them by their ids"
                );
                Vec::new()
            }
        };
        let mut outbox = Outbox::of(self.instance.clone(), &turns);
        recorded.events.iter().for_each(|event| drop(outbox.follow(event)));
        // Messages from before it was parked are sent too: while it was parked, they were not.
        let mut actions: Vec<_> = outbox.under_way().into_iter().map(Action::Send).collect();
        let state = state_of(outcome.as_ref(), false);
        follow(&mut summary, &recorded, state, wake_at(&outbox));
        actions.extend(outcome.map(|outcome| Action::Reply { outcome }));
        let tally = Tally {
            orchestration: self.shard.host.recorder.orchestration(&summary.name),
            end: Some(ExecutionEnd::Terminated),
            at,
            created_at: summary.created_at,
            ..Tally::NOTHING
        };
        let trace = RunTrace::of_log(execution, &turns, &outbox);
        let story = Story::at_the_end(&summary, &turns, &recorded, &trace);
        let record =
            TurnRecord { number, bytes, summary: summary.clone(), has_drawn_id: false, keep: 0 };
        let turn = PendingTurn {
            instance: self.instance.clone(),
            run: Run::without_code(execution),
            record: Some(record),
            actions: Sealed::new(actions),
            answer: reply.map(Reply::yes),
            known: None,
            tally,
            successor: Vec::new(),
            trace: trace.clone(),
            story,
        };
        self.shard.make_durable(Entry::Turn(Box::new(turn)));
        self.phase = if outbox.is_empty() {
            Phase::Finished
        } else {
            let run = Run::without_code(execution);
            Phase::Closing(Box::new(Closing::new(outbox, (run, trace), summary, number)))
        };
        Ok(())
    }
}
