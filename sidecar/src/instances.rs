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

/// The longest time between two attempts at something.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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

/// Does something with the store, and again while that is away or busy, an instance is parked, or the host ends: an
/// activity that failed for that would be recorded as failed. It ends with its host.
pub(crate) async fn patiently<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: Passing,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = AGAIN_AFTER;
    loop {
        match attempt().await {
            Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
            done => return done,
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// An error that may be of the moment.
pub(crate) trait Passing {
    /// Whether the same may succeed later, here or on the next host.
    fn is_passing(&self) -> bool;
}

impl Passing for Error {
    fn is_passing(&self) -> bool {
        use ErrorKind::{Busy, Parked, ShuttingDown, Store, Uncertain};
        matches!(self.kind(), Busy | Parked | ShuttingDown | Store | Uncertain)
    }
}

impl Passing for HistoryError {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_passing())
    }
}

impl Passing for RewindError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => error.is_passing(),
            Self::History(error) => error.is_passing(),
            Self::NotFailed { .. } | Self::Encode { .. } => false,
        }
    }
}

/// What an instance was started with.
pub(crate) async fn start_of(client: &Client, id: &InstanceId) -> Result<Start> {
    let start = Start::read(input_of(client, id).await?);
    let unreadable = |why: reenact::OrchestrationError| Error::Unreadable {
        instance: id.clone(),
        reason: why.to_string(),
    };
    start.map_err(unreadable)
}

async fn input_of(client: &Client, id: &InstanceId) -> Result<Box<RawValue>> {
    let page = client.history_page(id, None, 1).await?;
    let input = page.events.into_iter().next().and_then(|first| match first.event {
        Event::ExecutionStarted { input, .. } => input.decode().ok(),
        _ => None,
    });
    let reason = "its first event is no start".to_owned();
    input.ok_or_else(|| Error::Unreadable { instance: id.clone(), reason })
}

/// Terminates an instance, and those below it if wanted. One that is gone or has ended stays as it is.
pub(crate) async fn terminate(client: &Client, wanted: &Terminated) -> Result<()> {
    let Terminated { instance, reason, recursive } = wanted;
    let id = InstanceId::new(instance)?;
    end(client, &id, reason).await?;
    if *recursive {
        for id in below(client, &id).await? {
            end(client, &id, reason).await?;
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
pub(crate) async fn free_id(client: &Client, id: &InstanceId) -> Result<()> {
    loop {
        match client.purge(id).await {
            Err(Error::NotFound { .. }) => return Ok(()),
            // Others have yet to hear of its end.
            Err(Error::NotTold { .. }) => tokio::time::sleep(AGAIN_AFTER).await,
            purged => return purged,
        }
    }
}

/// Starts an orchestration for an entity. The same start counts once.
pub(crate) async fn start_for_entity(shared: &Shared, start: &EntityStart) -> Result<()> {
    let client = shared.client().await;
    let EntityStart { instance, name, version, input, at } = start.clone();
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
    let state = patiently(async || match client.get_status(&id).await {
        Ok(status) => Ok(Some(status.state)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    });
    match state.await.map_err(ActivityError::fatal)? {
        None => {
            let start = async || {
                let child = client.start_new_by_name::<Text>(&name, &start);
                child.id(&id).or_attach().await.map(drop)
            };
            patiently(start).await.map_err(ActivityError::fatal)?;
        }
        Some(InstanceState::Failed) => {
            let rewound = patiently(|| rewind(shared, &client, &id, reason.clone())).await;
            match rewound {
                // An attempt before this one has rewound it.
                Ok(()) | Err(RewindError::NotFailed { .. }) => {}
                Err(error) => return Err(ActivityError::fatal(error.to_string())),
            }
        }
        Some(_) => {}
    }
    match patiently(async || client.instance::<Text>(&id).result().await).await {
        Ok(result) => Ok(Ended::Completed { result }),
        Err(Error::Failed { source, .. }) => Ok(Ended::Failed { failure: Failure::from(&source) }),
        Err(error) => {
            let is_stopped = error.kind() == ErrorKind::Stopped;
            let kind = if is_stopped { "Terminated" } else { "ChildLost" };
            Ok(Ended::Failed { failure: Failure::new(kind, error.to_string()) })
        }
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
    let input = input_of(client, &status.id).await?;
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn gone() -> Error {
        Error::NotFound { instance: InstanceId::new("i").unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_for_and_nothing_else() {
        let busy = || Error::Interrupted { instance: InstanceId::new("i").unwrap() };
        let answers = RefCell::new(vec![Ok(7), Err(busy()), Err(Error::ShuttingDown), Err(busy())]);
        let next = async || answers.borrow_mut().pop().unwrap();
        assert_eq!(patiently(next).await.unwrap(), 7);

        *answers.borrow_mut() = vec![Ok(7), Err(gone())];
        assert!(matches!(patiently(next).await, Err(Error::NotFound { .. })));
        assert_eq!(answers.borrow().len(), 1, "it is not tried again");
    }
}
