//! One execution: its log, its correlation buffer and its live future.

mod children;
mod config;
mod interrupt;
mod react;
mod successor;
mod turn;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use crate::action::{Action, Outcome};
use crate::code::{CodeFuture, OrchestrationCode};
use crate::command::{Command, Rejected, Start};
use crate::divergence::{Nondeterminism, Step};
use crate::error::bounded_message;
use crate::event::Event;
use crate::future::DurableOutput;
use crate::history::{History, RecordedTurn};
use crate::ids::{ExecutionId, InstanceId, Name};
use crate::limits::{MAX_BUFFERED_EVENT_BYTES, MAX_BUFFERED_EVENTS, MAX_TIMER};
use crate::message::Origin;
use crate::receipt::Sealed;
use crate::state::{Mode, Shared, State};
use crate::time::Timestamp;
use crate::wake::TurnWaker;
use crate::wellformed::WellFormed;

use interrupt::Progress;

pub use config::{CatchPanic, MachineConfig};
pub use successor::Successor;
pub use turn::{ApplyError, ReplayError, RunTurnError, Turn, run_turn};

/// One execution of an orchestration. It is told [`Command`]s and the time, and answers with
/// [`Turn`]s; it does nothing else. While it lives it holds the code's future, so that a turn costs
/// the same however long the history is.
///
/// What a shell must do with a turn, in this order: append its events; when the store has given a
/// receipt, release its actions with that; carry them out. It may apply further commands in
/// between, as long as it appends in the order of the turns. When the execution has continued as
/// new, the turns of its [successor](Machine::successor) are appended as one with its last. When an
/// append fails for good, it drops
/// the machine, and replays the log when it needs the execution again.
pub struct Machine {
    shared: Shared,
    code: OrchestrationCode,
    config: MachineConfig,
    waker: Arc<TurnWaker>,
    future: Option<CodeFuture>,
    history: History,
    outcome: Option<Outcome>,
    progress: Progress,
    seed: u64,
    /// Who starts it, until that is recorded.
    origin: Option<Box<Origin>>,
}

impl Machine {
    /// Begins an execution.
    ///
    /// # Errors
    /// As [`Machine::apply`].
    pub fn start(
        code: &OrchestrationCode,
        instance: InstanceId,
        execution: ExecutionId,
        config: MachineConfig,
        start: Start,
        now: Timestamp,
    ) -> Result<(Self, Turn), ApplyError> {
        let mut machine = Self::new(code, instance, execution, config);
        let turn = machine.apply(Command::Start(start), now)?;
        Ok((machine, turn))
    }

    /// Re-enacts an execution from its log. Nothing comes out: what the log implies was done.
    ///
    /// # Errors
    /// [`ReplayError::Nondeterministic`] when the code does not do what the log says;
    /// [`ReplayError::Malformed`] when nothing can have written the log.
    pub fn replay(
        code: &OrchestrationCode,
        instance: InstanceId,
        execution: ExecutionId,
        config: MachineConfig,
        history: impl IntoIterator<Item = RecordedTurn>,
    ) -> Result<Self, ReplayError> {
        let mut machine = Self::new(code, instance, execution, config);
        let mut log = WellFormed::default();
        for turn in history {
            log.check(&turn)?;
            machine.replay_turn(&turn)?;
            machine.history.push(turn);
        }
        Ok(machine)
    }

    fn new(
        code: &OrchestrationCode,
        instance: InstanceId,
        execution: ExecutionId,
        config: MachineConfig,
    ) -> Self {
        let state = State::new(instance, execution, config.strict, config.activities.clone());
        Self {
            shared: Shared::new(state),
            code: code.clone(),
            waker: Arc::new(TurnWaker::new(config.this_thread, config.on_foreign_wake.clone())),
            config,
            future: None,
            history: History::default(),
            outcome: None,
            progress: Progress::default(),
            seed: 0,
            origin: None,
        }
    }

    /// Applies a command at a time. A time before that of the last turn counts as that.
    ///
    /// # Errors
    /// [`ApplyError::Rejected`]: nothing changed. Any other: nothing is to be appended, and the
    /// machine must be dropped; the log is as it was, and can be replayed.
    pub fn apply(&mut self, mut command: Command, now: Timestamp) -> Result<Turn, ApplyError> {
        if let Some(nondeterminism) = self.foreign_wake() {
            return Err(nondeterminism.into());
        }
        self.halted()?;
        let origin = match &mut command {
            Command::Start(start) => start.origin.take(),
            _ => None,
        };
        let input = self.admit(command)?;
        self.origin = origin;
        let at = now.max(self.shared.lock().now);
        let Some(input) = input else {
            let number = self.history.turns().len() as u64;
            let recorded = RecordedTurn { at, events: Arc::new([]) };
            return Ok(Turn { number, recorded, actions: Sealed::new(Vec::new()), outcome: None });
        };
        self.take_in(input, at)
    }

    /// A turn of this input, and of what the code does about it.
    fn take_in(&mut self, input: Event, at: Timestamp) -> Result<Turn, ApplyError> {
        let number = self.history.turns().len() as u64;
        self.begin_turn(at, Mode::Live, &input);
        self.advance(input)?;
        if let Some(nondeterminism) = self.foreign_wake() {
            return Err(nondeterminism.into());
        }
        let (events, actions) = self.end_turn();
        let recorded = RecordedTurn { at, events: events.into() };
        self.history.push(recorded.clone());
        let outcome = self.outcome.clone();
        Ok(Turn { number, recorded, actions: Sealed::new(actions), outcome })
    }

    /// The event that a command becomes; `None` when it changes nothing.
    fn admit(&self, command: Command) -> Result<Option<Event>, Rejected> {
        let started = !self.history.is_empty();
        let state = self.shared.lock();
        let running = self.outcome.is_none();
        let open = |id, output| running && state.buffer.is_open(id, output);
        Ok(match command {
            Command::Start(_) if started => return Err(Rejected::AlreadyStarted),
            Command::Start(start) => Some(self.admit_start(start)?),
            _ if !started => return Err(Rejected::NotStarted),
            Command::CompleteTask { id, result } => {
                let output = DurableOutput::Task(result);
                match output {
                    DurableOutput::Task(_) if !open(id, &output) => None,
                    DurableOutput::Task(Ok(output)) => Some(Event::TaskCompleted { id, output }),
                    DurableOutput::Task(Err(error)) => Some(Event::TaskFailed { id, error }),
                    _ => None,
                }
            }
            Command::FireTimer { id } => {
                open(id, &DurableOutput::Timer).then_some(Event::TimerFired { id })
            }
            Command::RaiseEvent { key: Some(key), .. } if state.buffer.keys.contains(&key) => None,
            // Of a parent that has ended, nothing depends on it any more.
            Command::CompleteChild { .. } if !running => None,
            _ if !running => return Err(Rejected::Finished),
            Command::CompleteChild { lineage, id, child, result } => {
                let waits =
                    lineage == state.lineage() && state.buffer.open_child(id) == Some(&child);
                waits.then_some(match result {
                    Ok(output) => Event::ChildCompleted { id, output },
                    Err(error) => Event::ChildFailed { id, error },
                })
            }
            Command::ConfirmDelivery { messages } => state.delivered(messages),
            Command::RefuseMessage { message, why } => state.refused(message, why),
            Command::RaiseEvent { name, data, key } => {
                if state.buffer.buffered_events() >= MAX_BUFFERED_EVENTS {
                    return Err(Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS });
                }
                if state.buffer.buffered_bytes() + data.len() > MAX_BUFFERED_EVENT_BYTES {
                    return Err(Rejected::TooManyEventBytes { limit: MAX_BUFFERED_EVENT_BYTES });
                }
                Some(Event::ExternalRaised { name, data, key })
            }
            Command::Terminate { reason } => {
                Some(Event::ExecutionTerminated { reason: bounded_message(reason) })
            }
            Command::Cancel { .. } if state.cancellation.is_some() => None,
            Command::Cancel { reason } => {
                Some(Event::CancelRequested { reason: bounded_message(reason) })
            }
            Command::Suspend { .. } if self.progress.suspended => None,
            Command::Suspend { reason } => {
                Some(Event::ExecutionSuspended { reason: bounded_message(reason) })
            }
            Command::Resume => self.progress.suspended.then_some(Event::ExecutionResumed),
        })
    }

    fn admit_start(&self, start: Start) -> Result<Event, Rejected> {
        let Start { input, seed, delay, .. } = start;
        if delay.is_some_and(|delay| delay > MAX_TIMER) {
            let why = alloc::format!("the start delay is longer than {MAX_TIMER:?}");
            return Err(Rejected::OverLimit(why));
        }
        Ok(Event::ExecutionStarted { name: self.code.name().clone(), input, seed, delay })
    }

    fn replay_turn(&mut self, turn: &RecordedTurn) -> Result<(), ReplayError> {
        let mut events = turn.events.iter().cloned();
        let Some(input) = events.next() else {
            return Ok(());
        };
        self.check_name(&input)?;
        self.begin_turn(turn.at, Mode::Replay(events.collect()), &input);
        let advanced = self.advance(input);
        let mut state = self.shared.lock();
        if let (Ok(()), Mode::Replay(expected)) = (&advanced, &state.mode)
            && let Some(missing) = expected.front()
        {
            let (position, expected) = (state.position, Step::of(missing));
            return Err(Nondeterminism::new(position, expected, Step::Nothing).into());
        }
        let next = if self.outcome.is_some() { Mode::Closed } else { Mode::Between };
        state.mode = next;
        drop(state);
        self.waker.end_turn();
        match advanced {
            Ok(()) => Ok(()),
            Err(ApplyError::Nondeterministic(nondeterminism)) => Err(nondeterminism.into()),
            // Neither can happen at replay: nothing is admitted, and no catalog is asked.
            Err(
                ApplyError::Rejected(_)
                | ApplyError::UnregisteredActivity { .. }
                | ApplyError::UnregisteredOrchestration { .. },
            ) => Ok(()),
        }
    }

    /// Whether a history is one of this orchestration.
    fn check_name(&self, input: &Event) -> Result<(), Nondeterminism> {
        match input {
            Event::ExecutionStarted { name, .. } if name != self.code.name() => {
                let found = Step::started(self.code.name());
                Err(Nondeterminism::new(0, Step::of(input), found))
            }
            _ => Ok(()),
        }
    }

    fn begin_turn(&mut self, at: Timestamp, mode: Mode, input: &Event) {
        self.waker.begin_turn();
        let mut state = self.shared.lock();
        state.now = at;
        state.turn_bytes = 0;
        state.forget_refusals();
        state.turn = self.history.turns().len() as u64;
        state.mode = mode;
        state.record_input(input.clone());
    }

    fn end_turn(&mut self) -> (Vec<Event>, Vec<Action>) {
        self.waker.end_turn();
        let mut state = self.shared.lock();
        if !state.is_closed() {
            state.mode = Mode::Between;
        }
        (mem::take(&mut state.events), mem::take(&mut state.actions))
    }

    /// Whether something woke the code from outside a turn: it awaits what no history can repeat.
    /// The machine must be dropped then.
    pub fn foreign_wake(&self) -> Option<Nondeterminism> {
        // Once it has ended, nobody is left who could be misled.
        let misled = self.outcome.is_none() && self.waker.was_foreign();
        misled.then(|| {
            let position = self.shared.lock().position;
            Nondeterminism::new(position, Step::DurableFuture, Step::ForeignWake)
        })
    }

    /// The log so far, the turns that are not durable yet included.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How the execution ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The instance's id.
    pub fn instance_id(&self) -> InstanceId {
        self.shared.lock().instance.clone()
    }

    /// The instance's generation.
    pub fn execution_id(&self) -> ExecutionId {
        self.shared.lock().execution
    }

    /// Where the random numbers of this run began: drawn when it was started, and in its log.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of the turn in which the code set its newest status, if it has set one.
    pub fn status_turn(&self) -> Option<u64> {
        self.shared.lock().status_turn
    }

    /// The orchestration's name.
    pub fn name(&self) -> &Name {
        self.code.name()
    }

    /// What a shell must have under way: for activation, when what ran before is gone. When the
    /// execution has ended, only what is left to be told to others.
    pub fn open_actions(&self) -> Vec<Action> {
        let state = self.shared.lock();
        let mut open = match self.outcome {
            Some(_) => Vec::new(),
            None => state.buffer.open_actions(),
        };
        open.extend(state.outbox.under_way().into_iter().map(Action::Send));
        open
    }

    /// Whether an activity is under way.
    pub fn has_open_tasks(&self) -> bool {
        self.outcome.is_none() && self.shared.lock().buffer.open_tasks() > 0
    }

    /// When the execution must be in memory although nobody sends it anything: the epoch when an
    /// activity is under way or something is on its way to another instance, otherwise the time of its next timer, if it has one.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let state = self.shared.lock();
        if !state.outbox.is_empty() {
            Some(Timestamp::EPOCH)
        } else if self.outcome.is_some() {
            None
        } else if state.buffer.open_tasks() > 0 {
            Some(Timestamp::EPOCH)
        } else {
            state.buffer.next_timer()
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // What the drops wake is theirs alone; it betrays nothing.
        self.waker.begin_turn();
        self.let_go();
        // A waker may own user code, and that a context: a circle, unless it is cut here.
        let buffer = mem::take(&mut self.shared.lock().buffer);
        drop(buffer);
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("name", self.code.name())
            .field("history", &self.history.len())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
