//! Local activities run in place, before the turns that schedule them are passed on. These turns wait a
//! moment for the results of the activities.

use ractor::ActorProcessingErr;
use reenact_core::limits::LOCAL_HOLD;
use reenact_core::{Action, CorrelationId, Sealed, Timestamp};

use super::in_place::{Running, Wanted};
use super::phase::Phase;
use super::state::InstanceState;
use crate::activity::{ActivityCall, Attempt};
use crate::message::{InstanceMessage, Internal, Reply};
use crate::persistence::Entry;
use crate::run::Run;
use crate::timers::{Timer, TimerMessage};
use crate::trace::RunTrace;

impl InstanceState {
    /// Passes an entry on to be made durable, after all entries that were passed on before. A turn waits
    /// while local activities run that began with it, or with a turn that waits already, unless a caller
    /// waits for something else in it.
    pub(super) fn pass_on(&mut self, mut entry: Entry) {
        let Phase::Live(live) = &mut self.phase else { return self.pass_on_now(entry) };
        if live.wanted.actions.is_empty() && self.in_place.running.is_empty() {
            // Most instances have no local activities.
            live.wanted.can_wait = true;
            return self.shard.make_durable(entry);
        }
        let wanted = std::mem::take(&mut live.wanted);
        let begins = self.begin_in_place(wanted.actions);
        self.forget_closed(&mut entry);
        let runs = !self.in_place.running.is_empty();
        let waits = wanted.can_wait && runs && (begins || self.in_place.is_holding());
        if waits && self.in_place.has_room_for(&entry) {
            self.in_place.hold(entry);
        } else {
            self.pass_on_now(entry);
        }
    }

    pub(super) fn pass_on_now(&mut self, entry: Entry) {
        self.end_wait();
        self.shard.make_durable(entry);
    }

    /// Passes the turns on that wait.
    pub(super) fn end_wait(&mut self) {
        if self.in_place.is_holding() {
            let waiting = self.in_place.take_blocked();
            waiting.into_iter().for_each(|entry| self.shard.make_durable(entry));
        }
    }

    /// Ends this wait, which has lasted long enough, unless it is over.
    pub(super) fn end_wait_if(&mut self, wait: u64) {
        if self.in_place.waits == wait {
            self.end_wait();
        }
    }

    /// Returns when everything that was passed on before is durable.
    pub(super) async fn everything_is_durable(&mut self) -> Result<(), ActorProcessingErr> {
        self.end_wait();
        self.shard.everything_is_durable(&self.instance).await
    }

    /// The machine is about to be dropped: what runs in place runs in vain.
    pub(super) fn leave_place(&mut self) {
        self.end_wait();
        self.in_place.call_off_all();
    }

    /// Goes on with calls that are open already: with an attempt that is due, or a timer. Actions that do
    /// not run in place wait for the turns before them.
    pub(super) fn take_up_in_place(&mut self) {
        let Phase::Live(live) = &mut self.phase else { return };
        if live.wanted.actions.is_empty() {
            return live.wanted = Wanted::default();
        }
        let wanted = std::mem::take(&mut live.wanted).actions;
        let in_place = &self.in_place;
        let runs = |run: Run, action: &Action| {
            let id = call_of(action);
            id.is_some_and(|id| in_place.runs(run.in_place(in_place.place), id))
        };
        let (here, others): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(run, action)| runs(*run, action));
        let others: Vec<_> = others.into_iter().map(|(_, action)| action).collect();
        let pending =
            (!others.is_empty()).then(|| live.pending_without_record(Sealed::new(others)));
        self.begin_in_place(here);
        if let Some(pending) = pending {
            self.pass_on_now(Entry::Turn(Box::new(pending)));
        }
    }

    /// Begins the wanted actions; returns whether an activity is among them.
    fn begin_in_place(&mut self, actions: Vec<(Run, Action)>) -> bool {
        let mut begins = false;
        let now = self.now;
        let trace = match &self.phase {
            Phase::Live(live) => live.trace.clone(),
            _ => RunTrace::default(),
        };
        // The timers of these activities come first among the actions.
        for (run, action) in &actions {
            if let Action::CallActivity { id, .. } = action {
                self.note_running(*run, *id);
                begins = true;
            }
        }
        for (run, action) in actions {
            let run = run.in_place(self.in_place.place);
            match action {
                Action::CallActivity { id, name, input, attempt, terms, .. } => {
                    let call = ActivityCall { instance: self.instance.clone(), run, id };
                    let attempt =
                        Attempt::local(name, attempt, terms, input.clone(), trace.clone());
                    self.shard.workers.submit(call, attempt, input);
                }
                Action::CreateTimer { id, fire_at } => self.set_timer(run, id, fire_at, now),
                // A turn wants no other action of local activities.
                Action::CancelActivity { .. }
                | Action::CancelTimer { .. }
                | Action::Trace { .. }
                | Action::Send(_)
                | Action::AnnounceStatus
                | Action::AnswerUpdate { .. }
                | Action::Reply { .. } => {}
            }
        }
        begins
    }

    fn note_running(&mut self, run: Run, id: CorrelationId) {
        let run = run.in_place(self.in_place.place);
        let running = &mut self.in_place.running;
        match running.iter_mut().find(|call| call.run == run && call.id == id) {
            Some(call) => call.has_ended = false,
            None => running.push(Running { run, id, has_ended: false }),
        }
    }

    /// Sets a timer of a call that runs in place, if it is due before the turns are passed on that set the
    /// timer durably.
    fn set_timer(&self, run: Run, id: CorrelationId, fire_at: Timestamp, now: Timestamp) {
        if self.in_place.runs(run, id) && fire_at.since(now) <= LOCAL_HOLD {
            let timer = Timer { instance: self.instance.clone(), fire: Some((run, id)) };
            // If the timer actor has gone, its shard ends with it.
            let _ = self.shard.timers.cast(TimerMessage::Arm(fire_at, timer));
        }
    }

    /// Forgets the calls that are not open any more, and cancels the activities of them that still run: the turn that
    /// closes them counts that, unless their end is counted already.
    fn forget_closed(&mut self, entry: &mut Entry) {
        let Phase::Live(live) = &self.phase else { return };
        let is_open =
            |call: &Running| live.run.is_of(call.run) && live.machine.is_open_task(call.id);
        let closed = self.in_place.running.extract_if(.., |call| !is_open(call));
        let still_run: Vec<_> = closed.filter(|call| !call.has_ended).collect();
        for call in still_run {
            let label = self.in_place.call_off(&call);
            let Entry::Turn(turn) = &mut *entry else { continue };
            let is_counted = turn.tally.activity.as_ref().is_some_and(|ended| ended.id == call.id);
            turn.tally.cancelled_in_place.extend(label.filter(|_| !is_counted));
        }
    }
}

impl InstanceMessage {
    /// Whether the sender of the message sends it again by itself if the host dies of it. Then its effects
    /// must be recorded before they run: local activities that it begins are scheduled like any others.
    pub(super) fn comes_again(&self) -> bool {
        match self {
            Self::RaiseEvent { event, reply } => {
                event.key.is_some() && !reply.as_ref().is_some_and(Reply::is_to_client)
            }
            Self::Runtime(message) => match &message.0 {
                Internal::Start(start) => !start.reply.is_to_client(),
                Internal::FromAnother(_) | Internal::Once(_) | Internal::Rewind(_) => true,
                Internal::Activate
                | Internal::CompleteTask { .. }
                | Internal::RecordStart { .. }
                | Internal::Recover
                | Internal::HostStops
                | Internal::RecordHeartbeat { .. }
                | Internal::EmitItems(_)
                | Internal::FireTimer { .. }
                | Internal::PassivateIfIdleSince(..)
                | Internal::ForeignWake
                | Internal::ReportOpen(_)
                | Internal::Answered { .. }
                | Internal::FromWorker(_)
                | Internal::FromOutside(_)
                | Internal::SendAgain { .. }
                | Internal::Settle
                | Internal::GiveBackLocks
                | Internal::EndWait(_) => false,
            },
            Self::Terminate { .. }
            | Self::Cancel { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. } => false,
        }
    }
}

/// The call that an action runs, or sets a timer for.
fn call_of(action: &Action) -> Option<CorrelationId> {
    match action {
        Action::CallActivity { id, .. } | Action::CreateTimer { id, .. } => Some(*id),
        Action::CancelActivity { .. }
        | Action::CancelTimer { .. }
        | Action::Trace { .. }
        | Action::Send(_)
        | Action::AnnounceStatus
        | Action::AnswerUpdate { .. }
        | Action::Reply { .. } => None,
    }
}
