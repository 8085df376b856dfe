//! An instance under test: a machine, and a shell that does nothing by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use reenact_core::{
    Action, ActivityError, ApplyError, Attributes, Command, CorrelationId, EmittedBy, Event,
    EventKey, ExecutionId, InstanceId, Machine, MachineConfig, Name, Nondeterminism,
    OpenActivities, OrchestrationCode, OrchestrationContext, OrchestrationError, Outbox, Outcome,
    Payload, Receipt, RecordedTurn, Rejected, ReplayError, ShardId, Start, TimeLimits, Timestamp,
    TraceContext, Turn, Viewer, codec,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::view::{assert_timeline, assert_view};

/// Where the random numbers of the tests begin.
pub(crate) const SEED: u64 = 7;

const PACE: Duration = Duration::from_secs(1);

/// The machine, and everything that it received and answered. Each command comes a second after the
/// one before it, unless the test says otherwise.
pub(crate) struct Instance {
    pub(crate) code: OrchestrationCode,
    pub(crate) config: MachineConfig,
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
    /// How much time passes before each command.
    pub(crate) pace: Duration,
    steps: Vec<Step>,
    /// Of activities that were tried before.
    attempts: BTreeMap<u64, u32>,
}

/// One command, when it came, and the answer.
#[derive(Clone)]
struct Step {
    command: Command,
    at: Timestamp,
    answer: Result<Answer, ApplyError>,
}

/// A turn with its seal broken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) number: u64,
    pub(crate) recorded: RecordedTurn,
    pub(crate) actions: Vec<Action>,
    pub(crate) outcome: Option<Outcome>,
}

impl Instance {
    /// Starts code with an input.
    pub(crate) fn start(code: OrchestrationCode, input: impl Serialize) -> Self {
        Self::start_with(code, MachineConfig::default(), start(input))
    }

    pub(crate) fn start_with(code: OrchestrationCode, config: MachineConfig, how: Start) -> Self {
        Self::try_start(code, config, how).expect("it starts")
    }

    pub(crate) fn try_start(
        code: OrchestrationCode,
        config: MachineConfig,
        how: Start,
    ) -> Result<Self, ApplyError> {
        let (now, command) = (seconds(1_000), Command::Start(how.clone()));
        let first = ExecutionId::FIRST;
        let (machine, turn) =
            Machine::start(&code, instance_id(), first, config.clone(), how, now)?;
        let steps = vec![Step { command, at: now, answer: Ok(Answer::of(turn)) }];
        Ok(Self { code, config, machine, now, pace: PACE, steps, attempts: BTreeMap::new() })
    }

    /// Goes on with a machine that was replayed.
    pub(crate) fn resumed(
        code: OrchestrationCode,
        config: MachineConfig,
        machine: Machine,
        now: Timestamp,
    ) -> Self {
        let open = machine.open_activities(usize::MAX);
        let attempts = open.iter().map(|open| (open.id.0, open.attempt)).collect();
        Self { code, config, machine, now, pace: PACE, steps: Vec::new(), attempts }
    }

    /// What a history leads to.
    pub(crate) fn try_replay(
        code: &OrchestrationCode,
        config: &MachineConfig,
        turns: &[RecordedTurn],
    ) -> Result<Machine, ReplayError> {
        let (first, config) = (ExecutionId::FIRST, config.clone());
        Machine::replay(code, instance_id(), first, config, turns.iter().cloned())
    }

    pub(crate) fn try_apply(&mut self, command: Command) -> Result<Answer, ApplyError> {
        self.now = self.now + self.pace;
        let answer = self.machine.apply(command.clone(), self.now).map(Answer::of);
        self.steps.push(Step { command, at: self.now, answer: answer.clone() });
        for event in answer.iter().flat_map(|answer| &*answer.recorded.events) {
            if let Event::TaskAttemptFailed { id, attempt, .. } = event {
                self.attempts.insert(id.0, attempt + 1);
            }
        }
        answer
    }

    /// As `apply`, of what somebody asks for in a trace.
    pub(crate) fn apply_in(&mut self, trace: &TraceContext, command: Command) -> Answer {
        self.now = self.now + self.pace;
        let trace = Some(Box::new(trace.clone()));
        let turn = self.machine.apply_traced(command, trace, self.now);
        Answer::of(turn.expect("the command is applied"))
    }

    pub(crate) fn apply(&mut self, command: Command) -> Answer {
        self.try_apply(command).expect("the command is applied")
    }

    pub(crate) fn complete(&mut self, id: u64, output: impl Serialize) -> Answer {
        let (id, attempt, result) = (CorrelationId(id), self.attempt(id), Ok(payload(output)));
        self.apply(Command::CompleteTask { id, attempt, result })
    }

    /// The attempt of an activity that is under way or comes next.
    pub(crate) fn attempt(&self, id: u64) -> u32 {
        self.attempts.get(&id).copied().unwrap_or(1)
    }

    pub(crate) fn fail(&mut self, id: u64, error: ActivityError) -> Answer {
        let (id, attempt) = (CorrelationId(id), self.attempt(id));
        self.apply(Command::CompleteTask { id, attempt, result: Err(error) })
    }

    /// An attempt that is under way emits items; `number` is that of the first.
    pub(crate) fn emit(
        &mut self,
        id: u64,
        stream: &str,
        number: u64,
        items: &[u64],
    ) -> Result<Answer, ApplyError> {
        let by = EmittedBy::new(CorrelationId(id), self.attempt(id));
        let items = items.iter().map(payload).collect();
        self.try_apply(Command::EmitItems { by, stream: name(stream), number, items })
    }

    pub(crate) fn heartbeat(&mut self, id: u64, details: impl Serialize) -> Answer {
        let (id, attempt, details) = (CorrelationId(id), self.attempt(id), payload(details));
        self.apply(Command::RecordHeartbeat { id, attempt, details })
    }

    /// Lets time pass, and one second more with the next command.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub(crate) fn fire(&mut self, id: u64) -> Answer {
        self.apply(fire(id))
    }

    pub(crate) fn raise(&mut self, event: &str, data: impl Serialize) -> Answer {
        self.apply(raise(event, data))
    }

    /// The answers so far, of commands that were not refused.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.steps.iter().filter_map(|step| step.answer.as_ref().ok())
    }

    /// Every action that a shell received so far.
    pub(crate) fn actions(&self) -> Vec<Action> {
        self.answers().flat_map(|answer| answer.actions.clone()).collect()
    }

    pub(crate) fn turns(&self) -> &[RecordedTurn] {
        self.machine.history().turns()
    }

    /// The whole history, one text for each event.
    pub(crate) fn log(&self) -> Vec<String> {
        self.machine.history().events().map(|event| event.event.to_string()).collect()
    }

    /// What the orchestration returned.
    pub(crate) fn output<T: DeserializeOwned>(&self) -> T {
        match self.machine.outcome() {
            Some(Outcome::Completed(output)) => output.decode().expect("an output of the type"),
            other => panic!("not completed: {other:?}, after {:#?}", self.log()),
        }
    }

    /// What the orchestration failed with.
    pub(crate) fn failure(&self) -> &OrchestrationError {
        match self.machine.outcome() {
            Some(Outcome::Failed(error)) => error,
            other => panic!("not failed: {other:?}"),
        }
    }

    /// The whole history leads to the same machine.
    pub(crate) fn assert_replays(&self) -> Machine {
        let turns: Vec<_> = self.turns().iter().map(stored_and_read).collect();
        let replayed = Self::try_replay(&self.code, &self.config, &turns).expect("it replays");
        assert_same(&self.machine, &replayed);
        let mut open = OpenActivities::default();
        turns.iter().for_each(|turn| open.apply(turn));
        let (mut open, known) = (open.first(usize::MAX), self.machine.open_activities(usize::MAX));
        if self.machine.cancel_requested().is_some() {
            // Which calls a cancel has ended, only the code knows.
            open.retain(|open| known.iter().any(|known| known.id == open.id));
        }
        assert_eq!(open, known, "the log alone says the same");
        let mut viewer = Viewer::new(instance_id());
        turns.iter().for_each(|turn| viewer.apply(turn));
        assert_view(&viewer, &self.machine);
        let outbox = Outbox::of(instance_id(), &turns);
        let known = self.machine.open_children(usize::MAX);
        assert_eq!(outbox.open_children(usize::MAX), known, "the log alone says the same");
        replayed
    }

    /// Out of its log as it is, and without what was superseded.
    pub(crate) fn assert_replays_with_and_without_superseded(&self) {
        let replayed = self.assert_replays();
        let short = Self::try_replay(&self.code, &self.config, replayed.history().turns());
        assert_same(&self.machine, &short.expect("it replays without them"));
    }

    /// After a crash at any point the rest of the commands leads to the same events, actions and
    /// answers, duplicates and refusals included.
    pub(crate) fn assert_replays_from_every_point(&self) {
        let mut live = Self::try_replay(&self.code, &self.config, &[]).expect("nothing to replay");
        let (mut turns, mut viewer) = (Vec::new(), Viewer::new(instance_id()));
        for (done, step) in self.steps.iter().enumerate() {
            assert_answer(&mut live, step);
            // What was superseded by now may be there or not.
            let without_superseded = live.history().turns().to_vec();
            let answer = step.answer.iter().filter(|answer| !answer.recorded.events.is_empty());
            turns.extend(answer.map(|answer| stored_and_read(&answer.recorded)));
            turns[viewer.view(0).turns as usize..].iter().for_each(|turn| viewer.apply(turn));
            assert_view(&viewer, &live);
            assert_timeline(&turns, &viewer);
            let mut resumed =
                Self::try_replay(&self.code, &self.config, &turns).expect("the prefix replays");
            assert_same(&live, &resumed);
            let short = Self::try_replay(&self.code, &self.config, &without_superseded);
            assert_same(&live, &short.expect("it replays without them"));
            self.steps[done + 1..].iter().for_each(|step| assert_answer(&mut resumed, step));
            assert_same(&self.machine, &resumed);
        }
    }
}

impl Answer {
    pub(crate) fn of(turn: Turn) -> Self {
        let Turn { number, recorded, mut actions, outcome, local, .. } = turn;
        actions.go_into(ShardId(0), number);
        let receipt = Receipt::issue(ShardId(0), number + 1);
        assert!(local.is_empty(), "this shell does not run local activities in place");
        Self { number, recorded, actions: actions.release(&receipt), outcome }
    }

    /// The events, one text for each.
    pub(crate) fn log(&self) -> Vec<String> {
        self.recorded.events.iter().map(ToString::to_string).collect()
    }

    /// What the code did: the events without the input.
    pub(crate) fn outputs(&self) -> Vec<String> {
        self.log().split_off(1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.recorded.events.is_empty() && self.actions.is_empty()
    }
}

fn assert_answer(machine: &mut Machine, step: &Step) {
    let answer = machine.apply(step.command.clone(), step.at).map(Answer::of);
    assert_eq!(answer, step.answer, "{:?}", step.command);
}

/// Equal in all that can be seen.
fn assert_same(one: &Machine, other: &Machine) {
    assert_eq!(one.history(), other.history());
    assert_eq!((one.turns(), one.events()), (other.turns(), other.events()));
    assert_eq!(one.turns(), one.history().turns().len() as u64);
    assert_eq!(one.events(), one.history().len());
    assert_eq!(one.outcome(), other.outcome());
    assert_eq!(one.open_actions(), other.open_actions());
    assert_eq!(one.wake_at(), other.wake_at());
    assert_eq!(one.status_turn(), other.status_turn());
    assert_eq!(one.published(), other.published());
    assert_eq!(one.streams(), other.streams());
    assert_eq!(one.attributes(), other.attributes());
    assert_eq!(one.open_activities(usize::MAX), other.open_activities(usize::MAX));
    assert_eq!(one.open_children(usize::MAX), other.open_children(usize::MAX));
    for now in one.wake_at().into_iter().chain([Timestamp::EPOCH, seconds(1 << 40)]) {
        assert_eq!(one.has_open_tasks(now), other.has_open_tasks(now));
    }
    assert_eq!(one.started_tasks(), other.started_tasks());
    assert_eq!(one.deaths_of_tasks(), other.deaths_of_tasks());
    assert_eq!(one.foreign_wake(), other.foreign_wake());
    assert_eq!(one.cancel_requested(), other.cancel_requested());
    assert_eq!(one.is_suspended(), other.is_suspended());
}

fn stored_and_read(turn: &RecordedTurn) -> RecordedTurn {
    let bytes = codec::encode_turn(turn).expect("a turn encodes");
    let read = codec::decode_turn(&bytes).expect("a turn decodes");
    assert_eq!(read, *turn);
    read
}

/// Code with the name that all tests use.
pub(crate) fn code<I, T, F, R>(run: F) -> OrchestrationCode
where
    I: DeserializeOwned + Send + 'static,
    T: Serialize,
    F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
    R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
{
    OrchestrationCode::new("orchestration", run).expect("a name")
}

/// Schedules an activity without input, with a number as its output.
pub(crate) fn task(
    ctx: &OrchestrationContext,
    name: &str,
) -> reenact_core::DurableFuture<Result<u64, ActivityError>> {
    ctx.schedule_activity_by_name(name, &())
}

pub(crate) fn instance_id() -> InstanceId {
    InstanceId::new("instance").expect("an id")
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(crate) fn payload(value: impl Serialize) -> Payload {
    Payload::encode(&value).expect("a payload")
}

pub(crate) const fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

pub(crate) fn start(input: impl Serialize) -> Start {
    Start {
        input: payload(input),
        seed: SEED,
        delay: None,
        origin: None,
        trace: None,
        limits: TimeLimits::NONE,
        attributes: Attributes::default(),
    }
}

pub(crate) fn complete(id: u64, output: impl Serialize) -> Command {
    Command::CompleteTask { id: CorrelationId(id), attempt: 1, result: Ok(payload(output)) }
}

pub(crate) fn fire(id: u64) -> Command {
    Command::FireTimer { id: CorrelationId(id) }
}

pub(crate) fn raise(event: &str, data: impl Serialize) -> Command {
    Command::RaiseEvent { name: name(event), data: payload(data), key: None }
}

pub(crate) fn raise_once(event: &str, data: impl Serialize, key: &str) -> Command {
    let key = EventKey::new(key).expect("a key");
    Command::RaiseEvent { name: name(event), data: payload(data), key: Some(key) }
}

pub(crate) fn terminate(reason: &str) -> Command {
    Command::Terminate { reason: reason.into() }
}

pub(crate) fn cancel(reason: &str) -> Command {
    Command::Cancel { reason: reason.into() }
}

pub(crate) fn suspend(reason: &str) -> Command {
    Command::Suspend { reason: reason.into() }
}

/// One turn as it is recorded.
pub(crate) fn turn(at: u64, events: impl IntoIterator<Item = Event>) -> RecordedTurn {
    RecordedTurn { at: seconds(at), events: events.into_iter().collect() }
}

/// The divergence that ended a replay.
pub(crate) fn divergence(replayed: Result<Machine, ReplayError>) -> Nondeterminism {
    match replayed {
        Err(ReplayError::Nondeterministic(divergence)) => divergence,
        other => panic!("not detected: {other:?}"),
    }
}

/// The divergence that ended a turn.
pub(crate) fn live_divergence<T: std::fmt::Debug>(answer: Result<T, ApplyError>) -> Nondeterminism {
    match answer {
        Err(ApplyError::Nondeterministic(divergence)) => divergence,
        other => panic!("not detected: {other:?}"),
    }
}

pub(crate) fn rejection(answer: Result<Answer, ApplyError>) -> Rejected {
    match answer {
        Err(ApplyError::Rejected(rejected)) => rejected,
        other => panic!("not rejected: {other:?}"),
    }
}
