//! The call of another orchestration: checked, recorded, or compared with the log.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use serde::Serialize;

use super::{ChildError, ChildOptions, ChildRetry, OrchestrationByName, RetryChildIf};
use crate::catalog::OrchestrationRefusal;
use crate::definition::Orchestration;
use crate::event::Event;
use crate::future::DurableOutput;
use crate::ids::{CorrelationId, Name};
use crate::limits::MAX_CHILD_DEPTH;
use crate::message::Relation;
use crate::outbox::generated_id;
use crate::payload::Payload;
use crate::slots::Scheduled;
use crate::state::{Halt, Mode, Recorded, State};
use crate::version::Version;

/// What is called.
pub(super) struct Call {
    name: String,
    options: ChildOptions,
    /// The compiler knows the type of the input.
    typed: bool,
}

impl Call {
    pub(super) fn of<O: Orchestration>(orchestration: &O) -> Self {
        Self { name: O::NAME.to_string(), options: orchestration.options(), typed: true }
    }

    pub(super) fn by_name(orchestration: OrchestrationByName) -> Self {
        let OrchestrationByName { name, options } = orchestration;
        Self { name, options, typed: false }
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
    pub(super) fn begin_call<I: Serialize + ?Sized>(
        &mut self,
        call: Call,
        input: &I,
        shielded: bool,
        relation: Relation,
    ) -> Result<CorrelationId, Box<ChildError>> {
        let Call { name: orchestration, options, typed } = call;
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
        let name = Name::new(&orchestration).map_err(|e| invalid(e.to_string()))?;
        let input = Payload::encode(input).map_err(|e| invalid(e.to_string()))?;
        let invalid_options = |why: String| {
            Box::new(ChildError::InvalidOptions { orchestration: orchestration.clone(), why })
        };
        let retry = options.recorded_retry().map_err(|e| invalid_options(e.to_string()))?;
        let own_id = options.id.transpose().map_err(|e| {
            let (orchestration, why) = (orchestration.clone(), e.to_string());
            Box::new(ChildError::InvalidId { orchestration, why })
        })?;
        let version = options.version.transpose().map_err(|e| invalid_options(e.to_string()))?;
        let id = self.next_id();
        match self.refusal_of_call(&name, version.as_ref(), &input, typed) {
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
        if is_child {
            let (parent_close, condition) = (options.parent_close, options.retry_if);
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
        let relation = match &event {
            Event::ChildScheduled { .. } => Relation::Child,
            _ => Relation::Detached,
        };
        let recorded = match self.record(event.clone()) {
            Recorded::Halted => return,
            // The recorded id and policy count.
            Recorded::Before(recorded) => recorded,
            Recorded::Now => event,
        };
        match recorded {
            Event::ChildScheduled { instance, retry, parent_close, .. } => {
                let retry =
                    retry.map(|policy| Box::new(ChildRetry::new(*policy, condition, self.now)));
                let scheduled = Scheduled::Child { instance, retry, parent_close };
                self.buffer_slot(id, scheduled, shielded);
            }
            Event::StartRequested { instance, .. } => {
                self.buffer_slot(id, Scheduled::Start { instance }, shielded);
            }
            Event::CallRefused { error, .. } => self.refuse_call(id, relation, error),
            _ => {}
        }
    }

    fn refuse_call(&mut self, id: CorrelationId, relation: Relation, error: Box<ChildError>) {
        self.buffer.schedule_refused(id, self.position, refused(relation, error));
    }

    /// Whether the catalog refuses a new call. Asked when live only: the log knows the rest.
    fn refusal_of_call(
        &self,
        name: &Name,
        version: Option<&Version>,
        input: &Payload,
        typed: bool,
    ) -> Result<Option<String>, Halt> {
        let Some(catalog) = self.catalog().filter(|_| matches!(self.mode, Mode::Live)) else {
            return Ok(None);
        };
        match catalog.check_orchestration(name, version, (!typed).then_some(input)) {
            Ok(()) => Ok(None),
            Err(OrchestrationRefusal::Unregistered) => {
                Err(Halt::UnregisteredOrchestration(name.clone(), version.cloned()))
            }
            Err(OrchestrationRefusal::InvalidInput(why)) => Ok(Some(why.to_string())),
        }
    }
}
