//! What the activities of the interpreter are given and return, and how they run: most of them ask a worker.

use std::collections::BTreeMap;
use std::sync::Arc;

use reenact::{ActivityContext, ActivityError, HostBuilder, InstanceId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::decision::{Call, Decision};
use crate::detached;
use crate::entities::{EntityDone, EntityStart, EntityWork, WorkerEntity};
use crate::failure::Failure;
use crate::instances::{free_id, patiently, start_for_entity, terminate, watch_child};
use crate::names::{DECIDE, DETACHED, FREE_ID, OPERATE, START, TERMINATE, WATCH_CHILD};
use crate::sidecar::Shared;
use crate::start::Trace;
use crate::text::Text;
use crate::workers::{ActivityWork, Answer, OperationWork, Work};

/// What the input of an activity has that was called with more than an input.
const KEY: &str = "durabletask.call";

/// An activity of a worker, as it is called.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CalledActivity(Box<RawValue>);

/// What the protocol says of a call, besides its name.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CallDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Trace>,
}

#[derive(Serialize, Deserialize)]
struct Wrapped {
    #[serde(rename = "durabletask.call")]
    call: CallDetails,
}

/// An instance that is to be terminated.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Terminated {
    pub(crate) instance: String,
    pub(crate) reason: String,
    pub(crate) recursive: bool,
}

/// A child that an earlier execution has called.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WatchedChild {
    pub(crate) instance: String,
    pub(crate) name: String,
    /// With what it is started, where it is gone.
    pub(crate) start: Box<RawValue>,
    /// Why it is rewound, where it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// How it has ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    Completed { result: Text },
    Failed { failure: Failure },
}

impl CalledActivity {
    /// Code in Rust is given the input alone.
    pub(crate) fn of(call: Call, is_rust: bool) -> Self {
        let Call { input, version, tags, trace, .. } = call;
        let is_plain = version.is_none() && tags.is_empty() && trace.is_none();
        let is_misread = input.as_ref().is_some_and(|input| input.as_json().contains(KEY));
        let value = match is_rust || (is_plain && !is_misread) {
            true => to_raw_value(&input),
            false => to_raw_value(&Wrapped { call: CallDetails { input, version, tags, trace } }),
        };
        Self(value.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    fn read(input: Box<RawValue>) -> CallDetails {
        if input.get().starts_with('{')
            && input.get().contains(KEY)
            && let Ok(Wrapped { call }) = serde_json::from_str(input.get())
        {
            return call;
        }
        let input = (input.get() != "null").then(|| Text::from_value(input));
        CallDetails { input, ..CallDetails::default() }
    }
}

/// Gives a host what the interpreter calls.
pub(crate) fn add_to(host: HostBuilder, shared: &Arc<Shared>) -> HostBuilder {
    let [decide, operate, act, ending, freeing, watching, starting] =
        std::array::from_fn(|_| shared.clone());
    host.register_orchestration(DETACHED, detached::run)
        .register_activity(DECIDE, move |ctx: ActivityContext, number: u32| {
            let shared = decide.clone();
            async move { decided(&shared, ctx, number).await }
        })
        .register_activity(OPERATE, move |ctx: ActivityContext, work: EntityWork| {
            let shared = operate.clone();
            async move { operated(&shared, ctx, work).await }
        })
        .register_activity(TERMINATE, move |_: ActivityContext, wanted: Terminated| {
            let shared = ending.clone();
            async move {
                let client = shared.client().await;
                patiently(|| terminate(&client, &wanted)).await.map_err(ActivityError::fatal)
            }
        })
        .register_activity(FREE_ID, move |_: ActivityContext, id: InstanceId| {
            let shared = freeing.clone();
            async move {
                let client = shared.client().await;
                patiently(|| free_id(&client, &id)).await.map_err(ActivityError::fatal)
            }
        })
        .register_activity(WATCH_CHILD, move |_: ActivityContext, child: WatchedChild| {
            let shared = watching.clone();
            async move { watch_child(&shared, child).await }
        })
        .register_activity(START, move |_: ActivityContext, start: EntityStart| {
            let shared = starting.clone();
            async move {
                patiently(|| start_for_entity(&shared, &start)).await.map_err(ActivityError::fatal)
            }
        })
        .dynamic_activity(move |ctx: ActivityContext, input: Box<RawValue>| {
            let shared = act.clone();
            async move { acted(&shared, ctx, input).await }
        })
        .dynamic_entity::<WorkerEntity>()
        .remote_activities(&[DECIDE, FREE_ID, OPERATE, START, TERMINATE, WATCH_CHILD])
}

async fn decided(
    shared: &Shared,
    ctx: ActivityContext,
    number: u32,
) -> Result<Decision, ActivityError> {
    let asked = shared.question(ctx.instance_id(), number).await?;
    match shared.workers.submit(Work::Decide(asked)).await {
        Answer::Decided(decision) => Ok(decision),
        Answer::Failed(failure) => Err(failure.into_activity_error()),
        Answer::Acted(_) | Answer::Operated(_) => Err(other_answer()),
    }
}

async fn acted(
    shared: &Shared,
    ctx: ActivityContext,
    input: Box<RawValue>,
) -> Result<Text, ActivityError> {
    let CallDetails { input, version, tags, trace } = CalledActivity::read(input);
    let work = ActivityWork {
        name: ctx.activity_name().to_string(),
        instance: ctx.instance_id().to_string(),
        call: shared.call(ctx.instance_id(), ctx.correlation_id()),
        version,
        input,
        tags,
        trace: trace.unwrap_or_else(|| trace_of(&ctx)),
    };
    match shared.workers.submit(Work::Act(work)).await {
        Answer::Acted(result) => Ok(result),
        Answer::Failed(failure) => Err(failure.into_activity_error()),
        Answer::Decided(_) | Answer::Operated(_) => Err(other_answer()),
    }
}

async fn operated(
    shared: &Shared,
    ctx: ActivityContext,
    work: EntityWork,
) -> Result<EntityDone, ActivityError> {
    let work = OperationWork {
        entity: ctx.instance_id().to_string(),
        request: ctx.idempotency_key(),
        work,
    };
    match shared.workers.submit(Work::Operate(work)).await {
        Answer::Operated(done) => Ok(done),
        Answer::Failed(failure) => Err(failure.into_activity_error()),
        Answer::Decided(_) | Answer::Acted(_) => Err(other_answer()),
    }
}

/// The span of the attempt, where the caller has not given one of its own.
fn trace_of(ctx: &ActivityContext) -> Trace {
    let context = ctx.trace_context();
    let state = Some(context.state().to_owned()).filter(|state| !state.is_empty());
    Trace { parent: context.traceparent(), span: String::new(), state }
}

fn other_answer() -> ActivityError {
    ActivityError::fatal("the worker has answered another question")
}
