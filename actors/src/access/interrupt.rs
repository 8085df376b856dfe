//! Cancels, terminates, suspends and resumes instances.

use reenact_core::{InstanceId, TraceContext};

use super::Access;
use crate::error::Result;
use crate::message::InstanceMessage;
use crate::trace::current;

impl Access {
    /// Ends an instance without asking its code. Durable when it returns.
    ///
    /// # Errors
    /// As [`Access::raise_event`]; parked instances can be terminated.
    pub async fn terminate(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        self.terminate_in_trace(instance, reason, None).await
    }

    /// As [`terminate`](Self::terminate), with the trace in which it is asked for. That goes into the log. When there is none, it is
    /// that of the caller's current span, with the feature `otel`.
    ///
    /// # Errors
    /// As [`terminate`](Self::terminate).
    pub async fn terminate_in_trace(
        &self,
        instance: &InstanceId,
        reason: &str,
        trace: Option<TraceContext>,
    ) -> Result<()> {
        let (owned, trace) = (reason.to_owned(), trace.or_else(current).map(Box::new));
        let message =
            |reply| InstanceMessage::Terminate { reason: owned, trace, reply: Some(reply) };
        self.ask(instance, reason.len(), message).await
    }

    /// Asks an instance to end. Durable when it returns; the code may not have ended then.
    ///
    /// # Errors
    /// As [`Access::raise_event`].
    pub async fn cancel(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        self.cancel_in_trace(instance, reason, None).await
    }

    /// As [`cancel`](Self::cancel), with the trace in which it is asked for. That goes into the log. When there is none, it is
    /// that of the caller's current span, with the feature `otel`.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub async fn cancel_in_trace(
        &self,
        instance: &InstanceId,
        reason: &str,
        trace: Option<TraceContext>,
    ) -> Result<()> {
        let (owned, trace) = (reason.to_owned(), trace.or_else(current).map(Box::new));
        let message = |reply| InstanceMessage::Cancel { reason: owned, trace, reply: Some(reply) };
        self.ask(instance, reason.len(), message).await
    }

    /// Does not let the code of an instance go on. Durable when it returns.
    ///
    /// # Errors
    /// As [`Access::raise_event`].
    pub async fn suspend(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        self.suspend_in_trace(instance, reason, None).await
    }

    /// As [`suspend`](Self::suspend), with the trace in which it is asked for. That goes into the log. When there is none, it is
    /// that of the caller's current span, with the feature `otel`.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    pub async fn suspend_in_trace(
        &self,
        instance: &InstanceId,
        reason: &str,
        trace: Option<TraceContext>,
    ) -> Result<()> {
        let (owned, trace) = (reason.to_owned(), trace.or_else(current).map(Box::new));
        let message = |reply| InstanceMessage::Suspend { reason: owned, trace, reply: Some(reply) };
        self.ask(instance, reason.len(), message).await
    }

    /// Lets the code of an instance go on. One that is parked is tried again. Durable when it returns.
    ///
    /// # Errors
    /// As [`Access::raise_event`]; [`Error::Parked`](crate::Error::Parked) when it still cannot go on.
    pub async fn resume(&self, instance: &InstanceId) -> Result<()> {
        self.resume_in_trace(instance, None).await
    }

    /// As [`resume`](Self::resume), with the trace in which it is asked for, as in
    /// [`cancel_in_trace`](Self::cancel_in_trace).
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub async fn resume_in_trace(
        &self,
        instance: &InstanceId,
        trace: Option<TraceContext>,
    ) -> Result<()> {
        let trace = trace.or_else(current).map(Box::new);
        let message = |reply| InstanceMessage::Resume { trace, reply: Some(reply) };
        self.ask(instance, 0, message).await
    }
}
