//! `Interrupt`: a cancel, a termination, a suspension or its end, with its trace.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use reenact_actors::Result;
use reenact_core::{InstanceId, TraceContext};

use super::Client;

/// A [cancel](Client::cancel), a [termination](Client::terminate), a [suspension](Client::suspend) or its
/// [end](Client::resume) on its way. Await it to ask for it; nothing happens before.
///
/// ```
/// # use reenact::prelude::*;
/// # use reenact::TraceContext;
/// # async fn call_off(instance: &InstanceHandle<()>, header: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let request = TraceContext::from_traceparent(header)?;
/// instance.cancel("the customer called it off").trace_context(request).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is asked for until it is awaited"]
pub struct Interrupt {
    client: Client,
    id: Result<InstanceId>,
    kind: Kind,
    trace: Option<TraceContext>,
}

/// What is asked for, and why.
pub(crate) enum Kind {
    Cancel(String),
    Terminate(String),
    Suspend(String),
    Resume,
}

impl Interrupt {
    pub(crate) const fn new(client: Client, id: Result<InstanceId>, kind: Kind) -> Self {
        Self { client, id, kind, trace: None }
    }

    /// In the trace of this context: it goes into the log of the instance, next to what is asked for, and the span of
    /// the execution is linked to it. With the feature `otel`, it is that of the current span where none is given.
    pub fn trace_context(mut self, context: TraceContext) -> Self {
        self.trace = Some(context);
        self
    }

    async fn ask(self) -> Result<()> {
        let Self { client, id, kind, trace } = self;
        let (access, id) = (client.access(), id?);
        match kind {
            Kind::Cancel(reason) => access.cancel_in_trace(&id, &reason, trace).await,
            Kind::Terminate(reason) => access.terminate_in_trace(&id, &reason, trace).await,
            Kind::Suspend(reason) => access.suspend_in_trace(&id, &reason, trace).await,
            Kind::Resume => access.resume_in_trace(&id, trace).await,
        }
    }
}

impl IntoFuture for Interrupt {
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
