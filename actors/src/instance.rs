//! The actor of one instance: owns its machine, and nothing else.

mod activate;
mod deaths;
mod encode;
mod local;
mod outbox;
mod overdue;
mod parked;
mod replace;
mod rewind;
mod trial;
mod turns;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use reenact_core::{Command, CorrelationId, InstanceId, Machine, MessageId, Timestamp};
use reenact_providers::InstanceSummary;
use tokio::sync::oneshot;

use crate::admission::Busy;
use crate::error::{Error, ParkReason};
use crate::footprint::Footprint;
use crate::message::{Asked, InstanceMessage, Internal, RuntimeMessage};
use crate::pace::OnItsWay;
use crate::persistence::Entry;
use crate::run::Run;
use crate::shard::ShardContext;
use crate::snapshot::OpenCalls;
use crate::suspects::Suspects;
use local::{InPlace, Wanted};
use outbox::Closing;
use parked::Parked;

/// Applies commands to a machine, and hands the turns to the persistence actor. It never writes
/// storage and never runs effects; it reads its log once, when it comes into memory.
pub(crate) struct InstanceActor;

pub(crate) struct InstanceArguments {
    pub(crate) shard: Arc<ShardContext>,
    pub(crate) instance: InstanceId,
    pub(crate) begin: Begin,
    /// It has a place among the instances in memory. One without goes as soon as it is idle.
    pub(crate) has_place: bool,
    /// Until it has handled what it comes for, and has gone if that was its end.
    pub(crate) coming: Option<OnItsWay>,
    /// It comes for no message but its log, and goes again where others wait for that.
    pub(crate) is_due: bool,
}

/// How an actor comes by its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The first message starts it, under an id that was made for it.
    Fresh,
    /// The first message starts it, if its id is free.
    Claim,
    /// From the log.
    Activate,
    /// From the log, as its host starts: an earlier one may have died of it.
    Recover,
    /// As [`Activate`](Self::Activate), for somebody who lets it go on.
    Resume,
}

pub(crate) struct InstanceState {
    shard: Arc<ShardContext>,
    instance: InstanceId,
    begin: Begin,
    phase: Phase,
    last_used: Timestamp,
    /// The time of what is being handled. Read once for each message: nothing becomes due between what
    /// is overdue and the message.
    now: Timestamp,
    /// It was parked, and goes on since it came into memory, or has come to its end so.
    unparked: bool,
    /// Its local activities that run before their schedule is durable.
    in_place: InPlace,
    /// Whether what is being handled may begin some.
    may_run_in_place: bool,
    /// What it holds in memory.
    footprint: Footprint,
    /// It has a place among the instances in memory.
    has_place: bool,
    /// It keeps that while others wait for places.
    busy: Option<Busy>,
    coming: Option<OnItsWay>,
    is_due: bool,
}

/// What there is exists in its phase only.
enum Phase {
    /// Nothing has happened yet.
    Fresh,
    /// It goes on.
    Live(Box<Live>),
    /// It has finished, and has yet to tell others.
    Closing(Box<Closing>),
    /// There is no such instance.
    Absent,
    /// It has finished; the log says how.
    Finished,
    /// Its code cannot go on from its log.
    Parked(Box<Parked>),
}

/// An instance in memory.
struct Live {
    machine: Machine,
    run: Run,
    /// Without the turns that are being made durable it would be behind; so it is kept here.
    summary: InstanceSummary,
    /// Messages that have arrived, where it can wait that this is recorded.
    arrived: Vec<MessageId>,
    /// Activities that were open when it came into memory, and ran on no known host.
    suspects: Suspects,
    /// How many hosts have died while its code ran, as long as that has not made a step on this one;
    /// known only of what was taken up as the host started.
    unproven: Option<u32>,
    /// What its turns want of local activities, until they are handed on.
    wanted: Wanted,
    /// It has begun under an id that was made for it, and its first turn is not handed on yet.
    has_drawn_id: bool,
}

impl Live {
    fn new(machine: Machine, summary: InstanceSummary) -> Self {
        Self {
            run: Run::of(&machine),
            machine,
            summary,
            arrived: Vec::new(),
            suspects: Suspects::default(),
            unproven: None,
            wanted: Wanted::default(),
            has_drawn_id: false,
        }
    }
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
        let now = shard.clock.now();
        let footprint = Footprint::new(shard.footprints.clone(), instance.clone());
        let workers = shard.dispatcher.workers.clone();
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
        if !matches!(state.phase, Phase::Finished) {
            // Of what is over, a store remembers nothing.
            state.shard.store.unload(&state.instance);
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
            // Also of one that has ended or is parked: it may stay.
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
                // Boxed: every message would pay for the room that this takes.
                Box::pin(state.rewind(&myself, *rewind)).await?;
            }
            // It has gone on already, and has come to its end with that.
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
        // Whatever else holds: what it holds is always told.
        let is_too_much = state.is_too_much_in_memory();
        let is_to_make_room = state.is_to_make_room();
        let coming = state.coming.take();
        if state.has_nothing_to_do() {
            if let Some(coming) = coming {
                state.shard.ending.add(myself.get_id(), coming);
            }
            // What is in the mailbox is still handled; what comes later finds another actor.
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
            InstanceMessage::Terminate { reason, reply } => {
                self.apply(Command::Terminate { reason }, reply);
            }
            InstanceMessage::Cancel { reason, reply } => {
                self.apply(Command::Cancel { reason }, reply);
            }
            InstanceMessage::Suspend { reason, reply } => {
                self.apply(Command::Suspend { reason }, reply);
            }
            InstanceMessage::Resume { reply } => self.apply(Command::Resume, reply),
            InstanceMessage::Runtime(RuntimeMessage(message)) => match message {
                Internal::CompleteTask { run, id, result, known } if self.is_of(run, id) => {
                    self.in_place.has_ended(run, id);
                    self.complete_task(id, result, known);
                }
                Internal::RecordHeartbeat { run, id, attempt, details } if self.is_of(run, id) => {
                    self.apply(Command::RecordHeartbeat { id, attempt, details }, None);
                }
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
                Internal::TellOpen(reply) => self.tell_open(reply),
                Internal::FromAnother(message) => self.told(*message),
                Internal::Answered { message, taken, sent_by, reply } => {
                    self.answered(myself, message, taken, sent_by, reply);
                }
                Internal::FromWorker(message) if self.is_current(message.run) => {
                    self.told_by_worker(*message);
                }
                Internal::FromWorker(message) => self.answer(message.reply.yes()),
                Internal::Once(once) => self.apply_once(*once),
                Internal::SendAgain { message, tries } => self.send_again(message, tries),
                // For a run that is over, or nothing to do but to be here.
                Internal::CompleteTask { .. }
                | Internal::RecordHeartbeat { .. }
                | Internal::RecordStart { .. }
                | Internal::FireTimer { .. } => {}
                Internal::Activate
                | Internal::Recover
                | Internal::Start(_)
                | Internal::Rewind(_)
                | Internal::EndWait(_)
                | Internal::Settle => {}
            },
        }
    }

    /// A message for an instance that does not run.
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
                self.told_behind_the_end(*message).await
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
            (_, message) => self.refuse(message, Error::NotFound { instance }),
        }
    }

    fn tell_open(&mut self, reply: oneshot::Sender<OpenCalls>) {
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
                _ => false,
            }
    }

    fn is_current(&self, run: Run) -> bool {
        matches!(&self.phase, Phase::Live(live) if live.run == run)
    }

    /// Whether it is about a call or a timer of this run: one of its log, or one that runs in place here.
    fn is_of(&self, run: Run, id: CorrelationId) -> bool {
        if run.place() == 0 {
            return self.is_current(run);
        }
        matches!(&self.phase, Phase::Live(live) if live.run.is_of(run))
            && self.in_place.runs(run, id)
    }

    /// Whether only what is in the mailbox already may still concern this actor.
    fn has_nothing_to_do(&self) -> bool {
        match &self.phase {
            Phase::Fresh => false,
            Phase::Live(live) => live.machine.outcome().is_some(),
            Phase::Closing(closing) => closing.is_through(),
            Phase::Parked(parked) => !parked.is_in_use(),
            Phase::Absent | Phase::Finished => true,
        }
    }

    fn passivate_if_idle(&mut self, myself: &ActorRef<InstanceMessage>, then: Timestamp) {
        let now = self.shard.clock.now();
        if matches!(&self.phase, Phase::Parked(_)) && self.last_used <= then {
            // As below.
            let _ = myself.drain();
        }
        let Phase::Live(live) = &mut self.phase else { return };
        if self.last_used <= then && !self.in_place.is_holding() && live.is_idle(now) {
            let messages = std::mem::take(&mut live.arrived);
            if !messages.is_empty() {
                // Otherwise it would be woken for them after a crash, again and again.
                self.apply(reenact_core::Command::ConfirmDelivery { messages }, None);
            }
            // What comes from now on brings it back, behind what is handled before the end. An
            // actor that is draining already needs no second word.
            let _ = myself.drain();
        }
    }

    /// Whether it is to go as soon as it is idle. Where others wait for a place, says whether they can
    /// have that of this one.
    fn is_to_make_room(&mut self) -> bool {
        let wants_room = self.shard.admission.wants_room();
        if wants_room || self.busy.is_some() {
            let is_busy = self.has_place && self.has_something_under_way();
            if !is_busy {
                self.busy = None;
            } else if self.busy.is_none() {
                self.busy = Some(self.shard.admission.busy());
            }
        }
        wants_room
            || !self.has_place
            || self.is_due && self.shard.is_due_waiting.load(Ordering::Relaxed)
    }

    fn has_something_under_way(&mut self) -> bool {
        match &mut self.phase {
            Phase::Live(live) => !live.is_idle(self.now),
            Phase::Closing(_) => true,
            Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Parked(_) => false,
        }
    }

    /// Says what it holds. Where all instances hold too much, asks the largest idle ones to go; whether
    /// that is not enough.
    fn is_too_much_in_memory(&mut self) -> bool {
        let Phase::Live(live) = &mut self.phase else {
            // The machine is gone.
            self.footprint.tell(0);
            return false;
        };
        self.footprint.tell(live.machine.held_bytes() + self.in_place.held_bytes());
        if self.footprint.is_to_be_listed() && live.is_idle(self.now) {
            self.footprint.list();
        }
        let all = self.footprint.all();
        if !all.is_over() {
            return false;
        }
        for instance in all.take_largest() {
            let message = Internal::PassivateIfIdleSince(self.now, Asked::default());
            // One that has gone in the meantime is not in memory.
            let _ = self.shard.routes.try_deliver(&instance, message.into());
        }
        all.is_over()
    }

    /// Something woke the code from outside a turn: its next step could not be repeated.
    fn park_if_misled(&mut self) {
        let Phase::Live(live) = &self.phase else { return };
        if let Some(nondeterminism) = live.machine.foreign_wake() {
            self.park(ParkReason::Nondeterministic(nondeterminism));
        }
    }
}
