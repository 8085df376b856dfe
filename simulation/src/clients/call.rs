//! Calls of clients that do not know whether they counted, and so make them again.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use reenact::{Client, EntityError, Error, ErrorKind, NoRefusal, UpdateError};
use tokio::time::{sleep, timeout};

use super::Run;
use crate::workload::{Answer, Answered, CANARY};

/// How long a client waits for the answer to one call, in virtual time.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The shortest time between two tries.
const AGAIN: Duration = Duration::from_millis(100);

/// How often a client tries a call.
pub(super) const TRIES: u32 = 200;

/// Makes a call until it has its answer, or an error that says that it has counted before.
pub(super) async fn insist<F>(
    run: &Run,
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
    insist_for(run, what, call).await
}

/// Makes a call until it has its answer, as a program should that does not know whether it counted.
pub(super) async fn insist_for<F, T>(
    run: &Run,
    what: &str,
    call: impl Fn(Client) -> F,
) -> Result<T, String>
where
    F: Future<Output = Result<T, Error>>,
{
    insist_counted(run, what, call).await.map(|(answer, _)| answer)
}

/// The same, with the number of tries: of more than one, all may count, and the earlier ones later.
pub(super) async fn insist_counted<F, T>(
    run: &Run,
    what: &str,
    call: impl Fn(Client) -> F,
) -> Result<(T, u32), String>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut turns_while_waiting = None;
    for tries in 1..=TRIES {
        let mut calling = pin!(call(run.world.client()));
        let is_healed = run.is_healed();
        let mut answer = timeout(PATIENCE / 2, &mut calling).await;
        if answer.is_err() {
            let turns = run.turns()?;
            answer = timeout(PATIENCE / 2, calling).await;
            turns_while_waiting = is_healed.then_some(turns);
        } else if turns_while_waiting.take() == Some(run.turns()?) {
            let seconds = PATIENCE.as_secs() / 2;
            return Err(format!(
                "{what}: a call has waited {seconds} s for an answer that was there"
            ));
        }
        match answer {
            Ok(Ok(answer)) => return Ok((answer, tries)),
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
        sleep(AGAIN).await;
        run.pause("again", 900).await;
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

/// Why an operation of an entity has no answer, which has none to refuse it with.
pub(super) fn not_answered(error: EntityError<NoRefusal>) -> Error {
    match error {
        EntityError::Refused(never) => match never {},
        EntityError::Failed(failure) => Error::EntityFailed(failure),
        EntityError::Call(error) => error,
        // A kind of error that this does not know passes for one that ends the run.
        _ => Error::NotShared,
    }
}

/// Whether the same call may succeed later.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Busy
            | ErrorKind::ShuttingDown
            | ErrorKind::Uncertain
            | ErrorKind::Store
            // On a host with older code. If it stays so, it is not at rest in the end.
            | ErrorKind::Parked
            | ErrorKind::NotRegistered
    )
}
