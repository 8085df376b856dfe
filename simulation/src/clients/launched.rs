//! What programs have started, and what goes on by itself.

use reenact::{Client, ErrorKind, InstanceHandle};

use super::call::insist_for;
use super::player::{Player, stopped};
use super::{Run, marks};
use crate::workload::{Entries, Out, check_steps, launched};

/// What a program has started has come to its own end, and did what it must. One that has completed has started it.
pub(super) async fn check_launched(
    run: &Run,
    player: &Player,
    has_completed: bool,
    entries: &mut Entries,
) -> Result<(), String> {
    for (number, steps) in player.launches() {
        let id = launched(number);
        if has_completed {
            player.until_arrived(&id).await?;
        }
        let result = |client: Client| {
            let handle: InstanceHandle<Vec<Out>> = client.instance(&*id);
            async move { stopped(handle.result().await, ErrorKind::NotFound) }
        };
        let out = insist_for(run, "result of what was started", result).await?;
        if let Some(out) = &out {
            check_steps(steps, out).map_err(|wrong| format!("`{id}`: {wrong}"))?;
        }
        if out.is_some() && !has_completed {
            run.look(|durable| durable.mark(marks::OUTLIVED))?;
        }
        entries.add_all(steps, out.as_deref());
    }
    Ok(())
}
