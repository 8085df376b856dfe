//! Remembers which instances have left memory while entries of theirs are still under way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use reenact_core::InstanceId;

use crate::persistence::Inbox;

/// The number of remembered instances from which on those that can be forgotten are looked for.
const MIN_KEPT: usize = 1_024;

/// Remembers, for each instance whose actor has ended, how many entries were in the inbox by then,
/// until all of them are carried out. All other instances come into memory without waiting.
#[derive(Debug)]
pub(crate) struct DepartedInstances {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    when: HashMap<InstanceId, u64>,
    /// When this number is reached, the instances whose entries are carried out are forgotten.
    full_from: usize,
}

impl Default for DepartedInstances {
    fn default() -> Self {
        let state = State { when: HashMap::default(), full_from: MIN_KEPT };
        Self { state: Mutex::new(state) }
    }
}

impl DepartedInstances {
    /// The actor of an instance has ended: it adds no more entries.
    pub(crate) fn add(&self, instance: InstanceId, inbox: &Inbox) {
        let (put, through) = (inbox.put_so_far(), inbox.through());
        if put == through {
            return;
        }
        let mut state = self.state();
        state.when.insert(instance, put);
        if state.when.len() >= state.full_from {
            state.when.retain(|_, put| *put > through);
            state.full_from = MIN_KEPT.max(state.when.len() * 2);
        }
    }

    /// Whether all entries of an instance's earlier actors are carried out. The instance must have no actor
    /// now.
    pub(crate) fn is_through(&self, instance: &InstanceId, inbox: &Inbox) -> bool {
        let mut state = self.state();
        let Some(put) = state.when.get(instance) else { return true };
        let is_through = *put <= inbox.through();
        if is_through {
            state.when.remove(instance);
        }
        is_through
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::persistence::Entry;

    fn id(number: u64) -> InstanceId {
        InstanceId::new(format!("order-{number}")).unwrap()
    }

    fn put(inbox: &Inbox) {
        inbox.put(Entry::Barrier(None, oneshot::channel().0));
    }

    #[test]
    fn an_instance_waits_for_what_was_handed_in_before_its_actor_ended() {
        let (gone, inbox) = (DepartedInstances::default(), Inbox::default());
        put(&inbox);
        put(&inbox);
        gone.add(id(1), &inbox);
        put(&inbox);
        assert!(gone.is_through(&id(2), &inbox), "it had no actor");
        for through in [0, 1] {
            inbox.is_through(through);
            assert!(!gone.is_through(&id(1), &inbox));
        }
        inbox.is_through(2);
        assert!(gone.is_through(&id(1), &inbox));
    }

    #[test]
    fn what_is_through_is_forgotten() {
        let (gone, inbox) = (DepartedInstances::default(), Inbox::default());
        for number in 1..10_000 {
            put(&inbox);
            gone.add(id(number), &inbox);
            inbox.is_through(number);
            assert!(gone.state().when.len() <= MIN_KEPT);
        }
        gone.add(id(0), &inbox);
        assert!(gone.is_through(&id(0), &inbox), "nothing was under way");
    }
}
