//! The timer actor of a shard: fires timers when they are due.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use reenact_core::zoo::{self, Bug};
use reenact_core::{CorrelationId, InstanceId, Timestamp};
use reenact_providers::TimerScheduler;

use crate::in_flight::{InFlight, InFlightLimit};
use crate::message::{Due, InstanceMessage, Internal, RuntimeMessage, ShardMessage};
use crate::metrics::ShardRecorder;
use crate::routes::Routes;
use crate::run::Run;
use crate::task::{Task, end_for_panic, let_others_run};

/// The maximum number of timers that have fired and are not handled by their instances yet. Other tasks
/// need the thread too.
const FIRED_AT_A_TIME: usize = 128;

/// The longest time for which timers wait for others: an instance may not handle messages for a while.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The maximum number of timers that are taken out at once for instances that are not in memory.
const FIRE_AT_ONCE: usize = 256;

/// The timer actor of a shard. Its timers follow from the log, so a timer that is set twice is the same
/// timer.
/// once.
pub(crate) struct Timers;

pub(crate) struct TimersArguments {
    pub(crate) routes: Routes,
    pub(crate) clock: Arc<dyn TimerScheduler>,
    /// Loads instances that are not in memory.
    pub(crate) supervisor: ActorRef<ShardMessage>,
    pub(crate) recorder: Arc<ShardRecorder>,
}

pub(crate) struct TimersState {
    routes: Routes,
    clock: Arc<dyn TimerScheduler>,
    supervisor: ActorRef<ShardMessage>,
    recorder: Arc<ShardRecorder>,
    armed: BTreeSet<(Timestamp, Timer)>,
    /// Bounds the timers that have fired and are not handled.
    fired: Arc<InFlightLimit>,
    /// The task that ends a wait for these.
    wait_limit: Option<Task>,
    /// Sleeps until the earliest timer.
    alarm: Option<(Timestamp, Task)>,
    /// The latest time that was seen.
    #[cfg(reenact_zoo)]
    read_level: Timestamp,
}

/// What to do when it is time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) instance: InstanceId,
    /// The timer to fire; `None` to load the instance, which knows its timers.
    pub(crate) fire: Option<(Run, CorrelationId)>,
}

#[derive(Debug)]
pub(crate) enum TimerMessage {
    Arm(Timestamp, Timer),
    ArmAll(Vec<(Timestamp, Timer)>),
    Disarm(Timestamp, Timer),
    /// A timer may be due.
    Due,
    /// The timers that have fired take long to be handled.
    WaitedLong,
}

#[cfg(feature = "cluster")]
impl ractor::Message for TimerMessage {}

impl Actor for Timers {
    type Msg = TimerMessage;
    type State = TimersState;
    type Arguments = TimersArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<TimerMessage>,
        args: TimersArguments,
    ) -> Result<TimersState, ActorProcessingErr> {
        let TimersArguments { routes, clock, supervisor, recorder } = args;
        let (armed, fired, wait_limit, alarm) = (BTreeSet::new(), limit(&myself), None, None);
        recorder.are_armed(0);
        Ok(TimersState {
            routes,
            clock,
            supervisor,
            recorder,
            armed,
            fired,
            wait_limit,
            alarm,
            #[cfg(reenact_zoo)]
            read_level: Timestamp::EPOCH,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<TimerMessage>,
        message: TimerMessage,
        state: &mut TimersState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            #[cfg(reenact_zoo)]
            TimerMessage::Arm(at, _)
                if at < state.read_level && zoo::planted(Bug::TimerBelowReadLevel) => {}
            TimerMessage::Arm(at, timer) => {
                // The instance is in memory: nothing has to bring it there at that time any more.
                let instance = timer.instance.clone();
                state.armed.remove(&(at, Timer { instance, fire: None }));
                state.armed.insert((at, timer));
            }
            TimerMessage::ArmAll(timers) => {
                state.armed.extend(timers);
                let_others_run().await;
            }
            TimerMessage::Disarm(at, timer) => {
                state.armed.remove(&(at, timer));
            }
            TimerMessage::Due => {
                state.alarm = None;
                state.wait_limit = None;
                state.fire_due();
            }
            TimerMessage::WaitedLong => {
                state.wait_limit = None;
                state.fired = limit(&myself);
                state.fire_due();
            }
        }
        state.recorder.are_armed(state.armed.len());
        state.set_alarm(&myself);
        Ok(())
    }
}

/// Its shard has gone from this host, or begins anew.
impl Drop for TimersState {
    fn drop(&mut self) {
        self.recorder.are_armed(0);
    }
}

/// Counts the timers that have fired from now on.
fn limit(myself: &ActorRef<TimerMessage>) -> Arc<InFlightLimit> {
    let myself = myself.clone();
    // An actor that has gone fires nothing more.
    InFlightLimit::new(FIRED_AT_A_TIME, move || drop(myself.cast(TimerMessage::Due)))
}

impl TimersState {
    /// Fires the timers that are due, in order. An instance that is not in memory is loaded, and applies by
    /// itself what is due.
    fn fire_due(&mut self) {
        let mut now = self.clock.now();
        #[cfg(reenact_zoo)]
        {
            self.read_level = self.read_level.max(now);
        }
        if zoo::planted(Bug::TimerEarly) {
            now = now + Duration::from_secs(1);
        }
        let (mut absent, mut on_their_way) = (Vec::new(), Vec::new());
        for _ in 0..FIRE_AT_ONCE {
            match self.armed.first() {
                Some((at, _)) if *at <= now => {}
                _ => break,
            }
            let Some(fired) = self.fired.begin() else { break };
            if let Some((at, Timer { instance, fire })) = self.armed.pop_first()
                && let Err(fired) = self.fire(&instance, fire, fired)
            {
                absent.push(Due { at, instance, is_recovered: fire.is_none() });
                on_their_way.extend(fired);
            }
        }
        if !absent.is_empty() {
            // A supervisor that has gone takes the timers with it; the log sets them again.
            let _ = self.supervisor.cast(ShardMessage::Wake(absent, on_their_way));
        }
    }

    /// Fires the timer of an instance in memory; an error means that the instance is not there.
    fn fire(
        &self,
        instance: &InstanceId,
        fire: Option<(Run, CorrelationId)>,
        fired: InFlight,
    ) -> Result<(), Option<InFlight>> {
        let Some((run, id)) = fire else {
            let recovers = self.routes.try_deliver(instance, Internal::Recover.into());
            return recovers.map_err(|_| Some(fired));
        };
        let message = Internal::FireTimer { run, id, fired };
        self.routes.try_deliver(instance, message.into()).map_err(|given_back| match *given_back {
            InstanceMessage::Runtime(RuntimeMessage(Internal::FireTimer { fired, .. })) => {
                Some(fired)
            }
            _ => None,
        })
    }

    fn set_alarm(&mut self, myself: &ActorRef<TimerMessage>) {
        if !self.fired.has_room() {
            // A message comes when there is room.
            let myself = myself.clone();
            self.wait_limit.get_or_insert_with(|| {
                Task::spawn(async move {
                    tokio::time::sleep(LONGEST_WAIT).await;
                    // An actor that has gone fires nothing more.
                    let _ = myself.cast(TimerMessage::WaitedLong);
                })
            });
            return;
        }
        let Some(&(at, _)) = self.armed.first() else {
            self.alarm = None;
            return;
        };
        if self.alarm.as_ref().is_some_and(|(set, _)| *set <= at) {
            return;
        }
        let (clock, myself) = (self.clock.clone(), myself.clone());
        let lost = end_for_panic(&myself, "the clock");
        let sleep = async move {
            clock.sleep_until(at).await;
            // An actor that has gone needs no alarm.
            let _ = myself.cast(TimerMessage::Due);
        };
        let alarm = Task::vital(sleep, lost);
        self.alarm = Some((at, alarm));
    }
}

#[cfg(test)]
mod tests {
    use reenact_core::ShardId;
    use reenact_providers::ManualClock;
    use tokio::runtime::Handle;
    use tokio::sync::mpsc;

    use super::*;
    use crate::metrics::HostRecorder;
    use crate::options::ShardThreads;
    use crate::shard::testing::supervisor_that_forwards;
    use crate::threads::Threads;

    #[tokio::test]
    async fn timers_of_instances_that_are_not_in_memory_wait_until_those_before_are_in_line() {
        let threads = Threads::begin(ShardThreads::OnCallersRuntime, 1, &Handle::current());
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let supervisor = supervisor_that_forwards(sender).await;
        let clock = ManualClock::default();
        let (routes, now) = (Routes::new(1, threads.unwrap()), clock.now());
        let recorder = HostRecorder::of_test().of_shard(ShardId(0)).clone();
        let arguments = TimersArguments { routes, clock: Arc::new(clock), supervisor, recorder };
        let (timers, _) = Actor::spawn(None, Timers, arguments).await.unwrap();
        let due = |n: u32| {
            let instance = InstanceId::new(n.to_string()).unwrap();
            (now, Timer { instance, fire: None })
        };
        let all = 4 * FIRED_AT_A_TIME;
        timers.cast(TimerMessage::ArmAll((0..all as u32).map(due).collect())).unwrap();
        let mut woken = 0;
        while woken < all {
            let mut woken_now = Vec::new();
            while woken_now.len() < FIRED_AT_A_TIME {
                let Some(ShardMessage::Wake(due, on_their_way)) = receiver.recv().await else {
                    panic!("it is woken for nothing else");
                };
                assert_eq!(due.len(), on_their_way.len());
                woken_now.extend(on_their_way);
            }
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert!(receiver.is_empty(), "more than may be on their way");
            woken += woken_now.len();
        }
    }
}
