//! Hosts with all code, and what their activities do outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact::prelude::*;
use reenact::testing::simulation::{Dice, FaultKind};
use reenact::{ActivityToken, HostBuilder};

use super::code::{begin_to_draw, run_program, run_program_v1, run_program_v1_patched};
use super::{FRAGILE, ITEMS, Item, Ledger, OUTSIDE};

/// What activities have done outside, and which code new hosts have. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Hosts(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    done: BTreeMap<String, (u64, u64)>,
    mended: BTreeSet<u64>,
    /// The tokens of activities that are completed from outside, each with the number of its call.
    tokens: Vec<(ActivityToken, u64)>,
    may_be_old: bool,
}

impl Hosts {
    /// Those of a run that begins: in some of them there is older code at first.
    pub(crate) fn of_seed(seed: u64) -> Self {
        begin_to_draw();
        let this = Self::default();
        // The store of a seed follows from the same digits: each has both.
        this.state().may_be_old = (seed / 2 + seed / 20).is_multiple_of(2);
        this
    }

    /// By the key of the call of an activity: its number, and how often it ran.
    pub(crate) fn done(&self) -> BTreeMap<String, (u64, u64)> {
        self.state().done.clone()
    }

    /// Whether an activity has run.
    pub(crate) fn has_run(&self, number: u64) -> bool {
        self.state().done.values().any(|(done, _)| *done == number)
    }

    /// From now on this activity does not fail.
    pub(crate) fn mend(&self, number: u64) {
        self.state().mended.insert(number);
    }

    /// The activities that wait to be completed from outside, each once.
    pub(crate) fn take_tokens(&self) -> Vec<(ActivityToken, u64)> {
        std::mem::take(&mut self.state().tokens)
    }

    /// From now on hosts start with the newest code.
    pub(crate) fn upgrade(&self) {
        self.state().may_be_old = false;
    }

    /// Whether hosts may have older code.
    pub(crate) fn may_be_old(&self) -> bool {
        self.state().may_be_old
    }

    fn add(&self, key: String, number: u64) {
        self.state().done.entry(key).or_insert((number, 0)).1 += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A host: with all code, or with the older code only.
pub(crate) fn host(dice: &Dice, hosts: &Hosts) -> HostBuilder {
    let is_old = hosts.may_be_old() && dice.below("old code", 2) == 0;
    let outside = Outside { dice: dice.clone(), hosts: hosts.clone() };
    let (working, echoing, quick) = (outside.clone(), outside.clone(), outside.clone());
    let (emitting, fragile, asking) = (outside.clone(), outside.clone(), outside);
    let builder = Host::builder().entity::<Ledger>();
    let builder = if is_old {
        builder.orchestration(run_program_v1)
    } else {
        builder.orchestration(run_program_v1_patched).orchestration(run_program)
    };
    builder
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
        .register_activity("emit", move |ctx, (step, count): (u64, u64)| {
            let outside = emitting.clone();
            async move {
                for index in 0..count {
                    ctx.emit(ITEMS, &Item { step, index }).await.retryable()?;
                    outside.look(200).await?;
                }
                outside.act(&ctx, step, 200).await.map(|()| step)
            }
        })
        .register_activity(OUTSIDE, move |ctx, number: u64| {
            let outside = asking.clone();
            async move {
                outside.look(200).await?;
                outside.hosts.state().tokens.push((ctx.token(), number));
                Err::<u64, _>(ActivityError::later())
            }
        })
        .register_activity(FRAGILE, move |_ctx, number: u64| {
            let outside = fragile.clone();
            async move {
                outside.look(200).await?;
                match outside.hosts.state().mended.contains(&number) {
                    true => Ok(number),
                    false => Err(ActivityError::fatal("it is broken")),
                }
            }
        })
}

/// The world outside of the hosts, as activities reach it.
#[derive(Clone)]
struct Outside {
    dice: Dice,
    hosts: Hosts,
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
        self.hosts.add(ctx.idempotency_key(), number);
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
