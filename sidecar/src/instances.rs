//! Instances, as the interpreter and the service deal with them through a client.

use std::time::Duration;

use reenact::core::Event;
use reenact::inspect::TreeNode;
use reenact::{
    ActivityError, Client, Error, ErrorKind, InstanceId, InstanceState, InstanceStatus, Name,
    Result, Timestamp,
};
use serde_json::value::RawValue;

use crate::activities::{Ended, Terminated, WatchedChild};
use crate::entities::EntityStart;
use crate::failure::Failure;
use crate::limits::MAX_TREE;
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

async fn end(client: &Client, id: &InstanceId, reason: &str) -> Result<()> {
    match client.terminate(id, reason).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Finished) => Ok(()),
        ended => ended,
    }
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
    let history = shared.history(id).await?;
    let start = Start { rewound: Some(Rewound { history, reason }), ..start };
    let input = start.write().map_err(|why| RewindError::Encode { instance: id.clone(), why })?;
    let again = client.start_new_by_name::<Text>(status.name.as_str(), &input).id(id);
    again.replacing([InstanceState::Failed]).await?;
    Ok(())
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

/// The name under which entities of a type have their orchestration begins with this.
pub(crate) fn is_entity(name: &Name) -> bool {
    name.as_str().starts_with('@')
}
