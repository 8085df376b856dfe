//! Replaces threads that user code does not give back; other threads take over their shards.

use ractor::ActorRef;

use super::message::{HostMessage, LostShard};
use crate::context::{HostContext, HostRef};
use crate::error::ParkReason;
use crate::stalls::BlockedThread;
use crate::task::Task;
use crate::threads::{GivenUp, NotReplaced};

/// Replaces the threads of a host that code blocks for too long, until this is dropped. It runs on the
/// thread of the host, apart from the supervisor, which at first waits for shards to start.
pub(crate) fn follow(host: &HostRef, root: &ActorRef<HostMessage>) -> Option<Task> {
    let mut blocked = host.routes.stalls.take_blocked()?;
    let (host, root) = (host.clone(), root.clone());
    Some(Task::spawn(async move {
        while let Some(blocked) = blocked.recv().await {
            if !host.is_closing() && !host.has_ended() {
                lose(&host, &root, blocked);
            }
        }
    }))
}

fn lose(host: &HostContext, root: &ActorRef<HostMessage>, blocked: BlockedThread) {
    let BlockedThread { runtime, instance, code, call, blocked_for } = blocked;
    let shards = host.threads.shards_on(runtime);
    let supervisors: Vec<_> = shards.iter().map(|shard| host.routes.supervisor(*shard)).collect();
    let given_up = match host.threads.replace(runtime) {
        Ok(given_up) => given_up,
        // A runtime of the caller cannot be replaced; that it is blocked was reported. Or the thread was
        // given up before, and the code still runs.
        Err(NotReplaced::NotOwn) => return,
        Err(why) => {
            tracing::error!(
                target: "reenact::host", parent: None,
                %instance, %code, ?blocked_for, reason = %why,
                "user code blocks a thread that cannot be replaced, and its shards wait: mend the code, and start \
                 the process again"
            );
            // Shards that stay on this host do not need it.
            let _ = root.cast(HostMessage::Blocked(shards));
            return;
        }
    };
    let kind = if call.is_some() { "activity" } else { "orchestration" };
    tracing::error!(
        target: "reenact::host", parent: None,
        %instance, %code, kind, ?blocked_for, ?shards,
        "user code blocks its thread too long: another thread takes over, and these shards start again. Mend \
         the code: it still uses this thread and memory"
    );
    let GivenUp { runtime: old, tenants } = given_up;
    if call.is_none() {
        // Recorded first: the code must not run again as the shard comes back.
        host.routes.park_stalled(instance, ParkReason::Stalled { code, blocked_for });
    }
    let mut lost: Vec<LostShard> = Vec::new();
    for (shard, supervisor) in shards.iter().zip(supervisors) {
        host.routes.clear(*shard);
        // It cannot handle that before the code returns, nor do anything else.
        supervisor.iter().for_each(|supervisor| supervisor.kill());
        lost.push((*shard, supervisor.map(|supervisor| supervisor.get_id())));
    }
    host.local_delivery.give_up(&shards);
    host.workers.give_up(runtime, &shards, old, call.as_ref());
    host.admission.give_up(&tenants);
    // No route leads there any more, so waits for answers from there end.
    shards.iter().for_each(|shard| host.threads.notify_given_up(*shard));
    // A root that has gone takes all shards with it.
    let _ = root.cast(HostMessage::Lost(lost));
}
