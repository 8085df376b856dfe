//! What activities have done outside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact_actors::ActivityContext;
use reenact_core::ActivityError;
use tokio::time::sleep;

use super::dice::{Dice, FaultKind};

/// The longest that a slow activity takes, in milliseconds.
const SLOW_MS: u64 = 180_000;

/// What the activities of a [`Scenario`](super::Scenario) have done outside, as a service would know it that recognises
/// idempotency keys. Activities have it as [`State`](crate::State). Clones are the same.
#[derive(Clone, Default)]
pub struct Effects {
    done: Arc<Mutex<Vec<Effect>>>,
    dice: Option<Dice>,
}

/// Something that an activity has done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effect {
    /// What it is, in the words of the activity.
    pub what: String,
    /// The [idempotency key](ActivityContext::idempotency_key) of the call.
    pub key: String,
    /// How often it was done under this key: more than once when the activity ran again.
    pub times: u64,
}

impl Effects {
    /// The activity does something outside. Like a call over a network, it may take minutes, and fail before that is done,
    /// and after. One that takes longer than the limit of the activity is dropped with it: then it is done, or not.
    ///
    /// # Errors
    /// One that can be tried again, when the faults of the run say so.
    pub async fn happen(
        &self,
        ctx: &ActivityContext,
        what: impl Into<String>,
    ) -> Result<(), ActivityError> {
        let fails = |kind| self.dice.as_ref().is_some_and(|dice| dice.fault(kind));
        if fails(FaultKind::ActivityFailed) {
            return Err(ActivityError::retryable("the service was away"));
        }
        self.take_long().await;
        self.add(what.into(), ctx.idempotency_key());
        self.take_long().await;
        if fails(FaultKind::EffectUnknown) {
            return Err(ActivityError::retryable("the service did not answer"));
        }
        Ok(())
    }

    fn add(&self, what: String, key: String) {
        let mut done = self.done();
        match done.iter_mut().find(|effect| effect.what == what && effect.key == key) {
            Some(effect) => effect.times += 1,
            None => done.push(Effect { what, key, times: 1 }),
        }
    }

    async fn take_long(&self) {
        if let Some(dice) = &self.dice
            && dice.fault(FaultKind::ActivitySlow)
        {
            sleep(Duration::from_millis(dice.below("slow activity", SLOW_MS))).await;
        }
    }

    /// All that was done, in order; what was done again under its key stands once.
    pub fn all(&self) -> Vec<Effect> {
        self.done().clone()
    }

    /// What was done of one kind.
    pub fn of(&self, what: &str) -> Vec<Effect> {
        self.done().iter().filter(|effect| effect.what == what).cloned().collect()
    }

    /// The same, with the faults of a run.
    pub(super) fn on(&self, dice: &Dice) -> Self {
        Self { done: self.done.clone(), dice: Some(dice.clone()) }
    }

    fn done(&self) -> MutexGuard<'_, Vec<Effect>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
