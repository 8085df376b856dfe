//! Tries again what a store has refused, where that can help.

use std::time::Duration;

use reenact_providers::{Backoff, ProviderError, TimerScheduler};

/// How often something is tried.
const MAX_TRIES: u32 = 8;

/// The times between tries; the longest also where the store asks for more.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(10));

/// What is left of it, for one thing that is tried.
pub(crate) struct Patience {
    tries: u32,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Self { tries: 0 }
    }

    /// Returns when it is time to try again; gives the error back where that cannot help, or has
    /// not helped often enough.
    pub(crate) async fn wait_after(
        &mut self,
        error: ProviderError,
        clock: &dyn TimerScheduler,
    ) -> Result<(), ProviderError> {
        let passes = matches!(
            error,
            ProviderError::Throttled { .. }
                | ProviderError::Unavailable { .. }
                | ProviderError::Unknown { .. }
        );
        if !passes || self.tries + 1 == MAX_TRIES {
            return Err(error);
        }
        self.wait(&error, clock).await;
        Ok(())
    }

    /// Returns when it is time to try again, whatever the error and however often that was: for what
    /// has to be done some time.
    pub(crate) async fn wait(&mut self, error: &ProviderError, clock: &dyn TimerScheduler) {
        let own = BACKOFF.after(self.tries);
        let pause = match error {
            ProviderError::Throttled { retry_after } => own.max(*retry_after).min(BACKOFF.longest),
            _ => own,
        };
        self.tries = self.tries.saturating_add(1);
        tracing::warn!(target: "reenact::store", parent: None, %error, tries = self.tries, "the store failed; trying again");
        clock.sleep_until(clock.now() + pause).await;
    }
}
