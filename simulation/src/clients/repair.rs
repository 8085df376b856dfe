//! A client mends what an instance has failed of, and rewinds it.

use std::time::Duration;

use reenact::{Client, ErrorKind, Event, InstanceState};
use tokio::time::sleep;

use super::call::{insist, insist_for, may_pass};
use super::{QUEUES_REST, Run};
use crate::workload::FRAGILE;

/// The time between two looks at an instance that is to be rewound, and before the first: longer than what is read
/// without its host may be old.
const LOOK: Duration = Duration::from_secs(2);

/// Mends an activity, and rewinds the instance to before it called it. A rewind whose answer was lost may still come:
/// only when it cannot any more, it is asked for again.
pub(super) async fn mend(run: &Run, id: &str, number: u64) -> Result<(), String> {
    run.hosts.mend(number);
    for _ in 0..10 {
        let mut call = called_at(run, id).await?;
        if call.is_none() {
            // What was read without its host was of a moment before the call.
            sleep(LOOK).await;
            call = called_at(run, id).await?;
        }
        let position = call.ok_or("it has failed of something else")?;
        match run.world.client().rewind(id, position, "mended").await {
            Ok(()) => {}
            Err(error) if may_pass(&error) => {}
            Err(error) => return Err(format!("rewind: {error}")),
        }
        let mut waited = Duration::ZERO;
        while waited < QUEUES_REST {
            sleep(LOOK).await;
            waited += LOOK;
            if !has_failed(run, id).await? {
                // The turn that is undone may be the one in which it was resumed.
                let resuming = |client: Client| client.resume(id).into_future();
                return insist(run, "resume", resuming, |error| {
                    error.kind() == ErrorKind::Finished
                })
                .await;
            }
        }
    }
    Err("it cannot be rewound".to_owned())
}

/// Where the last call of the activity is in the log, if that has one.
async fn called_at(run: &Run, id: &str) -> Result<Option<u64>, String> {
    let history = |client: Client| async move { client.history(id).await };
    let history = insist_for(run, "history", history).await?;
    let calls = history.events().filter_map(|event| match event.event {
        Event::TaskScheduled { name, .. } if name.as_str() == FRAGILE => Some(event.position),
        _ => None,
    });
    Ok(calls.last())
}

async fn has_failed(run: &Run, id: &str) -> Result<bool, String> {
    let client = Client::read_only(run.world.store());
    match client.view(id).await {
        Ok(view) => Ok(view.summary.state == InstanceState::Failed),
        Err(error) if may_pass(&error) => Ok(true),
        Err(error) => Err(error.to_string()),
    }
}
