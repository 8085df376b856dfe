//! One append. It is tried again where that can help, and read back when its outcome is not known.

use std::sync::Arc;

use reenact_core::Receipt;
use reenact_core::zoo::{self, Bug};
use reenact_providers::{Batch, HistoryStore, ProviderError, TimerScheduler, TurnRecord};

use crate::patience::Patience;

/// The store to append to, and its clock.
pub(crate) struct AppendTarget {
    pub(crate) store: Arc<dyn HistoryStore>,
    pub(crate) clock: Arc<dyn TimerScheduler>,
}

/// Appends a batch. An error is final for this owner. When the outcome of one try was not known, every
/// later error becomes `Unknown`, because the batch may have been written.
pub(crate) async fn append(
    AppendTarget { store, clock }: &AppendTarget,
    batch: Arc<Batch>,
) -> Result<Receipt, ProviderError> {
    let mut doubt = None;
    insist(&**store, &**clock, batch, &mut doubt).await.map_err(|error| match doubt {
        Some(reason) => ProviderError::Unknown { reason, source: Some(Box::new(error)) },
        None => error,
    })
}

/// Appends until the result is final. It stores in `doubt` why the outcome of a try was not known.
async fn insist(
    store: &dyn HistoryStore,
    clock: &dyn TimerScheduler,
    batch: Arc<Batch>,
    doubt: &mut Option<String>,
) -> Result<Receipt, ProviderError> {
    let mut patience = Patience::new();
    loop {
        let error = match store.append(Arc::clone(&batch)).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => error,
        };
        if let ProviderError::Unknown { reason, .. } = &error {
            doubt.get_or_insert_with(|| reason.clone());
            if zoo::planted(Bug::UnknownTakenForSuccess) || is_there(store, &batch).await? {
                // An empty append proves that everything before it is durable.
                let proof = Batch { shard: batch.shard, epoch: batch.epoch, turns: Vec::new() };
                return store.append(proof.into()).await;
            }
        }
        patience.wait_after(error, clock).await?;
    }
}

/// Whether a batch of unknown outcome is in the log. It is there as a whole or not at all.
async fn is_there(store: &dyn HistoryStore, batch: &Batch) -> Result<bool, ProviderError> {
    // The last turn is looked for, because the first may belong to an execution that a later turn of the
    // batch has replaced.
    let Some(TurnRecord { number, bytes, summary, .. }) = batch.turns.last() else {
        return Ok(false);
    };
    match store.read(&summary.instance, summary.execution, *number, 1).await {
        Ok(page) => Ok(page.turns.first().is_some_and(|turn| turn.bytes == *bytes)),
        Err(ProviderError::NotFound { .. } | ProviderError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
