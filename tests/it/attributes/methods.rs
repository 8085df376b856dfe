//! Methods of a struct that are activities.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(unreachable_pub, reason = "what a program writes is public")]

use std::sync::Arc;

use reenact::prelude::*;

/// A struct with activities.
pub struct Payments {
    pub fee: u64,
}

#[activities]
impl Payments {
    /// How many there can be.
    pub const MOST: u64 = 7;

    #[must_use]
    pub fn new(fee: u64) -> Self {
        Self { fee }
    }

    /// Charges.
    #[activity]
    pub async fn charge(&self, ctx: ActivityContext, mut cents: u64) -> Result<u64, ActivityError> {
        let _ = ctx;
        cents += self.fee;
        Ok(cents)
    }

    #[activity(name = "payments.pair")]
    async fn pair(
        self: Arc<Self>,
        _: ActivityContext,
        State(text): State<String>,
        (a, b): (u64, u64),
    ) -> Result<String, String> {
        Ok(format!("{text}{a}{b}"))
    }

    #[activity]
    async fn run(_ctx: ActivityContext) -> Result<(), ActivityError> {
        Ok(())
    }
}

/// Takes states, and has an input that is called as they are.
mod states {
    use reenact::prelude::{ActivityContext, ActivityError, State, activity};

    #[activity]
    pub(crate) async fn read(
        _ctx: ActivityContext,
        State(text): State<String>,
        State(number): State<u8>,
    ) -> Result<String, ActivityError> {
        Ok(format!("{text}{number}"))
    }

    pub(crate) mod of_the_user {
        use reenact::{ActivityContext, ActivityError, activity};

        pub(crate) type State = u8;

        #[activity]
        pub(crate) async fn keep(
            _ctx: ActivityContext,
            state: State,
        ) -> Result<State, ActivityError> {
            Ok(state)
        }
    }
}

fn name_of<A, I, O>(_: A) -> &'static str
where
    A: Activity<Input = I, Output = O> + Copy + std::fmt::Debug,
{
    A::NAME
}

async fn by_hand(payments: Payments, ctx: ActivityContext) -> Result<u64, ActivityError> {
    Payments::charge.call(&payments, ctx, Payments::MOST).await
}

#[test]
fn methods_become_activities() {
    let _ = by_hand;
    let _ = Host::builder().activities(Payments::new(20)).state("text".to_string());
    assert_eq!(name_of::<_, u64, u64>(Payments::charge), "Payments::charge");
    assert_eq!(name_of::<_, (u64, u64), String>(Payments::pair), "payments.pair");
    assert_eq!(name_of::<_, (), ()>(Payments::run), "Payments::run");
    let _ = Host::builder().activities(of_this_module::Purse);
    assert_eq!(name_of::<_, (), String>(states::read), "read");
    assert_eq!(name_of::<_, u8, u8>(states::of_the_user::keep), "keep");
}

/// What an activity is given and returns need not be visible elsewhere.
mod of_this_module {
    use super::{ActivityContext, ActivityError, activities};

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Cents(u64);

    pub(crate) struct Purse;

    #[activities]
    impl Purse {
        #[activity]
        async fn double(
            &self,
            _ctx: ActivityContext,
            cents: Cents,
        ) -> Result<Cents, ActivityError> {
            Ok(Cents(cents.0 * 2))
        }
    }
}
