//! The local activities of an instance that run before their schedule is durable.

use ractor::ActorRef;
use reenact_core::limits::{LOCAL_HOLD, MAX_HELD_BYTES, MAX_HELD_TURNS};
use reenact_core::{Action, CorrelationId, InstanceId};

use crate::activity::ActivityCall;
use crate::message::{InstanceMessage, Internal};
use crate::metrics::Label;
use crate::persistence::Entry;
use crate::run::Run;
use crate::task::Task;
use crate::workers::ShardWorkers;

/// The actions for local activities that the turns want that were made since a turn was last passed on.
pub(super) struct Wanted {
    /// Calls, and timers for their next attempts and their ends.
    pub(super) actions: Vec<(Run, Action)>,
    /// Whether no caller waits for anything else.
    pub(super) can_wait: bool,
}

/// The local activities of an instance that run in place, and the turns that wait for them. They belong
/// to the actor: the result of an activity that outlives its actor does not count.
pub(super) struct InPlace {
    pub(super) myself: ActorRef<InstanceMessage>,
    pub(super) instance: InstanceId,
    pub(super) workers: ShardWorkers,
    /// Distinguishes the calls of this actor from those of all other actors.
    pub(super) place: u32,
    pub(super) running: Vec<Running>,
    /// The turns that wait, in order.
    pub(super) waiting: Vec<Entry>,
    /// The size of these turns.
    pub(super) bytes: usize,
    /// The task that ends the wait.
    pub(super) limit: Option<Task>,
    /// The number of waits so far.
    pub(super) waits: u64,
    /// Whether nothing runs in place here: a host may have died of it, and the log would not say so.
    pub(super) is_careful: bool,
}

/// An open call.
pub(super) struct Running {
    pub(super) run: Run,
    pub(super) id: CorrelationId,
    /// Whether its last attempt has ended.
    pub(super) has_ended: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { actions: Vec::new(), can_wait: true }
    }
}

impl Wanted {
    /// Adds the actions that a turn of this run wants.
    pub(super) fn add(&mut self, run: Run, actions: Vec<Action>, can_wait: bool) {
        self.actions.extend(actions.into_iter().map(|action| (run, action)));
        self.can_wait &= can_wait;
    }
}

impl InPlace {
    pub(super) fn new(
        myself: ActorRef<InstanceMessage>,
        instance: InstanceId,
        workers: ShardWorkers,
    ) -> Self {
        // 0 means no place. Two actors can have the same number only if four billion have begun between
        // them.
        let place = (myself.get_id().pid() % u64::from(u32::MAX)) as u32 + 1;
        Self {
            myself,
            instance,
            workers,
            place,
            running: Vec::new(),
            waiting: Vec::new(),
            bytes: 0,
            limit: None,
            waits: 0,
            is_careful: false,
        }
    }

    /// From now on nothing runs in place.
    pub(super) fn be_careful(&mut self) {
        self.is_careful = true;
    }

    pub(super) fn is_careful(&self) -> bool {
        self.is_careful
    }

    /// Whether this call runs in place.
    pub(super) fn runs(&self, run: Run, id: CorrelationId) -> bool {
        self.is_here(run) && self.running.iter().any(|call| call.run == run && call.id == id)
    }

    pub(super) fn is_here(&self, run: Run) -> bool {
        run.place() == self.place
    }

    /// An attempt of a call has ended.
    pub(super) fn has_ended(&mut self, run: Run, id: CorrelationId) {
        let of_call = |call: &&mut Running| call.run == run && call.id == id;
        if let Some(call) = self.running.iter_mut().find(of_call) {
            call.has_ended = true;
        }
    }

    /// Whether turns wait here.
    pub(super) fn is_holding(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The size of the turns that wait here.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn has_room_for(&self, entry: &Entry) -> bool {
        self.waiting.len() < MAX_HELD_TURNS && self.bytes + entry.bytes() <= MAX_HELD_BYTES
    }

    pub(super) fn hold(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.waiting.push(entry);
        if self.limit.is_none() {
            self.waits += 1;
            let (myself, wait) = (self.myself.clone(), self.waits);
            self.limit = Some(Task::spawn(async move {
                tokio::time::sleep(LOCAL_HOLD).await;
                // An actor that has gone has no waiting turns.
                let _ = myself.cast(Internal::EndWait(wait).into());
            }));
        }
    }

    /// Cancels the activity of a call that is not open any more. Its label, if it ran or waited until then.
    pub(super) fn call_off(&self, call: &Running) -> Option<Label> {
        if call.has_ended {
            return None;
        }
        let Running { run, id, .. } = *call;
        let call = ActivityCall { instance: self.instance.clone(), run, id };
        self.workers.cancel(&call).map(|context| context.label())
    }

    pub(super) fn call_off_all(&mut self) {
        for call in std::mem::take(&mut self.running) {
            self.call_off(&call);
        }
    }

    pub(super) fn take_blocked(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        self.limit = None;
        std::mem::take(&mut self.waiting)
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        self.call_off_all();
    }
}
