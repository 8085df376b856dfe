//! Functions that are orchestrations: names, versions, inputs, results.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::ignored_unit_patterns, reason = "what a program may write")]
#![allow(unreachable_pub, reason = "what a program writes is public")]

use reenact::prelude::*;

#[activity]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

/// Says hello.
#[orchestration(name = "orders.welcome")]
pub async fn welcome(
    ctx: OrchestrationContext,
    name: String,
) -> Result<String, OrchestrationError> {
    let greeting = ctx.call_activity(greet, name).await?;
    Ok(greeting)
}

/// In its own body, a name still means the orchestration.
#[orchestration]
async fn countdown(_ctx: OrchestrationContext, from: u32) -> Result<u32, OrchestrationError> {
    let _child = name_of::<_, u32, u32>(countdown);
    Ok(from)
}

#[orchestration]
async fn idle(_ctx: OrchestrationContext) -> Result<(), &'static str> {
    Err("nothing to do")
}

fn name_of<O, I, T>(_: O) -> &'static str
where
    O: Orchestration<Input = I, Output = T> + Copy + std::fmt::Debug,
{
    O::NAME
}

async fn by_hand(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    welcome::run(ctx, "Ada".to_string()).await
}

#[orchestration(name = "welcome", version = "2.0.0-beta.1")]
async fn welcome_2(_ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> {
    Ok(())
}

#[test]
fn functions_become_orchestrations() {
    assert_eq!((welcome_2::NAME, welcome_2::VERSION), ("welcome", "2.0.0-beta.1"));

    let _ = by_hand;
    assert_eq!(name_of::<_, String, String>(welcome), "orders.welcome");
    assert_eq!(name_of::<_, u32, u32>(countdown), "countdown");
    assert_eq!(name_of::<_, (), ()>(idle), "idle");
}
