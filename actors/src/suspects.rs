//! Activities that an earlier host may have died of: they were open when their instance came into memory, and ran
//! nowhere. The start of each is recorded before it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::activity::{ActivityCall, ActivityContext};
use crate::message::{Internal, Reply};
use crate::routes::Routes;

/// The suspects of a host. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct SuspectTable {
    calls: Arc<DashMap<ActivityCall, Suspect>>,
    number: Arc<AtomicUsize>,
    /// Locked by the activity that runs with its last chance, so that the one that kills its host is
    /// distinguished from those that only run beside it.
    last_chance: Arc<Mutex<()>>,
}

/// What is known of a suspect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspect {
    /// When another host dies while it runs, it fails for good.
    pub(crate) last_chance: bool,
}

/// The suspects of an instance, as long as it is in memory.
#[derive(Default)]
pub(crate) struct Suspects {
    table: SuspectTable,
    calls: Vec<ActivityCall>,
    last_chance: bool,
}

/// Shows that a start is recorded; kept while the activity runs.
pub(crate) struct Recorded {
    _alone: Option<OwnedMutexGuard<()>>,
}

impl SuspectTable {
    /// What is known of a call, if an earlier host may have died of it. Most hosts have no suspects, and
    /// find that out without a look into the table.
    pub(crate) fn suspect(&self, call: &ActivityCall) -> Option<Suspect> {
        if self.number.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.calls.get(call).map(|suspect| *suspect)
    }

    /// Records the start of an attempt that is about to run. `None` when it is not to run.
    pub(crate) async fn record_start(
        &self,
        suspect: Suspect,
        context: &ActivityContext,
        routes: &Routes,
    ) -> Option<Recorded> {
        let alone = self.alone_if(suspect.last_chance).await;
        let (reply, recorded) = oneshot::channel();
        let (call, attempt) = (context.call(), context.attempt());
        let reply = Reply::to_instance(reply);
        let message = Internal::RecordStart { run: call.run, id: call.id, attempt, reply };
        routes.deliver(&call.instance, message.into());
        matches!(recorded.await, Ok(Ok(()))).then_some(Recorded { _alone: alone })
    }
}

impl SuspectTable {
    /// Waits until no other activity with its last chance runs, if this one has its last chance.
    pub(crate) async fn alone_if(&self, last_chance: bool) -> Option<OwnedMutexGuard<()>> {
        match last_chance {
            true => Some(self.last_chance.clone().lock_owned().await),
            false => None,
        }
    }
}

impl Suspects {
    pub(crate) fn add(&mut self, table: &SuspectTable, call: ActivityCall, suspect: Suspect) {
        self.table = table.clone();
        self.last_chance |= suspect.last_chance;
        if self.table.calls.insert(call.clone(), suspect).is_none() {
            self.table.number.fetch_add(1, Ordering::Release);
        }
        self.calls.push(call);
    }

    /// Whether one of these has its last chance.
    pub(crate) fn have_a_last_chance(&self) -> bool {
        self.last_chance
    }
}

impl Drop for Suspects {
    fn drop(&mut self) {
        for call in &self.calls {
            if self.table.calls.remove(call).is_some() {
                self.table.number.fetch_sub(1, Ordering::Release);
            }
        }
    }
}
