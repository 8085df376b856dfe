//! The orchestration that runs the code of other languages: it asks a worker what to do next, and does it.
//!
//! Each answer of a worker is the result of an activity, so it is recorded once, and a replay has it again. The history
//! that the worker is shown follows from what is recorded: it is built up as the code of this orchestration runs, also at
//! replay, and is not stored.

mod effects;
mod history;
mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reenact::{
    ActivityError, AnyEvent, EventError, LockError, LockGuard, Name, OrchestrationContext,
    OrchestrationError, OrchestrationErrorKind,
};
use serde_json::value::RawValue;

pub(crate) use self::history::{History, Run};
use crate::decision::{Decision, End, What};
use crate::events::{event, orchestrator_completed, orchestrator_started};
use crate::failure::Failure;
use crate::large_status;
use crate::names::{DECIDE, LARGE_OUTPUT, Names, RESUMED};
use crate::proto::{self, HistoryEvent, HistoryEventEventType as Kind};
use crate::start::Start;
use crate::text::Text;

/// What the interpreter needs to know of the host.
pub(crate) trait Surroundings: Send + Sync + 'static {
    /// The names that code in Rust has.
    fn names(&self) -> &Names;

    /// An execution has come into memory: its history can be asked for while the guard is there.
    fn runs(&self, run: Arc<Run>) -> Box<dyn Send>;
}

/// Runs an execution to its end.
pub(crate) async fn run(
    surroundings: Arc<dyn Surroundings>,
    name: Name,
    ctx: OrchestrationContext,
    input: Box<RawValue>,
) -> Result<Text, OrchestrationError> {
    let start = Start::read(input)?;
    let run = Arc::new(Run::new(&name, &start, &ctx));
    let _in_memory = surroundings.runs(run.clone());
    let interpreter = Interpreter {
        // A worker knows no cancel: it ends the execution.
        ctx: ctx.shielded(),
        surroundings,
        name,
        start,
        run,
        inbox: FuturesUnordered::new(),
        news: Vec::new(),
        is_deciding: false,
        is_due: false,
        status: None,
        locks: BTreeMap::new(),
        called: BTreeSet::new(),
    };
    interpreter.run().await
}

struct Interpreter {
    ctx: OrchestrationContext,
    surroundings: Arc<dyn Surroundings>,
    name: Name,
    start: Start,
    run: Arc<Run>,
    inbox: FuturesUnordered<Coming>,
    /// What has happened and was not shown to a worker yet.
    news: Vec<HistoryEvent>,
    /// A worker has been asked.
    is_deciding: bool,
    /// A worker must be asked, though nothing has happened.
    is_due: bool,
    /// The custom status as the worker has set it last.
    status: Option<Text>,
    /// What is locked, by the names of the sections.
    locks: BTreeMap<String, Section>,
    /// The ids of the children that were called.
    called: BTreeSet<String>,
}

/// A critical section, with the entities that it still holds.
struct Section {
    guard: LockGuard,
    entities: BTreeSet<String>,
}

/// Something that will happen.
type Coming = Pin<Box<dyn Future<Output = Arrival> + Send>>;

/// Something that has happened.
enum Arrival {
    Decided(Result<Decision, ActivityError>),
    Happened(Box<Kind>),
    Raised(Result<AnyEvent, EventError>),
    Locked {
        section: String,
        entities: BTreeSet<String>,
        lock: Result<LockGuard, LockError>,
    },
    /// A message has left, which nobody waits for.
    Sent,
    Cancelled,
}

impl Arrival {
    fn happened(kind: Kind) -> Self {
        Self::Happened(Box::new(kind))
    }
}

impl Interpreter {
    async fn run(mut self) -> Result<Text, OrchestrationError> {
        self.begin();
        loop {
            if !self.is_deciding && (self.is_due || !self.news.is_empty()) {
                self.ask();
            }
            // There is always one to come: the next event that is raised.
            let Some(arrival) = self.inbox.next().await else { continue };
            match arrival {
                Arrival::Decided(Ok(decision)) => {
                    if let Some(end) = self.carry_out(decision) {
                        return self.end(end);
                    }
                }
                Arrival::Decided(Err(error)) => {
                    return Err(Failure::from(&error).into_orchestration_error());
                }
                Arrival::Happened(kind) => self.news.push(event(self.ctx.now(), *kind)),
                Arrival::Raised(Ok(raised)) => {
                    self.await_event();
                    // Some are not for the worker, but for those who ask how an instance has ended or was resumed.
                    if ![LARGE_OUTPUT, RESUMED].contains(&raised.name().as_str()) {
                        self.raised(raised);
                    }
                }
                Arrival::Raised(Err(error)) => return Err(error.into()),
                Arrival::Locked { section, entities, lock } => self.locked(section, entities, lock),
                Arrival::Sent => {}
                Arrival::Cancelled => {
                    let why = "the orchestration was cancelled";
                    let kind = OrchestrationErrorKind::Cancelled;
                    return Err(OrchestrationError::of_kind(kind, why));
                }
            }
        }
    }

    fn begin(&mut self) {
        self.await_event();
        let cancelled = self.ctx.cancelled();
        self.inbox.push(Box::pin(async move {
            cancelled.await;
            Arrival::Cancelled
        }));
        let now = self.ctx.now();
        if let Some(rewound) = self.start.rewound.take() {
            self.run.replace(rewound.history);
            self.news.push(event(now, restore::rewound(rewound.reason)));
            return;
        }
        self.news.push(event(now, self.run.started()));
        for carried in std::mem::take(&mut self.start.carried) {
            // What was decoded once does so again.
            self.news.extend(carried.decode());
        }
    }

    fn await_event(&self) {
        let event = self.ctx.any_event();
        self.inbox.push(Box::pin(async move { Arrival::Raised(event.await) }));
    }

    fn raised(&mut self, raised: AnyEvent) {
        let input = raised.decode::<Box<RawValue>>().ok();
        let kind = Kind::EventRaised(proto::EventRaisedEvent {
            name: raised.name().to_string(),
            input: input.and_then(|input| Text::from_value(input).into_option()),
        });
        self.news.push(event(self.ctx.now(), kind));
    }

    fn locked(
        &mut self,
        section: String,
        entities: BTreeSet<String>,
        lock: Result<LockGuard, LockError>,
    ) {
        match lock {
            Ok(guard) => {
                let granted =
                    proto::EntityLockGrantedEvent { critical_section_id: section.clone() };
                self.locks.insert(section, Section { guard, entities });
                self.news.push(event(self.ctx.now(), Kind::EntityLockGranted(granted)));
            }
            // The protocol has no word for it: the code waits, and people see why.
            Err(error) => self.ctx.trace(format!("section `{section}` is not locked: {error}")),
        }
    }

    /// Asks a worker what to do about what has happened.
    fn ask(&mut self) {
        let now = self.ctx.now();
        let news = std::mem::take(&mut self.news);
        let number = self.run.show(std::iter::once(orchestrator_started(now)).chain(news));
        self.ctx.set_held_bytes(self.run.held_bytes());
        let decision = self.ctx.call_local_by_name::<_, Decision>(DECIDE, &number);
        self.inbox.push(Box::pin(async move { Arrival::Decided(decision.await) }));
        (self.is_deciding, self.is_due) = (true, false);
    }

    /// Does what a worker has decided. Returns how the execution ends, if it does.
    fn carry_out(&mut self, decision: Decision) -> Option<End> {
        self.is_deciding = false;
        let now = self.ctx.now();
        if let Some(span) = decision.span {
            self.run.set_span(span);
        }
        if let Some(status) = decision.status
            && self.status.as_ref().is_none_or(|before| before.as_json() != status.as_json())
        {
            large_status::set(&self.ctx, &status);
            self.status = Some(status);
        }
        let ends = decision.actions.iter().any(|action| matches!(action.what, What::Complete(_)));
        let mut end = None;
        for action in decision.actions {
            if let Some(event) = action.event(now, self.run.instance(), self.run.execution()) {
                self.run.add(&event);
            }
            match action.what {
                What::Complete(how) => end = Some(how),
                What::Rewind { history } => self.restore(history),
                // It has nobody who waits for it, and runs all the same.
                What::Task(call) if ends => self.detach(call),
                what => self.take(action.id, what),
            }
        }
        if !matches!(end, Some(End::ContinuedAsNew { .. })) {
            self.run.add(&orchestrator_completed(now));
        }
        self.ctx.set_held_bytes(self.run.held_bytes());
        end
    }

    fn end(mut self, end: End) -> Result<Text, OrchestrationError> {
        match end {
            End::Completed { result } => Ok(result.unwrap_or_else(|| Text::new(None))),
            End::Failed { failure } => Err(failure.into_orchestration_error()),
            End::Terminated { result } => {
                let why = result.and_then(Text::into_option).unwrap_or_default();
                Err(Failure::new("Terminated", why).into_orchestration_error())
            }
            End::ContinuedAsNew { input, version, mut carried } => {
                let raised = self.news.iter().filter(|event| is_raised(event)).map(Into::into);
                carried.extend(raised);
                let version = version.or(self.start.version.take());
                let next = Start { input, version, carried, ..self.start };
                let next = next.write().map_err(OrchestrationError::new)?;
                self.ctx.continue_as_new_untyped(&next)
            }
        }
    }
}

const fn is_raised(event: &HistoryEvent) -> bool {
    matches!(event.event_type, Some(Kind::EventRaised(_)))
}
