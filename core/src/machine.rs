//! One execution: its log, its correlation buffer and its live future.

mod accept;
mod accepted;
mod apply_event;
mod children;
mod config;
mod continue_as_new;
mod end;
mod interrupt;
mod look_up;
mod memory;
mod phase;
mod renewal;
mod replay;
mod requests;
mod run_turn;
mod successor;
mod turn;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use crate::action::Action;
use crate::code::OrchestrationCode;
use crate::command::{Command, Start};
use crate::divergence::{Nondeterminism, Step};
use crate::event::Event;
use crate::history::{History, RecordedTurn};
use crate::ids::{CorrelationId, ExecutionId, InstanceId, Name};
use crate::limits::PayloadLimits;
use crate::message::Requester;
use crate::open::OpenActivity;
use crate::outcome::Outcome;
use crate::receipt::Sealed;
use crate::state::{Mode, Shared, State};
use crate::time::Timestamp;
use crate::trace_context::{ReceivedTrace, TraceContext};
use crate::version::Version;
use crate::wake::TurnWaker;

use accepted::Accepted;
use phase::{Ended, Phase, Unstarted};

pub use config::{CatchPanic, MachineConfig};
pub use replay::Replay;
pub use run_turn::run_turn;
pub use successor::Successor;
pub use turn::{ApplyError, ReplayError, RunTurnError, Turn};

/// One execution of an orchestration. It is given [`Command`]s and the time, and returns
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
    phase: Phase,
    /// Number of turns so far.
    turns: u64,
    /// The number of the newest turn to which the code may have reacted.
    ran_in: Option<u64>,
    /// Empty, unless it is to be kept.
    history: History,
    /// Where the random numbers of the run began.
    seed: u64,
    /// The trace of the command that is being applied.
    given_trace: Option<Box<ReceivedTrace>>,
    /// Who waits for the answer to the update that is being applied.
    given_requester: Option<Box<Requester>>,
}

/// What a turn has come to.
struct Done {
    events: Arc<[Event]>,
    actions: Vec<Action>,
    local: Vec<Action>,
    can_wait: bool,
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

    fn new(
        code: &OrchestrationCode,
        instance: InstanceId,
        execution: ExecutionId,
        config: MachineConfig,
    ) -> Self {
        let limits = PayloadLimits::of(config.large_payloads);
        let activities = config.activities.clone();
        let state = State::new(instance, execution, config.strict, activities, limits);
        Self {
            shared: Shared::new(state),
            code: code.clone(),
            waker: Arc::new(TurnWaker::new(config.this_thread, config.on_foreign_wake.clone())),
            config,
            phase: Phase::Unstarted(Unstarted::default()),
            turns: 0,
            ran_in: None,
            history: History::default(),
            seed: 0,
            given_trace: None,
            given_requester: None,
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
        // The event has no place for it: it stands after it, in one of its own.
        if let (Command::Start(start), Phase::Unstarted(unstarted)) =
            (&mut command, &mut self.phase)
        {
            unstarted.origin = start.origin.take();
            unstarted.trace = start.trace.take();
            unstarted.limits = start.limits;
            unstarted.attributes = mem::take(&mut start.attributes);
        }
        let command = self.take_requester(command);
        let at = now.max(self.shared.lock().now);
        let mut actions = match self.accept(command, at)? {
            Accepted::Input(input) => return self.apply_input(input, at),
            Accepted::Action(action) => Vec::from([action]),
            Accepted::Nothing => Vec::new(),
        };
        let in_place = self.config.local_in_place;
        let (local, can_wait) = self.shared.lock().sort_out_local(&mut actions, in_place);
        let recorded = RecordedTurn { at, events: Arc::new([]) };
        let actions = Sealed::new(actions);
        Ok(Turn { number: self.turns, recorded, actions, outcome: None, local, can_wait })
    }

    /// As [`apply`](Self::apply) of what somebody asks for: an event, a cancel, an end, a suspension or the end of
    /// one; with the trace in which it was asked for. It has no effect on the code, and stands after the input.
    ///
    /// # Errors
    /// As [`Machine::apply`].
    pub fn apply_traced(
        &mut self,
        command: Command,
        trace: Option<Box<TraceContext>>,
        now: Timestamp,
    ) -> Result<Turn, ApplyError> {
        self.given_trace = trace.map(|context| Box::new(ReceivedTrace::of_caller(*context)));
        let turn = self.apply(command, now);
        self.given_trace = None;
        turn
    }

    /// The trace that the execution was started in, as its log has it.
    pub fn received_trace(&self) -> Option<ReceivedTrace> {
        self.shared.lock().trace.as_deref().cloned()
    }

    /// A turn of this input, and of what the code does about it.
    fn apply_input(&mut self, input: Event, at: Timestamp) -> Result<Turn, ApplyError> {
        let number = self.turns;
        self.begin_turn(at, Mode::Live, &input);
        self.apply_event(input)?;
        if let Some(nondeterminism) = self.foreign_wake() {
            return Err(nondeterminism.into());
        }
        let Done { events, actions, local, can_wait } = self.end_turn();
        let recorded = RecordedTurn { at, events };
        self.note_turn(&recorded);
        let actions = Sealed::new(actions);
        let outcome = self.outcome().cloned();
        Ok(Turn { number, recorded, actions, outcome, local, can_wait })
    }

    /// Counts a turn that has been taken in.
    fn note_turn(&mut self, turn: &RecordedTurn) {
        if turn.runs_code() {
            self.ran_in = Some(self.turns);
        }
        self.turns += 1;
        if self.config.keep_history {
            self.history.push(turn.clone());
        }
    }

    fn replay_turn(&mut self, turn: &RecordedTurn) -> Result<(), ReplayError> {
        let mut events = turn.events.iter().cloned();
        let Some(input) = events.next() else {
            self.shared.lock().pass_superseded(turn.at);
            return Ok(());
        };
        self.check_name(&input)?;
        self.begin_turn(turn.at, Mode::Replay(events.collect()), &input);
        let applied = self.apply_event(input);
        let mut state = self.shared.lock();
        if applied.is_ok() {
            state.pass_over_markers();
        }
        if let (Ok(()), Some(expected)) = (&applied, state.missing_step()) {
            let position = state.written.position;
            return Err(Nondeterminism::new(position, expected, Step::Nothing).into());
        }
        let next = if self.has_ended() { Mode::Closed } else { Mode::Between };
        state.mode = next;
        drop(state);
        self.waker.end_turn();
        match applied {
            Ok(()) => Ok(()),
            Err(ApplyError::Nondeterministic(nondeterminism)) => Err(nondeterminism.into()),
            // Neither can happen at replay: nothing is accepted, and no catalog is asked.
            Err(
                ApplyError::Rejected(_)
                | ApplyError::UnregisteredActivity { .. }
                | ApplyError::UnregisteredOrchestration { .. },
            ) => Ok(()),
        }
    }

    /// Whether a history is one of this orchestration.
    fn check_name(&self, input: &Event) -> Result<(), Nondeterminism> {
        if let Event::ExecutionStarted { name, .. } = input
            && name != self.code.name()
        {
            let found = Step::started(self.code.name());
            return Err(Nondeterminism::new(0, Step::of(input), found));
        }
        Ok(())
    }

    fn begin_turn(&mut self, at: Timestamp, mode: Mode, input: &Event) {
        self.waker.begin_turn();
        let mut state = self.shared.lock();
        state.now = at;
        state.turn.bytes = 0;
        state.forget_never_started();
        state.forget_replayed_items();
        state.forget_refusals();
        state.turn.number = self.turns;
        state.mode = mode;
        state.record_input(input.clone());
    }

    fn end_turn(&mut self) -> Done {
        self.waker.end_turn();
        let mut state = self.shared.lock();
        if !state.is_closed() {
            state.mode = Mode::Between;
        }
        let events = state.turn.take_events();
        let mut actions = mem::take(&mut state.turn.actions);
        actions.retain(|action| state.is_to_be_done(action));
        let (local, can_wait) = state.sort_out_local(&mut actions, self.config.local_in_place);
        Done { events, actions, local, can_wait }
    }

    /// Whether local activities run before what schedules them is durable, from now on:
    /// [`MachineConfig::local_in_place`].
    pub fn run_local_in_place(&mut self, in_place: bool) {
        self.config.local_in_place = in_place;
    }

    /// Whether an activity is open under that id.
    pub fn is_open_task(&self, id: CorrelationId) -> bool {
        !self.has_ended() && self.shared.lock().buffer.open_task(id).is_some()
    }

    /// Whether something woke the code from outside a turn: it awaits what no history can repeat.
    /// The machine must be dropped then.
    pub fn foreign_wake(&self) -> Option<Nondeterminism> {
        // Once it has ended, nobody is left who could be misled.
        let misled = !self.has_ended() && self.waker.was_foreign();
        misled.then(|| {
            let position = self.shared.lock().written.position;
            Nondeterminism::new(position, Step::DurableFuture, Step::ForeignWake)
        })
    }

    /// The log so far, the turns that are not durable yet included. Empty when the machine does not
    /// [keep](MachineConfig::keep_history) it.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Number of turns in the log so far, those that are not durable yet included.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Number of events in the log so far, those that are not durable yet included, and those that a
    /// later event has [superseded](Event::is_superseded_by_the_next) not.
    pub fn events(&self) -> u64 {
        self.shared.lock().recorded()
    }

    /// Whether the code may have [reacted](RecordedTurn::runs_code) to a turn of this number or a later
    /// one.
    pub fn has_run_since(&self, turn: u64) -> bool {
        self.ran_in.is_some_and(|ran_in| ran_in >= turn)
    }

    /// How the execution ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.phase.ended().map(|Ended { outcome, .. }| outcome)
    }

    const fn has_ended(&self) -> bool {
        self.phase.ended().is_some()
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

    /// The orchestration's name.
    pub fn name(&self) -> &Name {
        self.code.name()
    }

    /// The orchestration's version.
    pub fn version(&self) -> &Version {
        self.code.version()
    }

    /// What a shell must have under way: for activation, when what ran before is gone. When the
    /// execution has ended, only the messages to others that are left.
    pub fn open_actions(&self) -> Vec<Action> {
        let state = self.shared.lock();
        let mut open = if self.has_ended() { Vec::new() } else { state.buffer.open_actions() };
        open.extend(state.outbox.under_way().into_iter().map(Action::Send));
        open
    }

    /// What is overdue at a time: the command for what was due first of all that is due and open, of
    /// timers and of activities that have used up their time. `None` when nothing is due.
    ///
    /// **What was due first happens first**, however long nobody looked. A shell applies what this
    /// gives, at the same time, until it gives nothing: before any other command, and before it
    /// carries out what is [open](Self::open_actions) of an execution that comes into memory. So an
    /// event that arrives after the end of a time limit is late, and a call whose time is over is
    /// not run again. It stops at what was [scheduled](Self::last_scheduled) meanwhile: a timer of no
    /// length is due at once, and code may set one after the other for ever. A time before that of
    /// the last turn counts as that, as in [`apply`](Self::apply).
    pub fn overdue(&self, now: Timestamp) -> Option<Command> {
        if self.has_ended() {
            return None;
        }
        let state = self.shared.lock();
        state.buffer.due_first(now.max(state.now)).map(|id| Command::FireTimer { id })
    }

    /// The id of what the code has scheduled last.
    pub fn last_scheduled(&self) -> CorrelationId {
        self.shared.lock().last_scheduled()
    }

    /// Whether an action that was among the [open ones](Self::open_actions) still is: for a shell
    /// that has applied commands since.
    pub fn is_still_open(&self, action: &Action) -> bool {
        let state = self.shared.lock();
        match action {
            Action::Send(message) => state.outbox.message(message.id).is_some(),
            Action::CallActivity { id, attempt, .. } => {
                !self.has_ended() && state.buffer.is_to_run(*id, *attempt)
            }
            Action::CreateTimer { id, .. } => !self.has_ended() && state.buffer.open(*id).is_some(),
            Action::CancelActivity { .. }
            | Action::CancelTimer { .. }
            | Action::Trace { .. }
            | Action::AnnounceStatus
            | Action::AnswerUpdate { .. }
            | Action::Reply { .. } => false,
        }
    }

    /// What a shell must call off, when another execution is to take the place of this one.
    pub fn cancel_actions(&self) -> Vec<Action> {
        if self.has_ended() {
            return Vec::new();
        }
        let open = self.shared.lock().buffer.calls_off();
        open.into_iter().flat_map(|(_, actions)| actions).collect()
    }

    /// Whether an activity is under way at that time. One whose next attempt begins later is not.
    pub fn has_open_tasks(&self, now: Timestamp) -> bool {
        !self.has_ended() && self.shared.lock().buffer.has_running_tasks(now)
    }

    /// The waits for external events that have no event yet, in the order in which they began. One for events of
    /// any name has the name `*`.
    pub fn open_waits(&self) -> Vec<(CorrelationId, Name)> {
        if self.has_ended() {
            return Vec::new();
        }
        self.shared.lock().buffer.open_waits()
    }

    /// The activities that are open, in the order in which they were scheduled, but no more than so
    /// many. None when the execution has ended.
    pub fn open_activities(&self, most: usize) -> Vec<OpenActivity> {
        if self.has_ended() {
            return Vec::new();
        }
        self.shared.lock().buffer.open_activities(most)
    }

    /// When the execution must be in memory although nobody sends it anything: the epoch when the
    /// first attempt of an activity is under way, or something on its way to another instance;
    /// otherwise the time of its next timer, or of the next attempt of an activity, if there is one.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let state = self.shared.lock();
        if !state.outbox.is_empty() {
            Some(Timestamp::EPOCH)
        } else if self.has_ended() {
            None
        } else {
            state.buffer.wake_at()
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // What the drops wake is theirs alone; it betrays nothing.
        self.waker.begin_turn();
        self.let_go(Phase::Unstarted(Unstarted::default()));
        self.let_go_of_wakers();
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("name", self.code.name())
            .field("events", &self.events())
            .field("outcome", &self.outcome())
            .finish_non_exhaustive()
    }
}
