//! Children that programs do not wait for.

use reenact::{Client, ErrorKind, InstanceHandle, Timestamp};

use super::call::insist_for;
use super::player::{Player, stopped};
use super::{Run, marks};
use crate::workload::{Entries, Out, check_patches, check_steps, left_child};

/// How a child has ended.
enum Ended {
    Completed(Vec<Out>),
    Stopped,
    /// It was never there.
    Never,
}

/// A child that was abandoned has come to its own end, and did what it must; any other was cancelled with its parent, or
/// never began, because its parent called it in its last turn. A program that was stopped may have called none.
pub(super) async fn check_left(
    run: &Run,
    player: &Player,
    has_completed: bool,
    entries: &mut Entries,
) -> Result<(), String> {
    for (number, steps, abandons) in player.leaves() {
        let id = left_child(number);
        if abandons && has_completed {
            player.until_arrived(&id).await?;
        }
        let wrong = |what: &str| Err(format!("`{id}`, abandoned: {abandons}: {what}"));
        let out = match (ended(run, &id).await?, abandons) {
            (Ended::Completed(_), false) => return wrong("it has gone on, and completed"),
            (Ended::Stopped, true) => return wrong("it was stopped"),
            (Ended::Completed(out), true) => Some(out),
            (Ended::Stopped, false) => {
                run.look(|durable| durable.mark(marks::LEFT_CANCELLED))?;
                None
            }
            (Ended::Never, _) => None,
        };
        if let Some(out) = &out {
            let ran = |number| run.hosts.has_run(number);
            let checked = check_steps(steps, out).and_then(|()| check_patches(out, &ran));
            checked.map_err(|wrong| format!("`{id}`: {wrong}"))?;
            if ended_at(run, &id).await? > ended_at(run, player.id()).await? {
                run.look(|durable| durable.mark(marks::LEFT_WENT_ON))?;
            }
        }
        entries.add_all(steps, out.as_deref());
    }
    Ok(())
}

async fn ended(run: &Run, id: &str) -> Result<Ended, String> {
    let result = |client: Client| {
        let handle: InstanceHandle<Vec<Out>> = client.instance(id);
        async move {
            match stopped(handle.result().await, ErrorKind::NotFound) {
                Ok(Some(out)) => Ok(Ended::Completed(out)),
                Ok(None) => Ok(Ended::Never),
                Err(error) if error.kind() == ErrorKind::Stopped => Ok(Ended::Stopped),
                Err(error) => Err(error),
            }
        }
    };
    insist_for(run, "result of a child that was left", result).await
}

async fn ended_at(run: &Run, id: &str) -> Result<Option<Timestamp>, String> {
    let client = Client::read_only(run.world.store());
    let view = client.view(id).await.map_err(|error| error.to_string())?;
    Ok(view.execution.ended_at)
}
