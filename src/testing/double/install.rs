//! Doubles as code of a host.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reenact_actors::{ActivityContext, NoDouble, Registry};
use reenact_core::{ActivityError, OrchestrationContext, OrchestrationError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::script::{Reply, Script};
use super::{Calls, Kind};

/// The event that a child waits for that gives no answer.
const NEVER: &str = "what never comes";

/// What a double fails with: of an activity, or of a child. Public only as a bound: nobody else can name it.
pub trait Failure: Clone + Send + Sized + 'static {
    const KIND: Kind;

    fn install<I, O>(
        registry: &mut Registry,
        name: &str,
        script: Script<I, O, Self>,
        calls: Calls,
    ) -> Result<(), NoDouble>
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static;
}

/// A double that runs.
struct Running<I, O, E> {
    name: String,
    script: Mutex<Script<I, O, E>>,
    calls: Calls,
}

/// What a child records of its answer.
#[derive(Serialize, Deserialize)]
struct Recorded<O> {
    after: Duration,
    answer: Option<Result<O, OrchestrationError>>,
}

impl<I: Serialize, O, E: Clone> Running<I, O, E> {
    fn of(name: &str, script: Script<I, O, E>, calls: Calls) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), script: Mutex::new(script), calls })
    }

    fn reply(&self, input: I, failed: impl FnOnce(String) -> E) -> Reply<O, E> {
        let call = self.calls.record(&input);
        // A closure of the test that panicked has left the script as it was.
        let next = self.script.lock().unwrap_or_else(PoisonError::into_inner).next(input);
        next.unwrap_or_else(|| {
            let why = format!(
                "the double of `{}` has no answer to call {call}: end its script with `then`",
                self.name
            );
            Reply { after: Duration::ZERO, answer: Some(Err(failed(why))) }
        })
    }
}

impl Failure for ActivityError {
    const KIND: Kind = Kind::Activity;

    fn install<I, O>(
        registry: &mut Registry,
        name: &str,
        script: Script<I, O, Self>,
        calls: Calls,
    ) -> Result<(), NoDouble>
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        let running = Running::of(name, script, calls);
        registry.double_activity(name, move |_: ActivityContext, input: I| {
            let running = running.clone();
            async move {
                let reply = running.reply(input, ActivityError::fatal);
                if !reply.after.is_zero() {
                    tokio::time::sleep(reply.after).await;
                }
                match reply.answer {
                    Some(answer) => answer,
                    None => pending().await,
                }
            }
        })
    }
}

impl Failure for OrchestrationError {
    const KIND: Kind = Kind::Child;

    fn install<I, O>(
        registry: &mut Registry,
        name: &str,
        script: Script<I, O, Self>,
        calls: Calls,
    ) -> Result<(), NoDouble>
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        let running = Running::of(name, script, calls);
        registry.double_orchestration(name, move |ctx: OrchestrationContext, input: I| {
            let running = running.clone();
            async move {
                // Recorded, so that a replay does not ask the script again.
                let ask = || {
                    let Reply { after, answer } = running.reply(input, OrchestrationError::new);
                    Recorded { after, answer }
                };
                let Recorded { after, answer } = ctx.side_effect(ask).await;
                if !after.is_zero() {
                    ctx.timer(after).await;
                }
                match answer {
                    Some(answer) => answer,
                    None => Ok(ctx.wait_external(NEVER).await?),
                }
            }
        })
    }
}
