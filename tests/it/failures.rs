//! `?` on any error in activities and orchestrations: the chain of sources is kept, as a list.

use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::kit::{guard, options, store};
use anyhow::Context as _;
use reenact::prelude::*;
use reenact::{ActivityErrorKind, Error, Event, OrchestrationErrorKind, Outcome};

/// An error of a service's client, with a source.
#[derive(Debug)]
struct Refused(std::num::ParseIntError);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bank refused")
    }
}

impl StdError for Refused {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

fn refused() -> Result<u32, Refused> {
    "many".parse().map_err(Refused)
}

/// An error that says itself what it is to an activity.
#[derive(Debug)]
struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("declined")
    }
}

impl StdError for Declined {}

impl From<Declined> for ActivityError {
    fn from(error: Declined) -> Self {
        Self::fatal(error).with_details(&51)
    }
}

#[activity]
async fn plain(_ctx: ActivityContext) -> Result<String, ActivityError> {
    let number: u32 = "7".parse()?;
    let text = std::fs::read_to_string("/there/is/no/such/file")?;
    Ok(format!("{text}{number}"))
}

#[activity]
async fn marked(_ctx: ActivityContext) -> Result<u32, ActivityError> {
    refused().fatal()
}

#[activity]
async fn by_anyhow(_ctx: ActivityContext) -> anyhow::Result<u32> {
    refused().context("cannot charge")
}

#[activity]
async fn by_eyre(_ctx: ActivityContext) -> eyre::Result<u32> {
    eyre::WrapErr::wrap_err(refused(), "cannot charge")
}

#[activity]
async fn boxed(_ctx: ActivityContext) -> Result<u32, BoxError> {
    Ok(refused()?)
}

#[activity]
async fn own(_ctx: ActivityContext) -> Result<u32, Refused> {
    refused()
}

#[activity]
async fn declining(_ctx: ActivityContext) -> Result<u32, Declined> {
    Err(Declined)
}

#[activity]
async fn final_in_anyhow(_ctx: ActivityContext) -> anyhow::Result<u32> {
    Err(ActivityError::fatal("declined").with_details(&51)).context("order 7")
}

#[activity]
async fn final_alone_in_anyhow(_ctx: ActivityContext) -> anyhow::Result<u32> {
    Err(ActivityError::fatal("declined").with_details(&51))?
}

#[activity]
async fn final_alone_in_eyre(_ctx: ActivityContext) -> eyre::Result<u32> {
    Err(ActivityError::fatal("declined").with_details(&51))?
}

/// What an activity of that name fails with.
#[orchestration]
async fn failure(
    ctx: OrchestrationContext,
    activity: String,
) -> Result<ActivityError, OrchestrationError> {
    let called = ctx.call_activity_by_name::<_, serde::de::IgnoredAny>(activity.as_str(), &());
    Ok(called.await.err().ok_or("it did not fail")?)
}

/// Fails as the activity does.
#[orchestration]
async fn order(ctx: OrchestrationContext, activity: String) -> anyhow::Result<()> {
    let called = ctx.call_activity_by_name::<_, serde::de::IgnoredAny>(activity.as_str(), &());
    called.await.with_context(|| format!("activity {activity}"))?;
    Ok(())
}

/// Waits for what never comes.
#[orchestration]
async fn waiting(ctx: OrchestrationContext) -> eyre::Result<u32> {
    let number = ctx.wait_external::<u32>("Number").await;
    let number = eyre::WrapErr::wrap_err(number, "no number")?;
    let more: u32 = ctx.wait_external::<String>("More").await?.parse()?;
    Ok(number + more)
}

async fn host() -> Host {
    let host = Host::builder().provider(store().0).options(options());
    let host = host.orchestration(failure).orchestration(order).orchestration(waiting);
    let host = host.activity(plain).activity(marked).activity(by_anyhow).activity(by_eyre);
    let host = host.activity(boxed).activity(own).activity(declining).activity(final_in_anyhow);
    let host = host.activity(final_alone_in_anyhow).activity(final_alone_in_eyre);
    host.start().await.unwrap()
}

async fn failure_of(host: &Host, activity: &str) -> ActivityError {
    let instance = host.start_new(failure, activity.to_string()).await.unwrap();
    guard(instance.result()).await.unwrap()
}

const DIGIT: &str = "invalid digit found in string";

#[tokio::test]
async fn an_activity_fails_with_any_error_and_its_chain_of_sources() {
    let host = host().await;
    for (activity, message, sources) in [
        ("marked", "the bank refused", &[DIGIT][..]),
        ("by_anyhow", "cannot charge", &["the bank refused", DIGIT]),
        ("by_eyre", "cannot charge", &["the bank refused", DIGIT]),
        ("boxed", "the bank refused", &[DIGIT]),
        ("own", "the bank refused", &[DIGIT]),
        ("declining", "declined", &[]),
        ("final_in_anyhow", "order 7", &["declined"]),
    ] {
        let error = failure_of(&host, activity).await;
        assert_eq!(error.message(), message, "{activity}");
        assert_eq!(error.sources(), sources, "{activity}");
    }
    let error = failure_of(&host, "plain").await;
    assert!(error.message().contains("No such file"), "{error}");
}

#[tokio::test]
async fn an_error_is_one_that_may_pass_unless_it_says_something_else() {
    let host = host().await;
    for activity in ["plain", "by_anyhow", "by_eyre", "boxed", "own"] {
        let error = failure_of(&host, activity).await;
        assert_eq!(error.kind(), ActivityErrorKind::Retryable, "{activity}");
    }
    assert_eq!(failure_of(&host, "marked").await.kind(), ActivityErrorKind::Fatal);
    for activity in ["declining", "final_in_anyhow", "final_alone_in_anyhow", "final_alone_in_eyre"]
    {
        let error = failure_of(&host, activity).await;
        let (kind, details) = (error.kind(), error.details::<u32>());
        assert_eq!((kind, details), (ActivityErrorKind::Fatal, Some(51)), "{activity}");
    }
}

#[tokio::test]
async fn an_orchestration_fails_with_the_whole_chain_which_its_log_and_its_clients_see() {
    let host = host().await;
    let instance = host.start_new(order, "by_anyhow".to_string()).await.unwrap();
    let failed = guard(instance.result()).await.unwrap_err();
    let shown = failed.to_string();
    let named = "activity `by_anyhow` #1 failed: cannot charge";
    let chain = format!("activity by_anyhow: {named}: the bank refused: {DIGIT}");
    assert!(shown.ends_with(&chain), "{shown}");
    let Error::Failed { source, .. } = failed else { panic!("{failed}") };
    assert_eq!(source.message(), "activity by_anyhow");
    assert_eq!(source.sources(), [named, "the bank refused", DIGIT]);
    let status = instance.status().await.unwrap();
    assert_eq!(status.outcome, Some(Outcome::Failed(source.clone())));
    let history = instance.history().await.unwrap();
    let in_log = history
        .events()
        .any(|event| matches!(event.event, Event::ExecutionFailed { error } if *error == source));
    assert!(in_log, "{history}");
}

#[tokio::test]
async fn details_come_through_an_orchestration_that_adds_to_the_chain() {
    let host = host().await;
    let instance = host.start_new(order, "final_in_anyhow".to_string()).await.unwrap();
    let Err(Error::Failed { source, .. }) = guard(instance.result()).await else { panic!() };
    assert_eq!((source.details::<u32>(), source.sources().len()), (Some(51), 2));
}

#[tokio::test]
async fn a_cancel_in_the_chain_of_an_orchestration_ends_it_as_cancelled() {
    let host = host().await;
    let instance = host.start_new(waiting, ()).await.unwrap();
    instance.cancel("not wanted").await.unwrap();
    let cancelled = guard(instance.result()).await.unwrap_err();
    assert!(matches!(cancelled, Error::Cancelled { .. }), "{cancelled}");
    let instance = host.start_new(waiting, ()).await.unwrap();
    instance.raise_event("Number", "seven").await.unwrap();
    let Err(Error::Failed { source, .. }) = guard(instance.result()).await else { panic!() };
    assert_eq!(source.kind(), OrchestrationErrorKind::InvalidInput);
    assert_eq!(source.message(), "no number");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_by_the_policy() {
    static TRIES: AtomicU32 = AtomicU32::new(0);

    #[activity]
    async fn at_last(_ctx: ActivityContext) -> anyhow::Result<u32> {
        match TRIES.fetch_add(1, Ordering::SeqCst) {
            2 => Ok(7),
            _ => Ok(refused()?),
        }
    }

    #[orchestration]
    async fn trying(ctx: OrchestrationContext) -> Result<u32, BoxError> {
        let policy = RetryPolicy::new(5).first_delay(Duration::ZERO);
        let retried = at_last.with(ActivityOptions::new().retry(policy));
        Ok(ctx.call_activity(retried, ()).await?)
    }

    let host = Host::builder().provider(store().0).options(options());
    let host = host.orchestration(trying).activity(at_last).start().await.unwrap();
    let instance = host.start_new(trying, ()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
}
