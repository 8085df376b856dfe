//! One append: tried again where that can help, read back where its outcome is not known.

use std::time::Duration;

use reenact_core::Receipt;
use reenact_providers::{Batch, HistoryStore, ProviderError, TimerScheduler, TurnRecord};

/// How often an append is tried before the shard starts again from its log.
pub(crate) const MAX_TRIES: u32 = 8;

/// The first delay between tries; each further one is twice as long, up to [`MAX_DELAY`].
pub(crate) const FIRST_DELAY: Duration = Duration::from_millis(50);

/// The longest delay between tries, also where the store asks for more.
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(10);

/// Appends a batch. An error means: for good, as far as this owner is concerned.
pub(crate) async fn append(
    store: &dyn HistoryStore,
    clock: &dyn TimerScheduler,
    batch: Batch,
) -> Result<Receipt, ProviderError> {
    let mut delay = FIRST_DELAY;
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match store.append(batch.clone()).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => error,
        };
        let pause = match &error {
            ProviderError::Throttled { retry_after } => (*retry_after).max(delay),
            ProviderError::Unavailable { .. } | ProviderError::Unknown { .. } => delay,
            _ => return Err(error),
        };
        if matches!(error, ProviderError::Unknown { .. }) && is_there(store, &batch).await? {
            // An empty append proves that everything before it is durable.
            let proof = Batch { shard: batch.shard, epoch: batch.epoch, turns: Vec::new() };
            return store.append(proof).await;
        }
        if tries == MAX_TRIES {
            return Err(error);
        }
        tracing::warn!(shard = %batch.shard, %error, tries, "an append failed; trying again");
        clock.sleep_until(clock.now() + pause.min(MAX_DELAY)).await;
        delay = (delay * 2).min(MAX_DELAY);
    }
}

/// Whether a batch of unknown outcome is in the log. It is there as a whole or not at all.
async fn is_there(store: &dyn HistoryStore, batch: &Batch) -> Result<bool, ProviderError> {
    let Some(TurnRecord { number, bytes, summary }) = batch.turns.first() else {
        return Ok(false);
    };
    match store.read(&summary.instance, summary.execution, *number, 1).await {
        Ok(page) => Ok(page.turns.first().is_some_and(|turn| turn.bytes == *bytes)),
        Err(ProviderError::NotFound { .. } | ProviderError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
