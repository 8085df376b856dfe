//! One call of another orchestration: checked, and recorded or compared with the log.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use serde::Serialize;

use crate::attempts::ChildRetry;
use crate::catalog::OrchestrationRefusal;
use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::definition::Orchestration;
use crate::error::ChildError;
use crate::event::Event;
use crate::ids::{CorrelationId, Name};
use crate::limits::MAX_CHILD_DEPTH;
use crate::message::Relation;
use crate::options::{ChildOptions, OrchestrationByName, RetryChildIf};
use crate::outbox::generated_id;
use crate::output::DurableOutput;
use crate::payload::{CheckInput, Payload};
use crate::state::{Halt, Mode, Recorded, State};

/// What is called.
pub(super) struct Call {
    orchestration: String,
    /// As they are recorded.
    name: Result<Name, String>,
    input: Result<Payload, String>,
    options: ChildOptions,
    /// Where the compiler knows the type of the input.
    check: Option<CheckInput>,
    /// Why it cannot be, as far as that is asked: a reason for the code, or one to halt for.
    pub(super) refusal: Result<Option<String>, Halt>,
}

impl Call {
    pub(super) fn of<O: Orchestration>(orchestration: &O, input: &O::Input) -> Self {
        let check: CheckInput = Payload::check_readable::<O::Input>;
        Self::new(O::NAME.to_string(), input, orchestration.options(), Some(check))
    }

    pub(super) fn by_name<I>(orchestration: OrchestrationByName, input: &I) -> Self
    where
        I: Serialize + ?Sized,
    {
        let OrchestrationByName { name, options } = orchestration;
        Self::new(name, input, options, None)
    }

    fn new<I: Serialize + ?Sized>(
        orchestration: String,
        input: &I,
        options: ChildOptions,
        check: Option<CheckInput>,
    ) -> Self {
        let name = Name::new(&orchestration).map_err(|why| why.to_string());
        // Of any depth: the log may have it.
        let input = Payload::write_large(input).map_err(|why| why.to_string());
        Self { orchestration, name, input, options, check, refusal: Ok(None) }
    }
}

/// What the code gets of a call that is refused.
pub(super) fn refused(relation: Relation, error: Box<ChildError>) -> DurableOutput {
    match relation {
        Relation::Child => DurableOutput::Child(Err(error)),
        Relation::Detached => DurableOutput::Started(Err(error)),
    }
}

impl State {
    /// The code calls an orchestration. An error: nothing is recorded.
    pub(super) fn begin_call(
        &mut self,
        call: Call,
        shielded: bool,
        relation: Relation,
    ) -> Result<CorrelationId, Box<ChildError>> {
        let Call { orchestration, name, input, options, refusal, .. } = call;
        let is_child = relation == Relation::Child;
        if let Some(cancelled) = self.refuses(shielded) {
            let reason = cancelled.reason;
            return Err(Box::new(ChildError::NotCalled { orchestration, reason }));
        }
        if is_child && self.depth() >= MAX_CHILD_DEPTH {
            return Err(Box::new(ChildError::TooDeep { orchestration, limit: MAX_CHILD_DEPTH }));
        }
        let invalid = |why: String| {
            Box::new(ChildError::InvalidInput { orchestration: orchestration.clone(), why })
        };
        let name = name.map_err(invalid)?;
        let input = input.map_err(invalid)?;
        let input = self.within_limit(input).map_err(|why| invalid(why.to_string()))?;
        let invalid_options = |why: String| {
            Box::new(ChildError::InvalidOptions { orchestration: orchestration.clone(), why })
        };
        let retry = options.recorded_retry().map_err(|e| invalid_options(e.to_string()))?;
        options.limits.check().map_err(|e| invalid_options(e.to_string()))?;
        let own_id = options.id.transpose().map_err(|e| {
            let orchestration = orchestration.clone();
            let why = e.to_string();
            Box::new(ChildError::InvalidId { orchestration, why })
        })?;
        let attributes =
            options.attributes.transpose().map_err(|e| invalid_options(e.to_string()))?;
        let version = options.version.transpose().map_err(|e| invalid_options(e.to_string()))?;
        let id = self.next_id();
        match refusal {
            Ok(None) => {}
            Ok(Some(why)) => {
                let error = invalid(why);
                self.record(Event::CallRefused { id, name, error: error.clone() });
                self.refuse_call(id, relation, error);
                return Ok(id);
            }
            Err(halt) => {
                self.halt(halt);
                return Ok(id);
            }
        }
        let instance = own_id.unwrap_or_else(|| generated_id(&self.instance, self.lineage(), id));
        self.give_attributes_to_next_call(id, attributes.unwrap_or_default());
        self.limit_next_call(id, options.limits);
        if is_child {
            let parent_close = options.parent_close;
            let condition = options.retry_if;
            self.schedule_call(
                Event::ChildScheduled { id, name, version, input, instance, parent_close, retry },
                id,
                condition,
                shielded,
            );
        } else {
            let event = Event::StartRequested { id, name, version, input, instance };
            self.schedule_call(event, id, None, shielded);
        }
        Ok(id)
    }

    fn schedule_call(
        &mut self,
        event: Event,
        id: CorrelationId,
        condition: Option<RetryChildIf>,
        shielded: bool,
    ) {
        let is_child = matches!(event, Event::ChildScheduled { .. });
        let relation = if is_child { Relation::Child } else { Relation::Detached };
        let recorded = match self.record(event.clone()) {
            Recorded::Halted => return,
            // The recorded id and policy count.
            Recorded::Before(recorded) => recorded,
            Recorded::Now => event,
        };
        if let Event::ChildScheduled { instance, retry, parent_close, .. } = recorded {
            let retry = retry.map(|policy| Box::new(ChildRetry::new(*policy, condition, self.now)));
            let scheduled = Scheduled::Child { instance, retry, parent_close };
            self.buffer_slot(id, scheduled, shielded);
        } else if let Event::StartRequested { instance, .. } = recorded {
            self.buffer_slot(id, Scheduled::Start { instance }, shielded);
        } else if let Event::CallRefused { error, .. } = recorded {
            self.refuse_call(id, relation, error);
        }
    }

    fn refuse_call(&mut self, id: CorrelationId, relation: Relation, error: Box<ChildError>) {
        self.buffer.schedule_refused(id, self.written.position, refused(relation, error));
    }
}

impl OrchestrationContext {
    /// Why a new call cannot be made. Asked when live only: the log knows the rest.
    pub(super) fn refusal_of_call(&self, call: &Call) -> Result<Option<String>, Halt> {
        let state = self.shared().lock();
        if !matches!(state.mode, Mode::Live) {
            return Ok(None);
        }
        let catalog = state.catalog().cloned();
        drop(state);
        // What is wrong with these is said without a look at the rest.
        let (Ok(name), Ok(input)) = (&call.name, &call.input) else { return Ok(None) };
        let Ok(version) = call.options.version.clone().transpose() else { return Ok(None) };
        if let Some(catalog) = catalog {
            let unknown = call.check.is_none().then_some(input);
            match catalog.check_orchestration(name, version.as_ref(), unknown) {
                Ok(()) => {}
                Err(OrchestrationRefusal::Unregistered) => {
                    return Err(Halt::UnregisteredOrchestration(name.clone(), version));
                }
                Err(OrchestrationRefusal::InvalidInput(why)) => return Ok(Some(why.to_string())),
            }
        }
        let checked = call.check.map_or_else(|| input.check_depth(), |check| check(input));
        Ok(checked.err().map(|why| why.to_string()))
    }
}
