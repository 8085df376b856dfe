//! Calls of clients that do not know whether they counted, and so make them again.

use std::future::Future;
use std::time::Duration;

use reenact::testing::simulation::World;
use reenact::{Client, Error, ErrorKind, UpdateError};
use tokio::time::{sleep, timeout};

use crate::workload::{Answer, Answered, CANARY};

/// How long a client waits for the answer to one call, in virtual time.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a client tries a call.
const TRIES: u32 = 200;

/// Makes a call until it has its answer, or an error that says that it has counted before.
pub(super) async fn insist<F>(
    world: &World,
    what: &str,
    call: impl Fn(Client) -> F,
    is_done: impl Fn(&Error) -> bool,
) -> Result<(), String>
where
    F: Future<Output = Result<(), Error>>,
{
    let call = |client| {
        let calling = call(client);
        async {
            match calling.await {
                Err(error) if is_done(&error) => Ok(()),
                result => result,
            }
        }
    };
    insist_for(world, what, call).await
}

/// Makes a call until it has its answer, as a program should that does not know whether it counted.
pub(super) async fn insist_for<F, T>(
    world: &World,
    what: &str,
    call: impl Fn(Client) -> F,
) -> Result<T, String>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 0..TRIES {
        match timeout(PATIENCE, call(world.client())).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                let text = format!("{error} / {error:?}");
                if text.contains(CANARY) {
                    return Err(format!("{what}: a payload is in an error: {text}"));
                }
                if !may_pass(&error) {
                    return Err(format!("{what}: {text}"));
                }
            }
            Err(_) => {}
        }
        sleep(Duration::from_millis(100 + world.dice().below("again", 900))).await;
    }
    Err(format!("{what}: no answer after {TRIES} tries"))
}

/// What became of an update.
pub(super) fn answered(result: Result<Answer, UpdateError<Answer>>) -> Result<Answered, Error> {
    match result {
        Ok(answer) => Ok(Answered::Replied(answer)),
        Err(UpdateError::Refused(answer)) => Ok(Answered::Refused(answer)),
        Err(UpdateError::Failed(error)) => Err(error),
        Err(_) => Ok(Answered::Dropped),
    }
}

/// Whether the same call may succeed later.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Busy | ErrorKind::ShuttingDown | ErrorKind::Uncertain | ErrorKind::Store
    )
}
