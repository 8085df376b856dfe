//! Reads of a shard that others read as well: what they have seen, the owner does not deny.

use std::sync::Arc;

use reenact_core::InstanceId;
use tokio::sync::watch;

use super::Shard;
use super::appending::Appending;
use crate::archive::Archive;
use crate::medium::Medium;
use crate::{Batch, ProviderError};

/// A read of an instance, from before its first look on.
pub(crate) struct Reading<'a, M, A> {
    shard: &'a Shard<M, A>,
    instance: &'a InstanceId,
    times_stepped_down: u64,
    /// Where the instance was in what was being appended.
    appending: Option<watch::Receiver<Appending>>,
}

impl<M: Medium, A: Archive> Shard<M, A> {
    pub(crate) fn begin_reading<'a>(&'a self, instance: &'a InstanceId) -> Reading<'a, M, A> {
        let is_appended = M::SHARED && self.appending.borrow().has(instance);
        let appending = is_appended.then(|| self.appending.subscribe());
        Reading { shard: self, instance, times_stepped_down: self.times_stepped_down(), appending }
    }

    /// Nothing of that is in memory yet.
    pub(super) fn begins_to_append(&self, batch: &Arc<Batch>) {
        if M::SHARED {
            self.appending.send_replace(Appending::UnderWay(Arc::clone(batch)));
        }
    }

    /// It is in memory, or was not appended; or nobody knows.
    pub(super) fn has_appended<T>(&self, appended: &Result<T, ProviderError>) {
        if !M::SHARED {
            return;
        }
        let is_unknown = matches!(appended, Err(ProviderError::Unknown { .. }));
        self.appending.send_modify(|now| {
            *now = match std::mem::take(now) {
                Appending::UnderWay(batch) if is_unknown => Appending::Unknown(batch),
                _ => Appending::Nothing,
            }
        });
    }

    /// The journal was read, or is another's: memory, or what is read next, has all of it.
    pub(super) fn knows_what_was_appended(&self) {
        self.appending.send_replace(Appending::Nothing);
    }
}

impl<M: Medium, A: Archive> Reading<'_, M, A> {
    /// Whether what was read counts. False where there is to be another look.
    ///
    /// `Unavailable` where nothing `is_there`, and it may be there all the same.
    pub(crate) async fn counts(self, is_there: bool) -> Result<bool, ProviderError> {
        let Self { shard, instance, times_stepped_down, appending } = self;
        let Some(mut appending) = appending.filter(|_| !is_there) else {
            return shard.is_read(times_stepped_down, is_there);
        };
        let is_under_way =
            |now: &Appending| matches!(now, Appending::UnderWay(_)) && now.has(instance);
        // An error means that the shard has gone, and nothing is under way.
        let now = appending.wait_for(|now| !is_under_way(now)).await;
        if now.is_ok_and(|now| now.has(instance)) {
            let reason = "what became of the last append is not known yet".to_owned();
            return Err(ProviderError::Unavailable { reason, source: None });
        }
        Ok(false)
    }
}
