//! The begin of an attempt of an activity, and the span in which it runs.

use tracing::Instrument;

use crate::activity::{ActivityContext, ActivityFuture};

/// Says that an attempt runs from now on.
pub(crate) fn attempt_begins(context: &ActivityContext) {
    tracing::debug!(
        target: "reenact::activity", parent: None,
        instance = %context.instance_id(), id = context.correlation_id().0,
        activity = %context.activity_name(), attempt = context.attempt(),
        "an attempt of an activity begins"
    );
}

/// The code of an attempt, in a span of `tracing`, and below the span of the attempt in its trace. When neither is
/// wanted, it is the code as it was.
pub(crate) fn in_span(context: &ActivityContext, code: ActivityFuture) -> ActivityFuture {
    let span = tracing::debug_span!(
        target: "reenact::activity", parent: None, "activity",
        instance = %context.instance_id(), id = context.correlation_id().0,
        activity = %context.activity_name(), attempt = context.attempt(),
    );
    #[cfg(feature = "otel")]
    if crate::otel::is_on() {
        return crate::otel::run_under(&context.trace_context(), span, code);
    }
    if span.is_disabled() { code } else { Box::pin(code.instrument(span)) }
}
