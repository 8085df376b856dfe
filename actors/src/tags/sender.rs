//! Sends calls with a tag to the hosts that declare it.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use reenact_core::{
    ActivityError, ActivityErrorKind, Command, InstanceId, Payload, RemoteActivity, Tagged, codec,
};
use reenact_providers::{Message, ProviderError, Sharing, TimerScheduler};
use tokio::sync::oneshot;

use crate::activity::{ActivityCall, Attempt};
use crate::message::{FromWorker, Internal, Reply};
use crate::patience::Patience;
use crate::routes::Routes;
use crate::task::Task;

/// How long a call waits that may have been sent before, by the host's own clock. Its end may be in the
/// queue of the shard already, and then the call would run once more without need.
const BEFORE_SENT_AGAIN: Duration = Duration::from_secs(2);

/// The calls with a tag that the instances of a shard have under way. A call that is here is not sent a
/// second time, so an instance whose actor begins anew can ask for all of its open calls. This state
/// goes with its shard; the next owner of the shard then sends the calls again.
#[derive(Clone)]
pub(crate) struct TagSender {
    shared: Arc<Shared>,
}

struct Shared {
    sharing: Arc<dyn Sharing>,
    routes: Routes,
    clock: Arc<dyn TimerScheduler>,
    /// The newest attempt of each call.
    under_way: DashMap<ActivityCall, Post>,
}

struct Post {
    attempt: u32,
    /// The task that sends the call; it ends when the queue has it.
    _sending: Task,
}

impl TagSender {
    pub(crate) fn new(
        sharing: Arc<dyn Sharing>,
        routes: Routes,
        clock: Arc<dyn TimerScheduler>,
    ) -> Self {
        let under_way = DashMap::new();
        Self { shared: Arc::new(Shared { sharing, routes, clock, under_way }) }
    }

    /// Sends an attempt to the hosts that declare its tag, unless that was done. `again` says that it may
    /// have been sent before the instance came into memory.
    pub(crate) fn send(
        &self,
        call: ActivityCall,
        attempt: Attempt,
        tagged: Tagged,
        input: Payload,
        again: bool,
    ) {
        let entry = self.shared.under_way.entry(call);
        let number = attempt.number;
        if matches!(&entry, Entry::Occupied(known) if known.get().attempt == number) {
            return;
        }
        let call = entry.key().clone();
        let (sharing, clock) = (self.shared.sharing.clone(), self.shared.clock.clone());
        let routes = self.shared.routes.clone();
        let sending = Task::spawn(async move {
            if again {
                tokio::time::sleep(BEFORE_SENT_AGAIN).await;
            }
            let Err(error) = put(&*sharing, &*clock, &call, attempt, tagged, input).await else {
                return;
            };
            // The call is too large, and would be too large the next time.
            tracing::warn!(target: "reenact::tag", parent: None, instance = %call.instance, %error, "a call with a tag could not be sent; its activity has failed");
            let ActivityCall { instance, run, id } = call;
            // No one waits for the answer.
            let (reply, _) = oneshot::channel();
            let reply = Reply::to_instance(reply);
            let command = Command::CompleteTask { id, attempt: number, result: Err(error) };
            let message = Internal::FromWorker(Box::new(FromWorker { run, command, reply }));
            routes.deliver(&instance, message.into());
        });
        // The task that still sends an earlier attempt is dropped.
        entry.insert(Post { attempt: number, _sending: sending });
    }

    /// Forgets a call that was cancelled. Its message stays in the queue, and its result will not count.
    pub(crate) fn forget(&self, call: &ActivityCall) {
        // Mostly there is no call with a tag: the check is cheap then.
        if !self.shared.under_way.is_empty() {
            self.shared.under_way.remove(call);
        }
    }

    /// Forgets an attempt that has ended.
    pub(crate) fn forget_attempt(&self, call: &ActivityCall, attempt: u32) {
        self.shared.under_way.remove_if(call, |_, post| post.attempt == attempt);
    }

    /// Forgets all calls of an instance.
    pub(crate) fn forget_all(&self, instance: &InstanceId) {
        self.shared.under_way.retain(|call, _| call.instance != *instance);
    }
}

/// Sends an attempt to the queue of its tag, however long that takes.
async fn put(
    sharing: &dyn Sharing,
    clock: &dyn TimerScheduler,
    call: &ActivityCall,
    attempt: Attempt,
    tagged: Tagged,
    input: Payload,
) -> Result<(), ActivityError> {
    let Tagged { tag, deadline } = tagged;
    let Attempt { name, number: attempt, terms, trace, .. } = attempt;
    let key = format!("{}/{}/{}/{attempt}", call.instance, call.run, call.id.0);
    let (run, id) = (call.run.into(), call.id);
    let trace = trace.received();
    let activity = RemoteActivity { run, id, name, input, attempt, terms, deadline, trace };
    let unsent = |why: &dyn std::fmt::Display| {
        let why = format!("it cannot be sent to the hosts of tag `{tag}`: {why}");
        ActivityError::of_kind(ActivityErrorKind::InvalidInput, why)
    };
    let bytes: Arc<[u8]> = codec::encode_activity(&activity).map_err(|why| unsent(&why))?.into();
    let message = Message { key, to: call.instance.clone(), bytes };
    let mut patience = Patience::new();
    loop {
        match sharing.send_to(&tag, message.clone()).await {
            Ok(()) => return Ok(()),
            Err(why @ ProviderError::TooLarge { .. }) => return Err(unsent(&why)),
            Err(error) => patience.wait(&error, clock).await,
        }
    }
}
