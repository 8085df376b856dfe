//! Carries out the actions of turns, once they are durable.

use reenact_core::{Action, InstanceId};

use super::shard::ShardContext;
use crate::activity::{ActivityCall, Attempt};
use crate::error::{Error, ParkReason};
use crate::run::Run;
use crate::timers::{Timer, TimerMessage};
use crate::trace::RunTrace;

impl ShardContext {
    pub(crate) fn dispatch(
        &self,
        instance: &InstanceId,
        run: Run,
        trace: &RunTrace,
        actions: impl IntoIterator<Item = Action>,
    ) {
        self.begin_actions(instance, run);
        self.carry_out_all(instance, run, trace, actions);
    }

    /// Prepares for the actions of a turn.
    pub(crate) fn begin_actions(&self, instance: &InstanceId, run: Run) {
        if run.is_without_code() {
            // The log alone does not say what was under way.
            self.workers.cancel_all(instance);
            self.tag_sender.iter().for_each(|tag_sender| tag_sender.forget_all(instance));
            // The instance has ended, so it is not parked any more; a client that gets the answer finds it so.
            self.host.routes.unpark(instance);
        }
    }

    /// Carries out actions of a turn that [has begun](Self::begin_actions); returns how many.
    pub(crate) fn carry_out_all(
        &self,
        instance: &InstanceId,
        run: Run,
        trace: &RunTrace,
        actions: impl IntoIterator<Item = Action>,
    ) -> usize {
        let actions = actions.into_iter();
        actions.map(|action| self.carry_out(instance, run, trace, action, false)).count()
    }

    /// Like [`dispatch`](Self::dispatch), for the open actions of an instance that comes into memory: they
    /// may have been carried out before.
    pub(crate) fn dispatch_open(
        &self,
        instance: &InstanceId,
        run: Run,
        trace: &RunTrace,
        actions: impl IntoIterator<Item = Action>,
    ) {
        for action in actions {
            self.carry_out(instance, run, trace, action, true);
        }
    }

    fn carry_out(
        &self,
        instance: &InstanceId,
        run: Run,
        trace: &RunTrace,
        action: Action,
        again: bool,
    ) {
        let call = |id| ActivityCall { instance: instance.clone(), run, id };
        let timer = |id| Timer { instance: instance.clone(), fire: Some((run, id)) };
        match action {
            Action::CallActivity { id, name, input, attempt, terms, tagged, local } => {
                let local_input = local.then(|| input.clone());
                let trace = trace.clone();
                let attempt =
                    Attempt { name, number: attempt, terms, reports: None, local_input, trace };
                match (tagged, &self.tag_sender) {
                    (Some(tagged), Some(tag_sender)) => {
                        tag_sender.send(call(id), attempt, *tagged, input, again);
                    }
                    _ => self.workers.submit(call(id), attempt, input),
                }
            }
            Action::CancelActivity { id } => {
                let call = call(id);
                self.tag_sender.iter().for_each(|tag_sender| tag_sender.forget(&call));
                // A call with a tag may run on this host too.
                self.workers.cancel_and_count(&call);
            }
            // It follows from the log on the host that has the code.
            Action::CreateTimer { .. } if self.host.options.dormant => {}
            Action::CreateTimer { id, fire_at } => {
                self.send_to_timers(TimerMessage::Arm(fire_at, timer(id)));
            }
            Action::CancelTimer { id, fire_at } => {
                self.send_to_timers(TimerMessage::Disarm(fire_at, timer(id)));
            }
            Action::Trace { message } => {
                tracing::info!(target: "reenact::orchestration", parent: None, %instance, "{message}");
            }
            Action::Send(message) => {
                let message = trace.give(instance, run, message);
                self.host.local_delivery.send(instance, run, message, 0);
            }
            Action::AnnounceStatus => self.host.waiters.changed(instance),
            Action::AnswerUpdate { key, answer } => {
                self.host.waiters.answered(instance, &key, answer);
            }
            Action::Reply { outcome } => {
                self.host.routes.unpark(instance);
                self.host.waiters.ended(instance, &Ok(outcome));
            }
        }
    }

    /// Forgets an attempt of a call that has ended on another host.
    pub(crate) fn has_ended(&self, call: &ActivityCall, attempt: u32) {
        self.tag_sender.iter().for_each(|tag_sender| tag_sender.forget_attempt(call, attempt));
    }

    /// Parks an instance that cannot go on; clients that wait for it get the reason.
    pub(crate) fn park(&self, instance: &InstanceId, reason: ParkReason) {
        tracing::error!(target: "reenact::instance", parent: None, %instance, %reason, "an instance is parked: start a host with code that fits its log, or resume, rewind or terminate it");
        self.recorder.has_parked(reason.kind());
        // When the instance goes on, it asks for all of its open calls again.
        self.tag_sender.iter().for_each(|tag_sender| tag_sender.forget_all(instance));
        self.host.routes.park(instance.clone(), reason.clone());
        let parked = Error::Parked { instance: instance.clone(), reason };
        self.host.waiters.ended(instance, &Err(parked));
    }

    fn send_to_timers(&self, message: TimerMessage) {
        // If the timer actor has gone, its shard ends with it; the log sets the timers again.
        let _ = self.timers.cast(message);
    }
}
