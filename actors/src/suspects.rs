//! Activities of which a host may have died: they were open when their instance came into memory, and ran
//! nowhere. The start of each is recorded before it runs.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::activity::{ActivityCall, ActivityContext};
use crate::message::{Internal, Reply};
use crate::routes::Routes;

/// All of a host. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct SuspectTable {
    calls: Arc<DashMap<ActivityCall, Suspect>>,
    /// Held by the one that runs of those with their last chance: so the one that kills its host is told
    /// from those that only ran beside it.
    last_chance: Arc<Mutex<()>>,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspect {
    /// When another host dies while it runs, it fails for good.
    pub(crate) last_chance: bool,
}

/// Those of an instance, as long as that is in memory.
#[derive(Default)]
pub(crate) struct Suspects {
    table: SuspectTable,
    calls: Vec<ActivityCall>,
    last_chance: bool,
}

/// That a start is recorded; held while the activity runs.
pub(crate) struct Recorded {
    _alone: Option<OwnedMutexGuard<()>>,
}

impl SuspectTable {
    /// Records the start of an attempt that is about to run, where that must be. `None` when it is not
    /// to run.
    pub(crate) async fn record_start(
        &self,
        context: &ActivityContext,
        routes: &Routes,
    ) -> Option<Recorded> {
        let Some(suspect) = self.calls.get(context.call()).map(|suspect| *suspect) else {
            return Some(Recorded { _alone: None });
        };
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
    /// Waits until nothing else runs that has its last chance, where this has.
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
        self.table.calls.insert(call.clone(), suspect);
        self.calls.push(call);
    }

    /// Whether one of them has its last chance.
    pub(crate) fn have_a_last_chance(&self) -> bool {
        self.last_chance
    }
}

impl Drop for Suspects {
    fn drop(&mut self) {
        for call in &self.calls {
            self.table.calls.remove(call);
        }
    }
}
