//! Entities whose operations are code of other languages.

use reenact::attributes::{EntityCaller, EntityOperations, EntityTarget, Operation, Outcome, When};
use reenact::{ChildOptions, Entity, EntityContext, InstanceId, OrchestrationByName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::detached::Detached;
use crate::failure::Failure;
use crate::names::{DETACHED, OPERATE, START};
use crate::text::Text;

/// The state of an entity of a worker, as the worker has written it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct WorkerEntity {
    state: Option<Text>,
}

/// An operation on its way to a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EntityWork {
    pub(crate) operation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Text>,
}

/// What an operation has left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EntityDone {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Text>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) actions: Vec<EntityAction>,
}

/// What an operation sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntityAction {
    /// A signal to an entity.
    Signal {
        entity: String,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// An orchestration.
    Start(EntityStart),
}

/// An orchestration that an entity starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EntityStart {
    pub(crate) instance: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
}

/// The operations of workers' entities have no methods: they are called by their names.
pub(crate) struct ByName<C>(EntityTarget<C>);

impl<C> EntityOperations<C> for ByName<C> {
    fn of(target: EntityTarget<C>) -> Self {
        Self(target)
    }

    fn target(&self) -> &EntityTarget<C> {
        &self.0
    }
}

impl Entity for WorkerEntity {
    // Of no meaning: it runs under every name.
    const NAME: &'static str = "durabletask";
    const OPERATIONS: &'static [(&'static str, bool)] = &[];
    type Operations<C: EntityCaller> = ByName<C>;

    async fn operate(&mut self, operation: Operation, ctx: EntityContext) -> Outcome {
        let input = match operation.arguments::<Option<(Option<Text>,)>>() {
            Ok(arguments) => arguments.and_then(|(input,)| input),
            Err(refused) => return refused,
        };
        let (operation, state) = (operation.name().to_owned(), self.state.clone());
        let work = EntityWork { operation, input, state };
        let done = match ctx.call_activity_by_name::<_, EntityDone>(OPERATE, &work).await {
            Ok(done) => done,
            Err(error) => return Outcome::refused(&Failure::from(&error)),
        };
        if let Some(failure) = done.failure {
            return Outcome::refused(&failure);
        }
        for action in done.actions {
            send(&ctx, action);
        }
        if done.state.is_none() {
            ctx.delete();
        }
        self.state = done.state;
        Outcome::done(&done.result)
    }
}

/// Sends what an operation sends. It leaves together with the state that the operation leaves, so that nobody who hears of
/// it sees the state before.
fn send(ctx: &EntityContext, action: EntityAction) {
    match action {
        EntityAction::Signal { entity, name, input, at } => {
            let when = at.map_or(When::Now, When::At);
            match InstanceId::new(&entity).ok().as_ref().and_then(parts_of) {
                Some((entity_type, key)) => {
                    let to = ctx.entity_by_name(entity_type, key);
                    drop(to.signal(&name, &arguments(input), when));
                }
                None => ctx.trace(format!("a signal was not sent: `{entity}` is no entity")),
            }
        }
        // The host starts it: it knows whether that is code in Rust, and can wait for the time.
        EntityAction::Start(start) => {
            // An id of its own: one that follows from that of the entity would be that of an entity.
            let options = ChildOptions::new().id(ctx.new_guid().to_string());
            let starter = OrchestrationByName::new(DETACHED, options);
            drop(ctx.start_orchestration_by_name(starter, &Detached::new(START, &start)));
        }
    }
}

/// The arguments of an operation, as code in Rust takes them: one, or none.
pub(crate) fn arguments(input: Option<Text>) -> Option<(Text,)> {
    input.map(|input| (input,))
}

/// The type and the key of an entity, by its id.
pub(crate) fn parts_of(id: &InstanceId) -> Option<(&str, &str)> {
    let (entity_type, key) = id.as_str().strip_prefix('@')?.split_once('@')?;
    (!entity_type.is_empty() && !key.is_empty()).then_some((entity_type, key))
}
