//! The answer of a worker, checked: what makes no sense is refused, and nothing of it is recorded.

use std::collections::BTreeSet;

use super::{Action, Call, Decision, End, Operation, Span, What};
use crate::events::{Encoded, timestamp_of};
use crate::failure::Failure;
use crate::proto::{
    CompleteOrchestrationAction, OrchestrationStatus, OrchestratorAction,
    OrchestratorActionOrchestratorActionType as Kind, OrchestratorResponse,
    SendEntityMessageActionEntityMessageType as EntityMessage, TraceContext,
};
use crate::text::Text;

/// Why the answer of a worker is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidDecision {
    #[error("action {id} does not say what is to be done")]
    Empty { id: i32 },
    #[error("action {id} has no {what}")]
    Missing { id: i32, what: &'static str },
    #[error("action {id} ends the execution with status {status}, which is no end")]
    NoEnd { id: i32, status: i32 },
    #[error("two actions end the execution")]
    TwoEnds,
    #[error("two actions have the number {id}")]
    SameNumber { id: i32 },
}

impl TryFrom<OrchestratorResponse> for Decision {
    type Error = InvalidDecision;

    fn try_from(response: OrchestratorResponse) -> Result<Self, InvalidDecision> {
        let actions = response.actions.into_iter().map(Action::try_from);
        let actions = actions.collect::<Result<Vec<_>, _>>()?;
        check(&actions)?;
        let span = response.orchestration_trace_context.and_then(|context| {
            let began = context.span_start_time.as_ref().map(timestamp_of);
            Some(Span { id: context.span_id?, began })
        });
        Ok(Self { actions, status: given(response.custom_status), span })
    }
}

/// Numbers are those by which completions are known, so each is of one action only.
fn check(actions: &[Action]) -> Result<(), InvalidDecision> {
    let mut numbers = BTreeSet::new();
    let mut has_end = false;
    for action in actions {
        match &action.what {
            What::Complete(_) | What::Rewind { .. } if has_end => {
                return Err(InvalidDecision::TwoEnds);
            }
            What::Complete(_) | What::Rewind { .. } => has_end = true,
            What::Task(_) | What::Child { .. } | What::Timer { .. } => {
                if !numbers.insert(action.id) {
                    return Err(InvalidDecision::SameNumber { id: action.id });
                }
            }
            What::Send { .. }
            | What::Terminate { .. }
            | What::Entity(_)
            | What::Lock { .. }
            | What::Unlock { .. } => {}
        }
    }
    Ok(())
}

impl TryFrom<OrchestratorAction> for Action {
    type Error = InvalidDecision;

    fn try_from(action: OrchestratorAction) -> Result<Self, InvalidDecision> {
        let id = action.id;
        let missing = |what| InvalidDecision::Missing { id, what };
        let kind = action.orchestrator_action_type.ok_or(InvalidDecision::Empty { id })?;
        let what = match kind {
            Kind::ScheduleTask(task) => What::Task(Call {
                name: named(task.name, || missing("name of an activity"))?,
                version: task.version,
                input: given(task.input),
                tags: task.tags.into_iter().collect(),
                trace: task.parent_trace_context.and_then(span_of),
            }),
            Kind::CreateSubOrchestration(child) => What::Child {
                id: child.instance_id,
                call: Call {
                    name: named(child.name, || missing("name of an orchestration"))?,
                    version: child.version,
                    input: given(child.input),
                    tags: child.tags.into_iter().collect(),
                    trace: child.parent_trace_context.and_then(span_of),
                },
            },
            Kind::CreateTimer(timer) => {
                let at = timer.fire_at.ok_or_else(|| missing("time"))?;
                What::Timer { at: timestamp_of(&at) }
            }
            Kind::SendEvent(event) => What::Send {
                to: event.instance.map(|instance| instance.instance_id).unwrap_or_default(),
                name: event.name,
                data: given(event.data),
            },
            Kind::CompleteOrchestration(complete) => What::Complete(end(id, complete)?),
            Kind::TerminateOrchestration(terminate) => What::Terminate {
                instance: terminate.instance_id,
                reason: given(terminate.reason),
                recursive: terminate.recurse,
            },
            Kind::SendEntityMessage(message) => {
                let message = message.entity_message_type.ok_or(InvalidDecision::Empty { id })?;
                entity_message(message).ok_or_else(|| missing("entity"))?
            }
            Kind::RewindOrchestration(rewind) => {
                What::Rewind { history: rewind.new_history.iter().map(Encoded::from).collect() }
            }
        };
        Ok(Self { id, what })
    }
}

fn end(id: i32, complete: CompleteOrchestrationAction) -> Result<End, InvalidDecision> {
    let status = complete.orchestration_status;
    match OrchestrationStatus::try_from(status) {
        Ok(OrchestrationStatus::Completed) => Ok(End::Completed { result: given(complete.result) }),
        Ok(OrchestrationStatus::Failed) => {
            let failure = complete.failure_details.map(Failure::from);
            let failure = failure.unwrap_or_else(|| {
                let message = complete.details.or(complete.result).unwrap_or_default();
                Failure::new("OrchestrationFailure", message)
            });
            Ok(End::Failed { failure })
        }
        Ok(OrchestrationStatus::Terminated | OrchestrationStatus::Canceled) => {
            Ok(End::Terminated { result: given(complete.result) })
        }
        Ok(OrchestrationStatus::ContinuedAsNew) => Ok(End::ContinuedAsNew {
            input: given(complete.result),
            version: complete.new_version,
            carried: complete.carryover_events.iter().map(Encoded::from).collect(),
        }),
        Ok(
            OrchestrationStatus::Running
            | OrchestrationStatus::Pending
            | OrchestrationStatus::Suspended,
        )
        | Err(_) => Err(InvalidDecision::NoEnd { id, status }),
    }
}

fn entity_message(message: EntityMessage) -> Option<What> {
    Some(match message {
        EntityMessage::EntityOperationSignaled(signal) => What::Entity(Operation {
            request: signal.request_id,
            entity: signal.target_instance_id?,
            name: signal.operation,
            input: given(signal.input),
            at: signal.scheduled_time.as_ref().map(timestamp_of),
            is_signal: true,
        }),
        EntityMessage::EntityOperationCalled(call) => What::Entity(Operation {
            request: call.request_id,
            entity: call.target_instance_id?,
            name: call.operation,
            input: given(call.input),
            at: call.scheduled_time.as_ref().map(timestamp_of),
            is_signal: false,
        }),
        EntityMessage::EntityLockRequested(lock) => {
            What::Lock { section: lock.critical_section_id, entities: lock.lock_set }
        }
        EntityMessage::EntityUnlockSent(unlock) => {
            What::Unlock { section: unlock.critical_section_id, entity: unlock.target_instance_id? }
        }
    })
}

fn named(
    name: String,
    missing: impl FnOnce() -> InvalidDecision,
) -> Result<String, InvalidDecision> {
    if name.is_empty() { Err(missing()) } else { Ok(name) }
}

/// A text that is there.
pub(crate) fn given(text: Option<String>) -> Option<Text> {
    text.map(|text| Text::new(Some(text)))
}

/// The span of a caller; one without an id is none.
fn span_of(context: TraceContext) -> Option<crate::start::Trace> {
    (!context.trace_parent.is_empty()).then(|| context.into())
}
