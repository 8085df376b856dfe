//! Code that panics in each of the hooks through which user code runs.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::panic::panic_any;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use reenact::prelude::*;
use reenact::{ChildError, HostBuilder, NamedActivity, OrchestrationByName};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Number of kinds of panics: with a text, with a made text, and with a payload that panics in turn.
pub(crate) const KINDS: u8 = 3;

/// The kind whose payload panics when it is dropped.
pub(crate) const STUBBORN: u8 = 2;

/// Where the code panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hook {
    Activity,
    AfterTheResult,
    CutOff,
    Dropped,
    ActivityWaker,
    ActivityOutput,
    ActivityInput,
    ActivityInputWritten,
    ActivityOutputRead,
    ActivityDetails,
    ActivityDetailsRead,
    ActivityMessage,
    Heartbeat,
    HeartbeatRead,
    RetryIf,
    ChildRetryIf,
    ChildInput,
    ChildInputWritten,
    ChildOutput,
    ChildOutputRead,
    Body,
    AtTheReturn,
    Terminated,
    Waker,
    WakerDropped,
    SideEffect,
    SideEffectWritten,
    Message,
    Details,
    Trace,
    Status,
    EventSent,
    EventRead,
    Continued,
}

impl Hook {
    pub(crate) const ALL: [Self; 34] = [
        Self::Activity,
        Self::AfterTheResult,
        Self::CutOff,
        Self::Dropped,
        Self::ActivityWaker,
        Self::ActivityOutput,
        Self::ActivityInput,
        Self::ActivityInputWritten,
        Self::ActivityOutputRead,
        Self::ActivityDetails,
        Self::ActivityDetailsRead,
        Self::ActivityMessage,
        Self::Heartbeat,
        Self::HeartbeatRead,
        Self::RetryIf,
        Self::ChildRetryIf,
        Self::ChildInput,
        Self::ChildInputWritten,
        Self::ChildOutput,
        Self::ChildOutputRead,
        Self::Body,
        Self::AtTheReturn,
        Self::Terminated,
        Self::Waker,
        Self::WakerDropped,
        Self::SideEffect,
        Self::SideEffectWritten,
        Self::Message,
        Self::Details,
        Self::Trace,
        Self::Status,
        Self::EventSent,
        Self::EventRead,
        Self::Continued,
    ];

    pub(crate) fn waits_for_an_event(self) -> bool {
        matches!(self, Self::EventRead | Self::Waker | Self::WakerDropped)
    }

    pub(crate) fn waits_for_its_end(self) -> bool {
        matches!(self, Self::Terminated)
    }
}

fn explode(kind: u8) -> ! {
    match kind {
        0 => panic!("a text"),
        1 => panic!("{kind} made texts"),
        _ => panic_any(Stubborn(3)),
    }
}

/// The payload of a panic; its destructor panics with another one, this many times.
struct Stubborn(u8);

impl Drop for Stubborn {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Self(self.0 - 1));
        }
    }
}

/// Panics when it is dropped. Not during a panic: that would be the end of the process.
struct Trap(u8);

impl Drop for Trap {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            explode(self.0);
        }
    }
}

/// Panics when it is written, as data or as text.
struct Unwritable(u8);

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        explode(self.0)
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        explode(self.0)
    }
}

/// Panics when it is read.
#[derive(Debug)]
struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        explode(u8::deserialize(deserializer)?)
    }
}

/// Panics when it is woken.
struct Startled(u8);

impl Wake for Startled {
    fn wake(self: Arc<Self>) {
        explode(self.0);
    }
}

/// Panics when it is dropped, woken or not.
struct Clingy {
    _trap: Trap,
}

impl Wake for Clingy {
    fn wake(self: Arc<Self>) {}
}

/// A result at once; a trap when the future is dropped after it.
struct Ready {
    _trap: Trap,
}

impl Future for Ready {
    type Output = Result<(), ActivityError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

/// Polls a future once, with a waker.
async fn poll_once<F: Future>(future: Pin<&mut F>, waker: Waker) {
    let mut future = future;
    poll_fn(|_| {
        let _ = future.as_mut().poll(&mut Context::from_waker(&waker));
        Poll::Ready(())
    })
    .await;
}

#[activity]
async fn quick(_ctx: ActivityContext, n: u64) -> Result<u64, ActivityError> {
    Ok(n)
}

#[orchestration]
pub(crate) async fn probe(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity(quick, n).await?)
}

const SHORTLY: Duration = Duration::from_secs(3);

/// Panics in the hook. What the calls give is of no interest here.
async fn bad(
    ctx: OrchestrationContext,
    (hook, kind): (Hook, u8),
) -> Result<u8, OrchestrationError> {
    let ctx = &ctx;
    let call = async |name: &'static str| {
        let _ = ctx.call_activity_by_name::<_, u8>(name, &kind).await;
    };
    let limited = |name: &'static str| {
        NamedActivity::new(name).with(ActivityOptions::new().start_to_close(SHORTLY))
    };
    match hook {
        Hook::Activity => call("activity").await,
        Hook::AfterTheResult => {
            ctx.call_activity_by_name::<_, ()>("after the result", &kind).await?;
        }
        Hook::CutOff => {
            let _ = ctx.call_activity_by_name::<_, u8>(limited("endless"), &kind).await;
        }
        Hook::Dropped => {
            let dropped = ctx.schedule_activity_by_name::<_, u8>("endless", &kind);
            let _ = ctx.timer(SHORTLY).await;
            drop(dropped);
        }
        Hook::ActivityWaker => {
            let _ = ctx.call_activity_by_name::<_, u8>(limited("startled"), &kind).await;
        }
        Hook::ActivityOutput => call("output").await,
        Hook::ActivityInput => call("input").await,
        Hook::ActivityInputWritten => {
            let _ = ctx.call_activity_by_name::<_, u8>("echo", &Unwritable(kind)).await;
        }
        Hook::ActivityOutputRead => {
            let _ = ctx.call_activity_by_name::<_, Unreadable>("echo", &kind).await;
        }
        Hook::ActivityDetails => call("details").await,
        Hook::ActivityDetailsRead => {
            let failed = ctx.call_activity_by_name::<_, u8>("good details", &kind).await;
            let _ = failed.map_err(|error| error.details::<Unreadable>());
        }
        Hook::ActivityMessage => call("message").await,
        Hook::Heartbeat => call("heartbeat").await,
        Hook::HeartbeatRead => {
            let twice = ActivityOptions::new().retry(RetryPolicy::new(2).first_delay(SHORTLY));
            let call = NamedActivity::new("heartbeat read").with(twice);
            let _ = ctx.call_activity_by_name::<_, u8>(call, &kind).await;
        }
        Hook::RetryIf => {
            let retry = RetryPolicy::new(3).retry_if(|_| explode(STUBBORN));
            let call = NamedActivity::new("fails").with(ActivityOptions::new().retry(retry));
            let _ = ctx.call_activity_by_name::<_, u8>(call, &kind).await;
        }
        Hook::ChildRetryIf => {
            let retry_if: fn(&ChildError) -> bool = |_| explode(STUBBORN);
            let options = ChildOptions::new().retry(RetryPolicy::new(3)).retry_if(retry_if);
            let child = OrchestrationByName::new("fails", options);
            let _ = ctx.call_orchestration_by_name::<_, u8>(child, &kind).await;
        }
        Hook::ChildInput => {
            let _ = ctx.call_orchestration_by_name::<_, u8>("input", &kind).await;
        }
        Hook::ChildInputWritten => {
            let _ = ctx.call_orchestration_by_name::<_, u8>("echo", &Unwritable(kind)).await;
        }
        Hook::ChildOutput => {
            let _ = ctx.call_orchestration_by_name::<_, u8>("output", &kind).await;
        }
        Hook::ChildOutputRead => {
            let _ = ctx.call_orchestration_by_name::<_, Unreadable>("echo", &kind).await;
        }
        Hook::Body => explode(kind),
        Hook::AtTheReturn => {
            let _trap = Trap(kind);
            call("echo").await;
        }
        Hook::Terminated => {
            let _trap = Trap(kind);
            let _: Result<(), _> = ctx.wait_external("Never").await;
        }
        Hook::Waker => {
            let mut go = pin!(ctx.schedule_wait::<u8>("Go"));
            poll_once(go.as_mut(), Waker::from(Arc::new(Startled(kind)))).await;
            let _ = ctx.timer(SHORTLY).await;
        }
        Hook::WakerDropped => {
            let mut go = pin!(ctx.schedule_wait::<u8>("Never"));
            let clingy = Arc::new(Clingy { _trap: Trap(kind) });
            poll_once(go.as_mut(), Waker::from(clingy)).await;
            let _: Result<u8, _> = ctx.wait_external("Go").await;
        }
        Hook::SideEffect => {
            let _: u8 = ctx.side_effect(|| explode(kind)).await;
        }
        Hook::SideEffectWritten => {
            let _ = ctx.side_effect(|| BothWays(kind)).await;
        }
        Hook::Message => return Err(OrchestrationError::new(Unwritable(kind))),
        Hook::Details => {
            return Err(OrchestrationError::new("bad").with_details(&Unwritable(kind)));
        }
        Hook::Trace => ctx.trace(Unwritable(kind)),
        Hook::Status => ctx.set_status(&Unwritable(kind)),
        Hook::EventSent => {
            let _ = ctx.raise_event("nobody", "Go", &Unwritable(kind)).await;
        }
        Hook::EventRead => {
            let _: Result<Unreadable, _> = ctx.wait_external("Go").await;
        }
        Hook::Continued => return ctx.continue_as_new_untyped(&Unwritable(kind)),
    }
    Ok(kind)
}

/// Panics when it is written or read.
struct BothWays(u8);

impl Serialize for BothWays {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        explode(self.0)
    }
}

impl<'de> Deserialize<'de> for BothWays {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        explode(0)
    }
}

/// Registers all of it.
pub(crate) fn with_hooks(host: HostBuilder) -> HostBuilder {
    host.activity(quick)
        .orchestration(probe)
        .register_orchestration("bad", bad)
        .register_orchestration("echo", |_, kind: u8| async move { Ok(kind) })
        .register_orchestration("input", |_, _: Unreadable| async move { Ok(0) })
        .register_orchestration("output", |_, kind: u8| async move { Ok(Unwritable(kind)) })
        .register_orchestration("fails", |_, _: u8| async move {
            Err::<u8, _>(OrchestrationError::new("down"))
        })
        .register_activity("activity", |_, kind: u8| async move {
            tokio::task::yield_now().await;
            if true {
                explode(kind);
            }
            Ok(kind)
        })
        .register_activity("after the result", |_, kind: u8| Ready { _trap: Trap(kind) })
        .register_activity("endless", |_, kind: u8| async move {
            let _trap = Trap(kind);
            pending::<()>().await;
            Ok(kind)
        })
        .register_activity("startled", |ctx: ActivityContext, kind: u8| async move {
            let mut cancelled = pin!(ctx.cancelled());
            poll_once(cancelled.as_mut(), Waker::from(Arc::new(Startled(kind)))).await;
            pending::<()>().await;
            Ok(kind)
        })
        .register_activity("output", |_, kind: u8| async move { Ok(Unwritable(kind)) })
        .register_activity("input", |_, _: Unreadable| async move { Ok(0) })
        .register_activity("echo", |_, kind: u8| async move { Ok(kind) })
        .register_activity("details", |_, kind: u8| async move {
            Err::<u8, _>(ActivityError::fatal("bad").with_details(&Unwritable(kind)))
        })
        .register_activity("good details", |_, kind: u8| async move {
            Err::<u8, _>(ActivityError::fatal("bad").with_details(&kind))
        })
        .register_activity("message", |_, kind: u8| async move {
            Err::<u8, _>(ActivityError::fatal(Unwritable(kind)))
        })
        .register_activity("heartbeat", |ctx: ActivityContext, kind: u8| async move {
            ctx.heartbeat(&Unwritable(kind))?;
            Ok(kind)
        })
        .register_activity("heartbeat read", |ctx: ActivityContext, kind: u8| async move {
            ctx.heartbeat(&kind)?;
            match ctx.heartbeat_details::<Unreadable>() {
                Some(_) => Ok(kind),
                None => Err(ActivityError::retryable("once more")),
            }
        })
        .register_activity("fails", |_, _: u8| async move {
            Err::<u8, _>(ActivityError::retryable("busy"))
        })
}
