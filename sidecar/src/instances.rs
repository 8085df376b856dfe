//! Instances, as the interpreter and the service deal with them through a client.

use std::time::Duration;

use reenact::core::Event;
use reenact::inspect::TreeNode;
use reenact::{
    ActivityError, Client, Error, ErrorKind, InstanceId, InstanceState, InstanceStatus, Name,
    Outcome, Payload, Result, Timestamp,
};
use serde_json::value::RawValue;

use crate::activities::{Ended, Terminated, WatchedChild};
use crate::entities::EntityStart;
use crate::events::{Encoded, event};
use crate::failure::Failure;
use crate::limits::{MAX_REASON_BYTES, MAX_TREE};
use crate::names::{DETACHED, LARGE_OUTPUT, RESUMED};
use crate::proto::{self, HistoryEvent, HistoryEventEventType as Kind, OrchestrationStatus};
use crate::sidecar::{HistoryError, Shared};
use crate::start::{Rewound, Start};
use crate::text::Text;

/// How long something is waited for that is about to be, before it is looked at again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Why an instance is not rewound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RewindError {
    #[error("instance `{instance}` has not failed: it is {state:?}")]
    NotFailed { instance: InstanceId, state: InstanceState },
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("the history of instance `{instance}` does not encode: {why}")]
    Encode { instance: InstanceId, why: serde_json::Error },
}

/// What an instance was started with.
pub(crate) async fn start_of(client: &Client, id: &InstanceId) -> Result<Start> {
    let page = client.history_page(id, None, 1).await?;
    let input = page.events.into_iter().next().and_then(|first| match first.event {
        Event::ExecutionStarted { input, .. } => input.decode::<Box<RawValue>>().ok(),
        _ => None,
    });
    let unreadable = |reason: String| Error::Unreadable { instance: id.clone(), reason };
    let input = input.ok_or_else(|| unreadable("its first event is no start".to_owned()))?;
    Start::read(input).map_err(|why| unreadable(why.to_string()))
}

/// Terminates an instance, and those below it if wanted. One that is gone or has ended stays as it is.
pub(crate) async fn terminate(client: &Client, wanted: Terminated) -> Result<()> {
    let Terminated { instance, reason, recursive } = wanted;
    let id = InstanceId::new(&instance)?;
    end(client, &id, &reason).await?;
    if recursive {
        for id in below(client, &id).await? {
            end(client, &id, &reason).await?;
        }
    }
    Ok(())
}

async fn end(client: &Client, id: &InstanceId, output: &str) -> Result<()> {
    match end_with(client, id, output).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Finished) => Ok(()),
        ended => ended,
    }
}

/// What is longer than a reason may be comes as an event before.
async fn end_with(client: &Client, id: &InstanceId, output: &str) -> Result<()> {
    if output.len() <= MAX_REASON_BYTES {
        return client.terminate(id, output).await;
    }
    client.raise_event(id, LARGE_OUTPUT, Text::new(Some(output.to_owned()))).await?;
    client.terminate(id, LARGE_OUTPUT).await
}

/// The output of an instance that was terminated with a long one.
pub(crate) async fn large_output(client: &Client, id: &InstanceId) -> Result<Option<String>> {
    let history = client.history(id).await?;
    let raised = history.events().filter_map(|event| match event.event {
        Event::ExternalRaised { name, data, .. } if name.as_str() == LARGE_OUTPUT => text_of(data),
        _ => None,
    });
    Ok(raised.last())
}

/// The instances that one has started, and those that they have: as many as a tree has.
pub(crate) async fn below(client: &Client, id: &InstanceId) -> Result<Vec<InstanceId>> {
    let tree = match client.tree(id, reenact::limits::MAX_ANCESTORS, MAX_TREE).await {
        Err(Error::NotFound { .. }) => return Ok(Vec::new()),
        tree => tree?,
    };
    let mut found = Vec::new();
    let mut left: Vec<TreeNode> = tree.instance.children;
    while let Some(node) = left.pop() {
        found.push(node.instance);
        left.extend(node.children);
    }
    Ok(found)
}

/// Removes an instance that has ended, so that another can have its id.
pub(crate) async fn free_id(client: &Client, id: &InstanceId) -> Result<(), ActivityError> {
    loop {
        match client.purge(id).await {
            Ok(()) | Err(Error::NotFound { .. }) => return Ok(()),
            // Others have yet to hear of its end.
            Err(Error::NotTold { .. }) => tokio::time::sleep(AGAIN_AFTER).await,
            Err(error @ Error::NotFinished { .. }) => return Err(ActivityError::fatal(error)),
            Err(error) => return Err(ActivityError::retryable(error)),
        }
    }
}

/// Starts an orchestration for an entity. The same start counts once.
pub(crate) async fn start_for_entity(shared: &Shared, start: EntityStart) -> Result<()> {
    let client = shared.client().await;
    let EntityStart { instance, name, version, input, at } = start;
    let is_rust = shared.names().is_orchestration(&name);
    let start = Start { input, version, scheduled: at, ..Start::default() };
    let input = if is_rust { start.write_plain() } else { start.write() };
    let mut started = client.start_new_by_name::<Text>(&name, encoded(input)?).or_attach();
    if !instance.is_empty() {
        started = started.id(instance);
    }
    if let Some(at) = at {
        started = started.delay(at.since(now()));
    }
    started.await.map(drop)
}

/// Waits for a child that an earlier execution of its caller has called.
pub(crate) async fn watch_child(
    shared: &Shared,
    child: WatchedChild,
) -> Result<Ended, ActivityError> {
    let client = shared.client().await;
    let WatchedChild { instance, name, start, reason } = child;
    let id = InstanceId::new(&instance).map_err(ActivityError::fatal)?;
    let state = match client.get_status(&id).await {
        Ok(status) => Some(status.state),
        Err(Error::NotFound { .. }) => None,
        Err(error) => return Err(ActivityError::retryable(error)),
    };
    match state {
        None => {
            let started = client.start_new_by_name::<Text>(&name, &start).id(&id).or_attach();
            started.await.map(drop).map_err(ActivityError::retryable)?;
        }
        Some(InstanceState::Failed) => {
            let rewound = rewind(shared, &client, &id, reason).await;
            rewound.map_err(|error| ActivityError::retryable(error.to_string()))?;
        }
        Some(_) => {}
    }
    match client.instance::<Text>(&id).result().await {
        Ok(result) => Ok(Ended::Completed { result }),
        Err(error) => failure_of(error).map(|failure| Ended::Failed { failure }),
    }
}

fn failure_of(error: Error) -> Result<Failure, ActivityError> {
    match error {
        Error::Failed { source, .. } => Ok(Failure::from(&source)),
        error if matches!(error.kind(), ErrorKind::Stopped) => {
            Ok(Failure::new("Terminated", error.to_string()))
        }
        error => Err(ActivityError::retryable(error)),
    }
}

/// Lets an instance that has failed go on: its worker takes the failures out of its history, and it goes on after what is
/// left.
pub(crate) async fn rewind(
    shared: &Shared,
    client: &Client,
    id: &InstanceId,
    reason: Option<String>,
) -> Result<(), RewindError> {
    let status = client.get_status(id).await?;
    if status.state != InstanceState::Failed {
        return Err(RewindError::NotFailed { instance: id.clone(), state: status.state });
    }
    let start = start_of(client, id).await?;
    let mut history = shared.history(id).await?;
    // By this a worker sees that it is a rewind.
    history.push(Encoded::from(&ended(&status)));
    let start = Start { rewound: Some(Rewound { history, reason }), ..start };
    let input = start.write().map_err(|why| RewindError::Encode { instance: id.clone(), why })?;
    let again = client.start_new_by_name::<Text>(status.name.as_str(), &input).id(id);
    again.replacing([InstanceState::Failed]).await?;
    Ok(())
}

/// The event that an instance has ended, and how.
pub(crate) fn ended(status: &InstanceStatus) -> HistoryEvent {
    let (result, failure) = result_of(status);
    let completed = proto::ExecutionCompletedEvent {
        orchestration_status: status_of_state(status.state).into(),
        result,
        failure_details: failure.map(Into::into),
    };
    event(status.last_event_at, Kind::ExecutionCompleted(completed))
}

/// What an instance has ended with: its output, or its failure.
pub(crate) fn result_of(status: &InstanceStatus) -> (Option<String>, Option<Failure>) {
    match &status.outcome {
        Some(Outcome::Completed(output)) => (text_of(output), None),
        Some(Outcome::Failed(error)) => (None, Some(Failure::from(error))),
        Some(Outcome::Terminated { reason } | Outcome::Cancelled { reason }) => {
            (Some(reason.clone()).filter(|reason| !reason.is_empty()), None)
        }
        Some(Outcome::Continued { .. }) | None => (None, None),
    }
}

pub(crate) fn text_of(payload: &Payload) -> Option<String> {
    payload.decode::<Box<RawValue>>().ok().and_then(|value| Text::from_value(value).into_option())
}

/// The states of an instance in the words of the protocol, which has none for one that is parked: it goes on.
pub(crate) fn status_of_state(state: InstanceState) -> OrchestrationStatus {
    match state {
        InstanceState::Completed => OrchestrationStatus::Completed,
        InstanceState::Failed => OrchestrationStatus::Failed,
        InstanceState::Terminated => OrchestrationStatus::Terminated,
        InstanceState::Cancelled => OrchestrationStatus::Canceled,
        InstanceState::Suspended => OrchestrationStatus::Suspended,
        InstanceState::Importing => OrchestrationStatus::Pending,
        _ => OrchestrationStatus::Running,
    }
}

/// When an instance was suspended and resumed, as events of the protocol.
pub(crate) async fn pauses(client: &Client, id: &InstanceId) -> Result<Vec<HistoryEvent>> {
    let history = client.history(id).await?;
    let mut why = None;
    let pauses = history.events().filter_map(|found| {
        let kind = match found.event {
            Event::ExternalRaised { name, data, .. } if name.as_str() == RESUMED => {
                why = text_of(data);
                return None;
            }
            Event::ExecutionSuspended { reason } => {
                let input = Some(reason.clone()).filter(|reason| !reason.is_empty());
                Kind::ExecutionSuspended(proto::ExecutionSuspendedEvent { input })
            }
            Event::ExecutionResumed => {
                Kind::ExecutionResumed(proto::ExecutionResumedEvent { input: why.take() })
            }
            _ => return None,
        };
        Some(event(found.at, kind))
    });
    Ok(pauses.collect())
}

/// A history with these events at their times.
pub(crate) fn in_order(history: Vec<Encoded>, more: Vec<HistoryEvent>) -> Vec<Encoded> {
    let time = |event: &HistoryEvent| event.timestamp.as_ref().map(|at| (at.seconds, at.nanos));
    let mut more = more.into_iter().peekable();
    let mut ordered = Vec::new();
    for event in history {
        let at = event.decode().ok().as_ref().and_then(time);
        while let Some(before) = more.next_if(|next| at.is_some() && time(next) < at) {
            ordered.push(Encoded::from(&before));
        }
        ordered.push(event);
    }
    ordered.extend(more.map(|event| Encoded::from(&event)));
    ordered
}

/// Starts an instance with what another was started with, under its own id or a new one.
pub(crate) async fn restart(
    client: &Client,
    status: &InstanceStatus,
    is_new: bool,
) -> Result<InstanceId> {
    let page = client.history_page(&status.id, None, 1).await?;
    let input = page.events.into_iter().next().and_then(|first| match first.event {
        Event::ExecutionStarted { input, .. } => input.decode::<Box<RawValue>>().ok(),
        _ => None,
    });
    let Some(input) = input else {
        let reason = "its first event is no start".to_owned();
        return Err(Error::Unreadable { instance: status.id.clone(), reason });
    };
    let started = client.start_new_by_name::<Text>(status.name.as_str(), &input);
    let started = match is_new {
        true => started,
        false => started.id(&status.id).replacing(ENDED),
    };
    Ok(started.await?.id().clone())
}

/// The states of instances that have ended.
pub(crate) const ENDED: [InstanceState; 4] = [
    InstanceState::Completed,
    InstanceState::Failed,
    InstanceState::Terminated,
    InstanceState::Cancelled,
];

pub(crate) fn encoded(input: Result<Box<RawValue>, serde_json::Error>) -> Result<Box<RawValue>> {
    input.map_err(|why| Error::InvalidPayload {
        what: "the input".to_owned(),
        source: reenact::core::PayloadError::Encode(why.to_string()),
    })
}

/// The time by the clock of this machine, by which clients of the protocol give times.
pub(crate) fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Whether an orchestration of that name is none to clients: it is an entity, or an activity on its own.
pub(crate) fn is_hidden(name: &Name) -> bool {
    name.as_str().starts_with('@') || name.as_str() == DETACHED
}
