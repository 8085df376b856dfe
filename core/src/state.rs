//! What the machine, the context and the durable futures of one execution share.

mod cancel;
mod cancellation;
mod compare;
mod drops;
mod limits;
mod mode;
mod patches;
mod pending_drop;
mod record;
mod tasks;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::task::Waker;
use core::time::Duration;

use cancellation::Cancellation;
pub(crate) use mode::{Halt, Mode};
use pending_drop::Drops;
pub(crate) use record::Recorded;
use spin::{Mutex, MutexGuard};
pub(crate) use tasks::Manner;

use crate::action::Action;
use crate::catalog::ActivityCatalog;
use crate::correlation_buffer::{CorrelationBuffer, Scheduled};
use crate::divergence::{Nondeterminism, Step};
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::Event;
use crate::history::limit_exceeded;
use crate::ids::{CorrelationId, ExecutionId, InstanceId, Name};
use crate::limits::{MAX_OUTBOX_MESSAGES, MAX_OUTSTANDING, MAX_STATUS_BYTES, MAX_TIMER};
use crate::message::Origin;
use crate::outbox::Outbox;
use crate::payload::{Payload, PayloadError};
use crate::random::SplitMix64;
use crate::time::Timestamp;
use crate::version::Version;

/// A handle on the state. The lock is held for a few lines at a time, never while user code runs:
/// values are encoded and decoded without it, and wakers, which may be user code, are cloned, woken
/// and dropped without it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

/// For so many events the place is kept from turn to turn: an input, and what the code does about it.
const KEPT_EVENTS: usize = 2;

pub(crate) struct State {
    pub(crate) instance: InstanceId,
    pub(crate) execution: ExecutionId,
    pub(crate) now: Timestamp,
    pub(crate) random: SplitMix64,
    pub(crate) buffer: CorrelationBuffer,
    pub(crate) outbox: Outbox,
    pub(crate) mode: Mode,
    pub(crate) halt: Option<Halt>,
    /// The place of the next event in the log.
    pub(crate) position: u64,
    /// Number of events so far, those of the turn under way included, and without those that were
    /// superseded.
    recorded: u64,
    /// Payload bytes of these events.
    pub(crate) bytes: u64,
    /// How many events, and bytes of them, there were when the code ran first.
    begun_behind: Option<(u64, u64)>,
    /// Payload bytes of the turn under way.
    pub(crate) turn_bytes: u64,
    /// Number of the turn under way.
    pub(crate) turn: u64,
    /// The turn that set the newest status.
    pub(crate) status_turn: Option<u64>,
    /// The status that the code has set last, as it is recorded.
    status: Option<Payload>,
    /// Of the turn under way.
    pub(crate) events: Vec<Event>,
    pub(crate) actions: Vec<Action>,
    /// What the code has dropped in the poll under way, and is not recorded.
    drops: Drops,
    /// What was scheduled in the turn under way, and called off in it.
    never_started: BTreeSet<CorrelationId>,
    /// The newest id before the turn under way.
    last_id_before: CorrelationId,
    /// The cancel that has come.
    pub(crate) cancellation: Option<Box<Cancellation>>,
    /// Number of futures that have waited for one.
    pub(crate) last_cancellation: u64,
    /// The patches that the code has asked for, or that are marked in the log: whether it does what
    /// is new.
    patches: BTreeMap<Name, bool>,
    last_id: u64,
    strict: bool,
    /// Whether it has had local activities: most have none, and pay nothing for them.
    has_local_tasks: bool,
    pub(crate) activities: Option<Arc<dyn ActivityCatalog>>,
}

impl State {
    pub(crate) fn new(
        instance: InstanceId,
        execution: ExecutionId,
        strict: bool,
        activities: Option<Arc<dyn ActivityCatalog>>,
    ) -> Self {
        Self {
            outbox: Outbox::new(instance.clone()),
            instance,
            execution,
            now: Timestamp::EPOCH,
            random: SplitMix64::new(0),
            buffer: CorrelationBuffer::default(),
            mode: Mode::Between,
            halt: None,
            position: 0,
            recorded: 0,
            bytes: 0,
            begun_behind: None,
            turn_bytes: 0,
            turn: 0,
            status_turn: None,
            status: None,
            events: Vec::new(),
            actions: Vec::new(),
            drops: Drops::new(),
            never_started: BTreeSet::new(),
            last_id_before: CorrelationId::START,
            cancellation: None,
            last_cancellation: 0,
            patches: BTreeMap::new(),
            last_id: 0,
            strict,
            has_local_tasks: false,
            activities,
        }
    }

    pub(crate) fn is_replaying(&self) -> bool {
        matches!(self.mode, Mode::Replay(_))
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.mode, Mode::Closed)
    }

    /// Counts an event that came in.
    pub(crate) fn record_input(&mut self, event: Event) {
        if event.is_superseded_by_the_next() {
            let (events, bytes) = self.superseded_by(&event);
            self.recorded -= events;
            self.bytes -= bytes as u64;
        }
        self.count(&event);
        if matches!(self.mode, Mode::Live) {
            self.events.push(event);
        }
    }

    /// What an event supersedes: number of events, and their payload bytes.
    fn superseded_by(&self, event: &Event) -> (u64, usize) {
        match event {
            Event::ChildAttemptFailed { id, .. } => self.outbox.superseded_by_failure(*id),
            event => self.buffer.superseded_by(event).map_or((0, 0), |bytes| (1, bytes)),
        }
    }

    /// The code runs, for the first time in this log if that is not noted yet.
    pub(crate) fn note_begun(&mut self) {
        self.note_beginning(self.recorded, self.bytes);
    }

    pub(crate) fn note_beginning(&mut self, events: u64, bytes: u64) {
        self.begun_behind.get_or_insert((events, bytes));
    }

    /// Moves what is here into another state; this one is closed.
    pub(crate) fn go_on_in_another(&mut self) -> Self {
        let closed = Self::new(self.instance.clone(), self.execution, self.strict, None);
        core::mem::replace(self, Self { mode: Mode::Closed, ..closed })
    }

    /// Forgets what belongs to the code that was let go; the status stays. Gives the wakers that it has
    /// left: they may be its own.
    pub(crate) fn begin_anew(&mut self) -> Vec<Waker> {
        self.patches.clear();
        self.last_cancellation = 0;
        self.forget_refusals();
        self.buffer.begin_anew()
    }

    /// Counts what a log has that was gone over.
    pub(crate) fn count_anew(&mut self, events: u64, bytes: u64, last_id: u64) {
        (self.recorded, self.bytes, self.last_id) = (events, bytes, last_id);
    }

    /// What is held of what was scheduled and set, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        let status = self.status.as_ref().map_or(0, Payload::len);
        self.buffer.held_bytes() + self.outbox.held_bytes() + status
    }

    /// Number of events in the log, without those that were superseded.
    pub(crate) const fn recorded(&self) -> u64 {
        self.recorded
    }

    /// A turn whose event was superseded keeps its place.
    pub(crate) fn pass_superseded(&mut self, at: Timestamp) {
        self.now = at;
        self.position += 1;
    }

    /// The run begins, or begins anew in the middle: whatever must differ from the run before it comes
    /// from the seed that was drawn for it. So does its [lineage](Self::lineage).
    pub(crate) fn begin_run(&mut self, seed: u64) {
        self.random = SplitMix64::new(seed);
    }

    /// Which version of the orchestration it is: once, directly behind the start.
    pub(crate) fn select_version(&mut self, version: &Version) {
        if !version.is_none() {
            self.record(Event::VersionSelected { version: version.clone() });
        }
    }

    pub(crate) fn schedule_timer(&mut self, fire_at: Timestamp, shielded: bool) -> CorrelationId {
        let id = self.next_id();
        self.create_timer(id, fire_at, shielded, false);
        id
    }

    /// When a timer fires that is set now. One that is too long fails the execution.
    pub(crate) fn time_of_timer(&mut self, after: Duration) -> Timestamp {
        if after > MAX_TIMER {
            self.exceed(format!("a timer of {after:?} is longer than {MAX_TIMER:?}"));
        }
        self.now + after
    }

    /// The timer of a time limit. A cancel does not touch it.
    pub(crate) fn schedule_limit(&mut self, fire_at: Timestamp) -> CorrelationId {
        let id = self.next_id();
        self.create_timer(id, fire_at, true, true);
        id
    }

    /// The timer that delays the start. What a cancel means before the code runs is not for it to say.
    pub(crate) fn delay_start(&mut self, fire_at: Timestamp) {
        self.create_timer(CorrelationId::START, fire_at, true, false);
    }

    fn create_timer(
        &mut self,
        id: CorrelationId,
        fire_at: Timestamp,
        shielded: bool,
        is_limit: bool,
    ) {
        let fire_at = match self.record(Event::TimerCreated { id, fire_at }) {
            Recorded::Halted => return,
            Recorded::Before(Event::TimerCreated { fire_at, .. }) => fire_at,
            Recorded::Before(_) | Recorded::Now => fire_at,
        };
        let action = Action::CreateTimer { id, fire_at };
        self.schedule(id, Scheduled::Timer { fire_at, is_limit }, shielded, action);
    }

    pub(crate) fn schedule_wait(&mut self, name: Name, shielded: bool) -> CorrelationId {
        let id = self.next_id();
        if self.record(Event::ExternalSubscribed { id, name: name.clone() }).counts() {
            let action = Action::WaitExternal { id, name: name.clone() };
            self.schedule(id, Scheduled::Wait { name }, shielded, action);
        }
        id
    }

    /// Records a value that was just computed.
    pub(crate) fn record_value(&mut self, value: Payload) -> bool {
        let id = self.next_id();
        self.record(Event::SideEffectRecorded { id, value }).counts()
    }

    /// At replay, the value that was computed in this place.
    pub(crate) fn replayed_value(&mut self) -> Option<Payload> {
        let id = self.next_id();
        match self.record(Event::SideEffectRecorded { id, value: Payload::default() }) {
            Recorded::Before(Event::SideEffectRecorded { value, .. }) => Some(value),
            _ => None,
        }
    }

    /// The value that was just replayed is not of the type that the code asks for.
    pub(crate) fn diverge_by_type(&mut self, value: Payload, why: String) {
        let event = Event::SideEffectRecorded { id: CorrelationId(self.last_id), value };
        let (position, found) = (self.position - 1, Step::OtherType(why));
        self.halt(Halt::Diverged(Nondeterminism::new(position, Step::of(&event), found)));
    }

    /// The code sets the status. What it has set already is no step.
    pub(crate) fn set_status(&mut self, status: Payload) {
        if !matches!(self.mode, Mode::Between) && !self.is_step(&status) {
            return;
        }
        if matches!(self.mode, Mode::Live) {
            let bytes = status.len();
            if bytes > MAX_STATUS_BYTES {
                return self
                    .exceed(format!("a status of {bytes} bytes is over {MAX_STATUS_BYTES}"));
            }
            if let Err(why) = status.check_depth() {
                return self.refuse_value("a status cannot be recorded", &why);
            }
        }
        let status = match self.record(Event::StatusSet { status: status.clone() }) {
            Recorded::Halted => return,
            Recorded::Before(Event::StatusSet { status }) => status,
            Recorded::Before(_) | Recorded::Now => status,
        };
        self.note_status(status);
        self.act(Action::AnnounceStatus);
    }

    /// Whether setting this status is a step. Live, the same value again is none. At replay the log
    /// knows, as far as the order goes in which a map or a set was written.
    fn is_step(&mut self, status: &Payload) -> bool {
        if !self.is_replaying() {
            return !self.status.as_ref().is_some_and(|set| set.is_same_value(status));
        }
        let is_set = self.status.as_ref().is_some_and(|set| set.is_same_value_or_set(status));
        match self.next_recorded() {
            // It may be that of a later call, and this one have set nothing new.
            Some(Event::StatusSet { status: recorded }) => {
                !is_set || recorded.is_same_value_or_set(status)
            }
            _ => !is_set,
        }
    }

    /// At replay, whether the log has such an event in this place.
    pub(crate) fn log_has(&mut self, wanted: fn(&Event) -> bool) -> bool {
        self.next_recorded().is_some_and(wanted)
    }

    /// The status of the execution before this one, with which it begins. It stands after the timer that
    /// delays the start, where the code has not run yet: so it cannot be one that the code has set.
    pub(crate) fn carry_status(&mut self, given: Option<Payload>) {
        let carried = match &self.mode {
            Mode::Replay(expected) => match expected.front() {
                Some(Event::StatusSet { status }) => Some(status.clone()),
                _ => None,
            },
            _ => given,
        };
        let Some(status) = carried else { return };
        if self.record(Event::StatusSet { status: status.clone() }).counts() {
            self.note_status(status);
        }
    }

    /// This is the status from the turn under way on.
    pub(crate) fn note_status(&mut self, status: Payload) {
        self.status = Some(status);
        self.status_turn = Some(self.turn);
    }

    /// The newest status, for the next execution.
    pub(crate) fn newest_status(&self) -> Option<Payload> {
        self.status.clone()
    }

    /// The next random number.
    pub(crate) fn draw(&mut self) -> u64 {
        if matches!(self.mode, Mode::Between) {
            self.refuse_foreign_call();
        }
        self.random.next()
    }

    fn schedule(
        &mut self,
        id: CorrelationId,
        scheduled: Scheduled,
        shielded: bool,
        action: Action,
    ) {
        self.act(action);
        self.buffer_slot(id, scheduled, shielded);
    }

    pub(crate) fn buffer_slot(&mut self, id: CorrelationId, scheduled: Scheduled, shielded: bool) {
        self.buffer.schedule(id, scheduled, shielded);
        if self.buffer.outstanding() > MAX_OUTSTANDING {
            self.exceed(format!("more than {MAX_OUTSTANDING} durable futures are outstanding"));
        }
        if self.outbox.len() > MAX_OUTBOX_MESSAGES {
            self.exceed(format!("more than {MAX_OUTBOX_MESSAGES} messages wait for others"));
        }
    }

    /// Who started the instance, where another one did: the first thing that is recorded.
    pub(crate) fn record_origin(&mut self, origin: Option<Box<Origin>>) {
        let recorded = match &self.mode {
            Mode::Replay(expected) => match expected.front() {
                Some(Event::StartedBy { origin }) => Some(origin.clone()),
                _ => None,
            },
            _ => origin,
        };
        if let Some(origin) = recorded {
            self.record(Event::StartedBy { origin });
        }
    }

    /// How deep children are nested here.
    pub(crate) fn depth(&self) -> u32 {
        self.outbox.origin().map_or(0, |origin| origin.depth)
    }

    /// Names the run in messages.
    pub(crate) fn lineage(&self) -> u64 {
        self.outbox.lineage()
    }

    pub(crate) fn catalog(&self) -> Option<&Arc<dyn ActivityCatalog>> {
        self.activities.as_ref()
    }

    /// What an execution failed for that was to continue, as the log knows it.
    pub(crate) fn replayed_refusal_to_continue(&mut self) -> Option<OrchestrationError> {
        use OrchestrationErrorKind::{InvalidInput, InvalidValue, LimitExceeded};
        match self.next_recorded()? {
            Event::ExecutionFailed { error }
                if matches!(error.kind(), InvalidInput | InvalidValue | LimitExceeded) =>
            {
                Some(error.clone())
            }
            _ => None,
        }
    }

    /// The code goes on as a new execution. Nothing that it does from now on counts.
    pub(crate) fn continue_as_new(
        &mut self,
        orchestration: Option<&'static str>,
        pinned: bool,
        input: Payload,
    ) {
        self.halt(Halt::Continued { orchestration, pinned, input });
    }

    /// Fails the execution for a limit.
    pub(crate) fn exceed(&mut self, message: impl fmt::Display) {
        self.halt(Halt::Failed(limit_exceeded(message)));
    }

    /// Fails the execution for a value that cannot be recorded.
    pub(crate) fn refuse_value(&mut self, what: &str, why: &PayloadError) {
        self.halt(Halt::Failed(OrchestrationError::of_value(what, why)));
    }

    pub(crate) fn diverge(&mut self, expected: Step, found: Step) {
        let position = self.position;
        self.halt(Halt::Diverged(Nondeterminism::new(position, expected, found)));
    }

    /// The log completes what is not open by now: code that was shielded is so no longer.
    pub(crate) fn complete_in_vain(&mut self, id: CorrelationId, kind: &'static str) {
        let expected = Step::Event { kind, id: Some(id), name: None, detail: None };
        let position = self.position - 1;
        self.halt(Halt::Diverged(Nondeterminism::new(position, expected, Step::NotOpen)));
    }

    /// The code used its context outside a turn.
    pub(crate) fn refuse_foreign_call(&mut self) {
        self.diverge(Step::Nothing, Step::ForeignCall);
    }

    /// The first reason to halt counts. Between turns there is one reason only: it is no turn.
    pub(crate) fn halt(&mut self, halt: Halt) {
        let halt = match self.mode {
            Mode::Between => {
                let (expected, found) = (Step::Nothing, Step::ForeignCall);
                Halt::Diverged(Nondeterminism::new(self.position, expected, found))
            }
            _ => halt,
        };
        self.halt.get_or_insert(halt);
    }

    /// An action is for a shell to do once; at replay it was done.
    pub(crate) fn act(&mut self, action: Action) {
        if matches!(self.mode, Mode::Live) {
            if self.actions.is_empty() {
                // Most turns have one.
                self.actions.reserve_exact(1);
            }
            self.actions.push(action);
        }
    }

    /// The events of the turn that is over. Their place is kept for the next turn, unless it is large.
    pub(crate) fn take_events(&mut self) -> Arc<[Event]> {
        let events = self.events.drain(..).collect();
        self.events.shrink_to(KEPT_EVENTS);
        events
    }

    pub(crate) const fn last_scheduled(&self) -> CorrelationId {
        CorrelationId(self.last_id)
    }

    pub(crate) fn next_id(&mut self) -> CorrelationId {
        self.last_id += 1;
        CorrelationId(self.last_id)
    }
}
