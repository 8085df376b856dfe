//! Hosts with all code, and what their activities do outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::testing::simulation::{Dice, FaultKind};

use super::code::{begin_to_draw, run_program};

/// What activities have done outside. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<BTreeMap<String, (u64, u64)>>>);

impl Effects {
    /// Those of a run that begins.
    pub(crate) fn of_new_run() -> Self {
        begin_to_draw();
        Self::default()
    }

    /// By the key of the call: its number, and how often it ran.
    pub(crate) fn all(&self) -> MutexGuard<'_, BTreeMap<String, (u64, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, key: String, number: u64) {
        let mut all = self.all();
        all.entry(key).or_insert((number, 0)).1 += 1;
    }
}

/// A host with all code.
pub(crate) fn host(dice: &Dice, effects: &Effects) -> HostBuilder {
    let outside = Outside { dice: dice.clone(), effects: effects.clone() };
    let (working, echoing, quick) = (outside.clone(), outside.clone(), outside);
    Host::builder()
        .orchestration(run_program)
        .register_activity("work", move |ctx, number: u64| {
            let outside = working.clone();
            async move { outside.act(&ctx, number, 1_500).await.map(|()| number) }
        })
        .register_activity("echo", move |ctx, (number, said): (u64, u64)| {
            let outside = echoing.clone();
            async move { outside.act(&ctx, number, 200).await.map(|()| (number, said)) }
        })
        .register_activity("quick", move |_ctx, number: u64| {
            let outside = quick.clone();
            async move { outside.look(10).await.map(|()| number) }
        })
}

/// The world outside of the hosts, as activities reach it.
#[derive(Clone)]
struct Outside {
    dice: Dice,
    effects: Effects,
}

impl Outside {
    /// Does something, which takes up to so many milliseconds, and may fail before and after it is done.
    async fn act(
        &self,
        ctx: &ActivityContext,
        number: u64,
        most: u64,
    ) -> Result<(), ActivityError> {
        self.look(most).await?;
        self.effects.add(ctx.idempotency_key(), number);
        self.take_long().await;
        if self.dice.fault(FaultKind::EffectUnknown) {
            return Err(ActivityError::retryable("it failed after its effect"));
        }
        Ok(())
    }

    /// Longer than the limit of an activity, at times.
    async fn take_long(&self) {
        if self.dice.fault(FaultKind::ActivitySlow) {
            let long = Duration::from_millis(self.dice.below("slow activity", 60_000));
            tokio::time::sleep(long).await;
        }
    }

    /// Reads something, which takes up to so many milliseconds, and may fail.
    async fn look(&self, most: u64) -> Result<(), ActivityError> {
        tokio::time::sleep(Duration::from_millis(self.dice.below("work takes", most))).await;
        self.take_long().await;
        if self.dice.fault(FaultKind::ActivityFailed) {
            return Err(ActivityError::retryable("it failed before its effect"));
        }
        Ok(())
    }
}
