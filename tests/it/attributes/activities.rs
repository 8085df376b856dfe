//! Functions that are activities: names, inputs, results, visibility.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(unreachable_pub, reason = "what a program writes is public")]

use reenact::prelude::*;

/// Greets.
#[activity]
pub async fn greet(ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    let _ = ctx;
    Ok(format!("Hello, {name}!"))
}

#[activity(name = "billing.charge")]
pub(crate) async fn charge(_ctx: ActivityContext, mut total: u32) -> Result<u32, ActivityError> {
    total += 1;
    Ok(total)
}

#[activity]
async fn add(_: ActivityContext, (a, b): (u32, u32)) -> Result<u32, String> {
    a.checked_add(b).ok_or("too large".to_string())
}

mod errors {
    use reenact::ActivityError;

    pub enum Refusal {
        Declined,
    }

    impl From<Refusal> for ActivityError {
        fn from(_: Refusal) -> Self {
            Self::fatal("declined")
        }
    }

    pub type Result<T> = core::result::Result<T, Refusal>;
}

#[activity]
async fn decline(_ctx: reenact::ActivityContext) -> errors::Result<()> {
    Err(errors::Refusal::Declined)
}

#[activity]
#[allow(dead_code, unused_variables)]
async fn unused(ctx: ActivityContext, #[allow(unused)] left: Vec<u8>) -> Result<(), ActivityError> {
    Ok(())
}

#[activity]
#[cfg(any())]
async fn absent(_ctx: ActivityContext, input: NoSuchType) -> Result<(), ActivityError> {
    Ok(())
}

#[activity]
async fn r#match(_ctx: ActivityContext) -> Result<(), ActivityError> {
    Ok(())
}

/// The trait's `run` has the same name as this function's body.
#[activity]
async fn run(_ctx: ActivityContext) -> Result<u8, ActivityError> {
    Ok(1)
}

fn name_of<A, I, O>(_: A) -> &'static str
where
    A: Activity<Input = I, Output = O> + Copy + std::fmt::Debug,
{
    A::NAME
}

async fn by_hand(ctx: ActivityContext) -> Result<String, ActivityError> {
    greet::run(ctx, "Ada".to_string()).await
}

#[test]
fn functions_become_activities() {
    let _ = by_hand;
    assert_eq!(name_of::<_, String, String>(greet), "greet");
    assert_eq!(name_of::<_, u32, u32>(charge), "billing.charge");
    assert_eq!(name_of::<_, (u32, u32), u32>(add), "add");
    assert_eq!(name_of::<_, (), ()>(decline), "decline");
    assert_eq!(name_of::<_, (), ()>(r#match), "match");
    assert_eq!(name_of::<_, (), u8>(run), "run");
}
