//! A client that completes activities from outside, by their tokens.

use std::time::Duration;

use reenact::prelude::*;
use reenact::{ActivityToken, ErrorKind};
use tokio::time::sleep;

use super::call::insist_for;
use super::{Run, marks};

/// The time between two looks at what is to be completed.
const LOOK: Duration = Duration::from_millis(500);

/// Completes what is to be completed, and fails some attempts, until an error says what is wrong.
pub(super) async fn complete_all(run: Run) -> Result<(), String> {
    loop {
        for (token, number) in run.hosts.take_tokens() {
            complete(&run, &token, number).await?;
        }
        sleep(LOOK).await;
    }
}

async fn complete(run: &Run, token: &ActivityToken, number: u64) -> Result<(), String> {
    let fails = run.world.dice().below("clerk fails", 4) == 0;
    run.pause("clerk after", 3_000).await;
    let complete = |client: Client| async move {
        let completed = match fails {
            true => client.fail_activity(token, ActivityError::retryable("not now")).await,
            false => client.complete_activity(token, &number).await,
        };
        match completed {
            Ok(()) => Ok(true),
            // The attempt is over: it was completed before, has run out of time, or its instance was stopped.
            Err(error) if is_over(error.kind()) => Ok(false),
            Err(error) => Err(error),
        }
    };
    if insist_for(run, "complete", complete).await? {
        run.look(|durable| durable.mark(marks::FROM_OUTSIDE))?;
    }
    Ok(())
}

const fn is_over(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Finished | ErrorKind::NotFound)
}
