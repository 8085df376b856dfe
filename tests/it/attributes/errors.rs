//! Errors of all kinds that activities and orchestrations return.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(unreachable_pub, reason = "what a program writes is public")]

use reenact::prelude::*;

/// An error that is nothing more.
#[derive(Debug)]
pub struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

#[activity]
async fn own(_ctx: ActivityContext) -> Result<(), Refused> {
    Err(Refused)
}

#[activity]
async fn boxed(_ctx: ActivityContext) -> Result<u32, BoxError> {
    Err(Refused)?;
    Ok("7".parse()?)
}

#[activity]
async fn plain(_ctx: ActivityContext) -> Result<String, ActivityError> {
    Err::<(), _>(Refused).retryable()?;
    let _: u8 = "7".parse()?;
    Ok(std::fs::read_to_string("a")?)
}

#[orchestration]
async fn order(ctx: OrchestrationContext) -> Result<String, BoxError> {
    ctx.call_activity(own, ()).await?;
    let text: String = ctx.wait_external("Go").await?;
    Ok(text)
}

#[orchestration]
async fn never(_ctx: OrchestrationContext) -> Result<(), std::convert::Infallible> {
    Ok(())
}

#[test]
fn any_error_can_be_returned() {
    let builder = Host::builder().activity(own).activity(boxed).activity(plain);
    let _ = builder.orchestration(order).orchestration(never);
}
