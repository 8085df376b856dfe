//! Gives up a thread that an activity blocks, and cuts off what else began there.

use reenact_core::ShardId;
use tokio::runtime::{Id as RuntimeId, Runtime};

use super::shared::Workers;
use crate::activity::ActivityCall;

impl Workers {
    /// A thread is given up. The activity that blocks it goes on, and its result counts. All other
    /// activities that have begun there are cut off and forgotten: their instances ask for them again.
    /// Activities that have ended there may not be recorded, so they are forgotten as well.
    pub(crate) fn give_up(
        &self,
        thread: RuntimeId,
        shards: &[ShardId],
        runtime: Runtime,
        blocked_by: Option<&ActivityCall>,
    ) {
        let mut holder = None;
        for workers in shards.iter().map(|shard| self.of_shard(*shard)) {
            let mut on_it = workers.own.calls.all();
            on_it.retain(|context| context.has_begun_on(thread));
            for context in on_it {
                if blocked_by == Some(context.call()) {
                    holder = Some(context);
                    continue;
                }
                // This wakes code of the user's, so no table may be locked.
                context.cut_off();
                workers.own.calls.remove_attempt(&context);
                workers.leave(&context);
            }
        }
        match holder {
            Some(holder) => self.shared.blocked.keep(holder, runtime),
            None => runtime.shutdown_background(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Duration;

    use reenact_core::{CorrelationId, ExecutionId, InstanceId, Name, Payload};
    use reenact_providers::ManualClock;
    use tokio::runtime::{Builder, Handle};
    use tokio::sync::mpsc;

    use super::*;
    use crate::activity::Attempt;
    use crate::message::{InstanceMessage, Internal, RuntimeMessage, ShardMessage};
    use crate::metrics::HostRecorder;
    use crate::options::ShardThreads;
    use crate::registry::Registry;
    use crate::routes::Routes;
    use crate::run::Run;
    use crate::shard::testing::supervisor_that_forwards;
    use crate::threads::Threads;
    use crate::trace::RunTrace;
    use crate::workers::Limits;
    use crate::workers::runs_on::ActivityRuntimes;

    const SHARD: ShardId = ShardId(0);

    /// Longer than the test takes.
    const HANGS: Duration = Duration::from_secs(30);

    async fn workers(sender: mpsc::UnboundedSender<ShardMessage>) -> Workers {
        let mut registry = Registry::default();
        let work = |_ctx, ()| async { Ok(()) };
        registry.register_activity("work", work).unwrap();
        let threads = Threads::begin(ShardThreads::OnCallersRuntime, 1, &Handle::current());
        let routes = Routes::new(1, threads.unwrap());
        routes.set_supervisor(SHARD, supervisor_that_forwards(sender).await);
        let grace = Duration::from_secs(10);
        let limits = Limits {
            at_a_time: 1,
            grace,
            of_names: HashMap::new(),
            blocking: 1,
            payload_bytes: reenact_core::limits::MAX_PAYLOAD_BYTES,
        };
        let clock = Arc::new(ManualClock::default());
        let runtimes = ActivityRuntimes::new(None, None);
        let recorder = HostRecorder::of_test();
        Workers::new(Arc::new(registry), &recorder, routes, clock, limits, runtimes)
    }

    /// The end of the activity is in the mailbox of an actor that no longer runs.
    #[tokio::test]
    async fn what_ended_on_a_thread_that_is_given_up_and_is_not_recorded_runs_again() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let workers = workers(sender).await;
        let instance = InstanceId::new("i").unwrap();
        let (run, id) = (Run::of_test(ExecutionId::FIRST), CorrelationId(1));
        let call = ActivityCall { instance, run, id };
        let submit = || {
            let name = Name::new("work").unwrap();
            let attempt = Attempt {
                name,
                number: 1,
                terms: None,
                reports: None,
                local_input: None,
                trace: RunTrace::default(),
            };
            workers.of_shard(SHARD).submit(call.clone(), attempt, Payload::encode(&()).unwrap());
        };
        let mut unrecorded = Vec::new();
        for _ in 0..2 {
            submit();
            let ended = tokio::time::timeout(HANGS, receiver.recv()).await.unwrap().unwrap();
            assert!(is_completion(&ended), "{ended:?}");
            unrecorded.push(ended);
            workers.idle().await;
            // It is not taken a second time while the first may still be recorded.
            submit();
            tokio::task::yield_now().await;
            assert!(receiver.is_empty());
            let given_up = Builder::new_current_thread().build().unwrap();
            workers.give_up(Handle::current().id(), &[SHARD], given_up, None);
        }
        assert_eq!(unrecorded.len(), 2);
    }

    fn is_completion(message: &ShardMessage) -> bool {
        let ShardMessage::Deliver { message: InstanceMessage::Runtime(message), .. } = message
        else {
            return false;
        };
        matches!(message, RuntimeMessage(Internal::CompleteTask { .. }))
    }
}
