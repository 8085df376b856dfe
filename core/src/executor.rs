//! Orchestrations in plain unit tests: scripted results, no runtime, no clock.

mod todo;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::todo::{Call, Todo, not_before};
use crate::attributes::Attributes;
use crate::code::OrchestrationCode;
use crate::command::{Command, Start};
use crate::definition::Orchestration;
use crate::error::{
    ActivityError, ActivityErrorKind, ChildError, OrchestrationError, OrchestrationErrorKind,
};
use crate::event::Event;
use crate::history::History;
use crate::ids::{ExecutionId, InstanceId, InvalidName, Name};
use crate::machine::{ApplyError, Machine, MachineConfig};
use crate::message::{Message, MessageBody, Relation, UpdateReturn};
use crate::options::TimeLimits;
use crate::outcome::Outcome;
use crate::payload::{Payload, PayloadError};
use crate::time::Timestamp;
use crate::update_answer::UpdateAnswer;
use crate::version::InvalidDefinition;

/// Drives one orchestration to its end with scripted activities and events.
///
/// Activities are answered at once, in the order in which they were scheduled. One that fails is
/// tried again by its [policy](crate::RetryPolicy), each attempt a call of its script, and so is a
/// child. When nothing else can be done, the clock jumps to the next timer, or to the next attempt. An orchestration that continues as new has come
/// to its end here: [`Run::continued_with`] says what the next execution is given, which is a run of
/// its own.
///
/// ```
/// use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
///
/// async fn welcome(
///     ctx: OrchestrationContext,
///     name: String,
/// ) -> Result<String, OrchestrationError> {
///     let greeting: String = ctx.call_activity_by_name("greet", &name).await?;
///     let go: String = ctx.wait_external("Go").await?;
///     Ok(format!("{greeting} {go}"))
/// }
///
/// let run = Executor::new(OrchestrationCode::new("welcome", welcome).unwrap())
///     .activity("greet", |name: String| Ok(format!("Hello, {name}!")))
///     .event("Go", "now")
///     .drive_to_completion("Ada")
///     .unwrap();
/// assert_eq!(run.output::<String>(), Some("Hello, Ada! now".into()));
/// ```
#[must_use = "an executor does nothing until it is driven"]
pub struct Executor {
    code: OrchestrationCode,
    activities: BTreeMap<String, ScriptedActivity>,
    orchestrations: BTreeMap<String, ScriptedOrchestration>,
    updates: BTreeMap<String, ScriptedUpdate>,
    events: VecDeque<(Name, Payload)>,
    cancel: Option<ScriptedCancel>,
    config: MachineConfig,
    problem: Option<DriveError>,
}

struct ScriptedCancel {
    /// The activity or the event that it comes before.
    at: String,
    reason: String,
}

type ScriptedOrchestration = Box<dyn FnMut(&Payload) -> Result<Payload, OrchestrationError>>;
type ScriptedUpdate = Box<dyn FnMut(&Payload) -> UpdateAnswer>;
type ScriptedActivity = Box<dyn FnMut(&Payload) -> Result<Payload, ActivityError>>;

/// A run to the end: the outcome, and the history that led to it.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// Everything that happened.
    pub history: History,
}

/// Why a run did not come to an end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The orchestration did what no history can repeat.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An input or an event of the script does not encode.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A name in the script is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The orchestration called an activity that the script has not.
    #[error("the script has no activity `{activity}`")]
    NoSuchActivity {
        /// The activity.
        activity: Name,
    },
    /// The orchestration called another one that the script has not.
    #[error("the script has no orchestration `{orchestration}`")]
    NoSuchOrchestration {
        /// The other one.
        orchestration: Name,
    },
    /// The orchestration sent an update to another instance that the script has not.
    #[error("the script has no update `{update}`")]
    NoSuchUpdate {
        /// The update.
        update: Name,
    },
    /// The orchestration waits for events only, and the script has no more of them.
    #[error("the orchestration waits for {}, and the script has no such event", names(.waits))]
    Stuck {
        /// What it waits for.
        waits: Vec<Name>,
    },
}

fn names(names: &[Name]) -> String {
    names.iter().map(|name| alloc::format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn scripted_event<T: Serialize + ?Sized>(
    name: &str,
    data: &T,
) -> Result<(Name, Payload), DriveError> {
    Ok((Name::new(name)?, Payload::encode(data)?))
}

impl Executor {
    /// Drives this code.
    pub fn new(code: OrchestrationCode) -> Self {
        Self {
            code,
            activities: BTreeMap::new(),
            orchestrations: BTreeMap::new(),
            updates: BTreeMap::new(),
            events: VecDeque::new(),
            cancel: None,
            config: MachineConfig::default(),
            problem: None,
        }
    }

    /// Drives a typed orchestration.
    ///
    /// # Errors
    /// [`InvalidDefinition`] when its name or its version is invalid.
    pub fn of<O: Orchestration>(_orchestration: O) -> Result<Self, InvalidDefinition> {
        Ok(Self::new(OrchestrationCode::of::<O>()?))
    }

    /// Scripts an activity.
    pub fn activity<I, O>(
        mut self,
        name: impl Display,
        mut script: impl FnMut(I) -> Result<O, ActivityError> + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
    {
        let invalid = |kind, why: PayloadError| ActivityError::of_kind(kind, why);
        let scripted = move |input: &Payload| {
            let input = input.decode().map_err(|e| invalid(ActivityErrorKind::InvalidInput, e))?;
            let output = script(input)?;
            Payload::encode(&output).map_err(|e| invalid(ActivityErrorKind::InvalidOutput, e))
        };
        self.activities.insert(name.to_string(), Box::new(scripted));
        self
    }

    /// Scripts an orchestration that is called as a child. Detached ones need no script: they are
    /// started, and that is all.
    pub fn orchestration<I, O>(
        mut self,
        name: impl Display,
        mut script: impl FnMut(I) -> Result<O, OrchestrationError> + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
    {
        let scripted = move |input: &Payload| {
            let output = script(input.decode()?)?;
            Payload::encode(&output).map_err(|why| {
                OrchestrationError::of_kind(OrchestrationErrorKind::InvalidOutput, why)
            })
        };
        self.orchestrations.insert(name.to_string(), Box::new(scripted));
        self
    }

    /// Scripts how other instances answer the updates of that name that the orchestration sends: what they reply, or
    /// refuse it with. Requests for locks need no script.
    pub fn update<Q, A, E>(
        mut self,
        name: impl Display,
        mut script: impl FnMut(Q) -> Result<A, E> + 'static,
    ) -> Self
    where
        Q: DeserializeOwned,
        A: Serialize,
        E: Serialize,
    {
        let invalid = |why: PayloadError| UpdateAnswer::Invalid(why.to_string());
        let scripted = move |request: &Payload| {
            let answer = request.decode().map(&mut script).and_then(|answer| match answer {
                Ok(reply) => Payload::encode(&reply).map(UpdateAnswer::Replied),
                Err(reason) => Payload::encode(&reason).map(UpdateAnswer::Refused),
            });
            answer.unwrap_or_else(invalid)
        };
        self.updates.insert(name.to_string(), Box::new(scripted));
        self
    }

    /// Scripts an external event. Events are raised in this order, each as soon as the orchestration
    /// waits for its name, or for any.
    pub fn event<T: Serialize + ?Sized>(mut self, name: impl Display, data: &T) -> Self {
        match scripted_event(&name.to_string(), data) {
            Ok(event) => self.events.push_back(event),
            Err(problem) => self.problem = Some(problem),
        }
        self
    }

    /// Scripts a cancel. It comes as soon as the orchestration has called an activity of that name, or
    /// waits for an event of that name, and before the script answers that. When the orchestration
    /// never does, it is not cancelled.
    pub fn cancel_at(mut self, name: impl Display, reason: impl Display) -> Self {
        self.cancel = Some(ScriptedCancel { at: name.to_string(), reason: reason.to_string() });
        self
    }

    /// Takes another configuration of the machine, for instance to catch panics.
    pub fn config(mut self, config: MachineConfig) -> Self {
        self.config = config;
        self
    }

    /// Runs the orchestration from its start to its end.
    ///
    /// # Errors
    /// [`DriveError`], when it does not come to an end.
    pub fn drive_to_completion<T: Serialize + ?Sized>(
        mut self,
        input: &T,
    ) -> Result<Run, DriveError> {
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        let start = Start {
            input: Payload::encode(input)?,
            seed: 0,
            delay: None,
            origin: None,
            trace: None,
            limits: TimeLimits::NONE,
            attributes: Attributes::default(),
        };
        let id = InstanceId::new("scripted")?;
        let mut now = Timestamp::EPOCH;
        let first = ExecutionId::FIRST;
        let config = self.config.clone();
        let (mut machine, turn) = Machine::start(&self.code, id, first, config, start, now)?;
        let mut todo = Todo::default();
        todo.add(turn);
        while machine.outcome().is_none() {
            todo.waits = machine.open_waits();
            if let Some(reason) = self.cancel_now(&todo) {
                todo.add(machine.apply(Command::Cancel { reason }, now)?);
                continue;
            }
            let command = self.next_command(&mut todo, &mut now)?;
            todo.add(machine.apply(command, now)?);
        }
        let history = machine.history().clone();
        match machine.outcome().cloned() {
            Some(outcome) => Ok(Run { outcome, history }),
            None => Err(DriveError::Stuck { waits: Vec::new() }),
        }
    }

    fn cancel_now(&mut self, todo: &Todo) -> Option<String> {
        let at = &self.cancel.as_ref()?.at;
        let is_called = todo.tasks.iter().any(|call| call.name.as_str() == at);
        let is_awaited = todo.waits.iter().any(|(_, name)| name.as_str() == at);
        let is_due = is_called || is_awaited;
        self.cancel.take_if(|_| is_due).map(|cancel| cancel.reason)
    }

    fn next_command(
        &mut self,
        todo: &mut Todo,
        now: &mut Timestamp,
    ) -> Result<Command, DriveError> {
        if let Some(Call { id, name, input, attempt }) = todo.tasks.pop_front() {
            let activity = self.activities.get_mut(name.as_str());
            let activity = activity.ok_or(DriveError::NoSuchActivity { activity: name })?;
            return Ok(Command::CompleteTask { id, attempt, result: activity(&input) });
        }
        if let Some(message) = todo.message_due(*now) {
            return self.answer(message);
        }
        let waited = self.events.iter().position(|(name, _)| todo.waits_for(name));
        if let Some((name, data)) = waited.and_then(|at| self.events.remove(at)) {
            return Ok(Command::RaiseEvent { name, data, key: None });
        }
        let timer = (0..todo.timers.len()).min_by_key(|&at| todo.timers[at]);
        let earliest = timer.map(|at| todo.timers[at].0);
        if let Some(message) = todo.message_before(earliest) {
            *now = not_before(&message).max(*now);
            return self.answer(message);
        }
        let Some(next) = timer else {
            return Err(DriveError::Stuck { waits: todo.names_waited_for() });
        };
        let (at, id) = todo.timers.remove(next);
        *now = at.max(*now);
        Ok(Command::FireTimer { id })
    }
}

impl Executor {
    /// What the other instance does about a message. Events and cancels arrive.
    fn answer(&mut self, message: Message) -> Result<Command, DriveError> {
        let Message { id, to: child, body } = message;
        match body.unlimited().0.unattributed().0 {
            MessageBody::Start { name, input, origin, .. }
            | MessageBody::Replace { name, input, origin, .. }
                if origin.relation == Relation::Child =>
            {
                let script = self.orchestrations.get_mut(name.as_str());
                let script =
                    script.ok_or(DriveError::NoSuchOrchestration { orchestration: name })?;
                let failed = |error| Box::new(ChildError::Failed { child: child.clone(), error });
                let result = script(&input).map_err(failed);
                Ok(Command::CompleteChild { lineage: id.lineage, id: id.id, child, result })
            }
            MessageBody::Request(request) if request.is_update => {
                let answer = match self.updates.get_mut(request.name.as_str()) {
                    Some(script) => script(&request.data),
                    // Nobody else holds it.
                    None if request.is_for_lock() => UpdateAnswer::Replied(Payload::encode(&())?),
                    None => return Err(DriveError::NoSuchUpdate { update: request.name }),
                };
                let answer = UpdateReturn::Answered(answer);
                Ok(Command::ReturnUpdate { lineage: id.lineage, id: id.id, from: child, answer })
            }
            MessageBody::Request(_)
            | MessageBody::Start { .. }
            | MessageBody::Traced { .. }
            | MessageBody::Limited { .. }
            | MessageBody::Attributed { .. }
            | MessageBody::Cancel { .. }
            | MessageBody::Event { .. }
            | MessageBody::Command { .. }
            | MessageBody::Return { .. }
            | MessageBody::Result { .. }
            | MessageBody::Replace { .. } => Ok(Command::ConfirmDelivery { messages: vec![id] }),
        }
    }
}

impl Run {
    /// Every external event of that name that was raised on other instances: on which, and its data,
    /// as far as it is a `T`.
    pub fn sent<T: DeserializeOwned>(&self, event: &str) -> Vec<(String, T)> {
        let sent = self.history.events().filter_map(|recorded| {
            let Event::EventSent { to, name, data, .. } = recorded.event else { return None };
            if name.as_str() != event {
                return None;
            }
            Some((to.to_string(), data.decode().ok()?))
        });
        sent.collect()
    }

    /// The output, when the orchestration returned one and it is a `T`.
    pub fn output<T: DeserializeOwned>(&self) -> Option<T> {
        match &self.outcome {
            Outcome::Completed(output) => output.decode().ok(),
            Outcome::Failed(_)
            | Outcome::Terminated { .. }
            | Outcome::Cancelled { .. }
            | Outcome::Continued { .. } => None,
        }
    }

    /// Every status that the orchestration set, in order, as far as it is a `T`.
    pub fn statuses<T: DeserializeOwned>(&self) -> Vec<T> {
        let set = self.history.events().filter_map(|recorded| {
            let Event::StatusSet { status } = recorded.event else { return None };
            status.decode().ok()
        });
        set.collect()
    }

    /// The attributes that the orchestration had at its end.
    pub fn attributes(&self) -> Attributes {
        Attributes::of_turns(self.history.turns())
    }

    /// The input of the next execution, when the orchestration continued as new and it is an `I`.
    pub fn continued_with<I: DeserializeOwned>(&self) -> Option<I> {
        match &self.outcome {
            Outcome::Continued { input } => input.decode().ok(),
            Outcome::Completed(_)
            | Outcome::Failed(_)
            | Outcome::Terminated { .. }
            | Outcome::Cancelled { .. } => None,
        }
    }
}
