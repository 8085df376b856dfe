//! The state that the machine, the context and the durable futures of one execution share.

mod attributes;
mod cancel;
mod cancellation;
mod children;
mod compare;
mod drops;
mod fork;
mod halts;
mod limits;
mod locks;
mod mode;
mod open_updates;
mod parts;
mod patches;
mod pending_drop;
mod published;
mod record;
mod replayed_items;
mod requests;
mod status;
mod streams;
mod tasks;
mod time_limits;
mod timers;
mod updates;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;

use cancellation::Cancellation;
pub(crate) use locks::CodeLock;
pub(crate) use mode::{Halt, Mode};
use open_updates::OpenUpdates;
use parts::{Status, TurnUnderWay, Written};
pub(crate) use record::Recorded;
use spin::{Mutex, MutexGuard};
pub(crate) use streams::NOT_EMITTED;
pub(crate) use tasks::Manner;
pub(crate) use updates::RecordedAnswer;

use crate::action::Action;
use crate::attributes::Attributes;
use crate::catalog::ActivityCatalog;
use crate::correlation_buffer::{CorrelationBuffer, Scheduled};
use crate::event::Event;
use crate::history::{history_limit, turn_limit};
use crate::ids::{CorrelationId, ExecutionId, InstanceId, Name};
use crate::limits::{MAX_OUTBOX_MESSAGES, MAX_OUTSTANDING, PayloadLimits};
use crate::message::Origin;
use crate::outbox::Outbox;
use crate::payload::Payload;
use crate::published::PublishedValues;
use crate::random::SplitMix64;
use crate::running_limits::RunningLimits;
use crate::streams::Streams;
use crate::time::Timestamp;
use crate::trace_context::ReceivedTrace;
use crate::version::Version;
use crate::view::CalledChildren;
use crate::zoo::{self, Bug};

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

pub(crate) struct State {
    pub(crate) instance: InstanceId,
    pub(crate) execution: ExecutionId,
    pub(crate) now: Timestamp,
    pub(crate) random: SplitMix64,
    pub(crate) buffer: CorrelationBuffer,
    pub(crate) outbox: Outbox,
    /// The trace that it was started in.
    pub(crate) trace: Option<Box<ReceivedTrace>>,
    pub(crate) mode: Mode,
    pub(crate) halt: Option<Halt>,
    pub(crate) written: Written,
    pub(crate) turn: TurnUnderWay,
    pub(crate) status: Status,
    pub(crate) published: PublishedValues,
    pub(crate) streams: Streams,
    pub(crate) attributes: Attributes,
    pub(crate) limits: PayloadLimits,
    pub(crate) updates: OpenUpdates,
    pub(crate) time_limits: RunningLimits,
    /// Those that it has called, once there are any.
    children: Option<Box<CalledChildren>>,
    /// The lock that the code holds or asks for.
    pub(crate) lock: Option<CodeLock>,
    /// The cancel that has come.
    pub(crate) cancellation: Option<Box<Cancellation>>,
    /// Number of futures that have waited for one.
    last_cancellation: u64,
    /// The patches that the code has asked for, or that are marked in the log: whether it does what
    /// is new.
    patches: BTreeMap<Name, bool>,
    last_id: u64,
    /// What the code says that it holds itself.
    pub(crate) code_bytes: usize,
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
        limits: PayloadLimits,
    ) -> Self {
        Self {
            outbox: Outbox::new(instance.clone()),
            trace: None,
            instance,
            execution,
            now: Timestamp::EPOCH,
            random: SplitMix64::new(0),
            buffer: CorrelationBuffer::default(),
            mode: Mode::Between,
            halt: None,
            written: Written::default(),
            turn: TurnUnderWay::default(),
            status: Status::default(),
            published: PublishedValues::default(),
            streams: Streams::default(),
            attributes: Attributes::default(),
            updates: OpenUpdates::default(),
            time_limits: RunningLimits::default(),
            limits,
            children: None,
            lock: None,
            cancellation: None,
            last_cancellation: 0,
            patches: BTreeMap::new(),
            last_id: 0,
            code_bytes: 0,
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
            self.written.events -= events;
            self.written.bytes -= bytes as u64;
        }
        self.count(&event);
        if matches!(self.mode, Mode::Live) {
            self.turn.events.push(event);
        }
    }

    /// What an event supersedes: number of events, and their payload bytes.
    fn superseded_by(&self, event: &Event) -> (u64, usize) {
        if let Event::ChildAttemptFailed { id, .. } = event {
            return self.outbox.superseded_by_failure(*id);
        }
        self.buffer.superseded_by(event).map_or((0, 0), |bytes| (1, bytes))
    }

    /// The code runs, for the first time in this log if that is not noted yet.
    pub(crate) fn note_begun(&mut self) {
        self.note_beginning(self.written.events, self.written.bytes);
    }

    pub(crate) fn note_beginning(&mut self, events: u64, bytes: u64) {
        self.written.at_beginning.get_or_insert((events, bytes));
    }

    /// Moves what is here into another state; this one is closed.
    pub(crate) fn take_and_close(&mut self) -> Self {
        let instance = self.instance.clone();
        let closed = Self::new(instance, self.execution, self.strict, None, self.limits);
        core::mem::replace(self, Self { mode: Mode::Closed, ..closed })
    }

    /// Forgets what belongs to the code that was let go; the status and what was published stay. Gives the wakers that it has
    /// left: they may be its own.
    pub(crate) fn begin_anew(&mut self) -> Vec<Waker> {
        self.patches.clear();
        self.code_bytes = 0;
        self.lock = None;
        self.last_cancellation = 0;
        self.forget_refusals();
        self.buffer.begin_anew()
    }

    /// Counts what a log has that was gone over.
    pub(crate) fn count_anew(&mut self, events: u64, bytes: u64, last_id: u64) {
        self.written.events = events;
        self.written.bytes = bytes;
        self.last_id = last_id;
    }

    /// What is held of what was scheduled and set, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        let status = self.status.newest.as_ref().map_or(0, Payload::len);
        let shown =
            status + self.published.bytes() + self.streams.held_bytes() + self.attributes.bytes();
        let children = self.children.as_ref().map_or(0, |children| children.held_bytes());
        let others = self.outbox.held_bytes() + children;
        let code = self.code_bytes;
        self.buffer.held_bytes() + others + shown + self.updates.held_bytes() + code
    }

    /// Number of events in the log, without those that were superseded.
    pub(crate) const fn recorded(&self) -> u64 {
        self.written.events
    }

    /// A turn whose event was superseded keeps its place.
    pub(crate) fn pass_superseded(&mut self, at: Timestamp) {
        self.now = at;
        self.written.position += 1;
    }

    /// The run begins, or begins anew in the middle: whatever must differ from the run before it comes
    /// from the seed that was drawn for it. So does its [lineage](Self::lineage).
    pub(crate) fn begin_run(&mut self, seed: u64) {
        self.random = SplitMix64::new(seed);
    }

    /// Which version of the orchestration it is: once, directly after the start.
    pub(crate) fn select_version(&mut self, version: &Version) {
        if !version.is_none() {
            self.record(Event::VersionSelected { version: version.clone() });
        }
    }

    /// At replay, whether the log has such an event in this place.
    pub(crate) fn log_has(&mut self, wanted: fn(&Event) -> bool) -> bool {
        self.next_recorded().is_some_and(wanted)
    }

    /// The next random number.
    pub(crate) fn draw(&mut self) -> u64 {
        if matches!(self.mode, Mode::Between) {
            self.refuse_foreign_call();
        }
        if zoo::planted(Bug::RandomDrawnAgain) && self.is_replaying() {
            return !self.random.next();
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
            Mode::Replay(expected) => {
                let Some(Event::StartedBy { origin }) = expected.front() else { return };
                Some(origin.clone())
            }
            Mode::Between | Mode::Live | Mode::Closed => origin,
        };
        if let Some(origin) = recorded {
            self.record(Event::StartedBy { origin });
        }
    }

    /// The trace in which the input of this turn was asked for: at replay what the log has, otherwise what the
    /// caller gave. It is left out where the history has no room for it: no execution fails for a trace.
    pub(crate) fn trace_of_input(
        &self,
        given: Option<Box<ReceivedTrace>>,
    ) -> Option<Box<ReceivedTrace>> {
        match &self.mode {
            Mode::Replay(expected) => match expected.front() {
                Some(Event::TraceContextReceived { received }) => Some(received.clone()),
                _ => None,
            },
            Mode::Between | Mode::Live | Mode::Closed => given.filter(|trace| self.has_room(trace)),
        }
    }

    fn has_room(&self, trace: &ReceivedTrace) -> bool {
        let bytes = trace.stored_bytes() as u64;
        let limit = history_limit(self.limits, self.written.events + 1, self.written.bytes + bytes);
        limit.or_else(|| turn_limit(self.limits, self.turn.bytes + bytes)).is_none()
    }

    /// Records the [trace of the input](Self::trace_of_input).
    pub(crate) fn record_trace(&mut self, trace: Option<Box<ReceivedTrace>>) {
        if let Some(received) = trace {
            self.record(Event::TraceContextReceived { received });
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

    /// An action is for a shell to do once; at replay it was done.
    pub(crate) fn act(&mut self, action: Action) {
        if matches!(self.mode, Mode::Live) {
            if self.turn.actions.is_empty() {
                // Most turns have one.
                self.turn.actions.reserve_exact(1);
            }
            self.turn.actions.push(action);
        }
    }

    pub(crate) const fn last_scheduled(&self) -> CorrelationId {
        CorrelationId(self.last_id)
    }

    pub(crate) fn next_id(&mut self) -> CorrelationId {
        self.last_id += 1;
        CorrelationId(self.last_id)
    }
}
