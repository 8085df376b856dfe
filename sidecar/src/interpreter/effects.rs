//! What a worker has decided, done on the context.

use std::collections::BTreeSet;

use reenact::attributes::{EntityTarget, When};
use reenact::{
    ActivityError, CallEntities, ChildError, ChildOptions, EntityCallError, InstanceId,
    OrchestrationByName, OrchestrationContext, ParentClose, Timestamp,
};

use super::{Arrival, Interpreter};
use crate::activities::{CalledActivity, Ended, Terminated};
use crate::decision::{Call, Operation, What};
use crate::detached::Detached;
use crate::entities;
use crate::events::time_of;
use crate::failure::Failure;
use crate::names::{DETACHED, FREE_ID, TERMINATE};
use crate::proto::{self, HistoryEventEventType as Kind, TaskFailureDetails};
use crate::start::{Parent, Start};
use crate::text::Text;

impl Interpreter {
    pub(super) fn take(&mut self, id: i32, what: What) {
        match what {
            What::Task(call) => self.call_activity(id, call),
            What::Child { id: child, call } => self.call_child(id, child, call),
            What::Timer { at } => self.set_timer(id, at),
            What::Send { to, name, data } => {
                let data = data.unwrap_or_else(|| Text::new(None));
                let sent = self.ctx.raise_event(to, name.as_str(), &data);
                self.forget(async move { drop(sent.await) });
            }
            What::Terminate { instance, reason, recursive } => {
                let reason = reason.and_then(Text::into_option).unwrap_or_default();
                let terminated = Terminated { instance, reason, recursive };
                let done = self.ctx.schedule_activity_by_name::<_, ()>(TERMINATE, &terminated);
                self.forget(async move { drop(done.await) });
            }
            What::Entity(operation) => self.operate(operation),
            What::Lock { section, entities } => self.lock(section, entities),
            What::Unlock { section, entity } => self.unlock(&section, &entity),
            What::Complete(_) | What::Rewind { .. } => {}
        }
    }

    fn forget(&self, sent: impl Future<Output = ()> + Send + 'static) {
        self.inbox.push(Box::pin(async move {
            sent.await;
            Arrival::Sent
        }));
    }

    pub(super) fn call_activity(&self, id: i32, call: Call) {
        let is_rust = self.surroundings.names().is_activity(&call.name);
        let name = call.name.clone();
        let called = CalledActivity::of(call, is_rust);
        let result = self.ctx.schedule_activity_by_name::<_, Text>(name.as_str(), &called);
        if let Some(scheduled) = result.id() {
            self.run.name_call(scheduled, id);
        }
        self.inbox
            .push(Box::pin(async move { Arrival::happened(activity_ended(id, result.await)) }));
    }

    /// An activity that is called as the execution ends.
    pub(super) fn detach(&self, call: Call) {
        let is_rust = self.surroundings.names().is_activity(&call.name);
        let name = call.name.clone();
        let detached = Detached::new(name, &CalledActivity::of(call, is_rust));
        // It leaves with the end of the execution.
        drop(self.ctx.start_orchestration_by_name(DETACHED, &detached));
    }

    fn call_child(&mut self, id: i32, child: String, call: Call) {
        let is_again = !self.called.insert(child.clone());
        let (name, input) = match self.start_of(id, &call) {
            Ok(input) => (call.name, input),
            Err(why) => {
                return self.child_failed(id, Failure::new("InvalidInput", why.to_string()));
            }
        };
        let options = ChildOptions::new().parent_close(ParentClose::Abandon);
        let options = if child.is_empty() { options } else { options.id(child.as_str()) };
        let ctx = self.ctx.clone();
        let begin = move |ctx: &OrchestrationContext| {
            let call = OrchestrationByName::new(name.as_str(), options.clone());
            ctx.call_orchestration_by_name::<_, Text>(call, &input)
        };
        if !is_again {
            let first = begin(&ctx);
            self.inbox.push(Box::pin(async move {
                let result = match first.await {
                    Err(ChildError::AlreadyExists { .. }) => free_and_call(ctx, child, begin).await,
                    result => result.map_err(|error| Failure::from(&error)),
                };
                Arrival::happened(child_ended(id, result))
            }));
            return;
        }
        // An id that was called before: the child of before has ended, and makes room.
        self.inbox.push(Box::pin(async move {
            Arrival::happened(child_ended(id, free_and_call(ctx, child, begin).await))
        }));
    }

    /// What a child is started with. One that is written in Rust knows its input only.
    pub(super) fn start_of(
        &self,
        id: i32,
        call: &Call,
    ) -> Result<Box<serde_json::value::RawValue>, serde_json::Error> {
        let input = call.input.clone();
        if self.surroundings.names().is_orchestration(&call.name) {
            return Start { input, ..Start::default() }.write_plain();
        }
        let parent = Parent {
            call: id,
            name: self.name.to_string(),
            version: self.start.version.clone(),
            instance: self.run.instance().to_owned(),
            execution: self.run.execution().to_owned(),
        };
        let (version, tags) = (call.version.clone(), call.tags.clone());
        let trace = call.trace.clone();
        Start { input, version, tags, trace, parent: Some(parent), ..Start::default() }.write()
    }

    pub(super) fn child_failed(&self, id: i32, failure: Failure) {
        let ended = child_ended(id, Err(failure));
        self.inbox.push(Box::pin(std::future::ready(Arrival::happened(ended))));
    }

    pub(super) fn set_timer(&self, id: i32, at: Timestamp) {
        let after = at.since(self.ctx.now()).min(reenact::limits::MAX_TIMER);
        let timer = self.ctx.timer(after);
        self.inbox.push(Box::pin(async move {
            timer.await;
            let fired = proto::TimerFiredEvent { fire_at: Some(time_of(at)), timer_id: id };
            Arrival::happened(Kind::TimerFired(fired))
        }));
    }

    fn operate(&self, operation: Operation) {
        let request_id = operation.request.clone();
        let failed = |request_id, failure: Failure| {
            Arrival::happened(Kind::EntityOperationFailed(proto::EntityOperationFailedEvent {
                request_id,
                failure_details: Some(failure.into()),
            }))
        };
        let Some(entity) = self.entity(&operation.entity) else {
            if !operation.is_signal {
                let why = format!("`{}` is not the id of an entity", operation.entity);
                let arrival = failed(request_id, Failure::new("InvalidEntityId", why));
                self.inbox.push(Box::pin(std::future::ready(arrival)));
            }
            return;
        };
        let arguments = entities::arguments(operation.input);
        if operation.is_signal {
            let when = operation.at.map_or(When::Now, When::At);
            let sent = entity.signal(&operation.name, &arguments, when);
            return self.forget(async move { drop(sent.await) });
        }
        let answer = entity.call::<_, Text, Failure>(&operation.name, &arguments);
        self.inbox.push(Box::pin(async move {
            match answer.await {
                Ok(output) => {
                    let completed = proto::EntityOperationCompletedEvent {
                        request_id,
                        output: output.into_option(),
                    };
                    Arrival::happened(Kind::EntityOperationCompleted(completed))
                }
                Err(EntityCallError::Refused(failure)) => failed(request_id, failure),
                Err(other) => {
                    let failure = Failure::new("EntityOperationFailed", other.to_string());
                    failed(request_id, failure)
                }
            }
        }));
    }

    fn lock(&self, section: String, entities: Vec<String>) {
        let ctx = self.ctx.clone();
        let ids: BTreeSet<String> = entities.into_iter().collect();
        let recipients: Vec<_> =
            ids.iter().filter_map(|id| self.entity(id)).map(|entity| entity.recipient()).collect();
        self.inbox.push(Box::pin(async move {
            let lock = ctx.lock(recipients).await;
            Arrival::Locked { section, entities: ids, lock }
        }));
    }

    /// The lock is given back with the last of its entities.
    fn unlock(&mut self, section: &str, entity: &str) {
        let Some(held) = self.locks.get_mut(section) else { return };
        held.entities.remove(entity);
        if held.entities.is_empty()
            && let Some(held) = self.locks.remove(section)
        {
            held.guard.release();
        }
    }

    fn entity(&self, id: &str) -> Option<EntityTarget<OrchestrationContext>> {
        let id = InstanceId::new(id).ok()?;
        let (entity_type, key) = entities::parts_of(&id)?;
        Some(self.ctx.entity_by_name(entity_type, key))
    }
}

/// Calls a child whose id another instance has, once that one has ended.
async fn free_and_call(
    ctx: OrchestrationContext,
    child: String,
    begin: impl Fn(&OrchestrationContext) -> reenact::DurableFuture<Result<Text, ChildError>>,
) -> Result<Text, Failure> {
    let freed = ctx.call_activity_by_name::<_, ()>(FREE_ID, &child).await;
    freed.map_err(|error| Failure::from(&error))?;
    begin(&ctx).await.map_err(|error| Failure::from(&error))
}

fn activity_ended(id: i32, result: Result<Text, ActivityError>) -> Kind {
    match result {
        Ok(result) => Kind::TaskCompleted(proto::TaskCompletedEvent {
            task_scheduled_id: id,
            result: result.into_option(),
        }),
        Err(error) => Kind::TaskFailed(proto::TaskFailedEvent {
            task_scheduled_id: id,
            failure_details: Some(Failure::from(&error).into()),
        }),
    }
}

pub(super) fn child_ended(id: i32, result: Result<Text, Failure>) -> Kind {
    let failed = |failure: TaskFailureDetails| {
        Kind::SubOrchestrationInstanceFailed(proto::SubOrchestrationInstanceFailedEvent {
            task_scheduled_id: id,
            failure_details: Some(failure),
        })
    };
    match result {
        Ok(result) => {
            Kind::SubOrchestrationInstanceCompleted(proto::SubOrchestrationInstanceCompletedEvent {
                task_scheduled_id: id,
                result: result.into_option(),
            })
        }
        Err(failure) => failed(failure.into()),
    }
}

/// A child that another activity has waited for.
pub(super) fn watched_child_ended(id: i32, result: Result<Ended, ActivityError>) -> Kind {
    let result = match result {
        Ok(Ended::Completed { result }) => Ok(result),
        Ok(Ended::Failed { failure }) => Err(failure),
        Err(error) => Err(Failure::from(&error)),
    };
    child_ended(id, result)
}
