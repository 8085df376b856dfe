//! Wakes instances when their timers are due.

use std::collections::BTreeSet;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use reenact_core::{CorrelationId, InstanceId, Timestamp};
use reenact_providers::TimerScheduler;

use crate::message::{InstanceMessage, Internal};
use crate::routes::Routes;
use crate::run::Run;
use crate::task::Task;

/// Most timers that fire in one go, before other messages are looked at.
const FIRE_AT_ONCE: usize = 1_024;

/// The timer actor of a shard. Its timers follow from the log: setting one twice is setting it
/// once.
pub(crate) struct Timers;

pub(crate) struct TimersState {
    routes: Routes,
    clock: Arc<dyn TimerScheduler>,
    armed: BTreeSet<(Timestamp, Timer)>,
    /// Sleeps until the earliest timer.
    alarm: Option<(Timestamp, Task)>,
}

/// What to do when it is time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) instance: InstanceId,
    /// The timer to fire; `None` to bring the instance into memory, where it knows its timers.
    pub(crate) fire: Option<(Run, CorrelationId)>,
}

#[derive(Debug)]
pub(crate) enum TimerMessage {
    Arm(Timestamp, Timer),
    Disarm(Timestamp, Timer),
    /// It may be time.
    Due,
}

#[cfg(feature = "cluster")]
impl ractor::Message for TimerMessage {}

impl Actor for Timers {
    type Msg = TimerMessage;
    type State = TimersState;
    type Arguments = (Routes, Arc<dyn TimerScheduler>);

    async fn pre_start(
        &self,
        _myself: ActorRef<TimerMessage>,
        (routes, clock): Self::Arguments,
    ) -> Result<TimersState, ActorProcessingErr> {
        Ok(TimersState { routes, clock, armed: BTreeSet::new(), alarm: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<TimerMessage>,
        message: TimerMessage,
        state: &mut TimersState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TimerMessage::Arm(at, timer) => {
                state.armed.insert((at, timer));
            }
            TimerMessage::Disarm(at, timer) => {
                state.armed.remove(&(at, timer));
            }
            TimerMessage::Due => {
                state.alarm = None;
                state.fire_due();
            }
        }
        state.set_alarm(&myself);
        Ok(())
    }
}

impl TimersState {
    /// Fires what is due, in order.
    fn fire_due(&mut self) {
        let now = self.clock.now();
        for _ in 0..FIRE_AT_ONCE {
            match self.armed.first() {
                Some((at, _)) if *at <= now => {}
                _ => return,
            }
            if let Some((_, timer)) = self.armed.pop_first() {
                self.routes.deliver_in_order(&timer.instance, timer.message());
            }
        }
    }

    fn set_alarm(&mut self, myself: &ActorRef<TimerMessage>) {
        let Some(&(at, _)) = self.armed.first() else {
            self.alarm = None;
            return;
        };
        if self.alarm.as_ref().is_some_and(|(set, _)| *set <= at) {
            return;
        }
        let (clock, myself) = (self.clock.clone(), myself.clone());
        let alarm = Task::spawn(async move {
            clock.sleep_until(at).await;
            // An actor that has gone needs no alarm.
            let _ = myself.cast(TimerMessage::Due);
        });
        self.alarm = Some((at, alarm));
    }
}

impl Timer {
    fn message(&self) -> InstanceMessage {
        match self.fire {
            Some((run, id)) => Internal::FireTimer { run, id }.into(),
            None => Internal::Recover.into(),
        }
    }
}
