//! The actor of one instance: owns its machine, and nothing else.

mod activate;
mod anew;
mod closing;
mod deaths;
mod encode;
mod fork;
mod in_place;
mod interrupt;
mod live;
mod local;
mod outbox;
mod overdue;
mod parked;
mod parked_locks;
mod passivate;
mod phase;
mod replace;
mod rewind;
mod start;
mod state;
mod summary;
mod tally;
mod trial;
mod turns;

use crate::context::ShardContext;
use crate::error::{Error, ParkReason};
use crate::footprint::Footprint;
use crate::in_flight::InFlight;
use crate::message::{Begin, InstanceMessage, Internal, OpenCalls, RuntimeMessage};
use crate::persistence::Entry;
use crate::run::Run;
use in_place::InPlace;
use phase::Phase;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use reenact_core::zoo::{self, Bug};
use reenact_core::{Command, CorrelationId, InstanceId};
use state::InstanceState;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Applies commands to a machine, and passes the turns to the persistence actor. It never writes
/// storage and never runs effects; it reads its log once, when it comes into memory.
pub(crate) struct InstanceActor;

pub(crate) struct InstanceArguments {
    pub(crate) shard: Arc<ShardContext>,
    pub(crate) instance: InstanceId,
    pub(crate) begin: Begin,
    /// Whether it has a place among the instances in memory. One without a place leaves memory as soon as
    /// it is idle.
    pub(crate) has_place: bool,
    /// Kept until it has handled the message for which it was loaded and, if that was its end, has left
    /// memory.
    pub(crate) coming: Option<InFlight>,
    /// Whether it was loaded because its log says so, and for no message. It leaves memory when others wait
    /// for a place.
    pub(crate) is_due: bool,
}

impl Actor for InstanceActor {
    type Msg = InstanceMessage;
    type State = InstanceState;
    type Arguments = InstanceArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<InstanceMessage>,
        args: InstanceArguments,
    ) -> Result<InstanceState, ActorProcessingErr> {
        let InstanceArguments { shard, instance, begin, has_place, coming, is_due } = args;
        let now = shard.now();
        let footprint = Footprint::new(shard.host.footprints.clone(), instance.clone());
        let workers = shard.workers.clone();
        let in_place = InPlace::new(myself, instance.clone(), workers);
        Ok(InstanceState {
            shard,
            instance,
            begin,
            phase: Phase::Fresh,
            last_used: now,
            now,
            unparked: false,
            in_place,
            may_run_in_place: true,
            footprint,
            has_place,
            busy: None,
            coming,
            is_due,
        })
    }

    /// The log is read here, and not before the start, so that a failure is supervised.
    async fn post_start(
        &self,
        myself: ActorRef<InstanceMessage>,
        state: &mut InstanceState,
    ) -> Result<(), ActorProcessingErr> {
        if state.begin != Begin::Fresh {
            state.enter(&myself).await?;
        }
        Ok(())
    }

    /// User code is dropped here, where a panic in it is this actor's own.
    async fn post_stop(
        &self,
        _myself: ActorRef<InstanceMessage>,
        state: &mut InstanceState,
    ) -> Result<(), ActorProcessingErr> {
        state.leave_place();
        if matches!(&state.phase, Phase::Live(live) if live.machine.outcome().is_none()) {
            state.shard.recorder.has_passivated();
        }
        if !matches!(state.phase, Phase::Finished) {
            // A store need not remember an instance that has ended.
            state.shard.host.store.histories.unload(&state.instance);
        }
        state.phase = Phase::Absent;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<InstanceMessage>,
        message: InstanceMessage,
        state: &mut InstanceState,
    ) -> Result<(), ActorProcessingErr> {
        state.may_run_in_place = !state.in_place.is_careful() && !message.comes_again();
        if let Phase::Live(live) = &mut state.phase {
            live.machine.run_local_in_place(state.may_run_in_place);
        }
        let is_unproven = matches!(&state.phase, Phase::Live(live) if live.unproven.is_some());
        let trial = if is_unproven {
            let may_run = trial::may_run_code(&message);
            Box::pin(state.announce_run(may_run)).await?
        } else {
            None
        };
        if message.asks_to_passivate() {
            // Also when it has ended or is parked, because it may stay in memory.
            state.footprint.answer();
        }
        if state.is_anything_overdue() {
            // Boxed, as below.
            Box::pin(state.catch_up()).await;
        }
        match message {
            InstanceMessage::Runtime(RuntimeMessage(Internal::Start(start))) => {
                state.start(&myself, start).await?;
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::EndWait(wait))) => {
                state.end_wait_if(wait);
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::Rewind(rewind))) => {
                // Boxed: otherwise the future of every message would have room for this.
                Box::pin(state.rewind(&myself, *rewind)).await?;
            }
            // It has gone on already, and has ended since.
            message if message.is_resume() && state.has_ended_unparked() => {
                message.reply().into_iter().for_each(|reply| state.answer(reply.yes()));
            }
            message if matches!(state.phase, Phase::Live(_)) => {
                state.handle_live(&myself, message);
            }
            message => Box::pin(state.rest(&myself, message)).await?,
        }
        if let Some(trial) = trial {
            Box::pin(state.survived(trial)).await?;
        }
        // Called for every message: the memory that it holds is reported after each.
        let is_too_much = state.is_too_much_in_memory();
        let is_to_make_room = state.is_to_make_room();
        let coming = state.coming.take();
        if state.has_nothing_to_do() {
            if let Some(coming) = coming {
                state.shard.ending.add(myself.get_id(), coming);
            }
            // Messages in the mailbox are still handled; later ones go to another actor.
            myself.drain()?;
        } else if is_too_much || is_to_make_room {
            state.passivate_if_idle(&myself, state.last_used);
        }
        Ok(())
    }
}

impl InstanceState {
    fn handle_live(&mut self, myself: &ActorRef<InstanceMessage>, message: InstanceMessage) {
        match message {
            InstanceMessage::RaiseEvent { event, reply } => {
                self.raise(myself, event, reply);
            }
            InstanceMessage::Terminate { reason, trace, reply } => {
                self.apply_in(trace, Command::Terminate { reason }, reply);
            }
            InstanceMessage::Cancel { reason, trace, reply } => {
                self.apply_in(trace, Command::Cancel { reason }, reply);
            }
            InstanceMessage::Suspend { reason, trace, reply } => {
                self.apply_in(trace, Command::Suspend { reason }, reply);
            }
            InstanceMessage::Resume { trace, reply } => {
                self.apply_in(trace, Command::Resume, reply);
            }
            InstanceMessage::Runtime(RuntimeMessage(message)) => match message {
                Internal::CompleteTask { run, id, result, known } if self.is_of(run, id) => {
                    self.in_place.has_ended(run, id);
                    self.complete_task(id, result, known);
                }
                Internal::RecordHeartbeat { run, id, attempt, details } if self.is_of(run, id) => {
                    self.apply(Command::RecordHeartbeat { id, attempt, details }, None);
                }
                Internal::EmitItems(items) => self.emit_items(*items),
                Internal::RecordStart { run, id, attempt, reply } if self.is_of(run, id) => {
                    self.record_start(id, attempt, reply);
                }
                Internal::HostStops => {
                    self.in_place.be_careful();
                    self.end_wait();
                    self.record_stops();
                }
                Internal::FireTimer { run, id, fired } if self.is_of(run, id) => {
                    self.coming = Some(fired);
                    self.apply(Command::FireTimer { id }, None);
                }
                Internal::PassivateIfIdleSince(then, asked) => {
                    self.passivate_if_idle(myself, then);
                    drop(asked);
                }
                Internal::ForeignWake => self.park_if_misled(),
                Internal::ReportOpen(reply) => self.report_open(reply),
                Internal::FromAnother(message) => self.handle_message(*message),
                Internal::Answered { message, taken, sent_by, reply } => {
                    self.answered(myself, message, taken, sent_by, reply);
                }
                Internal::FromWorker(message) if self.is_current(message.run) => {
                    self.handle_worker_message(*message);
                }
                Internal::FromWorker(message) => self.answer(message.reply.yes()),
                Internal::FromOutside(message) => self.handle_outside(*message),
                Internal::Once(once) => self.apply_once(*once),
                Internal::SendAgain { message, tries } => self.send_again(message, tries),
                // The run is over, or the message only keeps the instance in memory.
                Internal::CompleteTask { .. }
                | Internal::RecordHeartbeat { .. }
                | Internal::RecordStart { .. }
                | Internal::FireTimer { .. } => {}
                Internal::Activate
                | Internal::Recover
                | Internal::Start(_)
                | Internal::Rewind(_)
                | Internal::EndWait(_)
                | Internal::GiveBackLocks
                | Internal::Settle => {}
            },
        }
    }

    /// Handles a message for an instance that does not run.
    async fn rest(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: InstanceMessage,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            message if matches!(self.phase, Phase::Parked(_)) => {
                self.handle_parked(myself, message).await
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::FromAnother(message)))
                if matches!(self.phase, Phase::Finished | Phase::Closing(_)) =>
            {
                self.handle_message_after_end(*message).await
            }
            message => {
                self.handle_at_rest(myself, message);
                Ok(())
            }
        }
    }

    fn handle_at_rest(&mut self, myself: &ActorRef<InstanceMessage>, message: InstanceMessage) {
        let instance = self.instance.clone();
        match (&self.phase, message) {
            (Phase::Closing(_), InstanceMessage::Runtime(RuntimeMessage(message))) => match message
            {
                Internal::Answered { message, taken, sent_by, reply } => {
                    self.answered(myself, message, taken, sent_by, reply);
                }
                Internal::SendAgain { message, tries } => self.send_again(message, tries),
                Internal::Settle => self.settle(),
                other => self.refuse(other.into(), Error::Finished { instance }),
            },
            (Phase::Finished | Phase::Closing(_), message) => {
                self.refuse(message, Error::Finished { instance });
            }
            (Phase::Fresh | Phase::Absent | Phase::Live(_) | Phase::Parked(_), message) => {
                self.refuse(message, Error::NotFound { instance });
            }
        }
    }

    fn report_open(&mut self, reply: oneshot::Sender<OpenCalls>) {
        self.end_wait();
        let Phase::Live(live) = &self.phase else { return };
        let open = OpenCalls::of(&live.machine);
        self.shard.make_durable(Entry::Open(reply, Box::new(open)));
    }

    fn refuse(&mut self, message: InstanceMessage, error: Error) {
        if let Some(reply) = message.reply() {
            self.answer(reply.no(error));
        }
    }

    /// Whether it was parked, went on as it came into memory, and has ended.
    fn has_ended_unparked(&self) -> bool {
        self.unparked
            && match &self.phase {
                Phase::Live(live) => live.machine.outcome().is_some(),
                Phase::Closing(_) | Phase::Finished => true,
                Phase::Fresh | Phase::Absent | Phase::Parked(_) => false,
            }
    }

    fn is_current(&self, run: Run) -> bool {
        let is_any = zoo::planted(Bug::CompletionOfEarlierExecution);
        matches!(&self.phase, Phase::Live(live) if live.run == run || is_any)
    }

    /// Whether it is about a call or a timer of this run: one of its log, or one that runs in place here.
    fn is_of(&self, run: Run, id: CorrelationId) -> bool {
        if run.place() == 0 {
            return self.is_current(run);
        }
        matches!(&self.phase, Phase::Live(live) if live.run.is_of(run))
            && self.in_place.runs(run, id)
    }

    /// Whether only messages in the mailbox may still concern this actor.
    fn has_nothing_to_do(&self) -> bool {
        match &self.phase {
            Phase::Fresh => false,
            Phase::Live(live) => live.machine.outcome().is_some(),
            Phase::Closing(closing) => closing.is_through(),
            Phase::Parked(parked) => !parked.is_in_use(),
            Phase::Absent | Phase::Finished => true,
        }
    }

    /// Parks the instance if something woke its code from outside a turn: its next step could not be
    /// repeated.
    fn park_if_misled(&mut self) {
        let Phase::Live(live) = &self.phase else { return };
        if let Some(nondeterminism) = live.machine.foreign_wake() {
            self.park(ParkReason::Nondeterministic(nondeterminism));
        }
    }
}
